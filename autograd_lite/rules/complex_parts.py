"""Elementwise rules: the parts of a complex number.

For a real loss L and z = a + ib the gradient is dL/da + i dL/db, as in PyTorch: it points uphill. So a real part
hands its gradient on as it is, and an imaginary part times i.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.rules.table import Input, call, composed, conj, elementwise, numbers_of, plain, rule

rule(np.conjugate, lambda g, y, x: conj(g), prints="conj({})", sample=[elementwise("complex"), elementwise("real")])
rule(
    np.real,
    lambda g, y, x: g,
    fn=lambda x: x.real,
    prints="Re({})",
    sample=[elementwise("complex"), elementwise("real")],
    view=True,
)
rule(
    np.imag,
    lambda g, y, x: g * 1j if x.dtype.kind == "c" else np.zeros_like(g),
    fn=lambda x: x.imag,
    prints="Im({})",
    sample=[elementwise("complex"), elementwise("real")],
    view=True,
)


def _angle_slope(g: Any, z: Any, deg: bool) -> Any:
    """i z / |z|^2, a step at right angles to z; 0 at 0, where there is no angle."""
    if z.dtype.kind != "c":  # 0 or pi
        return np.zeros_like(g)
    zero = numbers_of(z) == 0
    if zero.any():
        z = np.where(zero, 1.0, z)
        g = np.where(zero, 0.0, g)
    return g * ((180.0 / math.pi if deg else 1.0) * 1j / conj(z))


rule(
    np.angle,
    lambda g, y, z, deg=False: _angle_slope(g, z, deg),
    prints="angle({})",
    sample=[
        call(Input((3, 4), "complex")),
        call(Input((3, 4), "nonzero")),
        call(Input((3,), "complex"), True),
        call(Input((3,), "complex"), deg=True),
    ],
)


@composed(np.real_if_close, sample=[call(Input((3, 4), "complex")), call(Input((3,)))])
def _real_if_close(a: Any, tol: float = 100) -> Any:
    numbers = np.real_if_close(numbers_of(a), tol)
    return a if numbers.dtype == a.dtype else np.real(a)


plain(np.iscomplexobj, np.isrealobj)
