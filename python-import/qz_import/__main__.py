"""`python -m qz_import` is qz-import."""

from qz_import.cli import run_from_shell

run_from_shell()
