"""`qz-eval sweep`: a model compiled under several selections, each measured, in one report."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qz_eval import iso_memory
from qz_eval.cluster import Outcome, measure_on_cluster
from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.files import make_folder, sha256_of
from qz_eval.peers.measure import Peers
from qz_eval.peers.rows import PeerSweep, add_rows
from qz_eval.report import write_report
from qz_eval.results import Json, merge
from qz_eval.scoring import keep_base
from qz_eval.status import Status
from qz_eval.store import Store
from qz_eval.sweep_options import (
    RUNNING,
    measuring_options,
    read_base,
    read_peers,
    read_variants,
)
from qz_eval.tasks import Items, add_answers, read_items
from qz_eval.tools import Tools
from qz_eval.variants import Variant
from qz_eval.work import Setting, Work, compile_variant, do_work


@dataclass
class Sweep:
    setting: Setting
    variants: list[Variant]
    tasks: tuple[Items, ...]
    store: Store
    keep: bool
    keep_base: Path | None = None
    peers: Peers | None = None
    # A cluster's address, and the device that was asked for.
    ray: str | None = None
    device: str | None = None
    # What failed, by the variant's name.
    failures: dict[str, str] = field(default_factory=dict)
    # Rows of the peers, by their names.
    peer_rows: dict[str, Json] = field(default_factory=dict)

    def works(self) -> list[Work]:
        """All pieces, by variant; the base answers questions though it need not be one."""
        works = [Work(variant, items) for variant in self.variants for items in (None, *self.tasks)]
        base = self.setting.base
        if base and all(base.options != variant.options for variant in self.variants):
            works += [Work(base, items) for items in self.tasks]
        return works

    def run(self, lock: int) -> dict[Work, Json]:
        """Records; what is there already is not measured again."""
        works = self.works()
        status = Status(len(works))
        records: dict[Work, Json] = {}
        for work in works:
            if record := self.store.load(self.setting.record_key(work)):
                records[work] = record
                status.finish(record["seconds"])
        missing = [work for work in works if work not in records]
        left = Counter(work.variant for work in missing)
        for work, outcome in self._outcomes(missing, status, lock):
            variant = work.variant
            if isinstance(outcome, EvalFailure):
                status.clear()
                print(f"qz-eval: error: variant '{variant.name}': {outcome}", file=sys.stderr)
                self.failures.setdefault(variant.name, str(outcome))
                status.skip()
            else:
                self.store.save(self.setting.record_key(work), outcome)
                records[work] = outcome
                status.finish(outcome["seconds"])
            left[variant] -= 1
            if not self.keep and not left[variant] and self._is_done_with(variant):
                self.setting.executable(variant).unlink(missing_ok=True)
        measured = [variant for variant in self.variants if Work(variant) in records]
        if self.peers and measured:
            self._measure_peers(self.peers, measured, records[Work(measured[0])], status, lock)
        if self.keep_base and measured:
            self._keep_base(self.keep_base, records[Work(measured[0])], status, lock)
        if self.keep:
            self._keep(measured, status, lock)
        self.store.drop_executables()
        status.clear()
        return records

    def results(self, records: dict[Work, Json]) -> Json:
        """results.json, from the records."""
        own = {work.variant.name: record for work, record in records.items() if not work.items}
        results = merge(self.variants, own, self.failures)
        answers = {
            items.name: {
                work.variant.name: record for work, record in records.items() if work.items == items
            }
            for items in self.tasks
        }
        add_answers(results, answers, self.setting.base and self.setting.base.name)
        add_rows(results, self.peer_rows)
        return results

    def _measure_peers(
        self, peers: Peers, measured: Sequence[Variant], some: Json, status: Status, lock: int
    ) -> None:
        sweep = PeerSweep(
            peers, self.setting, self.store, status, lock, some["conditions"], some["executable"]
        )
        for name, row in sweep.rows(measured):
            self.peer_rows[name] = row
            if error := row.get("error"):
                status.clear()
                print(f"qz-eval: error: {error}", file=sys.stderr)
                self.failures[name] = error

    def _keep_base(self, path: Path, some: Json, status: Status, lock: int) -> None:
        status.clear()
        try:
            keep_base(path, self.setting, self.store, some, lambda: None, lock)
        except EvalFailure as error:
            print(f"qz-eval: error: {error}", file=sys.stderr)
            self.failures["--keep-base"] = str(error)

    def _keep(self, variants: Sequence[Variant], status: Status, lock: int) -> None:
        """Gives executables names that people know; what is gone is compiled again."""
        names: set[str] = set()
        for variant in variants:
            name = variant.file_name
            while name in names:
                name += "-"
            names.add(name)
            status.start(f"{variant.name}: keeping its executable")
            image = compile_variant(self.setting, variant, status.refresh, (lock,))
            self.store.keep(image, f"{name}.bin")

    def _is_done_with(self, variant: Variant) -> bool:
        base = self.setting.base
        return not base or base.options != variant.options

    def _outcomes(
        self, works: Sequence[Work], status: Status, lock: int
    ) -> Iterator[tuple[Work, Outcome]]:
        """Records or failures, here or from a cluster."""
        if self.ray and works:
            device = self.device or "auto"
            yield from measure_on_cluster(self.ray, self.setting, works, device, status.start)
            return
        for work in works:
            try:
                yield work, do_work(self.setting, work, status.start, status.refresh, (lock,))
            except UsageFailure:
                # The same for all that follow, unless it is the variant that is wrong.
                raise
            except EvalFailure as error:
                yield work, error


def run(options: argparse.Namespace, stdout: Callable[[str], object]) -> bool:
    """Whether every variant was measured."""
    variants = read_variants(options)
    tasks = read_items(options.tasks)
    make_folder(options.output)
    store = Store(options.output)
    tools = Tools.find()
    setting = Setting(
        tools=tools,
        tools_identity=tools.identity(),
        module=options.module.resolve(),
        module_sha256=sha256_of(options.module),
        text_sha256=sha256_of(options.text) if options.text else None,
        measuring=measuring_options(options),
        running=measuring_options(options, RUNNING),
        text=options.text.resolve() if options.text else None,
        base=read_base(options, variants),
        executables=store.executables.resolve(),
    )
    device = getattr(options, "measuring--device")
    sweep = Sweep(
        setting,
        variants,
        tasks,
        store,
        options.keep,
        options.keep_base and options.keep_base.absolute(),
        read_peers(options),
        options.ray,
        device,
    )
    with store.locked() as lock:
        results = sweep.results(sweep.run(lock))
    iso_memory.note(results, options)
    stdout(write_report(results, options.output))
    return not sweep.failures
