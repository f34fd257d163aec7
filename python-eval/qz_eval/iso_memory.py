"""The option --iso-memory: what is best among models of about equal memory."""

from __future__ import annotations

import argparse

from qz_eval.results import Json

DEFAULT_PERCENT = 15.0


def _percent(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1000:
        raise ValueError
    return value


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--iso-memory",
        type=_percent,
        nargs="?",
        const=DEFAULT_PERCENT,
        metavar="PERCENT",
        help="name the best at equal memory: of weights that differ by so many percent at most "
        f"(default {DEFAULT_PERCENT:.0f})",
    )


def note(results: Json, options: argparse.Namespace) -> None:
    """The report's sentences follow from what the results' conditions say."""
    if options.iso_memory is not None:
        results["conditions"]["iso_memory_percent"] = options.iso_memory
