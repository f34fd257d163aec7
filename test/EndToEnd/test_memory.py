"""Memory by convention: published figures from shapes alone, and what a file really holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODEL_NAMES, qz_import, qzc, run, scores

Imported = Callable[[str], Path]

# What decides the shapes in the public configurations.
CONFIGS = {
    "opt-350m": {
        "model_type": "opt",
        "vocab_size": 50272,
        "hidden_size": 1024,
        "word_embed_proj_dim": 512,
        "ffn_dim": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "max_position_embeddings": 2048,
        "do_layer_norm_before": False,
        "torch_dtype": "float16",
    },
    "gpt2": {
        "model_type": "gpt2",
        "vocab_size": 50257,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "n_positions": 1024,
        "torch_dtype": "float32",
    },
    "llama-3.2-1b": {
        "model_type": "llama",
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    },
}


def olmo_1b() -> str:
    """A module with the shapes of OLMo-1B: norms without weights, a gated MLP, a tied head."""
    vocab, hidden, wide, layers = 50304, 2048, 8192, 16
    x, m = f"tensor<?x{hidden}xf32>", f"tensor<?x{wide}xf32>"

    def linear(role: str, source: str, out: int, columns: int) -> str:
        weight = f"tensor<{out}x{columns}xf32>"
        types = f"(tensor<?x{columns}xf32>, {weight}) -> tensor<?x{out}xf32>"
        return (
            f'%w{role} = qz.param "{role}" : {weight}\n'
            f"%{role} = qz.linear {role} {source}, %w{role} : {types}\n"
        )

    block = (
        f"%n = qz.layer_norm %x eps 1.0e-05 : {x}\n"
        + "".join(linear(role, "%n", hidden, hidden) for role in "qkv")
        + f"%qr = qz.rope %q, #rope heads 16 : {x}\n"
        f"%kr = qz.rope %k, #rope heads 16 : {x}\n"
        f"%a = qz.attention %qr, %kr, %v heads 16 kv_heads 16 scale 0.088\n"
        f"  : ({x}, {x}, {x}) -> {x}\n"
        + linear("o", "%a", hidden, hidden)
        + f"%h = qz.add %x, %o : {x}\n%m = qz.layer_norm %h eps 1.0e-05 : {x}\n"
        + linear("gate", "%m", wide, hidden)
        + linear("up", "%m", wide, hidden)
        + f"%g = qz.activate silu %gate : {m}\n%p = qz.mul %g, %up : {m}\n"
        + linear("down", "%p", hidden, wide)
        + f"%y = qz.add %h, %down : {x}\nqz.yield %y : {x}\n"
    )
    blocks = "".join(
        f"%x{i + 1} = qz.block {i} (%x = %x{i}) : {x} {{\n"
        + block.replace('param "', f'param "layers.{i}.')
        + "}\n"
        for i in range(layers)
    )
    table, logits = f"tensor<{vocab}x{hidden}xf32>", f"tensor<?x{vocab}xf32>"
    return (
        "#rope = #qz.rope<dim = 128, theta = 10000.0, style = half>\n"
        f'qz.model @olmo attributes {{family = "olmo", layers = {layers} : i64,\n'
        f"    hidden = {hidden} : i64, vocab = {vocab} : i64, context = 2048 : i64,\n"
        "    eos = array<i64: 50279>, add_bos = false} {\n"
        f"qz.graph(%t : tensor<?xi32>) -> {logits} {{\n"
        f'%e = qz.param "embed" : {table}\n'
        f"%x0 = qz.embed %t, %e : {table} -> {x}\n"
        f"{blocks}%nf = qz.layer_norm %x{layers} eps 1.0e-05 : {x}\n"
        f"%l = qz.linear head %nf, %e : ({x}, {table}) -> {logits}\n"
        f"qz.return %l : {logits}\n}}\n}}\n"
    )


@pytest.fixture(scope="module")
def module_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A module of the model's shapes, without weights."""
    folder = tmp_path_factory.mktemp("shapes")

    def get(name: str) -> Path:
        module = folder / f"{name}.mlir"
        if module.exists():
            return module
        if name == "olmo-1b":
            module.write_text(olmo_1b())
            return module
        source = folder / name
        source.mkdir(exist_ok=True)
        (source / "config.json").write_text(json.dumps(CONFIGS[name]))
        qz_import(source, "-o", module)
        return module

    return get


def totals(printed: str, column: int = -1) -> dict[str, float]:
    """MB by convention of the dry run's table: as stored, or (-2) as imported."""
    return {
        line.split()[1]: float(line.split()[column])
        for line in printed.splitlines()
        if line.startswith("total, ")
    }


