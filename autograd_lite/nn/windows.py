"""What convolutions and pooling share: the windows of an input, and the check of sizes, strides and margins."""

from __future__ import annotations

import operator
from typing import Any

from numpy.lib.stride_tricks import sliding_window_view

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand

__all__ = ["checked_input", "sizes_of", "windows"]


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


def windows(name: str, x: Any, size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """A view of x (samples, channels, *space) as (samples, channels, *places, *size)."""
    axes = len(size)
    if any(length < window for length, window in zip(x.shape[2:], size, strict=True)):
        raise OperandError(f"{name}: windows of {size} do not fit into an input of shape {x.shape}; make them smaller")
    view = sliding_window_view(x, size, axis=tuple(range(2, 2 + axes)))
    if stride != (1,) * axes:
        view = view[(slice(None), slice(None), *[slice(None, None, step) for step in stride])]
    return view
