"""Bad input to the compiler gets one clear line and an exit code, and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, assert_refused, qzc

Copied = Callable[[str], Path]
MODEL = "llama-bf16"


def header_of(path: Path) -> tuple[dict, bytes]:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def write_safetensors(path: Path, header: dict, data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def compile_refused(
    module: Path, *words: str, options: tuple[str, ...] = (), code: int = 1
) -> None:
    before = sorted(module.parent.iterdir())
    out = module.parent / "out.bin"
    done = qzc(module, "--arch=none", *options, "-o", out, check=False, cwd=module.parent)
    assert_refused(done, *words, code=code)
    assert sorted(module.parent.iterdir()) == before


def test_missing_weights(copied: Copied) -> None:
    module = copied(MODEL)
    (module.parent / "model.safetensors").unlink()
    compile_refused(module, "model.safetensors", "No such file")


def test_truncated_weights(copied: Copied) -> None:
    module = copied(MODEL)
    weights = module.parent / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 7)
    compile_refused(module, "model.safetensors", "bytes")


def test_changed_weights(copied: Copied) -> None:
    module = copied(MODEL)
    weights = module.parent / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    compile_refused(module, "model.safetensors", "changed since it was imported")


def test_changed_tokenizer(copied: Copied) -> None:
    module = copied(MODEL)
    with (module.parent / "tokenizer.json").open("a") as file:
        file.write("\n")
    compile_refused(module, "tokenizer.json")


def fix_hash(module: Path, weights: Path) -> None:
    """Makes the module trust damaged weights, to reach the checks behind the hash."""
    import hashlib

    raw = weights.read_bytes()
    text = module.read_text()
    pattern = rf'("{re.escape(weights.name)}" size )\d+( sha256 ")[0-9a-f]+'
    text, count = re.subn(
        pattern, rf"\g<1>{len(raw)}\g<2>{hashlib.sha256(raw).hexdigest()}", text
    )
    assert count == 1
    module.write_text(text)


@pytest.mark.parametrize("value", [0x7FC0, 0x7F80], ids=["nan", "inf"])
@pytest.mark.parametrize("options", [("--quantize=nf4",), ("--quantize=int8",), ()])
def test_weight_that_is_no_number(copied: Copied, value: int, options: tuple[str, ...]) -> None:
    module = copied(MODEL)
    weights = module.parent / "model.safetensors"
    header, data = header_of(weights)
    name = "model.layers.1.mlp.down_proj.weight"
    begin, _ = header[name]["data_offsets"]
    _, cols = header[name]["shape"]
    spot = bytearray(data)
    struct.pack_into("<H", spot, begin + 2 * (3 * cols + 5), value)
    length = len(weights.read_bytes()) - len(data)
    weights.write_bytes(weights.read_bytes()[:length] + spot)
    fix_hash(module, weights)
    compile_refused(module, name, "3, 5", options=options)


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--quantize=int9",), ("int9", "int8", "nf4"), 2),
        (("--quantize=nf4", "--blocks=0:99"), ("99",), 2),
        (("--quantize=nf4", "--blocks=0:2,1:3"), ("overlap",), 2),
        (("--quantize=nf4", "--blocks=2:1"), ("2:1",), 2),
        (("--quantize=nf4", "--blocks=x"), ("x",), 2),
        (("--quantize=nf4", "--components=nose"), ("nose", "attn", "ffn"), 2),
        (("--quantize=nf4", "--components=proj"), ("match",), 2),
        (("--quantize=nf4", "--block-size=48"), ("48",), 2),
        (("--quantize=int8", "--block-size=64"), ("block",), 2),
        (("--quantize=q8_0", "--components=head", "--block-size=32"), ("embed_tokens",), 2),
        (("--quantize=q4_0",), ("layers.0.self_attn.q_proj.weight", "blocks of 32"), 2),
        (("--quantize=int8", "--double-quant"), ("double quantization", "nf4"), 2),
        (("--quantize=none", "--double-quant"), ("double quantization",), 2),
        (("--double-quant",), ("--quantize",), 2),
        (("--blocks=0:1",), ("--quantize",), 2),
        (("--dtype=f64",), ("f64",), 2),
        (("--seed=1",), ("--seed", "--weights=synthetic"), 2),
        (("--emit=cuda",), ("--arch", "--emit"), 2),
        (("--emit=ptx",), ("--arch", "--emit"), 2),
        (("--threads=1025",), ("--threads", "1024"), 2),
        (("--arch=12",), ("12", "80"), 2),
        (("--weights=nowhere/x",), ("nowhere", "own folder"), 2),
        (("--weights=./out.bin",), ("--weights", "-o", "out.bin"), 2),
        (("--weights=x", "--gguf=x"), ("--weights", "--gguf", "x"), 2),
        (("--weights=model.safetensors",), ("model.safetensors", "overwrite"), 2),
        (("--weights=link",), ("link", "overwrite"), 2),
        (("--gguf=tokenizer.json",), ("tokenizer.json", "overwrite"), 2),
        (("--gguf-ternary=TQ1_0",), ("--gguf-ternary", "needs --gguf"), 2),
        (("--gguf=x", "--gguf-ternary=Q4_0"), ("'Q4_0'", "TQ1_0", "TQ2_0"), 2),
    ],
)
def test_bad_options(
    copied: Copied, options: tuple[str, ...], words: tuple[str, ...], code: int
) -> None:
    module = copied(MODEL)
    (module.parent / "link").hardlink_to(module.parent / "model.safetensors")
    compile_refused(module, *words, options=options, code=code)


@pytest.mark.parametrize("emit", ["bin", "qz", "cuda"])
def test_output_that_is_the_module(copied: Copied, emit: str) -> None:
    module = copied(MODEL)
    text = module.read_text()
    done = qzc(module, f"--emit={emit}", "-o", module, check=False)
    assert_refused(done, str(module), "overwrite", code=2)
    assert module.read_text() == text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--emit=qz", "--weights=synthetic"), ("--weights", "--emit")),
        (("--gguf=x", "--arch=none"), ("--arch", "--gguf")),
        (("--gguf=x", "--weights=w"), ("--weights", "--gguf")),
    ],
)
def test_options_of_an_executable_without_one(
    copied: Copied, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    module = copied(MODEL)
    before = sorted(module.parent.iterdir())
    assert_refused(qzc(module, *options, check=False, cwd=module.parent), *words, code=2)
    assert sorted(module.parent.iterdir()) == before


def test_missing_module(tmp_path: Path) -> None:
    done = qzc(tmp_path / "no.mlir", "-o", tmp_path / "x.bin", check=False)
    assert_refused(done, "no.mlir")


def test_module_that_is_no_module(tmp_path: Path) -> None:
    junk = tmp_path / "junk.mlir"
    junk.write_bytes(bytes(range(256)) * 10)
    assert_refused(qzc(junk, "-o", tmp_path / "x.bin", check=False), "junk.mlir")
    junk.write_text("module {}")
    assert_refused(qzc(junk, "-o", tmp_path / "x.bin", check=False), "junk.mlir", "qz.model")


def test_unwritable_output(copied: Copied) -> None:
    module = copied(MODEL)
    done = qzc(module, "--arch=none", "-o", "/proc/nowhere/x.bin", check=False)
    assert_refused(done, "/proc/nowhere/x.bin")


def test_output_that_is_a_folder(copied: Copied) -> None:
    module = copied(MODEL)
    done = qzc(module, "--arch=none", "-o", module.parent, check=False)
    assert_refused(done, str(module.parent))


def test_full_disk(copied: Copied) -> None:
    """A limit on the file's size stands in for a disk that fills while the image is written."""
    module = copied(MODEL)
    before = sorted(module.parent.iterdir())
    command = f"ulimit -f 512; trap '' XFSZ; '{BUILD}/bin/qzc' '{module}' --arch=none -o out.bin"
    done = subprocess.run(
        ["bash", "-c", command], cwd=module.parent, capture_output=True, text=True, timeout=600
    )
    assert_refused(done, "out.bin", "File too large")
    assert sorted(module.parent.iterdir()) == before


