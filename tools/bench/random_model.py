"""Writes a Hugging Face folder of Llama-3.2-1B's shape with random weights in bf16, to be timed:

    random_model.py FOLDER [--layers N]

Speed and memory depend on shapes, not on values. The tokenizer has the model's size and splits text
into bytes: enough to export the model, not to score anything. Needs torch and transformers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from byte_tokenizer import byte_tokenizer
from transformers import AutoModelForCausalLM, LlamaConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--layers", type=int, default=16)
    options = parser.parse_args()
    config = LlamaConfig(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=options.layers,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=64,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_theta=500000.0,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(options.folder)
    byte_tokenizer(config.vocab_size).save(str(Path(options.folder) / "tokenizer.json"))


if __name__ == "__main__":
    main()
