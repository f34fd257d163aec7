"""Pieces of MLIR's assembly: string and float literals, symbols, types."""

from __future__ import annotations

import re
from pathlib import Path

from qz_import.errors import ImportFailure


def quoted(text: str) -> str:
    """A string literal of MLIR's assembly, which is UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ImportFailure(f"{text[:60]!r} is not valid Unicode") from None
    escapes = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t"}
    return (
        '"' + "".join(escapes.get(c) or (c if c >= " " else f"\\{ord(c):02X}") for c in text) + '"'
    )


def symbol_of(path: Path) -> str:
    """The name of a symbol of MLIR for a file: letters, digits and _, of which the first is no
    digit."""
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    return f"_{name}" if not name or name[0].isdigit() else name


def real(value: float) -> str:
    """A float literal of MLIR's assembly: the shortest that gives `value` back."""
    digits, _, exponent = repr(float(value)).partition("e")
    if "." not in digits:
        digits += ".0"
    return f"{digits}e{exponent}" if exponent else digits


def tensor_type(shape: tuple[int | None, ...], element: str) -> str:
    sizes = "".join(f"{'?' if size is None else size}x" for size in shape)
    return f"tensor<{sizes}{element}>"
