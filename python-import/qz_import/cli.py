"""qz-import's command line."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from qz_import.errors import ImportFailure, UsageFailure, note
from qz_import.hf_import import import_folder

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", flags=re.ASCII)
HUB_FILES = ["*.json", "*.jinja", "merges.txt", "*.safetensors"]
# Fetched where a model has no safetensors.
HUB_TORCH_FILES = ["pytorch_model*.bin"]


# What ends a process that does not heed them. (Python heeds SIGINT itself.)
STOPPING = (signal.SIGTERM, signal.SIGHUP)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageFailure(f"{message} (see qz-import --help)")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="qz-import",
        description="Turns a Hugging Face folder or a GGUF file into a module of the qz dialect.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder with config.json, tokenizer.json (or vocab.json and merges.txt) and "
        "*.safetensors (or pytorch_model.bin); a .gguf file; or a Hugging Face model id "
        "(needs huggingface_hub)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="FILE.mlir",
        required=True,
        type=Path,
        help="the module to write",
    )
    parser.add_argument(
        "--dtype",
        choices=("f32", "f16", "bf16"),
        help="decode all weights of a GGUF to this type (default: blocks that are schemes of qzc "
        "stay as they are, others become f32)",
    )
    parser.add_argument(
        "--revision", metavar="REV", help="branch, tag or commit of a Hugging Face model id"
    )
    return parser.parse_args(arguments)


def _fetch(model_id: str, revision: str | None) -> Path:
    """The local snapshot of a model of the Hugging Face hub."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ImportFailure(
            f"{model_id}: no such file or folder; to fetch a model of this name from the Hugging "
            "Face hub, run: pip install huggingface_hub"
        ) from None

    def snapshot(patterns: list[str]) -> Path:
        return Path(snapshot_download(model_id, revision=revision, allow_patterns=patterns))

    try:
        folder = snapshot(HUB_FILES)
        return folder if any(folder.glob("*.safetensors")) else snapshot(HUB_TORCH_FILES)
    except Exception as error:  # network, credentials, names: whatever the library raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ImportFailure(f"{model_id}: cannot be fetched from the hub: {reason}") from error


def _run(arguments: list[str] | None) -> None:
    options = _parse(arguments)
    output: Path = options.output
    if output.suffix != ".mlir":
        raise UsageFailure(f"-o {output}: the module's name must end in .mlir")
    if output.is_dir():
        raise ImportFailure(f"{output}: is a folder, not a file to write")
    if not output.parent.is_dir():
        raise ImportFailure(f"{output}: the folder {output.parent} does not exist")
    source = Path(options.source)
    if options.dtype and not source.is_file():
        raise UsageFailure(
            "--dtype is for GGUF sources; a folder keeps its types (see qzc --dtype)"
        )
    if source.is_dir():
        import_folder(source, output)
    elif source.is_file():
        # Only this path needs the gguf package.
        from qz_import.gguf_import import import_gguf

        import_gguf(source, output, options.dtype)
    elif source.exists():
        raise ImportFailure(f"{source}: neither a folder nor a regular file")
    elif HUB_ID.fullmatch(options.source):
        import_folder(_fetch(options.source, options.revision), output)
    else:
        raise ImportFailure(f"{source}: no such file or folder")


def _fail(message: str, code: int = 1) -> NoReturn:
    note(f"error: {message}")
    sys.exit(code)


class _Stopped(BaseException):
    """A signal asks for the end: whatever is open cleans up behind itself."""


def _stop(number: int, _: FrameType | None) -> None:
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise _Stopped(signal.Signals(number).name)


def _heed_signals() -> None:
    """Not those that the caller ignores, as nohup does."""
    for number in STOPPING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def run_from_shell() -> None:
    """qz-import, as a process of its own."""
    _heed_signals()
    main()


def main(arguments: list[str] | None = None) -> None:
    try:
        _run(arguments)
    except _Stopped as stop:
        _fail(f"stopped by {stop}")
    except ImportFailure as error:
        _fail(str(error), 2 if isinstance(error, UsageFailure) else 1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _fail("interrupted")
