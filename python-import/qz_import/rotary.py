"""config.json's rotary settings, in all the forms that transformers has had."""

from __future__ import annotations

from qz_import.builder import Rope
from qz_import.config import Config
from qz_import.rope_types import KINDS, RopeQuestion, rope_of

DEFAULT_THETA = 10000.0
# What #qz.rope takes.
MOST_ELEMENTS = 1 << 16


def _original_context(config: Config, settings: Config) -> int:
    """The context before scaling: the one beside the settings wins."""
    key = "original_max_position_embeddings"
    if config.has(key):
        return config.size(key)
    return settings.size(key) if settings.has(key) else config.size("max_position_embeddings")


def _settings(config: Config, layer_type: str | None, is_scaled: bool) -> Config:
    """The object that says how to rotate: rope_scaling wins over rope_parameters, which may hold
    one for each type of layer."""
    scaling = config.section("rope_scaling") if is_scaled else None
    parameters = config.section("rope_parameters")
    if scaling and any(scaling.keys()):
        # Without a type, transformers' versions disagree on what it means.
        if not scaling.has("rope_type"):
            scaling.text("type" if scaling.has("type") else "rope_type")
        return scaling
    if parameters and layer_type and parameters.mentions(layer_type):
        return parameters.section(layer_type) or Config({}, config.where)
    return parameters or Config({}, config.where)


def read_rope(
    config: Config,
    head_dim: int,
    may_be_partial: bool = False,
    layer_type: str | None = None,
    theta_key: str = "rope_theta",
    is_scaled: bool = True,
    kinds: dict[str, str] = KINDS,
) -> Rope:
    """Rotary embedding of heads of `head_dim` elements, or, where it `may_be_partial`, of as many
    as partial_rotary_factor says.

    Either rope_theta and rope_scaling {rope_type (once: type), …}, or all of it in rope_parameters,
    which may have an object for each type of layer: then for those of `layer_type`. What older
    files have beside it for such layers: `theta_key` and, if `is_scaled`, rope_scaling. `kinds`
    are the family's names of rope_types.
    """
    settings = _settings(config, layer_type, is_scaled)
    theta = settings.number("rope_theta", config.number(theta_key, DEFAULT_THETA))
    part = "partial_rotary_factor"
    factor = settings.number(part, config.number(part, 1.0))
    if factor != 1 and not may_be_partial:
        raise (settings if settings.has(part) else config).fail(part, "is not supported")
    dim = int(head_dim * factor)
    if dim > MOST_ELEMENTS:
        raise config.fail("head_dim", f"{dim} is above {MOST_ELEMENTS}")
    if dim % 2:
        raise config.fail("head_dim", f"{dim} is odd: rotary embeddings need pairs")
    key = "type" if settings.has("type") and not settings.has("rope_type") else "rope_type"
    kind = settings.choice(key, kinds, "default")
    context = _original_context(config, settings)
    question = RopeQuestion(config, settings, dim, theta, context, layer_type is not None)
    return rope_of(kind, question)
