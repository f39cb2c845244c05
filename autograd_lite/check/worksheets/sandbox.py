"""A worker process with hard limits for each sheet: processor time, memory, no file may grow.

The bounds inside the interpreter already keep a sheet small; the operating system's limits stand behind them,
so that a strangers' file cannot take the machine with it whatever it holds.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .errors import SheetError
from .report import Report

WALL_SECONDS = 20.0
PROCESSOR_SECONDS = 10
EXTRA_MEGABYTES = 384

Job = Callable[[], dict[str, Any]]


def guarded(job: Job, sheet_name: str) -> dict[str, Any]:
    """Run a job in a worker process and return what it returned.

    Args:
        job: returns a report as plain data.
        sheet_name: named in the report if the worker dies.

    Returns:
        The job's result, or a report with an ``unsupported`` error if the worker hit a limit.
    """
    if not hasattr(os, "fork"):
        return job()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # The only other threads are the linear-algebra library's idle ones, which survive a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reader)
        _work(job, writer)
    os.close(writer)
    try:
        answer = _collect(reader)
    finally:
        os.close(reader)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    message: dict[str, Any] = json.loads(answer) if answer else {}
    if "answer" in message:
        result: dict[str, Any] = message["answer"]
        return result
    if "fault" in message:
        # A mistake of the checker's own, which must be seen: the sheet is not to blame.
        print(message["fault"], end="", file=sys.stderr)
    error = SheetError("unsupported", "The sheet needs more time or memory than a worksheet may use.")
    return Report(sheet_name, error=error).as_dict()


def _work(job: Job, writer: int) -> None:
    """Do the job in the child and leave by the shortest way; nothing of the parent's is flushed twice."""
    message: dict[str, Any] = {}
    try:
        limit()
        message = {"answer": job()}
    finally:
        try:
            fault = sys.exc_info()
            if fault[0] is not None and not issubclass(fault[0], MemoryError):
                message = {"fault": "".join(traceback.format_exception(*fault))}
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(json.dumps(message).encode())
        finally:
            os._exit(0)


def limit() -> None:
    """Set the hard limits of this process, as far as the platform has them."""
    try:
        import resource
    except ImportError:
        return
    used = 0
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as statistics:
        used = int(statistics.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limits = {"RLIMIT_CPU": PROCESSOR_SECONDS, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0}
    if used:
        limits["RLIMIT_AS"] = used + EXTRA_MEGABYTES * 2**20
    for name, value in limits.items():
        with suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


def _collect(reader: int) -> bytes:
    end = time.monotonic() + WALL_SECONDS
    parts: list[bytes] = []
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([reader], [], [], left)
        if not ready:
            return b""
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return b""
