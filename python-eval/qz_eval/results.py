"""results.json: what a sweep or qz-eval measured, and one row of it as reports need it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure
from qz_eval.files import read_json
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
        else:
            entry["error"] = failures[variant.name]
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
    def perplexity(self) -> Spread | None:
        return self._spread("score", "perplexity", "perplexity_error")

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
    def rms_change_percent(self) -> Spread | None:
        return _percent(self._compared("rms_change"))

    @property
    def mean_line_perplexity(self) -> float | None:
        return self._get("score", "mean_line_perplexity")


def read_results(path: Path) -> Json:
    """A results.json, or the one in a folder."""
    path = path / "results.json" if path.is_dir() else path
    results = read_json(path)
    if results.get("version") != VERSION or not isinstance(results.get("executables"), list):
        raise EvalFailure(f"{path}: no results of this version of qz-eval")
    # qz-eval names the base by its path; in a report it is called as its row is.
    conditions = results.get("conditions")
    if isinstance(conditions, dict) and isinstance(conditions.get("base"), str):
        conditions["base"] = Path(conditions["base"]).name
    return results
