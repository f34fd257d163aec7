"""qz-eval sweep: compiles and measures each variant once, whatever happens on the way."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, MODELS, assert_refused, run, scores
from measurements import without_measurements
from test_eval import qz_eval
from test_eval_tasks import items_of

NAME = "llama-bf16"
TEXT = MODELS / "text.txt"
QUICK = ("--common=--arch=none", "--device=cpu", "-p", "4", "-n", "2", "-r", "2", "--threads", "1")
SCORED = ("--text", TEXT, "--context", "48", "--max-windows", "3")
VARIANTS = ("none", "nf4", "int8 --blocks=0:N")
NAMES = ["none", "nf4", *(f"int8 --blocks=0:{blocks}" for blocks in (1, 2, 3))]

Imported = Callable[[str], Path]


def sweep_call(module: Path, out: Path) -> list[object]:
    variants = [word for variant in VARIANTS for word in ("--variant", variant)]
    questions = out.parent / "questions.jsonl"
    questions.write_text("".join(json.dumps(item) + "\n" for item in items_of(12)))
    return ["sweep", module, *variants, *QUICK, *SCORED, "--tasks", questions, "-o", out]


@pytest.fixture(scope="module")
def swept(imported: Imported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that nothing disturbed; what it printed is in printed.md."""
    out = tmp_path_factory.mktemp("sweep") / "report"
    done = qz_eval(*sweep_call(imported(NAME), out))
    # Quiet in a pipe.
    assert done.stderr == ""
    (out.parent / "printed.md").write_text(done.stdout)
    return out


