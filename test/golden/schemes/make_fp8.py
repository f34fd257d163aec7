#!/usr/bin/env python3
"""Makes fp8.safetensors, which the quantizer of fp8 is tested with.

Codes and scales are those of transformers' fine-grained kind, on blocks of 128 by 128 or, for a
scale a row, on blocks of one row. Needs torch, transformers, safetensors. A case {row,block}.NAME
has

    CASE.weight   the source, F32 or BF16
    CASE.codes    U8 [rows, cols]: e4m3
    CASE.scales   F32 [rows, 1] or [rows / 128, cols / 128]
    CASE.decoded  F32
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from transformers.integrations.finegrained_fp8 import Fp8Dequantize, Fp8Quantize
from weights import around, random_weight, save

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions


def case(weight: torch.Tensor, by_block: bool) -> dict[str, torch.Tensor]:
    size = [128, 128] if by_block else [1, weight.shape[1]]
    quantizer = SimpleNamespace(
        quantization_config=SimpleNamespace(weight_block_size=size, scale_fmt=None)
    )
    parts = Fp8Quantize(quantizer).convert({"x.weight": weight})
    codes, scales = parts["x.weight"], parts["x.weight_scale_inv"]
    decoded = Fp8Dequantize(quantizer)._dequantize_one(codes, scales, torch.float32)
    return {
        "weight": weight,
        "codes": codes.view(torch.uint8),
        "scales": scales,
        "decoded": decoded,
    }


def ties(columns: int) -> torch.Tensor:
    """Rows that lie on and beside the middles between neighbouring codes; the largest is 448."""
    codes = torch.arange(0, 0x7F, dtype=torch.uint8).view(torch.float8_e4m3fn).float().numpy()
    candidates = around((codes[1:] + codes[:-1]) / 2, 1)
    candidates = np.concatenate([candidates, -candidates, codes, -codes]).astype(np.float32)
    rows = -(-len(candidates) // (columns - 1))
    values = np.zeros((rows, columns), np.float32)
    values[:, 1:] = np.resize(candidates, (rows, columns - 1))
    values[:, 0] = 448
    return torch.from_numpy(values)


def odd_values(rng: np.random.Generator) -> torch.Tensor:
    """Rows: zero, constant, tiny, huge, of one sign, with an outlier."""
    normal = rng.standard_normal((8, 96)).astype(np.float32)
    normal[0] = 0
    normal[1] = -0.0
    normal[2] = 0.25
    normal[3] *= np.float32(1e-30)
    normal[4] *= np.float32(1e30)
    normal[5] = -np.abs(normal[5])
    normal[6, 7] = 1e4
    normal[7] *= np.logspace(-6, 2, 96).astype(np.float32)
    return torch.from_numpy(normal)


def main() -> None:
    check_versions()
    rng = np.random.default_rng(20256)
    blocks = random_weight(rng, 256, 128)
    blocks[:128] *= 100
    blocks[128:, :] = torch.where(blocks[128:].abs() > 0.05, 0, blocks[128:])
    zeros = random_weight(rng, 128, 256)
    zeros[:, 128:] = 0
    save(
        {
            "row.f32": case(random_weight(rng, 5, 77), by_block=False),
            "row.bf16": case(random_weight(rng, 3, 64).bfloat16(), by_block=False),
            "row.ties": case(ties(64), by_block=False),
            "row.values": case(odd_values(rng), by_block=False),
            "block.f32": case(blocks, by_block=True),
            "block.zeros": case(zeros, by_block=True),
        },
        "fp8.safetensors",
    )


if __name__ == "__main__":
    main()
