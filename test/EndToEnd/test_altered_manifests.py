"""Manifests of which somebody altered numbers and made the hashes right: the executable computes
something on the CPU or ends with one line. It never ends by a signal."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from altered_images import alter_manifest
from conftest import run

Compiled = Callable[..., Path]

MEMORY = 4 << 30
# Of the parts that a plan is made of; what follows from a number depends on where it stands.
PARTS = ("tensors", "plan", "model", "sources")


def numbers(node: object) -> Iterator[tuple[list | dict, object]]:
    """Where each number, or what is true or false, stands."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from numbers(value)
        elif isinstance(value, int | float):
            yield node, key


def altered(value: float, chance: random.Random) -> float:
    """Another value that takes no more digits."""
    if isinstance(value, bool):
        return not value
    digits = len(str(abs(int(value))))
    most = 10**digits - 1
    others = [0, 1, value + 1 if value + 1 <= most else 0, most, chance.randint(0, most)]
    if digits > 1:
        others.append(-chance.randint(1, 10 ** (digits - 1) - 1))
    return chance.choice(others)


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize(
    ("model", "options"),
    [("llama-bf16", ("--quantize=nf4", "--double-quant")), ("gemma2", ("--quantize=int8",))],
)
@pytest.mark.parametrize("part", PARTS)
def test_an_altered_manifest_ends_in_a_line(
    compiled: Compiled, tmp_path: Path, model: str, options: tuple[str, ...], part: str
) -> None:
    image = compiled(model, *options)
    chance = random.Random(f"{model} {part}")
    ran = 0
    for _ in range(25):
        out = tmp_path / "x.bin"

        def change(manifest: dict) -> None:
            places = list(numbers(manifest[part]))
            for holder, key in chance.sample(places, min(len(places), chance.choice([1, 1, 2, 4]))):
                holder[key] = altered(holder[key], chance)

        alter_manifest(image, out, change)
        asked = ("--device=cpu", "--tokens=3,5,7,9", "-n", 3)
        done = run(out, *asked, check=False, preexec_fn=limit_memory)
        errors = [line for line in done.stderr.splitlines() if "error: " in line]
        assert (done.returncode, len(errors)) in ((0, 0), (1, 1)), (done.returncode, done.stderr)
        ran += done.returncode == 0
    # Neither are all refused at sight, nor is nothing looked at.
    assert 0 < ran < 25
