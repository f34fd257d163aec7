"""GGUF files of every family that llama.cpp knows: the same module as from the Hugging Face folder,
and the same names the other way round."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file
from stock_gguf import StockWriter, stock_name
from stock_variants import ARCHITECTURES, MODELS, STOCK_NAMES, config_of, copy_as_stock

from qz_import.families import families
from qz_import.gguf_decode import DecodedTensor, decoded_pieces

Imports = Callable[..., str]
Refuses = Callable[..., None]
# All but those that are like others, and one whose rope_freqs test_gguf.py has.
NAMES = [n for n in STOCK_NAMES if n not in ("gpt2-bf16", "gpt2-tiny", "llama-f32")]


def graph(text: str) -> str:
    """The module without what its files and names may differ in, as f32 has it."""
    text = re.sub(r"qz\.model @\w+.*?\n  qz\.graph", "", text, flags=re.S)
    text = re.sub(r'"(transformer|model|gpt_neox)\.', '"', re.sub(r"@\w+\[\d+\]", "", text))
    numbers = r"(theta|magnitude) = ([\d.]+)"
    text = re.sub(numbers, lambda m: f"{m[1]} = {np.float32(m[2])}", text)
    return re.sub(r"x(bf16|f16)>", "xf32>", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_module_of_the_folder(
    tmp_path: Path,
    imports: Imports,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    folder = copy_as_stock(name, tmp_path / "folder")
    expected = imports(folder, tmp_path / "hf.mlir")
    path = StockWriter(folder).write(tmp_path / "x.gguf")
    capsys.readouterr()
    text = imports(path, tmp_path / "m.mlir")
    assert "warning" not in capsys.readouterr().err
    assert graph(text) == graph(expected)
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    sources = [load_file(path) for path in folder.glob("*.safetensors")]
    source = {key: values for tensors in sources for key, values in tensors.items()}
    used = set(re.findall(r'qz\.param "([^"]+)"', text))
    assert stored.keys() == used
    for key, values in stored.items():
        short = key.partition(".")[2]
        wanted = (source[key] if key in source else source[short]).astype(np.float32)
        # What is larger by 1 in the file has lost its last bits.
        close = 1e-7 if "gemma" in name else 0
        np.testing.assert_allclose(values, wanted, rtol=0, atol=close, err_msg=key)


def placed(text: str) -> dict[str, str]:
    """GGUF names by the ends of the checkpoint's names."""
    found = re.search(r"tensors = \{(.*?)\},\n", text, flags=re.S)
    return dict(re.findall(r'"([^"]+)" = "([^"]+)"', found[1]))


@pytest.mark.parametrize("name", NAMES)
def test_names_and_keys_are_the_converters(tmp_path: Path, imports: Imports, name: str) -> None:
    """Every key that they write is written, with the same value, and names are the package's."""
    folder = copy_as_stock(name, tmp_path / "folder")
    text = imports(folder, tmp_path / "hf.mlir")
    written = dict(re.findall(r'"([^"]+)" = ([^,}]+ : (?:ui32|f32)|true|false|"[^"]*")', text))
    config = config_of(folder)
    expected = StockWriter(folder).values
    if config["model_type"] == "stablelm":
        # llama.cpp goes by the norm that is there.
        expected.pop("stablelm.use_parallel_residual")
    for key, value in expected.items():
        if key.startswith("tokenizer."):
            continue
        if isinstance(value, list):
            assert f'"{key}" = array<i32: {", ".join(map(str, map(int, value)))}>' in text
        elif isinstance(value, (bool, str)):
            assert written[key] == json.dumps(value), key
        else:
            number, kind = written[key].split(" : ")
            assert kind == ("ui32" if isinstance(value, int) else "f32"), key
            assert float(number) == value, key
    assert "stock llama.cpp cannot" not in text
    architecture = ARCHITECTURES[config["model_type"]]
    for source, target in placed(text).items():
        if source == "lm_head" and architecture in ("command-r", "gemma", "gemma2", "gptneox"):
            continue  # always tied, and what later versions of transformers call embed_out
        key = f"{source}.weight".replace("#", "1")
        assert stock_name(architecture, key, 4) == f"{target}.weight".replace("#", "1")


