"""One piece of a sweep, from a variant's options to a record: what runs here or on another
machine."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.store import key_of
from qz_eval.tasks import FILE_NAME, Items
from qz_eval.tools import Tools, check
from qz_eval.variants import Variant

Say = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """What is done, and stays done, as a whole: a variant's size, speed and perplexity, or its
    answers to one file of questions."""

    variant: Variant
    items: Items | None = None


@dataclass(frozen=True)
class Setting:
    """What all pieces of a sweep have in common. Paths are absolute."""

    tools: Tools
    tools_identity: str
    module: Path
    module_sha256: str
    text_sha256: str | None
    # qz-eval's options for measuring, the text's path left out.
    measuring: tuple[str, ...]
    # Those that say what it runs on.
    running: tuple[str, ...]
    text: Path | None
    base: Variant | None
    executables: Path

    def executable_key(self, variant: Variant) -> str:
        return key_of([self.tools_identity, self.module_sha256, variant.options])

    def record_key(self, work: Work) -> str:
        executable = self.executable_key(work.variant)
        if work.items:
            return key_of(["tasks", executable, work.items.sha256, self.running])
        base = self.base_of(work.variant)
        base_key = self.executable_key(base) if base else None
        return key_of([executable, base_key, self.text_sha256, self.measuring])

    def base_of(self, variant: Variant) -> Variant | None:
        """What a variant is scored beside; nothing, where it is the base itself."""
        if not self.text or not self.base or self.base.options == variant.options:
            return None
        return self.base

    def executable(self, variant: Variant) -> Path:
        return self.executables / f"{self.executable_key(variant)}.bin"


def compile_variant(
    setting: Setting, variant: Variant, waiting: Callable[[], None], keep_open: tuple[int, ...]
) -> Path:
    """The variant's executable, made unless it is there."""
    path = setting.executable(variant)
    if not path.exists():
        arguments = [str(setting.module), *variant.options, "-o", str(path)]
        try:
            check(setting.tools.run("qzc", arguments, waiting, keep_open))
        except UsageFailure as error:
            # Of this variant alone: the others may be well-formed.
            raise EvalFailure(str(error)) from error
    return path


def do_work(
    setting: Setting,
    work: Work,
    say: Say = lambda text: None,
    waiting: Callable[[], None] = lambda: None,
    keep_open: tuple[int, ...] = (),
) -> dict[str, Any]:
    """Compiles and measures; the record holds what qz-eval found out. Raises EvalFailure."""
    start = time.monotonic()
    variant = work.variant
    say(f"{variant.name}: compiling")
    image = compile_variant(setting, variant, waiting, keep_open)
    if work.items:
        say(f"{variant.name}: answering {work.items.name}")
        words = ["tasks", str(work.items.path), str(image), *setting.running]
        name = FILE_NAME
    else:
        compared = setting.base_of(variant)
        base = compared and compile_variant(setting, compared, waiting, keep_open)
        say(f"{variant.name}: measuring")
        words = [str(image), *setting.measuring]
        words += ["--text", str(setting.text)] if setting.text else []
        words += ["--base", str(base)] if base else []
        name = "results.json"
    with tempfile.TemporaryDirectory(dir=setting.executables, suffix=".tmp") as folder:
        check(setting.tools.run("qz-eval", [*words, "-o", folder], waiting, keep_open))
        results = json.loads((Path(folder) / name).read_text())
    if len(results["executables"]) != 1:
        raise EvalFailure("qz-eval did not measure one executable")
    conditions = results["conditions"]
    if setting.text and not work.items:
        # Where it lies is no condition; its hash says what it is.
        conditions["text"] = setting.text.name
    if setting.base:
        conditions["base"] = setting.base.name
    return {
        "seconds": time.monotonic() - start,
        "conditions": conditions,
        "executable": results["executables"][0],
    }
