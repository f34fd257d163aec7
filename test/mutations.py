"""Seeded mutations of files, for tests that no file from outside makes a tool crash or hang.

A seed is a mutation: a test that names the seed of a failure names the failure. QZC_MUTATIONS is
how many seeds a test tries, where somebody has the time."""

from __future__ import annotations

import copy
import json
import os
import random
import re
from collections.abc import Iterator
from typing import Any

# What no check may overlook: each has been the fault of some reader.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "x",
    "é\u0301\U0001f600",
    "\ud800",
    "a\nb",
    "x" * 5000,
    "None",
    "12",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"type": "x"},
)
NUMBERS = ("0", "-1", "1", "7", "4294967296", "9223372036854775808", "1" * 300, "1.5", "-0x1", "")


def seeds(usual: int) -> Iterator[int]:
    return iter(range(int(os.environ.get("QZC_MUTATIONS", usual))))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container within a JSON value with every key of it."""
    stack = [value]
    while stack:
        inner = stack.pop()
        keys = inner.keys() if isinstance(inner, dict) else range(len(inner))
        for key in keys:
            yield inner, key
            if isinstance(inner[key], dict | list):
                stack.append(inner[key])


class Mutator:
    """Mutations by one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _times(self) -> int:
        return self._random.choice((1, 1, 1, 2, 4))

    def json(self, value: Any) -> Any:
        """The value with some of its values replaced, removed, doubled or exchanged."""
        value = copy.deepcopy(value)
        for _ in range(self._times()):
            places = list(_places(value))
            if not places:
                return self._random.choice(VALUES)
            # Large dictionaries (a vocabulary) would hide all else.
            by_container: dict[int, list[tuple[Any, Any]]] = {}
            for place in places:
                by_container.setdefault(id(place[0]), []).append(place)
            inner, key = self._random.choice(self._random.choice(list(by_container.values())))
            self._alter(inner, key, places)
        return value

    def _alter(self, inner: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
        how = self._random.randrange(6)
        if how == 0:
            del inner[key]
        elif how == 1:
            other, other_key = self._random.choice(places)
            inner[key] = copy.deepcopy(other[other_key])
        elif how == 2 and isinstance(inner, dict):
            inner[self._random.choice(("", "x", "type", f"{key}x"))] = inner.pop(key)
        elif how == 2:
            inner.append(copy.deepcopy(inner[key]))
        elif how == 3 and isinstance(inner[key], int | float) and abs(inner[key]) < 2**60:
            inner[key] = self._random.choice((-inner[key], inner[key] + 1, 2 * inner[key]))
        elif how == 3 and isinstance(inner[key], str):
            inner[key] = self.text(inner[key])
        else:
            inner[key] = copy.deepcopy(self._random.choice(VALUES))

    def json_bytes(self, text: bytes) -> bytes:
        """A JSON file: most often its values, now and then its letters."""
        if self._random.randrange(4) == 0:
            return self.bytes(text)
        written = json.dumps(self.json(json.loads(text)), ensure_ascii=self._random.random() < 0.5)
        return written.encode("utf-8", "surrogatepass")

    def bytes(self, data: bytes, within: int | None = None) -> bytes:
        """The bytes with some of the first `within` altered, cut out, doubled or put in."""
        out = bytearray(data)
        for _ in range(self._times()):
            end = min(within or len(out), len(out))
            at = self._random.randrange(end + 1)
            span = self._random.choice((1, 1, 2, 4, 8, 40))
            how = self._random.randrange(6)
            if how == 0:
                del out[at:]
            elif how == 1:
                del out[at : at + span]
            elif how == 2:
                out[at:at] = out[at : at + span]
            elif how == 3:
                out[at : at + span] = self._random.randbytes(span)
            elif how == 4:
                out[at : at + 1] = self._random.choice((b"\0", b"\xff", b"\x7f", b"\x80"))
            elif at < len(out):
                out[at] ^= 1 << self._random.randrange(8)
        return bytes(out)

    def text(self, text: str) -> str:
        """The text with some of its words, numbers or lines altered, exchanged or doubled."""
        for _ in range(self._times()):
            words = re.findall(r"\d+|[^\W\d]+|\s+|.", text)
            if not words:
                return text
            at = self._random.randrange(len(words))
            how = self._random.randrange(5)
            if how == 0:
                del words[at]
            elif how == 1:
                words.insert(at, self._random.choice(words))
            elif how == 2:
                numbers = [i for i, word in enumerate(words) if word.isdigit()]
                where = self._random.choice(numbers) if numbers else at
                words[where] = self._random.choice(NUMBERS)
            elif how == 3:
                lines = text.splitlines(keepends=True)
                line = self._random.randrange(len(lines))
                words = lines[:line] + self._random.choice(
                    ([], [lines[line]] * 2, [self._random.choice(lines)])
                )
                words += lines[line + 1 :]
            else:
                words[at] = self._random.choice(("é", "\0", "(", '"', "{", "\n", "%", "-", "<"))
            text = "".join(words)
        return text
