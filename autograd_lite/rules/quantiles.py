"""Median, quantiles and percentiles, with and without NaN, by every method of NumPy.

A quantile is a place between two order statistics. Sorting carries the gradient to the elements, and the
place, where a method moves it continuously, carries one to `q`.

Method numbers and formulas: Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
Statistician 50 (1996), 361-365.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_lite.arrays import plain_array
from autograd_lite.errors import OperandError
from autograd_lite.rules.nan_reductions import with_nan
from autograd_lite.rules.products import refuse_out
from autograd_lite.rules.reductions import unmoved
from autograd_lite.rules.table import Input, call, composed, numbers_of

#: for the methods that interpolate at n * q + alpha + q * (1 - alpha - beta) - 1: alpha and beta
_CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}


def _inverted_cdf(n: Any, q: Any) -> Any:
    return np.maximum(np.ceil(n * q) - 1, 0)


def _closest_observation(n: Any, q: Any) -> Any:
    place = n * q - 1.5
    below = np.floor(place)
    return np.maximum(np.where((place == below) & (below % 2 == 1), below, below + 1), 0)


#: the methods that pick one element: its place
_DISCRETE: dict[str, Any] = {
    "inverted_cdf": _inverted_cdf,
    "closest_observation": _closest_observation,
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.around((n - 1) * q),
}


def _averaged_inverted_cdf(n: Any, q: Any) -> tuple[Any, Any]:
    place = n * q - 1
    return place, np.where(place == np.floor(place), 0.5, 1.0)


def _midpoint(n: Any, q: Any) -> tuple[Any, Any]:
    place = 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q))
    return place, np.where(place == np.floor(place), 0.0, 0.5)


#: the methods that take a fixed mean of two neighbours: the place of the first, and the weight of the second
_AVERAGING = {"averaged_inverted_cdf": _averaged_inverted_cdf, "midpoint": _midpoint}


# --- columns to sort -----------------------------------------------------------------------------------------


class _Columns:
    """The array as columns, one per result, and the shapes to give the results."""

    def __init__(self, a: Any, axis: Any, out: Any, name: str) -> None:
        refuse_out(name, out)
        self.axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
        self.rest = tuple([one for one in range(a.ndim) if one not in self.axes])
        self.shape = tuple([a.shape[one] for one in self.rest])
        self.kept = tuple([1 if one in self.axes else a.shape[one] for one in range(a.ndim)])
        self.values = np.sort(self.of(a), axis=0)

    def of(self, a: Any) -> Any:
        """An array of the same axes as columns."""
        rows = int(np.prod([a.shape[one] for one in self.axes], dtype=int))
        return np.transpose(a, (*self.axes, *self.rest)).reshape((rows, int(np.prod(self.shape, dtype=int))))

    def at(self, places: Any) -> Any:
        """The elements at `places`, of shape (number of quantiles, 1 or number of columns)."""
        return self.values[places.astype(np.intp), np.arange(self.values.shape[1])]

    def shaped(self, y: Any, leading: tuple[int, ...], keepdims: Any) -> Any:
        keepdims = keepdims is not np._NoValue and keepdims
        return y.reshape((*leading, *(self.kept if keepdims else self.shape)))


def _counts(numbers: Any) -> Any:
    """How many of each column are not NaN; they come first."""
    return np.count_nonzero(np.logical_not(np.isnan(numbers)), axis=0)


# --- median --------------------------------------------------------------------------------------------------

_MEDIAN = [
    *(call(Input((5,), "distinct")), call(Input((3, 4), "distinct")), call(Input((3, 4), "distinct"), 0)),
    *(call(Input((2, 3, 2), "distinct"), axis=(0, -1), keepdims=True), call(Input((3, 4), "distinct"), axis=-1)),
]


@composed(np.median, sample=_MEDIAN)
def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two in the middle."""
    columns = _Columns(a, axis, out, "median")
    n = columns.values.shape[0]
    if n == 0:
        return np.mean(a, axis, keepdims=keepdims)
    y = np.mean(columns.values[(n - 1) // 2 : n // 2 + 1], axis=0)
    return columns.shaped(with_nan(y, np.isnan(numbers_of(columns.values[-1]))), (), keepdims)


@composed(np.nanmedian, sample=_MEDIAN)
def nanmedian(
    a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: Any = np._NoValue
) -> Any:
    """The median of what is not NaN."""
    if not a.size:
        return np.nanmean(a, axis, out=out, keepdims=keepdims)
    columns = _Columns(a, axis, out, "nanmedian")
    n = np.maximum(_counts(numbers_of(columns.values)), 1)
    low, high = columns.at((n - 1) // 2), columns.at(n // 2)
    return columns.shaped(low / 2 + high / 2, (), keepdims)


# --- quantile and percentile ---------------------------------------------------------------------------------


def _quantile(
    name: str,
    a: Any,
    q: Any,
    axis: Any,
    out: Any,
    method: str,
    keepdims: Any,
    weights: Any,
    weak: bool,
    skip_nan: bool,
) -> Any:
    fractions = numbers_of(q)
    if a.dtype.kind == "c":
        raise OperandError(f"{name}: an array of dtype {a.dtype} has no order; take .real or np.abs")
    if fractions.ndim > 2 or fractions.dtype.kind not in "biuf" or not np.all((fractions >= 0) & (fractions <= 1)):
        highest = 100 if name.endswith("percentile") else 1
        raise OperandError(
            f"{name}: q of shape {fractions.shape} and dtype {fractions.dtype} must be numbers between 0 and {highest}"
        )
    if not a.size and skip_nan:
        return np.nanmean(a, axis, out=out, keepdims=keepdims)
    columns = _Columns(a, axis, out, name)
    if not columns.values.shape[0] and not skip_nan:
        raise OperandError(f"{name}: an array of shape {a.shape} has no elements to choose from; give some")
    if weights is not None:
        y = _weighted(name, columns, a, fractions, method, weights, skip_nan)
        y = unmoved(unmoved(y, weights), q)
    else:
        n: Any = columns.values.shape[0]
        if skip_nan:
            n = np.maximum(_counts(numbers_of(columns.values)), 1)
            n = n.astype(fractions.dtype)
        y = _unweighted(name, columns, n, q.reshape((-1, 1)), method, weak)
    if not skip_nan and columns.values.dtype.kind == "f":
        y = with_nan(y, np.broadcast_to(np.isnan(numbers_of(columns.values[-1])), y.shape))
    return columns.shaped(y, fractions.shape, keepdims)


def _unweighted(name: str, columns: _Columns, n: Any, q: Any, method: str, weak: bool) -> Any:
    fractions = numbers_of(q)
    if method in _DISCRETE:
        return unmoved(columns.at(np.asarray(_DISCRETE[method](n, fractions))), q)
    if method in _CONTINUOUS:
        alpha, beta = _CONTINUOUS[method]
        place = (n - 1) * q if method == "linear" else n * q + (alpha + q * (1 - alpha - beta)) - 1
        if place.dtype.kind != "f":  # whole numbers: nothing to interpolate
            return columns.at(numbers_of(place))
        low = np.floor(numbers_of(place))
        weight = place - low
    elif method in _AVERAGING:
        place, weight = _AVERAGING[method](n, fractions)
        low = np.floor(place)
        weight = unmoved(weight.astype(place.dtype), q)
    else:
        raise OperandError(
            f"{name}: method {method!r} is unknown; use one of {', '.join([*_CONTINUOUS, *_DISCRETE, *_AVERAGING])}"
        )
    if weak:
        weight = weight.astype(columns.values.dtype if columns.values.dtype.kind == "f" else float)
    place = numbers_of(place)
    inside = (place >= 0) & (place < n - 1)
    last = np.where(place < 0, 0, n - 1)
    low, high = np.where(inside, low, last), np.where(inside, low + 1, last)
    # Counted from the nearer neighbour, as NumPy does, so that both are met exactly.
    upper = numbers_of(weight) >= 0.5
    return columns.at(np.where(upper, high, low)) + (columns.at(high) - columns.at(low)) * (weight - upper)


def _weighted(name: str, columns: _Columns, a: Any, fractions: Any, method: str, weights: Any, skip_nan: bool) -> Any:
    """The inverted cdf of weighted elements: the first whose share of the weight, with all before, reaches q."""
    if method != "inverted_cdf":
        raise OperandError(f"{name}: method {method!r} takes no weights; use method='inverted_cdf'")
    numbers, given = numbers_of(a), plain_array(name, numbers_of(weights))
    if given.shape != a.shape:
        if given.shape != tuple([a.shape[one] for one in columns.axes]):
            raise OperandError(
                f"{name}: weights of shape {given.shape} do not fit an array of shape {a.shape}; they must "
                f"have its shape, or that of the axes reduced"
            )
        order = np.argsort(columns.axes)
        shape = [a.shape[one] if one in columns.axes else 1 for one in range(a.ndim)]
        given = np.broadcast_to(given.transpose(order).reshape(shape), a.shape)
    if np.any(given < 0):
        raise OperandError(f"{name}: weights must not be negative; the least is {given.min()}")
    numbers, given = columns.of(numbers), columns.of(given)
    order = np.argsort(numbers, axis=0)
    share = np.take_along_axis(given, order, 0)
    if skip_nan:
        share = np.where(np.isnan(np.take_along_axis(numbers, order, 0)), 0, share)
    share = share.cumsum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share /= share[-1]
    alone = np.isnan(share[-1])  # with nothing but NaN, the answer is NaN
    if np.any(alone if not skip_nan else alone & (_counts(numbers) > 0)):
        raise OperandError(f"{name}: weights of shape {np.shape(weights)} sum to zero or are not finite; give others")
    if fractions.dtype.kind == "f":
        share = share.astype(fractions.dtype)
    share[share == 0] = -1  # so that q = 0 finds the first element with a weight
    wanted = fractions.reshape(-1)
    n = np.maximum(_counts(numbers), 1) if skip_nan else np.full(share.shape[1], len(share))
    places = [np.minimum(np.searchsorted(share[:, k], wanted), n[k] - 1) for k in range(share.shape[1])]
    return columns.at(np.reshape(places, (share.shape[1], wanted.size)).T)


def _fractions(name: str, q: Any, divisor: int = 1) -> tuple[Any, bool]:
    """`q` as fractions, and whether it is a Python number, which leaves the dtype to the array."""
    if not hasattr(q, "_node"):
        weak = q.__class__ in (int, float)
        q = plain_array(name, q)
        return (np.asarray(np.true_divide(q, divisor)) if divisor != 1 else q), weak
    return (q / divisor if divisor != 1 else q), False


def _register(function: Any, divisor: int, skip_nan: bool) -> None:
    name = function.__name__
    half = 0.5 * divisor
    several = [0.1 * divisor, 0.62 * divisor]

    def quantile(
        a: Any,
        q: Any,
        axis: Any = None,
        out: None = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = np._NoValue,
        *,
        weights: Any = None,
    ) -> Any:
        fractions, weak = _fractions(name, q, divisor)
        a = a if hasattr(a, "_node") else plain_array(name, a)
        return _quantile(name, a, fractions, axis, out, method, keepdims, weights, weak, skip_nan)

    quantile.__name__ = name
    quantile.__doc__ = f"`np.{name}`, differentiable in `a` and, where the method is continuous, in `q`."
    composed(
        function,
        sample=[
            *(call(Input((5,), "distinct"), 0.3 * divisor), call(Input((3, 4), "distinct"), half, 0)),
            call(Input((3, 4), "distinct"), several, axis=-1, keepdims=True),
            call(Input((2, 3, 2), "distinct"), several, axis=(0, 2)),
            *[
                call(Input((7,), "distinct"), several, method=method)
                for method in (*_CONTINUOUS, *_DISCRETE, *_AVERAGING)
            ],
            call(Input((5,), "distinct"), half, weights=[0.2, 1.0, 0.5, 0.7, 0.1], method="inverted_cdf"),
        ],
    )(quantile)


_register(np.quantile, 1, False)
_register(np.percentile, 100, False)
_register(np.nanquantile, 1, True)
_register(np.nanpercentile, 100, True)
