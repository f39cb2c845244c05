"""Recurrent cells and layers. Weights multiply from the right, (in, out), as in `Dense`; formulas are PyTorch's.

A cell takes one step, `(x, state) -> state`; a layer runs a cell over axis 1 of x (samples, steps, in_features) and
returns `(outputs, last state)`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand, sigmoid
from autograd_lite.nn.initializers import generator, initial
from autograd_lite.nn.layers import positive
from autograd_lite.nn.module import Module
from autograd_lite.renamed import told_of_renamed
from autograd_lite.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    """Weights of `gates` gates side by side, uniform within 1 / sqrt(hidden_size)."""

    gates = 1

    def __init__(self, in_features: int, hidden_size: int, *, seed: Any = None, dtype: Any = float) -> None:
        positive(type(self).__name__, in_features=in_features, hidden_size=hidden_size)
        self.hidden_size = hidden_size
        rng, scale = generator(seed), 1 / math.sqrt(hidden_size)
        width = self.gates * hidden_size

        def uniform(*shape: int) -> Tensor:
            return Tensor(initial("uniform", shape, rng, dtype, scale), requires_grad=True)

        self.weight_ih, self.weight_hh = uniform(in_features, width), uniform(hidden_size, width)
        self.bias_ih, self.bias_hh = uniform(width), uniform(width)

    def start(self, samples: int) -> Any:
        """The state before the first step: zeros."""
        return np.zeros((samples, self.hidden_size), self.weight_ih.dtype)

    def _input(self, x: Any) -> Any:
        x = operand(x, type(self).__name__)
        if x.ndim != 2 or x.shape[1] != self.weight_ih.shape[0]:
            raise OperandError(
                f"{self!r}: an input of shape {x.shape}; it must be (samples, {self.weight_ih.shape[0]})"
            )
        return x

    def _state(self, x: Any, h: Any) -> Any:
        h = operand(h, type(self).__name__)
        if h.shape != (x.shape[0], self.hidden_size):
            raise OperandError(
                f"{self!r}: a state of shape {h.shape} for {x.shape[0]} samples; it must be "
                f"({x.shape[0]}, {self.hidden_size})"
            )
        return h

    def _split(self, z: Any) -> list[Any]:
        size = self.hidden_size
        return [z[:, i * size : (i + 1) * size] for i in range(self.gates)]

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.weight_ih.shape[0]}, {self.hidden_size}"


class RNNCell(_Cell):
    """h' = tanh(x W_ih + b_ih + h W_hh + b_hh) (Elman, 1990).

    Args:
        in_features: of x (samples, in_features).
        hidden_size: of h (samples, hidden_size).
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the parameters.

    Raises:
        OperandError: a size that is not positive; in the call, an input or a state of another shape.

    >>> cell = RNNCell(3, 4, seed=0)
    >>> cell(np.ones((2, 3)), cell.start(2)).shape
    (2, 4)
    """

    def forward(self, x: Any, h: Any = None) -> Any:
        """One step from the state `h` (samples, hidden_size), or from zeros; `x` has shape (samples, in_features)."""
        x = self._input(x)
        h = self._state(x, self.start(len(x)) if h is None else h)
        return np.tanh(x @ self.weight_ih + self.bias_ih + (h @ self.weight_hh + self.bias_hh))


class GRUCell(_Cell):
    """The gated recurrent unit (Cho et al., 2014); the gates lie in the order reset, update, new.

    The arguments are those of `RNNCell`.

    >>> cell = GRUCell(3, 4, seed=0)
    >>> cell(np.ones((2, 3)), cell.start(2)).shape
    (2, 4)
    """

    gates = 3

    def forward(self, x: Any, h: Any = None) -> Any:
        """One step from the state `h` (samples, hidden_size), or from zeros; `x` has shape (samples, in_features)."""
        x = self._input(x)
        h = self._state(x, self.start(len(x)) if h is None else h)
        from_x = self._split(x @ self.weight_ih + self.bias_ih)
        from_h = self._split(h @ self.weight_hh + self.bias_hh)
        reset, update = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
        new = np.tanh(from_x[2] + reset * from_h[2])
        return new + update * (h - new)


class LSTMCell(_Cell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); gates in the order input, forget, cell, output.

    The arguments are those of `RNNCell`; the state is the pair (h, c).

    >>> cell = LSTMCell(3, 4, seed=0)
    >>> h, c = cell(np.ones((2, 3)), cell.start(2))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates = 4

    def start(self, samples: int) -> Any:
        """The pair (h, c) before the first step: zeros."""
        return super().start(samples), super().start(samples)

    def forward(self, x: Any, state: Any = None) -> Any:
        """One step from the pair `state`, or from zeros; `x` has shape (samples, in_features)."""
        x = self._input(x)
        state = self.start(len(x)) if state is None else state
        if not hasattr(state, "__len__") or len(state) != 2:
            raise OperandError(f"{self!r}: the state is no pair; it must be (h, c)")
        h, c = self._state(x, state[0]), self._state(x, state[1])
        z = self._split(x @ self.weight_ih + self.bias_ih + (h @ self.weight_hh + self.bias_hh))
        c = sigmoid(z[1]) * c + sigmoid(z[0]) * np.tanh(z[2])
        return sigmoid(z[3]) * np.tanh(c), c


class _Recurrent(Module):
    cell_type: Any = None

    @told_of_renamed
    def __init__(self, in_features: int, hidden_size: int, *, seed: Any = None, dtype: Any = float) -> None:
        self.cell = type(self).cell_type(in_features, hidden_size, seed=seed, dtype=dtype)

    def forward(self, x: Any, state: Any = None) -> Any:
        """`x` has shape (samples, steps, in_features); returns the outputs of all steps and the last state."""
        x = operand(x, type(self).__name__)
        features = self.cell.weight_ih.shape[0]
        if x.ndim != 3 or not x.shape[1] or x.shape[2] != features:
            raise OperandError(
                f"{type(self).__name__}: an input of shape {x.shape}; it must be (samples, steps, {features}) with at "
                f"least one step, and a single sample is x[None]"
            )
        state = self.cell.start(len(x)) if state is None else state
        outputs = []
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        return np.stack(outputs, axis=1), state


class RNN(_Recurrent):
    """`RNNCell` over the steps of x (samples, steps, in_features); the arguments are those of `RNNCell`.

    It returns the outputs (samples, steps, hidden_size) and the last state (samples, hidden_size).

    >>> outputs, h = RNN(3, 4, seed=0)(np.ones((2, 5, 3)))
    >>> outputs.shape, h.shape
    ((2, 5, 4), (2, 4))
    """

    cell_type = RNNCell


class GRU(_Recurrent):
    """`GRUCell` over the steps of x (samples, steps, in_features); arguments and results are those of `RNN`.

    >>> outputs, h = GRU(3, 4, seed=0)(np.ones((2, 5, 3)))
    >>> outputs.shape
    (2, 5, 4)
    """

    cell_type = GRUCell


class LSTM(_Recurrent):
    """`LSTMCell` over the steps of x (samples, steps, in_features); arguments and results are those of `RNN`.

    The last state is the pair (h, c).

    >>> outputs, (h, c) = LSTM(3, 4, seed=0)(np.ones((2, 5, 3)))
    >>> outputs.shape, c.shape
    ((2, 5, 4), (2, 4))
    """

    cell_type = LSTMCell
