"""Random models of the qz dialect, without weights: every variant of its operations, odd sizes.

    random_graphs.py SEED [tiny] > model.mlir

A graph is a decoder as families might have it. Its synthetic weights are small, so constants are
chosen by what they multiply: attention scores, gates and branches must matter for the logits, or
a mistake in them would not show.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Standard deviation of synthetic matrices.
WEIGHT_STD = 0.02
ACTIVATIONS = ("none", "relu", "silu", "gelu", "gelu_tanh")
DTYPES = ("f32", "f16", "bf16")


def packed_int8(rows: int, cols: int, _: random.Random) -> str:
    return f"!qz.packed<{rows}x{cols}, int8>"


def packed_nf4(rows: int, cols: int, rng: random.Random) -> str:
    return f"!qz.packed<{rows}x{cols}, nf4, block = {rng.choice((32, 64, 64, 256, 4096))}>"


def packed_nf4_double(rows: int, cols: int, rng: random.Random) -> str:
    return f"!qz.packed<{rows}x{cols}, nf4, block = {rng.choice((32, 64))}, double>"


SCHEMES: tuple[Callable[[int, int, random.Random], str], ...] = (packed_int8, packed_nf4)


@dataclass(frozen=True)
class Value:
    """Features [tokens, cols] with about that standard deviation."""

    name: str
    cols: int
    std: float

    @property
    def type(self) -> str:
        return f"tensor<?x{self.cols}xf32>"


@dataclass(frozen=True)
class Weight:
    name: str
    type: str


@dataclass(frozen=True)
class Sizes:
    vocab: int
    hidden: int
    layers: int
    context: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int


def choose_sizes(rng: random.Random) -> Sizes:
    kv_heads = rng.choice((1, 1, 2, 3))
    return Sizes(
        vocab=rng.choice((17, 64, 131, 300)),
        hidden=rng.choice((20, 33, 48, 64, 100, 264)),
        layers=rng.choice((1, 2, 3)),
        context=rng.choice((9, 33, 64, 160, 290)),
        heads=kv_heads * rng.choice((1, 1, 2, 3, 5)),
        kv_heads=kv_heads,
        head_dim=rng.choice((4, 6, 7, 14, 16, 31, 32, 72, 128)),
        inner=rng.choice((5, 24, 50, 96, 129, 530)),
    )


def choose_tiny_sizes(rng: random.Random) -> Sizes:
    """The smallest: heads of one element, rows of one, one token, one position."""
    kv_heads = rng.choice((1, 1, 2, 3))
    return Sizes(
        vocab=rng.choice((1, 2, 3, 5, 17)),
        hidden=rng.choice((1, 2, 3, 4, 5, 7)),
        layers=rng.choice((1, 2)),
        context=rng.choice((1, 2, 3, 9)),
        heads=kv_heads * rng.choice((1, 1, 2, 3)),
        kv_heads=kv_heads,
        head_dim=rng.choice((1, 2, 3, 4, 5)),
        inner=rng.choice((1, 2, 3, 5, 8)),
    )


class Graph:
    """The module's text, operation by operation."""

    def __init__(self, seed: int, *, tiny: bool = False) -> None:
        self.rng = random.Random(seed)
        self.sizes = choose_tiny_sizes(self.rng) if tiny else choose_sizes(self.rng)
        # Widths of what is projected.
        self.narrow = 3 if tiny else 24
        self.count = 0
        self.params = 0
        self.lines: list[str] = []
        self.indent = "    "
        # How one layer's matrices are stored: alike, or each in its own way.
        self.storage: Callable[[int, int, random.Random], str] | None = None
        # Matrices that can be used here, by shape.
        self.visible: list[tuple[tuple[int, int], Weight]] = []
        most = self.sizes.context
        length = self.rng.choice((1, 2, most // 2, most - 1, most, most))
        length = min(max(length, 1), most)
        self.tokens = [self.rng.randrange(self.sizes.vocab) for _ in range(length)]

    # Texts.

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text: str) -> None:
        self.lines.append(self.indent + text)

    def op(self, text: str, cols: int, std: float) -> Value:
        value = Value(self.fresh(), cols, std)
        self.emit(f"{value.name} = {text}")
        return value

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    # Weights.

    def param(self, source: str, stored: str, extra: str = "") -> Weight:
        weight = Weight(self.fresh(), stored)
        name = f"w{self.params}"
        self.params += 1
        differs = f" source {source}" if stored != source else ""
        self.emit(f'{weight.name} = qz.param "{name}"{extra}{differs} : {stored}')
        return weight

    def vector(self, length: int, dtype: str = "") -> Weight:
        stored = f"tensor<{length}x{dtype or self.rng.choice(DTYPES)}>"
        if self.chance(20):
            low = self.rng.randrange(4)
            source = f"tensor<{length + low + 1}x{self.rng.choice(DTYPES)}>"
            return self.param(source, stored, f" rows [[{low}, {low + length}]]")
        return self.param(stored, stored)

    def dense_type(self, rows: int, cols: int, rng: random.Random) -> str:
        return f"tensor<{rows}x{cols}x{rng.choice(DTYPES)}>"

    def choose_storage(self) -> None:
        """For the matrices that follow."""
        kind = self.rng.choice((self.dense_type, *SCHEMES, None))
        if kind is None:
            self.storage = None
            return
        # A generator of its own makes the choices within a kind the same.
        seed = self.rng.random()
        self.storage = lambda rows, cols, _: kind(rows, cols, random.Random(seed))

    def matrix(self, rows: int, cols: int) -> Weight:
        shared = [weight for shape, weight in self.visible if shape == (rows, cols)]
        if shared and self.chance(10):
            return self.rng.choice(shared)
        weight = self.new_matrix(rows, cols)
        self.visible.append(((rows, cols), weight))
        return weight

    def fused_parts(self, heights: Sequence[int], cols: int) -> list[Weight]:
        """Matrices of these heights: rows of one packed weight, behind each other or in turns."""
        kind = self.rng.choice((packed_int8, packed_nf4, packed_nf4_double))
        whole = self.param(
            f"tensor<{cols}x{sum(heights)}xf32>", kind(sum(heights), cols, self.rng), " transposed"
        )
        turns = self.rng.choice((1, math.gcd(*heights)))
        parts, first = [], 0
        for height in heights:
            run, stride = height // turns, sum(heights) // turns
            bounds = ((first + i * stride, first + i * stride + run) for i in range(turns))
            ranges = ", ".join(f"[{low}, {high}]" for low, high in bounds)
            part = Weight(self.fresh(), f"!qz.rows<{height} of {whole.type}>")
            self.emit(f"{part.name} = qz.rows {whole.name} [{ranges}] : {whole.type}")
            parts.append(part)
            first += run
        return parts

    def new_matrix(self, rows: int, cols: int) -> Weight:
        kind = self.storage or self.rng.choice((self.dense_type, *SCHEMES))
        stored = kind(rows, cols, self.rng)
        if self.chance(25):
            # Some rows of a transposed checkpoint, as GPT-2's fused projections are.
            first = self.rng.randrange(1, rows + 1)
            ranges = f"[1, {1 + first}]"
            if first < rows:
                ranges += f", [{2 + first}, {2 + rows}]"
            source = f"tensor<{cols}x{rows + 3}xf32>"
            return self.param(source, stored, f" transposed rows [{ranges}]")
        source = stored if stored.startswith("tensor") else f"tensor<{rows}x{cols}xbf16>"
        return self.param(source, stored)

    # Operations.

    def linear(
        self,
        role: str,
        x: Value,
        rows: int,
        *,
        bias: bool = False,
        residual: Value | None = None,
        activation: str = "none",
        weight: Weight | None = None,
    ) -> Value:
        weight = weight or self.matrix(rows, x.cols)
        operands = f"{x.name}, {weight.name}"
        types = [x.type, weight.type]
        std = x.std * WEIGHT_STD * math.sqrt(x.cols)
        if bias:
            vector = self.vector(rows)
            operands += f" bias {vector.name}"
            types.append(vector.type)
        if residual:
            operands += f" residual {residual.name}"
            types.append(residual.type)
            std = math.hypot(std, residual.std)
        if activation != "none":
            operands += f" activation {activation}"
        signature = f"({', '.join(types)}) -> tensor<?x{rows}xf32>"
        return self.op(f"qz.linear {role} {operands} : {signature}", rows, std)

    def norm(self, x: Value, heads: int = 1) -> Value:
        """Each head by itself, all with the same weight."""
        how = f" heads {heads}" if heads > 1 else ""
        eps = self.rng.choice(("1.0e-4", "1.0e-5"))
        # The CUDA kernels read a norm's weight and bias as one type.
        dtype = self.rng.choice(DTYPES)
        weight = self.vector(x.cols // heads, dtype) if self.chance(75) else None
        operands, types = x.name, x.type
        if weight:
            operands += f", {weight.name}"
            types += f", {weight.type}"
        if self.chance(50):
            offset = " unit_offset" if weight and self.chance(30) else ""
            text = f"qz.rms_norm {operands}{offset}{how} eps {eps} : {types}"
            return self.op(text, x.cols, 2.0 if offset else 1.0)
        if weight and self.chance(60):
            bias = self.vector(x.cols // heads, dtype)
            operands += f" bias {bias.name}"
            types += f", {bias.type}"
        return self.op(f"qz.layer_norm {operands}{how} eps {eps} : {types}", x.cols, 1.0)

    def maybe_norm(self, x: Value, percent: int) -> Value:
        return self.norm(x) if self.chance(percent) else x

    def scale(self, x: Value, factor: float) -> Value:
        return self.op(f"qz.scale {x.name} by {factor:.6e} : {x.type}", x.cols, x.std * factor)

    def limit(self, x: Value) -> Value:
        """Clips what is beyond one deviation or so, one way or the other."""
        at = f"{x.std * self.rng.choice((0.7, 1.5)):.6e}"
        kind = self.rng.choice((f"clamp {x.name} limit", f"soft_cap {x.name} cap"))
        return self.op(f"qz.{kind} {at} : {x.type}", x.cols, x.std * 0.7)

    def activate(self, kind: str, x: Value) -> Value:
        return self.op(f"qz.activate {kind} {x.name} : {x.type}", x.cols, x.std * 0.6)

    def binary(self, kind: str, x: Value, y: Value) -> Value:
        std = math.hypot(x.std, y.std) if kind == "add" else x.std * y.std
        if self.chance(50):
            x, y = y, x
        return self.op(f"qz.{kind} {x.name}, {y.name} : {x.type}", x.cols, std)

    def quirk(self, x: Value) -> Value:
        """What folds away or is never used, or uses a value twice: nothing that matters."""
        kind = self.rng.randrange(40)
        if kind == 0:
            return self.activate("none", x)
        if kind == 1:
            return self.scale(x, 1.0)
        if kind == 2:
            return self.limit(self.limit(x))
        if kind == 3:
            return self.activate("relu", self.activate("relu", self.binary("add", x, x)))
        if kind == 4:
            self.norm(self.scale(x, 2.0))
        if kind == 5:
            return self.binary("add", x, self.binary("mul", x, x))
        return x

    # Parts of a decoder.

    def rope_attribute(self) -> str:
        dim = self.sizes.head_dim // 2 * 2
        if self.chance(40):
            dim = 2 * self.rng.randrange(1, dim // 2 + 1)
        style = self.rng.choice(("half", "interleaved"))
        text = f"dim = {dim}, theta = {self.rng.choice(('1.0e4', '5.0e5', '100.0'))}"
        text += f", style = {style}"
        scaling = self.rng.choice(("none", "none", "linear", "llama3", "dynamic", "explicit"))
        if scaling == "explicit" or (scaling == "dynamic" and dim < 4):
            frequencies = [str(round(self.rng.random(), 3)) for _ in range(dim)]
            short, long = (", ".join(frequencies[i::2]) for i in range(2))
            text += f", scaling = explicit, magnitude = {self.rng.choice(('1.0', '1.25'))}"
            text += f", frequencies = [{short}]"
            if self.chance(50):
                text += f", original_context = 16, long_frequencies = [{long}]"
            return f"#qz.rope<{text}>"
        if scaling != "none":
            text += f", scaling = {scaling}, factor = {self.rng.choice(('1.0', '2.5', '8.0'))}"
        if scaling == "llama3":
            text += ", low_freq_factor = 1.0, high_freq_factor = 4.0"
        if scaling in ("llama3", "dynamic"):
            text += ", original_context = 32"
        return f"#qz.rope<{text}>"

    def attention(self, x: Value, branch_std: float, residual: Value | None) -> Value:
        """Attention of normalized or other features and its output layer."""
        s = self.sizes
        heads, kv_heads = s.heads, s.kv_heads
        bias = self.chance(40)
        other = self.norm(x) if self.chance(15) else x
        if x.cols % s.head_dim == 0 and self.chance(20):
            heads = kv_heads = x.cols // s.head_dim
            q, k, v = x, other, other
        else:
            widths = (heads * s.head_dim, kv_heads * s.head_dim, kv_heads * s.head_dim)
            sources = (x, other, other)
            weights = self.fused_parts(widths, x.cols) if self.chance(25) else (None,) * 3
            q, k, v = (
                self.linear(role, source, width, bias=bias if self.chance(85) else not bias,
                            weight=weight)
                for role, source, width, weight in zip("qkv", sources, widths, weights, strict=True)
            )
        if s.head_dim > 20 and self.chance(20):
            q, k = self.norm(q, heads), self.norm(k, kv_heads)
        elif k.cols > 20 and self.chance(20):
            q, k = self.norm(q), self.norm(k)
        if self.chance(20):
            q, k = self.limit(q), self.limit(k)
        # Scores spread over a few units.
        scale = self.rng.choice((1.0, 3.0)) / (q.std * k.std * math.sqrt(s.head_dim))
        if self.chance(10):
            v = k
        if s.head_dim > 1 and self.chance(75):
            rope = self.rope_attribute()
            q = self.op(f"qz.rope {q.name}, {rope} heads {heads} : {q.type}", q.cols, q.std)
            k = self.op(f"qz.rope {k.name}, {rope} heads {kv_heads} : {k.type}", k.cols, k.std)
        text = f"{q.name}, {k.name}, {v.name} heads {heads} kv_heads {kv_heads}"
        text += f" scale {scale:.6e}"
        if self.chance(40):
            text += f" window {self.rng.choice((1, 2, 7, 31, 32, 100, 1000))}"
        if self.chance(30):
            text += f" soft_cap {self.rng.choice(('1.0', '5.0', '50.0'))}"
        if self.chance(25):
            text += f" alibi {self.rng.choice(('8.0', '3.5'))}"
        signature = f"({q.type}, {k.type}, {v.type}) -> {q.type}"
        mixed = self.op(f"qz.attention {text} : {signature}", q.cols, v.std * 0.5)
        mixed = self.amplify(self.quirk(mixed), branch_std)
        return self.linear("o", mixed, s.hidden, bias=self.chance(40), residual=residual)

    def amplify(self, x: Value, branch_std: float) -> Value:
        """Mostly brings what an output layer makes of x to that deviation."""
        if self.chance(20):
            return x
        return self.scale(x, branch_std / (x.std * WEIGHT_STD * math.sqrt(x.cols)))

    def feed_forward(self, x: Value, branch_std: float, residual: Value | None) -> Value:
        s = self.sizes
        bias = self.chance(40)
        activation = self.rng.choice(ACTIVATIONS)
        # Activations differ from one another only beyond small values.
        x = self.amplify(x, self.rng.choice((1.0, 2.0)))
        if self.chance(60):
            weights = (
                self.fused_parts((s.inner, s.inner), x.cols) if self.chance(25) else (None, None)
            )
            gate = self.linear("gate", x, s.inner, bias=bias, weight=weights[0])
            other_bias = bias if self.chance(85) else not bias
            up = self.linear("up", x, s.inner, bias=other_bias, weight=weights[1])
            inner = self.binary("mul", self.activate(activation, gate), up)
        elif self.chance(30):
            inner = self.linear("up", x, s.inner, bias=bias, activation=activation)
        else:
            inner = self.activate(activation, self.linear("up", x, s.inner, bias=bias))
        if self.chance(15):
            inner = self.limit(inner)
        inner = self.amplify(self.quirk(inner), branch_std)
        return self.linear("down", inner, s.hidden, bias=bias, residual=residual)

    def branch(self, part: Callable[..., Value], x: Value, stream: Value) -> Value:
        """stream + part(x), with a norm behind the part or behind the sum, or with none."""
        kind = self.rng.choice(("plain", "plain", "residual", "inner", "outer"))
        if kind == "residual":
            return part(x, stream.std, stream)
        y = self.quirk(part(x, stream.std, None))
        if kind == "inner":
            y = self.norm(y)
        y = self.binary("add", stream, y)
        return self.norm(y) if kind == "outer" else y

    def block(self, index: int, x: Value, others: Sequence[Value]) -> Value:
        argument = Value(f"%b{index}", x.cols, x.std)
        outer, self.lines = self.lines, []
        visible = list(self.visible)
        self.indent = "      "
        self.choose_storage()
        if self.chance(30):
            # Attention and feed-forward side by side.
            n = self.maybe_norm(argument, 80)
            y = self.attention(n, argument.std, None)
            z = self.feed_forward(n if self.chance(50) else self.norm(argument), argument.std, None)
            y = self.binary("add", self.binary("add", y, z), argument)
        else:
            y = self.branch(self.attention, self.maybe_norm(argument, 80), argument)
            if self.chance(85):
                y = self.branch(self.feed_forward, self.maybe_norm(y, 80), y)
        if others and self.chance(15):
            y = self.binary("add", y, self.rng.choice(others))
        self.emit(f"qz.yield {y.name} : {y.type}")
        inner, self.lines, self.indent, self.visible = self.lines, outer, "    ", visible
        result = Value(self.fresh(), x.cols, y.std)
        self.emit(f"{result.name} = qz.block {index} ({argument.name} = {x.name}) : {x.type} {{")
        self.lines += inner
        self.emit("}")
        return result

    def embedding(self) -> tuple[Value, Weight]:
        s = self.sizes
        width = self.rng.choice((s.hidden, s.hidden, self.narrow))
        rows = s.vocab + self.rng.choice((0, 0, 3))
        kind = self.rng.choice((self.dense_type, self.dense_type, *SCHEMES))
        stored = kind(rows, width, self.rng)
        table = self.param(f"tensor<{rows}x{width}xf16>", stored)
        x = self.op(
            f"qz.embed %tokens, {table.name} : {stored} -> tensor<?x{width}xf32>", width, WEIGHT_STD
        )
        if self.chance(70):
            x = self.scale(x, 50.0)
        if width != s.hidden or self.chance(10):
            x = self.linear("proj", x, s.hidden, bias=self.chance(30))
        if self.chance(40):
            offset = self.rng.choice((0, 2))
            stored = self.dense_type(s.context + offset, s.hidden, self.rng)
            positions = self.param(stored, stored)
            text = f"qz.add_positions {x.name}, {positions.name}"
            text += f" offset {offset}" if offset else ""
            x = self.op(f"{text} : {x.type}, {stored}", x.cols, math.hypot(x.std, WEIGHT_STD))
        return self.maybe_norm(x, 25), table

    def head(self, x: Value, table: Weight) -> Value:
        s = self.sizes
        x = self.maybe_norm(x, 80)
        if self.chance(20):
            x = self.linear("proj", x, self.narrow, bias=self.chance(30))
        tied = f"tensor<{s.vocab}x{x.cols}x" in table.type or f"<{s.vocab}x{x.cols}," in table.type
        if tied and self.chance(60):
            text = f"({x.type}, {table.type}) -> tensor<?x{s.vocab}xf32>"
            std = x.std * WEIGHT_STD * math.sqrt(x.cols)
            logits = self.op(f"qz.linear head {x.name}, {table.name} : {text}", s.vocab, std)
        else:
            self.choose_storage()
            logits = self.linear("head", x, s.vocab, bias=self.chance(30))
        for part in (self.limit, lambda y: self.scale(y, 3.0), self.norm):
            if self.chance(20):
                logits = part(logits)
        return logits

    def text(self) -> str:
        s = self.sizes
        x, table = self.embedding()
        streams: list[Value] = []
        for index in range(s.layers):
            before = x
            x = self.block(index, x, streams)
            streams.append(before)
        logits = self.head(x, table)
        head = [
            f'qz.model @random attributes {{family = "random", layers = {s.layers} : i64,',
            f"    hidden = {s.hidden} : i64, vocab = {s.vocab} : i64, context = {s.context} : i64,",
            "    eos = array<i64>, add_bos = false} {",
            f"  qz.graph(%tokens : tensor<?xi32>) -> {logits.type} {{",
        ]
        tail = [f"    qz.return {logits.name} : {logits.type}", "  }", "}"]
        return "\n".join(head + self.lines + tail) + "\n"


if __name__ == "__main__":
    sys.stdout.write(Graph(int(sys.argv[1]), tiny="tiny" in sys.argv[2:]).text())
