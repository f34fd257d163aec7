"""Budgets: what each layer's errors are worth, and losses by the method that chooses the codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_refused, qzc
from safetensors.numpy import load_file, save_file
from test_calibration import (
    LAYERS,
    ROLES,
    WINDOWS,
    calibrate,
    inputs_of,
    text,  # noqa: F401 (a fixture)
    weights_of,
    windows_of,
)

Imported = Callable[[str], Path]
# Of the windows: how many are run, tokens of each, those at the end that are compared.
RUN, TOKENS, COMPARED = 2, 128, 32
SAMPLE, DEVIATION = 64, 0.1
NAMES = [f"model.layers.{i}.{role}.weight" for i in range(LAYERS) for role in ROLES]
# Those that noise is added to; the head is a matrix of its own.
SEEN = [*NAMES, "lm_head.weight"]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of so many tokens that the inputs of a layer are of full rank."""
    rng = np.random.default_rng(2)
    letters = rng.choice(list("abcdefghijklmnopqrstuvwxyz ,.\n"), 20000)
    path = tmp_path_factory.mktemp("varied") / "text.txt"
    path.write_text("".join(letters))
    return path


def noise(weight: np.ndarray) -> np.ndarray:
    """Evenly distributed numbers of splitmix64, beside each row's root mean square."""
    with np.errstate(over="ignore"):
        bits = np.arange(weight.size, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    even = ((bits >> np.uint64(40)).astype(np.float64) * 2.0**-24 - 0.5) * np.sqrt(12)
    return deviations(weight)[:, None] * even.reshape(weight.shape)


def deviations(weight: np.ndarray) -> np.ndarray:
    return DEVIATION * np.sqrt(np.mean(weight**2, axis=1))


def predictions(weights: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
    """Logarithms of probabilities."""
    hidden = inputs_of(weights, tokens)["lm_head.weight"][-COMPARED:]
    logits = hidden @ weights["lm_head.weight"].T
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_sensitivities_are_what_noise_does(
    imported: Imported,
    text: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    module = imported("llama-f32")
    weights, windows = weights_of(module.parent), windows_of(module, text)
    for threads in (1, 3):
        calibrate(module, text, "--target-bpw=5", f"--save-statistics={tmp_path / str(threads)}",
                  f"--threads={threads}", "--dry-run")  # fmt: skip
    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()
    seen = load_file(tmp_path / "1")
    some = [windows[i * WINDOWS // RUN][:TOKENS] for i in range(RUN)]
    inputs = [inputs_of(weights, window) for window in windows]
    bases = [predictions(weights, window) for window in some]
    want: dict[str, float] = {}
    for name in SEEN:
        weight, noisy = weights[name], weights | {name: weights[name] + noise(weights[name])}
        rows = min(SAMPLE, len(weight))
        sample = weight[[i * len(weight) // rows for i in range(rows)]]
        squares = sum(np.sum(x[name] ** 2) for x in inputs)
        outputs = sum(np.sum((x[name] @ sample.T) ** 2) for x in inputs)
        error = np.sum(deviations(sample) ** 2) * squares / outputs
        divergence = sum(
            np.sum(np.exp(base) * (base - predictions(noisy, window)))
            for base, window in zip(bases, some, strict=True)
        )
        want[name] = divergence / error
    mean = np.mean(list(want.values()))
    got = {name: float(seen[f"{name}.sensitivity"][0]) for name in SEEN}
    for name in SEEN:
        assert got[name] == pytest.approx(want[name] / mean, rel=0.03), name
    assert max(got.values()) > 4 * min(got.values())  # there is something to tell apart
    # Without a budget there are none, and nobody asks for the time.
    calibrate(module, text, f"--save-statistics={tmp_path / 'without'}")
    assert not any(name.endswith(".sensitivity") for name in load_file(tmp_path / "without"))
    for wrong in (np.float32([-1]), np.float32([np.nan]), np.float32([1, 1])):
        save_file(seen | {f"{NAMES[3]}.sensitivity": wrong}, tmp_path / "wrong")
        done = qzc(module, "--target-bpw=5", f"--statistics={tmp_path / 'wrong'}", "--dry-run",
                   check=False)  # fmt: skip
        assert_refused(done, f"'{NAMES[3]}.sensitivity'", "no statistics")


def test_gptq_chooses_by_what_gptq_loses(
    imported: Imported,
    varied: Path,
    tmp_path: Path,
) -> None:
    module, statistics = imported("llama-f32"), tmp_path / "s"
    calibrate(module, varied, "--target-bpw=5", f"--save-statistics={statistics}", "--dry-run")
    seen = load_file(statistics)

    def lost(*options: object) -> tuple[float, float]:
        """What it comes to once it is encoded by gptq, and bits a weight."""
        report = tmp_path / "r.json"
        qzc(module, "--arch=none", f"--statistics={statistics}", *options, "--method=gptq",
            "-o", tmp_path / "x.bin", f"--report={report}")  # fmt: skip
        table = json.loads(report.read_text())
        rows = {row["name"]: row for row in table["tensors"]}
        weighed = [rows[name]["output_error"] * seen[f"{name}.sensitivity"][0] for name in NAMES]
        return float(np.sum(weighed)), table["quantized"]["bits_a_weight"]

    def chosen(bits: float, method: str) -> Path:
        recipe = tmp_path / f"{method}.json"
        qzc(module, f"--target-bpw={bits}", f"--statistics={statistics}", f"--method={method}",
            f"--save-recipe={recipe}", "--dry-run")  # fmt: skip
        return recipe

    for uniform in ("nf4/128", "nf4/64", "nf4/32"):
        alike, bits = lost(f"--quantize={uniform}")
        by_gptq, by_mse = (chosen(bits, method) for method in ("gptq", "mse"))
        assert json.loads(by_gptq.read_text())["rules"] != json.loads(by_mse.read_text())["rules"]
        best, spent = lost("--recipe", by_gptq)
        assert spent <= bits
        assert best < alike
        assert best < lost("--recipe", by_mse)[0]
