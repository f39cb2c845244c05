"""Rules of np.linalg that are written with the inverse: inv, solve, det, slogdet, cholesky, pinv.

Formulas: M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008). `H` is the conjugate transpose.

A function that reads one triangle of its matrix (cholesky, eigh) has its gradient in that triangle, where each
entry stands for its mirror image too. That is the derivative of what NumPy computes, in every direction.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.errors import LinAlgError, OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.products import H, T, as_operand
from autograd_lite.rules.table import Input, call, composed, conj, numbers_of, plain, real, rule

__all__ = ["SlogdetResult", "in_triangle", "matrices", "square"]


def square(*shape: int) -> Input:
    """A well conditioned matrix, as an input of a sample."""
    return Input(shape, "square")


def matrices(name: str, a: Any, *, squares: bool = False) -> Any:
    """`a` as an operand, if it is a matrix or a stack of them."""
    a = as_operand(a)
    if a.ndim < 2 or (squares and a.shape[-1] != a.shape[-2]):
        raise LinAlgError(
            f"{name}: an array of shape {a.shape} is no {'square matrix' if squares else 'matrix'}; it must be one, or "
            f"a stack of them"
        )
    return a


def in_triangle(r: Any, upper: bool = False) -> Any:
    """The gradient `r` of a symmetric (Hermitian) matrix as that of the one triangle which it is read from."""
    both = r + H(r)
    return (np.triu if upper else np.tril)(both) - both * (np.eye(r.shape[-1], dtype=r.dtype) / 2)


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


# --- determinants -------------------------------------------------------------------------------------------
#
# The gradient of det is the matrix of cofactors. Its entries are polynomials, so it exists for singular matrices
# too, where det(A) inv(A)ᵀ does not. With A = U diag(s) Vᴴ it is det(U) det(Vᴴ) conj(U) diag(c) Vᵀ, where c are
# the products of all singular values but one.


def _running(s: Any, axis: int = -1) -> Any:
    """Along the last axis the product of all earlier entries."""
    return np.concatenate([np.ones_like(s[..., :1]), np.cumprod(s, axis)[..., :-1]], axis)


def _others(s: Any) -> Any:
    """For each entry along the last axis the product of all others, without a division."""
    return _running(s) * _running(s[..., ::-1])[..., ::-1]


def _other_pairs(s: Any) -> Any:
    """For each pair of different entries along the last axis the product of all others; 0 on the diagonal."""
    after = np.triu(np.ones((s.shape[-1],) * 2, bool), 1)
    between = _running(np.where(after, s[..., None, :], s.dtype.type(1)))
    pairs = _running(s)[..., :, None] * between * _running(s[..., ::-1])[..., ::-1][..., None, :]
    pairs = np.where(after, pairs, s.dtype.type(0))
    return pairs + T(pairs)


def _decomposed(a: Any) -> tuple[Any, Any, Any, Any]:
    """det(U) det(Vᴴ), conj(U), the singular values and Vᵀ."""
    finite = np.isfinite(a).all(axis=(-2, -1))
    if not finite.all():  # one matrix of a stack that holds a NaN would make svd refuse them all
        a = np.where(finite[..., None, None], a, 0)
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    if not finite.all():
        sign = np.where(finite, sign, sign.dtype.type(np.nan))
    return sign[..., None, None], conj(u), s, conj(vh)


def _cofactors(a: Any) -> Any:
    sign, u, s, vt = _decomposed(a)
    return sign * ((u * _others(s)[..., None, :]) @ vt)


def _cofactors_along(a: Any, step: Any) -> Any:
    """How the cofactors of `a` change along `step`: a sum over pairs of singular values."""
    sign, u, s, vt = _decomposed(a)
    pairs = _other_pairs(s)
    step = T(u) @ step @ T(vt)
    inner = -pairs * T(step)
    diagonal = range(s.shape[-1])
    inner[..., diagonal, diagonal] = (pairs @ step[..., diagonal, diagonal, None])[..., 0]
    return sign * (u @ inner @ vt)


def _trace(x: Any) -> Any:
    return np.trace(x, axis1=-2, axis2=-1)[..., None, None]


def _third(a: Any, m: Any, n: Any) -> Any:
    """The third derivative of det, contracted with two matrices; by the inverse, so for regular `a` only."""
    b = np.linalg.inv(a)
    bm, bn = b @ m, b @ n
    inner = (_trace(bm) * _trace(bn) - _trace(bm @ bn)) * b
    inner = inner - _trace(bn) * (bm @ b) - _trace(bm) * (bn @ b) + (bm @ bn + bn @ bm) @ b
    return np.linalg.det(a)[..., None, None] * T(inner)


# The second derivative of det is a symmetric form in two matrices, hence its own transpose.
cofactors_along: Primitive = rule(
    _cofactors_along,
    lambda g, y, a, step: conj(_third(a, step, conj(g))),
    lambda g, y, a, step: conj(cofactors_along(a, conj(g))),
    name="cofactors_along",
    sample=[call(square(3, 3), real(3, 3)), call(square(2, 2, 2), real(2, 2, 2))],
)

cofactors: Primitive = rule(
    _cofactors,
    lambda g, y, a: conj(cofactors_along(a, conj(g))),
    name="cofactors",
    sample=[call(square(3, 3)), call(square(2, 2, 2)), call(real(1, 1)), call(real(4, 4))],
)

rule(
    np.linalg.det,
    lambda g, y, a: g[..., None, None] * conj(cofactors(a)),
    prints="det({})",
    sample=[call(square(3, 3)), call(real(2, 3, 3)), call(real(1, 1)), call(Input((2, 2), "complex"))],
)


class SlogdetResult(NamedTuple):
    """The sign (or the phase) of a determinant and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


