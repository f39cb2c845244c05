"""Convolutions and pooling: windows of the input as a view, and one matrix product.

Data lie as (samples, channels, length) or (samples, channels, height, width), filters as (out, in, ...), as in PyTorch.
"Convolution" means what neural networks mean by it: the filter is not turned round.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand
from autograd_lite.nn.initializers import initial
from autograd_lite.nn.layers import positive
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "MaxPool1d",
    "MaxPool2d",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "max_pool1d",
    "max_pool2d",
]


def _sizes(name: str, what: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """One integer per spatial axis, from one integer or a tuple."""
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(sizes) != axes or any(not hasattr(size, "__index__") or size < least for size in sizes):
        raise OperandError(f"{name}: {what}={value!r}; it must be an integer of at least {least}, or {axes} of them")
    return sizes


def _windows(name: str, x: Any, size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """A view of x (n, channels, *space) as (n, channels, *places, *size)."""
    axes = len(size)
    space = x.shape[2:]
    if any(length < window for length, window in zip(space, size, strict=True)):
        raise OperandError(f"{name}: windows of {size} do not fit into an input of shape {x.shape}; make them smaller")
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=tuple(range(2, 2 + axes)))
    if stride != (1,) * axes:
        windows = windows[(slice(None), slice(None), *[slice(None, None, step) for step in stride])]
    return windows


def _input(name: str, x: Any, axes: int) -> Any:
    x = operand(x)
    if x.ndim != 2 + axes:
        space = "length" if axes == 1 else "height, width"
        raise OperandError(f"{name}: an input of shape {x.shape}; it must be (samples, channels, {space})")
    return x


def _convolve(name: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any) -> Any:
    axes = operand(weight).ndim - 2
    x, weight = _input(name, x, axes), operand(weight)
    stride = _sizes(name, "stride", stride, axes, 1)
    padding = _sizes(name, "padding", padding, axes, 0)
    filters, channels, *size = weight.shape
    if x.shape[1] != channels:
        raise OperandError(f"{name}: an input of shape {x.shape} and filters of {weight.shape}; axis 1 must be equal")
    if any(padding):
        x = np.pad(x, ((0, 0), (0, 0), *[(width, width) for width in padding]))
    windows = _windows(name, x, tuple(size), stride)
    samples, _, *places = windows.shape[: 2 + axes]
    # (n, channels, *size, *places): each column of a sample's matrix is one window
    order = (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    columns = windows.transpose(order).reshape(samples, channels * math.prod(size), math.prod(places))
    y = (weight.reshape(filters, channels * math.prod(size)) @ columns).reshape(samples, filters, *places)
    if bias is None:
        return y
    bias = operand(bias)
    if bias.shape != (filters,):
        raise OperandError(f"{name}: a bias of shape {bias.shape} for {filters} filters; it must be ({filters},)")
    return y + bias.reshape(filters, *[1] * axes)


def conv1d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0) -> Any:
    """Convolve x (samples, in, length) with weight (out, in, size).

    Args:
        x: Tensor or array.
        weight: the filters.
        bias: (out,), or None.
        stride: distance between windows.
        padding: zeros added at both ends.

    Raises:
        OperandError: another number of axes or channels, a filter longer than the input.

    >>> conv1d(np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, 1.0]]]))
    array([[[1., 3., 5., 7.]]])
    """
    if operand(weight).ndim != 3:
        raise OperandError(f"conv1d: filters of shape {operand(weight).shape}; they must be (out, in, size)")
    return _convolve("conv1d", x, weight, bias, stride, padding)


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0) -> Any:
    """Convolve x (samples, in, height, width) with weight (out, in, rows, columns).

    Args:
        x: Tensor or array.
        weight: the filters.
        bias: (out,), or None.
        stride: distance between windows, one number or two.
        padding: zeros added on every side, one number or two.

    Raises:
        OperandError: another number of axes or channels, a filter larger than the input.

    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
    array([[[[4., 4.],
             [4., 4.]]]])
    """
    if operand(weight).ndim != 4:
        raise OperandError(f"conv2d: filters of shape {operand(weight).shape}; they must be (out, in, rows, columns)")
    return _convolve("conv2d", x, weight, bias, stride, padding)


def _pool(name: str, x: Any, size: Any, stride: Any, axes: int, reduce: Any) -> Any:
    x = _input(name, x, axes)
    size = _sizes(name, "kernel_size", size, axes, 1)
    stride = size if stride is None else _sizes(name, "stride", stride, axes, 1)
    if stride == size and all(length >= window for length, window in zip(x.shape[2:], size, strict=True)):
        # windows that do not overlap are a reshape, which costs less than a view of windows
        places = [length // window for length, window in zip(x.shape[2:], size, strict=True)]
        whole = tuple([slice(0, count * window) for count, window in zip(places, size, strict=True)])
        if any(length != cut.stop for length, cut in zip(x.shape[2:], whole, strict=True)):
            x = x[(slice(None), slice(None), *whole)]
        split = [part for pair in zip(places, size, strict=True) for part in pair]
        return reduce(x.reshape(*x.shape[:2], *split), axis=tuple(range(3, 3 + 2 * axes, 2)))
    return reduce(_windows(name, x, size, stride), axis=tuple(range(2 + axes, 2 + 2 * axes)))


def max_pool1d(x: Any, kernel_size: Any, stride: Any = None) -> Any:
    """The largest element of each window of x (samples, channels, length); what fills no window is left out.

    Args:
        x: the input.
        kernel_size: length of a window.
        stride: from one window to the next; default: `kernel_size`.

    Raises:
        OperandError: an input of other axes, or shorter than a window.

    >>> max_pool1d(np.array([[[1.0, 3.0, 2.0, 5.0]]]), 2)
    array([[[3., 5.]]])
    """
    return _pool("max_pool1d", x, kernel_size, stride, 1, np.max)


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None) -> Any:
    """The largest element of each window of x (samples, channels, height, width).

    Elements that tie for the largest share the gradient equally. Arguments and errors are those of `max_pool1d`; sizes
    are a number or a pair (rows, columns).

    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _pool("max_pool2d", x, kernel_size, stride, 2, np.max)


