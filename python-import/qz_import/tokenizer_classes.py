"""The tokenizer classes of transformers that do not take a tokenizer.json as it is: from its
vocabulary, merges and post-processor they build a tokenizer of their own kind around it.

What is here follows transformers as pinned in tests/golden/requirements.txt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qz_import.config import Config
from qz_import.known_keys import transformers_keys
from qz_import.tokenizer_json import byte_level

Json = dict[str, Any]
# Makes a part of the document from tokenizer_config.json.
Part = Callable[[Config], Json | None]

# The class that takes a tokenizer.json as it is, and what else stands for it as a registered one.
AS_IT_IS = "TokenizersBackend"
BACKENDS = (AS_IT_IS, "PythonBackend", "PreTrainedTokenizerFast", "MistralCommonBackend")
END = "<|endoftext|>"
SPACE = "▁"
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Rebuilt:
    """How a class builds its tokenizer."""

    pre_tokenizer: Part
    decoder: Part
    # The named special tokens that it has unless the files say otherwise; all are in the
    # vocabulary afterwards.
    tokens: Mapping[str, str | None] = field(default_factory=dict)
    normalizer: Part = lambda _: None
    # What its BPE has set.
    model: Mapping[str, Any] = field(default_factory=dict)
    # The model has the class's unk_token.
    has_unknown: bool = False
    # It has vocab.json and merges.txt where there is no tokenizer.json.
    has_vocabulary_files: bool = True
    # It forgets the file's post-processor.
    drops_post_processor: bool = False
    # All special tokens are added once more, with no flag but "special".
    resets_special_tokens: bool = False
    # All special tokens are added once more, as special ones, with their flags.
    repeats_special_tokens: bool = False


def _prefix_space(config: Config, default: bool = False) -> bool:
    return config.flag("add_prefix_space", default)


def _sequence(*steps: Json) -> Json:
    return {"type": "Sequence", "pretokenizers": list(steps)}


def _split(pattern: Json, behavior: str) -> Json:
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": False}


def _nfc(_: Config) -> Json:
    return {"type": "NFC"}


def _byte_decoder(_: Config) -> Json:
    return byte_level(use_regex=True, add_prefix_space=True)


def _words(config: Config) -> Json:
    return byte_level(use_regex=True, add_prefix_space=_prefix_space(config))


def _qwen2_words(config: Config) -> Json:
    bytes_alone = byte_level(use_regex=False, add_prefix_space=_prefix_space(config))
    return _sequence(_split({"Regex": QWEN2_PATTERN}, "Isolated"), bytes_alone)


def _cohere_words(config: Config) -> Json:
    return _sequence({"type": "Digits", "individual_digits": True}, _words(config))


def _metaspace(config: Config) -> Json:
    """A legacy tokenizer puts a space in front of every piece of text between added tokens, a
    newer one in front of the whole text."""
    scheme = "always" if config.flag("legacy", False) else "first"
    if not _prefix_space(config, default=True):
        scheme = "never"
    return {
        "type": "Metaspace",
        "replacement": SPACE,
        "prepend_scheme": scheme,
        "split": False,
    }


def _replace(pattern: str, content: str) -> Json:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def _piece_decoder(*more: Json) -> Json:
    steps = [_replace(SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, *more]
    return {"type": "Sequence", "decoders": steps}


def _llama_decoder(config: Config) -> Json:
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    return _piece_decoder(*([strip] if _prefix_space(config, default=True) else []))


_ENDS = {"unk_token": END, "bos_token": END, "eos_token": END, "pad_token": None}
_BYTES = {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
_PIECES = {"fuse_unk": True, "byte_fallback": True}
CLASSES: dict[str, Rebuilt] = {
    "GPT2Tokenizer": Rebuilt(_words, _byte_decoder, _ENDS, model=_BYTES),
    "CodeGenTokenizer": Rebuilt(_words, _byte_decoder, _ENDS, model=_BYTES),
    "GPTNeoXTokenizer": Rebuilt(
        _words,
        _byte_decoder,
        _ENDS | {"pad_token": "<|padding|>"},
        normalizer=_nfc,
        model=_BYTES,
        drops_post_processor=True,
    ),
    "Qwen2Tokenizer": Rebuilt(
        _qwen2_words,
        _byte_decoder,
        _ENDS | {"bos_token": None, "pad_token": END},
        normalizer=_nfc,
        model=_BYTES,
        resets_special_tokens=True,
    ),
    "CohereTokenizer": Rebuilt(
        _cohere_words,
        _byte_decoder,
        {
            "unk_token": "<UNK>",
            "bos_token": "<BOS_TOKEN>",
            "eos_token": "<|END_OF_TURN_TOKEN|>",
            "pad_token": "<PAD>",
            "cls_token": "<CLS>",
            "sep_token": "<SEP>",
            "mask_token": "<MASK_TOKEN>",
        },
        normalizer=_nfc,
        model=_BYTES,
        repeats_special_tokens=True,
    ),
    "LlamaTokenizer": Rebuilt(
        _metaspace,
        _llama_decoder,
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        model=_PIECES,
        has_vocabulary_files=False,
    ),
    "GemmaTokenizer": Rebuilt(
        lambda _: _split({"String": " "}, "MergedWithPrevious"),
        lambda _: _piece_decoder(),
        {
            "unk_token": "<unk>",
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "mask_token": "<mask>",
        },
        normalizer=lambda _: _replace(" ", SPACE),
        model=_PIECES,
        has_unknown=True,
        has_vocabulary_files=False,
    ),
}


def _lookup(name: str) -> str | None:
    """Which class a declared name stands for; None where transformers has none of this name."""
    classes = transformers_keys()["tokenizers"]["classes"]
    return classes.get(name) or classes.get(name.removesuffix("Fast"))


def class_of(
    model_type: str, by_tokenizer: str | None, by_model: str | None, is_byte_level: bool
) -> str:
    """The class that AutoTokenizer takes: AS_IT_IS, one of CLASSES, or the name of another.

    `by_tokenizer` and `by_model`: tokenizer_class of tokenizer_config.json and of config.json;
    `is_byte_level`: whether the tokenizer.json has any ByteLevel.
    """
    known = transformers_keys()["tokenizers"]
    registered = (known["registered"].get(model_type) or "").removesuffix("Fast")
    is_distrusted = model_type in known["distrusted"]
    declared = by_tokenizer or by_model
    if declared is None:
        return (_lookup(registered) if registered else None) or AS_IT_IS
    base = declared.removesuffix("Fast")
    if base == "LlamaTokenizer" and is_byte_level and not is_distrusted:
        return AS_IT_IS
    if registered and registered != base:
        if registered in BACKENDS:
            return AS_IT_IS
        return _lookup(registered if is_distrusted else declared) or AS_IT_IS
    return _lookup(base) or AS_IT_IS
