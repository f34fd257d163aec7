"""qz-eval tasks and the adapter to lm-eval against lm-eval with transformers: item by item."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, qz_eval, run

COUNT = 200


@pytest.fixture(scope="module")
def items(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    run(ROOT / ".venv/bin/python", ROOT / "test/Full/cut_items.py", text, path, "--count", COUNT)
    return path


def evaluate(model: object, items: Path) -> dict:
    """lm-eval's own implementation of multiple choice over the items."""
    from lm_eval import simple_evaluate

    task = {
        "task": "cut_items",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(items)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    }
    return simple_evaluate(model=model, tasks=[task], bootstrap_iters=100, log_samples=True)


def by_item(results: dict) -> list[tuple[list[float], float, float]]:
    samples = sorted(results["samples"]["cut_items"], key=lambda sample: sample["doc_id"])
    return [
        ([float(answer[0][0]) for answer in s["resps"]], float(s["acc"]), float(s["acc_norm"]))
        for s in samples
    ]


@pytest.fixture(scope="module")
def reference(folder: Path, items: Path) -> dict:
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=8)
    return evaluate(model, items)


def test_tasks_equal_lm_eval(
    reference: dict, items: Path, compiled: Callable[..., Path], tmp_path: Path
) -> None:
    qz_eval("tasks", items, compiled(), "--device=cpu", "-o", tmp_path)
    [entry] = json.loads((tmp_path / "tasks.json").read_text())["executables"]
    assert len(entry["items"]) == COUNT
    for item, (wanted, acc, acc_norm) in zip(entry["items"], by_item(reference), strict=True):
        assert item["log_likelihoods"] == pytest.approx(wanted, rel=1e-4, abs=1e-3)
        assert (item["likeliest"] == item["answer"]) == bool(acc)
        assert (item["likeliest_by_length"] == item["answer"]) == bool(acc_norm)
    theirs = reference["results"]["cut_items"]
    for name in ("acc", "acc_norm"):
        assert entry[name] == pytest.approx(theirs[f"{name},none"], abs=1e-12)
        assert entry[f"{name}_error"] == pytest.approx(theirs[f"{name}_stderr,none"], rel=1e-9)
    # Neither all right nor all wrong, nor the same by both.
    assert 0.3 < entry["acc"] < 0.99 and entry["acc"] != entry["acc_norm"]


def test_adapter_equals_transformers(
    reference: dict, items: Path, compiled: Callable[..., Path]
) -> None:
    from qz_eval.lm_eval_model import QzcModel

    model = QzcModel(str(compiled()), device="cpu")
    got = evaluate(model, items)
    model.close()
    for ours, theirs in zip(by_item(got), by_item(reference), strict=True):
        assert ours[0] == pytest.approx(theirs[0], rel=1e-4, abs=1e-3)
        assert ours[1:] == theirs[1:]


def test_adapter_rolls_and_continues_as_transformers(
    folder: Path, text: Path, compiled: Callable[..., Path]
) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM
    from qz_eval.lm_eval_model import QzcModel

    def requests(kind: str, *arguments: tuple) -> list[Instance]:
        return [Instance(kind, {}, given, number) for number, given in enumerate(arguments)]

    words = text.read_text().split()
    rolled = requests(
        "loglikelihood_rolling", (" ".join(words[:300]),), (" ".join(words[900:930]),)
    )
    how = {"until": ["\n\n", "Debian"], "max_gen_toks": 24, "do_sample": False}
    continued = requests("generate_until", (" ".join(words[50:90]), how), ("What is Linux?", how))
    ours = QzcModel(str(compiled()), device="cpu", max_length=128)
    theirs = HFLM(
        pretrained=str(folder), dtype="float32", device="cpu", batch_size=1, max_length=128
    )
    assert ours.loglikelihood_rolling(rolled) == pytest.approx(
        theirs.loglikelihood_rolling(rolled), rel=1e-4
    )
    assert ours.generate_until(continued) == theirs.generate_until(continued)
    ours.close()
