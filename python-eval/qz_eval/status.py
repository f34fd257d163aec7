"""What is being done and how long it will take, in one line on a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
import time


def duration(seconds: float) -> str:
    """As exact as a guess deserves: "8 s", "3 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


class Status:
    """Rewritten in place. Knows what each finished piece took and guesses the rest from it."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._seconds: list[float] = []
        self._text = ""
        self._since = time.monotonic()
        self._shown = sys.stderr.isatty()

    def start(self, text: str) -> None:
        self._text = text
        self._since = time.monotonic()
        self.refresh()

    def finish(self, seconds: float) -> None:
        """One of the pieces is there; it took `seconds`, now or in an earlier run."""
        self._done += 1
        self._seconds.append(seconds)

    def expect(self, more: int) -> None:
        """There are more pieces than was known."""
        self._total += more

    def skip(self) -> None:
        """One of the pieces will not be there."""
        self._done += 1

    def time_left(self) -> float | None:
        """Seconds, as far as finished pieces tell."""
        if not self._seconds:
            return None
        return (self._total - self._done) * sum(self._seconds) / len(self._seconds)

    def refresh(self) -> None:
        if not self._shown:
            return
        running = duration(time.monotonic() - self._since)
        line = f"qz-eval: {self._done + 1} of {self._total}, {self._text}, {running}"
        if left := self.time_left():
            line += f"; about {duration(left)} left"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
