"""How long quantizing takes beside ggml and bitsandbytes, with the same threads:

    quantize_speed.py MODEL.mlir [--threads N] [--rounds N] [--only NAME…]

Stores the linear layers of the model's blocks as each of ggml's types, without and with an
importance matrix, and as nf4. qzc is timed as a whole program that reads the model and writes a
GGUF (of nf4 an executable); of the others the calls alone that quantize values that are f32 in
memory (ggml_quantize_chunk, which llama-quantize spends its time in, and quantize_4bit), on as many
threads. Programs take turns; the round that took the least CPU time counts. Needs xllamacpp and
gguf, and for nf4 torch and bitsandbytes.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from measured import ProgramFailure, measured

ROOT = Path(__file__).resolve().parents[2]
TYPES = ("q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k")
IMPORTANCE = " by importance"
NAMES = (*TYPES, *(name + IMPORTANCE for name in TYPES), "nf4")
CHUNK_ROWS = 64


def layers_of(source: Path) -> Iterator[tuple[str, np.ndarray]]:
    for tensor in GGUFReader(source).tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            yield tensor.name, dequantize(tensor.data, tensor.tensor_type)


def importance_of(columns: int) -> np.ndarray:
    return np.random.default_rng(columns).standard_normal(columns).astype(np.float32) ** 2


def write_importance(source: Path, path: Path) -> None:
    """In the older of llama.cpp's forms."""
    names = {name: values.shape[1] for name, values in layers_of(source)}
    out = struct.pack("<i", len(names))
    for name, columns in names.items():
        out += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 1, columns)
        out += importance_of(columns).tobytes()
    path.write_bytes(out + struct.pack("<ii", 1, 0))


def time_ggml(source: Path, name: str, threads: int) -> tuple[float, float]:
    import xllamacpp.xllamacpp as llama

    quantize = ctypes.CDLL(llama.__file__).ggml_quantize_chunk
    quantize.restype = ctypes.c_size_t
    kind = GGMLQuantizationType[name.removesuffix(IMPORTANCE).upper()]
    block, size = GGML_QUANT_SIZES[kind]

    def chunk(values: np.ndarray, out: np.ndarray, first: int, importance: np.ndarray) -> None:
        rows = min(CHUNK_ROWS, len(values) - first)
        quantize(
            ctypes.c_int(kind.value),
            values.ctypes.data_as(ctypes.c_void_p),
            out.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(first * values.shape[1]),
            ctypes.c_int64(rows),
            ctypes.c_int64(values.shape[1]),
            importance.ctypes.data_as(ctypes.c_void_p) if name.endswith(IMPORTANCE) else None,
        )

    cpu = wall = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _, values in layers_of(source):
            out = np.zeros(values.size // block * size, np.uint8)
            importance = importance_of(values.shape[1])
            before = time.process_time(), time.perf_counter()
            tasks = [pool.submit(chunk, values, out, first, importance)
                     for first in range(0, len(values), CHUNK_ROWS)]  # fmt: skip
            for task in tasks:
                task.result()
            cpu, wall = (
                cpu + time.process_time() - before[0],
                wall + time.perf_counter() - before[1],
            )
    return cpu, wall


def time_bitsandbytes(source: Path, threads: int) -> tuple[float, float]:
    import torch
    from bitsandbytes.functional import quantize_4bit

    torch.set_num_threads(threads)
    cpu = wall = 0.0
    for _, values in layers_of(source):
        weight = torch.from_numpy(values)
        before = time.process_time(), time.perf_counter()
        quantize_4bit(weight, blocksize=64, quant_type="nf4")
        cpu, wall = cpu + time.process_time() - before[0], wall + time.perf_counter() - before[1]
    return cpu, wall


def time_program(command: Sequence[str | Path]) -> tuple[float, float]:
    took = measured(command)
    return took.cpu, took.wall


class Bench:
    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.options = options
        self.qzc = [options.programs / "qzc", options.module, f"--threads={options.threads}"]
        self.source, self.out = scratch / "source.gguf", scratch / "out"
        self.importance = scratch / "importance.dat"
        time_program([*self.qzc, f"--gguf={self.source}"])
        write_importance(self.source, self.importance)

    def own(self, name: str) -> tuple[float, float]:
        if name == "nf4":
            return time_program([*self.qzc, "--quantize=nf4", "--arch=none", "-o", self.out])
        method = ["--method=mse", f"--statistics={self.importance}"]
        return time_program(
            [*self.qzc, f"--quantize={name.removesuffix(IMPORTANCE)}", f"--gguf={self.out}",
             *(method if name.endswith(IMPORTANCE) else [])]
        )  # fmt: skip

    def other(self, name: str) -> tuple[float, float]:
        """In a process of its own."""
        command = [sys.executable, __file__, str(self.source), f"--threads={self.options.threads}",
                   "--time", name]  # fmt: skip
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        cpu, wall = json.loads(done.stdout)
        return cpu, wall

    def row(self, name: str) -> str:
        rounds = [(self.own(name), self.other(name)) for _ in range(self.options.rounds)]
        (cpu, wall), (their_cpu, their_wall) = (min(one[i] for one in rounds) for i in (0, 1))
        cells = [name, *(f"{x:.2f}" for x in (cpu, wall, their_cpu, their_wall)),
                 f"{cpu / their_cpu:.2f}", f"{wall / their_wall:.2f}"]  # fmt: skip
        return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path, help="written by qz-import, unquantized")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME")
    parser.add_argument("--programs", type=Path, default=ROOT / "build" / "bin")
    parser.add_argument("--time", choices=NAMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time:
        seconds = (
            time_bitsandbytes(options.module, options.threads)
            if options.time == "nf4"
            else time_ggml(options.module, options.time, options.threads)
        )
        print(json.dumps(seconds))
        return
    print("| | s of CPU | wall | the other's s of CPU | wall | ratio of CPU | of wall |\n"
          "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        try:
            bench = Bench(options, Path(scratch))
            for name in options.only or NAMES:
                print(bench.row(name), flush=True)
        except ProgramFailure as failure:
            sys.exit(f"quantize_speed: {failure}")


if __name__ == "__main__":
    main()
