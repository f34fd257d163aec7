"""Gemma 2: Gemma with norms around each half of a block, soft caps, and windows in alternate
layers."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.llama_like import (
    SANDWICH_NORMS,
    attention_biases,
    layer_types,
    llama_like,
    rms_norm,
    with_attention,
    with_windows,
)


def sandwich_gemma(config: Config) -> Decoder:
    """What Gemma 2 and 3 have in common."""
    decoder = llama_like(
        config,
        norm=rms_norm(config, unit_offset=True),
        norms=SANDWICH_NORMS,
        biases=attention_biases(config),
        activation="hidden_activation",
    )
    decoder = with_attention(
        decoder,
        scale=config.number("query_pre_attn_scalar") ** -0.5,
        soft_cap=config.optional_number("attn_logit_softcapping"),
    )
    return replace(
        decoder,
        embed_scale=decoder.hidden**0.5,
        logit_cap=config.optional_number("final_logit_softcapping"),
    )


def gemma2(config: Config) -> Decoder:
    decoder = sandwich_gemma(config)
    types = layer_types(config, len(decoder.blocks), lambda layer: layer % 2 == 0)
    return with_windows(decoder, types, config.optional_size("sliding_window"))


register(Family("gemma2", gemma2, fixed={"use_bidirectional_attention": (False,)}))
