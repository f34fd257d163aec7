"""Opens a GGUF: one file, or all shards of a model that was split into several."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader

from qz_import.errors import ImportFailure
from qz_import.files import open_regular

MAGIC = b"GGUF"
COUNT, NUMBER, TENSORS = "split.count", "split.no", "split.tensors.count"
SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")


class _Reader(GGUFReader):
    """The package's reader takes what lies beyond the end of a file for empty: a list that says it
    is long would be read for ever."""

    def _get(self, offset: int, dtype: Any, count: int = 1, *more: Any, **named: Any) -> np.ndarray:
        values = super()._get(offset, dtype, count, *more, **named)
        if len(values) < int(count):
            raise ValueError(f"the file ends inside the values at byte {offset}")
        return values


@dataclass(frozen=True)
class Gguf:
    """The fields are those of the first shard, which has them all."""

    fields: Mapping[str, Any]
    tensors: list[Any]


def _read(path: Path) -> GGUFReader:
    with open_regular(path) as file:
        start = file.read(8)
    if start[:4] != MAGIC:
        raise ImportFailure(f"{path}: not a GGUF file (starts with {start[:4]!r})")
    # Versions are small numbers: one whose low half is empty has its bytes the other way round.
    if len(start) == 8 and struct.unpack("<I", start[4:])[0] & 0xFFFF == 0:
        raise ImportFailure(
            f"{path}: a big-endian GGUF; turn its bytes round with the gguf package's "
            f"gguf-convert-endian {path.name} little"
        )
    try:
        return _Reader(path)
    except Exception as error:  # the reader raises whatever its parsing runs into
        raise ImportFailure(f"{path}: damaged or truncated GGUF: {error}") from error


def _number(reader: GGUFReader, path: Path, key: str, default: int) -> int:
    if key not in reader.fields:
        return default
    value = reader.fields[key].contents()
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ImportFailure(f"{path}: metadata {key!r} is {value!r}, not a count")
    return value


def _shards(path: Path, count: int) -> list[Path]:
    match = SHARD.fullmatch(path.name)
    if not match or int(match[3]) != count:
        raise ImportFailure(
            f"{path}: one of the {count} files of a model, which are found by their names: it must "
            f"be called NAME-00001-of-{count:05}.gguf or the like"
        )
    return [path.with_name(f"{match[1]}-{n:05}-of-{count:05}.gguf") for n in range(1, count + 1)]


def open_gguf(path: Path) -> Gguf:
    """The model that a file is, or, whichever of them it is, one of the files of."""
    reader = _read(path)
    count = _number(reader, path, COUNT, 1)
    if count <= 1:
        return Gguf(reader.fields, list(reader.tensors))
    readers = []
    for number, shard in enumerate(_shards(path, count)):
        if not shard.exists():
            raise ImportFailure(
                f"{shard}: missing (no such file), one of {count} that make a model"
            )
        part = _read(shard)
        if _number(part, shard, COUNT, 1) != count or _number(part, shard, NUMBER, 0) != number:
            raise ImportFailure(f"{shard}: not number {number + 1} of {count} files of one model")
        readers.append(part)
    tensors = [tensor for part in readers for tensor in part.tensors]
    (name, times), *_ = Counter(tensor.name for tensor in tensors).most_common(1) or [("", 0)]
    if times > 1:
        raise ImportFailure(f"{path}: tensor {name!r} is in two files of the model")
    expected = _number(readers[0], path, TENSORS, len(tensors))
    if expected != len(tensors):
        raise ImportFailure(f"{path}: {count} files with {len(tensors)} tensors, not {expected}")
    return Gguf(readers[0].fields, tensors)
