"""Published benchmarks become items with lm-eval's prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qz_eval.cli import main

HELLASWAG = {
    "activity_label": "Roof shingle removal",
    "ctx_a": "A man [header] sits on a roof.",
    "ctx_b": "he",
    "endings": ["starts [substeps] pulling.", "is  up [title] there.", "c", "d"],
    "label": "0",
}
ARC = {
    "id": "1",
    "question": {
        "stem": "Which is a mammal?",
        "choices": [{"text": "a newt", "label": "1"}, {"text": "a dog", "label": "2"}],
    },
    "answerKey": "2",
}
ARC_HUB = {
    "question": "Which is a mammal?",
    "choices": {"text": ["a newt", "a dog"], "label": ["A", "B"]},
    "answerKey": "B",
}
ARC_ITEM = {
    "question": "Question: Which is a mammal?\nAnswer:",
    "choices": ["a newt", "a dog"],
    "answer": 1,
}
PIQA = {"goal": "Open a jar", "sol1": "Turn the lid.", "sol2": "Eat the lid."}
WINOGRANDE = {
    "sentence": "Sarah beat Maria, so _ got the easy cases.",
    "option1": "Sarah",
    "option2": "Maria",
    "answer": "2",
}
MMLU = {"question": " 1 + 1? ", "choices": ["1", "2", "3", "4"], "answer": 1}
MMLU_ITEM = {
    "question": "1 + 1?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:",
    "choices": ["A", "B", "C", "D"],
    "answer": 1,
    "prefix": "The following are multiple choice questions (with answers) about high school "
    "mathematics.\n\n",
}


def converted(tmp_path: Path, name: str, *files: Path, options: tuple[str, ...] = ()) -> list[dict]:
    out = tmp_path / "items.jsonl"
    main(["convert", name, *map(str, files), *options, "-o", str(out)])
    return [json.loads(line) for line in out.read_text().splitlines()]


def written(tmp_path: Path, *docs: dict, name: str = "published.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    return path


def test_hellaswag(tmp_path: Path) -> None:
    [item] = converted(tmp_path, "hellaswag", written(tmp_path, HELLASWAG))
    assert item == {
        "question": "Roof shingle removal: A man sits on a roof. He",
        "choices": ["starts pulling.", "is up. there.", "c", "d"],
        "answer": 0,
    }


def test_arc_in_both_forms(tmp_path: Path) -> None:
    assert converted(tmp_path, "arc", written(tmp_path, ARC, ARC_HUB)) == [ARC_ITEM, ARC_ITEM]


def test_piqa_with_labels_inside_and_beside(tmp_path: Path) -> None:
    labels = tmp_path / "labels.lst"
    labels.write_text("1\n0\n")
    want = {
        "question": "Question: Open a jar\nAnswer:",
        "choices": ["Turn the lid.", "Eat the lid."],
    }
    beside = written(tmp_path, PIQA, PIQA)
    items = converted(tmp_path, "piqa", beside, options=("--labels", str(labels)))
    assert items == [{**want, "answer": 1}, {**want, "answer": 0}]
    inside = written(tmp_path, {**PIQA, "label": 1})
    assert converted(tmp_path, "piqa", inside) == items[:1]


def test_winogrande(tmp_path: Path) -> None:
    [item] = converted(tmp_path, "winogrande", written(tmp_path, WINOGRANDE))
    assert item == {
        "question": ["Sarah beat Maria, so Sarah", "Sarah beat Maria, so Maria"],
        "choices": ["got the easy cases."] * 2,
        "answer": 1,
    }


def test_mmlu_as_csv_and_from_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "high_school_mathematics_test.csv"
    path.write_text('" 1 + 1? ",1,2,3,4,B\n')
    hub = written(tmp_path, {**MMLU, "subject": "high_school_mathematics"})
    assert converted(tmp_path, "mmlu", path, hub) == [MMLU_ITEM, MMLU_ITEM]


def test_examples_stand_in_front(tmp_path: Path) -> None:
    published = written(tmp_path, ARC, ARC_HUB)
    how = ("--examples", str(published), "--shots", "1")
    items = converted(tmp_path, "arc", published, options=how)
    prefix = "Question: Which is a mammal?\nAnswer: a dog\n\n"
    assert items == [{**ARC_ITEM, "prefix": prefix}] * 2
    path = tmp_path / "high_school_mathematics_test.csv"
    path.write_text("1 + 1?,1,2,3,4,B\n")
    [item] = converted(tmp_path, "mmlu", path, options=("--examples", str(path)))
    assert item["prefix"] == f"{MMLU_ITEM['prefix']}{MMLU_ITEM['question']} B\n\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("arc", json.dumps(ARC) + "\nnonsense\n", "line 2: not JSON"),
        ("arc", json.dumps({**ARC, "answerKey": "9"}), "line 1: no item of arc"),
        ("piqa", json.dumps(PIQA), "line 1: no item of piqa: no 'label'"),
        ("winogrande", json.dumps({**WINOGRANDE, "sentence": "x"}), "no _"),
        ("hellaswag", "[1]", "line 1: no item of hellaswag"),
        ("mmlu", json.dumps({**MMLU, "subject": "x", "choices": ["1"]}), "no item of mmlu"),
    ],
)
def test_what_is_no_item_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, words: str
) -> None:
    path = tmp_path / "published.jsonl"
    path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["convert", name, str(path), "-o", str(tmp_path / "items.jsonl")])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and str(path) in said and words in said
    assert not (tmp_path / "items.jsonl").exists()
