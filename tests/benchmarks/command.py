"""The command line: which benchmarks and engines to run, and the table they fill."""

from __future__ import annotations

import argparse
import platform
import sys

import numpy as np

from . import attention, chain, convolution, indexing, mlp, process, regression, second_order, training, xor
from .engines import ENGINES, NUMPY, Engine
from .table import Table

WORKLOADS = (xor, regression, mlp, chain, indexing, convolution, attention, second_order, training)
BENCHMARKS = [*(workload for module in WORKLOADS for workload in module.WORKLOADS), *process.BENCHMARKS]

EXPLANATION = """\
NumPy column: median time or size. Others: median over interleaved rounds of the ratio to hand-written NumPy
in the same round, unless the row says otherwise; lower is better. Before a workload is timed, its gradients
are found equal to NumPy's.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Time autograd_lite and the installed peers against careful hand-written NumPy.",
        epilog=f"Names: {', '.join(benchmark.name for benchmark in BENCHMARKS)}.",
    )
    parser.add_argument("names", nargs="*", help="benchmarks, by the start of their name (default: all)")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each workload (default: 5)")
    parser.add_argument(
        "--engines",
        nargs="+",
        choices=[engine.key for engine in ENGINES],
        help="columns beside NumPy (default: whichever is installed)",
    )
    given = parser.parse_args()
    starts = tuple(name.lower() for name in given.names) or ("",)
    given.benchmarks = [b for b in BENCHMARKS if b.name.lower().startswith(starts)]
    if not given.benchmarks:
        parser.error(f"no benchmark starts with {' or '.join(given.names)}")
    return given


def columns(keys: list[str] | None) -> list[Engine]:
    """NumPy, and of the engines asked for those that are installed."""
    return [e for e in ENGINES if e is NUMPY or ((keys is None or e.key in keys) and e.installed())]


def run() -> int:
    given = arguments()
    engines = columns(given.engines)
    for engine in engines:
        engine.prepare()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}, one thread.")
    print(EXPLANATION)
    table = Table(engines)
    table.header()
    for benchmark in given.benchmarks:
        for row in benchmark.rows(engines, given.seconds):
            table.add(row)
    table.footer()
    if table.wrong:
        print("A gradient is WRONG: see the notes above.", file=sys.stderr)
    return int(table.wrong)
