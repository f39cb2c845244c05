"""`np.pad` in all modes that a gradient can pass: what stands in the margin is made from the array or given."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.rules.table import call, composed, real, rule

Pairs = list[list[Any]]


def _pad_with(x: Any, widths: Any, values: Any) -> Any:
    return np.pad(x, widths, constant_values=values)


def _inner(g: Any, widths: Any) -> Any:
    return g[tuple([slice(before, length - after) for (before, after), length in zip(widths, g.shape, strict=True)])]


#: an array with a margin of given numbers
_padded = rule(
    _pad_with,
    lambda g, y, x, widths=None, values=0: _inner(g, widths),
    name="pad",
    prints="pad({})",
    sample=[call(real(2, 3), ((1, 0), (2, 1)), 0.5)],
)


def _pairs(value: Any, ndim: int) -> Pairs:
    """What NumPy takes for each axis before and after: one value, a pair, or a pair per axis; numbers or Tensors."""
    if hasattr(value, "_node"):
        value = np.broadcast_to(value, (ndim, 2))
        return [[value[axis, side] for side in (0, 1)] for axis in range(ndim)]
    if isinstance(value, (list, tuple)) and any(hasattr(part, "_node") for part in _leaves(value)):
        rows = [list(row) if isinstance(row, (list, tuple)) else [row] for row in value]
        if all(len(row) == 1 for row in rows) and not isinstance(value[0], (list, tuple)):
            rows = [[row[0] for row in rows]]
        rows = [[row[0], row[-1]] for row in rows]
        if len(rows) not in (1, ndim):
            raise OperandError(f"pad: {len(rows)} pairs of values for {ndim} axes; give one pair, or one per axis")
        return rows * ndim if len(rows) == 1 else rows
    return np.broadcast_to(np.asarray(value), (ndim, 2)).tolist()


def _leaves(nested: Any) -> list[Any]:
    return [leaf for part in nested for leaf in _leaves(part)] if isinstance(nested, (list, tuple)) else [nested]


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        by_axis: dict[Any, Any] = {range(ndim)[axis]: width for axis, width in pad_width.items()}
        pad_width = [np.broadcast_to(by_axis.get(axis, 0), 2).tolist() for axis in range(ndim)]
    widths = plain_array("pad", pad_width)
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise OperandError(f"pad: pad_width={pad_width!r}; widths must be integers, not negative")
    return tuple([(before, after) for before, after in np.broadcast_to(widths, (ndim, 2)).tolist()])


def _join(before: Any, x: Any, after: Any, axis: int) -> Any:
    return np.concatenate([part for part in (before, x, after) if part is not None and part.shape[axis]], axis)


def _along(x: Any, axis: int, length: int) -> tuple[int, ...]:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])


def _cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _column(numbers: Any, x: Any, axis: int) -> Any:
    """One number per position along `axis`, shaped to multiply `x`, in its precision."""
    return numbers.reshape((-1,) + (1,) * (x.ndim - axis - 1)).astype(x.dtype)


# --- one function per mode ------------------------------------------------------------------------------------------


def _constant(x: Any, widths: Any, constant_values: Any = 0) -> Any:
    pairs = _pairs(constant_values, x.ndim)
    if not any(hasattr(value, "_node") for pair in pairs for value in pair):
        return _padded(x, widths=widths, values=constant_values if np.ndim(constant_values) == 0 else pairs)
    for axis, ((before, after), (left, right)) in enumerate(zip(widths, pairs, strict=True)):
        x = _join(_filled(left, x, axis, before), x, _filled(right, x, axis, after), axis)
    return x


def _filled(value: Any, x: Any, axis: int, width: int) -> Any:
    if not hasattr(value, "_node"):
        return np.full(_along(x, axis, width), value, x.dtype)
    out = np.zeros_like(value, dtype=x.dtype, shape=_along(x, axis, width))
    out[...] = value
    return out


def _read_at(x: Any, mode: Any, axis: int, before: int, after: int) -> Any:
    """`x` lengthened along `axis` by elements of its own, read at the positions where NumPy finds them."""
    return np.take(x, np.pad(np.arange(x.shape[axis]), (before, after), mode), axis)


def _repeating(mode: str) -> Any:
    """Modes in which the margin repeats elements."""

    def pad(x: Any, widths: Any) -> Any:
        for axis, (before, after) in enumerate(widths):
            x = _read_at(x, mode, axis, before, after) if before + after else x
        return x

    return pad


def _reflecting(mode: str) -> Any:
    """Modes in which the margin is the array reflected at its edges, or in the points at its edges ("odd")."""

    def pad(x: Any, widths: Any, reflect_type: str = "even") -> Any:
        if reflect_type not in ("even", "odd"):
            raise OperandError(f"pad: reflect_type={reflect_type!r} is unknown; use 'even' or 'odd'")
        for axis, (before, after) in enumerate(widths):
            length = x.shape[axis]
            if not before + after:
                continue
            first, last = _cut(x, axis, 0, 1), _cut(x, axis, length - 1, length)
            x = _read_at(x, mode, axis, before, after)
            if reflect_type == "even" or length == 1:
                continue
            # A point reflection at each end: two of them shift by two lengths, and add twice the rise between the ends.
            half = length - 1 if mode == "reflect" else length
            periods, place = np.divmod(np.arange(-before, length + after), 2 * half)
            mirrored = place >= length
            x = x * _column(np.where(mirrored, -1.0, 1.0), x, axis)
            x = x + last * _column(2.0 * (periods + mirrored), x, axis) - first * _column(2.0 * periods, x, axis)
        return x

    return pad


def _linear_ramp(x: Any, widths: Any, end_values: Any = 0) -> Any:
    for axis, ((before, after), (left, right)) in enumerate(zip(widths, _pairs(end_values, x.ndim), strict=True)):
        length = x.shape[axis]
        if not before + after:
            continue
        start = _ramp(left, _cut(x, axis, 0, 1), axis, np.arange(before) / max(before, 1))
        stop = _ramp(right, _cut(x, axis, length - 1, length), axis, np.arange(after)[::-1] / max(after, 1))
        x = _join(start, x, stop, axis)
    return x


def _ramp(end: Any, edge: Any, axis: int, parts: Any) -> Any:
    """From `end`, where `parts` are 0, towards the `edge` of the array."""
    ramp = (edge - end) * _column(parts, edge, axis) + end
    return ramp.astype(edge.dtype) if edge.dtype.kind in "fc" and ramp.dtype != edge.dtype else ramp


def _statistic(function: Any) -> Any:
    """Modes in which the margin is a statistic of the elements next to it."""

    def pad(x: Any, widths: Any, stat_length: Any = None) -> Any:
        lengths = [[None, None]] * x.ndim if stat_length is None else _pairs(stat_length, x.ndim)
        for axis, ((before, after), (near, far)) in enumerate(zip(widths, lengths, strict=True)):
            length = x.shape[axis]
            if not before + after:
                continue
            near, far = (length if limit is None else min(limit, length) for limit in (near, far))
            if not near or not far:
                raise OperandError(f"pad: stat_length={stat_length!r} leaves no value to take; it must be at least 1")
            start = function(_cut(x, axis, 0, near), axis=axis, keepdims=True)
            stop = (
                start
                if near == far == length
                else function(_cut(x, axis, length - far, length), axis=axis, keepdims=True)
            )
            x = _join(
                np.broadcast_to(start, _along(x, axis, before)),
                x,
                np.broadcast_to(stop, _along(x, axis, after)),
                axis,
            )
        return x

    return pad


_MODES: dict[str, Any] = {
    "constant": _constant,
    "edge": _repeating("edge"),
    "wrap": _repeating("wrap"),
    "reflect": _reflecting("reflect"),
    "symmetric": _reflecting("symmetric"),
    "linear_ramp": _linear_ramp,
    "mean": _statistic(np.mean),
    "median": _statistic(np.median),
    "maximum": _statistic(np.max),
    "minimum": _statistic(np.min),
}


@composed(
    np.pad,
    sample=[
        call(real(3), 2),
        call(real(2, 3), (1, 2)),
        call(real(2, 3), ((1, 0), (0, 2)), "constant", constant_values=((1.0, 2.0), (3.0, 4.0))),
        call(real(2, 3), [[1, 1], [2, 0]], constant_values=real()),
        call(real(2, 3), 1, "constant", constant_values=(real(), 2.0)),
        call(real(2, 3), 1, constant_values=real(2, 2)),
        call(real(2, 3), pad_width=1, mode="edge"),
        call(real(2, 3), ((2, 1), (3, 4)), "wrap"),
        call(real(3, 4), ((1, 2), (3, 0)), "reflect"),
        call(real(3), (5, 6), "reflect"),
        call(real(3), (5, 6), "reflect", reflect_type="odd"),
        call(real(3, 2), ((1, 2), (1, 1)), "symmetric"),
        call(real(3), (7, 8), mode="symmetric", reflect_type="odd"),
        call(real(1, 2), 1, "reflect"),
        call(real(2, 3), 2, "linear_ramp"),
        call(real(2, 3), ((2, 1), (0, 3)), "linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))),
        call(real(3), (2, 3), "linear_ramp", end_values=real(2)),
        call(real(2, 3), 1, "mean"),
        call(real(4), (2, 1), "mean", stat_length=2),
        call(real(4, 3), ((1, 2), (0, 2)), "maximum"),
        call(real(4, 3), 1, "minimum", stat_length=((2, 1), (3, 2))),
        call(real(5), 1, "median"),
        call(real(0, 2), ((1, 1), (0, 0))),
        call(real(), 0),
    ],
)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if mode == "empty" or callable(mode):
        raise NotDifferentiableError(
            f"pad: mode={mode!r} on a Tensor of shape {array.shape} leaves the margin to chance or to a function that "
            f"writes into arrays; use 'constant', 'edge', 'reflect', or np.concatenate"
        )
    if mode not in _MODES:
        raise OperandError(f"pad: mode={mode!r} is unknown; use one of {', '.join(_MODES)}")
    if not hasattr(array, "dtype"):
        array = np.asarray(array)
    if not array.ndim:
        return np.copy(array)
    widths = _widths(pad_width, array.ndim)
    if mode != "constant" and any(sum(width) and not length for width, length in zip(widths, array.shape, strict=True)):
        raise OperandError(
            f"pad: mode={mode!r} has nothing to continue along an axis of length 0 of an array of shape {array.shape}; "
            f"use mode='constant'"
        )
    try:
        return _MODES[mode](array, widths, **kwargs)
    except TypeError as error:
        if "keyword" not in str(error):
            raise
        raise OperandError(
            f"pad: mode='{mode}' does not take {', '.join(kwargs)}; see np.pad for what it takes"
        ) from None
