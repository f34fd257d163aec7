"""The columns of a report, in Markdown and in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qz_eval.results import Row, Spread, megabytes

NOTHING = "–"
Value = str | float | Spread | None


@dataclass(frozen=True)
class Column:
    title: str
    # In results.csv; a spread has a second column NAME_error.
    name: str
    of: Callable[[Row], Value]
    decimals: int = 1
    is_spread: bool = False

    def show(self, row: Row) -> str:
        value = self.of(row)
        if value is None:
            return NOTHING
        if isinstance(value, Spread):
            text = f"{value.value:.{self.decimals}f} ± {value.error:.{self.decimals}f}"
            return text.replace("-", "−")
        if isinstance(value, str):
            return value
        return megabytes(value) if "MB" in self.title else f"{value:.{self.decimals}f}"

    def cells(self, row: Row) -> list[object]:
        value = self.of(row)
        if not self.is_spread:
            return ["" if value is None else value]
        return [value.value, value.error] if isinstance(value, Spread) else ["", ""]


COLUMNS = (
    Column("variant", "variant", lambda row: row.name),
    Column("weights MB", "weights_mb", lambda row: row.weights_mb, 2),
    Column("perplexity", "perplexity", lambda row: row.perplexity, 3, True),
    Column("mean of lines", "mean_line_perplexity", lambda row: row.mean_line_perplexity, 3),
    Column("Δ perplexity", "perplexity_difference", lambda row: row.perplexity_difference, 3, True),
    Column("KL divergence", "kl_divergence", lambda row: row.divergence, 5, True),
    Column("same top %", "same_top_percent", lambda row: row.same_top_percent, 2, True),
    Column("prefill tok/s", "prefill_tok_s", lambda row: row.prefill, 1, True),
    Column("decode tok/s", "decode_tok_s", lambda row: row.decode, 1, True),
    Column("peak RSS MB", "rss_peak_mb", lambda row: row.rss_mb, 1),
    Column("GPU MB", "gpu_mb", lambda row: row.gpu_mb, 1),
)
# Of interest to programs more than to people.
MORE = (
    Column("model", "model", lambda row: row.model),
    Column("stored as", "scheme", lambda row: row.scheme),
    Column("selection", "selection", lambda row: row.selection),
    Column("KL median", "kl_median", lambda row: row.divergence_quantile(0.5), 6),
    Column("KL 99%", "kl_99", lambda row: row.divergence_quantile(0.99), 6),
    Column("KL 99.9%", "kl_999", lambda row: row.divergence_quantile(0.999), 6),
    Column("KL maximum", "kl_max", lambda row: row.divergence_quantile(1), 6),
    Column("RMS Δp %", "rms_change_percent", lambda row: row.rms_change_percent, 3, True),
    Column("file MB", "file_mb", lambda row: row.file_mb, 3),
    Column("weights MB before", "weights_before_mb", lambda row: row.imported_mb, 3),
    Column("load s", "load_seconds", lambda row: row.load_seconds, 3),
    Column("failed", "error", lambda row: row.error),
)


def used(rows: Sequence[Row]) -> list[Column]:
    """The columns in which there is something."""
    return [column for column in COLUMNS if any(column.of(row) is not None for row in rows)]


def is_text(column: Column, rows: Sequence[Row]) -> bool:
    return any(isinstance(column.of(row), str) for row in rows)


def markdown(rows: Sequence[Row]) -> str:
    columns = used(rows)
    lines = [
        [column.title for column in columns],
        ["---" if is_text(column, rows) else "---:" for column in columns],
        *([column.show(row).replace("|", "\\|") for column in columns] for row in rows),
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def csv_text(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    titles: list[str] = []
    for column in (*COLUMNS, *MORE):
        titles += [column.name, f"{column.name}_error"] if column.is_spread else [column.name]
    writer.writerow(titles)
    for row in rows:
        writer.writerow([cell for column in (*COLUMNS, *MORE) for cell in column.cells(row)])
    return text.getvalue()
