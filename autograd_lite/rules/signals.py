"""Rules of convolution in any number of dimensions; `autograd_lite.signal` is the way to them.

Convolution is linear in both operands, and the derivative by one is again a convolution: of the gradient with the
other operand, turned around. Full and valid convolution lead to each other, so two rows are enough for every order.
Only when one of them is called is SciPy imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.record import Primitive
from autograd_lite.rules.products import complex_
from autograd_lite.rules.table import call, conj, real, rule
from autograd_lite.scipy_rooms import scipy_room

__all__ = ["full", "turned", "valid"]


def turned(x: Any) -> Any:
    """`x` conjugated and read backwards along every axis."""
    return conj(x)[(slice(None, None, -1),) * x.ndim]


def _values(a: Any, b: Any, mode: str, method: str) -> Any:
    y = scipy_room("signal").convolve(a, b, mode=mode, method=method)
    kind = np.result_type(a, b)
    return y if y.dtype == kind else y.astype(kind)


#: y[n] = sum over j of a[n - j] b[j], wherever the operands overlap
full: Primitive = rule(
    lambda a, b, method="auto": _values(a, b, "full", method),
    lambda g, y, a, b, method="auto": valid(g, turned(b), method=method),
    lambda g, y, a, b, method="auto": valid(g, turned(a), method=method),
    name="convolve_full",
    prints="{} * {}",
    sample=[
        call(real(4), real(3)),
        call(real(2), real(5), method="direct"),
        call(real(3, 4), real(2, 3), method="fft"),
        call(real(2, 3), real(3, 2), "direct"),
        call(real(2, 3, 2), real(1, 2, 2)),
        call(real(1), real(1)),
        call(complex_(3), complex_(2)),
        call(complex_(2, 3), real(2, 2), method="fft"),
    ],
)

#: the same where the second operand, the smaller one along every axis, lies within the first
valid: Primitive = rule(
    lambda a, b, method="auto": _values(a, b, "valid", method),
    lambda g, y, a, b, method="auto": full(g, turned(b), method=method),
    lambda g, y, a, b, method="auto": _by_kernel(g, a, method),
    name="convolve_valid",
    prints="{} * {}",
    sample=[
        call(real(5), real(3)),
        call(real(3), real(3), method="direct"),
        call(real(3, 4), real(2, 3), method="fft"),
        call(real(4, 3), real(1, 3), "direct"),
        call(complex_(4), complex_(2)),
        call(real(3, 3), complex_(2, 2), method="fft"),
    ],
)


def _by_kernel(g: Any, a: Any, method: str) -> Any:
    """Sum over k of conj(a[k + m]) g[k], read backwards in m."""
    backwards = (slice(None, None, -1),) * a.ndim
    return valid(conj(a), g[backwards], method=method)[backwards]
