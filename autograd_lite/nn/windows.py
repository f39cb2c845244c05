"""What convolutions and pooling share: the windows of an input, and the check of sizes, strides and margins."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand

__all__ = ["checked_input", "sizes_of", "swapped", "windows"]


def sizes_of(name: str, what: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """One integer per spatial axis, from one integer or a tuple."""
    if value.__class__ is int and value >= least:  # the usual case, without the questions
        return (value,) * axes
    try:
        sizes = tuple(map(operator.index, value if isinstance(value, (tuple, list)) else (value,) * axes))
    except TypeError:  # no integers
        sizes = ()
    if len(sizes) != axes or min(sizes) < least:
        raise OperandError(f"{name}: {what}={value!r}; it must be an integer of at least {least}, or {axes} of them")
    return sizes


def checked_input(name: str, x: Any, axes: int) -> Any:
    """`x` as something to compute with, which must have samples, channels and `axes` axes of space."""
    x = operand(x)
    if x.ndim != 2 + axes:
        space = "length" if axes == 1 else "height, width"
        raise OperandError(f"{name}: an input of shape {x.shape}; it must be (samples, channels, {space})")
    return x


def windows(name: str, x: Any, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """The windows of x (samples, channels, *space), as (samples, channels, *places, *size)."""
    axes, space = len(size), x.shape[2:]
    spans = size
    if max(dilation) > 1:
        spans = tuple([step * (length - 1) + 1 for length, step in zip(size, dilation, strict=True)])
    if any(length < span for length, span in zip(space, spans, strict=True)):
        apart = f", {dilation} apart," if spans != size else ""
        raise OperandError(
            f"{name}: windows of {size}{apart} do not fit into an input of shape {x.shape}; make them smaller"
        )
    if stride == dilation == (1,) * axes:
        return sliding_window_view(x, size, axis=tuple(range(2, 2 + axes)))
    places = [(length - span) // step + 1 for length, span, step in zip(space, spans, stride, strict=True)]
    # One slice for each element of a window: on the way back these are that many additions to parts of x, where a
    # view with steps in it would make an array as large as all windows without them.
    parts = []
    for element in itertools.product(*map(range, size)):
        starts = [position * step for position, step in zip(element, dilation, strict=True)]
        ends = [start + (count - 1) * step + 1 for start, count, step in zip(starts, places, stride, strict=True)]
        parts.append(x[(slice(None), slice(None), *map(slice, starts, ends, stride))])
    return swapped(np.stack(parts, axis=2).reshape(*x.shape[:2], *size, *places))


def swapped(seen: Any) -> Any:
    """The axes of places behind those of the elements of a window, or before them again."""
    axes = seen.ndim // 2 - 1
    return seen.transpose(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
