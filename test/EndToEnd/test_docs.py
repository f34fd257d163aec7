"""What the documentation quotes from a file is what the file holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

# A fenced block whose first line names a language and a file: ```cpp lib/X.cpp
QUOTE = re.compile(r"^( *)```\w+ (\S+/\S+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"```.*?```", re.DOTALL)
# A line of its own that stands for what was left out.
LEFT_OUT = re.compile(r"^ *…\n", re.MULTILINE)

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def quotes(page: Path) -> list[tuple[str, str]]:
    """The files that a page quotes, with the text as it is there."""
    return [
        (path, re.sub(f"^{indent}", "", body, flags=re.MULTILINE))
        for indent, path, body in QUOTE.findall(page.read_text())
    ]


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_quotes_are_in_their_files(page: Path) -> None:
    found = quotes(page)
    assert found or page.name != "adding-a-pass.md"
    for path, body in found:
        source = (ROOT / path).read_text()
        for piece in LEFT_OUT.split(body):
            at = source.find(piece)
            assert at >= 0, f"{page.name} quotes what is not in {path}:\n{piece}"
            source = source[at + len(piece) :]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_placeholders(page: Path) -> None:
    """A line of one word in capitals is what somebody meant to replace."""
    assert re.findall(r"^ *[A-Z][A-Z0-9_]+ *$", page.read_text(), re.MULTILINE) == []


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", CODE.sub("", page.read_text())):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
