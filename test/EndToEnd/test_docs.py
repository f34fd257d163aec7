"""What the documentation quotes from a file is what the file holds."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

# A fenced block in a language, and the file that it quotes: ```cpp lib/X.cpp
QUOTE = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"```.*?```", re.DOTALL)
# A line of its own that stands for what was left out.
LEFT_OUT = re.compile(r"^ *…\n", re.MULTILINE)
# A file of the project by its path or name, with NAME for any and braces for several.
FILE_NAME = re.compile(
    r"`((?:lib|include|python-\w+|test|tools|scripts|docs)/[^ `]*|[\w*-]+\.(?:cpp|h|td|def|cuh))`"
)

PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/performance/*.md")),
    *sorted(ROOT.glob("docs/recipes/*.md")),
]


def quotes(page: Path) -> list[tuple[str, str]]:
    """The files that a page quotes, with the text as it is there."""
    return [
        (path, re.sub(f"^{indent}", "", body, flags=re.MULTILINE))
        for indent, _, path, body in QUOTE.findall(page.read_text())
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_is_quoted_from_its_file(page: Path) -> None:
    for path, body in quotes(page):
        assert path, f"{page.name} shows code of no file:\n{body}"
        source = (ROOT / path).read_text()
        for piece in LEFT_OUT.split(body):
            at = source.find(piece)
            assert at >= 0, f"{page.name} quotes what is not in {path}:\n{piece}"
            source = source[at + len(piece) :]


def test_pages_quote() -> None:
    """The patterns above find what there is."""
    quoting = {page.name for page in PAGES if quotes(page)}
    assert quoting >= {"adding-a-family.md", "adding-a-pass.md", "architecture.md"}


def expanded(name: str) -> list[str]:
    """A name with {a,b} as the names it stands for, placeholders as patterns."""
    name = re.sub(r"\bNAME\b", "*", name.rstrip("/"))
    found = re.fullmatch(r"(.*)\{(.*)\}(.*)", name)
    if not found:
        return [name]
    return [found[1] + part + found[3] for part in found[2].split(",")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_are_there(page: Path) -> None:
    folders = [ROOT / top for top in ("lib", "include", "test", "tools")]
    for name in FILE_NAME.findall(CODE.sub("", page.read_text())):
        for pattern in expanded(name):
            if "/" in name:
                assert any(ROOT.glob(pattern)), f"{page.name} names {name}"
            else:
                files = (path for folder in folders for path in folder.rglob(pattern))
                assert any(files), f"{page.name} names {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_placeholders(page: Path) -> None:
    """A line of one word in capitals is what somebody meant to replace."""
    assert re.findall(r"^ *[A-Z][A-Z0-9_]+ *$", page.read_text(), re.MULTILINE) == []


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", CODE.sub("", page.read_text())):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_families_table(tmp_path: Path) -> None:
    """scripts/family-table changes nothing that is committed: the README says what the results say,
    and every family that is registered has its row."""
    written = runpy.run_path(str(ROOT / "scripts/family-table"))
    for name in (written["README"], written["RESULTS"], "python-import/qz_import/families"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    written["main"](tmp_path, [])
    for name in (written["README"], written["RESULTS"]):
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), (
            "run scripts/family-table"
        )
    # And what a run of the tests says comes in.
    news = tmp_path / "news.json"
    news.write_text(json.dumps({"llama": {"CPU": {"yes": False}, "GGUF": {"a": True, "b": True}}}))
    written["main"](tmp_path, [news])
    row = next(r for r in (tmp_path / "README.md").read_text().splitlines() if "| `llama` |" in r)
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[3] == "–" and cells[5] == "a, b"
