"""The special and added tokens that stand beside a tokenizer.json: tokenizer_config.json, and in
older folders special_tokens_map.json and added_tokens.json. Read as transformers reads them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qz_import.added_tokens import AddedToken, AddedTokens, read_token
from qz_import.config import Config
from qz_import.errors import ImportFailure, shown
from qz_import.files import read_json

TOKENIZER_CONFIG = "tokenizer_config.json"
ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
EXTRA, OLDER_EXTRA = "extra_special_tokens", "additional_special_tokens"
DECODER = "added_tokens_decoder"
MOST_DIGITS = 9


def optional_config(path: Path) -> Config:
    """An empty one where there is no such file."""
    return Config(read_json(path) if os.path.lexists(path) else {}, str(path))


@dataclass(frozen=True)
class Said:
    """A special token as a file says it: as its text alone, or with flags."""

    token: AddedToken
    is_text: bool

    def same_as(self, other: Said) -> bool:
        if self.is_text != other.is_text:
            return False
        same_text = self.token.content == other.token.content
        return same_text if self.is_text else self.token.same_as(other.token)


def _said(source: Config, key: str, special: bool = False) -> Said:
    is_text = isinstance(source.raw(key), str)
    return Said(read_token(source, key, special or is_text), is_text)


@dataclass
class SpecialTokens:
    """What the files beside a tokenizer.json say."""

    # By role, the usual ones first; None takes a class's own away.
    named: dict[str, Said | None]
    extra: list[Said]
    # By the id that the file gives.
    numbered: dict[int, AddedToken]

    def values(self) -> Iterator[Said]:
        """The named ones, then the others."""
        yield from (said for said in self.named.values() if said)
        yield from self.extra


def _roles(source: Config, special: bool = False) -> dict[str, Said | None]:
    """The usual roles that a file gives to tokens, or to none by null."""
    return {
        role: None if source.raw(role) is None else _said(source, role, special)
        for role in ROLES
        if source.mentions(role)
    }


def _own_roles(source: Config, kinds: tuple[type, ...]) -> dict[str, Said]:
    """Special tokens under a key of another name ("image_token"), as values of these kinds."""
    keys = [key for key in source.keys() if key.endswith("_token")]  # noqa: SIM118
    found = [key for key in keys if key not in ROLES and isinstance(source.raw(key), kinds)]
    return {key: _said(source, key, special=str not in kinds) for key in found}


def _items(source: Config, key: str) -> dict[str, Said] | list[Said] | None:
    """More special tokens: an object that names them, a list, or one alone."""
    value = source.raw(key)
    if value is None:
        return None
    if isinstance(value, dict):
        names = source.section(key)
        assert names is not None
        return {name: _said(names, name) for name in list(names.keys())}
    items = value if isinstance(value, list) else [value]
    tokens = Config({str(n): item for n, item in enumerate(items)}, f"{source.where}: {key}")
    return [_said(tokens, name, special=True) for name in list(tokens.keys())]


class _Reader:
    """Puts the files together in the order in which transformers' loader does."""

    def __init__(self, config: Config) -> None:
        self.roles = _roles(config)
        # Those of other names: what the loader hands on by key, and what it collected before.
        self.found = _own_roles(config, (dict,))
        self.collected = _own_roles(config, (str,))
        extra, older = _items(config, EXTRA), _items(config, OLDER_EXTRA)
        if config.mentions(OLDER_EXTRA) and not extra:
            extra, older = older or [], None
        self.extra = self._without_names(extra)
        self.has_extra = config.mentions(EXTRA) and not isinstance(extra, dict)
        self.has_extra = self.has_extra or isinstance(extra, list)
        self.older = self._without_names(older)
        # Contents that added_tokens.json's tokens are special by: objects of tokenizer_config.json
        # are no tokens yet when the loader looks.
        self.special = {said.token.content for said in self.extra if said.is_text}

    def _without_names(self, items: dict[str, Said] | list[Said] | None) -> list[Said]:
        if isinstance(items, dict):
            self.collected |= items
            return []
        return items or []

    def add_map(self, older: Config) -> None:
        """special_tokens_map.json, which wins."""
        roles = _roles(older, special=True)
        self.special |= {said.token.content for said in roles.values() if said}
        self.special |= {
            said.token.content
            for role, said in self.roles.items()
            if said and said.is_text and role not in roles
        }
        self.roles |= roles
        self.found |= _own_roles(older, (dict,)) | _own_roles(older, (str,))
        for said in self._without_names(_items(older, EXTRA)):
            if not any(said.same_as(known) for known in self.extra):
                self.extra.append(said)
                self.special.add(said.token.content)
        self.has_extra = self.has_extra or isinstance(older.raw(EXTRA), list)
        if older.has(OLDER_EXTRA):
            self.older = self._without_names(_items(older, OLDER_EXTRA))

    def result(self, numbered: Sequence[tuple[int, AddedToken]]) -> SpecialTokens:
        by_content = {token.content: token for _, token in numbered}
        for role, said in self.roles.items():
            if said and said.token.content in by_content:
                self.roles[role] = Said(by_content[said.token.content], is_text=False)
        roles = {role: self.roles[role] for role in ROLES if role in self.roles}
        named = {**roles, **self.found, **self.collected}
        extra = self.extra if self.has_extra else self.older
        return SpecialTokens(named, extra, dict(numbered))


def _numbered(config: Config) -> list[tuple[int, AddedToken]]:
    decoder = config.section(DECODER)
    assert decoder is not None
    numbered = []
    for name in list(decoder.keys()):
        if not name.isascii() or not name.isdigit() or len(name) > MOST_DIGITS:
            raise decoder.fail(repr(name), "is no token id")
        numbered.append((int(name), read_token(decoder, name)))
    return numbered


def _older_numbers(path: Path, special: set[str]) -> list[tuple[int, AddedToken]]:
    """added_tokens.json: a text and its id."""
    numbers = read_json(path) if os.path.lexists(path) else {}
    found = []
    for content, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 31:
            raise ImportFailure(f"{path}: token {content!r} has the id {shown(number)}")
        is_special = content in special
        token = AddedToken(content, said_normalized=not is_special, special=is_special)
        found.append((number, token))
    return found


def read_special_tokens(
    folder: Path, config: Config, listed: Sequence[tuple[int, AddedToken]]
) -> SpecialTokens:
    """`config` is tokenizer_config.json, `listed` what the tokenizer.json lists itself."""
    reader = _Reader(config)
    if config.has(DECODER):
        return reader.result(_numbered(config))
    reader.add_map(optional_config(folder / "special_tokens_map.json"))
    older = _older_numbers(folder / "added_tokens.json", reader.special)
    return reader.result([*older, *listed])


def add_special_tokens(tokens: AddedTokens, found: SpecialTokens) -> None:
    """Adds the numbered ones, whose flags win, and what is not among `tokens` yet."""
    numbered = [found.numbered[number] for number in sorted(found.numbered)]
    new = [Said(token, is_text=False) for token in numbered]
    known = tokens.contents() | {said.token.content for said in new}
    for said in found.values():
        if said.token.content not in known and not any(said.same_as(other) for other in new):
            new.append(said)
    names = {said.token.content for said in found.named.values() if said}
    tokens.add(
        said.token.as_special() if said.token.content in names else said.token for said in new
    )
