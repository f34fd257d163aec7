"""Tiny tokenizers of the shapes that the named families have (see make_tokenizers.py)."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
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

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
QWEN2 = (
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = GPT4O.replace(CONTRACTIONS + "?", "").replace("{1,3}", "")
DEEPSEEK = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
CORPUS = [
    "The quick brown fox jumps over the lazy dog, and it didn't stop there.",
    "We've seen 1234 numbers, 56 of them in 2024; they'll be 7,890 soon.",
    "def main():\n    return {'key': [1, 2, 3]}\n\n\n",
    "Le café à Zürich coûte 3,50 €. Они говорят по-русски. 東京は日本の首都です。",
    "once upon a time there was a little house in the middle of the forest",
    "  spaces   and\ttabs \u00a0 and\u3000wide ones\r\n",
] * 4


def train(tokenizer: Tokenizer, byte_level: bool = True, **options: Any) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if byte_level else [],
        **options,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)


def byte_level(
    splitter: pre_tokenizers.PreTokenizer,
    special: list[str],
    normalizer: normalizers.Normalizer | None = None,
    **model: Any,
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, special_tokens=special)
    return tokenizer


def words(add_prefix_space: bool = False) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)


def split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def put_in_front(tokenizer: Tokenizer, token: str) -> processors.PostProcessor:
    return processors.TemplateProcessing(
        single=f"{token} $A",
        pair=f"{token} $A {token} $B",
        special_tokens=[(token, tokenizer.token_to_id(token))],
    )


def gpt2() -> Tokenizer:
    """gpt2, gptj, gpt_neo, opt, phi."""
    tokenizer = byte_level(words(), ["<|end|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def codegen() -> Tokenizer:
    """codegen; gpt_neox, olmo and stablelm: runs of spaces are added tokens, and NFC."""
    tokenizer = byte_level(words(), ["<|end|>"], normalizers.NFC())
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    tokenizer.add_tokens([AddedToken("\t" * n, normalized=True) for n in range(9, 1, -1)])
    return tokenizer


def smollm() -> Tokenizer:
    """smollm, starcoder2, granite."""
    return byte_level(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), words()]),
        ["<s>", "</s>"],
    )


def llama3() -> Tokenizer:
    """llama 3, smollm3, olmo2, stablelm 2."""
    tokenizer = byte_level(split(LLAMA3), ["<s>", "</s>"], ignore_merges=True)
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=True), put_in_front(tokenizer, "<s>")]
    )
    return tokenizer


def qwen2() -> Tokenizer:
    """qwen2, qwen3."""
    return byte_level(split(QWEN2), ["<|end|>"], normalizers.NFC())


def gpt4o() -> Tokenizer:
    """phi 4; words begin at a capital letter."""
    return byte_level(split(GPT4O), ["<|end|>"])


def tekken() -> Tokenizer:
    """mistral with a byte-level vocabulary."""
    return byte_level(split(TEKKEN), ["<s>", "</s>"], ignore_merges=True)


def falcon() -> Tokenizer:
    return byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Punctuation("contiguous"),
                words(),
                pre_tokenizers.Digits(individual_digits=False),
                pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
            ]
        ),
        ["<|end|>"],
    )


def bloom() -> Tokenizer:
    return byte_level(split(BLOOM), ["<s>", "</s>"])


def deepseek() -> Tokenizer:
    """Several patterns, one after the other."""
    return byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
                pre_tokenizers.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
                split(DEEPSEEK),
            ]
        ),
        ["<s>", "</s>"],
        normalizers.Sequence([]),
    )


def added() -> Tokenizer:
    """NFC, a prefix space, and every flag an added token can have."""
    tokenizer = byte_level(words(add_prefix_space=True), ["<s>", "</s>"], normalizers.NFC())
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


def pieces(tokenizer: Tokenizer) -> Tokenizer:
    """Trains as sentencepiece models are converted: bytes as a last resort."""
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    train(tokenizer, byte_level=False, special_tokens=["<unk>", "<s>", "</s>", *bytes_])
    # The bytes are ordinary tokens, not text to look for.
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(data))


def piece_model() -> Tokenizer:
    return Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))


def piece_decoder(*last: decoders.Decoder) -> decoders.Decoder:
    return decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *last]
    )


def llama2() -> Tokenizer:
    """llama 2, mistral, phi3: ▁ for spaces and in front, added tokens that take spaces."""
    tokenizer = piece_model()
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = piece_decoder(decoders.Strip(" ", 1, 0))
    tokenizer = pieces(tokenizer)
    tokenizer.add_special_tokens([AddedToken("<|end|>", rstrip=True, normalized=False)])
    tokenizer.post_processor = put_in_front(tokenizer, "<s>")
    return tokenizer


def metaspace() -> Tokenizer:
    """llama 2 and mistral as converted later: ▁ only where the text begins."""
    tokenizer = piece_model()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    tokenizer.decoder = piece_decoder(decoders.Strip(" ", 1, 0))
    return pieces(tokenizer)


def gemma() -> Tokenizer:
    """gemma, gemma2, gemma3: nothing in front, runs of newlines and spaces are added tokens."""
    tokenizer = piece_model()
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = piece_decoder()
    tokenizer = pieces(tokenizer)
    runs = ["\n" * n for n in range(1, 32)] + ["▁" * n for n in range(2, 32)]
    tokenizer.add_tokens([AddedToken(run, normalized=False) for run in runs])
    tokenizer.post_processor = put_in_front(tokenizer, "<s>")
    return tokenizer


def charsmap(replaced: dict[str, str]) -> bytes:
    """SentencePiece's compiled form: a double array that needs nothing but to be right."""
    texts, places = b"", {}
    for key, text in replaced.items():
        places[key.encode()] = len(texts)
        texts += text.encode() + b"\0"
    units = {0: 0}  # darts-clone: offset << 10 | has leaf << 8 | label
    queue = [(0, b"")]
    while queue:
        node, prefix = queue.pop(0)
        labels = sorted(
            {key[len(prefix)] for key in places if key.startswith(prefix) and key != prefix}
        )
        leaf = prefix in places
        wanted = labels + ([0] if leaf else [])
        offset = 1
        while any(node ^ offset ^ label in units for label in wanted) or offset == node:
            offset += 1
        base = node ^ offset
        if leaf:
            units[base] = 1 << 31 | places[prefix]
        for label in labels:
            units[base ^ label] = label
            queue.append((base ^ label, prefix + bytes([label])))
        units[node] |= offset << 10 | leaf << 8
    array = [units.get(i, 0xFF) for i in range(max(units) + 256)]
    trie = struct.pack(f"<{len(array)}I", *array)
    return struct.pack("<I", len(trie)) + trie + texts


