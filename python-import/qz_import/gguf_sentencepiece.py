"""Vocabularies of SentencePiece in a GGUF: tokens with scores, spaces as "▁", bytes for what no
token has. Its BPE is "llama" there, unigram "t5"."""

from __future__ import annotations

import re
from typing import Any

from qz_import.errors import ImportFailure
from qz_import.tokenizer_json import Json, canonical

SPACE = "▁"
# Kinds of tokens (tokenizer.ggml.token_type).
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
# Beyond this a token is no word.
MOST_LETTERS = 1 << 10
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_TO_SPACES: Json = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
# What Gemma's has; nothing is left for it to cut.
_SPLIT: Json = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}
_AT_SPACES = (
    "stock llama.cpp puts a space in front of a text that begins with one, and of what follows a "
    "special token: the tokenizer does not"
)


def has_all_bytes(vocabulary: Any) -> bool:
    """Of a tokenizer.json's vocabulary, if it is one of texts."""
    texts = vocabulary if isinstance(vocabulary, dict) else {}
    return sum(map(bool, map(_BYTE.fullmatch, texts))) == 256


def merges_by_scores(
    where: str, vocabulary: dict[str, int], scores: list[float], kinds: list[int]
) -> list[list[str]]:
    """Pairs of tokens that make a token, those of the best score first: llama.cpp joins the pair
    whose token has the best score, wherever in the text it is."""
    found: list[tuple[float, int, int, str, str]] = []
    for token, number in vocabulary.items():
        if kinds[number] not in (NORMAL, USER_DEFINED):
            continue
        if len(token) > MOST_LETTERS:
            raise ImportFailure(f"{where}: token {number} has {len(token)} letters")
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in vocabulary and right in vocabulary:
                pair = (vocabulary[left], vocabulary[right])
                found.append((-scores[number], *pair, left, right))
    found.sort(key=lambda entry: entry[:3])
    return [[left, right] for *_, left, right in found]


def normalizer(adds_space: bool) -> Json:
    if not adds_space:
        return _TO_SPACES
    prepend = {"type": "Prepend", "prepend": SPACE}
    return {"type": "Sequence", "normalizers": [prepend, _TO_SPACES]}


def decoder(adds_space: bool) -> Json:
    spaces: Json = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    steps: list[Json] = [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if adds_space:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}


def space_prefix(whole: Json) -> tuple[bool, str] | None:
    """Whether a tokenizer.json puts a space in front of texts, and what llama.cpp does otherwise;
    None of one that treats spaces as no GGUF can say."""
    before, splitter = (canonical(whole.get(key)) for key in ("normalizer", "pre_tokenizer"))
    if before is not None:
        if splitter not in (None, canonical(_SPLIT)):
            return None
        adds = {True: canonical(normalizer(True)), False: canonical(normalizer(False))}
        return next(((known, "") for known, steps in adds.items() if steps == before), None)
    if not isinstance(splitter, dict) or splitter.get("type") != "Metaspace":
        return None
    if splitter.get("replacement") != SPACE or splitter.get("split", True):
        return None
    scheme = splitter.get("prepend_scheme", "always")
    return (False, "") if scheme == "never" else (True, _AT_SPACES)


# --- unigram ---


def unigram_normalizer(charsmap: str, joins_spaces: bool) -> Json | None:
    """SentencePiece's own: a table of what letters become (in base64), and one space in the place
    of many."""
    steps: list[Json] = []
    if charsmap:
        steps.append({"type": "Precompiled", "precompiled_charsmap": charsmap})
    if joins_spaces:
        steps.append({"type": "Strip", "strip_left": False, "strip_right": True})
        steps.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE})
    return {"type": "Sequence", "normalizers": steps} if steps else None


def metaspace(adds_space: bool) -> Json:
    scheme = "always" if adds_space else "never"
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": True}


def unigram_spaces(whole: Json) -> tuple[bool, bool] | None:
    """Whether a tokenizer.json puts a space in front of texts, and whether it joins spaces; None of
    one that does with texts what no GGUF can say."""
    splitter = canonical(whole.get("pre_tokenizer"))
    known = {adds: canonical(metaspace(adds)) for adds in (True, False)}
    adds = next((adds for adds, step in known.items() if step == splitter), None)
    normalizer = canonical(whole.get("normalizer"))
    if isinstance(normalizer, dict) and normalizer.get("type") != "Sequence":
        normalizer = {"type": "Sequence", "normalizers": [normalizer]}
    table = charsmap_of(whole)
    for joins in (True, False):
        if adds is not None and normalizer == unigram_normalizer(table, joins):
            return adds, joins
    return None


def charsmap_of(whole: Json) -> str:
    """The table of the first step, in base64; empty where there is none."""
    step = whole.get("normalizer")
    steps = step.get("normalizers") if isinstance(step, dict) else None
    if isinstance(steps, list) and steps:
        step = steps[0]
    table = step.get("precompiled_charsmap") if isinstance(step, dict) else None
    return table if isinstance(table, str) else ""
