"""Writes tokenizer_folders.json: folders of tokenizer files, drawn at random, and the ids that
transformers' AutoTokenizer gives to texts there (needs what requirements.txt pins).

With `--check COUNT`, and python-import on PYTHONPATH, more folders are drawn and compared with what
qz-import makes of them; nothing is written.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoTokenizer

Json = dict[str, Any]
SEED, CASES = 7, 80
HERE = Path(__file__).resolve().parent

DECLARING = ("tokenizer_config.json", "config.json")
WORDS = ["h e", "l l", "he ll", "hell o", "t h", "th e", "Ġ t", "Ġt he", "Ġ hello", "1 2", "x 1"]
LETTERS = "abcdefghijklmnopqrstuvwxyzXĠĊ01234<>/|_!"
IN_VOCABULARY = ["<s>", "</s>", "<unk>", "<|im_end|>", "<tool>", "<|endoftext|>"]
CONTENTS = [
    *IN_VOCABULARY,
    *("<pad>", "<|im_start|>", "<new>", "<extra_0>", "hello", "he", " the", "X", "th e", "<bos>"),
]
ROLES = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"]
MODEL_TYPES = ["llama", "gpt2", "opt"]
CLASSES = [
    None,
    *("PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer", "SomethingElse"),
    *("GPT2Tokenizer", "GPT2TokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast"),
    *("Qwen2Tokenizer", "Qwen2TokenizerFast", "GPTNeoXTokenizer", "GPTNeoXTokenizerFast"),
    *("CodeGenTokenizer", "CohereTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast"),
]


def byte_level(use_regex: bool, add_prefix_space: bool) -> Json:
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def vocabulary(space: str) -> tuple[dict[str, int], list[str]]:
    """A tiny BPE whose space is written as `space`."""
    merges = [merge.replace("Ġ", space) for merge in WORDS]
    letters = list(dict.fromkeys(LETTERS.replace("Ġ", space)))
    tokens = [*IN_VOCABULARY, *letters, *("".join(merge.split()) for merge in merges)]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}, merges


def flags(rng: random.Random) -> Json:
    names = ("single_word", "lstrip", "rstrip")
    return {name: rng.random() < 0.25 for name in names} | {"normalized": rng.random() < 0.5}


def token(rng: random.Random, full: bool = True) -> Json:
    value = {"content": rng.choice(CONTENTS)} | flags(rng) | {"special": rng.random() < 0.5}
    if not full:
        for name in rng.sample(sorted(set(value) - {"content"}), 2):
            del value[name]
    return value


def named(rng: random.Random, has_type: bool) -> Any:
    """A special token: null, text, or an object."""
    if rng.random() < 0.12:
        return None
    if rng.random() < 0.6:
        return rng.choice(CONTENTS)
    return token(rng, full=False) | ({"__type": "AddedToken"} if has_type else {})


def post_processor(rng: random.Random, vocab: dict[str, int]) -> Json | None:
    kind = rng.random()
    if kind < 0.35:
        return None
    if kind < 0.5:
        return byte_level(True, True)
    start, end = rng.sample(IN_VOCABULARY, 2)
    front = [{"SpecialToken": {"id": start, "type_id": 0}}] if rng.random() < 0.8 else []
    back = [{"SpecialToken": {"id": end, "type_id": 0}}] if rng.random() < 0.3 else []
    template = {
        "type": "TemplateProcessing",
        "single": [*front, {"Sequence": {"id": "A", "type_id": 0}}, *back],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            name: {"id": name, "ids": [vocab[name]], "tokens": [name]} for name in (start, end)
        },
    }
    if rng.random() < 0.3:
        return {"type": "Sequence", "processors": [byte_level(True, False), template]}
    return template


def added_tokens(rng: random.Random, vocab: dict[str, int]) -> list[Json]:
    """Mostly with the ids that the library gives them."""
    found: dict[str, Json] = {}
    following = len(vocab)
    for _ in range(rng.choice([0, 1, 3, 6])):
        value = token(rng)
        content = value["content"]
        if content in found:
            continue
        number = vocab.get(content, following)
        following += content not in vocab
        found[content] = {"id": number} | value
        if rng.random() < 0.05:
            found[content]["id"] = rng.randrange(len(vocab) + 9)
    return sorted(found.values(), key=lambda value: value["id"])


def tokenizer_json(rng: random.Random) -> Json:
    is_pieces = rng.random() < 0.25
    vocab, merges = vocabulary("▁" if is_pieces else "Ġ")
    settings = rng.choice([{}, {"ignore_merges": True}])
    prefix = rng.random() < 0.3
    step = rng.choice(
        [
            byte_level(True, prefix),
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Digits", "individual_digits": True},
                    byte_level(True, prefix),
                ],
            },
        ]
    )
    decoder = byte_level(True, True)
    if is_pieces:
        scheme = rng.choice(["first", "always", "never"])
        step = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
        decoder = {"type": "Fuse"}
        settings = {"fuse_unk": True, "byte_fallback": True, "unk_token": "<unk>"}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens(rng, vocab),
        "normalizer": rng.choice([None, None, {"type": "NFC"}]),
        "pre_tokenizer": step,
        "post_processor": post_processor(rng, vocab),
        "decoder": decoder,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges} | settings,
    }


def tokenizer_config(rng: random.Random) -> Json:
    config: Json = {}
    kind = rng.choice(CLASSES)
    if kind:
        config["tokenizer_class"] = kind
    for role in ROLES:
        if rng.random() < 0.3:
            config[role] = named(rng, has_type=True)
    for key, chance in (("add_bos_token", 0.3), ("add_eos_token", 0.2), ("add_prefix_space", 0.3)):
        if rng.random() < chance:
            config[key] = rng.random() < 0.6
    if rng.random() < 0.2:
        config["legacy"] = rng.random() < 0.5
    if rng.random() < 0.2:
        config["additional_special_tokens"] = rng.sample(CONTENTS, 2)
    if rng.random() < 0.15:
        extra = rng.sample(CONTENTS, 2)
        config["extra_special_tokens"] = extra if rng.random() < 0.5 else {"image_token": extra[0]}
    if rng.random() < 0.15:
        config["audio_token"] = rng.choice(CONTENTS)
    if rng.random() < 0.4:
        numbers = rng.sample(range(60, 75), rng.choice([0, 1, 4]))
        decoder = {str(number): token(rng, full=rng.random() < 0.8) for number in numbers}
        config["added_tokens_decoder"] = decoder
    return config


def special_tokens_map(rng: random.Random) -> Json:
    found: Json = {role: named(rng, has_type=False) for role in ROLES if rng.random() < 0.35}
    if rng.random() < 0.2:
        found["additional_special_tokens"] = rng.sample(CONTENTS, 2)
    if rng.random() < 0.1:
        found["extra_special_tokens"] = rng.sample(CONTENTS, 2)
    if rng.random() < 0.1:
        found["video_token"] = named(rng, has_type=False)
    return found


def folder(rng: random.Random) -> dict[str, Any]:
    """The files of a repository by their names."""
    files: dict[str, Any] = {"config.json": {"model_type": rng.choice(MODEL_TYPES)}}
    if rng.random() < 0.1:
        files["config.json"]["tokenizer_class"] = rng.choice(CLASSES[1:])
    if rng.random() < 0.75:
        files["tokenizer.json"] = tokenizer_json(rng)
    else:
        vocab, merges = vocabulary("Ġ")
        files["vocab.json"], files["merges.txt"] = vocab, merges
    if rng.random() < 0.8:
        files["tokenizer_config.json"] = tokenizer_config(rng)
    if rng.random() < 0.4:
        files["special_tokens_map.json"] = special_tokens_map(rng)
    if rng.random() < 0.3:
        contents = rng.sample(CONTENTS, 2)
        numbers = rng.sample(range(55, 75), 2)
        files["added_tokens.json"] = dict(zip(contents, numbers, strict=True))
    return files


def texts(rng: random.Random) -> list[str]:
    pieces = [*CONTENTS, " ", "  ", "\n", "hello the", " hello", "x12", "the", "a", "e\u0301"]
    lines = ["".join(rng.choices(pieces, k=rng.randrange(1, 9))) for _ in range(3)]
    return ["", "hello the", "  ".join(rng.sample(CONTENTS, 8)), *lines]


def write_files(path: Path, files: dict[str, Any]) -> None:
    for name, value in files.items():
        lines = name.endswith(".txt")
        (path / name).write_text("\n".join([*value, ""]) if lines else json.dumps(value))


def draw(rng: random.Random) -> Json | None:
    """A folder and its ids; None where transformers does not load it."""
    files = folder(rng)
    lines = texts(rng)
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), files)
        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
            ids = {text: tokenizer(text)["input_ids"] for text in lines}
            back = [tokenizer.decode(line, skip_special_tokens=True) for line in ids.values()]
        except Exception:  # whatever a file makes the loader run into
            return None
    return {"files": files, "ids": ids, "back": back}


def cases(seed: int, count: int) -> list[Json]:
    found, rng = [], random.Random(seed)
    while len(found) < count:
        case = draw(rng)
        if case and not is_nonsense(case["files"]):
            found.append(case)
    return found


def is_nonsense(files: dict[str, Any]) -> bool:
    """Classes that have no vocab.json: transformers then makes a tokenizer of three words."""
    declared = [files.get(name, {}).get("tokenizer_class") for name in DECLARING]
    without = ("LlamaTokenizer", "GemmaTokenizer")
    return "vocab.json" in files and any(str(name).startswith(without) for name in declared)


def shared(found: list[Json]) -> Json:
    """The cases, with the two vocabularies written once."""
    known = {space: vocabulary(space) for space in "Ġ▁"}
    for case in found:
        files = case["files"]
        whole = files.get("tokenizer.json")
        vocab = whole["model"]["vocab"] if whole else files["vocab.json"]
        space = next(space for space in known if vocab == known[space][0])
        if whole:
            whole["model"]["vocab"] = whole["model"]["merges"] = space
        else:
            files["vocab.json"] = files["merges.txt"] = space
    vocabularies = {space: {"vocab": v, "merges": m} for space, (v, m) in known.items()}
    return {"vocabularies": vocabularies, "cases": found}


def check(count: int, seed: int, compare: Callable[[Path, Json], str | None]) -> None:
    bad = 0
    for number, case in enumerate(cases(seed, count)):
        with tempfile.TemporaryDirectory() as name:
            write_files(Path(name), case["files"])
            wrong = compare(Path(name), case)
        if wrong:
            bad += 1
            print(f"case {number}: {wrong}\n{json.dumps(case['files'])}\n")
    print(f"{count} folders, {bad} wrong")


def compared(path: Path, case: Json) -> str | None:
    """How qz-import's tokenizer of a folder differs."""
    from tokenizers import Tokenizer

    from qz_import.config import Config
    from qz_import.errors import ImportFailure
    from qz_import.folder_tokenizer import read_folder_tokenizer

    config = Config(json.loads((path / "config.json").read_text()), "config.json")
    try:
        found = read_folder_tokenizer(path, config)
    except ImportFailure as error:
        return f"refused: {error}"
    assert found is not None
    text = json.dumps(found.document) if found.document else found.path.read_text()
    tokenizer = Tokenizer.from_str(text)
    for (line, expected), back in zip(case["ids"].items(), case["back"], strict=True):
        actual = tokenizer.encode(line).ids
        if actual != expected:
            return f"{line!r}: {actual}, not {expected}"
        if tokenizer.decode(expected) != back:
            return f"{line!r} comes back as {tokenizer.decode(expected)!r}, not {back!r}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=int, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=SEED + 1)
    options = parser.parse_args()
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    if options.check:
        check(options.check, options.seed, compared)
        return
    document = {"transformers": transformers.__version__, **shared(cases(SEED, CASES))}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (HERE / "tokenizer_folders.json").write_text(text.replace('{"files"', '\n{"files"') + "\n")


main()
