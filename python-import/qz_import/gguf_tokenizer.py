"""Turns the vocabulary of a GGUF into a tokenizer.json and its tokenizer_config.json."""

from __future__ import annotations

import base64
from typing import Any

from qz_import.errors import ImportFailure, warn
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_sentencepiece import (
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    merges_by_scores,
)
from qz_import.gguf_tokenizer_form import (
    BYTE_LEVEL,
    NONE,
    OWN,
    SENTENCEPIECE,
    STEPS,
    UNIGRAM,
    plain_pieces,
    plain_unigram,
    plain_words,
    read_own,
)
from qz_import.gguf_words import BY_NAME
from qz_import.tokenizer_json import (
    Json,
    added_token,
    bpe_model,
    check_merges,
    document,
    template,
)

# SentencePiece does not cut text into words.
WHOLE_TEXTS = ("default",)
# The id of what is unknown where a file does not say it.
UNIGRAM_UNKNOWN = 2
# Whether BOS and EOS stand around a text where a file does not say it.
_ADDS_BOS = (SENTENCEPIECE,)
_ADDS_EOS = (UNIGRAM,)


class GgufTokenizer:
    """The two JSON documents, and the token ids that a configuration needs."""

    def __init__(self, meta: Metadata) -> None:
        self._meta = meta
        self._kind = self._read_kind()
        words = self._read_words()
        self._words = BY_NAME[words] if self._kind == BYTE_LEVEL else None
        self.tokens = meta.texts("tokenizer.ggml.tokens")
        self.bos_id = self._token_id("bos")
        self.eos_id = self._token_id("eos")
        self.end_of_turn_id = self._token_id("eot")
        self.end_of_message_id = self._token_id("eom")
        self.unknown_id = self._token_id("unknown")
        self.padding_id = self._token_id("padding")
        self.add_bos = self._adds("bos", self.bos_id, self._usually_adds_bos)
        self.add_eos = self._adds("eos", self.eos_id, self._kind in _ADDS_EOS)

    def _read_kind(self) -> str:
        kind = self._meta.text("tokenizer.ggml.model")
        self._own = self._read_own()
        known = {
            BYTE_LEVEL: "byte-level BPE",
            SENTENCEPIECE: "SentencePiece's BPE",
            UNIGRAM: "its unigram",
        }
        if kind not in known and not (kind == NONE and "model" in self._own):
            listed = ", ".join(f"{name!r} ({what})" for name, what in known.items())
            raise ImportFailure(
                f"{self._meta.where}: tokenizer.ggml.model is {kind!r}; known are {listed}"
            )
        return kind

    def _read_own(self) -> Json:
        if not self._meta.has(OWN):
            return {}
        own = read_own(self._meta.text(OWN))
        if own is None:
            raise ImportFailure(f"{self._meta.where}: {OWN} is no part of a tokenizer.json")
        return own

    def _read_words(self) -> str:
        key, is_named = "tokenizer.ggml.pre", self._kind == BYTE_LEVEL
        name = self._meta.text(key) if is_named or self._meta.has(key) else WHOLE_TEXTS[0]
        known = BY_NAME if is_named else WHOLE_TEXTS
        if name not in known:
            raise ImportFailure(
                f"{self._meta.where}: {key} is {name!r}, which is unknown "
                f"(known: {', '.join(sorted(known))})"
            )
        return name

    @property
    def _usually_adds_bos(self) -> bool:
        return self._words.adds_bos if self._words else self._kind in _ADDS_BOS

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
        if self._kind == BYTE_LEVEL and not self._meta.has(key):
            return [NORMAL] * len(self.tokens)
        return self._of_every_token(self._meta.integers(key), "token types")

    def _of_every_token(self, values: list[Any], what: str) -> list[Any]:
        if len(values) != len(self.tokens):
            raise ImportFailure(
                f"{self._meta.where}: {len(self.tokens)} tokens, but {len(values)} {what}"
            )
        return values

    def _scores(self) -> list[float]:
        return self._of_every_token(self._meta.numbers("tokenizer.ggml.scores"), "scores")

    def _added_tokens(self) -> list[Json]:
        found = {
            number: added_token(number, token, special=kind != USER_DEFINED)
            for number, (token, kind) in enumerate(zip(self.tokens, self._kinds(), strict=True))
            if kind in (UNKNOWN, CONTROL, USER_DEFINED)
        }
        found |= {token["id"]: token for token in self._own.get("added_tokens", [])}
        return [found[number] for number in sorted(found)]

    def _merges(self, vocabulary: dict[str, int], prefix: str) -> list[Any]:
        """Of SentencePiece's, a file has them where scores alone do not tell."""
        key = "tokenizer.ggml.merges"
        if self._kind == SENTENCEPIECE and not self._meta.has(key):
            where, scores = self._meta.where, self._scores()
            return merges_by_scores(where, vocabulary, scores, self._kinds())
        return check_merges(self._meta.where, self._meta.texts(key), vocabulary, prefix)

    def _plain(self) -> Json:
        """What the keys that llama.cpp knows tell."""
        if self._words:
            return plain_words(self._words)
        adds_space = self._meta.flag("tokenizer.ggml.add_space_prefix", True)
        if self._kind == SENTENCEPIECE:
            return plain_pieces(adds_space, self._text_of(self.unknown_id))
        if self._kind == UNIGRAM:
            joins = self._meta.flag("tokenizer.ggml.remove_extra_whitespaces", False)
            unknown = UNIGRAM_UNKNOWN if self.unknown_id is None else self.unknown_id
            return plain_unigram(adds_space, joins, self._charsmap(), unknown)
        return {"model": {}}

    def _charsmap(self) -> str:
        key = "tokenizer.ggml.precompiled_charsmap"
        if not self._meta.has(key):
            return ""
        # A byte is signed in some files.
        values = [value & 0xFF for value in self._meta.integers(key)]
        return base64.b64encode(bytes(values)).decode("ascii")

    def _model(self, settings: Json) -> Json:
        vocabulary = self._vocabulary()
        if self._kind == UNIGRAM or settings.get("type") == "Unigram":
            pieces = [[t, s] for t, s in zip(self.tokens, self._scores(), strict=True)]
            return {"type": "Unigram"} | settings | {"vocab": pieces}
        prefix = settings.get("continuing_subword_prefix") or ""
        return bpe_model(vocabulary, self._merges(vocabulary, prefix), **settings)

    def tokenizer_json(self) -> Json:
        front = [(self.tokens[n], n) for n in (self.bos_id,) if self.add_bos and n is not None]
        back = [(self.tokens[n], n) for n in (self.eos_id,) if self.add_eos and n is not None]
        steps = {"post_processor": template(front, back)} | self._plain()
        settings = steps.pop("model") | self._own.get("model", {})
        steps |= {key: value for key, value in self._own.items() if key in STEPS}
        return document(self._model(settings), self._added_tokens(), **steps)

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
