"""The executable is self-contained, reproducible, and has code for every default GPU."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, assert_refused, qz_import, qzc, run

Compiled = Callable[..., Path]
NEWEST_GLIBC = (2, 34)
# What libc itself is made of.
LIBC = re.compile(r"^(linux-vdso|libc|libm|libdl|libpthread|librt|/lib64/ld-linux-x86-64)\.so")


@pytest.fixture(scope="module")
def image(compiled: Compiled) -> Path:
    return compiled("llama-bf16", "--quantize=nf4", "--arch=80,86,89,90a,100,120,compute_80")


def test_links_libc_only(image: Path) -> None:
    names = [line.split()[0] for line in run("ldd", image).stdout.splitlines()]
    assert names and all(LIBC.match(name) for name in names), names


def test_needs_no_new_glibc(image: Path) -> None:
    found = re.findall(r"GLIBC_(\d+)\.(\d+)", run("objdump", "-T", image).stdout)
    versions = {(int(major), int(minor)) for major, minor in found}
    assert versions and max(versions) <= NEWEST_GLIBC, versions


def test_runs_from_anywhere_with_an_empty_environment(image: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copy(image, moved)
    done = subprocess.run(
        [moved, "--device=cpu", "--tokens", "1,2,3", "-n", "2"],
        cwd="/", env={}, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 2


def test_holds_every_default_architecture(imported: Callable[[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "x.bin"
    qzc(imported("llama-f32"), "-o", out)
    info = json.loads(run(out, "--info", "--json").stdout)
    assert info["gpu_code"] == [
        "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120", "compute_80 (PTX)"
    ]


def test_executables_for_the_cpu_alone(
    imported: Callable[[str], Path], compiled: Compiled, tmp_path: Path
) -> None:
    """They are made without NVRTC."""
    out = tmp_path / "x.bin"
    environment = {**os.environ, "QZC_NVRTC": str(tmp_path / "none.so")}
    qzc(imported("llama-bf16"), "--quantize=nf4", "--arch=none", "-o", out, env=environment)
    info = json.loads(run(out, "--info", "--json").stdout)
    assert info["gpu_code"] == [] and info["nvrtc"] == ""
    tokens = ("--tokens", "5,6,7", "-n", "4", "--ignore-eos")
    done = run(out, *tokens)
    assert "this executable holds no GPU code" in done.stderr
    with_code = compiled("llama-bf16", "--quantize=nf4", "--arch=compute_80")
    assert done.stdout == run(with_code, "--device=cpu", *tokens).stdout
    assert_refused(run(out, "--device=cuda", *tokens, check=False), tool=str(out))


def test_same_bytes_from_any_folder_with_any_threads(
    imported: Callable[[str], Path], tmp_path: Path
) -> None:
    module = imported("llama-bf16")
    other = tmp_path / "elsewhere"
    shutil.copytree(module.parent, other)
    options = ("--quantize=nf4", "--components=attn,head", "--arch=80,compute_80")
    first, second, third = (tmp_path / name for name in ("1.bin", "2.bin", "3.bin"))
    qzc(module, *options, "--threads=1", "-o", first)
    qzc("model.mlir", *options, "--threads=3", "-o", second, cwd=other)
    qzc(module, *options, "-o", third)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_altered_or_cut_images_are_refused(image: Path, tmp_path: Path) -> None:
    raw = image.read_bytes()
    # include/qzc/Format/Image.h: the footer's third field is where the section table begins; the
    # runtime is the first section.
    (table,) = struct.unpack_from("<Q", raw, len(raw) - 72 + 8)
    (stub,) = struct.unpack_from("<Q", raw, table + 24)
    broken = tmp_path / "broken"
    shutil.copy(image, broken)
    step = max(1, (len(raw) - stub) // 23)
    # The end of the runtime is its section headers, which nothing needs to start.
    for spot in [stub - 1, *range(stub, len(raw), step), len(raw) - 1]:
        changed = bytearray(raw)
        changed[spot] ^= 0x10
        broken.write_bytes(changed)
        done = run(broken, "--device=cpu", "--tokens", "1", "-n", "1", check=False)
        assert done.returncode == 1 and "error: " in done.stderr, (spot, done.stderr)
    for length in (stub + 100, len(raw) - 4096, len(raw) - 1):
        broken.write_bytes(raw[:length])
        done = run(broken, "--device=cpu", "--tokens", "1", "-n", "1", check=False)
        assert done.returncode == 1 and str(broken) in done.stderr, done.stderr


def test_external_weights(
    imported: Callable[[str], Path], compiled: Compiled, tmp_path: Path
) -> None:
    out, weights = tmp_path / "x.bin", tmp_path / "x.weights"
    qzc(
        imported("llama-bf16"), "--quantize=int8", "--arch=none", f"--weights={weights}", "-o", out
    )
    command = ("--device=cpu", "--tokens", "5,6,7", "-n", "4", "--ignore-eos")
    embedded = compiled("llama-bf16", "--quantize=int8")
    assert run(out, *command).stdout == run(embedded, *command).stdout
    raw = bytearray(weights.read_bytes())
    raw[len(raw) // 2] ^= 4
    weights.write_bytes(raw)
    done = run(out, *command, check=False)
    assert done.returncode == 1 and "x.weights" in done.stderr
    weights.unlink()
    done = run(out, *command, check=False)
    assert done.returncode == 1 and "x.weights" in done.stderr


def test_synthetic_weights_need_no_files(
    imported: Callable[[str], Path], tmp_path: Path
) -> None:
    module = imported("llama-bf16")
    alone = tmp_path / "model.mlir"
    text, count = re.subn(r",\s*tokenizer = @tokenizer", "", module.read_text())
    assert count == 1
    alone.write_text(text)
    def logits(image: Path, *options: str) -> np.ndarray:
        out = tmp_path / "x.npy"
        run(image, "--device=cpu", "--tokens", "5,6,7", "--logits", out, *options)
        return np.load(out)

    images = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for image, seed in zip(images, ("1", "2"), strict=True):
        qzc(alone, "--quantize=nf4", "--weights=synthetic", "--seed", seed, "--arch=none",
            "-o", image)
    first = logits(images[0])
    assert np.isfinite(first).all() and first.std() > 0
    assert np.array_equal(first, logits(images[0], "--threads=1"))
    assert not np.array_equal(first, logits(images[1]))
    # Nor a tokenizer: such an executable takes token ids alone.
    done = run(images[0], "--device=cpu", "--prompt", "a", check=False)
    assert_refused(done, "no tokenizer", tool=str(images[0]))


@pytest.mark.parametrize("name", ["gpt2-bf16", "opt-post"])
def test_a_configuration_alone_is_enough(tmp_path: Path, name: str) -> None:
    shutil.copy(MODELS / name / "config.json", tmp_path)
    qz_import(tmp_path, "-o", tmp_path / "model.mlir")
    image = tmp_path / "model.bin"
    options = ("--weights=synthetic", "--quantize=int8", "--arch=none")
    qzc(tmp_path / "model.mlir", *options, "-o", image)
    done = run(image, "--device=cpu", "--tokens", "5,6,7", "-n", "3", "--ignore-eos")
    assert len(json.loads(done.stdout)) == 3
