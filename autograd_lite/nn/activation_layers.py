"""Activations as Modules, for whoever writes `Sequential(Dense(2, 8), ReLU())`: each calls the function of its name."""

from __future__ import annotations

from typing import Any

from autograd_lite.nn import activations
from autograd_lite.nn.module import Module
from autograd_lite.renamed import told_of_renamed

__all__ = ["ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


class ReLU(Module):
    """`relu` as a Module.

    >>> ReLU()([-1.0, 2.0])
    array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.relu(x)


class LeakyReLU(Module):
    """`leaky_relu` with its `negative_slope` as a Module.

    >>> LeakyReLU(0.1)([-1.0, 2.0])
    array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """`elu` with its `alpha` as a Module.

    >>> ELU()([0.0, 2.0])
    array([0., 2.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The scale of the negative part."""
        return f"alpha={self.alpha}"


class GELU(Module):
    """`gelu` as a Module; `approximate` is "none" or "tanh".

    >>> GELU()([0.0, 10.0])
    array([ 0., 10.])
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Which of the two formulas."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """`silu` as a Module.

    >>> SiLU()([0.0])
    array([0.])
    """

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.silu(x)


class Sigmoid(Module):
    """`sigmoid` as a Module.

    >>> Sigmoid()([0.0])
    array([0.5])
    """

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.sigmoid(x)


class Tanh(Module):
    """`tanh` as a Module.

    >>> Tanh()([0.0])
    array([0.])
    """

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.tanh(x)


class Softplus(Module):
    """`softplus` as a Module.

    >>> Softplus()([1e4])
    array([10000.])
    """

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        return activations.softplus(x)


class Softmax(Module):
    """`softmax` along one axis as a Module.

    >>> Softmax()([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """

    @told_of_renamed
    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """`x` of any shape with that axis."""
        return activations.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"


class LogSoftmax(Module):
    """`log_softmax` along one axis as a Module.

    >>> LogSoftmax()([[0.0, 1e4]])
    array([[-10000.,      0.]])
    """

    @told_of_renamed
    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """`x` of any shape with that axis."""
        return activations.log_softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"
