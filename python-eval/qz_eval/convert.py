"""`qz-eval convert`: benchmarks in their published forms, as items for `qz-eval tasks`.

Questions, choices and what stands between them are those of lm-eval's tasks of the same names, so
that accuracies compare with what it prints. Files are JSON lines as the authors or the Hugging Face
Hub publish them; MMLU also as CSV, a file a subject.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qz_eval.errors import EvalFailure
from qz_eval.files import write_whole

Item = dict[str, Any]
LETTERS = "ABCD"


def _without_artifacts(text: str) -> str:
    """HellaSwag's WikiHow part has headings and notes in brackets."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def hellaswag(doc: Item) -> Item:
    context = f"{doc['ctx_a']} {doc['ctx_b'].capitalize()}"
    return {
        "question": _without_artifacts(f"{doc['activity_label']}: {context}"),
        "choices": [_without_artifacts(ending) for ending in doc["endings"]],
        "answer": int(doc["label"]),
    }


def arc(doc: Item) -> Item:
    """The authors' form has the choices inside the question."""
    question, choices = doc["question"], doc.get("choices")
    if isinstance(question, dict):
        question, listed = question["stem"], question["choices"]
        texts = [choice["text"] for choice in listed]
        labels = [choice["label"] for choice in listed]
    else:
        texts, labels = choices["text"], choices["label"]
    return {
        "question": f"Question: {question}\nAnswer:",
        "choices": texts,
        "answer": labels.index(doc["answerKey"]),
    }


def piqa(doc: Item) -> Item:
    return {
        "question": f"Question: {doc['goal']}\nAnswer:",
        "choices": [doc["sol1"], doc["sol2"]],
        "answer": int(doc["label"]),
    }


def winogrande(doc: Item) -> Item:
    """The choices stand in front: what is scored is the end of the sentence, after each."""
    before, _, after = doc["sentence"].partition("_")
    if not after:
        raise ValueError("its sentence has no _")
    return {
        "question": [before + doc["option1"], before + doc["option2"]],
        "choices": [after.strip()] * 2,
        "answer": ("1", "2").index(doc["answer"]),
    }


def mmlu(doc: Item) -> Item:
    lettered = zip(LETTERS, doc["choices"], strict=True)
    listed = "".join(f"{letter}. {choice}\n" for letter, choice in lettered)
    answer = doc["answer"]
    return {
        "question": f"{doc['question'].strip()}\n{listed}Answer:",
        "choices": list(LETTERS),
        "answer": LETTERS.index(answer) if isinstance(answer, str) else int(answer),
        "prefix": "The following are multiple choice questions (with answers) about "
        f"{doc['subject'].replace('_', ' ')}.\n\n",
    }


FORMATS: dict[str, Callable[[Item], Item]] = {
    "hellaswag": hellaswag,
    "mmlu": mmlu,
    "arc": arc,
    "piqa": piqa,
    "winogrande": winogrande,
}


def _lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    # Not splitlines(): JSON texts may hold other separators of lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise EvalFailure(f"{path}, line {number}: not JSON: {error}") from None


def _subject_of(path: Path) -> str:
    """abstract_algebra_test.csv."""
    return re.sub(r"_(test|val|dev)$", "", path.stem)


def _rows(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """MMLU's own files: question, four choices, letter; no head."""
    for number, row in enumerate(csv.reader(io.StringIO(text, newline="")), start=1):
        if len(row) != 6:
            raise EvalFailure(f"{path}, line {number}: has {len(row)} fields, not 6")
        yield (
            number,
            {
                "question": row[0],
                "choices": row[1:5],
                "answer": row[5],
                "subject": _subject_of(path),
            },
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise EvalFailure(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvalFailure(f"{path}: not UTF-8 at byte {error.start}") from None


def read_items(name: str, path: Path, labels: Path | None) -> list[Item]:
    """Items of one published file; errors name the line."""
    text = _read(path)
    is_csv = name == "mmlu" and path.suffix == ".csv"
    answers = _read(labels).split() if labels else None
    items: list[Item] = []
    for number, doc in _rows(text, path) if is_csv else _lines(text, path):
        try:
            if answers is not None:
                doc["label"] = answers[len(items)]
            items.append(FORMATS[name](doc))
        except KeyError as error:
            raise EvalFailure(f"{path}, line {number}: no item of {name}: no {error}") from None
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise EvalFailure(f"{path}, line {number}: no item of {name}: {error}") from None
    if answers is not None and len(answers) != len(items):
        raise EvalFailure(f"{labels}: has {len(answers)} labels for {len(items)} items")
    return items


def with_examples(items: list[Item], examples: list[Item]) -> list[Item]:
    """Few-shot: solved examples in front of each question, as lm-eval sets them."""

    def solved(item: Item) -> str:
        question, answer = item["question"], item["answer"]
        asked = question[answer] if isinstance(question, list) else question
        return f"{asked} {item['choices'][answer]}\n\n"

    shots = "".join(solved(example) for example in examples)
    return [{**item, "prefix": item.get("prefix", "") + shots} for item in items]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=list(FORMATS), metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="as published")
    parser.add_argument("-o", dest="output", type=Path, metavar="ITEMS.jsonl", required=True)
    parser.add_argument("--labels", type=Path, metavar="FILE", help="PIQA's valid-labels.lst")
    parser.add_argument(
        "--examples",
        type=Path,
        metavar="FILE",
        help="a file of the same form, whose first items stand solved in front of each question",
    )
    parser.add_argument("--shots", type=int, default=5, metavar="N", help="how many (default 5)")


def run(options: argparse.Namespace) -> str:
    """Writes the items; returns what to print."""
    items: list[Item] = []
    for path in options.files:
        items += read_items(options.format, path, options.labels)
    if options.examples:
        examples = read_items(options.format, options.examples, None)[: options.shots]
        items = with_examples(items, examples)
    text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    write_whole(options.output, text)
    return f"{len(items)} items\n"
