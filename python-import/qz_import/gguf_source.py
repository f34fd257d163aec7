"""Turns a GGUF into a Hugging Face folder: config.json, tokenizer.json, model.safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader

from qz_import.errors import ImportFailure
from qz_import.files import write_json
from qz_import.gguf_decode import (
    DecodedTensor,
    open_gguf,
    row_order_of_rotated_halves,
    write_decoded,
)
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_tokenizer import GgufTokenizer

TORCH_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}

# GGUF name of a tensor inside and outside of blocks → its Hugging Face name.
LLAMA_BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
LLAMA_OUTER_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
# Frequency divisors, which belong into config.json as the parameters they come from.
LLAMA_ROPE_FACTORS = "rope_freqs.weight"


def _shortest(value: float) -> float:
    """The shortest decimal of a value that the GGUF stores as f32: 1e-05, not 9.99999974e-06."""
    return float(str(np.float32(value)))


def _llama3_scaling(reader: GGUFReader, dim: int, theta: float, where: str) -> dict[str, Any]:
    """config.json's llama3 scaling, found from the divisors that llama.cpp computed from it."""
    stored = next(t for t in reader.tensors if t.name == LLAMA_ROPE_FACTORS)
    divisors = np.asarray(stored.data, dtype=np.float64).reshape(-1)
    scaling = {
        "rope_type": "llama3",
        "factor": _shortest(float(divisors.max(initial=1.0))),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    wavelengths = 2 * np.pi * np.power(theta, np.arange(0, dim, 2) / dim)
    low, high = 8192 / scaling["low_freq_factor"], 8192 / scaling["high_freq_factor"]
    smooth = (8192 / wavelengths - 1.0) / (4.0 - 1.0)
    between = 1 / ((1 - smooth) / scaling["factor"] + smooth)
    expected = np.where(wavelengths > low, scaling["factor"], between)
    expected = np.where(wavelengths < high, 1.0, expected)
    if divisors.shape != expected.shape or not np.allclose(divisors, expected, rtol=1e-4):
        raise ImportFailure(f"{where}: {LLAMA_ROPE_FACTORS} is not Llama 3's rope scaling")
    return scaling


def _llama_config(reader: GGUFReader, meta: Metadata, tokenizer: GgufTokenizer) -> dict[str, Any]:
    if meta.has("llama.expert_count") and meta.integer("llama.expert_count") > 0:
        raise ImportFailure(f"{meta.where}: mixtures of experts (llama.expert_count) are unknown")
    heads = meta.integer("llama.attention.head_count")
    hidden = meta.integer("llama.embedding_length")
    if heads <= 0:
        raise ImportFailure(f"{meta.where}: llama.attention.head_count is {heads}")
    head_dim = meta.optional_integer("llama.attention.key_length") or hidden // heads
    rope_dim = meta.optional_integer("llama.rope.dimension_count") or head_dim
    if rope_dim != head_dim:
        raise ImportFailure(
            f"{meta.where}: llama.rope.dimension_count {rope_dim} is not the head size {head_dim}"
        )
    names = {tensor.name for tensor in reader.tensors}
    theta = 10000.0
    if meta.has("llama.rope.freq_base"):
        theta = _shortest(meta.number("llama.rope.freq_base"))
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": meta.integer("llama.feed_forward_length"),
        "num_hidden_layers": meta.integer("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": meta.optional_integer("llama.attention.head_count_kv") or heads,
        "head_dim": head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": _shortest(meta.number("llama.attention.layer_norm_rms_epsilon")),
        "vocab_size": len(tokenizer.tokens),
        "max_position_embeddings": meta.integer("llama.context_length"),
        "rope_theta": theta,
        "tie_word_embeddings": "output.weight" not in names,
        "attention_bias": "blk.0.attn_q.bias" in names,
        "mlp_bias": "blk.0.ffn_up.bias" in names,
    }
    if LLAMA_ROPE_FACTORS in names:
        with np.errstate(all="ignore"):  # what is not finite is no match either
            config["rope_scaling"] = _llama3_scaling(reader, head_dim, theta, meta.where)
    elif meta.optional_text("llama.rope.scaling.type") not in (None, "none"):
        kind = meta.text("llama.rope.scaling.type")
        if kind != "linear":
            raise ImportFailure(f"{meta.where}: llama.rope.scaling.type {kind!r} is unknown")
        factor = _shortest(meta.number("llama.rope.scaling.factor"))
        config["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    return config


def _llama_tensor_name(name: str, where: str) -> str:
    parts = name.split(".")
    if len(parts) == 2 and parts[0] in LLAMA_OUTER_NAMES:
        return f"{LLAMA_OUTER_NAMES[parts[0]]}.{parts[1]}"
    if len(parts) == 4 and parts[0] == "blk" and parts[2] in LLAMA_BLOCK_NAMES:
        return f"model.layers.{parts[1]}.{LLAMA_BLOCK_NAMES[parts[2]]}.{parts[3]}"
    raise ImportFailure(f"{where}: tensor {name!r} has no place in a llama model")


def _llama_tensors(reader: GGUFReader, config: dict[str, Any], where: str) -> list[DecodedTensor]:
    tensors = []
    for source in reader.tensors:
        if source.name == LLAMA_ROPE_FACTORS:
            continue
        shape = tuple(int(size) for size in reversed(source.shape.tolist()))
        if not shape or 0 in shape:
            raise ImportFailure(f"{where}: tensor {source.name!r} is empty: shape {list(shape)}")
        order = None
        if ".attn_q." in source.name:
            order = row_order_of_rotated_halves(shape[0], config["num_attention_heads"])
        elif ".attn_k." in source.name:
            order = row_order_of_rotated_halves(shape[0], config["num_key_value_heads"])
        name = _llama_tensor_name(source.name, where)
        tensors.append(DecodedTensor(name, source, shape, order))
    return tensors


Architecture = tuple[
    Callable[[GGUFReader, Metadata, GgufTokenizer], dict[str, Any]],
    Callable[[GGUFReader, dict[str, Any], str], list[DecodedTensor]],
]
ARCHITECTURES: dict[str, Architecture] = {"llama": (_llama_config, _llama_tensors)}


def _generation_config(tokenizer: GgufTokenizer) -> dict[str, Any]:
    ends = [tokenizer.eos_id, tokenizer.end_of_turn_id]
    eos = list(dict.fromkeys(end for end in ends if end is not None))
    values = {"bos_token_id": tokenizer.bos_id, "eos_token_id": eos or None}
    return {key: value for key, value in values.items() if value is not None}


def decode_gguf(path: Path, folder: Path, dtype: str) -> None:
    """Writes the model into an existing folder, as Hugging Face would have it there."""
    reader = open_gguf(path)
    meta = Metadata(reader, str(path))
    architecture = meta.text("general.architecture")
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ImportFailure(
            f"{path}: general.architecture is {architecture!r}, which is unknown (known: {known})"
        )
    make_config, make_tensors = ARCHITECTURES[architecture]
    tokenizer = GgufTokenizer(meta)
    config = make_config(reader, meta, tokenizer)
    generation = _generation_config(tokenizer)
    tensors = make_tensors(reader, config, str(path))
    documents = {
        "config.json": {**config, **generation, "torch_dtype": TORCH_DTYPES[dtype]},
        "generation_config.json": generation,
        "tokenizer.json": tokenizer.tokenizer_json(),
        "tokenizer_config.json": tokenizer.tokenizer_config_json(),
    }
    write_decoded(folder / "model.safetensors", tensors, dtype)
    for name, document in documents.items():
        write_json(folder / name, document)
