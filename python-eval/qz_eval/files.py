"""Reading, hashing and writing files: errors carry the path, outputs appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure


def sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EvalFailure(f"{path}: cannot be read: {error.strerror}") from error


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvalFailure(f"{path}: cannot make the folder: {error.strerror}") from error


def _drop_leftovers(path: Path) -> None:
    """What killed processes left of a file on its way: nobody holds its lock."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes beside, flushes and renames: a reader sees the old file, the new one or none."""
    _drop_leftovers(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise EvalFailure(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; whatever else is in the file is an error that names it."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise EvalFailure(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EvalFailure(f"{path}: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise EvalFailure(f"{path}: not a JSON object")
    return value
