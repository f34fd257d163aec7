"""What the tools read and write: full disks, closed pipes, killed runs, files that wait for ever,
and outputs that are inputs. Each ends in one line and leaves nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, assert_refused, qzc, run

Copied = Callable[[str], Path]
MODEL = "llama-bf16"
BIN = BUILD / "bin"


def compile_beside(module: Path, *options: str) -> Path:
    """An executable for the CPU beside its module."""
    image = module.parent / "x.bin"
    qzc(module, "--arch=none", *options, "-o", image)
    return image


@pytest.fixture(scope="module")
def files(imported: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module, its files, an executable of it and a text. Nothing changes it."""
    folder = tmp_path_factory.mktemp("files") / "model"
    shutil.copytree(imported(MODEL).parent, folder)
    compile_beside(folder / "model.mlir")
    (folder / "text.txt").write_text("It was a dark and stormy night.\n" * 8)
    return folder


# Every way to print something.
PRINTING = [
    f"{BIN}/qzc --help",
    f"{BIN}/qzc --version",
    f"{BIN}/qzc model.mlir --dry-run",
    f"{BIN}/qzc model.mlir --emit=qz",
    f"{BIN}/qzc model.mlir --emit=schedule",
    f"{BIN}/qzc model.mlir --emit=cuda",
    f"{BIN}/qzc model.mlir -o new.bin",
    f"{BIN}/qzc model.mlir --gguf=new.gguf",
    f"{BIN}/qz-interpret --help",
    f"{BIN}/qz-interpret model.mlir --tokens 3,5",
    f"{BIN}/qzc-opt --help",
    f"{BIN}/qzc-opt --version",
    f"{BIN}/qzc-opt --show-dialects",
    f"{BIN}/qzc-opt model.mlir",
    f"{BIN}/qzc-opt --qz-fuse model.mlir",
    f"{BIN}/qz-eval --help",
    f"{BIN}/qz-eval --version",
    f"{BIN}/qz-eval x.bin -p 4 -n 1 -r 1 --device=cpu",
    "./x.bin --help",
    "./x.bin --version",
    "./x.bin --info",
    "./x.bin --info --json",
    "./x.bin --verify",
    "./x.bin --tokenize text.txt",
    "./x.bin --device=cpu --prompt a -n 3",
    "./x.bin --device=cpu --tokens 3,5 -n 2",
    "./x.bin --device=cpu --score text.txt --context=8",
    "./x.bin --device=cpu --score text.txt --context=8 --json",
    "./x.bin --device=cpu --bench -p 4 -n 1 -r 1",
    "./x.bin --device=cpu --bench -p 4 -n 1 -r 1 --json",
]


