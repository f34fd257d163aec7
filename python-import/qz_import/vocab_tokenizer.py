"""vocab.json and merges.txt: what a repository has that is older than tokenizer.json."""

from __future__ import annotations

import os
from pathlib import Path

from qz_import.errors import ImportFailure, shown
from qz_import.files import read_json, read_whole
from qz_import.tokenizer_json import check_merges

VOCABULARY, MERGES = "vocab.json", "merges.txt"


def _read_vocabulary(path: Path) -> dict[str, int]:
    vocabulary = read_json(path)
    seen: dict[int, str] = {}
    for token, number in vocabulary.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 31:
            raise ImportFailure(f"{path}: token {token!r} has the id {shown(number)}")
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


def read_vocabulary_files(folder: Path) -> tuple[dict[str, int], list[str]] | None:
    """The vocabulary and its merges; None where the folder has neither file."""
    has = {name: os.path.lexists(folder / name) for name in (VOCABULARY, MERGES)}
    if not any(has.values()):
        return None
    missing = next((name for name in has if not has[name]), None)
    if missing:
        raise ImportFailure(f"{folder / missing}: missing (no such file), and no tokenizer.json")
    vocabulary = _read_vocabulary(folder / VOCABULARY)
    return vocabulary, _read_merges(folder / MERGES, vocabulary)
