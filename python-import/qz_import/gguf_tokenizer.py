"""Turns the vocabulary of a GGUF into a tokenizer.json and its tokenizer_config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qz_import.errors import ImportFailure
from qz_import.gguf_metadata import Metadata

# Kinds of tokens (tokenizer.ggml.token_type).
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class PreTokenizer:
    """What a value of tokenizer.ggml.pre stands for."""

    splitter: dict[str, Any]
    # Llama 3 takes a whole word that is in the vocabulary without looking at the merges.
    ignore_merges: bool = False
    # Used where the file does not say add_bos_token.
    add_bos: bool = False


def _byte_level(use_regex: bool) -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _sequence(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(parts)}


_GPT2 = PreTokenizer(_byte_level(use_regex=True))
_SMOLLM = PreTokenizer(
    _sequence({"type": "Digits", "individual_digits": True}, _byte_level(use_regex=True))
)
_LLAMA3 = PreTokenizer(
    _sequence(
        {
            "type": "Split",
            "pattern": {"Regex": LLAMA3_PATTERN},
            "behavior": "Isolated",
            "invert": False,
        },
        _byte_level(use_regex=False),
    ),
    ignore_merges=True,
    add_bos=True,
)
PRE_TOKENIZERS = {"gpt-2": _GPT2, "smollm": _SMOLLM, "llama-bpe": _LLAMA3, "llama3": _LLAMA3}


def _added_token(number: int, content: str, special: bool) -> dict[str, Any]:
    return {
        "id": number,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def _post_processor(bos: str | None, bos_id: int | None) -> dict[str, Any]:
    if bos is None:
        return {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": False,
            "use_regex": True,
        }
    first = {"SpecialToken": {"id": bos, "type_id": 0}}
    second = {"SpecialToken": {"id": bos, "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            first,
            {"Sequence": {"id": "A", "type_id": 0}},
            second,
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {bos: {"id": bos, "ids": [bos_id], "tokens": [bos]}},
    }


class GgufTokenizer:
    """The two JSON documents, and the token ids that a configuration needs."""

    def __init__(self, meta: Metadata) -> None:
        self._meta = meta
        kind = meta.text("tokenizer.ggml.model")
        if kind != "gpt2":
            raise ImportFailure(
                f"{meta.where}: tokenizer.ggml.model is {kind!r}; "
                "only byte-level BPE ('gpt2') is supported"
            )
        pre = meta.text("tokenizer.ggml.pre")
        if pre not in PRE_TOKENIZERS:
            known = ", ".join(sorted(PRE_TOKENIZERS))
            raise ImportFailure(
                f"{meta.where}: tokenizer.ggml.pre is {pre!r}, which is unknown (known: {known})"
            )
        self._pre = PRE_TOKENIZERS[pre]
        self.tokens = meta.texts("tokenizer.ggml.tokens")
        self.bos_id = self._token_id("bos")
        self.eos_id = self._token_id("eos")
        self.end_of_turn_id = self._token_id("eot")
        self.unknown_id = self._token_id("unknown")
        self.padding_id = self._token_id("padding")
        self.add_bos = meta.flag("tokenizer.ggml.add_bos_token", self._pre.add_bos)
        if self.add_bos and self.bos_id is None:
            raise ImportFailure(f"{meta.where}: add_bos_token is set, but there is no bos_token_id")

    def _token_id(self, role: str) -> int | None:
        key = f"tokenizer.ggml.{role}_token_id"
        number = self._meta.optional_integer(key)
        if number is not None and not 0 <= number < len(self.tokens):
            count = len(self.tokens)
            raise ImportFailure(f"{self._meta.where}: {key} {number} is not below {count} tokens")
        return number

    def _text_of(self, number: int | None) -> str | None:
        return None if number is None else self.tokens[number]

    def _vocabulary(self) -> dict[str, int]:
        vocabulary = {token: number for number, token in enumerate(self.tokens)}
        if len(vocabulary) != len(self.tokens):
            twice = next(t for n, t in enumerate(self.tokens) if vocabulary[t] != n)
            raise ImportFailure(f"{self._meta.where}: token {twice!r} appears twice")
        return vocabulary

    def _merges(self, vocabulary: dict[str, int]) -> list[str]:
        merges = self._meta.texts("tokenizer.ggml.merges")
        for number, merge in enumerate(merges):
            parts = merge.split(" ")
            if len(parts) != 2 or not all(p in vocabulary for p in (*parts, "".join(parts))):
                raise ImportFailure(
                    f"{self._meta.where}: merge {number}, {merge!r}, is not of two known tokens"
                )
        return merges

    def _added_tokens(self) -> list[dict[str, Any]]:
        kinds = self._meta.integers("tokenizer.ggml.token_type")
        if len(kinds) != len(self.tokens):
            raise ImportFailure(
                f"{self._meta.where}: {len(self.tokens)} tokens, but {len(kinds)} token types"
            )
        return [
            _added_token(number, token, special=kind != USER_DEFINED)
            for number, (token, kind) in enumerate(zip(self.tokens, kinds, strict=True))
            if kind in (UNKNOWN, CONTROL, USER_DEFINED)
        ]

    def tokenizer_json(self) -> dict[str, Any]:
        vocabulary = self._vocabulary()
        bos = self._text_of(self.bos_id) if self.add_bos else None
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": self._added_tokens(),
            "normalizer": None,
            "pre_tokenizer": self._pre.splitter,
            "post_processor": _post_processor(bos, self.bos_id),
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
                "ignore_merges": self._pre.ignore_merges,
                "vocab": vocabulary,
                "merges": self._merges(vocabulary),
            },
        }

    def tokenizer_config_json(self) -> dict[str, Any]:
        values = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "add_bos_token": self.add_bos,
            "bos_token": self._text_of(self.bos_id),
            "eos_token": self._text_of(self.eos_id),
            "unk_token": self._text_of(self.unknown_id),
            "pad_token": self._text_of(self.padding_id),
            "clean_up_tokenization_spaces": False,
            "chat_template": self._meta.optional_text("tokenizer.chat_template"),
        }
        return {key: value for key, value in values.items() if value is not None}
