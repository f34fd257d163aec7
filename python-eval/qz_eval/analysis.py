"""What follows from rows alone: which variants nothing beats, and what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qz_eval.results import Json, Row, Spread

# Differences of fewer standard errors are not called differences.
CLEAR = 2.0


def is_clear(spread: Spread) -> bool:
    return abs(spread.value) > CLEAR * spread.error


@dataclass(frozen=True)
class Results:
    """The rows of a results.json, with the roles that some of them have."""

    conditions: Json
    rows: tuple[Row, ...]

    @staticmethod
    def of(results: Json) -> Results:
        return Results(results["conditions"], tuple(Row(entry) for entry in results["executables"]))

    @property
    def base(self) -> Row | None:
        """The row that the others were compared with, where it is one of them."""
        return next((row for row in self.rows if row.name == self.conditions.get("base")), None)

    @property
    def scored(self) -> list[Row]:
        return [row for row in self.rows if row.perplexity and row.weights_mb]

    @property
    def representative(self) -> list[Row]:
        """All rows but those that lie inside of a curve: what a chart by variant shows."""
        last = {row.curve: row for row in self.rows if row.curve}
        return [row for row in self.rows if not row.curve or last[row.curve] is row]

    def curves(self) -> dict[str, list[tuple[int, Row]]]:
        """By what they vary: rows by their number of quantized blocks, from the base's 0 on."""
        curves: dict[str, list[tuple[int, Row]]] = {}
        for row in self.rows:
            if row.curve and row.perplexity:
                curves.setdefault(row.curve, []).append((row.curve_blocks, row))
        start = [(0, self.base)] if self.base and self.base.perplexity else []
        return {name: start + sorted(points, key=lambda p: p[0]) for name, points in curves.items()}


def pareto_front(rows: Sequence[Row]) -> list[Row]:
    """Of scored rows those that no other one beats in size and perplexity both, by size."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.weights_mb or 0, r.perplexity.value)):
        if not front or row.perplexity.value < front[-1].perplexity.value:
            front.append(row)
    return front
