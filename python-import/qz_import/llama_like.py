"""Decoders that are Llama's but for what their families say: its names, rotary grouped-query
attention, a gated feed-forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, HeadNorms, Mlp, Norm
from qz_import.gguf_architecture import FULL, SLIDING
from qz_import.rope_types import KINDS
from qz_import.rotary import read_rope
from qz_import.sizes import STANDARD_KEYS, Keys, Sizes, read_sizes

PRE_NORMS = BlockNorms(attention_in="input_layernorm", mlp_in="post_attention_layernorm")
SANDWICH_NORMS = BlockNorms(
    attention_in="input_layernorm",
    attention_out="post_attention_layernorm",
    mlp_in="pre_feedforward_layernorm",
    mlp_out="post_feedforward_layernorm",
)


@dataclass(frozen=True)
class Biases:
    qkv: bool = False
    o: bool = False
    mlp: bool = False


NO_BIASES = Biases()


def attention_biases(config: Config) -> Biases:
    """Of q, k, v and o, where config.json says so."""
    has_bias = config.flag("attention_bias", False)
    return Biases(has_bias, has_bias)


def rms_norm(config: Config, unit_offset: bool = False) -> Norm:
    return Norm("rms", config.number("rms_norm_eps"), unit_offset=unit_offset)


def rope_attention(
    config: Config,
    sizes: Sizes,
    biases: Biases,
    may_be_partial: bool,
    rope_kinds: dict[str, str],
) -> Attention:
    return Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *(Dense(f"self_attn.{role}_proj", biases.qkv) for role in "qkv"),
        o=Dense("self_attn.o_proj", biases.o),
        scale=sizes.head_dim**-0.5,
        rope=read_rope(config, sizes.head_dim, may_be_partial, kinds=rope_kinds),
    )


def gated_mlp(sizes: Sizes, activation: str, bias: bool) -> Mlp:
    up, down, gate = (Dense(f"mlp.{role}_proj", bias) for role in ("up", "down", "gate"))
    return Mlp(sizes.width, activation, up, down, gate)


def llama_like(
    config: Config,
    *,
    norm: Norm | None = None,
    norms: BlockNorms = PRE_NORMS,
    biases: Biases = NO_BIASES,
    activation: str = "hidden_act",
    may_be_partial: bool = False,
    rope_kinds: dict[str, str] = KINDS,
    keys: Keys = STANDARD_KEYS,
) -> Decoder:
    """`activation` is config.json's key; `may_be_partial`: of heads, a part may turn; `rope_kinds`
    as read_rope's."""
    sizes = read_sizes(config, keys)
    attention = rope_attention(config, sizes, biases, may_be_partial, rope_kinds)
    mlp = gated_mlp(sizes, config.choice(activation, ACTIVATIONS), biases.mlp)
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="model.",
        embed="embed_tokens",
        layers="layers",
        blocks=(Block(attention, mlp),) * sizes.layers,
        norm=norm or rms_norm(config),
        norms=norms,
        final_norm="norm",
        tied=config.flag("tie_word_embeddings"),
    )


def with_attention(decoder: Decoder, **changes: object) -> Decoder:
    """With fields of attention changed in every layer."""
    return decoder.by_layer(lambda _, attention: replace(attention, **changes))


def head_norms(norm: Norm, is_per_head: bool = True) -> HeadNorms:
    return HeadNorms(norm, "self_attn.q_norm", "self_attn.k_norm", is_per_head)


def layer_types(config: Config, layers: int, otherwise: Callable[[int], bool]) -> tuple[str, ...]:
    """Of each layer whether its attention is full or sliding; where config.json does not list them,
    sliding where `otherwise` says so."""
    if config.has("layer_types"):
        return config.words("layer_types", (FULL, SLIDING), layers)
    return tuple(SLIDING if otherwise(layer) else FULL for layer in range(layers))


def with_windows(decoder: Decoder, types: tuple[str, ...], window: int | None) -> Decoder:
    return decoder.by_layer(
        lambda layer, attention: replace(
            attention, window=window if types[layer] == SLIDING else None
        )
    )
