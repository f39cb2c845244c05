"""Sorting, and picking by rank: each result is one of the inputs, moved. Equal inputs share its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.cumulative import along
from autograd_lite.rules.statistics import operand
from autograd_lite.rules.table import Input, call, composed, numbers_of, plain, real, rule

plain(np.argsort, np.argpartition, np.lexsort, np.searchsorted, np.digitize)
plain(np.nonzero, np.flatnonzero, np.argwhere, np.isin)

_ORDER = np.array([[2, 0, 1], [0, 2, 1]])


def _permuted(x: Any, order: Any, axis: int = -1) -> Any:
    return np.take_along_axis(x, order, axis)


#: the elements of an array in another order along one axis
permuted: Primitive = rule(
    _permuted,
    lambda g, y, x, order=None, axis=-1: permuted(g, order=np.argsort(order, axis), axis=axis),
    name="permuted",
    sample=[call(real(2, 3), order=_ORDER), call(real(3, 2), order=_ORDER.T, axis=0)],
)


def _pooled(x: Any, starts: Any, axis: int = -1) -> Any:
    last = np.moveaxis(x, axis, -1)
    counts = np.diff(starts, append=x.size)
    means = np.add.reduceat(last.reshape(-1), starts) / counts.astype(x.dtype)
    return np.moveaxis(np.repeat(means, counts).reshape(last.shape), -1, axis)


#: every run of elements replaced by its mean; a run begins at each of `starts`, counted along `axis` first
pooled: Primitive = rule(
    _pooled,
    lambda g, y, x, starts=None, axis=-1: pooled(g, starts=starts, axis=axis),
    name="pooled",
    sample=[call(real(2, 3), starts=np.array([0, 2, 3])), call(real(3, 2), starts=np.array([0, 1, 3]), axis=0)],
)


def unsorted(g: Any, x: Any, axis: int) -> Any:
    """The gradient of `x`, an array of numbers, from that of its sorted elements."""
    order = np.argsort(x, axis=axis, kind="stable")
    ordered = np.take_along_axis(x, order, axis)
    first = np.ones(x.shape, bool)
    first[along(axis, slice(1, None))] = ordered[along(axis, slice(1, None))] != ordered[along(axis, slice(None, -1))]
    if not first.all():
        g = pooled(g, starts=np.flatnonzero(np.moveaxis(first, axis, -1)), axis=axis)
    return permuted(g, order=np.argsort(order, axis), axis=axis)


def _flat(axis: Any, *arrays: Any) -> tuple[Any, ...]:
    """The axis to sort along and the plain arrays, flattened where it is None."""
    numbers = [numbers_of(array) for array in arrays]
    return (0, *[array.reshape(-1) for array in numbers]) if axis is None else (axis, *numbers)


# --- sort and partition --------------------------------------------------------------------------------------


def _sort_rule(
    g: Any, y: Any, x: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    axis, values = _flat(axis, x)
    return unsorted(g, values, axis).reshape(x.shape)


rule(
    np.sort,
    _sort_rule,
    prints="sort({})",
    sample=[
        *(call(Input((5,), "distinct")), call(Input((3, 4), "distinct")), call(Input((3, 4), "distinct"), 0)),
        *(call(Input((3, 4), "distinct"), axis=None), call(Input((2, 3, 2), "distinct"), axis=1)),
        *(call(Input((4,), "distinct"), kind="mergesort"), call(Input((4, 2), "distinct"), 0, stable=True)),
    ],
)


def _partition_rule(
    g: Any, y: Any, x: Any, kth: Any = None, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    axis, values, result = _flat(axis, x, y)
    # Where NumPy left each element is read off the result: equal ranks belong together.
    ranked = permuted(g, order=np.argsort(result, axis=axis, kind="stable"), axis=axis)
    return unsorted(ranked, values, axis).reshape(x.shape)


rule(
    np.partition,
    _partition_rule,
    prints="partition({})",
    sample=[
        *(call(Input((6,), "distinct"), 2), call(Input((3, 5), "distinct"), kth=(1, 3))),
        *(call(Input((5, 3), "distinct"), 2, 0), call(Input((3, 4), "distinct"), 5, axis=None)),
    ],
)


@composed(np.sort_complex, sample=[call(Input((5,), "distinct")), call(Input((2, 3), "complex"))])
def sort_complex(a: Any) -> Any:
    """Sorted along the last axis, as complex numbers."""
    ordered = np.sort(a)
    kind = ordered.dtype.char
    return ordered if kind in "FDG" else ordered.astype({"g": "G"}.get(kind, "F" if kind in "bhBH" else "D"))


# --- unique --------------------------------------------------------------------------------------------------


def _unique_rule(
    g: Any, y: Any, x: Any, first: Any = None, inverse: Any = None, counts: Any = None, axis: Any = None
) -> Any:
    shape = [1] * y.ndim
    shape[axis or 0] = -1
    share = g / counts.astype(g.dtype).reshape(shape)
    return share[along(axis or 0, inverse)].reshape(x.shape)


def _unique(x: Any, first: Any, inverse: Any, counts: Any, axis: Any = None) -> Any:
    return x.reshape(-1)[first] if axis is None else x[along(axis, first)]


_unique_values: Primitive = rule(
    _unique,
    _unique_rule,
    name="unique",
    prints="unique({})",
    sample=[
        call(real(3), first=np.array([2, 0, 1]), inverse=np.array([1, 2, 0]), counts=np.ones(3, int)),
        call(real(2, 3), first=np.array([1, 0]), inverse=np.array([1, 0]), counts=np.ones(2, int), axis=0),
    ],
)


@composed(np.unique, sample=[call(Input((5,), "distinct")), call(Input((2, 3), "distinct"), axis=1)])
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **options: Any,
) -> Any:
    """The distinct values, each moved by all the elements that are equal to it; what else is asked for, plain."""
    plainly: Any = np.unique  # overloaded by the kind of answer, which is known at run time only
    asked = plainly(numbers_of(ar), return_index, return_inverse, return_counts, axis, **options)
    equal_nan = options.get("equal_nan", True)
    if isinstance(asked, tuple):
        return _values(ar, asked[0], axis, equal_nan), *asked[1:]
    return _values(ar, asked, axis, equal_nan)


def _values(ar: Any, found: Any, axis: Any = None, equal_nan: bool = False) -> Any:
    """The differentiable form of `found`, the distinct values of `ar` in whatever order."""
    axis = None if axis is None or ar.ndim == 1 else axis % ar.ndim
    ordered, first, inverse, counts = np.unique(numbers_of(ar), True, True, True, axis, equal_nan=equal_nan)
    inverse = inverse.reshape(-1)
    if axis is None and not np.array_equal(found, ordered, equal_nan=True):
        if found.dtype.kind == "c" and ar.requires_grad:  # a hash table's order: neighbours are far apart
            raise NotDifferentiableError(
                f"unique: NumPy gives the distinct values of a complex Tensor of shape {ar.shape} in no order that is "
                f"kept when they move; use np.unique, which sorts"
            )
        rank = np.argsort(np.argsort(found, kind="stable"))
        first, counts, inverse = first[rank], counts[rank], np.argsort(rank)[inverse]
    return _unique_values(ar, first=first, inverse=inverse, counts=counts, axis=axis)


@composed(np.unique_values, sample=[call(Input((2, 3), "distinct"))])
def unique_values(x: Any, /) -> Any:
    """The distinct values."""
    return _values(x, np.unique_values(numbers_of(x)))


def _with_values(function: Any) -> Any:
    def unique_and_more(x: Any, /) -> Any:
        found = function(numbers_of(x))
        return found._replace(values=_values(x, found.values))

    unique_and_more.__name__ = function.__name__
    unique_and_more.__doc__ = f"As `np.{function.__name__}`: the distinct values, and plain arrays."
    return unique_and_more


for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    composed(_function, sample=[call(Input((2, 3), "distinct"))])(_with_values(_function))


# --- sets ----------------------------------------------------------------------------------------------------

_SETS = [call(Input((3,), "distinct"), Input((2, 2), "distinct"))]


@composed(np.union1d, sample=_SETS)
def union1d(ar1: Any, ar2: Any) -> Any:
    """The distinct values of two arrays."""
    return np.unique(np.concatenate((_vector(ar1), _vector(ar2))))


@composed(np.setdiff1d, sample=[*_SETS, call([0.5, 1.0], Input((4,), "distinct"))])
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The distinct values of the first array that are not in the second."""
    first = _vector(ar1) if assume_unique else np.unique(_vector(ar1))
    return first[np.isin(numbers_of(first), numbers_of(ar2), invert=True)]


