"""Emits the graph of a decoder-only model from what its family says of it."""

from __future__ import annotations

from qz_import.builder import GraphBuilder, Value
from qz_import.decoder import Attention, Block, Decoder, Dense, Mlp


class Skeleton:
    def __init__(self, decoder: Decoder, graph: GraphBuilder) -> None:
        self.decoder = decoder
        self.graph = graph
        self.prefix = decoder.prefix

    def linear(self, hint: str, role: str, x: Value, at: str, layer: Dense, out: int) -> Value:
        """A layer whose name stands below `at`."""
        name, height = at + layer.name, layer.height or out
        shape = (x.columns, height) if layer.transposed else (height, x.columns)
        weight = self.graph.param(
            f"w{hint}", f"{name}.weight", *shape, transposed=layer.transposed, rows=layer.rows
        )
        bias = None
        if layer.bias:
            bias = self.graph.param(f"b{hint}", f"{name}.bias", height, rows=layer.rows)
        return self.graph.linear(hint, role, x, weight, bias)

    def norm(self, hint: str, x: Value, name: str) -> Value:
        graph, norm = self.graph, self.decoder.norm
        weight = bias = None
        if norm.weight:
            weight = graph.param(f"g{hint}", f"{name}.weight", x.columns)
        if norm.bias:
            bias = graph.param(f"b{hint}", f"{name}.bias", x.columns)
        if norm.kind == "layer":
            return graph.layer_norm(hint, x, norm.epsilon, weight, bias)
        return graph.rms_norm(hint, x, norm.epsilon, weight, norm.unit_offset)

    def maybe_norm(self, hint: str, x: Value, at: str, name: str | None) -> Value:
        return x if name is None else self.norm(hint, x, at + name)

    def attention(self, x: Value, at: str, spec: Attention) -> Value:
        graph = self.graph
        q = self.linear("q", "q", x, at, spec.q, spec.heads * spec.head_dim)
        k = self.linear("k", "k", x, at, spec.k, spec.kv_heads * spec.head_dim)
        v = self.linear("v", "v", x, at, spec.v, spec.kv_heads * spec.head_dim)
        if spec.rope:
            q = graph.rope("qr", q, spec.rope, spec.heads)
            k = graph.rope("kr", k, spec.rope, spec.kv_heads)
        a = graph.attention(
            "a", q, k, v, spec.heads, spec.kv_heads, spec.scale, spec.window, spec.soft_cap
        )
        return self.linear("o", "o", a, at, spec.o, self.decoder.hidden)

    def mlp(self, x: Value, at: str, spec: Mlp) -> Value:
        graph = self.graph
        if spec.gate:
            gate = self.linear("gate", "gate", x, at, spec.gate, spec.width)
            up = self.linear("up", "up", x, at, spec.up, spec.width)
            middle = graph.mul("m", graph.activate("act", spec.activation, gate), up)
        else:
            up = self.linear("up", "up", x, at, spec.up, spec.width)
            middle = graph.activate("act", spec.activation, up)
        return self.linear("down", "down", middle, at, spec.down, self.decoder.hidden)

    def block(self, x: Value, at: str, block: Block) -> Value:
        graph, norms = self.graph, self.decoder.norms
        n = self.maybe_norm("n", x, at, norms.attention_in)
        h = graph.add("h", x, self.attention(n, at, block.attention))
        h = self.maybe_norm("n", h, at, norms.attention_sum)
        n = self.maybe_norm("m_in", h, at, norms.mlp_in)
        y = graph.add("y", h, self.mlp(n, at, block.mlp))
        return self.maybe_norm("yn", y, at, norms.mlp_sum)

    def embedded(self, table: Value) -> Value:
        graph, decoder = self.graph, self.decoder
        x = graph.embed("x0", graph.tokens, table)
        if decoder.embedding:
            layer = Dense(decoder.project_in)
            x = self.linear("x_in", "proj", x, self.prefix, layer, decoder.hidden)
        if positions := decoder.positions:
            name = f"{self.prefix}{positions.name}.weight"
            rows = graph.param("positions", name, positions.rows, decoder.hidden)
            x = graph.add_positions("x0", x, rows, positions.offset)
        return x

    def emit(self) -> Value:
        """The logits."""
        graph, decoder, prefix = self.graph, self.decoder, self.prefix
        width = decoder.embedding or decoder.hidden
        embed, head = f"{prefix}{decoder.embed}.weight", f"{decoder.head}.weight"
        embed = graph.tied(embed, head) if decoder.tied else embed
        table = graph.param("embed", embed, decoder.vocab, width)
        x = self.embedded(table)
        for number, spec in enumerate(decoder.blocks):
            with graph.block(number, x) as block:
                at = f"{prefix}{decoder.layers}.{number}."
                block.result = self.block(block.input, at, spec)
            x = block.output
        x = self.maybe_norm("nf", x, prefix, decoder.final_norm)
        if decoder.embedding:
            x = self.linear("x_out", "proj", x, prefix, Dense(decoder.project_out), width)
        if not decoder.tied:
            table = graph.param("head", head, decoder.vocab, width)
        return graph.linear("logits", "head", x, table)
