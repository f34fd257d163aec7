"""A results.json that was altered somewhere is reported, or one line says what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from results_samples import sample

from qz_eval.analysis import Results
from qz_eval.cli import main
from qz_eval.errors import EvalFailure
from qz_eval.report import markdown_report
from qz_eval.results import read_results
from qz_eval.table import csv_text

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test"))
from mutations import Mutator, seeds


def test_results(tmp_path: Path) -> None:
    """All but the plots, which take a second each."""
    path = tmp_path / "results.json"
    text = json.dumps(sample())
    refused = 0
    for seed in seeds(150):
        path.write_bytes(Mutator(seed).json_bytes(text.encode()))
        try:
            results = read_results(path)
        except EvalFailure as error:
            assert str(error).startswith(f"{path}: "), (seed, str(error))
            refused += 1
            continue
        rows = Results.of(results)
        text_of_report = markdown_report(rows)
        for row in rows.rows:
            assert row.name.replace("|", "\\|") in text_of_report, seed
        assert len(csv_text(rows.rows).splitlines()) == len(rows.rows) + 1, seed
    assert refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conditions": None}, "it has no conditions"),
        ({"executables": {}}, "no results of this version of qz-eval"),
        ({"executables": [3]}, "executables[0] is no object"),
        ({"executables": [{}]}, "executables[0] has neither name nor file"),
        (
            {"executables": [{"name": "a", "bench": {"rss_peak_mb": "1"}}]},
            "executables[0].bench.rss_peak_mb is not a number",
        ),
        (
            {"executables": [{"name": "a", "score": {"perplexity": float("nan")}}]},
            "executables[0].score.perplexity is not a number",
        ),
        (
            {"executables": [{"name": "a", "comparison": {"kl_quantiles": [[1]]}}]},
            "executables[0].comparison.kl_quantiles[0] is not a pair of numbers",
        ),
        ({"executables": [{"name": "a\u001b[2J"}]}, "executables[0].name is not a text"),
        ({"conditions": {"text": "t"}}, "conditions has no text_bytes"),
        ({"conditions": {"machine": {"cpu": "x"}}}, "conditions.machine has no threads"),
    ],
)
def test_what_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(sample() | change))
    with pytest.raises(SystemExit) as stop:
        main(["report", str(path), "-o", str(tmp_path / "out")])
    assert stop.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(words)
    assert not (tmp_path / "out").exists()
