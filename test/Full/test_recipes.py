"""The recipe whose model and text anybody can fetch, run as its page says, on less of the text."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from conftest import ROOT, run

PAGE = ROOT / "docs" / "recipes" / "smollm2-135m.md"
SMALL = {"WINDOWS": "1", "PROMPT": "16", "TOKENS": "4", "REPETITIONS": "2", "ITEMS": "20"}


def test_recipe_runs_whole(tmp_path: Path) -> None:
    script = "set -euo pipefail\n" + "".join(
        re.findall(r"^```\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    )
    run("bash", "-c", script, cwd=ROOT, env={**os.environ, **SMALL, "OUT": str(tmp_path)})
    report = tmp_path / "report"
    entries = json.loads((report / "results.json").read_text())["executables"]
    rows = {entry["name"]: entry for entry in entries}
    assert not any("error" in entry for entry in entries)
    for name in ("none", "q8_0", "nf4", "int8 --blocks=0:30", "nf4 --double-quant"):
        assert rows[name]["score"]["windows"] == 1
        assert f"llama.cpp: {name}" in rows
    beside = rows["llama.cpp: q8_0"]["llama_cpp"]
    assert abs(beside["perplexity"] / beside["own_perplexity"] - 1) < 0.005
    assert (report / "report.html").stat().st_size > 100_000
    # What publishing needs, and the accuracies.
    assert {"README.md", "plots", "none.bin"} <= {p.name for p in (tmp_path / "card").iterdir()}
    assert rows["nf4"]["tasks"][0]["acc_difference_error"] >= 0
    results = json.loads((report / "results.json").read_text())
    assert results["conditions"]["tasks"][0]["items"] == 20
