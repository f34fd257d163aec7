"""Writes a `qz.model`: one method an op, weights by reference, shapes checked as they are used.

The methods' arguments are those of the ops in QzComputeOps.td, under the same names; `hint` is what
the result is called where the name is free.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qz_import.assembly import quoted, real, symbol_of, tensor_type
from qz_import.errors import ImportFailure
from qz_import.packed import PackedTensor, Weights
from qz_import.weights import ELEMENT_TYPES, StoredTensor, same_contents

# Half-open ranges of a weight's rows, one after the other.
Rows = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Value:
    """An SSA value: a weight, or an activation with an unknown number of rows (None)."""

    name: str
    shape: tuple[int | None, ...]
    element: str = "f32"
    # The type of a weight that is quantized.
    packed: str = ""

    @property
    def type(self) -> str:
        return self.packed or tensor_type(self.shape, self.element)

    @property
    def columns(self) -> int:
        size = self.shape[-1]
        assert size is not None
        return size


@dataclass(frozen=True)
class Rope:
    """Rotary embedding of `dim` elements a head: the fields of #qz.rope."""

    dim: int
    theta: float
    # "linear", "llama3", "dynamic", "explicit", or empty, and what that takes, in the order of the
    # attribute's text.
    scaling: str = ""
    parameters: dict[str, float | int | tuple[float, ...]] = field(default_factory=dict)
    style: str = "half"
    # What "explicit" ones are, in config.json's words, with every value that has a default there.
    said: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def attribute(self) -> str:
        fields = [f"dim = {self.dim}", f"theta = {real(self.theta)}", f"style = {self.style}"]
        if self.scaling:
            fields.append(f"scaling = {self.scaling}")
        for key, value in self.parameters.items():
            fields.append(f"{key} = {_parameter(value)}")
        return f"#qz.rope<{', '.join(fields)}>"


def _parameter(value: float | int | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(real, value))}]"
    return str(value) if isinstance(value, int) else real(value)


# What tells uses of one tensor apart: its name, shape, whether transposed, which rows.
_Use = tuple[str, tuple[int, ...], bool, Rows | None]


@dataclass
class _Scope:
    """What a region has of its own: SSA names, and the weights it declares."""

    names: set[str] = field(default_factory=set)
    params: dict[_Use, Value] = field(default_factory=dict)


