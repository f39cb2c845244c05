"""Weighted means, covariance and correlation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_lite.arrays import plain_array
from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import Input, call, composed, conj, numbers_of, real

__all__ = ["operand"]


def operand(x: Any) -> Any:
    """`x` as something with a shape: a Tensor as it is, anything else as an array."""
    return x if hasattr(x, "_node") else np.asarray(x) if isinstance(x, np.generic) else as_operand(x)


def _positive(*shape: int) -> Input:
    return Input(shape, "positive")


@composed(
    np.average,
    sample=[
        *(call(real(3, 4)), call(real(3, 4), 0), call(real(3, 4), axis=(0, 1), keepdims=True)),
        *(call(real(3, 4), 1, _positive(4)), call(real(3, 4), weights=_positive(3, 4))),
        *(call(real(2, 3, 4), (2, 0), _positive(4, 2)), call(real(3, 4), -1, _positive(3, 4), keepdims=True)),
    ],
)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = np._NoValue
) -> Any:
    """The mean, weighted where there are `weights`; with their sum where `returned`."""
    a = operand(a)
    if axis is not None:
        axis = normalize_axis_tuple(axis, a.ndim)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        if not returned:
            return mean
        return mean, np.full(mean.shape, a.size / mean.size, mean.dtype)[()]
    weights = _fitting(operand(weights), a, axis)
    dtype = np.result_type(a.dtype, weights.dtype, *(() if a.dtype.kind in "fc" else (float,)))
    total = np.sum(weights, axis, dtype, keepdims=keepdims)
    if np.any(numbers_of(total) == 0):
        raise ZeroDivisionError(f"average: weights of shape {weights.shape} sum to zero; give others")
    mean = np.sum(_cast(a, dtype) * _cast(weights, dtype), axis, keepdims=keepdims) / total
    if not returned:
        return mean
    return mean, total if total.shape == mean.shape else np.broadcast_to(total, mean.shape)


def _fitting(weights: Any, a: Any, axis: Any) -> Any:
    """`weights`, given for all elements or for those along `axis`, in a shape that broadcasts against `a`."""
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise OperandError(
            f"average: weights of shape {weights.shape} do not fit an array of shape {a.shape}; give them its "
            f"shape, or name the axis they belong to"
        )
    if weights.shape != tuple([a.shape[one] for one in axis]):
        raise OperandError(
            f"average: weights of shape {weights.shape} do not fit an array of shape {a.shape} along axis "
            f"{axis}; they must have the length of those axes"
        )
    ordered = np.transpose(weights, tuple(np.argsort(axis).tolist()))
    return ordered.reshape(tuple([a.shape[one] if one in axis else 1 for one in range(a.ndim)]))


def _cast(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else x.astype(dtype)


@composed(
    np.cov,
    sample=[
        *(call(real(3, 5)), call(real(5)), call(real(5, 3), rowvar=False), call(real(4), real(4))),
        *(call(real(3, 5), real(2, 5), bias=True), call(real(3, 5), ddof=0), call(real(5, 2), real(5, 1), False)),
        *(call(real(3, 4), fweights=[1, 2, 1, 3]), call(real(3, 4), aweights=_positive(4))),
        call(real(2, 4), fweights=[1, 2, 0, 3], aweights=_positive(4), ddof=2),
    ],
)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The covariance matrix of the rows of `m` and `y`; differentiable in `aweights` too."""
    if ddof is not None and ddof != int(ddof):
        raise OperandError(f"cov: ddof={ddof} must be an integer")
    m = operand(m)
    parts = [m] if y is None else [m, operand(y)]
    if dtype is None:
        dtype = np.result_type(*[part.dtype for part in parts], np.float64)
    rows = [_rows(part, rowvar, dtype, first=part is m) for part in parts]
    if rows[0].shape[0] == 0:
        return np.array([]).reshape(0, 0)
    x = rows[0] if y is None else np.concatenate(rows, axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    weights, free = _weights(x.shape[1], fweights, aweights, ddof)
    if numbers_of(free) <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        free = 0.0
    if weights is None:
        weighted = deviation = x - np.mean(x, axis=1, keepdims=True)
    else:
        deviation = x - np.sum(x * weights, axis=1, keepdims=True) / np.sum(weights)
        weighted = deviation * weights
    with np.errstate(divide="ignore", invalid="ignore"):
        factor: Any = np.true_divide(1, free)
    if not hasattr(factor, "_node"):
        factor = float(factor)
    return np.squeeze((deviation @ conj(np.transpose(weighted))) * factor)


def _rows(x: Any, rowvar: bool, dtype: Any, first: bool) -> Any:
    """`x` as a matrix with one variable a row."""
    if x.ndim > 2:
        raise OperandError(f"cov: an array of shape {x.shape} has more than 2 dimensions; give a matrix")
    matrix = _cast(x, dtype) if x.ndim == 2 else _cast(x, dtype).reshape((1, -1))
    if rowvar or (x.ndim == 1 if first else matrix.shape[0] == 1):
        return matrix
    return np.transpose(matrix)


def _weights(n: int, fweights: Any, aweights: Any, ddof: int) -> tuple[Any, Any]:
    """The weight of each observation, or None, and what the sum of products is divided by."""
    if fweights is None and aweights is None:
        return None, n - ddof
    weights: Any = 1.0
    if fweights is not None:
        if getattr(fweights, "requires_grad", False):
            raise NotDifferentiableError(
                f"cov: no derivative with respect to 'fweights', a Tensor of shape {fweights.shape} that requires "
                f"grad; give aweights, or pass fweights.numpy()"
            )
        weights = np.asarray(plain_array("cov", numbers_of(fweights)), float)
        _check_weights("fweights", weights, n)
        if np.any(weights != np.around(weights)):
            raise OperandError("cov: fweights must be whole numbers; give the others as aweights")
    if aweights is not None:
        aweights = _cast(operand(aweights), np.dtype(float))
        _check_weights("aweights", aweights, n)
        weights = weights * aweights
    total = np.sum(weights)
    if ddof == 0:
        return weights, total
    if aweights is None:
        return weights, total - ddof
    return weights, total - ddof * np.sum(weights * aweights) / total


def _check_weights(name: str, weights: Any, n: int) -> None:
    if weights.shape != (n,) or np.any(numbers_of(weights) < 0):
        raise OperandError(
            f"cov: {name} of shape {weights.shape} must be {n} numbers, not negative, one per observation"
        )


@composed(
    np.corrcoef,
    sample=[
        *(call(real(3, 5)), call(real(5, 3), rowvar=False), call(real(5), real(5)), call(real(3, 5), real(2, 5))),
        call(real(4)),
    ],
)
def corrcoef(
    x: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: Any = np._NoValue,
    ddof: Any = np._NoValue,
    *,
    dtype: Any = None,
) -> Any:
    """The correlation coefficients of the rows of `x` and `y`; `bias` and `ddof` cancel out, as in NumPy."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    n = c.shape[0]
    deviation = np.sqrt(np.real(c[np.arange(n), np.arange(n)]))
    c = c / deviation.reshape((n, 1)) / deviation
    # Rounding may leave a coefficient beyond 1: that is a matter of the value, not of the derivative.
    numbers = numbers_of(c)
    clipped = np.clip(numbers.real, -1, 1)
    if numbers.dtype.kind == "c":
        clipped = clipped + 1j * np.clip(numbers.imag, -1, 1)
    return c + (clipped - numbers)
