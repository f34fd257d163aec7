"""Granite: Llama with factors of embeddings, attention, what each half of a block adds, logits."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
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


register(Family("granite", granite))
