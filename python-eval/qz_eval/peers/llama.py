"""A GGUF through stock llama.cpp:

    python -m qz_eval.peers.llama REQUEST.json

Prints what a row of results.json holds. With `programs` (a folder that has llama-bench and
llama-perplexity) these are run, on a GPU where they were built for one; without, the library of the
package xllamacpp computes on the CPU. The request: gguf, programs (or null), text, device, threads
(0: all), what to time (prompt, count, depth, repetitions), and what to score by the protocol of
llama-perplexity: context, chunks (0: all), plan (what model.bin --score --protocol=llama.cpp --plan
printed, or null: nothing).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from qz_eval.peers import XLLAMACPP
from qz_eval.peers.timing import Json, peak_resident_mb, phase, score_of, timed

ESTIMATE = re.compile(r"Final estimate: PPL = ([\d.]+) \+/- ([\d.]+)")


class LlamaFailure(Exception):
    """One line that says what went wrong."""


def run(command: list[str]) -> str:
    """Both outputs of a program; its libraries may lie beside it."""
    beside = str(Path(command[0]).parent)
    paths = ":".join(filter(None, (beside, os.environ.get("LD_LIBRARY_PATH"))))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LD_LIBRARY_PATH": paths},
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise LlamaFailure(f"{Path(command[0]).name} failed: {said[-1]}")
    return done.stdout + done.stderr


def _shared(asked: Json) -> list[str]:
    layers = "99" if asked["device"] == "cuda" else "0"
    threads = ["-t", str(asked["threads"])] if asked["threads"] else []
    return ["-m", asked["gguf"], "-ngl", layers, *threads]


def _info(kind: str, weights_bytes: int) -> Json:
    return {
        "stored_as": [{"storage": kind}],
        "memory": {"stored": {"packed_bytes": weights_bytes}},
    }


def bench_by_program(asked: Json) -> Json:
    """A row without its score."""
    command = [
        str(Path(asked["programs"]) / "llama-bench"),
        *_shared(asked),
        *("-p", str(asked["prompt"]), "-n", str(asked["count"]), "-d", str(asked["depth"])),
        *("-r", str(asked["repetitions"]), "-o", "json"),
    ]
    out = run(command)
    tests = json.loads(out[out.index("[") : out.rindex("]") + 1])
    bench: Json = {"depth": asked["depth"], "repetitions": asked["repetitions"]}
    for test in tests:
        is_prompt = test["n_prompt"] > 0
        name, short = ("prefill", "pp") if is_prompt else ("decode", "tg")
        tokens = test["n_prompt"] or test["n_gen"]
        depth = f" @ d{test['n_depth']}" if test.get("n_depth") else ""
        seconds = [nanoseconds / 1e9 for nanoseconds in test["samples_ns"]]
        bench |= phase(name, f"{short}{tokens}{depth}", tokens, seconds)
        bench["device"] = test.get("gpu_info") or test.get("cpu_info") or asked["device"]
    if "prefill_seconds" in bench:
        bench["first_token_ms"] = 1000 * bench["prefill_seconds"]
        bench["first_token_ms_sd"] = 1000 * bench["prefill_seconds_sd"]
    test = tests[0]
    return {
        "info": _info(test["model_type"], test["model_size"]),
        "bench": bench,
        "made_by": f"llama.cpp {test.get('build_commit', '')}".strip(),
    }


def score_by_program(asked: Json) -> Json:
    command = [
        str(Path(asked["programs"]) / "llama-perplexity"),
        *_shared(asked),
        *("-f", asked["text"], "-c", str(asked["context"]), "-b", str(asked["context"])),
        *("--chunks", str(asked["chunks"] or -1)),
        # As the executables: no rounding of keys and values.
        *("-ctk", "f32", "-ctv", "f32", "-fa", "off"),
    ]
    start = time.perf_counter()
    found = ESTIMATE.search(run(command))
    if not found:
        raise LlamaFailure("llama-perplexity printed no final estimate")
    return {
        "perplexity": float(found[1]),
        "perplexity_error": float(found[2]),
        "seconds": time.perf_counter() - start,
    }


def by_programs(asked: Json) -> Json:
    entry = bench_by_program(asked)
    if asked["plan"]:
        entry["score"] = score_by_program(asked)
    return entry


def by_library(asked: Json) -> Json:
    import numpy as np

    from qz_eval.peers.llama_library import LlamaCpp

    if version("xllamacpp") != XLLAMACPP:
        raise LlamaFailure(f"xllamacpp {version('xllamacpp')} is not {XLLAMACPP}, which is needed")
    plan = json.loads(Path(asked["plan"]).read_text()) if asked["plan"] else {"windows": []}
    longest = max((len(window["tokens"]) for window in plan["windows"]), default=0)
    depth, room = asked["depth"], max(asked["prompt"], asked["count"])
    threads = asked["threads"] or len(os.sched_getaffinity(0))
    start = time.perf_counter()
    model = LlamaCpp(Path(asked["gguf"]), max(longest, depth + room), threads)
    loaded = time.perf_counter() - start
    chosen = np.random.default_rng(0)
    tokens = chosen.integers(3, model.vocabulary, depth + room + 1).tolist()
    at = {"position": depth, "token": 0}
    if depth:
        model.append(tokens[:depth], 0, all_rows=False)

    def rewind() -> None:
        model.rewind(depth)
        at.update(position=depth, token=tokens[-1])

    def step() -> None:
        row = model.append([at["token"]], at["position"], all_rows=False)[0]
        at.update(position=at["position"] + 1, token=int(row.argmax()))

    bench = timed(
        asked,
        lambda count: model.append(tokens[depth : depth + count], depth, all_rows=False),
        step,
        rewind,
    )
    bench |= {
        "load_seconds": loaded,
        "rss_peak_mb": peak_resident_mb(),
        "gpu_mb": 0.0,
        "device": f"CPU ({threads} threads, llama.cpp)",
    }
    entry: Json = {
        "info": _info(model.description, model.weights_bytes),
        "bench": bench,
        "made_by": f"llama.cpp in xllamacpp {XLLAMACPP}",
    }
    if plan["windows"]:
        start = time.perf_counter()
        losses = []
        for window in plan["windows"]:
            ids, scored = window["tokens"], window["scored"]
            rows = model.logits(ids[:-1])[-scored:].astype(np.float64)
            most = rows.max(axis=1)
            sums = np.log(np.exp(rows - most[:, None]).sum(axis=1)) + most
            losses.append((sums - rows[np.arange(scored), ids[-scored:]]).tolist())
        entry["score"] = score_of(plan, losses, time.perf_counter() - start)
    model.close()
    return entry


if __name__ == "__main__":
    request = json.loads(Path(sys.argv[1]).read_text())
    try:
        print(json.dumps(by_programs(request) if request["programs"] else by_library(request)))
    except LlamaFailure as failure:
        sys.exit(str(failure))
