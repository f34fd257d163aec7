"""The call itself: wrong ones exit 2, outputs that cannot be written leave nothing."""

from __future__ import annotations

import builtins
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import tree, weights, write_folder
from torch_files import write_torch

from qz_import.cli import main

Refuses = Callable[..., None]


def test_wrong_calls(tmp_path: Path, refuses: Refuses) -> None:
    folder = write_folder(tmp_path / "hf")
    out = tmp_path / "m.mlir"
    refuses([], "SOURCE", code=2)
    refuses([folder], "-o", code=2)
    refuses([folder, "-o", out, "--nonsense"], "--nonsense", code=2)
    refuses([folder, "-o", tmp_path / "model"], "model", ".mlir", code=2)
    refuses([folder, "-o", out, "--dtype=f64"], "f64", "bf16", code=2)
    refuses([folder, "-o", out, "--dtype=bf16"], "--dtype", code=2)


def test_missing_source(tmp_path: Path, refuses: Refuses) -> None:
    refuses([tmp_path / "nowhere", "-o", tmp_path / "m.mlir"], "nowhere", "no such file")


def test_unwritable_output(tmp_path: Path, refuses: Refuses) -> None:
    folder = write_folder(tmp_path / "hf")
    refuses([folder, "-o", tmp_path / "no" / "m.mlir"], "m.mlir", "does not exist")
    (tmp_path / "x.mlir").mkdir()
    refuses([folder, "-o", tmp_path / "x.mlir"], "x.mlir", "folder")
    refuses([folder, "-o", "/proc/m.mlir"], "/proc/m.mlir", "cannot write")


def test_full_disk(tmp_path: Path) -> None:
    """A limit on a file's size stands in for a full disk."""
    folder = write_folder(tmp_path / "hf")
    before = tree(tmp_path)
    command = f"ulimit -f 1; trap '' XFSZ; exec '{sys.executable}' -m qz_import hf -o m.mlir"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("qz-import: error: m.mlir: cannot write: ")
    assert tree(tmp_path) == before
    assert folder.exists()


def test_an_older_module_survives_a_failure(tmp_path: Path, refuses: Refuses) -> None:
    folder = write_folder(tmp_path / "hf")
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    (folder / "config.json").write_text("{}")
    refuses([folder, "-o", tmp_path / "m.mlir"], "model_type")


def test_quiet_in_a_pipe(tmp_path: Path) -> None:
    write_folder(tmp_path / "hf")
    command = [sys.executable, "-m", "qz_import", "hf", "-o", "m.mlir"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_progress_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("qz_import.progress.REDRAW_SECONDS", 0)
    main([str(write_folder(tmp_path / "hf")), "-o", str(tmp_path / "m.mlir")])
    err = capsys.readouterr().err
    assert "hashing model.safetensors: 100%" in err
    assert err.endswith("\r\x1b[K")


# --- models of the hub ---


def test_hub_id_without_the_library(
    tmp_path: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "huggingface_hub":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.delitem(sys.modules, "huggingface_hub", raising=False)
    refuses(
        ["maker/model", "-o", tmp_path / "m.mlir"], "maker/model", "pip install huggingface_hub"
    )


@pytest.mark.parametrize("is_torch", [False, True])
def test_hub_id_with_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_torch: bool
) -> None:
    """A stand-in for huggingface_hub: what is asked for, and where the snapshot is."""
    folder = write_folder(tmp_path / "snapshot")
    if is_torch:
        (folder / "model.safetensors").unlink()
    asked = []

    def snapshot_download(model: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((model, revision, allow_patterns))
        if "pytorch_model*.bin" in allow_patterns:
            write_torch(folder / "pytorch_model.bin", weights())
        return str(folder)

    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    main(["maker/model-1.5", "--revision=v2", "-o", str(tmp_path / "m.mlir")])
    first = ("maker/model-1.5", "v2", ["*.json", "*.jinja", "merges.txt", "*.safetensors"])
    second = ("maker/model-1.5", "v2", ["pytorch_model*.bin"])
    assert asked == ([first, second] if is_torch else [first])
    reference = '"m.hf/model.safetensors"' if is_torch else '"snapshot/model.safetensors"'
    assert reference in (tmp_path / "m.mlir").read_text()


def test_hub_failure(tmp_path: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise RuntimeError("404 Client Error\nRequest ID: 1")

    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    refuses(["maker/model", "-o", tmp_path / "m.mlir"], "maker/model", "404 Client Error")
