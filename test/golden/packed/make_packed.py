#!/usr/bin/env python3
"""Makes tiny checkpoints as bitsandbytes, compressed-tensors and transformers save them, which the
import of quantized weights is tested with (needs torch, transformers, bitsandbytes,
compressed-tensors, safetensors).

NAME/ has config.json, model.safetensors and decoded.json: the SHA-256 of every weight as float32,
decoded by the package that quantized it. Scales that a package multiplies in bf16 are made f32
first: its products are then those before they are rounded to the type that it computes in.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bitsandbytes.functional as bnb
import torch
from compressed_tensors.compressors import PackedQuantizationCompressor
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationScheme,
    QuantizationStrategy,
    QuantizationType,
)
from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)
from transformers.integrations.finegrained_fp8 import Fp8Dequantize, Fp8Quantize

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

FOLDER = Path(__file__).resolve().parent
Tensors = dict[str, torch.Tensor]


def llama(hidden: int, intermediate: int, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    torch.manual_seed(20261)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).to(dtype)


def gpt2() -> PreTrainedModel:
    torch.manual_seed(20262)
    config = GPT2Config(
        vocab_size=40,
        n_positions=64,
        n_embd=64,
        n_layer=1,
        n_head=2,
        bos_token_id=1,
        eos_token_id=2,
    )
    return GPT2LMHeadModel(config).to(torch.bfloat16)


def write(
    name: str, model: PreTrainedModel, tensors: Tensors, settings: dict | None, decoded: Tensors
) -> None:
    """A folder of a model with these tensors in place of its own."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = json.loads(model.config.to_json_string(use_diff=False))
    if settings is not None:
        config["quantization_config"] = settings
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    hashes = {
        key: hashlib.sha256(value.float().contiguous().numpy().tobytes()).hexdigest()
        for key, value in sorted(decoded.items())
    }
    (folder / "decoded.json").write_text(json.dumps(hashes, indent=1) + "\n")


def is_linear(name: str, tensor: torch.Tensor) -> bool:
    return tensor.ndim == 2 and "proj" in name


# --- bitsandbytes ---


def four_bit(tensors: Tensors, name: str) -> torch.Tensor:
    state = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
    quant_state = bnb.QuantState.from_dict(state, torch.device("cpu"))
    quant_state.dtype = torch.float32
    shape = quant_state.shape
    # The CPU decoder is asked for a flat tensor: given a matrix it counts blocks by rows.
    quant_state.shape = torch.Size([shape.numel()])
    return bnb.dequantize_4bit(tensors[name].reshape(-1, 1), quant_state).reshape(shape)


def bitsandbytes(name: str, model: PreTrainedModel, **options: object) -> None:
    """What transformers saves of a model that it quantized as it loaded it."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(f"{folder}/plain")
        loaded = AutoModelForCausalLM.from_pretrained(
            f"{folder}/plain", quantization_config=BitsAndBytesConfig(**options), device_map="cpu"
        )
        loaded.save_pretrained(f"{folder}/saved")
        tensors = load_file(f"{folder}/saved/model.safetensors")
        settings = json.loads(Path(f"{folder}/saved/config.json").read_text())
    decoded = {}
    for key, tensor in tensors.items():
        if key.endswith(".weight") and f"{key}.absmax" in tensors:
            decoded[key] = four_bit(tensors, key)
        elif f"{key.removesuffix('.weight')}.SCB" in tensors and tensor.dtype == torch.int8:
            scales = tensors[f"{key.removesuffix('.weight')}.SCB"]
            decoded[key] = bnb.int8_vectorwise_dequant(tensor, scales)
        elif tensor.is_floating_point() and ".weight." not in key and not key.endswith(".SCB"):
            decoded[key] = tensor
    write(name, model, tensors, settings["quantization_config"], decoded)


# --- compressed-tensors ---


def compressed(
    name: str,
    model: PreTrainedModel,
    form: str,
    args: QuantizationArgs,
    pack: Callable[[torch.Tensor, QuantizationScheme], tuple[Tensors, torch.Tensor]],
) -> None:
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    tensors, decoded = {}, {}
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight":
            continue
        if is_linear(key, tensor):
            parts, decoded[key] = pack(tensor, scheme)
            tensors |= {f"{key.removesuffix('.weight')}.{k}": v for k, v in parts.items()}
        else:
            tensors[key] = decoded[key] = tensor
    group = {"targets": ["Linear"], "weights": json.loads(args.model_dump_json())}
    settings = {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": ["lm_head"],
    }
    write(name, model, tensors, settings, decoded)


def parameters(weight: torch.Tensor, args: QuantizationArgs) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales in the weight's type and zero points, [rows, groups]."""
    groups = weight.reshape(weight.shape[0], -1, args.group_size or weight.shape[1])
    return calculate_qparams(groups.amin(dim=2), groups.amax(dim=2), args)


