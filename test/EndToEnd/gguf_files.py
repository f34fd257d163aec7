"""GGUF files as the tests see them: decoded by the gguf package, under Hugging Face names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gguf
import numpy as np

# OPT is no architecture of the package: its names follow from those of others.
OPT_NAMES = {
    "embed_tokens": "token_embd",
    "embed_positions": "position_embd",
    "project_in": "token_embd_proj",
    "project_out": "output_proj",
    "final_layer_norm": "output_norm",
    "lm_head": "output",
}
OPT_BLOCK_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_output",
    "fc1": "ffn_up",
    "fc2": "ffn_down",
}
# Before attention and feed-forward, or, as BERT's, of the sums.
OPT_NORM_NAMES = {
    True: {"self_attn_layer_norm": "attn_norm", "final_layer_norm": "ffn_norm"},
    False: {
        "self_attn_layer_norm": "attn_output_norm",
        "final_layer_norm": "layer_output_norm",
    },
}


def opt_name(hugging_face: str, norms_come_first: bool) -> str:
    stem, kind = hugging_face.rsplit(".", 1)
    if match := re.search(r"layers\.(\d+)\.(.*)", stem):
        names = OPT_BLOCK_NAMES | OPT_NORM_NAMES[norms_come_first]
        return f"blk.{match[1]}.{names[match[2]]}.{kind}"
    return f"{OPT_NAMES[stem.rsplit('.', 1)[-1]]}.{kind}"


@dataclass(frozen=True)
class GgufFile:
    """A file that qzc wrote together with the executable `image`, of the model in `folder`."""

    path: Path
    image: Path
    folder: Path

    @cached_property
    def reader(self) -> gguf.GGUFReader:
        return gguf.GGUFReader(self.path)

    @cached_property
    def config(self) -> dict[str, Any]:
        return json.loads((self.folder / "config.json").read_text())

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
        if architecture == "opt":
            return opt_name(hugging_face, self.config["do_layer_norm_before"])
        number = next(n for n, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
        names = gguf.get_tensor_name_map(number, self.metadata[f"{architecture}.block_count"])
        found = names.get_name(hugging_face, try_suffixes=(".weight", ".bias"))
        assert found, f"{hugging_face} has no name in {architecture}"
        return found

    def arranged(self, hugging_face: str, values: np.ndarray) -> np.ndarray:
        """A tensor of the checkpoint with its rows as llama.cpp has them."""
        if self.config["model_type"] == "gpt2" and re.search(r"\.c_\w+\.weight$", hugging_face):
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
