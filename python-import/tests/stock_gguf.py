"""GGUF files of the fixture models as llama.cpp's converters write them: tensors by the gguf
package's names, weights and metadata as the converters have them."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "golden"))
from stock_variants import ARCHITECTURES, config_of

# Those in which neighbouring elements of q and k turn.
PERMUTED = ("llama", "granite", "olmo", "smollm3")
CONTEXT = ("max_position_embeddings", "n_positions", "seq_length")
CONV1D = re.compile(r"(c_attn|c_proj|c_fc)\.weight$")


def stock_name(architecture: str, name: str, layers: int) -> str:
    """What the gguf package calls a tensor, with or without the prefix of a model with its head."""
    number = next(n for n, text in gguf.MODEL_ARCH_NAMES.items() if text == architecture)
    names = gguf.get_tensor_name_map(number, layers)
    ends = (name, name.removeprefix("transformer."))
    for full in (p + end for end in ends for p in ("", "transformer.", "model.", "gpt_neox.")):
        if found := names.get_name(full, try_suffixes=(".weight", ".bias")):
            return found
    raise AssertionError(f"{architecture} has no {name}")


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows i and i + half of each head side by side."""
    parts = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return np.ascontiguousarray(parts.swapaxes(1, 2).reshape(values.shape))


def apart(values: np.ndarray, queries: int, groups: int) -> np.ndarray:
    """First all rows of q, then of k, then of v, of a tensor that has them group by group."""
    parts = values.reshape(groups, queries + 2, -1, *values.shape[1:])
    cut = (parts[:, :queries], parts[:, queries], parts[:, queries + 1])
    return np.concatenate([part.reshape(-1, *values.shape[1:]) for part in cut])


