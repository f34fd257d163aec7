"""Turns a GGUF into a Hugging Face folder: config.json, tokenizer.json, model.safetensors. Blocks
that are schemes of qzc may stay as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType

from qz_import.decoder import Decoder
from qz_import.errors import ImportFailure
from qz_import.files import write_json
from qz_import.gguf_architecture import Architecture, Described, first
from qz_import.gguf_config import CONFIG, read_config
from qz_import.gguf_decode import (
    DecodedTensor,
    row_order_of_parts,
    row_order_of_rotated_halves,
    write_tensors,
)
from qz_import.gguf_file import Gguf, open_gguf
from qz_import.gguf_keys import check_keys
from qz_import.gguf_layout import BLOCK, QKV, Place, places_of
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_rope import DIVISORS
from qz_import.gguf_tokenizer import GgufTokenizer

# Types of ggml that are schemes of qzc.
KEPT = {
    "Q4_0": "q4_0", "Q4_1": "q4_1", "Q5_0": "q5_0", "Q5_1": "q5_1", "Q8_0": "q8_0",
    "Q4_K": "q4_k", "Q5_K": "q5_k", "Q6_K": "q6_k", "TQ1_0": "ternary", "TQ2_0": "ternary",
}  # fmt: skip
TORCH_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def shape_of(source: Any, where: str) -> tuple[int, ...]:
    """Rows first: GGUF counts the innermost extent first."""
    shape = tuple(int(size) for size in reversed(source.shape.tolist()))
    if not shape or 0 in shape:
        raise ImportFailure(f"{where}: tensor {source.name!r} is empty: shape {list(shape)}")
    return shape


def _divisors(file: Gguf) -> dict[str, tuple[float, ...]]:
    """Of rotary frequencies; no numbers where they are not of F32."""
    found: dict[str, tuple[float, ...]] = {}
    for tensor in file.tensors:
        if tensor.name not in DIVISORS:
            continue
        is_f32 = tensor.tensor_type == GGMLQuantizationType.F32
        values = np.asarray(tensor.data, dtype=np.float64) if is_f32 else np.array([math.nan])
        found[tensor.name] = tuple(values.reshape(-1).tolist())
    return found


def _decoded(source: Any, place: Place, where: str) -> DecodedTensor:
    """A tensor as the checkpoint has it."""
    shape, kind = shape_of(source, where), source.name.rpartition(".")[2]
    order = None
    if place.heads:
        order = row_order_of_rotated_halves(shape[0], place.heads)
    elif rows := place.fused_rows:
        order = row_order_of_parts(rows, shape[0])
    is_transposed = place.is_transposed and len(shape) == 2
    return DecodedTensor(
        f"{place.source}.{kind}",
        source,
        shape[::-1] if is_transposed else shape,
        order,
        is_transposed,
        float(place.is_incremented and kind == "weight"),
    )


def _parts_of_qkv(
    source: Any, places: dict[str, Place], decoder: Decoder, where: str
) -> list[DecodedTensor]:
    """q, k and v of a checkpoint that has them apart, from a file that has them in one."""
    shape, (front, _, kind) = shape_of(source, where), source.name.rpartition(".")
    spec, low, found = first(decoder), 0, []
    for role, heads in zip("qkv", (spec.heads, spec.kv_heads, spec.kv_heads), strict=True):
        high = low + heads * spec.head_dim
        place = places[front.removesuffix(QKV) + f"attn_{role}"]
        order = np.arange(low, high)
        if place.heads:
            order = order[row_order_of_rotated_halves(high - low, place.heads)]
        found.append(
            DecodedTensor(f"{place.source}.{kind}", source, (high - low, *shape[1:]), order)
        )
        low = high
    if low != shape[0]:
        raise ImportFailure(f"{where}: tensor {source.name!r} has {shape[0]} rows, not {low}")
    return found


def decoded_tensors(
    file: Gguf, decoder: Decoder, architecture: Architecture | None, name: str, where: str
) -> list[DecodedTensor]:
    """All tensors under their Hugging Face names."""
    places: dict[str, Place] = {}
    for place in reversed(places_of(decoder, architecture)):
        is_of_block = place.gguf.startswith(BLOCK)
        numbers = range(len(decoder.blocks)) if is_of_block else (0,)
        places |= {(p := place.numbered(number)).gguf: p for number in numbers}
    found = []
    for source in file.tensors:
        stem, _, kind = source.name.rpartition(".")
        if source.name in DIVISORS:
            continue
        if stem in places and kind in ("weight", "bias"):
            found.append(_decoded(source, places[stem], where))
        elif stem.endswith(f".{QKV}") and f"{stem.removesuffix(QKV)}attn_q" in places:
            found += _parts_of_qkv(source, places, decoder, where)
        else:
            raise ImportFailure(f"{where}: tensor {source.name!r} has no place in a {name} model")
    return found


def _kept(tensor: DecodedTensor, tables: frozenset[str]) -> DecodedTensor:
    """A tensor whose blocks stay as they are, where they can."""
    kind = GGMLQuantizationType(tensor.source.tensor_type).name
    if kind not in KEPT or len(tensor.shape) != 2 or tensor.increment or tensor.name in tables:
        return tensor
    shape = tensor.shape[::-1] if tensor.transposed else tensor.shape
    return replace(tensor, shape=shape, transposed=False, scheme=KEPT[kind])


def _special_tokens(tokenizer: GgufTokenizer) -> dict[str, Any]:
    """Null where the file names none: config.json's own defaults are not the file's."""
    ends = [tokenizer.eos_id, tokenizer.end_of_turn_id, tokenizer.end_of_message_id]
    eos = list(dict.fromkeys(end for end in ends if end is not None))
    return {"bos_token_id": tokenizer.bos_id, "eos_token_id": eos or None}


@dataclass(frozen=True)
class Kept:
    """A matrix of a GGUF whose blocks were kept."""

    scheme: str
    shape: tuple[int, ...]


def unpack_gguf(path: Path, folder: Path, dtype: str | None) -> Mapping[str, Kept]:
    """Writes the model into an existing folder, as Hugging Face would have it there: with weights
    of type `dtype`, or, without one, the blocks of quantized matrices as they are beside f32.
    Returns these by name."""
    file, where = open_gguf(path), str(path)
    meta = Metadata(file.fields, where)
    shapes = {tensor.name: shape_of(tensor, where) for tensor in file.tensors}
    name = meta.text("general.architecture")
    described = Described(name, meta, shapes, _divisors(file))
    config, decoder, architecture = read_config(described)
    tokenizer = GgufTokenizer(meta)
    special = _special_tokens(tokenizer)
    tensors = decoded_tensors(file, decoder, architecture, name, where)
    if dtype is None:
        # Positions are added, not multiplied with.
        tables = frozenset(
            [f"{decoder.base}{decoder.positions.name}.weight"] if decoder.positions else []
        )
        tensors = [_kept(tensor, tables) for tensor in tensors]
    dense = dtype or "f32"
    documents = {
        "config.json": {**config, **special, "torch_dtype": TORCH_DTYPES[dense]},
        "generation_config.json": {k: value for k, value in special.items() if value is not None},
        "tokenizer.json": tokenizer.tokenizer_json(),
        "tokenizer_config.json": tokenizer.tokenizer_config_json(),
    }
    check_keys(meta, "" if meta.has(CONFIG) else name, architecture)
    write_tensors(folder / "model.safetensors", tensors, dense)
    for name, document in documents.items():
        write_json(folder / name, document)
    return {t.name: Kept(t.scheme, t.shape) for t in tensors if t.scheme}
