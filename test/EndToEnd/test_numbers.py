"""Every numeric option of every tool: what is no number in its range gets one line that names the
option, the range and the value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, assert_refused, qzc, run

BIN = BUILD / "bin"
COUNT = 2**31 - 1
SEED = 2**64 - 1
QZC = f"{BIN}/qzc model.mlir -o out --quantize=nf4"
INTERPRET = f"{BIN}/qz-interpret model.mlir"
EVAL = f"{BIN}/qz-eval x.bin"
PROMPT = "./x.bin --device=cpu --prompt a"
SCORE = "./x.bin --device=cpu --score model.mlir"
BENCH = "./x.bin --device=cpu --bench"

# A call without the option, the option, the least and the most it takes.
OPTIONS = [
    (QZC, "--block-size", 32, 4096),
    (QZC + " --weights=synthetic", "--seed", 0, SEED),
    (QZC, "--threads", 1, 1024),
    (INTERPRET, "--tokens", 0, COUNT),
    (INTERPRET + " --tokens 3", "--seed", 0, SEED),
    (EVAL + " --text model.mlir", "--context", 1, COUNT),
    (EVAL + " --text model.mlir --protocol=stride", "--stride", 1, COUNT),
    (EVAL + " --text model.mlir", "--max-windows", 1, COUNT),
    (EVAL, "-p", 0, COUNT),
    (EVAL, "-n", 0, COUNT),
    (EVAL, "-r", 1, COUNT),
    (EVAL, "--threads", 1, 1024),
    (PROMPT, "-n", 0, COUNT),
    (PROMPT, "--temperature", 0, 1.79769e308),
    (PROMPT, "--top-k", 0, COUNT),
    (PROMPT, "--top-p", 0, 1),
    (PROMPT, "--seed", 0, SEED),
    (PROMPT, "--threads", 1, 1024),
    (PROMPT, "--context", 1, COUNT),
    (SCORE + " --protocol=stride", "--stride", 1, COUNT),
    (SCORE, "--max-windows", 1, COUNT),
    (BENCH, "-p", 0, COUNT),
    (BENCH, "-n", 0, COUNT),
    (BENCH, "-r", 1, COUNT),
    (BENCH, "-b", 1, 1024),
    ("./x.bin --device=cpu -n 1", "--tokens", 0, COUNT),
]


@pytest.fixture(scope="module")
def folder(imported: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbers")
    module = imported("llama-bf16")
    for file in module.parent.iterdir():
        (folder / file.name).symlink_to(file)
    qzc(module, "--arch=none", "-o", folder / "x.bin")
    return folder


@pytest.mark.parametrize(("call", "option", "least", "most"), OPTIONS)
def test_out_of_range(folder: Path, call: str, option: str, least: float, most: float) -> None:
    command = call.split()
    before = sorted(folder.iterdir())
    values = [str(least - 1), "-9223372036854775809", "0x20", "64k", "nan"]
    values += ["9" * 400] if isinstance(most, float) else [str(most + 1), "9" * 20]
    for value in values:
        given = [f"{option}={value}"] if option[1] == "-" else [option, value]
        done = run(*command, *given, check=False, cwd=folder)
        assert_refused(done, option, f"'{value}'", f"from {least} to ", code=2,
                       tool=command[0].replace(f"{BIN}/", ""))
    assert sorted(folder.iterdir()) == before


def test_the_largest_count_overflows_nothing(folder: Path) -> None:
    for call in (f"{PROMPT} -n {COUNT}", f"./x.bin --device=cpu --tokens 3 -n {COUNT}",
                 f"{BENCH} -n {COUNT}", f"{BENCH} -p {COUNT}"):
        done = run(*call.split(), check=False, cwd=folder)
        assert_refused(done, "context", tool="./x.bin")
