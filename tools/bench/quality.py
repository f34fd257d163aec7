"""What quantizing costs a model, and what calibration wins back, in one table:

    quality.py MODEL.mlir --calibrate VALID.txt --text TEST.txt -o DIR
               [--max-windows N] [--compared-windows N] [--context 1024] [--calibration-tokens N]
               [--device cpu|cuda] [--arch LIST] [--only NAME…] [--jobs N] [--threads N]

Compiles the model unquantized and as each row of the table says, all with a method calibrated on
VALID.txt, and compares each with the unquantized one on TEST.txt: perplexity, the
Kullback-Leibler divergence of its predictions, and of what plain nf4 loses in perplexity the part
that it loses. DIR/quality.md has the table; what each row took and gave is in DIR/NAME.json and
not made again, so that the same call goes on where it was stopped. Executables are deleted once
they are measured, but for the unquantized one. Seconds and memory are of a compilation without
code for a GPU, on `--threads` threads while `--jobs` rows are made at once. A k-quant's mix is left
out where a model's rows are no multiples of 256, for what its fallbacks make of it is something
else.

The model's weights must not be on a grid already: off_grid.py moves them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measured import ProgramFailure, measured

ROOT = Path(__file__).resolve().parents[2]
BASE = "none"
PLAIN = "nf4"


@dataclass(frozen=True)
class Row:
    name: str
    options: tuple[str, ...]
    calibrated: bool = False


def rows_of(module: Path) -> list[Row]:
    """Groups are the largest that divide the rows of all layers in decoder blocks."""
    columns = columns_of(module)
    group = next((g for g in (128, 64, 32) if all(count % g == 0 for count in columns)), None)
    rows = [Row(BASE, ("--quantize=none",)), Row(PLAIN, (f"--quantize={PLAIN}",))]
    if group:
        rows += [Row(spec, (f"--quantize={spec}",))
                 for spec in ("q4_0", f"int4/{group}", f"int3/{group}")]  # fmt: skip
    if all(count % 256 == 0 for count in columns):
        rows.append(Row("q4_k_m", ("--mix=q4_k_m",)))
    calibrated = [("nf4", method) for method in ("mse", "gptq", "awq")]
    if group:
        calibrated += [(f"int4/{group}", "gptq"), (f"int4/{group}", "awq"),
                       (f"int4/{group} asym", "awq"),
                       *((f"int3/{group}", method) for method in ("mse", "gptq", "awq")),
                       *((f"int3/{group} asym", method) for method in ("mse", "gptq", "awq")),
                       ("int3/32", "gptq")]  # fmt: skip
    rows += [Row(f"{spec} {method}", (f"--quantize={spec}", f"--method={method}"), True)
             for spec, method in dict.fromkeys(calibrated)]  # fmt: skip
    rows += [Row(f"4.5 bits {method}", ("--target-bpw=4.5", f"--method={method}"), True)
             for method in ("mse", "gptq")]  # fmt: skip
    return rows


def columns_of(module: Path) -> set[int]:
    """Of the weights of all linear layers but the head."""
    layers = re.findall(r"qz\.linear (?!head)\w+ .*tensor<\d+x(\d+)x\w+>[,)]", module.read_text())
    if not layers:
        sys.exit(f"quality: {module} has no layers: it must be as qz-import wrote it, unquantized")
    return {int(columns) for columns in layers}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.qzc, self.qz_eval = options.programs / "qzc", options.programs / "qz-eval"
        self.folder: Path = options.output
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = rows_of(options.module)
        # What a record holds for: another model, text or device is measured again.
        self.subject = {
            "files": [sha256(options.module), sha256(options.text), sha256(options.calibrate)],
            "device": options.device,
            "arch": options.arch,
        }

    def file_name(self, row: Row) -> str:
        return re.sub(r"[^\w.]+", "-", row.name)

    def image(self, row: Row) -> Path:
        return self.folder / f"{self.file_name(row)}.bin"

    def compile(self, row: Row) -> dict[str, Any]:
        """The same weights follow from the statistics of a calibration: code for a GPU is made in
        a second run, which does not count."""
        options = self.options
        report, statistics = (self.folder / f"{self.file_name(row)}.{end}"
                              for end in ("report.json", "statistics"))  # fmt: skip
        command: list[str | Path] = [self.qzc, options.module, *row.options]
        if options.threads:
            command.append(f"--threads={options.threads}")
        calibration = [f"--calibrate={options.calibrate}", f"--save-statistics={statistics}",
                       f"--calibration-tokens={options.calibration_tokens}"]  # fmt: skip
        took = measured(
            [*command, *(calibration if row.calibrated else []), "--arch=none",
             f"--report={report}", "-o", self.image(row)]
        )  # fmt: skip
        if options.arch != "none":
            measured(
                [*command, *([f"--statistics={statistics}"] if row.calibrated else []),
                 f"--arch={options.arch}", "-o", self.image(row)]
            )  # fmt: skip
        statistics.unlink(missing_ok=True)
        account = json.loads(report.read_text())
        report.unlink()
        quantized = account["quantized"]
        return {
            "seconds": took.wall,
            "megabytes": took.megabytes,
            "bits": quantized and quantized.get("bits_a_weight"),
            "output_error": sum(t.get("output_error") or 0 for t in account["tensors"]),
        }

    def measure(self, images: list[Path], windows: int | None) -> dict[str, Any]:
        """What qz-eval says of the last image, compared with the first where there are two."""
        out = self.folder / f"{images[-1].stem}.measured"
        command: list[str | Path] = [self.qz_eval, *images, "--text", self.options.text, "-o", out,
                                     "-p", "0", "-n", "1", "-r", "1",
                                     f"--context={self.options.context}",
                                     f"--device={self.options.device}"]  # fmt: skip
        if len(images) > 1:
            command += ["--base", images[0]]
        if windows:
            command.append(f"--max-windows={windows}")
        measured(command)
        entry: dict[str, Any] = json.loads((out / "results.json").read_text())["executables"][-1]
        shutil.rmtree(out)
        return entry

    def score(self, row: Row) -> dict[str, Any]:
        """Perplexity, and how predictions differ from the unquantized model's: all logits of both
        are looked at for this, so fewer windows may be."""
        base, image = self.image(self.rows[0]), self.image(row)
        scored = self.measure([image], self.options.max_windows)["score"]
        if row.name == BASE:
            return {"perplexity": scored["perplexity"], "tokens": scored["tokens_scored"]}
        compared = self.measure([base, image], self.options.compared_windows)["comparison"]
        return {"perplexity": scored["perplexity"], "tokens": scored["tokens_scored"],
                "comparison": compared}  # fmt: skip

    def record(self, row: Row) -> dict[str, Any]:
        path = self.folder / f"{self.file_name(row)}.json"
        options = self.options
        same = {
            **self.subject,
            "options": list(row.options),
            "calibration_tokens": options.calibration_tokens if row.calibrated else 0,
            "context": options.context,
            "max_windows": options.max_windows,
            "compared_windows": options.compared_windows,
        }
        if path.exists():
            record: dict[str, Any] = json.loads(path.read_text())
            if record["of"] == same and (row.name != BASE or self.image(row).exists()):
                return record
        print(f"quality: {row.name}", file=sys.stderr, flush=True)
        record = {"of": same, **self.compile(row), **self.score(row)}
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(record, indent=1))
        unfinished.replace(path)
        if row.name != BASE:
            self.image(row).unlink()
        return record

    def run(self) -> bool:
        """Whether every row could be made."""
        known = [row.name for row in self.rows]
        if unknown := {*(self.options.only or [])} - {*known}:
            sys.exit(
                f"quality: no row is called {', '.join(unknown)}; there are {', '.join(known)}"
            )
        names = {*(self.options.only or known), BASE, PLAIN}
        rows = [row for row in self.rows if row.name in names]
        try:
            records = {BASE: self.record(rows[0])}
        except ProgramFailure as failure:
            sys.exit(f"quality: {BASE}: {failure}")
        failed = False
        with ThreadPoolExecutor(self.options.jobs) as pool:
            futures = {row.name: pool.submit(self.record, row) for row in rows[1:]}
            for name, future in futures.items():
                try:
                    records[name] = future.result()
                except ProgramFailure as failure:
                    failed = True
                    print(f"quality: {name}: {failure}", file=sys.stderr, flush=True)
                (self.folder / "quality.md").write_text(table(records))
        print(table(records), end="")
        return not failed


def table(records: dict[str, dict[str, Any]]) -> str:
    lines = ["| | bits a weight | perplexity | loses | of nf4's loss | KL divergence | "
             "same best token | compiled in s | peak MB |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    base = records[BASE]["perplexity"]
    plain = records[PLAIN]["perplexity"] - base if PLAIN in records else math.nan
    for name, record in records.items():
        perplexity = record["perplexity"]
        compared = record.get("comparison", {})
        bits, divergence = record["bits"], compared.get("kl_divergence")
        cells = [name, f"{bits:.3f}" if bits else "", f"{perplexity:.3f}"]
        if name == BASE:
            cells += [""] * 4
        else:
            lost = perplexity - base
            top = compared.get("same_top")
            cells += [f"{lost:.3f}", f"{100 * lost / plain:.0f}%",
                      "" if divergence is None else f"{divergence:.4f}",
                      "" if top is None else f"{100 * top:.1f}%"]  # fmt: skip
        cells += [f"{record['seconds']:.0f}", f"{record['megabytes']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path, help="written by qz-import")
    parser.add_argument("--calibrate", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True, help="to score")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--max-windows", type=int, help="score the first N windows only")
    parser.add_argument("--compared-windows", type=int, help="compare predictions in the first N")
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--calibration-tokens", type=int, default=32768)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--arch", default="none", help="of the GPU to score on, as qzc's")
    parser.add_argument("--jobs", type=int, default=1, help="rows to make at once")
    parser.add_argument("--threads", type=int, help="of each compilation")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--programs", type=Path, default=ROOT / "build" / "bin")
    options = parser.parse_args()
    for path in (options.module, options.calibrate, options.text):
        if not path.is_file():
            parser.error(f"{path}: there is no such file")
    sys.exit(0 if Bench(options).run() else 1)


if __name__ == "__main__":
    main()
