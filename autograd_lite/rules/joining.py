"""Rules that join arrays and take them apart: concatenate, stack, block, split."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.record import NOTHING
from autograd_lite.rules.products import as_operand, refuse_out
from autograd_lite.rules.table import call, composed, real, rule

__all__ = ["concatenate"]


def _concatenate(*arrays: Any, axis: int = 0, edges: Any = None, dtype: Any = None, casting: Any = "same_kind") -> Any:
    try:
        return np.concatenate(arrays, axis, dtype=dtype, casting=casting)
    except ValueError as error:  # said here without the edges, which nobody has given
        shapes = ", ".join(str(np.shape(array)) for array in arrays[:8])
        raise OperandError(f"concatenate: arrays of shape {shapes} along axis {axis}: {error!s:.200}") from error


def _slice_of(g: Any, y: Any, position: Any, *inputs: Any, **static: Any) -> Any:
    edges = static["edges"]
    start = edges[position - 1] if position else 0
    return g[(slice(None),) * static["axis"] + (slice(start, edges[position]),)]


#: arrays joined along `axis`, where they end at `edges`
_concatenated = rule(
    _concatenate,
    _slice_of,
    name="concatenate",
    variadic=True,
    reads=NOTHING,
    sample=[call(real(2, 3), real(2, 1), axis=1, edges=(3, 4))],
)


def _arrays(sequence: Any) -> list[Any]:
    """The members of a sequence (or of a Tensor's first axis) as arrays and Tensors."""
    members = [as_operand(array) for array in sequence]
    if not members:
        raise OperandError("joining: there are no arrays to join; pass them as a list or tuple, not as a generator")
    return members


def _refuse_second(what: str, axis: Any) -> None:
    """Refuse a second array where the axis belongs."""
    if getattr(axis, "ndim", 0):
        raise OperandError(
            f"{what}: the axis is an array of shape {axis.shape}; give the arrays in one list, np.{what}([a, b])"
        )


@composed(
    np.concatenate,
    sample=[
        call([real(2, 3), real(1, 3)]),
        call([real(2, 3), real(2, 1)], 1),
        call((real(2, 3), real(2, 3), real(2, 0)), axis=-1),
        call([real(2, 3), real(2)], axis=None),
        call([real(2)], axis=0),
        call([real(2), real(3)], dtype=np.float64),
        call(real(2, 3)),
    ],
)
def concatenate(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    """`np.concatenate` of arrays and Tensors."""
    _refuse_second("concatenate", axis)
    arrays = _arrays(arrays)
    if axis is None:
        arrays, axis = [np.ravel(array) for array in arrays], 0
    ndim = arrays[0].ndim
    if not -ndim <= axis < ndim:
        raise OperandError(
            f"concatenate: arrays of shape {', '.join(str(array.shape) for array in arrays[:8])} cannot be joined "
            f"along axis {axis}; use np.stack for a new axis"
        )
    axis = int(axis) % ndim
    edges = tuple(accumulate([array.shape[axis] for array in arrays if array.ndim == ndim]))
    return _concatenated(*arrays, axis=axis, edges=edges, **_given("concatenate", out, dtype, casting))


def _given(name: str, out: Any, dtype: Any, casting: Any) -> dict[str, Any]:
    """Those of the rarely used arguments that were given."""
    refuse_out(name, out)
    return {} if dtype is None and casting == "same_kind" else {"dtype": dtype, "casting": casting}


def _stack(*arrays: Any, axis: int = 0, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.stack(arrays, axis, dtype=dtype, casting=casting)


_stacked = rule(
    _stack,
    lambda g, y, position, *inputs, **static: g[(slice(None),) * static["axis"] + (position,)],
    name="stack",
    variadic=True,
    reads=NOTHING,
    sample=[call(real(2, 3), real(2, 3), axis=1)],
)


@composed(
    np.stack,
    sample=[
        call([real(3), real(3)]),
        call((real(2, 3), real(2, 3), real(2, 3)), 1),
        call([real(2, 3), real(2, 3)], axis=-1),
        call([real(), real()]),
        call(real(2, 3), axis=1),
        call([real(2), real(2)], dtype=np.float64),
    ],
)
def _any_stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    _refuse_second("stack", axis)
    arrays = _arrays(arrays)
    axis = axis + arrays[0].ndim + 1 if axis < 0 else axis
    return _stacked(*arrays, axis=axis, **_given("stack", out, dtype, casting))


@composed(np.vstack, sample=[call([real(3), real(3)]), call([real(2, 3), real(3)]), call((real(), real()))])
def _vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return concatenate([np.atleast_2d(array) for array in _arrays(tup)], 0, dtype=dtype, casting=casting)


@composed(np.hstack, sample=[call([real(3), real(2)]), call([real(2, 3), real(2, 1)]), call((real(), real()))])
def _hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    arrays = [np.atleast_1d(array) for array in _arrays(tup)]
    return concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@composed(np.dstack, sample=[call([real(3), real(3)]), call([real(2, 3), real(2, 3)]), call((real(), real()))])
def _dstack(tup: Any) -> Any:
    return concatenate([np.atleast_3d(array) for array in _arrays(tup)], 2)


@composed(np.column_stack, sample=[call([real(3), real(3)]), call([real(2, 3), real(2)]), call((real(), real()))])
def _column_stack(tup: Any) -> Any:
    columns = [array if array.ndim > 1 else np.atleast_2d(array).swapaxes(0, 1) for array in _arrays(tup)]
    return concatenate(columns, 1)


@composed(
    np.append,
    sample=[
        call(real(2, 3), real(2)),
        call(real(2, 3), real(1, 3), axis=0),
        call(real(2, 3), real(2, 1), 1),
        call(real(), real()),
        call([real(), real()], real(2)),
        call(real(1, 2), [real(2), real(2)], axis=0),
    ],
)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return concatenate((arr, values), axis)


def _depth(nested: Any) -> int:
    return 1 + max(map(_depth, nested), default=0) if isinstance(nested, list) else 0


@composed(
    np.block,
    sample=[
        call([real(2), real(3)]),
        call([[real(2, 2), real(2, 1)], [real(1, 2), real(1, 1)]]),
        call([[real(2)], [real(2)]]),
        call([real(), real(2)]),
        call(real(2, 3)),
        call([[[real(1)], [real(1)]]]),
    ],
)
def _block(arrays: Any) -> Any:
    depth = _depth(arrays)

    def ndim(nested: Any) -> int:
        return max(map(ndim, nested)) if isinstance(nested, list) else np.ndim(nested)

    width = max(depth, ndim(arrays))

    def joined(nested: Any, level: int) -> Any:
        if isinstance(nested, list):
            return concatenate([joined(part, level + 1) for part in nested], level - depth)
        if level != depth:
            raise OperandError(
                f"block: lists of depth {level} and {depth} are mixed; nest every array in the same number of lists"
            )
        array = nested if hasattr(nested, "shape") else np.asarray(nested)
        return array.reshape((1,) * (width - array.ndim) + array.shape)

    return np.copy(joined(arrays, 0)) if depth == 0 else joined(arrays, 0)


# --- taking apart -----------------------------------------------------------------------------------------------


def _cuts(length: int, indices_or_sections: Any) -> list[Any]:
    """Where each part starts, and None at the end: as many nearly equal parts, or cuts at the given places."""
    if np.ndim(indices_or_sections):
        return [0, *np.asarray(indices_or_sections).tolist(), None]
    sections = int(indices_or_sections)
    if sections <= 0:
        raise OperandError(f"array_split: the number of sections is {sections}; it must be larger than 0")
    each, extra = divmod(length, sections)
    return [part * each + min(part, extra) for part in range(sections)] + [None]


@composed(
    np.array_split,
    sample=[
        call(real(7), 3),
        call(real(2, 5), [1, 3], axis=1),
        call(real(2, 5), (2, 4, 9), -1),
        call(real(4), [3, 1]),
    ],
)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = axis % ary.ndim if -ary.ndim <= axis < ary.ndim else _no_axis("array_split", ary, axis)
    cuts = _cuts(ary.shape[axis], indices_or_sections)
    before = (slice(None),) * axis
    return [ary[(*before, slice(start, stop))] for start, stop in pairwise(cuts)]


def _no_axis(name: str, ary: Any, axis: Any) -> Any:
    raise OperandError(
        f"{name}: a Tensor of shape {ary.shape} has no axis {axis}; use one of its {ary.ndim} axes, counted from 0"
    )


@composed(np.split, sample=[call(real(6), 3), call(real(2, 4), 2, axis=-1), call(real(4, 2), [1, 3])])
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    equal = not np.ndim(indices_or_sections) and -ary.ndim <= axis < ary.ndim
    if equal and ary.shape[axis] % int(indices_or_sections or 1):
        raise OperandError(
            f"split: axis {axis} of a Tensor of shape {ary.shape} cannot be cut into {indices_or_sections} equal "
            f"parts; use np.array_split for nearly equal ones"
        )
    return _array_split(ary, indices_or_sections, axis)


@composed(np.hsplit, sample=[call(real(4), 2), call(real(2, 5), [2])])
def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@composed(np.vsplit, sample=[call(real(4, 2), 2), call(real(4, 2), indices_or_sections=[1, 2])])
def _vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if ary.ndim < 2:
        _no_axis("vsplit", ary, 1)
    return _split(ary, indices_or_sections, 0)


@composed(np.dsplit, sample=[call(real(2, 1, 4), 2)])
def _dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if ary.ndim < 3:
        _no_axis("dsplit", ary, 2)
    return _split(ary, indices_or_sections, 2)


if hasattr(np, "unstack"):  # NumPy 2.1

    @composed(np.unstack, sample=[call(real(2, 3)), call(real(2, 3), axis=-1)])
    def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
        axis = axis % x.ndim if -x.ndim <= axis < x.ndim else _no_axis("unstack", x, axis)
        before = (slice(None),) * axis
        return tuple([x[(*before, position)] for position in range(x.shape[axis])])
