"""Writes a `qz.model`: one method an op, weights by reference, shapes checked as they are used."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qz_import.errors import ImportFailure
from qz_import.weights import ELEMENT_TYPES, StoredTensor, same_contents


def quoted(text: str) -> str:
    """A string literal of MLIR's assembly, which is UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ImportFailure(f"{text[:60]!r} is not valid Unicode") from None
    escapes = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t"}
    return (
        '"' + "".join(escapes.get(c) or (c if c >= " " else f"\\{ord(c):02X}") for c in text) + '"'
    )


def symbol_of(path: Path) -> str:
    """The name of a symbol of MLIR for a file: letters, digits and _, of which the first is no
    digit."""
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    return f"_{name}" if not name or name[0].isdigit() else name


def real(value: float) -> str:
    """A float literal of MLIR's assembly: the shortest that gives `value` back."""
    digits, _, exponent = repr(float(value)).partition("e")
    if "." not in digits:
        digits += ".0"
    return f"{digits}e{exponent}" if exponent else digits


def _tensor_type(shape: tuple[int | None, ...], element: str) -> str:
    sizes = "".join(f"{'?' if size is None else size}x" for size in shape)
    return f"tensor<{sizes}{element}>"


@dataclass(frozen=True)
class Value:
    """An SSA value: a weight, or an activation with an unknown number of rows (None)."""

    name: str
    shape: tuple[int | None, ...]
    element: str = "f32"

    @property
    def type(self) -> str:
        return _tensor_type(self.shape, self.element)

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
    # "linear", "llama3", or empty, and what that takes.
    scaling: str = ""
    parameters: dict[str, float | int] = field(default_factory=dict)
    style: str = "half"

    @property
    def attribute(self) -> str:
        fields = [f"dim = {self.dim}", f"theta = {real(self.theta)}", f"style = {self.style}"]
        if self.scaling:
            fields.append(f"scaling = {self.scaling}")
        for key, value in self.parameters.items():
            fields.append(f"{key} = {value if isinstance(value, int) else real(value)}")
        return f"#qz.rope<{', '.join(fields)}>"


# A tensor's name and which of its rows are used: None for all of them.
_Part = tuple[str, tuple[int, int] | None]


@dataclass
class _Scope:
    """SSA names of a region; those of the regions around it are taken, too."""

    names: set[str] = field(default_factory=set)


