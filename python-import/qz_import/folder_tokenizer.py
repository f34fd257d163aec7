"""The one tokenizer.json that an executable carries: a folder's own, or what transformers'
AutoTokenizer makes of it and of the files beside it (as pinned in tests/golden/requirements.txt).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_import.added_tokens import AddedToken, AddedTokens, read_token
from qz_import.config import Config
from qz_import.errors import ImportFailure, shown, warn
from qz_import.files import parse_json_object, read_whole
from qz_import.known_keys import TOKENIZER_KEYS, transformers_keys
from qz_import.special_tokens import (
    ROLES,
    TOKENIZER_CONFIG,
    Said,
    SpecialTokens,
    add_special_tokens,
    optional_config,
    read_special_tokens,
)
from qz_import.tokenizer_classes import AS_IT_IS, CLASSES, Rebuilt, class_of
from qz_import.tokenizer_json import (
    Json,
    Token,
    bpe_model,
    canonical,
    decoding,
    document,
    model_settings,
    template,
)
from qz_import.vocab_tokenizer import VOCABULARY, read_vocabulary_files

FILE = "tokenizer.json"
VERSIONED = re.compile(r"tokenizer\.(\d+(?:\.\d+)*)\.json")


@dataclass(frozen=True)
class FolderTokenizer:
    """`document` is None where the file at `path` is right as it is; `whole` is what it says."""

    path: Path
    document: Json | None
    whole: Json
    # Ids that are put in front of every text, and behind it.
    front: tuple[int, ...]
    back: tuple[int, ...]
    # The id of what is named bos_token.
    bos: int | None
    # What chat templates call tokens by: role → text.
    special: dict[str, str]
    config: Config


@dataclass(frozen=True)
class _Source:
    """What a folder has: a tokenizer.json, or the parts of one."""

    path: Path
    whole: Json | None
    vocabulary: dict[str, int]
    merges: list[Any]


def _file_name(config: Config) -> str:
    """A repository may have a tokenizer.json for each of some versions of transformers."""
    names = config.raw("fast_tokenizer_files")
    found = FILE
    pinned = _version(transformers_keys()["transformers"])
    for name in sorted(names if isinstance(names, list) else []):
        match = VERSIONED.fullmatch(name) if isinstance(name, str) else None
        if match and _version(match[1]) <= pinned:
            found = name
    return found


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _vocabulary(where: str, model: Json) -> dict[str, int]:
    """The model's tokens by their texts; a list has them in order, each with a score."""
    values = model.get("vocab", {})
    if isinstance(values, list):
        pieces = [item[0] if isinstance(item, list) and item else item for item in values]
        values = {piece: number for number, piece in enumerate(pieces) if isinstance(piece, str)}
    numbers = values.values() if isinstance(values, dict) else [None]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise ImportFailure(f"{where}: model.vocab is no list of tokens and their ids")
    return values


def _read_source(folder: Path, config: Config) -> tuple[_Source, bool] | None:
    """The tokenizer, and whether its file mentions ByteLevel anywhere."""
    path = folder / _file_name(config)
    if os.path.lexists(path):
        raw = read_whole(path)
        whole = parse_json_object(raw, str(path))
        model = whole.get("model")
        if not isinstance(model, dict):
            raise ImportFailure(f"{path}: missing key 'model'")
        merges = model.get("merges")
        source = _Source(
            path, whole, _vocabulary(str(path), model), merges if isinstance(merges, list) else []
        )
        return source, b'"ByteLevel"' in raw
    parts = read_vocabulary_files(folder)
    if parts is None:
        return None
    return _Source(folder / VOCABULARY, None, *parts), False


def _listed(source: _Source) -> list[tuple[int, AddedToken]]:
    """The added tokens that a tokenizer.json lists, with the ids that it gives."""
    values = (source.whole or {}).get("added_tokens", [])
    where = f"{source.path}: added_tokens"
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ImportFailure(f"{where} is not a list of objects")
    found = []
    for number, value in enumerate(values):
        name = f"[{number}]"
        entry = Config({name: value}, where)
        number = value.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise entry.fail(name, f"has the id {shown(number)}")
        found.append((number, read_token(entry, name)))
    return found


def _put_around(processor: Any) -> tuple[list[int], list[int]]:
    """The ids that a post-processor puts before and behind a text; nothing of what is malformed,
    which the compiler reports."""
    front: list[int] = []
    back: list[int] = []
    if not isinstance(processor, dict):
        return front, back
    kind = processor.get("type")
    if kind == "Sequence" and isinstance(processor.get("processors"), list):
        for part in processor["processors"]:
            before, behind = _put_around(part)
            front, back = before + front, back + behind
    elif kind == "TemplateProcessing":
        side = front
        try:
            for item in processor["single"]:
                if "Sequence" in item:
                    side = back
                else:
                    name = item["SpecialToken"]["id"]
                    side += processor["special_tokens"][name]["ids"]
        except (KeyError, TypeError):
            return [], []
    elif kind in ("BertProcessing", "RobertaProcessing"):
        try:
            return [processor["cls"][1]], [processor["sep"][1]]
        except (KeyError, IndexError, TypeError):
            return [], []
    return front, back


def _does_the_same(old: Json, new: Json) -> bool:
    """Whether two documents map texts to the same ids and back."""

    steps = ("normalizer", "pre_tokenizer")
    return (
        model_settings(old["model"]) == model_settings(new["model"])
        and decoding(old) == decoding(new)
        and all(canonical(old.get(step)) == canonical(new.get(step)) for step in steps)
        and _put_around(old.get("post_processor")) == _put_around(new.get("post_processor"))
        and canonical(old.get("added_tokens", [])) == canonical(new["added_tokens"])
    )