def packed(weight: torch.Tensor, scheme: QuantizationScheme) -> tuple[Tensors, torch.Tensor]:
    scales, zeros = parameters(weight, scheme.weights)
    state = {"weight": weight, "weight_scale": scales, "weight_zero_point": zeros.to(torch.int8)}
    parts = PackedQuantizationCompressor.compress(state, scheme)
    exact = parts | {"weight_scale": parts["weight_scale"].float()}
    return parts, PackedQuantizationCompressor.decompress(exact, scheme)["weight"]


def plain(weight: torch.Tensor, scheme: QuantizationScheme) -> tuple[Tensors, torch.Tensor]:
    """Codes under the weight's own name, of int8 or e4m3."""
    args = scheme.weights
    scales, zeros = parameters(weight, args)
    dtype = torch.int8 if args.type == QuantizationType.INT else torch.float8_e4m3fn
    codes = quantize(weight, scales, zeros, args, dtype=dtype)
    return {"weight": codes, "weight_scale": scales}, dequantize(codes, scales.float(), zeros, args)


# --- fine-grained fp8 ---


def fine_grained(name: str, model: PreTrainedModel) -> None:
    config = SimpleNamespace(weight_block_size=[128, 128], scale_fmt=None)
    quantizer = SimpleNamespace(quantization_config=config)
    tensors, decoded = {}, {}
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight":
            continue
        parts = {key: tensor}
        decoded[key] = tensor
        if is_linear(key, tensor):
            parts = Fp8Quantize(quantizer).convert({key: tensor})
            scales = parts[key.replace(".weight", ".weight_scale_inv")]
            decoded[key] = Fp8Dequantize(quantizer)._dequantize_one(
                parts[key], scales, torch.float32
            )
        tensors |= parts
    settings = {
        "quant_method": "fp8",
        "activation_scheme": "dynamic",
        "weight_block_size": [128, 128],
    }
    write(name, model, tensors, settings, decoded)


def main() -> None:
    check_versions()
    small = llama(64, 128)
    # More than 256 blocks of 64 in a weight: two groups of quantized scales.
    bitsandbytes(
        "bnb-nf4-double",
        llama(64, 320),
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
    )
    bitsandbytes("bnb-fp4", small, load_in_4bit=True, bnb_4bit_quant_type="fp4")
    bitsandbytes("bnb-gpt2", gpt2(), load_in_4bit=True, bnb_4bit_quant_type="nf4")
    bitsandbytes("bnb-int8", small, load_in_8bit=True)

    group, channel = QuantizationStrategy.GROUP, QuantizationStrategy.CHANNEL
    linear, form = QuantizationArgs, "pack-quantized"
    of_four = linear(num_bits=4, strategy=group, group_size=32)
    compressed("ct-int4", small, form, of_four, packed)
    asym = linear(num_bits=4, symmetric=False, strategy=group, group_size=64)
    compressed("ct-int4-asym", small, form, asym, packed)
    of_eight = linear(num_bits=8, strategy=channel)
    compressed("ct-int8", small, form, of_eight, packed)
    compressed("ct-int8-rows", small, "int-quantized", of_eight, plain)
    # Scales of f32 are no f16.
    full = llama(64, 128, torch.float32)
    compressed("ct-int4-f32", full, form, of_four, packed)
    fp8 = linear(num_bits=8, type=QuantizationType.FLOAT, strategy=channel)
    compressed("ct-fp8", small, "float-quantized", fp8, plain)
    fine_grained("fp8-blocks", llama(128, 128))


if __name__ == "__main__":
    main()
