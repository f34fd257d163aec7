"""Shared pieces of the end-to-end tests: the built tools, the fixture models, images of them.

Every test runs the real tools as a user would: qz-import, qzc, and the executable it wrote.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from family_results import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_logreport,
    pytest_sessionfinish,
)
from gguf_files import GgufFile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from stock_variants import copy_as_stock

# What starts the tests may ignore signals (nohup does, and a shell in the background), and programs
# inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("QZC_BUILD", ROOT / "build"))
MODELS = ROOT / "test" / "golden" / "models"
MODEL_NAMES = (
    "llama-bf16",
    "llama-f32",
    "llama-bias",
    "gpt2-f32",
    "gpt2-bf16",
    "opt-post",
    "opt-pre",
)

# One of each further family: golden values of three selections.
FAMILY_NAMES = sorted(
    folder.name
    for folder in MODELS.iterdir()
    if (folder / "golden").is_dir() and folder.name not in (*MODEL_NAMES, "gpt2-tiny")
)

# What makes a fixture's name that of its variant which stock llama.cpp can have.
STOCK = "-stock"


def scores(name: str) -> dict:
    """The selections of a fixture model with their options and golden scores."""
    return json.loads((MODELS / name / "golden" / "scores.json").read_text())


def selections() -> list[tuple[str, str]]:
    """Every fixture model with every selection that it has golden values of."""
    return [(name, selection) for name in MODEL_NAMES for selection in scores(name)["selections"]]


def run(*command: object, check: bool = True, **kwargs: object) -> subprocess.CompletedProcess[str]:
    """Runs a command with captured text output; fails the test on a nonzero exit if `check`."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, **kwargs)
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(words)}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def qzc(*arguments: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return run(BUILD / "bin" / "qzc", *arguments, **kwargs)


def qz_import(*arguments: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return run(ROOT / ".venv" / "bin" / "qz-import", *arguments, **kwargs)


def qz_interpret(module: Path, tokens: str, *arguments: object) -> np.ndarray:
    """The logits that a module means for these tokens."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.npy"
        run(BUILD / "bin" / "qz-interpret", module, "--tokens", tokens, "--logits", out, *arguments)
        return np.load(out)


def assert_refused(
    done: subprocess.CompletedProcess[str], *words: str, code: int = 1, tool: str = "qzc"
) -> None:
    """One clear line that names the thing, and the right exit code."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line]
    errors = [line for line in lines if line.startswith(f"{tool}: error: ")]
    assert len(errors) == 1 and lines[-1] == errors[0], done.stderr
    for word in words:
        assert word in errors[0], f"{word!r} is not in {errors[0]!r}"


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The imported module of a fixture model, in a folder with its weights."""
    done: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in done:
            folder = tmp_path_factory.mktemp(name) / "model"
            module = folder / "model.mlir"
            if name.endswith(STOCK):
                copy_as_stock(name.removesuffix(STOCK), folder)
            else:
                shutil.copytree(MODELS / name, folder)
            qz_import(folder, "-o", module)
            done[name] = module
        return done[name]

    return get


@pytest.fixture(scope="session")
def compiled(
    imported: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """compiled(name, *options): the executable of a fixture model, made once a session."""
    folder = tmp_path_factory.mktemp("images")
    done: dict[tuple[str, ...], Path] = {}

    def get(name: str, *options: str) -> Path:
        key = (name, *options)
        if key not in done:
            image = folder / f"{name}-{len(done)}.bin"
            # Most tests run on the CPU; test_artifact.py has the GPU code.
            arch = [] if any(o.startswith("--arch") for o in options) else ["--arch=none"]
            qzc(imported(name), *options, *arch, "-o", image)
            done[key] = image
        return done[key]

    return get


@pytest.fixture(scope="session")
def exported(
    imported: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., GgufFile]:
    """exported(name, *options): the GGUF of a fixture model, and its executable."""
    folder = tmp_path_factory.mktemp("gguf")
    done: dict[tuple[str, ...], GgufFile] = {}

    def get(name: str, *options: str) -> GgufFile:
        key = (name, *options)
        if key not in done:
            path = folder / f"{name}-{len(done)}"
            image = path.with_suffix(".bin")
            module = imported(name)
            qzc(module, *options, "--arch=none", f"--gguf={path}.gguf", "-o", image)
            done[key] = GgufFile(path.with_suffix(".gguf"), image, module.parent)
        return done[key]

    return get


@pytest.fixture
def copied(imported: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A private copy of an imported fixture model, to be damaged."""

    def get(name: str) -> Path:
        shutil.copytree(imported(name).parent, tmp_path / name)
        return tmp_path / name / "model.mlir"

    return get
