"""--report: what became of each weight, beside what the executable's own weights say."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, assert_refused, qz_import, qzc, run
from safetensors.numpy import load_file, save_file

Imported = Callable[[str], Path]

# A storage of each kind that pieces are cut and read by.
RULES = (
    "--quantize=nf4/32 double",
    "--rule=layers.0.self_attn.q=int8",
    "--rule=layers.0.self_attn.k=int4/32 asym",
    "--rule=layers.0.self_attn.v=q5_0",
    "--rule=layers.0.self_attn.o=fp4/64",
    "--rule=lm_head=bf16",
)


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return {name: value for file in sorted(folder.glob("*.safetensors"))
            for name, value in load_file(file).items()}  # fmt: skip


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_are_those_of_the_weights(imported: Imported, tmp_path: Path, threads: int) -> None:
    module, image, report = imported("llama-f32"), tmp_path / "x.bin", tmp_path / "r.json"
    qzc(module, *RULES, f"--threads={threads}", "--arch=none", "-o", image, "--report", report)
    run(image, "--extract", tmp_path / "x.safetensors")
    source, stored = weights_of(module.parent), load_file(tmp_path / "x.safetensors")
    table = json.loads(report.read_text())
    assert {row["name"] for row in table["tensors"]} == set(source)
    total = 0
    for row in table["tensors"]:
        before = source[row["name"]].astype(np.float64).reshape(-1)
        after = stored[row["name"]].astype(np.float64).reshape(-1)
        error = after - before
        assert row["rows"] * row["cols"] == before.size
        assert row["mean_squared_error"] == pytest.approx(np.mean(error**2), rel=1e-9, abs=0)
        assert row["largest_error"] == np.abs(error).max()
        cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
        assert row["cosine"] == pytest.approx(cosine, rel=1e-12)
        if error.any():
            signal = 10 * np.log10(np.sum(before**2) / np.sum(error**2))
            assert row["signal_to_noise_db"] == pytest.approx(signal, rel=1e-9)
        else:
            assert row["signal_to_noise_db"] is None
        assert row["bits_a_weight"] == pytest.approx(8 * row["bytes"] / before.size)
        total += row["bytes"]
    assert table["bytes"] == total
    rows = [row for row in table["tensors"] if row["stored_as"].split("/")[0] in
            ("nf4", "int8", "int4", "q5_0", "fp4")]  # fmt: skip
    assert len(rows) == 7 * 2
    counted = table["quantized"]
    assert counted["weights"] == sum(row["rows"] * row["cols"] for row in rows)
    assert counted["bytes"] == sum(row["bytes"] for row in rows)


def test_a_table_as_csv_is_the_same(imported: Imported, tmp_path: Path) -> None:
    module = imported("llama-f32")
    for name in ("r.json", "r.csv"):
        qzc(module, *RULES, "--arch=none", "-o", tmp_path / "x.bin", "--report", tmp_path / name)
    with (tmp_path / "r.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    rows = json.loads((tmp_path / "r.json").read_text())["tensors"]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line["name"] == row["name"] and line["stored_as"] == row["stored_as"]
        assert float(line["mean_squared_error"]) == row["mean_squared_error"]
        assert line["block"] == ("" if row["block"] is None else str(row["block"]))


def test_a_dry_run_says_sizes_and_memory(imported: Imported, tmp_path: Path) -> None:
    module, report = imported("llama-f32"), tmp_path / "r.json"
    done = qzc(module, "--quantize=int8", "--dry-run", "--report", report)
    table = json.loads(report.read_text())
    config = json.loads((module.parent / "config.json").read_text())
    head = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    cache = 2 * 4 * head * config["num_key_value_heads"] * config["num_hidden_layers"]
    assert table["memory"]["cache_per_position"] == cache
    assert all("mean_squared_error" not in row for row in table["tensors"])
    context = config["max_position_embeddings"]
    line = next(line for line in done.stdout.splitlines() if f"--context={context}:" in line)
    assert f"KV cache {cache * context / 1e6:.3f}" in line
    qzc(module, "--quantize=int8", "--arch=none", "-o", tmp_path / "x.bin")
    info = json.loads(run(tmp_path / "x.bin", "--info", "--json").stdout)
    assert f"weights {info['weights']['bytes'] / 1e6:.3f}" in line


def test_a_layer_that_is_hurt_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODELS / "llama-f32", folder)
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = 5
    (folder / "config.json").write_text(json.dumps(config))
    weights = weights_of(folder)
    for file in folder.glob("model*.safetensors*"):
        file.unlink()
    for name, value in list(weights.items()):
        if ".layers.0." in name:
            for block in range(2, 5):
                weights[name.replace(".0.", f".{block}.")] = value.copy()
    hurt = "model.layers.2.mlp.up_proj.weight"
    # Halfway between two codes, but for what the blocks' scales come from.
    weights[hurt] = np.where(np.arange(96) % 32 == 0, 1, np.sign(weights[hurt]) * 0.0398)
    weights[hurt] = weights[hurt].astype(np.float32)
    save_file(weights, folder / "model.safetensors")
    module = folder / "model.mlir"
    qz_import(folder, "-o", module)
    done = qzc(module, "--quantize=nf4/32", "--arch=none", "-o", tmp_path / "x.bin",
               "--report", tmp_path / "r.json")  # fmt: skip
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1 and hurt in warnings[0] and "dB" in warnings[0]
    assert json.loads((tmp_path / "r.json").read_text())["warnings"] == [
        warnings[0].removeprefix("qzc: warning: ")
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--report=r.txt", "--dry-run"), ("'r.txt'", ".json or .csv")),
        (("--report=r.json", "--emit=qz"), ("--report", "--emit")),
        (("--report=r.json", "--gguf=x.gguf"), ("--report", "-o")),
        (("--report=x.json", "--save-recipe=x.json", "--dry-run"), ("both name 'x.json'",)),
    ],
)
def test_wrong_calls_are_named(
    imported: Imported, tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = qzc(imported("llama-f32"), *options, check=False, cwd=tmp_path)
    assert_refused(done, *words, code=2)
    assert not list(tmp_path.iterdir())
