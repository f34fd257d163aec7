"""GPT-2: pre-norm blocks with layer norms, learned positions, fused q, k and v, a plain MLP.

Its linear layers are Conv1D: stored as [in, out].
"""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.builder import GraphBuilder, Value
from qz_import.config import Config
from qz_import.families import MOST_LAYERS, Family, register
from qz_import.vocab_tokenizer import GPT2_TOKENIZER

QKV = ("q", "k", "v")


class Gpt2:
    def __init__(self, config: Config, graph: GraphBuilder) -> None:
        self.graph = graph
        self.vocab = config.size("vocab_size")
        self.positions = config.size("n_positions")
        self.hidden = config.size("n_embd")
        self.layers = config.size("n_layer", limit=MOST_LAYERS)
        self.heads = config.size("n_head")
        self.intermediate = config.size("n_inner", 4 * self.hidden)
        self.eps = config.number("layer_norm_epsilon", 1e-5)
        self.activation = config.choice("activation_function", ACTIVATIONS, "gelu_new")
        self.scaled = config.flag("scale_attn_weights", True)
        self.scaled_by_layer = config.flag("scale_attn_by_inverse_layer_idx", False)
        self.tied = config.flag("tie_word_embeddings", True)
        if self.hidden % self.heads:
            raise config.fail("n_embd", f"{self.hidden} is no multiple of n_head {self.heads}")
        if config.flag("add_cross_attention", False):
            raise config.fail("add_cross_attention", "is not supported")

    def part(self, role: str, x: Value, name: str, part: int, parts: int) -> Value:
        """One of the `parts` layers of the hidden size that a Conv1D is made of."""
        out, size = parts * self.hidden, self.hidden
        rows = (part * size, (part + 1) * size)
        weight = self.graph.param(
            f"w{role}", f"{name}.weight", x.columns, out, transposed=True, rows=rows
        )
        bias = self.graph.param(f"b{role}", f"{name}.bias", out, rows=rows)
        return self.graph.linear(role, role, x, weight, bias)

    def linear(self, role: str, x: Value, name: str, out: int) -> Value:
        weight = self.graph.param(f"w{role}", f"{name}.weight", x.columns, out, transposed=True)
        bias = self.graph.param(f"b{role}", f"{name}.bias", out)
        return self.graph.linear(role, role, x, weight, bias)

    def norm(self, hint: str, x: Value, name: str) -> Value:
        weight = self.graph.param(f"g{hint}", f"{name}.weight", x.columns)
        bias = self.graph.param(f"b{hint}", f"{name}.bias", x.columns)
        return self.graph.layer_norm(hint, x, self.eps, weight, bias)

    def attention(self, x: Value, prefix: str, layer: int) -> Value:
        q, k, v = (
            self.part(role, x, f"{prefix}.c_attn", index, len(QKV))
            for index, role in enumerate(QKV)
        )
        scale = (self.hidden // self.heads) ** -0.5 if self.scaled else 1.0
        if self.scaled_by_layer:
            scale /= layer + 1
        a = self.graph.attention("a", q, k, v, self.heads, self.heads, scale)
        return self.linear("o", a, f"{prefix}.c_proj", self.hidden)

    def mlp(self, x: Value, prefix: str) -> Value:
        up = self.linear("up", x, f"{prefix}.c_fc", self.intermediate)
        act = self.graph.activate("act", self.activation, up)
        return self.linear("down", act, f"{prefix}.c_proj", self.hidden)

    def emit(self) -> Value:
        graph = self.graph
        embedding = "transformer.wte.weight"
        if self.tied:
            embedding = graph.tied(embedding, "lm_head.weight")
        table = graph.param("embed", embedding, self.vocab, self.hidden)
        positions = graph.param("wpe", "transformer.wpe.weight", self.positions, self.hidden)
        x = graph.add_positions("x0", graph.embed(table), positions)
        for number in range(self.layers):
            prefix = f"transformer.h.{number}"
            with graph.block(number, x) as block:
                n = self.norm("n", block.input, f"{prefix}.ln_1")
                attended = self.attention(n, f"{prefix}.attn", number)
                h = graph.add("h", block.input, attended)
                n = self.norm("m_in", h, f"{prefix}.ln_2")
                block.result = graph.add("y", h, self.mlp(n, f"{prefix}.mlp"))
            x = block.output
        x = self.norm("nf", x, "transformer.ln_f")
        if not self.tied:
            table = graph.param("head", "lm_head.weight", self.vocab, self.hidden)
        return graph.linear("logits", "head", x, table)


register(
    Family(
        "gpt2",
        lambda config, graph: Gpt2(config, graph).emit(),
        hidden="n_embd",
        layers="n_layer",
        context="n_positions",
        base="transformer.",
        tokenizer_class=GPT2_TOKENIZER,
    )
)
