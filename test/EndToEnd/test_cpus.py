"""The executables and the tools on CPUs of every age: the same results on those that can run them,
one clear line on the others. The machine's own instruction sets are tried as they are, older CPUs
by QEMU, which stops at an instruction that the CPU it plays does not have."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    BUILD,
    MODEL_NAMES,
    MODELS,
    assert_refused,
    qz_interpret,
    run,
    scores,
)
from golden_logits import check_logits, golden, logits_of

Compiled = Callable[..., Path]
Imported = Callable[[str], Path]

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="about instruction sets of x86-64"
)

# Values of --isa, the names of their kernels, and what /proc/cpuinfo calls what they need.
SETS = {
    "sse4.2": ("SSE4.2", "pni ssse3 sse4_1 sse4_2 popcnt"),
    "avx2": ("AVX2", "avx avx2 fma f16c bmi1 bmi2"),
    "avx512": ("AVX-512", "avx2 fma avx512f avx512vl avx512dq avx512bw"),
    "avx512-vnni": ("AVX-512 VNNI", "avx2 fma avx512f avx512vl avx512dq avx512bw avx512_vnni"),
}
# CPUs that QEMU plays, with the value of --isa that each gets by itself. Nehalem is the least that
# runs models; it has no AES, which Westmere has.
CPUS = {"Haswell": "avx2", "Westmere": "sse4.2", "Nehalem": "sse4.2"}
# Below the least, with what they lack of it.
OLDER = {
    "qemu64": "SSSE3, SSE4.1, SSE4.2 and POPCNT",
    "core2duo": "SSE4.1, SSE4.2 and POPCNT",
    "Penryn": "SSE4.2 and POPCNT",
}
# Every layout of weights, and every kind of layer.
EMULATED = [
    ("llama-bf16", "none"),
    ("llama-f32", "int8"),
    ("gpt2-f32", "q4_0"),
    ("gpt2-f32", "q8_0"),
    ("opt-post", "nf4"),
]


def machine_has(isa: str) -> bool:
    flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    return set(SETS[isa][1].split()) <= set(flags)


def played(cpu: str) -> tuple[str, ...]:
    """The command that runs a program as on this CPU."""
    assert shutil.which("qemu-x86_64"), "scripts/setup installs qemu-user"
    return ("qemu-x86_64", "-cpu", cpu)


def options_of(name: str, selection: str) -> list[str]:
    return scores(name)["selections"][selection]["options"].split()


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize(
    ("name", "selection"),
    [(name, selection) for name in MODEL_NAMES for selection in ("none", "int8", "nf4")]
    + [("gpt2-f32", "q8_0"), ("gpt2-f32", "q4_0"), ("opt-post", "nf4-double")],
)
def test_sets_of_this_machine(
    compiled: Compiled, tmp_path: Path, name: str, selection: str, isa: str
) -> None:
    image = compiled(name, *options_of(name, selection))
    want = golden(name, selection)
    out = tmp_path / "x.npy"
    if not machine_has(isa):
        call = (image, "--device=cpu", f"--isa={isa}", "--tokens=3", "--logits", out)
        assert_refused(run(*call, check=False), "this CPU lacks", SETS[isa][0], tool=str(image))
        assert not out.exists()
        return
    for options in ((), ("--stepwise",)):
        check_logits(logits_of(image, want["tokens_17"], out, f"--isa={isa}", *options), want, 17)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(("name", "selection"), EMULATED)
def test_logits(compiled: Compiled, tmp_path: Path, name: str, selection: str, cpu: str) -> None:
    image = compiled(name, *options_of(name, selection))
    want = golden(name, selection)
    tokens = want["tokens_17"]
    emulated = logits_of(image, tokens, tmp_path / "x.npy", under=played(cpu))
    check_logits(emulated, want, 17)
    if machine_has(CPUS[cpu]):
        same = logits_of(image, tokens, tmp_path / "y.npy", f"--isa={CPUS[cpu]}")
        assert np.array_equal(emulated, same)


@pytest.mark.parametrize("cpu", CPUS)
def test_generation_and_scoring(compiled: Compiled, cpu: str) -> None:
    name, selection = "llama-bf16", "nf4"
    image = compiled(name, *options_of(name, selection))
    want = golden(name, selection)
    prompt = ",".join(str(token) for token in want["tokens_17"])
    count = len(want["continuation"])
    generate = ("--device=cpu", "--tokens", prompt, "-n", count, "--ignore-eos")
    done = run(*played(cpu), image, *generate)
    assert json.loads(done.stdout) == want["continuation"].tolist()

    score = ("--device=cpu", "--score", MODELS / "text.txt", "--json")
    score += ("--context", 64, "--max-windows", 2)
    here, there = (json.loads(run(*under, image, *score).stdout) for under in ((), played(cpu)))
    assert there["tokens_scored"] == here["tokens_scored"] == 2 * 63
    assert there["perplexity"] == pytest.approx(here["perplexity"], rel=2e-6)

    bench = ("--device=cpu", "--bench", "-p", 4, "-n", 2, "-r", 1, "--json")
    done = run(*played(cpu), image, *bench)
    assert SETS[CPUS[cpu]][0] in json.loads(done.stdout)["device"]


@pytest.mark.parametrize("cpu", OLDER)
def test_below_the_least(compiled: Compiled, tmp_path: Path, cpu: str) -> None:
    image = compiled("llama-bf16", "--quantize=nf4")
    out = tmp_path / "x.npy"
    call = (image, "--device=cpu", "--tokens=3,5", "--logits", out)
    done = run(*played(cpu), *call, check=False)
    assert_refused(done, f"lacks {OLDER[cpu]},", tool=str(image))
    assert not out.exists()
    # What runs no model runs anywhere.
    messages = tmp_path / "messages.json"
    messages.write_text(json.dumps([{"role": "user", "content": "Hi"}]))
    for mode in (("--tokenize", MODELS / "text.txt"), ("--messages", messages, "--render")):
        assert run(*played(cpu), image, *mode, "--verify").stdout == run(image, *mode).stdout


@pytest.mark.parametrize("cpu", ["qemu64", "Haswell"])
def test_compiling(imported: Imported, tmp_path: Path, cpu: str) -> None:
    """The compiler needs nothing but x86-64; where there is AVX2 it quantizes with it."""
    module = imported("llama-f32")
    options = (module, "--quantize=nf4", "--arch=90a")
    made = {}
    for where, under in (("here", ()), ("there", played(cpu))):
        files = (tmp_path / f"{where}.bin", tmp_path / f"{where}.gguf")
        words = (BUILD / "bin" / "qzc", *options, "-o", files[0], "--gguf", files[1])
        run(*under, *words)
        made[where] = [file.read_bytes() for file in files]
    assert made["here"] == made["there"]


def test_other_tools(compiled: Compiled, imported: Imported, tmp_path: Path) -> None:
    under = played("qemu64")
    tools = BUILD / "bin"
    module = imported("llama-bf16")
    interpret = (tools / "qz-interpret", module, "--tokens=3,5,7", "--logits")
    run(*under, *interpret, tmp_path / "x.npy")
    assert np.array_equal(np.load(tmp_path / "x.npy"), qz_interpret(module, "3,5,7"))

    passes = (tools / "qzc-opt", "--qz-quantize=scheme=nf4", "--qz-fuse", module)
    assert run(*under, *passes).stdout == run(*passes).stdout

    image = compiled("llama-bf16", "--quantize=nf4")
    evaluate = (tools / "qz-eval", image, "--device=cpu", "-p", 8, "-n", 2, "-r", 1)
    assert "| nf4/64 + bf16 |" in run(*under, *evaluate).stdout
