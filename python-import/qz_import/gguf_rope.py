"""Rotary settings as a GGUF has them: keys, and tensors of what frequencies are divided by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from qz_import.builder import Rope
from qz_import.decoder import Decoder
from qz_import.errors import ImportFailure
from qz_import.gguf_architecture import Described, Values
from qz_import.gguf_metadata import shortest
from qz_import.rope_types import BETAS
from qz_import.rope_types import FACTORS as LONGROPE_FACTORS
from qz_import.rotary import DEFAULT_THETA

# Llama 3's, whatever the context; longrope's, of short and of long ones.
LLAMA3_DIVISORS = "rope_freqs.weight"
LONGROPE_DIVISORS = ("rope_factors_short.weight", "rope_factors_long.weight")
DIVISORS = (LLAMA3_DIVISORS, *LONGROPE_DIVISORS)
# What Llama 3's scaling is made of, with Llama 3's own values: the divisors do not tell it, so
# other values get keys of our own, with this prefix.
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_context": 8192}
OURS = "qzc.rope."
CLOSE = 1e-4
Divisors = dict[str, tuple[float, ...]]


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


def main_rope(decoder: Decoder) -> Rope | None:
    """How q and k are turned: in layers without a window if there are any, which in llama.cpp is
    what the keys are about."""
    turning = [block.attention for block in decoder.blocks if block.attention.rope]
    first = min(turning, key=lambda attention: attention.window is not None, default=None)
    return first.rope if first else None


def _usual_magnitude(factor: float) -> float:
    """What llama.cpp multiplies by with yarn, beside attn_factor."""
    return 1 + 0.1 * math.log(factor) if factor > 1 else 1.0


def _yarn_values(said: Mapping[str, Any]) -> Values:
    values: Values = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": float(said["factor"]),
        "rope.scaling.original_context_length": said["original_max_position_embeddings"],
    }
    for key, usual in BETAS.items():
        if said[key] != usual:
            values[f"rope.scaling.yarn_{key}"] = float(said[key])
    magnitude = said["attention_factor"] / _usual_magnitude(said["factor"])
    if abs(magnitude - 1) > CLOSE:
        values["rope.scaling.attn_factor"] = magnitude
    return values


def _longrope_values(said: Mapping[str, Any]) -> tuple[Values, Divisors]:
    values: Values = {
        "rope.scaling.type": "longrope",
        "rope.scaling.original_context_length": said["original_max_position_embeddings"],
        "rope.scaling.attn_factor": float(said["attention_factor"]),
    }
    factors = (tuple(said[key]) for key in LONGROPE_FACTORS)
    return values, dict(zip(LONGROPE_DIVISORS, factors, strict=True))


def rope_values(decoder: Decoder, takes_factors: bool) -> tuple[Values, Divisors]:
    """Metadata, keys without the architecture unless they are our own, and tensors. What an
    architecture cannot have is left out: what is read back differs."""
    rope = main_rope(decoder)
    if rope is None:
        return {}, {}
    values: Values = {"rope.dimension_count": rope.dim, "rope.freq_base": float(rope.theta)}
    kind = rope.said.get("rope_type", rope.scaling)
    if kind == "linear":
        values["rope.scaling.type"] = "linear"
        values["rope.scaling.factor"] = float(rope.parameters["factor"])
    elif kind == "yarn":
        values |= _yarn_values(rope.said)
    elif kind == "longrope" and takes_factors:
        scaling, divisors = _longrope_values(rope.said)
        return values | scaling, divisors
    elif kind == "llama3":
        settings = rope.parameters
        if any(settings[key] != usual for key, usual in LLAMA3.items()):
            values |= {f"{OURS}{key}": settings[key] for key in ("factor", *LLAMA3)}
        return values, {LLAMA3_DIVISORS: llama3_divisors(rope.dim, rope.theta, settings)}
    return values, {}


def _checked_divisors(file: Described, name: str, dim: int) -> tuple[float, ...]:
    divisors = file.divisors.get(name, ())
    if len(divisors) != dim // 2 or not all(map(math.isfinite, divisors)):
        raise ImportFailure(
            f"{file.meta.where}: {name} is not {dim // 2} values of F32, one for each pair of a "
            f"head's {dim} elements"
        )
    return divisors


def _llama3(file: Described, dim: int, theta: float) -> Values:
    """config.json's llama3 scaling, found from the divisors that llama.cpp computed from it."""
    where, divisors = file.meta.where, _checked_divisors(file, LLAMA3_DIVISORS, dim)

    def said(key: str, otherwise: float) -> float:
        return file.meta.positive(OURS + key) if file.meta.has(OURS + key) else otherwise

    settings: Values = {"factor": said("factor", shortest(max(1.0, *divisors)))}
    settings |= {key: said(key, usual) for key, usual in LLAMA3.items()}
    settings["original_context"] = int(settings["original_context"])
    is_ordered = settings["low_freq_factor"] < settings["high_freq_factor"]
    expected = llama3_divisors(dim, theta, settings) if is_ordered and theta > 0 else divisors
    if not is_ordered or any(
        abs(a - b) > CLOSE * abs(b) for a, b in zip(divisors, expected, strict=True)
    ):
        raise ImportFailure(f"{where}: {LLAMA3_DIVISORS} is not Llama 3's rope scaling")
    context = settings.pop("original_context")
    return {"rope_type": "llama3", **settings, "original_max_position_embeddings": context}


