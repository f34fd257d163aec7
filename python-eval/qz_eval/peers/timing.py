"""What the peers' programs have in common: timing as model.bin --bench does it, and the host's
peak memory. Standard library alone."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def phase(name: str, test: str, tokens: int, seconds: Sequence[float]) -> Json:
    """One phase's entries, by the names of model.bin --bench --json."""
    speed, deviation = mean_and_deviation([tokens / each for each in seconds])
    taken, spread = mean_and_deviation(seconds)
    return {
        f"{name}_test": test,
        f"{name}_tokens": tokens,
        f"{name}_tok_s": speed,
        f"{name}_tok_s_sd": deviation,
        f"{name}_seconds": taken,
        f"{name}_seconds_sd": spread,
    }


def timed(
    asked: Json,
    prefill: Callable[[int], object],
    step: Callable[[], object],
    rewind: Callable[[], object],
) -> Json:
    """Times `asked["prompt"]` tokens at once and `asked["count"]` one by one, each after a rewind
    to the depth and once more than counts. `step` decodes one token and waits for it."""
    depth = f" @ d{asked['depth']}" if asked["depth"] else ""
    prompt, count, repetitions = asked["prompt"], asked["count"], asked["repetitions"]
    bench: Json = {"depth": asked["depth"], "repetitions": repetitions}

    def repeat(work: Callable[[], object]) -> list[float]:
        taken = []
        for _ in range(repetitions + 1):
            rewind()
            taken.append(seconds_of(work))
        return taken[1:]

    if prompt:
        bench |= phase("prefill", f"pp{prompt}{depth}", prompt, repeat(lambda: prefill(prompt)))
        bench["first_token_ms"] = 1000 * bench["prefill_seconds"]
        bench["first_token_ms_sd"] = 1000 * bench["prefill_seconds_sd"]
    if count:
        bench |= phase(
            "decode",
            f"tg{count}{depth}",
            count,
            repeat(lambda: [step() for _ in range(count)]),
        )
        rewind()
        times = sorted(1000 * seconds_of(step) for _ in range(count))
        bench["token_ms"] = {
            "p50": statistics.median(times),
            "p90": quantile(times, 0.9),
            "p99": quantile(times, 0.99),
            "max": times[-1],
        }
    if prompt and count:
        bench["sample_seconds"] = bench["prefill_seconds"] + bench["decode_seconds"]
    return bench


def quantile(ordered: Sequence[float], fraction: float) -> float:
    place = fraction * (len(ordered) - 1)
    below = int(place)
    part = place - below
    return (1 - part) * ordered[below] + part * ordered[min(below + 1, len(ordered) - 1)]


def score_of(plan: Json, losses: Sequence[Sequence[float]], seconds: float) -> Json:
    """A perplexity with its error from the losses of each window's scored tokens, by the names of
    model.bin --score --json."""
    values = [loss for window in losses for loss in window]
    count = len(values)
    mean = math.fsum(values) / count
    squares = math.fsum(value * value for value in values) / count
    error = math.sqrt(max(0.0, squares - mean * mean) / (count - 1)) if count > 1 else 0.0
    factor = plan["tokens"] / plan["bytes"] / math.log(2)
    perplexity = math.exp(mean)
    return {
        "perplexity": perplexity,
        "perplexity_error": perplexity * error,
        "mean_nll": mean,
        "mean_nll_error": error,
        "bits_per_byte": mean * factor,
        "bits_per_byte_error": error * factor,
        "tokens_scored": count,
        "windows": len(losses),
        "seconds": seconds,
        "seconds_per_window": seconds / len(losses),
    }


def peak_resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status does not state the peak memory")
