"""Rotary settings as a GGUF has them: keys, and a tensor of Llama 3's frequency divisors."""

from __future__ import annotations

import math
from typing import Any

from qz_import.builder import Rope
from qz_import.decoder import Attention, Decoder
from qz_import.errors import ImportFailure
from qz_import.gguf_architecture import Described, Values
from qz_import.gguf_metadata import shortest
from qz_import.rotary import DEFAULT_THETA

FACTORS = "rope_freqs.weight"
# What Llama 3's scaling is made of, with Llama 3's own values: the divisors do not tell it, so
# other values get keys of our own, with this prefix.
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_context": 8192}
OURS = "qzc.rope."
CLOSE = 1e-4


def llama3_divisors(dim: int, theta: float, settings: Values) -> tuple[float, ...]:
    """What scaled frequencies are plain ones divided by: 1 (short wavelengths), `factor` (long
    ones) or a blend."""
    low, high = settings["low_freq_factor"], settings["high_freq_factor"]
    factor, context = settings["factor"], settings["original_context"]
    divisors = []
    for i in range(0, dim, 2):
        turns = context / (2 * math.pi * theta ** (i / dim))
        smooth = (turns - low) / (high - low)
        blend = 1 / ((1 - smooth) / factor + smooth) if 0 <= smooth <= 1 else 1.0
        divisors.append(factor if turns < low else 1.0 if turns > high else blend)
    return tuple(divisors)


def turning(decoder: Decoder) -> list[Attention]:
    """Attention that turns q and k: that of layers without a window first, which in llama.cpp is
    what the keys are about."""
    found = [block.attention for block in decoder.blocks if block.attention.rope]
    return sorted(found, key=lambda attention: attention.window is not None)


def main_rope(decoder: Decoder) -> Rope | None:
    attentions = turning(decoder)
    return attentions[0].rope if attentions else None


def rope_values(decoder: Decoder) -> tuple[Values, dict[str, tuple[float, ...]]]:
    """Metadata, keys without the architecture unless they are our own, and tensors."""
    rope = main_rope(decoder)
    if rope is None:
        return {}, {}
    values: Values = {"rope.dimension_count": rope.dim, "rope.freq_base": float(rope.theta)}
    if rope.scaling == "linear":
        values["rope.scaling.type"] = "linear"
        values["rope.scaling.factor"] = float(rope.parameters["factor"])
    if rope.scaling != "llama3":
        return values, {}
    settings = rope.parameters
    if any(settings[key] != usual for key, usual in LLAMA3.items()):
        values |= {f"{OURS}{key}": settings[key] for key in ("factor", *LLAMA3)}
    return values, {FACTORS: llama3_divisors(rope.dim, rope.theta, settings)}


def _llama3(file: Described, dim: int, theta: float) -> Values:
    """config.json's llama3 scaling, found from the divisors that llama.cpp computed from it."""
    where = file.meta.where
    if len(file.divisors) != dim // 2 or not all(map(math.isfinite, file.divisors)):
        raise ImportFailure(
            f"{where}: {FACTORS} is not {dim // 2} values of F32, one for each pair of a "
            f"head's {dim} elements"
        )

    def said(key: str, otherwise: float) -> float:
        return file.meta.positive(OURS + key) if file.meta.has(OURS + key) else otherwise

    settings: Values = {"factor": said("factor", shortest(max(1.0, *file.divisors)))}
    settings |= {key: said(key, usual) for key, usual in LLAMA3.items()}
    settings["original_context"] = int(settings["original_context"])
    is_ordered = settings["low_freq_factor"] < settings["high_freq_factor"]
    expected = llama3_divisors(dim, theta, settings) if is_ordered and theta > 0 else file.divisors
    if not is_ordered or any(
        abs(a - b) > CLOSE * abs(b) for a, b in zip(file.divisors, expected, strict=True)
    ):
        raise ImportFailure(f"{where}: {FACTORS} is not Llama 3's rope scaling")
    context = settings.pop("original_context")
    return {"rope_type": "llama3", **settings, "original_max_position_embeddings": context}


def _scaling(file: Described, dim: int, theta: float) -> Values | None:
    """config.json's rope_scaling. llama.cpp takes a factor without a type for a linear one, and
    divides by rope_freqs whatever the type."""
    name = "rope.scaling.type"
    kind = file.meta.text(file.key(name)) if file.has(name) else "linear"
    if kind not in ("none", "linear"):
        raise file.fail(name, f"{kind!r} is unknown")
    factor = 0.0
    # The second is what older files call it.
    for name in ("rope.scale_linear", "rope.scaling.factor"):
        factor = shortest(file.meta.number(file.key(name))) if file.has(name) else factor
    file.has("rope.scaling.original_context_length")  # of the types that are refused
    is_scaled = kind == "linear" and factor not in (0.0, 1.0)
    if file.divisors:
        if is_scaled:
            raise file.fail(
                "rope.scaling.factor", f"{factor} and {FACTORS} together are not supported"
            )
        return _llama3(file, dim, theta)
    return {"rope_type": "linear", "factor": factor} if is_scaled else None


def _fraction(dim: int, head_dim: int) -> float:
    """Of a head's elements, as config.json has it: times the head's size it gives `dim` or a little
    more, of which the rest is cut off."""
    part = dim / head_dim
    return part if int(head_dim * part) == dim else math.nextafter(part, 2)


def read_rope_keys(file: Described, head_dim: int, is_partial: bool) -> dict[str, Any]:
    """config.json's rotary settings of heads of `head_dim` elements, of which a part may turn if
    `is_partial`."""
    name = "rope.dimension_count"
    dim = file.meta.size(file.key(name)) if file.has(name) else head_dim
    if not 0 < dim <= head_dim or dim % 2:
        raise file.fail(name, f"{dim} is not even and at most the head size {head_dim}")
    if dim != head_dim and not is_partial:
        raise file.fail(name, f"{dim} is not the head size {head_dim}")
    theta = DEFAULT_THETA
    if file.has("rope.freq_base"):
        theta = shortest(file.meta.number(file.key("rope.freq_base")))
    config = {"rope_theta": theta}
    if is_partial:
        config["partial_rotary_factor"] = _fraction(dim, head_dim)
    scaling = _scaling(file, dim, theta)
    return config if scaling is None else config | {"rope_scaling": scaling}
