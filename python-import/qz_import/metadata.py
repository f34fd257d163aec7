"""Facts about a model outside its layers: special tokens, chat template, stored type."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_import.config import Config
from qz_import.errors import ImportFailure, shown, warn
from qz_import.files import read_json, read_whole

ELEMENT_TYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}


@dataclass(frozen=True)
class TextFacts:
    """What generation needs beside the graph."""

    bos: int | None
    eos: tuple[int, ...]
    add_bos: bool
    chat_template: str
    tokenizer: Path | None


def _token_ids(config: Config, key: str, vocab: int) -> tuple[int, ...]:
    """One id or a list of them. One beyond the vocabulary, as some repositories have it, is no
    token that could ever come."""
    value = config.raw(key)
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in ids):
        raise config.fail(key, f"is {shown(value)}, not a token id")
    known = [number for number in ids if 0 <= number < vocab]
    if len(known) < len(ids) and config.mentions(key):
        warn(f"{config.where}: {key} is {shown(value)}, which is not below vocab_size {vocab}")
    return tuple(dict.fromkeys(known))


def _optional_config(path: Path) -> Config:
    return Config(read_json(path) if os.path.lexists(path) else {}, str(path))


def _template_starts_with(processor: Any, bos: int) -> bool:
    """Whether a post-processor of a tokenizer.json puts token `bos` first."""
    if not isinstance(processor, dict):
        return False
    if processor.get("type") == "Sequence":
        parts = processor.get("processors")
        return isinstance(parts, list) and any(_template_starts_with(p, bos) for p in parts)
    if processor.get("type") != "TemplateProcessing":
        return False
    try:
        first = processor["single"][0]["SpecialToken"]["id"]
        return processor["special_tokens"][first]["ids"] == [bos]
    except (KeyError, IndexError, TypeError):
        return False


def _chat_template(folder: Path, config: Config) -> str:
    """Jinja source; the one named "default" where there are several."""
    separate = folder / "chat_template.jinja"
    if os.path.lexists(separate):
        try:
            return read_whole(separate).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ImportFailure(f"{separate}: not UTF-8: {error}") from None
    value = config.raw("chat_template")
    if isinstance(value, list):
        named = (t for t in value if isinstance(t, dict) and t.get("name") == "default")
        value = next((t.get("template") for t in named), None)
    if value is not None and not isinstance(value, str):
        raise config.fail("chat_template", "is neither a string nor a list with a 'default'")
    return value or ""


def read_text_facts(folder: Path, config: Config, vocab: int, tokenizer: Path | None) -> TextFacts:
    """Reads generation_config.json and tokenizer_config.json as far as present, and `tokenizer`,
    the tokenizer.json, if there is one.

    generation_config.json wins over config.json, as it does in transformers.
    """
    generation = _optional_config(folder / "generation_config.json")
    tokenizer_config = _optional_config(folder / "tokenizer_config.json")
    sources = {
        key: generation if generation.has(key) else config
        for key in ("bos_token_id", "eos_token_id")
    }
    starts = _token_ids(sources["bos_token_id"], "bos_token_id", vocab)
    ends = _token_ids(sources["eos_token_id"], "eos_token_id", vocab)
    bos = starts[0] if starts else None

    document = read_json(tokenizer) if tokenizer else {}
    if tokenizer and not isinstance(document.get("model"), dict):
        raise ImportFailure(f"{tokenizer}: missing key 'model'")
    by_template = bos is not None and _template_starts_with(document.get("post_processor"), bos)
    add_bos = tokenizer_config.flag("add_bos_token", by_template)
    if add_bos and bos is None:
        raise ImportFailure(
            f"{tokenizer_config.where}: add_bos_token is true, but no bos_token_id is given"
        )
    return TextFacts(
        bos=bos,
        eos=ends,
        add_bos=add_bos,
        chat_template=_chat_template(folder, tokenizer_config),
        tokenizer=tokenizer,
    )


def stored_element_type(config: Config) -> str:
    """The MLIR type of weights that are not there: config.json's dtype."""
    key = "dtype" if config.has("dtype") else "torch_dtype"
    return config.choice(key, ELEMENT_TYPES, "float32")
