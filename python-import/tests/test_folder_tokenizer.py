"""The one tokenizer.json that a module refers to: a folder's own, or what it becomes with the files
beside it, or of vocab.json and merges.txt; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from qz_import.config import Config
from qz_import.folder_tokenizer import FolderTokenizer, read_folder_tokenizer
from qz_import.known_keys import transformers_keys

Imports = Callable[..., str]
Refuses = Callable[..., None]
GOLDEN = Path(__file__).resolve().parents[2] / "test" / "golden"

ALPHABET = sorted(ByteLevel.alphabet())
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ hello", "Ġ t", "Ġt he"]
END = "<|endoftext|>"
WORDS = [*ALPHABET, *("".join(merge.split()) for merge in MERGES)]
VOCABULARY = {word: number for number, word in enumerate([*WORDS, END])}
CONFIG = {
    "model_type": "gpt2",
    "vocab_size": len(VOCABULARY) + 4,
    "n_embd": 4,
    "n_head": 1,
    "n_layer": 1,
    "n_positions": 8,
    "bos_token_id": VOCABULARY[END],
    "eos_token_id": VOCABULARY[END],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A GPT-2 without weights: the oldest form, with no file about special tokens."""
    path = tmp_path / "hf"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    (path / "vocab.json").write_text(json.dumps(VOCABULARY))
    (path / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES, ""]))
    return path


def write(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value))


def read(folder: Path) -> FolderTokenizer:
    values = {"model_type": "gpt2"}
    if (folder / "config.json").exists():
        values = json.loads((folder / "config.json").read_text())
    found = read_folder_tokenizer(folder, Config(values, "config.json"))
    assert found is not None
    return found


def built(folder: Path) -> Tokenizer:
    found = read(folder)
    return Tokenizer.from_str(
        found.path.read_text() if found.document is None else json.dumps(found.document)
    )


def words(tokenizer: Tokenizer, text: str) -> list[str]:
    """The tokens of a text as the vocabulary spells them."""
    return [tokenizer.id_to_token(number) for number in tokenizer.encode(text).ids]


def added(folder: Path) -> dict[str, tuple[int, bool]]:
    document = read(folder).document
    assert document is not None
    return {t["content"]: (t["id"], t["special"]) for t in document["added_tokens"]}


GOLDEN_FOLDERS = json.loads(
    (Path(__file__).parent / "golden" / "tokenizer_folders.json").read_text()
)


@pytest.mark.parametrize("number", range(len(GOLDEN_FOLDERS["cases"])))
def test_ids_are_those_of_autotokenizer(tmp_path: Path, number: int) -> None:
    """Of folders drawn at random, in texts that are full of special tokens."""
    case = GOLDEN_FOLDERS["cases"][number]
    for name, value in case["files"].items():
        if name == "tokenizer.json":
            known = GOLDEN_FOLDERS["vocabularies"][value["model"]["vocab"]]
            model = value["model"] | {"vocab": known["vocab"], "merges": known["merges"]}
            value = value | {"model": model}
        elif name in ("vocab.json", "merges.txt"):
            key = {"vocab.json": "vocab", "merges.txt": "merges"}[name]
            value = GOLDEN_FOLDERS["vocabularies"][value][key]
        lines = name.endswith(".txt")
        text = "\n".join([*value, ""]) if lines else json.dumps(value)
        (tmp_path / name).write_text(text)
    tokenizer = built(tmp_path)
    for (text, ids), back in zip(case["ids"].items(), case["back"], strict=True):
        assert tokenizer.encode(text).ids == ids
        assert tokenizer.decode(ids) == back


def test_golden_folders_are_of_the_pinned_version() -> None:
    assert GOLDEN_FOLDERS["transformers"] == transformers_keys()["transformers"]


@pytest.mark.parametrize("name", ["gpt2-bf16", "opt-post"])
def test_ids_are_those_of_transformers(name: str) -> None:
    folder = GOLDEN / "models" / name
    tokenizer = built(folder)
    texts = json.loads((folder / "golden" / "tokens.json").read_text())
    assert len(texts) > 3
    for text, ids in texts.items():
        assert tokenizer.encode(text).ids == ids


def test_the_module_takes_it(tmp_path: Path, folder: Path, imports: Imports) -> None:
    text = imports(folder, tmp_path / "m.mlir")
    assert 'qz.file @tokenizer "m.hf/tokenizer.json"' in text
    assert "tokenizer = @tokenizer" in text and "add_bos = false" in text
    tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
    assert words(tokenizer, f"hello{END} hello") == ["hello", END, "Ġhello"]
    assert tokenizer.decode(tokenizer.encode("naïve 🙂 the").ids) == "naïve 🙂 the"


