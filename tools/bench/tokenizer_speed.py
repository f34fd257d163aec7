#!/usr/bin/env python3
"""How fast an executable cuts a text into tokens:

    tokenizer_speed.py MODEL.bin TEXT [-r RUNS]

Runs MODEL.bin --tokenize on the text and on an empty one, in turns, each in one thread, and prints
the bytes of TEXT by the difference of the CPU times: reading the tokenizer is not counted.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path


def cpu_seconds(model: Path, text: Path) -> float:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    command = [model.resolve(), "--tokenize", text]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return spent() - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("-r", type=int, default=5, help="runs (default 5)")
    options = parser.parse_args()
    megabytes = options.text.stat().st_size / 1e6
    loads, speeds = [], []
    with tempfile.NamedTemporaryFile() as empty:
        for _ in range(options.r):
            load = cpu_seconds(options.model, Path(empty.name))
            loads.append(load)
            speeds.append(megabytes / (cpu_seconds(options.model, options.text) - load))
    print(
        f"{megabytes:.1f} MB: {statistics.median(speeds):.1f} MB/s "
        f"({min(speeds):.1f} to {max(speeds):.1f}), after {statistics.median(loads):.2f} s"
    )


if __name__ == "__main__":
    main()
