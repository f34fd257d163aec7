"""Text models inside models that see or hear: the module is that of the text model on its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from qz_import.cli import main

Imports = Callable[..., str]
Refuses = Callable[..., None]

TEXT: dict[str, Any] = {
    "model_type": "gemma3_text",
    "vocab_size": 20,
    "hidden_size": 12,
    "intermediate_size": 10,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 6,
    "max_position_embeddings": 16,
    "sliding_window": 5,
    "_sliding_window_pattern": 6,
    "bos_token_id": 3,
    "eos_token_id": 4,
}
# What else such a model has, and names that two versions of transformers gave to its parts.
OTHERS = {"vision_tower.head.weight": (3, 2), "multi_modal_projector.norm.weight": (5,)}
PLACES = {
    "language_model.model": "language_model.lm_head",
    "model.language_model": "lm_head",
    "model.text_model": "lm_head",
}
PARAM = re.compile(r'"([^"]+)" @model\[\d+\]')


def write(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture
def shapes(tmp_path: Path, imports: Imports) -> dict[str, tuple[int, ...]]:
    """The tensors of the text model with a head of its own, as it is on its own."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TEXT | {"tie_word_embeddings": False}))
    text = imports(folder, tmp_path / "bare.mlir")
    found = re.findall(r'qz\.param "([^"]+)".* : tensor<([0-9x]+)xf32>', text)
    return {name: tuple(map(int, shape.split("x"))) for name, shape in found}


def bare(text: str) -> str:
    """A module without what tells files and places in them apart."""
    text = re.sub(r"qz\.file .*", "", PARAM.sub(r'"\1" @model', text))
    return re.sub(r"qz\.model @\w+", "", text)


@pytest.mark.parametrize("prefix", PLACES)
@pytest.mark.parametrize("is_tied", [False, True])
def test_the_text_model_is_imported(
    tmp_path: Path,
    imports: Imports,
    shapes: dict[str, tuple[int, ...]],
    capsys: pytest.CaptureFixture[str],
    prefix: str,
    is_tied: bool,
) -> None:
    if is_tied:
        del shapes["lm_head.weight"]
    alone = TEXT | {"tie_word_embeddings": is_tied, "eos_token_id": [4, 5]}
    want = imports(write(tmp_path / "alone", alone, shapes), tmp_path / "alone.mlir")

    def placed(name: str) -> str:
        inside = re.sub(r"^model\.", f"{prefix}.", name)
        return re.sub(r"^lm_head\.", f"{PLACES[prefix]}.", inside)

    # Where both say it, the wrapper's word counts.
    outer = {
        "model_type": "gemma3",
        "text_config": TEXT | {"tie_word_embeddings": not is_tied},
        "vision_config": {"hidden_size": 2},
        "mm_tokens_per_image": 256,
        "tie_word_embeddings": is_tied,
        "eos_token_id": [4, 5],
    }
    names = {placed(name): shape for name, shape in shapes.items()} | OTHERS
    main([str(write(tmp_path / "hf", outer, names)), "-o", str(tmp_path / "m.mlir")])
    said, got = capsys.readouterr().err, (tmp_path / "m.mlir").read_text()
    renamed = PARAM.sub(lambda found: found[0].replace(found[1], placed(found[1])), want)
    assert bare(got) == bare(renamed)
    assert "of this gemma3 the text model alone is imported, a gemma3_text; 2 tensors" in said
    assert "warning" not in said


def test_defaults_and_no_weights(tmp_path: Path, imports: Imports) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    inner = {"model_type": "mistral", "num_hidden_layers": 1}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "mistral3", "text_config": inner, "dtype": "bfloat16"})
    )
    text = imports(folder, tmp_path / "m.mlir")
    assert (
        'family = "mistral"' in text
        and 'qz.param "lm_head.weight" : tensor<32000x4096xbf16>' in text
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "gemma3"}, ("text_config is missing",)),
        ({"model_type": "gemma3", "text_config": []}, ("text_config is []",)),
        ({"model_type": "llava", "text_config": {}}, ("text_config", "missing key 'model_type'")),
        (
            {"model_type": "llava", "text_config": {"model_type": "t5"}},
            ("text_config", "'t5' is unknown"),
        ),
        # Its prompts are not causal.
        ({"model_type": "paligemma", "text_config": TEXT}, ("'paligemma' is unknown",)),
    ],
)
def test_unusable_wrappers(
    tmp_path: Path, refuses: Refuses, config: dict[str, Any], words: tuple[str, ...]
) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    refuses([folder, "-o", tmp_path / "m.mlir"], "config.json", *words)
