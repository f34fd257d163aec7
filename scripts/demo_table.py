"""Prints the demo's table: what each selection costs in bytes and in perplexity."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def row(folder: Path, name: str) -> str:
    score = json.loads((folder / f"{name}.json").read_text())
    file_mb = (folder / f"{name}.bin").stat().st_size / 1e6
    return (
        f"| {name} | {file_mb:.1f} | {score['weights_bytes'] / 1e6:.1f} "
        f"| {score['perplexity']:.3f} ± {score['perplexity_error']:.3f} "
        f"| {score['tokens_scored']:,} | {score['tokens_per_second']:.0f} |"
    )


def main() -> None:
    folder = Path(sys.argv[1])
    print("| selection | file MB | weights MB | perplexity | tokens scored | tok/s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in sys.argv[2:]:
        print(row(folder, name))


if __name__ == "__main__":
    main()
