"""Where the tensors of a torch.save file are, without torch and without reading weights.

Two layouts: a zip archive with the dictionary in data.pkl and each storage as a stored (never
compressed) entry, and, before torch 1.6, pickles one after the other with the storages behind them.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from qz_import.errors import ImportFailure
from qz_import.files import open_regular
from qz_import.torch_pickle import Storage, TensorView, Unpickler
from qz_import.weights import DTYPE_BYTES, StoredTensor

# A tensor takes some 200 bytes of the pickle, and an archive some 100 of its directory.
PICKLE_LIMIT = 8 << 20
DIRECTORY_LIMIT = 16 << 20

ZIP_MAGIC = b"PK\x03\x04"
ZIP_LOCAL_BYTES = 30
ZIP_END = struct.Struct("<4s4H2LH")
ZIP64_LOCATOR = struct.Struct("<4sLQL")
ZIP64_END = struct.Struct("<4sQ2H2L4Q")
ENCRYPTED = 1

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little")
LEGACY_PROTOCOL = 1001


@dataclass(frozen=True)
class _Span:
    """Bytes of a file."""

    begin: int
    size: int


# --- zip archives ---


def _check_directory(path: Path, file: IO[bytes]) -> int:
    """Where the archive's directory begins; refuses one too large to be looked at."""
    size = path.stat().st_size
    file.seek(max(size - ZIP_END.size, 0))
    raw = file.read(ZIP_END.size)
    if len(raw) < ZIP_END.size or raw[:4] != b"PK\x05\x06":
        raise ImportFailure(f"{path}: truncated: the zip archive does not end where the file does")
    *_, length, begin, _ = ZIP_END.unpack(raw)
    end = size - ZIP_END.size
    file.seek(max(end - ZIP64_LOCATOR.size, 0))
    raw = file.read(ZIP64_LOCATOR.size)
    if raw[:4] == b"PK\x06\x07":
        end = min(ZIP64_LOCATOR.unpack(raw)[2], size)
        file.seek(end)
        raw = file.read(ZIP64_END.size)
        if len(raw) < ZIP64_END.size or raw[:4] != b"PK\x06\x06":
            raise ImportFailure(f"{path}: damaged zip archive: its end record is missing")
        *_, length, begin = ZIP64_END.unpack(raw)
    if begin + length != end:
        raise ImportFailure(f"{path}: damaged zip archive: its directory is not at its end")
    if length > DIRECTORY_LIMIT:
        raise ImportFailure(f"{path}: a zip directory of {length} bytes is too large")
    return begin


def _entry_span(path: Path, file: IO[bytes], info: zipfile.ZipInfo, limit: int) -> _Span:
    """The contents of an entry, by the header that stands before them."""
    where = f"{path}: entry {info.filename!r:.200}"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ImportFailure(f"{where} is compressed, which torch never does")
    if info.flag_bits & ENCRYPTED:
        raise ImportFailure(f"{where} is encrypted")
    file.seek(min(info.header_offset, limit))
    raw = file.read(ZIP_LOCAL_BYTES)
    if len(raw) < ZIP_LOCAL_BYTES or raw[:4] != ZIP_MAGIC:
        raise ImportFailure(f"{where} does not begin where the directory says")
    name_bytes, extra_bytes = struct.unpack("<HH", raw[26:30])
    if file.read(name_bytes) != info.orig_filename.encode("utf-8"):
        raise ImportFailure(f"{where} has another name where its contents are")
    return _Span(info.header_offset + ZIP_LOCAL_BYTES + name_bytes + extra_bytes, info.file_size)


def _check_overlaps(path: Path, spans: dict[str, _Span], limit: int) -> None:
    end, before = 0, ""
    for name, span in sorted(spans.items(), key=lambda item: (item[1].begin, item[1].size)):
        if span.begin < end:
            raise ImportFailure(f"{path}: entries {before!r:.100} and {name!r:.100} overlap")
        end, before = span.begin + span.size, name
    if end > limit:
        raise ImportFailure(f"{path}: truncated or lying: entry {before!r:.200} lies outside")


