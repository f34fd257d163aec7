"""Prints what executables reach on this GPU beside other programs, as one Markdown table:

    gpu_table.py FOLDER [-r 3] [--prompt 2048] [--depth 16384] [--kv-cache TYPE] [--json FILE]
        [--llama-bench PROGRAM GGUF…] [--models FOLDER…]

FOLDER holds the executables that prepare.py made. Each is checked before it is timed: logits of a
few tokens, one by one and at once, against those of the same executable on the CPU. Then --bench
times a prompt, decoding after it, decoding at --depth (0: not), and the copies that memory gives in
the same run; --score times windows as long as the prompt; and where weights are real, the program's
start to its first token, less what a context of the driver takes. Beside prefill and scoring stands
their linear layers' part of the f16 product that torch gets, where there is torch. --llama-bench
times GGUF files by llama.cpp's program; --models times Hugging Face folders by transformers in bf16
and by bitsandbytes, in the Python that runs this. Needs NumPy, and what it is asked to run. Exit
status 1 if a check failed or a row could not be measured; the others are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import executables
from executables import BOUNDS, run

ROOT = Path(__file__).resolve().parents[2]
DECODED = 128

Row = dict[str, object]


def measured(image: Path, options: argparse.Namespace) -> Row:
    found = executables.errors(image)
    described = executables.info(image)
    context = described["model"]["context"]
    cache = ("--kv-cache", options.kv_cache)
    again = ("-r", options.repetitions)
    # The head on one row, as a prompt has it, and room to decode behind it.
    prompt = min(options.prompt, context - DECODED)
    timed = executables.bench(image, "-p", prompt, "-n", DECODED, *again, *cache)
    name, _, scheme = image.stem.rpartition(".")
    row: Row = {
        "model": name,
        "by": "qzc",
        "stored as": scheme,
        "decode": timed["decode_tok_s"],
        "read": timed.get("decode_stream_percent"),
        "prompt": prompt,
        "prefill": timed["prefill_tok_s"],
        "prefill_products": 2 * executables.products(described, heads=False),
        "scoring": executables.scoring(image, min(options.prompt, context), *cache),
        "scoring_products": 2 * executables.products(described, heads=True),
        "errors": found,
        "bench": timed,
    }
    if options.depth and options.depth + DECODED <= context:
        deep = ("-p", 0, "-n", DECODED, "-d", options.depth)
        row["deep"] = executables.bench(image, *deep, *again, *cache)["decode_tok_s"]
    if described["weights"]["mode"] != "synthetic":
        row["start"] = executables.start(image, options.repetitions)
    return row


def llama_row(program: Path, file: Path, options: argparse.Namespace) -> Row:
    asked = ["-p", options.prompt, "-n", DECODED, "-r", options.repetitions]
    asked += ["-ngl", 99, "-fa", 1, "-o", "json"]
    runs = json.loads(run(program, "-m", file, *asked))
    speed = {bool(one["n_gen"]): one["avg_ts"] for one in runs}
    return {
        "model": file.stem,
        "by": "llama.cpp",
        "stored as": runs[0]["model_type"],
        "decode": speed[True],
        "prompt": options.prompt,
        "prefill": speed[False],
    }


def model_row(folder: Path, scheme: str, options: argparse.Namespace) -> Row:
    """By qz_eval's adapters, a process each, so that memory is free again."""
    paths = [str(ROOT / "python-eval"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    asked = {
        "folder": str(folder),
        "scheme": scheme,
        "dtype": "bfloat16",
        "device": "cuda",
        "threads": 0,
        "plan": None,
        "prompt": options.prompt,
        "count": DECODED,
        "depth": 0,
        "repetitions": options.repetitions,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as request:
        json.dump(asked, request)
        request.flush()
        adapter = (sys.executable, "-m", "qz_eval.peers.models", request.name)
        timed = json.loads(run(*adapter, environment=environment))["bench"]
    return {
        "model": folder.name,
        "by": "transformers" if scheme == "none" else "bitsandbytes",
        "stored as": "bf16" if scheme == "none" else scheme,
        "decode": timed["decode_tok_s"],
        "prompt": options.prompt,
        "prefill": timed["prefill_tok_s"],
    }


def number(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else ""


def percent(part: float | None) -> str:
    return f"{100 * part:.0f}%" if part is not None else ""


def line(row: Row, peak: float | None) -> str:
    def with_share(phase: str) -> str:
        """Tokens a second, and their products' part of what torch gets."""
        if peak is None or f"{phase}_products" not in row:
            return number(row.get(phase))
        return f"{number(row[phase])} ({percent(row[phase] * row[f'{phase}_products'] / peak)})"

    found = row.get("errors")
    cells = [
        str(row["model"]),
        str(row["by"]),
        f"`{row['stored as']}`",
        number(row["decode"]),
        percent(row["read"] / 100) if row.get("read") is not None else "",
        number(row.get("deep")),
        number(row["prompt"]),
        with_share("prefill"),
        with_share("scoring"),
        " and ".join(f"{found[how]:.1e}" for how in BOUNDS) if isinstance(found, dict) else "",
    ]
    return "| " + " | ".join(cells) + " |"


def rows(options: argparse.Namespace, wrong: list[str]) -> Iterator[Row]:
    """Those that can be measured; `wrong` says why the others cannot."""

    def unless_it_fails(what: str, row: Callable[[], Row]) -> Iterator[Row]:
        try:
            yield row()
        except RuntimeError as error:
            wrong.append(f"{what}: {error}")

    for image in sorted(options.folder.glob("*.bin")):
        yield from unless_it_fails(image.stem, lambda image=image: measured(image, options))
    program, *files = options.llama_bench or [None]
    for file in files:
        yield from unless_it_fails(file.stem, lambda file=file: llama_row(program, file, options))
    for folder in options.models:
        for scheme in ("none", "int8", "nf4"):
            yield from unless_it_fails(
                f"{folder.name} {scheme}",
                lambda folder=folder, scheme=scheme: model_row(folder, scheme, options),
            )


def print_conditions(kept: list[Row], peak: float | None, options: argparse.Namespace) -> None:
    """What the figures stand on: the device, its limits, and starts beyond its driver."""
    timed = [row["bench"] for row in kept if "bench" in row]
    if timed:
        stream = max(one.get("stream_gb_s", 0) for one in timed)
        print(f"\n{timed[0]['device']}, {options.kv_cache} cache; copies stream {stream:,.0f} GB/s")
    if peak is not None:
        print(f"torch multiplies f16 at {peak / 1e12:,.0f} TFLOP/s")
    started = [row for row in kept if "start" in row]
    if started:
        driver = executables.context_creation(sys.executable, options.repetitions)
        print(f"driver and context {driver:.2f} s; from start to first token, beyond that:")
    for row in started:
        print(f"{row['model']} {row['stored as']} {row['start'] - driver:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-r", dest="repetitions", type=int, default=3)
    parser.add_argument(
        "--prompt", type=int, default=2048, help="tokens, where the context has room"
    )
    parser.add_argument("--depth", type=int, default=16384)
    parser.add_argument("--kv-cache", default="f32", choices=("f32", "f16", "q8"))
    parser.add_argument("--json", type=Path, help="all that was measured")
    parser.add_argument("--llama-bench", type=Path, nargs="+", default=[])
    parser.add_argument("--models", type=Path, nargs="+", default=[])
    options = parser.parse_args()

    columns = ["model", "by", "stored as", "decode", "read", f"at {options.depth:,}"]
    columns += ["prompt", "prefill", "scoring", "one by one, at once"]
    print("| " + " | ".join(columns) + " |\n|" + " --- |" * 3 + " ---: |" * 7)
    peak = executables.gemm_peak()
    kept: list[Row] = []
    wrong: list[str] = []
    for row in rows(options, wrong):
        print(line(row, peak), flush=True)
        kept.append(row)
        for how, error in row.get("errors", {}).items():
            if error >= BOUNDS[how]:
                wrong.append(
                    f"{row['model']} {row['stored as']}: logits {how} are {error:.1e} of their "
                    "deviation from the CPU's"
                )
    print_conditions(kept, peak, options)
    if options.json:
        options.json.write_text(json.dumps(kept, indent=2) + "\n")
    if wrong:
        sys.exit("\n".join(f"gpu_table: {why}" for why in wrong))


if __name__ == "__main__":
    main()
