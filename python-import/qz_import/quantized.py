"""Checkpoints that another tool has quantized: refused by that tool's name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qz_import.checkpoint import Checkpoint
from qz_import.config import Config
from qz_import.errors import ImportFailure, shown

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


def _method(settings: Any) -> str:
    """Whose settings these are; bitsandbytes' first ones did not say."""
    if not isinstance(settings, dict):
        return shown(settings)
    method = settings.get("quant_method") or settings.get("quant_algo") or "bitsandbytes"
    return method if isinstance(method, str) else shown(method)


def _writer(checkpoint: Checkpoint) -> str | None:
    for tool, end in NAMES.items():
        pattern = re.compile(f".*{end}")
        if any(pattern.fullmatch(name) for name in checkpoint.tensors):
            return tool
    return None


def refuse_quantized(folder: Path, config: Config, checkpoint: Checkpoint | None) -> None:
    """Fails where the weights are another tool's codes, or would be once transformers has loaded
    them."""
    key = next((key for key in KEYS if config.has(key)), None)
    tool = _method(config.raw(key)) if key else None
    writer = _writer(checkpoint) if checkpoint else None
    if writer:
        said = f"by {tool} ({key})" if key else f"by {writer}, as their names say"
        raise ImportFailure(
            f"{folder}: its weights are quantized already, {said}: import the model that it was "
            "made from, which qzc quantizes itself (--quantize)"
        )
    if key:
        raise config.fail(
            key,
            f"is there ({tool}), but no quantized weights that are known are: remove it to import "
            "the weights as they are",
        )
