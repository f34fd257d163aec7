"""GPT-2 and OPT from GGUF files: the same module as from the Hugging Face folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from qz_import.gguf_decode import DecodedTensor, decoded_pieces
from qz_import.gguf_gpt2 import GPT2_NAMES
from qz_import.gguf_names import NameTable
from qz_import.gguf_opt import OPT_NAMES

Imports = Callable[..., str]
Refuses = Callable[..., None]
FIXTURES = Path(__file__).resolve().parents[2] / "test" / "golden" / "models"
CONV1D = re.compile(r"(c_attn|c_proj|c_fc)\.weight$")


def gguf_name(table: NameTable, name: str) -> str:
    """The GGUF's name of a tensor with or without the prefix that base models leave out."""
    outer = {hf: ggml for ggml, hf in table.outer.items()}
    block = {hf: ggml for ggml, hf in table.block.items()}
    full = next(p + name for p in ("", "transformer.", "model.") if known(table, p + name))
    stem, kind = full.rsplit(".", 1)
    if match := re.fullmatch(re.escape(table.blocks) + r"\.(\d+)\.(.*)", stem):
        return f"blk.{match[1]}.{block[match[2]]}.{kind}"
    return f"{outer[stem]}.{kind}"


def known(table: NameTable, name: str) -> bool:
    stem = name.rsplit(".", 1)[0]
    return stem in table.outer.values() or name.startswith(f"{table.blocks}.")


