"""What follows from rows alone: which variants nothing beats, and what belongs together."""

from __future__ import annotations

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
        return [row for row in self.rows if self.quality(row) and row.weights_mb]

    @property
    def has_models(self) -> bool:
        """Whether there are several, whose perplexities may be of different tokens."""
        return len({row.model for row in self.rows if row.model}) > 1

    @property
    def quality_name(self) -> str:
        return "bits a byte" if self.has_models else "perplexity"

    def quality(self, row: Row) -> Spread | None:
        """What tells which of two is better: less is."""
        return row.bits_per_byte if self.has_models else row.perplexity

    def front(self) -> list[Row]:
        """Of scored rows those that no other one beats in size and quality both, by size."""
        front: list[Row] = []
        for row in sorted(self.scored, key=lambda r: (r.weights_mb or 0, self.quality(r).value)):
            if not front or self.quality(row).value < self.quality(front[-1]).value:
                front.append(row)
        return front

    def size_classes(self) -> list[list[Row]]:
        """Scored rows of about equal memory, by size; in each class the best one first. A class
        spans as many percent as the conditions say; rows alone in theirs are left out."""
        percent = self.conditions.get("iso_memory_percent")
        if percent is None:
            return []
        classes: list[list[Row]] = []
        for row in sorted(self.scored, key=lambda r: r.weights_mb):
            if classes and row.weights_mb <= classes[-1][0].weights_mb * (1 + percent / 100):
                classes[-1].append(row)
            else:
                classes.append([row])
        return [
            sorted(rows, key=lambda r: self.quality(r).value) for rows in classes if len(rows) > 1
        ]

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