def _zip_spans(path: Path, file: IO[bytes]) -> dict[str, _Span]:
    """Every entry of the archive, all of them checked."""
    limit = _check_directory(path, file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise ImportFailure(f"{path}: damaged zip archive: {error}") from None
    spans: dict[str, _Span] = {}
    for info in entries:
        if info.filename in spans:
            raise ImportFailure(f"{path}: entry {info.filename!r:.200} appears twice")
        spans[info.filename] = _entry_span(path, file, info, limit)
    _check_overlaps(path, spans, limit)
    return spans


def _contents(file: IO[bytes], span: _Span) -> bytes:
    file.seek(span.begin)
    return file.read(span.size)


def _read_zip(path: Path, file: IO[bytes]) -> tuple[Any, dict[str, _Span]]:
    """The dictionary and the place of each storage."""
    spans = _zip_spans(path, file)
    pickles = [name for name in spans if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ImportFailure(f"{path}: a zip archive with {len(pickles)} data.pkl, not one")
    if spans[pickles[0]].size > PICKLE_LIMIT:
        raise ImportFailure(f"{path}: a data.pkl of {spans[pickles[0]].size} bytes is too large")
    root = pickles[0].removesuffix("data.pkl")
    order = spans.get(f"{root}byteorder")
    if order and (order.size > 16 or _contents(file, order) != b"little"):
        raise ImportFailure(f"{path}: its byte order is not little endian")
    raw = _contents(file, spans[pickles[0]])
    value = Unpickler(f"{path}: data.pkl").load(io.BytesIO(raw))
    data = f"{root}data/"
    return value, {
        name.removeprefix(data): span for name, span in spans.items() if name.startswith(data)
    }


# --- before torch 1.6 ---


def _read_legacy(path: Path, file: IO[bytes]) -> tuple[Any, dict[str, _Span]]:
    """The same of the older layout: magic, protocol, machine, dictionary, keys; then each key's
    count of elements and the elements."""
    file.seek(0)
    stream = io.BytesIO(file.read(PICKLE_LIMIT))
    unpickler = Unpickler(str(path))
    if unpickler.load(stream) != LEGACY_MAGIC or unpickler.load(stream) != LEGACY_PROTOCOL:
        raise ImportFailure(f"{path}: not a file of torch.save")
    machine = unpickler.load(stream)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ImportFailure(f"{path}: its byte order is not little endian")
    value, keys = unpickler.load(stream), unpickler.load(stream)
    storages = {view.storage.key: view.storage for view in _views(path, value).values()}
    are_names = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not are_names or sorted(keys) != sorted(storages):
        raise ImportFailure(f"{path}: the storages behind the dictionary are not those it uses")
    spans, position, size = {}, stream.tell(), path.stat().st_size
    for key in keys:
        file.seek(position)
        raw = file.read(8)
        count = int.from_bytes(raw, "little") if len(raw) == 8 else -1
        if count != storages[key].count:
            raise ImportFailure(
                f"{path}: truncated or lying: storage {key!r:.60} has {count} elements, "
                f"the dictionary says {storages[key].count}"
            )
        spans[key] = _Span(position + 8, count * DTYPE_BYTES[storages[key].dtype])
        position += 8 + spans[key].size
    if position != size:
        raise ImportFailure(
            f"{path}: truncated or lying: its storages end at byte {position}, "
            f"the file has {size} bytes"
        )
    return value, spans


# --- both ---


def _views(path: Path, value: Any) -> dict[str, TensorView]:
    """The tensors of a dictionary, which may hold numbers and texts of whoever saved it, too."""
    entries = value if isinstance(value, dict) else {}
    views = {name: view for name, view in entries.items() if isinstance(view, TensorView)}
    if not views:
        raise ImportFailure(f"{path}: holds no dictionary of tensors")
    return views


def _begin(path: Path, name: str, storage: Storage, spans: dict[str, _Span]) -> int:
    where = f"{path}: tensor {name!r:.200}"
    if storage.key not in spans:
        raise ImportFailure(f"{where} needs storage {storage.key!r:.60}, which is missing")
    size, stored = storage.count * DTYPE_BYTES[storage.dtype], spans[storage.key].size
    if size != stored:
        raise ImportFailure(
            f"{where} needs storage {storage.key!r:.60} of {size} bytes, which has {stored}"
        )
    return spans[storage.key].begin


def read_torch(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one torch.save file, every place checked against the file."""
    with open_regular(path) as file:
        start = file.read(len(LEGACY_START))
        if start.startswith(ZIP_MAGIC):
            value, spans = _read_zip(path, file)
        elif start == LEGACY_START:
            value, spans = _read_legacy(path, file)
        else:
            raise ImportFailure(f"{path}: not a file of torch.save (starts with {start[:4]!r})")
    tensors = {}
    for name, view in _views(path, value).items():
        storage = view.storage
        element = DTYPE_BYTES[storage.dtype]
        begin = _begin(path, name, storage, spans) + view.offset * element
        size = math.prod(view.shape) * element
        tensors[name] = StoredTensor(
            name, path, begin, size, view.shape, storage.dtype, view.problem
        )
    return tensors
