"""`python -m qz_eval` is what qz-eval starts for its subcommands."""

from qz_eval.cli import main

main()
