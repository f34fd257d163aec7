#!/usr/bin/env python3
"""Makes ggml.safetensors, which the quantizers of ggml's formats are tested with.

Blocks come from llama.cpp's ggml_quantize_chunk without an importance matrix, called in the library
of xllamacpp (2026.10.11549 made the committed file); the gguf package (0.19.0) decodes them, and
quantizes the formats that it can to the same bytes. Needs torch, safetensors, gguf, xllamacpp. Each
case has

    CASE.weight         the source, F32 or BF16; 32 divides a row
    CASE.q8_0 …         U8 [blocks, bytes]: the blocks as GGUF files hold them, of every type whose
                        blocks divide the source and whose scales hold it
    CASE.q8_0_decoded … F32
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import torch
import xllamacpp.xllamacpp as llama
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants
from weights import around, random_weight, save

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

BLOCK = 32
SUPER_BLOCK = 256
LIBRARY = ctypes.CDLL(llama.__file__)
NAMES = (
    *("q8_0", "q4_0", "iq4_nl", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k", "tq2_0", "tq1_0"),
)
TYPES = {name: GGMLQuantizationType[name.upper()] for name in NAMES}
# Those that the gguf package quantizes too.
IN_PACKAGE = ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1")


def blocks_of(values: np.ndarray, scheme: str, importance: np.ndarray | None = None) -> np.ndarray:
    """What llama-quantize makes of f32 values; `importance` is that of a row's columns."""
    values = np.ascontiguousarray(values, np.float32)
    columns = values.size if importance is None else importance.size
    block, size = GGML_QUANT_SIZES[TYPES[scheme]]
    out = np.zeros((values.size // block, size), np.uint8)
    function = LIBRARY.ggml_quantize_chunk
    function.restype = ctypes.c_size_t
    written = function(
        ctypes.c_int(TYPES[scheme].value),
        values.ctypes.data_as(ctypes.c_void_p),
        out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0),
        ctypes.c_int64(values.size // columns),
        ctypes.c_int64(columns),
        None if importance is None else importance.ctypes.data_as(ctypes.c_void_p),
    )
    assert written == out.size
    return out


def case(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    values = weight.float().numpy()
    parts = {"weight": weight}
    for scheme, kind in TYPES.items():
        if values.size % GGML_QUANT_SIZES[kind][0] != 0:
            continue
        blocks = blocks_of(values, scheme)
        decoded = quants.dequantize(blocks, kind).reshape(values.shape)
        if not np.isfinite(decoded).all():
            continue
        parts[scheme] = torch.from_numpy(blocks)
        parts[f"{scheme}_decoded"] = torch.from_numpy(np.ascontiguousarray(decoded))
        if scheme in IN_PACKAGE and np.abs(values).max() > 1e-30:
            # Of zeros, the package looks at signs where llama.cpp does not, or the other way round.
            package = quants.quantize(np.where(values == 0, np.float32(0), values), kind)
            differs = (package.reshape(blocks.shape) != blocks).any(axis=1)
            assert not differs[(values.reshape(-1, BLOCK) != 0).all(axis=1)].any(), "gguf disagrees"
    return parts


def ties(rng: np.random.Generator, absmax: float, steps: int) -> torch.Tensor:
    """Blocks whose values lie on and beside halves of absmax / steps, both signs in front."""
    halves = np.arange(-steps + 0.5, steps, 1).astype(np.float32)
    candidates = around(halves * np.float32(absmax / steps), 2)
    rng.shuffle(candidates)
    rows = []
    for begin in range(0, len(candidates), BLOCK - 1):
        row = np.zeros(BLOCK, np.float32)
        part = candidates[begin : begin + BLOCK - 1]
        row[1 : 1 + len(part)] = part
        row[0] = absmax if begin % 2 else -absmax
        rows.append(row)
    return torch.from_numpy(np.stack(rows))


def odd_values(rng: np.random.Generator) -> torch.Tensor:
    """Zero blocks, negative zeros, both signs of the largest, very small and large scales."""
    normal = rng.standard_normal((11, BLOCK)).astype(np.float32)
    normal[0] = 0
    normal[1] = -0.0
    normal[2, ::2] = -0.0
    normal[3] *= np.float32(1e-5)
    normal[4] *= np.float32(1e-7)
    normal[5] *= np.float32(1e-16)
    normal[6] *= np.float32(1e-35)
    normal[7] = normal[7] / np.abs(normal[7]).max() * np.float32(5e5)
    normal[8, 4:6] = (3.5, -3.5)
    normal[9, 4:6] = (-3.5, 3.5)
    normal[10] = np.where(np.arange(BLOCK) % 2, np.float32(1e-12), np.float32(1e4))
    return torch.from_numpy(normal)


def super_blocks(rng: np.random.Generator) -> torch.Tensor:
    """Blocks of 256: constant, tiny, huge, zero, denormal, with an outlier, of one sign, ramps."""
    normal = rng.standard_normal((26, SUPER_BLOCK)).astype(np.float32)
    normal[0] = 0
    normal[1] = -0.0
    normal[2] = 0.37
    normal[3] = -0.37
    for row, scale in enumerate((1e-5, 1e-8, 1e-14, 1e-18, 1e-24, 1e-36, 1e-38, 1e-40, 1e-44), 4):
        normal[row] *= np.float32(scale)
    normal[13] *= np.float32(6.5e4 / np.abs(normal[13]).max())
    normal[14] = 0
    normal[14, 77] = 3.0
    normal[15] = 0
    normal[15, 200] = -3.0
    normal[16, 130] = 500.0
    normal[17, 5] = -500.0
    normal[18] = np.abs(normal[18])
    normal[19] = -np.abs(normal[19])
    normal[20] = np.linspace(-1, 1, SUPER_BLOCK)
    normal[21] = np.linspace(1, 3, SUPER_BLOCK)
    normal[22] = np.round(normal[22] * 4) / 4
    normal[23, 32:64] = 0
    normal[23, 96:128] = -0.0
    normal[23, 160:192] = -0.25
    normal[23, 224:] *= np.float32(1e-12)
    normal[24] *= np.repeat(np.logspace(-6, 2, 8), 32).astype(np.float32)
    normal[25] = np.where(np.arange(SUPER_BLOCK) % 2, np.float32(1e-12), np.float32(1e4))
    return torch.from_numpy(normal)


def main() -> None:
    rng = np.random.default_rng(20251)
    cases = {
        "f32": case(random_weight(rng, 13, 96)),
        "bf16": case(random_weight(rng, 21, 64).bfloat16()),
        "one": case(random_weight(rng, 1, 32)),
        "ties-q8_0": case(ties(rng, 127.0, 127)),
        "ties-q8_0-odd": case(ties(rng, 0.0371, 127)),
        "ties-q4_0": case(ties(rng, 8.0, 8)),
        "ties-q4_0-odd": case(ties(rng, 0.0531, 8)),
        "values": case(odd_values(rng)),
    }
    rng = np.random.default_rng(20254)
    cases |= {
        "super-f32": case(random_weight(rng, 4, 512)),
        "super-bf16": case(random_weight(rng, 8, 256).bfloat16()),
        "super-values": case(super_blocks(rng)),
    }
    save(cases, "ggml.safetensors")


if __name__ == "__main__":
    check_versions()
    with np.errstate(all="ignore"):
        main()
