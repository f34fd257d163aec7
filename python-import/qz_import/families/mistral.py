"""Mistral: Llama with a window in every layer, where config.json says how wide."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.families.llama import GGUF
from qz_import.llama_like import llama_like, with_attention


def mistral(config: Config) -> Decoder:
    window = config.optional_size("sliding_window")
    return with_attention(llama_like(config), window=window)


register(Family("mistral", mistral, gguf=GGUF, reads_gguf=False))
