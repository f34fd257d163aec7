"""Rules and recipes: many storages in one module, its executable, its meaning and its GGUF."""

from __future__ import annotations

import ctypes
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import xllamacpp.xllamacpp as llama
from conftest import MODELS, ROOT, assert_refused, qz_import, qz_interpret, qzc, run
from gguf_files import GgufFile
from safetensors.numpy import load_file, save_file

Imported = Callable[[str], Path]

HIDDEN, INNER, LAYERS = 256, 512, 3
TOKENS = ",".join(str(7 * i % 300) for i in range(40))
LAYER = "model.layers"
# Each storage that rows of 256 take, somewhere.
RULES = (
    "layers.0.self_attn.q=q4_k",
    "layers.0.self_attn.k=q5_k",
    "layers.0.self_attn.v=q6_k",
    "layers.0.self_attn.o=q4_1",
    "layers.0.mlp.gate=q5_0",
    "layers.0.mlp.up=q5_1",
    "layers.0.mlp.down=q6_k",
    "layers.1.self_attn.[qk]_=q6_k",
    "layers.1.self_attn.v=bf16",
    "layers.1.self_attn.o=f16",
    "layers.1.mlp=q4_k",
    "layers.1.mlp.down=none",
    "lm_head=q6_k",
    "embed_tokens=q4_k",
)
# Those that no GGUF holds with the same values.
OTHER_RULES = (
    "layers.2.self_attn.q=int4/128 asym",
    "layers.2.self_attn.k=int4/32",
    "layers.2.self_attn.v=int3/64 asym",
    "layers.2.self_attn.o=int3/128",
    "layers.2.mlp.gate=nf4/128 double",
    "layers.2.mlp.up=int4/64 asym",
    "layers.2.mlp.down=int3/32",
)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama whose rows 256 divides, imported: random weights, the fixture's tokenizer."""
    folder = tmp_path_factory.mktemp("wide")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MODELS / "llama-f32" / name, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": HIDDEN, "intermediate_size": INNER, "head_dim": 64,
               "num_hidden_layers": LAYERS}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(5)

    def matrix(rows: int, cols: int) -> np.ndarray:
        return (rng.standard_normal((rows, cols)) / np.sqrt(cols)).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": matrix(320, HIDDEN) * 16,
        "model.norm.weight": np.ones(HIDDEN, np.float32),
        "lm_head.weight": matrix(320, HIDDEN),
    }
    for i in range(LAYERS):
        layer = f"{LAYER}.{i}"
        weights |= {
            f"{layer}.input_layernorm.weight": np.ones(HIDDEN, np.float32),
            f"{layer}.post_attention_layernorm.weight": np.ones(HIDDEN, np.float32),
            f"{layer}.self_attn.q_proj.weight": matrix(HIDDEN, HIDDEN),
            f"{layer}.self_attn.k_proj.weight": matrix(HIDDEN // 2, HIDDEN),
            f"{layer}.self_attn.v_proj.weight": matrix(HIDDEN // 2, HIDDEN),
            f"{layer}.self_attn.o_proj.weight": matrix(HIDDEN, HIDDEN),
            f"{layer}.mlp.gate_proj.weight": matrix(INNER, HIDDEN),
            f"{layer}.mlp.up_proj.weight": matrix(INNER, HIDDEN),
            f"{layer}.mlp.down_proj.weight": matrix(HIDDEN, INNER),
        }
    save_file(weights, folder / "model.safetensors")
    module = folder / "model.mlir"
    qz_import(folder, "-o", module)
    return module


def quantize_chunk(values: np.ndarray, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    """The bytes that llama-quantize makes of rows of whole blocks, without an importance matrix."""
    values = np.ascontiguousarray(values, np.float32)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(values.size // block * size, np.uint8)
    function = ctypes.CDLL(llama.__file__).ggml_quantize_chunk
    function.restype = ctypes.c_size_t
    written = function(
        ctypes.c_int(kind.value),
        values.ctypes.data_as(ctypes.c_void_p),
        out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0),
        ctypes.c_int64(values.shape[0]),
        ctypes.c_int64(values.shape[1]),
        None,
    )
    assert written == out.size
    return out


def as_options(rules: tuple[str, ...]) -> list[str]:
    return [word for rule in rules for word in ("--rule", rule)]


@pytest.mark.parametrize("options", [(), ("--stepwise",)], ids=["at-once", "stepwise"])
def test_logits_are_what_the_module_means(
    wide: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    rules = as_options(RULES + OTHER_RULES)
    fused, image, out = tmp_path / "fused.mlir", tmp_path / "x.bin", tmp_path / "x.npy"
    qzc(wide, *rules, "--emit=qz", "-o", fused)
    want = qz_interpret(fused, TOKENS, "--weights-dir", wide.parent)
    qzc(wide, *rules, "--arch=none", "-o", image)
    run(image, "--device=cpu", "--tokens", TOKENS, "--logits", out, *options)
    assert np.abs(np.load(out) - want).max() <= 1e-4 * want.std()


def test_a_gguf_holds_the_mixture(wide: Path, tmp_path: Path) -> None:
    image, path = tmp_path / "x.bin", tmp_path / "x.gguf"
    done = qzc(wide, *as_options(RULES), "--arch=none", f"--gguf={path}", "-o", image)
    assert "different model" not in done.stderr
    file = GgufFile(path, image, wide.parent)
    run(image, "--extract", tmp_path / "x.safetensors")
    extracted = load_file(tmp_path / "x.safetensors")
    source = load_file(wide.parent / "model.safetensors")
    raw = {tensor.name: tensor.data for tensor in file.reader.tensors}
    types = set()
    for key, value in extracted.items():
        name = file.name_of(key)
        assert np.array_equal(file.values[name], file.arranged(key, value)), key
        kind = gguf.GGMLQuantizationType[file.types[name]]
        if kind.name.startswith("Q"):
            types.add(kind.name)
            want = quantize_chunk(file.arranged(key, source[key]), kind)
            assert np.array_equal(raw[name].reshape(-1), want), key
    assert types == {"Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"}
    assert file.types["blk.1.attn_v.weight"] == "BF16"
    assert file.types["blk.1.ffn_down.weight"] == "F32"


def test_what_a_gguf_cannot_hold_is_said(wide: Path, tmp_path: Path) -> None:
    done = qzc(wide, *as_options(OTHER_RULES), f"--gguf={tmp_path / 'x.gguf'}")
    assert "different model" in done.stderr and "int4/128 asym as Q4_1" in done.stderr
    assert "nf4/128 double as IQ4_NL" in done.stderr


def test_a_recipe_says_what_the_options_say(imported: Imported, tmp_path: Path) -> None:
    module, recipe = imported("llama-f32"), tmp_path / "recipe.json"
    options = ("--quantize=int8", "--blocks=1:", "--components=attn,up", "--dtype=f16",
               "--rule", "q_proj=nf4/128 double", "--rule", "^lm_head=bf16")  # fmt: skip
    first, second = tmp_path / "a.bin", tmp_path / "b.bin"
    qzc(module, *options, "--arch=none", "-o", first, "--save-recipe", recipe)
    assert json.loads(recipe.read_text()) == {
        "quantize": "int8",
        "blocks": "1:",
        "components": "attn,up",
        "dtype": "f16",
        "rules": [
            {"match": "q_proj", "as": "nf4/128 double"},
            {"match": "^lm_head", "as": "bf16"},
        ],
    }
    qzc(module, "--recipe", recipe, "--arch=none", "-o", second)
    assert first.read_bytes() == second.read_bytes()
    # What is said beside it counts more.
    table = qzc(module, "--recipe", recipe, "--quantize=q4_k", "--blocks=:1", "--components=q",
                "--rule", "layers.0.self_attn.q=none", "--dry-run").stdout  # fmt: skip
    assert re.search(r"layers\.0\.self_attn\.q_proj\.weight +96x96 +f16 ", table)
    assert re.search(r"layers\.1\.self_attn\.q_proj\.weight +96x96 +nf4/128 double ", table)
    assert "int8" not in table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", ("no JSON object",)),
        ("{", ("no JSON",)),
        ('{"quantise": "nf4"}', ("'quantise'", "known are quantize")),
        ('{"quantize": 4}', ("'quantize'", "no text")),
        ('{"block-size": "64"}', ("'block-size'",)),
        ('{"double-quant": 1}', ("'double-quant'",)),
        ('{"rules": {}}', ("'rules'",)),
        ('{"rules": [{"match": "q"}]}', ('"as": SPEC',)),
    ],
)
def test_bad_recipes_are_named(
    imported: Imported, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(text)
    done = qzc(imported("llama-f32"), "--recipe", recipe, "--dry-run", check=False)
    assert_refused(done, str(recipe), *words)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("q_proj", ("'q_proj'", "REGEX=SPEC")),
        ("q_projs=int8", ("'q_projs=int8'", "matches no layer")),
        ("norm=int8", ("'norm=int8'", "matches no layer")),
        ("(=int8", ("'(=int8'", "regular expression")),
        ("q_proj=nf4/64 asym", ("q_proj", "zero points")),
        ("down_proj=q5_1", ("down_proj", "blocks of 32")),
    ],
)
def test_bad_rules_are_named(imported: Imported, rule: str, words: tuple[str, ...]) -> None:
    done = qzc(imported("llama-f32"), "--rule", rule, "--dry-run", check=False)
    assert_refused(done, *words, code=2)


def test_every_scheme_is_in_the_table_of_the_readme() -> None:
    """One row of Schemes.def each: the name, and what is stored."""
    text = (ROOT / "include" / "qzc" / "Format" / "Schemes.def").read_text()
    rows = re.findall(r'^QZC_SCHEME\(\w+, \d+, "(\w+)", \w+, \w+,\s*((?:"[^"]*"\s*)+)\)',
                      text, re.MULTILINE)  # fmt: skip
    assert len(rows) == text.count("\nQZC_SCHEME(") >= 14
    readme = (ROOT / "README.md").read_text()
    for name, pieces in rows:
        stored = "".join(re.findall(r'"([^"]*)"', pieces))
        line = next(line for line in readme.splitlines() if line.startswith(f"| `{name}` |"))
        assert stored in line, name
