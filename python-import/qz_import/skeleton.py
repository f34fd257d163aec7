"""Emits the graph of a decoder-only model from what its family says of it."""

from __future__ import annotations

from qz_import.builder import GraphBuilder, Value
from qz_import.decoder import Attention, Block, Decoder, Dense, Mlp, Norm


class Skeleton:
    def __init__(self, decoder: Decoder, graph: GraphBuilder) -> None:
        self.decoder = decoder
        self.graph = graph

    def linear(self, hint: str, role: str, x: Value, at: str, layer: Dense, out: int) -> Value:
        """A layer whose name stands below `at`."""
        name, height = at + layer.name, layer.height or out
        shape = (x.columns, height) if layer.transposed else (height, x.columns)
        weight = self.graph.param(
            f"w{hint}", f"{name}.weight", *shape, transposed=layer.transposed, rows=layer.rows
        )
        return self.graph.linear(hint, role, x, weight, self.bias(hint, name, layer, height))

    def bias(self, hint: str, name: str, layer: Dense, height: int) -> Value | None:
        if not layer.bias:
            return None
        return self.graph.param(f"b{hint}", f"{name}.bias", height, rows=layer.rows)

    def norm(self, hint: str, x: Value, name: str, norm: Norm, heads: int = 1) -> Value:
        graph, columns = self.graph, x.columns // heads
        weight = bias = None
        if norm.weight:
            weight = graph.param(f"g{hint}", f"{name}.weight", columns)
        if norm.bias:
            bias = graph.param(f"b{hint}", f"{name}.bias", columns)
        if norm.kind == "layer":
            return graph.layer_norm(hint, x, norm.epsilon, weight, bias, heads)
        return graph.rms_norm(hint, x, norm.epsilon, weight, norm.unit_offset, heads)

    def maybe_norm(self, hint: str, x: Value, at: str, name: str | None) -> Value:
        return x if name is None else self.norm(hint, x, at + name, self.decoder.norm)

    def maybe_scaled(self, hint: str, x: Value, factor: float) -> Value:
        return x if factor == 1 else self.graph.scale(hint, x, factor)

    def turned(self, role: str, x: Value, at: str, spec: Attention) -> Value:
        """q or k as attention takes it."""
        heads = spec.heads if role == "q" else spec.kv_heads
        if norms := spec.norms:
            name = at + (norms.q if role == "q" else norms.k)
            x = self.norm(f"{role}n", x, name, norms.norm, heads if norms.is_per_head else 1)
        return self.graph.rope(f"{role}r", x, spec.rope, heads) if spec.rope else x

    def attention(self, x: Value, at: str, spec: Attention) -> Value:
        graph = self.graph
        q = self.linear("q", "q", x, at, spec.q, spec.heads * spec.head_dim)
        k = self.linear("k", "k", x, at, spec.k, spec.kv_heads * spec.head_dim)
        v = self.linear("v", "v", x, at, spec.v, spec.kv_heads * spec.head_dim)
        if spec.clip:
            q, k, v = (
                graph.clamp(f"{role}c", part, spec.clip)
                for role, part in zip("qkv", (q, k, v), strict=True)
            )
        q, k = self.turned("q", q, at, spec), self.turned("k", k, at, spec)
        limits = (spec.window, spec.soft_cap, spec.alibi)
        a = graph.attention("a", q, k, v, spec.heads, spec.kv_heads, spec.scale, *limits)
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
        graph, decoder, norms = self.graph, self.decoder, self.decoder.norms
        n = self.maybe_norm("n", x, at, norms.attention_in)
        a = self.attention(n, at, block.attention)
        a = self.maybe_norm("an", a, at, norms.attention_out)
        h = graph.add("h", x, self.maybe_scaled("as", a, decoder.residual_scale))
        h = self.maybe_norm("n", h, at, norms.attention_sum)
        if not (decoder.is_parallel and norms.mlp_in is None):
            n = self.maybe_norm("m_in", x if decoder.is_parallel else h, at, norms.mlp_in)
        m = self.mlp(n, at, block.mlp)
        m = self.maybe_norm("mn", m, at, norms.mlp_out)
        y = graph.add("y", h, self.maybe_scaled("ms", m, decoder.residual_scale))
        return self.maybe_norm("yn", y, at, norms.mlp_sum)

    def embedded(self, table: Value) -> Value:
        graph, decoder, prefix = self.graph, self.decoder, self.decoder.prefix
        x = graph.embed("x0", graph.tokens, table)
        x = self.maybe_scaled("x0", x, decoder.embed_scale)
        if decoder.embedding:
            x = self.linear("x_in", "proj", x, prefix, Dense(decoder.project_in), decoder.hidden)
        if positions := decoder.positions:
            name = f"{prefix}{positions.name}.weight"
            rows = graph.param("positions", name, positions.rows, decoder.hidden)
            x = graph.add_positions("x0", x, rows, positions.offset)
        return self.maybe_norm("x0", x, prefix, decoder.embed_norm)

    def logits(self, x: Value, table: Value) -> Value:
        graph, decoder = self.graph, self.decoder
        bias = self.bias("head", decoder.head.name, decoder.head, decoder.vocab)
        logits = graph.linear("logits", "head", x, table, bias)
        logits = self.maybe_scaled("logits", logits, decoder.logit_scale)
        if decoder.logit_cap:
            logits = graph.soft_cap("logits", logits, decoder.logit_cap)
        return logits

    def emit(self) -> Value:
        """The logits."""
        graph, decoder, prefix = self.graph, self.decoder, self.decoder.prefix
        width = decoder.embedding or decoder.hidden
        embed = f"{prefix}{decoder.embed}.weight"
        # transformers calls every head so, whatever older checkpoints call it.
        head = graph.first_of(f"{decoder.head.name}.weight", "lm_head.weight")
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
        return self.logits(x, table)
