"""The report on results: Markdown for the screen, results.json and results.csv in a folder."""

from __future__ import annotations

from pathlib import Path

from qz_eval.files import make_folder, write_json, write_whole
from qz_eval.results import Json, Row
from qz_eval.table import csv_text, markdown


def write_report(results: Json, folder: Path) -> str:
    """Writes everything and returns the Markdown."""
    rows = [Row(entry) for entry in results["executables"]]
    text = markdown(rows)
    make_folder(folder)
    write_json(folder / "results.json", results)
    write_whole(folder / "results.csv", csv_text(rows))
    write_whole(folder / "report.md", text)
    return text
