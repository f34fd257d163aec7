"""SmolLM2's perplexities under nine selections equal transformers' in float32 on the decoded
weights: bitsandbytes' for nf4 and fp4, gguf's for q4_0. make_smollm2.py (test/golden/smollm2) made
them of WikiText-2's test text, a paragraph a line, which QZC_FULL_WIKITEXT names."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, run

REFERENCE = json.loads((ROOT / "test" / "golden" / "smollm2" / "perplexity.json").read_text())
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
    assert score["perplexity"] == pytest.approx(want, abs=5e-4)
