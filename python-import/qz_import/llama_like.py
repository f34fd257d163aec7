"""Decoders that are Llama's but for what their family says: its names, its gated feed-forward."""

from __future__ import annotations

from dataclasses import dataclass

from qz_import.activations import ACTIVATIONS
from qz_import.builder import Rope
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm
from qz_import.rotary import read_rope
from qz_import.sizes import STANDARD_KEYS, Sizes, read_sizes

PRE_NORMS = BlockNorms(attention_in="input_layernorm", mlp_in="post_attention_layernorm")


@dataclass(frozen=True)
class Biases:
    qkv: bool = False
    o: bool = False
    mlp: bool = False


def rms_norm(config: Config) -> Norm:
    return Norm("rms", config.number("rms_norm_eps"))


def attention(sizes: Sizes, rope: Rope | None, biases: Biases) -> Attention:
    q, k, v = (Dense(f"self_attn.{role}_proj", biases.qkv) for role in "qkv")
    o = Dense("self_attn.o_proj", biases.o)
    scale = sizes.head_dim**-0.5
    return Attention(
        sizes.heads, sizes.kv_heads, sizes.head_dim, q, k, v, o, scale=scale, rope=rope
    )


def gated_mlp(sizes: Sizes, activation: str, bias: bool) -> Mlp:
    up, down, gate = (Dense(f"mlp.{role}_proj", bias) for role in ("up", "down", "gate"))
    return Mlp(sizes.width, activation, up, down, gate)


def llama_like(config: Config, biases: Biases = Biases(), tied: bool = False) -> Decoder:
    """`tied`: what tie_word_embeddings is where config.json does not say."""
    sizes = read_sizes(config, STANDARD_KEYS)
    rope = read_rope(config, sizes.head_dim)
    activation = config.choice("hidden_act", ACTIVATIONS)
    block = Block(attention(sizes, rope, biases), gated_mlp(sizes, activation, biases.mlp))
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="model.",
        embed="embed_tokens",
        layers="layers",
        blocks=(block,) * sizes.layers,
        norm=rms_norm(config),
        norms=PRE_NORMS,
        final_norm="norm",
        tied=config.flag("tie_word_embeddings", tied),
    )
