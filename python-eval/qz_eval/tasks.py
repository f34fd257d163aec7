"""Multiple choice in sweeps and reports: what `qz-eval tasks` found out, in the rows of
results.json."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.files import read_json, sha256_of
from qz_eval.results import VERSION, Json
from qz_eval.results_check import TASKS, check
from qz_eval.variants import Variant

FILE_NAME = "tasks.json"
# Of an answered question: which choice was taken, by the accuracy that counts it.
CHOSEN = {"acc": "likeliest", "acc_norm": "likeliest_by_length"}


@dataclass(frozen=True)
class Items:
    """A file of questions."""

    path: Path
    sha256: str

    @property
    def name(self) -> str:
        return self.path.stem


def read_items(paths: Iterable[Path]) -> tuple[Items, ...]:
    files = tuple(Items(path.resolve(), sha256_of(path)) for path in paths)
    names = [items.name for items in files]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageFailure(f"--tasks: two files are called {twice!r}")
    return files


def _difference(kind: str, answers: Sequence[Json], base: Sequence[Json]) -> Json:
    """The change of an accuracy and its paired standard error."""

    def right(answer: Json) -> bool:
        return answer[CHOSEN[kind]] == answer["answer"]

    changes = [right(a) - right(b) for a, b in zip(answers, base, strict=True)]
    deviation = statistics.stdev(changes) if len(changes) > 1 else 0.0
    return {
        f"{kind}_difference": statistics.fmean(changes),
        f"{kind}_difference_error": deviation / math.sqrt(len(changes)),
    }


def _answered(name: str, executable: Json, base: Json | None = None) -> Json:
    """A row's part on one file of questions, from tasks.json; compared, where `base` is given."""
    figures = {
        key: value for key, value in executable.items() if key not in ("file", "items", "error")
    }
    if base:
        for kind in CHOSEN:
            figures |= _difference(kind, executable["items"], base["items"])
    return {"task": name, **figures}


def _add(results: Json, task: str, conditions: Json, base: str | None, parts: Json) -> None:
    """Puts the parts on one file of questions, by row, into results, for what was there of it."""
    stated = {"task": task, "sha256": conditions["sha256"], "items": conditions["items"]}
    if base:
        stated["base"] = base

    def put(place: Json, part: Json) -> None:
        others = [other for other in place.get("tasks", ()) if other["task"] != task]
        place["tasks"] = [*others, part]

    put(results["conditions"], stated)
    for entry in results["executables"]:
        if part := parts.get(entry.get("name") or entry["file"]):
            put(entry, part)


def add_answers(results: Json, records: Mapping[str, Mapping[str, Json]], base: str | None) -> None:
    """Puts the answers of a sweep, by file of questions and variant, into its results. `base` is
    the variant that others are compared with."""
    for task, by_variant in records.items():
        compared = by_variant[base]["executable"] if base in by_variant else None
        parts = {
            name: _answered(task, record["executable"], None if name == base else compared)
            for name, record in by_variant.items()
        }
        if parts:
            conditions = next(iter(by_variant.values()))["conditions"]
            _add(results, task, conditions, base if compared else None, parts)


def _file_of(entry: Json) -> str:
    """What a row's executable is called; a sweep keeps it under a name of its own."""
    if "file" in entry:
        return Path(entry["file"]).name
    return f"{Variant(entry['name'], ()).file_name}.bin"


def add_file(results: Json, path: Path) -> None:
    """Puts the accuracies of a tasks.json into the rows of the executables that it names."""
    tasks = read_json(path)
    if tasks.get("version") != VERSION:
        raise EvalFailure(f"{path}: no accuracies of this version of qz-eval")
    try:
        check(tasks, TASKS)
    except EvalFailure as error:
        raise EvalFailure(f"{path}: {error}") from None
    conditions = tasks["conditions"]
    task = Path(conditions["file"]).stem
    base = Path(conditions["base"]).name if "base" in conditions else None
    answered = {Path(each["file"]).name: each for each in tasks["executables"] if "acc" in each}
    parts = {
        entry.get("name") or entry["file"]: _answered(task, answered[_file_of(entry)])
        for entry in results["executables"]
        if _file_of(entry) in answered
    }
    if not parts:
        raise EvalFailure(f"{path}: answers of other executables than those of the results")
    _add(results, task, conditions, base, parts)


def join_conditions(parts: Sequence[Json], paths: Sequence[Path]) -> list[Json]:
    """The files of questions of several results, each once; raises where one name has two."""
    found: dict[str, Json] = {}
    for part, path in zip(parts, paths, strict=True):
        for stated in part["conditions"].get("tasks", ()):
            # Each has its own base; differences are from that.
            stated = {key: value for key, value in stated.items() if key != "base"}
            if found.setdefault(stated["task"], stated) != stated:
                raise EvalFailure(
                    f"{path}: its questions {stated['task']!r} are not those of the results before "
                    "it: the accuracies cannot be compared"
                )
    return list(found.values())
