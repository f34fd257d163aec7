"""The command line of `qz-eval sweep`, and what follows from it before anything runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from qz_eval import iso_memory
from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.peers.measure import NEEDS, Peers, folder_of, parse_names
from qz_eval.variants import Variant, expand, layers_of, parse_options, read_file

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
    "-b": ("N", "sequences that are timed at once (default 1)"),
    "-r": ("N", "repetitions (default 5)"),
    "--device": ("NAME", "auto (default), cuda or cpu"),
    "--threads": ("N", "CPU threads"),
}
# Those that say what an executable runs on.
RUNNING = ("--device", "--threads")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", type=Path, metavar="MODEL.mlir", help="written by qz-import")
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        metavar="DIR",
        required=True,
        help="gets report.html and the rest, and in DIR/sweep what is measured already",
    )
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
        help="the variant that all others are compared with, token by token and question by "
        "question (default: none, that is unquantized)",
    )
    parser.add_argument("--no-base", action="store_true", help="do not compare")
    parser.add_argument(
        "--keep-base",
        type=Path,
        metavar="FILE.npy",
        help="keep the base's logits, as --score --logits writes them; says how large the file "
        "gets",
    )
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
    measuring.add_argument(
        "--tasks",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.jsonl",
        help="questions with choices to answer, as for qz-eval tasks; may be repeated",
    )
    for option, (value, text) in MEASURING.items():
        measuring.add_argument(option, dest=f"measuring{option}", metavar=value, help=text)


def measuring_options(
    options: argparse.Namespace, names: Iterable[str] = MEASURING
) -> tuple[str, ...]:
    """Those of MEASURING that were given, or of some of them."""
    words: list[str] = []
    for option in names:
        value = getattr(options, f"measuring{option}")
        if value is not None:
            words += [option, value]
    return tuple(words)


def _check_keep_base(options: argparse.Namespace) -> None:
    """Notices before the work what would be a pity after it."""
    path: Path = options.keep_base
    if options.no_base or not options.text:
        raise UsageFailure("--keep-base needs --text FILE and a base")
    if path.resolve() in [file.resolve() for file in (options.module, options.text)]:
        raise UsageFailure(f"--keep-base: '{path}' is read")
    if not path.absolute().parent.is_dir():
        raise EvalFailure(f"--keep-base: the folder of '{path}' does not exist")


def read_base(options: argparse.Namespace, variants: list[Variant]) -> Variant | None:
    """Under the name that a variant of these options has."""
    if options.keep_base:
        _check_keep_base(options)
    if options.no_base or not (options.text or options.tasks):
        return None
    selection = (*parse_options(options.base), *common_options(options))
    name = next((v.name for v in variants if v.options == selection), options.base)
    return Variant(name, selection)


def read_peers(options: argparse.Namespace) -> Peers | None:
    if not options.peers:
        return None
    if getattr(options, "measuring-b") not in (None, "1"):
        raise UsageFailure("--with times one sequence at a time: it does not go with -b")
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
