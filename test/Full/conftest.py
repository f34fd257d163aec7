"""What the tests of scripts/test-full share: SmolLM2-135M as a folder, a module and executables, a
public text, and programs of the project. They run in an environment that has torch and more."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Nothing here is on the Hub; asking for it would only take time.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("QZC_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "test" / "EndToEnd"))


def run(*command: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end with captured output; fails the test where it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(words)}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def qz_eval(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run(BUILD / "bin" / "qz-eval", *arguments)


@pytest.fixture(scope="session")
def data() -> Path:
    """A folder that stays: what was fetched or imported is there the next time."""
    folder = Path(os.environ.get("QZC_FULL_DATA", ROOT / "build" / "full"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def gguf(data: Path) -> Path:
    return Path(run(ROOT / "scripts" / "demo-data", data).stdout.strip())


@pytest.fixture(scope="session")
def text(data: Path, gguf: Path) -> Path:
    """Debian's FAQ."""
    return data / "debian-faq.txt"


@pytest.fixture(scope="session")
def module(data: Path, gguf: Path) -> Path:
    """SmolLM2, imported by this importer; smollm2.hf beside it is the same for transformers."""
    path, stamp = data / "smollm2.mlir", data / "smollm2.importer"
    sources = sorted((ROOT / "python-import" / "qz_import").rglob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        run(ROOT / ".venv" / "bin" / "qz-import", gguf, "--dtype=bf16", "-o", path)
        stamp.write_text(digest)
    return path


@pytest.fixture(scope="session")
def folder(module: Path) -> Path:
    return module.with_suffix(".hf")


@pytest.fixture(scope="session")
def compiled(module: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """compiled(*options): SmolLM2's executable for the CPU, made once a session."""
    place = tmp_path_factory.mktemp("images")
    done: dict[tuple[str, ...], Path] = {}

    def get(*options: str) -> Path:
        if options not in done:
            image = place / f"{len(done)}.bin"
            run(BUILD / "bin" / "qzc", module, *options, "--arch=none", "-o", image)
            done[options] = image
        return done[options]

    return get
