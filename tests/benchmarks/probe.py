"""One engine measured in a process of its own: ``python -m tests.benchmarks.probe memory torch``.

Memory and import time are properties of a whole process, and an engine that cannot survive a deep graph may
end its process with it. The probe prints its figures as one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .engines import ENGINES, Engine, one_thread

if TYPE_CHECKING:
    from .workload import Step

ROOT = Path(__file__).parents[2]
DEEP, SHALLOW = 200_000, 1_000
DEFAULT_RECURSION_LIMIT = 1000


class ProbeError(Exception):
    """The process of a probe did not end well; the message is its last line."""


def run(*arguments: str, bytecode: str | None = None) -> dict[str, float]:
    """The figures of a probe run in a new interpreter; `ProbeError` when it fails.

    With `bytecode` the interpreter keeps compiled modules in that folder, whatever this one was told.
    """
    command = [sys.executable, "-m", __spec__.name, *arguments]
    environment = dict(os.environ)
    if bytecode is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = bytecode
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended by signal {-done.returncode}"]
        raise ProbeError(lines[-1])
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def resident(field: str) -> int:
    """VmRSS (now) or VmHWM (the peak so far) of this process, in bytes; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def reset_peak() -> None:
    """Makes VmHWM start again from the present VmRSS."""
    Path("/proc/self/clear_refs").write_text("5")


def prepared(key: str) -> Engine:
    (engine,) = [engine for engine in ENGINES if engine.key == key]
    engine.prepare()
    return engine


def peak_memory(engine: str) -> dict[str, float]:
    """Peak growth over the state before the first sweep of the large MLP, in bytes."""
    import tracemalloc

    from . import mlp

    column = prepared(engine)
    with column.around():
        mlp.steps_of(mlp.SMALL, train=False)[column.steps]()()
        step = mlp.steps_of(mlp.LARGE, train=False)[column.steps]()
        before = resident("VmRSS")
        reset_peak()
        for _ in range(3):
            step()
        grown = resident("VmHWM") - before
        tracemalloc.start()
        step = mlp.steps_of(mlp.LARGE, train=False)[column.steps]()
        traced_before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            step()
        return {"resident": grown, "traced": tracemalloc.get_traced_memory()[1] - traced_before}


def deep_chain(engine: str) -> dict[str, float]:
    """Seconds and bytes per operation of a chain of 200,000, and seconds per operation of one of 1,000."""
    import gc
    import statistics
    import tracemalloc

    from .chain import BUILDERS

    column = prepared(engine)
    build = BUILDERS[column.steps]
    if sys.getrecursionlimit() > DEFAULT_RECURSION_LIMIT:
        raise ProbeError(f"{column.package} raised the recursion limit to {sys.getrecursionlimit()}")
    held: list[int] = []
    with column.around():
        shallow = build(1, SHALLOW)
        shallow()
        deep = build(1, DEEP, forward_done=lambda: held.append(resident("VmRSS")))
        gc.collect()
        before = resident("VmRSS")
        reset_peak()
        deep()
        peak = resident("VmHWM")
        traced: list[int] = []
        # A step of its own: tracing slows every allocation, so nothing is timed under it.
        measured = build(1, DEEP, forward_done=lambda: traced.append(tracemalloc.get_traced_memory()[0]))
        tracemalloc.start()
        traced_before = tracemalloc.get_traced_memory()[0]
        measured()
        tracemalloc.stop()

        def per_operation(step: Step, length: int, times: int) -> float:
            def once() -> float:
                start = time.perf_counter()
                step()
                return (time.perf_counter() - start) / length

            return statistics.median(once() for _ in range(times))

        rounds = [(per_operation(shallow, SHALLOW, 25), per_operation(deep, DEEP, 1)) for _ in range(3)]
    return {
        "seconds": statistics.median(long for _, long in rounds),
        "slowdown": statistics.median(long / short for short, long in rounds),
        "held": (held[0] - before) / DEEP,
        "peak": (peak - before) / DEEP,
        "traced": (traced[0] - traced_before) / DEEP,
    }


def import_time(package: str) -> dict[str, float]:
    """Seconds from nothing to `package` imported."""
    start = time.perf_counter()
    importlib.import_module(package)
    return {"seconds": time.perf_counter() - start}


PROBES = {"memory": peak_memory, "deep-chain": deep_chain, "import": import_time}

if __name__ == "__main__":
    one_thread()
    _, probe, subject = sys.argv
    print(json.dumps(PROBES[probe](subject)))
