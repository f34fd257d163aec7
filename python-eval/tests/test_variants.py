"""How variants are written, and what a grid makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.variants import Variant, expand, grid, layers_of, parse_options, read_file


def test_the_scheme_may_stand_first() -> None:
    assert parse_options("nf4 --double-quant") == ("--quantize=nf4", "--double-quant")
    assert parse_options("--quantize=int8") == ("--quantize=int8",)
    assert parse_options("int8  --components='q,k'") == ("--quantize=int8", "--components=q,k")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("nf4 --blocks 0:12", "'0:12'"),
        ("nf4 -o x.bin", "-o"),
        ("nf4 --gguf=x", "--gguf=x"),
        ("nf4 'open", "quotation"),
    ],
)
def test_what_is_no_variant(text: str, words: str) -> None:
    with pytest.raises(UsageFailure, match=words):
        parse_options(text)


def test_grids_end_with_all_blocks() -> None:
    assert grid(4, None) == [1, 2, 3, 4]
    assert grid(4, 9) == [1, 2, 3, 4]
    assert grid(30, 4) == [8, 15, 22, 30]
    assert grid(30, 1) == [30]


def test_an_n_stands_for_every_number_of_blocks() -> None:
    got = expand([("none", "none"), ("nf4 --blocks=0:N", "nf4 --blocks=0:N")], 2, None, ("--x=1",))
    assert got == [
        Variant("none", ("--quantize=none", "--x=1")),
        Variant(
            "nf4 --blocks=0:1",
            ("--quantize=nf4", "--blocks=0:1", "--x=1"),
            ("nf4 --blocks=0:N", 1),
        ),
        Variant(
            "nf4 --blocks=0:2",
            ("--quantize=nf4", "--blocks=0:2", "--x=1"),
            ("nf4 --blocks=0:N", 2),
        ),
    ]
    named = expand([("some blocks", "nf4 --blocks=0:N")], 2, None, ())
    assert [variant.name for variant in named] == ["some blocks (N = 1)", "some blocks (N = 2)"]


def test_each_selection_once() -> None:
    got = expand([("a", "nf4"), ("b", "--quantize=nf4"), ("a", "nf4")], 2, None, ())
    assert [variant.name for variant in got] == ["a"]
    with pytest.raises(UsageFailure, match="'a'"):
        expand([("a", "nf4"), ("a", "fp4")], 2, None, ())


def test_files_of_variants(tmp_path: Path) -> None:
    path = tmp_path / "variants.json"
    path.write_text(json.dumps(["nf4", {"options": "fp4"}, {"name": "small", "options": "q4_0"}]))
    assert read_file(path) == [("nf4", "nf4"), ("fp4", "fp4"), ("small", "q4_0")]
    for content in (
        "{",
        "{}",
        "[1]",
        '[{"name": "x"}]',
        '[{"name": 3, "options": "nf4"}]',
        "[" * 9999,
    ):
        path.write_text(content)
        with pytest.raises(EvalFailure, match=r"variants\.json"):
            read_file(path)
    with pytest.raises(EvalFailure, match=r"none\.json"):
        read_file(tmp_path / "none.json")


def test_names_make_file_names() -> None:
    assert Variant("int8 --blocks=0:12,-4:", ()).file_name == "int8-blocks-0-12-4"
    assert Variant("../..", ()).file_name == "variant"


def test_a_module_states_its_layers(tmp_path: Path) -> None:
    module = tmp_path / "model.mlir"
    module.write_text('qz.model @m attributes {\n    family = "llama",\n    layers = 30 : i64,\n')
    assert layers_of(module) == 30
    module.write_text("module {}")
    with pytest.raises(EvalFailure, match="layers"):
        layers_of(module)
