"""StableLM: Llama with layer norms, of which a part of each head turns; both halves of a block may
read its input through one norm."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import BlockNorms, Decoder, Norm
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, Described, Values, layer_epsilon
from qz_import.llama_like import PRE_NORMS, Biases, llama_like


def stablelm(config: Config) -> Decoder:
    is_parallel = config.flag("use_parallel_residual")
    decoder = llama_like(
        config,
        norm=Norm("layer", config.number("layer_norm_eps"), bias=True),
        norms=BlockNorms(attention_in=PRE_NORMS.attention_in) if is_parallel else PRE_NORMS,
        biases=Biases(qkv=config.flag("use_qkv_bias")),
        may_be_partial=True,
    )
    return replace(decoder, is_parallel=is_parallel)


def read_gguf(file: Described, config: Values) -> Values:
    # The norm that is there tells; converters write a key, too, which nobody reads.
    file.has("use_parallel_residual")
    return {"use_parallel_residual": "blk.0.ffn_norm.weight" not in file.shapes}


GGUF = Architecture(
    "stablelm",
    keys=(layer_epsilon("layer_norm_eps"),),
    given={"hidden_act": "silu", "tie_word_embeddings": False},
    present={"use_qkv_bias": "blk.0.attn_q.bias"},
    read=read_gguf,
    is_partial=True,
)

# Norms whose weights each head has for itself are not computed.
register(Family("stablelm", stablelm, fixed={"qk_layernorm": (False,)}, gguf=GGUF))
