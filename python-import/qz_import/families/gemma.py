"""Gemma: Llama with scaled embeddings and norms times 1 + weight."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, rms_epsilon
from qz_import.llama_like import attention_biases, llama_like, rms_norm


def gemma(config: Config) -> Decoder:
    norm = rms_norm(config, unit_offset=True)
    decoder = llama_like(config, norm=norm, biases=attention_biases(config))
    # transformers takes the "gelu" of older files for its approximation by tanh.
    mlp = replace(decoder.blocks[0].mlp, activation="gelu_tanh")
    if config.text("hidden_act") == "gelu":
        decoder = replace(decoder, blocks=tuple(replace(b, mlp=mlp) for b in decoder.blocks))
    return replace(decoder, embed_scale=decoder.hidden**0.5)


GGUF = Architecture(
    "gemma",
    keys=(rms_epsilon(),),
    given={"hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": True},
)

register(Family("gemma", gemma, fixed={"use_bidirectional_attention": (False,)}, gguf=GGUF))
