"""Pooling: the largest element or the mean of each window; data lie as for convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.module import Module
from autograd_lite.nn.reduction import real_only
from autograd_lite.nn.windows import checked_input, sizes_of, windows
from autograd_lite.renamed import told_of_renamed

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "MaxPool1d",
    "MaxPool2d",
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool2d",
]

Sizes = tuple[int, ...]
Margins = list[tuple[int, int]]


def _sizes(name: str, size: Any, stride: Any, padding: Any, axes: int) -> tuple[Sizes, Sizes, Sizes]:
    """Windows, strides and margins, one number for each axis."""
    size = sizes_of(name, "kernel_size", size, axes, 1)
    stride = size if stride is None else sizes_of(name, "stride", stride, axes, 1)
    padding = sizes_of(name, "padding", padding, axes, 0)
    if any(padding) and any(2 * width > length for width, length in zip(padding, size, strict=True)):
        raise OperandError(
            f"{name}: padding={padding} for windows of {size}, some of which would hold nothing else; give at most "
            f"half of their lengths"
        )
    return size, stride, padding


def _margins(space: Any, size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool) -> Margins:
    """What is added before and after each axis.

    With `ceil_mode` a last window that hangs over counts, if it begins in the input or in the margin before it.
    """
    margins = []
    for length, window, step, width in zip(space, size, stride, padding, strict=True):
        whole = length + 2 * width
        last = -(-(whole - window) // step) * step
        margins.append((width, width + last + window - whole if ceil_mode and last < length + width else width))
    return margins


def _padded(name: str, x: Any, margins: Margins, value: Any = 0) -> Any:
    if 0 in x.shape[2:]:
        raise OperandError(f"{name}: an input of shape {x.shape} has nothing to pool; give one that is not empty")
    if not any(map(any, margins)):
        return x
    return np.pad(x, ((0, 0), (0, 0), *margins), constant_values=value)


def _least(dtype: np.dtype[Any]) -> Any:
    """What is larger than no other number of `dtype`."""
    if dtype.kind == "f":
        return -np.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def _reduced(name: str, x: Any, size: Sizes, stride: Sizes, reduce: Any) -> Any:
    """`reduce` of each window of x, which has its margins."""
    axes = len(size)
    if stride == size and all(length >= window for length, window in zip(x.shape[2:], size, strict=True)):
        # windows that do not overlap are a reshape, which costs less than a view of windows
        places = [length // window for length, window in zip(x.shape[2:], size, strict=True)]
        whole = tuple([slice(0, count * window) for count, window in zip(places, size, strict=True)])
        if any(length != cut.stop for length, cut in zip(x.shape[2:], whole, strict=True)):
            x = x[(slice(None), slice(None), *whole)]
        split = [part for pair in zip(places, size, strict=True) for part in pair]
        return reduce(x.reshape(*x.shape[:2], *split), axis=tuple(range(3, 3 + 2 * axes, 2)))
    return reduce(windows(name, x, size, stride), axis=tuple(range(2 + axes, 2 + 2 * axes)))


def _max_pool(name: str, x: Any, size: Any, stride: Any, padding: Any, ceil_mode: bool, axes: int) -> Any:
    x = checked_input(name, x, axes)
    size, stride, padding = _sizes(name, size, stride, padding, axes)
    if ceil_mode or any(padding):
        margins = _margins(x.shape[2:], size, stride, padding, ceil_mode)
        x = _padded(name, x, margins, _least(real_only(name, x).dtype))
    return _reduced(name, x, size, stride, np.max)


def _avg_pool(
    name: str, x: Any, size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, axes: int
) -> Any:
    x = checked_input(name, x, axes)
    size, stride, padding = _sizes(name, size, stride, padding, axes)
    if not (ceil_mode or any(padding)):
        return _reduced(name, x, size, stride, np.mean)
    margins = _margins(x.shape[2:], size, stride, padding, ceil_mode)
    y = _reduced(name, _padded(name, x, margins), size, stride, np.mean)
    # Where some of a window does not count, its mean is divided by the share that does.
    within = padding if count_include_pad else (0,) * axes
    outside = [(before - width, after - width) for (before, after), width in zip(margins, within, strict=True)]
    if not any(map(any, outside)):
        return y
    counted = np.ones((1, 1, *[length + 2 * width for length, width in zip(x.shape[2:], within, strict=True)]), y.dtype)
    return y / _reduced(name, _padded(name, counted, outside), size, stride, np.mean)


def max_pool1d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *, ceil_mode: bool = False) -> Any:
    """The largest element of each window of x (samples, channels, length); what fills no window is left out.

    Args:
        x: the input.
        kernel_size: length of a window.
        stride: from one window to the next; default: `kernel_size`.
        padding: how far the windows reach over both ends, at most half of their length; nothing there is the largest.
        ceil_mode: whether a last window that is not filled counts too.

    Raises:
        OperandError: an input of other axes, or shorter than a window; a padding out of its range.

    >>> max_pool1d(np.array([[[1.0, 3.0, 2.0, 5.0]]]), 2)
    array([[[3., 5.]]])
    >>> max_pool1d(np.array([[[-1.0, -3.0, -2.0, -5.0]]]), 3, 2, padding=1)
    array([[[-1., -2.]]])
    """
    return _max_pool("max_pool1d", x, kernel_size, stride, padding, ceil_mode, 1)


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *, ceil_mode: bool = False) -> Any:
    """The largest element of each window of x (samples, channels, height, width).

    Elements that tie for the largest share the gradient equally. Arguments and errors are those of `max_pool1d`; sizes
    are a number or a pair (rows, columns).

    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _max_pool("max_pool2d", x, kernel_size, stride, padding, ceil_mode, 2)


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of x (samples, channels, length).

    Args:
        x: the input.
        kernel_size: length of a window.
        stride: from one window to the next; default: `kernel_size`.
        padding: zeros added at both ends, at most half of a window.
        ceil_mode: whether a last window that is not filled counts too; the mean is over what there is in it.
        count_include_pad: whether the zeros of `padding` count in the means.

    Raises:
        OperandError: an input of other axes, or shorter than a window; a padding out of its range.

    >>> avg_pool1d(np.array([[[1.0, 3.0, 2.0, 5.0]]]), 2)
    array([[[2. , 3.5]]])
    >>> avg_pool1d(np.array([[[1.0, 3.0, 2.0, 5.0]]]), 2, padding=1)
    array([[[0.5, 2.5, 2.5]]])
    >>> avg_pool1d(np.array([[[1.0, 3.0, 2.0, 5.0]]]), 2, padding=1, count_include_pad=False)
    array([[[1. , 2.5, 5. ]]])
    """
    return _avg_pool("avg_pool1d", x, kernel_size, stride, padding, ceil_mode, count_include_pad, 1)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of x (samples, channels, height, width).

    Arguments and errors are those of `avg_pool1d`; sizes are a number or a pair (rows, columns).

    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return _avg_pool("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, count_include_pad, 2)


class _Pool(Module):
    axes = 0
    function: Any = None

    @told_of_renamed
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, *, ceil_mode: bool = False) -> None:
        _sizes(type(self).__name__, kernel_size, stride, padding, self.axes)
        self.kernel_size, self.stride, self.padding, self.ceil_mode = kernel_size, stride, padding, ceil_mode

    def forward(self, x: Any) -> Any:
        """`x` has shape (samples, channels, ...)."""
        return type(self).function(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def extra_repr(self) -> str:
        """The arguments."""
        extra = "" if self.stride is None else f", stride={self.stride}"
        extra += f", padding={self.padding}" if np.any(self.padding) else ""
        return f"{self.kernel_size}{extra}" + (", ceil_mode=True" if self.ceil_mode else "")


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        """`x` has shape (samples, channels, ...)."""
        return type(self).function(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        """The arguments."""
        return super().extra_repr() + ("" if self.count_include_pad else ", count_include_pad=False")


class MaxPool1d(_Pool):
    """`max_pool1d` with its arguments as a layer.

    >>> MaxPool1d(2)(np.ones((5, 3, 8))).shape
    (5, 3, 4)
    """

    axes = 1
    function = staticmethod(max_pool1d)


class MaxPool2d(_Pool):
    """`max_pool2d` with its arguments as a layer.

    >>> MaxPool2d(2)(np.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    >>> MaxPool2d(3, stride=2, padding=1)
    MaxPool2d(3, stride=2, padding=1)
    """

    axes = 2
    function = staticmethod(max_pool2d)


class AvgPool1d(_AvgPool):
    """`avg_pool1d` with its arguments as a layer.

    >>> AvgPool1d(2)(np.ones((5, 3, 8))).shape
    (5, 3, 4)
    """

    axes = 1
    function = staticmethod(avg_pool1d)


class AvgPool2d(_AvgPool):
    """`avg_pool2d` with its arguments as a layer.

    >>> AvgPool2d(2)(np.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    axes = 2
    function = staticmethod(avg_pool2d)
