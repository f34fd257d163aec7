"""Logits, continuations and perplexities of the fixture models agree with transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODEL_NAMES, run, scores, selections
from golden_logits import check_logits, golden, logits_of

Compiled = Callable[..., Path]
SCHEMES = ("none", "int8", "nf4")
OTHERS = [(name, selection) for name, selection in selections() if selection not in SCHEMES]


def check(image: Path, want: dict, count: int, out: Path, *options: str) -> None:
    check_logits(logits_of(image, want[f"tokens_{count}"], out, *options), want, count)


@pytest.mark.family("CPU")
@pytest.mark.parametrize("options", [(), ("--stepwise",)], ids=["at-once", "stepwise"])
@pytest.mark.parametrize("count", [1, 17, 600])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_logits(
    compiled: Compiled, tmp_path: Path, name: str, scheme: str, count: int, options: tuple[str, ...]
) -> None:
    image = compiled(name, f"--quantize={scheme}")
    check(image, golden(name, scheme), count, tmp_path / "x.npy", *options)


@pytest.mark.parametrize("options", [(), ("--stepwise",)], ids=["at-once", "stepwise"])
@pytest.mark.parametrize(("name", "selection"), OTHERS)
def test_other_selections(
    compiled: Compiled, tmp_path: Path, name: str, selection: str, options: tuple[str, ...]
) -> None:
    image = compiled(name, *scores(name)["selections"][selection]["options"].split())
    check(image, golden(name, selection), 17, tmp_path / "x.npy", *options)


@pytest.mark.parametrize("options", [(), ("--stepwise",)], ids=["at-once", "stepwise"])
@pytest.mark.parametrize("scheme", ["none", "nf4"])
def test_smallest_sizes(
    compiled: Compiled, tmp_path: Path, scheme: str, options: tuple[str, ...]
) -> None:
    """Rows of two elements, heads of one: what a kernel takes several of at once is not there."""
    image = compiled("gpt2-tiny", f"--quantize={scheme}")
    for count in (1, 17, 600):
        check(image, golden("gpt2-tiny", scheme), count, tmp_path / "x.npy", *options)


@pytest.mark.family("CPU")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_greedy_continuation(compiled: Compiled, name: str, scheme: str) -> None:
    want = golden(name, scheme)
    image = compiled(name, f"--quantize={scheme}")
    prompt = ",".join(str(token) for token in want["tokens_17"])
    count = len(want["continuation"])
    done = run(image, "--device=cpu", "--tokens", prompt, "-n", count, "--ignore-eos")
    assert json.loads(done.stdout) == want["continuation"].tolist()
