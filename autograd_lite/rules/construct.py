"""Rules for arrays made from others: constants in their shape, evenly spaced numbers, grids, and loops over an axis."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import Input, call, composed, numbers_of, real, rule
from autograd_lite.rules.ufunc_forms import flows, plainly

# --- constants in the shape of another array ------------------------------------------------------------------------


def _constant(function: Any) -> Any:
    """A row through which nothing flows, and the function with NumPy's arguments that applies it."""

    def made(x: Any, **static: Any) -> Any:
        return function(x, **static)

    row = rule(made, None, name=function.__name__, sample=[call(real(0, 3))])

    def constant(
        a: Any,
        dtype: Any = None,
        order: Any = "K",
        subok: bool = True,
        shape: Any = None,
        *,
        device: Any = None,
    ) -> Any:
        given = {"dtype": dtype, "shape": shape, "order": None if order == "K" else order}
        return row(a, **{name: value for name, value in given.items() if value is not None})

    return constant


for _function in (np.zeros_like, np.ones_like, np.empty_like):
    composed(_function, sample=[call(real(0, 3)), call(real(2, 0), float), call(real(2), shape=(0, 2))])(
        _constant(_function)
    )


@composed(
    np.full_like,
    sample=[
        call(real(2, 3), 1.5),
        call(real(2, 3), real()),
        call(real(2, 3), real(3)),
        call(real(2, 3), fill_value=real(), shape=(4,)),
    ],
)
def _full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    out = np.zeros_like(a, dtype, order, subok, shape)
    out[...] = fill_value
    return out


# --- evenly spaced numbers ----------------------------------------------------------------------------------------


def _steps(num: int, endpoint: bool) -> Any:
    """The `num` parts of the way from start to stop, from 0 to 1 (or just before)."""
    return np.arange(num) / max(num - 1 if endpoint else num, 1)