def test_full_disk_with_weights_beside(copied: Copied) -> None:
    """The executable's last page does not fit: the weights, which do, do not stay alone."""
    module = copied(MODEL)
    options = "--arch=none --weights=out.weights -o out.bin"
    qzc(module, *options.split(), cwd=module.parent)
    limit = ((module.parent / "out.bin").stat().st_size - 1) // 4096 * 4
    for name in ("out.bin", "out.weights"):
        (module.parent / name).unlink()
    before = sorted(module.parent.iterdir())
    command = f"ulimit -f {limit}; trap '' XFSZ; '{BUILD}/bin/qzc' '{module}' {options}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=module.parent, capture_output=True, text=True, timeout=600
    )
    assert_refused(done, "out.bin", "File too large")
    assert sorted(module.parent.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(copied: Copied, tmp_path: Path, number: signal.Signals) -> None:
    """Stopped while NVRTC works, which takes seconds without a cache: nothing stays."""
    module = copied(MODEL)
    before = sorted(module.parent.iterdir())
    words = [BUILD / "bin" / "qzc", module, "--weights=w", "--gguf=g", "-o", "out.bin"]
    environment = {**os.environ, "QZC_CACHE_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(words, cwd=module.parent, env=environment) as process:
        while len(sorted(module.parent.glob("*.partial-*"))) < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=60) == -number
    assert sorted(module.parent.iterdir()) == before


def test_no_arguments() -> None:
    assert qzc(check=False).returncode == 2
