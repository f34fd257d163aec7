"""Texts, windows and lines that share a batch are what they are alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import FAMILY_NAMES, MODEL_NAMES, MODELS, run

Compiled = Callable[..., Path]


@pytest.mark.parametrize("name", [*MODEL_NAMES, *FAMILY_NAMES])
def test_greedy_texts_do_not_depend_on_who_is_beside_them(
    compiled: Compiled, name: str, tmp_path: Path
) -> None:
    image = compiled(name, "--quantize=int8", "--arch=none")
    text = (MODELS / "text.txt").read_text()
    words = text.split()
    lines = "".join(
        json.dumps({"prompt": " ".join(words[i : i + 1 + 2 * i]), "max_tokens": 8}) + "\n"
        for i in range(32)
    )
    asked = tmp_path / "asked.jsonl"
    asked.write_text(lines)
    how = ("--device=cpu", "--requests")
    # Of a file 32 go together, from a pipe each is answered before the next is read.
    together = run(image, *how, asked).stdout
    alone = run(image, *how, "-", input=lines).stdout
    assert together == alone
    assert len(set(together.splitlines())) > 4


def test_lines_are_scored_as_each_alone(compiled: Compiled, tmp_path: Path) -> None:
    image = compiled("llama-bf16", "--quantize=nf4", "--arch=none")
    lines = [
        line for line in (MODELS / "text.txt").read_text().splitlines() if len(line.split()) > 1
    ][:20]

    def score(text: str) -> dict:
        file = tmp_path / "lines.txt"
        file.write_text(text)
        how = ("--device=cpu", "--json", "--protocol=lines", "--score")
        return json.loads(run(image, *how, file).stdout)

    together = score("\n".join(lines))
    alone = [score(line) for line in lines]
    assert together["windows"] == len(lines)
    scored = sum(one["tokens_scored"] for one in alone)
    mean = sum(one["mean_nll"] * one["tokens_scored"] for one in alone) / scored
    assert together["tokens_scored"] == scored
    assert together["mean_nll"] == pytest.approx(mean, rel=1e-12)
