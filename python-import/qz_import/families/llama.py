"""Llama, and what shares its architecture under model_type "llama": SmolLM2, Llama 3.2, TinyLlama.

Pre-norm blocks: RMS norms, rotary grouped-query attention, a gated MLP.
"""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, rms_epsilon
from qz_import.llama_like import attention_biases, llama_like


def llama(config: Config) -> Decoder:
    biases = replace(attention_biases(config), mlp=config.flag("mlp_bias", False))
    return llama_like(config, biases=biases)


GGUF = Architecture(
    "llama",
    keys=(rms_epsilon(),),
    given={"hidden_act": "silu"},
    present={"attention_bias": "blk.0.attn_q.bias", "mlp_bias": "blk.0.ffn_up.bias"},
    takes_rope_factors=True,
    interleaves=True,
)

register(Family("llama", llama, ignored="pretraining_tp", gguf=GGUF))