class Writer:
    """A fixture model as a GGUF; what a test wants different it changes before `write`."""

    def __init__(self, module: Path, table: NameTable, is_transposed: bool) -> None:
        """`module` was imported from a Hugging Face folder."""
        text = module.read_text()
        used = set(re.findall(r'qz\.param "([^"]+)"', text))
        files = re.findall(r'qz\.file @\w+ "([^"]+\.safetensors)"', text)
        stored = {k: v for name in files for k, v in load_file(module.parent / name).items()}
        self.family = table.family
        self.tensors: dict[str, np.ndarray] = {}
        self.quantized: dict[str, gguf.GGMLQuantizationType] = {}
        for name in used:
            values = stored[name]
            turned = is_transposed and CONV1D.search(name)
            self.tensors[gguf_name(table, name)] = np.ascontiguousarray(
                values.T if turned else values
            )
        tokenizer = re.search(r'qz\.file @tokenizer "([^"]+)"', text)
        assert tokenizer
        document = json.loads((module.parent / tokenizer[1]).read_text())
        vocabulary = document["model"]["vocab"]
        special = {token["id"] for token in document["added_tokens"] if token["special"]}
        merges = document["model"]["merges"]
        self.values: dict[str, Any] = {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "gpt-2",
            "tokenizer.ggml.tokens": sorted(vocabulary, key=vocabulary.__getitem__),
            "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(vocabulary))],
            "tokenizer.ggml.merges": [m if isinstance(m, str) else " ".join(m) for m in merges],
        }

    def write(self, path: Path) -> Path:
        writer = gguf.GGUFWriter(path, self.family)
        adders = {
            bool: writer.add_bool,
            int: writer.add_uint32,
            float: writer.add_float32,
            str: writer.add_string,
            list: writer.add_array,
        }
        for key, value in self.values.items():
            adders[type(value)](key, value)
        for name, values in self.tensors.items():
            if name in self.quantized:
                raw = gguf.quants.quantize(values, self.quantized[name])
                writer.add_tensor(name, raw, raw_dtype=self.quantized[name])
            elif values.dtype == ml_dtypes.bfloat16:
                raw = values.view(np.uint8)
                writer.add_tensor(name, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
            else:
                writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


def metadata(family: str, config: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    return {f"{family}.{key}": config[name] for key, name in keys.items()}


GPT2_KEYS = {
    "context_length": "n_positions",
    "embedding_length": "n_embd",
    "block_count": "n_layer",
    "attention.head_count": "n_head",
    "attention.layer_norm_epsilon": "layer_norm_epsilon",
}
OPT_KEYS = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "ffn_dim",
    "block_count": "num_hidden_layers",
    "attention.head_count": "num_attention_heads",
    "do_layer_norm_before": "do_layer_norm_before",
}


@pytest.fixture
def writer(tmp_path: Path, imports: Imports) -> Callable[[str], Writer]:
    """writer(NAME): a fixture model, imported to tmp_path/hf.mlir and ready to be written."""

    def make(name: str) -> Writer:
        imports(FIXTURES / name, tmp_path / "hf.mlir")
        config = json.loads((FIXTURES / name / "config.json").read_text())
        if config["model_type"] == "gpt2":
            model = Writer(tmp_path / "hf.mlir", GPT2_NAMES, is_transposed=True)
            inner = config["n_inner"] or 4 * config["n_embd"]
            model.values |= metadata("gpt2", config, GPT2_KEYS)
            model.values["gpt2.feed_forward_length"] = inner
            model.values["tokenizer.ggml.bos_token_id"] = 0
            model.values["tokenizer.ggml.eos_token_id"] = 0
        else:
            model = Writer(tmp_path / "hf.mlir", OPT_NAMES, is_transposed=False)
            model.values |= metadata("opt", config, OPT_KEYS)
            model.values["opt.attention.layer_norm_epsilon"] = 1e-5
            model.values["tokenizer.ggml.bos_token_id"] = 2
            model.values["tokenizer.ggml.eos_token_id"] = 2
            model.values["tokenizer.ggml.add_bos_token"] = True
        return model

    return make


def graph(text: str) -> str:
    """The module without what its files and names may differ in."""
    text = re.sub(r"qz\.model @\w+|qz\.file.*", "", text)
    return re.sub(r'"(transformer|model)\.', '"', re.sub(r"@\w+\[\d+\]", "", text))


@pytest.mark.parametrize(
    ("name", "dtype"), [("gpt2-bf16", "bf16"), ("opt-post", "f16"), ("opt-pre", "f32")]
)
def test_the_module_of_the_folder(
    tmp_path: Path, writer: Callable[[str], Writer], imports: Imports, name: str, dtype: str
) -> None:
    path = writer(name).write(tmp_path / "x.gguf")
    text = imports(path, tmp_path / "m.mlir", f"--dtype={dtype}")
    source = (tmp_path / "hf.mlir").read_text()
    assert graph(text) == graph(source)
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    folder = tmp_path / "hf.hf" if (tmp_path / "hf.hf").exists() else FIXTURES / name
    expected = load_file(folder / "model.safetensors")
    assert len(stored) == len(expected)
    for key, values in stored.items():
        short = key.removeprefix("transformer.").removeprefix("model.")
        np.testing.assert_array_equal(values, expected.get(key, expected.get(short)), err_msg=key)


def test_quantized_and_transposed(
    tmp_path: Path, writer: Callable[[str], Writer], imports: Imports
) -> None:
    """Q8_0 rows of the GGUF are decoded before they are turned."""
    model = writer("gpt2-f32")
    name, kind = "blk.1.ffn_down.weight", gguf.GGMLQuantizationType.Q8_0
    model.quantized[name] = kind
    expected = gguf.quants.dequantize(gguf.quants.quantize(model.tensors[name], kind), kind)
    assert not np.array_equal(expected, model.tensors[name])
    imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    np.testing.assert_array_equal(stored["transformer.h.1.mlp.c_proj.weight"], expected.T)
    assert stored["transformer.h.1.attn.c_attn.weight"].shape == (64, 192)


def test_large_transposed_weights(tmp_path: Path) -> None:
    """More than one piece in both directions."""
    values = np.random.default_rng(1).random((1500, 1800), np.float32)
    source = SimpleNamespace(
        name="x", tensor_type=gguf.GGMLQuantizationType.F32, data=values, shape=None
    )
    tensor = DecodedTensor("x", source, (1800, 1500), transposed=True)
    pieces = list(decoded_pieces(tensor))
    assert len(pieces) > 2
    np.testing.assert_array_equal(np.concatenate(pieces), values.T)


def test_untied_heads(tmp_path: Path, writer: Callable[[str], Writer], imports: Imports) -> None:
    for name, rows, columns in (("gpt2-f32", 315, 64), ("opt-post", 318, 32)):
        model = writer(name)
        model.tensors["output.weight"] = np.ones((rows, columns), np.float32)
        text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
        assert 'qz.param "lm_head.weight" @model[' in text


def test_opt_without_parts(
    tmp_path: Path, writer: Callable[[str], Writer], imports: Imports, refuses: Refuses
) -> None:
    """Biases, norm weights and the last norm may be missing."""
    model = writer("opt-pre")
    model.values["opt.activation_function"] = "gelu"
    kept = dict(model.tensors)
    for name in kept:
        if name.startswith("output_norm"):
            del model.tensors[name]
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert "qz.linear head %x2, %embed" in text and "qz.activate gelu %up" in text
    model.tensors = {
        name: values
        for name, values in kept.items()
        if not name.endswith(".bias") and "norm" not in name
    }
    refuses([model.write(tmp_path / "x.gguf"), "-o", tmp_path / "n.mlir"], "x.gguf", "norms")
    model.values["opt.do_layer_norm_before"] = False
    text = imports(model.write(tmp_path / "x.gguf"), tmp_path / "m.mlir")
    assert "bias" not in text and "%n = qz.layer_norm %h eps" in text


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("opt-pre", {"opt.attention.layer_norm_epsilon": 1e-6}, ("layer_norm_epsilon", "1e-06")),
        ("opt-pre", {"opt.do_layer_norm_before": None}, ("opt.do_layer_norm_before", "missing")),
        ("opt-pre", {"opt.do_layer_norm_before": 1}, ("opt.do_layer_norm_before", "boolean")),
        ("opt-pre", {"opt.activation_function": "tanh"}, ("activation_function", "'tanh'")),
        ("opt-pre", {"opt.feed_forward_length": None}, ("opt.feed_forward_length",)),
        ("opt-pre", {"opt.context_length": 600}, ("embed_positions", "[612, 44]", "[602, 44]")),
        ("gpt2-f32", {"gpt2.attention.head_count": 5}, ("n_head", "5")),
        ("gpt2-f32", {"gpt2.embedding_length": None}, ("gpt2.embedding_length", "missing")),
        ("gpt2-f32", {"gpt2.feed_forward_length": 95}, ("c_fc", "[64, 96]", "[64, 95]")),
    ],
)
def test_unusable_metadata(
    tmp_path: Path,
    writer: Callable[[str], Writer],
    refuses: Refuses,
    name: str,
    change: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    model = writer(name)
    merged = model.values | change
    model.values = {key: value for key, value in merged.items() if value is not None}
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", *words)


@pytest.mark.parametrize("name", ["gpt2-f32", "opt-pre"])
def test_unusable_tensors(
    tmp_path: Path, writer: Callable[[str], Writer], refuses: Refuses, name: str
) -> None:
    model = writer(name)
    kept = model.tensors.pop("token_embd.weight")
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "x.gguf", "token_embd.weight", "missing")
    model.tensors |= {"token_embd.weight": kept, "blk.0.ffn_gate.weight": kept}
    path = model.write(tmp_path / "x.gguf")
    refuses([path, "-o", tmp_path / "m.mlir"], "'blk.0.ffn_gate.weight'", name.split("-")[0])
