"""Checkpoints that another tool has quantized: read where its layout is known, refused by the
tool's name otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qz_import.bitsandbytes import unpack_bitsandbytes
from qz_import.compressed_tensors import unpack_compressed_tensors
from qz_import.config import Config
from qz_import.errors import ImportFailure, shown
from qz_import.fp8 import unpack_fp8
from qz_import.gptq import unpack_awq, unpack_gptq
from qz_import.packed import Weights
from qz_import.weights import StoredTensor

KEYS = ("quantization_config", "compression_config")
# How the names of tensors end that stand for a weight's codes, and who writes them.
NAMES = {
    "bitsandbytes": r"\.(SCB|weight\.(absmax|quant_map|nested_absmax|quant_state\..*))",
    "gptq": r"\.g_idx",
    "gptq or awq": r"\.(qweight|qzeros)",
    "hqq": r"\.W_q",
    "aqlm": r"\.codebooks",
    "compressed-tensors": r"\.weight_(packed|shape|zero_point|g_idx)",
    "fp8": r"\.weight_scale(_inv|_2)?",
    "mxfp4": r"_blocks",
}
# Of those tools whose weights can be read.
UNPACKERS: dict[str, Callable[[dict[str, Any], dict[str, StoredTensor], str], Weights]] = {
    "bitsandbytes": unpack_bitsandbytes,
    "gptq": unpack_gptq,
    "awq": unpack_awq,
    "compressed-tensors": unpack_compressed_tensors,
    "fp8": unpack_fp8,
    "fbgemm_fp8": unpack_fp8,
}


def _method(settings: Any) -> str:
    """Whose settings these are; bitsandbytes' first ones did not say."""
    if not isinstance(settings, dict):
        return shown(settings)
    method = settings.get("quant_method") or settings.get("quant_algo") or "bitsandbytes"
    return method if isinstance(method, str) else shown(method)


def _writer(tensors: dict[str, StoredTensor]) -> str | None:
    for tool, end in NAMES.items():
        pattern = re.compile(f".*{end}")
        if any(pattern.fullmatch(name) for name in tensors):
            return tool
    return None


def packed_weights(config: Config, tensors: dict[str, StoredTensor]) -> Weights:
    """The weights of a folder. Fails where some are another tool's codes that cannot be read, or
    would be once transformers has loaded them."""
    key = next((key for key in KEYS if config.has(key)), None)
    tool = _method(config.raw(key)) if key else None
    unpack = UNPACKERS.get(tool or "")
    settings = config.raw(key) if key else None
    settings = settings if isinstance(settings, dict) else {}
    weights = unpack(settings, tensors, config.where) if unpack else Weights(tensors)
    writer = _writer(weights.tensors)
    if writer:
        said = f"by {tool} ({key})" if key else f"by {writer}, as their names say"
        raise ImportFailure(
            f"{Path(config.where).parent}: its weights are quantized already, {said}, in a way "
            "that is not read: import the model that it was made from, which qzc quantizes itself "
            "(--quantize)"
        )
    if key and not weights.packed:
        raise config.fail(
            key,
            f"is there ({tool}), but no quantized weights that are known are: remove it to import "
            "the weights as they are",
        )
    return weights
