"""Measurements whose figures stand in docs/benchmarks.md; each module is a command."""
