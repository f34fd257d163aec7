"""Results as qz-eval writes them, made up for tests."""

from __future__ import annotations

import math
from typing import Any

Json = dict[str, Any]
FRACTIONS = (0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1)


def comparison(difference: float, error: float, divergence: float) -> Json:
    return {
        "perplexity_difference": difference,
        "perplexity_difference_error": error,
        "perplexity_ratio": 1 + difference / 12.7,
        "perplexity_ratio_error": error / 12.7,
        "kl_divergence": divergence,
        "kl_divergence_error": divergence / 50,
        "kl_quantiles": [[fraction, divergence * 2 * (fraction + 1e-6)] for fraction in FRACTIONS],
        "same_top": 1 - divergence,
        "same_top_error": 0.001,
        "mean_change": -divergence / 8,
        "mean_change_error": divergence / 70,
        "rms_change": divergence / 2,
        "rms_change_error": divergence / 90,
    }


def entry(name: str, megabytes: float, perplexity: float, decode: float, **more: Any) -> Json:
    scheme = name.partition(" ")[0]
    stored = int(megabytes * 1e6)
    return {
        "name": name,
        "info": {
            "model": {"name": "tiny"},
            "selection": f"--quantize={name}",
            "stored_as": [{"storage": scheme}],
            "memory": {
                "imported": {"packed_bytes": 200_000_000},
                "stored": {"packed_bytes": stored},
            },
            "components": [
                {"component": "embeddings", "imported_bytes": 10**7, "stored_bytes": 10**7},
                {"component": "ffn", "imported_bytes": 19 * 10**7, "stored_bytes": stored - 10**7},
            ],
            "file_bytes": stored + 10**6,
        },
        "bench": {
            "prefill_test": "pp512",
            "decode_test": "tg128",
            "first_token_ms": 731.4,
            "first_token_ms_sd": 2.5,
            "token_ms": {"p50": 7.71, "p90": 7.9, "p99": 8.2, "max": 9.5},
            "sample_seconds": 1.719,
            "decode_gb_s": 15.2,
            "decode_stream_percent": 76.0,
            "cache_mb": 29.5,
            "workspace_mb": 4.25,
            "prefill_tok_s": 700.0,
            "prefill_tok_s_sd": 5.0,
            "decode_tok_s": decode,
            "decode_tok_s_sd": 1.0,
            "load_seconds": 0.1,
            "rss_peak_mb": megabytes + 30,
            "gpu_mb": 0.0,
            "device": "CPU (fake, 2 threads)",
        },
        "score": {
            "perplexity": perplexity,
            "perplexity_error": 0.5,
            "bits_per_byte": math.log2(perplexity) / 4,
            "bits_per_byte_error": 0.01,
            "tokens_scored": 8184,
        },
        **more,
    }


def answered(right: float, change: float | None = None) -> Json:
    """A row's answers to the questions called quiz."""
    part = {"task": "quiz", "acc": right, "acc_error": 0.02}
    part |= {"acc_norm": right + 0.1, "acc_norm_error": 0.02}
    if change is not None:
        part |= {"acc_difference": change, "acc_difference_error": 0.01}
    return part


def weight_errors(*relative: float) -> list[Json]:
    """One weight a block."""
    return [
        {"block": block, "squares": 4.0, "squared_errors": 4.0 * error**2}
        for block, error in enumerate(relative)
    ]


def results(*entries: Json, **conditions: Any) -> Json:
    return {
        "version": 1,
        "conditions": {
            "commit": "0123456789ab",
            "machine": {
                "cpu": "Some CPU",
                "threads": 2,
                "memory_bytes": 2**34,
                "system": "Linux",
                "gpus": [],
                "driver": "",
            },
            "prefill_tokens": 512,
            "decode_tokens": 128,
            "repetitions": 5,
            "text": "text.txt",
            "text_bytes": 1234567,
            "text_sha256": "ab" * 32,
            "protocol": "windows",
            "context": 1024,
            "bos": "none",
            "base": "none",
            **conditions,
        },
        "executables": list(entries),
    }


def sample() -> Json:
    """A base, variants of three kinds, a curve and a failure."""
    return results(
        entry("none", 200, 12.7, 70, tasks=[answered(0.6)]),
        entry(
            "int8",
            110,
            12.71,
            90,
            comparison=comparison(0.01, 0.02, 0.001),
            tasks=[answered(0.59, -0.01)],
        ),
        entry(
            "nf4",
            60,
            16.2,
            130,
            comparison=comparison(3.5, 0.1, 0.2),
            weight_errors=weight_errors(0.09, 0.1),
            tasks=[answered(0.5, -0.1)],
        ),
        entry("q4_0", 60, 14.7, 122, comparison=comparison(2.0, 0.1, 0.1)),
        *(
            entry(
                f"nf4 --blocks=0:{blocks}",
                200 - 70 * blocks,
                12.7 + blocks,
                90,
                comparison=comparison(1.0 * blocks, 0.05, 0.05 * blocks),
                curve={"of": "nf4 --blocks=0:N", "blocks": blocks},
            )
            for blocks in (1, 2)
        ),
        {"name": "fp4 <&>", "error": "qzc: it broke"},
        tasks=[{"task": "quiz", "sha256": "cd" * 32, "items": 1200, "base": "none"}],
    )
