"""Phi-1, 1.5 and 2: both halves of a block read its input through one norm, biases everywhere, a
part of each head turns."""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import (
    Attention,
    Block,
    BlockNorms,
    Decoder,
    Dense,
    HeadNorms,
    Mlp,
    Norm,
)
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, layer_epsilon
from qz_import.rotary import read_rope
from qz_import.sizes import STANDARD_KEYS, read_sizes


def phi(config: Config) -> Decoder:
    sizes = read_sizes(config, STANDARD_KEYS)
    norm = Norm("layer", config.number("layer_norm_eps"), bias=True)
    head_norms = HeadNorms(norm, "self_attn.q_layernorm", "self_attn.k_layernorm")
    attention = Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *(
            Dense(f"self_attn.{name}", bias=True)
            for name in ("q_proj", "k_proj", "v_proj", "dense")
        ),
        scale=sizes.head_dim**-0.5,
        rope=read_rope(config, sizes.head_dim, may_be_partial=True),
        norms=head_norms if config.flag("qk_layernorm") else None,
    )
    mlp = Mlp(
        sizes.width,
        config.choice("hidden_act", ACTIVATIONS),
        up=Dense("mlp.fc1", bias=True),
        down=Dense("mlp.fc2", bias=True),
    )
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="model.",
        embed="embed_tokens",
        layers="layers",
        blocks=(Block(attention, mlp),) * sizes.layers,
        norm=norm,
        norms=BlockNorms(attention_in="input_layernorm"),
        is_parallel=True,
        final_norm="final_layernorm",
        tied=config.flag("tie_word_embeddings"),
        head=Dense("lm_head", bias=True),
    )


GGUF = Architecture(
    "phi2",
    keys=(layer_epsilon("layer_norm_eps"),),
    given={"hidden_act": "gelu_new", "tie_word_embeddings": False},
    is_partial=True,
)

register(Family("phi", phi, gguf=GGUF))
