"""qz-interpret agrees with transformers and with the executables, and refuses bad calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, MODEL_NAMES, MODELS, assert_refused, qz_interpret, qzc, run

Compiled = Callable[..., Path]
Imported = Callable[[str], Path]
SCHEMES = ("none", "int8", "nf4")
# Of the standard deviation of the logits.
TRANSFORMERS_BOUND = 1e-5
IMAGE_BOUND = 1e-4


def text_of(tokens: np.ndarray) -> str:
    return ",".join(str(token) for token in tokens)


def quantized(module: Path, scheme: str, folder: Path) -> Path:
    """The module before fusion, its files where they were."""
    out = folder / "quantized.mlir"
    run(BUILD / "bin" / "qzc-opt", f"--qz-quantize=scheme={scheme}", module, "-o", out)
    return out


@pytest.mark.family("import")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_logits(
    imported: Imported, compiled: Compiled, tmp_path: Path, name: str, scheme: str
) -> None:
    module = imported(name)
    golden = dict(np.load(MODELS / name / "golden" / f"{scheme}.npz"))
    plain = quantized(module, scheme, tmp_path)
    fused = tmp_path / "fused.mlir"
    qzc(module, f"--quantize={scheme}", "--emit=qz", "-o", fused)
    for count in (17, 600):
        words = text_of(golden[f"tokens_{count}"])
        got = qz_interpret(plain, words, "--weights-dir", module.parent)
        assert got.dtype == np.float32 and got.shape[0] == count

        reference = golden[f"logits_{count}"]
        error = np.abs(got[golden[f"rows_{count}"]] - reference).max() / reference.std()
        assert error < TRANSFORMERS_BOUND

        assert np.array_equal(qz_interpret(fused, words, "--weights-dir", module.parent), got)

        out = tmp_path / "image.npy"
        image = compiled(name, f"--quantize={scheme}")
        run(image, "--device=cpu", "--tokens", words, "--logits", out)
        assert np.abs(np.load(out) - got).max() / got.std() < IMAGE_BOUND


def test_codes_are_chosen_as_the_module_says(
    imported: Imported, compiled: Compiled, tmp_path: Path
) -> None:
    module = imported("llama-f32")
    golden = np.load(MODELS / "llama-f32" / "golden" / "nf4.npz")
    words = text_of(golden["tokens_17"])
    got = {}
    for method in ("rtn", "mse"):
        said, out = tmp_path / f"{method}.mlir", tmp_path / "image.npy"
        qzc(module, "--quantize=nf4", f"--method={method}", "--emit=qz", "-o", said)
        got[method] = qz_interpret(said, words, "--weights-dir", module.parent)
        image = compiled("llama-f32", "--quantize=nf4", f"--method={method}")
        run(image, "--device=cpu", "--tokens", words, "--logits", out)
        error = np.abs(np.load(out) - got[method]).max() / got[method].std()
        assert error < IMAGE_BOUND, method
    assert np.abs(got["mse"] - got["rtn"]).max() > 0.1 * got["rtn"].std()


@pytest.mark.parametrize("method", ["gptq", "awq"])
def test_codes_that_a_text_chooses_are_refused(
    imported: Imported, tmp_path: Path, method: str
) -> None:
    module, said = imported("llama-f32"), tmp_path / "said.mlir"
    qzc(module, "--quantize=nf4", f"--method={method}", "--emit=qz", "-o", said)
    done = interpret_badly(said, "--tokens", "1", "--weights-dir", module.parent)
    assert_refused(done, "self_attn", method, tool="qz-interpret")


def interpret_badly(*arguments: object, **kwargs: object) -> object:
    return run(BUILD / "bin" / "qz-interpret", *arguments, check=False, **kwargs)


def test_refusals(copied: Imported, tmp_path: Path) -> None:
    module = copied("llama-bf16")

    def refused(*words: str, tokens: str = "1", code: int = 1, path: Path = module) -> None:
        assert_refused(
            interpret_badly(path, "--tokens", tokens), *words, code=code, tool="qz-interpret"
        )

    refused("301", "vocabulary", tokens="1,301", code=2)
    refused("-1", "--tokens", tokens="-1", code=2)
    refused("--tokens", tokens="1,x", code=2)
    refused("context of 640", tokens=text_of(np.ones(641, int)))
    refused("no.mlir", path=tmp_path / "no.mlir")
    assert_refused(interpret_badly(module), "--tokens", code=2, tool="qz-interpret")
    junk = tmp_path / "junk.mlir"
    junk.write_text("module {}")
    refused("exactly one qz.model", path=junk)

    weights = module.parent / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    refused("model.safetensors", "has changed")
    weights.write_bytes(data[:-1])
    refused("model.safetensors")
    weights.unlink()
    refused("model.safetensors")


def test_unwritable_logits(imported: Imported) -> None:
    done = interpret_badly(
        imported("llama-bf16"), "--tokens", "1", "--logits", "/proc/nowhere/x.npy"
    )
    assert_refused(done, "/proc/nowhere/x.npy", tool="qz-interpret")
