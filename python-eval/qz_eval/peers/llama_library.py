"""llama.cpp through its C interface (llama.h), which the library of xllamacpp exports.

Structures are passed by value: their layout is that of the version XLLAMACPP alone.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int8,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint64,
    c_void_p,
)
from pathlib import Path

import numpy as np
import xllamacpp.xllamacpp as library

# Room for a structure whose fields are of no interest here.
OPAQUE = 1024
F32 = 0
FLASH_ATTENTION_OFF = 0


class ModelParams(Structure):
    _fields_ = [("fields", c_uint8 * OPAQUE)]


# Where a model's parameters say that its vocabulary alone is wanted.
VOCABULARY_ONLY = 72


class ContextParams(Structure):
    """llama_context_params, as far as it matters."""

    _fields_ = [
        *((name, c_int32) for name in ("n_ctx", "n_batch", "n_ubatch", "n_seq_max", "n_rs_seq")),
        *((name, c_int32) for name in ("n_outputs_max", "n_outputs_max_per_seq")),
        *((name, c_int32) for name in ("n_threads", "n_threads_batch", "context_type")),
        *((name, c_int32) for name in ("rope_scaling", "pooling", "attention", "flash_attention")),
        ("rope", c_float * 6),
        ("yarn_context", c_int32),
        ("defrag", c_float),
        ("evaluation", c_void_p * 2),
        ("type_k", c_int32),
        ("type_v", c_int32),
        ("fields", c_uint8 * OPAQUE),
    ]


class Batch(Structure):
    _fields_ = [
        ("count", c_int32),
        ("tokens", POINTER(c_int32)),
        ("embeddings", c_void_p),
        ("positions", POINTER(c_int32)),
        ("sequence_counts", POINTER(c_int32)),
        ("sequences", POINTER(POINTER(c_int32))),
        ("outputs", POINTER(c_int8)),
    ]


LIBRARY = ctypes.CDLL(library.__file__)
LOG = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)


def _function(name: str, result: object, *arguments: object) -> ctypes._CFuncPtr:
    function = getattr(LIBRARY, f"llama_{name}")
    function.restype, function.argtypes = result, arguments
    return function


_batch_init = _function("batch_init", Batch, c_int32, c_int32, c_int32)
_bos = _function("vocab_bos", c_int32, c_void_p)
_adds_bos = _function("vocab_get_add_bos", c_bool, c_void_p)
_chat_template = _function("model_chat_template", c_char_p, c_void_p, c_char_p)
_clear = _function("memory_clear", None, c_void_p, c_bool)
_context_params = _function("context_default_params", ContextParams)
_decode = _function("decode", c_int32, c_void_p, Batch)
_free = _function("free", None, c_void_p)
_free_model = _function("model_free", None, c_void_p)
_init = _function("init_from_model", c_void_p, c_void_p, ContextParams)
_load = _function("model_load_from_file", c_void_p, c_char_p, ModelParams)
_log_set = _function("log_set", None, LOG, c_void_p)
_logits = _function("get_logits", POINTER(c_float), c_void_p)
_memory = _function("get_memory", c_void_p, c_void_p)
_remove = _function("memory_seq_rm", c_bool, c_void_p, c_int32, c_int32, c_int32)
_model_params = _function("model_default_params", ModelParams)
_description = _function("model_desc", c_int32, c_void_p, c_char_p, c_size_t)
_model_size = _function("model_size", c_uint64, c_void_p)
_size = _function("vocab_n_tokens", c_int32, c_void_p)
_tokenize = _function(
    "tokenize",
    c_int32,
    *(c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool),
)
_token_to_piece = _function(
    "token_to_piece", c_int32, c_void_p, c_int32, c_char_p, c_int32, c_int32, c_bool
)
_vocab = _function("model_get_vocab", c_void_p, c_void_p)

_quiet = LOG(lambda level, text, data: None)
_log_set(_quiet, None)


def loads(path: Path) -> bool:
    """Whether a file is a model to it."""
    model = _load(str(path).encode(), _model_params())
    if model:
        _free_model(model)
    return bool(model)


def _tokens(vocab: object, text: str, adds: bool, with_control: bool) -> list[int]:
    """Token ids; `adds`: with what stands around a text."""
    raw = text.encode()
    ids = (c_int32 * (len(raw) + 8))()
    count = _tokenize(vocab, raw, len(raw), ids, len(ids), adds, with_control)
    assert count >= 0
    return list(ids[:count])


class Vocabulary:
    """The tokenizer of a GGUF, without its weights."""

    def __init__(self, path: Path) -> None:
        params = _model_params()
        params.fields[VOCABULARY_ONLY] = True
        self._model = _load(str(path).encode(), params)
        assert self._model, f"llama.cpp does not load the vocabulary of {path}"
        self._vocab = _vocab(self._model)

    def close(self) -> None:
        _free_model(self._model)

    def encode(self, text: str, adds: bool = False) -> list[int]:
        """Ids of a text in which control tokens are recognised."""
        return _tokens(self._vocab, text, adds, True)

    def piece(self, token: int) -> bytes:
        """What it prints for a token."""
        buffer = ctypes.create_string_buffer(1024)
        count = _token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        assert count >= 0
        return buffer.raw[:count]


class LlamaCpp:
    """A GGUF on the CPU, with an f32 cache and plain attention."""

    def __init__(self, path: Path, context: int, threads: int = 2) -> None:
        self._model = _load(str(path).encode(), _model_params())
        assert self._model, f"llama.cpp does not load {path}"
        params = _context_params()
        params.n_ctx = params.n_batch = context
        params.n_threads = params.n_threads_batch = threads
        params.flash_attention = FLASH_ATTENTION_OFF
        params.type_k = params.type_v = F32
        self._context = _init(self._model, params)
        assert self._context, f"llama.cpp has no context for {path}"
        self._vocab = _vocab(self._model)
        self._batch = _batch_init(context, 0, 1)

    def close(self) -> None:
        _free(self._context)
        _free_model(self._model)

    @property
    def description(self) -> str:
        """What kind of model it is, in llama.cpp's words: "llama 134M Q8_0"."""
        text = ctypes.create_string_buffer(256)
        _description(self._model, text, len(text))
        return text.value.decode(errors="replace")

    @property
    def weights_bytes(self) -> int:
        return _model_size(self._model)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return _size(self._vocab)

    @property
    def bos(self) -> int | None:
        """The token that it puts in front of a text by itself."""
        return _bos(self._vocab) if _adds_bos(self._vocab) else None

    @property
    def chat_template(self) -> str | None:
        template = _chat_template(self._model, None)
        return template.decode() if template else None

    def tokenize(self, text: str, is_prompt: bool) -> list[int]:
        """Token ids; of a prompt with BOS, and with control tokens recognised."""
        return _tokens(self._vocab, text, is_prompt, is_prompt)

    def clear(self) -> None:
        """Forgets all positions."""
        _clear(_memory(self._context), True)

    def rewind(self, position: int) -> None:
        """Forgets the positions from this one on."""
        assert _remove(_memory(self._context), -1, position, -1)

    def append(self, tokens: list[int], first: int, all_rows: bool) -> np.ndarray:
        """Logits [rows, vocabulary] of tokens at the positions from `first` on, computed at once:
        of all of them or of the last one."""
        batch = self._batch
        batch.count = len(tokens)
        for i, token in enumerate(tokens):
            batch.tokens[i] = token
            batch.positions[i] = first + i
            batch.sequence_counts[i] = 1
            batch.sequences[i][0] = 0
            batch.outputs[i] = all_rows or i == len(tokens) - 1
        assert _decode(self._context, batch) == 0
        shape = (len(tokens) if all_rows else 1, _size(self._vocab))
        return np.ctypeslib.as_array(_logits(self._context), shape)

    def logits(self, tokens: list[int]) -> np.ndarray:
        """Of every position of a sequence, computed at once."""
        self.clear()
        return self.append(tokens, 0, all_rows=True).copy()
