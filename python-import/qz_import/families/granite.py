"""Granite: Llama with factors of embeddings, attention, what each half of a block adds, logits."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, Key, Values, first, rms_epsilon
from qz_import.llama_like import attention_biases, llama_like, with_attention


def granite(config: Config) -> Decoder:
    biases = replace(attention_biases(config), mlp=config.flag("mlp_bias"))
    decoder = with_attention(
        llama_like(config, biases=biases), scale=config.number("attention_multiplier")
    )
    return replace(
        decoder,
        embed_scale=config.number("embedding_multiplier"),
        residual_scale=config.number("residual_multiplier"),
        logit_scale=1 / config.number("logits_scaling"),
    )


def usual_scale(config: Values) -> float:
    return config["head_dim"] ** -0.5


GGUF = Architecture(
    "granite",
    keys=(
        rms_epsilon(),
        Key("logit_scale", float, lambda d: 1 / d.logit_scale, "logits_scaling"),
        Key("residual_scale", float, lambda d: d.residual_scale, "residual_multiplier", 1.0, True),
        Key("embedding_scale", float, lambda d: d.embed_scale, "embedding_multiplier", 1.0, True),
        Key(
            "attention.scale",
            float,
            lambda d: first(d).scale,
            "attention_multiplier",
            usual_scale,
            is_optional=True,
        ),
    ),
    given={"hidden_act": "silu"},
    present={"attention_bias": "blk.0.attn_q.bias", "mlp_bias": "blk.0.ffn_up.bias"},
    interleaves=True,
)

register(Family("granite", granite, gguf=GGUF))
