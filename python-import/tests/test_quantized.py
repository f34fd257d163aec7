"""Checkpoints that another tool has quantized are refused by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CONFIG, weights, write_folder

Refuses = Callable[..., None]
QUERY = "model.layers.0.self_attn.q_proj"
CODES = np.zeros((72, 1), np.uint8)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"load_in_4bit": True}, "bitsandbytes"),
        ({"quant_algo": "FP8"}, "FP8"),
        ({"quant_method": ["x"]}, "['x']"),
        ("awq", "'awq'"),
    ],
)
def test_what_config_json_says(tmp_path: Path, refuses: Refuses, settings: Any, name: str) -> None:
    config = CONFIG | {"quantization_config": settings}
    codes = {f"{QUERY}.weight": CODES, f"{QUERY}.weight.absmax": np.zeros(3, np.float32)}
    folder = write_folder(tmp_path / "hf", config, weights() | codes)
    words = (str(folder), f"quantized already, by {name} (quantization_config)", "--quantize")
    refuses([folder, "-o", tmp_path / "m.mlir"], *words)
    # Weights that would be quantized as they are loaded.
    folder = write_folder(tmp_path / "plain", config)
    words = ("config.json", "quantization_config", name, "remove it")
    refuses([folder, "-o", tmp_path / "m.mlir"], *words)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"compression_config": settings}))
    refuses([folder, "-o", tmp_path / "m.mlir"], "compression_config", name)


@pytest.mark.parametrize(
    ("tensor", "tool"),
    [
        ("weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("SCB", "bitsandbytes"),
        ("g_idx", "gptq"),
        ("qweight", "gptq or awq"),
        ("weight_packed", "compressed-tensors"),
        ("weight_scale_inv", "fp8"),
        ("W_q", "hqq"),
    ],
)
def test_what_names_say(tmp_path: Path, refuses: Refuses, tensor: str, tool: str) -> None:
    tensors = weights() | {f"{QUERY}.{tensor}": CODES}
    del tensors[f"{QUERY}.weight"]
    folder = write_folder(tmp_path / "hf", tensors=tensors)
    refuses([folder, "-o", tmp_path / "m.mlir"], f"by {tool}, as their names say")
