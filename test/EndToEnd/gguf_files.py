"""GGUF files as the tests see them: decoded by the gguf package, under Hugging Face names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gguf
import numpy as np


@dataclass(frozen=True)
class GgufFile:
    """A file that qzc wrote from the model in the folder `source`."""

    path: Path
    source: Path

    @cached_property
    def reader(self) -> gguf.GGUFReader:
        return gguf.GGUFReader(self.path)

    @cached_property
    def config(self) -> dict[str, Any]:
        return json.loads((self.source / "config.json").read_text())

    @cached_property
    def metadata(self) -> dict[str, Any]:
        return {name: field.contents() for name, field in self.reader.fields.items()}

    @cached_property
    def types(self) -> dict[str, str]:
        return {t.name: gguf.GGMLQuantizationType(t.tensor_type).name for t in self.reader.tensors}

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Decoded tensors by their names in the file."""
        return {
            tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(
                tuple(reversed(tensor.shape.tolist()))
            )
            for tensor in self.reader.tensors
        }

    def name_of(self, hugging_face: str) -> str:
        """What llama.cpp calls a tensor of a Hugging Face checkpoint."""
        architecture = self.metadata["general.architecture"]
        number = next(n for n, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
        names = gguf.get_tensor_name_map(number, self.metadata[f"{architecture}.block_count"])
        found = names.get_name(hugging_face, try_suffixes=(".weight", ".bias"))
        assert found, f"{hugging_face} has no name in {architecture}"
        return found

    def arranged(self, hugging_face: str, values: np.ndarray) -> np.ndarray:
        """A tensor of the checkpoint with its rows as llama.cpp has them."""
        if self.config["model_type"] == "gpt2" and ".c_" in hugging_face:
            return np.ascontiguousarray(values.T)
        if self.config["model_type"] != "llama":
            return values
        heads = self.config["num_attention_heads"]
        if ".k_proj." in hugging_face:
            heads = self.config["num_key_value_heads"]
        elif ".q_proj." not in hugging_face:
            return values
        # Rows i and i + half of a head become 2i and 2i + 1.
        halves = values.reshape(heads, 2, -1, *values.shape[1:])
        return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))
