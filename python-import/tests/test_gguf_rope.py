"""How a GGUF scales its rotary embedding: by divisors, by keys, by both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import HEAD_DIM
from small_gguf import Writer, wide

from qz_import.cli import main

Imports = Callable[..., str]
Refuses = Callable[..., None]


@pytest.fixture
def model() -> Writer:
    return Writer()


def llama3_divisors(
    dim: int,
    theta: float,
    factor: float,
    low: float = 1.0,
    high: float = 4.0,
    context: int = 8192,
) -> np.ndarray:
    """rope_freqs of llama.cpp's converter, element by element."""
    divisors = []
    for i in range(0, dim, 2):
        wavelength = 2 * np.pi * theta ** (i / dim)
        if wavelength < context / high:
            divisors.append(1.0)
        elif wavelength > context / low:
            divisors.append(factor)
        else:
            smooth = (context / wavelength - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(divisors, dtype=np.float32)


@pytest.mark.parametrize("factor", [8.0, 32.0])
def test_llama3_scaling_from_its_divisors(
    tmp_path: Path, model: Writer, imports: Imports, factor: float
) -> None:
    wide(model)
    model.values["llama.rope.freq_base"] = 500000.0
    model.extra["rope_freqs.weight"] = llama3_divisors(64, 500000.0, factor)
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert f"scaling = llama3, factor = {factor}, low_freq_factor = 1.0," in text
    assert "original_context = 8192>" in text


def test_llama3_scaling_as_the_file_says(tmp_path: Path, model: Writer, imports: Imports) -> None:
    wide(model)
    model.extra["rope_freqs.weight"] = llama3_divisors(64, 100000.0, 6.0, 2.0, 5.0, 512)
    model.values |= {
        "qzc.rope.factor": 6.0,
        "qzc.rope.low_freq_factor": 2.0,
        "qzc.rope.high_freq_factor": 5.0,
        "qzc.rope.original_context": 512,
    }
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert "scaling = llama3, factor = 6.0, low_freq_factor = 2.0, high_freq_factor = 5.0," in text
    assert "original_context = 512>" in text


def test_said_scaling_must_fit_the_divisors(
    tmp_path: Path, model: Writer, refuses: Refuses
) -> None:
    wide(model)
    model.extra["rope_freqs.weight"] = llama3_divisors(64, 100000.0, 6.0)
    model.values["qzc.rope.factor"] = 7.0
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "rope_freqs.weight")


def test_other_divisors(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.extra["rope_freqs.weight"] = np.array([1.0, 3.0], np.float32)
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "rope_freqs.weight")


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan"), 1e300])
@pytest.mark.parametrize("key", ["factor", "low_freq_factor", "original_context"])
def test_said_scaling_out_of_range(
    tmp_path: Path, model: Writer, refuses: Refuses, key: str, value: float
) -> None:
    model.extra["rope_freqs.weight"] = np.ones(HEAD_DIM // 2, np.float32)
    model.values[f"qzc.rope.{key}"] = np.float64(value)
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", f"qzc.rope.{key}", "positive")


@pytest.mark.parametrize(
    "divisors", [np.ones(3, np.float32), np.ones(2, np.float16), np.ones((2, 1), np.float64)]
)
def test_divisors_of_another_kind(
    tmp_path: Path, model: Writer, refuses: Refuses, divisors: np.ndarray
) -> None:
    model.extra["rope_freqs.weight"] = divisors
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "rope_freqs.weight is not 2 values of F32")


def test_head_size_without_bound(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.extra["rope_freqs.weight"] = np.ones(2, np.float32)
    model.values["llama.attention.key_length"] = np.uint64(1 << 40)
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "rope_freqs.weight", str(1 << 40))


LINEAR = "scaling = linear, factor = 4.0>"


@pytest.mark.parametrize(
    ("values", "scaling"),
    [
        ({"scaling.type": "linear", "scaling.factor": 4.0}, LINEAR),
        # llama.cpp takes a factor without a type for a linear one.
        ({"scaling.factor": 4.0}, LINEAR),
        ({"scale_linear": 4.0}, LINEAR),
        ({"scale_linear": 2.0, "scaling.factor": 4.0}, LINEAR),
        ({"scaling.type": "none", "scaling.factor": 4.0}, None),
        ({"scaling.type": "linear"}, None),
        ({"scaling.factor": 1.0}, None),
        ({"scaling.factor": 0.0}, None),
        ({"scaling.attn_factor": 1.0, "scaling.original_context_length": 32}, None),
    ],
)
def test_linear_scaling(
    tmp_path: Path,
    model: Writer,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, Any],
    scaling: str | None,
) -> None:
    model.values |= {f"llama.rope.{key}": value for key, value in values.items()}
    main([str(model.write(tmp_path / "x.gguf")), "-o", str(tmp_path / "m.mlir")])
    rope = (tmp_path / "m.mlir").read_text().splitlines()[0]
    assert rope.endswith(scaling or "style = half>")
    assert "warning" not in capsys.readouterr().err


def test_two_scalings(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.values["llama.rope.scaling.factor"] = 2.0
    model.extra["rope_freqs.weight"] = np.ones(HEAD_DIM // 2, np.float32)
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "rope_freqs.weight", "scaling.factor 2.0")
