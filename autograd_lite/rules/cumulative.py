"""Running sums and products along an axis; the products are exact where factors are zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.reductions import as_multiplied, divisible
from autograd_lite.rules.table import call, composed, conj, real, rule

__all__ = ["along", "reversed_along"]


_add: Any = np.add.accumulate
_multiply: Any = np.multiply.accumulate


def along(axis: int, piece: slice) -> tuple[Any, ...]:
    """The index that takes `piece` of one axis and all of the others."""
    return (*[slice(None)] * axis, piece) if axis >= 0 else (..., piece, *[slice(None)] * (-axis - 1))


def reversed_along(x: Any, axis: int) -> Any:
    """`x` backwards along one axis."""
    return x[along(axis, slice(None, None, -1))]


def _cumsum_rule(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    at = 0 if axis is None else axis
    behind = reversed_along(np.cumsum(reversed_along(g, at), at), at)
    return behind if behind.shape == x.shape else behind.reshape(x.shape)


def _cumsum(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    return _add(x.reshape(-1) if axis is None or not x.ndim else x, 0 if axis is None else axis, dtype)


_SAMPLE = [
    *(
        call(real(4)),
        call(real(3, 4)),
        call(real(3, 4), 0),
        call(real(3, 4), axis=-1),
        call(real(2, 3, 2), axis=1),
    ),
    *(call(real(0)), call(real(2, 0), axis=0), call(real(1, 5), 1), call(real())),
]

rule(np.cumsum, _cumsum_rule, fn=_cumsum, prints="cumsum({})", sample=_SAMPLE)


def _cumprod_rule(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    if not x.size:
        return g.reshape(x.shape)
    x = as_multiplied(x, y)
    factors, at = (x.reshape((-1,)), 0) if axis is None or not x.ndim else (x, axis)
    if divisible(y):
        weighted = reversed_along(np.cumsum(reversed_along(g * conj(y), at), at), at)
        return (weighted / conj(factors)).reshape(x.shape)
    # x_i meets the gradient of each later output through the factors before it and those between the two:
    # before_i * (g_i + x_(i+1) * (g_(i+1) + x_(i+2) * (...))), the bracket by doubling steps, no division.
    one = np.ones(factors[along(at, slice(0, 1))].shape, factors.dtype)
    before = np.concatenate((one, np.cumprod(factors[along(at, slice(0, -1))], at)), axis=at)
    bracket, reach = g, conj(factors[along(at, slice(1, None))])
    step = 1
    while step < factors.shape[at]:
        head, later = along(at, slice(0, -step)), along(at, slice(step, None))
        last = along(at, slice(-step, None))
        bracket = np.concatenate((bracket[head] + reach * bracket[later], bracket[last]), axis=at)
        reach = reach[head] * reach[later]
        step *= 2
    return (conj(before) * bracket).reshape(x.shape)


def _cumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    return _multiply(x.reshape(-1) if axis is None or not x.ndim else x, 0 if axis is None else axis, dtype)


rule(np.cumprod, _cumprod_rule, fn=_cumprod, prints="cumprod({})", sample=_SAMPLE)


def _with_initial(function: Any, x: Any, axis: Any, dtype: Any, out: None, include_initial: bool, start: int) -> Any:
    if axis is None:
        if x.ndim > 1:
            raise OperandError(f"{function.__name__}: a Tensor of shape {x.shape} has more than one axis; give axis=")
        axis = 0
    y = function(x, axis, dtype, out)
    if not include_initial:
        return y
    first = list(y.shape)
    first[axis] = 1
    return np.concatenate((np.full(first, start, y.dtype), y), axis=axis)


_KEYWORD_SAMPLE = [
    *(call(real(4)), call(real(3, 4), axis=0), call(real(3, 4), axis=-1, include_initial=True)),
    *(call(real(5), include_initial=True), call(real(2, 3, 2), axis=1, include_initial=True), call(real(0))),
]


def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: None = None, include_initial: bool = False
) -> Any:
    """The running sum, from 0 on where `include_initial`."""
    return _with_initial(np.cumsum, x, axis, dtype, out, include_initial, 0)


def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: None = None, include_initial: bool = False
) -> Any:
    """The running product, from 1 on where `include_initial`."""
    return _with_initial(np.cumprod, x, axis, dtype, out, include_initial, 1)


if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    composed(np.cumulative_sum, sample=_KEYWORD_SAMPLE)(cumulative_sum)
    composed(np.cumulative_prod, sample=_KEYWORD_SAMPLE)(cumulative_prod)
