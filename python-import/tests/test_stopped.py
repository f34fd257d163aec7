"""A run that is stopped leaves nothing, and the next run clears what a killed one left."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import tree, weights, write_folder
from torch_files import write_torch

from qz_import.cli import main

Imports = Callable[..., str]
LONG_AGO = 1_000_000_000
# Staging a torch file, then waiting where the module would be written.
WAITING = """
import sys, time
from qz_import import cli, companion
def wait(*_):
    print("staged", flush=True)
    time.sleep(60)
companion.Companion.write = wait
cli.run_from_shell()
"""


def torch_folder(path: Path) -> Path:
    folder = write_folder(path)
    (folder / "model.safetensors").unlink()
    write_torch(folder / "pytorch_model.bin", weights())
    return folder


def waiting(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WAITING, "hf", "-o", "m.mlir"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "staged\n"
    assert any(name.startswith(".m.hf.") for name in tree(folder))
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals(tmp_path: Path, number: signal.Signals) -> None:
    torch_folder(tmp_path / "hf")
    before = tree(tmp_path)
    process = waiting(tmp_path)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    word = "interrupted" if number is signal.SIGINT else f"stopped by {number.name}"
    assert said.splitlines()[-1] == f"qz-import: error: {word}"
    assert tree(tmp_path) == before


def age(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def test_what_a_killed_run_left_is_cleared(tmp_path: Path, imports: Imports) -> None:
    torch_folder(tmp_path / "hf")
    process = waiting(tmp_path)
    process.kill()
    process.communicate()
    (left,) = tmp_path.glob(".m.hf.*.tmp")
    (tmp_path / ".m.mlir.77.tmp").write_text("half")
    (tmp_path / ".n.mlir.77.tmp").write_text("another's")
    imports(tmp_path / "hf", tmp_path / "m.mlir")
    # As if it might have begun just now.
    assert left.exists()
    for path in (left, tmp_path / ".m.mlir.77.tmp", tmp_path / ".n.mlir.77.tmp"):
        age(path)
    imports(tmp_path / "hf", tmp_path / "m.mlir")
    assert [path.name for path in tmp_path.glob(".*")] == [".n.mlir.77.tmp"]


def test_a_living_run_keeps_its_files(tmp_path: Path, imports: Imports) -> None:
    torch_folder(tmp_path / "hf")
    left = tmp_path / ".m.hf.77.tmp"
    left.mkdir()
    number = os.open(left, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    age(left)
    imports(tmp_path / "hf", tmp_path / "m.mlir")
    assert left.exists()
    os.close(number)
    imports(tmp_path / "hf", tmp_path / "m.mlir")
    assert not left.exists()


def test_what_a_killed_run_put_aside_comes_back(tmp_path: Path) -> None:
    torch_folder(tmp_path / "hf")
    main([str(tmp_path / "hf"), "-o", str(tmp_path / "m.mlir")])
    (tmp_path / "m.hf").rename(tmp_path / ".m.hf.77.old")
    age(tmp_path / ".m.hf.77.old")
    (tmp_path / "hf" / "config.json").write_text("{}")
    with pytest.raises(SystemExit):
        main([str(tmp_path / "hf"), "-o", str(tmp_path / "m.mlir")])
    assert (tmp_path / "m.hf" / "model.safetensors").exists()
