"""What quantizing and decoding a float32 weight gives, scheme by scheme, written in NumPy.

The golden vectors of test/golden/schemes hold these formulas against bitsandbytes and llama.cpp.
"""

from __future__ import annotations

import numpy as np

# Dettmers et al., QLoRA (2023), appendix E.
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)
FP4_MAGNITUDES = (0, 1 / 192, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1)
FP4 = tuple(sorted({sign * value for sign in (-1, 1) for value in FP4_MAGNITUDES}))
BOOKS = {"nf4": NF4, "fp4": FP4}

FLOAT = np.float32
GGML_BLOCK = 32
SCALE_GROUP = 256


def reciprocal(values: np.ndarray) -> np.ndarray:
    """1 / values, and 0 for 0."""
    return np.divide(FLOAT(1), values, out=np.zeros_like(values), where=values != 0)


def nearest(book: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Indices into a sorted book; halfway between two entries the lower one."""
    middles = (book[1:] + book[:-1]) / FLOAT(2)
    return np.searchsorted(middles, values, side="left")


def decode_int8(weight: np.ndarray) -> np.ndarray:
    """A scale a row; 127 / absmax is rounded twice, as PyTorch and so bitsandbytes do."""
    absmax = np.abs(weight).max(axis=1, keepdims=True).astype(FLOAT)
    factor = np.minimum(reciprocal(absmax) * FLOAT(127), np.finfo(FLOAT).max)
    codes = np.rint(weight * factor)
    return codes.astype(FLOAT) * (absmax / FLOAT(127))


def decode_code_book(
    weight: np.ndarray, scheme: str, block: int = 64, is_double: bool = False
) -> np.ndarray:
    """Blocks over the flattened tensor, whose last one is padded with zeros."""
    book = np.array(BOOKS[scheme], FLOAT)
    flat = weight.reshape(-1)
    padded = np.zeros(-(-flat.size // block) * block, FLOAT)
    padded[: flat.size] = flat
    blocks = padded.reshape(-1, block)
    absmax = np.abs(blocks).max(axis=1)
    inverse = FLOAT(1) / np.maximum(absmax, FLOAT(1e-38))
    values = book[nearest(book, blocks * inverse[:, None])]
    scales = decode_scales(absmax) if is_double else absmax
    return (values * scales[:, None]).reshape(-1)[: flat.size].reshape(weight.shape)


def even_parts(parts: int) -> np.ndarray:
    """torch.linspace(0.1, 1, parts + 1): an f32 step, counted from the nearer end."""
    step = np.float64((FLOAT(1) - FLOAT(0.1)) / FLOAT(parts))
    index = np.arange(parts + 1)
    from_below = np.float64(FLOAT(0.1)) + step * index
    from_above = 1 - step * (parts - index)
    return np.where(index < (parts + 1) // 2, from_below, from_above).astype(FLOAT)


def dynamic_map() -> np.ndarray:
    """bitsandbytes' signed 8-bit map: the middles of 1, 2, 4 … 64 parts of seven decades."""
    magnitudes = []
    for decade in range(7):
        edges = even_parts(2**decade)
        middles = (edges[:-1] + edges[1:]) / FLOAT(2)
        magnitudes.append(middles * FLOAT(10.0 ** (decade - 6)))
    positive = np.concatenate(magnitudes)
    return np.sort(np.concatenate([positive, -positive, np.array([0, 1], FLOAT)]))


def decode_scales(scales: np.ndarray) -> np.ndarray:
    """Double quantization: 8-bit codes of what scales differ from their mean by."""
    book = dynamic_map()
    offset = FLOAT(scales.astype(np.float64).mean())
    result = np.empty_like(scales)
    for begin in range(0, scales.size, SCALE_GROUP):
        rest = scales[begin : begin + SCALE_GROUP] - offset
        absmax = np.abs(rest).max()
        # The library looks codes up by the nearest of 65536 steps.
        x = np.clip(rest * reciprocal(absmax.reshape(1)), FLOAT(-1), FLOAT(1))
        steps = np.trunc((x + FLOAT(1)) * FLOAT(0.5) * FLOAT(65535) + FLOAT(0.5))
        codes = nearest(book, FLOAT(-1) + FLOAT(2) * steps / FLOAT(65535))
        if absmax == 0:
            codes[:] = 0
        result[begin : begin + SCALE_GROUP] = book[codes] * absmax + offset
    return result


def ggml_inverse(scale: np.ndarray) -> np.ndarray:
    """1 / scale; 0 where that is infinite, since such a scale is 0 in f16."""
    inverse = reciprocal(scale)
    return np.where(np.isinf(inverse), FLOAT(0), inverse)


def decode_q8_0(weight: np.ndarray) -> np.ndarray:
    """Blocks of 32, rounded half away from zero by the scale before it is stored in f16."""
    blocks = weight.reshape(-1, GGML_BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / FLOAT(127)
    x = blocks * ggml_inverse(scale)
    whole = np.floor(np.abs(x))
    codes = np.sign(x) * (whole + (np.abs(x) - whole >= 0.5))
    return (codes * scale.astype(np.float16).astype(FLOAT)).astype(FLOAT).reshape(weight.shape)


def decode_q4_0(weight: np.ndarray) -> np.ndarray:
    """Blocks of 32, whose first value of largest magnitude becomes -8."""
    blocks = weight.reshape(-1, GGML_BLOCK)
    first = np.abs(blocks).argmax(axis=1, keepdims=True)
    scale = np.take_along_axis(blocks, first, axis=1) / FLOAT(-8)
    codes = np.minimum(np.trunc(blocks * ggml_inverse(scale) + FLOAT(8.5)), 15) - 8
    return (codes * scale.astype(np.float16).astype(FLOAT)).astype(FLOAT).reshape(weight.shape)
