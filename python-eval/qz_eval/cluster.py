"""The pieces of a sweep on a Ray cluster: a task each, one at a time on a machine.

All machines see the module, the text, the folder of the sweep and the project's programs at the
same paths. Where a worker or a machine dies, Ray runs its task again elsewhere.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.work import Setting, Work, do_work

# The folder that holds this package, for the workers.
ROOT = Path(__file__).resolve().parents[1]
# How often a task that died is run again.
RETRIES = 5
PATIENCE_SECONDS = 10.0
Outcome = dict[str, Any] | EvalFailure


def _attempt(setting: Setting, work: Work) -> Outcome:
    """What runs on a worker. An error of the measured program is a result, not a reason to try
    again."""
    try:
        return do_work(setting, work)
    except EvalFailure as error:
        return error


def _machine_needs(nodes: Sequence[dict[str, Any]], device: str) -> dict[str, float]:
    """What makes a task fill any machine: nothing else may run where something is timed."""
    resources = [
        node["Resources"] for node in nodes if node["Alive"] and "CPU" in node["Resources"]
    ]
    if not resources:
        raise EvalFailure("--ray: the cluster has no machine that is alive")
    needs = {"num_cpus": min(each["CPU"] for each in resources)}
    gpus = min(each.get("GPU", 0.0) for each in resources)
    if gpus and device != "cpu":
        needs["num_gpus"] = gpus
    return needs


def _check_reachable(address: str) -> None:
    """Ray itself would go on trying for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise EvalFailure(f"--ray={address}: no cluster is there: {reason}") from error


def measure_on_cluster(
    address: str,
    setting: Setting,
    works: Sequence[Work],
    device: str,
    waiting: Callable[[str], None],
) -> Iterator[tuple[Work, Outcome]]:
    """Outcomes as they come; `waiting` is told about once a second how many are on their way."""
    try:
        import ray
    except ImportError as error:
        raise EvalFailure(f"--ray needs ray: {sys.executable} -m pip install ray") from error
    _check_reachable(address)
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EvalFailure(f"--ray={address}: no cluster is there: {reason}") from error
    try:
        task = ray.remote(_attempt).options(
            max_retries=RETRIES, **_machine_needs(ray.nodes(), device)
        )
        on_their_way = {task.remote(setting, work): work for work in works}
        while on_their_way:
            done, _ = ray.wait(list(on_their_way), timeout=1)
            waiting(f"{len(on_their_way)} on the cluster")
            for reference in done:
                work = on_their_way.pop(reference)
                try:
                    outcome = ray.get(reference)
                except ray.exceptions.RayError as error:
                    reason = str(error).strip().splitlines()[0]
                    outcome = EvalFailure(f"lost on the cluster: {reason}")
                if isinstance(outcome, UsageFailure):
                    raise outcome
                yield work, outcome
    finally:
        ray.shutdown()
