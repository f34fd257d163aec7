"""What quantizing and decoding a weight gives, by outside references (needs torch, bitsandbytes).

nf4 is bitsandbytes' own CPU code; int8 is the rule of LLM.int8()'s weights: one f32 scale a row,
codes rounded half to even.
"""

from __future__ import annotations

import bitsandbytes.functional as bnb
import torch
from model_layers import replace_weights

ALL_COMPONENTS = ("q", "k", "v", "o", "gate", "up", "down", "proj")
FFN = ("gate", "up", "down")


def decoded_nf4(weight: torch.Tensor) -> torch.Tensor:
    """Blocks of 64 over the flattened f32 tensor.

    It is flattened here: given a matrix, the CPU decoder of bitsandbytes 0.50 starts its count of
    blocks anew in every row, which is not how the codes were made.
    """
    codes, state = bnb.quantize_4bit(weight.reshape(-1), blocksize=64, quant_type="nf4")
    return bnb.dequantize_4bit(codes, state).reshape(weight.shape)


def decoded_int8(weight: torch.Tensor) -> torch.Tensor:
    absmax = weight.abs().amax(dim=1, keepdim=True)
    scale = torch.where(absmax > 0, 127.0 / absmax, torch.zeros_like(absmax))
    return torch.round(weight * scale) * (absmax / 127.0)


DECODED = {"nf4": decoded_nf4, "int8": decoded_int8}


def quantize_model(
    model: torch.nn.Module,
    scheme: str,
    components: tuple[str, ...] = ALL_COMPONENTS,
    blocks: range | None = None,
) -> None:
    """Replaces the selected weights of a float32 model by their decoded selves."""
    if scheme != "none":
        replace_weights(model, components, blocks, DECODED[scheme])
