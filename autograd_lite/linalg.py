"""Functions of matrices that NumPy does not have, under the names of scipy.linalg.

NumPy's own (np.linalg) work on Tensors as they are. SciPy, from which the values come here, is imported when the first
function is called; it must be installed (`pip install scipy`). Matrices are single ones, of shape (n, n); `expm` takes
stacks too. SciPy's `overwrite_a`, `overwrite_b` and `check_finite` are accepted: nothing is ever overwritten, and it is
always checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.matrix_functions import (
    banded,
    exponential,
    lu,
    permutation,
    square_root,
    sylvester,
    triangular,
)
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import conj, numbers_of
from autograd_lite.scipy_rooms import scipy_room

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "expm",
    "lu_factor",
    "lu_solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "toeplitz",
]

if not TYPE_CHECKING:  # a type checker is to know which names there are

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from autograd_lite.pytorch_names import missing

        raise missing(__name__, name)


def _matrix(name: str, a: Any, *, square: bool = True) -> Any:
    """`a` as an operand, if it is a matrix."""
    a = as_operand(a)
    if a.ndim != 2 or (square and a.shape[0] != a.shape[1]):
        kind = "square matrix" if square else "matrix"
        raise OperandError(f"{name}: an array of shape {a.shape} is no {kind}; call it on one matrix at a time")
    return a


def _finite(name: str, x: Any) -> Any:
    """`x` as an operand without NaN and infinity, with which nothing can be solved."""
    x = as_operand(x)
    wrong = np.argwhere(~np.isfinite(numbers_of(x)))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise OperandError(f"{name}: an array of shape {x.shape} holds {numbers_of(x)[at]} at index {list(at)}")
    return x


# --- functions of a matrix ----------------------------------------------------------------------------------


def expm(A: Any) -> Any:
    """The matrix exponential of `A`, of shape (..., n, n).

    Its derivative along E is the upper right block of expm([[A, E], [0, A]]) (N. J. Higham, "Functions of Matrices",
    2008, equation 3.16), so it has derivatives of every order.

    >>> import numpy as np
    >>> expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    array([[1., 1.],
           [0., 1.]])
    """
    return exponential(as_operand(A))


def sqrtm(A: Any) -> Any:
    """The principal square root of the matrix `A`, of shape (n, n); complex where no real one exists.

    Its derivative solves Y dY + dY Y = dA (N. J. Higham, "Functions of Matrices", 2008, section 6.1); it exists where
    no eigenvalue is 0 or negative.

    >>> import numpy as np
    >>> sqrtm(np.array([[4.0, 0.0], [0.0, 9.0]]))
    array([[2., 0.],
           [0., 3.]])
    """
    return square_root(_matrix("sqrtm", A))


# --- linear equations ---------------------------------------------------------------------------------------


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution X, of shape (m, n), of A X + X B = Q, for `a` (m, m), `b` (n, n), `q` (m, n).

    >>> import numpy as np
    >>> solve_sylvester(np.eye(2), np.eye(2), np.array([[2.0, 4.0], [6.0, 8.0]]))
    array([[1., 2.],
           [3., 4.]])
    """
    name = "solve_sylvester"
    return sylvester(*[_finite(name, _matrix(name, x)) for x in (a, b)], _finite(name, q))


_TRANSPOSED = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,  # noqa: ARG001  # SciPy's parameter
    check_finite: bool = True,  # noqa: ARG001  # likewise
) -> Any:
    """The solution x of A x = b for a triangular `a` of shape (n, n), of which the other triangle is not read.

    Args:
        a: the matrix; its gradient is triangular too.
        b: the right-hand side, of shape (n,) or (n, k).
        trans: 0 or "N" for A, 1 or "T" for its transpose, 2 or "C" for its conjugate transpose.
        lower: whether it is the lower triangle that is read.
        unit_diagonal: take the diagonal to be 1 without reading it.
        overwrite_b: accepted for SciPy's sake; nothing is overwritten.
        check_finite: accepted for SciPy's sake; it is always checked.

    Raises:
        OperandError: `trans` is none of these.
        LinAlgError: the matrix is singular.

    >>> import numpy as np
    >>> solve_triangular(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 9.0]), lower=True)
    array([1., 2.])
    """
    if trans not in _TRANSPOSED:
        raise OperandError(f'solve_triangular: trans={trans!r} is unknown; it must be 0, 1, 2, "N", "T" or "C"')
    static = {"trans": _TRANSPOSED[trans], "lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    name = "solve_triangular"
    return triangular(_finite(name, _matrix(name, a)), _finite(name, b), **static)


def cho_factor(
    a: Any,
    lower: bool = False,
    overwrite_a: bool = False,  # noqa: ARG001  # SciPy's parameter
    check_finite: bool = True,  # noqa: ARG001  # likewise
) -> tuple[Any, bool]:
    """The Cholesky factor of a positive definite matrix of shape (n, n), for `cho_solve`.

    The other triangle holds zeros. The gradient is that of np.linalg.cholesky. `overwrite_a`
    and `check_finite` are accepted for SciPy's sake, here and below.

    Raises:
        LinAlgError: the matrix is not positive definite.

    >>> import numpy as np
    >>> factor, lower = cho_factor(np.array([[4.0, 0.0], [0.0, 9.0]]), lower=True)
    >>> factor
    array([[2., 0.],
           [0., 3.]])
    """
    return np.linalg.cholesky(_finite("cho_factor", _matrix("cho_factor", a)), upper=not lower), bool(lower)


def cho_solve(
    c_and_lower: tuple[Any, bool],
    b: Any,
    overwrite_b: bool = False,  # noqa: ARG001  # SciPy's parameter
    check_finite: bool = True,  # noqa: ARG001  # likewise
) -> Any:
    """The solution x of A x = b from `c_and_lower`, what `cho_factor` returned for A; `b` is (n,) or (n, k).

    >>> import numpy as np
    >>> cho_solve((np.array([[2.0, 0.0], [0.0, 3.0]]), True), np.array([4.0, 18.0]))
    array([1., 2.])
    """
    c, lower = c_and_lower
    x = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, x, trans=2 if lower else 0, lower=lower)


