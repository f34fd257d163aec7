"""Executables of a sweep, scoring its text by themselves."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.results import Json
from qz_eval.store import Store, key_of
from qz_eval.tools import check, run_words
from qz_eval.work import Setting, compile_variant

Waiting = Callable[[], None]


def protocol_options(conditions: Json) -> list[str]:
    """What an executable is told about the protocol that results were scored by."""
    keys = ("protocol", "context", "stride", "bos")
    words = [f"--{key}={conditions[key]}" for key in keys if key in conditions]
    if "max_windows" in conditions:
        words.append(f"--max-windows={conditions['max_windows']}")
    return words


def score(setting: Setting, image: Path, options: list[str], waiting: Waiting, lock: int) -> Json:
    """What the executable prints, as JSON. Raises EvalFailure."""
    words = [str(image), "--score", str(setting.text), *options]
    done = run_words(words, waiting, (lock,))
    try:
        check(done)
    except UsageFailure as error:
        raise EvalFailure(str(error)) from error
    return json.loads(done.stdout)


def keep_base(
    path: Path, setting: Setting, store: Store, record: Json, waiting: Waiting, lock: int
) -> None:
    """Scores the base once more, its logits into a file, unless they are there. `record` is one of
    the sweep's: its conditions say how, and it has the base's vocabulary. Says first how large the
    file gets; raises EvalFailure where there is no room."""
    base = setting.base
    assert base
    conditions = record["conditions"]
    options = protocol_options(conditions)
    key = key_of(["keep-base", setting.executable_key(base), setting.text_sha256, options])
    kept = store.load(key)
    if kept and path.exists() and kept["file"] == [str(path), *_state_of(path)]:
        return
    image = compile_variant(setting, base, waiting, (lock,))
    plan = score(setting, image, [*options, "--plan"], waiting, lock)
    tokens, vocab = plan["tokens_scored"], record["executable"]["info"]["model"]["vocab"]
    # The target, and the logits behind it.
    size = tokens * (4 + 4 * vocab)
    print(
        f"qz-eval: --keep-base: '{path}' gets {size / 1e9:.3f} GB ({tokens} tokens, {vocab} logits "
        "each)",
        file=sys.stderr,
    )
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise EvalFailure(
            f"--keep-base: there is no room for '{path}': {size / 1e9:.3f} GB are needed, "
            f"{free / 1e9:.3f} GB are free"
        )
    options += [*setting.running, "--json", "--logits", str(path)]
    score(setting, image, options, waiting, lock)
    store.save(key, {"file": [str(path), *_state_of(path)]})


def _state_of(path: Path) -> tuple[int, int]:
    """Another file in its place has another."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns
