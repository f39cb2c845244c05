"""Rows measured in processes of their own: peak memory, the deep chain, import time."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from . import probe
from .chain import BUILDERS
from .engines import NUMPY, Engine
from .table import Cell, Row, seconds_text
from .workload import failure

MEGABYTE = 1e6
# NumPy's allocations are traced; those of C++ libraries are not.
TRACED = ("numpy", "autograd_lite", "autograd", "mygrad")


def measured(name: str, engines: Sequence[Engine]) -> dict[str, dict[str, float] | Cell]:
    """The figures of a probe for every engine, or the cell that says why there are none."""
    figures: dict[str, dict[str, float] | Cell] = {}
    for engine in engines:
        try:
            figures[engine.key] = probe.run(name, engine.key)
        except Exception as error:
            figures[engine.key] = failure(error)
    return figures


def cells(figures: dict[str, dict[str, float] | Cell], text: Callable[[str, dict[str, float]], str]) -> dict[str, Cell]:
    return {key: Cell(text(key, f)) if isinstance(f, dict) else f for key, f in figures.items()}


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory of the large MLP's sweep, as a multiple of hand-written NumPy's."""

    name: str = "memory"

    def rows(self, engines: Sequence[Engine], seconds: float) -> Iterator[Row]:
        figures = measured("memory", engines)
        numpys = figures["numpy"]
        if isinstance(numpys, Cell):
            yield Row(self.name, "peak memory of W6", {"numpy": numpys})
            return

        def ratio(kind: str) -> Callable[[str, dict[str, float]], str]:
            def text(key: str, figure: dict[str, float]) -> str:
                size = figure[kind]
                return f"{size / MEGABYTE:.3g} MB" if key == "numpy" else f"{size / numpys[kind]:.2f}"

            return text

        yield Row(
            "memory-rss",
            "peak memory of W6: growth of the resident set",
            cells(figures, ratio("resident")),
            "1.20",
        )
        traced = {key: figure for key, figure in figures.items() if key.partition("-")[0] in TRACED}
        yield Row(
            "memory-traced",
            "the same, as traced by tracemalloc",
            cells(traced, ratio("traced")),
            "1.20",
        )


@dataclass(frozen=True)
class DeepChain:
    """W4's chain with 200,000 operations of shape (1,), at the default recursion limit."""

    name: str = "deep-chain"

    def rows(self, engines: Sequence[Engine], seconds: float) -> Iterator[Row]:
        figures = measured("deep-chain", [engine for engine in engines if engine.steps in BUILDERS])
        traced = {key: figure for key, figure in figures.items() if key.partition("-")[0] in TRACED}
        yield Row(
            "deep-time",
            f"chain of {probe.DEEP:,} operations: time per operation, not a ratio",
            cells(figures, lambda _, figure: seconds_text(figure["seconds"])),
        )
        yield Row(
            "deep-slowdown",
            f"the same as a multiple of the engine's own in a chain of {probe.SHALLOW:,}",
            cells(figures, lambda _, figure: f"{figure['slowdown']:.2f}"),
            "2.00",
        )
        yield Row(
            "deep-traced",
            "bytes per operation held after forward, traced by tracemalloc",
            cells(traced, lambda _, figure: f"{figure['traced']:.0f} B"),
            "250 B",
        )
        yield Row(
            "deep-rss",
            "the same: growth of the resident set",
            cells(figures, lambda _, figure: f"{figure['held']:.0f} B"),
            "250 B",
        )
        yield Row(
            "deep-rss-peak",
            "and its peak through forward and backward",
            cells(figures, lambda _, figure: f"{figure['peak']:.0f} B"),
            "250 B",
        )


@dataclass(frozen=True)
class ImportTime:
    """What importing an engine costs in a new interpreter, beyond NumPy, once its modules have been compiled."""

    name: str = "import"

    def rows(self, engines: Sequence[Engine], seconds: float) -> Iterator[Row]:
        packages = list({engine.package: engine for engine in reversed(engines)}.values())[::-1]
        times: dict[str, list[float]] = {engine.key: [] for engine in packages}
        results: dict[str, Cell] = {}
        # A folder of its own: whether bytecode may be written elsewhere, and is fresh, is not ours to know.
        with tempfile.TemporaryDirectory() as bytecode:
            for number in range(12):
                for engine in packages:
                    if engine.key in results:
                        continue
                    try:
                        taken = probe.run("import", engine.package, bytecode=bytecode)["seconds"]
                    except Exception as error:
                        results[engine.key] = failure(error)
                        continue
                    # The first round fills the folder.
                    if number:
                        times[engine.key].append(taken)
        for key, taken in times.items():
            if key not in results:
                beyond = [mine - numpys for mine, numpys in zip(taken, times[NUMPY.key], strict=True)]
                results[key] = Cell(f"+{1000 * statistics.median(beyond):.0f} ms")
        results[NUMPY.key] = Cell(seconds_text(statistics.median(times[NUMPY.key])))
        yield Row(
            self.name, "import in a new interpreter, with compiled modules: time beyond NumPy's", results, "+15 ms"
        )


BENCHMARKS = [PeakMemory(), DeepChain(), ImportTime()]
