"""Makes weights.safetensors and prints the lines that the tests of this folder expect.

    reference.py

Operations are written from their descriptions in QzComputeOps.td with NumPy in f64; schemes as
bitsandbytes (nf4) and LLM.int8()'s weights (int8) define them.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FILE = Path(__file__).parent / "weights.safetensors"
TOKENS = [1, 5, 0]
# Chosen so that rounding to f32 changes no digit that is printed.
SEED = 7
Array = np.ndarray

# Dettmers et al., QLoRA (2023), appendix E.
NF4 = np.array(
    [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
     -0.28444138169288635, -0.18477343022833252, -0.09105003625154495, 0.0,
     0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
     0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0],
    np.float32,
)  # fmt: skip


def make_weights() -> dict[str, Array]:
    rng = np.random.default_rng(SEED)

    def values(*shape: int, center: float = 0.0) -> Array:
        return (center + rng.normal(0, 0.8, shape)).round(2).astype(np.float32)

    return {
        "table": values(8, 8),
        "positions": values(8, 8),
        "gain": values(8, center=1.0),
        "shift": values(8),
        "q": values(8, 8),
        "k": values(8, 8),
        "v": values(8, 8),
        # [in, out], as GPT-2's fused projections are stored.
        "fused": values(8, 12),
    }


# Operations.


def rms_norm(x: Array, weight: Array | float = 1.0) -> Array:
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5) * weight


def layer_norm(x: Array, weight: Array | float = 1.0, bias: Array | float = 0.0) -> Array:
    centered = x - x.mean(axis=1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=1, keepdims=True) + 1e-5) * weight + bias


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def gelu(x: Array) -> Array:
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def gelu_tanh(x: Array) -> Array:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def frequencies(dim: int, scaling: str = "none") -> Array:
    """Theta 100; a factor of 4; llama3 as its model card has it, for 8 positions; dynamic for 3
    positions where there were 2."""
    plain = 100.0 ** (-np.arange(0, dim, 2) / dim)
    if scaling == "dynamic":
        return (100.0 * (4 * 3 / 2 - 3) ** (dim / (dim - 2))) ** (-np.arange(0, dim, 2) / dim)
    if scaling == "linear":
        return plain / 4
    if scaling == "none":
        return plain
    low, high, original = 1.0, 4.0, 8.0
    wavelength = 2 * math.pi / plain
    smooth = (original / wavelength - low) / (high - low)
    blend = (1 - smooth) * plain / 4 + smooth * plain
    long = np.where(wavelength > original / low, plain / 4, blend)
    return np.where(wavelength < original / high, plain, long)


def rope(x: Array, heads: int, dim: int, interleaved: bool = False, scaling: str = "none") -> Array:
    return turned(x, heads, frequencies(dim, scaling), interleaved)


def turned(
    x: Array, heads: int, turns: Array | list[float], interleaved: bool = False, size: float = 1.0
) -> Array:
    out = x.reshape(len(x), heads, -1).copy()
    for position in range(len(x)):
        for i, frequency in enumerate(turns):
            first, second = (2 * i, 2 * i + 1) if interleaved else (i, i + len(turns))
            turn = size * np.exp(1j * position * frequency)
            pair = (out[position, :, first] + 1j * out[position, :, second]) * turn
            out[position, :, first], out[position, :, second] = pair.real, pair.imag
    return out.reshape(x.shape)


def attention(
    q: Array,
    k: Array,
    v: Array,
    heads: int,
    kv_heads: int,
    window: int = 100,
    soft_cap: float = math.inf,
    slopes: list[float] | None = None,
) -> Array:
    count = len(q)
    q, k, v = (a.reshape(count, n, -1) for a, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
    k, v = (a.repeat(heads // kv_heads, axis=1) for a in (k, v))
    scores = np.einsum("thd,shd->hts", q, k) * 0.5
    if soft_cap < math.inf:
        scores = soft_cap * np.tanh(scores / soft_cap)
    distance = np.arange(count)[:, None] - np.arange(count)[None, :]
    if slopes:
        scores -= distance * np.array(slopes)[:, None, None]
    scores[:, (distance < 0) | (distance >= window)] = -math.inf
    weights = np.exp(scores)
    weights /= weights.sum(axis=2, keepdims=True)
    return np.einsum("hts,shd->thd", weights, v).reshape(count, -1)


# Storage.


def decoded_int8(weight: Array) -> Array:
    absmax = np.abs(weight).max(axis=1, keepdims=True)
    return np.rint(weight * (np.float32(127) / absmax)) * (absmax / np.float32(127))


def decoded_nf4(weight: Array) -> Array:
    """Blocks of 32 of the flattened matrix."""
    blocks = weight.reshape(-1, 32)
    absmax = np.abs(blocks).max(axis=1, keepdims=True)
    middles = (NF4[1:] + NF4[:-1]) / np.float32(2)
    codes = np.searchsorted(middles, blocks * (np.float32(1) / absmax), side="left")
    return (NF4[codes] * absmax).reshape(weight.shape)


def decoded_bf16(weight: Array) -> Array:
    bits = weight.view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def results(weights: dict[str, Array]) -> dict[str, Array]:
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    x, gain, shift = w["table"][TOKENS], w["gain"], w["shift"]
    q, k, v = (x @ w[name].T for name in "qkv")
    narrow = [x @ w[name][:4].T for name in "kv"]
    fused = weights["fused"].T
    stored = {
        "F16": weights["q"].astype(np.float16),
        "BF16": decoded_bf16(weights["q"]),
        "INT8": decoded_int8(weights["q"]),
        "NF4": decoded_nf4(weights["q"]),
        "ROWS": np.concatenate((fused[1:4], fused[7:12])),
        "ROWS-INT8": decoded_int8(np.concatenate((fused[1:4], fused[7:12]))),
        # Blocks of 32 cross from part to part.
        "PARTS": decoded_nf4(np.ascontiguousarray(fused)).reshape(4, 3, 8)[:, 1:].reshape(8, 8),
    }
    return {
        "EMBED": x,
        "POSITIONS": x + w["positions"][2:5],
        "RMS": rms_norm(x, gain),
        "RMS-PLAIN": rms_norm(x),
        "RMS-UNIT": rms_norm(x, 1 + gain),
        "RMS-HEADS": rms_norm(x.reshape(6, 4), gain[:4]).reshape(3, 8),
        "LAYER": layer_norm(x, gain, shift),
        "LAYER-WEIGHT": layer_norm(x, gain),
        "LAYER-PLAIN": layer_norm(x),
        "LAYER-HEADS": layer_norm(x.reshape(6, 4), gain[:4], shift[:4]).reshape(3, 8),
        "LINEAR": q,
        "LINEAR-BIAS": q + shift,
        "LINEAR-ALL": np.maximum(q + shift, 0) + x,
        "GROUP": q * k + v,
        "GROUP-BIAS": (q + shift) * (k + gain),
        "GATED": silu(q) * k,
        "GATED-ALL": gelu_tanh(q + gain) * (k + shift) + x,
        "HALF": rope(x, 2, 4),
        "PARTIAL": rope(x, 1, 6),
        "INTERLEAVED": rope(x, 2, 4, interleaved=True),
        "INTERLEAVED-PARTIAL": rope(x, 2, 2, interleaved=True),
        "SCALED": rope(x, 1, 8, scaling="linear"),
        "LLAMA3": rope(x, 1, 8, scaling="llama3"),
        "DYNAMIC": rope(x, 1, 8, scaling="dynamic"),
        "EXPLICIT": turned(x, 2, [0.5, 0.25], size=1.25),
        "LONG": turned(x, 2, [0.125], interleaved=True, size=0.75),
        "ATTENTION": attention(x, k, v, 2, 2),
        "SHARED": attention(x, *narrow, 2, 1),
        "WINDOW": attention(x, k, v, 2, 2, window=2),
        "SOFT-CAP": attention(x, k, v, 2, 2, soft_cap=0.5),
        "ALIBI": attention(x, k, v, 2, 2, slopes=[2**-0.5, 2**-1]),
        "TURNED": attention(rope(x, 2, 4), rope(k, 2, 4), v, 2, 2),
        "NONE": x,
        "RELU": np.maximum(x, 0),
        "SILU": silu(x),
        "GELU": gelu(x),
        "GELU-TANH": gelu_tanh(x),
        "ADD": x + q,
        "MUL": x * q,
        "SCALE": x * 0.3,
        "CLAMP": np.clip(x, -0.5, 0.5),
        "CAP": 0.5 * np.tanh(x / 0.5),
        **{name: x @ weight.astype(np.float64).T for name, weight in stored.items()},
    }


def main() -> None:
    weights = make_weights()
    save_file(weights, FILE)
    data = FILE.read_bytes()
    print(f"size {len(data)} sha256 {hashlib.sha256(data).hexdigest()}")
    offset = 8 + int.from_bytes(data[:8], "little")
    # As safetensors orders tensors of one type.
    for name in sorted(weights):
        print(f'"{name}" @weights[{offset}] : {list(weights[name].shape)}')
        offset += weights[name].nbytes
    for name, rows in results(weights).items():
        # An f32 result, of two roundings or so, must have the same digits.
        error = 2 * np.spacing(np.abs(rows).astype(np.float32)).astype(np.float64)
        assert np.array_equal((rows + error).round(4), (rows - error).round(4)), name
        for index, row in enumerate(rows.round(4) + 0.0):
            check = f"// {name}{'' if index == 0 else '-NEXT'}: row {index}, argmax {row.argmax()}:"
            print(check, *(f"{value:.4f}" for value in row))


if __name__ == "__main__":
    main()
