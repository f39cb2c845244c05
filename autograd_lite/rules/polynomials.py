"""Polynomials by their coefficients, highest power first: values, arithmetic, roots, fits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.reductions import spread_zero, unmoved
from autograd_lite.rules.statistics import operand
from autograd_lite.rules.table import Input, call, composed, conj, numbers_of, real, rule


def _coefficients(p: Any) -> Any:
    p = operand(p)
    return p if p.ndim else p.reshape((1,))


# --- values --------------------------------------------------------------------------------------------------


@composed(
    np.polyval,
    sample=[call(real(4), real(3, 2)), call(real(3), real()), call([1.0, 2.0], real(3)), call(real(3), 0.5)],
)
def polyval(p: Any, x: Any) -> Any:
    """The value at `x` by Horner's rule."""
    if isinstance(x, np.poly1d):
        raise OperandError("polyval: a polynomial of a polynomial is not differentiated; give numbers for x")
    p, x = operand(p), operand(x)
    y: Any = np.zeros(x.shape, x.dtype)
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


@composed(np.vander, sample=[call(real(3)), call(real(3), 4), call(real(3), N=2, increasing=True), call(real(2), 1)])
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """The powers of the elements of a vector, as rows."""
    x = operand(x)
    if x.ndim != 1:
        raise OperandError(f"vander: an array of shape {x.shape} is not a vector; give one")
    count = x.shape[0] if N is None else int(N)
    dtype = np.promote_types(x.dtype, int)
    powers = _powers(x if x.dtype == dtype else x.astype(dtype), count)
    return powers if increasing else powers[:, ::-1]


def _powers(x: Any, count: int) -> Any:
    """The first powers of each element of a vector, from 0 on, by multiplying: exact at 0 to every order."""
    n = x.shape[0]
    ones = np.ones((n, min(count, 1)), x.dtype)
    if count < 2:
        return unmoved(ones, x)
    powers = np.cumprod(np.broadcast_to(x.reshape((n, 1)), (n, count - 1)), axis=1)
    return np.concatenate((ones, powers), axis=1)


# --- arithmetic ----------------------------------------------------------------------------------------------

_PAIRS = [call(real(3), real(3)), call(real(2), real(4)), call(real(4), real(2)), call(real(3), [1.0, -2.0])]


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    a1, a2 = _coefficients(a1), _coefficients(a2)
    length = max(a1.shape[0], a2.shape[0])
    padded = [
        np.concatenate((np.zeros(length - a.shape[0], a.dtype), a)) if a.shape[0] < length else a for a in (a1, a2)
    ]
    return padded[0], padded[1]


@composed(np.polyadd, sample=_PAIRS)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    first, second = _aligned(a1, a2)
    return first + second


@composed(np.polysub, sample=_PAIRS)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials."""
    first, second = _aligned(a1, a2)
    return first - second


@composed(np.polymul, sample=_PAIRS)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials, without leading zeros."""
    return np.convolve(_trimmed(a1), _trimmed(a2))


def _trimmed(p: Any) -> Any:
    p = _coefficients(p)
    nonzero = np.flatnonzero(numbers_of(p))
    return p[nonzero[0] :] if len(nonzero) else unmoved(np.zeros(1, p.dtype), p)


@composed(np.polydiv, sample=[call(real(4), [2.0, 1.0]), call(real(2), Input((3,), "positive"))])
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder of two polynomials."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    dtype = np.result_type(u.dtype, v.dtype)
    m, n = u.shape[0] - 1, v.shape[0] - 1
    rest = u if u.dtype == dtype else u.astype(dtype)
    scale = 1.0 / v[0]
    quotient = []
    for k in range(m - n + 1):
        quotient.append(scale * rest[k])
        # The leading coefficient cancels, in derivative as in value; NumPy keeps what rounding leaves of it.
        rest = np.concatenate((rest[:k], rest[k : k + n + 1] - quotient[-1] * v, rest[k + n + 1 :]))
    start = 0
    numbers = numbers_of(rest)
    while start < len(numbers) - 1 and np.allclose(numbers[start], 0, rtol=1e-14):
        start += 1
    return np.stack(quotient) if quotient else unmoved(unmoved(np.zeros(1, dtype), u), v), rest[start:]


