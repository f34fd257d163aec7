"""GGUF tensor names and their Hugging Face names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qz_import.errors import ImportFailure


@dataclass(frozen=True)
class NameTable:
    """Names without their last part (weight or bias), which is the same in both worlds."""

    family: str
    # token_embd → model.embed_tokens
    outer: dict[str, str]
    # blk.N.attn_q → {blocks}.N.self_attn.q_proj
    block: dict[str, str]
    blocks: str

    def hugging_face(self, name: str, where: str) -> str:
        parts = name.split(".")
        if len(parts) == 2 and parts[0] in self.outer:
            return f"{self.outer[parts[0]]}.{parts[1]}"
        if len(parts) == 4 and parts[0] == "blk" and parts[2] in self.block:
            return f"{self.blocks}.{parts[1]}.{self.block[parts[2]]}.{parts[3]}"
        raise ImportFailure(f"{where}: tensor {name!r} has no place in a {self.family} model")


def shape_of(source: Any, where: str) -> tuple[int, ...]:
    """Rows first: GGUF counts the innermost extent first."""
    shape = tuple(int(size) for size in reversed(source.shape.tolist()))
    if not shape or 0 in shape:
        raise ImportFailure(f"{where}: tensor {source.name!r} is empty: shape {list(shape)}")
    return shape


def embedding_shape(shapes: dict[str, tuple[int, ...]], where: str) -> tuple[int, int]:
    """Rows (the vocabulary, to which a file's list of tokens may fall short) and columns."""
    shape = shapes.get("token_embd.weight", ())
    if len(shape) != 2:
        raise ImportFailure(f"{where}: missing tensor 'token_embd.weight' with a row a token")
    return shape[0], shape[1]
