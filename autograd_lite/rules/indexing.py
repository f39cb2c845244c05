"""Rules for `x[index]` and `x[index] = v`, and the scatter that is their gradient.

Reading `x[index]` sends the gradient back to the places it was read from: zeros, with `g` written at `index`, or
added where an element was read more than once. Writing `x[index] = v` gives `v` the gradient of the places that
it was written to, and `x` the gradient of all others.
"""

from __future__ import annotations

import math
import operator
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.table import call, real, rule

__all__ = ["BASIC", "check_fits", "getitem", "numbers", "scatter", "setitem"]

#: parts of an index that need no look
BASIC = frozenset({int, slice, NoneType, EllipsisType})

_numbers: Any = np.arange(0)


def numbers(count: int) -> Any:
    """np.arange(count), not to be written to; that no two of these are the same, `_differ` sees without a look."""
    global _numbers  # noqa: PLW0603  # one for all, of which they are slices: that is what `_differ` sees
    known = _numbers
    if count > known.size:
        if count > 65_536:  # 512 kB are kept
            return np.arange(count)
        known = np.arange(2 * count)
        known.flags.writeable = False
        _numbers = known
    return known[:count]


def _differ(positions: Any) -> bool:
    """Whether the integers `positions` certainly name different places."""
    if positions.base is _numbers and positions.strides == _numbers.strides:
        return True
    count = positions.size
    if positions.ndim == 1 and count and np.count_nonzero(positions[1:] > positions[:-1]) == count - 1:
        return bool(positions[0] >= 0 or positions[-1] < 0)  # np.arange(n), most often
    if count <= 256:
        listed = positions.ravel().tolist()
        different = len(set(listed)) == len(listed)
        return different and (not listed or min(listed) >= 0 or max(listed) < 0)
    ordered = np.sort(positions, axis=None)
    return bool((ordered[1:] != ordered[:-1]).all() and (ordered[0] >= 0 or ordered[-1] < 0))


def _selects_once(index: Any) -> bool:
    """Whether `index` certainly selects no element twice: it is basic, a mask, or integers that differ."""
    if index.__class__ in BASIC:
        return True
    parts = index if index.__class__ is tuple else (index,)
    integers = []
    masks = False
    for part in parts:
        if part.__class__ not in BASIC:
            array = part if part.__class__ is np.ndarray else np.asarray(part)
            if array.dtype.kind == "b":
                masks = True
            elif array.ndim:
                integers.append(array)
    if not integers:
        return True
    if masks:
        return False
    if len(integers) == 1:
        return _differ(integers[0])
    size = np.broadcast(*integers).size
    for array in integers:  # noqa: SIM110  # any() of a generator would take as long as the rest
        if array.size == size and _differ(array):
            return True
    return False


def _in_c_order(index: Any) -> Any:
    """`index` with its arrays in C order, so that of several writes to one place the last in C order wins.

    NumPy writes in the order of memory, which for arrays in C order is the same.
    """
    if index.__class__ is tuple:
        return tuple([_in_c_order(part) for part in index])
    return index if index.__class__ in BASIC else np.asarray(index, _dtype_of_index(index), order="C")


def _dtype_of_index(index: Any) -> Any:
    return np.intp if index.__class__ is list and not index else None


