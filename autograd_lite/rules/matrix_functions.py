"""Rules of functions of matrices that SciPy computes; `autograd_lite.linalg` is the way to them.

Only when one of them is called is SciPy imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import NotDifferentiableError
from autograd_lite.record import Primitive
from autograd_lite.rules.linear_algebra import square
from autograd_lite.rules.products import H, T, complex_
from autograd_lite.rules.table import Input, call, conj, numbers_of, real, rule
from autograd_lite.scipy_rooms import scipy_room

__all__ = ["banded", "exponential", "lu", "permutation", "square_root", "sylvester", "triangular"]


def _columns(x: Any) -> Any:
    """A right-hand side as a matrix: a vector is one column."""
    return x[:, None] if x.ndim == 1 else x


# --- functions of a matrix ----------------------------------------------------------------------------------


def _expm_rule(g: Any, y: Any, a: Any) -> Any:
    n = a.shape[-1]
    a = H(a)
    above = np.concatenate([a, g], axis=-1)
    below = np.concatenate([np.zeros(g.shape, g.dtype), a], axis=-1)
    return exponential(np.concatenate([above, below], axis=-2))[..., :n, n:]


exponential: Primitive = rule(
    lambda a: scipy_room("linalg").expm(a),
    _expm_rule,
    name="expm",
    prints="expm({})",
    sample=[call(real(3, 3)), call(real(2, 2, 2)), call(complex_(2, 2)), call(real(1, 1))],
)


def _sqrtm(a: Any) -> Any:
    y = scipy_room("linalg").sqrtm(a)
    return y.astype(complex) if y.dtype == np.clongdouble else y  # which SciPy 1.14 gives, and NumPy cannot decompose


def _sqrtm_rule(g: Any, y: Any, a: Any) -> Any:
    if y.size:
        w = np.linalg.eigvals(numbers_of(y))
        sums = np.abs(w[:, None] + w)
        if not sums.min() > 10 * y.shape[-1] * np.finfo(sums.dtype).eps * sums.max():
            raise NotDifferentiableError(
                f"sqrtm: the root of a matrix of shape {a.shape} has no derivative where an eigenvalue is 0; add a "
                f"small multiple of the identity matrix"
            )
    return sylvester(H(y), H(y), g)


square_root: Primitive = rule(
    _sqrtm,
    _sqrtm_rule,
    name="sqrtm",
    prints="sqrtm({})",
    sample=[call(square(3, 3)), call(square(2, 2)), call(Input((2, 2), "definite")), call(complex_(2, 2))],
)


# --- linear equations ---------------------------------------------------------------------------------------


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    # SciPy's answer is wrong where only some of them are complex: it takes the real Schur form for a triangle.
    dtype = np.result_type(a, b, q)
    return scipy_room("linalg").solve_sylvester(*[x.astype(dtype, copy=False) for x in (a, b, q)])


sylvester: Primitive = rule(
    _sylvester,
    lambda g, y, a, b, q: -(sylvester(H(a), H(b), g) @ H(y)),
    lambda g, y, a, b, q: -(H(y) @ sylvester(H(a), H(b), g)),
    lambda g, y, a, b, q: sylvester(H(a), H(b), g),
    name="solve_sylvester",
    sample=[
        call(square(2, 2), square(3, 3), real(2, 3)),
        call(square(1, 1), square(2, 2), real(1, 2)),
        call(complex_(2, 2), complex_(2, 2), complex_(2, 2)),
        call(square(2, 2), square(3, 3), complex_(2, 3)),
    ],
)


def _triangular_values(a: Any, b: Any, trans: int = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    return scipy_room("linalg").solve_triangular(a, b, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


def _triangular_by_b(
    g: Any, y: Any, a: Any, b: Any, trans: int = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    if trans == 1:
        a = conj(a)
    return triangular(a, g, trans=0 if trans else 2, lower=lower, unit_diagonal=unit_diagonal)


def _triangular_by_a(
    g: Any, y: Any, a: Any, b: Any, trans: int = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    by_b = _triangular_by_b(g, None, a, None, trans, lower, unit_diagonal)
    r = _columns(by_b) @ H(_columns(y))
    r = r if trans == 0 else T(r) if trans == 1 else H(r)
    n = a.shape[-1]
    read = np.tri(n, n, -int(unit_diagonal), dtype=g.dtype)
    return -r * (read if lower else read.T)


triangular: Primitive = rule(
    _triangular_values,
    _triangular_by_a,
    _triangular_by_b,
    name="solve_triangular",
    sample=[
        call(square(3, 3), real(3)),
        call(square(3, 3), real(3, 2), lower=True),
        call(square(3, 3), real(3), trans=1),
        call(square(3, 3), real(3, 2), trans=2, unit_diagonal=True),
        call(complex_(2, 2), complex_(2)),
        call(complex_(2, 2), complex_(2), trans=1, lower=True),
        call(complex_(2, 2), complex_(2, 2), trans=2),
    ],
)


# --- factors ------------------------------------------------------------------------------------------------


def permutation(pivots: Any) -> Any:
    """The order of rows that LAPACK's sequence of exchanges leads to."""
    order = np.arange(len(pivots))
    for i, p in enumerate(pivots):
        order[[i, p]] = order[[p, i]]
    return order


