"""Importing Hugging Face folders: what the module says, and what makes no difference to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CONFIG, HEADS, HIDDEN, VOCAB, graph_of, weights, write_folder
from safetensors.numpy import load_file, save_file

from qz_import.cli import main
from qz_import.files import sha256_of

ADDED = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}
Imports = Callable[..., str]
ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test" / "golden" / "models"
QZC_OPT = Path(os.environ.get("QZC_BUILD", ROOT / "build")) / "bin" / "qzc-opt"

PARAM = re.compile(r'qz\.param "([^"]+)"(?: @(\w+)\[(\d+)\])? : tensor<([0-9x]+)x(\w+)>')
FILE = re.compile(r'qz\.file @(\w+) "([^"]+)" size (\d+) sha256 "([0-9a-f]{64})"')


def shard(folder: Path, count: int, whole: str = "model.safetensors") -> None:
    """Splits the folder's only safetensors file."""
    tensors = load_file(folder / whole)
    (folder / whole).unlink()
    weight_map = {}
    for number in range(count):
        name = f"model-{number + 1:05}-of-{count:05}.safetensors"
        part = dict(list(tensors.items())[number::count])
        save_file(part, folder / name)
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def check_references(module: Path, expected: dict[str, np.ndarray]) -> None:
    """Every param's bytes, read at the place that the module names, are the tensor's."""
    text = module.read_text()
    files = {}
    for symbol, reference, size, digest in FILE.findall(text):
        raw = (module.parent / reference).read_bytes()
        assert len(raw) == int(size) and hashlib.sha256(raw).hexdigest() == digest
        files[symbol] = raw
    params = PARAM.findall(text)
    assert {name for name, *_ in params} == set(expected)
    for name, symbol, offset, shape, element in params:
        values = expected[name]
        assert [int(n) for n in shape.split("x")] == list(values.shape)
        assert {"float32": "f32", "float16": "f16"}[str(values.dtype)] == element
        start = int(offset)
        assert files[symbol][start : start + values.nbytes] == values.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("shards", [1, 3])
def test_params_lead_to_their_bytes(
    tmp_path: Path, imports: Imports, dtype: type, shards: int
) -> None:
    tensors = weights(dtype)
    folder = write_folder(tmp_path / "hf", tensors=tensors)
    if shards > 1:
        shard(folder, shards)
    imports(folder, tmp_path / "m.mlir")
    check_references(tmp_path / "m.mlir", tensors)


