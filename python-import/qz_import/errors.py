"""What qz-import says on stderr: the one kind of failure, notes, and values in their lines."""

from __future__ import annotations

import sys

LONGEST = 80
LONGEST_LINE = 600


class ImportFailure(Exception):
    """Something in the input is wrong; the message is the one line the user sees."""


class UsageFailure(ImportFailure):
    """The call itself is wrong (exit 2 instead of 1)."""


def one_line(message: str) -> str:
    """One line that people can read, whatever names and texts of others are in it: of a long one
    both ends, where the file is named and what is wrong."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"


def note(message: str) -> None:
    print(f"qz-import: {one_line(message)}", file=sys.stderr)


def warn(message: str) -> None:
    """Something in the input that makes no difference here, but may be a mistake."""
    note(f"warning: {message}")


def shown(value: object) -> str:
    """A value that may be anything, in an error line: long ones are cut, and containers of
    containers, which may nest deeper than Python prints, are named by their kind."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if any(isinstance(item, (dict, list)) for item in items):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
