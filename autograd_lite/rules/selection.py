"""Rules that select elements by number or by condition: take, compress, choose, select, piecewise, insert, delete."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array, unmasked
from autograd_lite.errors import OperandError
from autograd_lite.rules.indexing import check_fits, scatter
from autograd_lite.rules.products import as_operand, refuse_out
from autograd_lite.rules.table import Input, call, composed, numbers_of, plain, real, rule
from autograd_lite.rules.ufunc_forms import broadcasts

__all__ = ["along_axis", "positions"]


# --- by number -----------------------------------------------------------------------------------------------------


def positions(name: str, indices: Any, length: int, mode: str) -> Any:
    """`indices` into an axis of `length` as integers, from 0 up where `mode` is not "raise"."""
    index = plain_array(name, numbers_of(indices))
    if index.size and index.dtype.kind not in "iub":
        raise OperandError(f"{name}: indices of dtype {index.dtype} cannot be an index; use integers")
    index = index.astype(np.intp)
    if mode == "wrap":
        return index % max(length, 1)
    return np.clip(index, 0, max(length - 1, 0)) if mode == "clip" else index


def _take(x: Any, indices: Any, axis: int | None = None, mode: Any = "raise") -> Any:
    return np.take(x, positions("take", indices, 0, "raise"), axis, mode=mode)


def _take_back(
    g: Any, y: Any, x: Any, indices: Any = None, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Any:
    shape, axis = ((x.size,), 0) if axis is None or not x.ndim else (x.shape, axis % x.ndim)
    index: Any = positions("take", indices, shape[axis], mode)
    index = index if axis == 0 else (*(slice(None),) * axis, index)
    return scatter(g, index=index, shape=shape).reshape(x.shape)


rule(
    np.take,
    _take_back,
    fn=_take,
    sample=[
        call(real(3, 4), 5),
        call(real(3, 4), [0, 2, 0]),
        call(real(3, 4), np.array([[1, -1], [0, 1]]), 1),
        call(real(3, 4), indices=2, axis=-1),
        call(real(3, 4), [[0, 1]], axis=0),
        call(real(4), [-1, 7, 4], mode="wrap"),
        call(real(4), [-1, 7, 2], 0, None, "clip"),
        call(real(4), [], axis=0),
    ],
)


def along_axis(indices: Any, shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """The index with which NumPy's `take_along_axis` reads `indices` from an array of `shape`."""
    index = []
    for other, length in enumerate(shape):
        sizes = (1,) * other + (-1,) + (1,) * (len(shape) - other - 1)
        index.append(indices if other == axis else np.arange(length).reshape(sizes))
    return tuple(index)


def _taken_along_axis(name: str, arr: Any, indices: Any, axis: int | None) -> tuple[Any, Any]:
    """The array and the index into it that `take_along_axis` and `put_along_axis` speak of."""
    index = positions(name, indices, 0, "raise")
    if axis is None:
        arr, axis = np.ravel(arr), 0
    if index.ndim != arr.ndim:
        raise OperandError(
            f"{name}: indices of shape {index.shape} do not fit an array of shape {arr.shape}; they must have as "
            f"many axes"
        )
    return arr, along_axis(index, arr.shape, range(arr.ndim)[axis])


@composed(
    np.take_along_axis,
    sample=[
        call(real(2, 3), np.array([[2, 0], [1, 1]]), 1),
        call(real(2, 3), np.array([[1, 0, 0]]), axis=0),
        call(real(2, 3), np.array([4, 0, 4]), axis=None),
        call(real(2, 3), np.array([[2], [-1]]), -1),
        call(real(2, 1, 3), np.array([[[2, 0]], [[1, 1]]]), axis=2),
    ],
)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    arr, index = _taken_along_axis("take_along_axis", arr, indices, axis)
    return arr[index]


# --- by condition ------------------------------------------------------------------------------------------------


_MASK = np.array([True, False, True])


@composed(
    np.compress,
    sample=[
        call(_MASK, real(3)),
        call([True, False], real(2, 3), axis=0),
        call(_MASK, real(2, 3), -1),
        call([0, 1, 1], real(2, 3)),
    ],
)
def _compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    refuse_out("compress", out)
    condition = plain_array("compress", numbers_of(condition))
    if condition.ndim != 1:
        raise OperandError(
            f"compress: a condition of shape {condition.shape}; it must have one axis, or write a[condition]"
        )
    return np.take(a, np.flatnonzero(condition), axis)


@composed(np.extract, sample=[call(_MASK, real(3)), call(np.array([[1, 0], [0, 1]]), real(2, 2))])
def _extract(condition: Any, arr: Any) -> Any:
    return np.take(arr, np.flatnonzero(plain_array("extract", numbers_of(condition))))


def _promoted(values: Any) -> list[Any]:
    """The values as operands; Python numbers among them in the precision of the others."""
    operands = [value if type(value) in (int, float, complex) else as_operand(value) for value in values]
    kind = np.result_type(*[getattr(value, "dtype", value) for value in operands])
    return [value if hasattr(value, "dtype") else np.asarray(value, kind) for value in operands]