def test_symbols_of_files(tmp_path: Path, imports: Imports) -> None:
    """Whatever files are called, their symbols are ones that MLIR can read, and all differ."""
    folder = write_folder(tmp_path / "hf")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = ("00001-of-2", "00001_of-2", "é", "tokenizer", "a.b")
    weight_map = {}
    for number, name in enumerate(names):
        part = dict(list(tensors.items())[number :: len(names)])
        save_file(part, folder / f"{name}.safetensors")
        weight_map |= dict.fromkeys(part, f"{name}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    text = imports(folder, tmp_path / "1.5b.mlir")
    check_references(tmp_path / "1.5b.mlir", tensors)
    symbols = [symbol for symbol, *_ in FILE.findall(text)]
    assert len(set(symbols)) == len(names) + 1 and {"_00001_of_2", "tokenizer"} < set(symbols)
    assert not any(symbol[0].isdigit() for symbol in symbols)
    assert "qz.model @_1_5b attributes" in text


def test_bf16_keeps_its_type(tmp_path: Path, imports: Imports) -> None:
    text = imports(FIXTURES / "llama-bf16", tmp_path / "m.mlir")
    assert {element for *_, element in PARAM.findall(text)} == {"bf16"}


def test_the_module_in_full(tmp_path: Path, imports: Imports) -> None:
    """The whole text of a one-block model without weights."""
    folder = tmp_path / "hf"
    folder.mkdir()
    config = CONFIG | {"num_hidden_layers": 1, "torch_dtype": "bfloat16", "mlp_bias": True}
    (folder / "config.json").write_text(json.dumps(config))
    golden = Path(__file__).with_name("one_block.mlir")
    assert imports(folder, tmp_path / "one block.mlir") == golden.read_text()


@pytest.mark.skipif(not QZC_OPT.exists(), reason="qzc-opt is not built")
@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*-*/")))
def test_qzc_opt_accepts_the_module(tmp_path: Path, imports: Imports, name: str) -> None:
    imports(FIXTURES / name, tmp_path / "m.mlir")
    done = subprocess.run([QZC_OPT, tmp_path / "m.mlir"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "qz.model @m" in done.stdout


def test_references_are_relative_to_the_module(tmp_path: Path, imports: Imports) -> None:
    folder = write_folder(tmp_path / "models" / "hf")
    (tmp_path / "out").mkdir()
    text = imports(folder, tmp_path / "out" / "m.mlir")
    assert {reference for _, reference, *_ in FILE.findall(text)} == {
        "../models/hf/model.safetensors",
        "../models/hf/tokenizer.json",
    }
    inside = imports(folder, folder / "m.mlir")
    assert {reference for _, reference, *_ in FILE.findall(inside)} == {
        "model.safetensors",
        "tokenizer.json",
    }


def test_same_bytes_from_any_folder(
    tmp_path: Path, imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "hf")
    first = imports(folder, tmp_path / "m.mlir")
    monkeypatch.chdir(folder)
    assert imports(".", Path("../m.mlir")) == first
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(folder)
    assert imports("link", Path("m.mlir")) == first


def test_file_links_are_kept(tmp_path: Path, imports: Imports) -> None:
    """The hub's cache is a folder of links to nameless files."""
    folder = write_folder(tmp_path / "hf")
    blob = tmp_path / "blob"
    (folder / "model.safetensors").rename(blob)
    (folder / "model.safetensors").symlink_to("../blob")
    text = imports(folder, tmp_path / "m.mlir")
    assert '"hf/model.safetensors"' in text
    check_references(tmp_path / "m.mlir", weights())


ROPE_CASES = {
    "default": ({}, {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}),
    "linear": (
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}},
    ),
    "llama3": (
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            }
        },
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
                "rope_theta": 10000.0,
            }
        },
    ),
}
# Where what the settings consist of may stand.
ROPE_PLACES = {
    "theta inside rope_scaling": (
        {"rope_scaling": {"type": "linear", "factor": 2.0, "rope_theta": 500.0}},
        "theta = 500.0, style = half, scaling = linear, factor = 2.0>",
    ),
    "theta inside a default": (
        {"rope_scaling": {"rope_type": "default", "rope_theta": 500.0}},
        "theta = 500.0, style = half>",
    ),
    "theta beside rope_parameters": (
        {"rope_theta": 300.0, "rope_parameters": {"rope_type": "linear", "factor": 4}},
        "theta = 300.0, style = half, scaling = linear, factor = 4.0>",
    ),
    "rope_scaling wins": (
        {
            "rope_scaling": {"type": "linear", "factor": 2.0},
            "rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 7.0},
        },
        "theta = 10000.0, style = half, scaling = linear, factor = 2.0>",
    ),
    "an empty rope_scaling": (
        {"rope_scaling": {}, "rope_parameters": {"rope_type": "default", "rope_theta": 7.0}},
        "theta = 7.0, style = half>",
    ),
    "rope_type wins over type": (
        {"rope_scaling": {"rope_type": "linear", "type": "yarn", "factor": 2.0}},
        "theta = 10000.0, style = half, scaling = linear, factor = 2.0>",
    ),
    "llama3's context is the model's": (
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8,
                "low_freq_factor": 1,
                "high_freq_factor": 4,
            }
        },
        "theta = 10000.0, style = half, scaling = llama3, factor = 8.0, low_freq_factor = 1.0, "
        "high_freq_factor = 4.0, original_context = 64>",
    ),
    "llama3's context beside the settings wins": (
        {
            "original_max_position_embeddings": 24,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8,
                "low_freq_factor": 1,
                "high_freq_factor": 4,
                "original_max_position_embeddings": 32,
            },
        },
        "theta = 10000.0, style = half, scaling = llama3, factor = 8.0, low_freq_factor = 1.0, "
        "high_freq_factor = 4.0, original_context = 24>",
    ),
}
ROPE_ATTRIBUTES = {
    "default": "theta = 10000.0, style = half>",
    "linear": "theta = 10000.0, style = half, scaling = linear, factor = 2.0>",
    "llama3": "theta = 10000.0, style = half, scaling = llama3, factor = 32.0, "
    "low_freq_factor = 1.0, high_freq_factor = 4.0, original_context = 8192>",
}


