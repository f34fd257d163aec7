"""The imported module computes what transformers computes.

A few lines of NumPy run the module's text, op by op, from the bytes it refers to; the expected
logits are those of transformers' float32, committed beside the fixture models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

MODELS = Path(__file__).resolve().parents[2] / "test" / "golden" / "models"
FIXTURES = sorted(path.name for path in MODELS.iterdir() if (path / "config.json").exists())
# Of the golden logits' standard deviation. The interpreter works in float64.
BOUND = 1e-4

FILE = re.compile(r'qz\.file @(\w+) "([^"]+)"')
PARAM = re.compile(
    r'(%\w+) = qz\.param "[^"]+" @(\w+)\[(\d+)\]( transposed)?(?: rows \[\[(\d+), (\d+)\]\])?'
    r"(?: source tensor<([0-9x]+)x\w+>)? : tensor<([0-9x]+)x(\w+)>"
)
OP = re.compile(r"(%\w+) = qz\.(\w+) (.*?) :")
BLOCK = re.compile(r"(%\w+) = qz\.block \d+ \((%\w+) = (%\w+)\)")
YIELD = re.compile(r"qz\.(?:yield|return) (%\w+) :")
ROPE = re.compile(r"(\w+) = ([\w.]+)")


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
}


def as_float(raw: bytes, element: str) -> np.ndarray:
    if element == "bf16":
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32).astype("f8")
    return np.frombuffer(raw, {"f32": "<f4", "f16": "<f2"}[element]).astype("f8")


class Interpreter:
    def __init__(self, module: Path) -> None:
        text = module.read_text()
        self.lines = text.splitlines()
        self.files = {s: (module.parent / name).read_bytes() for s, name in FILE.findall(text)}
        alias = re.search(r"^#rope = #qz\.rope<(.*)>$", text, flags=re.M)
        self.rope_fields = dict(ROPE.findall(alias[1])) if alias else {}

    def frequencies(self) -> np.ndarray:
        field = self.rope_fields
        dim = int(field["dim"])
        frequencies = float(field["theta"]) ** (-np.arange(0, dim, 2) / dim)
        scaling = field.get("scaling")
        if scaling == "linear":
            return frequencies / float(field["factor"])
        if scaling == "llama3":
            turns = int(field["original_context"]) * frequencies / (2 * np.pi)
            low, high = float(field["low_freq_factor"]), float(field["high_freq_factor"])
            kept = np.clip((turns - low) / (high - low), 0, 1)
            return frequencies * (kept + (1 - kept) / float(field["factor"]))
        return frequencies

    def rope(self, x: np.ndarray, heads: int) -> np.ndarray:
        x = x.reshape(len(x), heads, -1)
        half = x.shape[-1] // 2
        angles = np.arange(len(x))[:, None, None] * self.frequencies()
        a, b = x[..., :half], x[..., half:]
        turned = [a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)]
        return np.concatenate(turned, axis=-1).reshape(len(x), -1)

    @staticmethod
    def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, words: list[str]) -> np.ndarray:
        heads, kv_heads, scale = int(words[4]), int(words[6]), float(words[8])
        count = len(q)
        q = q.reshape(count, heads, -1).swapaxes(0, 1)
        k, v = (np.repeat(t.reshape(count, kv_heads, -1), heads // kv_heads, 1) for t in (k, v))
        scores = q @ k.transpose(1, 2, 0) * scale
        scores += np.triu(np.full((count, count), -np.inf), 1)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return (weights @ v.swapaxes(0, 1)).swapaxes(0, 1).reshape(count, -1)

    def op(self, name: str, text: str, values: dict[str, np.ndarray]) -> np.ndarray:
        words = text.replace(",", "").split()
        args = [values[word] for word in words if word in values]
        if name == "embed":
            return args[1][args[0]]
        if name == "rms_norm":
            eps = float(words[-1])
            return args[0] / np.sqrt((args[0] ** 2).mean(-1, keepdims=True) + eps) * args[1]
        if name == "linear":
            return args[0] @ args[1].T + (args[2] if "bias" in words else 0)
        if name == "rope":
            return self.rope(args[0], int(words[-1]))
        if name == "attention":
            return self.attention(args[0], args[1], args[2], words)
        if name == "activate":
            return ACTIVATIONS[words[0]](args[0])
        if name == "layer_norm":
            centred = args[0] - args[0].mean(-1, keepdims=True)
            eps = float(words[-1])
            normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
            return normed * args[1] + args[2]
        if name == "add_positions":
            first = int(words[-1]) if "offset" in words else 0
            return args[0] + args[1][first : first + len(args[0])]
        return {"add": np.add, "mul": np.multiply}[name](*args)

    def param(
        self,
        symbol: str,
        offset: str,
        transposed: str | None,
        first: str | None,
        last: str | None,
        source: str | None,
        sizes: str,
        element: str,
    ) -> np.ndarray:
        shape = [int(size) for size in (source or sizes).split("x")]
        size = int(np.prod(shape)) * (4 if element == "f32" else 2)
        raw = self.files[symbol][int(offset) : int(offset) + size]
        value = as_float(raw, element).reshape(shape)
        if transposed:
            value = value.T
        if first and last:
            value = value[int(first) : int(last)]
        assert list(value.shape) == [int(size) for size in sizes.split("x")]
        return value

    def run(self, tokens: np.ndarray) -> np.ndarray:
        values: dict[str, np.ndarray] = {"%tokens": tokens}
        block_result = ""
        for line in self.lines:
            if match := PARAM.search(line):
                values[match[1]] = self.param(*match.groups()[1:])
            elif match := BLOCK.search(line):
                block_result, inside, outside = match.groups()
                values[inside] = values[outside]
            elif match := YIELD.search(line):
                values[block_result] = values[match[1]]
                if "qz.return" in line:
                    return values[match[1]]
            elif match := OP.search(line):
                values[match[1]] = self.op(match[2], match[3], values)
        raise AssertionError("no qz.return")


@pytest.mark.parametrize("count", [1, 17, 600])
@pytest.mark.parametrize("name", FIXTURES)
def test_logits(tmp_path: Path, imports: Callable[..., str], name: str, count: int) -> None:
    golden = np.load(MODELS / name / "golden" / "none.npz")
    imports(MODELS / name, tmp_path / "m.mlir")
    logits = Interpreter(tmp_path / "m.mlir").run(golden[f"tokens_{count}"])
    expected = golden[f"logits_{count}"]
    error = np.abs(logits[golden[f"rows_{count}"]] - expected).max() / expected.std()
    assert error < BOUND
