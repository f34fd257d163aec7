"""Compiled random models compute what the interpreter says they mean.

QZC_RANDOM_GRAPHS=LO:HI runs other graphs than the default ones. About one in a thousand amplifies
roundings up to the bound: such a graph's logits move as much in the interpreter alone when a
constant near its beginning changes by one part in 2^24.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, qz_interpret, qzc, run
from random_graphs import Graph

FIRST, LAST = (int(end) for end in os.environ.get("QZC_RANDOM_GRAPHS", "0:120").split(":"))
# Of the standard deviation of the logits.
BOUND = 1e-4


@pytest.fixture
def no_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The CPU runs these models: kernels are emitted but not compiled."""
    monkeypatch.setenv("QZC_NVRTC", str(BUILD / "lib" / "libfake-nvrtc.so"))
    monkeypatch.setenv("QZC_CACHE_DIR", str(tmp_path / "cache"))


def check(graph: Graph, folder: Path) -> None:
    module = folder / "model.mlir"
    module.write_text(graph.text())
    words = ",".join(str(token) for token in graph.tokens)
    want = qz_interpret(module, words)
    fused = folder / "fused.mlir"
    qzc(module, "--emit=qz", "-o", fused)
    assert np.array_equal(qz_interpret(fused, words), want), "fusing changes the logits"

    image = folder / "model.bin"
    qzc(module, "--weights=synthetic", "--arch=90a", "--threads", 1, "-o", image)
    out = folder / "out.npy"
    for options in ([], ["--stepwise"]):
        run(image, "--device=cpu", "--threads", 1, "--kv-cache=f32", "--tokens", words,
            "--logits", out, *options)  # fmt: skip
        error = np.abs(np.load(out) - want).max()
        # A few logits may happen to be close to one another: then their size counts.
        scale = want.std() if graph.sizes.vocab > 16 else np.sqrt(np.square(want).mean())
        assert error <= BOUND * scale, (options, error, scale)


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_random_graph(no_code: None, tmp_path: Path, seed: int) -> None:
    check(Graph(seed), tmp_path)


@pytest.mark.parametrize("seed", range(24))
def test_tiny_graph(no_code: None, tmp_path: Path, seed: int) -> None:
    check(Graph(seed, tiny=True), tmp_path)


@pytest.mark.parametrize(("seed", "tiny"), [(1000, False), (1001, False), (1, True), (9, True)])
def test_random_graph_with_code(tmp_path: Path, seed: int, tiny: bool) -> None:
    """NVRTC accepts what is emitted for such models."""
    check(Graph(seed, tiny=tiny), tmp_path)
