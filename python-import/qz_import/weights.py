"""Where a tensor is, and the headers of safetensors files: checked, without reading weights."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_import.errors import ImportFailure, shown
from qz_import.files import CHUNK, open_regular, parse_json_object

# The format's own limit on a header.
HEADER_LIMIT = 100_000_000
MOST_DIMENSIONS = 64
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8, "C128": 16,
}  # fmt: skip
# What a weight may be stored as → its MLIR type.
ELEMENT_TYPES = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file, under the name that it has there; `offset` counts from the file's first
    byte, `size` is in bytes."""

    name: str
    file: Path
    offset: int
    size: int
    shape: tuple[int, ...]
    # Any that a file may have; only those of ELEMENT_TYPES can be used.
    dtype: str
    # Why it cannot be used although its type could: ends a line that names the tensor.
    problem: str = ""

    def pieces(self) -> Iterator[bytes]:
        """The tensor's bytes, some at a time."""
        left = self.size
        with open_regular(self.file) as file:
            file.seek(self.offset)
            while left > 0:
                piece = file.read(min(left, CHUNK))
                if not piece:
                    raise ImportFailure(f"{self.file}: became shorter while it was read")
                left -= len(piece)
                yield piece


def same_contents(a: StoredTensor, b: StoredTensor) -> bool:
    """Whether two tensors have the same type, shape and bytes."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    if (a.file, a.offset) == (b.file, b.offset):
        return True
    return all(x == y for x, y in zip(a.pieces(), b.pieces(), strict=True))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _entry(path: Path, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape and byte range (from the data's start) of an entry that may be anything. Of a
    dtype that is not known, nothing says how many bytes it should have."""
    where = f"{path}: tensor {name!r}"
    if not isinstance(entry, dict):
        raise ImportFailure(f"{where}: its header entry is not an object")
    dtype, shape, span = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str):
        raise ImportFailure(f"{where}: dtype {shown(dtype)} is not a string")
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS or not all(map(_is_size, shape)):
        raise ImportFailure(f"{where}: shape {shown(shape)} is not a list of sizes")
    if not isinstance(span, list) or len(span) != 2 or not all(map(_is_size, span)):
        raise ImportFailure(f"{where}: data_offsets {shown(span)} is not a pair of offsets")
    begin, end = span
    size = math.prod(shape) * DTYPE_BYTES.get(dtype, 0)
    if dtype in DTYPE_BYTES and end - begin != size:
        raise ImportFailure(
            f"{where}: {dtype} {shape} takes {size} bytes, "
            f"but its offsets {span} span {end - begin}"
        )
    if end < begin:
        raise ImportFailure(f"{where}: data_offsets {span} end before they begin")
    return dtype, tuple(shape), begin, end


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one safetensors file, every offset checked against the file."""
    with open_regular(path) as file:
        file_size = os.fstat(file.fileno()).st_size
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ImportFailure(f"{path}: truncated: {file_size} bytes are no safetensors file")
        (length,) = struct.unpack("<Q", prefix)
        if length > HEADER_LIMIT or length > file_size - 8:
            raise ImportFailure(
                f"{path}: truncated or no safetensors file: "
                f"it announces a header of {length} bytes and has {file_size}"
            )
        header = parse_json_object(file.read(length), f"{path}: header")
    header.pop("__metadata__", None)

    first = 8 + length
    data_size = file_size - first
    tensors, spans = {}, []
    for name, entry in header.items():
        dtype, shape, begin, end = _entry(path, name, entry)
        if end > data_size:
            raise ImportFailure(
                f"{path}: truncated or lying header: tensor {name!r} ends at byte {first + end}, "
                f"the file has {file_size} bytes"
            )
        tensors[name] = StoredTensor(name, path, first + begin, end - begin, shape, dtype)
        spans.append((begin, end, name))
    last_end, last_name = 0, ""
    for begin, end, name in sorted(spans):
        if begin < last_end:
            raise ImportFailure(f"{path}: tensors {last_name!r} and {name!r} overlap")
        last_end, last_name = end, name
    if last_end != data_size:
        raise ImportFailure(
            f"{path}: {data_size - last_end} bytes after the last tensor belong to none"
        )
    return tensors
