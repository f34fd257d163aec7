"""Results of qz-eval without what differs from run to run."""

from __future__ import annotations

# What may differ between two runs of the same call.
MEASURED = ("tok_s", "tokens_per_second", "seconds", "_ms", "joules", "stream_", "gb_s", "rss_peak")


def without_measurements(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: without_measurements(item)
            for key, item in value.items()
            if not any(part in key for part in MEASURED)
        }
    if isinstance(value, list):
        return [without_measurements(item) for item in value]
    return value
