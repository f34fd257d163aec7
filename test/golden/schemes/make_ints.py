#!/usr/bin/env python3
"""Makes ints.safetensors, which the quantizers of int2, int3, int4 and int8g are
tested with.

Codes and decoded values come from compressed-tensors, given scales in f16 and zero points that are
made of these; scales are the package's own, rounded. Needs torch, safetensors, compressed-tensors.
A case BITS.GROUP.{sym,asym}.NAME has

    CASE.weight   the source, F32 or BF16
    CASE.codes    U8 [rows, cols], one code a byte, 2^(BITS - 1) added
    CASE.scales   F16 [rows, groups]
    CASE.zeros    F16 [rows, groups], 2^(BITS - 1) added; asym alone
    CASE.decoded  F32
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationStrategy
from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
from compressed_tensors.quantization.utils import calculate_qparams
from weights import around, random_weight, save

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

Case = dict[str, torch.Tensor]


def grouped(weight: torch.Tensor, bits: int, group: int, asym: bool) -> Case:
    values = weight.float()
    args = QuantizationArgs(
        num_bits=bits,
        symmetric=not asym,
        group_size=group,
        strategy=QuantizationStrategy.GROUP,
    )
    middle = 1 << (bits - 1)
    groups = values.reshape(values.shape[0], -1, group)
    low, high = groups.amin(dim=2), groups.amax(dim=2)
    scales = calculate_qparams(low, high, args)[0]
    # The package puts a small number where the scale is 0.
    scales[torch.maximum(low.abs(), high.abs()) == 0] = 0
    halves = scales.to(torch.float16)
    rounded = halves.float()
    zeros = torch.zeros_like(rounded)
    if asym:
        lowest = torch.minimum(low, torch.zeros_like(low))
        zeros = torch.round((-middle - lowest / rounded).clamp(-middle, middle - 1))
        zeros[rounded == 0] = -middle
    codes = quantize(values, rounded, zeros, args)
    is_zero = rounded.repeat_interleave(group, 1) == 0
    codes = torch.where(is_zero, zeros.repeat_interleave(group, 1), codes)
    case = {
        "weight": weight,
        "codes": (codes + middle).to(torch.uint8),
        "scales": halves,
        "decoded": dequantize(codes, rounded, zeros, args).float(),
    }
    return case | ({"zeros": (zeros + middle).to(torch.float16)} if asym else {})


def ties(rng: np.random.Generator, bits: int, group: int) -> torch.Tensor:
    """Groups whose values lie on and beside halves of a scale that is an f16 number."""
    rows = []
    for scale in (1.0, 0.0625, 0.037109375):
        halves = np.arange(-(1 << bits), 1 << bits, 0.5).astype(np.float32)
        candidates = around(halves * np.float32(scale), 1)
        candidates = candidates[np.abs(candidates) < ((1 << bits) - 1) / 2 * scale]
        rng.shuffle(candidates)
        row = np.resize(candidates, 2 * group)
        row[:: group // 2] = ((1 << bits) - 1) / 2 * scale
        rows.append(row)
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def odd_values(rng: np.random.Generator, group: int) -> torch.Tensor:
    """Groups: zero, constant, tiny, huge, denormal, of one sign, with an outlier."""
    normal = rng.standard_normal((12, group)).astype(np.float32)
    normal[0] = 0
    normal[1] = -0.0
    normal[2] = 0.25
    normal[3] = -0.25
    normal[4] *= np.float32(1e-6)
    normal[5] *= np.float32(1e-9)
    normal[6] *= np.float32(1e-40)
    normal[7] *= np.float32(4e4 / np.abs(normal[7]).max())
    normal[8] = np.abs(normal[8])
    normal[9] = -np.abs(normal[9])
    normal[10] = 0
    normal[10, 7] = -3
    normal[11, 5] = 100
    return torch.from_numpy(normal)


def main() -> None:
    check_versions()
    rng = np.random.default_rng(20255)
    cases: dict[str, Case] = {}
    for bits in (4, 3, 2, 8):
        for asym in (False, True):
            kind = "asym" if asym else "sym"
            for group in (32, 64, 128):
                weight = random_weight(rng, 3, 2 * group)
                cases[f"{bits}.{group}.{kind}.f32"] = grouped(weight, bits, group, asym)
            weight = random_weight(rng, 5, 192).bfloat16()
            cases[f"{bits}.64.{kind}.bf16"] = grouped(weight, bits, 64, asym)
            cases[f"{bits}.32.{kind}.ties"] = grouped(ties(rng, bits, 32), bits, 32, asym)
            cases[f"{bits}.32.{kind}.values"] = grouped(odd_values(rng, 32), bits, 32, asym)
    save(cases, "ints.safetensors")


if __name__ == "__main__":
    main()
