"""Normalisation: of each sample (`LayerNorm`), or of each channel over a batch (`BatchNorm1d`, `BatchNorm2d`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.custom import recomputing
from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand
from autograd_lite.nn.layers import positive
from autograd_lite.nn.module import Module
from autograd_lite.nn.reduction import real_only, widened
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


def _within(layer: str, name: str, value: Any, most: float) -> None:
    """Refuse what is no finite number from 0 to `most`."""
    try:
        fits = bool(0 <= value <= most and value < math.inf)
    except (TypeError, ValueError):  # no number
        fits = False
    if not fits:
        wanted = f"a number from 0 to {most}" if most < math.inf else "a finite number, not negative"
        raise OperandError(f"{layer}: {name}={value!r:.60}; it must be {wanted}")


def _standardised(x: Any, centred: Any, variance: Any, eps: float) -> Any:
    """Deviations over their root mean square, in the dtype of `x`."""
    scaled = centred / np.sqrt(variance + eps)
    return scaled.astype(x.dtype) if x.dtype == np.float16 else scaled


class LayerNorm(Module):
    """Each sample's last axis to mean 0 and variance 1, then times `weight` plus `bias` (Ba, Kiros and Hinton, 2016).

    Args:
        features: length of the last axis.
        eps: added to the variance.
        dtype: of the parameters.

    >>> LayerNorm(2)(np.array([[1.0, 3.0]])).round(4)
    tensor([[-1.,  1.]], op='round')
    """

    def __init__(self, features: int, eps: float = 1e-5, dtype: Any = float) -> None:
        positive("LayerNorm", features=features)
        _within("LayerNorm", "eps", eps, math.inf)
        self.eps = eps
        self.weight = Tensor(np.ones(features, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(features, dtype), requires_grad=True)

    def forward(self, x: Any) -> Any:
        """`x` has shape (..., features)."""
        x = real_only(type(self).__name__, operand(x, type(self).__name__))
        if not x.ndim or x.shape[-1] != self.weight.shape[0]:
            raise OperandError(
                f"{self!r}: an input of shape {x.shape} does not end in {self.weight.shape[0]} features; give one that "
                f"does, or change features"
            )
        wide = widened(x)
        centred = wide - wide.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        return _standardised(x, centred, variance, self.eps) * self.weight + self.bias

    def extra_repr(self) -> str:
        """The number of features."""
        return str(self.weight.shape[0])


class _BatchNorm(Module):
    axes: tuple[int, ...] = ()

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1, dtype: Any = float) -> None:
        positive(type(self).__name__, features=features)
        _within(type(self).__name__, "eps", eps, math.inf)
        _within(type(self).__name__, "momentum", momentum, 1)
        self.eps, self.momentum = eps, momentum
        self.weight = Tensor(np.ones(features, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(features, dtype), requires_grad=True)
        self.running_mean = np.zeros(features, dtype)
        self.running_var = np.ones(features, dtype)

    def forward(self, x: Any) -> Any:
        """`x` has the channels on axis 1."""
        x = real_only(type(self).__name__, operand(x, type(self).__name__))
        features = self.weight.shape[0]
        allowed = (2, 3) if len(self.axes) == 1 else (4,)
        if x.ndim not in allowed or x.shape[1] != features:
            raise OperandError(
                f"{self!r}: an input of shape {x.shape}; it must have {' or '.join(map(str, allowed))} axes and "
                f"{features} channels on axis 1"
            )
        axes = (0, *range(2, x.ndim))
        shape = (1, features, *[1] * (x.ndim - 2))
        if not self.training:
            mean, variance = self.running_mean.reshape(shape), self.running_var.reshape(shape)
            scaled = (x - mean) / np.sqrt(variance + self.eps)
            return scaled * self.weight.reshape(shape) + self.bias.reshape(shape)
        count = x.size // features
        if count < 2:
            raise OperandError(
                f"{self!r}: {count} value per channel in an input of shape {x.shape} has no variance; "
                f"use a larger batch, or eval() for a single sample"
            )
        wide = widened(x)
        mean = wide.mean(axis=axes, keepdims=True)
        centred = wide - mean
        variance = (centred * centred).mean(axis=axes, keepdims=True)
        scaled = _standardised(x, centred, variance, self.eps)
        y = scaled * self.weight.reshape(shape) + self.bias.reshape(shape)
        if recomputing():  # the forward pass has counted this batch
            return y
        kept = 1 - self.momentum
        new_mean = kept * self.running_mean + self.momentum * numbers_of(mean).reshape(-1)
        unbiased = numbers_of(variance).reshape(-1) * (count / (count - 1))
        new_var = kept * self.running_var + self.momentum * unbiased
        # in place: these arrays are state, found and loaded under their names; now, when nothing can fail any more
        self.running_mean[...] = new_mean
        self.running_var[...] = new_var
        return y

    def extra_repr(self) -> str:
        """The number of features."""
        return str(self.weight.shape[0])


class BatchNorm1d(_BatchNorm):
    """Each channel of x (samples, features) or (samples, features, length) to mean 0 and variance 1 over the batch.

    In evaluation the running mean and variance take the place of the batch's (Ioffe and Szegedy, 2015).

    Args:
        features: the number of channels, on axis 1.
        eps: added to the variance.
        momentum: the weight of a new batch in the running mean and (unbiased) variance.
        dtype: of the parameters.

    >>> layer = BatchNorm1d(1)
    >>> layer(np.array([[1.0], [3.0]])).round(4).tolist()
    [[-1.0], [1.0]]
    >>> layer.running_mean
    array([0.2])
    """

    axes = (0,)


class BatchNorm2d(_BatchNorm):
    """Each channel of x (samples, features, height, width) to mean 0 and variance 1 over the batch.

    The arguments `features`, `eps`, `momentum` and `dtype` are those of `BatchNorm1d`.

    >>> BatchNorm2d(3)(np.zeros((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    axes = (0, 2)
