"""Peers in a sweep: which there are, what they need, and their rows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.peers import XLLAMACPP
from qz_eval.tools import last_words, run_words

Json = dict[str, Any]
# Modules that a peer needs, and what pip calls the packages.
NEEDS = {
    "transformers": {"torch": "torch", "transformers": "transformers"},
    "bitsandbytes": {
        "torch": "torch",
        "transformers": "transformers",
        "accelerate": "accelerate",
        "bitsandbytes": "bitsandbytes",
    },
    "llama.cpp": {"numpy": "numpy", "xllamacpp": f"xllamacpp=={XLLAMACPP}"},
}
SCHEMES = {"transformers": ("none",), "bitsandbytes": ("int8", "fp4", "nf4")}
# What llama-perplexity takes where it is not told.
LLAMA_CONTEXT = 512
# The folder that holds this package.
ROOT = Path(__file__).resolve().parents[2]
FIND = """
import importlib.metadata, importlib.util, json, sys
found = {n: importlib.util.find_spec(n) is not None for n in sys.argv[1:]}
print(json.dumps({n: importlib.metadata.version(n) if is_there else None
                  for n, is_there in found.items()}))
"""


def parse_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in NEEDS:
            raise UsageFailure(f"--with={text}: {name!r} is none of {', '.join(NEEDS)}")
    return names


def folder_of(module: Path) -> Path:
    """The Hugging Face folder that a module was imported from: where its weights lie."""
    found = re.search(r'^\s*qz\.file @\S+ "([^"]+\.safetensors)"', module.read_text(), re.MULTILINE)
    if not found:
        raise UsageFailure(f"{module} has no safetensors beside it: name its folder by --folder")
    return (module.parent / found[1]).resolve().parent


@dataclass(frozen=True)
class Peers:
    """What all peers of a sweep have in common. Paths are absolute."""

    names: list[str]
    python: str
    dtype: str
    programs: Path | None
    folder: Path

    def versions(self, name: str) -> dict[str, str]:
        """Raises EvalFailure with the line that installs what is missing."""
        if name == "llama.cpp" and self.programs:
            return {"programs": str(self.programs)}
        needed = NEEDS[name]
        try:
            done = subprocess.run(
                [self.python, "-c", FIND, *needed], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise EvalFailure(f"{self.python}: cannot be run: {error.strerror}") from error
        if done.returncode != 0:
            raise EvalFailure(f"{self.python}: {last_words(done.stderr)}")
        found = json.loads(done.stdout)
        missing = [module for module, version in found.items() if version is None]
        if missing:
            packages = " ".join(needed[module] for module in missing)
            raise EvalFailure(
                f"--with={name} needs {', '.join(missing)}: {self.python} -m pip install {packages}"
            )
        return found

    def run(
        self, program: str, request: Json, waiting: Callable[[], None], keep_open: tuple[int, ...]
    ) -> Json:
        """The row that a peer's program prints."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(request, file)
            file.flush()
            paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            done = run_words(
                [self.python, "-m", f"qz_eval.peers.{program}", file.name],
                waiting,
                keep_open,
                {**os.environ, "PYTHONPATH": ":".join(paths)},
            )
        if done.returncode != 0:
            raise EvalFailure(last_words(done.stderr))
        try:
            return json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise EvalFailure(f"{program} printed no results: {error}") from None
