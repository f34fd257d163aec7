"""The same weights under other names and in other files make the same model."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CONFIG
from safetensors.numpy import save_file
from test_families import GPT2_SMALL, OPT_SMALL, parameters, write_config
from torch_files import write_torch

Imports = Callable[..., str]
Refuses = Callable[..., None]
Tensors = dict[str, np.ndarray]

HEAD = "lm_head.weight"
# The tied configuration, what a base model's checkpoint does without, and the embedding.
FAMILIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "llama": (CONFIG, "model.", "model.embed_tokens.weight"),
    "gpt2": (GPT2_SMALL, "transformer.", "transformer.wte.weight"),
    "opt": (OPT_SMALL, "model.", "model.decoder.embed_tokens.weight"),
}
PARAM = re.compile(r'qz\.param "[^"]+" @(\w+)\[(\d+)\](.*)')
FILE = re.compile(r'  qz\.file @(\w+) "([^"]+)".*\n')


def meaning(module: Path) -> str:
    """The module's text with the weights themselves in place of their names and places."""
    text = module.read_text()
    files = {symbol: (module.parent / name).read_bytes() for symbol, name in FILE.findall(text)}

    def contents(match: re.Match[str]) -> str:
        symbol, offset, rest = match.groups()
        # The first type is that of the tensor in the file.
        shape = re.findall(r"tensor<([0-9x]+)xf32>", rest)[0]
        size = 4 * math.prod(int(extent) for extent in shape.split("x"))
        raw = files[symbol][int(offset) : int(offset) + size]
        return f"{hashlib.sha256(raw).hexdigest()}{rest}"

    return PARAM.sub(contents, FILE.sub("", text))


@pytest.fixture
def tensors(tmp_path: Path, imports: Imports) -> Callable[[dict[str, Any]], Tensors]:
    """Random weights of a configuration, under the names that transformers gives them."""

    def make(config: dict[str, Any]) -> Tensors:
        folder = write_config(tmp_path / "bare", config)
        shapes = parameters(imports(folder, tmp_path / "bare.mlir"))
        numbers = np.random.default_rng(3)
        return {k: numbers.normal(0, 1, shape).astype(np.float32) for k, shape in shapes.items()}

    return make


def sharded(folder: Path, tensors: Tensors) -> None:
    """Two shards, of which the index knows little more than the names."""
    items = list(tensors.items())
    save_file(dict(items[::2]), folder / "a.safetensors")
    save_file(dict(items[1::2]), folder / "b.safetensors")
    weight_map = {items[0][0]: "a.safetensors", "not there": "b.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def layouts(tensors: Tensors, base: str, embedding: str) -> dict[str, Tensors]:
    """Weights of a tied model under names that transformers takes."""
    bare = {name.removeprefix(base): tensor for name, tensor in tensors.items()}
    rest = {name: tensor for name, tensor in tensors.items() if name != embedding}
    bare_rest = {name.removeprefix(base): tensor for name, tensor in rest.items()}
    head = tensors[embedding]
    return {
        "base": bare,
        "mixed": dict(list(tensors.items())[:3]) | dict(list(bare.items())[3:]),
        "both": tensors | {HEAD: head},
        "head alone": rest | {HEAD: head},
        "base and head": bare | {HEAD: head},
        "base, head alone": bare_rest | {HEAD: head},
        "head in the base": rest | {base + HEAD: head},
    }


@pytest.mark.parametrize("name", FAMILIES)
def test_names(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    imports: Imports,
    tensors: Callable[[dict[str, Any]], Tensors],
    name: str,
) -> None:
    config, base, embedding = FAMILIES[name]
    usual = tensors(config)
    folder = write_config(tmp_path / "hf", config)
    module = tmp_path / "m.mlir"
    save_file(usual, folder / "model.safetensors")
    imports(folder, module)
    expected = meaning(module)
    capsys.readouterr()
    for layout, renamed in layouts(usual, base, embedding).items():
        save_file(renamed, folder / "model.safetensors")
        imports(folder, module)
        assert meaning(module) == expected, layout
        assert "tensors" not in capsys.readouterr().err, layout


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    "write", [sharded, lambda folder, tensors: write_torch(folder / "pytorch_model.bin", tensors)]
)
def test_files(
    tmp_path: Path,
    imports: Imports,
    tensors: Callable[[dict[str, Any]], Tensors],
    name: str,
    write: Callable[[Path, Tensors], None],
) -> None:
    config, base, embedding = FAMILIES[name]
    usual = tensors(config)
    texts = []
    for number, layout in enumerate((usual, layouts(usual, base, embedding)["base, head alone"])):
        folder = write_config(tmp_path / f"hf{number}", config)
        write(folder, layout)
        imports(folder, tmp_path / "m.mlir")
        texts.append(meaning(tmp_path / "m.mlir"))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", FAMILIES)
def test_an_untied_head_is_another_weight(
    tmp_path: Path, imports: Imports, tensors: Callable[[dict[str, Any]], Tensors], name: str
) -> None:
    config, _, embedding = FAMILIES[name]
    usual = tensors(config)
    folder = write_config(tmp_path / "hf", config | {"tie_word_embeddings": False})
    save_file(usual | {HEAD: usual[embedding] + 1}, folder / "model.safetensors")
    text = imports(folder, tmp_path / "m.mlir")
    assert text.count(f'"{HEAD}"') == 1 and text.count(f'"{embedding}"') == 1


@pytest.mark.parametrize("name", FAMILIES)
def test_a_tied_head_of_its_own(
    tmp_path: Path,
    refuses: Refuses,
    tensors: Callable[[dict[str, Any]], Tensors],
    name: str,
) -> None:
    config, _, embedding = FAMILIES[name]
    usual = tensors(config)
    folder = write_config(tmp_path / "hf", config)
    save_file(usual | {HEAD: usual[embedding] + 1}, folder / "model.safetensors")
    words = (repr(HEAD), repr(embedding), "tie_word_embeddings")
    refuses([folder, "-o", tmp_path / "n.mlir"], *words)


def test_masks_of_old_checkpoints(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    imports: Imports,
    tensors: Callable[[dict[str, Any]], Tensors],
) -> None:
    folder = write_config(tmp_path / "hf", GPT2_SMALL)
    masks = {
        "transformer.h.0.attn.bias": np.ones((1, 1, 4, 4), np.float32),
        "transformer.h.0.attn.masked_bias": np.ones(1, np.float32),
    }
    save_file(tensors(GPT2_SMALL) | masks, folder / "model.safetensors")
    capsys.readouterr()
    imports(folder, tmp_path / "m.mlir")
    assert "not used" not in capsys.readouterr().err
