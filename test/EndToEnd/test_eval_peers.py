"""qz-eval sweep --with: rows of other packages; those of torch are tested by scripts/test-full."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODELS, ROOT, assert_refused
from test_eval import qz_eval

TEXT = MODELS / "text.txt"
QUICK = ("--common=--arch=none", "--device=cpu", "-p", "4", "-n", "2", "-r", "2", "--threads", "1")
SCORED = ("--text", TEXT, "--context", "48", "--max-windows", "3")
SOME = "q8_0 --components=attn"
PYTHON = ROOT / ".venv" / "bin" / "python"

Imported = Callable[[str], Path]


def sweep(module: Path, out: Path, *options: object, **kwargs: object) -> tuple[str, str, dict]:
    call = ("sweep", module, "--variant", "none", "--variant", SOME, *QUICK, *SCORED)
    done = qz_eval(*call, "--peer-python", PYTHON, *options, "-o", out, check=False)
    return done.stdout, done.stderr, json.loads((out / "results.json").read_text())


def test_llama_cpp_beside_executables(imported: Imported, tmp_path: Path) -> None:
    out, err, results = sweep(imported("llama-f32"), tmp_path, "--with=llama.cpp")
    assert err == ""
    rows = {entry["name"]: entry for entry in results["executables"]}
    assert list(rows) == ["none", SOME, "llama.cpp: none", f"llama.cpp: {SOME}"]
    for name, tolerance in (("none", 1e-5), (SOME, 5e-3)):
        row = rows[f"llama.cpp: {name}"]
        found = row["llama_cpp"]
        assert found["perplexity"] == pytest.approx(found["own_perplexity"], rel=tolerance)
        assert found["perplexity_error"] == pytest.approx(found["own_perplexity_error"], rel=0.02)
        # The sweep's own protocol is another one.
        assert "score" not in row and row["bench"]["decode_test"] == "tg2"
        stored = rows[name]["info"]["memory"]["stored"]["packed_bytes"]
        assert row["info"]["memory"]["stored"]["packed_bytes"] == pytest.approx(stored, rel=0.01)
    assert "Beside llama.cpp:" in out
    assert "Beside llama.cpp" in (tmp_path / "report.html").read_text()
    # Measured once, as variants are; nothing is left of it.
    again, _, same = sweep(imported("llama-f32"), tmp_path, "--with=llama.cpp")
    assert (again, same) == (out, results)
    assert list((tmp_path / "sweep" / "executables").iterdir()) == []


def test_missing_packages_are_named(imported: Imported, tmp_path: Path) -> None:
    _, err, results = sweep(imported("llama-f32"), tmp_path, "--with=bitsandbytes,llama.cpp")
    assert f"{PYTHON} -m pip install torch transformers accelerate bitsandbytes" in err
    assert len(err.splitlines()) == 1
    names = [entry["name"] for entry in results["executables"]]
    assert names == ["none", SOME, "bitsandbytes", "llama.cpp: none", f"llama.cpp: {SOME}"]


def test_unknown_peers_are_refused(imported: Imported, tmp_path: Path) -> None:
    call = ("sweep", imported("llama-f32"), "--variant", "none", "--with=torch", "-o", tmp_path)
    done = qz_eval(*call, check=False)
    assert_refused(done, "'torch'", "transformers", code=2, tool="qz-eval")
