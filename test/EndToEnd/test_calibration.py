"""Calibration: statistics beside a model in NumPy, GPTQ beside its textbook form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scheme_references as references
from conftest import MODELS, assert_refused, qz_import, qzc, run
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

Imported = Callable[[str], Path]

WINDOW, WINDOWS = 512, 3
LAYERS, HEADS, KV_HEADS, WIDTH = 2, 4, 2, 24
CONFIG = json.loads((MODELS / "llama-f32" / "config.json").read_text())
ROLES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
         "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = np.random.default_rng(1).choice(["the", "cat", "sat", "on", "mats", "of", "hens"], 4000)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(" ".join(words))
    return path


def windows_of(module: Path, text: Path) -> list[list[int]]:
    """What is run: whole windows, evenly spread, each behind a BOS."""
    tokenizer = Tokenizer.from_file(str(module.parent / "tokenizer.json"))
    ids = tokenizer.encode(text.read_text(), add_special_tokens=False).ids
    own = WINDOW - 1
    there = len(ids) // own
    assert there > WINDOWS
    starts = [i * there // WINDOWS * own for i in range(WINDOWS)]
    return [[CONFIG["bos_token_id"], *ids[start : start + own]] for start in starts]


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return {name: value.astype(np.float64) for file in sorted(folder.glob("*.safetensors"))
            for name, value in load_file(file).items()}  # fmt: skip


def norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + CONFIG["rms_norm_eps"]) * weight


def rotate(x: np.ndarray) -> np.ndarray:
    """[tokens, heads, width], the halves of a head turned by position."""
    half, rope = WIDTH // 2, CONFIG["rope_parameters"]
    frequencies = rope["rope_theta"] ** (-np.arange(half) / half)
    # Llama 3's: slow turns are slower still, with a ramp between them and the fast ones.
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * np.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    ramp = np.clip((turns - low) / (high - low), 0, 1)
    frequencies = (1 - ramp) * frequencies / rope["factor"] + ramp * frequencies
    angles = np.arange(len(x))[:, None] * frequencies
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    tokens = len(q)
    q, k = rotate(q.reshape(tokens, HEADS, WIDTH)), rotate(k.reshape(tokens, KV_HEADS, WIDTH))
    v = v.reshape(tokens, KV_HEADS, WIDTH)
    k, v = (np.repeat(x, HEADS // KV_HEADS, axis=1) for x in (k, v))
    scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(WIDTH)
    scores[:, np.triu(np.ones((tokens, tokens), bool), 1)] = -np.inf
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return np.einsum("hij,jhd->ihd", scores, v).reshape(tokens, -1)


def inputs_of(weights: dict[str, np.ndarray], tokens: list[int]) -> dict[str, np.ndarray]:
    """The inputs of each linear layer's weight, in a llama with these weights."""
    seen: dict[str, np.ndarray] = {}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        seen[f"{name}.weight"] = x
        return x @ weights[f"{name}.weight"].T

    x = weights["model.embed_tokens.weight"][tokens]
    for i in range(LAYERS):
        layer = f"model.layers.{i}"
        n = norm(x, weights[f"{layer}.input_layernorm.weight"])
        q, k, v = (linear(f"{layer}.self_attn.{role}_proj", n) for role in "qkv")
        x = x + linear(f"{layer}.self_attn.o_proj", attend(q, k, v))
        n = norm(x, weights[f"{layer}.post_attention_layernorm.weight"])
        gate, up = (linear(f"{layer}.mlp.{role}_proj", n) for role in ("gate", "up"))
        x = x + linear(f"{layer}.mlp.down_proj", gate / (1 + np.exp(-gate)) * up)
    seen["lm_head.weight"] = norm(x, weights["model.norm.weight"])
    return seen


