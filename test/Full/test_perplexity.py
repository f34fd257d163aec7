"""SmolLM2's perplexities under nine selections equal transformers' in float32 on the decoded
weights: bitsandbytes' for nf4 and fp4, gguf's for q4_0. make_smollm2.py (test/golden/smollm2) made
them of WikiText-2's test text, a paragraph a line, which QZC_FULL_WIKITEXT names. Gemma 3's, with a
BOS in front of each window, likewise, of the folder that make_gemma3.py writes: QZC_FULL_GEMMA."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, ROOT, run

GOLDEN = ROOT / "test" / "golden"
REFERENCE = json.loads((GOLDEN / "smollm2" / "perplexity.json").read_text())
WINDOWS = int(os.environ.get("QZC_FULL_WINDOWS", "2"))


@pytest.fixture(scope="module")
def wikitext() -> Path:
    path = os.environ.get("QZC_FULL_WIKITEXT")
    if not path:
        pytest.skip("QZC_FULL_WIKITEXT names no text")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert digest == REFERENCE["text_sha256"], f"{path} is another text"
    return Path(path)


@pytest.mark.parametrize("selection", list(REFERENCE["results"]))
def test_perplexity(compiled: Callable[..., Path], wikitext: Path, selection: str) -> None:
    sums = REFERENCE["results"][selection]["window_nll_sums"][:WINDOWS]
    context = REFERENCE["context"]
    scheme, *options = selection.split()
    image = compiled(f"--quantize={scheme}", *options)
    how = ("--context", context, "--max-windows", WINDOWS, "--device=cpu", "--json")
    score = json.loads(run(image, "--score", wikitext, *how).stdout)
    want = math.exp(math.fsum(sums) / (WINDOWS * (context - 1)))
    print(f"{selection}: executable {score['perplexity']:.5f}, transformers {want:.5f}")
    assert score["perplexity"] == pytest.approx(want, abs=5e-4)


def test_gemma(wikitext: Path, tmp_path: Path) -> None:
    folder = os.environ.get("QZC_FULL_GEMMA")
    if not folder:
        pytest.skip("QZC_FULL_GEMMA names no folder of make_gemma3.py")
    reference = json.loads((GOLDEN / "gemma3" / "perplexity.json").read_text())
    run(ROOT / ".venv" / "bin" / "qz-import", folder, "-o", tmp_path / "m.mlir")
    image = tmp_path / "m.bin"
    run(BUILD / "bin" / "qzc", tmp_path / "m.mlir", "--arch=none", "-o", image)
    sums = reference["results"]["none"]["window_nll_sums"][:WINDOWS]
    context = reference["context"]
    how = ("--bos=window", "--context", context, "--max-windows", WINDOWS, "--device=cpu", "--json")
    score = json.loads(run(image, "--score", wikitext, *how).stdout)
    assert score["text_sha256"] == reference["text_sha256"]
    want = math.exp(math.fsum(sums) / (WINDOWS * (context - 1)))
    assert score["perplexity"] == pytest.approx(want, abs=5e-4)
