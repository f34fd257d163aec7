"""Writes rope_frequencies.txt: inverse frequencies as transformers computes them.

A line a case: dim theta scaling factor low high original_context, how many positions the run has,
then the bits of the f32 values in hexadecimal. Needs torch and transformers.
"""

from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

Case = tuple[int, float, str, float, float, float, int, int]
CASES: list[Case] = [
    (64, 1e4, "none", 1, 1, 4, 8192, 9000),
    (64, 1e5, "none", 1, 1, 4, 8192, 1),
    (32, 5e5, "none", 1, 1, 4, 8192, 1),
    (6, 1e4, "none", 1, 1, 4, 8192, 1),
    (64, 1e4, "linear", 2.5, 1, 4, 8192, 9000),
    (64, 5e5, "llama3", 32, 1, 4, 8192, 9000),
    (128, 5e5, "llama3", 8, 1, 4, 8192, 1),
    (64, 1e4, "dynamic", 2, 1, 4, 2048, 2048),
    (64, 1e4, "dynamic", 2, 1, 4, 2048, 2049),
    (128, 5e5, "dynamic", 3.5, 1, 4, 100, 333),
    (4, 1e4, "dynamic", 8, 1, 4, 100, 700),
]


def frequencies(case: Case) -> np.ndarray:
    dim, theta, scaling, factor, low, high, context, positions = case
    rope: dict[str, object] = {"rope_theta": theta, "rope_type": "default"}
    if scaling != "none":
        rope.update({"rope_type": scaling, "factor": factor})
    if scaling == "llama3":
        rope.update(low_freq_factor=low, high_freq_factor=high)
        rope.update(original_max_position_embeddings=context)
    config = LlamaConfig(
        hidden_size=dim,
        num_attention_heads=1,
        head_dim=dim,
        max_position_embeddings=context,
        rope_parameters=rope,
    )
    rotary = LlamaRotaryEmbedding(config)
    rotary(torch.zeros(1), torch.tensor([[positions - 1]]))
    return rotary.inv_freq.numpy().astype(np.float32)


def main() -> None:
    lines = []
    for case in CASES:
        bits = " ".join(f"{v:08x}" for v in frequencies(case).view(np.uint32))
        lines.append(" ".join(str(v) for v in case) + " " + bits)
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
