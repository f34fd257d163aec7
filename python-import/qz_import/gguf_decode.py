"""Writes the tensors of a GGUF file into one safetensors file, a few rows at a time: decoded, or
the blocks of a quantized matrix as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize

from qz_import.errors import ImportFailure
from qz_import.safetensors_writer import NewTensor, write_safetensors

# Decoded elements held at a time.
PIECE = 1 << 20
F32, F16, BF16 = (GGMLQuantizationType[name] for name in ("F32", "F16", "BF16"))
DTYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}


@dataclass(frozen=True)
class DecodedTensor:
    """A tensor of a GGUF under its Hugging Face name. `shape` is [rows, columns] or [columns]."""

    name: str
    source: Any
    shape: tuple[int, ...]
    row_order: np.ndarray | None = None
    # The GGUF has it as [columns, rows].
    transposed: bool = False
    # By which values are larger in the GGUF.
    increment: float = 0.0
    # The scheme that its blocks are, where they are kept: `shape` is then the GGUF's.
    scheme: str = ""


def row_order_of_rotated_halves(rows: int, heads: int) -> np.ndarray:
    """Where each Hugging Face row of a llama q or k projection is in the GGUF.

    llama.cpp rotates neighbouring rows of a head (2i, 2i + 1), Hugging Face rows i and
    i + half: the GGUF's writer interleaves the two halves of every head.
    """
    if heads <= 0 or rows % (2 * heads):
        raise ImportFailure(f"{rows} rows of a q or k projection do not split into {heads} heads")
    return np.arange(rows).reshape(heads, rows // heads // 2, 2).swapaxes(1, 2).reshape(rows)


def row_order_of_parts(fused_rows: list[int], rows: int) -> np.ndarray | None:
    """Where each Hugging Face row is in a GGUF that has them in the order of `fused_rows`; None
    where it has them in order."""
    if len(fused_rows) != rows:
        raise ImportFailure(f"{rows} rows of a fused projection, not {len(fused_rows)}")
    order = np.argsort(np.asarray(fused_rows))
    return None if (order == np.arange(rows)).all() else order


def to_bf16(values: np.ndarray) -> np.ndarray:
    """Rounds f32 to the nearest bf16, ties to even; returns the 16-bit patterns."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    quiet_nan = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet_nan, rounded).astype("<u2")


def _converter(dtype: str, name: str) -> Callable[[np.ndarray], bytes]:
    def to_f16(values: np.ndarray) -> bytes:
        with np.errstate(over="ignore"):
            halves = values.astype("<f2")
        if np.isinf(halves).any() and not np.isinf(values).any():
            raise ImportFailure(f"tensor {name!r} does not fit f16: use --dtype=bf16 or f32")
        return halves.tobytes()

    return {
        "f32": lambda values: values.astype("<f4").tobytes(),
        "f16": to_f16,
        "bf16": lambda values: to_bf16(values).tobytes(),
    }[dtype]


def _row_pieces(tensor: DecodedTensor, rows: int, columns: int) -> Iterator[np.ndarray]:
    """The f32 values of the GGUF's rows in the order wanted, some rows at a time."""
    kind = tensor.source.tensor_type
    # Of a source that others have parts of, `rows` are some.
    stored = math.prod(map(int, tensor.source.shape)) // columns
    raw = tensor.source.data.reshape(stored, -1)
    step = max(1, PIECE // columns)
    for first in range(0, rows, step):
        last = min(first + step, rows)
        piece = raw[first:last] if tensor.row_order is None else raw[tensor.row_order[first:last]]
        try:
            with np.errstate(all="ignore"):  # of values that are not finite
                values = np.ascontiguousarray(dequantize(piece, kind), dtype=np.float32)
        except NotImplementedError:
            kind_name = GGMLQuantizationType(kind).name
            raise ImportFailure(
                f"tensor {tensor.source.name!r} is {kind_name}, which cannot be decoded"
            ) from None
        yield values - np.float32(tensor.increment) if tensor.increment else values


def decoded_pieces(tensor: DecodedTensor) -> Iterator[np.ndarray]:
    """The f32 values of a tensor in order, some rows at a time; a transposed one is held whole."""
    # A bias whose elements are reordered is a column of one-element rows.
    is_column = tensor.row_order is not None and len(tensor.shape) == 1
    kind = GGMLQuantizationType(tensor.source.tensor_type)
    if is_column and kind not in (F32, F16, BF16):
        raise ImportFailure(
            f"tensor {tensor.source.name!r} is {kind.name}, but its elements have to change places:"
            " only F32, F16 and BF16 can be decoded here"
        )
    columns = 1 if is_column else tensor.shape[-1]
    rows = math.prod(tensor.shape) // columns
    if not tensor.transposed:
        yield from _row_pieces(tensor, rows, columns)
        return
    whole = np.empty((columns, rows), np.float32)
    first = 0
    for piece in _row_pieces(tensor, columns, rows):
        count = piece.size // rows
        whole[first : first + count] = piece.reshape(count, rows)
        first += count
    step = max(1, PIECE // columns)
    for first in range(0, rows, step):
        yield np.ascontiguousarray(whole[:, first : first + step].T)


def _block_rows(tensor: DecodedTensor) -> np.ndarray:
    """The bytes of the GGUF's rows, which are whole blocks."""
    rows = int(tensor.source.shape[-1])
    return tensor.source.data.reshape(rows, -1)


def _blocks(tensor: DecodedTensor) -> Iterator[bytes]:
    """The bytes of a matrix's rows in the order wanted, some rows at a time."""
    raw = _block_rows(tensor)
    rows = tensor.shape[0]
    step = max(1, PIECE // raw.shape[1])
    for first in range(0, rows, step):
        last = min(first + step, rows)
        piece = raw[first:last] if tensor.row_order is None else raw[tensor.row_order[first:last]]
        yield piece.tobytes()


def write_tensors(path: Path, tensors: list[DecodedTensor], dtype: str) -> None:
    """Writes the tensors, decoded ones as `dtype`; peak memory is one piece of one tensor, or a
    transposed one."""
    stored = DTYPES[dtype]

    def entry(tensor: DecodedTensor) -> NewTensor:
        if tensor.scheme:
            shape = (tensor.shape[0], _block_rows(tensor).shape[1])
            return NewTensor(tensor.name, "U8", shape, lambda: _blocks(tensor))
        convert = _converter(dtype, tensor.name)
        return NewTensor(
            tensor.name, stored, tensor.shape, lambda: map(convert, decoded_pieces(tensor))
        )

    write_safetensors(path, [entry(tensor) for tensor in tensors], "decoding to")
