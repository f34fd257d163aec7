"""vocab.json + merges.txt → the tokenizer.json that transformers' GPT2Tokenizer makes of them.

Special tokens come from tokenizer_config.json (added_tokens_decoder), or in older folders from
special_tokens_map.json and added_tokens.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qz_import.config import Config
from qz_import.errors import ImportFailure, shown
from qz_import.files import read_json, read_whole
from qz_import.tokenizer_json import added_token, bpe_document, byte_level, check_merges

VOCABULARY, MERGES = "vocab.json", "merges.txt"
GPT2_TOKENIZER = "GPT2Tokenizer"
CLASSES = {GPT2_TOKENIZER: GPT2_TOKENIZER, "GPT2TokenizerFast": GPT2_TOKENIZER}
# The roles of special tokens in the order in which transformers adds them, with its defaults.
ROLES = {
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "sep_token": None,
    "pad_token": None,
    "cls_token": None,
    "mask_token": None,
}
MORE = "additional_special_tokens"
DECODER = "added_tokens_decoder"
MOST_DIGITS = 9


def _optional(path: Path) -> Config:
    return Config(read_json(path) if path.exists() else {}, str(path))


def _read_vocabulary(path: Path) -> dict[str, int]:
    vocabulary = read_json(path)
    seen: dict[int, str] = {}
    for token, number in vocabulary.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 31:
            raise ImportFailure(f"{path}: token {token!r} has the id {number!r}")
        if seen.setdefault(number, token) != token:
            raise ImportFailure(
                f"{path}: tokens {seen[number]!r} and {token!r} have the same id {number}"
            )
    return vocabulary


def _read_merges(path: Path, vocabulary: dict[str, int]) -> list[str]:
    try:
        lines = read_whole(path).decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ImportFailure(f"{path}: not UTF-8: {error}") from None
    if lines[0].startswith("#version"):
        lines = lines[1:]
    stripped = (line.removesuffix("\r") for line in lines)
    return check_merges(str(path), (line for line in stripped if line), vocabulary)


def _fields(source: Config, key: str, value: Any) -> Config:
    """A token that is given as its text, or as an object with flags."""
    if isinstance(value, str):
        value = {"content": value}
    if not isinstance(value, dict):
        raise source.fail(key, f"is {shown(value)}, not a token")
    fields = Config(value, f"{source.where}: {key}")
    if not fields.text("content"):
        raise fields.fail("content", "is empty")
    return fields


class _AddedTokens:
    """The tokens that are recognised as wholes: each content once, with an id of its own."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._vocabulary = vocabulary
        self._next = max(vocabulary.values(), default=-1) + 1
        self._tokens: dict[str, dict[str, Any]] = {}

    def add(self, fields: Config, special: bool, number: int | None = None) -> int:
        """Returns the token's id: that of the vocabulary, or `number`, or the next free one."""
        content = fields.text("content")
        known = self._tokens.get(content)
        expected = known["id"] if known else self._vocabulary.get(content, number)
        if expected is None:
            expected = self._next
        if number is not None and number != expected:
            raise fields.fail("id", f"of {content!r} is {number}, but the vocabulary's {expected}")
        if known:
            known["special"] = known["special"] or special
            return expected
        self._next = max(self._next, expected + 1)
        special = fields.flag("special", special) or special
        flags = {flag: fields.flag(flag, False) for flag in ("single_word", "lstrip", "rstrip")}
        flags["normalized"] = fields.flag("normalized", not special)
        self._tokens[content] = added_token(expected, content, special, **flags)
        return expected

    def in_order(self, where: str) -> list[dict[str, Any]]:
        """The tokens by their ids, which must differ from each other and from other words'."""
        owners = {number: token for token, number in self._vocabulary.items()}
        for content, token in self._tokens.items():
            other = owners.setdefault(token["id"], content)
            if other != content:
                raise ImportFailure(
                    f"{where}: tokens {other!r} and {content!r} have the same id {token['id']}"
                )
        return sorted(self._tokens.values(), key=lambda token: token["id"])


def _add_numbered(tokens: _AddedTokens, folder: Path, config: Config) -> list[Config]:
    """Adds the tokens that come with their ids; returns where the roles are looked up."""
    decoder = config.section(DECODER)
    if decoder is not None:
        for name in sorted(decoder.keys(), key=lambda name: (len(name), name)):
            if not name.isascii() or not name.isdigit() or len(name) > MOST_DIGITS:
                raise decoder.fail(repr(name), "is no token id")
            fields = _fields(decoder, name, decoder.raw(name))
            tokens.add(fields, special=False, number=int(name))
        return [config]
    older = folder / "added_tokens.json"
    numbers = _read_vocabulary(older) if older.exists() else {}
    for content, number in sorted(numbers.items(), key=lambda item: item[1]):
        fields = Config({"content": content}, str(older))
        tokens.add(fields, special=False, number=number)
    return [_optional(folder / "special_tokens_map.json"), config]


def _add_roles(tokens: _AddedTokens, sources: list[Config]) -> tuple[str, int] | None:
    """Adds the special tokens; returns the beginning of a sequence, if there is one."""
    bos = None
    for role, default in ROLES.items():
        # Null takes the default away.
        source = next((source for source in sources if source.mentions(role)), None)
        value = source.raw(role) if source else default
        if value is None:
            continue
        fields = _fields(source or sources[-1], role, value)
        number = tokens.add(fields, special=True)
        if role == "bos_token":
            bos = fields.text("content"), number
    source = next((source for source in sources if source.has(MORE)), None)
    more = source.raw(MORE) if source else []
    for value in more if isinstance(more, list) else [more]:
        tokens.add(_fields(source or sources[-1], MORE, value), special=True)
    return bos


def build_tokenizer(folder: Path, default_class: str | None) -> dict[str, Any] | None:
    """The document; None where the folder has no vocab.json and merges.txt.

    `default_class`: what transformers takes for this model where the folder does not say."""
    has_vocabulary, has_merges = (folder / VOCABULARY).exists(), (folder / MERGES).exists()
    if not has_vocabulary and not has_merges:
        return None
    if not has_vocabulary or not has_merges:
        missing = MERGES if has_vocabulary else VOCABULARY
        raise ImportFailure(f"{folder / missing}: missing (no such file), and no tokenizer.json")
    config = _optional(folder / "tokenizer_config.json")
    if not config.has("tokenizer_class") and default_class is None:
        raise config.fail("tokenizer_class", f"is missing, and {folder} has no tokenizer.json")
    config.choice("tokenizer_class", CLASSES, default_class)
    vocabulary = _read_vocabulary(folder / VOCABULARY)
    merges = _read_merges(folder / MERGES, vocabulary)
    tokens = _AddedTokens(vocabulary)
    bos = _add_roles(tokens, _add_numbered(tokens, folder, config))
    return bpe_document(
        vocabulary,
        merges,
        tokens.in_order(str(folder)),
        byte_level(use_regex=True, add_prefix_space=config.flag("add_prefix_space", False)),
        bos if config.flag("add_bos_token", False) else None,
    )
