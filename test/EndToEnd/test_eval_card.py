"""qz-eval card: a folder for the Hub, and its upload to a stand-in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import MODELS, assert_refused, qzc
from stand_in_hub import TOKEN, stand_in_hub
from test_eval import qz_eval

TEXT = MODELS / "text.txt"
QUICK = ("--common=--arch=none", "--device=cpu", "-p", "4", "-n", "2", "-r", "2", "--threads", "1")
BASE = ("--base-model", "owner/tiny", "--license", "apache-2.0")
NAME = "llama-f32"
SCHEME = "q8_0"
SOME = f"{SCHEME} --components=attn"
PROGRAM = "q8_0-components-attn.bin"

Imported = Callable[[str], Path]


@pytest.fixture(scope="module")
def report(imported: Imported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("card") / "report"
    call = ("sweep", imported(NAME), "--variant", "none", "--variant", SOME, *QUICK, "--keep")
    qz_eval(*call, "--text", TEXT, "--context", "48", "--max-windows", "3", "-o", out)
    return out


@pytest.fixture(scope="module")
def gguf(imported: Imported, report: Path) -> Path:
    path = report.parent / "tiny.Q8_0.gguf"
    qzc(imported(NAME), f"--quantize={SCHEME}", "--components=attn", f"--gguf={path}")
    return path


def head_of(card: Path) -> dict:
    _, head, _ = card.read_text().split("---\n", 2)
    return yaml.safe_load(head)


def test_folder_is_ready(report: Path, gguf: Path, tmp_path: Path) -> None:
    executable = report / "executables" / PROGRAM
    files = ("--file", executable, "--file", f"{gguf}={SOME}")
    done = qz_eval("card", report, *BASE, *files, "-o", tmp_path / "card")
    assert "2 files" in done.stdout
    folder = tmp_path / "card"
    names = {path.name for path in folder.iterdir()}
    assert names == {"README.md", "plots", PROGRAM, gguf.name}
    for source in (executable, gguf):
        assert (folder / source.name).read_bytes() == source.read_bytes()
    assert os.access(folder / PROGRAM, os.X_OK)
    head = head_of(folder / "README.md")
    assert head["base_model"] == "owner/tiny" and head["license"] == "apache-2.0"
    assert head["base_model_relation"] == "quantized" and "gguf" in head["tags"]
    # The executable's figures; the GGUF is run by others.
    [entry] = head["model-index"]
    [result] = entry["results"]
    entries = json.loads((report / "results.json").read_text())["executables"]
    measured = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert measured["perplexity"] == pytest.approx(entries[1]["score"]["perplexity"], abs=1e-5)
    assert set(measured) == {"perplexity", "bits_per_byte", "kl_divergence"}
    assert result["dataset"]["args"]["sha256"] in (report / "report.md").read_text()
    text = (folder / "README.md").read_text()
    for plot in (folder / "plots").iterdir():
        assert f"](plots/{plot.name})" in text
    assert f"./{PROGRAM} --prompt" in text and f"| {SOME} |" in text
    # Compiled for the CPU alone.
    assert "runs on the CPU." in text and "GPU code" not in text


def test_kept_executables_are_the_default(report: Path, tmp_path: Path) -> None:
    qz_eval("card", report, *BASE, "-o", tmp_path)
    assert {entry["name"] for entry in head_of(tmp_path / "README.md")["model-index"]} == {
        "none.bin",
        PROGRAM,
    }


def test_what_was_not_measured_is_refused(
    report: Path, gguf: Path, compiled: Callable[..., Path], tmp_path: Path
) -> None:
    other, text = compiled(NAME, "--quantize=nf4"), tmp_path / "text"
    text.write_text("no program")
    for file, word in ((other, "--quantize=nf4"), (gguf, "FILE=VARIANT"), (text, "neither")):
        done = qz_eval("card", report, *BASE, "--file", file, "-o", tmp_path / "card", check=False)
        assert_refused(done, str(file), word, tool="qz-eval")
    assert not (tmp_path / "card").exists()


def test_push(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "card"
    call = ("card", report, *BASE, "-o", folder, "--push", "somebody/tiny-qzc")
    with stand_in_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert_refused(qz_eval(*call, check=False), "token", tool="qz-eval")
        monkeypatch.setenv("HF_TOKEN", "wrong")
        assert_refused(qz_eval(*call, check=False), "somebody/tiny-qzc", "401", tool="qz-eval")
        assert hub.files == {}
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        done = qz_eval(*call)
        assert f"{hub.address}/somebody/tiny-qzc" in done.stdout
        uploaded = hub.files["somebody/tiny-qzc"]
    here = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert {path: data for path, data in uploaded.items() if path != ".gitattributes"} == here
