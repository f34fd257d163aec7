"""GPT-NeoX and Pythia: q, k and v of each head side by side in one tensor, a part of each head
turns; both halves of a block read its input, each through a norm of its own, or one the other's."""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm, fused
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, Key, layer_epsilon
from qz_import.rotary import read_rope
from qz_import.sizes import Keys, read_sizes

KEYS = Keys(kv_heads="", head_dim="")


def gpt_neox(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    bias = config.flag("attention_bias")
    attention = Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *fused("attention.query_key_value", *[sizes.head_dim] * 3, groups=sizes.heads, bias=bias),
        o=Dense("attention.dense", bias),
        scale=sizes.head_dim**-0.5,
        rope=read_rope(config, sizes.head_dim, may_be_partial=True),
    )
    mlp = Mlp(
        sizes.width,
        config.choice("hidden_act", ACTIVATIONS),
        up=Dense("mlp.dense_h_to_4h", bias=True),
        down=Dense("mlp.dense_4h_to_h", bias=True),
    )
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="gpt_neox.",
        embed="embed_in",
        layers="layers",
        blocks=(Block(attention, mlp),) * sizes.layers,
        norm=Norm("layer", config.number("layer_norm_eps"), bias=True),
        norms=BlockNorms(attention_in="input_layernorm", mlp_in="post_attention_layernorm"),
        is_parallel=config.flag("use_parallel_residual"),
        final_norm="final_layer_norm",
        tied=config.flag("tie_word_embeddings"),
        head=Dense("embed_out"),
    )


GGUF = Architecture(
    "gptneox",
    keys=(
        layer_epsilon("layer_norm_eps"),
        Key("use_parallel_residual", bool, lambda d: d.is_parallel, "use_parallel_residual"),
    ),
    given={"hidden_act": "gelu", "attention_bias": True, "tie_word_embeddings": False},
    approximates_gelu=True,
    is_partial=True,
)

register(Family("gpt_neox", gpt_neox, keys=KEYS, gguf=GGUF))