def results_of(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


def test_each_variant_is_what_its_options_say(swept: Path) -> None:
    results = results_of(swept)
    assert [entry["name"] for entry in results["executables"]] == NAMES
    for entry in results["executables"]:
        scheme = entry["name"].partition(" ")[0]
        assert entry["info"]["selection"] == f"--quantize={entry['name']}"
        stored = {use["storage"].partition("/")[0] for use in entry["info"]["stored_as"]}
        assert stored == ({"bf16"} if scheme == "none" else {scheme, "bf16"})
        assert entry["score"]["windows"] == 3
        assert entry["bench"]["repetitions"] == 2
        # All but the base are compared with it.
        assert ("comparison" in entry) == (scheme != "none")
    assert results["conditions"]["base"] == "none"
    curve = [entry.get("curve") for entry in results["executables"]]
    assert curve[:2] == [None, None]
    assert curve[2:] == [{"of": VARIANTS[2], "blocks": blocks} for blocks in (1, 2, 3)]
    assert results["conditions"]["text"] == TEXT.name


def test_perplexities_are_the_executables_own(swept: Path, compiled: Callable[..., Path]) -> None:
    image = compiled(NAME, *scores(NAME)["selections"]["nf4"]["options"].split())
    done = run(image, "--device=cpu", "--json", "--score", *SCORED[1:])
    own = json.loads(done.stdout)["perplexity"]
    got = results_of(swept)["executables"][1]["score"]["perplexity"]
    assert got == pytest.approx(own, rel=1e-6)


def test_answers_are_those_of_tasks(swept: Path, compiled: Callable[..., Path]) -> None:
    images = [
        compiled(NAME, *scores(NAME)["selections"][scheme]["options"].split())
        for scheme in ("none", "nf4")
    ]
    questions, out = swept.parent / "questions.jsonl", swept.parent / "tasks"
    how = ("--base", images[0], "--device=cpu", "--threads", "1", "-o", out)
    qz_eval("tasks", questions, *images, *how)
    results = results_of(swept)
    tasks = json.loads((out / "tasks.json").read_text())
    stated = {"task": "questions", "sha256": tasks["conditions"]["sha256"], "items": 12}
    assert results["conditions"]["tasks"] == [{**stated, "base": "none"}]
    for entry, alone in zip(results["executables"], tasks["executables"], strict=False):
        [part] = entry["tasks"]
        wanted = {key: value for key, value in alone.items() if key not in ("file", "items")}
        assert part == pytest.approx({"task": "questions", **wanted})
    with (swept / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    page, table = (swept / "report.html").read_text(), (swept / "report.md").read_text()
    for row, entry in zip(rows, results["executables"], strict=True):
        right, error = (100 * entry["tasks"][0][key] for key in ("acc", "acc_error"))
        assert float(row["questions_acc"]) == pytest.approx(right)
        assert f"{right:.2f} ± {error:.2f}" in page and f"{right:.2f} ± {error:.2f}" in table
    assert "Of the 12 questions in questions, `none` answers" in table


def test_table_and_csv_say_the_same(swept: Path) -> None:
    table = (swept / "report.md").read_text()
    assert table == (swept.parent / "printed.md").read_text()
    with (swept / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == NAMES
    for row, line, entry in zip(
        rows, table.splitlines()[2 : 2 + len(rows)], results_of(swept)["executables"], strict=True
    ):
        assert float(row["perplexity"]) == entry["score"]["perplexity"]
        assert f"| {float(row['perplexity']):.3f} ± {float(row['perplexity_error']):.3f} |" in line


def test_report_has_every_part(swept: Path) -> None:
    plots = ("kl-divergence", "layer-error", "memory", "perplexity-blocks", "perplexity-size")
    names = {path.stem for path in (swept / "plots").iterdir()}
    assert names == {*plots, "speed-size"}
    page = (swept / "report.html").read_text()
    for word in (*NAMES, TEXT.name, results_of(swept)["conditions"]["text_sha256"]):
        assert word in page


def test_components_are_all_of_the_weights(swept: Path) -> None:
    for entry in results_of(swept)["executables"]:
        info = entry["info"]
        for state in ("imported", "stored"):
            components = sum(use[f"{state}_bytes"] for use in info["components"])
            assert components == info["memory"][state]["packed_bytes"]


def test_measured_once(swept: Path, imported: Imported) -> None:
    before = results_of(swept)
    done = qz_eval(*sweep_call(imported(NAME), swept))
    assert done.stdout == (swept / "report.md").read_text()
    # Speeds too: nothing was measured again.
    assert results_of(swept) == before
    assert list((swept / "sweep" / "executables").iterdir()) == []


def kill_when(process: subprocess.Popen, records: Path, count: int, delay: float) -> None:
    """SIGKILL once there are `count` records, and `delay` seconds later."""
    until = time.monotonic() + 120
    while len(list(records.glob("*.json"))) < count and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(delay)
    process.kill()
    process.communicate()


def test_killed_and_started_again(swept: Path, imported: Imported, tmp_path: Path) -> None:
    out = tmp_path / "report"
    call = [str(word) for word in (BUILD / "bin" / "qz-eval", *sweep_call(imported(NAME), out))]
    # While compiling, while measuring, between two pieces, and at nobody knows what; last while
    # the report is written.
    moments = ((0, 0.2), (0, 0.6), *((count, 0.07 * (count % 3)) for count in range(1, 11)))
    for count, delay in moments:
        process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        kill_when(process, out / "sweep" / "records", count, delay)
    kept = {path.name: path.read_text() for path in (out / "sweep" / "records").glob("*.json")}
    # A variant has two: what was measured, and its answers.
    assert len(kept) == 2 * len(NAMES)
    qz_eval(*sweep_call(imported(NAME), out))
    assert without_measurements(results_of(out)) == without_measurements(results_of(swept))
    for name, text in kept.items():
        assert (out / "sweep" / "records" / name).read_text() == text
    left = {path.name for path in out.rglob("*") if path.is_file()}
    assert {name for name in left if ".tmp" in name or "partial" in name} == set()


def test_interrupted(imported: Imported, tmp_path: Path) -> None:
    call = [
        str(word) for word in (BUILD / "bin" / "qz-eval", *sweep_call(imported(NAME), tmp_path))
    ]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("sweep/executables/*")) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (1, "", "qz-eval: error: interrupted\n")


def test_a_failure_does_not_lose_the_rest(imported: Imported, tmp_path: Path) -> None:
    variants = ("--variant", "none", "--variant", "nf4 --block-size=48", "--variant", "int8")
    call = ["sweep", imported(NAME), *variants, *QUICK, *SCORED, "-o", tmp_path]
    done = qz_eval(*call, check=False)
    assert_refused(done, "'nf4 --block-size=48'", "power of two", tool="qz-eval")
    entries = results_of(tmp_path)["executables"]
    assert ["error" in entry for entry in entries] == [False, True, False]
    assert "score" in entries[2]
    assert len(done.stdout.partition("\n\n")[0].splitlines()) == 5
    # What failed is tried again.
    again = qz_eval(*call, check=False)
    assert (again.returncode, again.stderr, again.stdout) == (1, done.stderr, done.stdout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("-o",)),
        (("-o", "OUT"), ("--variant",)),
        (("-o", "OUT", "--variant", "nf4 -o x"), ("-o",)),
        (("-o", "OUT", "--variant", "nf4", "--protocol", "words"), ("--protocol", "words")),
        (("-o", "OUT", "--variant", "nf4", "--steps", "0"), ("--steps",)),
    ],
)
def test_wrong_calls(
    imported: Imported, tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    named = {"OUT": tmp_path}
    done = qz_eval(
        "sweep",
        imported(NAME),
        *QUICK,
        *SCORED,
        *(named.get(option, option) for option in options),
        check=False,
    )
    assert_refused(done, *words, code=2, tool="qz-eval")


def test_kept_executables_run(imported: Imported, tmp_path: Path) -> None:
    call = ["sweep", imported(NAME), "--variant", "none", "--variant", "int8 --blocks=0:1"]
    call += [*QUICK, "-o", tmp_path]
    qz_eval(*call)
    assert not (tmp_path / "executables").exists()
    # Measured already: only made again.
    before = results_of(tmp_path)
    qz_eval(*call, "--keep")
    assert results_of(tmp_path) == before
    kept = sorted((tmp_path / "executables").iterdir())
    assert [path.name for path in kept] == ["int8-blocks-0-1.bin", "none.bin"]
    info = json.loads(run(kept[0], "--info", "--json").stdout)
    assert info["selection"] == "--quantize=int8 --blocks=0:1"
    assert list((tmp_path / "sweep" / "executables").iterdir()) == []


def test_keeps_the_logits_of_the_base(imported: Imported, tmp_path: Path) -> None:
    file = tmp_path / "base.npy"
    call = ["sweep", imported(NAME), "--variant", "nf4", *QUICK, *SCORED, "-o", tmp_path / "out"]
    call += ["--keep-base", file]
    done = qz_eval(*call)
    entry = results_of(tmp_path / "out")["executables"][0]
    assert done.stderr == (
        f"qz-eval: --keep-base: '{file}' gets 0.000 GB (141 tokens, "
        f"{entry['info']['model']['vocab']} logits each)\n"
    )
    kept = np.load(file)
    logits = kept["logits"].astype(np.float64)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(kept)), kept["target"]]
    base = entry["comparison"]["base_perplexity"]
    assert np.exp(losses.mean()) == pytest.approx(base, rel=1e-5)
    # It is there, and is not written again; what is no longer there is.
    before = file.stat()
    assert qz_eval(*call).stderr == "" and file.stat().st_mtime_ns == before.st_mtime_ns
    file.unlink()
    qz_eval(*call)
    assert (np.load(file) == kept).all()
    for wrong, code in ((tmp_path / "no" / "base.npy", 1), (TEXT, 2)):
        done = qz_eval(*call[:-1], wrong, check=False)
        assert_refused(done, "--keep-base", str(wrong), code=code, tool="qz-eval")


