"""The folder NAME.hf beside NAME.mlir: what had to be converted for the module to refer to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from qz_import.errors import ImportFailure
from qz_import.files import atomic_file
from qz_import.leftovers import clear, hold

# Lists the files of a folder that qz-import made: only such a folder may be replaced.
LIST = ".qz-import"


class Companion:
    """Files are written to a staging folder and take their place together with the module."""

    def __init__(self, source: Path, output: Path) -> None:
        self._source = source
        self._folder = output.with_suffix(".hf")
        self._staging = self._folder.with_name(f".{self._folder.name}.{os.getpid()}.tmp")
        # Where an earlier import's folder is until the module is written.
        self._aside = self._folder.with_name(f".{self._folder.name}.{os.getpid()}.old")
        self._is_staged = False
        self._is_published = False
        self._held: list[int] = []

    def _check_replaceable(self) -> None:
        """Refuses to put the converted files where something of the user's is."""
        if self._folder.is_symlink() or (self._folder.exists() and not self._folder.is_dir()):
            raise ImportFailure(
                f"{self._folder}: is no folder, but the converted files need one there"
            )
        if not self._folder.exists():
            return
        advice = "give -o another name"
        if self._folder.samefile(self._source):
            raise ImportFailure(
                f"{self._folder}: is the source, but its converted files would go there: {advice}"
            )
        made = self._folder / LIST
        names = {LIST, *made.read_text(errors="replace").splitlines()} if made.is_file() else set()
        others = sorted(path.name for path in self._folder.iterdir() if path.name not in names)
        if others:
            raise ImportFailure(
                f"{self._folder}: holds {others[0]!r}, which qz-import did not make, but the "
                f"converted files would go there: {advice}, or move that folder away"
            )

    def staging(self) -> Path:
        """Where to write; made when it is first needed."""
        if self._is_staged:
            return self._staging
        self._check_replaceable()
        try:
            self._staging.mkdir()
            self._held.append(hold(self._staging))
        except OSError as error:
            raise ImportFailure(f"{self._folder}: cannot write: {error.strerror}") from error
        self._is_staged = True
        return self._staging

    def place(self, path: Path) -> Path:
        """Where a file will be once the module is written."""
        return self._folder / path.name if path.parent == self._staging else path

    def _publish(self) -> None:
        """Gives the staging folder its name."""
        names = sorted(path.name for path in self._staging.iterdir())
        with atomic_file(self._staging / LIST) as file:
            file.write("".join(f"{name}\n" for name in names).encode())
        try:
            if self._folder.exists():
                self._held.append(hold(self._folder))
                self._folder.rename(self._aside)
            self._staging.rename(self._folder)
            self._is_published = True
        except OSError as error:
            raise ImportFailure(f"{self._folder}: cannot write: {error.strerror}") from error

    def _take_back(self) -> None:
        """Undoes as much of `_publish` as was done."""
        if self._is_published:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._aside.exists():
            self._aside.rename(self._folder)

    def write(self, output: Path, text: str) -> None:
        """Publishes the folder and the module, or neither: then what was there is there again."""
        try:
            if self._is_staged:
                self._publish()
            with atomic_file(output) as file:
                file.write(text.encode())
        except BaseException:
            if self._is_staged:
                self._take_back()
            raise
        if self._is_staged:
            shutil.rmtree(self._aside, ignore_errors=True)

    def discard(self) -> None:
        """Removes what was not published."""
        if self._is_staged:
            shutil.rmtree(self._staging, ignore_errors=True)
        for number in self._held:
            os.close(number)
        self._held.clear()

    def described(self, message: str) -> str:
        """An error line without the staging folder, which nobody but this class knows."""
        return message.replace(str(self._staging), f"{self._source} (converted)")


def import_with_companion(source: Path, output: Path, make: Callable[[Companion], str]) -> None:
    """Writes the module whose text `make` returns, and NAME.hf where `make` staged something."""
    companion = Companion(source, output)
    clear(output)
    clear(output.with_suffix(".hf"))
    try:
        companion.write(output, make(companion))
    except ImportFailure as error:
        raise ImportFailure(companion.described(str(error))) from error
    except MemoryError as error:
        raise ImportFailure(f"{source}: asks for more memory than there is") from error
    except RecursionError as error:
        raise ImportFailure(f"{source}: has values nested too deeply") from error
    except (ValueError, ArithmeticError) as error:  # of a value that no check foresaw
        raise ImportFailure(f"{source}: has a value out of range: {error}") from error
    finally:
        companion.discard()
