"""Importing GGUF files that the gguf package wrote: weights, configuration, tokenizer, errors."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from conftest import CONFIG, HEAD_DIM, HIDDEN, INTERMEDIATE, tree
from safetensors import safe_open
from safetensors.numpy import load_file
from small_gguf import (
    MERGES,
    TOKENS,
    Writer,
    wide,
)
from tokenizers import Tokenizer

from qz_import.gguf_decode import to_bf16

Imports = Callable[..., str]
Refuses = Callable[..., None]


@pytest.fixture
def model() -> Writer:
    return Writer()


def test_weights_come_back(tmp_path: Path, model: Writer, imports: Imports) -> None:
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    assert stored.keys() == model.tensors.keys()
    for name, values in model.tensors.items():
        assert stored[name].dtype == np.float32
        np.testing.assert_array_equal(stored[name], values, err_msg=name)
    assert '"m.hf/model.safetensors"' in text and '"m.hf/tokenizer.json"' in text
    assert "theta = 100000.0" in text and "eps 1.0e-05" in text
    assert f"vocab = {len(TOKENS)} : i64" in text
    assert sorted(tree(tmp_path)) == [
        "m.hf",
        "m.hf/.qz-import",
        "m.hf/config.json",
        "m.hf/generation_config.json",
        "m.hf/model.safetensors",
        "m.hf/tokenizer.json",
        "m.hf/tokenizer_config.json",
        "m.mlir",
        "x.gguf",
    ]


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_1", "F16", "BF16"])
def test_quantized_weights_are_decoded(
    tmp_path: Path, model: Writer, imports: Imports, kind: str
) -> None:
    wide(model)
    number = gguf.GGMLQuantizationType[kind]
    model.quantized = {name: number for name, v in model.tensors.items() if v.ndim == 2}
    imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir", "--dtype=f32")
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    for name, values in model.tensors.items():
        expected = values
        if name in model.quantized:
            expected = gguf.quants.dequantize(gguf.quants.quantize(values, number), number)
        np.testing.assert_array_equal(stored[name], expected, err_msg=name)


def test_biases_of_q_and_k_are_reordered(tmp_path: Path, model: Writer, imports: Imports) -> None:
    sizes = {"q": HIDDEN, "k": HEAD_DIM, "v": HEAD_DIM, "o": HIDDEN}
    for layer in range(2):
        for part, size in sizes.items():
            name = f"model.layers.{layer}.self_attn.{part}_proj.bias"
            model.tensors[name] = np.arange(size, dtype=np.float32) + layer
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    for name, values in model.tensors.items():
        np.testing.assert_array_equal(stored[name], values, err_msg=name)
    assert "qz.linear k %n, %wk bias %bk" in text


def bf16_by_search(values: np.ndarray) -> np.ndarray:
    """The nearer of the two neighbours in bf16; the one with an even pattern on a tie."""
    low = values.view(np.uint32) >> 16
    both = np.stack([low, low + 1])
    distance = np.abs((both << 16).astype(np.uint32).view(np.float32).astype("f8") - values)
    take_high = (distance[1] < distance[0]) | ((distance[1] == distance[0]) & (low % 2 == 1))
    return np.where(take_high, low + 1, low).astype(np.uint16)


def test_bf16_rounding() -> None:
    random = np.random.default_rng(1)
    bits = random.integers(0, 0x7F7F0000, 50_000, dtype=np.uint32)
    bits[:20_000] = (bits[:20_000] & 0xFFFF0000) | 0x8000  # ties
    bits[20_000:30_000] &= 0xFFFF0000  # exact
    values = bits.view(np.float32)
    np.testing.assert_array_equal(to_bf16(values), bf16_by_search(values))
    np.testing.assert_array_equal(to_bf16(-values), bf16_by_search(values) | 0x8000)
    special = np.array([np.inf, -np.inf, np.nan], np.float32)
    patterns = to_bf16(special)
    assert patterns[0] == 0x7F80 and patterns[1] == 0xFF80
    assert patterns[2] & 0x7F80 == 0x7F80 and patterns[2] & 0x7F


@pytest.mark.parametrize(("dtype", "element"), [("f16", "f16"), ("bf16", "bf16"), ("f32", "f32")])
def test_stored_type(
    tmp_path: Path, model: Writer, imports: Imports, dtype: str, element: str
) -> None:
    path = model.write(tmp_path / "x.gguf")
    text = imports(path, tmp_path / "m.mlir", f"--dtype={dtype}")
    assert f"tensor<{HIDDEN}x{INTERMEDIATE}x{element}>" in text
    with safe_open(tmp_path / "m.hf" / "model.safetensors", "np") as file:
        stored = file.get_slice("model.embed_tokens.weight")
        assert stored.get_dtype() == dtype.upper()
    name = "model.embed_tokens.weight"
    raw = (tmp_path / "m.hf" / "model.safetensors").read_bytes()
    values = model.tensors[name]
    signs = (values < 0) * np.uint16(0x8000)
    expected = {
        "f32": values.tobytes(),
        "f16": values.astype(np.float16).tobytes(),
        "bf16": (bf16_by_search(np.abs(values)) | signs).tobytes(),
    }
    assert expected[dtype] in raw


def test_same_bytes_again(tmp_path: Path, model: Writer, imports: Imports) -> None:
    path = model.write(tmp_path / "x.gguf")
    first = imports(path, tmp_path / "m.mlir", "--dtype=bf16")
    files = {p.name: p.read_bytes() for p in (tmp_path / "m.hf").iterdir()}
    assert imports(path, tmp_path / "m.mlir", "--dtype=bf16") == first
    for name, raw in files.items():
        assert (tmp_path / "m.hf" / name).read_bytes() == raw


def test_the_decoded_folder_can_be_imported(
    tmp_path: Path, model: Writer, imports: Imports
) -> None:
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert imports(tmp_path / "m.hf", tmp_path / "m.mlir") == text


def test_decoding_streams(tmp_path: Path, model: Writer, imports: Imports) -> None:
    """Tensors of 64 MB are decoded in pieces."""
    random = np.random.default_rng(2)
    columns = 1 << 14
    model.values["llama.feed_forward_length"] = columns
    model.values["llama.embedding_length"] = 1024
    model.values["llama.attention.key_length"] = HEAD_DIM
    for name, values in model.tensors.items():
        sizes = {HIDDEN: 1024, INTERMEDIATE: columns}
        shape = [sizes.get(size, size) for size in values.shape]
        if "q_proj" in name:
            shape[0] = HIDDEN
        if "o_proj" in name:
            shape[1] = HIDDEN
        model.tensors[name] = random.random(shape, np.float32)
    path = model.write(tmp_path / "x.gguf")
    model.tensors.clear()
    tracemalloc.start()
    imports(path, tmp_path / "m.mlir", "--dtype=bf16")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "m.hf" / "model.safetensors").stat().st_size > 150 << 20
    assert peak < 64 << 20


# --- configuration ---


def test_untied_head(tmp_path: Path, model: Writer, imports: Imports) -> None:
    head = np.ones((len(TOKENS), HIDDEN), np.float32)
    model.tensors["lm_head.weight"] = head
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert "qz.linear head %nf, %head" in text


def test_special_tokens(tmp_path: Path, model: Writer, imports: Imports) -> None:
    model.values |= {
        "tokenizer.ggml.eot_token_id": 0,
        "tokenizer.ggml.eom_token_id": 3,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.chat_template": "{{ x }}",
    }
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert "bos = 1 : i64" in text and "eos = array<i64: 2, 0, 3>" in text
    assert "add_bos = true" in text and 'chat_template = "{{ x }}"' in text
    tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
    assert tokenizer.encode("1").tokens == ["<|start|>", "1"]
    assert tokenizer.encode("1", add_special_tokens=False).tokens == ["1"]


# --- tokenizer ---


@pytest.mark.parametrize(
    ("pre", "tokens"),
    [
        # Every digit is a token of its own, though a merge of 1 and 2 exists.
        ("smollm", ["<tool>", "hello", "Ġthe", "Ġ", "1", "2", "Ċ", "<|stop|>"]),
        ("gpt-2", ["<tool>", "hello", "Ġthe", "Ġ", "12", "Ċ", "<|stop|>"]),
        ("llama-bpe", ["<|start|>", "<tool>", "hello", "Ġthe", "Ġ", "12", "Ċ", "<|stop|>"]),
    ],
)
def test_pre_tokenizers(
    tmp_path: Path, model: Writer, imports: Imports, pre: str, tokens: list[str]
) -> None:
    model.values["tokenizer.ggml.pre"] = pre
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
    sample = "<tool>hello the 12\n<|stop|>"
    encoded = tokenizer.encode(sample)
    assert encoded.tokens == tokens
    assert tokenizer.decode(encoded.ids, skip_special_tokens=True) == "<tool>hello the 12\n"
    assert [tokenizer.token_to_id(token) for token in TOKENS] == list(range(len(TOKENS)))
    assert f"add_bos = {'true' if pre == 'llama-bpe' else 'false'}" in text


def test_llama3_takes_whole_words(tmp_path: Path, model: Writer, imports: Imports) -> None:
    """A word of the vocabulary needs no merges there."""
    model.values["tokenizer.ggml.merges"] = MERGES[:1]
    for pre, expected in {"llama-bpe": ["hello"], "gpt-2": ["he", "l", "l", "o"]}.items():
        model.values["tokenizer.ggml.pre"] = pre
        imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
        tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
        assert tokenizer.encode("hello", add_special_tokens=False).tokens == expected


# --- what is wrong ---


def test_not_a_gguf(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "x.gguf"
    out = tmp_path / "m.mlir"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    refuses([path, "-o", out], "x.gguf", "not a GGUF")
    path.write_bytes(b"")
    refuses([path, "-o", out], "x.gguf", "not a GGUF")
    path.write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 60)
    refuses([path, "-o", out], "x.gguf", "GGUF")


@pytest.mark.parametrize("kept", [0.02, 0.2, 0.5, 0.99])
def test_truncated_gguf(tmp_path: Path, model: Writer, refuses: Refuses, kept: float) -> None:
    path = model.write(tmp_path / "x.gguf")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "truncated")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokenizer.ggml.model": "none"}, ("tokenizer.ggml.model", "'none'", "gpt2")),
        ({"tokenizer.ggml.model": "t5"}, ("tokenizer.ggml.pre", "'smollm'", "default")),
        ({"qzc.tokenizer": "{"}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": "[" * 100_000}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"version": "2"}'}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"model": {"dropout": ' + "1" * 5000 + "}}"}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"decoder": []}'}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"model": {"vocab": {}}}'}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"model": {"vocabulary": {}}}'}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"model": {"continuing_subword_prefix": 1}}'}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"added_tokens": [{"id": "1"}]}'}, ("qzc.tokenizer",)),
        ({"qzc.tokenizer": '{"added_tokens": [[]]}'}, ("qzc.tokenizer",)),
        ({"tokenizer.ggml.model": "bert"}, ("tokenizer.ggml.model", "'bert'", "gpt2")),
        ({"tokenizer.ggml.model": "llama"}, ("tokenizer.ggml.pre", "'smollm'", "default")),
        ({"tokenizer.ggml.pre": "grok-2"}, ("tokenizer.ggml.pre", "'grok-2'", "smollm")),
        ({"tokenizer.ggml.pre": None}, ("missing", "tokenizer.ggml.pre")),
        ({"tokenizer.ggml.tokens": None}, ("missing", "tokenizer.ggml.tokens")),
        ({"tokenizer.ggml.tokens": ["a", "a"]}, ("'a'", "twice")),
        ({"tokenizer.ggml.token_type": [1, 1]}, ("token types", "2")),
        ({"tokenizer.ggml.merges": ["h e", "x"]}, ("merge 1", "'x'")),
        ({"tokenizer.ggml.merges": ["h zz"]}, ("merge 0", "'h zz'")),
        ({"tokenizer.ggml.bos_token_id": "1"}, ("bos_token_id", "'1'")),
        ({"tokenizer.ggml.add_eos_token": True, "tokenizer.ggml.eos_token_id": None}, ("add_eos",)),
        ({"tokenizer.ggml.add_bos_token": 1}, ("add_bos_token", "1")),
        ({"llama.block_count": None}, ("missing", "llama.block_count")),
        ({"llama.block_count": "two"}, ("llama.block_count", "'two'")),
        ({"llama.block_count": 3}, ("missing tensor", "model.layers.2.input_layernorm.weight")),
        ({"llama.attention.head_count": 0}, ("head_count", "0")),
        ({"llama.rope.dimension_count": 2}, ("dimension_count", "2", "4")),
        ({"llama.rope.scaling.type": "su"}, ("rope.scaling.type", "'su'")),
        ({"llama.rope.scaling.type": "longrope"}, ("rope_factors_short", "2 values")),
        ({"llama.expert_count": 8}, ("llama.expert_count",)),
        ({"llama.rope.freq_base": float("inf")}, ("rope_theta", "inf")),
        ({"llama.embedding_length": 24}, ("[267, 12]", "[267, 24]")),
    ],
)
def test_unusable_metadata(
    tmp_path: Path,
    model: Writer,
    refuses: Refuses,
    change: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    values = model.values | change
    if change.get("tokenizer.ggml.tokens"):
        values |= {"tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 0}
        values["tokenizer.ggml.token_type"] = [1, 1]
    model.values = {key: value for key, value in values.items() if value is not None}
    if model.values.get("llama.attention.head_count") == 0:
        # The writer needs heads to interleave; what it wrote is not looked at.
        model.tensors = {n: t for n, t in model.tensors.items() if "_proj" not in n}
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", *words)


def test_unknown_architecture(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.architecture = "mamba"
    path = model.write(tmp_path / "x.gguf")
    known = "known: bloom, command-r, falcon, "
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "'mamba'", known)


def test_tensor_without_a_place(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.extra["blk.0.ffn_gate_exps.weight"] = np.zeros((2, 2), np.float32)
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "blk.0.ffn_gate_exps.weight")


def test_type_that_cannot_be_decoded(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.tensors["model.norm.weight"] = np.zeros(HIDDEN, np.float64)
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "'output_norm.weight'", "F64")


def test_quantized_biases_cannot_be_reordered(
    tmp_path: Path, model: Writer, refuses: Refuses
) -> None:
    wide(model)
    name = "model.layers.0.self_attn.q_proj.bias"
    model.tensors[name] = np.ones(192, np.float32)
    model.quantized[name] = gguf.GGMLQuantizationType.Q8_0
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "'blk.0.attn_q.bias' is Q8_0", "F32, F16 and BF16")


def test_list_longer_than_the_file(tmp_path: Path, refuses: Refuses) -> None:
    """Nothing is read beyond the end, however long a list says that it is."""
    path = tmp_path / "x.gguf"
    name = b"tokenizer.ggml.token_type"
    head = struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, len(name)) + name
    path.write_bytes(head + struct.pack("<IIQ", 9, 5, 1 << 60) + b"\0" * 64)
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "truncated")


def test_names_stay_in_their_line(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.extra["a\n\x1b[2Jb"] = np.zeros(1, np.float32)
    path = model.write(tmp_path / "x\ny.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], r"x\ny.gguf", r"a\n\x1b[2Jb")


def test_value_that_f16_cannot_hold(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.tensors["model.norm.weight"][3] = 70000
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir", "--dtype=f16"], "'model.norm.weight'", "bf16")


def test_a_file_in_the_way(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    path = model.write(tmp_path / "x.gguf")
    (tmp_path / "m.hf").write_text("")
    refuses([path, "-o", tmp_path / "m.mlir"], "m.hf")


def test_an_earlier_import_survives_a_failure(
    tmp_path: Path, model: Writer, imports: Imports, refuses: Refuses
) -> None:
    imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    model.values["llama.block_count"] = 3
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "model.layers.2")


def test_full_disk(tmp_path: Path, model: Writer) -> None:
    """A limit on a file's size stands in for a full disk."""
    model.write(tmp_path / "x.gguf")
    before = tree(tmp_path)
    command = f"ulimit -f 4; trap '' XFSZ; exec '{sys.executable}' -m qz_import x.gguf -o m.mlir"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("qz-import: error: ") and "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree(tmp_path) == before


def test_config_json_is_complete(tmp_path: Path, model: Writer, imports: Imports) -> None:
    """What the decoded folder says is what the fixture's own config.json says."""
    imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    config = json.loads((tmp_path / "m.hf" / "config.json").read_text())
    expected = CONFIG | {"vocab_size": len(TOKENS), "rope_theta": 100000.0, "eos_token_id": [2]}
    assert {key: config[key] for key in expected} == expected
