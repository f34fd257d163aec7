"""The one kind of failure that qz-import reports."""

from __future__ import annotations


class ImportFailure(Exception):
    """Something in the input is wrong; the message is the one line the user sees."""


class UsageFailure(ImportFailure):
    """The call itself is wrong (exit 2 instead of 1)."""