def _last_writers(index: Any, written: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """For every place of `x[index]`, its own number and the number of the last one that is the same element."""
    numbers = np.arange(math.prod(written)).reshape(written)
    last = np.empty(shape, np.intp)
    last[_in_c_order(index)] = numbers
    return numbers, last[index]


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    z = np.zeros(shape, g.dtype)
    if _selects_once(index):
        z[index] = g
    elif index.__class__ is np.ndarray and z.size:  # rows, some of them repeatedly: an embedding
        width = z.size // shape[0]
        places = index.astype(np.intp).reshape(-1, 1) * width + np.arange(width)
        np.add.at(z.reshape(-1), places.reshape(-1), g.reshape(-1))  # on flat places the fastest that NumPy has
    else:
        numbers, last = _last_writers(index, g.shape, shape)
        if (numbers == last).all():
            z[index] = g
        else:
            total = np.zeros(g.size, g.dtype)
            np.add.at(total, last.reshape(-1), g.reshape(-1))
            z[index] = total[last]
    return z


#: zeros of `shape`, with `g` added at `index`
scatter = rule(
    _scatter,
    lambda g, y, x, index=None, shape=None: g[index],
    name="scatter",
    sample=[
        call(real(2, 3), index=slice(1, 3), shape=(4, 3)),
        call(real(3), index=np.array([0, 2, 0]), shape=(4,)),
        call(real(3), index=(np.array([0, 1, 0]), np.array([2, -1, 2])), shape=(2, 3)),
        call(real(), index=(0, 1), shape=(2, 3)),
    ],
)


def _getitem(x: Any, index: Any) -> Any:
    return x[index]


def _getitem_rule(g: Any, y: Any, x: Any, index: Any = None) -> Any:
    if g.__class__ is np.ndarray:
        return _scatter(g, index, x.shape)
    return scatter(g, index=index, shape=x.shape)


def _add_part(total: Any, g: Any, index: Any = None) -> bool:
    """Add `g` to `total[index]`, where each element is taken once; with zeros, a loop over rows took quadratic time."""
    parts = index if index.__class__ is tuple else (index,)
    if not BASIC.issuperset(map(type, parts)):
        return False
    part = total[index]
    if part.__class__ is np.ndarray:
        part += g
    else:  # one element, which is no view
        total[index] = part + g
    return True


getitem = rule(
    operator.getitem,
    _getitem_rule,
    fn=_getitem,
    add=_add_part,
    name="getitem",
    view=True,
    sample=[
        call(real(4), index=1),
        call(real(4, 3), index=slice(None, None, -2)),
        call(real(4, 3), index=(slice(1, 3), 0)),
        call(real(4, 3), index=(Ellipsis, None, 1)),
        call(real(4, 3), index=np.array([0, 2, 0, -4])),
        call(real(4, 3), index=[3, 1]),
        call(real(4, 3), index=(slice(None), [0, 0, 2])),
        call(real(4, 3), index=(np.array([[0], [1]]), np.array([0, 2]))),
        call(real(4, 3), index=(np.array([0, 0]), np.array([1, 1]))),
        call(real(4), index=np.array([True, False, True, True])),
        call(real(2, 2), index=np.array([[True, False], [True, True]])),
        call(real(2, 3, 4), index=(np.array([1, 1]), slice(None), np.array([0, 0]))),
        call(real(2, 3, 4), index=(0, slice(None), np.array([3, 0, 3]))),
        call(real(3), index=None),
        call(real(), index=()),
    ],
)


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def check_fits(name: str, x: Any, v: Any) -> None:
    """Refuse values that NumPy would write into `x` by dropping their fraction or their imaginary part."""
    kind = v.dtype.kind if hasattr(v, "dtype") else np.asarray(v).dtype.kind
    if _RANK.get(kind, 3) > max(_RANK[x.dtype.kind], 1):
        raise OperandError(
            f"{name}: values of dtype {getattr(v, 'dtype', type(v).__name__)} do not fit into an array of dtype "
            f"{x.dtype} without loss; create that with another dtype, or convert the values with .astype"
        )


def _setitem(x: Any, v: Any, index: Any) -> Any:
    if v.__class__ is not float or x.dtype.kind not in "fc":
        check_fits("x[...] = v", x, v)
    z = np.array(x)
    if index.__class__ in BASIC or _selects_once(index):
        z[index] = v
    else:
        z[_in_c_order(index)] = np.asarray(v, order="C")
    return z


def _written(g: Any, y: Any, x: Any, v: Any, index: Any = None) -> Any:
    r = g[index]
    if not _selects_once(index):
        numbers, last = _last_writers(index, r.shape, x.shape)
        overwritten = numbers != last
        if overwritten.any():
            r = setitem(r, 0.0, index=overwritten)
    return _shaped_like(r, v.shape)


def _shaped_like(r: Any, shape: tuple[int, ...]) -> Any:
    """`r` summed to the `shape` of what was written, which NumPy broadcasts, and lets have more axes of length 1."""
    extra = r.ndim - len(shape)
    if extra > 0:
        r = np.sum(r, axis=tuple(range(extra)))
    elif extra < 0:
        r = r.reshape((1,) * -extra + r.shape)
    repeated = tuple([axis for axis, length in enumerate(shape) if length != r.shape[axis]])
    return np.sum(r, axis=repeated, keepdims=True) if repeated else r


setitem: Primitive = rule(
    operator.setitem,
    lambda g, y, x, v, index=None: setitem(g, 0.0, index=index),
    _written,
    fn=_setitem,
    name="setitem",
    sample=[
        call(real(4), real(), index=1),
        call(real(4, 3), real(3), index=slice(None, None, -2)),
        call(real(4, 3), real(2, 1), index=(slice(1, 3), slice(0, 2))),
        call(real(4, 3), real(4, 1), index=(Ellipsis, None, 1)),
        call(real(4, 3), real(4, 3), index=np.array([0, 2, 0, -4])),
        call(real(4, 3), real(3), index=[3, 1]),
        call(real(4, 3), real(2), index=(np.array([0, 0]), np.array([1, 1]))),
        call(real(4), real(3), index=np.array([True, False, True, True])),
        call(real(4), real(), index=np.array([True, False, True, True])),
        call(real(2, 3, 4), real(2, 3), index=(np.array([1, 1]), slice(None), np.array([0, 0]))),
        call(real(), real(), index=()),
        call(real(2, 3), real(1, 2, 3), index=Ellipsis),
    ],
)
