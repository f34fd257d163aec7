"""Facts about a model outside its layers: special tokens, chat template, stored type."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from qz_import.config import Config
from qz_import.errors import ImportFailure, shown, warn
from qz_import.files import read_whole
from qz_import.folder_tokenizer import FolderTokenizer
from qz_import.known_keys import GENERATION_KEYS, UNFOLLOWED_SETTINGS, is_allowed
from qz_import.special_tokens import TOKENIZER_CONFIG, optional_config

ELEMENT_TYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}


@dataclass(frozen=True)
class TextFacts:
    """What generation needs beside the graph."""

    bos: int | None
    eos: tuple[int, ...]
    add_bos: bool
    chat_template: str
    # What the template calls tokens by.
    special_tokens: dict[str, str]


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


def _stronger(generation: Config, config: Config, key: str) -> Config:
    """Which of the two says what a key is."""
    sources = [source for source in (generation, config) if source.has(key)]
    return sources[0] if sources else config


def _warn_of_settings(generation: Config) -> None:
    """Of settings of generate() that an executable has no option for, and of unknown ones."""
    unknown = generation.unknown()
    unknown += [
        key
        for key, usual in UNFOLLOWED_SETTINGS.items()
        if generation.has(key) and not is_allowed(generation.raw(key), usual)
    ]
    if unknown:
        warn(f"{generation.where}: settings that are not followed: {', '.join(unknown)}")


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


def read_text_facts(
    folder: Path, config: Config, vocab: int, tokenizer: FolderTokenizer | None
) -> TextFacts:
    """Reads generation_config.json as far as present, and what the tokenizer says.

    generation_config.json wins over config.json, as it does in transformers, and the tokenizer over
    both: what it puts in front of a text is the BOS, or else what it calls so.
    """
    generation = optional_config(folder / "generation_config.json").with_known(GENERATION_KEYS)
    starts = _token_ids(_stronger(generation, config, "bos_token_id"), "bos_token_id", vocab)
    ends = _token_ids(_stronger(generation, config, "eos_token_id"), "eos_token_id", vocab)
    _warn_of_settings(generation)
    texts = tokenizer.config if tokenizer else optional_config(folder / TOKENIZER_CONFIG)
    front = tokenizer.front[:1] if tokenizer else ()
    named = (tokenizer.bos,) if tokenizer and tokenizer.bos is not None else ()
    known = [number for number in (*front, *named, *starts) if 0 <= number < vocab]
    return TextFacts(
        bos=known[0] if known else None,
        eos=ends,
        add_bos=bool(front) and known[:1] == list(front),
        chat_template=_chat_template(folder, texts),
        special_tokens=tokenizer.special if tokenizer else {},
    )


def stored_element_type(config: Config) -> str:
    """The MLIR type of weights that are not there: config.json's dtype."""
    key = "dtype" if config.has("dtype") else "torch_dtype"
    return config.choice(key, ELEMENT_TYPES, "float32")
