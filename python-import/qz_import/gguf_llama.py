"""llama of a GGUF: its config.json and Hugging Face tensor names."""

from __future__ import annotations

from typing import Any

import numpy as np
from gguf import GGUFReader

from qz_import.errors import ImportFailure
from qz_import.gguf_decode import DecodedTensor, row_order_of_rotated_halves
from qz_import.gguf_metadata import Metadata, shortest
from qz_import.gguf_names import NameTable, shape_of
from qz_import.gguf_tokenizer import GgufTokenizer

LLAMA_NAMES = NameTable(
    family="llama",
    outer={
        "token_embd": "model.embed_tokens",
        "output_norm": "model.norm",
        "output": "lm_head",
    },
    block={
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    },
    blocks="model.layers",
)
# Frequency divisors, which belong into config.json as the parameters they come from.
LLAMA_ROPE_FACTORS = "rope_freqs.weight"


def _llama3_scaling(reader: GGUFReader, dim: int, theta: float, where: str) -> dict[str, Any]:
    """config.json's llama3 scaling, found from the divisors that llama.cpp computed from it."""
    stored = next(t for t in reader.tensors if t.name == LLAMA_ROPE_FACTORS)
    divisors = np.asarray(stored.data, dtype=np.float64).reshape(-1)
    scaling = {
        "rope_type": "llama3",
        "factor": shortest(float(divisors.max(initial=1.0))),
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


def llama_config(reader: GGUFReader, meta: Metadata, tokenizer: GgufTokenizer) -> dict[str, Any]:
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
        theta = shortest(meta.number("llama.rope.freq_base"))
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
        "rms_norm_eps": shortest(meta.number("llama.attention.layer_norm_rms_epsilon")),
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
        factor = shortest(meta.number("llama.rope.scaling.factor"))
        config["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    return config


def llama_tensors(reader: GGUFReader, config: dict[str, Any], where: str) -> list[DecodedTensor]:
    tensors = []
    for source in reader.tensors:
        if source.name == LLAMA_ROPE_FACTORS:
            continue
        shape = shape_of(source, where)
        order = None
        if ".attn_q." in source.name:
            order = row_order_of_rotated_halves(shape[0], config["num_attention_heads"])
        elif ".attn_k." in source.name:
            order = row_order_of_rotated_halves(shape[0], config["num_key_value_heads"])
        name = LLAMA_NAMES.hugging_face(source.name, where)
        tensors.append(DecodedTensor(name, source, shape, order))
    return tensors
