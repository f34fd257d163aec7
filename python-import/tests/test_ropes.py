"""Ropes of configurations are those that transformers turns by; golden/make_ropes.py asked it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qz_import.builder import Rope
from qz_import.config import Config
from qz_import.errors import ImportFailure
from qz_import.families import family_of

CASES = json.loads((Path(__file__).parent / "golden" / "ropes.json").read_text())
# Two units in the last place of f32: powers differ between libraries.
BOUND = 2.0**-22


def ropes(config: dict[str, Any]) -> list[Rope | None]:
    """Of each layer."""
    read = Config(config, "config.json")
    family = family_of(read)
    decoder = family.decoder(read.with_known(family.known))
    return [block.attention.rope for block in decoder.blocks]


def frequencies(rope: Rope, positions: int) -> np.ndarray:
    """In a run of so many positions, as Qz_RopeAttr has it."""
    said = rope.parameters
    is_long = positions > said.get("original_context", positions)
    if rope.scaling == "explicit":
        is_other = is_long and "long_frequencies" in said
        return np.array(said["long_frequencies" if is_other else "frequencies"])
    assert rope.scaling == "dynamic"
    theta, dim, factor = rope.theta, rope.dim, said["factor"]
    if is_long:
        stretch = factor * positions / said["original_context"] - (factor - 1)
        theta *= stretch ** (dim / (dim - 2))
    return theta ** (-np.arange(0, dim, 2) / dim)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_frequencies_and_magnitude(case: dict[str, Any]) -> None:
    rope = ropes(case["config"])[0]
    assert rope is not None
    got, want = frequencies(rope, case["positions"]), np.array(case["frequencies"])
    np.testing.assert_allclose(got, want, rtol=BOUND, atol=0)
    magnitude = rope.parameters.get("magnitude", 1.0)
    np.testing.assert_allclose(magnitude, case["magnitude"], rtol=1e-12)


def test_each_kind_is_there_in_short_and_long_runs() -> None:
    found = set()
    for case in CASES:
        rope = ropes(case["config"])[0]
        context = rope.parameters.get("original_context")
        found.add((rope.scaling, context is not None and case["positions"] > context))
    assert found == {("explicit", False), ("explicit", True), ("dynamic", False), ("dynamic", True)}


SMALL = {"model_type": "llama", "hidden_size": 16, "num_attention_heads": 2, "vocab_size": 20}


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        ({"rope_type": "longrope", "short_factor": [1.0] * 4}, "missing key 'long_factor'"),
        ({"rope_type": "longrope", "short_factor": [1.0] * 3}, "short_factor is .*list of 4"),
        ({"rope_type": "longrope", "short_factor": [1, 1, 1, 0]}, r"short_factor\[3\] is 0"),
        ({"rope_type": "yarn", "factor": 2.0, "beta_fast": "x"}, "beta_fast is 'x'"),
        ({"rope_type": "yarn", "factor": 2.0, "rope_theta": 1.0}, "rope_theta is 1"),
        ({"rope_type": "dynamic", "factor": 0.5}, "factor 0.5 is below 1"),
        ({"rope_type": "dynamic"}, "missing key 'factor'"),
    ],
)
def test_unusable_settings(scaling: dict[str, Any], words: str) -> None:
    with pytest.raises(ImportFailure, match=words):
        ropes(SMALL | {"rope_scaling": scaling})


def test_dynamic_needs_two_pairs() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0}
    with pytest.raises(ImportFailure, match="needs four elements"):
        ropes(SMALL | {"head_dim": 2, "rope_scaling": rope})