def arranged(config: dict[str, Any], name: str, values: np.ndarray) -> np.ndarray:
    """A checkpoint's tensor as llama.cpp has it."""
    family = config["model_type"]
    heads = config.get("num_attention_heads", 0)
    if family == "gpt2":
        return np.ascontiguousarray(values.T) if CONV1D.search(name) else values
    if ARCHITECTURES[family] in PERMUTED and re.search(r"\.[qk]_proj\.", name):
        is_key = ".k_proj." in name
        return permuted(values, config.get("num_key_value_heads") or heads if is_key else heads)
    if family in ("bloom", "gpt_neox") and "query_key_value" in name:
        return apart(values, 1, heads or config["n_head"])
    if family == "falcon" and "query_key_value" in name:
        groups = config["num_kv_heads"] if config["new_decoder_architecture"] else 1
        return apart(values, heads // groups, groups)
    if family.startswith("gemma") and re.search(r"norm\.weight$", name):
        return values + np.float32(1)
    return values


def metadata(folder: Path) -> dict[str, Any]:
    """What the converters write of a config.json that says everything."""
    config = config_of(folder)
    architecture = ARCHITECTURES[config["model_type"]]
    hidden = config.get("hidden_size") or config["n_embd"]
    heads = config.get("num_attention_heads") or config["n_head"]
    width = config.get("intermediate_size") or config.get("ffn_hidden_size")
    values: dict[str, Any] = {
        "context_length": next(config[key] for key in CONTEXT if config.get(key)),
        "embedding_length": hidden,
        "block_count": config.get("num_hidden_layers") or config["n_layer"],
        "feed_forward_length": width or config.get("n_inner") or 4 * hidden,
        "attention.head_count": heads,
    }
    if config["model_type"] == "falcon":
        values["feed_forward_length"] = config["ffn_hidden_size"] or 4 * hidden
        is_new = config["new_decoder_architecture"]
        values["attention.head_count_kv"] = config["num_kv_heads"] if is_new else 1
    elif config.get("num_key_value_heads"):
        values["attention.head_count_kv"] = config["num_key_value_heads"]
    head_dim = config.get("head_dim") or hidden // heads
    if config.get("head_dim"):
        values |= {"attention.key_length": head_dim, "attention.value_length": head_dim}
    for name in ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"):
        if name in config:
            values["attention.layer_norm_epsilon"] = config[name]
    if architecture == "olmo":
        values["attention.layer_norm_epsilon"] = 1e-5
    if "rms_norm_eps" in config:
        values["attention.layer_norm_rms_epsilon"] = config["rms_norm_eps"]
    if architecture not in ("bloom", "gpt2"):
        part = config.get("partial_rotary_factor", config.get("rotary_pct", 1.0))
        values["rope.dimension_count"] = int(part * head_dim)
        rope = config.get("rope_parameters") or config
        theta = rope.get("rope_theta") or config.get("rotary_emb_base") or 10000
        values["rope.freq_base"] = float(theta)
    scaling = config.get("rope_scaling") or {}
    if "yarn" in (scaling.get("rope_type"), scaling.get("type")):
        values |= {"rope.scaling.type": "yarn", "rope.scaling.factor": float(scaling["factor"])}
        original = scaling["original_max_position_embeddings"]
        values["rope.scaling.original_context_length"] = original
    if scaling.get("type") == "longrope":
        original = config["original_max_position_embeddings"]
        values["rope.scaling.original_context_length"] = original
        grown = config["max_position_embeddings"] / original
        values["rope.scaling.attn_factor"] = (1 + math.log(grown) / math.log(original)) ** 0.5
    if "linear" in (scaling.get("rope_type"), scaling.get("type")):
        values |= {"rope.scaling.type": "linear"}
        values["rope.scaling.factor"] = float(scaling["factor"])
    others = {
        "clip_qkv": "attention.clamp_kqv",
        "attention_multiplier": "attention.scale",
        "embedding_multiplier": "embedding_scale",
        "residual_multiplier": "residual_scale",
        "logits_scaling": "logit_scale",
        "logit_scale": "logit_scale",
        "attn_logit_softcapping": "attn_logit_softcapping",
        "final_logit_softcapping": "final_logit_softcapping",
        "use_parallel_residual": "use_parallel_residual",
        "rope_local_base_freq": "rope.freq_base_swa",
    }
    if architecture in ("gemma2", "gemma3", "phi3"):
        others["sliding_window"] = "attention.sliding_window"
    if every := config.get("sliding_window_pattern"):
        layers = range(config["num_hidden_layers"])
        pattern = [(layer + 1) % every != 0 for layer in layers]
        values["attention.sliding_window_pattern"] = pattern
    values |= {to: config[key] for key, to in others.items() if config.get(key) is not None}
    return {f"{architecture}.{key}": value for key, value in values.items()}


def special_tokens(folder: Path) -> dict[str, Any]:
    values = json.loads((folder / "generation_config.json").read_text())
    ends = values["eos_token_id"]
    ends = ends if isinstance(ends, list) else [ends]
    roles = dict(zip(("eos", "eot"), ends, strict=False)) | {"bos": values["bos_token_id"]}
    return {f"tokenizer.ggml.{role}_token_id": number for role, number in roles.items()}


def vocabulary(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "tokenizer.json").read_text())
    tokens, merges = document["model"]["vocab"], document["model"]["merges"]
    special = {token["id"] for token in document["added_tokens"] if token["special"]}
    kinds = document["pre_tokenizer"].get("pretokenizers", [])
    split = any(kind["type"] == "Split" for kind in kinds)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe" if split else "smollm" if kinds else "gpt-2",
        "tokenizer.ggml.tokens": sorted(tokens, key=tokens.__getitem__),
        "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(tokens))],
        "tokenizer.ggml.merges": [m if isinstance(m, str) else " ".join(m) for m in merges],
    }


class StockWriter:
    """A fixture model as a GGUF; what a test wants different it changes before `write`."""

    def __init__(self, folder: Path) -> None:
        config = config_of(folder)
        self.architecture = ARCHITECTURES[config["model_type"]]
        self.values = {**metadata(folder), **vocabulary(folder), **special_tokens(folder)}
        self.quantized: dict[str, gguf.GGMLQuantizationType] = {}
        self.tensors: dict[str, np.ndarray] = {}
        layers = self.values[f"{self.architecture}.block_count"]
        stored = [load_file(path) for path in sorted(folder.glob("*.safetensors"))]
        for name, values in (item for tensors in stored for item in tensors.items()):
            if config.get("tie_word_embeddings") and name == "lm_head.weight":
                continue
            values = arranged(config, name, values.astype(np.float32))
            self.tensors[stock_name(self.architecture, name, layers)] = values
        for length in ("short", "long"):
            if factors := (config.get("rope_scaling") or {}).get(f"{length}_factor"):
                self.tensors[f"rope_factors_{length}.weight"] = np.array(factors, np.float32)

    def write(self, path: Path) -> Path:
        writer = gguf.GGUFWriter(path, self.architecture)
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
            kind = self.quantized.get(name)
            raw = values if kind is None else gguf.quants.quantize(values, kind)
            writer.add_tensor(name, raw, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path
