"""Gemma 3's text model: Gemma 2 without soft caps, with a norm of each head of q and k; layers with
a window turn by another base than those without."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Attention, Decoder
from qz_import.families import Family, register
from qz_import.families.gemma2 import sandwich_gemma
from qz_import.llama_like import (
    FULL,
    SLIDING,
    head_norms,
    layer_types,
    with_attention,
    with_windows,
)
from qz_import.rotary import read_rope


def gemma3_text(config: Config) -> Decoder:
    decoder = sandwich_gemma(config)
    decoder = with_attention(decoder, norms=head_norms(decoder.norm))
    every = config.size("sliding_window_pattern", 6)
    types = layer_types(config, len(decoder.blocks), lambda layer: (layer + 1) % every != 0)
    head_dim = decoder.blocks[0].attention.head_dim
    local = {"theta_key": "rope_local_base_freq", "is_scaled": False}
    ropes = {
        FULL: read_rope(config, head_dim, layer_type=FULL),
        SLIDING: read_rope(config, head_dim, layer_type=SLIDING, **local),
    }

    def turning(layer: int, attention: Attention) -> Attention:
        return replace(attention, rope=ropes[types[layer]])

    decoder = decoder.by_layer(turning)
    return with_windows(decoder, types, config.optional_size("sliding_window"))


register(
    Family(
        "gemma3_text",
        gemma3_text,
        # What transformers writes beside layer_types, and does not read.
        ignored="_sliding_window_pattern",
        fixed={"use_bidirectional_attention": (False,)},
    )
)