@pytest.mark.parametrize("kind", ROPE_CASES)
def test_both_forms_of_rotary_settings(tmp_path: Path, imports: Imports, kind: str) -> None:
    older, newer = ROPE_CASES[kind]
    without_theta = {key: value for key, value in CONFIG.items() if key != "rope_theta"}
    old = imports(write_folder(tmp_path / "a" / "hf", CONFIG | older), tmp_path / "a" / "m.mlir")
    new = imports(
        write_folder(tmp_path / "b" / "hf", without_theta | newer), tmp_path / "b" / "m.mlir"
    )
    assert graph_of(old) == graph_of(new)
    assert old.splitlines()[0] == f"#rope = #qz.rope<dim = 4, {ROPE_ATTRIBUTES[kind]}"


@pytest.mark.parametrize("place", ROPE_PLACES)
def test_places_of_rotary_settings(
    tmp_path: Path, imports: Imports, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    change, expected = ROPE_PLACES[place]
    config = {key: value for key, value in CONFIG.items() if key != "rope_theta"} | change
    main([str(write_folder(tmp_path / "hf", config)), "-o", str(tmp_path / "m.mlir")])
    text = (tmp_path / "m.mlir").read_text()
    assert text.splitlines()[0] == f"#rope = #qz.rope<dim = 4, {expected}"
    loses = place == "rope_scaling wins"
    assert ("not followed: rope_parameters.rope_type" in capsys.readouterr().err) == loses


def test_rotary_settings_that_nobody_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scaling = {"type": "linear", "factor": 2.0, "attention_factor": 1.5}
    folder = write_folder(tmp_path / "hf", CONFIG | {"rope_scaling": scaling})
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    assert "not followed: rope_scaling.attention_factor\n" in capsys.readouterr().err


def test_a_dtype_that_nothing_needs(tmp_path: Path, imports: Imports) -> None:
    folder = write_folder(tmp_path / "hf", CONFIG | {"dtype": "float8_e4m3fn"})
    assert "xf32>" in imports(folder, tmp_path / "m.mlir")


def test_weights_under_a_name_of_their_own(tmp_path: Path, imports: Imports) -> None:
    folder = write_folder(tmp_path / "hf", CONFIG | {"transformers_weights": "x.safetensors"})
    (folder / "model.safetensors").rename(folder / "x.safetensors")
    imports(folder, tmp_path / "m.mlir")
    check_references(tmp_path / "m.mlir", weights())
    shard(folder, 2, "x.safetensors")
    name = "model.safetensors.index.json"
    config = CONFIG | {"transformers_weights": name}
    (folder / "config.json").write_text(json.dumps(config))
    imports(folder, tmp_path / "m.mlir")
    check_references(tmp_path / "m.mlir", weights())


def test_untied_head(tmp_path: Path, imports: Imports) -> None:
    tensors = weights() | {"lm_head.weight": np.ones((VOCAB, HIDDEN), np.float32)}
    config = CONFIG | {"tie_word_embeddings": False}
    text = imports(write_folder(tmp_path / "hf", config, tensors), tmp_path / "m.mlir")
    check_references(tmp_path / "m.mlir", tensors)
    assert "qz.linear head %nf, %head :" in text


def test_a_tied_head_is_the_embedding(tmp_path: Path, imports: Imports) -> None:
    text = imports(write_folder(tmp_path / "hf"), tmp_path / "m.mlir")
    assert text.count("model.embed_tokens.weight") == 1
    assert "qz.linear head %nf, %embed :" in text


def test_head_size_of_its_own(tmp_path: Path, imports: Imports) -> None:
    tensors = weights()
    for layer in range(2):
        prefix = f"model.layers.{layer}.self_attn"
        tensors[f"{prefix}.q_proj.weight"] = np.zeros((HEADS * 8, HIDDEN), np.float32)
        tensors[f"{prefix}.k_proj.weight"] = np.zeros((8, HIDDEN), np.float32)
        tensors[f"{prefix}.v_proj.weight"] = np.zeros((8, HIDDEN), np.float32)
        tensors[f"{prefix}.o_proj.weight"] = np.zeros((HIDDEN, HEADS * 8), np.float32)
    folder = write_folder(tmp_path / "hf", CONFIG | {"head_dim": 8}, tensors)
    text = imports(folder, tmp_path / "m.mlir")
    assert "#qz.rope<dim = 8," in text
    assert f"scale {8**-0.5} " in text


def test_special_tokens_and_chat_template(tmp_path: Path, imports: Imports) -> None:
    folder = write_folder(tmp_path / "hf")
    # generation_config.json wins over config.json.
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 6, 5]}))
    template = '{{ "a\\b" }}\n\té\x7f'
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": template}]
    settings = {"chat_template": named, "bos_token": "<s>", "eos_token": {"content": '"'}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    text = imports(folder, tmp_path / "m.mlir")
    assert "bos = 1 : i64" in text
    assert "eos = array<i64: 5, 6>" in text
    assert "add_bos = false" in text
    assert r'chat_template = "{{ \"a\\b\" }}\n\té' in text
    assert r'special_tokens = {"bos_token" = "<s>", "eos_token" = "\""}' in text
    (folder / "chat_template.jinja").write_text("of its own")
    assert 'chat_template = "of its own"' in imports(folder, tmp_path / "m.mlir")


def template(*ids: int) -> dict[str, Any]:
    """A post-processor that puts these before every text."""
    front = [{"SpecialToken": {"id": f"<{number}>", "type_id": 0}} for number in ids]
    return {
        "type": "TemplateProcessing",
        "single": [*front, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {f"<{n}>": {"id": f"<{n}>", "ids": [n], "tokens": ["x"]} for n in ids},
    }


@pytest.mark.parametrize("asked", [None, False, True])
@pytest.mark.parametrize("processor", ["none", "template", "nested", "bert", "bytes"])
@pytest.mark.parametrize("named", [None, "b"])
def test_bos_is_what_the_tokenizer_puts_first(
    tmp_path: Path,
    imports: Imports,
    capsys: pytest.CaptureFixture[str],
    asked: bool | None,
    processor: str,
    named: str | None,
) -> None:
    """Whatever config.json (1) and add_bos_token say; without any, what the tokenizer calls so."""
    folder = write_folder(tmp_path / "hf")
    processors = {
        "none": None,
        "template": template(3),
        "nested": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, template(3)]},
        "bert": {"type": "BertProcessing", "cls": ["x", 3], "sep": ["x", 4]},
        "bytes": {"type": "ByteLevel"},
    }
    model = {"type": "BPE", "vocab": {"a": 0, "b": 5}}
    added = [ADDED | {"id": 5, "content": "b"}] if named else []
    document = {"model": model, "added_tokens": added, "post_processor": processors[processor]}
    (folder / "tokenizer.json").write_text(json.dumps(document))
    config = {"bos_token": named} | ({} if asked is None else {"add_bos_token": asked})
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    text = (tmp_path / "m.mlir").read_text()
    said = capsys.readouterr().err
    does = processor in ("template", "nested", "bert")
    assert f"    bos = {3 if does else 5 if named else 1} : i64" in text
    assert f"add_bos = {'true' if does else 'false'}" in text
    assert ("which decides" in said) == (asked is not None and asked != does)
    assert '"hf/tokenizer.json"' in text


