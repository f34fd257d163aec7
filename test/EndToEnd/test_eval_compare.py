"""qz-eval --base: what quantization changed, against NumPy and llama.cpp on the same tokens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, assert_refused, qz_import, qzc, run
from qz_eval.peers.llama_library import LlamaCpp
from safetensors.numpy import load_file
from test_eval import QUICK, cells, qz_eval

Compiled = Callable[..., Path]
TEXT = MODELS / "text.txt"
CONTEXT, WINDOWS = 64, 5


def tokens_of(image: Path) -> list[int]:
    return json.loads(run(image, "--tokenize", TEXT).stdout)


def logits_of(image: Path, tokens: list[int], folder: Path) -> np.ndarray:
    out = folder / "logits.npy"
    run(image, "--device=cpu", "--tokens", ",".join(map(str, tokens)), "--logits", out)
    return np.load(out).astype(np.float64)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def mean_and_error(values: np.ndarray) -> list[float]:
    return [values.mean(), np.sqrt(values.var() / (len(values) - 1))]


def figures(base: np.ndarray, model: np.ndarray, targets: np.ndarray) -> dict[str, list[float]]:
    """From log-probabilities [tokens, vocab]: values and errors by the names of results.json."""
    rows = np.arange(len(targets))
    nll, base_nll = -model[rows, targets], -base[rows, targets]
    divergence = (np.exp(base) * (base - model)).sum(axis=1)
    change = np.exp(-nll) - np.exp(-base_nll)
    square, square_error = mean_and_error(change**2)
    gap, gap_error = mean_and_error(nll - base_nll)
    perplexity, base_perplexity = np.exp(nll.mean()), np.exp(base_nll.mean())
    return {
        "perplexity": [perplexity, perplexity * mean_and_error(nll)[1]],
        "base_perplexity": [base_perplexity, base_perplexity * mean_and_error(base_nll)[1]],
        "perplexity_difference": [
            perplexity - base_perplexity,
            mean_and_error(perplexity * nll - base_perplexity * base_nll)[1],
        ],
        "perplexity_ratio": [np.exp(gap), np.exp(gap) * gap_error],
        "kl_divergence": mean_and_error(divergence),
        "kl_quantiles": np.quantile(divergence, [0.5, 0.99, 0.999, 1]).tolist(),
        "same_top": mean_and_error((base.argmax(axis=1) == model.argmax(axis=1)).astype(float)),
        "mean_change": mean_and_error(change),
        "rms_change": [np.sqrt(square), square_error / (2 * np.sqrt(square))],
    }


def figures_of(entry: dict) -> dict[str, list[float]]:
    comparison = entry["comparison"]
    quantiles = dict(map(tuple, comparison["kl_quantiles"]))
    names = [name.removesuffix("_error") for name in comparison if name.endswith("_error")]
    got = {name: [comparison[name], comparison[f"{name}_error"]] for name in names}
    return got | {"kl_quantiles": [quantiles[fraction] for fraction in (0.5, 0.99, 0.999, 1)]}


def compare(base: Path, model: Path, out: Path, *options: object) -> dict:
    qz_eval(model, "--base", base, "--text", TEXT, *options, *QUICK, "-o", out)
    return json.loads((out / "results.json").read_text())


@pytest.mark.parametrize(
    ("name", "options"), [("llama-bf16", "nf4"), ("gpt2-f32", "int8"), ("opt-post", "fp4")]
)
def test_figures_are_numpys(compiled: Compiled, tmp_path: Path, name: str, options: str) -> None:
    base, model = compiled(name), compiled(name, f"--quantize={options}")
    tokens = tokens_of(base)[: CONTEXT * WINDOWS]
    windows = [tokens[begin : begin + CONTEXT] for begin in range(0, len(tokens), CONTEXT)]
    logs = [
        log_softmax(np.concatenate([logits_of(image, w, tmp_path)[:-1] for w in windows]))
        for image in (base, model)
    ]
    targets = np.array([token for window in windows for token in window[1:]])
    want = figures(logs[0], logs[1], targets)
    results = compare(base, model, tmp_path, "--context", CONTEXT, "--max-windows", WINDOWS)
    assert results["conditions"]["base"] == str(base)
    got = figures_of(results["executables"][0])
    for key, values in want.items():
        assert got[key] == pytest.approx(values, rel=1e-4, abs=1e-9), key
    histogram = results["executables"][0]["comparison"]["kl_histogram"]
    counted = sum(histogram["counts"]) + histogram["below"] + histogram["above"]
    assert counted == len(targets) == results["executables"][0]["comparison"]["tokens"]


def test_scored_rows_are_the_logits(compiled: Compiled, tmp_path: Path) -> None:
    image, rows = compiled("llama-bf16"), tmp_path / "rows.npy"
    how = ("--device=cpu", "--json", "--score", TEXT, "--context", CONTEXT, "--max-windows", "2")
    done = run(image, *how, "--protocol=stride", "--stride=16", "--logits", rows)
    score = json.loads(done.stdout)
    records = np.load(rows)
    assert len(records) == score["tokens_scored"] == CONTEXT - 1 + 16
    tokens = tokens_of(image)
    logits = logits_of(image, tokens[16 : 16 + CONTEXT], tmp_path)
    assert records["target"].tolist() == tokens[1 : CONTEXT + 16]
    assert np.allclose(records["logits"][-16:], logits[-17:-1], atol=1e-5)
    own = json.loads(run(image, *how, "--protocol=stride", "--stride=16").stdout)
    assert score["perplexity"] == pytest.approx(own["perplexity"], rel=1e-6)


def stored_in_16_bits(log_probabilities: np.ndarray) -> np.ndarray:
    """The base's log-probabilities as llama-perplexity keeps them: steps of a range of 16 nats."""
    most = log_probabilities.max(axis=1, keepdims=True)
    least = np.maximum(log_probabilities.min(axis=1, keepdims=True), most - 16)
    scale = (most - least) / 65535
    return np.rint((np.maximum(log_probabilities, least) - least) / scale) * scale + least


