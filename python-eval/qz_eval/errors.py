"""The one kind of failure that qz-eval reports."""

from __future__ import annotations


class EvalFailure(Exception):
    """The work failed; the message is the one line the user sees."""


class UsageFailure(EvalFailure):
    """The call itself is wrong (exit 2 instead of 1)."""
