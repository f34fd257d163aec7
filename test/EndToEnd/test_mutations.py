"""Modules, recipes, messages and requests that were altered somewhere: the tools take them, or say
in one line what is wrong. Nothing is left, nothing hangs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import BUILD, ROOT

sys.path.insert(0, str(ROOT / "test"))
from mutations import Mutator, seeds

Compiled = Callable[..., Path]
Imported = Callable[[str], Path]
SECONDS = 60

# What people write for the tools, and the options that read it.
RULES = [{"match": "down", "as": "int8"}, {"match": "^model[.]embed", "as": "f16"}]
RECIPE = {"quantize": "nf4", "block-size": 128, "blocks": "0:1", "rules": RULES, "dtype": "bf16"}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
SCORED = {"context": "Once upon", "continuation": " a time"}
ASKED = {"prompt": "Once", "max_tokens": 3, "stop": ["x", "\n"]}
INPUTS = {
    "recipe.json": (json.dumps(RECIPE), "--recipe=FILE", "--emit=qz", "-o", "x"),
    "messages.json": (json.dumps(MESSAGES), "--messages=FILE", "-n", "2"),
    "scored.json": (json.dumps(SCORED), "--requests=FILE"),
    "asked.json": (json.dumps(ASKED), "--requests=FILE"),
}


def fault_of(command: Sequence[object], folder: Path) -> str:
    """What a user would complain of, or nothing. The outputs of the command are in `folder`."""
    try:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, timeout=SECONDS, cwd=folder
        )
    except subprocess.TimeoutExpired:
        return f"{command}: still running after {SECONDS} seconds"
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if "error: " in line]
    left = [path.name for path in folder.iterdir()]
    for path in folder.iterdir():
        path.unlink()
    if done.returncode == 0:
        return f"{command}: {errors} at exit 0" if errors else ""
    if done.returncode not in (1, 2) or len(errors) != 1 or lines[-1:] != errors:
        return f"{command}: exit {done.returncode}, {lines}"
    if len(errors[0]) > 3000 or not errors[0].isprintable():
        return f"{command}: not for people: {errors[0]!r}"
    return f"{command}: left {left}" if left else ""


def expect_none(faults: dict[int, str]) -> None:
    if found := [f"seed {seed}: {fault}" for seed, fault in faults.items() if fault]:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(imported: Imported, compiled: Compiled, tmp_path: Path, name: str) -> None:
    folder, path = tmp_path / "out", tmp_path / name
    folder.mkdir()
    module, image = imported("llama-bf16"), compiled("llama-bf16", "--quantize=none")
    content, *options = INPUTS[name]
    text = content.encode()
    tool = (BUILD / "bin" / "qzc", module) if name == "recipe.json" else (image, "--device=cpu")
    faults = {}
    for seed in seeds(15):
        path.write_bytes(Mutator(seed).json_bytes(text))
        words = [str(option).replace("FILE", str(path)) for option in options]
        faults[seed] = fault_of((*tool, *words), folder)
    expect_none(faults)


def test_modules(imported: Imported, tmp_path: Path) -> None:
    tools = BUILD / "bin"
    folder = tmp_path / "out"
    folder.mkdir()
    faults = {}
    for seed in seeds(30):
        module = imported(("llama-bf16", "gpt2-f32", "gemma3", "falcon-groups")[seed % 4])
        text = module.read_bytes()
        altered = module.with_name("altered.mlir")
        mutator = Mutator(seed)
        altered.write_bytes(
            mutator.text(text.decode()).encode() if seed % 3 else mutator.bytes(text)
        )
        commands = (
            (tools / "qzc", altered, "--emit=schedule", "-o", "x"),
            (tools / "qzc", altered, "--quantize=nf4", "--arch=none", "-o", "x"),
            (tools / "qz-interpret", altered, "--tokens=1,2,3"),
            (tools / "qzc", altered, "--gguf=x"),
            (tools / "qzc", altered, "--emit=cuda", "--arch=80", "-o", "x"),
        )
        faults[seed] = fault_of(commands[seed % len(commands)], folder)
        altered.unlink()
    expect_none(faults)
