"""Rules for sliding windows, of which convolution and pooling are made.

The windows are a view: every element stands in as many as there are places in a window. So its gradient is the sum
over these few places, each of them one addition of whole arrays, and never a scatter of single elements.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autograd_lite.rules.table import call, real, rule

__all__ = ["add_windows"]


def _axes(ndim: int, window_shape: Any, axis: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lengths of a window and the axes it slides along, both as tuples."""
    lengths = tuple(window_shape) if np.ndim(window_shape) else (window_shape,)
    if axis is None:
        return lengths, tuple(range(ndim))
    return lengths, tuple([place % ndim for place in (axis if np.ndim(axis) else (axis,))])


def _add_windows(g: Any, shape: tuple[int, ...], window_shape: Any, axis: Any = None) -> Any:
    z = np.zeros(shape, g.dtype)
    lengths, axes = _axes(len(shape), window_shape, axis)
    out = g.shape[: len(shape)]
    for place in itertools.product(*map(range, lengths)):
        start = [0] * len(shape)
        for along, step in zip(axes, place, strict=True):
            start[along] += step
        part = z[tuple(map(slice, start, map(operator.add, start, out)))]
        if any(place):
            part += g[(..., *place)]
        else:  # the first, to which nothing has to be added yet
            part[...] = g[(..., *place)]
    return z


#: an array of `shape` whose elements are the sums over all windows that they stand in
add_windows = rule(
    _add_windows,
    lambda g, y, w, shape=None, window_shape=None, axis=None: sliding_window_view(g, window_shape, axis),
    name="add_windows",
    sample=[
        call(real(3, 2), shape=(4,), window_shape=2),
        call(real(2, 2, 3), shape=(2, 4), window_shape=3, axis=-1),
    ],
)

rule(
    sliding_window_view,
    lambda g, y, x, window_shape=None, axis=None, *, subok=False, writeable=False: add_windows(
        g, shape=x.shape, window_shape=window_shape, axis=axis
    ),
    view=True,
    sample=[
        call(real(5), 3),
        call(real(4, 5), (2, 3)),
        call(real(4, 5), 2, 0),
        call(real(2, 4, 5), window_shape=(3, 2), axis=(-1, 1)),
        call(real(6), (2, 3), axis=(0, 0)),
        call(real(3), 1, axis=0),
        call(real(3), 3),
    ],
)
