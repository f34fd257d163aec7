"""Each family computes what transformers computes: at once, one token at a time and beyond its
windows, and continues a text alike. The kernels for it compile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FAMILY_NAMES, qz_interpret, qzc, run, scores
from golden_logits import BOUND, check_logits, golden, logits_of

Compiled = Callable[..., Path]
Imported = Callable[[str], Path]
# Of the standard deviation of the logits.
INTERPRETER_BOUND = 2e-5


def golden_schemes(name: str) -> list[str]:
    return list(scores(name)["selections"])


def counts(want: dict) -> list[int]:
    return sorted(int(key.removeprefix("tokens_")) for key in want if key.startswith("tokens_"))


@pytest.mark.family("CPU")
@pytest.mark.parametrize(
    ("name", "scheme"), [(name, scheme) for name in FAMILY_NAMES for scheme in golden_schemes(name)]
)
def test_executable(compiled: Compiled, tmp_path: Path, name: str, scheme: str) -> None:
    image = compiled(name, f"--quantize={scheme}")
    want = golden(name, scheme)
    for count in counts(want):
        for options in ((), ("--stepwise",)):
            # So small a model has nothing to share among threads.
            options = ("--threads=1", *options)
            got = logits_of(image, want[f"tokens_{count}"], tmp_path / "x.npy", *options)
            check_logits(got, want, count)
    prompt = ",".join(str(token) for token in want["tokens_17"])
    tokens = ("--threads=1", "--tokens", prompt, "-n", len(want["continuation"]), "--ignore-eos")
    assert json.loads(run(image, "--device=cpu", *tokens).stdout) == want["continuation"].tolist()


@pytest.mark.parametrize("name", ["phi3-long", "llama-dynamic"])
def test_context_decides_how_a_run_turns(compiled: Compiled, tmp_path: Path, name: str) -> None:
    """With room for more, the first tokens turn as they do where more come."""
    image, tokens = compiled(name, "--quantize=none"), golden(name, "none")["tokens_150"]
    few, out = tokens[:17], tmp_path / "x.npy"
    long = logits_of(image, tokens, out)[:17]
    roomy = logits_of(image, few, out, "--context=150")
    assert np.abs(roomy - long).max() < BOUND * long.std()
    short = logits_of(image, few, out)
    assert np.abs(short - long).max() > 100 * BOUND * long.std()


@pytest.mark.family("import")
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_module(imported: Imported, tmp_path: Path, name: str) -> None:
    """What qz-import wrote, and the same after fusion."""
    module, fused = imported(name), tmp_path / "fused.mlir"
    qzc(module, "--emit=qz", "-o", fused)
    want = golden(name, "none")
    for count in counts(want):
        words = ",".join(str(token) for token in want[f"tokens_{count}"])
        got = qz_interpret(module, words)
        check_logits(got, want, count, INTERPRETER_BOUND)
        again = qz_interpret(fused, words, "--weights-dir", module.parent)
        assert np.array_equal(again, got)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_kernels(imported: Imported, name: str) -> None:
    ptx = qzc(imported(name), "--quantize=nf4", "--emit=ptx").stdout
    assert ".target sm_80" in ptx
