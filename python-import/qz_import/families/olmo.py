"""OLMo: Llama with layer norms that have no parameters, and q, k and v limited in magnitude."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Decoder, Norm
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, Key, first
from qz_import.llama_like import attention_biases, llama_like, with_attention

# Of transformers' OlmoLayerNorm; no key of config.json changes it.
NORM = Norm("layer", 1e-5, weight=False)


def olmo(config: Config) -> Decoder:
    clip = config.optional_number("clip_qkv")
    decoder = llama_like(config, norm=NORM, biases=attention_biases(config))
    return with_attention(decoder, clip=clip)


GGUF = Architecture(
    "olmo",
    keys=(
        Key("attention.layer_norm_epsilon", float, lambda d: d.norm.epsilon, "", NORM.epsilon),
        Key("attention.clamp_kqv", float, lambda d: first(d).clip, "clip_qkv", None, True),
    ),
    given={"hidden_act": "silu"},
    interleaves=True,
)

register(Family("olmo", olmo, gguf=GGUF))
