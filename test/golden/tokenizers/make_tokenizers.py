#!/usr/bin/env python3
"""Trains tiny tokenizers and writes what Hugging Face's `tokenizers` says of them.

Each NAME.json is a tokenizer.json; NAME.golden.json holds texts with their ids
(without and with special tokens) and the text that the ids decode to. Needs the
`tokenizers` package; everything is drawn from a fixed seed.
"""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

HERE = Path(__file__).parent
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CORPUS = [
    "The quick brown fox jumps over the lazy dog, and it didn't stop there.",
    "We've seen 1234 numbers, 56 of them in 2024; they'll be 7,890 soon.",
    "def main():\n    return {'key': [1, 2, 3]}\n\n\n",
    "Le café à Zürich coûte 3,50 €. Они говорят по-русски. 東京は日本の首都です。",
    "once upon a time there was a little house in the middle of the forest",
    "  spaces   and\ttabs \u00a0 and\u3000wide ones\r\n",
] * 4
EDGES = [
    "",
    " ",
    "  ",
    "\n\n \n",
    "a",
    "I'm you're WE'VE he'S 'tis it\u2019s 'ſ",
    "tab\tand\x0bvertical\x0cform\x85next\u2028line\u180eseparator\u200bzero",
    "1234567890 ٣٤٥ ²³¹ ⅷ ½ 12a34",
    "<s>bold</s> <|end|> x<mask> y <mask>  z<word>ly <word> <WORD>",
    "  <s>   <mask>   <|end|>  ",
    "é e\u0301 ﬁ ① 한글 \u1112\u1161\u11ab Å Å",
    "👩‍👩‍👧 🇨🇭 👍🏽 \U0010ffff \x00 \x7f",
    "mixed_case CamelCase snake_case x+=1; // done...!!!",
    "word" * 40,
]


def characters() -> list[str]:
    """Assigned characters of plane 0 and some beyond, none newer than Unicode 12."""
    old = unicodedata.ucd_3_2_0
    return [chr(c) for c in range(0x20000) if old.category(chr(c)) not in ("Cn", "Cs", "Co")]


def random_texts(rng: random.Random, count: int) -> list[str]:
    pool = characters()
    common = " \n\t'0123456789.,-aeiostnrlh" * 8
    special = ["<s>", "</s>", "<|end|>", "<mask>", "<word>", "'s", "  ", "\r\n"]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(1, 40)):
            kind = rng.random()
            if kind < 0.55:
                parts.append(rng.choice(common))
            elif kind < 0.92:
                parts.append(rng.choice(pool))
            else:
                parts.append(rng.choice(special))
        texts.append("".join(parts))
    return texts


def train(tokenizer: Tokenizer, byte_level: bool = True, **options: Any) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if byte_level else [],
        **options,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)


def gpt2() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, special_tokens=["<|end|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def smollm() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, special_tokens=["<s>", "</s>"])
    return tokenizer


def llama3() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, special_tokens=["<s>", "</s>"])
    bos = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(
                single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", bos)]
            ),
        ]
    )
    return tokenizer


def added() -> Tokenizer:
    """NFC, a prefix space, and every flag an added token can have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, special_tokens=["<s>", "</s>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.add_tokens(
        [
            AddedToken("<word>", single_word=True),
            AddedToken("<|end|>", rstrip=True, lstrip=True, normalized=False),
            AddedToken("e\u0301", normalized=True),
            AddedToken("word", single_word=True, normalized=True),
        ]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>"))
    )
    return tokenizer


def splits() -> Tokenizer:
    """Every behaviour of Split, strings and inverted patterns."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("=", "removed"),
            pre_tokenizers.Split(Regex(r"[\s\S]{12,}?\W"), "isolated"),
            pre_tokenizers.Split(Regex(r"\s"), "merged_with_previous"),
            pre_tokenizers.Split("a", "merged_with_next"),
            pre_tokenizers.Split(Regex(r"[\p{Han}\p{Cyrillic}]"), "contiguous"),
            pre_tokenizers.Split(Regex(r"[^\p{P}]+"), "isolated", invert=True),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer)
    return tokenizer


def pieces() -> Tokenizer:
    """As sentencepiece models are converted: ▁ for spaces, bytes as a last resort."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    train(tokenizer, byte_level=False, special_tokens=["<unk>", "<s>", "</s>", *bytes_])
    # The bytes are ordinary tokens, not text to look for.
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(data))


def main() -> None:
    rng = random.Random(20240501)
    for make in (gpt2, smollm, llama3, added, splits, pieces):
        data = json.loads(make().to_str())
        if make is smollm:  # the older way to write merges
            data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
        path = HERE / f"{make.__name__}.json"
        path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
        tokenizer = Tokenizer.from_file(str(path))
        cases = []
        for text in EDGES + CORPUS[:6] + random_texts(rng, 60):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            cases.append(
                {
                    "text": text,
                    "ids": ids,
                    "special": tokenizer.encode(text).ids,
                    "decoded": tokenizer.decode(ids),
                }
            )
        golden = path.with_suffix(".golden.json")
        golden.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