def _positive(file: Described, name: str, otherwise: float) -> float:
    return file.meta.positive(file.key(name)) if file.has(name) else otherwise


def _original_context(file: Described) -> int:
    name = "rope.scaling.original_context_length"
    return file.meta.size(file.key(name if file.has(name) else "context_length"))


def _yarn(file: Described, factor: float) -> Values:
    settings: Values = {"rope_type": "yarn", "factor": factor}
    for key, usual in BETAS.items():
        settings[key] = _positive(file, f"rope.scaling.yarn_{key}", usual)
    settings["original_max_position_embeddings"] = _original_context(file)
    magnitude = _positive(file, "rope.scaling.attn_factor", 1.0) * _usual_magnitude(factor)
    return settings | {"attention_factor": magnitude}


def _longrope(file: Described, dim: int) -> Values:
    names = zip(LONGROPE_FACTORS, LONGROPE_DIVISORS, strict=True)
    factors = {key: list(map(shortest, _checked_divisors(file, name, dim))) for key, name in names}
    return {
        "rope_type": "longrope",
        **factors,
        "attention_factor": _positive(file, "rope.scaling.attn_factor", 1.0),
        "original_max_position_embeddings": _original_context(file),
    }


def _scaling(file: Described, dim: int, theta: float) -> Values | None:
    """config.json's rope_scaling. llama.cpp takes a factor without a type for a linear one, and
    divides by what there is to divide by whatever the type."""
    name = "rope.scaling.type"
    kind = file.meta.text(file.key(name)) if file.has(name) else "linear"
    if kind not in ("none", "linear", "yarn", "longrope"):
        raise file.fail(name, f"{kind!r} is unknown")
    factor = 0.0
    # The second is what older files call it.
    for name in ("rope.scale_linear", "rope.scaling.factor"):
        factor = shortest(file.meta.number(file.key(name))) if file.has(name) else factor
    is_scaled = kind in ("linear", "yarn") and factor not in (0.0, 1.0)
    if file.divisors and is_scaled:
        other = ", ".join(file.divisors)
        raise file.fail("rope.scaling.factor", f"{factor} and {other} together are not supported")
    if kind == "longrope" or any(name in file.divisors for name in LONGROPE_DIVISORS):
        return _longrope(file, dim)
    if file.divisors:
        return _llama3(file, dim, theta)
    if is_scaled and kind == "yarn":
        return _yarn(file, factor)
    file.has("rope.scaling.original_context_length")  # of other types
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