@composed(
    np.select,
    sample=[
        call([_MASK, ~_MASK], [real(3), real(3)]),
        call([_MASK, np.array([False, False, True])], [real(2, 3), real(3)], 1.5),
        call([_MASK], [real(2, 1)], default=real(3)),
        call([_MASK, ~_MASK], [real(3), 2.0], 3.0),
    ],
)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise OperandError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices; give one choice per condition, and "
            f"at least one"
        )
    *choicelist, result = _promoted([*choicelist, default])
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        condition = condition if hasattr(condition, "dtype") else np.asarray(condition)
        if condition.dtype != bool:
            raise OperandError(
                f"select: a condition of dtype {condition.dtype} and shape {condition.shape}; conditions must be "
                f"boolean, for instance a comparison"
            )
        result = np.where(condition, choice, result)
    return result


@composed(
    np.choose,
    sample=[
        call(np.array([0, 1, 1]), [real(3), real(3)]),
        call(np.array([[1], [0]]), (real(3), real())),
        call(np.array([0, 1, 1]), real(2, 3)),
        call(np.array([-1, 5, 1]), [real(3), real(3)], mode="clip"),
        call(np.array([-1, 5, 2]), [real(3), real(3)], None, "wrap"),
        call(np.array([0, 1, 1]), [real(3), 0.5]),
    ],
)
def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    refuse_out("choose", out)
    choices = _promoted(choices)
    which = positions("choose", a, len(choices), mode)
    if which.size and not 0 <= which.min() <= which.max() < len(choices):
        raise OperandError(
            f"choose: the numbers {which.min()} to {which.max()} choose among {len(choices)} arrays; they must lie in "
            f"0 to {len(choices) - 1}, or pass mode='wrap' or 'clip'"
        )
    shape = np.broadcast_shapes(which.shape, *[choice.shape for choice in choices])
    stacked = np.stack([np.broadcast_to(choice, shape) for choice in choices])
    return stacked[(np.broadcast_to(which, shape), *np.indices(shape, sparse=True))]


@composed(
    np.piecewise,
    sample=[
        call(Input((5,), "distinct"), [np.array([1, 0, 1, 0, 0], bool)], [np.square, np.negative]),
        call(real(3), [_MASK, ~_MASK], [lambda v: v * v, 2.0]),
        call(real(2, 3), [np.ones((2, 3), bool)], [lambda v, p, q=1: v * v * p + q, 0], 3.0, q=2.0),
        call(real(), [True], [np.square]),
    ],
)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if np.ndim(numbers_of(condlist)) == 0 or (np.ndim(numbers_of(condlist[0])) == 0 and x.ndim):
        condlist = [condlist]
    conditions = [plain_array("piecewise", numbers_of(condition)).astype(bool) for condition in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(np.broadcast_arrays(*conditions), axis=0))
    if len(funclist) != len(conditions):
        raise OperandError(
            f"piecewise: {len(funclist)} functions for {len(conditions)} conditions; give one per condition, and at "
            f"most one more for where none holds"
        )
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if callable(function):
            inside = x[condition]
            if inside.size:
                y[condition] = function(inside, *args, **kw)
        else:
            y[condition] = function
    return y


# --- put in and taken out --------------------------------------------------------------------------------------------


@composed(
    np.delete,
    sample=[
        call(real(4), 1),
        call(real(3, 4), [0, -1], 1),
        call(real(3, 4), slice(None, None, 2), axis=0),
        call(real(2, 3), 4),
        call(real(3), _MASK),
    ],
)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), unmasked("delete", numbers_of(obj))), axis)


@composed(
    np.insert,
    sample=[
        call(real(4), 1, real()),
        call(real(4), 1, real(2)),
        call(real(4), [0, 2], real(2)),
        call(real(4), [2, 0, 2], real(3)),
        call(real(3, 2), 1, real(2), axis=0),
        call(real(3, 2), 1, real(3), axis=1),
        call(real(3, 2), [1], real(3, 1), axis=1),
        call(real(3, 2), 1, real(4, 3), 1),
        call(real(3, 2), [0, -1], real(), -1),
        call(real(2, 2), slice(0, 3, 2), real(2)),
        call(real(3), [1, 2], 1.5),
        call(real(2, 3), 1, [real(), real()], axis=1),
    ],
)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None or not arr.ndim:
        arr, axis = np.ravel(arr), 0
    axis = range(arr.ndim)[axis]
    length = arr.shape[axis]
    values = as_operand(values)
    check_fits("insert", arr, values)
    values = values.astype(arr.dtype)
    values = values.reshape((1,) * (arr.ndim - values.ndim) + values.shape)
    where = numbers_of(obj)
    if isinstance(where, slice):
        where = np.arange(length)[where]
    where = plain_array("insert", where)
    if where.size and where.dtype.kind not in "biu":
        raise OperandError(f"insert: positions of dtype {where.dtype}; they must be whole numbers or booleans")
    if where.dtype == bool and where.ndim:
        where = np.flatnonzero(where)
    if where.ndim == 0:
        values = np.moveaxis(values, 0, axis)
    where = where.astype(np.intp)
    count = values.shape[axis] if where.size == 1 else where.size
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    if not broadcasts(values.shape, shape):
        raise OperandError(
            f"insert: values of shape {values.shape} do not fit {shape}, the shape of what is put into an array of "
            f"shape {arr.shape}; give one value, or values of that shape"
        )
    slab = np.broadcast_to(values, shape)
    order = np.insert(np.arange(length), where, length + np.arange(count))
    return np.take(np.concatenate([arr, slab], axis), order, axis)


plain(
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
    np.unravel_index,
    np.ravel_multi_index,
)
