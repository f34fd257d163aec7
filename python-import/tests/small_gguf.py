"""A small llama as a GGUF that the gguf package writes, for tests to alter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from conftest import HEAD_DIM, HEADS, HIDDEN, INTERMEDIATE, KV_HEADS, weights
from stock_gguf import permuted
from tokenizers.pre_tokenizers import ByteLevel

SPECIAL = ["<|end|>", "<|start|>", "<|stop|>"]
ALPHABET = sorted(ByteLevel.alphabet())
MERGES = ["h e", "Ġ t", "Ġt he", "1 2", "l l", "he ll", "hell o"]
TOKENS = [*SPECIAL, *ALPHABET, *("".join(m.split()) for m in MERGES), "<tool>"]
NAMES = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 4)


def gguf_name(name: str) -> str:
    found = NAMES.get_name(name, try_suffixes=(".weight", ".bias"))
    assert found, name
    return found


def model_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    tensors = weights()
    tensors["model.embed_tokens.weight"] = random.normal(0, 1, (len(TOKENS), HIDDEN)).astype("f4")
    return tensors


class Writer:
    """A small llama as a GGUF; what a test wants different it changes before `write`."""

    def __init__(self) -> None:
        self.architecture = "llama"
        self.tensors = model_weights()
        self.quantized: dict[str, gguf.GGMLQuantizationType] = {}
        self.extra: dict[str, np.ndarray] = {}
        # Of gguf.GGUFWriter: how to split, in which byte order.
        self.how: dict[str, Any] = {}
        self.values: dict[str, Any] = {
            "llama.block_count": 2,
            "llama.context_length": 64,
            "llama.embedding_length": HIDDEN,
            "llama.feed_forward_length": INTERMEDIATE,
            "llama.attention.head_count": HEADS,
            "llama.attention.head_count_kv": KV_HEADS,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.freq_base": 100000.0,
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "smollm",
            "tokenizer.ggml.tokens": TOKENS,
            "tokenizer.ggml.token_type": [3] * 3 + [1] * (len(TOKENS) - 4) + [4],
            "tokenizer.ggml.merges": MERGES,
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
        }

    def write(self, path: Path) -> Path:
        writer = gguf.GGUFWriter(path, self.architecture, **self.how)
        for key, value in self.values.items():
            if isinstance(value, bool):
                writer.add_bool(key, value)
            elif isinstance(value, np.float64):
                writer.add_float64(key, value)
            elif isinstance(value, np.uint64):
                writer.add_uint64(key, int(value))
            elif isinstance(value, int):
                writer.add_uint32(key, value)
            elif isinstance(value, float):
                writer.add_float32(key, value)
            elif isinstance(value, str):
                writer.add_string(key, value)
            else:
                writer.add_array(key, value)
        for name, values in self.tensors.items():
            if ".q_proj." in name:
                values = permuted(values, self.values["llama.attention.head_count"])
            elif ".k_proj." in name:
                values = permuted(values, self.values["llama.attention.head_count_kv"])
            kind = self.quantized.get(name)
            if kind is None:
                writer.add_tensor(gguf_name(name), values)
            else:
                raw = gguf.quants.quantize(values, kind)
                writer.add_tensor(gguf_name(name), raw, raw_dtype=kind)
        for name, values in self.extra.items():
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


def wide(model: Writer) -> None:
    """Makes the model wide enough for ggml's blocks of 32."""
    random = np.random.default_rng(11)
    model.values |= {"llama.embedding_length": 192, "llama.feed_forward_length": 64}
    sizes = {HIDDEN: 192, INTERMEDIATE: 64, KV_HEADS * HEAD_DIM: 64}
    for name, values in model.tensors.items():
        shape = [sizes.get(size, size) for size in values.shape]
        model.tensors[name] = random.normal(0, 0.1, shape).astype(np.float32)
