"""Turns a GGUF into a Hugging Face folder: config.json, tokenizer.json, model.safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from qz_import.errors import ImportFailure
from qz_import.files import write_json
from qz_import.gguf_decode import DecodedTensor, open_gguf, write_decoded
from qz_import.gguf_gpt2 import gpt2_config, gpt2_tensors
from qz_import.gguf_llama import llama_config, llama_tensors
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_opt import opt_config, opt_tensors
from qz_import.gguf_tokenizer import GgufTokenizer

TORCH_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}

# Makes config.json, then the tensors under their Hugging Face names.
Architecture = tuple[
    Callable[[GGUFReader, Metadata, GgufTokenizer], dict[str, Any]],
    Callable[[GGUFReader, dict[str, Any], str], list[DecodedTensor]],
]
ARCHITECTURES: dict[str, Architecture] = {
    "llama": (llama_config, llama_tensors),
    "gpt2": (gpt2_config, gpt2_tensors),
    "opt": (opt_config, opt_tensors),
}


def _generation_config(tokenizer: GgufTokenizer) -> dict[str, Any]:
    ends = [tokenizer.eos_id, tokenizer.end_of_turn_id, tokenizer.end_of_message_id]
    eos = list(dict.fromkeys(end for end in ends if end is not None))
    values = {"bos_token_id": tokenizer.bos_id, "eos_token_id": eos or None}
    return {key: value for key, value in values.items() if value is not None}


def decode_gguf(path: Path, folder: Path, dtype: str) -> None:
    """Writes the model into an existing folder, as Hugging Face would have it there."""
    reader = open_gguf(path)
    meta = Metadata(reader, str(path))
    architecture = meta.text("general.architecture")
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ImportFailure(
            f"{path}: general.architecture is {architecture!r}, which is unknown (known: {known})"
        )
    make_config, make_tensors = ARCHITECTURES[architecture]
    tokenizer = GgufTokenizer(meta)
    config = make_config(reader, meta, tokenizer)
    generation = _generation_config(tokenizer)
    tensors = make_tensors(reader, config, str(path))
    documents = {
        "config.json": {**config, **generation, "torch_dtype": TORCH_DTYPES[dtype]},
        "generation_config.json": generation,
        "tokenizer.json": tokenizer.tokenizer_json(),
        "tokenizer_config.json": tokenizer.tokenizer_config_json(),
    }
    write_decoded(folder / "model.safetensors", tensors, dtype)
    for name, document in documents.items():
        write_json(folder / name, document)