# Model, options, convention, bytes, and the figure as it was published with its unit and whether
# its digits were cut instead of rounded. docs/memory.md tells where each comes from.
MB, MIB = 1e6, 2.0**20
PUBLISHED = [
    ("opt-350m", "--dtype=f32", "packed", 1_324_785_664, "1324.78", MB, "cut"),
    ("opt-350m", "--dtype=f32 --quantize=int8", "packed", 416_561_152, "416.56", MB, ""),
    ("opt-350m", "--dtype=f16 --quantize=int8", "hf-footprint", 359_354_368, "359.35", MB, ""),
    ("opt-350m", "--dtype=f16 --quantize=nf4", "hf-footprint", 207_835_136, "207.84", MB, ""),
    ("olmo-1b", "", "packed", 4_707_057_664, "4707.06", MB, ""),
    ("olmo-1b", "--quantize=int8 --blocks=0:12", "packed", 2_292_416_512, "2292.42", MB, ""),
    (
        "olmo-1b",
        "--quantize=int8 --components=attn,ffn,head",
        "packed",
        1_590_759_936,
        "1590.76",
        MB,
        "",
    ),
    ("gpt2", "", "hf-footprint", 497_759_232, "474.70", MIB, ""),
    ("gpt2", "", "hf-footprint+buffers", 510_342_192, "486.70", MIB, ""),
    ("llama-3.2-1b", "--quantize=nf4", "hf-footprint", 1_012_011_008, "1012", MB, ""),
    ("llama-3.2-1b", "--quantize=int8", "hf-footprint", 1_498_550_272, "1499", MB, ""),
]


@pytest.mark.parametrize(
    ("model", "options", "convention", "expected", "published", "unit", "how"), PUBLISHED
)
def test_published_figures(
    module_of: Callable[[str], Path],
    model: str,
    options: str,
    convention: str,
    expected: int,
    published: str,
    unit: float,
    how: str,
) -> None:
    done = qzc(module_of(model), "--dry-run", *options.split())
    assert f"{totals(done.stdout)[convention]:.3f}" == f"{expected / MB:.3f}"
    decimals = len(published.partition(".")[2])
    value = expected / unit
    if how == "cut":
        value = int(value * 10**decimals) / 10**decimals
    assert f"{value:.{decimals}f}" == published


def test_before_is_the_source(module_of: Callable[[str], Path]) -> None:
    # A second, quantized copy of a tied table is no second source.
    done = qzc(module_of("olmo-1b"), "--dry-run", "--quantize=int8", "--components=head")
    before = totals(done.stdout, -2)
    assert before["packed"] == before["hf-footprint"] == 4707.058
    assert totals(done.stdout)["packed"] > before["packed"]


def parts_of(tensor: dict) -> list[int]:
    """Bytes of each array that a tensor is stored as."""
    rows, columns = tensor["shape"]
    count = rows * columns
    if tensor["scheme"] == "int8":
        return [count, 4 * rows]
    if tensor["scheme"] in ("nf4", "fp4"):
        blocks = -(-count // tensor["block_size"])
        # Quantized scales: a byte each, and two f32 for every 256 of them.
        scales = blocks + 8 * -(-blocks // 256) if tensor.get("scales") == "double" else 4 * blocks
        return [blocks * tensor["block_size"] // 2, scales]
    if tensor["scheme"] in ("q8_0", "q4_0"):
        return [count if tensor["scheme"] == "q8_0" else count // 2, 2 * count // 32]
    return [count * {"f32": 4, "f16": 2, "bf16": 2}[tensor["dtype"]]]


@pytest.mark.parametrize("selection", scores(MODEL_NAMES[0])["selections"])
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_packed_is_what_the_file_holds(
    imported: Imported, tmp_path: Path, name: str, selection: str
) -> None:
    options = scores(name)["selections"][selection]["options"].split()
    image, weights = tmp_path / "x.bin", tmp_path / "x.weights"
    printed = qzc(
        imported(name), *options, "--arch=none", f"--weights={weights}", "-o", image
    ).stdout
    info = json.loads(run(image, "--info", "--json").stdout)
    parts = [size for tensor in info["tensors"] for size in parts_of(tensor)]
    stored = info["memory"]["stored"]
    assert stored["packed_bytes"] == sum(parts)
    # In the file each part begins at a multiple of 256.
    padded = sum(-(-size // 256) * 256 for size in parts)
    assert weights.stat().st_size == info["weights"]["bytes"] == padded
    assert sum(use["bytes"] for use in info["stored_as"]) == sum(parts)
    assert sum(use["tensors"] for use in info["stored_as"]) == len(info["tensors"])
    # The compiler's table and the executable say the same.
    for column, key in ((-2, "imported"), (-1, "stored")):
        for convention, megabytes in totals(printed, column).items():
            said = info["memory"][key][convention.replace("-", "_").replace("+", "_") + "_bytes"]
            assert f"{said / MB:.3f}" == f"{megabytes:.3f}"
