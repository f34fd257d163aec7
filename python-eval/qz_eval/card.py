"""`qz-eval card`: a folder ready for the Hugging Face Hub, with files that a report measured, their
plots, and a model card that has the metadata which the Hub reads."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qz_eval.analysis import Results
from qz_eval.conditions import definitions, facts, protocol
from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.files import make_folder, sha256_of, write_whole
from qz_eval.results import Row, Spread, megabytes, read_results
from qz_eval.sentences import number, sentences
from qz_eval.table import failures, markdown, tasks
from qz_eval.tools import last_words

GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True)
class Chosen:
    """A file of the folder, and the row that says what it does."""

    path: Path
    row: Row
    sha256: str
    is_gguf: bool
    # Of an executable: the GPU code in it, by name; without any it runs on the CPU alone.
    gpu_code: tuple[str, ...] = ()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", type=Path, metavar="REPORT", help="folder of a report")
    parser.add_argument(
        "-o", dest="output", type=Path, metavar="DIR", required=True, help="the card's folder"
    )
    parser.add_argument(
        "--file",
        dest="files",
        type=Path,
        action="append",
        default=[],
        metavar="FILE[=VARIANT]",
        help="an executable or a GGUF to publish (default: REPORT/executables); a GGUF needs the "
        "name of the variant that it is of",
    )
    parser.add_argument("--base-model", required=True, metavar="ID", help="of the Hub: owner/name")
    parser.add_argument(
        "--license", required=True, metavar="NAME", help="of the base model, as the Hub names it"
    )
    parser.add_argument("--title", metavar="TEXT", help="of the card (default: from the model)")
    parser.add_argument(
        "--push", metavar="REPO", help="upload the folder (needs huggingface_hub and a token)"
    )


def _info_of(executable: Path) -> dict[str, Any]:
    """What it says of itself, of which it has to have what a card needs."""
    try:
        done = subprocess.run(
            [str(executable.resolve()), "--info", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EvalFailure(f"{executable}: {last_words(done.stderr)}")
        info = json.loads(done.stdout)
        return {key: info[key] for key in ("selection", "gpu_code")}
    except (OSError, ValueError, KeyError) as error:
        raise EvalFailure(f"{executable}: is neither a GGUF nor an executable of qzc") from error


def choose(given: Path, results: Results) -> Chosen:
    """Raises where the report did not measure it."""
    path, _, name = str(given).partition("=")
    file = Path(path)
    try:
        with file.open("rb") as opened:
            is_gguf = opened.read(4) == GGUF_MAGIC
    except OSError as error:
        raise EvalFailure(f"{file}: cannot be read: {error.strerror}") from error
    gpu_code: Sequence[str] = ()
    if name or is_gguf:
        row = next((row for row in results.rows if row.name == name), None)
        missing = f"variant {name!r}" if name else "variant (say which: FILE=VARIANT)"
    else:
        info = _info_of(file)
        selection, gpu_code = info["selection"], info["gpu_code"]
        row = next((row for row in results.rows if row.selection == selection), None)
        missing = f"row of {selection}"
    if row is None:
        raise EvalFailure(f"{file}: the report has no {missing}")
    return Chosen(file, row, sha256_of(file), is_gguf, tuple(gpu_code))


def choose_all(options: argparse.Namespace, results: Results) -> list[Chosen]:
    files = options.files or sorted((options.report / "executables").glob("*.bin"))
    if not files:
        raise UsageFailure(
            "nothing to publish: give --file, or keep executables by qz-eval sweep --keep"
        )
    chosen = [choose(file, results) for file in files]
    names = [each.path.name for each in chosen]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageFailure(f"two files are called {twice!r}")
    return chosen


def _metric(kind: str, name: str, spread: Spread | None, digits: int) -> list[dict[str, Any]]:
    if spread is None:
        return []
    return [
        {
            "type": kind,
            "name": f"{name} ± {spread.error:.{digits}f}",
            "value": round(spread.value, digits + 2),
        }
    ]


def _result(
    task: str, name: str, kind: str, how: dict[str, Any], metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    dataset = {"name": name, "type": re.sub(r"[^a-z0-9]+", "-", kind.lower()), "args": how}
    return {"task": {"type": task}, "dataset": dataset, "metrics": metrics}


def _model_index(results: Results, chosen: Sequence[Chosen]) -> list[dict[str, Any]]:
    conditions = results.conditions
    entries = []
    for each in chosen:
        # A GGUF is run by other programs: its own figure, where there is one.
        row = each.row
        if each.is_gguf:
            continue
        found = []
        if row.perplexity:
            metrics = [
                *_metric("perplexity", "perplexity", row.perplexity, 3),
                *_metric("bits_per_byte", "bits a byte", row.bits_per_byte, 4),
                *_metric("kl_divergence", "KL divergence from the base", row.divergence, 5),
            ]
            how = {"protocol": protocol(conditions), "sha256": conditions["text_sha256"]}
            name = conditions["text"]
            found.append(_result("text-generation", name, Path(name).stem, how, metrics))
        for task in conditions.get("tasks", ()):
            metrics = [
                *_metric("acc", "accuracy %", row.accuracy(task["task"]), 2),
                *_metric("acc_norm", "by length %", row.accuracy(task["task"], "acc_norm"), 2),
            ]
            how = {"items": task["items"], "sha256": task["sha256"]}
            if metrics:
                found.append(_result("multiple-choice", task["task"], task["task"], how, metrics))
        if found:
            entries.append({"name": each.path.name, "results": found})
    return entries


def metadata(results: Results, chosen: Sequence[Chosen], options: argparse.Namespace) -> str:
    """The card's head, as the Hub reads it."""
    # Of cards alone: machines that only measure need not have it.
    import yaml

    schemes = {
        scheme.partition("/")[0]
        for each in chosen
        for scheme in (each.row.scheme or "").split(" + ")
        if scheme
    }
    head: dict[str, Any] = {
        "base_model": options.base_model,
        "base_model_relation": "quantized",
        "license": options.license,
        "library_name": "qzc",
        "pipeline_tag": "text-generation",
        "tags": ["qzc", "quantized", *sorted(schemes), *(["gguf"] if _has_gguf(chosen) else [])],
    }
    if index := _model_index(results, chosen):
        head["model-index"] = index
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def _has_gguf(chosen: Sequence[Chosen]) -> bool:
    return any(each.is_gguf for each in chosen)


