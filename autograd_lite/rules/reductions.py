"""Reductions over axes: sum, mean, prod, max and min, var and std, and what counts or tests elements.

Ties in max and min share the gradient equally, `prod` is exact where factors are zero, and `std` has
derivative 0 where it is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.products import refuse_out
from autograd_lite.rules.table import call, composed, conj, numbers_of, plain, real, reduction, rule, spread

__all__ = [
    "as_multiplied",
    "counted",
    "extreme_share",
    "lifted",
    "masked",
    "mean_of_array",
    "over",
    "spread_zero",
    "unmoved",
]

plain(np.any, np.all, np.argmax, np.argmin, np.count_nonzero)


# --- shared by every reduction ------------------------------------------------------------------------------


def lifted(g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """`g`, the result of a reduction of an array of `shape`, in a shape that broadcasts against it."""
    if axis is None or keepdims or not shape:  # NumPy takes axis=0 of a number
        return g
    kept = list(shape)
    for one in axis if isinstance(axis, tuple) else (axis,):
        kept[one] = 1
    return g.reshape(tuple(kept))


def counted(shape: tuple[int, ...], axis: Any, where: Any) -> Any:
    """How many elements each reduction takes in, in a shape that broadcasts; where none does, 1.

    A Python int if that is the same for all, otherwise an array.
    """
    if where is not True:
        return np.maximum(np.count_nonzero(np.broadcast_to(where, shape), axis=axis, keepdims=True), 1)
    count = 1
    for one in range(len(shape)) if axis is None or not shape else axis if isinstance(axis, tuple) else (axis,):
        count *= shape[one]
    return max(count, 1)


_LARGEST_HALF = 65504


def over(g: Any, count: Any) -> Any:
    """`g / count` in the dtype of `g`; a half float, which ends at 65504, can hold the inverse of more elements."""
    if count.__class__ is int and count <= _LARGEST_HALF:
        return g / count
    if g.dtype.char == "e" and np.any(count > _LARGEST_HALF):
        return g * np.asarray(1.0 / count, g.dtype)
    return g / np.asarray(count, g.dtype)


def _masked(x: Any, mask: Any) -> Any:
    return np.where(mask, x, np.zeros((), x.dtype))


#: `x` where `mask` holds, elsewhere 0, even if `x` is infinite there
masked: Primitive = rule(
    _masked,
    lambda g, y, x, mask=None: masked(g, mask=mask),
    name="masked",
    sample=[
        call(real(3, 4), mask=np.arange(12).reshape(3, 4) % 3 == 0),
        call(real(2, 1), mask=np.eye(2) > 0),
    ],
)


def spread_zero(g: Any, shape: tuple[int, ...]) -> Any:
    """A gradient of zero, recorded as one that `g` leads to."""
    return spread(masked(np.sum(g), mask=False), shape)


#: the first input, which moves with the second only in jumps: that one gets a gradient of zero
unmoved: Primitive = rule(
    lambda x, by: x,
    lambda g, y, x, by: g,
    lambda g, y, x, by: spread_zero(g, by.shape),
    name="unmoved",
    sample=[call(real(3), real(2, 2))],
)


def _selected(g: Any, where: Any) -> Any:
    return g if where is True else masked(g, mask=where)


# Bound once: looking them up costs a fifth of what a sum of a few numbers costs.
_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce


# From so many elements on, of which so few are reduced to one, slices are combined.
_MANY, _SHORT = 4096, 16


def _by_slices(ufunc: Any, x: Any, axis: Any, *, keepdims: bool) -> Any:
    """`ufunc.reduce` over short axes, the last among them; None for others.

    NumPy takes the elements of a short last axis one by one. Combining whole slices takes a tenth of the time or less.
    """
    if axis is None or x.size < _MANY:
        return None
    axes = sorted([one + x.ndim if one < 0 else one for one in (axis if isinstance(axis, tuple) else (axis,))])
    if not axes or axes[0] < 0 or axes[-1] != x.ndim - 1 or len(set(axes)) < len(axes):
        return None
    lengths = [x.shape[one] for one in axes]
    if not 1 < math.prod(lengths) <= _SHORT:
        return None
    y = x
    for one in reversed(axes):
        slices = np.moveaxis(y, one, 0)
        y = slices[0]
        for other in slices[1:]:
            y = ufunc(y, other)
    return y.reshape([1 if one in axes else length for one, length in enumerate(x.shape)]) if keepdims else y


# --- sum and mean -------------------------------------------------------------------------------------------


def _sum(x: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, **rest: Any) -> Any:
    if x.size >= _MANY and dtype is None and not rest and x.dtype.char in "dfDF":
        y = _by_slices(np.add, x, axis, keepdims=keepdims)
        if y is not None:
            return y
    return _add(x, axis, dtype, None, keepdims, **rest)


def _sum_rule(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    if axis is not None:
        g = lifted(g, x.shape, axis, keepdims)
    return _selected(spread(g, x.shape), where)


rule(np.sum, _sum_rule, fn=_sum, prints="sum({})", sample=reduction())


def mean_of_array(x: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, where: Any = True) -> Any:
    """`np.mean`, which is mostly overhead on a small array; what it does for half floats and integers is left to it."""
    if dtype is None and where is True and x.dtype.char in "dfDF" and (size := x.size):
        if axis is None and not keepdims:  # of one number, the loss of one sample, the sum would cost the most
            return _add(x, None) / size if size > 1 else x.reshape(())[()]
        if axis is None or x.ndim:
            total = _sum(x, axis, None, keepdims)
            return total / (size // total.size)
    return np.mean(x, axis, dtype, keepdims=keepdims, where=where)


def _mean_rule(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    if axis is None and where is True:
        size = x.size or 1
        return spread(g / size if size <= _LARGEST_HALF else over(g, size), x.shape)
    g = over(lifted(g, x.shape, axis, keepdims), counted(x.shape, axis, where))
    return _selected(spread(g, x.shape), where)


_mean_of = rule(np.mean, _mean_rule, fn=mean_of_array, prints="mean({})", sample=reduction(empty=False))


# --- prod ---------------------------------------------------------------------------------------------------


def divisible(product: Any) -> bool:
    """Whether a product, and so each of its factors, can be divided by without loss."""
    size = np.abs(numbers_of(product))
    return bool(np.all((size >= np.finfo(size.dtype).tiny) & (size < np.inf)))


def as_multiplied(x: Any, product: Any) -> Any:
    """The factors of `product`: `x`, or its real part, where dtype= has dropped the imaginary one."""
    return np.real(x) if x.dtype.kind == "c" != product.dtype.kind else x


def _others(x: Any) -> Any:
    """Along the last axis, the product of all the other elements, without a division.

    The product of the other pairs, times the other element of the pair: log2(n) steps, exact whatever is
    zero, and made of multiplications only, so that every further derivative is exact too.
    """
    length = x.shape[-1]
    if length == 1:
        return np.ones(x.shape, x.dtype)
    odd, even = x[..., 1::2], x[..., 0::2]
    if length % 2:
        odd = np.concatenate((odd, np.ones((*x.shape[:-1], 1), x.dtype)), axis=-1)
    rest = _others(odd * even)
    pairs = np.stack((rest * odd, rest * even), axis=-1)
    return pairs.reshape((*x.shape[:-1], -1))[..., :length]


def _prod(x: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, **rest: Any) -> Any:
    return _multiply(x, axis, dtype, None, keepdims, **rest)


def _prod_rule(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    g = lifted(g, x.shape, axis, keepdims)
    x = as_multiplied(x, y)
    if not x.size:
        return spread(g, x.shape)
    if not x.ndim:  # NumPy takes axis=0 of a number
        return _selected(g if initial is None else g * initial, where)
    factors = x if where is True else masked(x, mask=where) + np.logical_not(where)
    if divisible(y):
        return _selected(g * conj(lifted(y, x.shape, axis, keepdims) / factors), where)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = [one % x.ndim for one in axes]
    order = [one for one in range(x.ndim) if one not in reduced] + reduced
    moved = np.transpose(factors, order)
    flat = moved.reshape((*moved.shape[: x.ndim - len(reduced)], -1))
    others = np.transpose(_others(flat).reshape(moved.shape), [order.index(one) for one in range(x.ndim)])
    if initial is not None:
        others = others * initial
    return _selected(g * conj(others), where)


rule(np.prod, _prod_rule, fn=_prod, prints="prod({})", sample=reduction("nonzero"))


# --- max and min --------------------------------------------------------------------------------------------


def _max(x: Any, axis: Any = None, keepdims: Any = False, **rest: Any) -> Any:
    y = None if rest else _by_slices(np.maximum, x, axis, keepdims=keepdims)
    return _maximum(x, axis, None, None, keepdims, **rest) if y is None else y


def _min(x: Any, axis: Any = None, keepdims: Any = False, **rest: Any) -> Any:
    y = None if rest else _by_slices(np.minimum, x, axis, keepdims=keepdims)
    return _minimum(x, axis, None, None, keepdims, **rest) if y is None else y


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
    values, extreme = numbers_of(x), lifted(numbers_of(y), x.shape, axis, keepdims)
    chosen = np.equal(values, extreme)
    lost = np.not_equal(extreme, extreme)
    if np.count_nonzero(lost):  # NaN is what max and min give if there is one: the gradient goes to those
        chosen |= np.not_equal(values, values) & lost
    return extreme_share(g, numbers_of(y), chosen, axis, keepdims, initial, where)


def extreme_share(g: Any, extreme: Any, chosen: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """The gradient of the extreme of an array, shared equally by the elements that attain it."""
    shape = chosen.shape
    if where is not True:
        chosen = np.logical_and(chosen, where)
    count = _by_slices(np.add, chosen.view(np.int8), axis, keepdims=True)
    if count is None:
        count = np.count_nonzero(chosen, axis=axis, keepdims=True)
    if initial is not None:
        count = count + (lifted(extreme, shape, axis, keepdims) == initial)
    share = over(lifted(g, shape, axis, keepdims), np.maximum(count, 1))
    return masked(share, mask=chosen)


for _function, _fn in ((np.max, _max), (np.amax, _max), (np.min, _min), (np.amin, _min)):
    rule(
        _function,
        _extreme_rule,
        fn=_fn,
        prints=_function.__name__.removeprefix("a") + "({})",
        sample=reduction("distinct", empty=False),
    )


@composed(np.ptp, sample=reduction("distinct", empty=False, tuples=True))
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: Any = np._NoValue) -> Any:
    """The range of values: max - min."""
    return np.max(a, axis, out, keepdims) - np.min(a, axis, out, keepdims)


# --- var and std --------------------------------------------------------------------------------------------


def _var_rule(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: Any = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    free = _free(x.shape, axis, where, ddof)
    g = np.real(g) if g.dtype.kind == "c" else g  # a variance is real, though dtype= may write it as complex
    x = _selected(x, where)  # what is hidden may be infinite, and times 0 that would be NaN
    deviation = x - _mean_of(x, axis=axis, dtype=dtype, keepdims=True, where=where)
    return _selected(over(2.0 * lifted(g, x.shape, axis, keepdims), free) * deviation, where)


def _std_rule(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: Any = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    free = _free(x.shape, axis, where, ddof)
    g = np.real(g) if g.dtype.kind == "c" else g
    x = _selected(x, where)
    mean = _mean_of(x, axis=axis, dtype=dtype, keepdims=True, where=where)
    flat = _constant(numbers_of(x), numbers_of(y), numbers_of(mean), axis, keepdims, where)
    varies = np.logical_not(flat)
    g = lifted(masked(g, mask=varies) / (masked(y, mask=varies) + flat), x.shape, axis, keepdims)
    return _selected(over(g, free) * (x - mean), where)


def _constant(x: Any, std: Any, mean: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    """Where there is no data, or it does not vary, though rounding of the mean may have left a deviation of not 0."""
    tiny = np.logical_not(std > 8 * float(np.finfo(std.dtype).eps) * np.abs(mean).reshape(std.shape))
    if not np.any(tiny):
        return tiny
    low = np.min(x, axis, keepdims=keepdims, initial=np.inf, where=where)
    high = np.max(x, axis, keepdims=keepdims, initial=-np.inf, where=where)
    return (std == 0) | (tiny & (low >= high))


def _free(shape: tuple[int, ...], axis: Any, where: Any, ddof: Any) -> Any:
    """What the sum of squares is divided by: the number of elements less `ddof`, never negative."""
    return np.maximum(counted(shape, axis, where) - ddof, 0.0)


def _var(x: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False, where: Any = True) -> Any:
    # What np.var does to plain floating arrays, without its overhead; the rest is left to it.
    if dtype is None and where is True and x.size and x.dtype.char in "df" and (axis is None or x.ndim):
        total = _add(x, axis, None, None, True)
        count = x.size // total.size
        if count > ddof:
            distance = x - total / count
            return _add(distance * distance, axis, None, None, keepdims) / float(count - ddof)
    return np.var(x, axis, dtype, ddof=ddof, keepdims=keepdims, where=where)


def _std(x: Any, dtype: Any = None, **static: Any) -> Any:
    return np.sqrt(_var(x, **static)) if dtype is None else np.std(x, dtype=dtype, **static)


_variance = rule(_var, _var_rule, name="var", prints="var({})", sample=[call(real(3, 4))])
_deviation = rule(_std, _std_rule, name="std", prints="std({})", sample=[call(real(3, 4))])


@composed(np.var, sample=reduction(empty=False))
def var(
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
    """The variance; `mean`, where it is given, is differentiated too."""
    refuse_out("var", out)
    static = {"axis": axis, "dtype": dtype, "keepdims": keepdims, "where": numbers_of(where)}
    ddof = _corrected(ddof, correction)
    if mean is np._NoValue:
        return _variance(a, ddof=ddof, **static)
    return _around(a, mean, ddof, static)


@composed(np.std, sample=reduction(empty=False))
def std(
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
    """The standard deviation, with derivative 0 where it is 0."""
    refuse_out("std", out)
    static = {"axis": axis, "dtype": dtype, "keepdims": keepdims, "where": numbers_of(where)}
    ddof = _corrected(ddof, correction)
    if mean is np._NoValue:
        return _deviation(a, ddof=ddof, **static)
    variance = _around(a, mean, ddof, static)
    flat = numbers_of(variance) == 0
    return masked(np.sqrt(variance + flat), mask=~flat)


def _corrected(ddof: Any, correction: Any) -> Any:
    if correction is np._NoValue:
        return ddof
    if ddof != 0:
        raise OperandError(f"var: ddof={ddof} and correction={correction} mean the same; give one of them")
    return correction


def _around(a: Any, mean: Any, ddof: Any, static: dict[str, Any]) -> Any:
    """The mean square distance of `a` from `mean`, which has the axes of `a`."""
    where = True if static["where"] is np._NoValue else static["where"]
    distance = _selected(a - mean, where)
    square = distance * distance
    if distance.dtype.kind == "c":
        square = np.real(distance * np.conjugate(distance))
    total = np.sum(square, **static)
    number = np.count_nonzero(np.broadcast_to(where, a.shape), axis=static["axis"], keepdims=True)
    free = np.maximum(number - ddof, 0.0)  # of nothing at all 0, and the result NaN
    return over(total, np.reshape(free, total.shape if np.ndim(free) else ()))
