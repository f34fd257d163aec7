"""Files of torch.save, honest and otherwise, put together without torch."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}
LEGACY_HEAD = (
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number
    b"\x80\x02M\xe9\x03."  # the protocol, 1001
)


# --- pickle programs of protocol 2 ---


def program(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def integer(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tuple_of(*arguments) + b"R"


def ordered_dict() -> bytes:
    return call(name("collections", "OrderedDict"))


def storage(kind: str, key: str, count: int) -> bytes:
    parts = (text("storage"), name("torch", kind), text(key), text("cpu"), integer(count))
    return tuple_of(*parts) + b"Q"


def tensor(
    source: bytes, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0
) -> bytes:
    if strides is None:
        strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        source,
        integer(offset),
        tuple_of(*map(integer, shape)),
        tuple_of(*map(integer, strides)),
        b"\x89",
        ordered_dict(),
    )


def state(items: dict[str, bytes]) -> bytes:
    """A dictionary of tensors, with the state that a module's has."""
    body = b"".join(text(key) + value for key, value in items.items())
    metadata = b"}" + text("_metadata") + ordered_dict() + b"s"
    return ordered_dict() + b"(" + body + b"u" + metadata + b"b"


# --- files ---


def zipped(
    pickle: bytes,
    storages: dict[str, bytes],
    extra: dict[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        for path, data in (extra or {}).items():
            archive.writestr(path, data)
    return raw.getvalue()


def pickled(
    tensors: dict[str, np.ndarray], more: dict[str, bytes] | None = None
) -> tuple[bytes, dict[str, bytes]]:
    """The program of a dictionary of tensors, and of what else it holds, and the bytes of the
    storages."""
    items = {
        key: tensor(storage(STORAGES[str(v.dtype)], str(i), v.size), v.shape)
        for i, (key, v) in enumerate(tensors.items())
    }
    storages = {str(i): v.tobytes() for i, v in enumerate(tensors.values())}
    return program(state(items | (more or {}))), storages


def write_torch(path: Path, tensors: dict[str, np.ndarray]) -> None:
    path.write_bytes(zipped(*pickled(tensors)))


def legacy(tensors: dict[str, np.ndarray]) -> bytes:
    """The layout before torch 1.6."""
    pickle, storages = pickled(tensors)
    machine = program(b"}" + text("little_endian") + b"\x88s")
    keys = program(b"](" + b"".join(map(text, storages)) + b"e")
    counts = (v.size.to_bytes(8, "little") for v in tensors.values())
    parts = (count + data for count, data in zip(counts, storages.values(), strict=True))
    return LEGACY_HEAD + machine + pickle + keys + b"".join(parts)