class GraphBuilder:
    """Emits the body of `qz.graph`. Ops return values; weights are named as in the checkpoint."""

    def __init__(
        self,
        tensors: dict[str, StoredTensor] | None,
        checkpoint: str,
        element: str,
        base: str = "",
    ) -> None:
        """`tensors` is None for a module without weights, whose params then get type `element`.
        `checkpoint` names the folder in errors. `base` stands before the names of all but the
        head's weights; a checkpoint may do without it, or put it before the head's, too."""
        self._tensors = tensors
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
        self._scopes = [_Scope({"%tokens"})]
        self._params: list[dict[_Part, Value]] = [{}]

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

    def _file(self, path: Path) -> str:
        if path not in self.files:
            base = symbol_of(path)
            symbol, number = base, 1
            while symbol in ("tokenizer", *self.files.values()):
                symbol, number = f"{base}_{number}", number + 1
            self.files[path] = symbol
        return self.files[path]

    # --- weights ---

    def _find(self, name: str) -> StoredTensor | None:
        """A weight with or without the base's name before its own, None where there is none."""
        if self._tensors is None:
            return None
        is_inside = name.startswith(self._base)
        other = name.removeprefix(self._base) if is_inside else self._base + name
        return self._tensors.get(name) or self._tensors.get(other)

    def _stored(self, name: str, shape: tuple[int, ...]) -> StoredTensor | None:
        """The tensor `name`, checked to be a weight of this shape; None without weights."""
        if self._tensors is None:
            return None
        stored = self._find(name)
        if stored is None:
            raise ImportFailure(
                f"{self._checkpoint}: missing tensor {name!r} of shape {list(shape)}"
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
        rows: tuple[int, int] | None = None,
    ) -> Value:
        """The weight `name`, which the checkpoint must have in this shape. The module calls it what
        the checkpoint does.

        `transposed`: it is used as [shape[1], shape[0]]; `rows`: only these (half-open) rows of it
        are used, or elements of a vector. A param of an outer region is reused.
        """
        part = (name, rows)
        for known in self._params:
            if part in known:
                return known[part]
        stored = self._stored(name, shape)
        element, place = self._element, ""
        if stored is not None:
            name, element = stored.name, ELEMENT_TYPES[stored.dtype]
            place = f" @{self._file(stored.file)}[{stored.offset}]"
        self.used.add(name)
        result = shape[::-1] if transposed else shape
        how = " transposed" if transposed else ""
        if rows is not None:
            result = (rows[1] - rows[0], *result[1:])
            how += f" rows [[{rows[0]}, {rows[1]}]]"
        source = f" source {_tensor_type(shape, element)}" if how else ""
        text = f"param {quoted(name)}{place}{how}{source} : {_tensor_type(result, element)}"
        value = self._op(hint, text, result, element)
        self._params[-1][part] = value
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
        if not same_contents(first, second):
            raise ImportFailure(
                f"{second.file}: tensor {second.name!r} differs from {first.name!r}, though "
                "config.json ties the two: set its tie_word_embeddings to false to use both"
            )
        self.repeated.add(second.name)
        return name

    # --- ops ---

    def embed(self, table: Value) -> Value:
        shape = (None, table.columns)
        result = _tensor_type(shape, "f32")
        return self._op(
            "x0", f"embed {self.tokens.name}, {table.name} : {table.type} -> {result}", shape
        )

    def add_positions(self, hint: str, x: Value, table: Value, offset: int = 0) -> Value:
        """x plus row `position + offset` of a table of learned positions."""
        where = f" offset {offset}" if offset else ""
        text = f"add_positions {x.name}, {table.name}{where} : {x.type}, {table.type}"
        return self._op(hint, text, x.shape)

    def layer_norm(
        self,
        hint: str,
        x: Value,
        eps: float,
        weight: Value | None = None,
        bias: Value | None = None,
    ) -> Value:
        """A bias needs a weight beside it."""
        operands = [operand for operand in (x, weight, bias) if operand is not None]
        names = (f", {weight.name}" if weight else "") + (f" bias {bias.name}" if bias else "")
        types = ", ".join(operand.type for operand in operands)
        return self._op(hint, f"layer_norm {x.name}{names} eps {real(eps)} : {types}", x.shape)

    def rms_norm(self, hint: str, x: Value, weight: Value, eps: float) -> Value:
        text = f"rms_norm {x.name}, {weight.name} eps {real(eps)} : {x.type}, {weight.type}"
        return self._op(hint, text, x.shape)

    def linear(
        self, hint: str, role: str, x: Value, weight: Value, bias: Value | None = None
    ) -> Value:
        """x · weightᵀ + bias; `weight` is [out, in] and `role` what selections call it."""
        out = weight.shape[0]
        result = _tensor_type((None, out), "f32")
        operands = [x, weight] if bias is None else [x, weight, bias]
        names = f"{x.name}, {weight.name}" + (f" bias {bias.name}" if bias else "")
        types = ", ".join(operand.type for operand in operands)
        return self._op(hint, f"linear {role} {names} : ({types}) -> {result}", (None, out))

    def rope(self, hint: str, x: Value, rope: Rope, heads: int) -> Value:
        attribute = self._attribute("rope", rope.attribute)
        return self._op(hint, f"rope {x.name}, {attribute} heads {heads} : {x.type}", x.shape)

    def attention(
        self, hint: str, q: Value, k: Value, v: Value, heads: int, kv_heads: int, scale: float
    ) -> Value:
        """Causal attention; scores are multiplied by `scale`."""
        shape = (None, heads * (v.columns // kv_heads))
        text = (
            f"attention {q.name}, {k.name}, {v.name} heads {heads} kv_heads {kv_heads} "
            f"scale {real(scale)} : ({q.type}, {k.type}, {v.type}) -> {_tensor_type(shape, 'f32')}"
        )
        return self._op(hint, text, shape)

    def activate(self, hint: str, kind: str, x: Value) -> Value:
        return self._op(hint, f"activate {kind} {x.name} : {x.type}", x.shape)

    def add(self, hint: str, a: Value, b: Value) -> Value:
        return self._op(hint, f"add {a.name}, {b.name} : {a.type}", a.shape)

    def mul(self, hint: str, a: Value, b: Value) -> Value:
        return self._op(hint, f"mul {a.name}, {b.name} : {a.type}", a.shape)

    @contextlib.contextmanager
    def block(self, number: int, x: Value) -> Iterator[Block]:
        """A decoder block. Its last statement sets `result`, which is the value outside."""
        block = Block(Value(self._name(f"x{number + 1}"), x.shape))
        self._scopes.append(_Scope())
        self._params.append({})
        block.input = Value(self._name("x"), x.shape)
        head = (
            f"{block.output.name} = qz.block {number} ({block.input.name} = {x.name}) : {x.type} {{"
        )
        self.lines.append("  " * (len(self._scopes) - 1) + head)
        yield block
        self._line(f"qz.yield {block.result.name} : {block.result.type}")
        self._scopes.pop()
        self._params.pop()
        self._line("}")

    def finish(self, logits: Value) -> None:
        self._line(f"qz.return {logits.name} : {logits.type}")


class Block:
    """A decoder block being built: `input` inside, `result` to be set, `output` outside."""

    def __init__(self, output: Value) -> None:
        self.output = output
        self.input = output
        self.result = output
