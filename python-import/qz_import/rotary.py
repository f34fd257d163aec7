"""config.json's rotary settings, in both forms that transformers has had."""

from __future__ import annotations

from qz_import.builder import Rope
from qz_import.config import Config

DEFAULT_THETA = 10000.0
# What #qz.rope takes.
MOST_ELEMENTS = 1 << 16


def _scaling(config: Config, kind: str) -> dict[str, float | int]:
    """What #qz.rope needs to know about a rope_type."""
    if kind == "default":
        return {}
    factor = config.number("factor")
    if factor < 1:
        raise config.fail("factor", f"{factor} is below 1")
    if kind == "linear":
        return {"factor": factor}
    low, high = config.number("low_freq_factor"), config.number("high_freq_factor")
    if low >= high:
        raise config.fail("low_freq_factor", f"{low} is not below high_freq_factor {high}")
    return {
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_context": config.size("original_max_position_embeddings"),
    }


def read_rope(config: Config, dim: int) -> Rope:
    """Rotary embedding of heads of `dim` elements.

    Either rope_theta and rope_scaling {rope_type (once: type), …}, or all of it in rope_parameters.
    """
    if dim % 2:
        raise config.fail("head_dim", f"{dim} is odd: rotary embeddings need pairs")
    if dim > MOST_ELEMENTS:
        raise config.fail("head_dim", f"{dim} is above {MOST_ELEMENTS}")
    parameters = config.section("rope_parameters")
    scaling = parameters or config.section("rope_scaling")
    theta_from = parameters if parameters and parameters.has("rope_theta") else config
    theta = theta_from.number("rope_theta", DEFAULT_THETA)
    if scaling is None:
        return Rope(dim, theta)
    key = "rope_type" if scaling.has("rope_type") or not scaling.has("type") else "type"
    kinds = {kind: kind for kind in ("default", "linear", "llama3")}
    kind = scaling.choice(key, kinds, "default") if parameters else scaling.choice(key, kinds)
    name = "" if kind == "default" else kind
    return Rope(dim, theta, name, _scaling(scaling, kind))
