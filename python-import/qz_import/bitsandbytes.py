"""Weights that bitsandbytes has quantized, as transformers saves them."""

from __future__ import annotations

from typing import Any

from qz_import.errors import ImportFailure, shown
from qz_import.files import parse_json_object
from qz_import.packed import PackedTensor, Weights, without
from qz_import.weights import StoredTensor

STATE = ".quant_state.bitsandbytes__"
# Beside a 4-bit weight: what it is for → how its name ends. The second two are of quantized scales.
FOUR_BIT = {"scales": ".absmax", "map": ".quant_map"}
NESTED = {"nested_scales": ".nested_absmax", "nested_map": ".nested_quant_map"}
NESTED_BLOCK = 256
STATE_LIMIT = 1 << 16


def _state(tensor: StoredTensor) -> dict[str, Any]:
    """The JSON that says how a weight is quantized."""
    where = f"{tensor.file}: tensor {tensor.name!r}"
    if tensor.dtype != "U8" or tensor.size > STATE_LIMIT:
        raise ImportFailure(f"{where} is no JSON text of bytes")
    return parse_json_object(b"".join(tensor.pieces()), where)


def _is_size(value: object, limit: int = 1 << 31) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < limit


def _four_bit(name: str, kind: str, tensors: dict[str, StoredTensor]) -> PackedTensor:
    state = _state(tensors[f"{name}{STATE}{kind}"])
    where = f"{tensors[name].file}: weight {name!r}"

    def fail(key: str, wanted: str) -> ImportFailure:
        return ImportFailure(f"{where}: {key} {shown(state.get(key))} of its state is not {wanted}")

    if state.get("quant_type") != kind:
        raise fail("quant_type", kind)
    block, shape = state.get("blocksize"), state.get("shape")
    if not _is_size(block):
        raise fail("blocksize", "a size")
    if not isinstance(shape, list) or len(shape) != 2 or not all(map(_is_size, shape)):
        raise fail("shape", "a matrix's")
    is_nested = "nested_blocksize" in state
    offset = state.get("nested_offset")
    if is_nested and state["nested_blocksize"] != NESTED_BLOCK:
        raise fail("nested_blocksize", str(NESTED_BLOCK))
    if is_nested and not isinstance(offset, (int, float)):
        raise fail("nested_offset", "a number")
    parts = {"codes": name}
    for role, end in (FOUR_BIT | NESTED if is_nested else FOUR_BIT).items():
        parts[role] = f"{name}{end}"
        if parts[role] not in tensors:
            raise ImportFailure(f"{where}: tensor {parts[role]!r} is missing")
    rows, columns = shape
    return PackedTensor(
        name,
        (rows, columns),
        f"{kind}, block = {block}{', double' if is_nested else ''}",
        "bitsandbytes",
        {role: tensors[part] for role, part in parts.items()},
        float(offset) if is_nested and offset is not None else None,
    )


def _row_format(name: str, tensors: dict[str, StoredTensor]) -> str:
    tensor = tensors.get(name)
    if tensor and (tensor.size != 1 or b"".join(tensor.pieces()) != b"\0"):
        raise ImportFailure(f"{tensor.file}: tensor {name!r} says that rows lie in tiles")
    return name


def _int8(name: str, tensors: dict[str, StoredTensor]) -> PackedTensor:
    codes, scales = tensors[name], tensors[f"{name.removesuffix('.weight')}.SCB"]
    where = f"{codes.file}: weight {name!r}"
    if codes.dtype != "I8" or len(codes.shape) != 2 or 0 in codes.shape:
        raise ImportFailure(f"{where} is {codes.dtype} {list(codes.shape)}, no matrix of I8")
    if scales.dtype != "F32" or scales.shape != codes.shape[:1]:
        raise ImportFailure(
            f"{where}: its SCB is {scales.dtype} {list(scales.shape)}, not an F32 for each row"
        )
    parts = {"codes": codes, "scales": scales}
    return PackedTensor(name, (codes.shape[0], codes.shape[1]), "int8, absmax", "int8_rows", parts)


def unpack_bitsandbytes(_: dict[str, Any], tensors: dict[str, StoredTensor], where: str) -> Weights:
    """The weights of 4 and 8 bits, and what is left of the tensors."""
    packed, known = [], set()
    for part in tensors:
        name, found, kind = part.partition(STATE)
        if found and name in tensors:
            packed.append(_four_bit(name, kind, tensors))
            known.add(part)
        name = f"{part.removesuffix('.SCB')}.weight"
        if part.endswith(".SCB") and name in tensors:
            packed.append(_int8(name, tensors))
            # How its rows lie: as they are, or for kernels that are long gone.
            known.add(_row_format(part.replace(".SCB", ".weight_format"), tensors))
    return without({n: t for n, t in tensors.items() if n not in known}, packed)
