"""results.json: what a sweep or qz-eval measured, and one row of it as reports need it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure
from qz_eval.files import read_json
from qz_eval.results_check import RESULTS, check
from qz_eval.variants import Variant

VERSION = 1
Json = dict[str, Any]


def merge(
    variants: Iterable[Variant], records: Mapping[str, Json], failures: Mapping[str, str]
) -> Json:
    """One results.json from the records of a sweep, in the order of its variants."""
    entries = []
    conditions: Json = {}
    for variant in variants:
        entry: Json = {"name": variant.name}
        if variant.curve:
            entry["curve"] = {"of": variant.curve[0], "blocks": variant.curve[1]}
        record = records.get(variant.name)
        if record:
            conditions = conditions or record["conditions"]
            entry |= {key: value for key, value in record["executable"].items() if key != "file"}
        if error := failures.get(variant.name):
            entry["error"] = error
        entries.append(entry)
    return {"version": VERSION, "conditions": conditions, "executables": entries}


@dataclass(frozen=True)
class Spread:
    """A mean with its standard deviation, or a value with its standard error."""

    value: float
    error: float


def megabytes(value: float) -> str:
    """Small sizes keep digits that tell them apart."""
    return f"{value:.{3 if value < 10 else 2 if value < 100 else 1}f}"


def _percent(spread: Spread | None) -> Spread | None:
    return spread and Spread(100 * spread.value, 100 * spread.error)


class Row:
    """One executable of results.json. What was not measured is None."""

    def __init__(self, entry: Json) -> None:
        self._entry = entry
        self.error: str | None = entry.get("error")

    def _get(self, *path: str) -> Any:
        value: Any = self._entry
        for key in path:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    def _spread(self, part: str, key: str, error: str) -> Spread | None:
        value, deviation = self._get(part, key), self._get(part, error)
        return None if value is None or deviation is None else Spread(value, deviation)

    def _megabytes(self, *path: str) -> float | None:
        value = self._get(*path)
        return None if value is None else value / 1e6

    @property
    def name(self) -> str:
        return self._entry.get("name") or Path(self._entry["file"]).name

    @property
    def model(self) -> str | None:
        return self._get("info", "model", "name")

    @property
    def selection(self) -> str | None:
        return self._get("info", "selection")

    @property
    def scheme(self) -> str | None:
        stored = self._get("info", "stored_as")
        return stored and " + ".join(use["storage"] for use in stored)

    @property
    def storages(self) -> list[str]:
        """Without block sizes and the like: "nf4" for "nf4/64 double"."""
        stored = self._get("info", "stored_as") or ()
        return [re.split("[/ ]", use["storage"])[0] for use in stored]

    @property
    def file_mb(self) -> float | None:
        return self._megabytes("info", "file_bytes")

    @property
    def imported_mb(self) -> float | None:
        return self._megabytes("info", "memory", "imported", "packed_bytes")

    @property
    def weights_mb(self) -> float | None:
        return self._megabytes("info", "memory", "stored", "packed_bytes")

    @property
    def rss_mb(self) -> float | None:
        return self._get("bench", "rss_peak_mb")

    @property
    def gpu_mb(self) -> float | None:
        return self._get("bench", "gpu_mb") or None

    @property
    def load_seconds(self) -> float | None:
        return self._get("bench", "load_seconds")

    @property
    def prefill(self) -> Spread | None:
        return self._spread("bench", "prefill_tok_s", "prefill_tok_s_sd")

    @property
    def decode(self) -> Spread | None:
        return self._spread("bench", "decode_tok_s", "decode_tok_s_sd")

    @property
    def tests(self) -> str | None:
        """What was timed, as llama-bench names it: "pp512, tg128"."""
        names = [self._get("bench", f"{phase}_test") for phase in ("prefill", "decode")]
        return ", ".join(name for name in names if name) or None

    @property
    def batch(self) -> int | None:
        """Sequences that were timed at once, where there were several."""
        batch = self._get("bench", "batch")
        return batch if batch and batch > 1 else None

    @property
    def first_token_ms(self) -> Spread | None:
        return self._spread("bench", "first_token_ms", "first_token_ms_sd")

    def token_ms(self, percentile: str) -> float | None:
        """A token's time that so many percent do not exceed: "p50", "p90", "p99", "max"."""
        return self._get("bench", "token_ms", percentile)

    @property
    def sample_seconds(self) -> float | None:
        """A prompt and its continuation."""
        return self._get("bench", "sample_seconds")

    @property
    def window_seconds(self) -> float | None:
        """A window, or a line, of the scored text."""
        return self._get("score", "seconds_per_window")

    @property
    def decode_gb_s(self) -> float | None:
        return self._get("bench", "decode_gb_s")

    @property
    def stream_percent(self) -> float | None:
        """Of the rate at which memory streams, measured in the same run."""
        return self._get("bench", "decode_stream_percent")

    def joules_per_token(self, phase: str) -> float | None:
        return self._get("bench", f"{phase}_joules_per_token")

    @property
    def cache_mb(self) -> float | None:
        return self._get("bench", "cache_mb")

    @property
    def workspace_mb(self) -> float | None:
        return self._get("bench", "workspace_mb")

    @property
    def is_peer(self) -> bool:
        """Whether another package than qzc made it."""
        return bool(self._get("is_peer"))

    @property
    def made_by(self) -> str | None:
        return self._get("made_by")

    @property
    def llama_perplexity(self) -> Spread | None:
        """What llama.cpp finds by its own protocol for the GGUF of a variant."""
        return self._spread("llama_cpp", "perplexity", "perplexity_error")

    @property
    def own_llama_perplexity(self) -> Spread | None:
        """What the variant's executable finds by llama.cpp's protocol."""
        return self._spread("llama_cpp", "own_perplexity", "own_perplexity_error")

    def footprint_mb(self, convention: str) -> float | None:
        """Stored weights as people count them: "hf_footprint", "hf_footprint_buffers"."""
        return self._megabytes("info", "memory", "stored", f"{convention}_bytes")

    @property
    def perplexity(self) -> Spread | None:
        return self._spread("score", "perplexity", "perplexity_error")

    @property
    def bits_per_byte(self) -> Spread | None:
        return self._spread("score", "bits_per_byte", "bits_per_byte_error")

    @property
    def components(self) -> dict[str, float]:
        """Megabytes of stored weights by component."""
        uses = self._get("info", "components") or ()
        return {use["component"]: use["stored_bytes"] / 1e6 for use in uses}

    @property
    def block_errors(self) -> dict[int, float]:
        """Relative error of the quantized weights of each decoder block."""
        sums: dict[int, tuple[float, float]] = {}
        for weight in self._entry.get("weight_errors", ()):
            if weight["block"] >= 0:
                errors, squares = sums.get(weight["block"], (0.0, 0.0))
                sums[weight["block"]] = (
                    errors + weight["squared_errors"],
                    squares + weight["squares"],
                )
        return {
            block: math.sqrt(errors / squares)
            for block, (errors, squares) in sums.items()
            if squares > 0
        }

    @property
    def curve(self) -> str | None:
        """What the variants of this one's curve have in common: "int8 --blocks=0:N"."""
        return self._get("curve", "of")

    @property
    def curve_blocks(self) -> int:
        return self._get("curve", "blocks")

    @property
    def tokens_scored(self) -> int | None:
        return self._get("score", "tokens_scored")

    @property
    def device(self) -> str | None:
        return self._get("bench", "device")

    def _compared(self, key: str) -> Spread | None:
        return self._spread("comparison", key, f"{key}_error")

    @property
    def perplexity_difference(self) -> Spread | None:
        return self._compared("perplexity_difference")

    @property
    def divergence(self) -> Spread | None:
        """Mean Kullback-Leibler divergence from the base, in nats a token."""
        return self._compared("kl_divergence")

    def divergence_quantile(self, fraction: float) -> float | None:
        quantiles = self._get("comparison", "kl_quantiles") or ()
        return next((value for at, value in quantiles if at == fraction), None)

    @property
    def same_top_percent(self) -> Spread | None:
        return _percent(self._compared("same_top"))

    @property
    def perplexity_ratio(self) -> Spread | None:
        return self._compared("perplexity_ratio")

    @property
    def mean_change_percent(self) -> Spread | None:
        """Of the right token's probability, in percentage points."""
        return _percent(self._compared("mean_change"))

    @property
    def rms_change_percent(self) -> Spread | None:
        return _percent(self._compared("rms_change"))

    @property
    def tasks(self) -> list[str]:
        """Files of questions that it answered."""
        return [part["task"] for part in self._entry.get("tasks", ())]

    def accuracy(self, task: str, figure: str = "acc") -> Spread | None:
        """Percent: "acc", "acc_norm" (by length), or one of them and "_difference"."""
        part = next((p for p in self._entry.get("tasks", ()) if p["task"] == task), {})
        value, error = part.get(figure), part.get(f"{figure}_error")
        return None if value is None or error is None else _percent(Spread(value, error))

    @property
    def mean_line_perplexity(self) -> float | None:
        return self._get("score", "mean_line_perplexity")


def _without_nulls(value: Any) -> Any:
    """What was not measured is not there."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def read_results(path: Path) -> Json:
    """A results.json, or the one in a folder."""
    path = path / "results.json" if path.is_dir() else path
    results = read_json(path)
    if results.get("version") != VERSION or not isinstance(results.get("executables"), list):
        raise EvalFailure(f"{path}: no results of this version of qz-eval")
    try:
        check(results, RESULTS)
    except EvalFailure as error:
        raise EvalFailure(f"{path}: {error}") from None
    for index, entry in enumerate(results["executables"]):
        if not entry.get("name") and not entry.get("file"):
            raise EvalFailure(f"{path}: executables[{index}] has neither name nor file")
    results = _without_nulls(results)
    # qz-eval names the base by its path; in a report it is called as its row is.
    conditions = results["conditions"]
    if "base" in conditions:
        conditions["base"] = Path(conditions["base"]).name
    return results
