"""qz-eval tasks: multiple choice by log-likelihood, against NumPy on the executable's logits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, assert_refused, run
from test_eval import cells, qz_eval
from test_eval_compare import log_softmax, logits_of

Compiled = Callable[..., Path]
NAME = "llama-bf16"
WORDS = (MODELS / "text.txt").read_text().split()
DEVICE = ("--device=cpu", "--threads", "1")


def items_of(count: int) -> list[dict]:
    chosen = random.Random(7)

    def words(most: int) -> str:
        begin = chosen.randrange(len(WORDS) - most)
        return " ".join(WORDS[begin : begin + chosen.randint(1, most)])

    items: list[dict] = [
        {
            "question": words(9),
            "choices": [words(4) for _ in range(chosen.randint(2, 5))],
            "answer": chosen.randrange(2),
        }
        for _ in range(count)
    ]
    items[1] |= {"question": "", "prefix": ""}
    items[2] |= {"prefix": f"{words(5)}\n\n", "delimiter": "\n"}
    items[3] |= {"question": [words(6) for _ in items[3]["choices"]]}
    return items


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tasks") / "items.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in items_of(12)))
    return path


def tokens_of(image: Path, text: str, folder: Path) -> list[int]:
    path = folder / "words.txt"
    path.write_text(text)
    return json.loads(run(image, "--tokenize", path).stdout)


def log_likelihood(image: Path, context: str, continuation: str, folder: Path) -> float:
    """By lm-eval's rules: encoded whole, split after the context's own tokens."""
    space = len(context) - len(context.rstrip())
    cut = len(context) - space
    context, continuation = context[:cut], context[cut:] + continuation
    bos = json.loads(run(image, "--info", "--json").stdout)["model"]["bos"]
    tokens = tokens_of(image, context + continuation, folder)
    first = len(tokens_of(image, context, folder))
    if not context:
        tokens, first = [bos, *tokens], 1
    logs = log_softmax(logits_of(image, tokens[:-1], folder))
    return sum(logs[i - 1, tokens[i]] for i in range(first, len(tokens)))


def test_log_likelihoods_are_numpys(compiled: Compiled, asked: Path, tmp_path: Path) -> None:
    image = compiled(NAME, "--quantize=nf4")
    qz_eval("tasks", asked, image, *DEVICE, "-o", tmp_path)
    [entry] = json.loads((tmp_path / "tasks.json").read_text())["executables"]
    right, by_length = [], []
    for item, got in zip(items_of(12), entry["items"], strict=True):
        questions, choices = item["question"], item["choices"]
        if isinstance(questions, str):
            questions = [questions] * len(choices)
        want = [
            log_likelihood(
                image,
                item.get("prefix", "") + question,
                item.get("delimiter", " ") + choice,
                tmp_path,
            )
            for question, choice in zip(questions, choices, strict=True)
        ]
        assert got["log_likelihoods"] == pytest.approx(want, rel=1e-4, abs=1e-3)
        normed = np.array(want) / [len(choice) for choice in choices]
        assert got["likeliest"] == int(np.argmax(want))
        assert got["likeliest_by_length"] == int(np.argmax(normed))
        right.append(got["likeliest"] == item["answer"])
        by_length.append(got["likeliest_by_length"] == item["answer"])
    for name, values in (("acc", right), ("acc_norm", by_length)):
        assert entry[name] == pytest.approx(np.mean(values))
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert entry[f"{name}_error"] == pytest.approx(error)
    assert entry["choices_cut"] == 0


def test_table_compares_with_the_base(compiled: Compiled, asked: Path, tmp_path: Path) -> None:
    base, model = compiled(NAME), compiled(NAME, "--quantize=fp4")
    done = qz_eval(
        "tasks", asked, model, base, "--base", base, "--limit=9", *DEVICE, "-o", tmp_path
    )
    assert done.stderr == ""
    results = json.loads((tmp_path / "tasks.json").read_text())
    assert results["conditions"]["items"] == 9
    first, second = results["executables"]
    titles, _, row, own = (cells(line) for line in done.stdout.splitlines()[:4])
    assert titles[1:] == ["accuracy %", "by length %", "Δ accuracy %", "Δ by length %"]
    assert row[1] == f"{100 * first['acc']:.2f} ± {100 * first['acc_error']:.2f}"
    assert own[3:] == ["–", "–"] and "acc_difference" not in second
    assert first["acc_difference"] == pytest.approx(first["acc"] - second["acc"])


def test_one_failure_leaves_the_others(compiled: Compiled, asked: Path, tmp_path: Path) -> None:
    image, broken = compiled(NAME), tmp_path / "broken.bin"
    broken.write_text("#!/bin/sh\necho 'broken.bin: error: it is broken' >&2\nexit 1\n")
    broken.chmod(0o755)
    done = qz_eval("tasks", asked, broken, image, *DEVICE, check=False)
    assert_refused(done, str(broken), "it is broken", tool="qz-eval")
    rows = [cells(line) for line in done.stdout.splitlines()[2:4]]
    assert rows[0][1:] == ["–", "–"] and "±" in rows[1][1]


def test_output_is_no_input(compiled: Compiled, tmp_path: Path) -> None:
    items = tmp_path / "tasks.json"
    items.write_text(json.dumps(items_of(4)[0]))
    done = qz_eval("tasks", items, compiled(NAME), *DEVICE, "-o", tmp_path, check=False)
    assert_refused(done, "-o", code=2, tool="qz-eval")
    assert json.loads(items.read_text())["choices"]
