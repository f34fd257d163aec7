"""The folder NAME.hf beside NAME.mlir: what had to be converted for the module to refer to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from qz_import.errors import ImportFailure
from qz_import.files import atomic_file


class Companion:
    """Files are written to a staging folder and take their place together with the module."""

    def __init__(self, output: Path) -> None:
        self._folder = output.with_suffix(".hf")
        self._staging = self._folder.with_name(f".{self._folder.name}.{os.getpid()}.tmp")
        self._is_staged = False

    def staging(self) -> Path:
        """Where to write; made when it is first needed."""
        if self._is_staged:
            return self._staging
        if self._folder.exists() and not self._folder.is_dir():
            raise ImportFailure(
                f"{self._folder}: is a file, but the converted files need a folder there"
            )
        try:
            self._staging.mkdir()
        except OSError as error:
            raise ImportFailure(f"{self._folder}: cannot write: {error.strerror}") from error
        self._is_staged = True
        return self._staging

    def place(self, path: Path) -> Path:
        """Where a file will be once the module is written."""
        return self._folder / path.name if path.parent == self._staging else path

    def _publish(self) -> bool:
        """Gives the staged files their place; those of an earlier import are replaced. Returns
        whether the folder is new."""
        try:
            if not self._folder.exists():
                self._staging.rename(self._folder)
                return True
            for path in sorted(self._staging.iterdir()):
                path.replace(self._folder / path.name)
            return False
        except OSError as error:
            raise ImportFailure(f"{self._folder}: cannot write: {error.strerror}") from error

    def write(self, output: Path, text: str) -> None:
        """Publishes the folder and the module, or neither."""
        is_new = self._is_staged and self._publish()
        try:
            with atomic_file(output) as file:
                file.write(text.encode())
        except BaseException:
            if is_new:
                shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def discard(self) -> None:
        """Removes what was not published."""
        if self._is_staged:
            shutil.rmtree(self._staging, ignore_errors=True)

    def described(self, message: str, source: Path) -> str:
        """An error line without the staging folder, which nobody but this class knows."""
        return message.replace(str(self._staging), f"{source} (converted)")


def import_with_companion(source: Path, output: Path, make: Callable[[Companion], str]) -> None:
    """Writes the module whose text `make` returns, and NAME.hf where `make` staged something."""
    companion = Companion(output)
    try:
        companion.write(output, make(companion))
    except ImportFailure as error:
        raise ImportFailure(companion.described(str(error), source)) from error
    finally:
        companion.discard()
