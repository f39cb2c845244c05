"""NumPy's functions that change an array in place, on a Tensor: each is an assignment `a[index] = values`.

The assignment records, so the gradient flows to the values and to what was left in place. Into an ndarray a Tensor
that requires grad cannot be written without losing its gradient, so that is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import DetachedError, OperandError
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.selection import _taken_along_axis, positions
from autograd_lite.rules.table import call, composed, numbers_of, real


def _in_ndarray(function: Any, name: str, a: Any, *rest: Any, **kwargs: Any) -> bool:
    """Whether `a` is no Tensor; then NumPy's function was carried out on it, or refused."""
    if hasattr(a, "_node"):
        return False
    for operand in rest:
        if getattr(operand, "requires_grad", False):
            try:
                np.asarray(operand)
            except DetachedError:
                raise DetachedError(
                    f"{name}: writing a Tensor of shape {operand.shape} that requires grad into an ndarray would "
                    f"lose its gradient; write into a Tensor, or make the array from it with "
                    f"np.broadcast_to or np.stack"
                ) from None
    function(a, *[numbers_of(operand) for operand in rest], **{k: numbers_of(v) for k, v in kwargs.items()})
    return True


def _cycled(values: Any, places: Any) -> Any:
    """The elements of `values` at `places`, counted round and round."""
    values = np.ravel(as_operand(values))
    return values[places % values.size] if values.size else values


def _write(a: Any, flat: Any, values: Any) -> None:
    """a.flat[flat] = values."""
    if a.ndim:
        a[np.unravel_index(flat, a.shape)] = values
    elif flat.size:  # a single number has no axis to number places along
        a[...] = np.broadcast_to(values, flat.shape)[-1]


@composed(
    np.put,
    sample=[
        call(real(2, 3), [0, 4], real(2)),
        call(real(2, 3), [0, 4, -1], real(2)),
        call(real(4), 1, real()),
        call(real(4), [1, 1], real(2)),
        call(real(4), [1, 9], real(2), mode="clip"),
        call(real(4), [1, -9], real(2), "wrap"),
    ],
)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    if _in_ndarray(np.put, "put", a, ind, v, mode=mode):
        return
    index = positions("put", ind, a.size, mode).reshape(-1)
    if index.size and not -a.size <= index.min() <= index.max() < a.size:
        raise OperandError(
            f"put: index {index.min()} to {index.max()} is out of bounds for a Tensor of {a.size} elements; use "
            f"numbers in range, or pass mode='wrap' or 'clip'"
        )
    values = _cycled(v, np.arange(index.size))
    if values.size:
        _write(a, index % max(a.size, 1), values)


@composed(
    np.putmask,
    sample=[
        call(real(2, 3), np.array([[1, 0, 1], [0, 1, 1]], bool), real(2, 3)),
        call(real(2, 3), np.array([[1, 0, 1], [0, 1, 1]], bool), real(2)),
        call(real(3), np.array([True, False, True]), real()),
    ],
)
def _putmask(a: Any, /, mask: Any, values: Any) -> None:
    if _in_ndarray(np.putmask, "putmask", a, mask, values):
        return
    chosen = plain_array("putmask", numbers_of(mask)).astype(bool)
    _same_size("putmask", a, chosen)
    chosen = chosen.reshape(a.shape)
    values = _cycled(values, np.flatnonzero(chosen))
    if values.size:
        a[chosen] = values


def _same_size(name: str, a: Any, mask: Any) -> None:
    if mask.size != a.size:
        raise OperandError(
            f"{name}: a mask of shape {mask.shape} does not fit a Tensor of shape {a.shape}; they must have the same "
            f"shape"
        )


@composed(
    np.place,
    sample=[
        call(real(2, 3), np.array([[1, 0, 1], [0, 1, 1]], bool), real(4)),
        call(real(2, 3), np.array([[1, 0, 1], [0, 1, 1]], bool), real(2)),
        call(real(3), np.array([False, False, True]), [1.5]),
    ],
)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    if _in_ndarray(np.place, "place", arr, mask, vals):
        return
    chosen = plain_array("place", numbers_of(mask)).astype(bool)
    _same_size("place", arr, chosen)
    chosen = chosen.reshape(arr.shape)
    count = int(np.count_nonzero(chosen))
    values = _cycled(vals, np.arange(count))
    if count and not values.size:
        raise OperandError(f"place: no values for {count} places of a Tensor of shape {arr.shape}; give at least one")
    arr[chosen] = values


@composed(
    np.copyto,
    sample=[
        call(real(2, 3), real(2, 3)),
        call(real(2, 3), real(3)),
        call(real(2, 3), real(2, 1), where=np.array([[1, 0, 1], [0, 1, 1]], bool)),
        call(real(2, 3), real(), "same_kind", np.array([1, 0, 1], bool)),
    ],
)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    if _in_ndarray(np.copyto, "copyto", dst, src, casting=casting, where=where):
        return
    if casting != "unsafe" and hasattr(src, "dtype") and not np.can_cast(src.dtype, dst.dtype, casting):
        raise OperandError(
            f"copyto: values of dtype {src.dtype} cannot be written into {dst.dtype} under casting='{casting}'; "
            f"convert them with .astype"
        )
    if where is True:
        dst[...] = src
        return
    chosen = np.broadcast_to(plain_array("copyto", numbers_of(where)), dst.shape)
    src = as_operand(src)
    dst[chosen] = np.broadcast_to(src, dst.shape)[chosen]


@composed(
    np.fill_diagonal,
    sample=[
        call(real(3, 3), real()),
        call(real(3, 3), real(3)),
        call(real(4, 2), real(2), True),
        call(real(5, 2), real(2), wrap=True),
        call(real(2, 4), real()),
        call(real(2, 2, 2), real()),
    ],
)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise OperandError(
            f"fill_diagonal: a Tensor of shape {a.shape} has no main diagonal; it needs two axes, or more of equal "
            f"length"
        )
    if a.ndim == 2:
        step = a.shape[1] + 1
        end = None if wrap else a.shape[1] * a.shape[1]
    else:
        step = 1 + sum(a.shape[0] ** power for power in range(1, a.ndim))
        end = None
    flat = np.arange(a.size)[:end:step]
    values = _cycled(val, np.arange(flat.size))
    if values.size:
        a[np.unravel_index(flat, a.shape)] = values


@composed(
    np.put_along_axis,
    sample=[
        call(real(2, 3), np.array([[2, 0], [1, 1]]), real(2, 2), 1),
        call(real(2, 3), np.array([[1, 0, 0]]), real(), axis=0),
        call(real(2, 3), np.array([4, 0, 4]), real(3), axis=None),
        call(real(2, 3), np.array([[2], [-1]]), real(2, 1), -1),
    ],
)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    if _in_ndarray(np.put_along_axis, "put_along_axis", arr, indices, values, axis=axis):
        return
    flat, index = _taken_along_axis("put_along_axis", arr, indices, axis)
    if axis is None:
        _write(arr, index[0] % flat.size, values)
    else:
        arr[index] = values
