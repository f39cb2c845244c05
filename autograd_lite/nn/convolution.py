"""Convolutions: the windows of the input as the columns of a matrix, and one matrix product.

Data lie as (samples, channels, length) or (samples, channels, height, width), filters as (out, in, ...), as in PyTorch.
"Convolution" means what neural networks mean by it: the filter is not turned round.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand
from autograd_lite.nn.initializers import initial
from autograd_lite.nn.layers import positive
from autograd_lite.nn.module import Module
from autograd_lite.nn.windows import checked_input, sizes_of, windows
from autograd_lite.renamed import told_of_renamed
from autograd_lite.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "conv1d", "conv2d"]


def _convolve(name: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    axes = weight.ndim - 2
    x = checked_input(name, x, axes)
    stride = sizes_of(name, "stride", stride, axes, 1)
    padding = sizes_of(name, "padding", padding, axes, 0)
    dilation = sizes_of(name, "dilation", dilation, axes, 1)
    positive(name, groups=groups)
    filters, channels, *size = weight.shape
    if 0 in size:
        raise OperandError(f"{name}: filters of shape {weight.shape} look at nothing; their sizes must be at least 1")
    if x.shape[1] != channels * groups:
        wanted = "axis 1 must be equal" if groups == 1 else f"{groups} groups of {channels} channels are needed"
        raise OperandError(f"{name}: an input of shape {x.shape} and filters of {weight.shape}; {wanted}")
    if filters % groups:
        raise OperandError(f"{name}: {filters} filters do not divide into {groups} groups; give a multiple of {groups}")
    if any(padding):
        x = np.pad(x, ((0, 0), (0, 0), *[(width, width) for width in padding]))
    seen = _seen(name, x, tuple(size), stride, dilation)
    samples, places = x.shape[0], seen.shape[2 + axes :]
    # each column of a matrix is one window; there is one matrix for each sample, or one for each group of its channels
    apart = () if groups == 1 else (groups,)
    columns = seen.reshape(samples, *apart, channels * math.prod(size), math.prod(places))
    y = weight.reshape(*apart, filters // groups, channels * math.prod(size)) @ columns
    y = y.reshape(samples, filters, *places)
    if bias is None:
        return y
    bias = operand(bias)
    if bias.shape != (filters,):
        raise OperandError(f"{name}: a bias of shape {bias.shape} for {filters} filters; it must be ({filters},)")
    return y + bias.reshape(filters, *[1] * axes)


def _seen(name: str, x: Any, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """What each element of a filter sees at each place, (samples, channels, *size, *places)."""
    axes = len(size)
    if dilation == (1,) * axes:
        view = windows(name, x, size, stride)
        return view.transpose(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    spans = [step * (length - 1) + 1 for length, step in zip(size, dilation, strict=True)]
    if any(length < span for length, span in zip(x.shape[2:], spans, strict=True)):
        raise OperandError(
            f"{name}: filters of {size} with dilation={dilation} do not fit into an input of shape {x.shape}; make "
            f"either smaller"
        )
    places = [(length - span) // step + 1 for length, span, step in zip(x.shape[2:], spans, stride, strict=True)]
    # One slice for each element: the gradient of a view would be as large as windows without holes.
    parts = []
    for element in itertools.product(*map(range, size)):
        starts = [position * step for position, step in zip(element, dilation, strict=True)]
        ends = [start + (count - 1) * step + 1 for start, count, step in zip(starts, places, stride, strict=True)]
        parts.append(x[(slice(None), slice(None), *map(slice, starts, ends, stride))])
    return np.stack(parts, axis=2).reshape(*x.shape[:2], *size, *places)


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolve x (samples, in, length) with weight (out, in / groups, size).

    Args:
        x: Tensor or array.
        weight: the filters.
        bias: (out,), or None.
        stride: distance between windows.
        padding: zeros added at both ends.
        dilation: distance between the elements that a filter looks at (Yu and Koltun, 2016).
        groups: into how many groups the channels fall, of x and of the result. Each group of filters sees its group of
            channels alone; as many groups as channels make the convolution depthwise.

    Raises:
        OperandError: another number of axes or channels, channels that do not divide into the groups, a filter longer
            than the input.

    >>> conv1d(np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, 1.0]]]))
    array([[[1., 3., 5., 7.]]])
    >>> conv1d(np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, 1.0]]]), dilation=3)
    array([[[3., 5.]]])
    """
    weight = operand(weight)
    if weight.ndim != 3:
        raise OperandError(f"conv1d: filters of shape {weight.shape}; they must be (out, in, size)")
    return _convolve("conv1d", x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolve x (samples, in, height, width) with weight (out, in / groups, rows, columns).

    Args:
        x: Tensor or array.
        weight: the filters.
        bias: (out,), or None.
        stride: distance between windows, one number or two.
        padding: zeros added on every side, one number or two.
        dilation: distance between the elements that a filter looks at, one number or two.
        groups: into how many groups the channels fall, as in `conv1d`.

    Raises:
        OperandError: another number of axes or channels, channels that do not divide into the groups, a filter larger
            than the input.

    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
    array([[[[4., 4.],
             [4., 4.]]]])
    """
    weight = operand(weight)
    if weight.ndim != 4:
        raise OperandError(f"conv2d: filters of shape {weight.shape}; they must be (out, in, rows, columns)")
    return _convolve("conv2d", x, weight, bias, stride, padding, dilation, groups)


class _Conv(Module):
    axes = 0
    function: Any = None

    @told_of_renamed
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        init: Any = "he_uniform",
        seed: Any = None,
        dtype: Any = float,
    ) -> None:
        name = type(self).__name__
        positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise OperandError(
                f"{name}: {in_channels} channels in and {out_channels} out do not divide into {groups} groups; give "
                f"multiples of {groups}"
            )
        size = sizes_of(name, "kernel_size", kernel_size, self.axes, 1)
        self.stride = sizes_of(name, "stride", stride, self.axes, 1)
        self.padding = sizes_of(name, "padding", padding, self.axes, 0)
        self.dilation = sizes_of(name, "dilation", dilation, self.axes, 1)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *size)
        self.weight = Tensor(initial(init, shape, seed, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(out_channels, dtype), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """`x` has shape (samples, in_channels, ...)."""
        return type(self).function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """The arguments."""
        out, channels, *size = self.weight.shape
        ones = (1,) * self.axes
        extra = f", stride={self.stride}" if self.stride != ones else ""
        extra += f", padding={self.padding}" if any(self.padding) else ""
        extra += f", dilation={self.dilation}" if self.dilation != ones else ""
        extra += f", groups={self.groups}" if self.groups > 1 else ""
        extra += "" if self.bias is not None else ", bias=False"
        return f"{channels * self.groups}, {out}, {tuple(size)}{extra}"


class Conv1d(_Conv):
    """`conv1d` with filters and a bias of its own.

    Args:
        in_channels: of x (samples, in_channels, length).
        out_channels: of the result.
        kernel_size: length of a filter.
        stride: distance between windows.
        padding: zeros added at both ends.
        dilation: distance between the elements that a filter looks at.
        groups: see `conv1d`; a divisor of `in_channels` and of `out_channels`.
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
        dilation: distance between the elements that a filter looks at, one number or two.
        groups: see `conv1d`; a divisor of `in_channels` and of `out_channels`.
        bias: whether to add one, initially zero.
        init: see `nn.initial`.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the parameters.

    >>> Conv2d(1, 4, 3, padding=1, seed=0)(np.ones((5, 1, 8, 8))).shape
    (5, 4, 8, 8)
    >>> Conv2d(4, 8, 3, dilation=2, groups=4)
    Conv2d(4, 8, (3, 3), dilation=(2, 2), groups=4)
    """

    axes = 2
    function = staticmethod(conv2d)
