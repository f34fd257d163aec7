"""The parts of qz-eval that are not measuring: sweeps, reports and adapters to other tools.

The program `qz-eval` (C++) measures executables and computes every statistic; it starts this
package for the subcommands that are written here.
"""
