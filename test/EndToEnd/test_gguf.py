"""--gguf: the values of the executable, llama.cpp's names and metadata, and back again."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from conftest import BUILD, MODELS, assert_refused, qz_import, qzc, run
from gguf_files import GgufFile
from safetensors.numpy import load_file
from test_extract import sources

Imported = Callable[[str], Path]
Copied = Callable[[str], Path]
Exported = Callable[..., GgufFile]


# --- tensors ---

# Options under which the GGUF holds what the executable holds.
EXACT = [
    ("llama-bf16", ()),
    ("llama-f32", ()),
    ("llama-bias", ()),
    ("llama-bf16", ("--dtype=f16",)),
    ("llama-f32", ("--dtype=bf16",)),
    ("gpt2-bf16", ()),
    ("opt-pre", ()),
    ("opt-post", ()),
    ("llama-f32", ("--quantize=q8_0", "--components=attn,gate,up,embed,head")),
    ("llama-f32", ("--quantize=q4_0", "--components=attn,gate,up", "--blocks=1:")),
    ("gpt2-f32-stock", ("--quantize=q8_0", "--components=all")),
    ("gpt2-f32-stock", ("--quantize=q4_0", "--components=q,v,down")),
    ("opt-post", ("--quantize=q4_0",)),
]


@pytest.mark.parametrize(("name", "options"), EXACT)
def test_values_are_those_of_the_executable(
    exported: Exported, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    file = exported(name, *options)
    run(file.image, "--extract", tmp_path / "x.safetensors")
    extracted = load_file(tmp_path / "x.safetensors")
    computed = {"rope_freqs.weight"}
    assert {file.name_of(key) for key in extracted} == file.values.keys() - computed
    for key, value in extracted.items():
        assert np.array_equal(file.values[file.name_of(key)], file.arranged(key, value)), key


def test_vectors_are_f32_and_the_rest_keeps_its_type(exported: Exported) -> None:
    for name, kind in (("llama-bf16", "BF16"), ("llama-bias", "F16"), ("llama-f32", "F32")):
        file = exported(name)
        for tensor in file.reader.tensors:
            expected = "F32" if len(tensor.shape) == 1 else kind
            assert file.types[tensor.name] == expected, tensor.name
            assert tensor.data_offset % 32 == 0


@pytest.mark.parametrize("scheme", ["q8_0", "q4_0"])
def test_bytes_are_those_of_ggml(exported: Exported, imported: Imported, scheme: str) -> None:
    file = exported("llama-f32", f"--quantize={scheme}", "--components=attn,gate,up")
    raw = {tensor.name: tensor.data for tensor in file.reader.tensors}
    kind = gguf.GGMLQuantizationType[scheme.upper()]
    quantized = 0
    for key, weight in sources(imported("llama-f32").parent).items():
        name = file.name_of(key)
        if file.types[name] == kind.name:
            expected = gguf.quants.quantize(file.arranged(key, weight), kind)
            assert np.array_equal(raw[name], expected), key
            quantized += 1
    assert quantized == 2 * 6


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (("--quantize=int8",), "Q8_0"),
        (("--quantize=nf4",), "IQ4_NL"),
        (("--quantize=nf4", "--double-quant"), "IQ4_NL"),
        (("--quantize=fp4", "--block-size=128"), "IQ4_NL"),
    ],
)
def test_schemes_without_a_type_come_from_the_source(
    exported: Exported, imported: Imported, options: tuple[str, ...], kind: str
) -> None:
    file = exported("llama-f32", *options)
    for key, weight in sources(imported("llama-f32").parent).items():
        name = file.name_of(key)
        selected = key.startswith("model.layers.") and weight.ndim == 2
        stored = (kind if weight.shape[1] % 32 == 0 else "F16") if selected else "F32"
        assert file.types[name] == stored, key
        got, weight = file.values[name], file.arranged(key, weight)
        if stored == "F32":
            assert np.array_equal(got, weight), key
        elif stored == "F16":
            assert np.array_equal(got, weight.astype(np.float16).astype(np.float32)), key
        elif stored == "Q8_0":
            number = gguf.GGMLQuantizationType.Q8_0
            expected = gguf.quants.dequantize(gguf.quants.quantize(weight, number), number)
            assert np.array_equal(got, expected), key
        else:
            # The package cannot quantize to it: entries are up to 25 of 127 apart.
            largest = np.abs(weight).reshape(-1, 32).max(axis=1)
            error = np.abs(got - weight).reshape(-1, 32).max(axis=1)
            assert (error < 0.15 * largest).all() and error.max() > 0, key


def test_parts_of_one_tensor_with_different_types(exported: Exported) -> None:
    whole = exported("gpt2-f32-stock", "--quantize=q8_0", "--components=all")
    assert set(whole.types[f"blk.{i}.attn_qkv.weight"] for i in range(2)) == {"Q8_0"}
    mixed = exported("gpt2-f32-stock", "--quantize=q4_0", "--components=q,v,down")
    assert mixed.types["blk.0.attn_qkv.weight"] == "F32"
    assert mixed.types["blk.0.ffn_down.weight"] == "Q4_0"
    assert any("q4_0 + f32 -> F32: 2 tensors" in line for line in mixed.metadata["qzc.mapping"])


def test_position_embeddings_are_f32(exported: Exported) -> None:
    assert exported("opt-post").types["position_embd.weight"] == "F32"
    assert exported("opt-post").types["token_embd.weight"] == "F16"
    assert exported("opt-post").types["token_embd_proj.weight"] == "F16"


def test_a_different_model_is_said_to_be_one(imported: Imported, tmp_path: Path) -> None:
    module = imported("llama-f32")
    done = qzc(module, "--quantize=nf4", f"--gguf={tmp_path / 'x.gguf'}")
    assert "different model" in done.stderr and "nf4/64 as IQ4_NL" in done.stderr
    assert "nf4/64 -> IQ4_NL: 12 tensors" in done.stdout
    metadata = GgufFile(tmp_path / "x.gguf", Path(), module.parent).metadata
    assert metadata["qzc.selection"] == "--quantize=nf4"
    assert metadata["qzc.producer"].startswith("qzc ")
    stated = [line.strip() for line in done.stdout.splitlines() if "->" in line]
    assert metadata["qzc.mapping"] == stated
    done = qzc(module, f"--gguf={tmp_path / 'y.gguf'}")
    assert done.stderr == ""


def test_a_quantized_copy_of_a_tied_head(exported: Exported, imported: Imported) -> None:
    embed = sources(imported("llama-bf16").parent)["model.embed_tokens.weight"]
    assert "output.weight" not in exported("llama-bf16").values
    file = exported("llama-bf16", "--quantize=int8", "--components=head")
    assert file.types["token_embd.weight"] == "BF16"
    assert np.array_equal(file.values["token_embd.weight"], embed)
    # 40 columns are no blocks of 32.
    assert file.types["output.weight"] == "F16"
    assert np.array_equal(file.values["output.weight"], embed.astype(np.float16))


# --- metadata ---


@pytest.mark.parametrize("name", ["llama-bf16", "llama-f32", "llama-bias"])
def test_hyper_parameters_of_llama(exported: Exported, name: str) -> None:
    config, got = exported(name).config, exported(name).metadata
    assert got["general.architecture"] == "llama"
    assert got["llama.block_count"] == config["num_hidden_layers"]
    assert got["llama.context_length"] == config["max_position_embeddings"]
    assert got["llama.embedding_length"] == config["hidden_size"]
    assert got["llama.feed_forward_length"] == config["intermediate_size"]
    assert got["llama.attention.head_count"] == config["num_attention_heads"]
    assert got["llama.attention.head_count_kv"] == config["num_key_value_heads"]
    assert got["llama.attention.key_length"] == config["head_dim"]
    assert got["llama.attention.value_length"] == config["head_dim"]
    assert got["llama.rope.dimension_count"] == config["head_dim"]
    assert got["llama.vocab_size"] == config["vocab_size"]
    assert got["llama.attention.layer_norm_rms_epsilon"] == np.float32(config["rms_norm_eps"])
    rope = config.get("rope_parameters") or config
    assert got["llama.rope.freq_base"] == np.float32(rope["rope_theta"])


@pytest.mark.parametrize("name", ["gpt2-bf16", "gpt2-f32-stock"])
def test_hyper_parameters_of_gpt2(exported: Exported, name: str) -> None:
    config, got = exported(name).config, exported(name).metadata
    assert got["general.architecture"] == "gpt2"
    assert got["gpt2.block_count"] == config["n_layer"]
    assert got["gpt2.context_length"] == config["n_positions"]
    assert got["gpt2.embedding_length"] == config["n_embd"]
    assert got["gpt2.feed_forward_length"] == (config["n_inner"] or 4 * config["n_embd"])
    assert got["gpt2.attention.head_count"] == config["n_head"]
    assert got["gpt2.attention.layer_norm_epsilon"] == np.float32(config["layer_norm_epsilon"])


@pytest.mark.parametrize("name", ["opt-pre", "opt-post"])
def test_hyper_parameters_of_opt(exported: Exported, name: str) -> None:
    config, got = exported(name).config, exported(name).metadata
    assert got["general.architecture"] == "opt"
    assert got["opt.block_count"] == config["num_hidden_layers"]
    assert got["opt.context_length"] == config["max_position_embeddings"]
    assert got["opt.embedding_length"] == config["hidden_size"]
    assert got["opt.feed_forward_length"] == config["ffn_dim"]
    assert got["opt.attention.head_count"] == config["num_attention_heads"]
    said = json.loads(got["qzc.config"])
    assert said["do_layer_norm_before"] == config["do_layer_norm_before"]
    assert said["activation_function"] == config["activation_function"]
    assert "torch_dtype" not in said


def test_architectures_that_llama_cpp_lacks(imported: Imported, tmp_path: Path) -> None:
    done = qzc(imported("opt-pre"), f"--gguf={tmp_path / 'x.gguf'}")
    assert "stock llama.cpp cannot run" in done.stderr and "'opt'" in done.stderr


def test_models_that_the_architecture_lacks(imported: Imported, tmp_path: Path) -> None:
    """Attention scaled by the layer's number: no file that llama.cpp would run otherwise."""
    done = qzc(imported("gpt2-f32"), f"--gguf={tmp_path / 'x.gguf'}")
    assert "'gpt2' has no blocks[1].attention.scale" in done.stderr
    file = GgufFile(tmp_path / "x.gguf", Path(), imported("gpt2-f32").parent)
    assert file.metadata["general.architecture"] == "qzc-gpt2"


