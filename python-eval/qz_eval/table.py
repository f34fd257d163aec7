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
            # Of large figures a tenth is no news, and takes room.
            digits = 0 if self.decimals == 1 and value.value >= 1000 else self.decimals
            text = f"{value.value:.{digits}f} ± {value.error:.{digits}f}"
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
    Column("bits a byte", "bits_per_byte", lambda row: row.bits_per_byte, 4, True),
    Column("mean of lines", "mean_line_perplexity", lambda row: row.mean_line_perplexity, 3),
    Column("Δ perplexity", "perplexity_difference", lambda row: row.perplexity_difference, 3, True),
    Column("KL divergence", "kl_divergence", lambda row: row.divergence, 5, True),
    Column("same top %", "same_top_percent", lambda row: row.same_top_percent, 2, True),
    Column("prefill tok/s", "prefill_tok_s", lambda row: row.prefill, 1, True),
    Column("decode tok/s", "decode_tok_s", lambda row: row.decode, 1, True),
)
PREDICTIONS = (
    Column("variant", "variant", lambda row: row.name),
    Column("perplexity ratio", "perplexity_ratio", lambda row: row.perplexity_ratio, 4, True),
    Column("KL median", "kl_median", lambda row: row.divergence_quantile(0.5), 6),
    Column("99%", "kl_99", lambda row: row.divergence_quantile(0.99), 4),
    Column("99.9%", "kl_999", lambda row: row.divergence_quantile(0.999), 4),
    Column("most", "kl_max", lambda row: row.divergence_quantile(1), 4),
    Column("mean Δp %", "mean_change_percent", lambda row: row.mean_change_percent, 3, True),
    Column("RMS Δp %", "rms_change_percent", lambda row: row.rms_change_percent, 3, True),
)
LATENCY = (
    Column("variant", "variant", lambda row: row.name),
    Column("tests", "tests", lambda row: row.tests),
    Column("sequences", "batch", lambda row: row.batch, 0),
    Column("first token ms", "first_token_ms", lambda row: row.first_token_ms, 1, True),
    Column("token ms, median", "token_ms_p50", lambda row: row.token_ms("p50"), 2),
    Column("90%", "token_ms_p90", lambda row: row.token_ms("p90"), 2),
    Column("99%", "token_ms_p99", lambda row: row.token_ms("p99"), 2),
    Column("most", "token_ms_max", lambda row: row.token_ms("max"), 2),
    Column("s a sample", "sample_seconds", lambda row: row.sample_seconds, 3),
    Column("s a window", "window_seconds", lambda row: row.window_seconds, 3),
    Column("GB/s", "decode_gb_s", lambda row: row.decode_gb_s, 1),
    Column("% of streaming", "stream_percent", lambda row: row.stream_percent, 1),
    Column("J a token, prefill", "prefill_j", lambda row: row.joules_per_token("prefill"), 4),
    Column("J a token, decoding", "decode_j", lambda row: row.joules_per_token("decode"), 4),
)
MEMORY = (
    Column("variant", "variant", lambda row: row.name),
    Column("file MB", "file_mb", lambda row: row.file_mb, 3),
    Column("weights MB before", "weights_before_mb", lambda row: row.imported_mb, 3),
    Column("packed MB", "packed_mb", lambda row: row.weights_mb, 3),
    Column("hf-footprint MB", "hf_footprint_mb", lambda row: row.footprint_mb("hf_footprint"), 3),
    Column(
        "with buffers MB",
        "hf_footprint_buffers_mb",
        lambda row: row.footprint_mb("hf_footprint_buffers"),
        3,
    ),
    Column("KV cache MB", "cache_mb", lambda row: row.cache_mb, 3),
    Column("workspace MB", "workspace_mb", lambda row: row.workspace_mb, 3),
    Column("peak RSS MB", "rss_peak_mb", lambda row: row.rss_mb, 1),
    Column("GPU MB", "gpu_mb", lambda row: row.gpu_mb, 1),
    Column("load s", "load_seconds", lambda row: row.load_seconds, 3),
)
BESIDE_LLAMA_CPP = (
    Column(
        "GGUF of",
        "gguf_of",
        lambda row: row.name.removeprefix("llama.cpp: ") if row.llama_perplexity else None,
    ),
    Column("kind", "scheme", lambda row: row.scheme),
    Column("llama.cpp", "llama_perplexity", lambda row: row.llama_perplexity, 4, True),
    Column("executable", "own_llama_perplexity", lambda row: row.own_llama_perplexity, 4, True),
)
# Of interest to programs more than to people.
MORE = (
    Column("model", "model", lambda row: row.model),
    Column("stored as", "scheme", lambda row: row.scheme),
    Column("selection", "selection", lambda row: row.selection),
    Column("made by", "made_by", lambda row: row.made_by),
    Column("failed", "error", lambda row: row.error),
)


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[Column, ...]
    # How to read it.
    caption: str
    # Which rows are in it.
    has: Callable[[Row], bool] = lambda row: True


