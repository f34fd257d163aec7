"""Runs builds of time-dots in turn, as the same machine has now more and now less
to spare, and prints a line each of instruction set, storage, columns, the best
GB/s of each build, and what the last gains over the first.

    dots_in_turn.py BUILD... [--rounds N] [-- ARGUMENTS of time-dots]
"""

import argparse
import subprocess
import sys


def measure(build: str, arguments: list[str]) -> dict[tuple[str, ...], float]:
    run = subprocess.run([build, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    lines = (line.split("\t") for line in run.stdout.splitlines())
    return {tuple(key): float(rate) for *key, rate in lines}


def main() -> None:
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+", metavar="BUILD")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(arguments[:split])

    best: dict[tuple[str, ...], list[float]] = {}
    for _ in range(args.rounds):
        for i, build in enumerate(args.builds):
            for key, rate in measure(build, arguments[split + 1 :]).items():
                rates = best.setdefault(key, [0.0] * len(args.builds))
                rates[i] = max(rates[i], rate)
    for key, rates in best.items():
        columns = "\t".join(f"{rate:.2f}" for rate in rates)
        print("\t".join(key), columns, f"{rates[-1] / rates[0] - 1:+.0%}", sep="\t")


if __name__ == "__main__":
    main()