def test_settings_of_generation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sampling is the call's business; what it cannot ask for gets a warning."""
    folder = write_folder(tmp_path / "hf")
    usual = {
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "do_sample": True,
        "temperature": 0.6,
        "top_k": 20,
        "top_p": 0.9,
        "repetition_penalty": 1,
        "suppress_tokens": [],
        "max_new_tokens": 512,
        "transformers_version": "5.0.0",
        "_from_model_config": True,
    }
    (folder / "generation_config.json").write_text(json.dumps(usual))
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    assert capsys.readouterr().err == ""
    more = {"repetition_penalty": 1.1, "suppress_tokens": [3], "novelty": 1}
    (folder / "generation_config.json").write_text(json.dumps(usual | more))
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    said = capsys.readouterr().err
    assert "settings that are not followed: novelty, repetition_penalty, suppress_tokens\n" in said


def test_no_special_tokens(tmp_path: Path, imports: Imports) -> None:
    nothing = {key: None for key in CONFIG if "token_id" in key}
    text = imports(write_folder(tmp_path / "hf", CONFIG | nothing), tmp_path / "m.mlir")
    assert "bos = " not in text.replace("add_bos = ", "")
    assert "eos = array<i64>," in text


def test_special_tokens_that_no_file_names(tmp_path: Path, imports: Imports) -> None:
    """Those of transformers' class."""
    config = {key: value for key, value in CONFIG.items() if "token_id" not in key}
    text = imports(write_folder(tmp_path / "hf", config), tmp_path / "m.mlir")
    assert "bos = 1 : i64" in text and "eos = array<i64: 2>" in text


