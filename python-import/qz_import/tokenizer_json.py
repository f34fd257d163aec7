"""Pieces of a tokenizer.json for byte-level BPE, whatever the vocabulary comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qz_import.errors import ImportFailure


def byte_level(use_regex: bool, add_prefix_space: bool = False) -> dict[str, Any]:
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
) -> dict[str, Any]:
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


def _post_processor(bos: tuple[str, int] | None) -> dict[str, Any]:
    if bos is None:
        return {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": False,
            "use_regex": True,
        }
    token, number = bos
    first = {"SpecialToken": {"id": token, "type_id": 0}}
    second = {"SpecialToken": {"id": token, "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            first,
            {"Sequence": {"id": "A", "type_id": 0}},
            second,
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def bpe_document(
    vocabulary: dict[str, int],
    merges: list[str],
    added_tokens: list[dict[str, Any]],
    pre_tokenizer: dict[str, Any],
    bos: tuple[str, int] | None,
    ignore_merges: bool = False,
) -> dict[str, Any]:
    """The whole document. `bos`: the token (and its id) that goes in front of every text."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens,
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": _post_processor(bos),
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignore_merges,
            "vocab": vocabulary,
            "merges": merges,
        },
    }
