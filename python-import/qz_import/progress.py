"""A progress line on stderr for people; nothing at all when stderr is no terminal."""

from __future__ import annotations

import sys
import time

REDRAW_SECONDS = 0.1


class Progress:
    """Counts bytes of `total` under a label. Use as a context manager."""

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = max(total, 1)
        self._done = 0
        self._shown = False
        self._last = time.monotonic()
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if self._visible and now - self._last >= REDRAW_SECONDS:
            self._last = now
            self._shown = True
            percent = 100 * self._done // self._total
            megabytes = f"{self._done / 1e6:.0f} of {self._total / 1e6:.0f} MB"
            sys.stderr.write(f"\r\x1b[K{self._label}: {percent}% ({megabytes})")
            sys.stderr.flush()
