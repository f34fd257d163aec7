"""Llama, and what shares its architecture under model_type "llama": SmolLM2, Llama 3.2, TinyLlama.

Pre-norm blocks: RMS norms, rotary grouped-query attention, a gated MLP.
"""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.builder import GraphBuilder, Rope, Value
from qz_import.config import Config
from qz_import.families import MOST_LAYERS, Family, register
from qz_import.rotary import read_rope


class Llama:
    def __init__(self, config: Config, graph: GraphBuilder) -> None:
        self.graph = graph
        self.vocab = config.size("vocab_size")
        self.hidden = config.size("hidden_size")
        self.intermediate = config.size("intermediate_size")
        self.layers = config.size("num_hidden_layers", limit=MOST_LAYERS)
        self.heads = config.size("num_attention_heads")
        self.kv_heads = config.size("num_key_value_heads", self.heads)
        self.eps = config.number("rms_norm_eps")
        self.activation = config.choice("hidden_act", ACTIVATIONS)
        self.attention_bias = config.flag("attention_bias", False)
        self.mlp_bias = config.flag("mlp_bias", False)
        self.tied = config.flag("tie_word_embeddings", False)
        if not config.has("head_dim") and self.hidden % self.heads:
            raise config.fail(
                "hidden_size", f"{self.hidden} is no multiple of num_attention_heads {self.heads}"
            )
        self.head_dim = config.size("head_dim", max(self.hidden // self.heads, 1))
        if self.heads % self.kv_heads:
            raise config.fail(
                "num_attention_heads",
                f"{self.heads} is no multiple of num_key_value_heads {self.kv_heads}",
            )
        if self.head_dim % 2:
            raise config.fail("head_dim", f"{self.head_dim} is odd: rotary embeddings need pairs")
        if config.number("partial_rotary_factor", 1.0) != 1.0:
            raise config.fail("partial_rotary_factor", "is not supported for llama")
        self.rope: Rope = read_rope(config, self.head_dim)

    def linear(self, hint: str, role: str, x: Value, name: str, out: int, has_bias: bool) -> Value:
        weight = self.graph.param(f"w{hint}", f"{name}.weight", out, x.columns)
        bias = self.graph.param(f"b{hint}", f"{name}.bias", out) if has_bias else None
        return self.graph.linear(hint, role, x, weight, bias)

    def norm(self, hint: str, x: Value, name: str) -> Value:
        weight = self.graph.param(f"g{hint}", f"{name}.weight", x.columns)
        return self.graph.rms_norm(hint, x, weight, self.eps)

    def attention(self, x: Value, prefix: str) -> Value:
        graph, bias = self.graph, self.attention_bias
        kv_columns = self.kv_heads * self.head_dim
        q = self.linear("q", "q", x, f"{prefix}.q_proj", self.heads * self.head_dim, bias)
        k = self.linear("k", "k", x, f"{prefix}.k_proj", kv_columns, bias)
        v = self.linear("v", "v", x, f"{prefix}.v_proj", kv_columns, bias)
        q = graph.rope("qr", q, self.rope, self.heads)
        k = graph.rope("kr", k, self.rope, self.kv_heads)
        a = graph.attention("a", q, k, v, self.heads, self.kv_heads, self.head_dim**-0.5)
        return self.linear("o", "o", a, f"{prefix}.o_proj", self.hidden, bias)

    def mlp(self, x: Value, prefix: str) -> Value:
        graph, bias = self.graph, self.mlp_bias
        gate = self.linear("gate", "gate", x, f"{prefix}.gate_proj", self.intermediate, bias)
        up = self.linear("up", "up", x, f"{prefix}.up_proj", self.intermediate, bias)
        m = graph.mul("m", graph.activate("act", self.activation, gate), up)
        return self.linear("down", "down", m, f"{prefix}.down_proj", self.hidden, bias)

    def emit(self) -> Value:
        graph = self.graph
        embedding = "model.embed_tokens.weight"
        if self.tied:
            embedding = graph.tied(embedding, "lm_head.weight")
        table = graph.param("embed", embedding, self.vocab, self.hidden)
        x = graph.embed(table)
        for number in range(self.layers):
            prefix = f"model.layers.{number}"
            with graph.block(number, x) as block:
                n = self.norm("n", block.input, f"{prefix}.input_layernorm")
                h = graph.add("h", block.input, self.attention(n, f"{prefix}.self_attn"))
                n = self.norm("m_in", h, f"{prefix}.post_attention_layernorm")
                block.result = graph.add("y", h, self.mlp(n, f"{prefix}.mlp"))
            x = block.output
        x = self.norm("nf", x, "model.norm")
        if not self.tied:
            table = graph.param("head", "lm_head.weight", self.vocab, self.hidden)
        return graph.linear("logits", "head", x, table)


register(Family("llama", lambda config, graph: Llama(config, graph).emit(), base="model."))
