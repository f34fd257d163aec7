"""A sweep on a Ray cluster of two workers, one of which is killed on the way, ends as one here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BUILD, ROOT, qz_eval, run
from ray.cluster_utils import Cluster

MODEL = ROOT / "test" / "golden" / "models" / "llama-bf16"
TEXT = ROOT / "test" / "golden" / "models" / "text.txt"
OPTIONS = (
    *("--variant", "none", "--variant", "nf4", "--variant", "int8 --blocks=0:N"),
    *("--variant", "nf4 --block-size=48", "--common=--arch=none", "--device=cpu"),
    *("-p", "4", "-n", "2", "-r", "2", "--threads", "1"),
    *("--text", TEXT, "--context", "48", "--max-windows", "3"),
)
FAILED = "nf4 --block-size=48"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ray") / "model.mlir"
    run(ROOT / ".venv" / "bin" / "qz-import", MODEL, "-o", path)
    return path


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that runs nothing, and two workers of one core."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def start(module: Path, out: Path, *options: object) -> subprocess.Popen[str]:
    words = [BUILD / "bin" / "qz-eval", "sweep", module, *OPTIONS, *options, "-o", out]
    return subprocess.Popen(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results_of(out: Path) -> object:
    from measurements import without_measurements

    return without_measurements(json.loads((out / "results.json").read_text()))


def test_one_of_two_workers_is_killed(
    tiny: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    _, said_here = start(tiny, here).communicate()
    # The Python that has ray.
    monkeypatch.setenv("QZ_EVAL_PYTHON", sys.executable)
    process = start(tiny, there, "--ray", cluster.address)
    records = there / "sweep" / "records"
    until = time.monotonic() + 120
    while not list(records.glob("*.json")) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1 and FAILED in said
    assert len(said.splitlines()) == len(said_here.splitlines()) == 1
    assert results_of(there) == results_of(here)


def test_no_cluster(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QZ_EVAL_PYTHON", sys.executable)
    process = start(tiny, tmp_path, "--ray", "127.0.0.1:9")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1 and "--ray=127.0.0.1:9: no cluster is there" in said


def test_without_ray(tiny: Path, tmp_path: Path) -> None:
    process = start(tiny, tmp_path, "--ray", "auto")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "-m pip install ray" in said
    # What is measured already needs no cluster.
    qz_eval("sweep", tiny, "--variant", "none", *OPTIONS[8:], "-o", tmp_path)
    qz_eval("sweep", tiny, "--variant", "none", *OPTIONS[8:], "-o", tmp_path, "--ray", "auto")
