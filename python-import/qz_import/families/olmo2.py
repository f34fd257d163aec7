"""OLMo 2: Llama with norms of what each half of a block adds, and of all of q and all of k."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import BlockNorms, Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, rms_epsilon
from qz_import.llama_like import attention_biases, head_norms, llama_like, with_attention

NORMS = BlockNorms(attention_out="post_attention_layernorm", mlp_out="post_feedforward_layernorm")


def olmo2(config: Config) -> Decoder:
    decoder = llama_like(config, norms=NORMS, biases=attention_biases(config))
    return with_attention(decoder, norms=head_norms(decoder.norm, is_per_head=False))


GGUF = Architecture(
    "olmo2", keys=(rms_epsilon(),), given={"hidden_act": "silu", "tie_word_embeddings": False}
)

register(Family("olmo2", olmo2, gguf=GGUF))
