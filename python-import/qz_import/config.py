"""Typed access to a config.json: what is missing, mistyped or unknown is an error with its key."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from qz_import.errors import ImportFailure, shown
from qz_import.known_keys import NOTHING_KNOWN, KnownKeys, is_allowed

_REQUIRED = object()
# Sizes beyond this are mistakes, and would overflow index arithmetic later.
SIZE_LIMIT = 1 << 31


class Config:
    """A JSON object with the name of its file. A key set to null counts as absent, but does without
    the default of `known`, too. Keys that are asked for are remembered: the others are unused."""

    def __init__(
        self, values: dict[str, Any], where: str, known: KnownKeys = NOTHING_KNOWN
    ) -> None:
        self._values = values
        self._known = known
        self._asked: set[str] = set()
        self._sections: dict[str, Config] = {}
        self.where = where

    def with_known(self, known: KnownKeys) -> Config:
        """The same object, of which more is known."""
        config = Config(self._values, self.where, known)
        config._asked |= self._asked
        return config

    def _key(self, key: str) -> str:
        """What the file calls a key: another name wins where it has a value."""
        for other, name in self._known.aliases.items():
            if name == key and self._values.get(other) is not None:
                return other
        return key

    def _find(self, key: str) -> Any:
        """The key's value or default; None where there is neither."""
        self._asked |= {key, *(k for k, name in self._known.aliases.items() if name == key)}
        return self._values.get(self._key(key), self._known.defaults.get(key))

    def has(self, key: str) -> bool:
        return self._find(key) is not None

    def mentions(self, key: str) -> bool:
        """Whether the key is there, be it as null."""
        self._asked.add(key)
        return key in self._values

    def keys(self) -> Iterable[str]:
        return self._values.keys()

    def raw(self, key: str) -> Any:
        return self._find(key)

    def fail(self, key: str, what: str) -> ImportFailure:
        return ImportFailure(f"{self.where}: {self._key(key)} {what}")

    def followed(self) -> dict[str, Any]:
        """What was asked for, under the usual names, with the values that were found: an object
        that says the same whatever the defaults are."""
        names = sorted(self._asked - self._known.aliases.keys())
        values = {key: self._find(key) for key in names}
        return {
            key: value
            for key, value in values.items()
            if value is not None or self._known.defaults.get(key) is not None
        }

    def unknown(self) -> list[str]:
        """The keys with a value that were not asked for and that nobody knows, in order; refuses
        one that would have to be followed."""
        found = []
        for key, value in self._values.items():
            if key in self._sections:
                found += [f"{key}.{inner}" for inner in self._sections[key].unknown()]
            elif value is None or key in self._asked or key in self._known.ignored:
                continue
            elif key not in self._known.fixed:
                found.append(key)
            elif not is_allowed(value, self._known.fixed[key]):
                known = ", ".join(map(repr, self._known.fixed[key])) or "null"
                raise self.fail(key, f"is {shown(value)}, which is not supported (known: {known})")
        return found

    def _get(self, key: str, default: Any) -> Any:
        value = self._find(key)
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

    def count(self, key: str, default: Any = _REQUIRED) -> int:
        """A whole number from 0 on."""
        return 0 if self._get(key, default) == 0 else self.size(key, default)

    def optional_size(self, key: str) -> int | None:
        return self.size(key) if self.has(key) else None

    def optional_number(self, key: str) -> float | None:
        return self.number(key) if self.has(key) else None

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

    def numbers(self, key: str, count: int) -> list[float]:
        """A list of `count` finite numbers above 0."""
        value = self._get(key, _REQUIRED)
        if not isinstance(value, list) or len(value) != count:
            raise self.fail(key, f"is {shown(value)}, not a list of {count}")
        items = Config({f"{key}[{at}]": item for at, item in enumerate(value)}, self.where)
        return [items.number(f"{key}[{at}]") for at in range(count)]

    def flags(self, key: str, count: int) -> list[bool]:
        """A list of `count` of 0 and 1, or false and true."""
        value = self._get(key, _REQUIRED)
        if (
            not isinstance(value, list)
            or len(value) != count
            or any(v not in (0, 1) for v in value)
        ):
            raise self.fail(key, f"is {shown(value)}, not a list of {count} of 0 and 1")
        return list(map(bool, value))

    def words(self, key: str, known: tuple[str, ...], count: int) -> tuple[str, ...]:
        """A list of `count` of the known words."""
        value = self._get(key, _REQUIRED)
        if not isinstance(value, list) or len(value) != count:
            raise self.fail(key, f"is {shown(value)}, not a list of {count}")
        for word in value:
            if word not in known:
                raise self.fail(key, f"has {shown(word)} (known: {', '.join(known)})")
        return tuple(value)

    def section(self, key: str) -> Config | None:
        """A nested object, whose errors name both keys."""
        value = self._find(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fail(key, f"is {shown(value)}, not an object")
        return self._sections.setdefault(key, Config(value, f"{self.where}: {key}"))
