"""A decoder-only model as data: what families say, and skeleton.py makes into a graph.

Names are those of a checkpoint's tensors without ".weight" and ".bias": of blocks below
"{layers}.N.", of the rest below the model's prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def fused(name: str, *widths: int, bias: bool = False, transposed: bool = False) -> list[Dense]:
    """Layers of `widths` outputs, one below the other in one tensor."""
    layers, low = [], 0
    for width in widths:
        rows = ((low, low + width),)
        layers.append(Dense(name, bias, transposed, rows, sum(widths)))
        low += width
    return layers


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
    """The names of a block's norms by their places; None where there is none."""

    attention_in: str | None = None
    # Of the sum of a block's input and what attention adds to it.
    attention_sum: str | None = None
    mlp_in: str | None = None
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
    tied: bool
    head: str = "lm_head"
    positions: Positions | None = None
    # Of embeddings that are narrower than the blocks: their width, and the layers in and out.
    embedding: int | None = None
    project_in: str = ""
    project_out: str = ""

    @property
    def base(self) -> str:
        """The part of the prefix that checkpoints of the model without its head lack."""
        return self.prefix.partition(".")[0] + "."
