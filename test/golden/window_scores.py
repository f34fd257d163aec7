"""What transformers says of the windows of a text, as protocol `windows` scores them (needs torch).

Non-overlapping windows of CONTEXT tokens, the first WINDOWS of them. Every token but a window's
first is scored; with a BOS in front of each window that one is the first.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch

CONTEXT = 1024
WINDOWS = 64


@torch.no_grad()
def losses_of(model: torch.nn.Module, window: torch.Tensor) -> torch.Tensor:
    """The negative log-likelihood of every token but the first, in f64 from f32 logits."""
    logits = model(window[None]).logits[0, :-1]
    # Some rows at a time: in f64 all of a large vocabulary would take gigabytes.
    parts = zip(logits.split(128), window[1:].split(128), strict=True)
    return torch.cat(
        [
            torch.nn.functional.cross_entropy(rows.double(), targets, reduction="none")
            for rows, targets in parts
        ]
    )


def score(
    model: torch.nn.Module, tokens: torch.Tensor, bos: int | None = None, kept: Path | None = None
) -> dict[str, object]:
    """The sums of the windows and what they give together; `bos` stands before each of them.
    `kept` takes each sum as it is found, a line each: what it has already is not computed again."""
    front = torch.tensor([] if bos is None else [bos], dtype=tokens.dtype)
    length = CONTEXT - len(front)
    per_window = []
    if kept is not None and kept.exists():
        per_window = [float(line) for line in kept.read_text().splitlines()]
    for index in range(len(per_window), WINDOWS):
        window = tokens[index * length : (index + 1) * length]
        per_window.append(losses_of(model, torch.cat((front, window))).sum().item())
        print(f"window {index}: {per_window[-1]:.4f}", file=sys.stderr, flush=True)
        if kept is not None:
            with kept.open("a") as file:
                file.write(f"{per_window[-1]!r}\n")
    mean = math.fsum(per_window) / (WINDOWS * (CONTEXT - 1))
    return {
        "mean_nll": round(mean, 6),
        "perplexity": round(math.exp(mean), 6),
        "tokens_scored": WINDOWS * (CONTEXT - 1),
        "window_nll_sums": [round(value, 4) for value in per_window],
    }
