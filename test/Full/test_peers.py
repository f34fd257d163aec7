"""A sweep of SmolLM2 beside transformers, bitsandbytes and llama.cpp: the same perplexities."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import bitsandbytes
import pytest
import torch
from conftest import qz_eval, run
from qz_eval.peers import models
from qz_eval.peers.timing import score_of

WINDOWS = ("--context", "512", "--max-windows", os.environ.get("QZC_FULL_WINDOWS", "4"))
VARIANTS = ("none", "int8", "nf4", "fp4", "q8_0", "none --dtype=f32")


@pytest.fixture(scope="module")
def rows(module: Path, text: Path, data: Path) -> dict[str, dict]:
    """By their names; a sweep that stays, so that a second run measures nothing again."""
    out = data / "peers"
    variants = [word for variant in VARIANTS for word in ("--variant", variant)]
    qz_eval(
        *("sweep", module, *variants, "--common=--arch=none", "--device=cpu"),
        *("--text", text, *WINDOWS, "-p", "64", "-n", "8"),
        *("-r", "2", "--with=transformers,bitsandbytes,llama.cpp", "--peer-python", sys.executable),
        *("-o", out),
    )
    results = json.loads((out / "results.json").read_text())
    return {entry["name"]: entry for entry in results["executables"]}


def test_transformers_finds_the_same_perplexity(rows: dict[str, dict]) -> None:
    ours, theirs = rows["none"]["score"], rows["transformers float32"]["score"]
    assert theirs["tokens_scored"] == ours["tokens_scored"]
    assert round(theirs["perplexity"], 3) == round(ours["perplexity"], 3)
    for key in ("perplexity_error", "bits_per_byte", "bits_per_byte_error"):
        assert theirs[key] == pytest.approx(ours[key], rel=1e-4)


def decode_int8(model: torch.nn.Module) -> None:
    """LLM.int8() rounds activations too, which qzc does not: its weights alone are compared."""
    for name, module in list(model.named_modules()):
        if isinstance(module, bitsandbytes.nn.Linear8bitLt):
            plain = torch.nn.Linear(module.in_features, module.out_features, bias=False)
            scales = module.weight.SCB.reshape(-1, 1) / 127
            plain.weight.data = module.weight.data.float() * scales
            model.set_submodule(name, plain)


@pytest.mark.parametrize("scheme", ["nf4", "fp4", "int8"])
def test_bitsandbytes_finds_the_same_perplexity(
    folder: Path,
    text: Path,
    compiled: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    """Without the kernels for CPUs that have bf16, which round scales and activations to it."""
    monkeypatch.setattr(bitsandbytes.nn.modules, "has_avx512bf16", lambda: False)
    asked = {"folder": folder, "scheme": scheme, "dtype": "float32", "device": "cpu"}
    model = models.load(asked)
    decode_int8(model)
    running = models.Running(model, asked | {"depth": 0, "prompt": 0})
    image = compiled(f"--quantize={scheme}")
    score = (image, "--score", text, *WINDOWS, "--device=cpu")
    plan = json.loads(run(*score, "--plan").stdout)
    with torch.inference_mode():
        losses = [running.losses(window) for window in plan["windows"]]
    theirs = score_of(plan, losses, 0.0)["perplexity"]
    ours = json.loads(run(*score, "--json").stdout)["perplexity"]
    print(f"{scheme}: executable {ours:.5f}, bitsandbytes {theirs:.5f}")
    assert theirs == pytest.approx(ours, abs=5e-4)


@pytest.mark.parametrize("scheme", ["nf4", "fp4", "int8"])
def test_bitsandbytes_takes_the_same_bytes(rows: dict[str, dict], scheme: str) -> None:
    """But for 16 bits here and 32 there of embeddings and norms; for 4 bits, CPUs that have bf16
    get scales in bf16."""
    ours, theirs = (
        rows[name]["info"]["memory"]["stored"] for name in (scheme, f"bitsandbytes {scheme}")
    )
    rest = 2 * 576 * (49152 + 61)
    scales = 0 if scheme == "int8" else ours["packed_bytes"] - ours["hf_footprint_bytes"]
    assert theirs["packed_bytes"] - ours["packed_bytes"] in (rest, rest - scales // 2)


def test_llama_cpp_finds_the_same_perplexity(rows: dict[str, dict]) -> None:
    f32 = rows["llama.cpp: none --dtype=f32"]["llama_cpp"]
    assert round(f32["perplexity"], 4) == round(f32["own_perplexity"], 4)
    # Of bf16 weights it rounds the activations too.
    bf16 = rows["llama.cpp: none"]["llama_cpp"]
    assert bf16["perplexity"] == pytest.approx(bf16["own_perplexity"], rel=2e-3)
    q8_0 = rows["llama.cpp: q8_0"]["llama_cpp"]
    assert q8_0["perplexity"] == pytest.approx(q8_0["own_perplexity"], rel=2e-3)
    # IQ4_NL is not NF4: both are shown, and are near.
    nf4 = rows["llama.cpp: nf4"]["llama_cpp"]
    assert nf4["perplexity"] == pytest.approx(nf4["own_perplexity"], rel=0.2)
