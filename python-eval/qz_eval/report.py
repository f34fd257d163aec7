"""The report on results: Markdown for the screen; tables, plots and a page in a folder."""

from __future__ import annotations

from pathlib import Path

from qz_eval.analysis import Results
from qz_eval.conditions import definitions, facts
from qz_eval.errors import EvalFailure
from qz_eval.files import make_folder, write_json, write_whole
from qz_eval.results import Json
from qz_eval.sentences import sentences
from qz_eval.table import csv_text, details, failures, markdown


def markdown_report(results: Results) -> str:
    """Table, failures, sentences and conditions."""
    said = "".join(f"* {sentence}\n" for sentence in sentences(results))
    stated = "".join(f"* {name}: {value}\n" for name, value in facts(results))
    explained = "\n".join(f"{paragraph}\n" for paragraph in definitions(results))
    more = "".join(
        f"{table.title}:\n\n{markdown(results.rows, table)}\n{table.caption}\n\n"
        for table in details(results.rows)
    )
    return f"{markdown(results.rows)}\n{failures(results.rows)}{said}\n{more}{stated}\n{explained}"


def write_report(json: Json, folder: Path) -> str:
    """Writes everything and returns the Markdown."""
    results = Results.of(json)
    text = markdown_report(results)
    # What was measured comes first: the rest can be made of it, elsewhere too.
    make_folder(folder)
    write_json(folder / "results.json", json)
    write_whole(folder / "results.csv", csv_text(results.rows))
    write_whole(folder / "report.md", text)
    try:
        # Only reports need matplotlib, which takes its time to load.
        from qz_eval.page import page
        from qz_eval.plots import Drawn, all_plots
    except ImportError as error:
        raise EvalFailure(
            f"{folder}: has no report.html: {error.name} is missing; results.json is there, and "
            "`qz-eval report` makes the rest of it anywhere"
        ) from error
    plots = [Drawn.of(plot) for plot in all_plots(results)]
    make_folder(folder / "plots")
    for drawn in plots:
        write_whole(folder / "plots" / f"{drawn.plot.name}.svg", drawn.svg)
        write_whole(folder / "plots" / f"{drawn.plot.name}.png", drawn.png)
    write_whole(folder / "report.html", page(results, plots))
    return text
