"""Perplexities of the fixture models equal those computed from transformers' logits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, run, scores, selections

Compiled = Callable[..., Path]


@pytest.mark.parametrize("protocol", ["windows", "stride"])
@pytest.mark.parametrize(("name", "selection"), selections())
def test_perplexity(compiled: Compiled, name: str, selection: str, protocol: str) -> None:
    want = scores(name)
    options = want["selections"][selection]["options"].split()
    expected = want["selections"][selection][protocol]
    how = ["--protocol", protocol, "--context", expected["context"]]
    if protocol == "stride":
        how += ["--stride", expected["stride"]]
    text = MODELS / "text.txt"
    done = run(compiled(name, *options), "--device=cpu", "--score", text, "--json", *how)
    got = json.loads(done.stdout)
    assert got["protocol"] == protocol
    assert got["tokens_scored"] == expected["tokens_scored"]
    assert got["perplexity"] == pytest.approx(expected["perplexity"], rel=2e-6)
    assert got["text_sha256"] == want["text_sha256"]
    assert got["perplexity_error"] > 0
    bits = got["mean_nll"] / math.log(2) * got["tokens"] / text.stat().st_size
    assert got["bits_per_byte"] == pytest.approx(bits, rel=1e-9)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_matter(compiled: Compiled, tmp_path: Path, threads: int) -> None:
    image = compiled("llama-f32", "--quantize=nf4")
    tokens = ",".join(str(i % 250) for i in range(70))
    outs = []
    for count in (2, threads):
        out = tmp_path / f"{count}.npy"
        run(image, "--device=cpu", "--threads", count, "--tokens", tokens, "--logits", out)
        outs.append(np.load(out))
    assert np.array_equal(outs[0], outs[1])


def test_half_precision_cache_is_close(compiled: Compiled, tmp_path: Path) -> None:
    image = compiled("llama-f32", "--quantize=none")
    tokens = ",".join(str(7 * i % 250) for i in range(70))
    logits = {}
    for cache in ("f32", "f16"):
        out = tmp_path / f"{cache}.npy"
        run(image, "--device=cpu", "--kv-cache", cache, "--tokens", tokens, "--logits", out)
        logits[cache] = np.load(out)
    error = np.abs(logits["f16"] - logits["f32"]).max() / logits["f32"].std()
    assert 0 < error < 1e-2
