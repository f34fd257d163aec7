"""The sizes that every model's config.json has, under one name or another."""

from __future__ import annotations

from dataclasses import dataclass

from qz_import.config import Config

# Beyond this a count of layers is a mistake, not a model.
MOST_LAYERS = 1 << 14


@dataclass(frozen=True)
class Keys:
    """What a family's config.json calls them. Keys that a family lacks are empty."""

    hidden: str = "hidden_size"
    layers: str = "num_hidden_layers"
    heads: str = "num_attention_heads"
    kv_heads: str = "num_key_value_heads"
    head_dim: str = "head_dim"
    width: str = "intermediate_size"
    context: str = "max_position_embeddings"
    # The feed-forward's width where config.json does not say it, as a multiple of the hidden size.
    width_factor: int | None = None
    # The context where config.json need not say it: nothing in such a model depends on it.
    usual_context: int | None = None


STANDARD_KEYS = Keys()


@dataclass(frozen=True)
class Sizes:
    vocab: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    # Of the feed-forward.
    width: int
    context: int


def read_context(config: Config, keys: Keys) -> int:
    return config.size(keys.context, *filter(None, (keys.usual_context,)))


def read_sizes(config: Config, keys: Keys) -> Sizes:
    hidden, heads = config.size(keys.hidden), config.size(keys.heads)
    kv_heads = config.size(keys.kv_heads, heads) if keys.kv_heads else heads
    if heads % kv_heads:
        raise config.fail(keys.heads, f"{heads} is no multiple of {keys.kv_heads} {kv_heads}")
    if keys.head_dim and config.has(keys.head_dim):
        head_dim = config.size(keys.head_dim)
    elif hidden % heads:
        raise config.fail(keys.hidden, f"{hidden} is no multiple of {keys.heads} {heads}")
    else:
        head_dim = hidden // heads
    wide = (keys.width_factor * hidden,) if keys.width_factor else ()
    return Sizes(
        vocab=config.size("vocab_size"),
        hidden=hidden,
        layers=config.size(keys.layers, limit=MOST_LAYERS),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        width=config.size(keys.width, *wide),
        context=read_context(config, keys),
    )