def test_a_tokenizer_json_is_taken_as_it_is(tmp_path: Path, folder: Path, imports: Imports) -> None:
    write(folder, "tokenizer.json", read(folder).document)
    (folder / "merges.txt").unlink()
    assert '"hf/tokenizer.json"' in imports(folder, tmp_path / "m.mlir")
    assert not (tmp_path / "m.hf").exists()


def test_what_stands_beside_a_tokenizer_json_is_merged_into_it(
    tmp_path: Path, folder: Path, imports: Imports
) -> None:
    """A token that tokenizer_config.json alone declares, one that is special there but plain in the
    tokenizer.json, and the space before a text."""
    document = read(folder).document
    assert document is not None
    write(folder, "tokenizer.json", document)
    decoder = {"9999": {"content": "<|im_end|>", "special": True}}
    config = {"added_tokens_decoder": decoder, "eos_token": " hello", "add_prefix_space": True}
    write(folder, "tokenizer_config.json", config)
    assert '"m.hf/tokenizer.json"' in imports(folder, tmp_path / "m.mlir")
    tokenizer = Tokenizer.from_file(str(tmp_path / "m.hf" / "tokenizer.json"))
    assert words(tokenizer, "the<|im_end|>the hello") == ["Ġthe", "<|im_end|>", "Ġthe", " hello"]
    assert tokenizer.decode(tokenizer.encode("the<|im_end|> hello").ids) == " the"


@pytest.mark.parametrize("lines", [MERGES, ["#version: 0.2", *MERGES], [m + "\r" for m in MERGES]])
def test_forms_of_merges(folder: Path, lines: list[str]) -> None:
    (folder / "merges.txt").write_text("\n".join(lines), newline="")
    assert words(built(folder), " hello the") == ["Ġhello", "Ġthe"]


def test_defaults(folder: Path) -> None:
    assert added(folder) == {END: (VOCABULARY[END], True)}
    # transformers adds a token that the vocabulary lacks behind it.
    write(folder, "vocab.json", {word: VOCABULARY[word] for word in WORDS})
    assert added(folder) == {END: (len(WORDS), True)}


def test_prefix_space(folder: Path) -> None:
    write(folder, "tokenizer_config.json", {"add_prefix_space": True})
    assert words(built(folder), "hello") == ["Ġhello"]


def test_special_tokens_map_of_older_folders(folder: Path) -> None:
    """It wins over tokenizer_config.json; null takes a default away."""
    write(folder, "tokenizer_config.json", {"bos_token": "<no>", "pad_token": "<pad>"})
    tokens = {
        "bos_token": {"content": "<s>", "lstrip": True},
        "eos_token": None,
        "unk_token": "hello",
        "additional_special_tokens": ["<a>", "<b>"],
    }
    write(folder, "special_tokens_map.json", tokens)
    write(folder, "added_tokens.json", {"<b>": 291, "<x>": 290})
    assert added(folder) == {
        "hello": (VOCABULARY["hello"], True),
        # Ids that follow the vocabulary's, whatever the file says.
        "<x>": (len(VOCABULARY), False),
        "<b>": (len(VOCABULARY) + 1, False),
        "<s>": (len(VOCABULARY) + 2, True),
        "<pad>": (len(VOCABULARY) + 3, True),
        "<a>": (len(VOCABULARY) + 4, True),
    }
    assert words(built(folder), "a  <s>b") == ["a", "<s>", "b"]


def test_added_tokens_decoder_of_newer_folders(folder: Path) -> None:
    decoder = {
        str(VOCABULARY[END]): {"content": END, "special": True, "normalized": False},
        "270": {"content": "<tool>", "special": False, "rstrip": True},
    }
    config = {"added_tokens_decoder": decoder, "bos_token": END, "tokenizer_class": "GPT2Tokenizer"}
    write(folder, "tokenizer_config.json", config)
    # Not read any more.
    write(folder, "special_tokens_map.json", {"pad_token": "<pad>"})
    write(folder, "added_tokens.json", {"<b>": 299})
    assert added(folder) == {END: (VOCABULARY[END], True), "<tool>": (len(VOCABULARY), False)}
    assert words(built(folder), "<tool>  hello") == ["<tool>", "hello"]