MAIN = Table("Sizes, quality, speed", COLUMNS, "A dash: not measured.")
DETAILS = (
    Table(
        "Predictions beside the base",
        PREDICTIONS,
        "The ratio of the perplexities; the KL divergence of a token in nats that half, 99% and "
        "99.9% of the tokens do not exceed, and the largest; the change of the probability of the "
        "right token in percentage points, in the mean and as root mean square. Errors are "
        "standard errors, paired token by token.",
        lambda row: row.divergence is not None,
    ),
    Table(
        "Beside llama.cpp",
        BESIDE_LLAMA_CPP,
        "Perplexity ± standard error by llama.cpp's protocol, of the GGUF in stock llama.cpp and "
        "of the executable of the same variant. Where the GGUF's type is not what the executable "
        "holds (NF4 and FP4 become IQ4_NL) the weights differ; llama.cpp also rounds activations "
        "to 8 bits where weights are quantized.",
        lambda row: row.llama_perplexity is not None,
    ),
    Table(
        "Latency",
        LATENCY,
        "First token: a prompt from its beginning to the first token after it. Tokens are timed "
        "one by one, each waited for. A sample is the prompt and all tokens; a window is one of "
        "the scored text. GB/s: what decoding reads of weights and KV cache; its percentage is of "
        "what the same device streams in the same run. Energy is that of the whole device.",
    ),
    Table(
        "Memory",
        MEMORY,
        "Packed is what the file holds of weights; hf-footprint is what transformers' "
        "get_memory_footprint() would say of them, without buffers and with. KV cache, workspace "
        "and peaks are those of the timed runs.",
    ),
)


ACCURACIES = {
    "acc": "right %",
    "acc_norm": "by length %",
    "acc_difference": "Δ right %",
    "acc_norm_difference": "Δ by length %",
}


def _task(task: str) -> Table:
    columns = [
        Column(
            title,
            f"{task}_{figure}",
            lambda row, figure=figure: row.accuracy(task, figure),
            2,
            True,
        )
        for figure, title in ACCURACIES.items()
    ]
    return Table(
        f"Multiple choice: {task}",
        (COLUMNS[0], *columns),
        "Percent of the questions whose right choice is the most likely one, and the most likely "
        "one a character, each with its standard error. Δ: the change from the base; its error is "
        "paired, question by question.",
        lambda row: row.accuracy(task) is not None,
    )


def tasks(rows: Sequence[Row]) -> list[Table]:
    """One for each file of questions."""
    return [_task(name) for name in {name: None for row in rows for name in row.tasks}]


def used(rows: Sequence[Row], table: Table = MAIN) -> list[Column]:
    """The columns in which there is something to compare."""
    one_model = len({row.model for row in rows if row.model}) < 2
    return [
        column
        for column in table.columns
        if any(column.of(row) is not None for row in rows)
        and not (one_model and column.name == "bits_per_byte")
        # The conditions say it.
        and not (column.name == "tests" and len({row.tests for row in rows if row.tests}) < 2)
    ]


def is_text(column: Column, rows: Sequence[Row]) -> bool:
    return any(isinstance(column.of(row), str) for row in rows)


def details(rows: Sequence[Row]) -> list[Table]:
    """The tables in which there is more than names."""
    return [table for table in (*tasks(rows), *DETAILS) if rows_of(rows, table)]


def rows_of(rows: Sequence[Row], table: Table) -> list[Row]:
    """The main table has all; the others those of which there is more than a name."""
    return [
        row
        for row in rows
        if table is MAIN
        or (table.has(row) and any(column.of(row) is not None for column in table.columns[1:]))
    ]


def markdown(rows: Sequence[Row], table: Table = MAIN) -> str:
    rows = rows_of(rows, table)
    columns = used(rows, table)
    lines = [
        [column.title for column in columns],
        ["---" if is_text(column, rows) else "---:" for column in columns],
        *([column.show(row).replace("|", "\\|") for column in columns] for row in rows),
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def failures(rows: Sequence[Row]) -> str:
    """What was not measured and why, in Markdown, to stand below the main table; or nothing."""
    failed = "".join(f"* {row.name}: {row.error}\n" for row in rows if row.error)
    return f"What failed:\n\n{failed}\n" if failed else ""


def csv_text(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # A column that several tables have is there once.
    answers = [column for table in tasks(rows) for column in table.columns]
    columns = {
        column.name: column
        for part in (COLUMNS, PREDICTIONS, answers, LATENCY, MEMORY, BESIDE_LLAMA_CPP, MORE)
        for column in part
    }.values()
    titles: list[str] = []
    for column in columns:
        titles += [column.name, f"{column.name}_error"] if column.is_spread else [column.name]
    writer.writerow(titles)
    for row in rows:
        writer.writerow([cell for column in columns for cell in column.cells(row)])
    return text.getvalue()
