"""llama of a GGUF: its config.json and Hugging Face tensor names."""

from __future__ import annotations

from typing import Any

import numpy as np
from gguf import GGMLQuantizationType

from qz_import.errors import ImportFailure
from qz_import.gguf_decode import DecodedTensor, row_order_of_rotated_halves
from qz_import.gguf_file import Gguf
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


def _llama3_scaling(file: Gguf, meta: Metadata, dim: int, theta: float) -> dict[str, Any]:
    """config.json's llama3 scaling, found from the divisors that llama.cpp computed from it.

    They do not tell all of it: the rest is Llama 3's own, unless qzc wrote the file and said more.
    """
    stored = next(t for t in file.tensors if t.name == LLAMA_ROPE_FACTORS)
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


def _scaling(file: Gguf, meta: Metadata, dim: int, theta: float) -> dict[str, Any] | None:
    """config.json's rope_scaling. llama.cpp takes a factor without a type for a linear one, and
    divides by rope_freqs whatever the type."""
    kind = meta.optional_text("llama.rope.scaling.type") or "linear"
    if kind not in ("none", "linear"):
        raise ImportFailure(f"{meta.where}: llama.rope.scaling.type {kind!r} is unknown")
    factor = 0.0
    # The second is what older files call it.
    for key in ("llama.rope.scale_linear", "llama.rope.scaling.factor"):
        factor = shortest(meta.number(key)) if meta.has(key) else factor
    meta.has("llama.rope.scaling.original_context_length")  # of the types that are refused
    is_scaled = kind == "linear" and factor not in (0.0, 1.0)
    if any(tensor.name == LLAMA_ROPE_FACTORS for tensor in file.tensors):
        if is_scaled:
            raise ImportFailure(
                f"{meta.where}: {LLAMA_ROPE_FACTORS} and llama.rope.scaling.factor {factor} "
                "together are not supported"
            )
        with np.errstate(all="ignore"):  # what is not finite is no match either
            return _llama3_scaling(file, meta, dim, theta)
    return {"rope_type": "linear", "factor": factor} if is_scaled else None


def llama_config(file: Gguf, meta: Metadata, tokenizer: GgufTokenizer) -> dict[str, Any]:
    heads = meta.size("llama.attention.head_count")
    hidden = meta.integer("llama.embedding_length")
    if heads <= 0:
        raise ImportFailure(f"{meta.where}: llama.attention.head_count is {heads}")
    head_dim = meta.optional_integer("llama.attention.key_length") or hidden // heads
    for key in ("llama.rope.dimension_count", "llama.attention.value_length"):
        if (meta.optional_integer(key) or head_dim) != head_dim:
            raise ImportFailure(
                f"{meta.where}: {key} {meta.integer(key)} is not the head size {head_dim}"
            )
    names = {tensor.name for tensor in file.tensors}
    theta = 10000.0
    if meta.has("llama.rope.freq_base"):
        theta = shortest(meta.number("llama.rope.freq_base"))
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": meta.size("llama.feed_forward_length"),
        "num_hidden_layers": meta.integer("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": meta.optional_size("llama.attention.head_count_kv") or heads,
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
    scaling = _scaling(file, meta, head_dim, theta)
    return config if scaling is None else config | {"rope_scaling": scaling}


def llama_tensors(file: Gguf, config: dict[str, Any], where: str) -> list[DecodedTensor]:
    tensors = []
    for source in file.tensors:
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
