"""The reductions that leave NaN out: no gradient reaches a NaN, and none comes from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.reductions import extreme_share, lifted, masked
from autograd_lite.rules.table import call, composed, numbers_of, plain, real, reduction, rule

plain(np.nanargmax, np.nanargmin)


def without_nan(a: Any) -> tuple[Any, Any]:
    """`a` with 0 in place of NaN, and where it is a number."""
    number = np.logical_not(np.isnan(numbers_of(a)))
    return masked(a, mask=number), number


def _both(number: Any, where: Any) -> Any:
    return number if where is np._NoValue else np.logical_and(number, numbers_of(where))


@composed(np.nansum, sample=reduction())
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    """The sum, with NaN counted as 0."""
    return np.sum(without_nan(a)[0], axis, dtype, out, keepdims, initial, where)


@composed(np.nanprod, sample=reduction("nonzero"))
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    """The product, with NaN counted as 1."""
    filled, number = without_nan(a)
    return np.prod(filled + np.logical_not(number), axis, dtype, out, keepdims, initial, where)


@composed(np.nanmean, sample=reduction(empty=False))
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = np._NoValue,
    *,
    where: Any = np._NoValue,
) -> Any:
    """The mean of what is not NaN."""
    filled, number = without_nan(a)
    _check_inexact("nanmean", a, dtype)
    return np.mean(filled, axis, dtype, out, keepdims, where=_both(number, where))


@composed(np.nanvar, sample=reduction(empty=False))
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: Any = 0,
    keepdims: Any = np._NoValue,
    *,
    where: Any = np._NoValue,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:
    """The variance of what is not NaN; NaN where no degree of freedom is left."""
    return _spread(np.var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@composed(np.nanstd, sample=reduction(empty=False))
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: Any = 0,
    keepdims: Any = np._NoValue,
    *,
    where: Any = np._NoValue,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:
    """The standard deviation of what is not NaN; NaN where no degree of freedom is left."""
    return _spread(np.std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _spread(
    function: Any,
    a: Any,
    axis: Any,
    dtype: Any,
    out: None,
    ddof: Any,
    keepdims: Any,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    _check_inexact(f"nan{function.__name__}", a, dtype)
    filled, number = without_nan(a)
    chosen = _both(number, where)
    optional = {"mean": mean, "correction": correction}
    given = {name: value for name, value in optional.items() if value is not np._NoValue}
    y = function(filled, axis, dtype, out, ddof, keepdims, where=chosen, **given)
    if a.dtype.kind not in "fc":
        return y
    free = np.count_nonzero(np.broadcast_to(chosen, a.shape), axis=axis, keepdims=True)
    spoiled = np.reshape(free <= (given.get("correction", 0) or ddof), y.shape)
    return with_nan(y, spoiled)


def _check_inexact(name: str, a: Any, dtype: Any) -> None:
    if dtype is not None and a.dtype.kind in "fc" and np.dtype(dtype).kind not in "fc":
        raise OperandError(f"{name}: dtype {np.dtype(dtype)} cannot hold the result for {a.dtype}; give a floating one")


def with_nan(y: Any, spoiled: Any) -> Any:
    """`y` with NaN where `spoiled`, and no gradient from there."""
    if not np.any(spoiled):
        return y
    nan = np.where(spoiled, np.array(np.nan, y.dtype), np.zeros((), y.dtype))
    return masked(y, mask=np.logical_not(spoiled)) + nan


def _extreme_rule(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    chosen = numbers_of(x) == lifted(numbers_of(y), x.shape, axis, keepdims)
    return extreme_share(g, numbers_of(y), chosen, axis, keepdims, initial, where)


for _function in (np.nanmax, np.nanmin):
    rule(
        _function,
        _extreme_rule,
        prints=_function.__name__ + "({})",
        sample=reduction("distinct", empty=False),
    )


@composed(np.nancumsum, sample=[call(real(5)), call(real(3, 4)), call(real(3, 4), 0), call(real(2, 3, 2), axis=-1)])
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    """The running sum, with NaN counted as 0."""
    return np.cumsum(without_nan(a)[0], axis, dtype, out)


@composed(np.nancumprod, sample=[call(real(5)), call(real(3, 4)), call(real(3, 4), 0), call(real(2, 3, 2), axis=-1)])
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    """The running product, with NaN counted as 1."""
    filled, number = without_nan(a)
    return np.cumprod(filled + np.logical_not(number), axis, dtype, out)