def unigram() -> Tokenizer:
    """sentencepiece's other model, with its normalization; bytes as a last resort."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=200, show_progress=False, special_tokens=["<unk>", "<s>"], unk_token="<unk>"
        ),
    )
    data = json.loads(tokenizer.to_str())
    data["model"]["byte_fallback"] = True
    data["model"]["vocab"] += [[f"<0x{b:02X}>", 0.0] for b in range(256)]
    data["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {
                "type": "Precompiled",
                "precompiled_charsmap": base64.b64encode(
                    charsmap(
                        {"ﬁ": "fi", "①": "1", "\u3000": " ", "\t": " ", "e\u0301": "é", "Å": "Å"}
                        | {chr(0xFF10 + i): str(i) for i in range(10)}
                    )
                ).decode(),
            },
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
        ],
    }
    data["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "ByteFallback"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        ],
    }
    return Tokenizer.from_str(json.dumps(data))


def unknown() -> Tokenizer:
    """No bytes: characters that nothing stands for, fused; a prefix inside words."""
    tokenizer = Tokenizer(
        models.BPE(unk_token="<unk>", fuse_unk=True, continuing_subword_prefix="##")
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(left=True, right=False)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Metaspace("_", prepend_scheme="first", split=True),
        ]
    )
    train(tokenizer, byte_level=False, special_tokens=["<unk>"], continuing_subword_prefix="##")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("##", ""), decoders.Metaspace("_", prepend_scheme="first")]
    )
    return tokenizer


def forms() -> Tokenizer:
    """NFKD, a Unigram without bytes, a character taken away in front, no decoder's joining."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.NFD()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="never", split=False)
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=150, show_progress=False, special_tokens=["<unk>"], unk_token="<unk>"
        ),
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Metaspace("▁", prepend_scheme="never"),
            decoders.Fuse(),
            decoders.Strip("a", 1, 0),
        ]
    )
    return tokenizer


SHAPES: list[Callable[[], Tokenizer]] = [
    *(gpt2, codegen, smollm, llama3, qwen2, gpt4o, tekken, falcon, bloom, deepseek),
    *(added, splits, llama2, metaspace, gemma, unigram, unknown, forms),
]
