"""Tokenizers of the fixture models: byte-level BPE trained on a text, in the forms of their
families (needs tokenizers, and transformers to read what has no tokenizer.json)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHAT_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass(frozen=True)
class TokenizerKind:
    """How text is split, which special tokens there are, and what the folder says about them."""

    splitter: pre_tokenizers.PreTokenizer
    special: tuple[str, ...]
    bos: int
    eos: tuple[int, ...]
    ignore_merges: bool = False
    # The post-processor puts bos first.
    has_template: bool = False
    # The folder's JSON files beside the tokenizer itself.
    files: dict[str, dict[str, object]] = field(default_factory=dict)


def _opt_token(content: str) -> dict[str, object]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    return {"content": content, **flags}


KINDS = {
    "smollm": TokenizerKind(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        ),
        CHAT_TOKENS,
        bos=1,
        eos=(2, 0),
        files={
            "tokenizer_config.json": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": CHAT_TOKENS[1],
                "eos_token": CHAT_TOKENS[2],
                "add_bos_token": False,
                "chat_template": CHAT_TEMPLATE,
            }
        },
    ),
    "llama3": TokenizerKind(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        ),
        CHAT_TOKENS,
        bos=1,
        eos=(2, 0),
        ignore_merges=True,
        has_template=True,
        files={
            "tokenizer_config.json": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": CHAT_TOKENS[1],
                "eos_token": CHAT_TOKENS[2],
            }
        },
    ),
    "gpt2": TokenizerKind(
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ("<|endoftext|>",),
        bos=0,
        eos=(0,),
        files={"tokenizer_config.json": {"model_max_length": 640}},
    ),
    # special_tokens_map.json and add_bos_token as the OPT repositories have them.
    "opt": TokenizerKind(
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ("<s>", "<pad>", "</s>", "<unk>"),
        bos=2,
        eos=(2,),
        has_template=True,
        files={
            "tokenizer_config.json": {
                "tokenizer_class": "GPT2Tokenizer",
                "add_bos_token": True,
                "add_prefix_space": False,
                "errors": "replace",
                "bos_token": _opt_token("</s>"),
                "eos_token": _opt_token("</s>"),
                "unk_token": _opt_token("</s>"),
                "pad_token": None,
            },
            "special_tokens_map.json": {
                "bos_token": _opt_token("</s>"),
                "eos_token": _opt_token("</s>"),
                "unk_token": _opt_token("</s>"),
                "pad_token": _opt_token("<pad>"),
            },
        },
    ),
}


def _train(kind: TokenizerKind, vocab: int, text: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind.ignore_merges))
    tokenizer.pre_tokenizer = kind.splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [text],
        trainers.BpeTrainer(
            vocab_size=vocab,
            special_tokens=list(kind.special),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    assert tokenizer.get_vocab_size() == vocab
    if kind.has_template:
        start = kind.special[kind.bos]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A",
            pair=f"{start} $A {start}:1 $B:1",
            special_tokens=[(start, kind.bos)],
        )
    return tokenizer


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def save_tokenizer(
    folder: Path, kind: TokenizerKind, vocab: int, text: str, as_parts: bool
) -> None:
    """Trains and writes the tokenizer: tokenizer.json, or `as_parts` vocab.json and merges.txt."""
    tokenizer = _train(kind, vocab, text)
    if as_parts:
        tokenizer.model.save(str(folder))
    else:
        tokenizer.save(str(folder / "tokenizer.json"))
    for name, document in kind.files.items():
        write_json(folder / name, document)


def set_chat_template(folder: Path, template: str) -> None:
    path = folder / "tokenizer_config.json"
    write_json(path, json.loads(path.read_text()) | {"chat_template": template})


def read_tokenizer(folder: Path) -> Tokenizer:
    """As transformers reads the folder: some classes put rules of their own in the place of what
    tokenizer.json says (Qwen2's)."""
    return AutoTokenizer.from_pretrained(folder).backend_tokenizer
