"""Hugging Face folder → model.mlir."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from qz_import.assembly import quoted, symbol_of
from qz_import.builder import GraphBuilder
from qz_import.checkpoint import SAFETENSORS, Checkpoint, read_checkpoint
from qz_import.companion import Companion, import_with_companion
from qz_import.config import Config
from qz_import.decoder import Decoder
from qz_import.errors import note, warn
from qz_import.families import Family, family_of
from qz_import.files import read_json, sha256_of, write_json
from qz_import.folder_tokenizer import FILE, FolderTokenizer, read_folder_tokenizer
from qz_import.gguf_form import GgufForm
from qz_import.gguf_tokenizer_form import tokenizer_form
from qz_import.metadata import TextFacts, read_text_facts, stored_element_type
from qz_import.packed import Unpacker, Weights, warn_of_f32
from qz_import.quantized import packed_weights
from qz_import.safetensors_writer import NewTensor, write_safetensors
from qz_import.sizes import read_context
from qz_import.skeleton import Skeleton
from qz_import.weights import StoredTensor, read_header
from qz_import.wrappers import text_config, text_tensors

NAMED_TENSORS = 4
# Tables that old checkpoints carry along and nothing reads.
IGNORED = re.compile(r"\.(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias)$")


def _relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`: through links of folders, but not of the file itself."""
    real_path = Path(os.path.realpath(path.parent)) / path.name
    return Path(os.path.relpath(real_path, os.path.realpath(folder))).as_posix()


def _warn_unused(graph: GraphBuilder, weights: Weights) -> None:
    known = graph.used | graph.repeated
    names = [tensor.name for tensor in weights.tensors.values()]
    names += [t.name for weight in weights.packed.values() for t in weight.tensors.values()]
    unused = [name for name in names if name not in known and not IGNORED.search(name)]
    if unused:
        shown = ", ".join(unused[:NAMED_TENSORS]) + (", …" if len(unused) > NAMED_TENSORS else "")
        warn(f"{len(unused)} tensors of the checkpoint are not used: {shown}")


def _warn_unknown(config: Config) -> None:
    unknown = config.unknown()
    if unknown:
        warn(f"{config.where}: unknown keys were not followed: {', '.join(unknown)}")


def _model_attributes(
    family: Family, config: Config, decoder: Decoder, facts: TextFacts
) -> list[str]:
    context = int(read_context(config, family.keys) * decoder.stretch)
    attributes = [
        f"family = {quoted(family.model_type)}",
        f"layers = {len(decoder.blocks)} : i64",
        f"hidden = {decoder.hidden} : i64",
        f"vocab = {decoder.vocab} : i64",
        f"context = {context} : i64",
    ]
    if facts.bos is not None:
        attributes.append(f"bos = {facts.bos} : i64")
    ends = ": " + ", ".join(map(str, facts.eos)) if facts.eos else ""
    attributes.append(f"eos = array<i64{ends}>")
    attributes.append(f"add_bos = {'true' if facts.add_bos else 'false'}")
    if facts.chat_template:
        attributes.append(f"chat_template = {quoted(facts.chat_template)}")
        tokens = [f"{quoted(role)} = {quoted(text)}" for role, text in facts.special_tokens.items()]
        attributes.append(f"special_tokens = {{{', '.join(tokens)}}}")
    return attributes


def _file_line(symbol: str, path: Path, place: Path, module_folder: Path) -> str:
    size, digest = sha256_of(path)
    reference = _relative(place, module_folder)
    return f'  qz.file @{symbol} {quoted(reference)} size {size} sha256 "{digest}"'


def _place_tokenizer(tokenizer: FolderTokenizer, companion: Companion) -> Path:
    """The folder's tokenizer.json, or what has to stand in its place."""
    if tokenizer.document is None:
        return tokenizer.path
    path = companion.staging() / FILE
    write_json(path, tokenizer.document)
    return path


def _emit(folder: Path, config: Config, decoder: Decoder, weights: Weights | None) -> GraphBuilder:
    element = stored_element_type(config) if weights is None else ""
    graph = GraphBuilder(weights, str(folder), element, decoder.base)
    graph.finish(Skeleton(decoder, graph).emit())
    return graph


