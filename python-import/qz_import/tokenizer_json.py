"""Pieces of a tokenizer.json, whatever the vocabulary comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qz_import.errors import ImportFailure

Json = dict[str, Any]
# A special token and its id.
Token = tuple[str, int]
# What a step of a tokenizer.json has where it says nothing.
STEP_DEFAULTS: dict[str, Json] = {
    "ByteLevel": {"add_prefix_space": True, "use_regex": True},
    "Split": {"invert": False},
    "Digits": {"individual_digits": False},
}
MODEL_DEFAULTS: Json = {
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": "",
    "end_of_word_suffix": "",
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}


def canonical(value: Any) -> Any:
    """A step without what changes nothing here, so that two that do the same are equal."""
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if not isinstance(value, dict):
        return value
    known = STEP_DEFAULTS.get(str(value.get("type")), {}) | value
    return {key: canonical(item) for key, item in known.items() if key != "trim_offsets"}


def model_settings(model: Json) -> Json:
    """Of a BPE or Unigram model all but its tokens."""
    given = {key: v for key, v in model.items() if key not in ("vocab", "merges", "type")}
    return MODEL_DEFAULTS | {key: value for key, value in given.items() if value is not None}


def decoding(whole: Json) -> Any:
    """What a document's decoder does."""
    step = whole.get("decoder")
    # Its flags say nothing about decoding.
    is_bytes = isinstance(step, dict) and step.get("type") == "ByteLevel"
    return "ByteLevel" if is_bytes else canonical(step)


def byte_level(use_regex: bool, add_prefix_space: bool = False) -> Json:
    """A pre-tokenizer; `use_regex`: it also splits the text into GPT-2's words."""
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def added_token(
    number: int,
    content: str,
    special: bool,
    single_word: bool = False,
    lstrip: bool = False,
    rstrip: bool = False,
    normalized: bool = False,
) -> Json:
    return {
        "id": number,
        "content": content,
        "single_word": single_word,
        "lstrip": lstrip,
        "rstrip": rstrip,
        "normalized": normalized,
        "special": special,
    }


def check_merges(
    where: str, merges: Iterable[str], vocabulary: dict[str, int], prefix: str = ""
) -> list[str]:
    """The merges, each "LEFT RIGHT" of known tokens that make a known one. `prefix`
    begins tokens that begin no word."""
    checked = list(merges)
    for number, merge in enumerate(checked):
        parts = merge.split(" ")
        made = "".join([*parts[:1], *(part.removeprefix(prefix) for part in parts[1:])])
        if len(parts) != 2 or not all(part in vocabulary for part in (*parts, made)):
            raise ImportFailure(f"{where}: merge {number}, {merge!r}, is not of two known tokens")
    return checked


def template(front: Sequence[Token], back: Sequence[Token]) -> Json:
    """The post-processor that puts these special tokens around a text."""

    def special(token: Token, type_id: int) -> Json:
        return {"SpecialToken": {"id": token[0], "type_id": type_id}}

    def around(name: str, type_id: int) -> list[Json]:
        text = {"Sequence": {"id": name, "type_id": type_id}}
        before = [special(token, type_id) for token in front]
        return [*before, text, *(special(token, type_id) for token in back)]

    return {
        "type": "TemplateProcessing",
        "single": around("A", 0),
        "pair": [*around("A", 0), *around("B", 1)],
        "special_tokens": {
            token: {"id": token, "ids": [number], "tokens": [token]}
            for token, number in (*front, *back)
        },
    }


def bpe_model(vocabulary: dict[str, int], merges: list[Any], **settings: Any) -> Json:
    model: Json = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }
    return model | settings | {"vocab": vocabulary, "merges": merges}


def document(
    model: Json,
    added_tokens: list[Json],
    normalizer: Json | None = None,
    pre_tokenizer: Json | None = None,
    post_processor: Json | None = None,
    decoder: Json | None = None,
) -> Json:
    """A whole tokenizer.json."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
        "model": model,
    }
