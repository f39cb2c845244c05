"""The engines that the table compares, and what each of them needs before it may be timed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass


def one_thread() -> None:
    """Pins every pool of threads to one; BLAS and XLA read these variables when they are loaded."""
    for library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    os.environ["NPROC"] = "1"  # XLA's pool


class Unavailable(Exception):
    """The engine does not have what the workload asks for; the cell says so instead of a figure."""


def lookup(module: str, name: str) -> Callable[..., object]:
    """`name` from `module`; `Unavailable` when the installed version does not have it."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError):
        raise Unavailable(f"{module}.{name} not available") from None


@dataclass(frozen=True)
class Engine:
    """One column: which steps of a workload it runs, and the state it is timed in."""

    key: str
    heading: str
    package: str
    prepare: Callable[[], object] = lambda: None
    around: Callable[[], AbstractContextManager[object]] = nullcontext

    @property
    def steps(self) -> str:
        """Key into `Workload.steps`; the two MyGrad columns share one implementation."""
        return self.key.partition("-")[0]

    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


def _torch_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _jax_double_precision() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)


def _mygrad_guard(on: bool) -> AbstractContextManager[object]:
    import mygrad

    return mygrad.mem_guard_on if on else mygrad.mem_guard_off


NUMPY = Engine("numpy", "NumPy", "numpy")
OURS = Engine("autograd_lite", "autograd_lite", "autograd_lite")
PEERS = (
    Engine("torch", "PyTorch", "torch", prepare=_torch_one_thread),
    Engine("autograd", "HIPS", "autograd"),
    Engine("mygrad", "MyGrad", "mygrad", around=lambda: _mygrad_guard(False)),
    Engine("mygrad-guarded", "MyGrad guard", "mygrad", around=lambda: _mygrad_guard(True)),
    Engine("jax", "jax.jit", "jax", prepare=_jax_double_precision),
)
ENGINES = (NUMPY, OURS, *PEERS)
