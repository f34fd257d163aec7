"""Small models on disk, made as the test goes, and ways to run qz-import on them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from qz_import.cli import main

# What starts the tests may ignore signals (nohup does, and a shell in the background), and programs
# inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

Tree = dict[str, int]

VOCAB, HIDDEN, INTERMEDIATE, HEADS, KV_HEADS = 20, 12, 10, 3, 1
HEAD_DIM = HIDDEN // HEADS

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": VOCAB,
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOKENIZER = {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}}}


def weights(dtype: type = np.float32) -> dict[str, np.ndarray]:
    """Random weights of the model that CONFIG describes."""
    random = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCAB, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for layer in range(CONFIG["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        shapes |= {
            f"{prefix}.input_layernorm.weight": (HIDDEN,),
            f"{prefix}.self_attn.q_proj.weight": (HIDDEN, HIDDEN),
            f"{prefix}.self_attn.k_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
            f"{prefix}.self_attn.v_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
            f"{prefix}.self_attn.o_proj.weight": (HIDDEN, HIDDEN),
            f"{prefix}.post_attention_layernorm.weight": (HIDDEN,),
            f"{prefix}.mlp.gate_proj.weight": (INTERMEDIATE, HIDDEN),
            f"{prefix}.mlp.up_proj.weight": (INTERMEDIATE, HIDDEN),
            f"{prefix}.mlp.down_proj.weight": (HIDDEN, INTERMEDIATE),
        }
    return {name: random.normal(0, 0.1, shape).astype(dtype) for name, shape in shapes.items()}


def write_folder(
    folder: Path,
    config: dict[str, Any] | None = None,
    tensors: dict[str, np.ndarray] | None = None,
) -> Path:
    """A Hugging Face folder: config.json, tokenizer.json and one model.safetensors."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    save_file(weights() if tensors is None else tensors, folder / "model.safetensors")
    return folder


def graph_of(module: str) -> str:
    """A module without what it is called as a GGUF, which may tell the configuration."""
    before, _, after = module.partition("gguf = ")
    return before + after.partition("qz.graph")[2]


def tree(folder: Path) -> Tree:
    """Every file below a folder with its size."""
    return {
        str(path.relative_to(folder)): path.stat().st_size if path.is_file() else -1
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def imports(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """imports(SOURCE, OUT, …): runs qz-import, which must succeed, and returns the module."""

    def run(source: object, output: Path, *options: str) -> str:
        main([str(source), "-o", str(output), *options])
        assert capsys.readouterr().out == ""
        return output.read_text()

    return run


@pytest.fixture
def refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., None]:
    """refuses(ARGUMENTS, WORDS…): exactly one error line with all the words, nothing written."""

    def run(arguments: list[object], *words: str, code: int = 1) -> None:
        before = tree(tmp_path)
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert stop.value.code == code
        assert captured.out == ""
        lines = captured.err.splitlines()
        assert sum(line.startswith("qz-import: error: ") for line in lines) == 1, captured.err
        assert lines[-1].startswith("qz-import: error: ")
        for word in words:
            assert word in lines[-1]
        assert tree(tmp_path) == before

    return run
