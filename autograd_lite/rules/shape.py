"""Rules that rearrange the elements of one array: reshape, transpose, flip, roll, tile, copies.

Each of them only moves elements, so its gradient moves them back; where elements were repeated it adds up.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.indexing import scatter
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import call, composed, plain, real, rule

# --- the same elements in another shape --------------------------------------------------------------------------


def _reshape(x: Any, shape: Any = None, order: Any = "C", newshape: Any = None, copy: bool | None = None) -> Any:
    shape = newshape if shape is None else shape
    if order == "C" and copy is None:
        return x.reshape(shape)
    order = "C" if order == "C" else _fixed_order("reshape", x, order)
    return x.reshape(shape, order=order) if copy is None else np.reshape(x, shape, order=order, copy=copy)


def _ravel(x: Any, order: Any = "C") -> Any:
    return x.ravel("C" if order == "C" else _fixed_order("ravel", x, order))


def _fixed_order(name: str, x: Any, order: Any) -> Any:
    """`order`, if it is one that does not depend on how `x` happens to lie in memory."""
    if order in ("A", "K"):
        if not x.flags.c_contiguous:
            raise OperandError(
                f"{name}: order={order!r} on an array of shape {x.shape} that does not lie in memory row by row; "
                f"say order='C' or order='F'"
            )
        return "C"
    return order


def _as_before(g: Any, shape: tuple[int, ...], order: Any) -> Any:
    return g.reshape(shape, order="F") if order == "F" else g.reshape(shape)


rule(
    np.reshape,
    lambda g, y, x, shape=None, order="C", newshape=None, copy=None: _as_before(g, x.shape, order),
    fn=_reshape,
    view=True,
    sample=[
        call(real(3, 4), (2, 6)),
        call(real(3, 4), -1),
        call(real(2, 3, 4), (4, -1), order="F"),
        call(real(2, 3), (3, 2), order="F"),
        call(real(1), ()),
        call(real(), (1, 1)),
        call(real(0, 3), (3, 0, 2)),
        call(real(4), [2, 2]),
    ],
)
rule(
    np.ravel,
    lambda g, y, x, order="C": _as_before(g, x.shape, order),
    fn=_ravel,
    view=True,
    sample=[
        call(real(2, 3)),
        call(real(2, 3, 2), "F"),
        call(real(2, 3), order="C"),
        call(real()),
        call(real(0, 2)),
    ],
)


def _squeeze(x: Any, axis: Any = None) -> Any:
    y = x.squeeze(axis)
    return x[...] if y is x else y


rule(
    np.squeeze,
    lambda g, y, x, axis=None: g.reshape(x.shape),
    fn=_squeeze,
    view=True,
    sample=[
        call(real(1, 3, 1)),
        call(real(1, 3, 1), 0),
        call(real(1, 3, 1), axis=(0, -1)),
        call(real(1, 1)),
        call(real(2, 3)),
    ],
)

rule(
    np.expand_dims,
    lambda g, y, x, axis=None: g.reshape(x.shape),
    view=True,
    sample=[call(real(3, 2), 0), call(real(3), axis=(0, -1)), call(real(), 0), call(real(2, 3), -1)],
)


def _at_least(ndim: int, arrays: tuple[Any, ...]) -> Any:
    made = []
    for array in arrays:
        short = getattr(array, "ndim", None)
        if short is None:
            array = np.asarray(array)
            short = array.ndim
        if short < ndim:
            shape = tuple(array.shape)
            if ndim == 3:
                shape = (*{0: (1, 1), 1: (1, *shape)}.get(short, shape), 1)
            else:
                shape = (1,) * (ndim - short) + shape
            array = array.reshape(shape)
        made.append(array)
    return made[0] if len(made) == 1 else tuple(made)


@composed(np.atleast_1d, sample=[call(real()), call(real(3)), call(real(2, 3))])
def _atleast_1d(*arys: Any) -> Any:
    return _at_least(1, arys)


@composed(np.atleast_2d, sample=[call(real()), call(real(3)), call(real(2, 3))])
def _atleast_2d(*arys: Any) -> Any:
    return _at_least(2, arys)


@composed(np.atleast_3d, sample=[call(real()), call(real(3)), call(real(2, 3)), call(real(2, 1, 3))])
def _atleast_3d(*arys: Any) -> Any:
    return _at_least(3, arys)


# --- axes in another order -----------------------------------------------------------------------------------------


def _inverse(axes: Any) -> tuple[int, ...]:
    """The permutation that undoes `axes`, which may count from the end."""
    axes = (axes,) if isinstance(axes, (int, np.integer)) else axes
    inverse = [0] * len(axes)
    for position, axis in enumerate(axes):
        inverse[axis] = position
    return tuple(inverse)


def _rolled_to(ndim: int, axis: int, start: int) -> int:
    """Where `np.rollaxis` puts `axis`: before `start`, counted after it was taken out."""
    start = start + ndim if start < 0 else start
    return start - 1 if axis % ndim < start else start


rule(
    np.transpose,
    lambda g, y, x, axes=None: g.transpose() if axes is None else g.transpose(_inverse(axes)),
    fn=lambda x, axes=None: x.transpose(axes),
    prints="{}ᵀ",
    view=True,
    sample=[
        call(real(2, 3)),
        call(real(2, 3, 4), (1, 2, 0)),
        call(real(2, 3, 4), axes=(-1, 0, 1)),
        call(real(3)),
        call(real(3), 0),
        call(real()),
    ],
)
rule(
    np.matrix_transpose,
    lambda g, y, x: g.swapaxes(-1, -2),
    fn=lambda x: x.swapaxes(-1, -2),
    prints="{}ᵀ",
    view=True,
    sample=[call(real(2, 3)), call(real(2, 3, 4))],
)
rule(
    np.swapaxes,
    lambda g, y, x, axis1=0, axis2=0: g.swapaxes(axis1, axis2),
    fn=lambda x, axis1, axis2: x.swapaxes(axis1, axis2),
    view=True,
    sample=[call(real(2, 3, 4), 0, 2), call(real(2, 3, 4), axis1=-1, axis2=1), call(real(3), 0, 0)],
)
rule(
    np.moveaxis,
    lambda g, y, x, source=0, destination=0: np.moveaxis(g, destination, source),
    view=True,
    sample=[
        call(real(2, 3, 4), 0, -1),
        call(real(2, 3, 4), source=(0, 1), destination=(-1, 0)),
        call(real(2, 3, 4), [2, 0], [0, 1]),
    ],
)
rule(
    np.rollaxis,
    lambda g, y, x, axis=0, start=0: np.moveaxis(g, _rolled_to(x.ndim, axis, start), axis),
    view=True,
    sample=[
        call(real(2, 3, 4), 2),
        call(real(2, 3, 4), 0, 3),
        call(real(2, 3, 4), axis=1, start=-1),
        call(real(2, 3, 4), -1, 1),
        call(real(2, 3, 4), 0, 2),
    ],
)


# --- backwards, and round the corner ---------------------------------------------------------------------------


def _back(shift: Any) -> Any:
    return tuple([-step for step in shift]) if np.ndim(shift) else -shift


rule(
    np.flip,
    lambda g, y, x, axis=None: np.flip(g, axis),
    view=True,
    sample=[call(real(2, 3)), call(real(2, 3), 0), call(real(2, 3, 4), axis=(0, -1)), call(real(3))],
)
rule(np.fliplr, lambda g, y, x: np.fliplr(g), view=True, sample=[call(real(2, 3)), call(real(2, 3, 2))])
rule(np.flipud, lambda g, y, x: np.flipud(g), view=True, sample=[call(real(2, 3)), call(real(3))])
rule(
    np.rot90,
    lambda g, y, x, k=1, axes=(0, 1): np.rot90(g, -k, axes),
    view=True,
    sample=[
        call(real(2, 3)),
        call(real(2, 3), 2),
        call(real(2, 3), k=-1),
        call(real(2, 3, 4), 3, (1, 2)),
        call(real(2, 3, 4), k=1, axes=(-1, 0)),
        call(real(2, 3), 4),
    ],
)
rule(
    np.roll,
    lambda g, y, x, shift=0, axis=None: np.roll(g, _back(shift), axis),
    sample=[
        call(real(4), 1),
        call(real(2, 3), -2),
        call(real(2, 3), 1, 0),
        call(real(3, 4), shift=(1, -2), axis=(0, 1)),
        call(real(3, 4), 2, axis=(0, 1)),
        call(real(3, 4), shift=(1, 2), axis=1),
        call(real(0), 1),
    ],
)


# --- elements repeated -------------------------------------------------------------------------------------------

rule(
    np.broadcast_to,
    lambda g, y, x, shape=None, subok=False: g,
    view=True,
    sample=[
        call(real(3), (2, 3)),
        call(real(1, 3), (4, 2, 3)),
        call(real(), (2,)),
        call(real(), 3),
        call(real(3, 1), shape=(3, 0)),
        call(real(2, 3), (2, 3)),
    ],
)


@composed(np.broadcast_arrays, sample=[call(real(3), real(2, 1)), call(real(), real(2), real(3, 1))])
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    arrays = [as_operand(array) for array in args]
    shape = np.broadcast_shapes(*[array.shape for array in arrays])
    return tuple([array if array.shape == shape else np.broadcast_to(array, shape) for array in arrays])


def _tile_back(g: Any, y: Any, x: Any, reps: Any = None) -> Any:
    reps = tuple(reps) if np.ndim(reps) else (operator.index(reps),)
    width = max(len(reps), x.ndim)
    sizes = (1,) * (width - x.ndim) + x.shape
    reps = (1,) * (width - len(reps)) + reps
    apart = g.reshape([part for pair in zip(reps, sizes, strict=True) for part in pair])
    return np.sum(apart, axis=tuple(range(0, 2 * width, 2))).reshape(x.shape)


rule(
    np.tile,
    _tile_back,
    sample=[
        call(real(3), 2),
        call(real(2, 3), (2, 1, 3)),
        call(real(2, 3), 2),
        call(real(2, 3), reps=(2, 2)),
        call(real(), 3),
        call(real(2), ()),
        call(real(2), 0),
        call(real(2, 3), [1, 2]),
    ],
)


def _repeat_back(g: Any, y: Any, x: Any, repeats: Any = None, axis: int | None = None) -> Any:
    shape, axis = ((x.size,), 0) if axis is None or not x.ndim else (x.shape, axis % x.ndim)
    counts = np.asarray(repeats, np.intp)  # of an empty list too
    if counts.size == 1:
        apart = g.reshape((*shape[: axis + 1], int(counts.reshape(())), *shape[axis + 1 :]))
        return np.sum(apart, axis=axis + 1).reshape(x.shape)
    index = (slice(None),) * axis + (np.repeat(np.arange(shape[axis]), counts),)
    return scatter(g, index=index, shape=shape).reshape(x.shape)


rule(
    np.repeat,
    _repeat_back,
    fn=lambda x, repeats, axis=None: x.repeat(repeats, axis),
    sample=[
        call(real(3), 2),
        call(real(2, 3), 2),
        call(real(2, 3), 2, 1),
        call(real(2, 3), repeats=[1, 0, 2], axis=-1),
        call(real(2, 3), np.array([3, 1]), axis=0),
        call(real(2, 2), [0, 1, 2, 1]),
        call(real(2, 3), [2], axis=0),
        call(real(), 3),
        call(real(2), 0),
    ],
)


@composed(
    np.resize,
    sample=[
        call(real(3), (2, 4)),
        call(real(2, 3), 4),
        call(real(2, 3), new_shape=(2, 2)),
        call(real(), (2,)),
        call(real(3), (0, 2)),
    ],
)
def _resize(a: Any, new_shape: Any) -> Any:
    new_shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    if any(length < 0 for length in new_shape):
        raise OperandError(f"resize: new_shape={new_shape} has a negative length; give the length itself")
    size = math.prod(new_shape)
    if not a.size:
        return np.zeros_like(a, shape=new_shape)
    return np.ravel(a)[np.arange(size) % a.size].reshape(new_shape)


# --- the same elements in another array ---------------------------------------------------------------------------

rule(
    np.copy,
    lambda g, y, x, order="K", subok=False: g,
    fn=lambda x, order="K", subok=False: np.array(x, order=order),
    sample=[call(real(2, 3)), call(real(2, 3), order="F"), call(real())],
)


def _astype(
    x: Any,
    dtype: Any,
    order: Any = "K",
    casting: Any = "unsafe",
    subok: bool = True,
    copy: bool = True,
    device: Any = None,
) -> Any:
    y = x.astype(dtype, order=order, casting=casting, copy=copy)
    return x[...] if y is x else y


rule(
    np.astype,
    lambda g, y, x, dtype=None, order="K", casting="unsafe", subok=True, copy=True, device=None: g,
    fn=_astype,
    view=True,  # with copy=False it can give the array back itself
    sample=[
        call(real(2, 3), np.float64),
        call(real(2, 3), float),
        call(real(3), "f8", copy=False),
        call(real(3), complex),
    ],
)

plain(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type)
plain(np.array_repr, np.array_str, np.array2string)
