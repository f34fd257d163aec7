"""opt of a GGUF, which stock llama.cpp lacks: its config.json and Hugging Face tensor names.

The names are in the style of llama.cpp's. Metadata beside what every architecture has:
opt.do_layer_norm_before (norms before attention and feed-forward, or after the additions) and
opt.activation_function (config.json's name, relu where it is missing). The position table has two
rows more than opt.context_length.
"""

from __future__ import annotations

from typing import Any

from qz_import.errors import ImportFailure
from qz_import.gguf_decode import DecodedTensor
from qz_import.gguf_file import Gguf
from qz_import.gguf_metadata import Metadata, shortest
from qz_import.gguf_names import NameTable, embedding_shape, shape_of
from qz_import.gguf_tokenizer import GgufTokenizer

OPT_NAMES = NameTable(
    family="opt",
    outer={
        "token_embd": "model.decoder.embed_tokens",
        "position_embd": "model.decoder.embed_positions",
        "token_embd_proj": "model.decoder.project_in",
        "output_proj": "model.decoder.project_out",
        "output_norm": "model.decoder.final_layer_norm",
        "output": "lm_head",
    },
    block={
        "attn_norm": "self_attn_layer_norm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.out_proj",
        "ffn_norm": "final_layer_norm",
        "ffn_up": "fc1",
        "ffn_down": "fc2",
    },
    blocks="model.decoder.layers",
)
# torch.nn.LayerNorm's, which no checkpoint of this family changes.
EPS = 1e-5


def opt_config(file: Gguf, meta: Metadata, tokenizer: GgufTokenizer) -> dict[str, Any]:
    shapes = {tensor.name: shape_of(tensor, meta.where) for tensor in file.tensors}
    eps = shortest(meta.number("opt.attention.layer_norm_epsilon"))
    if eps != EPS:
        raise ImportFailure(
            f"{meta.where}: opt.attention.layer_norm_epsilon is {eps}, which is not OPT's {EPS}"
        )
    norm_first = meta.flag("opt.do_layer_norm_before")
    has_weights = "blk.0.attn_norm.weight" in shapes
    if norm_first and not has_weights:
        raise ImportFailure(
            f"{meta.where}: without weights of its norms nothing says whether there is a last one"
        )
    vocab, embedding = embedding_shape(shapes, meta.where)
    return {
        "architectures": ["OPTForCausalLM"],
        "model_type": "opt",
        "hidden_size": meta.integer("opt.embedding_length"),
        "word_embed_proj_dim": embedding,
        "ffn_dim": meta.size("opt.feed_forward_length"),
        "num_hidden_layers": meta.integer("opt.block_count"),
        "num_attention_heads": meta.size("opt.attention.head_count"),
        "max_position_embeddings": meta.integer("opt.context_length"),
        "activation_function": meta.optional_text("opt.activation_function") or "relu",
        "do_layer_norm_before": norm_first,
        "_remove_final_layer_norm": norm_first and "output_norm.weight" not in shapes,
        "enable_bias": "blk.0.ffn_up.bias" in shapes,
        "layer_norm_elementwise_affine": has_weights,
        "vocab_size": vocab,
        "tie_word_embeddings": "output.weight" not in shapes,
    }


def opt_tensors(file: Gguf, config: dict[str, Any], where: str) -> list[DecodedTensor]:
    return [
        DecodedTensor(OPT_NAMES.hugging_face(source.name, where), source, shape_of(source, where))
        for source in file.tensors
    ]