def _copied(
    tensors: dict[str, StoredTensor], used: set[str], companion: Companion
) -> dict[str, StoredTensor]:
    """The used tensors as safetensors, in the type that they have."""
    path = companion.staging() / SAFETENSORS.single
    new = [
        NewTensor(tensor.name, tensor.dtype, tensor.shape, tensor.pieces)
        for tensor in tensors.values()
        if tensor.name in used
    ]
    write_safetensors(path, new, "copying to")
    header = read_header(path)
    return {name: header[tensor.name] for name, tensor in tensors.items() if tensor.name in header}


def _text_part(whole: Config, text: Config, checkpoint: Checkpoint | None) -> Checkpoint | None:
    """The text model's weights among those of a wrapper; says that they are."""
    outer, inner = whole.text("model_type"), text.text("model_type")
    left = ""
    if checkpoint:
        tensors = text_tensors(checkpoint.tensors)
        left = f"; {len(checkpoint.tensors) - len(tensors)} tensors of other parts are left out"
        checkpoint = replace(checkpoint, tensors=tensors)
    note(f"{whole.where}: of this {outer} the text model alone is imported, a {inner}{left}")
    return checkpoint


def module_text(
    folder: Path, output: Path, companion: Companion, unpack: Unpacker = packed_weights
) -> str:
    """The module of a Hugging Face folder. What it cannot refer to as it is (weights of torch
    files, the pieces of a tokenizer) is converted into `companion`."""
    config_path = folder / "config.json"
    whole = Config(read_json(config_path), str(config_path))
    text = text_config(whole)
    config = text or whole
    family = family_of(config)
    config = config.with_known(family.known)
    vocab = config.size("vocab_size")
    tokenizer = read_folder_tokenizer(folder, whole)
    facts = read_text_facts(folder, config, vocab, tokenizer)
    checkpoint = read_checkpoint(folder, config)
    if text:
        checkpoint = _text_part(whole, text, checkpoint)
    tensors = checkpoint.tensors if checkpoint else None
    weights = unpack(config, tensors or {})
    if tensors is None:
        weights = None
    decoder = family.decoder(config)
    graph = _emit(folder, config, decoder, weights)
    attributes = _model_attributes(family, config, decoder, facts)
    form = GgufForm(config, family, decoder, read_context(config, family.keys))
    if tokenizer:
        around = (tokenizer.front, tokenizer.back)
        form.add(*tokenizer_form(tokenizer.whole, *around, facts.bos, facts.eos))
        attributes.append("tokenizer = @tokenizer")
        _warn_unknown(tokenizer.config)
    _warn_unknown(config)
    if weights is None:
        note(f"{folder} holds no weights: compile the module with --weights=synthetic")
    else:
        _warn_unused(graph, weights)
        warn_of_f32(weights.packed.values())
    if tokenizer is None:
        note(f"{folder} holds no {FILE}: the model will take token ids only")
    if checkpoint and checkpoint.is_torch:
        copied = _copied(checkpoint.tensors, graph.used, companion)
        graph = _emit(folder, config, decoder, unpack(config, copied))

    attributes.append(f"gguf = {form.attribute}")
    listed = ",\n    ".join(attributes)
    lines = [f"{alias} = {text}" for alias, text in graph.attributes.items()]
    lines += ["", f"qz.model @{symbol_of(output)} attributes {{\n    {listed}}} {{"]
    files = [(file_symbol, path) for path, file_symbol in graph.files.items()]
    if tokenizer:
        files.append(("tokenizer", _place_tokenizer(tokenizer, companion)))
    for file_symbol, path in files:
        lines.append(_file_line(file_symbol, path, companion.place(path), output.parent))
    lines.append(f"  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x{vocab}xf32> {{")
    lines += ["  " + line for line in graph.lines]
    return "\n".join([*lines, "  }", "}", ""])


def import_folder(folder: Path, output: Path) -> None:
    """Writes the module of a Hugging Face folder, which stays where it is, and NAME.hf beside the
    module where something had to be converted."""
    import_with_companion(folder, output, lambda companion: module_text(folder, output, companion))
