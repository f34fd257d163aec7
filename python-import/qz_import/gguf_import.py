"""GGUF → model.mlir, by way of a decoded Hugging Face folder beside it."""

from __future__ import annotations

from pathlib import Path

from qz_import.companion import Companion, import_with_companion
from qz_import.gguf_source import decode_gguf
from qz_import.hf_import import module_text


def import_gguf(source: Path, output: Path, dtype: str) -> None:
    """Writes NAME.mlir and the folder NAME.hf that it refers to, or neither."""

    def make(companion: Companion) -> str:
        decode_gguf(source, companion.staging(), dtype)
        return module_text(companion.staging(), output, companion)

    import_with_companion(source, output, make)
