"""`python -m qz_import` is qz-import."""

from qz_import.cli import main

main()
