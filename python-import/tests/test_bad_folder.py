"""A folder that is wrong gets one clear line naming the thing, and leaves no output."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CONFIG, HIDDEN, VOCAB, weights, write_folder

Refuses = Callable[..., None]
QUERY = "model.layers.1.self_attn.q_proj.weight"


@pytest.fixture
def rejects(tmp_path: Path, refuses: Refuses) -> Callable[..., None]:
    """rejects(FOLDER, WORDS…): importing the folder fails with all the words."""

    def run(folder: Path, *words: str) -> None:
        refuses([folder, "-o", tmp_path / "m.mlir"], *words)

    return run


def header_and_data(path: Path) -> tuple[dict[str, Any], bytes]:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def write_safetensors(path: Path, header: object, data: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


# --- weights ---


def test_shape_without_end(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    entry = {"dtype": "F32", "shape": [2**62] * 1_000_000, "data_offsets": [0, 0]}
    write_safetensors(folder / "model.safetensors", {"a": entry}, b"")
    rejects(folder, "model.safetensors", "'a'", "shape", "...")


def test_missing_safetensors(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../gone")
    rejects(folder, "model.safetensors", "missing")
    (folder / "model.safetensors").unlink()
    (folder / "weights.bin").write_bytes(b"x")
    rejects(folder, str(folder), "model.safetensors", "pytorch_model.bin", "weights.bin")


def test_missing_shard(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    index = folder / "model.safetensors.index.json"
    names = list(weights())
    index.write_text(json.dumps({"weight_map": dict.fromkeys(names, "b.safetensors")}))
    rejects(folder, "b.safetensors", "missing")
    for name in ("../a.safetensors", "/etc/passwd", "", "..", "a\n", "\0", 3):
        index.write_text(json.dumps({"weight_map": {"x": name}}))
        rejects(folder, "index.json", repr(name), "file name")
    index.write_text("{}")
    rejects(folder, "index.json", "weight_map")


@pytest.mark.parametrize("kept", [0, 3, 8, 700, -1000, -1])
def test_truncated_safetensors(tmp_path: Path, rejects: Callable[..., None], kept: int) -> None:
    """Cut in the length, in the header and in the data (negative: from the end)."""
    folder = write_folder(tmp_path / "hf")
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    path.write_bytes(raw[:kept])
    rejects(folder, "model.safetensors", "truncated")


@pytest.mark.parametrize(
    ("span", "word"),
    [
        ([0, 1 << 40], "span"),
        ([8, 4], "span"),
        ([-4, 572], "offsets"),
        ([0, 576, 0], "offsets"),
        ("0", "offsets"),
        ([0.0, 576.0], "offsets"),
        ([1 << 50, (1 << 50) + 576], "ends at byte"),
        ([0, 576], "overlap"),
        (None, "offsets"),
    ],
)
def test_lying_offsets(
    tmp_path: Path, rejects: Callable[..., None], span: object, word: str
) -> None:
    folder = write_folder(tmp_path / "hf")
    header, data = header_and_data(folder / "model.safetensors")
    assert header[QUERY]["data_offsets"][0] > 0
    header[QUERY]["data_offsets"] = span
    write_safetensors(folder / "model.safetensors", header, data)
    rejects(folder, "model.safetensors", QUERY, word)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"dtype": "F7"}, "is F7; supported are"),
        ({"dtype": "F7", "data_offsets": [8, 4]}, "end before they begin"),
        ({"dtype": 3}, "3"),
        ({"shape": [12, -12]}, "shape"),
        ({"shape": [12, 12.0]}, "shape"),
        ({"shape": [True, 12]}, "shape"),
        ({"shape": "12"}, "shape"),
        ({"shape": [1 << 62, 1 << 62]}, "takes"),
    ],
)
def test_lying_entries(
    tmp_path: Path, rejects: Callable[..., None], change: dict[str, Any], word: str
) -> None:
    folder = write_folder(tmp_path / "hf")
    header, data = header_and_data(folder / "model.safetensors")
    header[QUERY] |= change
    write_safetensors(folder / "model.safetensors", header, data)
    rejects(folder, "model.safetensors", QUERY, word)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"a":{"dtype":"F32"},"a":{"dtype":"F32"}}', "twice"),
        (b'{"a":3}', "'a'"),
    ],
)
def test_header_that_is_none(
    tmp_path: Path, rejects: Callable[..., None], header: bytes, word: str
) -> None:
    folder = write_folder(tmp_path / "hf")
    write_safetensors(folder / "model.safetensors", header, b"")
    rejects(folder, "model.safetensors", word)


def test_header_of_exabytes(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    raw = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(b"\xff" * 8 + raw[8:])
    rejects(folder, "model.safetensors", "header")


def test_bytes_that_belong_to_no_tensor(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"12345")
    rejects(folder, "model.safetensors", "5 bytes")


def test_missing_tensor(tmp_path: Path, rejects: Callable[..., None]) -> None:
    tensors = weights()
    del tensors[QUERY]
    rejects(write_folder(tmp_path / "hf", tensors=tensors), "missing tensor", QUERY, "[12, 12]")


def test_names_without_end(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}
    write_safetensors(folder / "model.safetensors", {"a" * 1_000_000: entry}, b"12345678")
    rejects(folder, "model.safetensors: tensor 'aaa", "aaa ... aaa", "its offsets [0, 8] span 8")


def test_missing_head_of_an_untied_model(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf", CONFIG | {"tie_word_embeddings": False})
    rejects(folder, "missing tensor", "'lm_head.weight'", f"[{VOCAB}, {HIDDEN}]")


def test_wrong_shape(tmp_path: Path, rejects: Callable[..., None]) -> None:
    tensors = weights() | {QUERY: np.zeros((11, 13), np.float32)}
    rejects(write_folder(tmp_path / "hf", tensors=tensors), QUERY, "[11, 13]", "[12, 12]")


def test_dtype_that_is_no_weight(tmp_path: Path, rejects: Callable[..., None]) -> None:
    tensors = weights() | {QUERY: np.zeros((12, 12), np.float64)}
    rejects(write_folder(tmp_path / "hf", tensors=tensors), QUERY, "F64", "BF16")


# --- config.json ---


def test_missing_config(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf")
    (folder / "config.json").unlink()
    rejects(folder, "config.json", "missing")


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff", "[" * 100_000])
def test_config_that_is_no_json(tmp_path: Path, rejects: Callable[..., None], text: str) -> None:
    folder = write_folder(tmp_path / "hf")
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    rejects(folder, "config.json", "JSON")


def test_unknown_model_type(tmp_path: Path, rejects: Callable[..., None]) -> None:
    folder = write_folder(tmp_path / "hf", CONFIG | {"model_type": "mamba"})
    rejects(folder, "config.json", "model_type", "'mamba'", "known: bloom, codegen, cohere, falcon")


def test_missing_model_type(tmp_path: Path, rejects: Callable[..., None]) -> None:
    config = {name: value for name, value in CONFIG.items() if name != "model_type"}
    rejects(write_folder(tmp_path / "a", config), "config.json", "missing key 'model_type'")


@pytest.mark.parametrize(
    "key",
    [
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
        "rms_norm_eps",
        "hidden_act",
    ],
)
def test_null_in_place_of_a_value(tmp_path: Path, rejects: Callable[..., None], key: str) -> None:
    rejects(write_folder(tmp_path / "b", CONFIG | {key: None}), f"missing key '{key}'")


def test_sizes_that_are_missing_are_those_of_transformers(
    tmp_path: Path, rejects: Callable[..., None]
) -> None:
    config = {name: value for name, value in CONFIG.items() if name != "intermediate_size"}
    rejects(write_folder(tmp_path / "hf", config), "gate_proj.weight", f"[11008, {HIDDEN}]")


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_act": "tanh"}, ("hidden_act", "'tanh'", "silu")),
        ({"hidden_act": 1}, ("hidden_act",)),
        ({"vocab_size": 0}, ("vocab_size", "0")),
        ({"vocab_size": -3}, ("vocab_size", "-3")),
        ({"hidden_size": 12.0}, ("hidden_size", "12.0")),
        ({"hidden_size": True}, ("hidden_size", "True")),
        ({"num_hidden_layers": 1 << 20}, ("num_hidden_layers",)),
        ({"hidden_size": 13}, ("hidden_size", "13", "num_attention_heads 3")),
        ({"num_key_value_heads": 2}, ("num_attention_heads", "3", "num_key_value_heads 2")),
        ({"head_dim": 5}, ("head_dim", "5")),
        ({"rms_norm_eps": 0}, ("rms_norm_eps", "0")),
        ({"rms_norm_eps": 10**400}, ("rms_norm_eps", "1000", "...")),
        ({"rms_norm_eps": [[]]}, ("rms_norm_eps", "a list")),
        ({"rms_norm_eps": "small"}, ("rms_norm_eps", "small")),
        ({"rope_theta": float("inf")}, ("rope_theta", "inf")),
        ({"partial_rotary_factor": 0.5}, ("partial_rotary_factor",)),
        ({"attention_bias": "no"}, ("attention_bias", "'no'")),
        ({"tie_word_embeddings": 1}, ("tie_word_embeddings",)),
        ({"eos_token_id": [2, True]}, ("eos_token_id", "True")),
        ({"bos_token_id": "1"}, ("bos_token_id", "'1'")),
        ({"rope_scaling": []}, ("rope_scaling", "[]")),
        ({"rope_scaling": {"factor": 2.0}}, ("rope_scaling", "rope_type")),
        ({"rope_scaling": {"rope_type": "ntk", "factor": 2.0}}, ("rope_type", "'ntk'", "linear")),
        ({"rope_scaling": {"type": "axial", "factor": 2.0}}, ("type", "'axial'", "llama3")),
        ({"rope_parameters": {"rope_type": "longrope"}}, ("rope_parameters", "'short_factor'")),
        ({"rope_scaling": {"type": "linear"}}, ("rope_scaling", "'factor'")),
        ({"rope_scaling": {"type": "linear", "factor": 0.5}}, ("rope_scaling", "factor", "0.5")),
        ({"rope_scaling": LLAMA3 | {"low_freq_factor": 4.0}}, ("low_freq_factor", "4.0")),
        ({"rope_scaling": LLAMA3 | {"partial_rotary_factor": 0.5}}, ("rope_scaling", "partial")),
        ({"rope_scaling": LLAMA3 | {"original_max_position_embeddings": 0}}, ("original_max",)),
        ({"transformers_weights": "../x.safetensors"}, ("transformers_weights", "'../x")),
        ({"transformers_weights": "model.bin"}, ("transformers_weights", "'model.bin'")),
        ({"transformers_weights": "x.safetensors"}, ("x.safetensors", "missing")),
    ],
)
def test_unusable_value(
    tmp_path: Path,
    rejects: Callable[..., None],
    change: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    folder = write_folder(tmp_path / "hf", CONFIG | change)
    rejects(folder, *words)


@pytest.mark.parametrize("depth", [400, 900, 100_000])
def test_nested_too_deeply(tmp_path: Path, rejects: Callable[..., None], depth: int) -> None:
    """Less deep and deeper than Python parses."""
    folder = write_folder(tmp_path / "hf")
    config = json.dumps(CONFIG | {"hidden_size": "DEEP"})
    (folder / "config.json").write_text(config.replace('"DEEP"', "[" * depth + "]" * depth))
    rejects(folder, "config.json")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "memory"),
        (RecursionError(), "nested"),
        (ValueError("odd"), "odd"),
        (OverflowError("large"), "large"),
    ],
)
def test_what_no_check_foresaw(
    tmp_path: Path,
    rejects: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    word: str,
) -> None:
    folder = write_folder(tmp_path / "hf")
    monkeypatch.setattr("qz_import.hf_import.family_of", lambda _: (_ for _ in ()).throw(error))
    rejects(folder, str(folder), word)


def test_unknown_dtype_without_weights(tmp_path: Path, refuses: Refuses) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG | {"torch_dtype": "int4"}))
    refuses([folder, "-o", tmp_path / "m.mlir"], "torch_dtype", "'int4'", "bfloat16")


def test_head_too_wide_for_rope(tmp_path: Path, refuses: Refuses) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG | {"head_dim": 1 << 20}))
    refuses([folder, "-o", tmp_path / "m.mlir"], "config.json", "head_dim", "1048576")


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "generation_config.json",
        "tokenizer_config.json",
        "tokenizer.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
    ],
)
def test_no_regular_file(tmp_path: Path, rejects: Callable[..., None], name: str) -> None:
    """Reading a pipe or a device would not end; a link to nothing is a missing file."""
    path = write_folder(tmp_path / "hf") / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    rejects(path.parent, name, "not a regular file")
    path.unlink()
    path.symlink_to("/dev/zero")
    rejects(path.parent, name, "not a regular file")
    path.unlink()
    path.symlink_to(name)
    rejects(path.parent, name, "symbolic links")
    path.unlink()
    path.symlink_to("nothing")
    rejects(path.parent, name, "missing")


# --- the tokenizer's files ---


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tokenizer.json", "{}", ("tokenizer.json", "'model'")),
        ("tokenizer.json", "x", ("tokenizer.json", "JSON")),
        ("tokenizer_config.json", "[]", ("tokenizer_config.json", "object")),
        (
            "tokenizer_config.json",
            '{"add_bos_token": "yes"}',
            ("tokenizer_config.json", "add_bos_token", "'yes'"),
        ),
        ("tokenizer_config.json", '{"chat_template": 3}', ("chat_template",)),
        (
            "tokenizer_config.json",
            '{"chat_template": [{"name": []}, {"name": "default", "template": 3}]}',
            ("chat_template",),
        ),
        ("tokenizer_config.json", r'{"chat_template": "\ud800"}', ("Unicode",)),
        (
            "generation_config.json",
            '{"eos_token_id": [2, "99"]}',
            ("generation_config.json", "eos_token_id", "99"),
        ),
        ("chat_template.jinja", "\udcff", ("chat_template.jinja", "UTF-8")),
    ],
)
def test_unusable_tokenizer_files(
    tmp_path: Path, rejects: Callable[..., None], name: str, text: str, words: tuple[str, ...]
) -> None:
    folder = write_folder(tmp_path / "hf")
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    rejects(folder, *words)