@composed(np.polyder, sample=[call(real(4)), call(real(4), 2), call(real(3), m=0), call(real(1))])
def polyder(p: Any, m: int = 1) -> Any:
    """The `m`-th derivative."""
    p = operand(p)
    if m < 0:
        raise OperandError(f"polyder: order m={m} must not be negative; see polyint")
    for _ in range(int(m)):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@composed(np.polyint, sample=[call(real(3)), call(real(3), 2), call(real(3), m=2, k=real(2)), call(real(3), 1, 0.5)])
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The `m`-th antiderivative, with integration constants `k`."""
    p = operand(p)
    if m < 0:
        raise OperandError(f"polyint: order m={m} must not be negative; see polyder")
    constants = np.zeros(m) if k is None else _coefficients(k)
    if constants.shape[0] == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if constants.shape[0] < m:
        raise OperandError(f"polyint: {constants.shape[0]} constants for order m={m}; give one, or one for each")
    for step in range(int(m)):
        p = np.concatenate((p / np.arange(p.shape[0], 0, -1), constants[step : step + 1]))
    return p


# --- roots ---------------------------------------------------------------------------------------------------


def _roots_rule(g: Any, y: Any, p: Any) -> Any:
    # p(r) = 0 stays true: dr / dp_j = - r ** (n - j) / p'(r). A multiple root has no derivative.
    if not y.size:
        return spread_zero(g, p.shape)
    powers = _powers(y, p.size)[:, ::-1]
    factors = np.arange(p.size - 1, 0, -1).astype(p.dtype)
    slope = powers[:, 1:] @ (p[:-1] * factors)
    return -np.sum((g / conj(slope)).reshape((-1, 1)) * conj(powers), axis=0)


rule(
    np.roots,
    _roots_rule,
    prints="roots({})",
    sample=[call(Input((3,), "nonzero")), call(Input((4,), "positive")), call(Input((2,), "nonzero"))],
)


@composed(np.poly, sample=[call(real(3)), call(Input((2,), "complex")), call(Input((3, 3), "symmetric"))])
def poly(seq_of_zeros: Any) -> Any:
    """The polynomial with these roots, or the characteristic polynomial of a matrix."""
    zeros = _coefficients(seq_of_zeros)
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise OperandError(f"poly: an array of shape {zeros.shape} is neither a vector nor a square matrix; give one")
    if not zeros.shape[0]:
        return 1.0
    if zeros.dtype.kind not in "fc":
        zeros = zeros.astype(float)
    p: Any = np.ones(1, zeros.dtype)
    zero = np.zeros(1, zeros.dtype)
    for k in range(zeros.shape[0]):
        p = np.concatenate((p, zero)) - np.concatenate((zero, zeros[k] * p))
    numbers = numbers_of(zeros)
    if numbers.dtype.kind == "c" and np.all(np.sort(numbers) == np.sort(numbers.conj())):
        return np.real(p)
    return p


# --- fit -----------------------------------------------------------------------------------------------------


@composed(
    np.polyfit,
    sample=[
        *(call(Input((5,), "distinct"), real(5), 2), call(Input((6,), "distinct"), real(6, 2), deg=1)),
        call(Input((5,), "distinct"), real(5), 1, w=Input((5,), "positive")),
    ],
)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The least-squares polynomial; differentiable in `x`, `y` and `w`."""
    x, y = operand(x) + 0.0, operand(y) + 0.0
    order = int(deg) + 1
    if order < 1 or x.ndim != 1 or not x.size or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise OperandError(
            f"polyfit: x of shape {x.shape}, y of shape {y.shape} and degree {deg} do not make a fit; give x as a "
            f"vector, y of the same length, and a degree that is not negative"
        )
    if rcond is None:
        rcond = x.shape[0] * np.finfo(x.dtype).eps
    powers, wanted = np.vander(x, order), y
    if w is not None:
        w = operand(w) + 0.0
        if w.shape != (y.shape[0],):
            raise OperandError(f"polyfit: weights of shape {w.shape} must have shape {(y.shape[0],)}")
        powers = powers * w.reshape((-1, 1))
        wanted = wanted * (w.reshape((-1, 1)) if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    powers = powers / scale
    found, residuals, rank, singular = np.linalg.lstsq(powers, wanted, float(rcond))
    p = found / (scale.reshape((-1, 1)) if y.ndim == 2 else scale)
    if rank != order and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if full:
        return p, residuals, rank, singular, rcond
    if not cov:
        return p
    base = np.linalg.inv(np.transpose(powers) @ powers) / (scale.reshape((-1, 1)) * scale)
    if not isinstance(cov, str):
        if x.shape[0] <= order:
            raise OperandError(
                f"polyfit: {x.shape[0]} points are too few to scale the covariance of {order} coefficients; "
                f"use cov='unscaled'"
            )
        factor = residuals / (x.shape[0] - order)
        return p, base * factor if y.ndim == 1 else base.reshape((order, order, 1)) * factor
    return p, base if y.ndim == 1 else base.reshape((order, order, 1))
