"""Hugging Face folder → model.mlir."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from qz_import.builder import GraphBuilder, quoted
from qz_import.config import Config
from qz_import.errors import ImportFailure
from qz_import.families import Family, family_of
from qz_import.files import atomic_file, read_json, sha256_of
from qz_import.metadata import TextFacts, read_text_facts, stored_element_type
from qz_import.weights import read_checkpoint

NAMED_TENSORS = 4
# Tables that old checkpoints carry along and nothing reads.
IGNORED = re.compile(r"\.(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias)$")


def note(message: str) -> None:
    print(f"qz-import: {message}", file=sys.stderr)


def _relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`: through links of folders, but not of the file itself."""
    real_path = Path(os.path.realpath(path.parent)) / path.name
    return Path(os.path.relpath(real_path, os.path.realpath(folder))).as_posix()


def _note_unused(graph: GraphBuilder, names: list[str]) -> None:
    unused = [name for name in names if name not in graph.used and not IGNORED.search(name)]
    if unused:
        shown = ", ".join(unused[:NAMED_TENSORS]) + (", …" if len(unused) > NAMED_TENSORS else "")
        note(f"warning: {len(unused)} tensors of the checkpoint are not used: {shown}")


def _model_attributes(family: Family, config: Config, vocab: int, facts: TextFacts) -> list[str]:
    attributes = [
        f"family = {quoted(family.model_type)}",
        f"layers = {config.size(family.layers)} : i64",
        f"hidden = {config.size(family.hidden)} : i64",
        f"vocab = {vocab} : i64",
        f"context = {config.size(family.context)} : i64",
    ]
    if facts.bos is not None:
        attributes.append(f"bos = {facts.bos} : i64")
    ends = ": " + ", ".join(map(str, facts.eos)) if facts.eos else ""
    attributes.append(f"eos = array<i64{ends}>")
    attributes.append(f"add_bos = {'true' if facts.add_bos else 'false'}")
    if facts.chat_template:
        attributes.append(f"chat_template = {quoted(facts.chat_template)}")
    if facts.tokenizer:
        attributes.append("tokenizer = @tokenizer")
    return attributes


def _file_line(symbol: str, path: Path, seen_as: Path, module_folder: Path) -> str:
    size, digest = sha256_of(path)
    reference = _relative(seen_as / path.name, module_folder)
    return f'  qz.file @{symbol} {quoted(reference)} size {size} sha256 "{digest}"'


def module_text(folder: Path, output: Path, seen_as: Path) -> str:
    """The module of a Hugging Face folder. File references lead from the place of `output` to
    `seen_as`, which is where the folder's files will be."""
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise ImportFailure(f"{config_path}: missing (no such file)")
    config = Config(read_json(config_path), str(config_path))
    family = family_of(config)
    vocab = config.size("vocab_size")
    facts = read_text_facts(folder, config, vocab)
    tensors = read_checkpoint(folder)
    graph = GraphBuilder(tensors, str(folder), stored_element_type(config))
    graph.finish(family.emit(config, graph))

    if tensors is None:
        note(f"{folder} holds no safetensors: compile the module with --weights=synthetic")
    else:
        _note_unused(graph, list(tensors))
    if facts.tokenizer is None:
        note(f"{folder} holds no tokenizer.json: the model will take token ids only")

    name = re.sub(r"\W", "_", output.stem, flags=re.ASCII)
    symbol = f"_{name}" if name[:1].isdigit() else name
    attributes = ",\n    ".join(_model_attributes(family, config, vocab, facts))
    lines = [f"{alias} = {text}" for alias, text in graph.attributes.items()]
    lines += ["", f"qz.model @{symbol} attributes {{\n    {attributes}}} {{"]
    for path, file_symbol in graph.files.items():
        lines.append(_file_line(file_symbol, path, seen_as, output.parent))
    if facts.tokenizer:
        lines.append(_file_line("tokenizer", facts.tokenizer, seen_as, output.parent))
    lines.append(f"  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x{vocab}xf32> {{")
    lines += ["  " + line for line in graph.lines]
    return "\n".join([*lines, "  }", "}", ""])


def import_folder(folder: Path, output: Path) -> None:
    """Writes the module of a Hugging Face folder, which stays where it is."""
    text = module_text(folder, output, seen_as=folder)
    with atomic_file(output) as file:
        file.write(text.encode())
