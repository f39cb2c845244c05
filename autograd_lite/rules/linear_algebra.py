"""Rules of np.linalg that are written with the inverse: inv, solve, det, slogdet, cholesky, pinv.

Formulas: M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008). `H` is the conjugate transpose.

A function that reads one triangle of its matrix (cholesky, eigh) has the gradient of the same function of the
symmetrised matrix (A + Aᴴ) / 2: it is symmetric, and right along every symmetric direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.rules.products import H
from autograd_lite.rules.table import Input, call, real, rule

__all__ = ["square", "symmetrised"]


def square(*shape: int) -> Input:
    """A well conditioned matrix, as an input of a sample."""
    return Input(shape, "square")


def symmetrised(x: Any) -> Any:
    """The symmetric (for complex numbers the Hermitian) part of a matrix."""
    return (x + H(x)) / 2


rule(
    np.linalg.inv,
    lambda g, y, a: -(H(y) @ g @ H(y)),
    prints="inv({})",
    sample=[call(square(3, 3)), call(square(2, 3, 3)), call(square(1, 1)), call(Input((2, 2), "complex"))],
)


def _solve_by_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    r = np.linalg.solve(H(a), g[..., None] if b.ndim == 1 else g)
    return -(r @ H(y[..., None] if b.ndim == 1 else y))


def _solve_by_b(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return np.linalg.solve(H(a), g[..., None])[..., 0]
    return np.linalg.solve(H(a), g)


rule(
    np.linalg.solve,
    _solve_by_a,
    _solve_by_b,
    prints="solve({}, {})",
    sample=[
        call(square(3, 3), real(3)),
        call(square(3, 3), real(3, 2)),
        call(square(2, 3, 3), real(3)),
        call(square(2, 3, 3), real(2, 3, 1)),
        call(square(3, 3), real(2, 3, 2)),
        call(square(2, 1, 3, 3), real(4, 3, 2)),
        call(Input((2, 2), "complex"), Input((2,), "complex")),
    ],
)
