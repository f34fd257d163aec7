"""Qwen2 and Qwen2.5: Llama with biases of q, k and v. Upper layers may have a window."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, rms_epsilon
from qz_import.llama_like import Biases, layer_types, llama_like, with_windows


def with_upper_windows(config: Config, decoder: Decoder) -> Decoder:
    """Windows from layer max_window_layers on, if use_sliding_window."""
    window, first = config.optional_size("sliding_window"), config.count("max_window_layers")
    if not config.flag("use_sliding_window"):
        window = None
    is_windowed = window is not None
    types = layer_types(config, len(decoder.blocks), lambda layer: is_windowed and layer >= first)
    return with_windows(decoder, types, window)


def qwen2(config: Config) -> Decoder:
    return with_upper_windows(config, llama_like(config, biases=Biases(qkv=True)))


GGUF = Architecture(
    "qwen2", keys=(rms_epsilon(),), given={"hidden_act": "silu", "use_sliding_window": False}
)

register(Family("qwen2", qwen2, gguf=GGUF))