def products_of(statistics: dict[str, np.ndarray], weight: str) -> np.ndarray:
    """XᵀX of a weight's inputs, from a file of --save-statistics."""
    number = int(statistics[f"{weight}.input"][0])
    squares = statistics[f"input.{number}.squares"].astype(np.float64)
    full = np.zeros((squares.size, squares.size))
    full[np.tril_indices(squares.size)] = statistics[f"input.{number}.products"]
    full += np.tril(full, -1).T
    assert np.array_equal(full.diagonal(), squares)
    assert statistics[f"input.{number}.tokens"][0] == WINDOW * WINDOWS
    return full


def assert_statistics(
    path: Path, weights: dict[str, np.ndarray], windows: list[list[int]]
) -> dict[str, np.ndarray]:
    statistics = load_file(path)
    wanted: dict[str, np.ndarray] = {}
    for window in windows:
        for name, x in inputs_of(weights, window).items():
            wanted[name] = wanted.get(name, 0) + x.T @ x
    assert len(wanted) == LAYERS * len(ROLES) + 1
    for name, want in wanted.items():
        scale = np.sqrt(np.outer(want.diagonal(), want.diagonal()))
        assert np.abs(products_of(statistics, name) - want).max() <= 1e-4 * scale.max(), name
    return statistics


def calibrate(module: Path, text: Path, *options: object) -> None:
    qzc(module, "--arch=none", f"--calibrate={text}", f"--calibration-tokens={WINDOW * WINDOWS}",
        *options)  # fmt: skip


def test_statistics_are_those_of_the_model(imported: Imported, text: Path, tmp_path: Path) -> None:
    module = imported("llama-f32")
    for threads in (1, 3):
        calibrate(module, text, f"--save-statistics={tmp_path / str(threads)}",
                  f"--threads={threads}")  # fmt: skip
    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()
    assert_statistics(tmp_path / "1", weights_of(module.parent), windows_of(module, text))