def test_modules_that_say_nothing_of_ggufs(copied: Copied) -> None:
    module = copied("llama-bf16")
    text, count = re.subn(r",\s+gguf = #qz\.gguf<.*?>(?=\} \{)", "", module.read_text(), flags=re.S)
    assert count == 1
    module.write_text(text)
    refused(module, "--gguf", "qz-import")


def test_rope_scaling(exported: Exported) -> None:
    linear = exported("llama-bias").metadata
    assert linear["llama.rope.scaling.type"] == "linear"
    assert linear["llama.rope.scaling.factor"] == 2.5
    divisors = exported("llama-f32").values["rope_freqs.weight"]
    assert divisors.shape == (12,) and divisors[0] == 1 and divisors[-1] == 8
    assert (np.diff(divisors) >= 0).all()


# How text is cut, in llama.cpp's words.
WORDS = {
    "llama-bf16": "smollm",
    "llama-bias": "smollm",
    "llama-f32": "llama-bpe",
    "gpt2-f32-stock": "gpt-2",
    "opt-pre": "gpt-2",
}


@pytest.mark.parametrize("name", WORDS)
def test_tokenizer(exported: Exported, name: str) -> None:
    file = exported(name)
    got = file.metadata
    tokenizer = json.loads((file.folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    assert got["tokenizer.ggml.model"] == "gpt2"
    assert got["tokenizer.ggml.pre"] == WORDS[name]
    assert got["tokenizer.ggml.tokens"] == sorted(vocabulary, key=vocabulary.__getitem__)
    special = {token["id"] for token in tokenizer["added_tokens"]}
    kinds = [3 if i in special else 1 for i in range(len(vocabulary))]
    assert got["tokenizer.ggml.token_type"] == kinds
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    assert got["tokenizer.ggml.merges"] == merges
    generation = json.loads((file.folder / "generation_config.json").read_text())
    assert got["tokenizer.ggml.bos_token_id"] == generation["bos_token_id"]
    ends = generation["eos_token_id"]
    ends = ends if isinstance(ends, list) else [ends]
    keys = [f"tokenizer.ggml.{end}_token_id" for end in ("eos", "eot", "eom")]
    assert [got[key] for key in keys if key in got] == ends
    settings = json.loads((file.folder / "tokenizer_config.json").read_text())
    adds_bos = settings.get("add_bos_token", name == "llama-f32")
    assert got["tokenizer.ggml.add_bos_token"] == adds_bos
    assert got.get("tokenizer.chat_template") == settings.get("chat_template")


# --- and back ---


@pytest.mark.family("GGUF", "read back")
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_imported_again(
    exported: Exported, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    tokens = ",".join(str(7 * i % 250) for i in range(40))
    logits = {}
    file = exported(name, *options)
    qz_import(file.path, "-o", tmp_path / "back.mlir")
    qzc(tmp_path / "back.mlir", "--arch=none", "-o", tmp_path / "back.bin")
    for image in (file.image, tmp_path / "back.bin"):
        out = tmp_path / "x.npy"
        run(image, "--device=cpu", "--tokens", tokens, "--logits", out)
        logits[image] = np.load(out)
    first, second = logits.values()
    assert np.abs(first - second).max() < 1e-5 * first.std()
    for option in (["--tokenize", MODELS / "text.txt"], ["--info", "--json"]):
        first, second = (json.loads(run(image, *option).stdout) for image in logits)
        if isinstance(first, dict):
            first, second = (
                {key: info["model"][key] for key in info["model"] if key != "name"}
                for info in (first, second)
            )
        assert first == second


# --- the tool ---


def test_both_outputs_and_any_threads(imported: Imported, tmp_path: Path) -> None:
    module = imported("llama-f32")
    options = ("--quantize=int8",)
    arch = "--arch=none"
    paths = [tmp_path / f"{number}.gguf" for number in range(3)]
    qzc(module, *options, arch, "--threads=1", f"--gguf={paths[0]}", "-o", tmp_path / "a.bin")
    qzc(module, *options, "--threads=3", f"--gguf={paths[1]}")
    qzc("model.mlir", *options, f"--gguf={paths[2]}", cwd=module.parent)
    first, *others = (path.read_bytes() for path in paths)
    assert all(raw == first for raw in others)
    qzc(module, *options, arch, "-o", tmp_path / "b.bin")
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_dry_run_states_the_mapping(imported: Imported, tmp_path: Path) -> None:
    done = qzc(imported("llama-f32"), "--quantize=int8", f"--gguf={tmp_path / 'x'}", "--dry-run")
    assert "int8 -> Q8_0" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--emit=qz",), ("--emit",), 2),
        (("--weights=synthetic", "-o", "x.bin"), ("synthetic",), 2),
        (("-o", "./x.gguf"), ("x.gguf",), 2),
        (("-o", "/proc/nowhere/x.bin"), ("/proc/nowhere/x.bin",), 1),
    ],
)
def test_bad_options(
    copied: Copied, options: tuple[str, ...], words: tuple[str, ...], code: int
) -> None:
    module = copied("llama-bf16")
    before = sorted(module.parent.iterdir())
    done = qzc(module, "--arch=none", "--gguf=x.gguf", *options, check=False, cwd=module.parent)
    assert_refused(done, *words, code=code)
    assert sorted(module.parent.iterdir()) == before


def refused(module: Path, *words: str) -> None:
    before = sorted(module.parent.iterdir())
    done = qzc(module, f"--gguf={module.parent / 'x.gguf'}", check=False)
    assert_refused(done, *words)
    assert sorted(module.parent.iterdir()) == before


def replace_file(module: Path, name: str, raw: bytes) -> None:
    """Changes a file and makes the module trust it."""
    (module.parent / name).write_bytes(raw)
    pattern = rf'("{re.escape(name)}" size )\d+( sha256 ")[0-9a-f]+'
    digest = hashlib.sha256(raw).hexdigest()
    text, count = re.subn(pattern, rf"\g<1>{len(raw)}\g<2>{digest}", module.read_text())
    assert count == 1
    module.write_text(text)


def test_weight_that_is_no_number(copied: Copied) -> None:
    module = copied("llama-bf16")
    raw = bytearray((module.parent / "model.safetensors").read_bytes())
    (length,) = struct.unpack("<Q", raw[:8])
    name = "model.layers.1.self_attn.q_proj.weight"
    begin, _ = json.loads(raw[8 : 8 + length])[name]["data_offsets"]
    struct.pack_into("<H", raw, 8 + length + begin + 2 * (3 * 40 + 5), 0x7FC0)
    replace_file(module, "model.safetensors", raw)
    refused(module, name, "[3, 5]", "NaN")


def test_changed_weights(copied: Copied) -> None:
    module = copied("llama-bf16")
    weights = module.parent / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    refused(module, "model.safetensors", "changed")


def test_full_disk(copied: Copied) -> None:
    """A limit on the file's size stands in for a disk that fills."""
    module = copied("llama-bf16")
    before = sorted(module.parent.iterdir())
    command = f"ulimit -f 64; trap '' XFSZ; '{BUILD}/bin/qzc' '{module}' --gguf=x.gguf"
    done = subprocess.run(
        ["bash", "-c", command], cwd=module.parent, capture_output=True, text=True, timeout=600
    )
    assert_refused(done, "x.gguf", "File too large")
    assert sorted(module.parent.iterdir()) == before
