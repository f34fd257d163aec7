"""What a GGUF calls a model's tensors, and in which order it has their rows. Follows from the
decoder: nothing here is of one family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from qz_import.decoder import Attention, Decoder, Dense
from qz_import.gguf_architecture import Architecture, first

# Names are those of the gguf package (MODEL_TENSORS), without what stands for a block. The
# projections of narrow embeddings it does not know.
QKV = "attn_qkv"
NORMS = {
    "attention_in": "attn_norm",
    "attention_out": "post_attention_norm",
    "attention_sum": "attn_output_norm",
    "mlp_in": "ffn_norm",
    "mlp_out": "post_ffw_norm",
    "mlp_sum": "layer_output_norm",
}
BLOCK = "blk.#."


@dataclass(frozen=True)
class Place:
    """A tensor, or one of each block where names have a '#', without ".weight" and ".bias"."""

    gguf: str
    # In a checkpoint, from the decoder's prefix on.
    source: str
    # The layers that share it, if it is of layers.
    parts: tuple[Dense, ...] = ()
    # Of which rows i and i + half stand side by side in the GGUF; 0 where rows stay.
    heads: int = 0
    # Whether values are larger by 1 in the GGUF.
    is_incremented: bool = False

    @property
    def is_transposed(self) -> bool:
        return any(part.transposed for part in self.parts)

    @property
    def fused_rows(self) -> list[int]:
        """The checkpoint's row of each row of the GGUF, where layers share the tensor: first all of
        the layer that begins first."""
        ranges = sorted(part.rows for part in self.parts if part.rows)
        return [row for low, high in chain(*ranges) for row in range(low, high)]

    def numbered(self, block: int) -> Place:
        gguf, source = (name.replace("#", str(block)) for name in (self.gguf, self.source))
        return replace(self, gguf=gguf, source=source)


def _attention(spec: Attention, turned: Mapping[str, int]) -> Iterator[Place]:
    if spec.q.name == spec.k.name:
        yield Place(QKV, spec.q.name, (spec.q, spec.k, spec.v))
    else:
        for role, layer in (("q", spec.q), ("k", spec.k), ("v", spec.v)):
            yield Place(f"attn_{role}", layer.name, (layer,), turned.get(role, 0))
    yield Place("attn_output", spec.o.name, (spec.o,))
    if spec.norms:
        yield Place("attn_q_norm", spec.norms.q, (), 0, spec.norms.norm.unit_offset)
        yield Place("attn_k_norm", spec.norms.k, (), 0, spec.norms.norm.unit_offset)


def _block(decoder: Decoder, turned: Mapping[str, int]) -> Iterator[Place]:
    block = decoder.blocks[0]
    yield from _attention(block.attention, turned)
    mlp = block.mlp
    if mlp.gate and mlp.gate.name == mlp.up.name:
        yield Place("ffn_up", mlp.up.name, (mlp.gate, mlp.up))
    else:
        yield Place("ffn_up", mlp.up.name, (mlp.up,))
        if mlp.gate:
            yield Place("ffn_gate", mlp.gate.name, (mlp.gate,))
    yield Place("ffn_down", mlp.down.name, (mlp.down,))
    if decoder.norm.weight:
        for place, name in vars(decoder.norms).items():
            if name:
                yield Place(NORMS[place], name, (), 0, decoder.norm.unit_offset)


def _outer(decoder: Decoder) -> Iterator[Place]:
    prefix = decoder.prefix
    yield Place("token_embd", prefix + decoder.embed)
    if decoder.positions:
        yield Place("position_embd", prefix + decoder.positions.name)
    if decoder.embedding:
        yield Place("token_embd_proj", prefix + decoder.project_in)
        yield Place("output_proj", prefix + decoder.project_out)
    if decoder.norm.weight:
        is_larger = decoder.norm.unit_offset
        for gguf, name in (
            ("token_embd_norm", decoder.embed_norm),
            ("output_norm", decoder.final_norm),
        ):
            if name:
                yield Place(gguf, prefix + name, (), 0, is_larger)
    # Some checkpoints call it as transformers calls every head.
    for name in dict.fromkeys((decoder.head.name, "lm_head")):
        yield Place("output", name, (decoder.head,))


def places_of(decoder: Decoder, architecture: Architecture | None) -> list[Place]:
    """Every tensor of the model as llama.cpp's architecture has it, or, without one, as the
    checkpoint has it, but for layers that share a tensor."""
    attention = first(decoder)
    rope = next((b.attention.rope for b in decoder.blocks if b.attention.rope), None)
    turned = {}
    if architecture and architecture.interleaves and rope and rope.style == "half":
        turned = {"q": attention.heads, "k": attention.kv_heads}
    names = architecture.renamed(decoder) if architecture else {}
    found = []
    for place in _block(decoder, turned):
        name = names.get(place.gguf, place.gguf)
        source = f"{decoder.prefix}{decoder.layers}.#.{place.source}"
        found.append(replace(place, gguf=BLOCK + name, source=source))
    places = [*_outer(decoder), *found]
    if architecture is None:
        places = [Place(p.gguf, p.source, p.parts) for p in places]
    return places
