"""Checkpoints that are quantized already: executables hold their values, to the last bit."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from conftest import MODELS, ROOT, assert_refused, qz_import, qz_interpret, qzc, run
from safetensors.numpy import load_file, save_file

GOLDEN = ROOT / "test" / "golden" / "packed"
sys.path.insert(0, str(GOLDEN))
import linear_layers as layers  # noqa: E402

NAMES = sorted(folder.name for folder in GOLDEN.iterdir() if (folder / "decoded.json").is_file())
HIDDEN, INTERMEDIATE, VOCAB = 256, 384, 40
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": VOCAB,
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
KV = HIDDEN // 2
LINEARS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KV, HIDDEN),
    "self_attn.v_proj": (KV, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
    "mlp.up_proj": (INTERMEDIATE, HIDDEN),
    "mlp.down_proj": (HIDDEN, INTERMEDIATE),
}
BLOCK = "model.layers.0"
TOKENS = "1,7,3,21,39,8"
Tensors = dict[str, np.ndarray]


def compiled(folder: Path, tmp_path: Path, *options: str) -> Path:
    module, image = tmp_path / "m.mlir", tmp_path / "m.bin"
    qz_import(folder, "-o", module)
    qzc(module, "--arch=none", *options, "-o", image)
    return image


def extracted(image: Path) -> Tensors:
    out = image.with_suffix(".safetensors")
    run(image, "--extract", out)
    return load_file(out)


def assert_runs_as_interpreted(image: Path) -> None:
    """The kernels of the CPU compute what the module means."""
    out = image.with_suffix(".npy")
    run(image, "--device=cpu", "--tokens", TOKENS, "--logits", out)
    got, want = np.load(out), qz_interpret(image.with_suffix(".mlir"), TOKENS)
    assert np.abs(got - want).max() < 1e-4 * want.std()


def dense_tensors() -> Tensors:
    rng = np.random.default_rng(5)
    return {
        "model.embed_tokens.weight": rng.normal(0, 0.3, (VOCAB, HIDDEN)).astype(np.float16),
        "model.norm.weight": np.ones(HIDDEN, np.float16),
        f"{BLOCK}.input_layernorm.weight": np.ones(HIDDEN, np.float16),
        f"{BLOCK}.post_attention_layernorm.weight": np.ones(HIDDEN, np.float16),
    }


def write_folder(folder: Path, tensors: Tensors, settings: dict[str, Any] | None) -> Path:
    folder.mkdir()
    config = CONFIG | ({"quantization_config": settings} if settings else {})
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        {k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "model.safetensors"
    )
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_values_are_the_package_s_own(name: str, tmp_path: Path) -> None:
    image = compiled(GOLDEN / name, tmp_path)
    got = {
        key: hashlib.sha256(value.astype(np.float32).tobytes()).hexdigest()
        for key, value in extracted(image).items()
    }
    assert got == json.loads((GOLDEN / name / "decoded.json").read_text())
    assert_runs_as_interpreted(image)


# --- GPTQ and AWQ ---


def gptq_folder(
    folder: Path, bits: int, version: int, group: int, symmetric: bool, act_order: bool
) -> Tensors:
    """Writes a folder; returns its values."""
    rng = np.random.default_rng(bits * 100 + group)
    tensors, want = dense_tensors(), dense_tensors()
    for name, (out, columns) in LINEARS.items():
        size = columns if group < 0 else group
        layer = layers.random_layer(rng, out, columns, bits, size, symmetric, act_order)
        parts = layers.gptq(layer, bits, version)
        tensors |= {f"{BLOCK}.{name}.{part}": value for part, value in parts.items()}
        want[f"{BLOCK}.{name}.weight"] = layer.decoded()
    settings = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": act_order}
    settings |= {"checkpoint_format": "gptq_v2"} if version == 2 else {}
    write_folder(folder, tensors, settings)
    return want


def assert_holds(image: Path, want: Tensors) -> None:
    got = extracted(image)
    assert got.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value.astype(np.float32), err_msg=name)


@pytest.mark.parametrize(
    ("bits", "version", "group", "symmetric", "act_order", "stored"),
    [
        (4, 1, 128, False, False, "int4/128 asym"),
        (4, 2, 64, True, False, "int4/64"),
        (4, 1, -1, False, False, "int4/128 asym"),
        (4, 1, 128, False, True, "f32"),
        (3, 1, 32, False, False, "int3/32 asym"),
        (3, 2, 128, True, False, "int3/128"),
        (2, 1, 64, False, False, "int2/64 asym"),
        (2, 2, 32, True, False, "int2/32"),
        (8, 1, 128, True, False, "int8g/128"),
        (8, 2, 32, False, False, "int8g/32 asym"),
    ],
)
def test_gptq(
    tmp_path: Path,
    bits: int,
    version: int,
    group: int,
    symmetric: bool,
    act_order: bool,
    stored: str,
) -> None:
    want = gptq_folder(tmp_path / "hf", bits, version, group, symmetric, act_order)
    image = compiled(tmp_path / "hf", tmp_path)
    assert_holds(image, want)
    table = qzc(tmp_path / "m.mlir", "--dry-run").stdout
    lines = [line for line in table.splitlines() if "_proj" in line]
    assert len(lines) == len(LINEARS)
    assert all(f"  {stored}  " in line for line in lines)
    assert_runs_as_interpreted(image)


def test_awq(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tensors, want = dense_tensors(), dense_tensors()
    for name, (out, columns) in LINEARS.items():
        layer = layers.random_layer(rng, out, columns, 4, 64)
        parts = layers.awq(layer)
        tensors |= {f"{BLOCK}.{name}.{part}": value for part, value in parts.items()}
        want[f"{BLOCK}.{name}.weight"] = layer.decoded()
    settings = {"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemm"}
    image = compiled(write_folder(tmp_path / "hf", tensors, settings), tmp_path)
    assert_holds(image, want)
    assert_runs_as_interpreted(image)


# --- GGUF ---


# Each layer of one kind of ggml's blocks, and the embeddings of another.
GGUF_RULES = {
    "q_proj": "q4_0",
    "k_proj": "q4_1",
    "v_proj": "q5_0",
    "o_proj": "q5_1",
    "gate_proj": "q4_k",
    "up_proj": "q5_k",
    "down_proj": "ternary",
    "embed_tokens": "q6_k",
}


@pytest.fixture(scope="module")
def wide_module(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A model whose rows take every kind of ggml's blocks, and rules that give it them."""
    folder = tmp_path_factory.mktemp("gguf")
    shutil.copytree(MODELS / "llama-bf16", folder / "hf")
    config = json.loads((folder / "hf" / "config.json").read_text())
    config |= {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    config.pop("head_dim", None)
    (folder / "hf" / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(11)
    shapes = {
        "self_attn.q_proj": (256, 256),
        "self_attn.k_proj": (128, 256),
        "self_attn.v_proj": (128, 256),
        "self_attn.o_proj": (256, 256),
        "mlp.gate_proj": (512, 256),
        "mlp.up_proj": (512, 256),
        "mlp.down_proj": (256, 512),
    }
    tensors = {
        "model.embed_tokens.weight": rng.normal(0, 0.3, (config["vocab_size"], 256)),
        "model.norm.weight": np.ones(256),
    }
    for layer in range(2):
        prefix = f"model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}.{norm}.weight"] = np.ones(256)
        for name, shape in shapes.items():
            tensors[f"{prefix}.{name}.weight"] = rng.normal(0, 0.05, shape)
    save_file(
        {k: v.astype(np.float32) for k, v in tensors.items()}, folder / "hf" / "model.safetensors"
    )
    qz_import(folder / "hf", "-o", folder / "m.mlir")
    rules = [f"--rule={name}={scheme}" for name, scheme in GGUF_RULES.items()]
    rules.append("--rule=layers.1.self_attn=q8_0")
    return folder / "m.mlir", rules


@pytest.fixture(scope="module", params=["TQ1_0", "TQ2_0"])
def gguf_file(
    wide_module: tuple[Path, list[str]],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A GGUF with blocks of every kind, one of those that ternary has."""
    module, rules = wide_module
    file = tmp_path_factory.mktemp("gguf") / "a.gguf"
    qzc(module, *rules, f"--gguf={file}", f"--gguf-ternary={request.param}")
    return file


def gguf_tensors(path: Path) -> dict[str, tuple[int, bytes]]:
    reader = gguf.GGUFReader(path)
    return {t.name: (int(t.tensor_type), t.data.tobytes()) for t in reader.tensors}


def test_blocks_of_a_gguf_stay_as_they_are(gguf_file: Path, tmp_path: Path) -> None:
    qz_import(gguf_file, "-o", tmp_path / "m.mlir")
    again = tmp_path / "b.gguf"
    qzc(tmp_path / "m.mlir", "--arch=none", "-o", tmp_path / "m.bin", f"--gguf={again}")
    kinds = {kind for kind, _ in gguf_tensors(gguf_file).values()}
    assert len(kinds) == 10  # nine of blocks, and F32
    assert gguf_tensors(again) == gguf_tensors(gguf_file)
    assert_runs_as_interpreted(tmp_path / "m.bin")

    # The values are those of the same file decoded to f32.
    qz_import(gguf_file, "--dtype=f32", "-o", tmp_path / "f32.mlir")
    want = load_file(tmp_path / "f32.hf" / "model.safetensors")
    assert_holds(tmp_path / "m.bin", want)
    other = tmp_path / "c.gguf"
    qzc(tmp_path / "f32.mlir", f"--gguf={other}")
    names = {t.name: t for t in gguf.GGUFReader(other).tensors}
    for tensor in gguf.GGUFReader(gguf_file).tensors:
        decoded = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(decoded, names[tensor.name].data, err_msg=tensor.name)


def test_both_types_of_ternary(wide_module: tuple[Path, list[str]], tmp_path: Path) -> None:
    """The same codes in both, those that gptq chose too; blocks that ggml would write otherwise
    leave as they came."""
    module, rules = wide_module
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mats of the hens " * 200)
    for method in ((), ("--method=gptq", f"--calibrate={text}", "--calibration-tokens=512")):
        values = {}
        for kind in ("TQ1_0", "TQ2_0"):
            file = tmp_path / f"{kind}.gguf"
            qzc(module, *rules, f"--gguf={file}", f"--gguf-ternary={kind}", *method,
                *(["--save-statistics", tmp_path / "s"] if method else []))  # fmt: skip
            tensor = next(t for t in gguf.GGUFReader(file).tensors if "ffn_down" in t.name)
            assert tensor.tensor_type.name == kind
            values[kind] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(values["TQ1_0"], values["TQ2_0"])

    # Bytes of TQ1_0 that stand for the same digits as others: 1 is 0 in all of them.
    file = tmp_path / "TQ1_0.gguf"
    at = next(t for t in gguf.GGUFReader(file).tensors if "ffn_down" in t.name).data_offset
    stored = bytearray(file.read_bytes())
    stored[at], stored[at + 51] = 1, 255
    file.write_bytes(stored)
    qz_import(file, "-o", tmp_path / "m.mlir")
    again = tmp_path / "again.gguf"
    qzc(tmp_path / "m.mlir", "--arch=none", "-o", tmp_path / "m.bin", f"--gguf={again}")
    assert gguf_tensors(again) == gguf_tensors(file)
    qz_import(file, "--dtype=f32", "-o", tmp_path / "f32.mlir")
    assert_holds(tmp_path / "m.bin", load_file(tmp_path / "f32.hf" / "model.safetensors"))


# --- what only the compiler sees ---


@pytest.mark.parametrize(
    ("name", "part", "words"),
    [
        ("bnb-fp4", "quant_map", ("code 3 of its map", "another value")),
        ("bnb-nf4-double", "nested_quant_map", ("code 3 of its nested_map", "another value")),
        ("bnb-nf4-double", "nested_absmax", ("is NaN", "damaged")),
    ],
)
def test_damaged_parts(name: str, part: str, words: tuple[str, ...], tmp_path: Path) -> None:
    import ml_dtypes  # noqa: F401  (teaches NumPy bfloat16)

    tensors = load_file(GOLDEN / name / "model.safetensors")
    values = tensors[f"{BLOCK}.self_attn.k_proj.weight.{part}"]
    values[min(3, len(values) - 1)] = 0.4321 if part.endswith("map") else np.nan
    (tmp_path / "hf").mkdir()
    shutil.copy(GOLDEN / name / "config.json", tmp_path / "hf")
    save_file(tensors, tmp_path / "hf" / "model.safetensors")
    qz_import(tmp_path / "hf", "-o", tmp_path / "m.mlir")
    image = tmp_path / "m.bin"
    refused = qzc(tmp_path / "m.mlir", "--arch=none", "-o", image, check=False)
    assert_refused(refused, "self_attn.k_proj.weight", *words)
    assert not image.exists()


# --- quantizing what is quantized ---


def test_selecting_packed_weights(tmp_path: Path) -> None:
    module = tmp_path / "m.mlir"
    qz_import(GOLDEN / "bnb-nf4-double", "-o", module)
    image = tmp_path / "m.bin"
    refused = qzc(module, "--quantize=q4_0", "--arch=none", "-o", image, check=False)
    assert_refused(refused, "q_proj", "quantized already", "--requantize", code=2)
    assert not image.exists()
    # Of the values that the package decodes to.
    options = ("--quantize=q4_0", "--components=attn", "--requantize")
    before = compiled(GOLDEN / "bnb-nf4-double", tmp_path)
    want = extracted(before)
    qzc(module, *options, "--arch=none", "-o", image)
    for name, value in extracted(image).items():
        expected = want[name]
        if "self_attn" in name:
            kind = gguf.GGMLQuantizationType.Q4_0
            expected = gguf.quants.dequantize(gguf.quants.quantize(expected, kind), kind)
        np.testing.assert_array_equal(value, expected, err_msg=name)


def test_parts_of_a_packed_tensor_go_together(tmp_path: Path) -> None:
    module, image = tmp_path / "m.mlir", tmp_path / "m.bin"
    qz_import(GOLDEN / "bnb-gpt2", "-o", module)
    options = ("--quantize=int8", "--requantize", "--arch=none", "-o", image)
    refused = qzc(module, *options, "--components=q", check=False)
    assert_refused(refused, "c_attn", "stored as one", code=2)
    qzc(module, *options, "--components=qkv")
    run(image, "--device=cpu", "--tokens", TOKENS, "--logits", tmp_path / "x.npy")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_trained_for_a_grid_land_on_it(tmp_path: Path, dtype: str) -> None:
    """What was rounded to q4_0's grid, and then to the type of a checkpoint, gets the same codes:
    scales are the same of f16, and off by no more than its rounding of bf16."""
    import ml_dtypes  # noqa: F401  (teaches NumPy bfloat16)

    rng = np.random.default_rng(17)
    kind = gguf.GGMLQuantizationType.Q4_0
    tensors, grid = dense_tensors(), {}
    for name, shape in LINEARS.items():
        weight = rng.normal(0, 0.05, shape).astype(np.float32)
        weight *= rng.choice([0.01, 1, 3], (shape[0], 1)).astype(np.float32)
        on_grid = gguf.quants.dequantize(gguf.quants.quantize(weight, kind), kind)
        grid[f"{BLOCK}.{name}.weight"] = on_grid
        tensors[f"{BLOCK}.{name}.weight"] = on_grid.astype(dtype)
    folder = write_folder(tmp_path / "hf", tensors, None)
    got = extracted(compiled(folder, tmp_path, "--quantize=q4_0"))
    for name, want in grid.items():
        if dtype == "float16":
            np.testing.assert_array_equal(got[name], want, err_msg=name)
        else:
            # Neighbours on the grid are an eighth apart, or more.
            np.testing.assert_allclose(got[name], want, rtol=2.0**-8, atol=0, err_msg=name)
