"""GGUF → model.mlir, by way of a Hugging Face folder beside it."""

from __future__ import annotations

from pathlib import Path

from qz_import.companion import Companion, import_with_companion
from qz_import.config import Config
from qz_import.gguf_source import Kept, unpack_gguf
from qz_import.hf_import import module_text
from qz_import.packed import PackedTensor, Weights
from qz_import.weights import StoredTensor


def _packed(tensor: StoredTensor, kept: Kept) -> PackedTensor:
    rows, columns = kept.shape
    return PackedTensor(tensor.name, (rows, columns), kept.scheme, "ggml", {"codes": tensor})


def import_gguf(source: Path, output: Path, dtype: str | None) -> None:
    """Writes NAME.mlir and the folder NAME.hf that it refers to, or neither."""

    def make(companion: Companion) -> str:
        kept = unpack_gguf(source, companion.staging(), dtype)

        def unpack(_: Config, tensors: dict[str, StoredTensor]) -> Weights:
            packed = {name: _packed(tensors[name], kept[name]) for name in kept}
            return Weights({n: t for n, t in tensors.items() if n not in kept}, packed)

        return module_text(companion.staging(), output, companion, unpack)

    import_with_companion(source, output, make)