def _slogdet(a: Any) -> Any:
    return np.stack(np.linalg.slogdet(a), axis=-1)


def _slogdet_rule(g: Any, y: Any, a: Any) -> Any:
    if (numbers_of(y)[..., 1].real == -np.inf).any():
        raise LinAlgError(
            f"slogdet: a singular matrix of shape {a.shape} has the logarithm -inf, which has no derivative; add a "
            f"small multiple of the identity matrix, or use np.linalg.det"
        )
    along = g[..., 1]
    if y.dtype.kind == "c":  # the phase turns with the imaginary part of trace(inv(A) dA)
        along = along.real - 1j * (conj(g[..., 0]) * y[..., 0]).imag
    return along[..., None, None] * H(np.linalg.inv(a))


_packed_slogdet: Primitive = rule(
    _slogdet,
    _slogdet_rule,
    name="slogdet",
    sample=[call(square(3, 3)), call(Input((2, 2), "complex"))],
)


@composed(
    np.linalg.slogdet,
    sample=[call(square(3, 3)), call(real(2, 2, 2)), call(real(1, 1)), call(Input((3, 3), "complex"))],
)
def _slogdet_of(a: Any) -> SlogdetResult:
    packed = _packed_slogdet(a)
    return SlogdetResult(packed[..., 0], packed[..., 1].real)


# --- triangular factors and inverses of any shape -----------------------------------------------------------


def _cholesky_rule(g: Any, y: Any, a: Any, upper: bool = False) -> Any:
    # I. Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10.
    lower, g = (H(y), H(g)) if upper else (y, g)
    n = g.shape[-1]
    half = np.tril(np.ones((n, n), g.dtype)) - np.eye(n, dtype=g.dtype) / 2
    inverse = np.linalg.inv(lower)
    return in_triangle(H(inverse) @ (half * (H(lower) @ g)) @ inverse, upper)


rule(
    np.linalg.cholesky,
    _cholesky_rule,
    prints="cholesky({})",
    sample=[
        call(Input((3, 3), "definite")),
        call(Input((2, 3, 3), "definite")),
        call(Input((1, 1), "definite")),
        call(Input((3, 3), "definite"), upper=True),
    ],
)


def _beyond_cutoff(g: Any, a: Any, cutoff: Any) -> Any:
    """What the singular values that `cutoff` drops add to the gradient of pinv: they mix with those that it keeps.

    With E = U^H da V, the derivative of the truncated pinv(a)^H in that frame is (E_ij + s_j/s_i conj(E_ji)) /
    (s_i^2 - s_j^2) for i kept and j dropped; this is the difference from the one at s_j = 0, E_ij / s_i^2.
    """
    rounding = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    if not a.size or np.max(cutoff) <= rounding:
        return 0.0
    values = np.linalg.svd(numbers_of(a), compute_uv=False)
    highest = values.max(axis=-1, keepdims=True)
    kept = values > np.asarray(cutoff)[..., None] * highest
    if not np.any(~kept & (values > rounding * highest)):
        return 0.0
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    pairs = kept[..., :, None] & ~kept[..., None, :]
    large, small = s[..., :, None], s[..., None, :]
    ratio = np.where(pairs, small, 0.0) / np.where(pairs, large, 1.0)
    share = ratio / np.where(pairs, large * large - small * small, 1.0)
    inner = H(u) @ H(g) @ H(vh)
    return u @ ((share * ratio + T(share * ratio)) * inner + (share + T(share)) * H(inner)) @ vh


def _pinv_rule(g: Any, y: Any, a: Any, rcond: Any = None, hermitian: bool = False, rtol: Any = None) -> Any:
    # G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973), equation 4.12.
    if hermitian:  # only this triangle is read
        a = np.tril(a) + H(np.tril(a, -1))
    left = np.eye(a.shape[-2], dtype=a.dtype) - a @ y
    right = np.eye(a.shape[-1], dtype=a.dtype) - y @ a
    r = left @ H(g) @ y @ H(y) + H(y) @ y @ H(g) @ right - H(y) @ g @ H(y)
    cutoff = rtol if rcond is None else rcond
    if cutoff is not None:
        r = r + _beyond_cutoff(g, a, cutoff)
    return in_triangle(r) if hermitian else r