def _lu_rule(g: Any, y: Any, a: Any) -> Any:
    # With P A = L U: S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010).
    n = y.shape[-1]
    below = np.tri(n, n, -1, dtype=g.dtype)
    upper = 1 - below
    order = permutation(scipy_room("linalg").lu_factor(numbers_of(a))[1])
    lower_factor = y * below + np.eye(n, dtype=g.dtype)
    inside = below * (H(lower_factor) @ (g * below)) + upper * ((g * upper) @ H(y * upper))
    r = triangular(y, inside, trans=2, lower=True, unit_diagonal=True)
    return H(triangular(y, H(r)))[np.argsort(order)]


lu: Primitive = rule(
    lambda a: scipy_room("linalg").lu_factor(a)[0],
    _lu_rule,
    name="lu_factor",
    sample=[call(square(3, 3)), call(real(3, 3)), call(real(4, 4)), call(complex_(2, 2))],
)


# --- banded matrices: A[i, j] is ab[u + i - j, j] -----------------------------------------------------------


def _rows_of(lower: int, upper: int, n: int) -> tuple[Any, Any]:
    """For every entry of `ab` its row in the matrix, and whether it has one."""
    rows = np.arange(lower + upper + 1)[:, None] - upper + np.arange(n)
    return np.clip(rows, 0, n - 1), (rows >= 0) & (rows < n)


def _adjoint_bands(ab: Any, lower: int, upper: int) -> Any:
    """The bands of the conjugate transpose."""
    columns, inside = _rows_of(upper, lower, ab.shape[1])
    bands = np.arange(lower + upper, -1, -1)[:, None]
    return conj(ab)[bands, columns] * inside


def _banded_by_b(g: Any, y: Any, ab: Any, b: Any, lower: int = 0, upper: int = 0) -> Any:
    return banded(_adjoint_bands(ab, lower, upper), g, lower=upper, upper=lower)


def _banded_by_ab(g: Any, y: Any, ab: Any, b: Any, lower: int = 0, upper: int = 0) -> Any:
    by_b = _columns(_banded_by_b(g, None, ab, None, lower, upper))
    rows, inside = _rows_of(lower, upper, ab.shape[1])
    return -np.sum(by_b[rows] * conj(_columns(y)), axis=-1) * inside


banded: Primitive = rule(
    lambda ab, b, lower=0, upper=0: scipy_room("linalg").solve_banded((lower, upper), ab, b),
    _banded_by_ab,
    _banded_by_b,
    name="solve_banded",
    sample=[
        call(Input((3, 5), "above one"), real(5), lower=1, upper=1),
        call(Input((3, 4), "above one"), real(4, 2), lower=0, upper=2),
        call(Input((4, 4), "above one"), real(4), lower=2, upper=1),
        call(Input((1, 3), "above one"), real(3), lower=0, upper=0),
        call(complex_(3, 4), complex_(4), lower=1, upper=1),
    ],
)
