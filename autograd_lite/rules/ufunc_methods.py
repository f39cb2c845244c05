"""The methods of a ufunc, reduce, accumulate, reduceat and at, put together from plain calls of the same ufunc.

A ufunc with a row has them all; where NumPy has a function that does the same, np.sum for np.add.reduce, its row is
used.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import DetachedError, NotDifferentiableError, OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.indexing import check_fits, setitem
from autograd_lite.rules.table import TABLE, Input, call, composed, numbers_of, real, rule, sum_to_size
from autograd_lite.rules.ufunc_forms import (
    as_array,
    broadcasts,
    flows,
    into,
    is_number,
    is_tensor,
    out_of,
    plainly,
    shape_of,
)

# --- reduce ----------------------------------------------------------------------------------------------------

#: the reductions that have a row of their own
_REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
}
#: those whose pairs can be combined in any order, which takes log2(n) steps instead of n
_ASSOCIATIVE = (np.logaddexp, np.logaddexp2, np.hypot)


@composed(
    "reduce",
    sample=[
        call(np.add, real(3, 4)),
        call(np.add, real(2, 3, 4), (0, -1), keepdims=True),
        call(np.multiply, Input((3, 2), "nonzero"), axis=None),
        call(np.multiply, real(3), 0, None, None, False, 2.0),
        call(np.maximum, Input((3, 4), "distinct"), axis=-1, initial=-9.0),
        call(np.minimum, Input((3, 4), "distinct"), 1),
        call(np.logaddexp, real(5, 2)),
        call(np.logaddexp, real(3, 2, 2), axis=(0, 1), keepdims=True),
        call(np.logaddexp, real(3, 2), axis=1, where=np.array([[True, False], [True, True], [False, True]])),
        call(np.hypot, Input((3, 2), "nonzero"), axis=1, initial=0.5),
        call(np.subtract, real(3, 2), 1),
        call(np.divide, Input((3, 2), "nonzero"), axis=0),
    ],
)
def _reduced(
    ufunc: Any,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    name = f"{ufunc.__name__}.reduce"
    (out,) = out_of(out)
    forms: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    if initial is not np._NoValue:
        forms["initial"] = initial
    if where is not True:
        forms["where"] = numbers_of(where)
    if (_compares(ufunc) or not flows(array, initial)) and not is_tensor(out):
        plain = plainly(
            name, ufunc.reduce, numbers_of(array), dtype=dtype, out=out, **{k: numbers_of(v) for k, v in forms.items()}
        )
        return plain if out is not None else _like(array, plain)
    _check_row(ufunc, name, array)
    if dtype is not None and array.dtype != dtype:
        array = array.astype(dtype)
    if ufunc in _REDUCTIONS:
        return into(name, out, _REDUCTIONS[ufunc](array, **forms))
    # NumPy knows what it allows: which axes at once, whether there may be no elements, and the shape of the result.
    shape = plainly(name, ufunc.reduce, numbers_of(array), **{k: numbers_of(v) for k, v in forms.items()}).shape
    axes = tuple(range(array.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    items = _in_front(array, axes)
    masks = None if where is True else _in_front(np.broadcast_to(forms["where"], array.shape), axes)
    start = initial
    if start is np._NoValue and ufunc.identity is not None and (masks is not None or len(items) < 2):
        start = ufunc.identity  # np.hypot of one number alone is its absolute value
    return into(name, out, _folded(ufunc, items, masks, start).reshape(shape))


def _compares(ufunc: Any) -> bool:
    """Whether the results are truths, so that nothing flows through them."""
    return ufunc in TABLE and not TABLE[ufunc].differentiable


def _check_row(ufunc: Any, name: str, array: Any) -> None:
    if ufunc not in TABLE or ufunc.nin != 2 or ufunc.signature is not None:
        raise NotDifferentiableError(
            f"{name}: no derivative rule is known for a Tensor of shape {array.shape} that requires grad; "
            f"use np.{ufunc.__name__} or another ufunc of two arguments, or say .detach() to leave the graph"
        )


def _in_front(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` with `axes` joined to one axis, the first."""
    axes = tuple([axis % x.ndim for axis in axes]) if x.ndim else ()  # NumPy takes axis=0 of a number
    rest = tuple([axis for axis in range(x.ndim) if axis not in axes])
    lengths = [x.shape[axis] for axis in axes]
    count = 1
    for length in lengths:
        count *= length
    return np.transpose(x, axes + rest).reshape((count, *[x.shape[axis] for axis in rest]))


