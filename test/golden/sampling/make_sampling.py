#!/usr/bin/env python3
"""Writes what transformers makes of random logits: choices.json holds logits, the tokens seen
before, the options, and the tokens that are left with their probabilities, likeliest first.

Needs torch and transformers; everything is drawn from a fixed seed.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import torch
from transformers.generation import logits_process as steps

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

VOCAB = 17


def options(rng: random.Random) -> dict[str, float]:
    return {
        "repetition_penalty": rng.choice([1.0, 1.0, 1.3, 0.7]),
        "temperature": rng.choice([1.0, 0.5, 1.7]),
        "top_k": rng.choice([0, 0, 1, 5, 40]),
        "top_p": rng.choice([1.0, 1.0, 0.9, 0.5, 0.1]),
        "min_p": rng.choice([0.0, 0.0, 0.05, 0.3, 1.0]),
    }


def chain(chosen: dict[str, float]) -> steps.LogitsProcessorList:
    """In the order in which generate() has them."""
    out = steps.LogitsProcessorList()
    if chosen["repetition_penalty"] != 1:
        out.append(steps.RepetitionPenaltyLogitsProcessor(chosen["repetition_penalty"]))
    if chosen["temperature"] != 1:
        out.append(steps.TemperatureLogitsWarper(chosen["temperature"]))
    if chosen["top_k"]:
        out.append(steps.TopKLogitsWarper(top_k=chosen["top_k"]))
    if chosen["top_p"] < 1:
        out.append(steps.TopPLogitsWarper(top_p=chosen["top_p"]))
    if chosen["min_p"]:
        out.append(steps.MinPLogitsWarper(min_p=chosen["min_p"]))
    return out


def case(rng: random.Random) -> dict[str, Any]:
    chosen = options(rng)
    logits = [round(rng.gauss(0, 2), 3) for _ in range(VOCAB)]
    seen = [rng.randrange(VOCAB) for _ in range(rng.randrange(1, 6))]
    scores = torch.tensor([logits], dtype=torch.float32)
    scores = chain(chosen)(torch.tensor([seen]), scores)
    left = torch.softmax(scores.double(), dim=-1)[0].tolist()
    ids = [i for i in sorted(range(VOCAB), key=lambda i: (-left[i], i)) if left[i] > 0]
    probabilities = [round(left[i], 9) for i in ids]
    return {"logits": logits, "seen": seen, **chosen, "ids": ids, "probabilities": probabilities}


def main() -> None:
    rng = random.Random(20240601)
    cases = [case(rng) for _ in range(80)]
    path = Path(__file__).parent / "choices.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


if __name__ == "__main__":
    check_versions()
    main()
