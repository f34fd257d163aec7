"""llama of a GGUF: its config.json and Hugging Face tensor names."""

from __future__ import annotations

from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader

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


def _llama3_scaling(reader: GGUFReader, meta: Metadata, dim: int, theta: float) -> dict[str, Any]:
    """config.json's llama3 scaling, found from the divisors that llama.cpp computed from it.

    They do not tell all of it: the rest is Llama 3's own, unless qzc wrote the file and said more.
    """
    stored = next(t for t in reader.tensors if t.name == LLAMA_ROPE_FACTORS)
    if stored.tensor_type != GGMLQuantizationType.F32 or stored.n_elements != dim // 2:
        raise ImportFailure(
            f"{meta.where}: {LLAMA_ROPE_FACTORS} is not {dim // 2} values of F32, one for each "
            f"pair of a head's {dim} elements"
        )
    divisors = np.asarray(stored.data, dtype=np.float64).reshape(-1)

    def said(key: str, otherwise: float) -> float:
        name = f"qzc.rope.{key}"
        return meta.positive(name) if meta.has(name) else otherwise

    factor = said("factor", shortest(float(divisors.max(initial=1.0))))
    low, high = said("low_freq_factor", 1.0), said("high_freq_factor", 4.0)
    context = int(said("original_context", 8192))
    wavelengths = 2 * np.pi * np.power(theta, 2 * np.arange(dim // 2) / dim)
    smooth = (context / wavelengths - low) / (high - low)
    expected = 1 / ((1 - smooth) / factor + smooth)
    expected = np.where(wavelengths > context / low, factor, expected)
    expected = np.where(wavelengths < context / high, 1.0, expected)
    if not np.allclose(divisors, expected, rtol=1e-4):
        raise ImportFailure(f"{meta.where}: {LLAMA_ROPE_FACTORS} is not Llama 3's rope scaling")
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_max_position_embeddings": context,
    }


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
            config["rope_scaling"] = _llama3_scaling(reader, meta, head_dim, theta)
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