def _folded(ufunc: Any, items: Any, masks: Any, start: Any) -> Any:
    """start, items[0], items[1], ... combined by `ufunc`."""
    if masks is None and ufunc in _ASSOCIATIVE and len(items) > 1:
        while len(items) > 1:
            half = len(items) // 2
            paired = ufunc(items[:half], items[half : 2 * half])
            items = paired if 2 * half == len(items) else np.concatenate([paired, items[2 * half :]])
        return items[0] if start is np._NoValue else ufunc(start, items[0])
    steps = range(len(items))
    if start is np._NoValue:
        total, steps = items[0], steps[1:]
    else:
        total = np.positive(np.broadcast_to(as_array(start).astype(items.dtype), items.shape[1:]))
    for i in steps:
        if masks is None:
            total = ufunc(total, items[i])
        else:
            total = np.where(masks[i], ufunc(total, items[i], where=masks[i]), total)
    return total


# --- accumulate ------------------------------------------------------------------------------------------------


def _accumulated_values(x: Any, ufunc: Any = np.maximum) -> Any:
    return ufunc.accumulate(x, axis=0)


def _collect(g: Any, taken: Any, starts: Any, back: bool = False) -> Any:
    """Sums of `g` along the first axis that begin again at each of `starts`: of the elements `taken` that came
    before; or, `back`, at each element `taken`, of all that come after."""
    total = np.zeros(g.shape[1:], g.dtype)
    result = np.empty_like(g)
    for i in range(len(g) - 1, -1, -1) if back else range(len(g)):
        if back:
            total = total + g[i]
            result[i] = np.where(taken[i], total, 0)
            total = np.where(starts[i], 0, total)
        else:
            total = np.where(starts[i], 0, total) + np.where(taken[i], g[i], 0)
            result[i] = total
    return result


_collected: Primitive = rule(
    _collect,
    lambda g, y, x, taken, starts, back=False: _collected(g, taken=taken, starts=starts, back=not back),
    name="collected",
    sample=[
        call(
            real(4, 2),
            taken=np.array([[True, True], [False, True], [True, True], [True, False]]),
            starts=np.array([[True, True], [False, False], [False, True], [True, False]]),
            back=back,
        )
        for back in (False, True)
    ],
)


def _running_rule(g: Any, y: Any, x: Any, ufunc: Any = np.maximum) -> Any:
    """Each result goes back to the elements so far that equal it, in equal parts."""
    x, y = numbers_of(x), numbers_of(y)
    taken = np.equal(x, y)
    starts = np.ones(y.shape, bool)
    starts[1:] = np.not_equal(y[1:], y[:-1])
    counts = _collect(taken.astype(y.real.dtype), taken, starts)
    return _collected(g / np.maximum(counts, 1), taken=taken, starts=starts, back=True)


_running: Primitive = rule(
    _accumulated_values,
    _running_rule,
    name="running_extreme",
    sample=[call(Input((4, 2), "distinct")), call(Input((3,), "distinct"), ufunc=np.minimum)],
)


