"""Cuts multiple-choice items for `qz-eval tasks` from a running text:

    cut_items.py TEXT ITEMS.jsonl [--count 200]

A question is a stretch of words; the right choice is how the text goes on, the three wrong ones are
stretches from elsewhere in it, of other lengths. The same text always gives the same items.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

CONTEXT_WORDS = (12, 40)
CHOICE_WORDS = (3, 9)
CHOICES = 4


def cut(text: str, count: int) -> list[dict[str, object]]:
    words = text.split()
    chosen = random.Random(0)

    def stretch(begin: int, lengths: tuple[int, int]) -> str:
        return " ".join(words[begin : begin + chosen.randint(*lengths)])

    room = len(words) - CONTEXT_WORDS[1] - CHOICE_WORDS[1]
    if room < count:
        raise SystemExit(f"the text has {len(words)} words, too few for {count} items")
    items = []
    for number in range(count):
        begin = room * number // count
        question = stretch(begin, CONTEXT_WORDS)
        right = stretch(begin + len(question.split()), CHOICE_WORDS)
        choices = [right]
        while len(choices) < CHOICES:
            wrong = stretch(chosen.randrange(room), CHOICE_WORDS)
            if wrong not in choices:
                choices.append(wrong)
        chosen.shuffle(choices)
        items.append({"question": question, "choices": choices, "answer": choices.index(right)})
    return items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("items", type=Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    items = cut(options.text.read_text(encoding="utf-8"), options.count)
    options.items.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))


if __name__ == "__main__":
    main()
