"""What tests say of model families, for the README's table.

A test marked `family("CPU")` or `family("GGUF", "llama.cpp")` speaks for the family of the fixture
model that is its parameter. With $QZC_RESULTS, the session writes to that file

    {"gemma": {"CPU": {"yes": true}, "GGUF": {"llama.cpp": true}}}

false where one such test failed. scripts/family-table reads it. conftest.py has these hooks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[1] / "golden" / "models"
MARKER = "family"

_outcomes: dict[tuple[str, str, str], bool] = {}


@cache
def model_type(name: str) -> str:
    return json.loads((MODELS / name / "config.json").read_text())["model_type"]


def _fixture_name(item: pytest.Function) -> str:
    """The fixture model among a test's parameters, itself or in an entry of golden values."""
    parameters = item.callspec.params
    name = parameters["name"] if "name" in parameters else parameters["golden"]["name"]
    # A variant of a model is called by the model's name and a word of its own.
    return next(n for n in (name, f"{name.split('-')[0]}-f32") if (MODELS / n).is_dir())


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}(column, word): speaks for a family of models")


def pytest_collection_modifyitems(items: Iterable[pytest.Function]) -> None:
    for item in items:
        for marker in item.iter_markers(MARKER):
            column, word = (*marker.args, "yes")[:2]
            key = [model_type(_fixture_name(item)), column, word]
            item.user_properties.append((MARKER, key))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped or (report.when != "call" and report.passed):
        return
    for name, key in report.user_properties:
        if name == MARKER:
            key = tuple(key)
            _outcomes[key] = _outcomes.get(key, True) and report.passed


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = os.environ.get("QZC_RESULTS")
    if path is None or hasattr(session.config, "workerinput"):
        return
    results: dict[str, dict[str, dict[str, bool]]] = {}
    for (family, column, word), passed in sorted(_outcomes.items()):
        results.setdefault(family, {}).setdefault(column, {})[word] = passed
    Path(path).write_text(json.dumps(results, indent=1) + "\n")
