"""qz-eval: several executables under the same conditions, in one table and one JSON file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, MODELS, assert_refused, qzc, run, scores
from measurements import without_measurements

Compiled = Callable[..., Path]
NAME = "llama-bf16"
TEXT = MODELS / "text.txt"
SELECTIONS = ("none", "nf4", "int8-blocks")
QUICK = ("--device=cpu", "-p", "24", "-n", "8", "-r", "2", "--threads", "2")


def qz_eval(*arguments: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return run(BUILD / "bin" / "qz-eval", *arguments, **kwargs)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


@pytest.fixture(scope="module")
def images(compiled: Compiled) -> list[Path]:
    selections = scores(NAME)["selections"]
    return [compiled(NAME, *selections[name]["options"].split()) for name in SELECTIONS]


@pytest.fixture(scope="module")
def report(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of all images; the table as it was printed is in printed.md."""
    out = tmp_path_factory.mktemp("eval") / "report"
    context = scores(NAME)["selections"]["none"]["windows"]["context"]
    done = qz_eval(*images, "--text", TEXT, "--context", context, *QUICK, "-o", out)
    # Quiet in a pipe.
    assert done.stderr == ""
    (out.parent / "printed.md").write_text(done.stdout)
    assert sorted(path.name for path in out.iterdir()) == ["results.json", "table.md"]
    return out


def test_table_and_json_agree(report: Path, images: list[Path]) -> None:
    table = (report / "table.md").read_text()
    assert table == (report.parent / "printed.md").read_text()
    results = json.loads((report / "results.json").read_text())
    lines = table.splitlines()
    titles = cells(lines[0])
    rows = [dict(zip(titles, cells(line), strict=True)) for line in lines[2 : 2 + len(images)]]
    for row, image, entry in zip(rows, images, results["executables"], strict=True):
        bench, score = entry["bench"], entry["score"]
        assert row["executable"] == image.name
        assert entry["file"] == str(image)
        assert row["selection"] == f"`{entry['info']['selection']}`"
        assert row["file MB"] == f"{image.stat().st_size / 1e6:.3f}"
        assert row["weights MB"] == f"{entry['info']['memory']['stored']['packed_bytes'] / 1e6:.3f}"
        assert row["GPU MB"] == "–"
        for phase in ("prefill", "decode"):
            mean, deviation = bench[f"{phase}_tok_s"], bench[f"{phase}_tok_s_sd"]
            assert row[f"{phase} tok/s"] == f"{mean:.1f} ± {deviation:.1f}"
            runs = bench[f"{phase}_tok_s_runs"]
            assert len(runs) == 2 and mean == pytest.approx(sum(runs) / 2)
        assert row["perplexity"] == f"{score['perplexity']:.3f} ± {score['perplexity_error']:.3f}"
        assert "tensors" not in entry["info"]
    assert [row["scheme"] for row in rows] == ["bf16", "nf4/64 + bf16", "int8 + bf16"]
    assert len({row["weights MB before"] for row in rows}) == 1


def test_perplexities_are_the_references(report: Path) -> None:
    want = scores(NAME)
    results = json.loads((report / "results.json").read_text())
    conditions = results["conditions"]
    assert conditions["text_sha256"] == want["text_sha256"]
    assert conditions["text_bytes"] == TEXT.stat().st_size
    assert (conditions["protocol"], conditions["bos"]) == ("windows", "none")
    assert conditions["threads"] == 2 and len(conditions["devices_used"]) == 1
    for entry, selection in zip(results["executables"], SELECTIONS, strict=True):
        expected = want["selections"][selection]["windows"]
        assert conditions["context"] == expected["context"]
        assert entry["score"]["tokens_scored"] == expected["tokens_scored"]
        assert entry["score"]["perplexity"] == pytest.approx(expected["perplexity"], rel=2e-6)


def test_only_measurements_differ_between_runs(images: list[Path], tmp_path: Path) -> None:
    call = (images[1], "--text", TEXT, "--context", "48", "--max-windows", "2", *QUICK)
    for name in ("a", "b"):
        qz_eval(*call, "-o", tmp_path / name)
    first, second = (
        json.loads((tmp_path / name / "results.json").read_text()) for name in ("a", "b")
    )
    assert without_measurements(first) == without_measurements(second)


def test_open_conditions_fit_every_model(images: list[Path]) -> None:
    positions = json.loads(run(images[0], "--info", "--json").stdout)["model"]["context"]
    assert positions < 1024
    done = qz_eval(images[0], "--text", TEXT, "--device=cpu", "-r", "1", "-n", "4")
    assert f"prefill of {min(512, positions)} tokens" in done.stdout
    assert f"context {positions}" in done.stdout


def test_an_altered_image_stops_the_evaluation(images: list[Path], tmp_path: Path) -> None:
    broken, out = tmp_path / "broken.bin", tmp_path / "report"
    shutil.copy(images[0], broken)
    os.truncate(broken, broken.stat().st_size - 100)
    done = qz_eval(images[1], broken, "--text", TEXT, *QUICK, "-o", out, check=False)
    assert_refused(done, str(broken), "--info", tool="qz-eval")
    assert done.stdout == "" and not out.exists()


def test_what_fails_midway_leaves_a_gap(
    imported: Callable[[str], Path], images: list[Path], tmp_path: Path
) -> None:
    # A model without a tokenizer can be timed and not scored.
    module = tmp_path / "model.mlir"
    text = imported(NAME).read_text()
    lines = [line for line in text.splitlines() if "qz.file @tokenizer" not in line]
    module.write_text("\n".join(lines).replace(",\n    tokenizer = @tokenizer", ""))
    unable = tmp_path / "unable.bin"
    qzc(module, "--weights=synthetic", "--arch=none", "-o", unable)
    out = tmp_path / "report"
    done = qz_eval(
        unable, images[0], "--text", TEXT, "--context", "48", *QUICK, "-o", out, check=False
    )
    assert_refused(done, str(unable), "--score", "no tokenizer", tool="qz-eval")
    first, second = (cells(line) for line in done.stdout.splitlines()[2:4])
    assert first[-1] == "–" and "±" in first[-2]
    assert "±" in second[-1]
    entries = json.loads((out / "results.json").read_text())["executables"]
    assert "error" in entries[0] and "error" not in entries[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("executables",)),
        (("IMAGE", "--context", "64"), ("--context", "--text")),
        (("IMAGE", "--text", "TEXT", "--stride", "8"), ("--stride", "--protocol=stride")),
        (("IMAGE", "--text", "TEXT", "--protocol", "words"), ("--protocol", "words")),
        (("IMAGE", "-r", "0"), ("-r",)),
        (("IMAGE", "-p", "0", "-n", "0"), ("nothing to time",)),
        (("IMAGE", "--device", "tpu"), ("--device", "tpu")),
    ],
)
def test_wrong_calls(images: list[Path], options: tuple[str, ...], words: tuple[str, ...]) -> None:
    named = {"IMAGE": images[0], "TEXT": TEXT}
    done = qz_eval(*(named.get(option, option) for option in options), check=False)
    assert_refused(done, *words, code=2, tool="qz-eval")
    assert done.stdout == ""


def test_missing_text_and_unwritable_folder(images: list[Path], tmp_path: Path) -> None:
    missing = tmp_path / "none.txt"
    done = qz_eval(images[0], "--text", missing, *QUICK, check=False)
    assert_refused(done, str(missing), tool="qz-eval")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    done = qz_eval(images[0], *QUICK, "-o", in_the_way, check=False)
    assert_refused(done, str(in_the_way), tool="qz-eval")
    assert in_the_way.read_text() == ""
