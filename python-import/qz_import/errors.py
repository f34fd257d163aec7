"""The one kind of failure that qz-import reports, and values in its line."""

from __future__ import annotations

LONGEST = 80


class ImportFailure(Exception):
    """Something in the input is wrong; the message is the one line the user sees."""


class UsageFailure(ImportFailure):
    """The call itself is wrong (exit 2 instead of 1)."""


def shown(value: object) -> str:
    """A value that may be anything, in an error line: long ones are cut, and containers of
    containers, which may nest deeper than Python prints, are named by their kind."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if any(isinstance(item, (dict, list)) for item in items):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
