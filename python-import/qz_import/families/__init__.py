"""The model families that can be imported: every module of this folder registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from qz_import.builder import GraphBuilder, Value
from qz_import.config import Config

Emit = Callable[[Config, GraphBuilder], Value]
# Beyond this a count of layers is a mistake, not a model.
MOST_LAYERS = 1 << 14


@dataclass(frozen=True)
class Family:
    """How one model_type becomes ops."""

    model_type: str
    # Emits the graph from `graph.tokens` on and returns the logits.
    emit: Emit
    # config.json's names of what every model has.
    hidden: str = "hidden_size"
    layers: str = "num_hidden_layers"
    context: str = "max_position_embeddings"
    # What stands before the names of the weights of all but the head. A checkpoint may have been
    # saved without it.
    base: str = ""
    # What vocab.json and merges.txt are read as where tokenizer_config.json does not say.
    tokenizer_class: str | None = None


_FAMILIES: dict[str, Family] = {}


def register(family: Family) -> None:
    _FAMILIES[family.model_type] = family


def family_of(config: Config) -> Family:
    model_type = config.text("model_type")
    if model_type not in _FAMILIES:
        known = ", ".join(sorted(_FAMILIES))
        raise config.fail("model_type", f"{model_type!r} is unknown (known: {known})")
    return _FAMILIES[model_type]


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