@pytest.mark.parametrize("has_bos", [True, False])
def test_bos(folder: Path, has_bos: bool) -> None:
    config = {"add_bos_token": True, "bos_token": "<s>" if has_bos else None}
    write(folder, "tokenizer_config.json", config)
    tokens = words(built(folder), "hello")
    assert tokens == (["<s>", "hello"] if has_bos else ["hello"])


def test_the_same_as_a_tokenizer_json(tmp_path: Path) -> None:
    """One taken apart and put together again."""
    whole = json.loads((GOLDEN / "tokenizers" / "gpt2.json").read_text())
    write(tmp_path, "vocab.json", whole["model"]["vocab"])
    merges = [m if isinstance(m, str) else " ".join(m) for m in whole["model"]["merges"]]
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    text = (GOLDEN / "models" / "text.txt").read_text() + " 's naïve 🙂\n\n\t x"
    expected = Tokenizer.from_str(json.dumps(whole)).encode(text, add_special_tokens=False)
    assert built(tmp_path).encode(text, add_special_tokens=False).ids == expected.ids


# --- what is refused ---


@pytest.fixture
def rejects(tmp_path: Path, folder: Path, refuses: Refuses) -> Callable[..., None]:
    return lambda *words: refuses([folder, "-o", tmp_path / "m.mlir"], *words)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_one_without_the_other(folder: Path, rejects: Callable[..., None], name: str) -> None:
    (folder / name).unlink()
    rejects(name, "missing")


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("vocab.json", "[]", ("vocab.json", "object")),
        ("vocab.json", '{"a": "1"}', ("vocab.json", "'a'", "'1'")),
        ("vocab.json", '{"a": -1}', ("vocab.json", "'a'", "-1")),
        ("vocab.json", '{"a": true}', ("vocab.json", "'a'", "True")),
        ("vocab.json", '{"a": 1, "b": 1}', ("vocab.json", "'a'", "'b'", "same id 1")),
        ("vocab.json", '{"a": 1, "a": 2}', ("vocab.json", "'a'", "twice")),
        ("merges.txt", "h e\nh x\n", ("merges.txt", "merge 1", "'h x'")),
        ("merges.txt", "h e\nhello\n", ("merges.txt", "merge 1", "'hello'")),
        ("merges.txt", "h\te\n", ("merges.txt", "merge 0")),
        ("merges.txt", "\udcff", ("merges.txt", "UTF-8")),
        ("tokenizer_config.json", "[]", ("tokenizer_config.json", "object")),
        (
            "tokenizer_config.json",
            '{"tokenizer_class": "BertTokenizer"}',
            ("tokenizer_class", "'BertTokenizer'", "GPT2Tokenizer"),
        ),
        ("tokenizer_config.json", '{"add_bos_token": 1}', ("add_bos_token", "1")),
        ("tokenizer_config.json", '{"add_prefix_space": "x"}', ("add_prefix_space", "'x'")),
        ("tokenizer_config.json", '{"bos_token": 3}', ("bos_token", "3", "not a token")),
        ("tokenizer_config.json", '{"bos_token": {}}', ("bos_token", "'content'")),
        (
            "tokenizer_config.json",
            '{"bos_token": {"content": "<s>", "lstrip": 1}}',
            ("bos_token", "lstrip", "1"),
        ),
        ("special_tokens_map.json", '{"pad_token": [1]}', ("special_tokens_map.json", "pad_token")),
        (
            "special_tokens_map.json",
            '{"additional_special_tokens": [null]}',
            ("additional_special_tokens", "None"),
        ),
        ("added_tokens.json", '{"<x>": "1"}', ("added_tokens.json", "'<x>'")),
        (
            "tokenizer_config.json",
            '{"added_tokens_decoder": {"x": {"content": "a"}}}',
            ("added_tokens_decoder", "'x'", "token id"),
        ),
        (
            "tokenizer_config.json",
            '{"added_tokens_decoder": {"1": 5}}',
            ("added_tokens_decoder", "1", "not a token"),
        ),
        ("tokenizer_config.json", '{"added_tokens_decoder": []}', ("added_tokens_decoder",)),
    ],
)
def test_unusable_files(
    folder: Path, rejects: Callable[..., None], name: str, text: str, parts: tuple[str, ...]
) -> None:
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    rejects(*parts)


def test_a_family_without_a_usual_class(folder: Path, rejects: Callable[..., None]) -> None:
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "llama"}
    write(folder, "config.json", config)
    rejects("tokenizer_class", "TokenizersBackend needs a tokenizer.json, not a vocab.json")
