"""Gemma 2: Gemma with norms around each half of a block, soft caps, and windows in alternate
layers."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import (
    PATTERN,
    Architecture,
    Described,
    Key,
    Values,
    first,
    layer_pattern,
    read_layer_types,
    rms_epsilon,
    window,
)
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


def llama_cpp_scale(config: Values, layers: int) -> int:
    """query_pre_attn_scalar, which llama.cpp knows by the largest model's number of layers."""
    is_largest = config["num_hidden_layers"] == layers
    return (
        config["hidden_size"] // config["num_attention_heads"] if is_largest else config["head_dim"]
    )


def read_gguf(file: Described, config: Values) -> Values:
    return {
        "query_pre_attn_scalar": llama_cpp_scale(config, 46),
        "layer_types": read_layer_types(file, config["num_hidden_layers"], 2),
    }


LOGIT_CAP = Key(
    "final_logit_softcapping", float, lambda d: d.logit_cap, "final_logit_softcapping", 30.0
)
GGUF = Architecture(
    "gemma2",
    keys=(
        rms_epsilon(),
        window(4096),
        Key(
            "attn_logit_softcapping",
            float,
            lambda d: first(d).soft_cap,
            "attn_logit_softcapping",
            50.0,
        ),
        LOGIT_CAP,
    ),
    lists={PATTERN: layer_pattern},
    given={"hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True},
    read=read_gguf,
    has_windows=True,
)

register(Family("gemma2", gemma2, fixed={"use_bidirectional_attention": (False,)}, gguf=GGUF))
