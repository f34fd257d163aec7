"""Compiles well-known shapes with synthetic weights, to be timed where the GPU is:

    prepare.py FOLDER [--arch LIST] [--model NAME…] [--scheme "OPTIONS"…]

FOLDER receives MODEL.SCHEME.bin for each model and scheme, a few MB each, since synthetic weights
are made at load. Copy it to the machine to measure, and run there one of

    gpu_table.py FOLDER
    qz-eval FOLDER/*.bin -p 2048 -n 128 -o report

Speed depends on shapes and schemes, not on the values of weights.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from byte_tokenizer import byte_tokenizer

ROOT = Path(__file__).resolve().parents[2]
SCHEMES = (
    *("none", "int8", "q8_0", "q4_0", "fp4", "nf4", "nf4 --double-quant"),
    *("q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k", "int4", "int3"),
)

# What the models' public config.json files say of shapes.
MODELS: dict[str, dict[str, object]] = {
    "llama-3.2-1b": {
        "model_type": "llama",
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    },
    "llama-3.1-8b": {
        "model_type": "llama",
        "vocab_size": 128256,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    },
    "smollm2-135m": {
        "model_type": "llama",
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "hidden_act": "silu",
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    },
    "gpt2": {
        "model_type": "gpt2",
        "vocab_size": 50257,
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "n_positions": 1024,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "torch_dtype": "bfloat16",
    },
    "opt-350m": {
        "model_type": "opt",
        "vocab_size": 50272,
        "hidden_size": 1024,
        "word_embed_proj_dim": 512,
        "ffn_dim": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "max_position_embeddings": 2048,
        "do_layer_norm_before": False,
        "activation_function": "relu",
        "torch_dtype": "float16",
    },
}


def compile_model(name: str, schemes: list[str], out: Path, archs: str, build: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config.json").write_text(json.dumps(MODELS[name]))
        # So that text can be scored: its losses say nothing, its speed does.
        byte_tokenizer(257).save(str(folder / "tokenizer.json"))
        module = folder / f"{name}.mlir"
        importer = [sys.executable, "-m", "qz_import", folder, "-o", module]
        subprocess.run(importer, check=True, cwd=ROOT / "python-import")
        for scheme in schemes:
            image = out / f"{name}.{scheme.replace(' --', '-')}.bin"
            command = [
                build / "bin" / "qzc",
                module,
                *f"--quantize={scheme}".split(),
                "--weights=synthetic",
                f"--arch={archs}",
                "-o",
                image,
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            print(image, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arch", default="90a")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--scheme", nargs="+", default=list(SCHEMES))
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.model:
        compile_model(name, options.scheme, options.folder, options.arch, options.build)


if __name__ == "__main__":
    main()
