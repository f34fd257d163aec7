"""Typed access to a config.json: what is missing, mistyped or unknown is an error with its key."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from qz_import.errors import ImportFailure, shown

_REQUIRED = object()
# Sizes beyond this are mistakes, and would overflow index arithmetic later.
SIZE_LIMIT = 1 << 31


class Config:
    """A JSON object with the name of its file. A key set to null counts as absent."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self._values = values
        self.where = where

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def mentions(self, key: str) -> bool:
        """Whether the key is there, be it as null."""
        return key in self._values

    def keys(self) -> Iterable[str]:
        return self._values.keys()

    def raw(self, key: str) -> Any:
        return self._values.get(key)

    def fail(self, key: str, what: str) -> ImportFailure:
        return ImportFailure(f"{self.where}: {key} {what}")

    def _get(self, key: str, default: Any) -> Any:
        value = self._values.get(key)
        if value is not None:
            return value
        if default is _REQUIRED:
            raise ImportFailure(f"{self.where}: missing key {key!r}")
        return default

    def size(self, key: str, default: Any = _REQUIRED, limit: int = SIZE_LIMIT) -> int:
        """A whole number from 1 to below `limit`."""
        value = self._get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < limit:
            raise self.fail(key, f"is {shown(value)}, not a size")
        return value

    def number(self, key: str, default: Any = _REQUIRED) -> float:
        """A finite number above 0."""
        value = self._get(key, default)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # An int may be beyond the range of a float.
        if not is_number or not 0 < value <= sys.float_info.max:
            raise self.fail(key, f"is {shown(value)}, not a positive number")
        return float(value)

    def flag(self, key: str, default: Any = _REQUIRED) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, f"is {shown(value)}, not true or false")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.fail(key, f"is {shown(value)}, not a string")
        return value

    def choice(self, key: str, choices: dict[str, str], default: Any = _REQUIRED) -> str:
        """The value that `choices` gives for the key's text; others are not supported."""
        value = self.text(key, default)
        if value not in choices:
            known = ", ".join(sorted(choices))
            raise self.fail(key, f"{shown(value)} is not supported (known: {known})")
        return choices[value]

    def section(self, key: str) -> Config | None:
        """A nested object, whose errors name both keys."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fail(key, f"is {shown(value)}, not an object")
        return Config(value, f"{self.where}: {key}")
