"""What a run that was killed left beside an output: told from a living run's by a lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from pathlib import Path

# Younger ones may belong to a run that has not taken its lock yet.
LEAST_SECONDS = 60


def hold(path: Path) -> int:
    """Marks a file or folder as in use until the number that this returns is closed, or the process
    ends, however it ends."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return number


def _is_left(path: Path) -> bool:
    with contextlib.suppress(OSError):
        if time.time() - path.lstat().st_mtime < LEAST_SECONDS or path.is_symlink():
            return False
        os.close(hold(path))
        return True
    return False


def clear(output: Path) -> None:
    """Removes the temporary files and folders of `output` that no living run holds, and gives back
    what such a run had put aside."""
    name = re.compile(rf"\.{re.escape(output.name)}\.\d+\.(tmp|old)")
    with contextlib.suppress(OSError):
        for path in output.parent.iterdir():
            if not name.fullmatch(path.name) or not _is_left(path):
                continue
            if path.suffix == ".old" and not os.path.lexists(output):
                path.rename(output)
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
