"""Llama, and what shares its architecture under model_type "llama": SmolLM2, Llama 3.2, TinyLlama.

Pre-norm blocks: RMS norms, rotary grouped-query attention, a gated MLP.
"""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.llama_like import Biases, llama_like


def llama(config: Config) -> Decoder:
    everywhere = config.flag("attention_bias", False)
    return llama_like(config, Biases(everywhere, everywhere, config.flag("mlp_bias", False)))


register(Family("llama", llama))
