"""The variants of a sweep: how a model is compiled, in the words of qzc's options."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qz_eval.errors import EvalFailure, UsageFailure

# What a sweep decides itself, or what makes no executable.
NOT_FOR_VARIANTS = ("-o", "--output", "--gguf", "--emit", "--dry-run", "-h", "--help", "--version")
# In --blocks=0:N: every N that the model has, one variant each.
EVERY = re.compile(r"\bN\b")


@dataclass(frozen=True)
class Variant:
    """A name for people, and qzc's options."""

    name: str
    options: tuple[str, ...]
    # Of a variant with an N: what it was written as, and this one's N.
    curve: tuple[str, int] | None = None

    @property
    def file_name(self) -> str:
        return re.sub(r"[^\w.]+", "-", self.name).strip("-.") or "variant"


def parse_options(text: str) -> tuple[str, ...]:
    """The options of "nf4 --double-quant": the scheme may stand first, without --quantize."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageFailure(f"variant {text!r}: {error}") from None
    if not words:
        raise UsageFailure("an empty variant; an unquantized one is called 'none'")
    if not words[0].startswith("-"):
        words[0] = f"--quantize={words[0]}"
    for word in words:
        if not word.startswith("-"):
            raise UsageFailure(
                f"variant {text!r}: {word!r} is no option; values are joined by '=', as in "
                "--blocks=0:12"
            )
        if word.partition("=")[0] in NOT_FOR_VARIANTS:
            raise UsageFailure(f"variant {text!r}: {word} does not go into a variant")
    return tuple(words)


def grid(layers: int, steps: int | None) -> list[int]:
    """1 … layers, or `steps` of them, evenly spread, the last among them."""
    if steps is None or steps >= layers:
        return list(range(1, layers + 1))
    return sorted({max(1, round(layers * i / steps)) for i in range(1, steps + 1)})


def layers_of(module: Path) -> int:
    """The decoder blocks of a module, which its head states."""
    try:
        text = module.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise EvalFailure(f"{module}: cannot be read: {error}") from error
    found = re.search(r"^\s*layers = (\d+) : i64", text, re.MULTILINE)
    if not found:
        raise EvalFailure(f"{module}: does not state its layers; was it written by qz-import?")
    return int(found[1])


def read_file(path: Path) -> list[tuple[str, str]]:
    """Names and options: a JSON list of texts, or of objects with `options` and maybe `name`."""
    try:
        entries = json.loads(path.read_bytes())
    except OSError as error:
        raise EvalFailure(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EvalFailure(f"{path}: not valid JSON: {error}") from None
    if not isinstance(entries, list):
        raise EvalFailure(f"{path}: not a JSON list of variants")
    variants = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, str):
            entry = {"options": entry}
        options = entry.get("options") if isinstance(entry, dict) else None
        name = entry.get("name", options) if isinstance(entry, dict) else None
        if not isinstance(options, str) or not isinstance(name, str) or not name:
            raise EvalFailure(
                f'{path}: variant {number} is neither a text such as "nf4 --blocks=0:12" nor an '
                "object with such a text as 'options'"
            )
        variants.append((name, options))
    return variants


def expand(
    named: Iterable[tuple[str, str]], layers: int, steps: int | None, common: Sequence[str]
) -> list[Variant]:
    """All variants in their order, those with an N once for each of its values."""
    variants: list[Variant] = []
    for name, text in named:
        # The name's own letters are no N.
        every = EVERY.search(text.partition("=")[2])
        for value in grid(layers, steps) if every else [None]:
            filled = text if value is None else EVERY.sub(str(value), text)
            label = name if value is None else EVERY.sub(str(value), name)
            if every and label == name:
                label = f"{name} (N = {value})"
            curve = None if value is None else (name, value)
            variants.append(Variant(label, (*parse_options(filled), *common), curve))
    return without_repeats(variants)


def without_repeats(variants: Sequence[Variant]) -> list[Variant]:
    """Each set of options once; two variants of one name are an error."""
    kept: dict[str, Variant] = {}
    for variant in variants:
        other = kept.setdefault(variant.name, variant)
        if other.options != variant.options:
            raise UsageFailure(f"two variants are called {variant.name!r}")
    seen: set[tuple[str, ...]] = set()
    result = []
    for variant in kept.values():
        if variant.options not in seen:
            result.append(variant)
        seen.add(variant.options)
    return result