def _evenly_spaced(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    return np.linspace(start, stop, num, endpoint, dtype=dtype, axis=axis)


def _share(g: Any, steps: Any, axis: int) -> Any:
    sizes = [1] * g.ndim
    sizes[axis] = steps.size
    return np.sum(g * steps.reshape(sizes).astype(g.real.dtype), axis=axis)


_spaced = rule(
    _evenly_spaced,
    lambda g, y, a, b, num=50, endpoint=True, dtype=None, axis=0: _share(g, 1 - _steps(num, endpoint), axis),
    lambda g, y, a, b, num=50, endpoint=True, dtype=None, axis=0: _share(g, _steps(num, endpoint), axis),
    name="linspace",
    prints="linspace({}, {})",
    sample=[call(real(), real(), num=4), call(real(2), real(3, 1), num=3, endpoint=False, axis=-1)],
)


@composed(
    np.linspace,
    sample=[
        call(real(), real(), 5),
        call(real(), 2.0, num=4, endpoint=False),
        call(real(3), real(2, 1), 3, axis=-1),
        call(real(2), real(), 3, True, False, np.float64, 1),
        call(real(), real(), 4, retstep=True),
        call(real(), real(), 1),
        call(real(), real(), 0),
    ],
)
def _linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    num = operator.index(num)
    if num < 0:
        raise OperandError(f"linspace: the number of samples is {num}; it must not be negative")
    start, stop = (as_operand(end) if isinstance(end, (list, tuple)) else end for end in (start, stop))
    y = _spaced(start, stop, num=num, endpoint=endpoint, axis=axis, **({} if dtype is None else {"dtype": dtype}))
    if not retstep:
        return y
    parts = num - 1 if endpoint else num
    return y, (stop - start) / parts if parts > 0 else np.nan


@composed(
    np.logspace,
    sample=[
        call(real(), real(), 4),
        call(real(), real(2), 3, False, 2.0),
        call(real(), real(), num=3, base=Input((), "positive")),
        call(real(2), real(2), num=3, base=Input((2,), "positive"), axis=-1),
        call(real(), real(), 3, dtype=np.float64),
    ],
)
def _logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(start, stop, base)
        base = np.expand_dims(base, axis)
    y = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else y.astype(dtype)


@composed(
    np.geomspace,
    sample=[
        call(Input((), "positive"), Input((), "positive"), 4),
        call(Input((2,), "positive"), Input((3, 1), "positive"), 3, False, axis=-1),
        call(Input((), "positive"), 5.0, num=3, dtype=np.float64),
    ],
)
def _geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = (as_operand(end) for end in (start, stop))
    start = start.astype(np.result_type(start.dtype, stop.dtype, float))  # float32 too: as NumPy has it
    ratio = stop / start
    if not np.all(ratio != 0) or not np.all(np.isfinite(ratio)):
        raise OperandError("geomspace: a geometric sequence cannot include zero; start and stop must not be 0")
    parts = _steps(operator.index(num), endpoint)
    first, ratio = (np.expand_dims(x, axis) for x in np.broadcast_arrays(start, ratio))
    sizes = [1] * ratio.ndim
    sizes[axis] = parts.size
    y = first * np.power(ratio, parts.reshape(sizes).astype(ratio.real.dtype))
    return y if dtype is None else y.astype(dtype)


@composed(
    np.meshgrid,
    sample=[
        call(real(2), real(3)),
        call(real(2), real(3), indexing="ij"),
        call(real(2), real(3), real(4), sparse=True),
        call(real(2), real(3), copy=False),
        call(real(3)),
        call(real(), real(2, 2)),
    ],
)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise OperandError(f"meshgrid: indexing={indexing!r} is unknown; use 'xy' or 'ij'")
    grids = []
    for place, x in enumerate(xi):
        axis = 1 - place if indexing == "xy" and len(xi) > 1 and place < 2 else place
        x = as_operand(x)
        grids.append(x.reshape((1,) * axis + (-1,) + (1,) * (len(xi) - axis - 1)))
    if not sparse:
        grids = list(np.broadcast_arrays(*grids))
    return tuple([np.copy(grid) for grid in grids] if copy else grids)


@composed(np.ix_, sample=[call(real(2), real(3)), call(real(3)), call(real(2), np.array([True, False, True]))])
def _open_mesh(*args: Any) -> Any:
    plain = plainly("ix_", np.ix_, *[numbers_of(x) for x in args])
    return tuple([x.reshape(part.shape) if flows(x) else part for x, part in zip(args, plain, strict=True)])


# --- a function along an axis -------------------------------------------------------------------------------------


@composed(
    np.apply_along_axis,
    sample=[
        call(np.cumsum, 0, real(2, 3)),
        call(lambda v: np.sum(v * v), -1, real(2, 3)),
        call(lambda v, p, q=1: np.stack([v[:2] * p, v[:2] * q]), 1, real(2, 3, 2), 2.0, q=3.0),
        call(np.sum, 0, real(3)),
    ],
)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    axis = range(arr.ndim)[axis]
    before, after = arr.shape[:axis], arr.shape[axis + 1 :]
    lines = np.moveaxis(arr, axis, -1).reshape(math.prod((*before, *after)), arr.shape[axis])
    if not lines.shape[0]:
        raise OperandError(
            f"apply_along_axis: a Tensor of shape {arr.shape} has no line along axis {axis} to apply the function to"
        )
    made = np.stack([func1d(lines[line], *args, **kwargs) for line in range(lines.shape[0])])
    inner = made.shape[1:]
    made = made.reshape((*before, *after, *inner))
    places = len(before) + len(after)
    return np.transpose(made, (*range(axis), *range(places, places + len(inner)), *range(axis, places)))


@composed(
    np.apply_over_axes,
    sample=[
        call(np.sum, real(2, 3, 2), [0, 2]),
        call(np.cumsum, real(2, 3), (0, -1)),
        call(np.mean, real(2, 3), 1),
    ],
)
def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    ndim = a.ndim
    for axis in np.atleast_1d(np.asarray(axes)).tolist():
        result = func(a, range(ndim)[axis])
        if result.ndim == a.ndim - 1:
            result = np.expand_dims(result, range(ndim)[axis])
        if result.ndim != a.ndim:
            raise OperandError(
                f"apply_over_axes: the function made shape {result.shape} of {a.shape}; it must keep the number of "
                f"axes or take one away"
            )
        a = result
    return a


# Steps of whole periods are constant between the points where the function jumps.
rule(
    np.unwrap,
    lambda g, y, x, discont=None, axis=-1, *, period=None: g,
    sample=[
        call(Input((5,), "distinct")),
        call(real(2, 4), axis=0),
        call(real(4), 0.5, period=1.0),
        call(real(2, 4), None, -1),
    ],
)
