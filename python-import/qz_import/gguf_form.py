"""What a model is as a GGUF: the attribute `gguf` of qz.model, which --gguf goes by.

A model is written as llama.cpp's architecture has it if that computes the same: the keys are read
back, and the decoder that they make is compared. Otherwise the file carries the model's own
config.json, and qz-import alone reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from qz_import.assembly import quoted, real
from qz_import.config import Config
from qz_import.decoder import Attention, Decoder
from qz_import.errors import ImportFailure
from qz_import.families import Family
from qz_import.gguf_architecture import Architecture, Described, Values, size_keys
from qz_import.gguf_config import CONFIG, config_by_keys
from qz_import.gguf_layout import BLOCK, Place, places_of
from qz_import.gguf_metadata import Metadata, as_f32
from qz_import.gguf_rope import rope_values

# How far numbers may be apart that were stored as f32.
CLOSE = 1e-6
OURS = "qzc."


@dataclass(frozen=True)
class _Known:
    value: Any

    def contents(self) -> Any:
        return as_f32(self.value) if isinstance(self.value, float) else self.value


def difference(ours: Any, other: Any, at: str = "") -> str:
    """The first field in which two models differ, with both values; empty where none does."""
    if is_dataclass(ours) and type(ours) is type(other):
        for field in filter(lambda field: field.compare, fields(ours)):
            name = f"{at}.{field.name}" if at else field.name
            if found := difference(getattr(ours, field.name), getattr(other, field.name), name):
                return found
        return ""
    if isinstance(ours, (tuple, list)) and type(ours) is type(other) and len(ours) == len(other):
        pairs = enumerate(zip(ours, other, strict=True))
        return next(filter(None, (difference(a, b, f"{at}[{n}]") for n, (a, b) in pairs)), "")
    if isinstance(ours, dict) and isinstance(other, dict) and ours.keys() == other.keys():
        return next(
            filter(None, (difference(ours[key], other[key], f"{at}.{key}") for key in ours)), ""
        )
    if isinstance(ours, (int, float)) and isinstance(other, (int, float)):
        is_same = abs(ours - other) <= CLOSE * abs(ours)
    else:
        is_same = ours == other
    return "" if is_same else f"{at} {ours}, not {other}"


def _metadata(decoder: Decoder, family: Family, context: int, name: str) -> Values:
    """Keys with the architecture's name in front, and tensors that are no weights."""
    keys = size_keys(family.keys) + (family.gguf.keys if family.gguf else ())
    values: Values = {"context_length": context, "vocab_size": decoder.vocab}
    values |= {key.name: key.value(decoder) for key in keys}
    values |= (
        {key: value(decoder) for key, value in family.gguf.lists.items()} if family.gguf else {}
    )
    return {f"{name}.{key}": value for key, value in values.items() if value is not None}


def _without_windows(decoder: Decoder) -> Decoder:
    return decoder.by_layer(lambda _, attention: replace(attention, window=None))


def _with_windows_below(decoder: Decoder, context: int) -> Decoder:
    """Without windows that are as wide as the context."""

    def change(_: int, attention: Attention) -> Attention:
        is_whole = attention.window is not None and attention.window >= context
        return replace(attention, window=None) if is_whole else attention

    return decoder.by_layer(change)


def _with_gelu_by_tanh(decoder: Decoder) -> Decoder:
    def changed(activation: str) -> str:
        return "gelu_tanh" if activation == "gelu" else activation

    blocks = tuple(
        replace(block, mlp=replace(block.mlp, activation=changed(block.mlp.activation)))
        for block in decoder.blocks
    )
    return replace(decoder, blocks=blocks)


# What llama.cpp computes otherwise, near enough for a file to be of use, and what to say of it.
_NEAR: tuple[tuple[Callable[[Decoder], Decoder], str], ...] = (
    (_with_gelu_by_tanh, "stock llama.cpp approximates GELU by tanh"),
    (
        _without_windows,
        "stock llama.cpp has no windows in this architecture: each position sees all before it",
    ),
)


def compared(ours: Decoder, theirs: Decoder) -> tuple[str, list[str]]:
    """What differs between a model and what llama.cpp makes of it, and what is only nearly so."""
    warnings = []
    for change, warning in _NEAR:
        left = difference(ours, theirs)
        ours, theirs = change(ours), change(theirs)
        if left and difference(ours, theirs) != left:
            warnings.append(warning)
    return difference(ours, theirs), warnings


