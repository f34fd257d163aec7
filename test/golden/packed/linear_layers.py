"""How checkpoints of GPTQ and AWQ hold a layer, read off their descriptions: NumPy alone.

A layer has codes [out, in], and scales and zero points [out, groups]; the group of column i is
groups[i]. A weight is (code - zero point) · scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# AWQ: the rows of eight that a word's nibbles hold, from the lowest on.
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


@dataclass(frozen=True)
class Layer:
    codes: np.ndarray
    scales: np.ndarray
    zeros: np.ndarray
    groups: np.ndarray

    def decoded(self) -> np.ndarray:
        difference = self.codes.astype(np.int64) - self.zeros[:, self.groups]
        return difference.astype(np.float32) * self.scales.astype(np.float32)[:, self.groups]


def random_layer(
    rng: np.random.Generator,
    out: int,
    columns: int,
    bits: int,
    group: int,
    symmetric: bool = False,
    act_order: bool = False,
) -> Layer:
    count = -(-columns // group)
    groups = np.arange(columns) // group
    middle = np.full((out, count), 1 << (bits - 1))
    zeros = middle if symmetric else rng.integers(1, 1 << bits, (out, count))
    return Layer(
        rng.integers(0, 1 << bits, (out, columns)),
        (rng.uniform(0.2, 2, (out, count)) * 0.15 / (1 << bits)).astype(np.float16),
        zeros,
        rng.permutation(groups) if act_order else groups,
    )


def packed(codes: np.ndarray, bits: int) -> np.ndarray:
    """[n, m] codes as 32-bit words [n, m · bits / 32], lowest bits first."""
    rows, columns = codes.shape
    stream = np.zeros((rows, columns * bits), np.uint8)
    for bit in range(bits):
        stream[:, bit::bits] = codes >> bit & 1
    return np.packbits(stream, axis=1, bitorder="little").view("<i4")


def gptq(layer: Layer, bits: int, version: int = 1) -> dict[str, np.ndarray]:
    """Version 1 stores zero points less by one."""
    stored = layer.zeros.T - (1 if version == 1 else 0)
    return {
        "qweight": packed(layer.codes, bits).T,
        "qzeros": packed(stored, bits),
        "scales": layer.scales.T,
        "g_idx": layer.groups.astype(np.int32),
    }


def awq_words(codes: np.ndarray) -> np.ndarray:
    """[n, m] as [n, m / 8]."""
    words = np.zeros((codes.shape[0], codes.shape[1] // 8), np.uint32)
    for nibble, row in enumerate(AWQ_ORDER):
        words |= codes[:, row::8].astype(np.uint32) << np.uint32(4 * nibble)
    return words.view(np.int32)


def awq(layer: Layer) -> dict[str, np.ndarray]:
    return {
        "qweight": awq_words(layer.codes.T),
        "qzeros": awq_words(layer.zeros.T),
        "scales": layer.scales.T,
    }