def test_figures_are_llama_cpps(exported: Callable, compiled: Compiled, tmp_path: Path) -> None:
    """Both models as F32 GGUFs in stock llama.cpp: the base, and nf4's decoded weights."""
    base = exported("llama-f32")
    model = compiled("llama-f32", "--quantize=nf4")
    folder = tmp_path / "decoded"
    shutil.copytree(MODELS / "llama-f32", folder)
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    run(model, "--extract", folder / "model.safetensors")
    qz_import(folder, "-o", folder / "model.mlir")
    qzc(folder / "model.mlir", f"--gguf={tmp_path}/decoded.gguf")

    stock = [LlamaCpp(path, CONTEXT) for path in (base.path, tmp_path / "decoded.gguf")]
    bos = stock[0].bos
    text = TEXT.read_text().removesuffix("\n")
    tokens = [bos, *stock[0].tokenize(text, is_prompt=False)]
    chunks = [[bos, *tokens[i + 1 : i + CONTEXT]] for i in range(0, WINDOWS * CONTEXT, CONTEXT)]
    # The second half of each chunk counts.
    logs = [
        log_softmax(
            np.concatenate([m.logits(chunk)[CONTEXT // 2 : -1] for chunk in chunks]).astype(float)
        )
        for m in stock
    ]
    for m in stock:
        m.close()
    targets = np.array([token for chunk in chunks for token in chunk[CONTEXT // 2 + 1 :]])

    options = ("--protocol=llama.cpp", "--context", CONTEXT, "--max-windows", WINDOWS)
    results = compare(base.image, model, tmp_path, *options)
    got = figures_of(results["executables"][0])
    for key, values in figures(logs[0], logs[1], targets).items():
        assert got[key] == pytest.approx(values, rel=1e-3, abs=1e-7), key
    # What llama-perplexity itself would print, from a base of 16 bits.
    theirs = figures(stored_in_16_bits(logs[0]), logs[1], targets)
    for key in ("kl_divergence", "kl_quantiles", "same_top", "rms_change", "perplexity_ratio"):
        assert got[key] == pytest.approx(theirs[key], rel=1e-2, abs=2e-4), key


@pytest.mark.parametrize("name", ["gpt2-f32", "llama-bias"])
def test_weight_errors_are_those_of_the_decoded_weights(
    compiled: Compiled, tmp_path: Path, name: str
) -> None:
    base, model = compiled(name), compiled(name, "--quantize=nf4", "--blocks=1:")
    weights = []
    for number, image in enumerate((base, model)):
        path = tmp_path / f"{number}.safetensors"
        run(image, "--extract", path)
        weights.append(load_file(path))
    results = compare(base, model, tmp_path, "--context", "48", "--max-windows", "1")
    errors = results["executables"][0]["weight_errors"]
    assert min(error["block"] for error in errors) == 1
    assert {error["storage"] for error in errors} == {"nf4/64"}
    changed = {key for key, w in weights[0].items() if not np.array_equal(w, weights[1][key])}
    assert {error["name"] for error in errors} == changed
    for key in changed:
        before, after = (w[key].astype(np.float64) for w in weights)
        # The parts of a fused matrix add up.
        parts = [error for error in errors if error["name"] == key]
        sums = {what: sum(p[what] for p in parts) for what in ("squares", "squared_errors")}
        assert sums["squares"] == pytest.approx((before**2).sum(), rel=1e-12)
        assert sums["squared_errors"] == pytest.approx(((after - before) ** 2).sum(), rel=1e-12)
        largest = max(part["largest_error"] for part in parts)
        assert largest == pytest.approx(np.abs(after - before).max(), rel=1e-12)


def test_table_has_the_figures(compiled: Compiled, tmp_path: Path) -> None:
    base, model = compiled("llama-bf16"), compiled("llama-bf16", "--quantize=nf4")
    how = ("--text", TEXT, "--context", "48", "--max-windows", "2", *QUICK, "-o", tmp_path)
    done = qz_eval(base, model, "--base", base, *how)
    titles, _, first, second = (cells(line) for line in done.stdout.splitlines()[:4])
    entries = json.loads((tmp_path / "results.json").read_text())["executables"]
    assert "comparison" not in entries[0] and "seconds" in entries[0]["score"]
    assert dict(zip(titles, first, strict=True))["Δ perplexity"] == "–"
    row, figure = dict(zip(titles, second, strict=True)), entries[1]["comparison"]
    assert row["Δ perplexity"].startswith(f"{figure['perplexity_difference']:.3f} ± ")
    assert row["KL divergence"].startswith(f"{figure['kl_divergence']:.5f} ± ")
    assert row["perplexity"].startswith(f"{figure['perplexity']:.3f} ± ")


def test_base_is_kept(compiled: Compiled, tmp_path: Path) -> None:
    base, model = compiled("llama-bf16"), compiled("llama-bf16", "--quantize=nf4")
    kept, own = tmp_path / "kept.npy", tmp_path / "own.npy"
    how = ("--context", "48", "--max-windows", "2")
    done = qz_eval(
        model, base, model, "--base", base, "--text", TEXT, *how, *QUICK, "--keep-base", kept
    )
    # Said once, and written in the first comparison.
    size = f"{kept.stat().st_size / 1e9:.3f} GB"
    assert done.stderr.count("--keep-base") == 1 and size in done.stderr
    run(base, "--score", TEXT, *how, "--device=cpu", "--logits", own)
    assert kept.read_bytes() == own.read_bytes()
    refused = qz_eval(model, "--text", TEXT, "--keep-base", kept, check=False)
    assert_refused(refused, "--keep-base needs --base", code=2, tool="qz-eval")
    refused = qz_eval(
        model, "--base", base, "--text", TEXT, "--keep-base", base, *QUICK, check=False
    )
    assert_refused(refused, "--keep-base", code=2, tool="qz-eval")


def test_other_tokenizers_are_not_compared(compiled: Compiled, tmp_path: Path) -> None:
    base, model = compiled("gpt2-f32"), compiled("llama-bf16")
    how = ("--text", TEXT, "--context", "48", "--max-windows", "2", *QUICK)
    done = qz_eval(model, "--base", base, *how, check=False)
    assert_refused(done, str(model), "cannot be compared", "vocabulary", tool="qz-eval")
