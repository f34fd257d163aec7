"""scripts/new, in a copy of the tree: what it writes is well formed, and the tests that it brings
fail because the work is still to be done."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, ROOT, run

TOOLS = Path("/usr/lib/llvm-19/bin")
PARTS = ("scripts", "include", "lib", "test", "python-import", "README.md")
NEW = {"family": "new_model", "pass": "fuse-norms", "op": "hard_cap", "scheme": "q7_0"}
# The copy has no environment of its own.
PATH = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
FORMATTER = shutil.which("clang-format", path=PATH)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which one of each kind was begun."""
    copy = tmp_path_factory.mktemp("tree")
    left_out = shutil.ignore_patterns("*.safetensors", "*.npz", "*.bin", "__pycache__", ".*")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=left_out)
        else:
            shutil.copy(source, copy / part)
    (copy / "ruff.toml").write_bytes((ROOT / "ruff.toml").read_bytes())
    (copy / ".clang-format").write_bytes((ROOT / ".clang-format").read_bytes())
    for kind, name in NEW.items():
        done = run(copy / "scripts/new", kind, name, env={**os.environ, "PATH": PATH})
        assert f"docs/adding-an-{kind}.md" in done.stdout or f"-a-{kind}.md" in done.stdout
        page = done.stdout.splitlines()[-1].removeprefix("now: ")
        assert (ROOT / page).is_file()
    return copy


def begun(tree: Path, suffix: str) -> list[Path]:
    """The files that are in the copy alone."""
    return [
        path
        for path in tree.rglob(f"*{suffix}")
        if not (ROOT / path.relative_to(tree)).exists() and "templates" not in path.parts
    ]


def failures(tree: Path, *words: str) -> str:
    """What pytest says in the copy, where something has to fail."""
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=tree / "python-import",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree / "python-import")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_style(tree: Path) -> None:
    assert len(begun(tree, ".py")) == 2 and len(begun(tree, ".cpp")) == 3
    python = [*begun(tree, ".py"), tree / "test/golden/models/family_fixtures.py"]
    for check in (("check", "-q"), ("format", "--check", "-q")):
        run(ROOT / ".venv/bin/ruff", *check, *python, tree / "test/golden/model_layers.py")
    assert FORMATTER, "run scripts/setup"
    run(FORMATTER, "--dry-run", "-Werror", *begun(tree, ".cpp"))


def test_family(tree: Path) -> None:
    said = failures(tree, "tests/test_known_keys.py", "tests/test_families.py", "-k", NEW["family"])
    assert re.search(r"FAILED .*test_transformers_was_asked\[new_model\]", said)
    assert "make_models.py new_model" in said
    assert "| `new_model` | – |" in (tree / "README.md").read_text()


def test_op(tree: Path) -> None:
    said = failures(tree, "tests/test_builder.py", "-k", NEW["op"])
    assert "type object 'GraphBuilder' has no attribute 'hard_cap'" in said
    for test in ("Dialect/Qz/hard_cap.mlir", "Interpreter/hard_cap.mlir"):
        text = (tree / "test" / test).read_text()
        done = run(BUILD / "bin/qzc-opt", tree / "test" / test, check=False)
        assert done.returncode == 1 and "qz.hard_cap" in done.stderr
        # And for that alone.
        known = tree / "known.mlir"
        known.write_text(text.replace("qz.hard_cap", "qz.activate relu"))
        run(BUILD / "bin/qzc-opt", known)


def test_pass(tree: Path) -> None:
    """It changes nothing, which its test notices."""
    test = tree / "test/Dialect/Qz/Transforms/fuse-norms.mlir"
    unchanged = run(BUILD / "bin/qzc-opt", test).stdout
    done = run(TOOLS / "FileCheck", test, input=unchanged, check=False)
    assert done.returncode == 1
    assert "// CHECK: what qz-fuse-norms makes of it" in done.stderr


def compile_alone(tree: Path, path: str, like: str) -> None:
    """Compiles a file of the copy, without code, as one that is there is compiled."""
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    command = next(c["command"] for c in commands if c["file"] == str(ROOT / like))
    words = [word for word in shlex.split(command) if "ccache" not in word]
    words = [*words[: words.index("-o")], "-fsyntax-only", str(tree / path)]
    first = ["-I", str(tree / "generated"), "-I", str(tree / "include")]
    run(words[0], *first, *words[1:], cwd=BUILD)


def test_sources_compile(tree: Path) -> None:
    """What the table of passes and the table of schemes make of their new rows is there."""
    passes = "qzc/Dialect/Qz/Transforms/Passes"
    header = tree / "generated" / f"{passes}.h.inc"
    header.parent.mkdir(parents=True)
    generator = (TOOLS / "mlir-tblgen", "-gen-pass-decls", "-name=QzTransforms")
    search = ("-I", "/usr/lib/llvm-19/include", "-I", tree / "include")
    run(*generator, *search, tree / "include" / f"{passes}.td", "-o", header)
    folder = "lib/Dialect/Qz/Transforms"
    compile_alone(tree, f"{folder}/FuseNorms.cpp", f"{folder}/FuseActivation.cpp")
    compile_alone(tree, "lib/Format/Schemes/Q7_0.cpp", "lib/Format/Schemes/Int8.cpp")
    encode = "test/unit/Encode"
    compile_alone(tree, f"{encode}/GoldenQ7_0Test.cpp", f"{encode}/GoldenSchemesTest.cpp")


def test_taken_names(tree: Path) -> None:
    for kind, name in (*NEW.items(), ("family", "llama"), ("op", "rope"), ("pass", "fuse-rope")):
        done = run(tree / "scripts/new", kind, name, check=False)
        assert done.returncode == 1
        assert f"new: {name} is the name of" in done.stderr
    for kind, name in (("family", "New"), ("pass", "a_b"), ("scheme", "../x"), ("op", "9")):
        done = run(tree / "scripts/new", kind, name, check=False)
        assert done.returncode == 1 and f"'{name}' is no name" in done.stderr
