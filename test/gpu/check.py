"""Compares executables on a GPU with golden values (needs NumPy alone):

    check.py FOLDER [--results FILE]

FOLDER is what prepare.py wrote. Every image runs with its machine code, with its PTX, and on the
CPU with each instruction set that the machine has: logits of 1, 17 and 600 tokens, at once and one
by one, the greedy continuation, and the mean loss. Errors are the largest of a row, in standard
deviations of the golden logits; the worst row is printed. Exit status 1 if any bound is broken.
FILE receives what it says of families, for scripts/family-table.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

COUNTS = (1, 17, 600)
BOUNDS = {
    "cuda": {"at once": 1e-2, "stepwise": 1e-3},
    "cpu": {"at once": 1e-4, "stepwise": 1e-4},
}
# In nats. The texts are short: a row's rounding averages out over 1,800 tokens only.
LOSS_BOUNDS = {"cuda": 1e-3, "cpu": 2e-6}
CODE = {
    "cubin": ("--device=cuda",),
    "ptx": ("--device=cuda", "--force-ptx"),
    "avx512-vnni": ("--device=cpu", "--isa=avx512-vnni"),
    "avx512": ("--device=cpu", "--isa=avx512"),
    "avx2": ("--device=cpu", "--isa=avx2"),
    "sse4.2": ("--device=cpu", "--isa=sse4.2"),
}
# Most of a tiny model's time is starting up.
PARALLEL = 8

# What to print, and what broke its bound.
Findings = tuple[list[str], list[str]]


def run(image: Path, *options: object) -> str:
    command = [str(image), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def device_of(code: str) -> str:
    return CODE[code][0].removeprefix("--device=")


def lacked(image: Path, code: str) -> str:
    """What the machine says it lacks for this code of an image; empty if it can run it."""
    try:
        run(image, "--tokens=0", "-n", 1, *CODE[code])
    except RuntimeError as error:
        if "this CPU lacks" in str(error):
            return str(error)
    return ""


def worst_row(image: Path, golden: dict, count: int, options: tuple[str, ...]) -> tuple[float, int]:
    """The largest error of a row, and which row has it."""
    tokens = ",".join(str(token) for token in golden[f"tokens_{count}"])
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "x.npy"
        run(image, "--tokens", tokens, "--logits", out, *options)
        rows = golden[f"rows_{count}"]
        logits = np.load(out)[rows]
    reference = golden[f"logits_{count}"]
    error = np.abs(logits - reference).max(axis=1) / reference.std()
    error = np.where(np.isnan(error), np.inf, error)
    worst = int(error.argmax())
    return float(error[worst]), int(rows[worst])


def check_logits(image: Path, golden: dict, code: str) -> Findings:
    """A line an entry point: the worst row of each count of tokens."""
    lines, failures = [], []
    for how, bound in BOUNDS[device_of(code)].items():
        options = CODE[code] + (("--stepwise",) if how == "stepwise" else ())
        cells = []
        for count in COUNTS:
            if f"tokens_{count}" not in golden:
                continue
            error, row = worst_row(image, golden, count, options)
            cells.append(f"{count}: {error:.1e} (row {row})")
            if error >= bound:
                failures.append(f"{image.stem} {code} {how} {count} tokens: {error:.2e}, row {row}")
        lines.append(f"{image.stem:28} {code:6} {how:9} {'  '.join(cells)}")
    return lines, failures


def check_continuation(image: Path, golden: dict, code: str) -> Findings:
    if "continuation" not in golden:
        return [], []
    want = golden["continuation"].tolist()
    prompt = ",".join(str(token) for token in golden["tokens_17"])
    got = json.loads(run(image, "--tokens", prompt, "-n", len(want), "--ignore-eos", *CODE[code]))
    return [], [] if got == want else [f"{image.stem} {code}: continuation {got}, not {want}"]


def check_loss(image: Path, text: Path, entry: dict, code: str) -> Findings:
    score = run(image, "--score", text, "--json", "--context", entry["context"], *CODE[code])
    error = abs(math.log(json.loads(score)["perplexity"] / entry["perplexity"]))
    line = f"{image.stem:28} {code:6} mean loss off by {error:.1e}"
    return [line], [] if error < LOSS_BOUNDS[device_of(code)] else [line]


def check_image(folder: Path, entry: dict, codes: list[str]) -> Findings:
    image = folder / f"{entry['image']}.bin"
    golden = dict(np.load(folder / f"{entry['image']}.npz"))
    lines, failures = [], []
    for code in codes:
        for found in (
            check_logits(image, golden, code),
            check_continuation(image, golden, code),
            check_loss(image, folder / "text.txt", entry, code),
        ):
            lines += found[0]
            failures += found[1]
    return lines, failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    folder = options.folder.resolve()
    entries = json.loads((folder / "images.json").read_text())
    failures = []
    refused = {code: lacked(folder / f"{entries[0]['image']}.bin", code) for code in CODE}
    for why in filter(None, refused.values()):
        print(f"left out: {why}")
    codes = [code for code, why in refused.items() if not why]
    on_gpu = [code for code in codes if device_of(code) == "cuda"]
    families = {entry["family"]: True for entry in entries}
    with ThreadPoolExecutor(PARALLEL) as pool:
        findings = pool.map(lambda entry: check_image(folder, entry, codes), entries)
        for entry, (lines, broken) in zip(entries, findings, strict=True):
            print("\n".join(lines), flush=True)
            failures += broken
            there = [why for why in broken if any(f" {code} " in why for code in on_gpu)]
            families[entry["family"]] &= not there
    if options.results and on_gpu:
        columns = {family: {"CUDA": {"yes": holds}} for family, holds in families.items()}
        options.results.write_text(json.dumps(columns, indent=1) + "\n")
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{len(entries)} images, {len(failures)} bounds broken")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
