#!/usr/bin/env python3
"""Trains tiny tokenizers and writes what Hugging Face's `tokenizers` says of them.

texts.json holds the texts. Each NAME.json is a tokenizer.json of one of the shapes in shapes.py;
NAME.golden.json says what becomes of the texts: their ids, what goes around them, and the texts
that ids decode to. Needs the `tokenizers` package; everything is drawn from a fixed seed.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from shapes import CORPUS, SHAPES
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pinned import check_versions

HERE = Path(__file__).parent
TEXTS = [
    "",
    " ",
    "  ",
    "\n\n \n",
    "a",
    "I'm you're WE'VE he'S 'tis it\u2019s 'ſ o'clock rock'n'roll ''s 'll'",
    "tab\tand\x0bvertical\x0cform\x85next\u2028line\u180eseparator\u200bzero",
    "1234567890 ٣٤٥ ²³¹ ⅷ ½ 12a34 1,000,000.00 0x1F 3e-8",
    "<s>bold</s> <|end|> x<mask> y <mask>  z<word>ly <word> <WORD>",
    "  <s>   <mask>   <|end|>  <s><s>",
    "é e\u0301 ﬁ ① 한글 \u1112\u1161\u11ab Å Å \u0344 q\u0307\u0323 q\u0323\u0307",
    "👩‍👩‍👧 🇨🇭 👍🏽 1️⃣ 🏴󠁧󠁢󠁳󠁣󠁴󠁿 \U0010ffff \x00 \x7f \ufeff \ufffd \ufffe",
    "mixed_case CamelCase snake_case HTTPServer x+=1; // done...!!!",
    "word" * 40,
    "a" * 300,
    " " * 100 + "x" + " " * 99,
    "\n" * 50 + "\t" * 20 + "\r\n" * 10 + " \n" * 10,
    "!?" * 60 + "=" * 80 + "-" * 33,
    "😀" * 30 + "é" * 30 + "東" * 40,
    "▁▁x▁ <0x0A> <unk> <0xFF>",
    "मुझे हिन्दी आती है। ไทยแลนด์ العَرَبِيَّة עִבְרִית தமிழ் አማርኛ ქართული ខ្មែរ မြန်မာ བོད་",
    "日本語とEnglishが混ざった文章。、！？「」全角１２３ｱｲｳ",
    "Straße STRASSE ǅ İstanbul ıI ΣΑΣ ς ﷺ ㋿ ㎏ ℌ",
    "\U00016e40\U00013440\U0001e030\U00031350\U0001faf7 \u1c89\ua7dc\u0897 "
    "\U00011935\U00011930 \U00010d40\U00011bf0\u07fd\u0301\u0898\u0323a\u0899\u0301",
    'int main(void) {\n\tfor (int i = 0; i < n; ++i) printf("%d\\n", a[i]);\n\treturn 0;\n}\n',
    "SELECT * FROM t WHERE a>=1 AND b!='x';  -- ok\n<html><body class=\"x\">&amp;</body></html>",
    "https://example.org/a/b?c=d&e=%20#f user@mail.example $100.00 #tag @name C++ 50% ~/.bashrc",
    "e" + "\u0301\u0323\u0316\u0300" * 40,
]
SPECIAL = ["<s>", "</s>", "<|end|>", "<mask>", "<word>", "'s", "  ", "\r\n"]


def random_texts(rng: random.Random, count: int) -> list[str]:
    common = " \n\t'0123456789.,-aeiostnrlhAEIOST" * 8
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(1, 40)):
            kind = rng.random()
            if kind < 0.55:
                parts.append(rng.choice(common))
            elif kind < 0.75:
                parts.append(chr(rng.choice([*range(1, 0xD800), *range(0xE000, 0x10000)])))
            elif kind < 0.9:
                parts.append(chr(rng.randrange(0x10000, 0x20000)))
            else:
                parts.append(rng.choice(SPECIAL))
        texts.append("".join(parts))
    return texts


def around(tokenizer: Tokenizer, text: str, ids: list[int]) -> tuple[list[int], list[int]]:
    """What the post-processor puts before and after."""
    special = tokenizer.encode(text).ids
    extra = len(special) - len(ids)
    for front in range(extra + 1):
        if special[front : front + len(ids)] == ids:
            return special[:front], special[front + len(ids) :]
    raise AssertionError(text)


def golden(tokenizer: Tokenizer, texts: list[str], rng: random.Random) -> dict[str, Any]:
    all_ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    front, back = around(tokenizer, "a", tokenizer.encode("a", add_special_tokens=False).ids)
    for text, ids in zip(texts, all_ids, strict=True):
        assert tokenizer.encode(text).ids == front + ids + back
    vocabulary = tokenizer.get_vocab(with_added_tokens=True).values()
    drawn = [[rng.choice(sorted(vocabulary)) for _ in range(12)] for _ in range(20)]
    decoded = [tokenizer.decode(ids) for ids in all_ids]
    return {
        "ids": all_ids,
        "front": front,
        "back": back,
        # null: the text itself
        "decoded": [None if a == b else a for a, b in zip(decoded, texts, strict=True)],
        "drawn": [{"ids": ids, "decoded": tokenizer.decode(ids)} for ids in drawn],
    }


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def main() -> None:
    rng = random.Random(20240501)
    texts = TEXTS + CORPUS[:6] + random_texts(rng, 60)
    write(HERE / "texts.json", texts)
    for make in SHAPES:
        data = json.loads(make().to_str())
        if make.__name__ == "smollm":  # the older way to write merges
            data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
        path = HERE / f"{make.__name__}.json"
        path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
        tokenizer = Tokenizer.from_file(str(path))
        write(path.with_suffix(".golden.json"), golden(tokenizer, texts, rng))


if __name__ == "__main__":
    check_versions()
    main()
