"""Weights that quantizers are tested with, and how cases are stored (needs torch, safetensors)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent


def around(values: np.ndarray, steps: int) -> np.ndarray:
    """The values and their `steps` f32 neighbours on each side."""
    result = [values]
    up = down = values
    for _ in range(steps):
        up = np.nextafter(up, np.float32(np.inf))
        down = np.nextafter(down, np.float32(-np.inf))
        result += [up, down]
    return np.concatenate(result).astype(np.float32)


def random_weight(rng: np.random.Generator, *shape: int, deviation: float = 0.02) -> torch.Tensor:
    return torch.from_numpy((rng.standard_normal(shape) * deviation).astype(np.float32))


def save(cases: dict[str, dict[str, torch.Tensor]], name: str) -> None:
    """Writes cases of named parts as tensors CASE.PART."""
    tensors = {
        f"{case}.{part}": tensor.contiguous()
        for case, parts in cases.items()
        for part, tensor in parts.items()
    }
    save_file(tensors, FOLDER / name)
