"""Weights that a checkpoint holds quantized: what `qz.param` says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qz_import.assembly import quoted, real, tensor_type
from qz_import.config import Config
from qz_import.errors import warn
from qz_import.weights import StoredTensor


@dataclass(frozen=True)
class PackedTensor:
    """A weight of some tensors. `shape` is [out, in]; `storage` what !qz.packed says behind it, or
    f32; `layout` and `tensors`, by what they are for, are those of #qz.packing."""

    name: str
    shape: tuple[int, int]
    storage: str
    layout: str
    tensors: Mapping[str, StoredTensor]
    offset: float | None = None
    # Why no storage but f32 has its values.
    problem: str = ""

    @property
    def type(self) -> str:
        if self.storage == "f32":
            return tensor_type(self.shape, self.storage)
        return f"!qz.packed<{self.shape[0]}x{self.shape[1]}, {self.storage}>"

    def attribute(self, symbol: Callable[[Path], str]) -> str:
        """#qz.packing without its name, given what the module calls a file."""
        tensors = ", ".join(
            f"{role} = #qz.tensor<{quoted(tensor.name)}, {quoted(tensor.dtype)}, "
            f"{list(tensor.shape)}, @{symbol(tensor.file)}, {tensor.offset}>"
            for role, tensor in self.tensors.items()
        )
        offset = "" if self.offset is None else f", offset = {real(self.offset)} : f32"
        return f'<layout = "{self.layout}", tensors = {{{tensors}}}{offset}>'


@dataclass(frozen=True)
class Weights:
    """The weights of a checkpoint by name: those that are tensors, and those that are packed."""

    tensors: dict[str, StoredTensor]
    packed: dict[str, PackedTensor] = field(default_factory=dict)


def without(tensors: dict[str, StoredTensor], packed: Iterable[PackedTensor]) -> Weights:
    """The packed weights, and the tensors that are not theirs."""
    found = {weight.name: weight for weight in packed}
    parts = {tensor.name for weight in found.values() for tensor in weight.tensors.values()}
    return Weights({n: t for n, t in tensors.items() if t.name not in parts}, found)


def warn_of_f32(weights: Iterable[PackedTensor]) -> None:
    """Says which weights become larger, a line for each reason."""
    names: dict[str, list[str]] = {}
    for weight in weights:
        if weight.problem:
            names.setdefault(weight.problem, []).append(weight.name)
    for problem, found in names.items():
        warn(
            f"{len(found)} quantized weights ({found[0]}{', …' if len(found) > 1 else ''}) are "
            f"stored as f32, with the same values, because {problem}"
        )


# Finds the packed weights among the tensors of a checkpoint with that config.json.
Unpacker = Callable[[Config, dict[str, StoredTensor]], Weights]