class GraphBuilder:
    """Emits the body of `qz.graph`. Ops return values; weights are named as in the checkpoint."""

    def __init__(
        self,
        weights: Weights | None,
        checkpoint: str,
        element: str,
        base: str = "",
    ) -> None:
        """`weights` is None for a module without weights, whose params then get type `element`.
        `checkpoint` names the folder in errors. `base` stands before the names of all but the
        head's weights; a checkpoint may do without it, or put it before the head's, too."""
        self._weights = weights
        self._checkpoint = checkpoint
        self._element = element
        self._base = base
        self.tokens = Value("%tokens", (None,), "i32")
        self.lines: list[str] = []
        self.files: dict[Path, str] = {}
        self.attributes: dict[str, str] = {}
        # Tensors of the checkpoint that the graph reads, and those that repeat one of them.
        self.used: set[str] = set()
        self.repeated: set[str] = set()
        # Inner ones see the names and weights of outer ones.
        self._scopes = [_Scope({"%tokens"})]

    # --- names and lines ---

    def _name(self, hint: str) -> str:
        taken = {name for scope in self._scopes for name in scope.names}
        name, number = f"%{hint}", 1
        while name in taken:
            name, number = f"%{hint}{number}", number + 1
        self._scopes[-1].names.add(name)
        return name

    def _line(self, text: str) -> None:
        self.lines.append("  " * len(self._scopes) + text)

    def _op(
        self, hint: str, text: str, shape: tuple[int | None, ...], element: str = "f32"
    ) -> Value:
        value = Value(self._name(hint), shape, element)
        self._line(f"{value.name} = qz.{text}")
        return value

    def _attribute(self, name: str, text: str) -> str:
        """An alias on top of the module for an attribute that is used again and again."""
        known = {value: key for key, value in self.attributes.items()}
        if text not in known:
            number = sum(key.rstrip("0123456789") == f"#{name}" for key in self.attributes)
            known[text] = f"#{name}{number or ''}"
            self.attributes[known[text]] = text
        return known[text]

    def _symbol(self, path: Path) -> str:
        if path not in self.files:
            base = symbol_of(path)
            symbol, number = base, 1
            while symbol in ("tokenizer", *self.files.values()):
                symbol, number = f"{base}_{number}", number + 1
            self.files[path] = symbol
        return self.files[path]

    # --- weights ---

    def _find(self, name: str) -> StoredTensor | PackedTensor | None:
        """A weight with or without the base's name before its own, None where there is none."""
        if self._weights is None:
            return None
        is_inside = name.startswith(self._base)
        other = name.removeprefix(self._base) if is_inside else self._base + name
        known = self._weights.packed | self._weights.tensors
        return known.get(name) or known.get(other)

    def first_of(self, *names: str) -> str:
        """The first of a weight's names under which the checkpoint has it; without any, the first
        of all."""
        return next((name for name in names if self._find(name)), names[0])

    def _stored(self, name: str, shape: tuple[int, ...]) -> StoredTensor | None:
        """The tensor `name`, checked to be a weight of this shape; None without weights."""
        if self._weights is None:
            return None
        stored = self._find(name)
        if stored is None:
            raise ImportFailure(
                f"{self._checkpoint}: missing tensor {name!r} of shape {list(shape)}"
            )
        if isinstance(stored, PackedTensor):
            raise ImportFailure(
                f"{self._checkpoint}: weight {name!r} is quantized ({stored.layout}), but no matrix"
            )
        where = f"{stored.file}: tensor {stored.name!r}"
        if stored.shape != shape:
            raise ImportFailure(
                f"{where} has shape {list(stored.shape)}, but the configuration asks for "
                f"{list(shape)}"
            )
        if stored.dtype not in ELEMENT_TYPES:
            raise ImportFailure(
                f"{where} is {stored.dtype}; supported are {', '.join(ELEMENT_TYPES)}"
            )
        if stored.problem:
            raise ImportFailure(f"{where} {stored.problem}")
        return stored

    def param(
        self,
        hint: str,
        name: str,
        *shape: int,
        transposed: bool = False,
        rows: Rows | None = None,
    ) -> Value:
        """The weight `name`, which the checkpoint must have in this shape. The module calls it what
        the checkpoint does.

        `transposed`: it is used as [shape[1], shape[0]]; `rows`: only these rows of it are used (of
        the transposed one, or elements of a vector). What this or an outer region uses in the same
        way is reused.
        """
        use = (name, shape, transposed, rows)
        for scope in self._scopes:
            if use in scope.params:
                return scope.params[use]
        packed = self._find(name)
        if isinstance(packed, PackedTensor) and len(shape) == 2:
            wanted = shape[::-1] if transposed else shape
            value = self._packed(hint, packed, wanted, rows)
            self._scopes[-1].params[use] = value
            return value
        stored = self._stored(name, shape)
        element, place = self._element, ""
        if stored is not None:
            name, element = stored.name, ELEMENT_TYPES[stored.dtype]
            place = f" @{self._symbol(stored.file)}[{stored.offset}]"
        self.used.add(name)
        result = shape[::-1] if transposed else shape
        how = " transposed" if transposed else ""
        if rows is not None:
            result = (sum(high - low for low, high in rows), *result[1:])
            how += f" rows {_ranges(rows)}"
        source = f" source {tensor_type(shape, element)}" if how else ""
        text = f"param {quoted(name)}{place}{how}{source} : {tensor_type(result, element)}"
        value = self._op(hint, text, result, element)
        self._scopes[-1].params[use] = value
        return value

    def _packed(
        self, hint: str, weight: PackedTensor, shape: tuple[int, ...], rows: Rows | None
    ) -> Value:
        """A weight that is quantized, [out, in] however the checkpoint's model has it; or some rows
        of it."""
        if weight.shape != shape:
            raise ImportFailure(
                f"{self._checkpoint}: weight {weight.name!r} has shape {list(weight.shape)}, but "
                f"the configuration asks for {list(shape)}"
            )
        if weight.storage == "f32" and rows is not None:
            return self._packed_param(hint, weight, rows)
        use = (weight.name, shape, False, None)
        whole = next((scope.params[use] for scope in self._scopes if use in scope.params), None)
        if whole is None:
            whole = self._packed_param("whole" if rows else hint, weight)
            self._scopes[-1].params[use] = whole
        if rows is None:
            return whole
        count = sum(high - low for low, high in rows)
        type = f"!qz.rows<{count} of {weight.type}>"
        part = Value(self._name(hint), (count, shape[1]), packed=type)
        self._line(f"{part.name} = qz.rows {whole.name} {_ranges(rows)} : {weight.type}")
        return part

    def _packed_param(self, hint: str, weight: PackedTensor, rows: Rows | None = None) -> Value:
        """A weight that is quantized, or, of values that are stored as f32, some of its rows."""
        self.used.update(tensor.name for tensor in weight.tensors.values())
        shape, type, how = weight.shape, weight.type, ""
        if rows is not None:
            how = f" rows {_ranges(rows)} source {type}"
            shape = (sum(high - low for low, high in rows), shape[1])
            type = tensor_type(shape, weight.storage)
        value = Value(self._name(hint), shape, packed=type)
        packing = weight.attribute(self._symbol)
        self._line(f"{value.name} = qz.param {quoted(weight.name)} packing {packing}{how} : {type}")
        return value

    def tied(self, name: str, other: str) -> str:
        """Under which of two names to ask for a weight that is one and the same: the first, unless
        the checkpoint holds the other alone.

        Where it holds both, they must be copies: transformers' versions disagree on what a tied
        head with values of its own means.
        """
        first, second = self._find(name), self._find(other)
        if second is None:
            return name
        if first is None:
            return other
        if not _same(first, second):
            where = second.file if isinstance(second, StoredTensor) else self._checkpoint
            raise ImportFailure(
                f"{where}: tensor {second.name!r} differs from {first.name!r}, though "
                "config.json ties the two: set its tie_word_embeddings to false to use both"
            )
        self.repeated.update(tensor.name for tensor in _tensors_of(second))
        return name

    # --- ops ---

    def embed(self, hint: str, tokens: Value, table: Value) -> Value:
        shape = (None, table.columns)
        result = tensor_type(shape, "f32")
        text = f"embed {tokens.name}, {table.name} : {table.type} -> {result}"
        return self._op(hint, text, shape)

    def add_positions(self, hint: str, input: Value, table: Value, offset: int = 0) -> Value:
        """The input plus row `position + offset` of a table of learned positions."""
        where = f" offset {offset}" if offset else ""
        text = f"add_positions {input.name}, {table.name}{where} : {input.type}, {table.type}"
        return self._op(hint, text, input.shape)

    def layer_norm(
        self,
        hint: str,
        input: Value,
        epsilon: float,
        weight: Value | None = None,
        bias: Value | None = None,
        heads: int = 1,
    ) -> Value:
        """A bias needs a weight beside it. `heads`: each is normed by itself, with one weight."""
        names = (f", {weight.name}" if weight else "") + (f" bias {bias.name}" if bias else "")
        parts = f" heads {heads}" if heads > 1 else ""
        types = _types(input, weight, bias)
        text = f"layer_norm {input.name}{names}{parts} eps {real(epsilon)} : {types}"
        return self._op(hint, text, input.shape)

    def rms_norm(
        self,
        hint: str,
        input: Value,
        epsilon: float,
        weight: Value | None = None,
        unit_offset: bool = False,
        heads: int = 1,
    ) -> Value:
        """`unit_offset`: times 1 + weight; `heads` as of layer_norm."""
        names = f", {weight.name}" if weight else ""
        how = (" unit_offset" if unit_offset else "") + (f" heads {heads}" if heads > 1 else "")
        types = _types(input, weight)
        text = f"rms_norm {input.name}{names}{how} eps {real(epsilon)} : {types}"
        return self._op(hint, text, input.shape)

    def linear(
        self, hint: str, role: str, input: Value, weight: Value, bias: Value | None = None
    ) -> Value:
        """input · weightᵀ + bias; `weight` is [out, in] and `role` what selections call it."""
        out = weight.shape[0]
        result = tensor_type((None, out), "f32")
        names = f"{input.name}, {weight.name}" + (f" bias {bias.name}" if bias else "")
        text = f"linear {role} {names} : ({_types(input, weight, bias)}) -> {result}"
        return self._op(hint, text, (None, out))

    def rope(self, hint: str, input: Value, rope: Rope, heads: int) -> Value:
        attribute = self._attribute("rope", rope.attribute)
        text = f"rope {input.name}, {attribute} heads {heads} : {input.type}"
        return self._op(hint, text, input.shape)

    def attention(
        self,
        hint: str,
        query: Value,
        key: Value,
        value: Value,
        heads: int,
        kv_heads: int,
        scale: float,
        window: int | None = None,
        soft_cap: float | None = None,
        alibi: float | None = None,
    ) -> Value:
        """Causal attention; scores are multiplied by `scale`, then capped, and fall with the
        distance as `alibi` says."""
        shape = (None, heads * (value.columns // kv_heads))
        limits = f" window {window}" if window else ""
        limits += f" soft_cap {real(soft_cap)}" if soft_cap else ""
        limits += f" alibi {real(alibi)}" if alibi else ""
        text = (
            f"attention {query.name}, {key.name}, {value.name} heads {heads} kv_heads {kv_heads} "
            f"scale {real(scale)}{limits} : ({_types(query, key, value)}) -> "
            f"{tensor_type(shape, 'f32')}"
        )
        return self._op(hint, text, shape)

    def activate(self, hint: str, activation: str, input: Value) -> Value:
        return self._op(hint, f"activate {activation} {input.name} : {input.type}", input.shape)

    def add(self, hint: str, lhs: Value, rhs: Value) -> Value:
        return self._op(hint, f"add {lhs.name}, {rhs.name} : {lhs.type}", lhs.shape)

    def mul(self, hint: str, lhs: Value, rhs: Value) -> Value:
        return self._op(hint, f"mul {lhs.name}, {rhs.name} : {lhs.type}", lhs.shape)

    def scale(self, hint: str, input: Value, factor: float) -> Value:
        return self._op(hint, f"scale {input.name} by {real(factor)} : {input.type}", input.shape)

    def clamp(self, hint: str, input: Value, limit: float) -> Value:
        return self._op(hint, f"clamp {input.name} limit {real(limit)} : {input.type}", input.shape)

    def soft_cap(self, hint: str, input: Value, cap: float) -> Value:
        return self._op(hint, f"soft_cap {input.name} cap {real(cap)} : {input.type}", input.shape)

    @contextlib.contextmanager
    def block(self, number: int, input: Value) -> Iterator[Block]:
        """A decoder block. Its last statement sets `result`, which is the value outside."""
        block = Block(Value(self._name(f"x{number + 1}"), input.shape))
        self._scopes.append(_Scope())
        inner = block.input = Value(self._name("x"), input.shape)
        head = f"{block.output.name} = qz.block {number} ({inner.name} = {input.name})"
        self.lines.append("  " * (len(self._scopes) - 1) + f"{head} : {input.type} {{")
        yield block
        self._line(f"qz.yield {block.result.name} : {block.result.type}")
        self._scopes.pop()
        self._line("}")

    def finish(self, logits: Value) -> None:
        self._line(f"qz.return {logits.name} : {logits.type}")


def _ranges(rows: Rows) -> str:
    return f"[{', '.join(f'[{low}, {high}]' for low, high in rows)}]"


def _tensors_of(weight: StoredTensor | PackedTensor) -> tuple[StoredTensor, ...]:
    return (weight,) if isinstance(weight, StoredTensor) else tuple(weight.tensors.values())


def _same(a: StoredTensor | PackedTensor, b: StoredTensor | PackedTensor) -> bool:
    if isinstance(a, PackedTensor) and isinstance(b, PackedTensor):
        if (a.type, a.layout, a.offset) != (b.type, b.layout, b.offset):
            return False
    elif type(a) is not type(b):
        return False
    pairs = zip(_tensors_of(a), _tensors_of(b), strict=True)
    return all(same_contents(x, y) for x, y in pairs)


def _types(*operands: Value | None) -> str:
    return ", ".join(operand.type for operand in operands if operand is not None)


class Block:
    """A decoder block being built: `input` inside, `result` to be set, `output` outside."""

    def __init__(self, output: Value) -> None:
        self.output = output
        self.input = output
        self.result = output
