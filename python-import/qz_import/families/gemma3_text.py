"""Gemma 3's text model: Gemma 2 without soft caps, with a norm of each head of q and k; layers with
a window turn by another base than those without."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Attention, Decoder
from qz_import.families import Family, register
from qz_import.families.gemma2 import LOGIT_CAP, llama_cpp_scale, sandwich_gemma
from qz_import.gguf_architecture import (
    FULL,
    PATTERN,
    SLIDING,
    Architecture,
    Described,
    Key,
    Values,
    layer_pattern,
    read_layer_types,
    rms_epsilon,
    window,
)
from qz_import.llama_like import head_norms, layer_types, with_attention, with_windows
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


def local_theta(decoder: Decoder) -> float | None:
    windowed = (block.attention for block in decoder.blocks if block.attention.window)
    return next((float(attention.rope.theta) for attention in windowed if attention.rope), None)


def read_gguf(file: Described, config: Values) -> Values:
    layers = config["num_hidden_layers"]
    has_windows = config["sliding_window"] is not None
    return {
        "query_pre_attn_scalar": llama_cpp_scale(config, 62),
        "layer_types": read_layer_types(file, layers, 6) if has_windows else [FULL] * layers,
    }


GGUF = Architecture(
    "gemma3",
    keys=(
        rms_epsilon(),
        window(),
        Key("rope.freq_base_swa", float, local_theta, "rope_local_base_freq", 10000.0),
        replace(LOGIT_CAP, default=None, is_optional=True),
    ),
    lists={PATTERN: layer_pattern},
    given={"hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": None},
    read=read_gguf,
    has_windows=True,
)

register(
    Family("gemma3_text", gemma3_text, fixed={"use_bidirectional_attention": (False,)}, gguf=GGUF)
)
