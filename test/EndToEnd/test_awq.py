"""AWQ: factors beside those of a plain NumPy version, and what they are folded into."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scheme_references as references
from conftest import MODELS, qz_import, qzc, run
from safetensors.numpy import load_file, save_file
from test_calibration import (
    HEADS,
    KV_HEADS,
    LAYERS,
    WIDTH,
    WINDOW,
    WINDOWS,
    calibrate,
    products_of,
    text,  # noqa: F401 (a fixture)
    weights_of,
)

Imported = Callable[[str], Path]
BLOCK, ROWS, POWERS = 32, 128, 16
LEVELS = np.array(references.NF4)


def searched(weight: np.ndarray, weigh: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """nf4 whose blocks have the scale that leaves the least weighted error, of 32 around the
    absmax, each replaced by the one that suits its codes best. `weigh` multiplies blocks [rows,
    blocks, BLOCK] by what their errors weigh."""
    x = weight.reshape(len(weight), -1, BLOCK)
    absmax = np.abs(x).max(axis=-1, keepdims=True)
    best, gain = absmax, np.zeros_like(absmax)

    def levels_of(scales: np.ndarray) -> np.ndarray:
        return LEVELS[np.abs((x / scales)[..., None] - LEVELS).argmin(axis=-1)]

    for step in range(32):
        q = levels_of(absmax * (1 + 0.02 * (step - 26)))
        weighed = weigh(q)
        dots, squares = ((y * weighed).sum(axis=-1, keepdims=True) for y in (x, q))
        best = np.where(dots**2 / squares > gain, dots / squares, best)
        gain = np.maximum(gain, dots**2 / squares)
    return (levels_of(best) * best).reshape(weight.shape)


def relative(products: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Of inputs that are divided by scales."""
    mean = products.diagonal().mean()
    return (products / mean + 1e-4 * np.eye(len(products))) / np.outer(scales, scales)


