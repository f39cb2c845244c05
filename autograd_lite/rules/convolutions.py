"""Convolution and correlation of two vectors, in NumPy's three modes."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.rules.statistics import operand
from autograd_lite.rules.table import call, real, rule


def _full(g: Any, n: int, m: int, mode: Any, shift: int = 0) -> Any:
    """`g` with zeros where `mode` cut the result of lengths `n` and `m`.

    "same" keeps the middle; where it is not in the middle, `shift` says by how much it is off.
    """
    kind = mode[0].lower() if isinstance(mode, str) else "vsf"[mode]
    if kind == "f":
        return g
    shorter = min(n, m)
    start = shorter - 1 if kind == "v" else (shorter - 1 + shift) // 2
    behind = n + m - 1 - start - g.shape[0]
    return np.concatenate((np.zeros(start, g.dtype), g, np.zeros(behind, g.dtype)))


def _vector(x: Any) -> Any:
    x = operand(x)
    return x if x.ndim else x.reshape((1,))


def _convolve_by_a(g: Any, y: Any, a: Any, v: Any, mode: Any = "full") -> Any:
    v = _vector(v)
    return np.correlate(_full(g, a.size, v.size, mode), v, "valid")


def _convolve_by_v(g: Any, y: Any, a: Any, v: Any, mode: Any = "full") -> Any:
    a = _vector(a)
    return np.correlate(_full(g, a.size, v.size, mode), a, "valid")


_LENGTHS = ((4, 3), (3, 4), (5, 2), (2, 5), (4, 4), (1, 3), (4, 1))

rule(
    np.convolve,
    _convolve_by_a,
    _convolve_by_v,
    prints="{} * {}",
    sample=[
        *[call(real(n), real(m)) for n, m in _LENGTHS],
        *[call(real(n), real(m), mode) for n, m in _LENGTHS for mode in ("same", "valid")],
    ],
)


def _correlate_by_a(g: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
    v = _vector(v)
    return np.convolve(_full(g, a.size, v.size, mode, shift=int(v.size > a.size)), v, "valid")


def _correlate_by_v(g: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
    a = _vector(a)
    # The correlation is antilinear in v, and so is this in g.
    return np.correlate(a, _full(g, a.size, v.size, mode, shift=int(v.size > a.size)), "valid")


rule(
    np.correlate,
    _correlate_by_a,
    _correlate_by_v,
    prints="correlate({}, {})",
    sample=[
        *[call(real(n), real(m)) for n, m in _LENGTHS],
        *[call(real(n), real(m), mode=mode) for n, m in _LENGTHS for mode in ("same", "full")],
    ],
)
