"""Differences, gradients and integrals of sampled functions, and interpolation between samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_lite.errors import OperandError
from autograd_lite.rules.cumulative import along
from autograd_lite.rules.reductions import masked
from autograd_lite.rules.statistics import operand
from autograd_lite.rules.table import Input, call, composed, numbers_of, real

# --- diff and ediff1d ----------------------------------------------------------------------------------------


@composed(
    np.diff,
    sample=[
        *(call(real(5)), call(real(3, 4)), call(real(3, 4), 2), call(real(3, 4), n=1, axis=0)),
        *(call(real(2, 3, 2), 1, 1), call(real(4), prepend=real(), append=real(2)), call(real(3), 0)),
        *(call(real(3, 4), axis=0, prepend=real(1, 4)), call(real(3, 4), append=1.5), call(real(2), n=3)),
    ],
)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """The `n`-th differences of neighbours."""
    if n < 0:
        raise OperandError(f"diff: order n={n} must not be negative")
    a = operand(a)
    if n == 0:
        return a
    if a.ndim == 0:
        raise OperandError("diff: an array of shape () has no neighbours; give at least one dimension")
    axis = normalize_axis_index(axis, a.ndim)
    single = tuple([1 if one == axis else length for one, length in enumerate(a.shape)])
    ends = [operand(end) if end is not np._NoValue else None for end in (prepend, append)]
    ends = [np.broadcast_to(end, single) if end is not None and end.ndim == 0 else end for end in ends]
    parts = [part for part in (ends[0], a, ends[1]) if part is not None]
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    for _ in range(n):
        later, earlier = a[along(axis, slice(1, None))], a[along(axis, slice(None, -1))]
        a = later != earlier if a.dtype.kind == "b" else later - earlier
    return a


@composed(
    np.ediff1d,
    sample=[call(real(5)), call(real(2, 3), to_end=real(2)), call(real(4), real(1), real(2, 2)), call(real(1))],
)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flattened array, between `to_begin` and `to_end`."""
    flat = operand(ary).reshape((-1,))
    parts = [_end("to_begin", to_begin, flat), flat[1:] - flat[:-1], _end("to_end", to_end, flat)]
    parts = [part for part in parts if part is not None]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _end(name: str, values: Any, flat: Any) -> Any:
    if values is None:
        return None
    values = operand(values)
    if not np.can_cast(values.dtype, flat.dtype, "same_kind"):
        raise OperandError(f"ediff1d: {name} of dtype {values.dtype} does not fit {flat.dtype}; convert it first")
    return values.reshape((-1,)).astype(flat.dtype)


# --- gradient and trapezoid ----------------------------------------------------------------------------------


@composed(
    np.gradient,
    sample=[
        *(call(real(5)), call(real(5), 0.5), call(real(4, 3), axis=0), call(real(4, 3), 2.0, axis=-1)),
        *(call(real(4, 3), edge_order=2), call(real(4, 3), 0.5, 2.0), call(real(5), [0.0, 1.0, 3.0, 3.5, 5.0])),
        call(real(4, 5), np.array([0.0, 1.0, 3.0, 3.5]), 0.5, axis=(0, 1), edge_order=2),
        call(real(3), Input((3,), "distinct"), edge_order=2),
    ],
)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside and one-sided ones at the ends; differentiable in the spacing too."""
    f = operand(f)
    if f.dtype.kind not in "fc":
        f = f.astype(float)
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    if edge_order > 2:
        raise OperandError(f"gradient: edge_order={edge_order} is not supported; use 1 or 2")
    # A Python number leaves the dtype to the array; as an array of its own it would not.
    spacings = [spacing + 0.0 if isinstance(spacing, (int, float)) else operand(spacing) for spacing in varargs]
    if len(spacings) == 0:
        spacings = [1.0] * len(axes)
    elif len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    elif len(spacings) != len(axes):
        raise OperandError(
            f"gradient: {len(spacings)} spacings for the axes {axes} of an array of shape {f.shape}; give one, or one "
            f"for each axis"
        )
    results = [_gradient(f, at, spacing, edge_order) for at, spacing in zip(axes, spacings, strict=True)]
    return results[0] if len(axes) == 1 else tuple(results)


def _gradient(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise OperandError(
            f"gradient: {n} elements along axis {axis} are too few for edge_order={edge_order}; there must be "
            f"{edge_order + 1}"
        )
    steps = _steps(f, axis, spacing)

    def piece(start: int | None, stop: int | None) -> Any:
        return f[along(axis, slice(start, stop))]

    def step(start: int | None, stop: int | None) -> Any:
        return steps[along(axis, slice(start, stop))] if np.ndim(steps) else steps

    def weighted(factors: tuple[Any, ...], pieces: tuple[Any, ...]) -> Any:
        return sum(_as(f.dtype, factor) * one for factor, one in zip(factors, pieces, strict=True))

    if np.ndim(steps):
        h, k = step(None, -1), step(1, None)
        inside = -k / (h * (h + k)), (k - h) / (h * k), h / (k * (h + k))
        inner = weighted(inside, (piece(None, -2), piece(1, -1), piece(2, None)))
    else:
        inner = (piece(2, None) - piece(None, -2)) / _as(f.dtype, 2.0 * steps)
    if edge_order == 1:
        begin = (piece(1, 2) - piece(0, 1)) / _as(f.dtype, step(0, 1))
        end = (piece(-1, None) - piece(-2, -1)) / _as(f.dtype, step(-1, None))
    else:
        h, k = step(0, 1), step(1, 2)
        factors = -(2.0 * h + k) / (h * (h + k)), (h + k) / (h * k), -h / (k * (h + k))
        begin = weighted(factors, (piece(0, 1), piece(1, 2), piece(2, 3)))
        h, k = step(-2, -1), step(-1, None)
        factors = k / (h * (h + k)), -(k + h) / (h * k), (2.0 * k + h) / (k * (h + k))
        end = weighted(factors, (piece(-3, -2), piece(-2, -1), piece(-1, None)))
    return np.concatenate((begin, inner, end), axis)


def _as(dtype: Any, factor: Any) -> Any:
    """`factor` in the precision of what it is multiplied with, which is that of NumPy's result."""
    return factor if factor.__class__ is float or factor.dtype == dtype else factor.astype(dtype)