def apart(products: np.ndarray, scales: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    importance = relative(products, scales).diagonal().reshape(-1, BLOCK)
    return lambda q: q * importance


def together(products: np.ndarray, scales: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """By the outputs of a block: the paper's clipping."""
    whole = relative(products, scales)
    begins = range(0, len(whole), BLOCK)
    blocks = np.stack([whole[i : i + BLOCK, i : i + BLOCK] for i in begins])
    return lambda q: np.einsum("rnb,nbc->rnc", q, blocks)


def textbook_awq(
    weights: list[np.ndarray], products: np.ndarray, repeats: int = 1
) -> tuple[np.ndarray, list[float]]:
    """The factors of an input that these layers share, and what each power of its root mean
    squares leaves. `repeats` heads of the input, one behind the other, have the same."""
    squares = products.diagonal().reshape(-1, repeats, WIDTH)
    squares = np.broadcast_to(squares.mean(axis=1, keepdims=True), squares.shape).reshape(-1)
    magnitudes = np.maximum(np.sqrt(squares / (WINDOW * WINDOWS)), 1e-4)
    tried, errors = [], []
    for power in range(POWERS + 1):
        scales = magnitudes ** (power / POWERS)
        scales /= np.sqrt(scales.max() * scales.min())
        error = 0.0
        for weight in weights:
            count = min(ROWS, len(weight))
            rows = weight[np.arange(count) * len(weight) // count]
            change = searched(rows * scales, apart(products, scales)) / scales - rows
            error += np.sum((change @ products) * change) / np.sum((rows @ products) * rows)
        tried.append(scales)
        errors.append(error)
    return tried[int(np.argmin(errors))], errors


def test_factors_are_the_papers(imported: Imported, text: Path, tmp_path: Path) -> None:  # noqa: F811
    module = imported("llama-f32")
    source = weights_of(module.parent)
    image, statistics = tmp_path / "x.bin", tmp_path / "s"
    # Rows of 172, which down has, are no whole blocks.
    calibrate(module, text, f"--quantize=nf4/{BLOCK}", "--method=awq", "--components=attn,gate,up",
              f"--save-statistics={statistics}", "-o", image)  # fmt: skip
    run(image, "--extract", tmp_path / "x.safetensors")
    stored = {n: v.astype(np.float64) for n, v in load_file(tmp_path / "x.safetensors").items()}
    seen = load_file(statistics)
    scaled = {name: value.copy() for name, value in source.items()}
    columns: dict[str, np.ndarray] = {}
    for i in range(LAYERS):
        attention, mlp = f"model.layers.{i}.self_attn", f"model.layers.{i}.mlp"
        norms = (
            ("input_layernorm", [f"{attention}.{role}_proj.weight" for role in "qkv"]),
            ("post_attention_layernorm", [f"{mlp}.{role}_proj.weight" for role in ("gate", "up")]),
        )
        for norm, names in norms:
            want, errors = textbook_awq(
                [source[name] for name in names], products_of(seen, names[0])
            )
            assert min(errors) < errors[0]
            scaled[f"model.layers.{i}.{norm}.weight"] /= want
            columns |= dict.fromkeys(names, want)
        # All heads that take a value have the factors of its rows.
        output, value = f"{attention}.o_proj.weight", f"{attention}.v_proj.weight"
        repeats = HEADS // KV_HEADS
        want, _ = textbook_awq([source[output]], products_of(seen, output), repeats)
        columns[output] = want
        scaled[value] /= want.reshape(KV_HEADS, repeats, WIDTH)[:, 0].reshape(-1, 1)
    for name, value in scaled.items():
        if name in columns:
            weigh = together(products_of(seen, name), columns[name])
            value = searched(value * columns[name], weigh)
        same = np.isclose(stored[name], value, rtol=1e-5, atol=1e-7).mean()
        # Sums in another order decide ties otherwise.
        assert same > (0.99 if name in columns else 0.9999), name


def test_scaled_weights_are_derived_again(
    imported: Imported,
    text: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    module, image, statistics = imported("llama-f32"), tmp_path / "x.bin", tmp_path / "s"
    calibrate(module, text, "--quantize=int4/32", "--components=attn", "--method=awq",
              f"--save-statistics={statistics}", "-o", image)  # fmt: skip
    done = qzc("--rederive", image, module.parent, f"--statistics={statistics}")
    assert "not derivable" not in done.stdout
    # The norm holds the layers' factors, which only the statistics give.
    done = qzc("--rederive", image, module.parent, check=False)
    assert done.returncode == 1
    assert "not derivable: 'model.layers.0.input_layernorm.weight'" in done.stdout
    assert "not derivable: 'model.layers.0.post_attention_layernorm.weight'" not in done.stdout


def apply(entry: dict[str, Any], factors: dict[int, np.ndarray], weights: dict[str, Any]) -> None:
    """Does to a source what a tensor's `scaling` says of it."""
    source, scaling = entry["source"], entry["scaling"]
    matrix = weights[source["name"]]
    matrix = matrix.T if source.get("transposed") else matrix
    ranges = source.get("rows", [[0, len(matrix)]])
    rows = np.concatenate([np.arange(low, high) for low, high in ranges])
    if "columns" in scaling:
        matrix[rows] *= factors.setdefault(scaling["columns"], factors_of(matrix.shape[1]))
    if "rows" in scaling:
        width, repeats = scaling.get("width", len(rows)), scaling.get("repeats", 1)
        if scaling["rows"] not in factors or repeats > 1:
            # Heads that share rows share what these are divided by.
            own = factors_of(len(rows)).reshape(-1, 1, width)
            factors[scaling["rows"]] = np.repeat(own, repeats, axis=1).reshape(-1)
        of_heads = factors[scaling["rows"]].reshape(-1, repeats, width)[:, 0].reshape(-1)
        offset = 1 if scaling.get("unit_offset") else 0
        divisor = of_heads.reshape(-1, *[1] * (matrix.ndim - 1))
        matrix[rows] = (matrix[rows] + offset) / divisor - offset


def factors_of(count: int) -> np.ndarray:
    return np.exp(np.random.default_rng(count).uniform(-2, 2, count))


@pytest.mark.parametrize(
    ("name", "scales"),
    [
        ("llama-bias", 4),  # grouped values, biases of v and up
        ("gemma", 4),  # norms of 1 + weight
        ("gpt2-f32", 3),  # a fused weight, norms with biases; gelu lets nothing through
        ("opt-pre", 4),  # relu does
        ("phi", 2),  # one norm before attention and feed-forward
        ("olmo", 1),  # norms without weights, values that are clipped
    ],
)
def test_what_is_scaled_computes_the_same(
    imported: Imported, tmp_path: Path, name: str, scales: int
) -> None:
    module = imported(name)
    image = tmp_path / "x.bin"
    qzc(module, "--arch=none", "--quantize=nf4/32", "--method=awq", "--calibration-tokens=64",
        f"--calibrate={MODELS / 'text.txt'}", "-o", image)  # fmt: skip
    manifest = json.loads(run(image, "--info", "--json").stdout)
    tensors = [tensor for tensor in manifest["tensors"] if "scaling" in tensor]
    layers = manifest["model"]["layers"]
    numbers = {t["scaling"]["columns"] for t in tensors if "columns" in t["scaling"]}
    assert numbers == {t["scaling"]["rows"] for t in tensors if "rows" in t["scaling"]}
    assert len(numbers) == layers * scales
    assert {t.get("method") for t in tensors if "columns" in t["scaling"]} == {"awq"}

    # The factors that were chosen do not matter to this; these are wilder.
    weights = weights_of(module.parent)
    factors: dict[int, np.ndarray] = {}
    for tensor in sorted(tensors, key=lambda t: "width" not in t["scaling"]):
        apply(tensor, factors, weights)
    folder = tmp_path / "scaled"
    shutil.copytree(module.parent, folder, ignore=shutil.ignore_patterns("*.safetensors*", "*.bin"))
    save_file({n: np.ascontiguousarray(v, np.float32) for n, v in weights.items()},
              folder / "model.safetensors")  # fmt: skip
    again = folder / "model.mlir"
    qz_import(folder, "-o", again)
    logits = []
    for number, source in enumerate((module, again)):
        out = tmp_path / f"{number}.npy"
        qzc(source, "--arch=none", "--dtype=f32", "-o", tmp_path / "plain.bin")
        run(tmp_path / "plain.bin", "--device=cpu", "--tokens=3,1,4,1,5,9,2,6", "-n", "1",
            f"--logits={out}")  # fmt: skip
        logits.append(np.load(out))
    assert np.abs(logits[1] - logits[0]).max() < 1e-4 * logits[0].std()


@pytest.mark.parametrize("spec", ["nf4/32", "fp4/64", "int3/32", "int4/32 asym", "q4_0"])
def test_awq_loses_less_than_searching_alone(
    imported: Imported,
    text: Path,  # noqa: F811
    tmp_path: Path,
    spec: str,
) -> None:
    module, statistics, report = imported("llama-f32"), tmp_path / "s", tmp_path / "r.json"
    calibrate(module, text, f"--save-statistics={statistics}")
    lost = {}
    for method in ("mse", "awq"):
        qzc(module, "--arch=none", f"--quantize={spec}", "--components=attn,gate,up",
            f"--method={method}", f"--statistics={statistics}", f"--report={report}",
            "-o", tmp_path / "x.bin")  # fmt: skip
        rows = json.loads(report.read_text())["tensors"]
        errors = [row["output_error"] for row in rows if row.get("output_error") is not None]
        assert len(errors) == LAYERS * 6
        lost[method] = sum(errors)
    assert lost["awq"] < 0.99 * lost["mse"]
