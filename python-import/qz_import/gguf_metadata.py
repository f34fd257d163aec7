"""Typed access to the key-value metadata of a GGUF."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, Protocol

from qz_import.errors import ImportFailure, shown

# Decimals that tell any two values of f32 apart.
F32_DIGITS = 9


def as_f32(value: float) -> float:
    """What is left of a value that is stored as f32."""
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def shortest(value: float) -> float:
    """The shortest decimal of a value that the GGUF stores as f32: 1e-05, not 9.99999974e-06."""
    stored = as_f32(value)
    decimals = (float(f"{stored:.{digits}g}") for digits in range(1, F32_DIGITS))
    return next((decimal for decimal in decimals if as_f32(decimal) == stored), stored)


class Field(Protocol):
    """A value of a file, which decodes it when it is asked for."""

    def contents(self) -> Any: ...


class Metadata:
    """Values by key; a missing or mistyped key is an error that names it and the file."""

    def __init__(self, fields: Mapping[str, Field], where: str) -> None:
        self._fields = fields
        self._asked: set[str] = set()
        self.where = where

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._fields

    def unused(self) -> list[str]:
        """The keys that were not asked for."""
        return [key for key in self._fields if key not in self._asked]

    def value(self, key: str) -> Any:
        self._asked.add(key)
        if key not in self._fields:
            raise ImportFailure(f"{self.where}: missing metadata {key!r}")
        try:
            return self._fields[key].contents()
        except (UnicodeDecodeError, IndexError, ValueError) as error:
            raise ImportFailure(f"{self.where}: metadata {key!r}: {error}") from error

    def _typed(self, key: str, kind: type | tuple[type, ...], word: str) -> Any:
        value = self.value(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ImportFailure(f"{self.where}: metadata {key!r} is {shown(value)}, not {word}")
        return value

    def integer(self, key: str) -> int:
        return self._typed(key, int, "an integer")

    def optional_integer(self, key: str) -> int | None:
        return self.integer(key) if self.has(key) else None

    def size(self, key: str) -> int:
        """One integer, or one for each layer, all of them the same."""
        value = self.value(key)
        if isinstance(value, list) and value and all(item == value[0] for item in value):
            value = value[0]
        if isinstance(value, list):
            raise ImportFailure(
                f"{self.where}: metadata {key!r} differs from layer to layer, which is not "
                "supported"
            )
        if not isinstance(value, int) or isinstance(value, bool):
            raise ImportFailure(f"{self.where}: metadata {key!r} is {shown(value)}, not an integer")
        return value

    def optional_size(self, key: str) -> int | None:
        return self.size(key) if self.has(key) else None

    def number(self, key: str) -> float:
        return float(self._typed(key, (int, float), "a number"))

    def positive(self, key: str) -> float:
        """A finite number above 0, as `shortest` has it."""
        value = shortest(self.number(key))
        if not 0 < value < float("inf"):
            raise ImportFailure(f"{self.where}: metadata {key!r} is {value}, not a positive number")
        return value

    def text(self, key: str) -> str:
        return self._typed(key, str, "a string")

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Without a default, the key must be there."""
        is_given = default is None or self.has(key)
        return self._typed(key, bool, "a boolean") if is_given else default

    def texts(self, key: str) -> list[str]:
        return self._list(key, str, "strings")

    def integers(self, key: str) -> list[int]:
        return self._list(key, int, "integers")

    def numbers(self, key: str) -> list[float]:
        found = self._list(key, (int, float), "numbers")
        if not all(map(math.isfinite, found)):
            raise ImportFailure(f"{self.where}: metadata {key!r} has what is no finite number")
        return found

    def _list(self, key: str, kind: type | tuple[type, ...], word: str) -> list[Any]:
        value = self.value(key)
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            raise ImportFailure(f"{self.where}: metadata {key!r} is not a list of {word}")
        return value
