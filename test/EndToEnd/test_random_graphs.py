"""Compiled random models compute what the interpreter says they mean.

QZC_RANDOM_GRAPHS=LO:HI runs other graphs than the default ones.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, MODELS, qz_interpret, qzc, run
from random_graphs import Graph

FIRST, LAST = (int(end) for end in os.environ.get("QZC_RANDOM_GRAPHS", "0:120").split(":"))
# Of the standard deviation of the logits.
BOUND = 1e-4
TOKENIZER = MODELS / "llama-bf16" / "tokenizer.json"


@pytest.fixture
def no_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The CPU runs these models: kernels are emitted but not compiled."""
    monkeypatch.setenv("QZC_NVRTC", str(BUILD / "lib" / "libfake-nvrtc.so"))
    monkeypatch.setenv("QZC_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def graph(tmp_path: Path) -> Callable[[int], tuple[Path, list[int]]]:
    def get(seed: int) -> tuple[Path, list[int]]:
        shutil.copy(TOKENIZER, tmp_path)
        made = Graph(seed, TOKENIZER)
        module = tmp_path / "model.mlir"
        module.write_text(made.text())
        return module, made.tokens

    return get


def check(module: Path, tokens: list[int]) -> None:
    words = ",".join(str(token) for token in tokens)
    want = qz_interpret(module, words)
    fused = module.parent / "fused.mlir"
    qzc(module, "--emit=qz", "-o", fused)
    assert np.array_equal(qz_interpret(fused, words), want), "fusing changes the logits"

    image = module.parent / "model.bin"
    qzc(module, "--weights=synthetic", "--arch=90a", "--threads", 1, "-o", image)
    out = module.parent / "out.npy"
    for options in ([], ["--stepwise"]):
        run(image, "--device=cpu", "--threads", 1, "--kv-cache=f32", "--tokens", words,
            "--logits", out, *options)  # fmt: skip
        error = np.abs(np.load(out) - want).max() / want.std()
        assert error < BOUND, (options, error)


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_random_graph(
    graph: Callable[[int], tuple[Path, list[int]]], no_code: None, seed: int
) -> None:
    check(*graph(seed))


@pytest.mark.parametrize("seed", [1000, 1001])
def test_random_graph_with_code(graph: Callable[[int], tuple[Path, list[int]]], seed: int) -> None:
    """NVRTC accepts what is emitted for such models."""
    check(*graph(seed))
