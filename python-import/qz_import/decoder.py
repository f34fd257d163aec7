"""A decoder-only model as data: what families say, and skeleton.py makes into a graph.

Names are those of a checkpoint's tensors without ".weight" and ".bias": of blocks below
"{prefix}{layers}.N.", of the rest below the prefix, the head's below nothing. What is None or 1
is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qz_import.builder import Rope, Rows


@dataclass(frozen=True)
class Norm:
    """What a norm computes: `kind` is "rms" or "layer"."""

    kind: str
    epsilon: float
    weight: bool = True
    bias: bool = False
    # Times 1 + weight (rms).
    unit_offset: bool = False


@dataclass(frozen=True)
class Dense:
    """A linear layer, whose weight is [out, in] or, `transposed`, [in, out]."""

    name: str
    bias: bool = False
    transposed: bool = False
    # Of a tensor that several layers share: the rows that are this layer's, and its height.
    rows: Rows | None = None
    height: int = 0


def fused(
    name: str, *widths: int, groups: int = 1, bias: bool = False, transposed: bool = False
) -> list[Dense]:
    """Layers in one tensor: of each of `groups` the first layer's `widths[0]` rows, then the
    second's, and so on."""
    pitch, layers, low = sum(widths), [], 0
    for width in widths:
        rows = tuple((at + low, at + low + width) for at in range(0, groups * pitch, pitch))
        layers.append(Dense(name, bias, transposed, rows, groups * pitch))
        low += width
    return layers


@dataclass(frozen=True)
class HeadNorms:
    """Norms of q and k before they turn: of each head with one weight, or of all columns."""

    norm: Norm
    q: str
    k: str
    is_per_head: bool = True


@dataclass(frozen=True)
class Attention:
    heads: int
    kv_heads: int
    head_dim: int
    q: Dense
    k: Dense
    v: Dense
    o: Dense
    scale: float
    rope: Rope | None = None
    # How many positions are seen; None for all.
    window: int | None = None
    # Of scores.
    soft_cap: float | None = None
    # How steeply scores fall with the distance: the exponent of ALiBi's last slope, 8 in its paper.
    alibi: float | None = None
    # The largest magnitude of q, k and v.
    clip: float | None = None
    norms: HeadNorms | None = None


@dataclass(frozen=True)
class Mlp:
    """down(activation(up(x))), or, with a gate, down(activation(gate(x)) · up(x))."""

    width: int
    activation: str
    up: Dense
    down: Dense
    gate: Dense | None = None


@dataclass(frozen=True)
class BlockNorms:
    """The names of a block's norms by their places."""

    # Before attention.
    attention_in: str | None = None
    # Of what attention adds to the block's input, and of the sum.
    attention_out: str | None = None
    attention_sum: str | None = None
    mlp_in: str | None = None
    mlp_out: str | None = None
    mlp_sum: str | None = None


@dataclass(frozen=True)
class Block:
    attention: Attention
    mlp: Mlp


@dataclass(frozen=True)
class Positions:
    """Learned positions: position p is row p + `offset` of a table of `rows`."""

    name: str
    rows: int
    offset: int = 0


@dataclass(frozen=True)
class Decoder:
    vocab: int
    hidden: int
    # What stands before the names of all but the head.
    prefix: str
    embed: str
    layers: str
    blocks: tuple[Block, ...]
    norm: Norm
    norms: BlockNorms
    final_norm: str | None
    # Whether the head's weight is the embeddings'.
    tied: bool
    head: Dense = Dense("lm_head")
    # Whether the feed-forward reads the block's input, not attention's sum: through the norm
    # `mlp_in`, or, without one, through attention's.
    is_parallel: bool = False
    positions: Positions | None = None
    # Of embeddings that are narrower than the blocks: their width, and the layers in and out.
    embedding: int | None = None
    project_in: str = ""
    project_out: str = ""
    embed_norm: str | None = None
    # Factors of embeddings, of what each half of a block adds, and of logits.
    embed_scale: float = 1
    residual_scale: float = 1
    logit_scale: float = 1
    logit_cap: float | None = None

    @property
    def base(self) -> str:
        """The part of the prefix that checkpoints of the model without its head lack."""
        return self.prefix.partition(".")[0] + "."

    @property
    def stretch(self) -> float:
        """How many times as long as config.json says contexts may become: dynamic ropes turn
        otherwise beyond it."""
        ropes = (block.attention.rope for block in self.blocks)
        return max(
            (rope.parameters["factor"] for rope in ropes if rope and rope.scaling == "dynamic"),
            default=1,
        )

    def by_layer(self, change: Callable[[int, Attention], Attention]) -> Decoder:
        """With attention that differs from layer to layer."""
        blocks = (
            replace(block, attention=change(number, block.attention))
            for number, block in enumerate(self.blocks)
        )
        return replace(self, blocks=tuple(blocks))