def avg_pool1d(x: Any, kernel_size: Any, stride: Any = None) -> Any:
    """The mean of each window of x (samples, channels, length); arguments and errors are those of `max_pool1d`.

    >>> avg_pool1d(np.array([[[1.0, 3.0, 2.0, 5.0]]]), 2)
    array([[[2. , 3.5]]])
    """
    return _pool("avg_pool1d", x, kernel_size, stride, 1, np.mean)


def avg_pool2d(x: Any, kernel_size: Any, stride: Any = None) -> Any:
    """The mean of each window of x (samples, channels, height, width); arguments and errors as in `max_pool2d`.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return _pool("avg_pool2d", x, kernel_size, stride, 2, np.mean)


class _Conv(Module):
    axes = 0
    function: Any = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        bias: bool = True,
        *,
        init: Any = "he_uniform",
        seed: Any = None,
        dtype: Any = float,
    ) -> None:
        name = type(self).__name__
        positive(name, in_channels=in_channels, out_channels=out_channels)
        size = _sizes(name, "kernel_size", kernel_size, self.axes, 1)
        self.stride = _sizes(name, "stride", stride, self.axes, 1)
        self.padding = _sizes(name, "padding", padding, self.axes, 0)
        self.weight = Tensor(initial(init, (out_channels, in_channels, *size), seed, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(out_channels, dtype), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """`x` has shape (samples, in_channels, ...)."""
        return type(self).function(x, self.weight, self.bias, self.stride, self.padding)

    def extra_repr(self) -> str:
        """The arguments."""
        out, channels, *size = self.weight.shape
        extra = f", stride={self.stride}" if self.stride != (1,) * self.axes else ""
        extra += f", padding={self.padding}" if any(self.padding) else ""
        return f"{channels}, {out}, {tuple(size)}{extra}" + ("" if self.bias is not None else ", bias=False")


class Conv1d(_Conv):
    """`conv1d` with filters and a bias of its own.

    Args:
        in_channels: of x (samples, in_channels, length).
        out_channels: of the result.
        kernel_size: length of a filter.
        stride: distance between windows.
        padding: zeros added at both ends.
        bias: whether to add one, initially zero.
        init: see `nn.initial`.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the parameters.

    >>> Conv1d(2, 4, 3, padding=1, seed=0)(np.ones((5, 2, 7))).shape
    (5, 4, 7)
    """

    axes = 1
    function = staticmethod(conv1d)


class Conv2d(_Conv):
    """`conv2d` with filters and a bias of its own.

    Args:
        in_channels: of x (samples, in_channels, height, width).
        out_channels: of the result.
        kernel_size: rows and columns of a filter, one number or two.
        stride: distance between windows, one number or two.
        padding: zeros added on every side, one number or two.
        bias: whether to add one, initially zero.
        init: see `nn.initial`.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the parameters.

    >>> Conv2d(1, 4, 3, padding=1, seed=0)(np.ones((5, 1, 8, 8))).shape
    (5, 4, 8, 8)
    """

    axes = 2
    function = staticmethod(conv2d)


class _Pool(Module):
    function: Any = None

    def __init__(self, kernel_size: Any, stride: Any = None) -> None:
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Any) -> Any:
        """`x` has shape (samples, channels, ...)."""
        return type(self).function(x, self.kernel_size, self.stride)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.kernel_size}" + ("" if self.stride is None else f", stride={self.stride}")


class MaxPool1d(_Pool):
    """`max_pool1d` with its `kernel_size` and `stride` as a layer.

    >>> MaxPool1d(2)(np.ones((5, 3, 8))).shape
    (5, 3, 4)
    """

    function = staticmethod(max_pool1d)


class MaxPool2d(_Pool):
    """`max_pool2d` with its `kernel_size` and `stride` as a layer.

    >>> MaxPool2d(2)(np.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    function = staticmethod(max_pool2d)


class AvgPool1d(_Pool):
    """`avg_pool1d` with its `kernel_size` and `stride` as a layer.

    >>> AvgPool1d(2)(np.ones((5, 3, 8))).shape
    (5, 3, 4)
    """

    function = staticmethod(avg_pool1d)


class AvgPool2d(_Pool):
    """`avg_pool2d` with its `kernel_size` and `stride` as a layer.

    >>> AvgPool2d(2)(np.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    function = staticmethod(avg_pool2d)
