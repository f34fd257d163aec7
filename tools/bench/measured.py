"""What a program took."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class ProgramFailure(Exception):
    """It ended with an error; has its last words."""


@dataclass(frozen=True)
class Took:
    wall: float  # seconds
    cpu: float  # seconds of all its threads
    megabytes: float  # the peak of its memory


def measured(command: Sequence[str | Path]) -> Took:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise ProgramFailure(f"{' '.join(map(str, command))}\n{said.strip()[-2000:]}")
    wall = time.perf_counter() - start
    return Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)
