#!/usr/bin/env python3
"""Writes what transformers renders of chat templates.

families.json: templates of model families and small ones for single constructs, with the text of
each conversation of conversations.json that they name. stock.json: of each template that llama.cpp
is tested with (scripts/setup unpacks them) the SHA-256 of its text and, for every conversation, the
first digits of that of the rendering. A result is empty where Python itself complains.
fixtures.json: the prompts of the fixture models that have a template, and their ids. Needs
transformers.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import transformers.utils.chat_template_utils as templates
from chat_templates import CONSTRUCTS, FAMILIES
from jinja2.exceptions import TemplateError, UndefinedError
from transformers import AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pinned import check_versions

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
STOCK = HERE.parents[2] / ".deps/jinja/models/templates"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
DIGITS = 16
# transformers wants variables of these that a conversation alone does not have.
UNFIT = ("fireworks-ai-llama-3-firefunction-v2",)


class Noon(datetime.datetime):
    """2024-07-26."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Noon:
        return cls(2024, 7, 26, 12, tzinfo=tz)


def message(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


CONVERSATIONS = [
    [message("user", "Hello, <|x|> é?\n")],
    [message("system", "You are  a bot. "), message("user", ' Hi & <b> "q" ')],
    [message("user", "One"), message("assistant", "Two. "), message("user", "Three")],
    [
        message("system", "S"),
        message("user", "A"),
        message("assistant", "B\n\n"),
        message("user", "C"),
        message("assistant", "D"),
        message("user", ""),
    ],
    [message("assistant", "B"), message("assistant", "C")],
    [message("user", "A"), message("assistant", "B")],
    [message("user", [{"type": "text", "text": "parts"}])],
]


def render(template: str, messages: list[dict[str, Any]], prompt: bool) -> dict[str, str]:
    try:
        compiled = templates._compile_jinja_template(template)
        text = compiled.render(
            messages=messages, tools=None, documents=None, add_generation_prompt=prompt, **TOKENS
        )
    except (TypeError, UndefinedError):
        return {}  # Python's own; the engine may find a text
    except TemplateError as error:
        return {"error": str(error)}
    return {"text": text}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def short(result: dict[str, str]) -> dict[str, str]:
    return {"sha256": digest(result["text"])[:DIGITS]} if "text" in result else result


def write(name: str, rows: list[Any]) -> None:
    """A list with a line an entry."""
    lines = [json.dumps(row, separators=(",", ":")) for row in rows]
    (HERE / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")


def talking_fixtures() -> list[Path]:
    configs = sorted(MODELS.glob("*/tokenizer_config.json"))
    return [path.parent for path in configs if "chat_template" in json.loads(path.read_text())]


def fixture(folder: Path) -> dict[str, Any]:
    """What transformers makes of a conversation. Its last message spells out a special token, which
    becomes one."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = [*CONVERSATIONS[2][:2], message("user", "Ends <|im_end|> here?")]
    text, ids = (
        tokenizer.apply_chat_template(
            said, tokenize=tokenize, add_generation_prompt=True, return_dict=False
        )
        for tokenize in (False, True)
    )
    return {"name": folder.name, "messages": said, "text": text, "ids": ids}


def main() -> None:
    templates.datetime = Noon
    write("conversations.json", CONVERSATIONS)
    named = {
        **{name: (text, range(len(CONVERSATIONS) - 1)) for name, text in FAMILIES.items()},
        **{text: (text, [2]) for text in CONSTRUCTS},
    }
    write(
        "families.json",
        [
            {
                "name": name,
                "template": text,
                "conversations": list(said),
                "results": [render(text, CONVERSATIONS[i], True) for i in said],
                "results_without_prompt": [render(text, CONVERSATIONS[i], False) for i in said],
            }
            for name, (text, said) in named.items()
        ],
    )
    write("fixtures.json", [fixture(folder) for folder in talking_fixtures()])
    stock = []
    for path in sorted(STOCK.glob("*.jinja")):
        text = path.read_text()
        results = [render(text, conversation, prompt=True) for conversation in CONVERSATIONS]
        if any(results) and path.stem not in UNFIT:
            shorts = [short(result) for result in results]
            stock.append({"name": path.name, "sha256": digest(text), "results": shorts})
    write("stock.json", stock)


if __name__ == "__main__":
    check_versions()
    main()
