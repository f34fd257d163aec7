"""Stock llama.cpp runs the GGUF as the executable runs: tokens, greedy text, log-probabilities.

Weights in f32 are multiplied in f32 there, too; for the other types llama.cpp rounds the
activations: to f16, to bf16, and to 8 bits for the quantized types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xllamacpp
from conftest import qz_import, qz_interpret, qzc, run
from gguf_files import GgufFile
from qz_eval.peers.llama_library import LlamaCpp, loads
from safetensors.numpy import load_file, save_file
from stock_variants import STOCK_NAMES, copy_as_stock

Exported = Callable[..., GgufFile]
Imported = Callable[[str], Path]
TEXT = "The word is 1234, and\n\n  he'll say so."
NEW_TOKENS = 12
CONTEXT = 128
MESSAGE = "What is 12?"
CHAT = f"<|im_start|>user\n{MESSAGE}<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture
def stock() -> Iterator[Callable[..., LlamaCpp]]:
    models: list[LlamaCpp] = []

    def load(path: Path, threads: int = 2) -> LlamaCpp:
        models.append(LlamaCpp(path, CONTEXT, threads))
        return models[-1]

    yield load
    for model in models:
        model.close()


def prompt_of(image: Path, text: str, tmp_path: Path) -> list[int]:
    """What the executable's --prompt starts from."""
    file = tmp_path / "text"
    file.write_text(text)
    ids = json.loads(run(image, "--tokenize", file).stdout)
    model = json.loads(run(image, "--info", "--json").stdout)["model"]
    return [model["bos"], *ids] if model["add_bos"] else ids


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


# The last: how far log-probabilities may be apart, in standard deviations of the logits.
CASES = [
    ("llama-f32", (), 1e-5),
    ("llama-bf16", ("--dtype=f32",), 1e-5),
    ("llama-bias", ("--dtype=f32",), 1e-5),
    ("llama-bias", (), 1e-2),
    # llama.cpp looks GELU up in a table of f16.
    ("gpt2-bf16", ("--dtype=f32",), 1e-2),
    ("gpt2-f32-stock", (), 1e-2),
    # Rows of the embeddings are decoded, not multiplied.
    ("llama-f32", ("--quantize=q8_0", "--components=embed"), 1e-5),
    ("llama-f32", ("--quantize=q4_0", "--components=embed"), 1e-5),
]


# Those whose activation llama.cpp looks up in a table of f16, or has as its own approximation.
GELU = (
    "bloom",
    "falcon",
    "falcon-groups",
    "gemma",
    "gemma2",
    "gemma3",
    "gpt_neox",
    "phi",
    "starcoder2",
)
# The rest is above and below.
FAMILIES = [n for n in STOCK_NAMES if not n.startswith(("gpt2", "llama", "phi3-long"))]


def logits_of(image: Path, tokens: list[int], tmp_path: Path) -> np.ndarray:
    out = tmp_path / "logits.npy"
    run(image, "--device=cpu", "--tokens", ",".join(map(str, tokens)), "--logits", out)
    return np.load(out)


@pytest.mark.family("GGUF", "llama.cpp")
@pytest.mark.parametrize(("name", "options", "tolerance"), CASES)
def test_continues_a_text_alike(
    exported: Exported,
    stock: Callable[[Path], LlamaCpp],
    tmp_path: Path,
    name: str,
    options: tuple[str, ...],
    tolerance: float,
) -> None:
    file = exported(name, *options)
    image, model = file.image, stock(file.path)
    prompt = prompt_of(image, TEXT, tmp_path)
    assert model.tokenize(TEXT, is_prompt=True) == prompt
    assert_continues_alike(image, model, prompt, tmp_path, tolerance)


def assert_continues_alike(
    image: Path, model: LlamaCpp, prompt: list[int], tmp_path: Path, tolerance: float
) -> tuple[list[int], np.ndarray]:
    """The same greedy tokens, and log-probabilities of all tokens at every position at most
    `tolerance` deviations of the logits apart. Returns all tokens and their logits."""
    ids = ",".join(map(str, prompt))
    done = run(image, "--device=cpu", "--tokens", ids, "-n", NEW_TOKENS, "--ignore-eos")
    tokens = prompt + json.loads(done.stdout)
    logits = logits_of(image, tokens, tmp_path)
    theirs = log_probabilities(model.logits(tokens))
    assert theirs[len(prompt) - 1 : -1].argmax(axis=1).tolist() == tokens[len(prompt) :]
    assert np.abs(theirs - log_probabilities(logits)).max() < tolerance * logits.std()
    return tokens, logits


