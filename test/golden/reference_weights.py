"""What quantizing and decoding a weight gives, by outside references (needs torch, bitsandbytes,
gguf).

nf4 and fp4 are bitsandbytes' own CPU code, q8_0 and q4_0 the gguf package's; int8 is the rule of
LLM.int8()'s weights: one f32 scale a row, codes rounded half to even.
"""

from __future__ import annotations

from functools import partial

import bitsandbytes.functional as bnb
import torch
from gguf import GGMLQuantizationType, quants
from model_layers import replace_weights

ALL_COMPONENTS = ("q", "k", "v", "o", "gate", "up", "down", "proj")
FFN = ("gate", "up", "down")


def decoded_four_bit(
    weight: torch.Tensor, scheme: str, block: int = 64, is_double: bool = False
) -> torch.Tensor:
    """Blocks over the flattened f32 tensor, the last one padded with zeros.

    It is flattened here: given a matrix, the CPU decoder of bitsandbytes 0.50 starts its count of
    blocks anew in every row, which is not how the codes were made. Double quantization is given
    the mean of the scales in f64, since the library's own mean depends on its threads.
    """
    count = weight.numel()
    padded = torch.nn.functional.pad(weight.reshape(-1), (0, -count % block))
    codes, state = bnb.quantize_4bit(padded, blocksize=block, quant_type=scheme)
    if is_double:
        scales = state.absmax
        _, state = bnb.quantize_4bit(
            padded, blocksize=block, quant_type=scheme, compress_statistics=True
        )
        state.offset = scales.double().mean().float()
        state.absmax, state.state2 = bnb.quantize_blockwise(scales - state.offset, blocksize=256)
    return bnb.dequantize_4bit(codes, state).reshape(-1)[:count].reshape(weight.shape)


def decoded_ggml(weight: torch.Tensor, kind: GGMLQuantizationType) -> torch.Tensor:
    blocks = quants.quantize(weight.numpy(), kind)
    return torch.from_numpy(quants.dequantize(blocks, kind)).reshape(weight.shape)


def decoded_int8(weight: torch.Tensor) -> torch.Tensor:
    absmax = weight.abs().amax(dim=1, keepdim=True)
    scale = torch.where(absmax > 0, 127.0 / absmax, torch.zeros_like(absmax))
    return torch.round(weight * scale) * (absmax / 127.0)


DECODED = {
    "int8": decoded_int8,
    "q8_0": partial(decoded_ggml, kind=GGMLQuantizationType.Q8_0),
    "q4_0": partial(decoded_ggml, kind=GGMLQuantizationType.Q4_0),
    "fp4": partial(decoded_four_bit, scheme="fp4"),
    "nf4": partial(decoded_four_bit, scheme="nf4"),
    "nf4-128": partial(decoded_four_bit, scheme="nf4", block=128),
    "nf4-double": partial(decoded_four_bit, scheme="nf4", is_double=True),
}


def quantize_model(
    model: torch.nn.Module,
    scheme: str,
    components: tuple[str, ...] = ALL_COMPONENTS,
    blocks: range | None = None,
) -> None:
    """Replaces the selected weights of a float32 model by their decoded selves."""
    if scheme != "none":
        replace_weights(model, components, blocks, DECODED[scheme])
