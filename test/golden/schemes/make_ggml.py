#!/usr/bin/env python3
"""Makes ggml.safetensors, what the quantizers of ggml's formats are tested with.

Blocks come from llama.cpp's own functions, called in the library of xllamacpp (2026.10.11549 made
the committed file), and for Q8_0 and Q4_0 are checked against the gguf package, which decodes them.
Needs torch, safetensors, gguf, xllamacpp. Each case has six tensors:

    CASE.weight                        the source, F32 or BF16; 32 divides a row
    CASE.q8_0, CASE.q4_0, CASE.iq4_nl  U8 [blocks, 34 or 18]: the blocks as GGUF files hold them
    CASE.q8_0_decoded, CASE.q4_0_decoded  F32
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import torch
import xllamacpp.xllamacpp as llama
from gguf import GGMLQuantizationType, quants
from weights import around, random_weight, save

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

BLOCK = 32
LIBRARY = ctypes.CDLL(llama.__file__)
BYTES = {"q8_0": 34, "q4_0": 18, "iq4_nl": 18}
TYPES = {"q8_0": GGMLQuantizationType.Q8_0, "q4_0": GGMLQuantizationType.Q4_0}


def blocks_of(values: np.ndarray, scheme: str) -> np.ndarray:
    """What llama-quantize makes of f32 values, without an importance matrix."""
    values = np.ascontiguousarray(values, np.float32)
    out = np.zeros((values.size // BLOCK, BYTES[scheme]), np.uint8)
    function = getattr(LIBRARY, f"quantize_{scheme}")
    function.restype = ctypes.c_size_t
    written = function(
        values.ctypes.data_as(ctypes.c_void_p),
        out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(1),
        ctypes.c_int64(values.size),
        None,
    )
    assert written == out.size
    return out


def case(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    values = weight.float().numpy()
    parts = {"weight": weight}
    for scheme in BYTES:
        blocks = blocks_of(values, scheme)
        parts[scheme] = torch.from_numpy(blocks)
        if scheme not in TYPES:
            continue
        # Of zeros, the package alone looks at the first one's sign.
        package = quants.quantize(np.where(values == 0, np.float32(0), values), TYPES[scheme])
        assert np.array_equal(package.reshape(blocks.shape), blocks), "gguf disagrees"
        decoded = quants.dequantize(blocks, TYPES[scheme]).reshape(values.shape)
        parts[f"{scheme}_decoded"] = torch.from_numpy(np.ascontiguousarray(decoded))
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
    save(cases, "ggml.safetensors")


if __name__ == "__main__":
    check_versions()
    main()
