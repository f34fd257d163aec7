"""The tokens that a tokenizer recognises as wholes, kept as the tokenizers library keeps them:
which id each gets, and which flags win where a token is declared more than once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qz_import.config import Config
from qz_import.errors import ImportFailure, shown

FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class AddedToken:
    """`normalized`: it is looked for after the normalizer ran; if nobody says, what is not special
    is."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    said_normalized: bool | None = None
    special: bool = False

    @property
    def normalized(self) -> bool:
        return not self.special if self.said_normalized is None else self.said_normalized

    def as_special(self) -> AddedToken:
        return replace(self, special=True)

    def same_as(self, other: AddedToken) -> bool:
        return self.content == other.content and all(
            getattr(self, flag) == getattr(other, flag) for flag in FLAGS
        )


def read_token(source: Config, key: str, special: bool = False) -> AddedToken:
    """A token that is given as its text, which is `special` then, or as an object with flags."""
    value = source.raw(key)
    if isinstance(value, str):
        return AddedToken(value, special=special)
    fields = source.section(key) if isinstance(value, dict) else None
    if fields is None:
        raise source.fail(key, f"is {shown(value)}, not a token")
    normalized = fields.flag("normalized") if fields.has("normalized") else None
    flags = {flag: fields.flag(flag, False) for flag in ("single_word", "lstrip", "rstrip")}
    own = fields.flag("special", False)
    fields.raw("__type")
    return AddedToken(
        fields.text("content"), **flags, said_normalized=normalized, special=special or own
    )


class AddedTokens:
    """Added tokens beside a model's vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._by_id: dict[int, AddedToken] = {}
        self._ids: dict[str, int] = {}
        # What was once special is left out of decoded text for ever.
        self._special: set[str] = set()

    def id_of(self, content: str) -> int | None:
        return self._ids.get(content, self._vocabulary.get(content))

    def contents(self) -> set[str]:
        return set(self._ids)

    def _next_id(self) -> int:
        count = len(self._vocabulary)
        largest = max(self._ids.values(), default=None)
        if largest is None or (largest < count and count > 0):
            return count
        return largest + 1

    def add(self, tokens: Iterable[AddedToken]) -> None:
        """A token of the vocabulary keeps its id; a new one gets the next behind the vocabulary
        and the other tokens, whatever a file said."""
        listed = list(tokens)
        self._special |= {token.content for token in listed if token.special}
        for token in listed:
            if not token.content:
                continue
            number = self.id_of(token.content)
            number = self._next_id() if number is None else number
            self._ids[token.content] = number
            self._by_id[number] = token

    def in_order(self) -> list[dict[str, Any]]:
        """As tokenizer.json lists them: by their ids."""
        return [
            {
                "id": number,
                "content": token.content,
                "single_word": token.single_word,
                "lstrip": token.lstrip,
                "rstrip": token.rstrip,
                "normalized": token.normalized,
                "special": token.content in self._special,
            }
            for number, token in sorted(self._by_id.items())
        ]

    def check(self, where: str) -> None:
        """An id belongs to one token."""
        owners = {number: token for token, number in self._vocabulary.items()}
        for content, number in self._ids.items():
            other = owners.setdefault(number, content)
            if other != content:
                raise ImportFailure(
                    f"{where}: tokens {other!r} and {content!r} have the same id {number}"
                )