@pytest.mark.parametrize("command", PRINTING)
def test_output_that_cannot_be_written(files: Path, command: str) -> None:
    before = sorted(files.iterdir())
    for redirection in ("> /dev/full", ">&-"):
        done = subprocess.run(
            ["bash", "-c", f"{command} {redirection}"],
            cwd=files, capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 1, (redirection, done.stderr)
        last = done.stderr.splitlines()[-1]
        assert re.search("No space left|Bad file descriptor|cannot write", last), done.stderr
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("command", PRINTING)
def test_reader_that_has_gone(files: Path, command: str) -> None:
    """The work ends, not by a signal that would leave files, and there is nothing to say."""
    before = sorted(files.iterdir())
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=files, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1, done.stderr
    assert sorted(files.iterdir()) == before


# Outputs that are files which are read, and what the message calls them.
OVERWRITING = [
    (f"{BIN}/qzc model.mlir -o", "model.mlir", "the module"),
    (f"{BIN}/qzc model.mlir --gguf", "model.safetensors", "a file of the module"),
    (f"{BIN}/qzc model.mlir -o", f"{BIN}/qzc-runtime", "the runtime"),
    (f"{BIN}/qzc model.mlir -o", f"{BIN}/qzc", "this program"),
    (f"{BIN}/qz-interpret model.mlir --tokens 3 --logits", "model.mlir", "the module"),
    (
        f"{BIN}/qz-interpret model.mlir --tokens 3 --logits",
        "model.safetensors",
        "a file of the module",
    ),
    (f"{BIN}/qzc-opt model.mlir -o", "model.mlir", "the module"),
    ("./x.bin --extract", "x.bin", "the executable"),
    ("./x.bin --device=cpu --tokens 3 --logits", "x.bin", "the executable"),
    ("./x.bin --device=cpu --score text.txt --logits", "text.txt", "the text"),
    ("./e.bin --extract", "e.w", "its weights"),
    ("./e.bin --device=cpu --tokens 3 --logits", "e.w", "its weights"),
]


@pytest.mark.parametrize(("command", "target", "what"), OVERWRITING)
@pytest.mark.parametrize("link", ["itself", "soft", "hard"])
def test_outputs_are_no_inputs(
    files: Path, tmp_path: Path, command: str, target: str, what: str, link: str
) -> None:
    for name in ("model.mlir", "model.safetensors", "tokenizer.json", "x.bin", "text.txt"):
        shutil.copy(files / name, tmp_path)
    if "e.bin" in command:
        qzc("model.mlir", "--arch=none", "--weights=e.w", "-o", "e.bin", cwd=tmp_path)
    path = tmp_path / target
    named = tmp_path / "link"
    if link == "itself":
        named = path
    elif link == "soft":
        named.symlink_to(path)
    elif path.is_relative_to(tmp_path):
        named.hardlink_to(path)
    else:
        pytest.skip("a hard link into the build folder")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    whole = path.read_bytes()
    done = subprocess.run(
        [*command.split(), str(named)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, (done.returncode, done.stderr)
    last = done.stderr.splitlines()[-1]
    assert str(named) in last and f"would overwrite {what}" in last, done.stderr
    assert path.read_bytes() == whole
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_evaluation_keeps_what_it_reads(files: Path, tmp_path: Path) -> None:
    image, text = tmp_path / "table.md", tmp_path / "results.json"
    shutil.copy(files / "x.bin", image)
    shutil.copy(files / "text.txt", text)
    other = tmp_path / "other"
    other.mkdir()
    for arguments in ((image, "-o", tmp_path), (files / "x.bin", "--text", text, "-o", tmp_path)):
        done = run(BIN / "qz-eval", *arguments, check=False)
        assert_refused(done, "would overwrite", code=2, tool="qz-eval")
    assert image.read_bytes() == (files / "x.bin").read_bytes()
    assert text.read_bytes() == (files / "text.txt").read_bytes()


@pytest.mark.parametrize("kind", ["pipe", "zero", "folder"])
@pytest.mark.parametrize(
    ("command", "tool"),
    [
        (f"{BIN}/qzc special -o out", "qzc"),
        (f"{BIN}/qzc model.mlir --arch=none -o out", "qzc"),
        (f"{BIN}/qz-interpret special --tokens 3", "qz-interpret"),
        (f"{BIN}/qz-interpret model.mlir --tokens 3", "qz-interpret"),
        (f"{BIN}/qzc-opt special", "qzc-opt"),
        ("./x.bin --device=cpu --score special", "./x.bin"),
        ("./x.bin --tokenize special", "./x.bin"),
        ("./x.bin --device=cpu --prompt-file special", "./x.bin"),
        (f"{BIN}/qz-eval x.bin --text special -p 1 -n 0 -r 1 --device=cpu", "qz-eval"),
    ],
)
def test_only_regular_files_are_read(
    files: Path, tmp_path: Path, kind: str, command: str, tool: str
) -> None:
    """A pipe that nobody writes into would wait for ever, a device never end."""
    for name in ("model.mlir", "x.bin"):
        shutil.copy(files / name, tmp_path)
    names = ["special"] if "special" in command else ["model.safetensors", "tokenizer.json"]
    for name in names:
        if kind == "pipe":
            os.mkfifo(tmp_path / name)
        elif kind == "zero":
            (tmp_path / name).symlink_to("/dev/zero")
        else:
            (tmp_path / name).mkdir()
    done = run(*command.split(), check=False, cwd=tmp_path)
    assert_refused(done, "not a regular file", tool=tool)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["pipe", "zero"])
def test_a_cache_entry_that_is_no_file(
    imported: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    cache = tmp_path / "cache"
    environment = {**os.environ, "QZC_CACHE_DIR": str(cache)}
    emit = (imported(MODEL), "--emit=ptx")
    ptx = qzc(*emit, env=environment).stdout
    (entry,) = cache.iterdir()
    entry.unlink()
    if kind == "pipe":
        os.mkfifo(entry)
    else:
        entry.symlink_to("/dev/zero")
    assert qzc(*emit, env=environment).stdout == ptx


def test_a_file_beyond_its_limit(copied: Copied) -> None:
    """ulimit -f: a signal that would end the tool in silence."""
    module = copied(MODEL)
    image = compile_beside(module)
    before = sorted(module.parent.iterdir())
    for command in (
        f"{BIN}/qzc model.mlir --arch=none -o out",
        f"{BIN}/qzc model.mlir --gguf=out",
        f"{BIN}/qzc-opt model.mlir -o out",
        f"{image} --extract out",
        f"{image} --device=cpu --tokens 1,2,3,4,5,6,7,8,9 --logits out",
        f"{BIN}/qz-interpret model.mlir --tokens 1,2,3,4,5,6,7,8,9 --logits out",
    ):
        done = subprocess.run(
            ["bash", "-c", f"ulimit -f 1; {command}"],
            cwd=module.parent, capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 1, (command, done.stderr)
        last = done.stderr.splitlines()[-1]
        assert "out" in last and "File too large" in last, (command, done.stderr)
        assert sorted(module.parent.iterdir()) == before, command


def test_what_a_killed_run_left_is_cleared(copied: Copied, tmp_path: Path) -> None:
    module = copied(MODEL)
    folder = module.parent
    before = sorted(folder.iterdir())
    words = [BIN / "qzc", module, "--weights=w", "--gguf=g", "-o", "out.bin"]
    environment = {**os.environ, "QZC_CACHE_DIR": str(tmp_path / "cache")}
    # With the compilers that it starts, which have its files open.
    with subprocess.Popen(
        words, cwd=folder, env=environment, start_new_session=True
    ) as process:
        while len(sorted(folder.glob("*.partial-*"))) < 3 and process.poll() is None:
            time.sleep(0.01)
        # A run beside it leaves the files that are still being written alone.
        qzc(module, "--arch=none", "--weights=w", "--gguf=g", "-o", "out.bin", cwd=folder)
        assert len(sorted(folder.glob("*.partial-*"))) == 3
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert len(sorted(folder.glob("*.partial-*"))) == 3
    qzc(module, "--arch=none", "--weights=w", "--gguf=g", "-o", "out.bin", cwd=folder)
    made = [folder / name for name in ("g", "out.bin", "w")]
    assert sorted(folder.iterdir()) == sorted([*before, *made])


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU])
def test_ended_by_a_signal(copied: Copied, tmp_path: Path, number: signal.Signals) -> None:
    module = copied(MODEL)
    before = sorted(module.parent.iterdir())
    words = [BIN / "qzc", module, "-o", "out.bin"]
    environment = {**os.environ, "QZC_CACHE_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(words, cwd=module.parent, env=environment) as process:
        while not sorted(module.parent.glob("*.partial-*")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=60) == -number
    assert sorted(module.parent.iterdir()) == before


DEPTH = 10_000


@pytest.mark.parametrize(
    "text",
    [
        "module attributes {a = " + "[" * DEPTH + "]" * DEPTH + "} {}",
        "module attributes {a = " + "{a = " * DEPTH + "1" + "}" * DEPTH + "} {}",
        "module attributes {a = " + "tuple<" * DEPTH + ">" * DEPTH + "} {}",
        "module attributes {a = " + "(" * DEPTH + ")" * DEPTH + "} {}",
        "module {" * DEPTH + "}" * DEPTH,
        '"builtin.module"() ({' * DEPTH + "}) : () -> ()" * DEPTH,
        "module {} " + "loc(callsite(" * DEPTH + '"a" at "b"' + "))" * DEPTH,
        "module attributes {a = #qz." + "x<" * DEPTH + ">" * DEPTH + "} {}",
        "module attributes {a = affine_map<(d0) -> (" + "-" * DEPTH + "d0)>} {}",
        "module attributes {a = affine_map<(d0) -> (d0" + " + d0" * DEPTH + ")>} {}",
        "#a0 = [1]\n"
        + "".join(f"#a{i} = [#a{i - 1}]\n" for i in range(1, DEPTH))
        + f"module attributes {{a = #a{DEPTH - 1}}} {{}}",
        "#a0 = [1]\n"
        + "".join(f"#a{i} = [#a{i - 1}, #a{i - 1}]\n" for i in range(1, 60))
        + "module attributes {a = #a59} {}",
    ],
    ids=[
        "array", "dictionary", "tuple", "parentheses", "module", "region", "location", "dialect",
        "minus", "plus", "alias", "growth",
    ],
)
def test_modules_that_nest_deeply(tmp_path: Path, text: str) -> None:
    module = tmp_path / "deep.mlir"
    module.write_text(text)
    for tool, arguments in (
        ("qzc", (module, "-o", tmp_path / "out")),
        ("qz-interpret", (module, "--tokens", "1")),
        ("qzc-opt", (module,)),
    ):
        done = run(BIN / tool, *arguments, check=False)
        assert_refused(done, "deep.mlir:", "more than", tool=tool)
    # From a pipe as from a file.
    for tool, arguments in (("qz-interpret", ("-", "--tokens", "1")), ("qzc-opt", ("-",))):
        done = run(BIN / tool, *arguments, check=False, input=text)
        assert_refused(done, "more than", tool=tool)
