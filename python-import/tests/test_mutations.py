"""Files that were altered somewhere import, or get one line; nothing is left, nothing hangs."""

from __future__ import annotations

import shutil
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import gguf
import pytest
from conftest import tree
from stock_gguf import StockWriter

from qz_import.cli import main

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test"))
from mutations import Mutator, seeds  # noqa: E402

MODELS = sorted(path.parent for path in (ROOT / "test/golden/models").glob("*/config.json"))
# Names of the files that are altered, each in all models that have it.
JSON_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
)
GGUF_MODELS = ("qwen3", "gemma3", "falcon-groups", "phi3-long")
SECONDS = 20

Fault = Callable[[Path], str]


class _TooLong(BaseException):
    """Nothing catches this by accident."""


def _stop(_: int, __: FrameType | None) -> NoReturn:
    raise _TooLong(f"still running after {SECONDS} seconds")


@pytest.fixture
def fault_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fault]:
    """fault_of(SOURCE): what a user would complain of, or nothing."""

    def fault(source: Path) -> str:
        output = tmp_path / "m.mlir"
        before = tree(tmp_path)
        signal.alarm(SECONDS)
        try:
            main([str(source), "-o", str(output)])
        except SystemExit as stop:
            lines = capsys.readouterr().err.splitlines()
            errors = [line for line in lines if line.startswith("qz-import: error: ")]
            if stop.code not in (1, 2) or len(errors) != 1 or lines[-1] != errors[0]:
                return f"exit {stop.code}, {lines}"
            if len(errors[0]) > 1000 or not errors[0].isprintable():
                return f"not for people: {errors[0]!r}"
            return "" if tree(tmp_path) == before else "something is left"
        except (Exception, _TooLong):
            return traceback.format_exc()
        finally:
            signal.alarm(0)
        shutil.rmtree(tmp_path / "m.hf", ignore_errors=True)
        output.unlink()
        return ""

    previous = signal.signal(signal.SIGALRM, _stop)
    yield fault
    signal.signal(signal.SIGALRM, previous)


def copy_of(model: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in model.iterdir():
        if file.is_file():
            (folder / file.name).symlink_to(file)
    return folder


def put(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def expect_none(count: int, alter: Callable[[int], tuple[Path, str]], fault_of: Fault) -> None:
    """No seed of so many makes a fault: `alter` makes a source of a seed, and names it."""
    found = []
    for seed in seeds(count):
        source, name = alter(seed)
        if fault := fault_of(source):
            found.append(f"{name}, seed {seed}: {fault[-1000:]}")
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("name", JSON_FILES)
def test_json(tmp_path: Path, fault_of: Fault, name: str) -> None:
    models = [model for model in MODELS if (model / name).exists()]

    def alter(seed: int) -> tuple[Path, str]:
        model = models[seed % len(models)]
        folder = copy_of(model, tmp_path / "hf")
        put(folder / name, Mutator(seed).json_bytes((model / name).read_bytes()))
        return folder, f"{name} of {model.name}"

    expect_none(60, alter, fault_of)


def test_merges(tmp_path: Path, fault_of: Fault) -> None:
    model = next(model for model in MODELS if (model / "merges.txt").exists())
    text = (model / "merges.txt").read_text(encoding="utf-8")

    def alter(seed: int) -> tuple[Path, str]:
        folder = copy_of(model, tmp_path / "hf")
        mutator = Mutator(seed)
        changed = mutator.text(text).encode() if seed % 2 else mutator.bytes(text.encode())
        put(folder / "merges.txt", changed)
        return folder, "merges.txt"

    expect_none(30, alter, fault_of)


def test_safetensors(tmp_path: Path, fault_of: Fault) -> None:
    """The header, as text and as bytes with its length before it."""
    models = [model for model in MODELS if (model / "model.safetensors").exists()]

    def alter(seed: int) -> tuple[Path, str]:
        model = models[seed % len(models)]
        raw = (model / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        mutator = Mutator(seed)
        if seed % 3:
            header = mutator.json_bytes(raw[8 : 8 + length])
            changed = struct.pack("<Q", len(header)) + header + raw[8 + length :]
        else:
            changed = mutator.bytes(raw, within=8 + length)
        folder = copy_of(model, tmp_path / "hf")
        put(folder / "model.safetensors", changed)
        return folder, f"model.safetensors of {model.name}"

    expect_none(60, alter, fault_of)


def test_gguf(tmp_path: Path, fault_of: Fault) -> None:
    """What stands before the tensors' data."""
    path = tmp_path / "x.gguf"
    raws = []
    for name in GGUF_MODELS:
        StockWriter(ROOT / "test/golden/models" / name).write(path)
        raws.append((name, path.read_bytes(), gguf.GGUFReader(path).data_offset))

    def alter(seed: int) -> tuple[Path, str]:
        name, raw, header = raws[seed % len(raws)]
        path.write_bytes(Mutator(seed).bytes(raw, within=header))
        return path, f"GGUF of {name}"

    expect_none(60, alter, fault_of)
