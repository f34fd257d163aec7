"""Which files make a GGUF, and that no key of its metadata is overlooked."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file
from small_gguf import SPECIAL, TOKENS, Writer
from tokenizers import Tokenizer

from qz_import.cli import main

Imports = Callable[..., str]
Refuses = Callable[..., None]


@pytest.fixture
def model() -> Writer:
    return Writer()


# --- files ---


def test_big_endian(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    """Its numbers would be taken for others."""
    model.how = {"endianess": gguf.GGUFEndian.BIG}
    path = model.write(tmp_path / "x.gguf")
    words = ("x.gguf", "big-endian", "gguf-convert-endian x.gguf little")
    refuses([path, "-o", tmp_path / "m.mlir"], *words)


@pytest.fixture
def shards(tmp_path: Path, model: Writer) -> list[Path]:
    model.how = {"split_max_tensors": 8}
    model.write(tmp_path / "x.gguf")
    found = sorted(tmp_path.glob("x-*.gguf"))
    assert len(found) == 3
    return found


@pytest.mark.parametrize("given", [0, 1, 2])
def test_any_shard_stands_for_all(
    tmp_path: Path, shards: list[Path], imports: Imports, given: int
) -> None:
    (tmp_path / "whole").mkdir()
    expected = imports(Writer().write(tmp_path / "whole" / "x.gguf"), tmp_path / "m.mlir")
    whole = load_file(tmp_path / "m.hf" / "model.safetensors")
    module = imports(shards[given], tmp_path / "n.mlir")
    split = load_file(tmp_path / "n.hf" / "model.safetensors")
    assert {name: values.tobytes() for name, values in split.items()} == {
        name: values.tobytes() for name, values in whole.items()
    }
    facts = re.compile(r"attributes \{.*?\} \{", flags=re.S)
    assert facts.search(module)[0] == facts.search(expected)[0]


def test_shards_that_do_not_make_a_model(
    tmp_path: Path, shards: list[Path], refuses: Refuses
) -> None:
    out = tmp_path / "m.mlir"
    kept = shards[1].rename(tmp_path / "kept.gguf")
    refuses([shards[0], "-o", out], shards[1].name, "missing", "3")
    refuses([kept, "-o", out], "kept.gguf", "one of the 3 files", "NAME-00001-of-00003.gguf")
    shutil.copy(shards[2], shards[1])
    refuses([shards[0], "-o", out], shards[1].name, "not number 2 of 3")
    shards[1].unlink()
    os.mkfifo(shards[1])
    refuses([shards[0], "-o", out], shards[1].name, "not a regular file")
    other = Writer()
    other.how = {"split_max_tensors": 8}
    del other.tensors["model.norm.weight"]
    (tmp_path / "other").mkdir()
    other.write(tmp_path / "other" / "x.gguf")
    shards[1].unlink()
    shutil.copy(tmp_path / "other" / shards[2].name, shards[2])
    kept.rename(shards[1])
    refuses([shards[0], "-o", out], "3 files with 19 tensors, not 20")


# --- keys ---


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.rope.scaling.attn_factor", 1.5),
        ("llama.attention.causal", False),
        ("llama.attention.clamp_kqv", 8.0),
        ("llama.attention.sliding_window", 4096),
        ("llama.attention.value_length", 8),
        ("llama.attention.head_count_kv", [1, 3]),
        ("llama.expert_count", 2),
        ("tokenizer.ggml.add_sep_token", True),
        ("tokenizer.ggml.add_space_prefix", True),
    ],
)
def test_what_is_not_computed(
    tmp_path: Path, model: Writer, refuses: Refuses, key: str, value: Any
) -> None:
    path = model.write(tmp_path / "y.gguf")
    model.values[key] = value
    if isinstance(value, list):
        model.tensors = {n: t for n, t in model.tensors.items() if ".k_proj." not in n}
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", key)


def test_keys_that_change_nothing(
    tmp_path: Path, model: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(model.write(tmp_path / "x.gguf")), "-o", str(tmp_path / "m.mlir")])
    expected = (tmp_path / "m.mlir").read_text()
    model.values |= {
        "general.name": "x",
        "general.quantization_version": 2,
        "quantize.imatrix.file": "y",
        "llama.vocab_size": 5,
        "llama.attention.causal": True,
        "llama.attention.key_length": 4,
        "llama.attention.value_length": 4,
        "llama.attention.head_count": [3, 3],
        "llama.feed_forward_length": [10, 10],
        "llama.rope.dimension_count": 4,
        "llama.expert_count": 0,
        "tokenizer.ggml.scores": [0.0] * len(TOKENS),
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_space_prefix": False,
    }
    heads = model.values["llama.attention.head_count"]
    model.tensors = {
        name: tensor for name, tensor in model.tensors.items() if ".q_proj." not in name
    } | {name: t for name, t in model.tensors.items() if ".q_proj." in name}
    model.values["llama.attention.head_count"] = 3
    capsys.readouterr()
    main([str(model.write(tmp_path / "x.gguf")), "-o", str(tmp_path / "m.mlir")])
    assert "warning" not in capsys.readouterr().err
    assert heads == [3, 3]
    assert facts(tmp_path) == facts_of(expected)


def facts_of(text: str) -> str:
    return text[: text.index("qz.file")]


def facts(folder: Path) -> str:
    return facts_of((folder / "m.mlir").read_text())


def test_keys_that_nobody_knows(
    tmp_path: Path, model: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    model.values |= {"llama.novelty": 3, "tokenizer.ggml.novelty": "x", "other.thing": 1}
    main([str(model.write(tmp_path / "x.gguf")), "-o", str(tmp_path / "m.mlir")])
    said = capsys.readouterr().err
    assert "was not followed: llama.novelty, tokenizer.ggml.novelty\n" in said


# --- tokens ---


@pytest.mark.parametrize("role", ["bos", "eos", "eot", "unknown", "padding"])
def test_special_tokens_beyond_the_vocabulary(
    tmp_path: Path, model: Writer, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    """llama.cpp does without them, too."""
    model.values[f"tokenizer.ggml.{role}_token_id"] = 9999
    main([str(model.write(tmp_path / "x.gguf")), "-o", str(tmp_path / "m.mlir")])
    assert f"{role}_token_id 9999 is not below" in capsys.readouterr().err
    text = (tmp_path / "m.mlir").read_text()
    assert ("    bos = 1 : i64" in text) == (role != "bos")
    assert f"eos = array<i64{'' if role == 'eos' else ': 2'}>" in text


def test_no_special_tokens(tmp_path: Path, model: Writer, imports: Imports) -> None:
    """Not those that transformers' class has where a config.json says nothing."""
    for role in ("bos", "eos"):
        del model.values[f"tokenizer.ggml.{role}_token_id"]
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert "    bos = " not in text and "eos = array<i64>" in text
    assert json.loads((tmp_path / "m.hf" / "generation_config.json").read_text()) == {}


def test_end_behind_every_text(tmp_path: Path, model: Writer, imports: Imports) -> None:
    model.values |= {"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_eos_token": True}
    imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
    assert tokenizer.encode(" the").tokens == [SPECIAL[1], "Ġthe", SPECIAL[2]]


def test_tokens_without_types(tmp_path: Path, model: Writer, imports: Imports) -> None:
    del model.values["tokenizer.ggml.token_type"]
    imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
    assert tokenizer.encode(" the").tokens == ["Ġthe"]


def test_scores_are_numbers_of_a_kind(tmp_path: Path, model: Writer, refuses: Refuses) -> None:
    model.values["llama.attention.layer_norm_rms_epsilon"] = float(np.float32("nan"))
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "rms_norm_eps", "nan")
