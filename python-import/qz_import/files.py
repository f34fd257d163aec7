"""Reading, hashing and writing files: errors carry the path, outputs appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from qz_import.errors import ImportFailure
from qz_import.progress import Progress

CHUNK = 4 << 20
# config.json and its like are small; a tokenizer.json reaches tens of megabytes.
TEXT_LIMIT = 512 << 20


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"key {twice!r} appears twice")
    return result


def parse_json_object(raw: bytes, where: str) -> dict[str, Any]:
    """A JSON object from bytes that may be anything. `where` starts the error line."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_reject_duplicates)
    except RecursionError:
        raise ImportFailure(f"{where}: JSON nested too deeply") from None
    except ValueError as error:
        raise ImportFailure(f"{where}: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ImportFailure(f"{where}: not a JSON object")
    return value


def open_regular(path: Path) -> BinaryIO:
    """A file open for reading. What has no end (a pipe, a device) is refused without waiting for
    it, whatever the path becomes meanwhile."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ImportFailure(f"{path}: missing (no such file)") from None
    except OSError as error:
        raise ImportFailure(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ImportFailure(f"{path}: not a regular file")
    return open(number, "rb")


def read_whole(path: Path) -> bytes:
    """The contents of a text file."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > TEXT_LIMIT:
            raise ImportFailure(f"{path}: {size} bytes is too large for a text file")
        return file.read(size)


def read_json(path: Path) -> dict[str, Any]:
    return parse_json_object(read_whole(path), str(path))


def sha256_of(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    size = 0
    length = path.stat().st_size
    with open_regular(path) as file, Progress(f"hashing {path.name}", length) as bar:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            bar.advance(len(chunk))
    return size, digest.hexdigest()


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` only when the block ends without an exception."""
    if path.is_dir():
        raise ImportFailure(f"{path}: is a folder, not a file to write")
    if not path.parent.is_dir():
        raise ImportFailure(f"{path}: the folder {path.parent} does not exist")
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # see leftovers.py
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        # The user knows the final name only.
        raise ImportFailure(f"{path}: cannot write: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    with atomic_file(path) as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
