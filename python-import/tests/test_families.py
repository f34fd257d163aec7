"""GPT-2 and OPT: what a configuration becomes, name variants, and what is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import graph_of
from safetensors.numpy import save_file

from qz_import.families import model_types

MODELS = Path(__file__).resolve().parents[2] / "test/golden/models"
Imports = Callable[..., str]
Refuses = Callable[..., None]

# The public configurations of openai-community/gpt2 and facebook/opt-350m, -1.3b.
GPT2_124M: dict[str, Any] = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": 50256,
    "embd_pdrop": 0.1,
    "eos_token_id": 50256,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_ctx": 1024,
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 12,
    "n_positions": 1024,
    "resid_pdrop": 0.1,
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 50257,
}
OPT_350M: dict[str, Any] = {
    "_remove_final_layer_norm": False,
    "activation_dropout": 0.0,
    "activation_function": "relu",
    "architectures": ["OPTForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "do_layer_norm_before": False,
    "dropout": 0.1,
    "eos_token_id": 2,
    "ffn_dim": 4096,
    "hidden_size": 1024,
    "init_std": 0.02,
    "layerdrop": 0.0,
    "max_position_embeddings": 2048,
    "model_type": "opt",
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "pad_token_id": 1,
    "prefix": "</s>",
    "torch_dtype": "float16",
    "use_cache": True,
    "vocab_size": 50272,
    "word_embed_proj_dim": 512,
}
OPT_1_3B = OPT_350M | {
    "do_layer_norm_before": True,
    "ffn_dim": 8192,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "word_embed_proj_dim": 2048,
}
GPT2_SMALL = GPT2_124M | {
    "vocab_size": 20,
    "n_embd": 12,
    "n_head": 3,
    "n_layer": 2,
    "n_positions": 16,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
OPT_SMALL = OPT_350M | {
    "vocab_size": 20,
    "hidden_size": 12,
    "ffn_dim": 10,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "max_position_embeddings": 16,
    "word_embed_proj_dim": 8,
}
OPT_PRE = OPT_SMALL | {"do_layer_norm_before": True, "word_embed_proj_dim": 12}
PARAM = re.compile(r'qz\.param "([^"]+)".*?tensor<([0-9x]+)x\w+>')


@pytest.mark.parametrize("model_type", model_types())
def test_has_a_golden_model(model_type: str) -> None:
    configs = (json.loads(path.read_text()) for path in MODELS.glob("*/config.json"))
    found = any(config["model_type"] == model_type for config in configs)
    assert found, f"run test/golden/models/make_models.py {model_type}"


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def module(tmp_path: Path, imports: Imports) -> Callable[[dict[str, Any]], str]:
    """The module of a configuration without weights."""
    return lambda config: imports(write_config(tmp_path / "hf", config), tmp_path / "m.mlir")


def parameters(text: str) -> dict[str, list[int]]:
    """Every tensor that the module reads with its shape in the checkpoint."""
    return {name: [int(n) for n in shape.split("x")] for name, shape in PARAM.findall(text)}


def write_weights(folder: Path, config: dict[str, Any], shapes: dict[str, list[int]]) -> Path:
    numbers = np.random.default_rng(3)
    tensors = {k: numbers.normal(0, 1, shape).astype(np.float32) for k, shape in shapes.items()}
    save_file(tensors, write_config(folder, config) / "model.safetensors")
    return folder


# --- sizes of real models ---


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (GPT2_124M, 124_439_808),
        (GPT2_124M | {"n_embd": 1600, "n_head": 25, "n_layer": 48}, 1_557_611_200),
        (OPT_350M, 331_196_416),
        (OPT_1_3B, 1_315_758_080),
    ],
    ids=["gpt2", "gpt2-xl", "opt-350m", "opt-1.3b"],
)
def test_parameter_counts(
    module: Callable[[dict[str, Any]], str], config: dict[str, Any], count: int
) -> None:
    assert sum(math.prod(shape) for shape in parameters(module(config)).values()) == count


# --- the graphs ---


def test_gpt2_graph(module: Callable[[dict[str, Any]], str]) -> None:
    text = module(GPT2_SMALL)
    assert 'family = "gpt2"' in text and "context = 16 : i64" in text
    assert "hidden = 12 : i64" in text and "layers = 2 : i64" in text
    assert "qz.add_positions %x0, %positions : " in text
    assert (
        '%wk = qz.param "transformer.h.1.attn.c_attn.weight" transposed rows [[12, 24]] '
        "source tensor<12x36xf32> : tensor<12x12xf32>"
    ) in text
    assert (
        '%bv = qz.param "transformer.h.1.attn.c_attn.bias" rows [[24, 36]] '
        "source tensor<36xf32> : tensor<12xf32>"
    ) in text
    assert "transposed source tensor<12x48xf32> : tensor<48x12xf32>" in text
    assert "qz.activate gelu_tanh %up" in text
    assert "qz.linear head %nf, %embed :" in text
    assert f"scale {4**-0.5} " in text and "eps 1.0e-05" in text


def test_gpt2_variants(module: Callable[[dict[str, Any]], str]) -> None:
    text = module(
        GPT2_SMALL
        | {
            "n_inner": 10,
            "activation_function": "relu",
            "layer_norm_epsilon": 1e-3,
            "scale_attn_weights": False,
            "scale_attn_by_inverse_layer_idx": True,
            "tie_word_embeddings": False,
        }
    )
    assert "tensor<10x12xf32>" in text and "qz.activate relu" in text and "eps 0.001" in text
    assert "scale 1.0 " in text and "scale 0.5 " in text
    assert parameters(text)["lm_head.weight"] == [20, 12]


def test_opt_with_norms_behind(module: Callable[[dict[str, Any]], str]) -> None:
    text = module(OPT_SMALL)
    assert "hidden = 12 : i64" in text
    assert "%x_in = qz.linear proj %x0, %wx_in" in text
    assert "qz.add_positions %x_in, %positions offset 2" in text
    assert "qz.linear q %x, %wq bias %bq" in text
    assert "%n = qz.layer_norm %h, %gn bias %bn" in text
    assert "%y = qz.add %n, %down" in text
    assert "qz.yield %yn" in text
    assert "%x_out = qz.linear proj %x2, %wx_out" in text
    assert "qz.linear head %x_out, %embed :" in text
    shapes = parameters(text)
    assert shapes["model.decoder.embed_positions.weight"] == [18, 12]
    assert shapes["model.decoder.project_in.weight"] == [12, 8]
    assert shapes["model.decoder.project_out.weight"] == [8, 12]
    assert "model.decoder.project_in.bias" not in shapes
    assert "model.decoder.final_layer_norm.weight" not in shapes


def test_opt_with_norms_before(module: Callable[[dict[str, Any]], str]) -> None:
    text = module(OPT_PRE)
    assert "proj" not in re.findall(r"qz\.linear (\w+)", text)
    assert "%n = qz.layer_norm %x, %gn bias %bn" in text
    assert "%y = qz.add %h, %down" in text
    assert "%nf = qz.layer_norm %x2, %gnf bias %bnf" in text
    assert "qz.linear head %nf, %embed :" in text
    without = {key: v for key, v in OPT_PRE.items() if key != "word_embed_proj_dim"}
    assert graph_of(module(without)) == graph_of(text)


def test_opt_variants(module: Callable[[dict[str, Any]], str]) -> None:
    removed = module(OPT_PRE | {"_remove_final_layer_norm": True})
    assert "qz.linear head %x2, %embed :" in removed
    bare = module(OPT_PRE | {"enable_bias": False, "layer_norm_elementwise_affine": False})
    assert "bias" not in graph_of(bare)
    assert "%n = qz.layer_norm %x eps 1.0e-05 : tensor<?x12xf32>" in bare
    untied = module(OPT_SMALL | {"tie_word_embeddings": False})
    assert parameters(untied)["lm_head.weight"] == [20, 8]
    assert "qz.activate gelu %up" in module(OPT_SMALL | {"activation_function": "gelu"})


# --- what is refused ---


@pytest.mark.parametrize(
    ("config", "change", "words"),
    [
        (GPT2_SMALL, {"n_embd": 13}, ("n_embd", "13", "n_head 3")),
        ({"model_type": "cohere"}, {"use_qk_norm": True}, ("use_qk_norm",)),
        (GPT2_SMALL, {"n_embd": None}, ("missing key 'n_embd'",)),
        (GPT2_SMALL, {"n_head": None}, ("missing key 'n_head'",)),
        (GPT2_SMALL, {"n_layer": None}, ("missing key 'n_layer'",)),
        (GPT2_SMALL, {"n_positions": None}, ("missing key 'n_positions'",)),
        (GPT2_SMALL, {"vocab_size": None}, ("missing key 'vocab_size'",)),
        (GPT2_SMALL, {"n_inner": 0}, ("n_inner", "0")),
        (GPT2_SMALL, {"activation_function": "quick_gelu"}, ("'quick_gelu'", "gelu_new")),
        (GPT2_SMALL, {"add_cross_attention": True}, ("add_cross_attention",)),
        (GPT2_SMALL, {"scale_attn_weights": "yes"}, ("scale_attn_weights", "'yes'")),
        (GPT2_SMALL, {"scale_attn_by_inverse_layer_idx": 1}, ("inverse_layer_idx",)),
        (GPT2_SMALL, {"layer_norm_epsilon": -1}, ("layer_norm_epsilon", "-1")),
        (GPT2_SMALL, {"tie_word_embeddings": "no"}, ("tie_word_embeddings", "'no'")),
        (OPT_SMALL, {"hidden_size": 13}, ("hidden_size", "13", "num_attention_heads 3")),
        (OPT_SMALL, {"ffn_dim": None}, ("missing key 'ffn_dim'",)),
        (OPT_SMALL, {"max_position_embeddings": None}, ("'max_position_embeddings'",)),
        (OPT_SMALL, {"num_hidden_layers": 1 << 20}, ("num_hidden_layers",)),
        (OPT_SMALL, {"word_embed_proj_dim": -8}, ("word_embed_proj_dim", "-8")),
        (OPT_SMALL, {"activation_function": "tanh"}, ("'tanh'", "relu")),
        (OPT_SMALL, {"do_layer_norm_before": 0}, ("do_layer_norm_before", "0")),
        (OPT_PRE, {"_remove_final_layer_norm": "x"}, ("_remove_final_layer_norm", "'x'")),
        (OPT_SMALL, {"enable_bias": 1}, ("enable_bias", "1")),
        (OPT_SMALL, {"layer_norm_elementwise_affine": 1}, ("elementwise_affine", "1")),
    ],
)
def test_unusable_value(
    tmp_path: Path,
    refuses: Refuses,
    config: dict[str, Any],
    change: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    folder = write_config(tmp_path / "hf", config | change)
    refuses([folder, "-o", tmp_path / "m.mlir"], "config.json", *words)


@pytest.mark.parametrize(
    ("config", "name", "words"),
    [
        (GPT2_SMALL, "transformer.h.1.attn.c_attn.weight", ("[12, 36]",)),
        (GPT2_SMALL, "transformer.h.0.mlp.c_proj.bias", ("[12]",)),
        (GPT2_SMALL, "transformer.wpe.weight", ("[16, 12]",)),
        (OPT_SMALL, "model.decoder.project_out.weight", ("[8, 12]",)),
        (OPT_SMALL, "model.decoder.embed_positions.weight", ("[18, 12]",)),
        (OPT_SMALL, "model.decoder.layers.1.final_layer_norm.bias", ("[12]",)),
        (OPT_PRE, "model.decoder.final_layer_norm.weight", ("[12]",)),
    ],
)
def test_missing_and_misshapen_tensors(
    tmp_path: Path,
    refuses: Refuses,
    module: Callable[[dict[str, Any]], str],
    config: dict[str, Any],
    name: str,
    words: tuple[str, ...],
) -> None:
    shapes = parameters(module(config))
    missing = {key: shape for key, shape in shapes.items() if key != name}
    folder = write_weights(tmp_path / "a", config, missing)
    refuses([folder, "-o", tmp_path / "n.mlir"], "missing tensor", repr(name), *words)
    # As if it were not transposed, or a row too short.
    shape = shapes[name][::-1] if len(shapes[name]) == 2 else [shapes[name][0] - 1]
    folder = write_weights(tmp_path / "b", config, shapes | {name: shape})
    refuses([folder, "-o", tmp_path / "n.mlir"], repr(name), str(shape), *words)
