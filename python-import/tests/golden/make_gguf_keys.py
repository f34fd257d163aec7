"""Writes gguf_keys.json: which keys of a GGUF llama.cpp's loader reads, by architecture.

    make_gguf_keys.py

llama.cpp itself tells: each key that its library has in a format string ("%s.block_count") or in
full ("tokenizer.ggml.scores") is put with a value of a wrong type into a small model's file, which
then does not load if the key is read. Needs the packages of scripts/requirements.txt.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(ROOT / "test" / "golden")]
from qz_eval.peers import llama_library  # noqa: E402
from stock_gguf import StockWriter  # noqa: E402
from stock_variants import ARCHITECTURES, STOCK_NAMES, config_of, copy_as_stock  # noqa: E402

OUT = HERE / "gguf_keys.json"
WRONG = ("no number", True, ["no number"], [True, False, True])
PASSED, FAILED = 0, 1


def known_keys() -> tuple[list[str], list[str]]:
    """The keys in llama.cpp's library: of any architecture, without it, and of the tokenizer."""
    raw = Path(llama_library.library.__file__).read_bytes()
    of_any = {m[1].decode() for m in re.finditer(rb"(?<=\0)%s\.([a-z_][a-z0-9_.]+)\0", raw)}
    full = {m[1].decode() for m in re.finditer(rb"(?<=\0)(tokenizer\.[a-z_.]+)\0", raw)}
    return sorted(of_any), sorted(full)


def loads(path: Path) -> bool:
    """In a process of its own, since some checks end it."""
    os.environ["GGML_NO_BACKTRACE"] = "1"
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os._exit(PASSED if llama_library.loads(path) else FAILED)
        os._exit(FAILED)
    return os.waitpid(child, 0)[1] == 0


def read_keys(model: StockWriter, keys: list[str], path: Path) -> list[str]:
    """Those of some keys that are read: where all together make no difference, none is."""
    values = [model.values | dict.fromkeys(keys, wrong) for wrong in WRONG]
    kept = model.values
    try:
        for model.values in values:
            if not loads(model.write(path)):
                break
        else:
            return []
    finally:
        model.values = kept
    half = len(keys) // 2
    if not half:
        return keys
    return read_keys(model, keys[:half], path) + read_keys(model, keys[half:], path)


def main() -> None:
    of_any, of_tokenizer = known_keys()
    found: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.gguf"
        for name in STOCK_NAMES:
            source = copy_as_stock(name, Path(folder) / name)
            architecture = ARCHITECTURES[config_of(source)["model_type"]]
            if architecture in found or not (source / "tokenizer.json").exists():
                continue
            model = StockWriter(source)
            if not loads(model.write(path)):
                sys.exit(f"{name}: llama.cpp does not load it")
            first = f"{architecture}."
            read = read_keys(model, [first + key for key in of_any], path)
            found[architecture] = [key.removeprefix(first) for key in read]
            print(f"{architecture}: {len(read)} of {len(of_any)}", file=sys.stderr)
        tokenizer = read_keys(model, of_tokenizer, path)
    common = sorted(set.intersection(*map(set, found.values())))
    document = {
        "xllamacpp": version("xllamacpp"),
        "common": common,
        "architectures": {
            name: sorted(set(keys) - set(common)) for name, keys in sorted(found.items())
        },
        "tokenizer": tokenizer,
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
