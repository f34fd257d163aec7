"""The peers' rows of a sweep, each measured once, as its variants are."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.peers.measure import LLAMA_CONTEXT, SCHEMES, Json, Peers
from qz_eval.scoring import protocol_options, score
from qz_eval.status import Status
from qz_eval.store import Store, key_of
from qz_eval.tools import check
from qz_eval.variants import Variant
from qz_eval.work import Setting, compile_variant


@dataclass
class PeerSweep:
    peers: Peers
    setting: Setting
    store: Store
    status: Status
    lock: int
    # The conditions that the variants were measured under, and a row of one of them.
    conditions: Json
    sample: Json

    def rows(self, variants: Sequence[Variant]) -> Iterator[tuple[str, Json]]:
        """Names and rows; what failed has an error in it."""
        self.status.expect(sum(len(SCHEMES.get(name, variants)) for name in self.peers.names))
        for name in self.peers.names:
            try:
                versions = self.peers.versions(name)
            except EvalFailure as error:
                yield name, {"error": str(error)}
                continue
            if name == "llama.cpp":
                for variant in variants:
                    yield (
                        f"llama.cpp: {variant.name}",
                        self._row(
                            [name, versions, self.setting.executable_key(variant)],
                            f"llama.cpp: {variant.name}",
                            lambda variant=variant: self._llama(variant),
                        ),
                    )
                continue
            for scheme in SCHEMES[name]:
                label = f"{name} {self.peers.dtype if scheme == 'none' else scheme}"
                yield (
                    label,
                    self._row(
                        [name, versions, scheme, self.peers.dtype],
                        label,
                        lambda scheme=scheme: self._model(scheme),
                    ),
                )

    def _row(self, key_parts: Sequence[object], label: str, measure: Callable[[], Json]) -> Json:
        setting = self.setting
        key = key_of(
            ["peer", *key_parts, setting.module_sha256, setting.text_sha256, setting.measuring]
        )
        record = self.store.load(key)
        if record:
            self.status.finish(record["seconds"])
            return record["executable"]
        self.status.start(f"{label}: measuring")
        start = time.monotonic()
        try:
            entry = measure()
        except EvalFailure as error:
            self.status.skip()
            return {"error": f"{label}: {error}"}
        self._complete(entry)
        seconds = time.monotonic() - start
        self.store.save(key, {"seconds": seconds, "executable": entry})
        self.status.finish(seconds)
        return entry

    def _complete(self, entry: Json) -> None:
        """It is the same model, imported at the same size."""
        entry["info"]["model"] = {"name": self.sample["info"]["model"]["name"]}
        imported = self.sample["info"]["memory"]["imported"]
        entry["info"]["memory"]["imported"] = {"packed_bytes": imported["packed_bytes"]}

    def _request(self) -> Json:
        threads = self.conditions["threads"]
        used = self.conditions["devices_used"]
        return {
            "device": "cpu" if all(name.startswith("CPU") for name in used) else "cuda",
            "threads": 0 if threads == "auto" else threads,
            "prompt": self.conditions["prefill_tokens"],
            "count": self.conditions["decode_tokens"],
            "depth": self.conditions.get("depth", 0),
            "repetitions": self.conditions["repetitions"],
        }

    def _score(self, image: Path, *options: str) -> Json:
        return score(self.setting, image, list(options), self.status.refresh, self.lock)

    @contextlib.contextmanager
    def _plan(self, image: Path, options: Sequence[str]) -> Iterator[str | None]:
        """A file with the windows that an executable would score, for as long as it is needed."""
        if not self.setting.text:
            yield None
            return
        plan = self._score(image, *options, "--plan")
        with tempfile.NamedTemporaryFile(
            "w", dir=self.setting.executables, suffix=".tmp", encoding="utf-8"
        ) as file:
            json.dump(plan, file)
            file.flush()
            yield file.name

    def _model(self, scheme: str) -> Json:
        some = self.setting.base or Variant("none", ("--quantize=none",))
        image = compile_variant(self.setting, some, self.status.refresh, (self.lock,))
        with self._plan(image, protocol_options(self.conditions)) as plan:
            request = {
                **self._request(),
                "folder": str(self.peers.folder),
                "scheme": scheme,
                "dtype": self.peers.dtype,
                "plan": plan,
            }
            return self.peers.run("models", request, self.status.refresh, (self.lock,))

    def _llama(self, variant: Variant) -> Json:
        setting = self.setting
        image = setting.executable(variant).with_suffix(".llama.bin")
        gguf = image.with_suffix(".gguf")
        words = [str(setting.module), *variant.options, f"--gguf={gguf}", "-o", str(image)]
        try:
            try:
                check(setting.tools.run("qzc", words, self.status.refresh, (self.lock,)))
            except UsageFailure as error:
                raise EvalFailure(str(error)) from error
            return self._run_llama(image, gguf)
        finally:
            image.unlink(missing_ok=True)
            gguf.unlink(missing_ok=True)

    def _run_llama(self, image: Path, gguf: Path) -> Json:
        conditions = self.conditions
        own_protocol = conditions.get("protocol") == "llama.cpp"
        context = conditions["context"] if own_protocol else LLAMA_CONTEXT
        chunks = conditions.get("max_windows", 0)
        options = ["--protocol=llama.cpp", f"--context={context}"]
        if chunks:
            options.append(f"--max-windows={chunks}")
        programs = self.peers.programs
        with self._plan(image, options) as plan:
            request = {
                **self._request(),
                "gguf": str(gguf),
                "programs": str(programs) if programs else None,
                "text": str(self.setting.text) if self.setting.text else None,
                "context": context,
                "chunks": chunks,
                "plan": plan,
            }
            entry = self.peers.run("llama", request, self.status.refresh, (self.lock,))
        entry["info"]["file_bytes"] = gguf.stat().st_size
        if "score" in entry:
            device = f"--device={conditions['device']}"
            own = self._score(image, *options, device, "--json")
            theirs = entry["score"] if own_protocol else entry.pop("score")
            entry["llama_cpp"] = {
                "context": context,
                "perplexity": theirs["perplexity"],
                "perplexity_error": theirs["perplexity_error"],
                "own_perplexity": own["perplexity"],
                "own_perplexity_error": own["perplexity_error"],
            }
        return entry


def add_rows(results: Json, rows: Mapping[str, Json]) -> None:
    """Behind the variants of a sweep."""
    for name, entry in rows.items():
        results["executables"].append({"name": name, "is_peer": True, **entry})
