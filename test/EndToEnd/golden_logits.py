"""What an executable says of a fixture model's tokens, beside what transformers says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import MODELS, run

# Of the standard deviation of the golden logits; the worst row decides.
BOUND = 1e-4


def golden(name: str, selection: str) -> dict:
    return dict(np.load(MODELS / name / "golden" / f"{selection}.npz"))


def logits_of(
    image: Path, tokens: np.ndarray, out: Path, *options: str, under: Sequence[str] = ()
) -> np.ndarray:
    """float32 [tokens, vocab]; `under` is what the executable is run by, if not the machine."""
    words = ",".join(str(token) for token in tokens)
    run(*under, image, "--device=cpu", "--tokens", words, "--logits", out, *options)
    return np.load(out)


def check_logits(got: np.ndarray, want: dict, count: int, bound: float = BOUND) -> None:
    """The logits of the first `count` golden tokens are within the bound."""
    assert got.dtype == np.float32 and got.shape[0] == count
    reference = want[f"logits_{count}"]
    rows = want[f"rows_{count}"]
    error = np.abs(got[rows] - reference).max(axis=1) / reference.std()
    worst = int(error.argmax())
    assert error[worst] < bound, f"row {rows[worst]}: {error[worst]:.3g} of the logits' deviation"
