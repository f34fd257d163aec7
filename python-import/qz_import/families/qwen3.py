"""Qwen3: Llama with a norm of each head of q and k. Upper layers may have a window."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.families.qwen2 import GGUF, with_upper_windows
from qz_import.llama_like import attention_biases, head_norms, llama_like, with_attention


def qwen3(config: Config) -> Decoder:
    decoder = llama_like(config, biases=attention_biases(config))
    decoder = with_attention(decoder, norms=head_norms(decoder.norm))
    return with_upper_windows(config, decoder)


register(Family("qwen3", qwen3, gguf=replace(GGUF, name="qwen3")))
