"""Ways to cut text into words that llama.cpp has names for (tokenizer.ggml.pre), written once: qzc
writes the names that stand in a module, qz-import reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qz_import.tokenizer_classes import QWEN2_PATTERN
from qz_import.tokenizer_json import Json, byte_level, canonical

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN2_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
_CAPITALS, _SMALL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_CAPITALS}*{_SMALL}+|[^\r\n\p{{L}}\p{{N}}]?{_CAPITALS}+{_SMALL}*"
    rf"|\p{{N}}|{_CASED_REST}"
)
_GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_CAPITALS}*{_SMALL}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_CAPITALS}+{_SMALL}*{_CONTRACTIONS}?"
    rf"|\p{{N}}{{1,3}}|{_CASED_REST}"
)
_BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
_DEEPSEEK = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_NFC: Json = {"type": "NFC"}
_BY_CASE = (
    "stock llama.cpp tells capital letters from small ones in ASCII alone: words of other letters "
    "may be cut otherwise"
)


@dataclass(frozen=True)
class Words:
    """How text is cut, with a byte-level vocabulary."""

    # The first is written.
    names: tuple[str, ...]
    splitter: Json
    normalizer: Json | None = None
    # Whether a word of the vocabulary is taken whole, without looking at the merges.
    ignores_merges: bool = False
    # Used where a file does not say add_bos_token.
    adds_bos: bool = False
    # What llama.cpp does otherwise.
    difference: str = ""

    @property
    def steps(self) -> list[Json]:
        return steps_of(self.splitter)


def _sequence(*parts: Json) -> Json:
    return {"type": "Sequence", "pretokenizers": list(parts)}


def _split(pattern: str) -> Json:
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }


def _by(*patterns: str) -> Json:
    return _sequence(*map(_split, patterns), byte_level(use_regex=False))


def _digits(one_by_one: bool) -> Json:
    return {"type": "Digits", "individual_digits": one_by_one}


# Of two that are cut alike the first is written.
WORDS = (
    Words(
        (
            *("gpt-2", "phi-2", "mpt", "jais", "trillion", "granite-docling", "exaone4"),
            *("gigachat", "mellum", "a.x-4.0", "modern-bert"),
        ),
        byte_level(use_regex=True),
    ),
    Words(("olmo",), byte_level(use_regex=True), _NFC),
    Words(
        ("smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b"),
        _sequence(_digits(True), byte_level(use_regex=True)),
    ),
    Words(("command-r",), _sequence(_digits(True), byte_level(use_regex=True)), _NFC),
    Words(
        ("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"),
        _by(LLAMA3),
        ignores_merges=True,
        adds_bos=True,
    ),
    Words(("dbrx", "smaug-bpe", "chatglm-bpe", "glm4"), _by(LLAMA3)),
    Words(("qwen2", "deepseek-r1-qwen", "megrez", "hunyuan"), _by(QWEN2_PATTERN), _NFC),
    Words(("stablelm2",), _by(QWEN2_PATTERN)),
    Words(("tekken",), _by(_TEKKEN), ignores_merges=True, adds_bos=True, difference=_BY_CASE),
    Words(("gpt-4o", "llama4"), _by(_GPT4O), difference=_BY_CASE),
    Words(("bloom", "poro-chat", "gpt3-finnish"), _by(_BLOOM)),
    Words(
        ("falcon",),
        _sequence(
            {"type": "Punctuation", "behavior": "Contiguous"},
            byte_level(use_regex=True),
            _digits(False),
            _split("[0-9][0-9][0-9]"),
        ),
    ),
    Words(("deepseek-v3",), _by(r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", _DEEPSEEK)),
)
BY_NAME = {name: words for words in WORDS for name in words.names}


def steps_of(splitter: Any) -> list[Json]:
    """A pre-tokenizer as the steps that it takes; two that do the same have the same."""
    if isinstance(splitter, dict) and splitter.get("type") == "Sequence":
        parts = splitter.get("pretokenizers")
        # Of a malformed one nothing is known; the compiler reports it.
        parts = parts if isinstance(parts, list) else [parts]
        found = [step for part in parts for step in steps_of(part)]
    else:
        found = [] if splitter is None else [canonical(splitter)]
    # GPT-2's words are what ByteLevel cuts by itself.
    spelled = [canonical(step) for step in (_split(_GPT2), byte_level(use_regex=False))]
    if found[-2:] == spelled:
        found[-2:] = [canonical(byte_level(use_regex=True))]
    return found


def words_of(splitter: Any, normalizer: Any, ignores_merges: bool) -> Words | None:
    """What cuts a text so; the one with the same normalizer, where there is one."""
    steps = steps_of(splitter)
    alike = [w for w in WORDS if w.steps == steps and w.ignores_merges == ignores_merges]
    return next((w for w in alike if w.normalizer == normalizer), alike[0] if alike else None)
