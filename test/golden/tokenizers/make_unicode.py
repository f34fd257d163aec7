#!/usr/bin/env python3
"""Writes lib/Tokenizer/UnicodeTables.inc: where the `tokenizers` package and the libraries that
the runtime uses know different versions of Unicode.

Needs a Python whose unicodedata is the version of PCRE2 or older (14.0); everything else is asked
of `tokenizers`, one character at a time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers

OUTPUT = Path(__file__).parents[3] / "lib/Tokenizer/UnicodeTables.inc"
CHARACTERS = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
GROUPS = {"L": "ultmo", "M": "nce", "N": "dlo", "P": "cdseifo", "S": "mcko", "Z": "slp"}
CATEGORIES = [group + kind for group, kinds in GROUPS.items() for kind in kinds]
# Scripts that grew; PCRE2 knows no script that is newer than itself.
SCRIPTS = [
    "Arabic",
    "Balinese",
    "Common",
    "Cyrillic",
    "Devanagari",
    "Egyptian_Hieroglyphs",
    "Han",
    "Hiragana",
    "Inherited",
    "Kannada",
    "Katakana",
    "Khojki",
    "Lao",
    "Latin",
    "Myanmar",
]
ASCII_PUNCTUATION = set(map(ord, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))


def members(splitter: pre_tokenizers.PreTokenizer) -> set[int]:
    """The characters that the splitter, which removes what it matches, leaves."""
    return {ord(c) for piece, _ in splitter.pre_tokenize_str(TEXT) for c in piece}


def matches(property_: str) -> set[int]:
    return members(pre_tokenizers.Split(Regex(f"[^{property_}]"), "removed"))


def isolated(splitter: pre_tokenizers.PreTokenizer) -> set[int]:
    """The characters that the splitter puts into words of their own."""
    text = "".join("a" + chr(c) for c in CHARACTERS)
    found = {piece for piece, _ in splitter.pre_tokenize_str(text) if len(piece) == 1}
    return {ord(c) for c in found} - {ord("a")}


def ranges(characters: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for c in sorted(characters):
        if last is not None and c == last + 1:
            last = c
            continue
        if first is not None:
            yield first, last
        first = last = c
    if first is not None:
        yield first, last


def unassigned() -> set[int]:
    """In unicodedata's version."""
    return {c for c in CHARACTERS if unicodedata.category(chr(c)) == "Cn"}


def newer() -> list[str]:
    rows = []
    scripts = {name: matches(rf"\p{{{name}}}") for name in SCRIPTS}
    for category in CATEGORIES:
        added = matches(rf"\p{{{category}}}") & unassigned()
        by_script = {name: added & scripts[name] for name in SCRIPTS}
        by_script[""] = added.difference(*by_script.values())
        for name, characters in by_script.items():
            rows += [(a, b, category, name) for a, b in ranges(characters)]
    return [f'{{0x{a:04X}, 0x{b:04X}, "{c}", "{s}"}},' for a, b, c, s in sorted(rows)]


def inert() -> set[int]:
    """Marks that the normalizers leave in place, and characters that they do not decompose."""
    nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
    found = unassigned() - matches(r"\p{Cn}")  # whatever a later version says of them
    for c in CHARACTERS:
        text = chr(c)
        if unicodedata.combining(text):
            before, after = "\u0345" + text, text + "\u0334"  # classes 240 and 1
            moved = nfd.normalize_str(before) != before or nfd.normalize_str(after) != after
        elif unicodedata.normalize("NFKD", text) != text:
            moved = nfkd.normalize_str(text) != text
        else:
            continue
        if moved:
            continue
        found.add(c)
        if not unicodedata.decomposition(text).startswith("<"):
            found.update(map(ord, unicodedata.normalize("NFD", text)))  # nor do these compose
    return found


def lower() -> list[str]:
    """Lower case of single characters where unicodedata's version has another, by difference."""
    lowercase = normalizers.Lowercase()
    by_shift: dict[int, set[int]] = {}
    for c in CHARACTERS:
        text = lowercase.normalize_str(chr(c))
        if text != chr(c).lower():
            by_shift.setdefault(ord(text) - c, set()).add(c)
    rows = [(a, b, shift) for shift, found in by_shift.items() for a, b in ranges(found)]
    return [f"{{0x{a:04X}, 0x{b:04X}, {shift}}}," for a, b, shift in sorted(rows)]


def table(comment: str, name: str, rows: Iterable[str]) -> str:
    return f"// {comment}\nconstexpr {name}[] = {{\n" + "\n".join(rows) + "\n};\n"


def main() -> None:
    digits = isolated(pre_tokenizers.Digits(individual_digits=True))
    punctuation = isolated(pre_tokenizers.Punctuation("isolated"))
    numbers = {c for c in CHARACTERS if unicodedata.category(chr(c))[0] == "N"}
    marks = {c for c in CHARACTERS if unicodedata.category(chr(c))[0] == "P"} | ASCII_PUNCTUATION

    def rows(characters: set[int]) -> list[str]:
        return [f"{{0x{a:04X}, 0x{b:04X}}}," for a, b in ranges(characters)]

    OUTPUT.write_text(
        "// Made by test/golden/tokenizers/make_unicode.py.\n\n"
        + table("Assigned after Unicode 14.", "NewerCharacters kNewer", newer())
        + "\n"
        + table(
            "Numbers of Digits beyond \\p{N}.", "CharacterRange kMoreDigits", rows(digits - numbers)
        )
        + "\n"
        + table(
            "Punctuation's characters beyond \\p{P} and ASCII's.",
            "CharacterRange kMorePunctuation",
            rows(punctuation - marks),
        )
        + "\n"
        + table(
            "Characters of \\p{P} that are none to Punctuation.",
            "CharacterRange kNoPunctuation",
            rows(marks - punctuation),
        )
        + "\n"
        + table(
            "What normalizers leave as it is, though it has a class or a decomposition.",
            "CharacterRange kInert",
            rows(inert()),
        )
        + "\n"
        + table("Lower case that came later.", "CaseShift kMoreLower", lower())
    )


TEXT = "".join(map(chr, CHARACTERS))

if __name__ == "__main__":
    main()
