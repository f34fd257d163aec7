"""Weights of e4m3 with scales of tensors, rows, or blocks of 128 by 128."""

from __future__ import annotations

import re
from typing import Any

from qz_import.errors import ImportFailure, shown
from qz_import.packed import PackedTensor, Weights, without
from qz_import.weights import StoredTensor

BLOCK = 128
# What a row's share of a block can be.
SHARES = (128, 64, 32)
SCALES = (".weight_scale_inv", ".weight_scale")
FLOATS = ("F32", "BF16", "F16", "F8_E8M0")
# Of activations, which are not quantized here.
LEFT = re.compile(r".*\.(input_scale|activation_scale|output_scale|[kqv]_scale)")


def _count(extent: int) -> int:
    return -(-extent // BLOCK)


def packed_fp8(name: str, codes: StoredTensor, scales: StoredTensor) -> PackedTensor:
    where = f"{codes.file}: weight {name!r}"
    if len(codes.shape) != 2 or 0 in codes.shape:
        raise ImportFailure(f"{where} of e4m3 has shape {list(codes.shape)}, no matrix's")
    rows, columns = codes.shape
    if scales.dtype not in FLOATS:
        raise ImportFailure(f"{where}: its scales are {scales.dtype}, none of {', '.join(FLOATS)}")
    storage = "fp8"
    if scales.shape not in ((), (1,), (rows,), (rows, 1)):
        if scales.shape != (_count(rows), _count(columns)):
            raise ImportFailure(
                f"{where}: its scales have shape {list(scales.shape)}: they are of no tensor, rows "
                f"or blocks of {BLOCK} by {BLOCK}"
            )
        share = next((share for share in SHARES if columns % share == 0), None)
        if share is None:
            raise ImportFailure(
                f"{where}: its blocks cut rows of {columns}, which 32 does not divide"
            )
        storage = f"fp8, block = {share}"
    return PackedTensor(name, (rows, columns), storage, "fp8", {"codes": codes, "scales": scales})


def find_fp8(tensors: dict[str, StoredTensor]) -> list[PackedTensor]:
    """All matrices of e4m3 that have scales."""
    found = []
    for name, tensor in tensors.items():
        stem = name.removesuffix(".weight")
        scales = next((tensors[stem + end] for end in SCALES if stem + end in tensors), None)
        if stem != name and tensor.dtype == "F8_E4M3" and scales:
            found.append(packed_fp8(name, tensor, scales))
    return found


def unpack_fp8(settings: dict[str, Any], tensors: dict[str, StoredTensor], where: str) -> Weights:
    blocks = settings.get("weight_block_size")
    if blocks is not None and blocks != [BLOCK, BLOCK]:
        raise ImportFailure(f"{where}: weight_block_size {shown(blocks)} is not [{BLOCK}, {BLOCK}]")
    return without(
        {name: tensor for name, tensor in tensors.items() if not LEFT.fullmatch(name)},
        find_fp8(tensors),
    )
