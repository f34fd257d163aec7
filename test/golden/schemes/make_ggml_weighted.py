#!/usr/bin/env python3
"""Makes ggml_weighted.safetensors: ggml's blocks by importance, as make_ggml.py's without.

Blocks come from ggml_quantize_chunk with an importance matrix. Needs what make_ggml.py needs. Each
case has

    CASE.weight     F32 [rows, columns]
    CASE.importance F32 [columns], the mean squares of the columns' inputs
    CASE.q4_0 …     U8 [blocks, bytes], of every type that looks at importance
"""

from __future__ import annotations

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, quants
from make_ggml import TYPES, blocks_of, super_blocks
from pinned import check_versions
from weights import random_weight, save

NAMES = ("q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k")


def case(weight: torch.Tensor, importance: np.ndarray) -> dict[str, torch.Tensor]:
    values, importance = weight.numpy(), importance.astype(np.float32)
    parts = {"weight": weight.clone(), "importance": torch.from_numpy(importance)}
    for scheme in NAMES:
        if values.shape[1] % GGML_QUANT_SIZES[TYPES[scheme]][0] != 0:
            continue
        blocks = blocks_of(values, scheme, importance)
        assert np.isfinite(quants.dequantize(blocks, TYPES[scheme])).all(), scheme
        parts[scheme] = torch.from_numpy(blocks)
    return parts


def main() -> None:
    rng = np.random.default_rng(20261)
    spread = rng.standard_normal(768) ** 2 * np.exp(2 * rng.standard_normal(768))
    gaps = rng.standard_normal(256) ** 2
    gaps[::3] = 0
    gaps[32:64] = 0
    odd = super_blocks(rng)
    save(
        {
            "random": case(random_weight(rng, 6, 768), spread),
            "short": case(random_weight(rng, 5, 96), spread[:96].copy()),
            "values": case(odd, rng.standard_normal(256) ** 2),
            "values-gaps": case(odd, gaps),
            "values-tiny": case(odd, gaps * 1e-30),
            "values-none": case(odd, np.zeros(256)),
        },
        "ggml_weighted.safetensors",
    )


if __name__ == "__main__":
    check_versions()
    with np.errstate(all="ignore"):
        main()
