"""The model families that can be imported: every module of this folder registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field

from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.gguf_architecture import Architecture
from qz_import.known_keys import Allowed, KnownKeys, known_keys
from qz_import.sizes import STANDARD_KEYS, Keys


@dataclass(frozen=True)
class Family:
    """How one model_type becomes a graph."""

    model_type: str
    # What the model of a config.json is; refuses what would be another.
    decoder: Callable[[Config], Decoder]
    keys: Keys = STANDARD_KEYS
    # Keys of its config.json that change nothing here, and those that must have one of these values
    # (known_keys.py has what families have in common).
    ignored: str = ""
    fixed: Allowed = field(default_factory=dict)
    # What llama.cpp has for it, and whether a GGUF of that architecture is read as this family.
    gguf: Architecture | None = None
    reads_gguf: bool = True

    @property
    def known(self) -> KnownKeys:
        return known_keys(self.model_type, self.ignored, self.fixed)


_FAMILIES: dict[str, Family] = {}


def register(family: Family) -> None:
    _FAMILIES[family.model_type] = family


def families() -> list[Family]:
    return list(_FAMILIES.values())


def model_types() -> list[str]:
    """The families that are known."""
    return sorted(_FAMILIES)


def family_of(config: Config) -> Family:
    model_type = config.text("model_type")
    if model_type not in _FAMILIES:
        known = ", ".join(model_types())
        raise config.fail("model_type", f"{model_type!r} is unknown (known: {known})")
    return _FAMILIES[model_type]


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
