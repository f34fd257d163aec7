"""What may stand in a results.json, as far as reports read it: the file may have been written by
another version, edited, or damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qz_eval.errors import EvalFailure

# Larger than any size, count or perplexity; arithmetic with it stays finite.
LARGEST = 1e30


@dataclass(frozen=True)
class Kind:
    """A value of one kind; null where nothing was measured."""

    word: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Items:
    """A list of which each item is of one kind."""

    of: Any


@dataclass(frozen=True)
class Object:
    """An object. Keys that reports do not read may hold anything."""

    keys: dict[str, Any]
    needed: tuple[str, ...] = ()
    # Where the first is there, so are the others.
    together: tuple[tuple[str, ...], ...] = ()


def _is_number(value: Any) -> bool:
    # What is no number at all (nan) is not inside either.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -LARGEST <= value <= LARGEST


NUMBER = Kind("a number", _is_number)
COUNT = Kind("a count", lambda value: _is_number(value) and isinstance(value, int) and value >= -1)
TEXT = Kind("a text", lambda value: isinstance(value, str) and value.isprintable())
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
PAIR = Kind(
    "a pair of numbers",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)),
)


def _numbers(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, NUMBER)


def _with_error(*names: str, suffix: str = "_error") -> dict[str, Any]:
    return _numbers(*(name + end for name in names for end in ("", suffix)))


_MEMORY = Object(_numbers("packed_bytes", "hf_footprint_bytes", "hf_footprint_buffers_bytes"))
_USE = Object({"component": TEXT, "stored_bytes": NUMBER}, needed=("component", "stored_bytes"))
_WEIGHT = Object(
    {"block": COUNT, **_numbers("squared_errors", "squares")},
    needed=("block", "squared_errors", "squares"),
)
_INFO = Object(
    {
        "model": Object({"name": TEXT}),
        "selection": TEXT,
        "stored_as": Items(Object({"storage": TEXT}, needed=("storage",))),
        "file_bytes": NUMBER,
        "memory": Object({"imported": _MEMORY, "stored": _MEMORY}),
        "components": Items(_USE),
    }
)
_BENCH = Object(
    {
        **dict.fromkeys(("device", "prefill_test", "decode_test"), TEXT),
        **_with_error("prefill_tok_s", "decode_tok_s", "first_token_ms", suffix="_sd"),
        **_numbers("rss_peak_mb", "gpu_mb", "load_seconds", "sample_seconds", "decode_gb_s"),
        **_numbers("decode_stream_percent", "cache_mb", "workspace_mb"),
        **_numbers("prefill_joules_per_token", "decode_joules_per_token"),
        "batch": COUNT,
        "token_ms": Object(_numbers("p50", "p90", "p99", "max")),
    }
)
_SCORE = Object(
    {
        **_with_error("perplexity", "bits_per_byte"),
        **_numbers("seconds_per_window", "mean_line_perplexity"),
        "tokens_scored": COUNT,
    }
)
_COMPARISON = Object(
    {
        **_with_error("perplexity_difference", "perplexity_ratio", "kl_divergence", "same_top"),
        **_with_error("mean_change", "rms_change"),
        "kl_quantiles": Items(PAIR),
    }
)
_ACCURACIES = _with_error("acc", "acc_norm", "acc_difference", "acc_norm_difference")
_EXECUTABLE = Object(
    {
        **dict.fromkeys(("name", "file", "error", "made_by"), TEXT),
        "is_peer": FLAG,
        "info": _INFO,
        "bench": _BENCH,
        "score": _SCORE,
        "comparison": _COMPARISON,
        "weight_errors": Items(_WEIGHT),
        "llama_cpp": Object(_with_error("perplexity", "own_perplexity")),
        "curve": Object({"of": TEXT, "blocks": COUNT}, needed=("of", "blocks")),
        "tasks": Items(Object({"task": TEXT, **_ACCURACIES}, needed=("task",))),
    }
)
_MACHINE = Object(
    {
        **dict.fromkeys(("cpu", "driver", "system"), TEXT),
        "threads": COUNT,
        "memory_bytes": NUMBER,
        "gpus": Items(TEXT),
    },
    together=(("cpu", "threads", "memory_bytes"),),
)
_ASKED = Object(
    {**dict.fromkeys(("task", "sha256", "base"), TEXT), "items": COUNT},
    needed=("task", "sha256", "items"),
)
_CONDITIONS = Object(
    {
        **dict.fromkeys(("commit", "text", "text_sha256", "protocol", "bos", "base"), TEXT),
        **dict.fromkeys(
            ("prefill_tokens", "decode_tokens", "repetitions", "depth", "batch"), COUNT
        ),
        **dict.fromkeys(("text_bytes", "context", "stride", "max_windows"), COUNT),
        "iso_memory_percent": NUMBER,
        "machine": _MACHINE,
        "tasks": Items(_ASKED),
    },
    together=(
        ("prefill_tokens", "decode_tokens", "repetitions"),
        ("text", "text_bytes", "text_sha256", "protocol", "context"),
    ),
)
RESULTS = Object(
    {"conditions": _CONDITIONS, "executables": Items(_EXECUTABLE)},
    needed=("conditions", "executables"),
)
# Of tasks.json.
TASKS = Object(
    {
        "conditions": Object(
            {**dict.fromkeys(("file", "sha256", "base"), TEXT), "items": COUNT},
            needed=("file", "sha256", "items"),
        ),
        "executables": Items(Object({"file": TEXT, **_ACCURACIES}, needed=("file",))),
    },
    needed=("conditions", "executables"),
)


def _fail(where: str, what: str) -> None:
    raise EvalFailure(f"{where or 'it'} {what}")


def _check_object(value: Any, kind: Object, where: str) -> None:
    if not isinstance(value, dict):
        _fail(where, "is no object")
    needed = list(kind.needed)
    for first, *others in kind.together:
        needed += others if value.get(first) is not None else ()
    for key in needed:
        if value.get(key) is None:
            _fail(where, f"has no {key}")
    for key, inner in kind.keys.items():
        if value.get(key) is not None:
            check(value[key], inner, f"{where}.{key}" if where else key)


def check(value: Any, kind: Any, where: str = "") -> None:
    """Raises EvalFailure naming the first place where the value is of another kind."""
    if isinstance(kind, Object):
        _check_object(value, kind, where)
    elif isinstance(kind, Items):
        if not isinstance(value, list):
            _fail(where, "is no list")
        for index, item in enumerate(value):
            check(item, kind.of, f"{where}[{index}]")
    elif not kind.holds(value):
        _fail(where, f"is not {kind.word}")