@composed(
    "accumulate",
    sample=[
        call(np.add, real(3, 4)),
        call(np.add, real(3, 4), -1),
        call(np.multiply, Input((3,), "nonzero"), axis=0, dtype=np.float64),
        call(np.maximum, Input((3, 4), "distinct"), axis=1),
        call(np.minimum, Input((4,), "distinct")),
        call(np.logaddexp, real(2, 3), axis=-1),
        call(np.subtract, real(3)),
        call(np.logaddexp, real(0, 2)),
    ],
)
def _accumulated(ufunc: Any, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    name = f"{ufunc.__name__}.accumulate"
    (out,) = out_of(out)
    plain = plainly(name, ufunc.accumulate, numbers_of(array), axis, dtype)
    if _compares(ufunc) or not flows(array):
        return _stored(array, plain, out)
    _check_row(ufunc, name, array)
    if dtype is not None and array.dtype != dtype:
        array = array.astype(dtype)
    if ufunc is np.add:
        result = np.cumsum(array, axis=axis)
    elif ufunc is np.multiply:
        result = np.cumprod(array, axis=axis)
    elif ufunc is np.maximum or ufunc is np.minimum:
        result = np.moveaxis(_running(np.moveaxis(array, axis, 0), ufunc=ufunc), 0, axis)
    else:
        items = np.moveaxis(array, axis, 0)
        totals = [items[i] for i in range(len(items))]
        for i in range(1, len(totals)):
            totals[i] = ufunc(totals[i - 1], totals[i])
        result = np.stack(totals, axis=axis) if totals else array.astype(plain.dtype)
    return into(name, out, result)


def _like(array: Any, plain: Any) -> Any:
    """What was computed without a graph: a Tensor if it was computed of one."""
    return type(array)(plain) if is_tensor(array) else plain


def _stored(array: Any, plain: Any, out: Any) -> Any:
    if out is None:
        return _like(array, plain)
    if is_tensor(out):
        return into("out=", out, plain)
    out[...] = plain
    return out


# --- reduceat and at ------ ------------------------------------------------------------------------------------


@composed(
    "reduceat",
    sample=[
        call(np.add, real(6), [0, 3, 1, 5]),
        call(np.add, real(2, 5), np.array([0, 2, 2]), axis=1),
        call(np.multiply, Input((4, 2), "nonzero"), [0, 2], 0),
        call(np.maximum, Input((6,), "distinct"), [0, 4]),
        call(np.logaddexp, real(2, 4), [1, 3], -1),
    ],
)
def _reduced_at(ufunc: Any, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    name = f"{ufunc.__name__}.reduceat"
    (out,) = out_of(out)
    bounds = plain_array(name, numbers_of(indices))
    plain = plainly(name, ufunc.reduceat, numbers_of(array), bounds, axis, dtype)
    if _compares(ufunc) or not flows(array):
        return _stored(array, plain, out)
    _check_row(ufunc, name, array)
    axis = operator.index(axis) % array.ndim
    if dtype is not None and array.dtype != dtype:
        array = array.astype(dtype)
    before = (slice(None),) * axis
    parts = []
    for first, last in zip(bounds.tolist(), [*bounds.tolist()[1:], array.shape[axis]], strict=True):
        if first + 1 < last:
            parts.append(ufunc.reduce(array[(*before, slice(first, last))], axis=axis))
        else:
            parts.append(array[(*before, first)])
    result = np.stack(parts, axis=axis) if parts else array[(*before, slice(0, 0))]
    return into(name, out, result)


def _add_values(a: Any, b: Any, index: Any) -> Any:
    total = np.array(a)
    np.add.at(total, index, b)
    return total


_added_at: Primitive = rule(
    _add_values,
    lambda g, y, a, b, index: g,
    lambda g, y, a, b, index: sum_to_size(g[index], b.shape),
    name="add.at",
    sample=[
        call(real(4), real(3), index=np.array([1, 1, 2])),
        call(real(4, 2), real(2), index=(np.array([0, 0, 3]), slice(None))),
        call(real(3), real(), index=np.array([True, False, True])),
        call(real(1), real(1), index=np.array([0, 0])),
    ],
)


@composed(
    "at",
    sample=[
        call(np.add, real(4), np.array([0, 2, 0]), real(3)),
        call(np.subtract, real(3, 2), ([0, 0, 1], [1, 1, 0]), real(3)),
        call(np.multiply, real(4), [0, 2, 0, 0], real(4)),
        call(np.divide, real(4, 2), slice(1, 3), Input((2,), "nonzero")),
        call(np.maximum, Input((4,), "distinct"), [0, 2, 0], Input((3,), "distinct")),
        call(np.negative, real(4), [0, 2, 0]),
        call(np.exp, real(3), 1),
        call(np.power, Input((3,), "positive"), [0, 1, 1], 2.0),
    ],
)
def _changed_at(ufunc: Any, a: Any, indices: Any, *b: Any) -> None:
    name = f"{ufunc.__name__}.at"
    index = _plain_index(indices)
    b = _fitted(name, shape_of(a), index, b)
    if not is_tensor(a):
        if flows(*b):
            raise DetachedError(
                f"{name}: writing values of shape {shape_of(b[0])} that require grad into an ndarray of shape "
                f"{shape_of(a)} would lose their gradient; make the ndarray a Tensor"
            )
        plainly(name, ufunc.at, a, index, *[numbers_of(x) for x in b])
        return
    for x in b:
        check_fits(name, a, x)
    if not flows(a, *b):
        changed = np.array(a._array)
        plainly(name, ufunc.at, changed, index, *[numbers_of(x) for x in b])
        a._become(type(a)(changed), name)
        return
    if ufunc not in TABLE or ufunc.nin > 2 or ufunc.signature is not None:
        raise NotDifferentiableError(
            f"{name}: no derivative rule is known for a Tensor of shape {a.shape}; write x[i] = f(x[i]), or say "
            f".detach() to leave the graph"
        )
    if ufunc is np.add or ufunc is np.subtract:
        a._become(_added_at(a, b[0] if ufunc is np.add else np.negative(b[0]), index=index), name)
    else:
        a._become(_changed_in_turns(ufunc, a, index, b), name)


def _fitted(name: str, shape: tuple[int, ...], index: Any, b: tuple[Any, ...]) -> tuple[Any, ...]:
    """`b`, repeated to fit the places at `index`, or OperandError: NumPy may read past the end of it."""
    if all(is_number(x) for x in b):
        return b
    places = plainly(name, operator.getitem, np.broadcast_to(0, shape), index).shape
    for x in b:
        if not broadcasts(shape_of(x), places):
            raise OperandError(
                f"{name}: values of shape {shape_of(x)} do not fit the {places} places that the index selects of "
                f"{shape}; reshape the values"
            )
    return tuple([np.broadcast_to(x, places) if shape_of(x) not in ((), places) else x for x in b])


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple([_plain_index(part) for part in index])
    if isinstance(index, list):
        array = plain_array("ufunc.at", index)
        return array if array.size else array.astype(np.intp)
    return np.array(plain_array("ufunc.at", numbers_of(index))) if hasattr(index, "__array__") else index


def _changed_in_turns(ufunc: Any, a: Any, index: Any, b: tuple[Any, ...]) -> Any:
    """An element that is named several times changes as often: the first mentions first, then the second ones."""
    places = np.arange(a.size).reshape(a.shape)[index]
    values = [x if is_number(x) else np.reshape(np.broadcast_to(as_array(x), places.shape), -1) for x in b]
    places = places.reshape(-1)
    order = np.argsort(places, kind="stable")
    in_order = places[order]
    turn = np.empty(places.size, np.intp)
    turn[order] = np.arange(places.size) - np.searchsorted(in_order, in_order)
    flat = np.reshape(a, -1)
    for now in range(turn.max(initial=-1) + 1):
        chosen = np.nonzero(turn == now)[0]
        changed = ufunc(flat[places[chosen]], *[x if is_number(x) else x[chosen] for x in values])
        flat = setitem(flat, changed if changed.dtype == a.dtype else changed.astype(a.dtype), index=places[chosen])
    return flat.reshape(a.shape)
