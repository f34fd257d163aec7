"""What an executable does on a GPU: checked, timed, and what the device gives at most."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

# Of the logits' deviation: those of test/gpu/check.py.
BOUNDS = {"one by one": 1e-3, "at once": 1e-2}
CHECKED = 24
SCORED = 1 << 19
# Weights of these roles are multiplied with every token; a tied embedding is the head.
MULTIPLIED = ("q", "k", "v", "o", "gate", "up", "down", "proj")
HEADS = ("head", "embed")


def run(*command: object, environment: dict[str, str] | None = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"{Path(words[0]).name}: {lines[-1]}")
    return done.stdout


def logits(image: Path, device: str, stepwise: bool) -> np.ndarray:
    tokens = ",".join(str(7 * i % 101 + 3) for i in range(CHECKED))
    how = ["--stepwise"] if stepwise else []
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "logits.npy"
        run(image, f"--device={device}", "--tokens", tokens, "--logits", out, *how)
        return np.load(out)


def errors(image: Path) -> dict[str, float]:
    """The worst logit's distance from the CPU's, in their standard deviation."""
    reference = logits(image, "cpu", stepwise=False)
    found = {}
    for how in BOUNDS:
        got = logits(image, "cuda", stepwise=how == "one by one")
        distance = np.abs(got - reference).max() / reference.std()
        found[how] = float(np.nan_to_num(distance, nan=np.inf))
    return found


def info(image: Path) -> dict:
    return json.loads(run(image, "--info", "--json"))


def bench(image: Path, *options: object) -> dict:
    return json.loads(run(image, "--bench", "--device=cuda", "--json", *options))


def scoring(image: Path, context: int, *options: object) -> float:
    """Tokens a second, in windows of `context` tokens, of text whose tokens are bytes."""
    letters = np.random.default_rng(0).integers(97, 123, SCORED, dtype=np.uint8)
    with tempfile.NamedTemporaryFile(suffix=".txt") as text:
        text.write(letters.tobytes())
        text.flush()
        how = ("--score", text.name, "--context", context, "--device=cuda", "--json")
        return json.loads(run(image, *how, *options))["tokens_per_second"]


def start(image: Path, repetitions: int) -> float:
    """Seconds from the start of the program to its first token, its file in memory."""
    command = [str(image), "--tokens", "3", "-n", "1", "--device=cuda"]
    seconds = []
    for _ in range(repetitions + 1):
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            told = program.stdout.readline()
            seconds.append(time.monotonic() - begun)
        if program.returncode != 0 or not told:
            raise RuntimeError(f"{image.name}: exit status {program.returncode}")
    return statistics.median(seconds[1:])


CONTEXT = """
import ctypes, time
begun = time.monotonic()
cuda = ctypes.CDLL("libcuda.so.1")
context = ctypes.c_void_p()
failed = cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
print(-1 if failed else time.monotonic() - begun)
"""


def context_creation(python: str, repetitions: int) -> float:
    """Seconds that initialising the driver and creating a context take any program."""
    return statistics.median(float(run(python, "-c", CONTEXT)) for _ in range(repetitions))


def products(described: dict, heads: bool) -> int:
    """Multiplications of a token in linear layers, with or without the vocabulary's."""
    sizes: dict[str, int] = {}
    for tensor in described["tensors"]:
        rows, columns = tensor["shape"]
        sizes[tensor["role"]] = sizes.get(tensor["role"], 0) + rows * columns
    body = sum(sizes.get(role, 0) for role in MULTIPLIED)
    return body + (next((sizes[role] for role in HEADS if role in sizes), 0) if heads else 0)


def gemm_peak() -> float | None:
    """Operations a second of torch's f16 product of 8,192 x 8,192, where there is torch."""
    try:
        import torch
    except ImportError:
        return None
    size, count = 8192, 20
    a = torch.randn(size, size, dtype=torch.float16, device="cuda")
    for _ in range(3):
        torch.mm(a, a)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(count):
        torch.mm(a, a)
    end.record()
    end.synchronize()
    return 2.0 * size**3 * count / (begin.elapsed_time(end) / 1000)
