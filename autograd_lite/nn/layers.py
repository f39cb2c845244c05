"""The plainest layers: `Dense`, `Dropout`, `Embedding`, `Flatten`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand, signed
from autograd_lite.nn.initializers import generator, initial
from autograd_lite.nn.module import Module
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor

__all__ = ["Dense", "Dropout", "Embedding", "Flatten"]


def positive(layer: str, **sizes: Any) -> None:
    """Refuse sizes that are not positive integers."""
    for name, size in sizes.items():
        if not hasattr(size, "__index__") or size < 1:
            raise OperandError(f"{layer}: {name}={size!r}; it must be a positive integer")


class Dense(Module):
    """y = x @ weight + bias.

    Args:
        in_features: length of the last axis of x.
        out_features: length of the last axis of y.
        bias: whether to add one, initially zero.
        init: how `weight`, of shape (in_features, out_features), is initialised; see `nn.initial`.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of both parameters.
        scale: what `nn.initial` makes of it.

    Raises:
        OperandError: a size that is not positive; in the call, an x of another width.

    >>> layer = Dense(3, 2, seed=0)
    >>> layer(np.ones((4, 3))).shape
    (4, 2)
    >>> layer.weight.shape, layer.bias.shape
    ((3, 2), (2,))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: Any = "he_uniform",
        seed: Any = None,
        dtype: Any = float,
        scale: float = 1.0,
    ) -> None:
        positive("Dense", in_features=in_features, out_features=out_features)
        self.weight = Tensor(initial(init, (in_features, out_features), seed, dtype, scale), requires_grad=True)
        self.bias = Tensor(np.zeros(out_features, dtype), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """`x` has shape (..., in_features), the result (..., out_features)."""
        x = operand(x, type(self).__name__)
        if not x.ndim or x.shape[-1] != self.weight.shape[0]:
            raise OperandError(
                f"{self!r}: an input of shape {x.shape} does not end in {self.weight.shape[0]} features; "
                f"give one that does, or change in_features"
            )
        y = x @ self.weight
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """The arguments."""
        return ", ".join(map(str, self.weight.shape)) + ("" if self.bias is not None else ", bias=False")


class Dropout(Module):
    """In training, sets each element to 0 with probability `p` and divides the others by 1 - p.

    In evaluation it does nothing. Srivastava et al. (2014), in the inverted form.

    Args:
        p: from 0 to below 1.
        seed: a `numpy.random.Generator`, a seed, or None.

    Raises:
        OperandError: a `p` out of its range.

    >>> drop = Dropout(0.5, seed=0)
    >>> drop(np.ones(4))
    array([2., 0., 0., 0.])
    >>> drop.eval()(np.ones(4))
    array([1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, seed: Any = None) -> None:
        if not 0 <= p < 1:
            raise OperandError(f"Dropout: p={p}; it must be at least 0 and below 1")
        self.p = p
        self._rng = generator(seed)

    def forward(self, x: Any) -> Any:
        """`x` of any shape."""
        x = signed(x, type(self).__name__)
        if not self.training or not self.p:
            return x
        kept = self._rng.random(x.shape) >= self.p
        return x * (kept / (1 - self.p)).astype(x.dtype)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Embedding(Module):
    """A row of `weight`, of shape (num_embeddings, embedding_dim), for each integer.

    Args:
        num_embeddings: how many integers there are, counted from 0.
        embedding_dim: length of a row.
        init: see `nn.initial`.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the weight.
        scale: what `nn.initial` makes of it.

    Raises:
        OperandError: in the call, numbers that are not integers or out of range.

    >>> Embedding(10, 4, seed=0)(np.array([[1, 2, 1]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        init: Any = "normal",
        seed: Any = None,
        dtype: Any = float,
        scale: float = 1.0,
    ) -> None:
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = Tensor(initial(init, (num_embeddings, embedding_dim), seed, dtype, scale), requires_grad=True)

    def forward(self, x: Any) -> Any:
        """`x` holds integers, of any shape; the result has one more axis."""
        indices = numbers_of(operand(x, "Embedding"))
        count = self.weight.shape[0]
        if indices.dtype.kind not in "iu":
            raise OperandError(f"{self!r}: indices of dtype {indices.dtype}; they must be integers, .astype(int)")
        if indices.size and not (indices.min() >= 0 and indices.max() < count):
            cure = "count from 0" if indices.min() < 0 else "or make num_embeddings larger"
            raise OperandError(
                f"{self!r}: indices from {indices.min()} to {indices.max()}; there are rows 0 to {count - 1}, {cure}"
            )
        return self.weight[indices]

    def extra_repr(self) -> str:
        """The arguments."""
        return ", ".join(map(str, self.weight.shape))


class Flatten(Module):
    """All axes from `start` on as one.

    Raises:
        OperandError: in the call, an input of fewer axes than `start`.

    >>> Flatten()(np.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, start: int = 1) -> None:
        self.start = start

    def forward(self, x: Any) -> Any:
        """`x` has at least `start` axes."""
        x = operand(x, type(self).__name__)
        if x.ndim < self.start:
            raise OperandError(f"Flatten: an input of shape {x.shape} has fewer than {self.start} axes")
        kept = x.shape[: self.start]
        return x.reshape(*kept, int(np.prod(x.shape[self.start :])))
