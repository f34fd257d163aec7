"""--score under llama.cpp's protocol and line by line, against the executable's own logits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, run

Compiled = Callable[..., Path]
BOS = 1


def tokens_of(image: Path, text: bytes, folder: Path) -> list[int]:
    (folder / "part").write_bytes(text)
    return json.loads(run(image, "--tokenize", folder / "part").stdout)


def losses_of(image: Path, tokens: list[int], folder: Path) -> np.ndarray:
    """The negative log-likelihood of every token but the first."""
    out = folder / "logits.npy"
    run(image, "--device=cpu", "--tokens", ",".join(map(str, tokens)), "--logits", out)
    logits = np.load(out)[:-1].astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(logits)), tokens[1:]]
    return np.log(np.exp(logits).sum(axis=1)) - chosen


def score(image: Path, text: Path, *options: object) -> dict:
    return json.loads(run(image, "--device=cpu", "--score", text, "--json", *options).stdout)


# The tokenizer of the second puts BOS in front of a text by itself.
@pytest.mark.parametrize(("name", "adds_bos"), [("llama-bf16", False), ("llama-f32", True)])
def test_llama_cpp(compiled: Compiled, tmp_path: Path, name: str, adds_bos: bool) -> None:
    image, context, chunks = compiled(name), 64, 3
    text = MODELS / "text.txt"
    tokens = tokens_of(image, text.read_bytes().removesuffix(b"\n"), tmp_path)
    if adds_bos:
        tokens.insert(0, BOS)
    losses = []
    for begin in range(0, chunks * context, context):
        chunk = tokens[begin : begin + context]
        if adds_bos:
            chunk[0] = BOS
        losses += losses_of(image, chunk, tmp_path)[context // 2 :].tolist()
    got = score(image, text, "--protocol=llama.cpp", "--context", context, "--max-windows", chunks)
    assert got["tokens_scored"] == len(losses) == chunks * (context // 2 - 1)
    assert got["bos"] == ("window" if adds_bos else "none")
    assert got["tokens"] == len(tokens)
    assert got["perplexity"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
    error = math.exp(np.mean(losses)) * math.sqrt(np.var(losses) / (len(losses) - 1))
    assert got["perplexity_error"] == pytest.approx(error, rel=1e-4)


def test_llama_cpp_has_a_context_of_512(compiled: Compiled) -> None:
    got = score(compiled("llama-bf16"), MODELS / "text.txt", "--protocol=llama.cpp")
    assert got["context"] == 512 and got["tokens_scored"] == got["windows"] * 255


@pytest.mark.parametrize("bos", ["none", "window"])
def test_lines(compiled: Compiled, tmp_path: Path, bos: str) -> None:
    image, text = compiled("llama-bf16"), tmp_path / "text"
    lines = [b"The first line is here.", b"", b"x", b"And the second one, after it"]
    text.write_bytes(b"\n".join(lines) + b"\n")
    losses = []
    for line in lines:
        tokens = tokens_of(image, line, tmp_path)
        if len(tokens) >= 2:
            losses.append(losses_of(image, [BOS] * (bos == "window") + tokens, tmp_path))
    got = score(image, text, "--protocol=lines", "--bos", bos)
    together = np.concatenate(losses)
    assert got["windows"] == len(losses) == 2 and got["skipped_lines"] == 2
    assert got["tokens_scored"] == len(together)
    assert got["perplexity"] == pytest.approx(math.exp(together.mean()), rel=1e-5)
    means = [math.exp(line.mean()) for line in losses]
    assert got["mean_line_perplexity"] == pytest.approx(np.mean(means), rel=1e-5)