rule(
    np.linalg.pinv,
    _pinv_rule,
    prints="pinv({})",
    sample=[
        call(real(3, 2)),
        call(real(2, 4)),
        call(square(2, 3, 3)),
        call(real(3, 2), 1e-10),
        call(real(3, 2), rcond=1e-10),
        call(real(3, 2), rtol=1e-10),
        call(Input((3, 3), "symmetric"), hermitian=True),
        call(Input((3, 2), "complex")),
    ],
)


@composed(
    np.linalg.lstsq,
    sample=[
        call(real(4, 2), real(4)),
        call(real(4, 2), real(4, 3)),
        call(real(2, 4), real(2)),
        call(real(3, 2), real(3), rcond=1e-10),
        call(real(3, 2), real(3), None),
        call(real(3, 2), real(3), -1),
    ],
)
def _lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    a, b = as_operand(a), as_operand(b)
    kind = np.result_type(*[x.dtype if x.dtype.kind in "fc" else float for x in (a, b)])
    a, b = (x if x.dtype == kind else x.astype(kind) for x in (a, b))
    values = numbers_of(a), numbers_of(b)
    residuals, rank = np.linalg.lstsq(*values, rcond)[1:3]
    smallest = float(np.finfo(kind).eps)
    cutoff = smallest * max(a.shape) if rcond is None else smallest if rcond < 0 else rcond
    x = np.linalg.pinv(a, cutoff) @ b
    # NumPy gives no residuals, that is an empty array, where the solution is exact or not unique.
    squares = np.sum(np.abs(b - a @ x) ** 2, axis=0, keepdims=b.ndim == 1)[: residuals.size]
    return x, squares, rank, np.linalg.svdvals(a)


# --- powers, and tensors read as matrices -------------------------------------------------------------------


def _identities(a: Any) -> Any:
    return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()


_power_0: Primitive = rule(
    _identities,
    lambda g, y, a: np.zeros_like(g),
    name="matrix_power",
    sample=[call(real(3, 3)), call(real(2, 2, 2))],
)


@composed(
    np.linalg.matrix_power,
    sample=[call(square(3, 3), n) for n in (0, 1, 2, 3, 5, -1, -2)] + [call(square(2, 3, 3), n=2)],
)
def _matrix_power(a: Any, n: int) -> Any:
    """The power by repeated squaring."""
    a, n = matrices("matrix_power", a, squares=True), operator.index(n)
    if n == 0:
        return _power_0(a)
    if n == 1:
        return np.positive(a)  # like NumPy's, a new matrix
    if n < 0:
        a, n = np.linalg.inv(a), -n
    power = None
    while n:
        n, odd = divmod(n, 2)
        if odd:
            power = a if power is None else power @ a
        if n:
            a = a @ a
    return power


@composed(np.linalg.tensorinv, sample=[call(real(2, 3, 6), ind=2), call(real(6, 2, 3), 1), call(real(4, 2, 2), 1)])
def _tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise OperandError(f"tensorinv: ind={ind} leaves no axis for the inverse; it must be positive")
    rows = math.prod(a.shape[ind:])
    return np.linalg.inv(a.reshape(rows, -1)).reshape(a.shape[ind:] + a.shape[:ind])


@composed(
    np.linalg.tensorsolve,
    sample=[
        call(real(2, 3, 6), real(2, 3)),
        call(real(2, 3, 2, 3), real(2, 3)),
        call(real(6, 2, 3), real(2, 3), axes=(0,)),
    ],
)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = as_operand(a), as_operand(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[b.ndim :]
    if math.prod(shape) ** 2 != a.size:
        raise OperandError(
            f"tensorsolve: operands of shape {a.shape} and {b.shape} are no square system; the leading axes of the "
            f"first must be those of the second, and the rest hold as many unknowns"
        )
    return np.linalg.solve(a.reshape(b.size, math.prod(shape)), b.reshape(-1)).reshape(shape)


# --- the same under np.linalg -------------------------------------------------------------------------------


@composed(np.linalg.trace, sample=[call(real(3, 3)), call(real(2, 3, 4), offset=1), call(real(2, 2), dtype="f8")])
def _linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset, -2, -1, dtype)


@composed(np.linalg.diagonal, sample=[call(real(3, 3)), call(real(2, 3, 4), offset=-1)])
def _linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@composed(np.linalg.matrix_transpose, sample=[call(real(3, 2)), call(real(2, 3, 4))])
def _linalg_matrix_transpose(x: Any, /) -> Any:
    return np.matrix_transpose(x)


plain(np.linalg.matrix_rank)
