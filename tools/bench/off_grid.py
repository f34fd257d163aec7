"""Moves a model's weights off the grid that a quantized file left them on.

    off_grid.py HF_DIR OUT_DIR [--noise=1.0] [--seed=0]

Weights that were decoded from 4-bit codes flatter every 4-bit format that has their grid, and say
nothing about the others. To each matrix whose name ends in `_proj.weight` uniform noise is added,
as wide as that part of a step: the range of 32 neighbours of a row, a fifteenth of it. What
quantizing then costs is to be measured from the result, not from the model that it was.

The rest of the folder is copied. Weights are BF16 or F32 and stay so.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

GROUP, LEVELS = 32, 15


def widen(raw: np.ndarray) -> np.ndarray:
    return (raw.astype(np.uint32) << 16).view(np.float32)


def narrow(values: np.ndarray) -> np.ndarray:
    """To BF16, half to even."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def disturb(values: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    rows, columns = values.shape
    groups = values.reshape(rows, columns // GROUP, GROUP)
    step = (groups.max(axis=2) - groups.min(axis=2))[:, :, None] / LEVELS
    moved = groups + step * noise * rng.uniform(-0.5, 0.5, groups.shape)
    return moved.reshape(rows, columns).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    shutil.copytree(arguments.source, arguments.out)
    rng = np.random.default_rng(arguments.seed)
    for path in sorted(arguments.out.glob("*.safetensors")):
        data = bytearray(path.read_bytes())
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        for name, entry in sorted(header.items()):
            if not name.endswith("_proj.weight"):
                continue
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            is_half = entry["dtype"] == "BF16"
            raw = np.frombuffer(bytes(data[begin:end]), np.uint16 if is_half else np.float32)
            values = (widen(raw) if is_half else raw).reshape(entry["shape"])
            moved = disturb(values, arguments.noise, rng)
            data[begin:end] = (narrow(moved) if is_half else moved).tobytes()
        path.write_bytes(data)


if __name__ == "__main__":
    main()