def test_every_family_has_an_architecture_or_none() -> None:
    known = {family.model_type: family.gguf.name for family in families() if family.gguf}
    assert known == ARCHITECTURES


@pytest.mark.parametrize(
    ("name", "architecture", "words"),
    [
        ("codegen", "codegen", "no architecture 'codegen'"),
        ("gpt_neo", "gpt_neo", "no architecture 'gpt_neo'"),
        ("opt-post", "opt", "no architecture 'opt'"),
        ("gpt2-f32", "qzc-gpt2", "'gpt2' has no blocks[1].attention.scale 0.125, not 0.25"),
        ("gemma2", "qzc-gemma2", "'gemma2' has no blocks[0].attention.scale"),
        ("gemma3", "qzc-gemma3_text", "'gemma3' has no blocks[0].attention.scale"),
        ("olmo2", "qzc-olmo2", "'olmo2' has no tied True"),
        ("phi-norms", "qzc-phi", "'phi2' has no blocks[0].attention.norms"),
        ("falcon-groups", "qzc-falcon", "bias True, not False"),
        ("smollm3", "qzc-smollm3", "'smollm3' has no blocks[1].attention.rope None"),
        ("llama-dynamic", "qzc-llama", "'llama' has no blocks[0].attention.rope.scaling dynamic"),
        ("llama-yarn", "llama", None),
        ("phi3-long", "phi3", None),
        ("mistral", "llama", "no windows"),
        ("phi3", "phi3", "no windows"),
        ("gpt_neox", "gptneox", "GELU by tanh"),
        ("llama-bf16", "llama", None),
        ("qwen3", "qwen3", None),
    ],
)
def test_what_stock_llama_cpp_does_not_compute(
    tmp_path: Path, imports: Imports, name: str, architecture: str, words: str | None
) -> None:
    text = imports(MODELS / name, tmp_path / "m.mlir")
    assert f'#qz.gguf<architecture = "{architecture}"' in text
    warnings = re.search(r"warnings = \[(.*)\]", text)
    assert (warnings is None) if words is None else words in warnings[1]
    assert ('"qzc.config"' in text) == (words is not None)


def test_windows_as_wide_as_the_context_are_none(tmp_path: Path, imports: Imports) -> None:
    folder = copy_as_stock("mistral", tmp_path / "folder")
    for width, is_said in ((300, False), (299, True)):
        config = config_of(folder) | {"sliding_window": width}
        (folder / "config.json").write_text(json.dumps(config))
        assert ("no windows" in imports(folder, tmp_path / "m.mlir")) == is_said


def test_quantized_and_transposed(tmp_path: Path, imports: Imports) -> None:
    """Q8_0 rows of the GGUF are decoded before they are turned."""
    model = StockWriter(copy_as_stock("gpt2-f32", tmp_path / "folder"))
    name, kind = "blk.1.ffn_down.weight", gguf.GGMLQuantizationType.Q8_0
    model.quantized[name] = kind
    expected = gguf.quants.dequantize(gguf.quants.quantize(model.tensors[name], kind), kind)
    assert not np.array_equal(expected, model.tensors[name])
    file = model.write(tmp_path / "x.gguf")
    imports(file, tmp_path / "m.mlir", "--dtype=f32")
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    np.testing.assert_array_equal(stored["transformer.h.1.mlp.c_proj.weight"], expected.T)
    assert stored["transformer.h.1.attn.c_attn.weight"].shape == (64, 192)

    # Blocks that stay as they are are used as they lie.
    text = imports(file, tmp_path / "m.mlir")
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    blocks = stored["transformer.h.1.mlp.c_proj.weight"]
    np.testing.assert_array_equal(gguf.quants.dequantize(blocks, kind), expected)
    assert f"!qz.packed<{expected.shape[0]}x{expected.shape[1]}, q8_0>" in text


