"""Benchmarks against hand-written NumPy and other engines: ``python -m tests.benchmarks``."""
