"""Tokenizers in a GGUF: stock llama.cpp cuts texts as the tokenizers package does, and qz-import
reads the same tokenizer back."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from conftest import ROOT, assert_refused, qzc
from qz_eval.peers.llama_library import Vocabulary, loads
from qz_import.gguf_import import import_gguf
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_sentencepiece import BYTE, CONTROL, NORMAL, merges_by_scores
from qz_import.gguf_tokenizer import GgufTokenizer
from qz_import.gguf_words import BY_NAME
from qz_import.hf_import import import_folder
from qz_import.tokenizer_json import Json
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

sys.path.insert(0, str(ROOT / "test" / "golden" / "tokenizers"))
from shapes import CORPUS

SHAPES = ROOT / "test" / "golden" / "tokenizers"
TEXTS: list[str] = json.loads((SHAPES / "texts.json").read_text())
HIDDEN = 8


@dataclass(frozen=True)
class Written:
    """A model with a tokenizer, as a GGUF."""

    path: Path
    tokenizer: Tokenizer
    warnings: str

    def value(self, key: str) -> Any:
        field = gguf.GGUFReader(self.path).fields.get(f"tokenizer.ggml.{key}")
        return field.contents() if field else None


def write_model(folder: Path, tokenizer: str) -> None:
    """A llama of one block, whose weights do not matter."""
    document = json.loads(tokenizer)
    vocab = Tokenizer.from_str(tokenizer).get_vocab_size(with_added_tokens=True)
    special = [token["id"] for token in document["added_tokens"] if token["special"]]
    folder.mkdir()
    config = {
        "model_type": "llama",
        "vocab_size": vocab + 3,
        "hidden_size": HIDDEN,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "bos_token_id": special[0] if special else None,
        "eos_token_id": special[-1] if special else None,
    }
    block = "model.layers.0"
    square = [f"self_attn.{role}_proj" for role in "qkvo"] + [
        f"mlp.{role}_proj" for role in ("gate", "up", "down")
    ]
    tensors = {f"{block}.{name}.weight": np.ones((HIDDEN, HIDDEN), np.float32) for name in square}
    for name in (f"{block}.input_layernorm", f"{block}.post_attention_layernorm", "model.norm"):
        tensors[f"{name}.weight"] = np.ones(HIDDEN, np.float32)
    tensors["model.embed_tokens.weight"] = np.ones((vocab + 3, HIDDEN), np.float32)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(tokenizer)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write(tmp_path: Path, tokenizer: str) -> Written:
    write_model(tmp_path / "model", tokenizer)
    import_folder(tmp_path / "model", tmp_path / "m.mlir")
    done = qzc(tmp_path / "m.mlir", f"--gguf={tmp_path / 'x.gguf'}")
    return Written(tmp_path / "x.gguf", Tokenizer.from_str(tokenizer), done.stderr)


def read_back(written: Written) -> Tokenizer:
    folder = written.path.parent
    import_gguf(written.path, folder / "back.mlir", "f32")
    return Tokenizer.from_file(str(folder / "back.hf" / "tokenizer.json"))


def shape(name: str) -> str:
    return (SHAPES / f"{name}.json").read_text()


def assert_same(ours: Tokenizer, other: Tokenizer) -> None:
    """Ids of every text, with what stands around it, and the same text back."""
    for text in TEXTS:
        ids = ours.encode(text).ids
        assert other.encode(text).ids == ids, text
        assert other.decode(ids) == ours.decode(ids), text


# How the text is cut in the words of llama.cpp.
WORDS = {
    "gpt2/tokenizer": "gpt-2",
    "codegen": "olmo",
    "smollm": "smollm",
    "llama3": "llama-bpe",
    "qwen2": "qwen2",
    "gpt4o": "gpt-4o",
    "tekken": "tekken",
    "falcon": "falcon",
    "bloom": "bloom",
    "deepseek": "deepseek-v3",
}
PIECES = ("llama2", "metaspace", "gemma")
# Those that llama.cpp has no words for.
OTHERS = ("forms", "splits", "unknown")


def as_sentencepiece(document: Json) -> Json:
    """With every merge that SentencePiece's scores allow, which the trained ones are a part of, and
    added tokens among those that they make, as Gemma has runs of spaces."""
    added, vocabulary = document["added_tokens"], dict(document["model"]["vocab"])
    for token in added:
        vocabulary.setdefault(token["content"], len(vocabulary))
    tokens = [{**token, "id": vocabulary[token["content"]]} for token in added]
    special = {token["content"] for token in added if token["special"]}
    scores = [-float(number) for number in range(len(vocabulary))]
    kinds = [
        BYTE if re.fullmatch("<0x..>", token) else CONTROL if token in special else NORMAL
        for token in vocabulary
    ]
    model = {"vocab": vocabulary, "merges": merges_by_scores("", vocabulary, scores, kinds)}
    model = {**document["model"], **model}
    return {**document, "added_tokens": tokens, "model": model}


def without_bytes(document: Json) -> Json:
    model = document["model"]
    pieces = [piece for piece in model["vocab"] if not re.fullmatch("<0x..>", piece[0])]
    return {**document, "model": {**model, "vocab": pieces, "byte_fallback": False}}


def may_differ(document: Json, text: str) -> bool:
    """What a warning is about: normalization, flags of added tokens, spaces where a text begins.
    Unigram here also strips newlines, and looks whole clusters of marks up in its table."""
    if document["normalizer"] == {"type": "NFC"} and not unicodedata.is_normalized("NFC", text):
        return True
    for token in document["added_tokens"]:
        has_flags = token["lstrip"] or token["rstrip"] or token["single_word"]
        if has_flags and token["content"] in text:
            return True
    splitter = document["pre_tokenizer"] or {}
    special = [token["content"] for token in document["added_tokens"]]
    if splitter.get("prepend_scheme") == "first":
        return text[:1] in (" ", "▁") or any(token in text for token in special)
    if document["model"]["type"] != "Unigram":
        return False
    has_marks = any(unicodedata.combining(letter) for letter in text)
    return has_marks or "▁" in text or text.rstrip() != text.rstrip(" ")


def compare(tmp_path: Path, document: Json) -> Written:
    """With llama.cpp, and read back."""
    written = write(tmp_path, json.dumps(document))
    stock = Vocabulary(written.path)
    # Texts of C end at a zero.
    texts = [text for text in TEXTS if "\0" not in text and not may_differ(document, text)]
    assert len(texts) > 0.6 * len(TEXTS)
    for text in texts:
        ids = written.tokenizer.encode(text, add_special_tokens=False).ids
        assert stock.encode(text) == ids, text
        assert stock.encode(text, adds=True) == written.tokenizer.encode(text).ids, text
    stock.close()
    assert_same(written.tokenizer, read_back(written))
    return written


@pytest.mark.parametrize("name", WORDS)
def test_words(tmp_path: Path, name: str) -> None:
    written = compare(tmp_path, json.loads(shape(name)))
    assert written.value("pre") == WORDS[name]


@pytest.mark.parametrize("name", PIECES)
def test_pieces(tmp_path: Path, name: str) -> None:
    written = compare(tmp_path, as_sentencepiece(json.loads(shape(name))))
    assert written.value("model") == "llama" and written.value("merges") is None


def test_unigram(tmp_path: Path) -> None:
    written = compare(tmp_path, without_bytes(json.loads(shape("unigram"))))
    assert written.value("model") == "t5"


@pytest.mark.parametrize("name", [*PIECES, "unigram"])
def test_what_scores_do_not_tell(tmp_path: Path, name: str) -> None:
    written = write(tmp_path, shape(name))
    assert_same(written.tokenizer, read_back(written))


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_read_back(tmp_path: Path, name: str) -> None:
    written = write(tmp_path, shape(name))
    assert "by token ids alone" in written.warnings and loads(written.path)
    assert_same(written.tokenizer, read_back(written))


def test_two_tokens_of_one_text(tmp_path: Path) -> None:
    """As a byte and as an added token."""
    write_model(tmp_path / "model", shape("added"))
    import_folder(tmp_path / "model", tmp_path / "m.mlir")
    done = qzc(tmp_path / "m.mlir", f"--gguf={tmp_path / 'x.gguf'}", check=False)
    assert_refused(done, "tokenizer.json", "two tokens", "'é'")


def test_what_llama_cpp_prints(tmp_path: Path) -> None:
    """Spaces for what SentencePiece writes as ▁, also of added tokens."""
    document = as_sentencepiece(json.loads(shape("gemma")))
    written = write(tmp_path, json.dumps(document))
    stock = Vocabulary(written.path)
    ids = [token["id"] for token in document["added_tokens"] if not token["special"]]
    assert len(ids) == 61
    for number in ids:
        assert stock.piece(number).decode() == written.tokenizer.decode([number])
    stock.close()


def test_flags_that_are_lost_are_said(tmp_path: Path) -> None:
    assert "'rstrip' of token '<|end|>'" in write(tmp_path, shape("llama2")).warnings


@pytest.fixture(scope="module")
def across_words() -> Json:
    """A byte-level vocabulary whose tokens go from word to word: every cut shows."""
    tokenizer = Tokenizer(models.BPE())
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(
        vocab_size=1200, show_progress=False, initial_alphabet=sorted(splitter.alphabet())
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())["model"]


@dataclass(frozen=True)
class Value:
    value: Any

    def contents(self) -> Any:
        return self.value


# Falcon cuts what ByteLevel made of the text, llama.cpp the text: with tokens of its own, which
# test_words has, that shows nowhere.
@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "falcon"])
def test_every_name_is_one_of_llama_cpps(tmp_path: Path, across_words: Json, name: str) -> None:
    """And means the same to qz-import."""
    vocabulary = across_words["vocab"]
    values = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": sorted(vocabulary, key=vocabulary.__getitem__),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in across_words["merges"]],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 0,
    }
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    adders = {list: writer.add_array, str: writer.add_string, int: writer.add_uint32}
    for key, value in values.items():
        adders[type(value)](key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    meta = Metadata({key: Value(value) for key, value in values.items()}, "x")
    ours = Tokenizer.from_str(json.dumps(GgufTokenizer(meta).tokenizer_json()))
    stock = Vocabulary(tmp_path / "x.gguf")
    for text in CORPUS:
        assert stock.encode(text, adds=True) == ours.encode(text).ids, text
    stock.close()
