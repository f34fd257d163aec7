"""Pieces of a tokenizer.json, whatever the vocabulary comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qz_import.errors import ImportFailure

Json = dict[str, Any]
# A special token and its id.
Token = tuple[str, int]


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


def check_merges(where: str, merges: Iterable[str], vocabulary: dict[str, int]) -> list[str]:
    """The merges, each of which must be "LEFT RIGHT" of known tokens that make a known one."""
    checked = list(merges)
    for number, merge in enumerate(checked):
        parts = merge.split(" ")
        if len(parts) != 2 or not all(p in vocabulary for p in (*parts, "".join(parts))):
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
