"""gpt2 of a GGUF: its config.json and Hugging Face tensor names."""

from __future__ import annotations

from typing import Any

from qz_import.gguf_decode import DecodedTensor
from qz_import.gguf_file import Gguf
from qz_import.gguf_metadata import Metadata, shortest
from qz_import.gguf_names import NameTable, embedding_shape, shape_of
from qz_import.gguf_tokenizer import GgufTokenizer

GPT2_NAMES = NameTable(
    family="gpt2",
    outer={
        "token_embd": "transformer.wte",
        "position_embd": "transformer.wpe",
        "output_norm": "transformer.ln_f",
        "output": "lm_head",
    },
    block={
        "attn_norm": "ln_1",
        "attn_qkv": "attn.c_attn",
        "attn_output": "attn.c_proj",
        "ffn_norm": "ln_2",
        "ffn_up": "mlp.c_fc",
        "ffn_down": "mlp.c_proj",
    },
    blocks="transformer.h",
)
# [out, in] here, [in, out] in Hugging Face's Conv1D.
_CONV1D = ("attn_qkv.weight", "attn_output.weight", "ffn_up.weight", "ffn_down.weight")


def gpt2_config(file: Gguf, meta: Metadata, tokenizer: GgufTokenizer) -> dict[str, Any]:
    shapes = {tensor.name: shape_of(tensor, meta.where) for tensor in file.tensors}
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": meta.integer("gpt2.embedding_length"),
        "n_inner": meta.size("gpt2.feed_forward_length"),
        "n_layer": meta.integer("gpt2.block_count"),
        "n_head": meta.size("gpt2.attention.head_count"),
        "n_positions": meta.integer("gpt2.context_length"),
        "layer_norm_epsilon": shortest(meta.number("gpt2.attention.layer_norm_epsilon")),
        "activation_function": "gelu_new",
        "vocab_size": embedding_shape(shapes, meta.where)[0],
        "tie_word_embeddings": "output.weight" not in shapes,
    }


def gpt2_tensors(file: Gguf, config: dict[str, Any], where: str) -> list[DecodedTensor]:
    tensors = []
    for source in file.tensors:
        name = GPT2_NAMES.hugging_face(source.name, where)
        shape = shape_of(source, where)
        transposed = source.name.endswith(_CONV1D) and len(shape) == 2
        shape = shape[::-1] if transposed else shape
        tensors.append(DecodedTensor(name, source, shape, transposed=transposed))
    return tensors
