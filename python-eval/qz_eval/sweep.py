"""`qz-eval sweep`: a model compiled under several selections, each measured, in one report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qz_eval import iso_memory
from qz_eval.cluster import Outcome, measure_on_cluster
from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.files import make_folder, sha256_of
from qz_eval.peers.measure import NEEDS, Peers, folder_of, parse_names
from qz_eval.peers.rows import PeerSweep, add_rows
from qz_eval.report import write_report
from qz_eval.results import merge
from qz_eval.status import Status
from qz_eval.store import Store
from qz_eval.tools import Tools
from qz_eval.variants import Variant, expand, layers_of, parse_options, read_file
from qz_eval.work import Setting, compile_variant, measure_variant

# Options of measuring, handed on to qz-eval as they are: it checks them.
MEASURING: dict[str, tuple[str, str]] = {
    "--protocol": ("NAME", "windows (default), stride, llama.cpp or lines"),
    "--context": ("N", "positions of a window"),
    "--stride": ("N", "with --protocol=stride: new tokens a window"),
    "--max-windows": ("N", "score the first N windows only"),
    "--bos": ("WHERE", "none (default), first or window"),
    "-p": ("N", "prompt tokens to time (default 512)"),
    "-n": ("N", "tokens to decode (default 128)"),
    "-d": ("N", "tokens in the KV cache before those that are timed (default 0)"),
    "-r": ("N", "repetitions (default 5)"),
    "--device": ("NAME", "auto (default), cuda or cpu"),
    "--threads": ("N", "CPU threads"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", type=Path, metavar="MODEL.mlir", help="written by qz-import")
    parser.add_argument("-o", dest="output", type=Path, metavar="DIR", required=True)
    parser.add_argument(
        "--variant",
        dest="variants",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="qzc's options, the scheme first: 'nf4', 'int8 --blocks=0:12'; with an N, as in "
        "'int8 --blocks=0:N', one variant for every N up to the number of blocks",
    )
    parser.add_argument(
        "--variants",
        dest="files",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.json",
        help="a list of such texts, or of objects with 'name' and 'options'",
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="at most N values for the N of a variant"
    )
    parser.add_argument(
        "--common",
        default="",
        metavar="OPTIONS",
        help="options of qzc for every variant, as '--arch=90a'",
    )
    parser.add_argument(
        "--base",
        default="none",
        metavar="OPTIONS",
        help="the variant that all others are compared with, token by token (default: none, that "
        "is unquantized)",
    )
    parser.add_argument("--no-base", action="store_true", help="do not compare")
    parser.add_argument(
        "--keep", action="store_true", help="keep the executables, in DIR/executables"
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="measure on a Ray cluster whose machines see all files at the same paths (auto: the "
        "one that runs here)",
    )
    iso_memory.add_option(parser)
    peers = parser.add_argument_group("other packages beside qzc, in an environment of their own")
    peers.add_argument(
        "--with",
        dest="peers",
        metavar="NAMES",
        help=f"some of {', '.join(NEEDS)}, joined by commas: the same folder and text through "
        "them, each with its own memory, latency and perplexity",
    )
    peers.add_argument(
        "--peer-python",
        default=os.environ.get("QZ_EVAL_PEER_PYTHON", sys.executable),
        metavar="PYTHON",
        help="of the environment that has them (default: the variable QZ_EVAL_PEER_PYTHON, or "
        "this one)",
    )
    peers.add_argument(
        "--peer-dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        metavar="TYPE",
        help="of what transformers does not quantize: float32 (default), bfloat16 or float16",
    )
    peers.add_argument(
        "--folder", type=Path, metavar="DIR", help="the Hugging Face folder of the module"
    )
    peers.add_argument(
        "--llama-programs",
        type=Path,
        metavar="DIR",
        help="folder of llama-bench and llama-perplexity (default: the library in xllamacpp, on "
        "the CPU)",
    )
    measuring = parser.add_argument_group("measuring, as qz-eval does it")
    measuring.add_argument("--text", type=Path, metavar="FILE", help="text to score")
    for option, (value, text) in MEASURING.items():
        measuring.add_argument(option, dest=f"measuring{option}", metavar=value, help=text)


def measuring_options(options: argparse.Namespace) -> tuple[str, ...]:
    words: list[str] = []
    for option in MEASURING:
        value = getattr(options, f"measuring{option}")
        if value is not None:
            words += [option, value]
    return tuple(words)


def read_base(options: argparse.Namespace, variants: list[Variant]) -> Variant | None:
    """Under the name that a variant of these options has."""
    if options.no_base or not options.text:
        return None
    selection = (*parse_options(options.base), *common_options(options))
    name = next((v.name for v in variants if v.options == selection), options.base)
    return Variant(name, selection)


def read_peers(options: argparse.Namespace) -> Peers | None:
    if not options.peers:
        return None
    names = parse_names(options.peers)
    folder = options.folder or folder_of(options.module)
    programs = options.llama_programs
    return Peers(
        names=names,
        python=options.peer_python,
        dtype=options.peer_dtype,
        programs=programs.resolve() if programs else None,
        folder=folder.resolve(),
    )


def common_options(options: argparse.Namespace) -> tuple[str, ...]:
    return parse_options(options.common) if options.common else ()


def read_variants(options: argparse.Namespace) -> list[Variant]:
    if options.steps is not None and options.steps < 1:
        raise UsageFailure("--steps must be at least 1")
    named = [(text, text) for text in options.variants]
    for path in options.files:
        named += read_file(path)
    if not named:
        raise UsageFailure("nothing to sweep over: give --variant or --variants")
    return expand(named, layers_of(options.module), options.steps, common_options(options))


@dataclass
class Sweep:
    setting: Setting
    variants: list[Variant]
    store: Store
    keep: bool
    peers: Peers | None = None
    # A cluster's address, and the device that was asked for.
    ray: str | None = None
    device: str | None = None
    # What failed, by the variant's name.
    failures: dict[str, str] = field(default_factory=dict)
    # Rows of the peers, by their names.
    peer_rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self, lock: int) -> dict[str, dict[str, Any]]:
        """Records by the variant's name; what is there already is not measured again."""
        status = Status(len(self.variants))
        records: dict[str, dict[str, Any]] = {}
        missing = []
        for variant in self.variants:
            record = self.store.load(self.setting.record_key(variant))
            if record:
                records[variant.name] = record
                status.finish(record["seconds"])
            else:
                missing.append(variant)
        for variant, outcome in self._outcomes(missing, status, lock):
            if isinstance(outcome, EvalFailure):
                status.clear()
                print(f"qz-eval: error: variant '{variant.name}': {outcome}", file=sys.stderr)
                self.failures[variant.name] = str(outcome)
                status.skip()
            else:
                self.store.save(self.setting.record_key(variant), outcome)
                records[variant.name] = outcome
                status.finish(outcome["seconds"])
            if not self.keep and self._is_done_with(variant):
                self.setting.executable(variant).unlink(missing_ok=True)
        if self.peers and records:
            self._measure_peers(self.peers, records, status, lock)
        if self.keep:
            measured = [variant for variant in self.variants if variant.name in records]
            self._keep(measured, status, lock)
        self.store.drop_executables()
        status.clear()
        return records

    def _measure_peers(
        self, peers: Peers, records: dict[str, dict[str, Any]], status: Status, lock: int
    ) -> None:
        some = next(iter(records.values()))
        sweep = PeerSweep(
            peers, self.setting, self.store, status, lock, some["conditions"], some["executable"]
        )
        measured = [variant for variant in self.variants if variant.name in records]
        for name, row in sweep.rows(measured):
            self.peer_rows[name] = row
            if error := row.get("error"):
                status.clear()
                print(f"qz-eval: error: {error}", file=sys.stderr)
                self.failures[name] = error

    def _keep(self, variants: list[Variant], status: Status, lock: int) -> None:
        """Gives executables names that people know; what is gone is compiled again."""
        names: set[str] = set()
        for variant in variants:
            name = variant.file_name
            while name in names:
                name += "-"
            names.add(name)
            status.start(f"{variant.name}: keeping its executable")
            image = compile_variant(self.setting, variant, status.refresh, (lock,))
            self.store.keep(image, f"{name}.bin")

    def _is_done_with(self, variant: Variant) -> bool:
        base = self.setting.base
        return not base or base.options != variant.options

    def _outcomes(
        self, variants: list[Variant], status: Status, lock: int
    ) -> Iterator[tuple[Variant, Outcome]]:
        """Records or failures, here or from a cluster."""
        if self.ray and variants:
            device = self.device or "auto"
            yield from measure_on_cluster(self.ray, self.setting, variants, device, status.start)
            return
        for variant in variants:
            try:
                record = measure_variant(
                    self.setting, variant, status.start, status.refresh, (lock,)
                )
                yield variant, record
            except UsageFailure:
                # The same for all that follow, unless it is the variant that is wrong.
                raise
            except EvalFailure as error:
                yield variant, error


def run(options: argparse.Namespace, stdout: Callable[[str], object]) -> bool:
    """Whether every variant was measured."""
    variants = read_variants(options)
    make_folder(options.output)
    store = Store(options.output)
    tools = Tools.find()
    setting = Setting(
        tools=tools,
        tools_identity=tools.identity(),
        module=options.module.resolve(),
        module_sha256=sha256_of(options.module),
        text_sha256=sha256_of(options.text) if options.text else None,
        measuring=measuring_options(options),
        text=options.text.resolve() if options.text else None,
        base=read_base(options, variants),
        executables=store.executables.resolve(),
    )
    device = getattr(options, "measuring--device")
    sweep = Sweep(setting, variants, store, options.keep, read_peers(options), options.ray, device)
    with store.locked() as lock:
        records = sweep.run(lock)
    results = merge(variants, records, sweep.failures)
    add_rows(results, sweep.peer_rows)
    iso_memory.note(results, options)
    stdout(write_report(results, options.output))
    return not sweep.failures
