"""The folder of a sweep: what is measured stays measured, under the hash of all that it depends on.

In DIR/sweep: `lock`, held while a sweep (or what it started) runs; `records/KEY.json`, one measured
variant each; `executables/`, on their way, gone once they are measured.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure
from qz_eval.files import make_folder, write_json

VERSION = 1
# How long what a killed sweep had started may still run.
PATIENCE_SECONDS = 20.0


def key_of(parts: Sequence[object]) -> str:
    text = json.dumps([VERSION, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sweep"
        self._records = self.folder / "records"
        self.executables = self.folder / "executables"
        make_folder(self._records)
        make_folder(self.executables)

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Keeps other sweeps out of the folder. Gives the lock's descriptor, for children to hold:
        it is free again when the last of them has ended."""
        path = self.folder / "lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise EvalFailure(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            self._take(lock)
            self._sweep_up()
            yield lock
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        said = False
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise EvalFailure(
                        f"{self.folder}: another sweep is at work in this folder"
                    ) from None
                if not said and sys.stderr.isatty():
                    print(f"qz-eval: waiting for another sweep in {self.folder}", file=sys.stderr)
                said = True
                time.sleep(0.1)

    def _sweep_up(self) -> None:
        """What a killed sweep left: nothing of it is whole but records and executables."""
        for folder in (self._records, self.executables):
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name.endswith(".tmp") or ".partial-" in path.name:
                    path.unlink(missing_ok=True)

    def load(self, key: str) -> dict[str, Any] | None:
        """A record, or None where there is none that can be read."""
        try:
            value = json.loads((self._records / f"{key}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) and value.get("key") == key else None

    def keep(self, executable: Path, name: str) -> None:
        """Moves an executable out of the sweep's own folder, under a name for people."""
        folder = self.folder.parent / "executables"
        make_folder(folder)
        try:
            executable.replace(folder / name)
        except OSError as error:
            raise EvalFailure(f"{folder / name}: cannot be written: {error.strerror}") from error

    def drop_executables(self) -> None:
        for path in self.executables.iterdir():
            if path.suffix == ".bin":
                path.unlink(missing_ok=True)

    def save(self, key: str, record: dict[str, Any]) -> None:
        write_json(self._records / f"{key}.json", {"key": key, **record})