def textbook_gptq(
    weight: np.ndarray, products: np.ndarray, scales: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """GPTQ as its paper has it: the Cholesky factor of the inverse, updates column by column.

    `scales` are of the elements, `levels` what they are multiplied with.
    """
    n = weight.shape[1]
    order = np.argsort(-products.diagonal(), kind="stable")
    damped = products + 0.01 * np.mean(products.diagonal()) * np.eye(n)
    factor = np.linalg.cholesky(np.linalg.inv(damped[order][:, order])).T
    left, scales = weight[:, order].copy(), scales[:, order]
    out = np.zeros_like(left)
    for j in range(n):
        codes = np.abs(left[:, j, None] / scales[:, j, None] - levels).argmin(axis=1)
        out[:, j] = levels[codes] * scales[:, j]
        error = (left[:, j] - out[:, j]) / factor[j, j]
        left[:, j + 1 :] -= np.outer(error, factor[j, j + 1 :])
    result = np.empty_like(out)
    result[:, order] = out
    return result


def scales_of(image: Path, weights: Path, name: str, block: int) -> np.ndarray:
    """The scale of each element of an nf4 weight, as they are in the weights' own file."""
    manifest = json.loads(run(image, "--info", "--json").stdout)
    tensor = next(t for t in manifest["tensors"] if t["source"]["name"] == name)
    assert tensor["scheme"] == "nf4" and tensor["method"] == "gptq"
    rows, columns = tensor["shape"]
    blocks = -(-rows * columns // block)
    start = tensor["offset"] + -(-(blocks * block // 2) // 256) * 256
    scales = np.frombuffer(weights.read_bytes(), np.float32, blocks, start)
    each = np.repeat(scales, block)[: rows * columns]
    return each.reshape(rows, columns).astype(np.float64)


def test_gptq_is_the_textbooks(imported: Imported, text: Path, tmp_path: Path) -> None:
    module = imported("llama-f32")
    image, beside, statistics = tmp_path / "x.bin", tmp_path / "x.weights", tmp_path / "s"
    # Rows of 172 are no whole blocks.
    options = ("--quantize=nf4/32", "--method=gptq", f"--weights={beside}")
    calibrate(module, text, *options, "-o", image, f"--save-statistics={statistics}")
    run(image, "--extract", tmp_path / "x.safetensors")
    stored = {n: v.astype(np.float64) for n, v in load_file(tmp_path / "x.safetensors").items()}
    # Each layer has seen what the quantized layers before it gave.
    seen = assert_statistics(statistics, stored, windows_of(module, text))
    source = weights_of(module.parent)
    levels = np.array(references.NF4)
    same = total = 0
    for i in range(LAYERS):
        for role in ROLES:
            name = f"model.layers.{i}.{role}.weight"
            products = products_of(seen, name)
            want = textbook_gptq(source[name], products, scales_of(image, beside, name, 32), levels)
            near = np.isclose(stored[name], want, rtol=1e-5, atol=1e-9)
            same, total = same + near.sum(), total + near.size

            def lost(weight: np.ndarray, name: str = name, p: np.ndarray = products) -> float:
                error = weight - source[name]
                return float(np.sum((error @ p) * error))

            assert lost(stored[name]) == pytest.approx(lost(want), rel=2e-2), name
    # Sums in another order decide ties, and what follows from them, otherwise.
    assert same >= 0.995 * total
    # The same from the file, whoever runs it.
    again = tmp_path / "again.bin"
    qzc(module, "--arch=none", *options[:2], f"--weights={tmp_path / 'again'}", "--threads=1",
        f"--statistics={statistics}", "-o", again)  # fmt: skip
    assert (tmp_path / "again").read_bytes() == beside.read_bytes()


@pytest.mark.parametrize("spec", ["int4/32", "int4/32 asym", "int3/32", "q4_0", "q4_1", "q5_1"])
def test_gptq_loses_less_of_outputs(
    imported: Imported, text: Path, tmp_path: Path, spec: str
) -> None:
    module = imported("llama-f32")
    source, statistics = weights_of(module.parent), tmp_path / "s"
    calibrate(module, text, f"--save-statistics={statistics}")
    seen = load_file(statistics)
    lost: dict[str, float] = {}
    for method in ("rtn", "mse", "gptq"):
        image, out = tmp_path / f"{method}.bin", tmp_path / f"{method}.safetensors"
        qzc(module, "--arch=none", f"--quantize={spec}", "--components=attn,gate,up",
            f"--method={method}", f"--statistics={statistics}", "-o", image)  # fmt: skip
        run(image, "--extract", out)
        stored = load_file(out)
        lost[method] = 0
        for name in source:
            if any(role in name for role in ROLES[:-1]):
                error = stored[name] - source[name]
                lost[method] += np.sum((error @ products_of(seen, name)) * error)
    assert lost["mse"] < 0.97 * lost["rtn"]
    assert lost["gptq"] < 0.7 * lost["mse"]


def test_a_gguf_has_the_same_codes(imported: Imported, text: Path, tmp_path: Path) -> None:
    module, file, again = imported("llama-f32"), tmp_path / "x.gguf", tmp_path / "again.mlir"
    selection = ("--quantize=q4_0", "--components=attn,gate,up", f"--gguf={file}")
    assert "different model" not in qzc(module, *selection).stderr
    plain = file.read_bytes()
    # With nothing but statistics beside it, and with an executable.
    done = qzc(module, *selection, "--method=gptq", f"--calibrate={text}",
               "--calibration-tokens=512", f"--save-statistics={tmp_path / 's'}")  # fmt: skip
    assert "different model" not in done.stderr
    chosen = file.read_bytes()
    assert chosen != plain
    for method in ("gptq", "mse"):
        qzc(module, *selection, f"--method={method}", f"--statistics={tmp_path / 's'}",
            "--arch=none", "-o", tmp_path / "x.bin")  # fmt: skip
        assert (file.read_bytes() == chosen) == (method == "gptq")
        qz_import(file, "-o", again)
        qzc(again, "--arch=none", "-o", tmp_path / "again.bin")
        for name in ("x", "again"):
            run(tmp_path / f"{name}.bin", "--extract", tmp_path / f"{name}.safetensors")
        here = load_file(tmp_path / "x.safetensors")
        there = load_file(tmp_path / "again.safetensors")
        assert here.keys() == there.keys()
        for name, value in here.items():
            assert np.array_equal(value, there[name]), name
    # What awq scales is the source's there, as without a method, and that is said.
    done = qzc(module, *selection, "--method=awq", f"--statistics={tmp_path / 's'}",
               "--arch=none", "-o", tmp_path / "x.bin")  # fmt: skip
    assert "different model" in done.stderr and "q4_0 as Q4_0" in done.stderr
    assert "q4_0 -> Q4_0" in done.stdout and "from the source weights" in done.stdout
    (tmp_path / "plain.gguf").write_bytes(plain)
    held = []
    for source in (file, tmp_path / "plain.gguf"):
        qz_import(source, "-o", again)
        qzc(again, "--arch=none", "-o", tmp_path / "again.bin")
        run(tmp_path / "again.bin", "--extract", tmp_path / "again.safetensors")
        held.append(load_file(tmp_path / "again.safetensors"))
    assert all(np.array_equal(held[0][name], value) for name, value in held[1].items())
    # Of another type it has other values still.
    other = ("--quantize=nf4", "--method=mse", f"--statistics={tmp_path / 's'}")
    assert "nf4/64 as F16" in qzc(module, *other, "--components=down", f"--gguf={file}").stderr


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--method=gptq",), ("--method=gptq", "--calibrate"), 2),
        (("--method=awq",), ("--method=awq", "--calibrate"), 2),
        (("--statistics=part", "--method=awq"), ("_proj", "no products"), 1),
        (("--save-statistics=s",), ("--save-statistics", "--calibrate"), 2),
        (("--calibrate=t", "--statistics=s"), ("--calibrate", "--statistics"), 2),
        (("--calibration-tokens=64",), ("--calibration-tokens", "--calibrate"), 2),
        (("--dry-run", "--calibrate=t", "--save-statistics=s"), ("--save-statistics", "--dry"), 2),
        (("--method=awp",), ("'awp'", "known are rtn"), 2),
        (("--calibrate=short", "--method=mse"), ("fewer than",), 1),
        (("--calibrate=binary", "--method=mse"), ("binary", "UTF-8"), 1),
        (("--calibrate=missing", "--method=mse"), ("missing",), 1),
        (("--calibrate=t",), ("--calibrate", "--method=mse", "--report"), 2),
        (("--statistics=good", "--quantize=int8", "--method=gptq"), ("--statistics", "int8"), 2),
        (("--statistics=short", "--method=mse"), ("short", "neither a file of"), 1),
        (("--statistics=cut", "--method=mse"), ("cut", "safetensors"), 1),
        (("--statistics=none", "--method=mse"), ("none", "no statistics"), 1),
        (("--statistics=negative", "--method=mse"), ("negative", "squares"), 1),
        (("--statistics=lost", "--method=mse"), ("lost", "products"), 1),
        (("--statistics=nowhere", "--method=mse"), ("nowhere", "names no input"), 1),
        (("--statistics=other", "--method=gptq"), ("other", "another model", "none of its"), 1),
        (("--statistics=narrow", "--method=gptq"), ("narrow", "another model", "64 columns"), 1),
        (("--statistics=unseen", "--method=mse"), ("unseen", "number of tokens"), 1),
        (
            ("--statistics=damaged", "--method=gptq", "--components=q", "--blocks=:1"),
            ("q_proj", "not positive definite"),
            1,
        ),
    ],
)
def test_what_is_wrong_is_named(
    imported: Imported, tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...], code: int
) -> None:
    module = imported("llama-f32")
    (tmp_path / "t").write_text("a b c " * 4000)
    (tmp_path / "short").write_text("a b c")
    (tmp_path / "binary").write_bytes(b"\xff\xfe" * 4000)
    one = np.ones(1, np.float32)
    name = "model.layers.0.self_attn.q_proj.weight"
    good = {
        "input.0.tokens": one,
        "input.0.squares": np.ones(96, np.float32),
        "input.0.products": np.zeros(96 * 97 // 2, np.float32),
        f"{name}.input": 0 * one,
    }
    no_number = np.full(96 * 97 // 2, np.nan, np.float32)
    bad = {
        "none": {"x": one},
        "negative": good | {"input.0.squares": -good["input.0.squares"]},
        "lost": {k: v for k, v in good.items() if "products" not in k},
        "nowhere": good | {f"{name}.input": one},
        "other": {k.replace("q_proj", "x_proj"): v for k, v in good.items()},
        "good": good,
        "part": good,
        "damaged": good | {"input.0.products": no_number},
        "unseen": good | {"input.0.tokens": 0 * one},
        "narrow": good
        | {
            "input.0.squares": np.ones(64, np.float32),
            "input.0.products": np.zeros(64 * 65 // 2, np.float32),
        },
    }
    for file, tensors in bad.items():
        save_file(tensors, tmp_path / file)
    (tmp_path / "cut").write_bytes((tmp_path / "part").read_bytes()[:100])
    done = qzc(module, "--quantize=nf4/32", "--arch=none", "-o", "x.bin", *options, check=False,
               cwd=tmp_path)  # fmt: skip
    assert_refused(done, *words, code=code)
    assert not list(tmp_path.glob("x.bin*")) and not (tmp_path / "s").exists()


def test_statistics_are_wanted_where_they_are_used(
    imported: Imported, text: Path, tmp_path: Path
) -> None:
    module = imported("llama-f32")
    # What is scaled depends on no text.
    said = qzc(module, "--quantize=nf4/32", "--method=awq", "--emit=qz").stdout
    assert "#qz.scaling" in said
    qzc(module, "--quantize=nf4/32", "--method=gptq", "--dry-run")
    for stage in ("qz", "schedule", "cuda", "ptx"):
        for option in ("--calibrate", "--statistics", "--save-statistics"):
            done = qzc(module, f"--emit={stage}", f"{option}={tmp_path / 'seen'}", check=False)
            assert_refused(done, option, "--emit", code=2)
    # A budget's choice does, whatever is written of it.
    options = ("--target-bpw=4.5", f"--calibrate={text}", "--calibration-tokens=512")
    for last in ("--emit=qz", "--dry-run"):
        qzc(module, *options, f"--save-statistics={tmp_path / 'seen'}", last)
        assert load_file(tmp_path / "seen")
        (tmp_path / "seen").unlink()


def test_what_makes_no_difference_is_said(imported: Imported) -> None:
    module = imported("llama-f32")
    done = qzc(module, "--quantize=int8", "--method=mse", "--dry-run")
    assert "--method=mse makes no difference" in done.stderr
    searched = ("--quantize=int4/32", "--components=qkv", "--method=mse", "--dry-run")
    assert "no difference" not in qzc(module, *searched).stderr
    # What awq scales shows without a text, which would not be run.
    awq = ("--emit=qz", "--quantize=nf4/32", "--components=attn", "--method=awq")
    assert "#qz.scaling" in qzc(module, *awq).stdout
    done = qzc(module, *awq, f"--calibrate={MODELS / 'text.txt'}", check=False)
    assert_refused(done, "--calibrate", "--emit", code=2)


@pytest.mark.parametrize("options", [("--target-bpw=4.5",), ("--quantize=int4/32", "--method=awq")])
def test_products_that_are_not_finite_are_named(
    imported: Imported, tmp_path: Path, options: tuple[str, ...]
) -> None:
    names = [f"model.layers.0.self_attn.{role}_proj.weight" for role in "qkv"]
    damaged = {f"{name}.input": np.zeros(1, np.float32) for name in names} | {
        "input.0.tokens": np.ones(1, np.float32),
        "input.0.squares": np.ones(96, np.float32),
        "input.0.products": np.ones(96 * 97 // 2, np.float32),
    }
    damaged["input.0.products"][100] = np.nan
    save_file(damaged, tmp_path / "s")
    done = qzc(imported("llama-f32"), *options, "--components=qkv", "--blocks=:1", "--arch=none",
               f"--statistics={tmp_path / 's'}", "-o", tmp_path / "x.bin", check=False)  # fmt: skip
    assert_refused(done, "_proj.weight'", "not finite", code=1)
    assert not (tmp_path / "x.bin").exists()


def test_a_budget_is_met(imported: Imported, text: Path, tmp_path: Path) -> None:
    module = imported("llama-f32")
    recipe, report = tmp_path / "recipe.json", tmp_path / "r.json"
    lost = {}
    for bits in (4.0, 4.5, 6.0):
        done = qzc(module, "--arch=none", f"--target-bpw={bits}", f"--calibrate={text}",
                   "--calibration-tokens=1024", f"--save-recipe={recipe}", "-o", tmp_path / "x.bin",
                   f"--report={report}")  # fmt: skip
        table = json.loads(report.read_text())
        assert table["quantized"]["bits_a_weight"] <= bits
        assert table["quantized"]["bits_a_weight"] > bits - 0.3
        assert "above the least by 0%" in done.stdout
        rows = [row for row in table["tensors"] if row.get("output_error") is not None]
        assert len(rows) == LAYERS * len(ROLES)
        lost[bits] = sum(row["output_error"] for row in rows)
        # What was chosen is a recipe, which gives the same by itself.
        rules = json.loads(recipe.read_text())["rules"]
        assert len(rules) == LAYERS * len(ROLES)
        qzc(module, "--recipe", recipe, "--dry-run", f"--report={report}")
        again = json.loads(report.read_text())
        assert again["quantized"] == table["quantized"]
    assert lost[4.0] > lost[4.5] > lost[6.0]


def test_a_size_is_met_by_the_whole_file(imported: Imported, tmp_path: Path) -> None:
    module, report = imported("llama-f32"), tmp_path / "r.json"
    # Without a text: by the errors of the weights.
    qzc(module, "--target-size=350kB", "--dry-run", f"--report={report}")
    table = json.loads(report.read_text())
    assert 345_000 < table["bytes"] <= 350_000


def test_a_budget_takes_mse_unless_a_method_is_said(imported: Imported, tmp_path: Path) -> None:
    module, recipe, report = imported("llama-f32"), tmp_path / "recipe.json", tmp_path / "r.json"
    for said, options, method in (
        ({}, (), "mse"),
        ({"method": "rtn"}, (), "rtn"),
        ({"method": "rtn"}, ("--method=mse",), "mse"),
        ({"method": "mse"}, ("--method=rtn",), "rtn"),
    ):
        recipe.write_text(json.dumps(said))
        saved = tmp_path / "saved.json"
        qzc(module, "--target-bpw=4.5", "--recipe", recipe, *options, "--dry-run",
            f"--report={report}", f"--save-recipe={saved}")  # fmt: skip
        searched = {
            row["method"]
            for row in json.loads(report.read_text())["tensors"]
            if row["stored_as"].startswith(("int3", "int4", "nf4"))
        }
        assert searched == {method}
        # What it was holds where there is no budget, too.
        assert json.loads(saved.read_text())["method"] == method


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--target-bpw=4.5", "--target-size=1MB"), ("--target-bpw", "--target-size"), 2),
        (("--target-bpw=4.5", "--quantize=nf4"), ("--quantize",), 2),
        (("--target-bpw=nan",), ("--target-bpw", "'nan'"), 2),
        (("--target-bpw=4.5", "--method=best"), ("'best'", "mse"), 2),
        (("--target-size=1XB",), ("'1XB'", "120MB"), 2),
        (("--target-size=-1MB",), ("'-1MB'",), 2),
        (("--target-size=1kB",), ("ask for more",), 1),
        (("--target-bpw=2",), ("smallest storages",), 1),
    ],
)
def test_budgets_that_nothing_meets_are_named(
    imported: Imported, options: tuple[str, ...], words: tuple[str, ...], code: int
) -> None:
    done = qzc(imported("llama-f32"), *options, "--dry-run", check=False)
    assert_refused(done, *words, code=code)