def _file_lines(chosen: Sequence[Chosen]) -> str:
    lines = ["| file | variant | MB | perplexity | SHA-256 |", "| --- | --- | ---: | ---: | --- |"]
    for each in chosen:
        quality = each.row.perplexity
        shown = number(quality.value, quality.error) if quality and not each.is_gguf else "–"
        size = megabytes(each.path.stat().st_size / 1e6)
        lines.append(
            f"| `{each.path.name}` | {each.row.name} | {size} | {shown} | `{each.sha256}` |"
        )
    return "\n".join(lines) + "\n"


def _how_to_run(programs: Sequence[Chosen]) -> str:
    codes = {code: None for each in programs for code in each.gpu_code}
    text = "An executable holds weights, tokenizer and runtime; it needs Linux on x86-64"
    if codes:
        text += f". It has GPU code ({', '.join(codes)}), which needs NVIDIA's driver and nothing "
        text += "else; where there is no GPU it runs on the CPU"
    else:
        text += " and runs on the CPU"
    name = programs[0].path.name
    return (
        f'{text}.\n\n```\nchmod +x {name}\n./{name} --prompt "Once upon a time" -n 64\n'
        f"./{name} --verify\n```\n"
    )


def card(results: Results, chosen: Sequence[Chosen], plots: Sequence[str], options: Any) -> str:
    """README.md: metadata, what there is, how to run it, what was measured, and how."""
    title = options.title or f"{options.base_model.rpartition('/')[2]}, quantized by qzc"
    base = f"[{options.base_model}](https://huggingface.co/{options.base_model})"
    parts = [
        metadata(results, chosen, options),
        f"# {title}\n\n{base}, compiled by qzc.\n\n## Files\n{_file_lines(chosen)}",
    ]
    if programs := [each for each in chosen if not each.is_gguf]:
        parts.append(_how_to_run(programs))
    said = "".join(f"* {sentence}\n" for sentence in sentences(results))
    parts.append(f"## Measured\n{markdown(results.rows)}\n{failures(results.rows)}{said}")
    parts += [f"{table.title}:\n\n{markdown(results.rows, table)}" for table in tasks(results.rows)]
    parts += [f"![{name.replace('-', ' ')}](plots/{name}.png)\n" for name in plots]
    stated = "".join(f"* {name}: {value}\n" for name, value in facts(results))
    explained = "\n\n".join(definitions(results))
    parts.append(f"## Conditions\n{stated}\n{explained}\n")
    return "\n".join(parts)


def _copy(source: Path, target: Path) -> None:
    """A link where the file system allows it: executables are large."""
    beside = target.with_name(f".{target.name}.tmp")
    try:
        beside.unlink(missing_ok=True)
        try:
            os.link(source, beside)
        except OSError:
            shutil.copy2(source, beside)
        beside.replace(target)
    except OSError as error:
        raise EvalFailure(f"{target}: cannot be written: {error.strerror}") from error


def push(folder: Path, repository: str) -> str:
    """Uploads; returns the address. The environment names the Hub (HF_ENDPOINT) and the token."""
    try:
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise EvalFailure("--push needs huggingface_hub: pip install huggingface_hub") from error
    if not get_token():
        raise EvalFailure("--push needs a token: run hf auth login, or set HF_TOKEN")
    hub = HfApi()
    try:
        address = hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="qz-eval card")
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EvalFailure(f"{repository}: cannot be uploaded: {reason}") from error
    return str(address)


def run(options: argparse.Namespace) -> str:
    """Writes the folder; returns what to print."""
    results = Results.of(read_results(options.report))
    chosen = choose_all(options, results)
    if options.output.resolve() == options.report.resolve():
        raise UsageFailure("-o is the report itself: give another folder")
    make_folder(options.output / "plots")
    plots = sorted(path.stem for path in (options.report / "plots").glob("*.png"))
    for name in plots:
        _copy(options.report / "plots" / f"{name}.png", options.output / "plots" / f"{name}.png")
    for each in chosen:
        _copy(each.path, options.output / each.path.name)
    write_whole(options.output / "README.md", card(results, chosen, plots, options))
    counts = [
        f"{len(found)} {kind}{'' if len(found) == 1 else 's'}"
        for found, kind in ((chosen, "file"), (plots, "plot"))
    ]
    said = f"{options.output}: a card, {' and '.join(counts)}\n"
    if options.push:
        said += f"{push(options.output, options.push)}\n"
    return said
