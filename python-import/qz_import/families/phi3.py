"""Phi-3 and Phi-4-mini: Llama with q, k and v in one tensor, gate and up in another. Layers may
have a window, a part of each head may turn, with other frequencies in long contexts."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Block, Decoder, fused
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, rms_epsilon, window
from qz_import.llama_like import llama_like
from qz_import.rope_types import KINDS

# The first checkpoints called it so.
ROPE_KINDS = {**KINDS, "su": "longrope", "yarn": "longrope"}


def phi3(config: Config) -> Decoder:
    decoder = llama_like(config, may_be_partial=True, rope_kinds=ROPE_KINDS)
    attention, mlp = decoder.blocks[0].attention, decoder.blocks[0].mlp
    heads, kv_heads = attention.heads, attention.kv_heads
    widths = (count * attention.head_dim for count in (heads, kv_heads, kv_heads))
    q, k, v = fused("self_attn.qkv_proj", *widths)
    gate, up = fused("mlp.gate_up_proj", mlp.width, mlp.width)
    window = config.optional_size("sliding_window")
    block = Block(replace(attention, q=q, k=k, v=v, window=window), replace(mlp, gate=gate, up=up))
    return replace(decoder, blocks=(block,) * len(decoder.blocks))


# llama.cpp reads the window and does without it.
GGUF = Architecture(
    "phi3",
    keys=(rms_epsilon(), window()),
    given={"hidden_act": "silu"},
    is_partial=True,
    takes_rope_factors=True,
)

register(Family("phi3", phi3, gguf=GGUF))
