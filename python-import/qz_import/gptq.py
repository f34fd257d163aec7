"""Weights that GPTQ or AWQ has quantized."""

from __future__ import annotations

from typing import Any

import numpy as np

from qz_import.errors import ImportFailure, shown
from qz_import.linear_codes import FLOATS, SCHEMES, LinearCodes, array_of, unpacked
from qz_import.packed import PackedTensor, Weights, without
from qz_import.weights import StoredTensor

# checkpoint_format → what stored zero points are less by.
GPTQ_FORMATS = {"gptq": 1, "gptq_v2": 0}
AWQ_BITS = 4
AWQ_PER_WORD = 8


def _parts(
    stem: str, tensors: dict[str, StoredTensor], roles: dict[str, str]
) -> dict[str, StoredTensor]:
    found = {}
    for role, end in roles.items():
        if f"{stem}.{end}" in tensors:
            found[role] = tensors[f"{stem}.{end}"]
        elif role != "order":
            where = tensors[f"{stem}.qweight"].file
            raise ImportFailure(f"{where}: tensor {f'{stem}.{end}'!r} is missing")
    for role in ("codes", "scales"):
        if len(found[role].shape) != 2 or 0 in found[role].shape:
            raise ImportFailure(
                f"{found[role].file}: tensor {found[role].name!r} of shape "
                f"{list(found[role].shape)} is no matrix"
            )
    return found


ROLES = {"codes": "qweight", "scales": "scales", "zeros": "qzeros"}


def _gptq(stem: str, bits: int, offset: int, tensors: dict[str, StoredTensor]) -> PackedTensor:
    parts = _parts(stem, tensors, ROLES | {"order": "g_idx"})
    words, out = parts["codes"].shape
    if "order" in parts and len(parts["order"].shape) == 1 and parts["order"].shape[0]:
        # Layers may have bits of their own.
        bits = words * 32 // parts["order"].shape[0]
    groups = parts["scales"].shape[0]
    name = f"{stem}.weight"
    if bits not in SCHEMES or words * 32 % bits or out * bits % 32:
        raise ImportFailure(
            f"{parts['codes'].file}: weight {name!r} has {words} words of codes of {bits} bits for "
            f"{out} outputs; supported are bits of {', '.join(map(str, SCHEMES))}"
        )
    weight = LinearCodes(
        name, (out, words * 32 // bits), bits, groups, "gptq", parts, float(offset)
    )
    weight.expect("codes", ("I32",), (words, out))
    weight.expect("zeros", ("I32",), (groups, out * bits // 32))
    weight.expect("scales", FLOATS, (groups, out))
    zeros = unpacked(array_of(parts["zeros"]), bits) + offset
    return weight.packed(bool((zeros == 1 << (bits - 1)).all()))


def _awq(stem: str, tensors: dict[str, StoredTensor]) -> PackedTensor:
    parts = _parts(stem, tensors, ROLES)
    columns, words = parts["codes"].shape
    groups, out = parts["scales"].shape[0], words * AWQ_PER_WORD
    weight = LinearCodes(f"{stem}.weight", (out, columns), AWQ_BITS, groups, "awq", parts)
    weight.expect("codes", ("I32",), (columns, words))
    weight.expect("zeros", ("I32",), (groups, words))
    weight.expect("scales", FLOATS, (groups, out))
    zeros = array_of(parts["zeros"]).view(np.uint32)
    return weight.packed(bool((zeros == 0x88888888).all()))


def _stems(tensors: dict[str, StoredTensor]) -> list[str]:
    end = ".qweight"
    return [name.removesuffix(end) for name in tensors if name.endswith(end)]


def unpack_gptq(settings: dict[str, Any], tensors: dict[str, StoredTensor], where: str) -> Weights:
    form = settings.get("checkpoint_format", "gptq")
    if form not in GPTQ_FORMATS:
        raise ImportFailure(
            f"{where}: checkpoint_format {shown(form)} of GPTQ is none of {', '.join(GPTQ_FORMATS)}"
        )
    bits = settings.get("bits")
    if bits not in SCHEMES or isinstance(bits, bool):
        raise ImportFailure(
            f"{where}: bits {shown(bits)} of GPTQ are none of {', '.join(map(str, SCHEMES))}"
        )
    packed = [_gptq(stem, bits, GPTQ_FORMATS[form], tensors) for stem in _stems(tensors)]
    return without(tensors, packed)


def unpack_awq(settings: dict[str, Any], tensors: dict[str, StoredTensor], where: str) -> Weights:
    # Folders say one or the other.
    bits = settings.get("bits", settings.get("w_bit"))
    version = settings.get("version", "gemm")
    if bits != AWQ_BITS or str(version).lower() != "gemm":
        raise ImportFailure(
            f"{where}: AWQ of {shown(bits)} bits, version {shown(version)}: only 4 bits for GEMM "
            "kernels are supported"
        )
    return without(tensors, [_awq(stem, tensors) for stem in _stems(tensors)])