def test_large_transposed_weights(tmp_path: Path) -> None:
    """More than one piece in both directions."""
    values = np.random.default_rng(1).random((1500, 1800), np.float32)
    source = SimpleNamespace(
        name="x", tensor_type=gguf.GGMLQuantizationType.F32, data=values, shape=(1800, 1500)
    )
    tensor = DecodedTensor("x", source, (1800, 1500), transposed=True)
    pieces = list(decoded_pieces(tensor))
    assert len(pieces) > 2
    np.testing.assert_array_equal(np.concatenate(pieces), values.T)


def test_untied_heads(tmp_path: Path, imports: Imports) -> None:
    model = StockWriter(copy_as_stock("gpt2-f32", tmp_path / "folder"))
    model.tensors["output.weight"] = np.ones((315, 64), np.float32)
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert 'qz.param "lm_head.weight" @model[' in text


def test_q_k_and_v_in_one_tensor(tmp_path: Path, imports: Imports) -> None:
    """As converters of old wrote phi2."""
    folder = copy_as_stock("phi", tmp_path / "folder")
    model = StockWriter(folder)
    for block in range(2):
        for kind in ("weight", "bias"):
            parts = [model.tensors.pop(f"blk.{block}.attn_{role}.{kind}") for role in "qkv"]
            model.tensors[f"blk.{block}.attn_qkv.{kind}"] = np.concatenate(parts)
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert graph(text) == graph(imports(folder, tmp_path / "hf.mlir"))
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    for key, values in load_file(folder / "model.safetensors").items():
        np.testing.assert_array_equal(stored[key], values.astype(np.float32), err_msg=key)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("gpt2-f32", {"gpt2.attention.head_count": 5}, ("n_head", "5")),
        ("gpt2-f32", {"gpt2.embedding_length": None}, ("gpt2.embedding_length", "missing")),
        ("gpt2-f32", {"gpt2.feed_forward_length": 95}, ("c_fc", "[64, 96]", "[64, 95]")),
        ("gpt_neox", {"gptneox.rope.dimension_count": 12}, ("dimension_count", "12", "6")),
        ("gpt_neox", {"gptneox.use_parallel_residual": 1}, ("parallel_residual", "boolean")),
        ("olmo", {"olmo.attention.layer_norm_epsilon": 1e-6}, ("layer_norm_epsilon", "1e-06")),
        ("gemma2", {"gemma2.attention.sliding_window_pattern": [1]}, ("pattern", "list of 2")),
        ("gemma2", {"gemma2.attention.sliding_window_pattern": "x"}, ("pattern", "'x'")),
        ("qwen3", {"qwen3.attention.value_length": 12}, ("value_length", "12", "14")),
    ],
)
def test_unusable_metadata(
    tmp_path: Path,
    refuses: Refuses,
    name: str,
    change: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    model = StockWriter(copy_as_stock(name, tmp_path / "folder"))
    merged = model.values | change
    model.values = {key: value for key, value in merged.items() if value is not None}
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", *words)


@pytest.mark.parametrize(
    "value",
    ["[]", "{", "7", "[" * 100_000, '{"model_type": "x"}', '{"hidden_size": ' + "1" * 5000 + "}"],
)
def test_unusable_config_of_our_own(tmp_path: Path, refuses: Refuses, value: str) -> None:
    model = StockWriter(copy_as_stock("qwen3", tmp_path / "folder"))
    model.values["qzc.config"] = value
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "qzc.config")


def test_unusable_tensors(tmp_path: Path, refuses: Refuses) -> None:
    model = StockWriter(copy_as_stock("gpt2-f32", tmp_path / "folder"))
    kept = model.tensors.pop("token_embd.weight")
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "token_embd.weight", "missing")
    model.tensors |= {"token_embd.weight": kept, "blk.0.ffn_gate.weight": kept}
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "'blk.0.ffn_gate.weight'", "gpt2")


def test_rows_of_a_fused_tensor(tmp_path: Path, refuses: Refuses) -> None:
    model = StockWriter(copy_as_stock("gpt_neox", tmp_path / "folder"))
    model.tensors["blk.0.attn_qkv.weight"] = model.tensors["blk.0.attn_qkv.weight"][:-1]
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "71 rows", "not 72")
