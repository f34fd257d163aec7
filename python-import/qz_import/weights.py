"""Where the tensors of a checkpoint are: safetensors headers, checked, without reading weights."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_import.errors import ImportFailure
from qz_import.files import parse_json_object, read_json

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
# The format's own limit on a header.
HEADER_LIMIT = 100_000_000
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
# What a weight may be stored as → its MLIR type.
ELEMENT_TYPES = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file; `offset` counts from the file's first byte."""

    file: Path
    offset: int
    shape: tuple[int, ...]
    dtype: str


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _entry(path: Path, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape and byte range (from the data's start) of an entry that may be anything."""
    where = f"{path}: tensor {name!r}"
    if not isinstance(entry, dict):
        raise ImportFailure(f"{where}: its header entry is not an object")
    dtype, shape, span = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise ImportFailure(f"{where}: unknown dtype {dtype!r}")
    if not isinstance(shape, list) or not all(map(_is_size, shape)):
        raise ImportFailure(f"{where}: shape {shape!r} is not a list of sizes")
    if not isinstance(span, list) or len(span) != 2 or not all(map(_is_size, span)):
        raise ImportFailure(f"{where}: data_offsets {span!r} is not a pair of offsets")
    begin, end = span
    size = math.prod(shape) * DTYPE_BYTES[dtype]
    if end - begin != size:
        raise ImportFailure(
            f"{where}: {dtype} {shape} takes {size} bytes, "
            f"but its offsets {span} span {end - begin}"
        )
    return dtype, tuple(shape), begin, end


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one safetensors file, every offset checked against the file."""
    if not path.is_file():
        raise ImportFailure(f"{path}: missing (no such file)")
    file_size = path.stat().st_size
    with path.open("rb") as file:
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
        tensors[name] = StoredTensor(path, first + begin, shape, dtype)
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


def _sharded(folder: Path) -> dict[str, StoredTensor]:
    index = folder / INDEX
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ImportFailure(f"{index}: missing key 'weight_map'")
    shards: dict[str, dict[str, StoredTensor]] = {}
    tensors = {}
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or shard in ("", ".", "..") or "/" in shard or "\0" in shard:
            raise ImportFailure(f"{index}: {shard!r} of tensor {name!r} is no plain file name")
        if shard not in shards:
            shards[shard] = read_header(folder / shard)
        if name not in shards[shard]:
            raise ImportFailure(
                f"{folder / shard}: missing tensor {name!r}, which {INDEX} puts here"
            )
        tensors[name] = shards[shard][name]
    return tensors


def read_checkpoint(folder: Path) -> dict[str, StoredTensor] | None:
    """The tensors of a Hugging Face folder by name; None where it holds no weights at all."""
    # A dangling link is a missing file, not a folder without weights.
    if os.path.lexists(folder / SINGLE):
        return read_header(folder / SINGLE)
    if os.path.lexists(folder / INDEX):
        return _sharded(folder)
    others = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".safetensors", ".gguf")
    )
    if others:
        raise ImportFailure(
            f"{folder}: neither {SINGLE} nor {INDEX} is there, but {others[0]} is; "
            "only safetensors under their usual names are read"
        )
    return None
