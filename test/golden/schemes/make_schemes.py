#!/usr/bin/env python3
"""Makes nf4.safetensors and int8.safetensors, what the quantizers are tested with.

nf4 comes from bitsandbytes on the CPU (0.50.2 made the committed files); int8 is computed with
NumPy and, for weights that are f16 numbers, checked against bitsandbytes. Needs torch,
bitsandbytes, safetensors. Each case has four tensors:

    CASE.weight   the source, F32 or BF16
    CASE.codes    stored codes: U8, two a byte (nf4), or I8 (int8)
    CASE.scales   F32
    CASE.decoded  F32

and nf4 cases are named BLOCK.NAME.
"""

from __future__ import annotations

import numpy as np
import torch
from bitsandbytes import functional
from weights import around, random_weight, save

CODE_BOOK = functional.get_4bit_type("nf4", device="cpu").numpy()
MIDPOINTS = ((CODE_BOOK[:-1] + CODE_BOOK[1:]) / np.float32(2)).astype(np.float32)


def ties(rng: np.random.Generator, block: int, absmaxes: list[float]) -> torch.Tensor:
    """Blocks of the given absmax whose other values lie on and beside the midpoints."""
    rows = []
    for absmax in absmaxes:
        largest = np.float32(absmax)
        candidates = around(MIDPOINTS * largest, 3)
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


def nf4(weight: torch.Tensor, block: int) -> dict[str, torch.Tensor]:
    flat = weight.reshape(-1)
    count = flat.numel()
    # The library treats a short last block on its own; the format pads it.
    padded = torch.nn.functional.pad(flat, (0, -count % block))
    codes, state = functional.quantize_4bit(padded, blocksize=block, quant_type="nf4")
    # The library rounds to the source's type at the end; stored weights decode to f32.
    state.dtype = torch.float32
    decoded = functional.dequantize_4bit(codes, state).reshape(-1)
    return {
        "weight": weight,
        "codes": codes.reshape(-1),
        "scales": state.absmax,
        "decoded": decoded[:count].reshape(weight.shape),
    }


def int8(weight: torch.Tensor) -> dict[str, torch.Tensor]:
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
    cases: dict[str, dict[str, torch.Tensor]] = {}
    for block in (32, 64, 128):
        cases[f"{block}.odd-f32"] = nf4(random_weight(rng, 23, 37), block)
        cases[f"{block}.odd-bf16"] = nf4(random_weight(rng, 29, 31).bfloat16(), block)
        cases[f"{block}.ties"] = nf4(ties(rng, block, [1.0, 0.25, 0.0531, 3.7]), block)
        cases[f"{block}.values"] = nf4(odd_values(rng, block), block)
    cases["64.one"] = nf4(random_weight(rng, 1, 1), 64)
    cases["64.vector"] = nf4(random_weight(rng, 1, 129), 64)
    cases["4096.odd-bf16"] = nf4(random_weight(rng, 3, 1999).bfloat16(), 4096)
    cases["4096.short"] = nf4(random_weight(rng, 5, 7), 4096)
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


if __name__ == "__main__":
    main()
