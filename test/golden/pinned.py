"""The versions of the packages that golden files are made with."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def check_versions() -> None:
    """Ends the program where a package is installed in another version than requirements.txt has:
    golden files made by several versions would be compared as if they were one's."""
    for line in REQUIREMENTS.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, _, pinned = line.partition("==")
        try:
            found = version(name)
        except PackageNotFoundError:
            continue  # not every script needs every package
        if found.partition("+")[0] != pinned:
            sys.exit(f"{name} is {found}: pip install -r {REQUIREMENTS} has {pinned}")