def lu_factor(
    a: Any,
    overwrite_a: bool = False,  # noqa: ARG001  # SciPy's parameter
    check_finite: bool = True,  # noqa: ARG001  # likewise
) -> tuple[Any, Any]:
    """The factors L and U of a matrix of shape (n, n) in one matrix, and the exchanges of rows, for `lu_solve`.

    >>> import numpy as np
    >>> lu_factor(np.array([[2.0, 4.0], [1.0, 5.0]]))
    (array([[2. , 4. ],
           [0.5, 3. ]]), array([0, 1], dtype=int32))
    """
    a = _finite("lu_factor", _matrix("lu_factor", a))
    return lu(a), scipy_room("linalg").lu_factor(numbers_of(a))[1]


def lu_solve(
    lu_and_piv: tuple[Any, Any],
    b: Any,
    trans: int = 0,
    overwrite_b: bool = False,  # noqa: ARG001  # SciPy's parameter
    check_finite: bool = True,  # noqa: ARG001  # likewise
) -> Any:
    """The solution x of A x = b from `lu_and_piv`, what `lu_factor` returned for A; `b` is (n,) or (n, k).

    With `trans` 1 it is that of the transpose of A, with 2 of the conjugate transpose.

    >>> import numpy as np
    >>> lu_solve(lu_factor(np.array([[2.0, 0.0], [0.0, 4.0]])), np.array([2.0, 8.0]))
    array([1., 2.])
    """
    factors, pivots = lu_and_piv
    order = permutation(numbers_of(pivots))
    if trans == 0:
        x = solve_triangular(factors, as_operand(b)[order], lower=True, unit_diagonal=True)
        return solve_triangular(factors, x)
    x = solve_triangular(factors, b, trans=trans)
    return solve_triangular(factors, x, trans=trans, lower=True, unit_diagonal=True)[np.argsort(order)]


def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,  # noqa: ARG001  # SciPy's parameter
    overwrite_b: bool = False,  # noqa: ARG001  # likewise
    check_finite: bool = True,  # noqa: ARG001  # likewise
) -> Any:
    """The solution x of A x = b for a matrix of `l` bands below the diagonal and `u` above.

    Args:
        l_and_u: the numbers of bands.
        ab: the bands as rows, of shape (l + u + 1, n): A[i, j] is ab[u + i - j, j].
        b: the right-hand side, of shape (n,) or (n, k).

    >>> import numpy as np
    >>> solve_banded((1, 0), np.array([[1.0, 2.0], [1.0, 0.0]]), np.array([1.0, 5.0]))
    array([1., 2.])
    """
    lower, upper = map(int, l_and_u)
    name = "solve_banded"
    return banded(_finite(name, _matrix(name, ab, square=False)), _finite(name, b), lower=lower, upper=upper)


# --- matrices made of others --------------------------------------------------------------------------------


def block_diag(*arrays: Any) -> Any:
    """The matrix that has the given `arrays` on its diagonal and zeros elsewhere; a vector counts as one row.

    Raises:
        OperandError: one has more than two axes.

    >>> import numpy as np
    >>> block_diag([[1.0, 2.0]], 3.0)
    array([[1., 2., 0.],
           [0., 0., 3.]])
    """
    blocks = [as_operand(x) for x in arrays] or [np.zeros((1, 0))]
    if any(block.ndim > 2 for block in blocks):
        raise OperandError(
            f"block_diag: operands of shape {[block.shape for block in blocks]}; each must be a matrix, a vector or "
            f"a number"
        )
    blocks = [block if block.ndim == 2 else block.reshape(1, -1) for block in blocks]
    width, before, rows = sum(block.shape[1] for block in blocks), 0, []
    for block in blocks:
        height, own = block.shape
        sides = [np.zeros((height, n), block.dtype) for n in (before, width - before - own)]
        rows.append(np.concatenate([sides[0], block, sides[1]], axis=1))
        before += own
    return np.concatenate(rows, axis=0)


def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix of constant diagonals with first column `c` and first row `r`, by default conj(c).

    r[0] is not read.

    Raises:
        OperandError: one of them is no vector.

    >>> import numpy as np
    >>> toeplitz([1.0, 2.0], [0.0, 3.0, 4.0])
    array([[1., 3., 4.],
           [2., 1., 3.]])
    """
    c = as_operand(c)
    r = conj(c) if r is None else as_operand(r)
    if c.ndim != 1 or r.ndim != 1:
        raise OperandError(f"toeplitz: operands of shape {c.shape} and {r.shape}; both must be vectors")
    around = np.concatenate([c[::-1], r[1:]])
    return around[np.arange(len(c))[::-1, None] + np.arange(len(r))]