def _steps(f: Any, axis: int, spacing: Any) -> Any:
    """A number if the spacing is uniform, otherwise the steps, shaped to lie along `axis`."""
    if not np.ndim(spacing):
        return spacing
    if spacing.shape != (f.shape[axis],):
        raise OperandError(
            f"gradient: coordinates of shape {spacing.shape} do not fit axis {axis} of an array of shape "
            f"{f.shape}; they must have shape {(f.shape[axis],)}"
        )
    steps = spacing[1:] - spacing[:-1] if spacing.dtype.kind in "fc" else np.diff(spacing.astype(float))
    if not hasattr(steps, "_node") and np.all(steps == steps[0]):
        return steps[0]
    return steps.reshape([-1 if one == axis else 1 for one in range(f.ndim)])


@composed(
    np.trapezoid,
    sample=[
        *(call(real(5)), call(real(3, 4)), call(real(3, 4), axis=0), call(real(5), dx=0.5)),
        *(call(real(4), Input((4,), "distinct")), call(real(3, 4), real(3), axis=0), call(real(2, 3), real(2, 3))),
    ],
)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral along `axis` by the trapezoidal rule."""
    y = operand(y)
    axis = normalize_axis_index(axis, y.ndim)
    step = dx
    if x is not None:
        x = operand(x)
        if x.ndim == 1:
            step = diff(x).reshape([-1 if one == axis else 1 for one in range(y.ndim)])
        else:
            step = diff(x, axis=axis)
    return np.sum(step * (y[along(axis, slice(1, None))] + y[along(axis, slice(None, -1))]) / 2.0, axis)


_trapz = getattr(np, "trapz", None)  # its name before NumPy 2.4
if _trapz is not None:
    composed(_trapz, sample=[call(real(5))])(trapezoid)


# --- interp --------------------------------------------------------------------------------------------------


@composed(
    np.interp,
    sample=[
        call(Input((4,), "away"), [-3.0, -1.0, 0.0, 2.0, 3.0], real(5)),
        call(real(2, 3), np.array([-1.1, 0.2, 1.3]), real(3), left=-1.0, right=2.0),
        call(real(5), np.array([0.1, 0.7, 1.9]), real(3), period=2.5),
        call(0.3, Input((1,), "distinct"), real(1)),
    ],
)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation; differentiable in all of `x`, `xp`, `fp`, `left` and `right`.

    At a sample the derivative by `x` is the slope to its right, at the last one that to its left.
    """
    x, xp, fp = [_floating(part) for part in (x, xp, fp)]
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise OperandError(f"interp: samples of shape {xp.shape} and {fp.shape} must be two vectors of the same length")
    if period is not None:
        x, xp, fp = _one_period(x, xp, fp, period)
        left = right = None
    places, samples, count = numbers_of(x), numbers_of(xp), xp.shape[0]
    below, above = places < samples[0], places > samples[-1]
    base = np.clip(np.searchsorted(samples, places, side="right") - 1, 0, count - 1)
    low = np.minimum(base, max(count - 2, 0))
    # Next to an infinite sample the value is that one, which only the other one's side of the slope gives.
    base = np.where(np.isinf(numbers_of(fp))[base] & (places > samples[base]) & np.logical_not(above), low + 1, base)
    y = fp[base]
    if count > 1:
        width = numbers_of(xp)[low + 1] - numbers_of(xp)[low]
        slope = (fp[low + 1] - fp[low]) / (xp[low + 1] - xp[low] + (width == 0))
        # At a sample itself the value is that of the sample, even next to an infinite one.
        met = (places == samples[base]) | (numbers_of(fp)[low] == numbers_of(fp)[low + 1])
        met = met & np.logical_not(np.isfinite(numbers_of(slope)))
        sloping = np.logical_not(below | above | met | (width == 0))
        y = y + masked(slope, mask=sloping) * masked(x - xp[base], mask=np.logical_not(below | above | met))
    for outside, value in ((below, left), (above, right)):
        if value is not None:
            value = operand(value)
            given = np.broadcast_to(value, outside.shape) if hasattr(value, "_node") else value
            y = masked(y, mask=np.logical_not(outside)) + masked(given + np.zeros_like(numbers_of(y)), mask=outside)
    return y


def _floating(x: Any) -> Any:
    x = operand(x)
    return x if x.dtype in (np.dtype(float), np.dtype(complex)) else x.astype(complex if x.dtype.kind == "c" else float)


def _one_period(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    if period == 0:
        raise OperandError("interp: period=0 is no period; give another number")
    period = abs(period)
    x, xp = [part - (numbers_of(part) - numbers_of(part) % period) for part in (x, xp)]
    order = np.argsort(numbers_of(xp))
    xp, fp = xp[order], fp[order]
    return (
        x,
        np.concatenate((xp[-1:] - period, xp, xp[:1] + period)),
        np.concatenate((fp[-1:], fp, fp[:1])),
    )
