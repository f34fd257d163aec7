#!/usr/bin/env python3
"""Makes nf4, fp4, double and int8.safetensors, what the quantizers are tested with.

The 4-bit schemes come from bitsandbytes on the CPU (0.50.2 made the committed files); int8 is
computed with NumPy and, for weights that are f16 numbers, checked against bitsandbytes. Needs
torch, bitsandbytes, safetensors. Each case of nf4 and fp4 (named BLOCK.NAME) and of int8 has four
tensors:

    CASE.weight   the source, F32 or BF16
    CASE.codes    stored codes: U8, two a byte, or I8 (int8)
    CASE.scales   F32
    CASE.decoded  F32

Double quantization is given the mean of the scales in f64, rounded to f32, as offset, since the
library's own mean depends on its threads. A case SCHEME.BLOCK.NAME of it has the same tensors, and
its scales again as CASE.codes2 (U8), CASE.absmax2 (F32, one for 256) and CASE.offset (F32 [1]); a
case scales.NAME has those three, CASE.scales and CASE.decoded: the scales before and after.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from bitsandbytes import functional
from weights import around, random_weight, save

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

Case = dict[str, torch.Tensor]


def midpoints(scheme: str) -> np.ndarray:
    """Between the neighbours of the sorted code book."""
    book = np.sort(functional.get_4bit_type(scheme, device="cpu").numpy())
    return ((book[:-1] + book[1:]) / np.float32(2)).astype(np.float32)


def ties(
    rng: np.random.Generator, block: int, absmaxes: list[float], scheme: str = "nf4"
) -> torch.Tensor:
    """Blocks of the given absmax whose other values lie on and beside the midpoints."""
    rows = []
    for absmax in absmaxes:
        largest = np.float32(absmax)
        candidates = around(midpoints(scheme) * largest, 3)
        rng.shuffle(candidates)
        for begin in range(0, len(candidates), block - 1):
            row = np.zeros(block, np.float32)
            part = candidates[begin : begin + block - 1]
            row[1 : 1 + len(part)] = part
            row[0] = largest if begin % 2 else -largest
            rows.append(row)
    return torch.from_numpy(np.stack(rows))


def odd_values(rng: np.random.Generator, block: int) -> torch.Tensor:
    """Zero blocks, negative zeros, subnormal and very large and small blocks."""
    normal = rng.standard_normal((9, block)).astype(np.float32)
    normal[0] = 0
    normal[1] = -0.0
    normal[2, ::2] = -0.0
    normal[3] *= np.float32(1e-30)
    normal[4] *= np.float32(1e-38)
    normal[5] *= np.float32(1e-41)
    normal[6] = normal[6] / np.abs(normal[6]).max() * np.float32(3.4e38)
    normal[7] = 0
    normal[7, block // 2] = np.float32(1e-45)
    normal[8] = np.where(np.arange(block) % 2, np.float32(1e-12), np.float32(1e12))
    return torch.from_numpy(normal)


def four_bit(weight: torch.Tensor, block: int, scheme: str) -> Case:
    flat = weight.reshape(-1)
    count = flat.numel()
    # The library treats a short last block on its own; the format pads it.
    padded = torch.nn.functional.pad(flat, (0, -count % block))
    codes, state = functional.quantize_4bit(padded, blocksize=block, quant_type=scheme)
    # The library rounds to the source's type at the end; stored weights decode to f32.
    state.dtype = torch.float32
    decoded = functional.dequantize_4bit(codes, state).reshape(-1)
    return {
        "weight": weight,
        "codes": codes.reshape(-1),
        "scales": state.absmax,
        "decoded": decoded[:count].reshape(weight.shape),
    }


def quantized_scales(scales: torch.Tensor) -> Case:
    """The second stage of double quantization."""
    offset = scales.double().mean().float()
    codes, state = functional.quantize_blockwise(scales - offset, blocksize=256)
    return {
        "codes2": codes,
        "absmax2": state.absmax,
        "offset": offset.reshape(1),
        "decoded": functional.dequantize_blockwise(codes, state) + offset,
    }


def double(weight: torch.Tensor, block: int, scheme: str) -> Case:
    plain = four_bit(weight, block, scheme)
    scales = quantized_scales(plain["scales"])
    padded = torch.nn.functional.pad(weight.reshape(-1), (0, -weight.numel() % block))
    codes, state = functional.quantize_4bit(
        padded, blocksize=block, quant_type=scheme, compress_statistics=True
    )
    assert torch.equal(codes.reshape(-1), plain["codes"])
    state.dtype = torch.float32
    state.absmax, state.state2.absmax = scales["codes2"], scales["absmax2"]
    state.offset = scales["offset"][0]
    decoded = functional.dequantize_4bit(codes, state).reshape(-1)[: weight.numel()]
    return plain | scales | {"decoded": decoded.reshape(weight.shape)}


def scale_case(scales: torch.Tensor) -> Case:
    return {"scales": scales} | quantized_scales(scales)


def scales_of_steps(rng: np.random.Generator) -> torch.Tensor:
    """Scales around a mean that lie on and beside the edges of the 65536 steps, one group."""
    steps = (rng.integers(0, 65535, 127) + 0.5) / 65535 * 2 - 1
    away = np.concatenate([[1.0], steps]).astype(np.float32) * np.float32(0.25)
    return torch.from_numpy(np.concatenate([1 + away, 1 - away]).astype(np.float32))


def int8(weight: torch.Tensor) -> Case:
    values = weight.to(torch.float32).numpy()
    absmax = np.abs(values).max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        # How PyTorch, and so bitsandbytes, divides a number by a tensor.
        factor = np.float32(127) * (np.float32(1) / absmax)
    factor = np.minimum(factor, np.finfo(np.float32).max)
    factor = np.where(absmax == 0, np.float32(0), factor).astype(np.float32)
    codes = np.rint(values * factor).astype(np.int8)
    scales = (absmax / np.float32(127)).astype(np.float32)
    ordinary = absmax.ravel() > 1e-30
    torch_codes = torch.round(weight.float() * (127.0 / torch.from_numpy(absmax)))
    assert np.array_equal(torch_codes.numpy()[ordinary], codes[ordinary]), "PyTorch disagrees"
    half = weight.to(torch.float16)
    if torch.equal(half.to(torch.float32), weight.to(torch.float32)) and absmax.min() > 0:
        library, _, _ = functional.int8_vectorwise_quant(half)
        assert np.array_equal(library.numpy(), codes), "bitsandbytes disagrees"
    return {
        "weight": weight,
        "codes": torch.from_numpy(codes),
        "scales": torch.from_numpy(scales.reshape(-1)),
        "decoded": torch.from_numpy(codes.astype(np.float32) * scales),
    }


def int8_ties(rng: np.random.Generator) -> torch.Tensor:
    """Rows whose values lie on and beside halves, with absmax 127 · 2^k and others."""
    halves = np.arange(-126.5, 127, 1).astype(np.float32)
    rows = []
    for absmax in [127.0, 127.0 / 1024, 127.0 * 64, 0.1, 0.0371, 3.3]:
        values = around(halves * np.float32(absmax / 127), 1)
        rng.shuffle(values)
        rows.append(np.concatenate([values, [np.float32(absmax)]]).astype(np.float32))
    return torch.from_numpy(np.stack(rows))


def halves(rng: np.random.Generator, rows: int, cols: int) -> torch.Tensor:
    """f16 numbers, half of them multiples of a sixteenth of their row's largest."""
    largest = np.abs(rng.standard_normal((rows, 1))).astype(np.float16).astype(np.float32)
    parts = rng.integers(-16, 17, (rows, cols)) / 16
    weight = np.where(rng.random((rows, cols)) < 0.5, parts, rng.uniform(-1, 1, (rows, cols)))
    weight = (weight * largest).astype(np.float16)
    weight[:, :1] = largest
    return torch.from_numpy(weight.astype(np.float32))


