"""A Hugging Face folder through transformers, plain or quantized by bitsandbytes:

    python -m qz_eval.peers.models REQUEST.json

Prints what a row of results.json holds. Needs torch, transformers, and bitsandbytes where it
quantizes. The request: folder, scheme (none, int8, fp4, nf4), dtype, device (cpu, cuda), threads
(0: all), plan (what model.bin --score --plan printed, or null) and what to time (prompt, count,
depth, repetitions).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, DynamicCache

from qz_eval.peers.timing import Json, peak_resident_mb, score_of, timed


def load(asked: Json) -> torch.nn.Module:
    dtype = getattr(torch, asked["dtype"])
    scheme = asked["scheme"]
    how: dict[str, Any] = {}
    if scheme == "int8":
        how["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    elif scheme != "none":
        how["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type=scheme, bnb_4bit_compute_dtype=dtype
        )
    if how:
        # Quantized weights are made where they stay.
        how["device_map"] = {"": 0 if asked["device"] == "cuda" else "cpu"}
    model = AutoModelForCausalLM.from_pretrained(asked["folder"], dtype=dtype, **how)
    return (model if how else model.to(asked["device"])).eval()


def stored_bytes(model: torch.nn.Module) -> int:
    """All arrays of the weights, scales among them, tied ones once: what a file would hold."""

    def bytes_of(tensor: torch.Tensor | None) -> int:
        return 0 if tensor is None else tensor.numel() * tensor.element_size()

    seen: set[int] = set()
    total = 0
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.data_ptr() in seen:
                continue
            seen.add(parameter.data_ptr())
            total += bytes_of(parameter)
            state = getattr(parameter, "quant_state", None)
            if state is not None:
                total += bytes_of(state.absmax)
                if state.nested:
                    total += bytes_of(state.state2.absmax) + bytes_of(state.offset)
            scales = getattr(parameter, "SCB", None)
            if scales is None and hasattr(module, "state"):
                scales = getattr(module.state, "SCB", None)
            total += bytes_of(scales)
    return total


class Running:
    """A model with its cache, timed and scored."""

    def __init__(self, model: torch.nn.Module, asked: Json) -> None:
        self._model = model
        self._device = asked["device"]
        self._depth = asked["depth"]
        self._vocab = model.config.get_text_config().vocab_size
        chosen = torch.Generator().manual_seed(0)
        most = self._depth + max(asked["prompt"], 1)
        self._tokens = torch.randint(self._vocab, (1, most), generator=chosen).to(self._device)
        self._cache = DynamicCache(config=model.config)
        self._next = self._tokens[:, :1]
        if self._depth:
            self._run(self._tokens[:, : self._depth])

    def _wait(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()

    def _run(self, tokens: torch.Tensor) -> torch.Tensor:
        """The most likely token after these, which go into the cache."""
        done = self._model(tokens, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        return done.logits[:, -1:].argmax(-1)

    def rewind(self) -> None:
        if self._depth:
            self._cache.crop(self._depth)
        else:
            self._cache = DynamicCache(config=self._model.config)
        self._next = self._tokens[:, -1:]
        self._wait()

    def prefill(self, count: int) -> None:
        self._run(self._tokens[:, self._depth : self._depth + count])
        self._wait()

    def step(self) -> None:
        self._next = self._run(self._next)
        self._wait()

    def losses(self, window: Json) -> list[float]:
        tokens = torch.tensor([window["tokens"]], device=self._device)
        scored = window["scored"]
        logits = self._model(tokens[:, :-1], use_cache=False, logits_to_keep=scored).logits[0]
        targets = tokens[0, -scored:]
        logs = torch.log_softmax(logits.float(), dim=-1)
        return (-logs.gather(1, targets[:, None])[:, 0]).double().tolist()


@torch.inference_mode()
def measure(asked: Json) -> Json:
    if asked["threads"]:
        torch.set_num_threads(asked["threads"])
    start = time.perf_counter()
    model = load(asked)
    loaded = time.perf_counter() - start
    running = Running(model, asked)
    bench = timed(asked, running.prefill, running.step, running.rewind)
    on_gpu = asked["device"] == "cuda"
    bench |= {
        "load_seconds": loaded,
        "rss_peak_mb": peak_resident_mb(),
        "gpu_mb": torch.cuda.max_memory_allocated() / 1e6 if on_gpu else 0.0,
        "device": torch.cuda.get_device_name()
        if on_gpu
        else f"CPU ({torch.get_num_threads()} threads, torch {torch.__version__})",
    }
    entry: Json = {
        "info": {
            "stored_as": [{"storage": asked["scheme"].replace("none", asked["dtype"])}],
            "memory": {
                "stored": {
                    "packed_bytes": stored_bytes(model),
                    "hf_footprint_bytes": model.get_memory_footprint(return_buffers=False),
                    "hf_footprint_buffers_bytes": model.get_memory_footprint(),
                }
            },
        },
        "bench": bench,
        "made_by": f"transformers {transformers.__version__}",
    }
    if asked["plan"]:
        plan = json.loads(Path(asked["plan"]).read_text())
        start = time.perf_counter()
        losses = [running.losses(window) for window in plan["windows"]]
        entry["score"] = score_of(plan, losses, time.perf_counter() - start)
    return entry


if __name__ == "__main__":
    transformers.utils.logging.set_verbosity_error()
    print(json.dumps(measure(json.loads(Path(sys.argv[1]).read_text()))))
