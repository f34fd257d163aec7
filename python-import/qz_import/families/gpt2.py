"""GPT-2: pre-norm blocks with layer norms, learned positions, fused q, k and v, a plain MLP.

Its linear layers are Conv1D: stored as [in, out].
"""

from __future__ import annotations

from functools import partial

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import (
    Attention,
    Block,
    BlockNorms,
    Decoder,
    Dense,
    Mlp,
    Norm,
    Positions,
    fused,
)
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, layer_epsilon
from qz_import.sizes import Keys, read_sizes

KEYS = Keys(
    hidden="n_embd",
    layers="n_layer",
    heads="n_head",
    kv_heads="",
    head_dim="",
    width="n_inner",
    width_factor=4,
    context="n_positions",
)


def gpt2(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    if config.flag("add_cross_attention", False):
        raise config.fail("add_cross_attention", "is not supported")
    conv1d = partial(Dense, bias=True, transposed=True)
    q, k, v = fused("attn.c_attn", *[sizes.hidden] * 3, bias=True, transposed=True)
    mlp = Mlp(
        sizes.width,
        config.choice("activation_function", ACTIVATIONS, "gelu_new"),
        up=conv1d("mlp.c_fc"),
        down=conv1d("mlp.c_proj"),
    )
    scale = sizes.head_dim**-0.5 if config.flag("scale_attn_weights", True) else 1.0
    by_layer = config.flag("scale_attn_by_inverse_layer_idx", False)

    def block(layer: int) -> Block:
        attention = Attention(
            sizes.heads,
            sizes.kv_heads,
            sizes.head_dim,
            *(q, k, v, conv1d("attn.c_proj")),
            scale=scale / (layer + 1) if by_layer else scale,
        )
        return Block(attention, mlp)

    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="transformer.",
        embed="wte",
        positions=Positions("wpe", sizes.context),
        layers="h",
        blocks=tuple(map(block, range(sizes.layers))),
        norm=Norm("layer", config.number("layer_norm_epsilon", 1e-5), bias=True),
        norms=BlockNorms(attention_in="ln_1", mlp_in="ln_2"),
        final_norm="ln_f",
        tied=config.flag("tie_word_embeddings", True),
    )


GGUF = Architecture(
    "gpt2",
    keys=(layer_epsilon("layer_norm_epsilon"),),
    given={"activation_function": "gelu_new"},
    is_rotary=False,
)

register(
    Family(
        "gpt2",
        gpt2,
        keys=KEYS,
        gguf=GGUF,
        ignored="""
            n_ctx reorder_and_upcast_attn summary_activation summary_first_dropout
            summary_proj_to_labels summary_type summary_use_proj
        """,
    )
)
