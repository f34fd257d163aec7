"""Records are whole or absent, and one sweep at a time works in a folder."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qz_eval import store as module
from qz_eval.errors import EvalFailure
from qz_eval.files import write_whole
from qz_eval.store import Store, key_of


def test_records_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = key_of(["a", None, ("b", 1)])
    assert store.load(key) is None
    store.save(key, {"value": 3})
    assert Store(tmp_path).load(key) == {"key": key, "value": 3}
    assert key != key_of(["a", None, ("b", 2)])


@pytest.mark.parametrize("content", ["", '{"key": "other"}', "[]", '{"key": "K'])
def test_what_is_no_record_is_measured_again(tmp_path: Path, content: str) -> None:
    store = Store(tmp_path)
    (tmp_path / "sweep" / "records" / "K.json").write_text(content)
    assert store.load("K") is None


def test_what_a_killed_sweep_left_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    left = [
        tmp_path / "sweep" / "records" / ".K.json.12.tmp",
        tmp_path / "sweep" / "executables" / "K.bin.partial-12",
    ]
    kept = tmp_path / "sweep" / "executables" / "K.bin"
    folder = tmp_path / "sweep" / "executables" / "x.tmp"
    folder.mkdir()
    for path in (*left, kept, folder / "results.json"):
        path.write_text("")
    with store.locked():
        assert not any(path.exists() for path in (*left, folder))
        assert kept.exists()


def test_one_sweep_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    store = Store(tmp_path)
    with store.locked(), pytest.raises(EvalFailure, match="another sweep"), store.locked():
        pass
    with store.locked():
        pass


def test_the_lock_lasts_as_long_as_what_was_started(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.locked() as lock:
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(0.5)"], pass_fds=(lock,)
        )
    start = time.monotonic()
    with store.locked():
        assert child.poll() is not None or time.monotonic() - start > 0.2
    child.wait()


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".report.md.12.tmp"
    writing = tmp_path / ".report.md.13.tmp"
    other = tmp_path / ".report.html.12.tmp"
    for path in (left, writing, other):
        path.write_text("")
    with writing.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_whole(tmp_path / "report.md", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {writing.name, other.name, "report.md"}
