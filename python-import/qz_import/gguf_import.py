"""GGUF → model.mlir, by way of a decoded Hugging Face folder beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from qz_import.errors import ImportFailure
from qz_import.files import atomic_file
from qz_import.gguf_source import decode_gguf
from qz_import.hf_import import module_text


def _publish(staging: Path, folder: Path) -> None:
    """Gives the finished files their place; those of an earlier import are replaced."""
    if not folder.exists():
        staging.rename(folder)
        return
    for path in sorted(staging.iterdir()):
        path.replace(folder / path.name)


def import_gguf(source: Path, output: Path, dtype: str) -> None:
    """Writes NAME.mlir and the folder NAME.hf that it refers to, or neither."""
    folder = output.with_suffix(".hf")
    if folder.exists() and not folder.is_dir():
        raise ImportFailure(f"{folder}: is a file, but the decoded weights need a folder there")
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    is_new = not folder.exists()
    try:
        staging.mkdir()
        decode_gguf(source, staging, dtype)
        text = module_text(staging, output, seen_as=folder)
        _publish(staging, folder)
        try:
            with atomic_file(output) as file:
                file.write(text.encode())
        except BaseException:
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    except ImportFailure as error:
        # Nobody but this function knows the staging folder.
        raise ImportFailure(str(error).replace(str(staging), f"{source} (decoded)")) from error
    except OSError as error:
        raise ImportFailure(f"{folder}: cannot write: {error.strerror}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
