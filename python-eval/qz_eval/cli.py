"""The command line of qz-eval's subcommands."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from qz_eval import card, convert, iso_memory, sweep, sweep_options
from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.join import join
from qz_eval.report import write_report
from qz_eval.results import Json, read_results
from qz_eval.tasks import FILE_NAME, add_file


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageFailure(f"{message} (see {self.prog} --help)")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="qz-eval", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sweep_options.add_options(
        commands.add_parser(
            "sweep",
            allow_abbrev=False,
            help="compile a model under many selections, measure each, write a report",
            description="Compiles a model under many selections, measures each and writes a "
            "report. What is measured stays measured: the same call again goes on where the last "
            "one ended.",
            epilog="As in: qz-eval sweep model.mlir --variant none --variant nf4 --variant "
            "'int8 --blocks=0:N' --steps 4 --text text.txt -o report/",
        )
    )
    convert.add_options(
        commands.add_parser(
            "convert",
            allow_abbrev=False,
            help="turn published benchmarks into items for qz-eval tasks",
            description="Turns the published files of a benchmark into items for qz-eval tasks, "
            "with the prompts of lm-eval's task of the same name.",
        )
    )
    card.add_options(
        commands.add_parser(
            "card",
            allow_abbrev=False,
            help="make a folder for the Hugging Face Hub of a report",
            description="Writes a folder ready for the Hugging Face Hub: executables or GGUFs, a "
            "model card with the metadata that the Hub reads, and the plots of a report.",
        )
    )
    report = commands.add_parser(
        "report",
        allow_abbrev=False,
        help="write the report on results that are there",
        description="Writes the report on a results.json of qz-eval, or on several, of different "
        "models on one text; a tasks.json of qz-eval tasks in the same folder goes into it.",
    )
    report.add_argument(
        "results", type=Path, nargs="+", metavar="RESULTS", help="results.json or its folder"
    )
    report.add_argument("-o", dest="output", type=Path, metavar="DIR", help="default: where it is")
    iso_memory.add_option(report)
    return parser.parse_args(arguments)


def _read(path: Path) -> Json:
    """Results, with the accuracies of a tasks.json in the same folder."""
    results = read_results(path)
    tasks = (path if path.is_dir() else path.parent) / FILE_NAME
    if tasks.exists():
        add_file(results, tasks)
    return results


def _run(arguments: list[str] | None) -> bool:
    options = _parse(arguments)
    if options.command == "sweep":
        return sweep.run(options, sys.stdout.write)
    if options.command in ("convert", "card"):
        sys.stdout.write((convert if options.command == "convert" else card).run(options))
        return True
    paths: list[Path] = options.results
    parts = [_read(path) for path in paths]
    if len(paths) > 1 and not options.output:
        raise UsageFailure("-o DIR is needed for a report on several results")
    results = join(parts, paths) if len(parts) > 1 else parts[0]
    iso_memory.note(results, options)
    folder = options.output or (paths[0] if paths[0].is_dir() else paths[0].parent)
    sys.stdout.write(write_report(results, folder))
    return True


def _fail(message: str, code: int = 1) -> NoReturn:
    """One line, whatever names and texts of others are in it."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    print(f"qz-eval: error: {line}", file=sys.stderr)
    sys.exit(code)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    # What was started ends with us, and the line on the terminal is cleared.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        if not _run(arguments):
            sys.exit(1)
    except EvalFailure as error:
        _fail(str(error), 2 if isinstance(error, UsageFailure) else 1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _fail("interrupted")