class GgufForm:
    """Of a decoder; `context` as qz.model has it."""

    def __init__(self, config: Config, family: Family, decoder: Decoder, context: int) -> None:
        self.decoder = decoder
        self.warnings: list[str] = []
        self.computed: dict[str, tuple[float, ...]] = {}
        self.metadata: Values = {}
        self.architecture: Architecture | None = family.gguf
        self.name = family.model_type
        if family.gguf:
            self._as_stock(family, family.gguf, context)
        else:
            self.warnings = [
                f"stock llama.cpp cannot run this GGUF: it has no architecture {self.name!r}"
            ]
        if self.architecture is None:
            self.computed = {}
            self.metadata = _metadata(decoder, family, context, self.name)
        if self.warnings:
            followed = {"model_type": family.model_type, **config.followed()}
            self.metadata[CONFIG] = json.dumps(followed)
        self.places = places_of(decoder, self.architecture)

    def _as_stock(self, family: Family, architecture: Architecture, context: int) -> None:
        self.name = name = architecture.name
        self.metadata = _metadata(self.decoder, family, context, name)
        if architecture.is_rotary:
            values, self.computed = rope_values(self.decoder, architecture.takes_rope_factors)
            for key, value in values.items():
                self.metadata[key if key.startswith(OURS) else f"{name}.{key}"] = value
        try:
            theirs = self._read_back(family, architecture)
            if not architecture.has_windows:
                theirs = _without_windows(theirs)
            if architecture.approximates_gelu:
                theirs = _with_gelu_by_tanh(theirs)
            ours, theirs = (_with_windows_below(d, context) for d in (self.decoder, theirs))
            other, self.warnings = compared(ours, theirs)
        except ImportFailure as error:
            other = str(error)
        if other:
            self.architecture = None
            self.name = f"qzc-{family.model_type}"
            self.warnings = [
                f"stock llama.cpp cannot run this GGUF: its architecture {name!r} has no {other}"
            ]

    def _read_back(self, family: Family, architecture: Architecture) -> Decoder:
        """What the metadata means to llama.cpp."""
        fields = {key: _Known(value) for key, value in self.metadata.items()}
        computed = {name: tuple(map(as_f32, v)) for name, v in self.computed.items()}
        shapes = _shapes(self.decoder, places_of(self.decoder, architecture))
        file = Described(architecture.name, Metadata(fields, "GGUF"), shapes, computed)
        config = config_by_keys(file, family, architecture)
        return family.decoder(Config(config, "GGUF", family.known))

    def add(self, metadata: Values, warnings: list[str]) -> None:
        """What a tokenizer is."""
        self.metadata |= metadata
        self.warnings += warnings

    @property
    def attribute(self) -> str:
        base = self.decoder.base
        tensors = {p.source.removeprefix(base): quoted(p.gguf) for p in self.places}
        turned = {p.gguf: f"{p.heads} : i64" for p in self.places if p.heads}
        larger = sorted({p.gguf for p in self.places if p.is_incremented})
        parts = {
            "architecture": quoted(self.name),
            "tensors": _dictionary(tensors),
            "metadata": _dictionary({k: _scalar(v) for k, v in sorted(self.metadata.items())}),
            "interleaved": _dictionary(turned) if turned else "",
            "incremented": f"[{', '.join(map(quoted, larger))}]" if larger else "",
            "computed": _dictionary({k: _reals(v) for k, v in self.computed.items()})
            if self.computed
            else "",
            "warnings": f"[{', '.join(map(quoted, self.warnings))}]" if self.warnings else "",
        }
        listed = ",\n      ".join(f"{key} = {text}" for key, text in parts.items() if text)
        return f"#qz.gguf<{listed}>"


def _shapes(decoder: Decoder, places: list[Place]) -> Mapping[str, tuple[int, ...]]:
    """The names of all tensors; of embeddings, the shape."""
    shapes: dict[str, tuple[int, ...]] = {}
    for place in places:
        if place.gguf == "output" and decoder.tied:
            continue
        name = place.gguf.replace(BLOCK, "blk.0.")
        shapes[f"{name}.weight"] = ()
        if any(part.bias for part in place.parts):
            shapes[f"{name}.bias"] = ()
    return shapes | {"token_embd.weight": (decoder.vocab, decoder.embedding or decoder.hidden)}


def _dictionary(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(key)} = {text}" for key, text in entries.items()) + "}"


def _reals(values: tuple[float, ...]) -> str:
    return f"array<f32: {', '.join(real(as_f32(value)) for value in values)}>"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (list, tuple)):
        return f"array<i32: {', '.join(str(int(item)) for item in value)}>"
    return f"{value} : ui32" if isinstance(value, int) else f"{real(value)} : f32"
