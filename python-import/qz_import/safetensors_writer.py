"""Writes safetensors files piece by piece."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qz_import.files import atomic_file
from qz_import.progress import Progress
from qz_import.weights import DTYPE_BYTES


@dataclass(frozen=True)
class NewTensor:
    """A tensor to write; `pieces` gives its bytes in order, when its turn comes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Callable[[], Iterable[bytes]]


def write_safetensors(path: Path, tensors: Sequence[NewTensor], label: str) -> None:
    """Peak memory is one piece. `label` is what the progress line says."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        size = math.prod(tensor.shape) * DTYPE_BYTES[tensor.dtype]
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as file, Progress(f"{label} {path.name}", offset) as bar:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            for piece in tensor.pieces():
                file.write(piece)
                bar.advance(len(piece))
