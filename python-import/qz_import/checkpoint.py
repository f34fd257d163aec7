"""The weights of a Hugging Face folder: which files they are in, in which of two formats."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_import.config import Config
from qz_import.errors import ImportFailure, shown
from qz_import.files import read_json
from qz_import.torch_file import read_torch
from qz_import.weights import StoredTensor, read_header

Tensors = dict[str, StoredTensor]


@dataclass(frozen=True)
class _Format:
    """One file, or an index that says which shard has which tensor."""

    single: str
    index: str
    read: Callable[[Path], Tensors]


SAFETENSORS = _Format("model.safetensors", "model.safetensors.index.json", read_header)
TORCH = _Format("pytorch_model.bin", "pytorch_model.bin.index.json", read_torch)
# config.json's key for a name of its own.
NAMED = "transformers_weights"
# Files that look like weights of another kind or name.
WEIGHT_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".safetensors", ".gguf", ".h5", ".msgpack")


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name. Those of torch files must be copied before anything can refer to them."""

    tensors: Tensors
    is_torch: bool


def _is_plain(name: object) -> bool:
    """Whether a value is the name of a file of this folder."""
    is_name = isinstance(name, str) and name.isprintable() and "/" not in name
    return is_name and name not in ("", ".", "..")


def _shard_names(index: Path) -> dict[str, str]:
    """Which file the index puts each tensor into."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ImportFailure(f"{index}: missing key 'weight_map'")
    for name, shard in weight_map.items():
        if not _is_plain(shard):
            raise ImportFailure(f"{index}: {shown(shard)} of tensor {name!r} is no plain file name")
    return weight_map


def _sharded(index: Path, form: _Format) -> Tensors:
    """The tensors of all shards. What the shards hold counts: like transformers, this asks the
    index for their names alone, and for a tensor's shard where several hold it."""
    weight_map = _shard_names(index)
    tensors: Tensors = {}
    for shard in dict.fromkeys(weight_map.values()):
        for name, tensor in form.read(index.parent / shard).items():
            if name not in tensors or weight_map.get(name) == shard:
                tensors[name] = tensor
    return tensors


def _of_a_name(folder: Path, config: Config, name: Any) -> Checkpoint:
    """The weights that config.json names itself."""
    suffix = Path(SAFETENSORS.single).suffix
    if not _is_plain(name) or not name.endswith((suffix, f"{suffix}.index.json")):
        raise config.fail(NAMED, f"is {shown(name)}, not the name of safetensors or their index")
    read = SAFETENSORS.read if name.endswith(suffix) else lambda path: _sharded(path, SAFETENSORS)
    return Checkpoint(read(folder / name), is_torch=False)


def read_checkpoint(folder: Path, config: Config) -> Checkpoint | None:
    """The tensors of a Hugging Face folder; None where it holds no weights at all. Safetensors
    come first: a folder may hold its weights in several forms."""
    if config.has(NAMED):
        return _of_a_name(folder, config, config.raw(NAMED))
    for form in (SAFETENSORS, TORCH):
        # A dangling link is a missing file, not a folder without weights.
        if os.path.lexists(folder / form.single):
            return Checkpoint(form.read(folder / form.single), form is TORCH)
        if os.path.lexists(folder / form.index):
            return Checkpoint(_sharded(folder / form.index, form), form is TORCH)
    others = sorted(path.name for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES)
    if others:
        raise ImportFailure(
            f"{folder}: neither {SAFETENSORS.single} nor {TORCH.single} nor an index of theirs is "
            f"there, but {others[0]} is; only weights under their usual names are read"
        )
    return None
