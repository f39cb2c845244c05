"""A workload: the same computation written once per engine, checked against NumPy, timed beside it."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .engines import NUMPY, OURS, Engine, Unavailable
from .table import Cell, Row, seconds_text

Step = Callable[[], Sequence[object]]

# Several steps, because a wrong parameter update shows only in the gradients of the next step.
CHECKED_STEPS = 3
# Long enough for an exact timer, short enough that a slow moment of the machine hits all engines alike.
SLOT_SECONDS = 3e-3
FEWEST_ROUNDS, MOST_ROUNDS = 7, 301
# Just below the largest block for which glibc adapts.
ADAPTING_BLOCK = 2**25 - 2**16


class WrongGradient(AssertionError):
    """An engine's gradients differ from the hand-written ones, so its time would mean nothing."""


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    `steps` maps an engine to a builder. A builder sets up fresh state and returns the step to be timed; the
    step returns the gradients it computed, in the same order for every engine.
    """

    name: str
    title: str
    steps: Mapping[str, Callable[[], Step]]
    goal: float | None = None
    rtol: float = 1e-9

    def rows(self, engines: Sequence[Engine], seconds: float) -> Iterator[Row]:
        expected = self._gradients(NUMPY, self.steps["numpy"]())
        runs: dict[Engine, Step] = {}
        cells: dict[str, Cell] = {}
        for engine in engines:
            if engine.steps in self.steps:
                try:
                    runs[engine] = self._checked(engine, expected)
                except Unavailable as reason:
                    cells[engine.key] = Cell("n/a", str(reason))
                except WrongGradient as difference:
                    cells[engine.key] = Cell("WRONG", str(difference), wrong=True)
                except Exception as error:
                    cells[engine.key] = failure(error)
        times = interleaved(runs, seconds)
        for engine, taken in times.items():
            ratios = [mine / numpys for mine, numpys in zip(taken, times[NUMPY], strict=True)]
            cells[engine.key] = Cell(f"{statistics.median(ratios):.2f}")
        cells["numpy"] = Cell(seconds_text(statistics.median(times[NUMPY])))
        yield Row(self.name, self.title, cells, "" if self.goal is None else f"{self.goal:.2f}")

    def _gradients(self, engine: Engine, step: Step) -> list[list[np.ndarray]]:
        with engine.around():
            # Copies, because an engine may go on accumulating into the array that it handed out.
            return [[np.array(gradient) for gradient in step()] for _ in range(CHECKED_STEPS)]

    def _checked(self, engine: Engine, expected: list[list[np.ndarray]]) -> Step:
        """A step of `engine`, in fresh state, after its gradients were found equal to NumPy's."""
        build = self.steps[engine.steps]
        found = self._gradients(engine, build())
        for number, (actual, wanted) in enumerate(zip(found, expected, strict=True)):
            if len(actual) != len(wanted):
                raise WrongGradient(f"{len(actual)} gradients, expected {len(wanted)}")
            for index, (have, want) in enumerate(zip(actual, wanted, strict=True)):
                try:
                    # Peers may return another dtype; a float64 gradient of a float32 leaf is our own defect.
                    np.testing.assert_allclose(
                        have, want, self.rtol, self.rtol * np.abs(want).max(), strict=engine is OURS
                    )
                except AssertionError as difference:
                    summary = " ".join(str(difference).split())[:300]
                    raise WrongGradient(f"gradient {index} of step {number}: {summary}") from None
        return build()


def failure(error: Exception) -> Cell:
    """The cell of an engine that cannot run the workload."""
    first_line = (str(error).splitlines() or [""])[0][:300]
    return Cell("error", f"{type(error).__name__}: {first_line}")


def _slot(engine: Engine, step: Step, calls: int) -> float:
    """Seconds per call, over `calls` calls in a row.

    One call before them is not timed: it finds the caches as the engine before left them, which no training run does.
    """
    with engine.around():
        step()
        start = time.perf_counter()
        for _ in range(calls):
            step()
        return (time.perf_counter() - start) / calls


def interleaved(runs: Mapping[Engine, Step], seconds: float) -> dict[Engine, list[float]]:
    """Seconds per call of every engine, one entry per round.

    Every round times each engine once, starting with another one each time: a ratio taken within a round
    compares neighbours in time, and nobody always runs in the caches that the same other engine left behind.
    """
    # What was imported and built before is not garbage; without this the collector would walk all of every
    # peer's modules on behalf of whichever engine happens to allocate.
    gc.collect()
    gc.freeze()
    # Until it has once freed a block this large, glibc gives freed arrays back to the system and pays page
    # faults for the next ones. Whether it has must not depend on the rows and engines that ran before.
    np.empty(ADAPTING_BLOCK, np.uint8)
    try:
        calls = {}
        for engine, step in runs.items():
            once = min(_slot(engine, step, 1) for _ in range(3))
            calls[engine] = max(1, round(SLOT_SECONDS / once))
            _slot(engine, step, calls[engine])
        start = time.perf_counter()
        times: dict[Engine, list[float]] = {engine: [] for engine in runs}
        order = list(runs)
        for number in range(MOST_ROUNDS):
            if number >= FEWEST_ROUNDS and time.perf_counter() - start > seconds:
                break
            for engine in order:
                times[engine].append(_slot(engine, runs[engine], calls[engine]))
            order.append(order.pop(0))
        return times
    finally:
        gc.unfreeze()
