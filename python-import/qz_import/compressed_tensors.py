"""Weights that compressed-tensors has saved: pack-quantized, int-quantized, float-quantized."""

from __future__ import annotations

from typing import Any

from qz_import.errors import ImportFailure
from qz_import.fp8 import LEFT, find_fp8
from qz_import.linear_codes import FLOATS, SCHEMES, LinearCodes, array_of, unpacked
from qz_import.packed import PackedTensor, Weights, without
from qz_import.weights import StoredTensor

ROLES = {
    "codes": "weight_packed", "scales": "weight_scale", "zeros": "weight_zero_point",
    "order": "weight_g_idx",
}  # fmt: skip
OPTIONAL = ("zeros", "order")


def _words(count: int, bits: int) -> int:
    return -(-count * bits // 32)


def _packed(stem: str, tensors: dict[str, StoredTensor]) -> PackedTensor:
    codes = tensors[f"{stem}.weight_packed"]
    where = f"{codes.file}: weight {f'{stem}.weight'!r}"
    parts = {}
    for role, end in ROLES.items():
        if f"{stem}.{end}" in tensors:
            parts[role] = tensors[f"{stem}.{end}"]
        elif role not in OPTIONAL:
            raise ImportFailure(f"{where}: tensor {f'{stem}.{end}'!r} is missing")
    shape = tensors.get(f"{stem}.weight_shape")
    if shape is None or shape.dtype not in ("I32", "I64") or shape.shape != (2,):
        raise ImportFailure(f"{where}: its weight_shape is missing, or no two numbers")
    out, columns = (int(extent) for extent in array_of(shape))
    if not 0 < out < 1 << 31 or not 0 < columns < 1 << 31:
        raise ImportFailure(f"{where}: its weight_shape is [{out}, {columns}]")
    scales = parts["scales"]
    if len(codes.shape) != 2 or len(scales.shape) != 2:
        raise ImportFailure(f"{where}: its codes or scales are no matrix")
    bits = next((b for b in SCHEMES if codes.shape == (out, _words(columns, b))), None)
    if bits is None:
        raise ImportFailure(
            f"{where}: codes {list(codes.shape)} of [{out}, {columns}] values have bits that are "
            f"none of {', '.join(map(str, SCHEMES))}"
        )
    groups = scales.shape[1]
    weight = LinearCodes(
        f"{stem}.weight", (out, columns), bits, groups, "compressed_tensors", parts
    )
    weight.expect("codes", ("I32",), codes.shape)
    weight.expect("scales", FLOATS, (out, groups))
    middle = True
    if "zeros" in parts:
        weight.expect("zeros", ("I32",), (_words(out, bits), groups))
        zeros = unpacked(array_of(parts["zeros"]).T, bits)[:, :out]
        middle = bool((zeros == 1 << (bits - 1)).all())
    return weight.packed(middle)


def _int8_rows(name: str, tensors: dict[str, StoredTensor]) -> PackedTensor:
    stem, codes = name.removesuffix(".weight"), tensors[name]
    scales = tensors.get(f"{stem}.weight_scale")
    rows = codes.shape[0] if codes.shape else 0
    if (
        len(codes.shape) != 2
        or scales is None
        or scales.dtype not in FLOATS
        or scales.shape != (rows, 1)
        or f"{stem}.weight_zero_point" in tensors
    ):
        raise ImportFailure(
            f"{codes.file}: weight {name!r} of I8 is not symmetric with a scale a row, which is "
            "what can be read of int-quantized"
        )
    parts = {"codes": codes, "scales": scales}
    return PackedTensor(name, (rows, codes.shape[1]), "int8", "int8_rows", parts)


def unpack_compressed_tensors(
    _: dict[str, Any], tensors: dict[str, StoredTensor], where: str
) -> Weights:
    end = ".weight_packed"
    stems = [name.removesuffix(end) for name in tensors if name.endswith(end)]
    rows = [name for name in tensors if name.endswith(".weight") and tensors[name].dtype == "I8"]
    packed = [
        *(_packed(stem, tensors) for stem in stems),
        *(_int8_rows(name, tensors) for name in rows),
        *find_fp8(tensors),
    ]
    shapes = {f"{stem}.weight_shape" for stem in stems}
    left = {n: t for n, t in tensors.items() if n not in shapes and not LEFT.fullmatch(n)}
    return without(left, packed)
