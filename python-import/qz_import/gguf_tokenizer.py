"""Turns the vocabulary of a GGUF into a tokenizer.json and its tokenizer_config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qz_import.errors import ImportFailure, warn
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_sentencepiece import (
    NORMAL,
    USER_DEFINED,
    decoder,
    normalizer,
    sentencepiece_model,
)
from qz_import.tokenizer_json import (
    added_token,
    bpe_model,
    byte_level,
    check_merges,
    document,
    template,
)

# What tokenizer.ggml.model may be.
BYTE_LEVEL, SENTENCEPIECE = "gpt2", "llama"
# Kinds of tokens (tokenizer.ggml.token_type).
UNKNOWN, CONTROL = 2, 3

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class PreTokenizer:
    """What a value of tokenizer.ggml.pre stands for."""

    splitter: dict[str, Any] | None
    # Llama 3 takes a whole word that is in the vocabulary without looking at the merges.
    ignore_merges: bool = False
    # Used where the file does not say add_bos_token.
    add_bos: bool = False


def _sequence(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(parts)}


_GPT2 = PreTokenizer(byte_level(use_regex=True))
_SMOLLM = PreTokenizer(
    _sequence({"type": "Digits", "individual_digits": True}, byte_level(use_regex=True))
)
_LLAMA3 = PreTokenizer(
    _sequence(
        {
            "type": "Split",
            "pattern": {"Regex": LLAMA3_PATTERN},
            "behavior": "Isolated",
            "invert": False,
        },
        byte_level(use_regex=False),
    ),
    ignore_merges=True,
    add_bos=True,
)
PRE_TOKENIZERS = {"gpt-2": _GPT2, "smollm": _SMOLLM, "llama-bpe": _LLAMA3, "llama3": _LLAMA3}

# SentencePiece's BPE does not cut text into words.
WHOLE_TEXTS = {"default": PreTokenizer(None, add_bos=True)}


class GgufTokenizer:
    """The two JSON documents, and the token ids that a configuration needs."""

    def __init__(self, meta: Metadata) -> None:
        self._meta = meta
        kind = meta.text("tokenizer.ggml.model")
        if kind not in (BYTE_LEVEL, SENTENCEPIECE):
            raise ImportFailure(
                f"{meta.where}: tokenizer.ggml.model is {kind!r}; known are byte-level BPE "
                f"({BYTE_LEVEL!r}) and SentencePiece's BPE ({SENTENCEPIECE!r})"
            )
        self._is_sentencepiece = kind == SENTENCEPIECE
        known = WHOLE_TEXTS if self._is_sentencepiece else PRE_TOKENIZERS
        key = "tokenizer.ggml.pre"
        is_said = meta.has(key) or not self._is_sentencepiece
        pre = meta.text(key) if is_said else "default"
        if pre not in known:
            raise ImportFailure(
                f"{meta.where}: {key} is {pre!r}, which is unknown "
                f"(known: {', '.join(sorted(known))})"
            )
        self._pre = known[pre]
        self.tokens = meta.texts("tokenizer.ggml.tokens")
        self.bos_id = self._token_id("bos")
        self.eos_id = self._token_id("eos")
        self.end_of_turn_id = self._token_id("eot")
        self.end_of_message_id = self._token_id("eom")
        self.unknown_id = self._token_id("unknown")
        self.padding_id = self._token_id("padding")
        self.add_bos = self._adds("bos", self.bos_id, self._pre.add_bos)
        self.add_eos = self._adds("eos", self.eos_id, False)

    def _adds(self, role: str, number: int | None, default: bool) -> bool:
        """Whether the token of this role is put around every text."""
        adds = self._meta.flag(f"tokenizer.ggml.add_{role}_token", default)
        if adds and number is None:
            raise ImportFailure(
                f"{self._meta.where}: add_{role}_token is set, but there is no {role}_token_id"
            )
        return adds

    def _token_id(self, role: str) -> int | None:
        key = f"tokenizer.ggml.{role}_token_id"
        number = self._meta.optional_integer(key)
        if number is not None and not 0 <= number < len(self.tokens):
            # llama.cpp does without it, too.
            count = len(self.tokens)
            warn(f"{self._meta.where}: {key} {number} is not below {count} tokens")
            return None
        return number

    def _text_of(self, number: int | None) -> str | None:
        return None if number is None else self.tokens[number]

    def _vocabulary(self) -> dict[str, int]:
        vocabulary = {token: number for number, token in enumerate(self.tokens)}
        if len(vocabulary) != len(self.tokens):
            twice = next(t for n, t in enumerate(self.tokens) if vocabulary[t] != n)
            raise ImportFailure(f"{self._meta.where}: token {twice!r} appears twice")
        return vocabulary

    def _kinds(self) -> list[int]:
        """What each token is; of byte-level BPE, a file need not say."""
        key = "tokenizer.ggml.token_type"
        if not self._is_sentencepiece and not self._meta.has(key):
            return [NORMAL] * len(self.tokens)
        kinds = self._meta.integers(key)
        if len(kinds) != len(self.tokens):
            raise ImportFailure(
                f"{self._meta.where}: {len(self.tokens)} tokens, but {len(kinds)} token types"
            )
        return kinds

    def _added_tokens(self) -> list[dict[str, Any]]:
        return [
            added_token(number, token, special=kind != USER_DEFINED)
            for number, (token, kind) in enumerate(zip(self.tokens, self._kinds(), strict=True))
            if kind in (UNKNOWN, CONTROL, USER_DEFINED)
        ]

    def _sentencepiece_json(self, post_processor: dict[str, Any]) -> dict[str, Any]:
        adds_space = self._meta.flag("tokenizer.ggml.add_space_prefix", True)
        scores = self._meta.numbers("tokenizer.ggml.scores")
        where, unknown = self._meta.where, self._text_of(self.unknown_id)
        return document(
            sentencepiece_model(where, self._vocabulary(), scores, self._kinds(), unknown),
            self._added_tokens(),
            normalizer=normalizer(adds_space),
            post_processor=post_processor,
            decoder=decoder(adds_space),
        )

    def tokenizer_json(self) -> dict[str, Any]:
        front = [(self.tokens[n], n) for n in (self.bos_id,) if self.add_bos and n is not None]
        back = [(self.tokens[n], n) for n in (self.eos_id,) if self.add_eos and n is not None]
        around = template(front, back)
        if self._is_sentencepiece:
            return self._sentencepiece_json(around)
        vocabulary = self._vocabulary()
        merges = self._meta.texts("tokenizer.ggml.merges")
        checked = check_merges(self._meta.where, merges, vocabulary)
        return document(
            bpe_model(vocabulary, checked, ignore_merges=self._pre.ignore_merges),
            self._added_tokens(),
            pre_tokenizer=self._pre.splitter,
            post_processor=around,
            decoder=byte_level(use_regex=True, add_prefix_space=True),
        )

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
