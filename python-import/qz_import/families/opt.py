"""OPT in both forms: norms before each half of a block (125m, 1.3b) or after it (350m).

Layer norms, learned positions, a plain MLP with ReLU. Where embeddings are narrower than the
blocks, linear layers lead in and out (350m).
"""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.builder import GraphBuilder, Value
from qz_import.config import Config
from qz_import.families import MOST_LAYERS, Family, register
from qz_import.vocab_tokenizer import GPT2_TOKENIZER

# Of torch.nn.LayerNorm; no key of config.json changes it.
EPS = 1e-5
PREFIX = "model.decoder"
# The position table begins with two rows that no position uses.
POSITION_OFFSET = 2


class Opt:
    def __init__(self, config: Config, graph: GraphBuilder) -> None:
        self.graph = graph
        self.vocab = config.size("vocab_size")
        self.hidden = config.size("hidden_size")
        self.embedding = config.size("word_embed_proj_dim", self.hidden)
        self.intermediate = config.size("ffn_dim")
        self.layers = config.size("num_hidden_layers", limit=MOST_LAYERS)
        self.heads = config.size("num_attention_heads")
        self.positions = config.size("max_position_embeddings")
        self.activation = config.choice("activation_function", ACTIVATIONS, "relu")
        self.norm_first = config.flag("do_layer_norm_before", True)
        self.norm_last = self.norm_first and not config.flag("_remove_final_layer_norm", False)
        self.bias = config.flag("enable_bias", True)
        self.affine = config.flag("layer_norm_elementwise_affine", True)
        self.tied = config.flag("tie_word_embeddings", True)
        if self.hidden % self.heads:
            raise config.fail(
                "hidden_size", f"{self.hidden} is no multiple of num_attention_heads {self.heads}"
            )

    def linear(self, role: str, x: Value, name: str, out: int) -> Value:
        weight = self.graph.param(f"w{role}", f"{name}.weight", out, x.columns)
        bias = self.graph.param(f"b{role}", f"{name}.bias", out) if self.bias else None
        return self.graph.linear(role, role, x, weight, bias)

    def projection(self, hint: str, x: Value, name: str, out: int) -> Value:
        weight = self.graph.param(f"w{hint}", f"{PREFIX}.{name}.weight", out, x.columns)
        return self.graph.linear(hint, "proj", x, weight)

    def norm(self, hint: str, x: Value, name: str) -> Value:
        weight = bias = None
        if self.affine:
            weight = self.graph.param(f"g{hint}", f"{name}.weight", x.columns)
            bias = self.graph.param(f"b{hint}", f"{name}.bias", x.columns)
        return self.graph.layer_norm(hint, x, EPS, weight, bias)

    def attention(self, x: Value, prefix: str) -> Value:
        q, k, v = (
            self.linear(role, x, f"{prefix}.{role}_proj", self.hidden) for role in ("q", "k", "v")
        )
        scale = (self.hidden // self.heads) ** -0.5
        a = self.graph.attention("a", q, k, v, self.heads, self.heads, scale)
        return self.linear("o", a, f"{prefix}.out_proj", self.hidden)

    def mlp(self, x: Value, prefix: str) -> Value:
        up = self.linear("up", x, f"{prefix}.fc1", self.intermediate)
        act = self.graph.activate("act", self.activation, up)
        return self.linear("down", act, f"{prefix}.fc2", self.hidden)

    def block(self, x: Value, prefix: str) -> Value:
        graph = self.graph
        attention, norms = (
            f"{prefix}.self_attn",
            (
                f"{prefix}.self_attn_layer_norm",
                f"{prefix}.final_layer_norm",
            ),
        )
        if self.norm_first:
            n = self.norm("n", x, norms[0])
            h = graph.add("h", x, self.attention(n, attention))
            n = self.norm("m_in", h, norms[1])
            return graph.add("y", h, self.mlp(n, prefix))
        h = self.norm("n", graph.add("h", x, self.attention(x, attention)), norms[0])
        return self.norm("yn", graph.add("y", h, self.mlp(h, prefix)), norms[1])

    def emit(self) -> Value:
        graph = self.graph
        embedding = f"{PREFIX}.embed_tokens.weight"
        if self.tied:
            embedding = graph.tied(embedding, "lm_head.weight")
        table = graph.param("embed", embedding, self.vocab, self.embedding)
        x = graph.embed(table)
        if self.embedding != self.hidden:
            x = self.projection("x_in", x, "project_in", self.hidden)
        rows = self.positions + POSITION_OFFSET
        positions = graph.param(
            "positions", f"{PREFIX}.embed_positions.weight", rows, self.hidden
        )
        x = graph.add_positions("x0", x, positions, POSITION_OFFSET)
        for number in range(self.layers):
            with graph.block(number, x) as block:
                block.result = self.block(block.input, f"{PREFIX}.layers.{number}")
            x = block.output
        if self.norm_last:
            x = self.norm("nf", x, f"{PREFIX}.final_layer_norm")
        if self.embedding != self.hidden:
            x = self.projection("x_out", x, "project_out", self.embedding)
        if not self.tied:
            table = graph.param("head", "lm_head.weight", self.vocab, self.embedding)
        return graph.linear("logits", "head", x, table)


register(
    Family(
        "opt",
        lambda config, graph: Opt(config, graph).emit(),
        base="model.",
        tokenizer_class=GPT2_TOKENIZER,
    )
)