def main() -> None:
    rng = np.random.default_rng(20250)
    cases: dict[str, Case] = {}
    for block in (32, 64, 128):
        cases[f"{block}.odd-f32"] = four_bit(random_weight(rng, 23, 37), block, "nf4")
        cases[f"{block}.odd-bf16"] = four_bit(random_weight(rng, 29, 31).bfloat16(), block, "nf4")
        cases[f"{block}.ties"] = four_bit(ties(rng, block, [1.0, 0.25, 0.0531, 3.7]), block, "nf4")
        cases[f"{block}.values"] = four_bit(odd_values(rng, block), block, "nf4")
    cases["64.one"] = four_bit(random_weight(rng, 1, 1), 64, "nf4")
    cases["64.vector"] = four_bit(random_weight(rng, 1, 129), 64, "nf4")
    cases["4096.odd-bf16"] = four_bit(random_weight(rng, 3, 1999).bfloat16(), 4096, "nf4")
    cases["4096.short"] = four_bit(random_weight(rng, 5, 7), 4096, "nf4")
    save(cases, "nf4.safetensors")

    cases = {
        "odd-f32": int8(random_weight(rng, 23, 37)),
        "odd-bf16": int8(random_weight(rng, 7, 129).bfloat16()),
        # Some values of each row are half of its largest: ties.
        "halves": int8(halves(rng, 64, 33)),
        "ties": int8(int8_ties(rng)),
        "values": int8(odd_values(rng, 33)),
        "one": int8(random_weight(rng, 1, 1)),
        "column": int8(random_weight(rng, 9, 1)),
    }
    save(cases, "int8.safetensors")

    rng = np.random.default_rng(20252)
    cases = {}
    for block in (32, 64, 256):
        cases[f"{block}.odd-f32"] = four_bit(random_weight(rng, 19, 23), block, "fp4")
        cases[f"{block}.odd-bf16"] = four_bit(random_weight(rng, 29, 31).bfloat16(), block, "fp4")
    cases["64.ties"] = four_bit(ties(rng, 64, [1.0, 0.25, 0.0531, 3.7], "fp4"), 64, "fp4")
    cases["32.values"] = four_bit(odd_values(rng, 32), 32, "fp4")
    cases["64.one"] = four_bit(random_weight(rng, 1, 1), 64, "fp4")
    cases["4096.short"] = four_bit(random_weight(rng, 5, 7), 4096, "fp4")
    save(cases, "fp4.safetensors")

    rng = np.random.default_rng(20253)
    cases = {
        # More than one group of 256 scales, and one scale.
        "nf4.32.groups": double(random_weight(rng, 89, 97).bfloat16(), 32, "nf4"),
        "nf4.64.odd-f32": double(random_weight(rng, 23, 37), 64, "nf4"),
        "nf4.4096.one": double(random_weight(rng, 1, 1), 4096, "nf4"),
        "fp4.64.odd-bf16": double(random_weight(rng, 29, 31).bfloat16(), 64, "fp4"),
        "fp4.128.values": double(odd_values(rng, 128)[[0, 1, 2, 3, 7]], 128, "fp4"),
        "scales.normal": scale_case(random_weight(rng, 2345).abs() * 2.4),
        "scales.wide": scale_case(torch.exp(100 * random_weight(rng, 700))),
        "scales.steps": scale_case(scales_of_steps(rng)),
        "scales.equal": scale_case(torch.full((300,), 0.1)),
        "scales.zero": scale_case(torch.zeros(256)),
        "scales.outlier": scale_case(torch.cat([torch.full((255,), 1e-3), torch.tensor([1e3])])),
    }
    save(cases, "double.safetensors")


if __name__ == "__main__":
    check_versions()
    main()
