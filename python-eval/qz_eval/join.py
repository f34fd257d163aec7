"""Several results.json in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qz_eval.errors import EvalFailure
from qz_eval.results import VERSION, Json, Row
from qz_eval.tasks import join_conditions

# What must be the same for results to stand in one table.
SAME = ("text_sha256", "protocol", "context", "stride", "max_windows", "bos")


def _model_of(entry: Json) -> str:
    return Row(entry).model or "?"


def join(parts: Sequence[Json], paths: Sequence[Path]) -> Json:
    """Several results, of different models, say, as one. Each row is named by its model too."""
    first = parts[0]["conditions"]
    entries: list[Json] = []
    for part, path in zip(parts, paths, strict=True):
        for key in SAME:
            if part["conditions"].get(key) != first.get(key):
                raise EvalFailure(
                    f"{path}: its {key} is {part['conditions'].get(key)}, that of {paths[0]} "
                    f"{first.get(key)}: the results cannot be compared"
                )
        for entry in part["executables"]:
            model, name = _model_of(entry), Row(entry).name
            named = {**entry, "name": name if name.startswith(model) else f"{model} {name}"}
            if curve := entry.get("curve"):
                named["curve"] = {**curve, "of": f"{model} {curve['of']}"}
            entries.append(named)
    names = [entry["name"] for entry in entries]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise EvalFailure(f"two of the results are called {twice!r}")
    # Each has its own base; differences are from that.
    conditions = {key: value for key, value in first.items() if key not in ("base", "tasks")}
    if tasks := join_conditions(parts, paths):
        conditions["tasks"] = tasks
    return {"version": VERSION, "conditions": conditions, "executables": entries}