@pytest.mark.family("GGUF", "llama.cpp")
@pytest.mark.family("GGUF", "read back")
@pytest.mark.parametrize("name", FAMILIES)
def test_computes_what_families_do(
    exported: Exported, stock: Callable[..., LlamaCpp], tmp_path: Path, name: str
) -> None:
    """And the file is read back to the same model. (Of heads with an odd size, as phi3's are here,
    llama.cpp's second thread turns other elements.)"""
    file = exported(f"{name}-stock", "--dtype=f32")
    model = stock(file.path, threads=1)
    prompt = [7 * i % 250 for i in range(48)]
    tolerance = 1e-2 if name in GELU else 1e-5
    tokens, logits = assert_continues_alike(file.image, model, prompt, tmp_path, tolerance)
    assert prompt_of(file.image, TEXT, tmp_path) == model.tokenize(TEXT, is_prompt=True)
    qz_import(file.path, "-o", tmp_path / "back.mlir")
    again = qz_interpret(tmp_path / "back.mlir", ",".join(map(str, tokens)))
    assert np.abs(again - logits).max() < 1e-4 * logits.std()


def assert_computes_alike(
    folder: Path, change: dict[str, Any], stock: Callable[..., LlamaCpp], tolerance: float
) -> None:
    """A model whose config.json is changed: as llama.cpp does, and read back."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    image, path = folder / "x.bin", folder / "x.gguf"
    qz_import(folder, "-o", folder / "m.mlir")
    qzc(folder / "m.mlir", "--dtype=f32", "--arch=none", f"--gguf={path}", "-o", image)
    tokens = [7 * i % 250 for i in range(110)]
    logits = logits_of(image, tokens, folder)
    theirs = log_probabilities(stock(path, threads=1).logits(tokens))
    assert np.abs(theirs - log_probabilities(logits)).max() < tolerance * logits.std()
    qz_import(path, "-o", folder / "back.mlir")
    again = qz_interpret(folder / "back.mlir", ",".join(map(str, tokens)))
    assert np.abs(again - logits).max() < 1e-5 * logits.std()


@pytest.mark.parametrize("original", [90, 280])
def test_longrope(stock: Callable[..., LlamaCpp], tmp_path: Path, original: int) -> None:
    """Where contexts are longer than the original one, and where not: llama.cpp goes by what a
    context can hold, 256 at least."""
    folder = copy_as_stock("phi3-long", tmp_path / "model")
    change = {"original_max_position_embeddings": original}
    assert_computes_alike(folder, change, stock, 3e-5)


@pytest.mark.parametrize(
    "scaling",
    [
        {"factor": 4.0},
        {"factor": 2.0, "attention_factor": 0.8, "beta_fast": 20.0, "beta_slow": 2.0},
        {"factor": 8.0, "mscale": 0.7, "mscale_all_dim": 1.2},
    ],
)
def test_yarn(stock: Callable[..., LlamaCpp], tmp_path: Path, scaling: dict[str, float]) -> None:
    said = {"rope_type": "yarn", "original_max_position_embeddings": 75, **scaling}
    folder = copy_as_stock("llama-yarn", tmp_path / "model")
    assert_computes_alike(folder, {"rope_scaling": said}, stock, 1e-5)


# Of the layers around an activation.
BEFORE = re.compile(r"\.(dense_h_to_4h|gate_proj|fc1|c_fc)\.(weight|bias)$")
BEHIND = re.compile(r"\.(dense_4h_to_h|down_proj|fc2|mlp\.c_proj)\.weight$")


@pytest.mark.parametrize("name", [*GELU, "gpt2-f32"])
def test_gelu_is_all_that_differs(
    stock: Callable[..., LlamaCpp], tmp_path: Path, name: str
) -> None:
    """Beyond 10 GELU is linear in both: with inputs of thousands what lies below is next to
    nothing, and so is what a table of it is wrong by."""
    folder = tmp_path / "model"
    copy_as_stock(name, folder)
    for path in folder.glob("*.safetensors"):
        tensors = {key: values.astype(np.float32) for key, values in load_file(path).items()}
        for key in tensors:
            scale = 2.0**13 if BEFORE.search(key) else 2.0**-13 if BEHIND.search(key) else 1.0
            tensors[key] = tensors[key] * np.float32(scale)
        save_file(tensors, path)
    qz_import(folder, "-o", tmp_path / "m.mlir")
    image, path = tmp_path / "x.bin", tmp_path / "x.gguf"
    qzc(tmp_path / "m.mlir", "--arch=none", f"--gguf={path}", "-o", image)
    prompt = [7 * i % 250 for i in range(48)]
    assert_continues_alike(image, stock(path, threads=1), prompt, tmp_path, 3e-5)


# Families that llama.cpp lacks, and models that its architectures lack.
OTHERS = ["codegen", "gemma2", "gpt2-f32", "gpt_neo", "gptj", "mistral", "phi3", "smollm3"]


@pytest.mark.family("GGUF", "read back")
@pytest.mark.parametrize("name", OTHERS)
def test_others_are_read_back(exported: Exported, tmp_path: Path, name: str) -> None:
    file = exported(name, "--dtype=f32")
    assert loads(file.path) == (name in ("mistral", "phi3"))
    tokens = [7 * i % 250 for i in range(60)]
    logits = logits_of(file.image, tokens, tmp_path)
    qz_import(file.path, "-o", tmp_path / "back.mlir")
    again = qz_interpret(tmp_path / "back.mlir", ",".join(map(str, tokens)))
    assert np.abs(again - logits).max() < 1e-4 * logits.std()


@pytest.mark.parametrize("scheme", ["q8_0", "q4_0"])
def test_multiplies_quantized_weights(
    exported: Exported,
    stock: Callable[[Path], LlamaCpp],
    tmp_path: Path,
    scheme: str,
) -> None:
    """Activations of 8 bits are all that is between the two."""
    options = (f"--quantize={scheme}", "--components=attn,gate,up,head")
    tokens = [7 * i % 300 for i in range(100)]
    file = exported("llama-f32", *options)
    theirs = stock(file.path).logits(tokens)
    ours = logits_of(file.image, tokens, tmp_path)
    assert (theirs - ours).std() < 0.05 * ours.std()


def test_decodes_iq4_nl(
    exported: Exported, stock: Callable[[Path], LlamaCpp], tmp_path: Path
) -> None:
    """As the gguf package does, which decodes the file to be compiled again."""
    path = exported("llama-f32", "--quantize=nf4", "--components=embed").path
    qz_import(path, "-o", tmp_path / "again.mlir")
    qzc(tmp_path / "again.mlir", "--arch=none", "-o", tmp_path / "again.bin")
    tokens = list(range(0, 320, 5))
    ours = logits_of(tmp_path / "again.bin", tokens, tmp_path)
    assert np.abs(stock(path).logits(tokens) - ours).max() < 1e-5 * ours.std()


def test_stores_the_chat_template(
    exported: Exported,
    stock: Callable[[Path], LlamaCpp],
) -> None:
    settings = json.loads((exported("llama-bf16").folder / "tokenizer_config.json").read_text())
    assert stock(exported("llama-bf16").path).chat_template == settings["chat_template"]
    assert stock(exported("llama-f32").path).chat_template is None


def test_applies_the_chat_template(
    exported: Exported,
    stock: Callable[[Path], LlamaCpp],
    tmp_path: Path,
) -> None:
    file = exported("llama-bf16")
    prompt = prompt_of(file.image, CHAT, tmp_path)
    assert prompt[0] == 1 and stock(file.path).tokenize(CHAT, is_prompt=True) == prompt
    params = xllamacpp.CommonParams()
    params.model.path = str(file.path)
    params.n_ctx = CONTEXT
    params.warmup = False
    answer = xllamacpp.Server(params).handle_chat_completions(
        {"messages": [{"role": "user", "content": MESSAGE}], "max_tokens": 1}
    )
    assert answer["usage"]["prompt_tokens"] == len(prompt)