class _Loader:
    """Loads a tokenizer as one class of transformers does."""

    def __init__(
        self, source: _Source, config: Config, rebuilt: Rebuilt | None, special: SpecialTokens
    ) -> None:
        self.source = source
        self.config = config
        self.rebuilt = rebuilt
        self.special = special
        own = {
            role: Said(AddedToken(text, special=True), True) if text else None
            for role, text in (rebuilt.tokens if rebuilt else {}).items()
        }
        roles = {role: own.get(role) for role in ROLES if role in own} | special.named
        special.named = {role: roles[role] for role in ROLES if role in roles} | roles
        self.tokens = AddedTokens(source.vocabulary)

    def add_tokens(self, listed: list[tuple[int, AddedToken]]) -> None:
        special = self.special
        if self.rebuilt is None:
            self.tokens.add(token for _, token in listed)
        add_special_tokens(self.tokens, special)
        everything = list(special.values())
        if self.rebuilt and self.rebuilt.resets_special_tokens:
            contents = dict.fromkeys(said.token.content for said in everything)
            self.tokens.add(AddedToken(content, special=True) for content in contents)
        if self.rebuilt and self.rebuilt.repeats_special_tokens:
            self.tokens.add(said.token.as_special() for said in everything)
        self.tokens.check(str(self.source.path.parent))

    def token(self, role: str) -> Token | None:
        said = self.special.named.get(role)
        content = said.token.content if said else ""
        number = self.tokens.id_of(content)
        return (content, number) if content and number is not None else None

    def _template(self) -> Json:
        """What add_bos_token and add_eos_token ask for, which a tokenizer.json overrules."""
        asked = {
            role: self.source.whole is None and self.config.flag(f"add_{role}", False)
            for role in ("bos_token", "eos_token")
        }
        bos, eos = (self.token(role) if asked[role] else None for role in asked)
        return template([bos] if bos else [], [eos] if eos else [])

    def _post_processor(self) -> Json:
        own = (self.source.whole or {}).get("post_processor")
        if self.rebuilt and self.rebuilt.drops_post_processor:
            own = None
        return own if isinstance(own, dict) else self._template()

    def _model(self) -> Json:
        if self.rebuilt is None:
            assert self.source.whole is not None
            return self.source.whole["model"]
        settings = dict(self.rebuilt.model)
        unknown = self.special.named.get("unk_token")
        if self.rebuilt.has_unknown:
            settings["unk_token"] = unknown.token.content if unknown else "None"
        return bpe_model(self.source.vocabulary, self.source.merges, **settings)

    def document(self) -> Json:
        added, post = self.tokens.in_order(), self._post_processor()
        if self.rebuilt is None:
            whole = self.source.whole
            assert whole is not None
            return whole | {"added_tokens": added, "post_processor": post}
        return document(
            self._model(),
            added,
            self.rebuilt.normalizer(self.config),
            self.rebuilt.pre_tokenizer(self.config),
            post,
            self.rebuilt.decoder(self.config),
        )


def _class(source: _Source, config: Config, model: Config, is_byte_level: bool) -> Rebuilt | None:
    """How the class builds its tokenizer; None where it takes the file as it is."""
    by_tokenizer = config.text("tokenizer_class") if config.has("tokenizer_class") else None
    by_model = model.text("tokenizer_class") if model.has("tokenizer_class") else None
    name = class_of(model.text("model_type"), by_tokenizer, by_model, is_byte_level)
    known = ", ".join([AS_IT_IS, *CLASSES])
    asker = config if by_tokenizer or not by_model else model
    if name == AS_IT_IS:
        if source.whole is None:
            raise asker.fail("tokenizer_class", f"{name} needs a {FILE}, not a {VOCABULARY}")
        return None
    if name not in CLASSES:
        raise asker.fail("tokenizer_class", f"{name!r} is not supported (known: {known})")
    if source.whole is None and not CLASSES[name].has_vocabulary_files:
        raise asker.fail("tokenizer_class", f"{name} needs a {FILE}, not a {VOCABULARY}")
    return CLASSES[name]


def read_folder_tokenizer(folder: Path, model: Config) -> FolderTokenizer | None:
    """The tokenizer of a folder whose config.json is `model`; None where it has none."""
    config = optional_config(folder / TOKENIZER_CONFIG).with_known(TOKENIZER_KEYS)
    found = _read_source(folder, config)
    if found is None:
        return None
    source, is_byte_level = found
    rebuilt = _class(source, config, model, is_byte_level)
    listed = _listed(source)
    loader = _Loader(source, config, rebuilt, read_special_tokens(folder, config, listed))
    loader.add_tokens(listed)
    made = loader.document()
    is_right = source.whole is not None and _does_the_same(source.whole, made)
    front, back = _put_around(made["post_processor"])
    bos = loader.token("bos_token")
    if source.whole is not None and config.flag("add_bos_token", bool(front)) != bool(front):
        said = "true" if config.flag("add_bos_token") else "false"
        does = "puts a token" if front else "puts none"
        warn(f"{config.where}: add_bos_token is {said}, but {FILE} {does} in front, which decides")
    return FolderTokenizer(
        source.path,
        None if is_right else made,
        made,
        tuple(front),
        tuple(back),
        bos[1] if bos else None,
        {role: said.token.content for role, said in loader.special.named.items() if said},
        config,
    )
