"""Turns a GGUF into a Hugging Face folder: config.json, tokenizer.json, model.safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from qz_import.errors import ImportFailure
from qz_import.files import write_json
from qz_import.gguf_decode import DecodedTensor, write_decoded
from qz_import.gguf_file import Gguf, open_gguf
from qz_import.gguf_gpt2 import gpt2_config, gpt2_tensors
from qz_import.gguf_keys import check_keys
from qz_import.gguf_llama import llama_config, llama_tensors
from qz_import.gguf_metadata import Metadata
from qz_import.gguf_opt import opt_config, opt_tensors
from qz_import.gguf_tokenizer import GgufTokenizer

TORCH_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


class Architecture(NamedTuple):
    """Makes config.json, then the tensors under their Hugging Face names."""

    config: Callable[[Gguf, Metadata, GgufTokenizer], dict[str, Any]]
    tensors: Callable[[Gguf, dict[str, Any], str], list[DecodedTensor]]
    # Whether it rotates q and k, so that keys about that mean something.
    is_rotary: bool = True


ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture(llama_config, llama_tensors),
    "gpt2": Architecture(gpt2_config, gpt2_tensors, is_rotary=False),
    "opt": Architecture(opt_config, opt_tensors, is_rotary=False),
}


def _special_tokens(tokenizer: GgufTokenizer) -> dict[str, Any]:
    """Null where the file names none: config.json's own defaults are not the file's."""
    ends = [tokenizer.eos_id, tokenizer.end_of_turn_id, tokenizer.end_of_message_id]
    eos = list(dict.fromkeys(end for end in ends if end is not None))
    return {"bos_token_id": tokenizer.bos_id, "eos_token_id": eos or None}


def decode_gguf(path: Path, folder: Path, dtype: str) -> None:
    """Writes the model into an existing folder, as Hugging Face would have it there."""
    file = open_gguf(path)
    meta = Metadata(file, str(path))
    architecture = meta.text("general.architecture")
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ImportFailure(
            f"{path}: general.architecture is {architecture!r}, which is unknown (known: {known})"
        )
    maker = ARCHITECTURES[architecture]
    tokenizer = GgufTokenizer(meta)
    config = maker.config(file, meta, tokenizer)
    special = _special_tokens(tokenizer)
    tensors = maker.tensors(file, config, str(path))
    documents = {
        "config.json": {**config, **special, "torch_dtype": TORCH_DTYPES[dtype]},
        "generation_config.json": {k: value for k, value in special.items() if value is not None},
        "tokenizer.json": tokenizer.tokenizer_json(),
        "tokenizer_config.json": tokenizer.tokenizer_config_json(),
    }
    check_keys(meta, architecture, maker.is_rotary)
    write_decoded(folder / "model.safetensors", tensors, dtype)
    for name, document in documents.items():
        write_json(folder / name, document)
