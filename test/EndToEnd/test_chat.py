"""Conversations: the prompts of models of every family, down to the ids, and answers to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, run

Compiled = Callable[..., Path]
GOLDEN = json.loads((ROOT / "test/golden/chat/fixtures.json").read_text())


@pytest.mark.family("chat")
@pytest.mark.parametrize("golden", GOLDEN, ids=[golden["name"] for golden in GOLDEN])
def test_prompt(compiled: Compiled, tmp_path: Path, golden: dict[str, Any]) -> None:
    """As transformers' apply_chat_template has it; a special token that a message spells out is
    one."""
    image = compiled(golden["name"], "--quantize=none")
    messages, prompt = tmp_path / "m.json", tmp_path / "prompt.txt"
    messages.write_text(json.dumps(golden["messages"]))
    text = run(image, "--messages", messages, "--render").stdout
    assert text == golden["text"]
    prompt.write_text(text)
    assert json.loads(run(image, "--tokenize", prompt).stdout) == golden["ids"]


def test_answer(compiled: Compiled, tmp_path: Path) -> None:
    """The same seed draws the same text, whichever way the conversation comes in."""
    image = compiled("llama-bf16", "--quantize=none")
    messages = tmp_path / "m.json"
    messages.write_text(
        json.dumps([{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}])
    )

    def answer(*words: object, seed: int, said: str = "") -> str:
        options = ("--device=cpu", "--threads=1", "-n", 24, "--temperature=2", "--ignore-eos")
        return run(image, *words, *options, "--seed", seed, input=said).stdout

    first = answer("--messages", messages, seed=1)
    assert len(first) > 10
    assert first == answer("--messages", messages, seed=1)
    assert first == answer("--chat", "--system=S", seed=1, said="Hi\n")
    assert first != answer("--messages", messages, seed=2)
