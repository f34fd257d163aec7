"""No key of config.json changes the model behind our back: each that transformers' class reads is
followed, refused, or known to change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qz_import.cli import main
from qz_import.config import Config
from qz_import.families import family_of, model_types
from qz_import.known_keys import (
    GENERATION_KEYS,
    SAMPLING,
    UNFOLLOWED_SETTINGS,
    transformers_keys,
)

Run = Callable[[dict[str, Any]], tuple[int, str, str]]
KEYS = transformers_keys()
FAMILIES = model_types()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, module and what was said of a configuration without weights."""

    def imported(config: dict[str, Any]) -> tuple[int, str, str]:
        folder = tmp_path / "hf"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config))
        module = tmp_path / "m.mlir"
        module.unlink(missing_ok=True)
        code = 0
        try:
            main([str(folder), "-o", str(module)])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr().err
        return code, module.read_text() if code == 0 else "", said

    return imported


# Keys beside which others matter that do not without them.
USED: dict[str, dict[str, Any]] = {
    "falcon": {"new_decoder_architecture": True},
    "gemma3_text": {"sliding_window_pattern": 2},
    "qwen2": {"use_sliding_window": True, "max_window_layers": 1},
    "qwen3": {"use_sliding_window": True, "max_window_layers": 1},
    "smollm3": {"use_sliding_window": True, "sliding_window": 8, "no_rope_layer_interval": 2},
}


def small(model_type: str) -> dict[str, Any]:
    """Nothing but the model_type, and few layers."""
    config = {"model_type": model_type}
    return config | {family_of(Config(config, "config.json")).keys.layers: 2}


def other_than(value: Any) -> Any:
    """A value of the same kind, as far as there is a kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if value else 0.5
    if isinstance(value, str):
        return f"{value}_of_another_kind"
    return {"of": "another kind"} if value is None else ["another"]


@pytest.mark.parametrize("model_type", FAMILIES)
def test_transformers_was_asked(model_type: str) -> None:
    """Run tests/golden/make_transformers_keys.py for a new family."""
    assert model_type in KEYS["families"]


@pytest.mark.parametrize("model_type", FAMILIES)
def test_every_key_has_a_default(model_type: str, run: Run) -> None:
    code, module, said = run({"model_type": model_type})
    assert code == 0, said
    assert "warning" not in said
    defaults = KEYS["families"][model_type]["defaults"]
    # StarCoder2's default ids are beyond its default vocabulary.
    values = {k: v for k, v in defaults.items() if v is not None and not k.endswith("_token_id")}
    assert run(values | {"model_type": model_type}) == (code, module, said)


@pytest.mark.parametrize("model_type", FAMILIES)
def test_no_key_is_overlooked(model_type: str, run: Run) -> None:
    """A dtype is asked for where there are no weights, as here."""
    base = small(model_type)
    more = base | USED.get(model_type, {})
    own = KEYS["families"][model_type]
    code, module, _ = run(base)
    used_code, used_module, _ = run(more)
    assert code == used_code == 0
    defaults = {**KEYS["common"], **own["defaults"], **dict.fromkeys(own["aliases"], 6)}
    for key, value in defaults.items():
        changed = run({**base, key: other_than(value)})
        if key in family_of(Config(base, "")).known.ignored and not key.endswith("dtype"):
            assert changed[:2] == (0, module) and "warning" not in changed[2], key
            continue
        used = run({**more, key: other_than(more.get(key, value))})
        outcomes = ((module, changed), (used_module, used))
        assert any(
            got[0] == 1 or got[1] != before or "warning" in got[2] for before, got in outcomes
        ), key
        # What a section holds is another matter.
        assert "unknown keys" not in changed[2] or f": {key}." in changed[2], key


def test_settings_of_generation_are_known() -> None:
    asked = {"bos_token_id", "eos_token_id"}
    assert set(KEYS["generation"]) <= GENERATION_KEYS.ignored | asked
    assert set(UNFOLLOWED_SETTINGS) <= SAMPLING


@pytest.mark.parametrize("model_type", FAMILIES)
def test_keys_that_nobody_knows(model_type: str, run: Run) -> None:
    base = small(model_type)
    _, module, _ = run(base)
    code, changed, said = run(base | {"novelty": 3, "nothing": None, "a\nb": {}})
    assert (code, changed) == (0, module)
    assert "unknown keys were not followed: novelty, a\\nb\n" in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("is_encoder_decoder", True),
        ("is_encoder_decoder", 0),
        ("add_cross_attention", True),
        ("sliding_window", 4),
        ("attention_chunk_size", 4),
        ("layer_types", ["full_attention", "sliding_attention"]),
        ("layer_types", "linear_attention"),
        ("per_layer_config", {"0": {"num_attention_heads": 1}}),
        ("pruned_heads", {"0": [1]}),
        ("cross_attention_hidden_size", 8),
    ],
)
def test_what_no_family_computes(key: str, value: Any, run: Run) -> None:
    code, _, said = run(small("llama") | {key: value})
    assert code == 1 and f"{key} is" in said and "not supported" in said


def test_the_value_that_is_computed(run: Run) -> None:
    _, module, _ = run(small("llama"))
    values = {
        "is_encoder_decoder": False,
        "sliding_window": None,
        "layer_types": ["full_attention"] * 2,
        "pruned_heads": {},
    }
    assert run(small("llama") | values)[:2] == (0, module)


def test_the_other_names_of_gpt2s_sizes(run: Run) -> None:
    """transformers sets them after the class's own, so they win."""
    sizes = {"n_embd": 24, "n_head": 3, "n_layer": 2, "n_positions": 16}
    names = KEYS["families"]["gpt2"]["aliases"]
    others = {other: sizes[name] for other, name in names.items()}
    expected = run({"model_type": "gpt2", **sizes})
    assert expected[0] == 0
    assert run({"model_type": "gpt2", **others}) == expected
    wrong = {name: 2 * size for name, size in sizes.items()}
    assert run({"model_type": "gpt2", **wrong, **others}) == expected
    nulls = dict.fromkeys(others)
    assert run({"model_type": "gpt2", **sizes, **nulls}) == expected
    code, _, said = run({"model_type": "gpt2", **sizes, "hidden_size": -1})
    assert code == 1 and "hidden_size is -1" in said
