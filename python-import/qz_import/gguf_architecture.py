"""The architectures of GGUF: for each which keys it has, what they are in a decoder and what
config.json calls them. One table serves both ways.

Keys are those of llama.cpp's loader; names stand without "ARCHITECTURE.".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qz_import.decoder import Attention, Decoder
from qz_import.errors import ImportFailure, shown
from qz_import.gguf_metadata import Metadata, shortest
from qz_import.sizes import Keys

Values = dict[str, Any]
# Words of config.json's layer_types.
FULL, SLIDING = "full_attention", "sliding_attention"
_REQUIRED = object()


@dataclass(frozen=True)
class Described:
    """What a GGUF says of its model beside the weights themselves."""

    architecture: str
    meta: Metadata
    # Of tensors, rows first.
    shapes: Mapping[str, tuple[int, ...]]
    # What llama.cpp divides rotary frequencies by, by the tensors' names.
    divisors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def key(self, name: str) -> str:
        return f"{self.architecture}.{name}"

    def has(self, name: str) -> bool:
        return self.meta.has(self.key(name))

    def fail(self, name: str, what: str) -> ImportFailure:
        return ImportFailure(f"{self.meta.where}: {self.key(name)} {what}")


@dataclass(frozen=True)
class Key:
    """`value` of a decoder, or None where the key is not written; `config` is config.json's key,
    empty where no key of it changes the value, which then must be the default."""

    name: str
    kind: type
    value: Callable[[Decoder], Any]
    config: str
    # Where a file lacks it: a value, or what follows from those read before.
    default: Any = _REQUIRED
    # Whether 0 means the default.
    is_optional: bool = False

    def read(self, file: Described, config: Values) -> Any:
        default = self.default(config) if callable(self.default) else self.default
        if default is not _REQUIRED and not file.has(self.name):
            return default
        name = file.key(self.name)
        if self.kind is float:
            value = shortest(file.meta.number(name))
        else:
            value = file.meta.flag(name) if self.kind is bool else file.meta.size(name)
        if self.kind is int and value < 1 and not self.is_optional:
            raise file.fail(self.name, f"is {value}")
        if not self.config and value != default:
            raise file.fail(self.name, f"is {value}, which is not supported (known: {default})")
        return default if self.is_optional and not value else value


def _no_names(decoder: Decoder) -> Mapping[str, str]:
    return {}


def _nothing(file: Described, config: Values) -> Values:
    return {}


@dataclass(frozen=True)
class Architecture:
    """How llama.cpp has a family."""

    # general.architecture.
    name: str
    # Beside sizes and rotary settings.
    keys: tuple[Key, ...]
    # Keys whose values are lists; `read` reads them.
    lists: Mapping[str, Callable[[Decoder], list[int] | None]] = field(default_factory=dict)
    # What it computes whatever the keys say, as config.json says it.
    given: Mapping[str, Any] = field(default_factory=dict)
    # Flags of config.json that a tensor's presence tells.
    present: Mapping[str, str] = field(default_factory=dict)
    # Further keys of config.json.
    read: Callable[[Described, Values], Values] = _nothing
    is_rotary: bool = True
    # Whether a part of each head may turn.
    is_partial: bool = False
    # Whether its rotary frequencies can be divided by two lists, of short and of long contexts.
    takes_rope_factors: bool = False
    # Whether it turns neighbouring elements of q and k (2i and 2i + 1) where Hugging Face turns i
    # and i + half: rows are interleaved then.
    interleaves: bool = False
    # Whether it computes GELU by tanh, where the model's own is exact.
    approximates_gelu: bool = False
    # Whether its layers can have windows.
    has_windows: bool = False
    # Tensors that have other names than usual.
    renamed: Callable[[Decoder], Mapping[str, str]] = _no_names


# --- values ---


def first(decoder: Decoder) -> Attention:
    """Attention of the first block, where all are alike."""
    return decoder.blocks[0].attention


def rms_epsilon(config: str = "rms_norm_eps") -> Key:
    return Key("attention.layer_norm_rms_epsilon", float, lambda d: d.norm.epsilon, config)


def layer_epsilon(config: str) -> Key:
    return Key("attention.layer_norm_epsilon", float, lambda d: d.norm.epsilon, config)


def window(default: int | None = None) -> Key:
    """The window of the layers that have one; 0 is none."""

    def value(decoder: Decoder) -> int | None:
        return next((b.attention.window for b in decoder.blocks if b.attention.window), None)

    return Key("attention.sliding_window", int, value, "sliding_window", default, is_optional=True)


PATTERN = "attention.sliding_window_pattern"


def layer_pattern(decoder: Decoder) -> list[int] | None:
    """1 for each layer with a window; None where no layer has one."""
    found = [int(block.attention.window is not None) for block in decoder.blocks]
    return found if any(found) else None


def read_layer_types(file: Described, layers: int, every: int) -> list[str]:
    """config.json's layer_types: as a list says, or, by a number N, a window in all but every
    N-th layer."""
    value: Any = file.meta.value(file.key(PATTERN)) if file.has(PATTERN) else every
    if isinstance(value, list):
        if len(value) != layers or not all(item in (0, 1) for item in value):
            raise file.fail(PATTERN, f"is not a list of {layers} flags")
        windows = list(map(bool, value))
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        windows = [value == 0 or layer % value < value - 1 for layer in range(layers)]
    else:
        raise file.fail(PATTERN, f"is {shown(value)}, neither a number nor a list")
    return [SLIDING if windowed else FULL for windowed in windows]


def size_keys(keys: Keys) -> tuple[Key, ...]:
    """What every architecture has, by what a family's config.json calls it."""
    found = [
        Key("embedding_length", int, lambda d: d.hidden, keys.hidden),
        Key("block_count", int, lambda d: len(d.blocks), keys.layers),
        Key("feed_forward_length", int, lambda d: d.blocks[0].mlp.width, keys.width, _width(keys)),
        Key("attention.head_count", int, lambda d: first(d).heads, keys.heads),
    ]
    name = "attention.head_count_kv"
    if keys.kv_heads:
        same = keys.heads
        found.append(Key(name, int, lambda d: first(d).kv_heads, keys.kv_heads, lambda c: c[same]))
    if keys.head_dim:
        for name in ("attention.key_length", "attention.value_length"):
            found.append(
                Key(name, int, lambda d: first(d).head_dim, keys.head_dim, _head_dim(keys))
            )
    return tuple(found)


def _width(keys: Keys) -> Any:
    """Required where config.json says it; otherwise a multiple of the hidden size."""
    factor = keys.width_factor

    def default(config: Values) -> int:
        return config[keys.hidden] * factor

    return _REQUIRED if keys.width or not factor else default


def _head_dim(keys: Keys) -> Callable[[Values], int]:
    def default(config: Values) -> int:
        """As long as keys are, or what heads of the hidden size have."""
        return config.get(keys.head_dim) or config[keys.hidden] // config[keys.heads]

    return default
