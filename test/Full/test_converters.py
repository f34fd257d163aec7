"""qz-eval convert beside lm-eval: of the same published documents both ask the same questions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml
from conftest import qz_eval
from lm_eval.tasks import TaskManager

LABELS = "ABCD"


def sentence(chosen: random.Random) -> str:
    """With what converters touch: brackets, capitals, white space at the ends."""
    words = ["a [header] b", "Oil", "it's", "x [title] y", "é", '"so"', "1,5", "end."]
    text = " ".join(chosen.choices(words, k=chosen.randint(1, 6)))
    return chosen.choice(["", " "]) + text + chosen.choice(["", " "])


def hellaswag(chosen: random.Random) -> dict:
    words = {name: sentence(chosen) for name in ("activity_label", "ctx_a", "ctx_b")}
    endings = [sentence(chosen) for _ in range(4)]
    return {**words, "endings": endings, "label": str(chosen.randrange(4))}


def arc(chosen: random.Random) -> dict:
    labels = LABELS[: chosen.randint(3, 4)]
    choices = {"text": [sentence(chosen) for _ in labels], "label": list(labels)}
    return {"question": sentence(chosen), "choices": choices, "answerKey": chosen.choice(labels)}


def piqa(chosen: random.Random) -> dict:
    words = {name: sentence(chosen) for name in ("goal", "sol1", "sol2")}
    return {**words, "label": chosen.randrange(2)}


def winogrande(chosen: random.Random) -> dict:
    before, after = (sentence(chosen).strip() for _ in range(2))
    return {
        "sentence": f"{before} _ {after}",
        "option1": f"{sentence(chosen).strip()}1",
        "option2": f"{sentence(chosen).strip()}2",
        "answer": chosen.choice("12"),
    }


def mmlu(chosen: random.Random) -> dict:
    choices = [sentence(chosen) for _ in range(4)]
    words = {"question": sentence(chosen), "subject": "high_school_physics"}
    return {**words, "choices": choices, "answer": chosen.randrange(4)}


# Published form, lm-eval's task, and documents of it.
FORMATS = {
    "hellaswag": ("hellaswag", hellaswag),
    "arc": ("arc_challenge", arc),
    "piqa": ("piqa", piqa),
    "winogrande": ("winogrande", winogrande),
    "mmlu": ("mmlu_high_school_physics", mmlu),
}


def written(path: Path, docs: list[dict]) -> Path:
    path.write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    return path


@pytest.fixture(scope="module")
def tasks() -> TaskManager:
    return TaskManager()


def asked_by_lm_eval(
    tasks: TaskManager, task: str, docs: Path, examples: Path, shots: int
) -> list[tuple]:
    """Of each document: what its choices come after, what they are, and which is right. The task
    is lm-eval's own but for where its documents lie."""
    splits = {"train": examples, "dev": examples, "validation": docs, "test": docs}
    changed = {
        "include": str(tasks.task_index[task].yaml_path),
        "task": "ours",
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {name: str(path) for name, path in splits.items()}},
        "num_fewshot": shots,
        "fewshot_config": {"sampler": "first_n"},
    }
    config = docs.parent / "ours.yaml"
    config.write_text(yaml.safe_dump(changed))
    [made] = tasks.load(str(config))["tasks"].values()
    made.build_all_requests(rank=0, world_size=1)
    asked: dict[int, list[tuple[str, str]]] = {}
    for request in made.instances:
        asked.setdefault(request.doc_id, []).append(request.args)
    by_number = dict(enumerate(made.eval_docs))
    right = {number: made.doc_to_target(by_number[number]) for number in asked}
    if made.multiple_input:
        # The right one of several beginnings.
        right = {number: made.doc_to_text(by_number[number]) for number in asked}
    return [(asked[number], int(right[number])) for number in sorted(asked)]


def asked_by_us(item: dict) -> tuple:
    """As qz-eval tasks puts an item together."""
    questions = item["question"]
    if isinstance(questions, str):
        questions = [questions] * len(item["choices"])
    pairs = zip(questions, item["choices"], strict=True)
    return [(item.get("prefix", "") + q, f" {c}") for q, c in pairs], item["answer"]


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("name", FORMATS)
def test_asks_what_lm_eval_asks(tasks: TaskManager, tmp_path: Path, name: str, shots: int) -> None:
    task, doc = FORMATS[name]
    chosen = random.Random(name)
    docs = written(tmp_path / "docs.jsonl", [doc(chosen) for _ in range(40)])
    examples = written(tmp_path / "examples.jsonl", [doc(chosen) for _ in range(5)])
    items = tmp_path / "items.jsonl"
    shown = ("--examples", examples, "--shots", shots) if shots else ()
    qz_eval("convert", name, docs, *shown, "-o", items)
    ours = [asked_by_us(json.loads(line)) for line in items.read_text().splitlines()]
    assert ours == asked_by_lm_eval(tasks, task, docs, examples, shots)