@composed(np.intersect1d, sample=_SETS)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The distinct values that are in both arrays, each moved by the two equal elements alike."""
    first, second = _vector(ar1), _vector(ar2)
    plain_values, i, j = np.intersect1d(numbers_of(first), numbers_of(second), assume_unique, return_indices=True)
    kind = plain_values.dtype
    common = plain_values if kind.kind not in "fc" else 0.5 * first[i].astype(kind) + 0.5 * second[j].astype(kind)
    return (common, i, j) if return_indices else common


@composed(np.setxor1d, sample=_SETS)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The distinct values that are in one array only."""
    return np.sort(np.concatenate((setdiff1d(ar1, ar2, assume_unique), setdiff1d(ar2, ar1, assume_unique))))


def _vector(x: Any) -> Any:
    return operand(x).reshape((-1,))


# --- trim_zeros ----------------------------------------------------------------------------------------------


@composed(np.trim_zeros, sample=[call(Input((4,), "nonzero")), call(Input((4,), "nonzero"), "f")])
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Without the zeros in front and behind."""
    numbers, sides = numbers_of(filt), trim.lower()
    if sides not in ("f", "b", "fb", "bf"):
        raise OperandError(f"trim_zeros: trim={trim!r} is unknown; use 'f', 'b' or 'fb'")
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim)
    corners = np.argwhere(numbers)
    index = [slice(None)] * filt.ndim
    for one in axes:
        if not len(corners):
            index[one] = slice(0, 0)
        else:
            start, stop = corners[:, one].min(), corners[:, one].max() + 1
            index[one] = slice(start if "f" in sides else None, stop if "b" in sides else None)
    return filt[tuple(index)]