@pytest.mark.parametrize(("ids", "kept"), [(VOCAB, ""), (-1, ""), ([VOCAB, 3], ": 3")])
def test_special_tokens_beyond_the_vocabulary(
    tmp_path: Path,
    imports: Imports,
    capsys: pytest.CaptureFixture[str],
    ids: int | list[int],
    kept: str,
) -> None:
    folder = write_folder(tmp_path / "hf", CONFIG | {"eos_token_id": ids})
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    assert f"eos = array<i64{kept}>" in (tmp_path / "m.mlir").read_text()
    said = capsys.readouterr().err
    assert "warning" in said and "eos_token_id" in said and "vocab_size 20" in said


def test_config_alone_makes_a_module_without_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], imports: Imports
) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG | {"dtype": "float16"}))
    text = imports(folder, tmp_path / "m.mlir")
    params = PARAM.findall(text)
    assert len(params) == len(weights())
    assert all(symbol == "" and element == "f16" for _, symbol, _, _, element in params)
    assert "qz.file" not in text and "tokenizer" not in text


def test_unused_tensors_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extra = {
        "model.extra.weight": np.zeros(3, np.float32),
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(2, np.float32),
    }
    folder = write_folder(tmp_path / "hf", tensors=weights() | extra)
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    err = capsys.readouterr().err
    assert "1 tensors of the checkpoint are not used: model.extra.weight" in err


def test_weights_are_not_loaded(tmp_path: Path, imports: Imports) -> None:
    """Fifty (sparse) megabytes of weights are hashed in pieces."""
    vocab = 1 << 20
    header = {}
    end = 0
    for name, values in weights().items():
        shape = [vocab, HIDDEN] if "embed" in name else list(values.shape)
        begin, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    folder = write_folder(tmp_path / "hf", CONFIG | {"vocab_size": vocab})
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    tracemalloc.start()
    imports(folder, tmp_path / "m.mlir")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert end > 48 << 20
    assert peak < 16 << 20


def test_hash_and_size(tmp_path: Path) -> None:
    raw = np.random.default_rng(3).bytes((9 << 20) + 17)
    (tmp_path / "x").write_bytes(raw)
    assert sha256_of(tmp_path / "x") == (len(raw), hashlib.sha256(raw).hexdigest())
