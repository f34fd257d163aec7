"""Cohere's Command: Llama by layer norms without biases, of which one serves both halves of a
block; neighbouring elements turn, and logits have a factor."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import BlockNorms, Decoder, Norm
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, Key, layer_epsilon
from qz_import.llama_like import attention_biases, llama_like, with_attention


def cohere(config: Config) -> Decoder:
    if config.flag("use_qk_norm"):
        raise config.fail("use_qk_norm", "is true: norms with weights of each head are not known")
    decoder = llama_like(
        config,
        norm=Norm("layer", config.number("layer_norm_eps")),
        norms=BlockNorms(attention_in="input_layernorm"),
        biases=attention_biases(config),
    )
    rope = replace(decoder.blocks[0].attention.rope, style="interleaved")
    decoder = with_attention(decoder, rope=rope)
    return replace(decoder, is_parallel=True, logit_scale=config.number("logit_scale"))


GGUF = Architecture(
    "command-r",
    keys=(
        layer_epsilon("layer_norm_eps"),
        Key("logit_scale", float, lambda d: d.logit_scale, "logit_scale"),
    ),
    given={"hidden_act": "silu", "use_qk_norm": False, "tie_word_embeddings": True},
)

register(Family("cohere", cohere, gguf=GGUF))
