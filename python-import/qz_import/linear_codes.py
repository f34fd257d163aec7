"""Weights of linear codes in groups, as GPTQ, AWQ and compressed-tensors save them: which storage
has their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qz_import.errors import ImportFailure
from qz_import.packed import PackedTensor
from qz_import.weights import StoredTensor

# Bits of a code → the scheme.
SCHEMES = {2: "int2", 3: "int3", 4: "int4", 8: "int8g"}
# Types of scales.
FLOATS = ("F16", "BF16", "F32")
# Groups of a storage, which are within those of the checkpoint.
BLOCKS = (128, 64, 32)
NUMPY_TYPES = {"I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4", "BF16": "<u2"}


def array_of(tensor: StoredTensor) -> np.ndarray:
    """The numbers of a small tensor; bf16 as f32."""
    if tensor.dtype not in NUMPY_TYPES:
        raise ImportFailure(
            f"{tensor.file}: tensor {tensor.name!r} is {tensor.dtype}, not one of "
            f"{', '.join(NUMPY_TYPES)}"
        )
    values = np.frombuffer(b"".join(tensor.pieces()), NUMPY_TYPES[tensor.dtype])
    if tensor.dtype == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(tensor.shape)


def unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """The codes along the last axis of 32-bit words, lowest bits first."""
    stream = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=-1, bitorder="little")
    stream = stream[..., : stream.shape[-1] // bits * bits].reshape(*words.shape[:-1], -1, bits)
    return (stream.astype(np.int64) << np.arange(bits)).sum(axis=-1)


@dataclass(frozen=True)
class LinearCodes:
    """A weight [out, in] in the layout of that name. `tensors` has "codes", "scales" and, where
    there are such, "zeros" and "order", the group of each column; `groups` is their number."""

    name: str
    shape: tuple[int, int]
    bits: int
    groups: int
    layout: str
    tensors: Mapping[str, StoredTensor]
    offset: float | None = None

    def fail(self, what: str) -> ImportFailure:
        return ImportFailure(f"{self.tensors['codes'].file}: weight {self.name!r} {what}")

    def expect(self, role: str, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        """Fails unless the tensor is of one of these types, and of this shape."""
        tensor = self.tensors[role]
        if tensor.dtype not in dtypes or tensor.shape != shape:
            raise ImportFailure(
                f"{tensor.file}: tensor {tensor.name!r} is {tensor.dtype} {list(tensor.shape)}, "
                f"not {' or '.join(dtypes)} {list(shape)}"
            )

    def _order(self) -> np.ndarray:
        columns = self.shape[1]
        if "order" not in self.tensors:
            if self.groups < 1 or columns % self.groups:
                raise self.fail(f"has {self.groups} groups, which do not divide {columns} columns")
            return np.arange(columns) // (columns // self.groups)
        self.expect("order", ("I32",), (columns,))
        order = array_of(self.tensors["order"])
        for group in (int(order.min()), int(order.max())):
            if not 0 <= group < self.groups:
                raise self.fail(f"has a column in group {group} of {self.groups}")
        return order

    def _block(self) -> int | None:
        """The largest group of a storage that lies within those of the checkpoint."""
        order, columns = self._order(), self.shape[1]
        for block in BLOCKS:
            if columns % block == 0 and (order.reshape(-1, block) == order[::block, None]).all():
                return block
        return None

    def _has_half_scales(self) -> bool:
        scales = array_of(self.tensors["scales"])
        if not np.isfinite(scales).all():
            raise self.fail("has scales that are not finite: the weights are damaged")
        with np.errstate(over="ignore"):
            return bool((scales.astype(np.float16).astype(scales.dtype) == scales).all())

    def packed(self, zeros_in_middle: bool) -> PackedTensor:
        """The storage that has its values, f32 where no other does."""
        block = self._block()
        storage, problem = "f32", ""
        if block is None:
            problem = "their groups of columns do not consist of 32 neighbours (act-order)"
        elif not self._has_half_scales():
            problem = "their scales do not fit f16"
        else:
            storage = f"{SCHEMES[self.bits]}, block = {block}{'' if zeros_in_middle else ', asym'}"
        return PackedTensor(
            self.name, self.shape, storage, self.layout, self.tensors, self.offset, problem
        )
