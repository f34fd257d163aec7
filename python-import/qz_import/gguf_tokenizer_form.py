"""What a tokenizer.json is as a GGUF: metadata that stands in a module, which --gguf goes by, and
what stock llama.cpp does otherwise.

A GGUF has tokens, their kinds, and merges or scores, which qzc takes from the file; it names how
texts are cut. What the rest of its keys do not tell is in `qzc.tokenizer`, so that qz-import reads
the same tokenizer back. One that llama.cpp could not follow has no tokenizer there ("none"), and
the model runs by token ids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from qz_import.errors import ImportFailure
from qz_import.files import parse_json_object
from qz_import.gguf_architecture import Values
from qz_import.gguf_sentencepiece import (
    SPACE,
    charsmap_of,
    decoder,
    has_all_bytes,
    metaspace,
    normalizer,
    space_prefix,
    unigram_normalizer,
    unigram_spaces,
)
from qz_import.gguf_words import Words, words_of
from qz_import.tokenizer_json import (
    MODEL_DEFAULTS,
    Json,
    added_token,
    byte_level,
    canonical,
    decoding,
    model_settings,
)

# tokenizer.ggml.model: byte-level BPE, SentencePiece's BPE, unigram, none at all.
BYTE_LEVEL, SENTENCEPIECE, UNIGRAM, NONE = "gpt2", "llama", "t5", "none"
# The members of tokenizer.json that other keys do not tell.
OWN = "qzc.tokenizer"
STEPS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_KEY = "tokenizer.ggml."
_NOT_NFC = "stock llama.cpp does not normalize texts: those that are not in NFC become other tokens"
_NO_BYTES = (
    "stock llama.cpp's unigram has no bytes for letters that the vocabulary lacks: they become "
    "unknown tokens"
)


def plain_words(words: Words) -> Json:
    """The steps and the settings of the model that the name of a way to cut text stands for."""
    return {
        "normalizer": words.normalizer,
        "pre_tokenizer": words.splitter,
        "decoder": byte_level(use_regex=True, add_prefix_space=True),
        "model": {"ignore_merges": words.ignores_merges},
    }


def plain_pieces(adds_space: bool, unknown: str | None) -> Json:
    settings = {"unk_token": unknown, "fuse_unk": True, "byte_fallback": True}
    return {
        "normalizer": normalizer(adds_space),
        "decoder": decoder(adds_space),
        "model": settings,
    }


def plain_unigram(adds_space: bool, joins_spaces: bool, charsmap: str, unknown: int | None) -> Json:
    return {
        "normalizer": unigram_normalizer(charsmap, joins_spaces),
        "pre_tokenizer": metaspace(adds_space),
        "decoder": metaspace(adds_space),
        "model": {"unk_id": unknown, "byte_fallback": False},
    }


@dataclass(frozen=True)
class _Kind:
    """tokenizer.ggml.model and what goes with it."""

    metadata: Values
    plain: Json
    warnings: tuple[str, ...] = ()


def _none(why: str) -> _Kind:
    warning = f"stock llama.cpp runs this GGUF by token ids alone, without its tokenizer: {why}"
    return _Kind({f"{_KEY}model": NONE}, {"model": {}}, (warning,))


def _of_words(whole: Json) -> _Kind:
    settings = model_settings(whole["model"])
    before = whole.get("normalizer")
    if before == {"type": "Sequence", "normalizers": []}:
        before = None
    ignores = settings["ignore_merges"]
    words = words_of(whole.get("pre_tokenizer"), canonical(before), ignores)
    if words is None:
        return _none("it has no name for this way to cut text into words")
    warnings = [words.difference] if words.difference else []
    if before == {"type": "NFC"}:
        warnings.append(_NOT_NFC)
    elif before is not None:
        return _none("it does not normalize texts")
    metadata = {f"{_KEY}model": BYTE_LEVEL, f"{_KEY}pre": words.names[0]}
    return _Kind(metadata, plain_words(words), tuple(warnings))


def _of_pieces(whole: Json) -> _Kind:
    model = whole["model"]
    if not has_all_bytes(model.get("vocab")):
        return _none("not all bytes are tokens")
    found = space_prefix(whole)
    if found is None or model.get("ignore_merges"):
        return _none("it has no such normalizer or pre_tokenizer")
    adds, difference = found
    metadata = {
        f"{_KEY}model": SENTENCEPIECE,
        f"{_KEY}pre": "default",
        f"{_KEY}add_space_prefix": adds,
    }
    plain = plain_pieces(adds, model.get("unk_token"))
    return _Kind(metadata, plain, (difference,) if difference else ())


def _of_unigram(whole: Json) -> _Kind:
    model, found = whole["model"], unigram_spaces(whole)
    if found is None or model.get("unk_id") is None:
        return _none("it has no such normalizer or pre_tokenizer")
    adds, joins = found
    metadata = {
        f"{_KEY}model": UNIGRAM,
        f"{_KEY}pre": "default",
        f"{_KEY}add_space_prefix": adds,
        f"{_KEY}remove_extra_whitespaces": joins,
    }
    plain = plain_unigram(adds, joins, charsmap_of(whole), model["unk_id"])
    return _Kind(metadata, plain, (_NO_BYTES,) if model.get("byte_fallback") else ())


def _kind_of(whole: Json) -> _Kind:
    model = whole["model"]
    if model.get("type") == "Unigram":
        return _of_unigram(whole)
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return _none("it has no prefixes or suffixes of tokens")
    if model.get("byte_fallback"):
        return _of_pieces(whole)
    return _of_words(whole)


def _own_members(whole: Json, plain: Json) -> Json:
    """What a document says beyond the plain one."""
    own: Json = {
        key: whole.get(key)
        for key in ("normalizer", "pre_tokenizer")
        if canonical(whole.get(key)) != canonical(plain.get(key))
    }
    if decoding(whole) != decoding(plain):
        own["decoder"] = whole.get("decoder")
    model = whole["model"]
    usual = model_settings(plain["model"])
    settings = {k: v for k, v in model_settings(model).items() if v != usual.get(k)}
    if not plain["model"]:
        settings["type"] = model.get("type", "BPE")
    if settings:
        own["model"] = settings
    return own


def _own_tokens(whole: Json, kind: str) -> tuple[list[Json], list[str]]:
    """Added tokens that their kind and text do not tell all of, and which flags are lost."""
    own, lost = [], []
    for token in whole.get("added_tokens") or []:
        is_special = token.get("special", False)
        plain = added_token(token["id"], token["content"], is_special)
        is_piece = kind == SENTENCEPIECE and not is_special and SPACE in token["content"]
        if is_piece or token != plain:
            own.append(token)
        for flag in ("lstrip", "rstrip", "single_word"):
            if token.get(flag):
                lost.append(f"{flag!r} of token {token['content']!r}")
    return own, lost


def tokenizer_form(
    whole: Json,
    front: tuple[int, ...],
    back: tuple[int, ...],
    bos: int | None,
    eos: tuple[int, ...],
) -> tuple[Values, list[str]]:
    """Metadata and warnings of a tokenizer.json that puts the ids `front` and `back` around a
    text."""
    kind = _kind_of(whole)
    metadata, warnings = dict(kind.metadata), list(kind.warnings)
    own = _own_members(whole, kind.plain)
    tokens, lost = _own_tokens(whole, metadata[f"{_KEY}model"])
    if tokens:
        own["added_tokens"] = tokens
    has_llama = metadata[f"{_KEY}model"] != NONE
    if lost and has_llama:
        shown = ", ".join(lost[:3]) + (", …" if len(lost) > 3 else "")
        warnings.append(
            f"stock llama.cpp does not follow {shown}: texts with such tokens may be cut otherwise"
        )
    adds_bos, adds_eos = front == (bos,), back == eos[:1] and bool(back)
    metadata[f"{_KEY}add_bos_token"] = adds_bos
    metadata[f"{_KEY}add_eos_token"] = adds_eos
    if front != ((bos,) if adds_bos else ()) or back != (eos[:1] if adds_eos else ()):
        own["post_processor"] = whole.get("post_processor")
        if has_llama:
            warnings.append("stock llama.cpp puts other tokens around a text than the tokenizer")
    if own:
        metadata[OWN] = json.dumps(own, separators=(",", ":"))
    return metadata, warnings


def _is_setting(key: str, value: Any) -> bool:
    if key in ("continuing_subword_prefix", "end_of_word_suffix"):
        return isinstance(value, str)
    is_known = key in ("type", "unk_id", *MODEL_DEFAULTS)
    return is_known and not isinstance(value, (dict, list))


def _is_member(key: str, value: Any) -> bool:
    if key in STEPS:
        return value is None or isinstance(value, dict)
    if key == "model":
        return isinstance(value, dict) and all(map(_is_setting, value, value.values()))
    return key == "added_tokens" and isinstance(value, list)


def read_own(text: str) -> Json | None:
    """The members that a file has of its own; None of what is none."""
    try:
        own = parse_json_object(text.encode(), OWN)
    except ImportFailure:
        return None
    is_right = all(_is_member(key, value) for key, value in own.items())
    tokens = own.get("added_tokens", []) if is_right else []
    names = ({"id": token.get("id")} if isinstance(token, dict) else {} for token in tokens)
    are_right = all(isinstance(n.get("id"), int) and not isinstance(n["id"], bool) for n in names)
    return own if is_right and are_right else None
