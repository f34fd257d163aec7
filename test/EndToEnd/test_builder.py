"""What qz-import's builder writes is what the dialect reads, with every argument."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import BUILD, run
from qz_import.builder import GraphBuilder, Rope

HEAD = """qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64,
    vocab = 5 : i64, context = 4 : i64, eos = array<i64>, add_bos = false} {
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x5xf32> {"""
# Of the generic form: operations with their attributes, in order.
OPERATION = re.compile(r'"qz\.(\w+)"\(.*?<\{(.*?)\}>')
EXPECTED = [
    ("add_positions", "offset = 1"),
    ("layer_norm", "epsilon = 2.5", "heads = 1"),
    ("rms_norm", "epsilon = 1.25"),
    ("rms_norm", "epsilon = 1.25", "unit_offset"),
    ("layer_norm", "heads = 2"),
    ("rms_norm", "heads = 4"),
    ("linear", "#qz<role q>"),
    ("linear", "#qz<role k>"),
    ("linear", "#qz<role v>"),
    ("rope", "heads = 4", "rope = #rope"),
    ("rope", "heads = 4", "rope = #rope1"),
    ("rope", "heads = 4", "rope = #rope2"),
    ("attention", "heads = 4", "kv_heads = 2", "scale = 5.0", "window = 3", "soft_cap = 3.0"),
    ("attention", "alibi = 8.0"),
    ("activate", "gelu"),
    ("scale", "factor = -2.5"),
    ("clamp", "limit = 8.0"),
    ("soft_cap", "cap = 3.0"),
]
# Frequencies have the digits of an f32.
GIVEN = {"magnitude": 1.5, "frequencies": (0.10000000149011612,)}
LONG = {"original_context": 2, "long_frequencies": (1.0,)}
PRINTED = (
    "#rope = #qz.rope<dim = 2, theta = 1.000000e+04, style = interleaved>",
    "frequencies = [1.000000e-01]>",
    "frequencies = [1.000000e-01], original_context = 2, long_frequencies = [1.000000e+00]>",
)


def test_every_operation(tmp_path: Path) -> None:
    graph = GraphBuilder(None, "folder", "f16")
    vector = graph.param("g", "g", 8)
    table = graph.param("table", "t", 5, 8)
    x = graph.embed("x", graph.tokens, table)
    x = graph.add_positions("x", x, graph.param("p", "p", 5, 8), offset=1)
    with graph.block(0, x) as block:
        n = graph.layer_norm("n", block.input, 2.5)
        n = graph.layer_norm("n", n, 2.5, vector, vector)
        n = graph.rms_norm("n", n, 1.25)
        n = graph.rms_norm("n", n, 1.25, vector, unit_offset=True)
        n = graph.layer_norm("n", n, 2.5, heads=2)
        n = graph.rms_norm("n", n, 1.25, heads=4)
        parts = {"q": ((0, 4), (12, 16)), "k": ((4, 8),), "v": ((8, 12),)}
        q, k, v = (
            graph.linear(role, role, n, graph.param("w", "w", 16, 8, rows=rows))
            for role, rows in parts.items()
        )
        q = graph.rope("r", q, Rope(2, 1e4, style="interleaved"), heads=4)
        q = graph.rope("r", q, Rope(2, 1e4, "explicit", GIVEN), heads=4)
        q = graph.rope("r", q, Rope(2, 1e4, "explicit", GIVEN | LONG), heads=4)
        graph.attention("a", q, k, v, 4, 2, scale=0.5, window=3, soft_cap=30.0)
        a = graph.attention("a", q, k, v, 4, 2, scale=0.5, alibi=8.0)
        a = graph.activate("a", "gelu", a)
        a = graph.scale("a", a, -2.5)
        a = graph.clamp("a", a, 8)
        a = graph.soft_cap("a", a, 30)
        a = graph.mul("a", a, n)
        block.result = graph.add("y", a, block.input)
    bias = graph.param("b", "b", 5)
    graph.finish(graph.linear("logits", "head", block.output, table, bias))
    module = tmp_path / "m.mlir"
    aliases = [f"{name} = {text}" for name, text in graph.attributes.items()]
    module.write_text("\n".join([*aliases, HEAD, *graph.lines, "  }", "}", ""]))

    opt = BUILD / "bin" / "qzc-opt"
    text = run(opt, "--verify-roundtrip", "--mlir-print-op-generic", module).stdout
    for attribute in PRINTED:
        assert attribute in text
    found = iter(OPERATION.findall(text))
    for name, *words in EXPECTED:
        attributes = next(attributes for kind, attributes in found if kind == name)
        for word in words:
            assert word in attributes, (name, attributes)
