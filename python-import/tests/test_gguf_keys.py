"""No key of a GGUF that llama.cpp's loader reads is overlooked. Which those are llama.cpp itself
tells: golden/make_gguf_keys.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from stock_gguf import StockWriter

from qz_import.cli import main

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "golden"))
from stock_variants import ARCHITECTURES, STOCK_NAMES, config_of, copy_as_stock  # noqa: E402

GOLDEN = json.loads((Path(__file__).parent / "golden" / "gguf_keys.json").read_text())
# Of no kind that the key has, as the script has them, and one that no key of numbers can have.
WRONG = ("no number", True, ["no number"], [True, False, True])
# What llama.cpp reads and does not use for the text of these models.
WITHOUT_EFFECT = {
    "classifier.activation",
    "classifier.output_labels",
    "classifier.pooling_type",
    "pooling_type",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",  # of yarn and longrope alone
    "vocab_size",
}
# It has learned positions, and llama.cpp reads how they would turn.
NOT_ROTARY = ("gpt2", "rope.")
TOKENIZER_WITHOUT_EFFECT = {
    f"tokenizer.ggml.{name}"
    for name in (
        *(f"{name}_token_id" for name in ("mask", "middle", "padding", "prefix", "seperator")),
        *(f"fim_{name}_token_id" for name in ("mid", "pad", "pre", "rep", "sep", "suf")),
        *("suffix_token_id", "unknown_token_id", "token_type_count", "remove_extra_whitespaces"),
        "scores",
    )
}


def fixture_of(architecture: str, folder: Path) -> StockWriter:
    for name in STOCK_NAMES:
        source = copy_as_stock(name, folder / name)
        has_tokenizer = (source / "tokenizer.json").exists()
        if has_tokenizer and ARCHITECTURES[config_of(source)["model_type"]] == architecture:
            return StockWriter(source)
    raise AssertionError(f"no fixture of {architecture}")


def is_overlooked(model: StockWriter, key: str, folder: Path) -> bool:
    """Whether every wrong value imports as if it were not there."""
    kept = model.values
    for wrong in WRONG:
        model.values = kept | {key: wrong}
        path = model.write(folder / "x.gguf")
        model.values = kept
        try:
            main([str(path), "-o", str(folder / "m.mlir")])
        except SystemExit:
            return False
    return True


@pytest.mark.parametrize("architecture", sorted(GOLDEN["architectures"]))
def test_keys_of_architectures(tmp_path: Path, architecture: str) -> None:
    """Those of all architectures in one of them."""
    model = fixture_of(architecture, tmp_path)
    keys = GOLDEN["architectures"][architecture]
    keys = [*keys, *GOLDEN["common"]] if architecture == "llama" else keys
    assert [
        key
        for key in keys
        if key not in WITHOUT_EFFECT
        and not (architecture == NOT_ROTARY[0] and key.startswith(NOT_ROTARY[1]))
        and is_overlooked(model, f"{architecture}.{key}", tmp_path)
    ] == []


def test_keys_of_tokenizers(tmp_path: Path) -> None:
    model = fixture_of("llama", tmp_path)
    keys = set(GOLDEN["tokenizer"]) - TOKENIZER_WITHOUT_EFFECT
    assert [key for key in sorted(keys) if is_overlooked(model, key, tmp_path)] == []
