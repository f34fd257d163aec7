"""Fixture models as llama.cpp's architectures can have them: what a fixture has that an
architecture lacks is changed in its config.json. Used by the tests of qz-import and end to end."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - numpy learns bfloat16 from it
from safetensors.numpy import load_file, save_file

MODELS = Path(__file__).parent / "models"
# general.architecture of each family that llama.cpp knows.
ARCHITECTURES = {
    "bloom": "bloom",
    "cohere": "command-r",
    "falcon": "falcon",
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3_text": "gemma3",
    "gpt2": "gpt2",
    "gpt_neox": "gptneox",
    "granite": "granite",
    "llama": "llama",
    "mistral": "llama",
    "olmo": "olmo",
    "olmo2": "olmo2",
    "phi": "phi2",
    "phi3": "phi3",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "smollm3": "smollm3",
    "stablelm": "stablelm",
    "starcoder2": "starcoder2",
}
CHANGES: dict[str, dict[str, Any]] = {
    "falcon-groups": {"bias": False},
    "gemma": {"hidden_act": "gelu_pytorch_tanh"},
    "gpt2-f32": {"scale_attn_by_inverse_layer_idx": False},
    "mistral": {"sliding_window": None},
    "olmo2": {"tie_word_embeddings": False},
    "phi3": {"sliding_window": None},
    "qwen2": {"use_sliding_window": False},
    "smollm3": {
        "no_rope_layers": [1, 1, 1],
        "use_sliding_window": False,
        "sliding_window": None,
    },
    "stablelm": {"tie_word_embeddings": False},
    "starcoder2": {"sliding_window": None},
}
# Those without biases where the architecture has some, with norms of heads, with other rotary
# frequencies.
LACKING = ("gpt_neox-turns", "llama-dynamic", "phi-norms")
FALCON_BIAS = re.compile(r"(query_key_value|dense\w*)\.bias$")


def config_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


STOCK_NAMES = sorted(
    folder.name
    for folder in MODELS.iterdir()
    if (folder / "config.json").exists()
    and config_of(folder)["model_type"] in ARCHITECTURES
    and folder.name not in LACKING
)


def copy_as_stock(name: str, folder: Path) -> Path:
    """Copies a fixture model to a new folder, changed so that llama.cpp can have it."""
    shutil.copytree(MODELS / name, folder)
    changes = CHANGES.get(name, {})
    if "query_pre_attn_scalar" in config_of(folder):
        changes = {**changes, "query_pre_attn_scalar": config_of(folder)["head_dim"]}
    (folder / "config.json").write_text(json.dumps(config_of(folder) | changes))
    path = folder / "model.safetensors"
    if "tie_word_embeddings" in changes:
        tensors = load_file(path)
        embeddings = next(values for key, values in tensors.items() if "embed_tokens" in key)
        save_file({**tensors, "lm_head.weight": embeddings.copy()}, path)
    if "bias" in changes:
        tensors = load_file(path)
        save_file({k: v for k, v in tensors.items() if not FALCON_BIAS.search(k)}, path)
    return folder