def test_report_on_executables(compiled: Callable[..., Path], tmp_path: Path) -> None:
    base, image = compiled(NAME), compiled(NAME, "--quantize=nf4")
    how = ("--device=cpu", "-p", "4", "-n", "2", "-r", "2", "--threads", "1", *SCORED)
    qz_eval(base, image, "--base", base, *how, "-o", tmp_path)
    done = qz_eval("report", tmp_path)
    assert f"over `{base.name}`" in done.stdout or f"from `{base.name}`" in done.stdout
    assert {"report.html", "plots", "table.md"} <= {path.name for path in tmp_path.iterdir()}


def test_report_takes_answers_of_the_same_folder(
    compiled: Callable[..., Path], tmp_path: Path
) -> None:
    images = [compiled(NAME), compiled(NAME, "--quantize=nf4")]
    questions = tmp_path / "some.jsonl"
    questions.write_text("".join(json.dumps(item) + "\n" for item in items_of(12)))
    how = ("--device=cpu", "--threads", "1", "-o", tmp_path)
    qz_eval(*images, "-p", "4", "-n", "2", "-r", "2", *how)
    for count in (9, 12):
        qz_eval("tasks", questions, *images, "--base", images[0], f"--limit={count}", *how)
        done = qz_eval("report", tmp_path)
        # A second report has what was answered last.
        assert f"Of the {count} questions in some, `{images[0].name}` answers" in done.stdout
        tasks = json.loads((tmp_path / "tasks.json").read_text())["executables"]
        for entry, alone in zip(results_of(tmp_path)["executables"], tasks, strict=True):
            [part] = entry["tasks"]
            assert (part["task"], part["acc"]) == ("some", alone["acc"])
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    for each in tasks["executables"]:
        each["file"] = "other.bin"
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = qz_eval("report", tmp_path, check=False)
    assert_refused(done, "tasks.json", "other executables", tool="qz-eval")


def test_report_of_results_that_are_there(swept: Path, tmp_path: Path) -> None:
    done = qz_eval("report", swept, "-o", tmp_path / "again")
    assert done.stdout == (swept / "report.md").read_text()
    assert results_of(tmp_path / "again") == results_of(swept)
    done = qz_eval("report", tmp_path, check=False)
    assert_refused(done, "results.json", tool="qz-eval")
