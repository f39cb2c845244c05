"""Scaled dot-product attention, several heads of it, and the transformer block (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import gelu, operand, softmax
from autograd_lite.nn.initializers import generator
from autograd_lite.nn.layers import Dense, Dropout, positive
from autograd_lite.nn.module import Module
from autograd_lite.nn.normalization import LayerNorm
from autograd_lite.nn.reduction import real_only, repeats_to
from autograd_lite.rules.table import numbers_of

__all__ = ["MultiheadAttention", "TransformerBlock", "scaled_dot_product_attention"]


def scaled_dot_product_attention(query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    """softmax(query key^T / sqrt(width)) value.

    Args:
        query: (..., positions, width).
        key: (..., sources, width).
        value: (..., sources, value width).
        mask: something that broadcasts to (..., positions, sources): booleans, true where a position may look; or
            floating numbers that are added to the scores query key^T / sqrt(width), a bias, -inf where it may not. A
            mask that is a Tensor gets a gradient. Default: None.

    Raises:
        OperandError: shapes that do not fit; a mask of another dtype, one with NaN or infinity, one that leaves a
            position nothing to look at, one of floating zeros and ones, which is meant to be boolean.

    >>> scaled_dot_product_attention(np.zeros((1, 2)), np.zeros((2, 2)), np.array([[1.0], [3.0]]))
    array([[2.]])
    >>> scaled_dot_product_attention(np.zeros((1, 2)), np.zeros((2, 2)), np.array([[1.0], [3.0]]), [[np.log(3), 0.0]])
    array([[1.5]])
    """
    query, key, value = (operand(x, "scaled_dot_product_attention") for x in (query, key, value))
    shapes = query.shape, key.shape, value.shape
    if min(map(len, shapes)) < 2 or query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise OperandError(
            f"scaled_dot_product_attention: query, key and value of shapes {', '.join(map(str, shapes))}; they must be "
            f"(..., positions, width), (..., sources, width) and (..., sources, value width)"
        )
    if query.shape[-2] and not key.shape[-2]:
        raise OperandError(
            f"scaled_dot_product_attention: a key of shape {key.shape} has no sources to look at; give at least one"
        )
    real_only("scaled_dot_product_attention", query)
    real_only("scaled_dot_product_attention", key)
    # the factor first: half floats hold the scores, but not always what is sqrt(width) times as large
    scores = query * (1 / math.sqrt(query.shape[-1])) @ np.swapaxes(key, -1, -2)
    if mask is not None:
        scores = _masked("scaled_dot_product_attention", scores, mask)
    return softmax(scores) @ value


def _masked(name: str, scores: Any, mask: Any) -> Any:
    """The scores, -inf where a boolean mask is false; or with a floating one added."""
    mask = operand(mask, f"{name}: mask")
    if mask.dtype.kind not in "bf":
        raise OperandError(
            f"{name}: a mask of dtype {mask.dtype} and shape {mask.shape}; it must be boolean, true where a position "
            f"may look, or floating, to be added to the scores"
        )
    if not repeats_to(mask.shape, scores.shape):
        raise OperandError(
            f"{name}: a mask of shape {mask.shape} for scores of shape {scores.shape}; give (positions, sources), or "
            f"one that broadcasts to the scores"
        )
    if mask.dtype == bool:
        return np.where(_seeing(name, numbers_of(mask), "true"), scores, -np.inf)
    if mask.dtype != scores.dtype:
        with np.errstate(over="ignore"):  # what hides a source in a wider dtype is infinite in half floats
            mask = mask.astype(scores.dtype)
    numbers = numbers_of(mask)
    if not (numbers < np.inf).all():
        raise OperandError(
            f"{name}: a mask of shape {mask.shape} with NaN or infinity; what is added to the scores must be finite, "
            f"or -inf to hide a source"
        )
    _seeing(name, numbers > -np.inf, "larger than -inf")
    if not getattr(mask, "requires_grad", False) and _zeros_and_ones(numbers):
        raise OperandError(
            f"{name}: a floating mask of zeros and ones, of shape {mask.shape}, would be added to the scores; give "
            f"mask.astype(bool) if it says where to look, or else mask - 1, which adds the same but for a constant"
        )
    return scores + mask


def _seeing(name: str, visible: Any, wanted: str) -> Any:
    """`visible`, which must be true somewhere in every row."""
    if not np.atleast_1d(visible).any(axis=-1).all():
        raise OperandError(
            f"{name}: a mask of shape {visible.shape} leaves a position nothing to look at; it must be {wanted} at "
            f"least once in every row"
        )
    return visible


def _zeros_and_ones(numbers: Any) -> bool:
    """Whether there are both, and nothing else."""
    return bool(numbers.size and numbers.min() == 0 and numbers.max() == 1 and (numbers == numbers.astype(bool)).all())


class MultiheadAttention(Module):
    """Attention in several subspaces at once, between dense layers.

    Args:
        features: width of inputs and outputs, a multiple of `heads`.
        heads: the number of subspaces.
        bias: whether the dense layers have one.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the parameters.

    Raises:
        OperandError: `features` is no multiple of `heads`; an input of another width.

    >>> MultiheadAttention(8, 2, seed=0)(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(self, features: int, heads: int, bias: bool = True, *, seed: Any = None, dtype: Any = float) -> None:
        positive("MultiheadAttention", features=features, heads=heads)
        if features % heads:
            raise OperandError(f"MultiheadAttention: {features} features do not divide into {heads} heads")
        self.heads = heads
        rng = generator(seed)
        self.query, self.key, self.value, self.output = (
            Dense(features, features, bias, init="glorot_uniform", seed=rng, dtype=dtype) for _ in range(4)
        )

    def forward(self, x: Any, source: Any = None, mask: Any = None) -> Any:
        """`x` (..., positions, features) looks at `source` (..., sources, features), by default at itself.

        `mask` (positions, sources), or one that broadcasts to (..., heads, positions, sources), is that of
        `scaled_dot_product_attention`: booleans, true where a position may look, or floating numbers to add to the
        scores. One for each sample, (samples, positions, sources), is `mask[:, None]`.

        Raises:
            OperandError: a mask of three axes that is as long as there are samples, and so may be one for each of them
                or for each head: give `mask[:, None]` or `mask[None]`.
        """
        x = operand(x, type(self).__name__)
        source = x if source is None else operand(source, type(self).__name__)
        if x.ndim < 2 or source.ndim < 2:
            raise OperandError(f"{self!r}: an input of shape {x.shape}; it must be (..., positions, features)")
        shape = np.shape(mask)
        if mask is not None and shape == source.shape and shape[-2] != shape[-1]:
            raise OperandError(
                f"MultiheadAttention: a mask of shape {shape}, which is that of the source; of query, key and value "
                f"only the query x and one source are given, and a mask is (positions, sources)"
            )
        if 3 <= len(shape) <= x.ndim and shape[-3] == x.shape[-3] > 1:
            raise OperandError(
                f"MultiheadAttention: a mask of shape {shape} for {x.shape[-3]} samples and {self.heads} heads; give "
                f"mask[:, None] if it is one for each sample, mask[None] if it is one for each head"
            )
        query, key, value = self._split(self.query(x)), self._split(self.key(source)), self._split(self.value(source))
        mixed = np.swapaxes(scaled_dot_product_attention(query, key, value, mask), -2, -3)
        return self.output(mixed.reshape(*mixed.shape[:-2], x.shape[-1]))

    def _split(self, z: Any) -> Any:
        """(..., positions, features) -> (..., heads, positions, width)"""
        *rest, positions, features = z.shape
        return np.swapaxes(z.reshape(*rest, positions, self.heads, features // self.heads), -2, -3)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"heads={self.heads}"


class TransformerBlock(Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)), the form with the norm in front (Xiong et al., 2020).

    Args:
        features: width of inputs and outputs, a multiple of `heads`.
        heads: of the attention.
        hidden: width between the two dense layers; default: four times `features`.
        dropout: probability, on both branches.
        causal: whether a position sees only itself and those before it.
        seed: a `numpy.random.Generator`, a seed, or None.
        dtype: of the parameters.

    >>> TransformerBlock(8, 2, causal=True, seed=0)(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int | None = None,
        dropout: float = 0.0,
        causal: bool = False,
        *,
        seed: Any = None,
        dtype: Any = float,
    ) -> None:
        rng = generator(seed)
        hidden = 4 * features if hidden is None else hidden
        self.causal = causal
        self.norm1 = LayerNorm(features, dtype=dtype)
        self.attention = MultiheadAttention(features, heads, seed=rng, dtype=dtype)
        self.norm2 = LayerNorm(features, dtype=dtype)
        self.expand = Dense(features, hidden, init="glorot_uniform", seed=rng, dtype=dtype)
        self.contract = Dense(hidden, features, init="glorot_uniform", seed=rng, dtype=dtype)
        self.dropout = Dropout(dropout, seed=rng)

    def forward(self, x: Any) -> Any:
        """`x` has shape (..., positions, features)."""
        x = operand(x, type(self).__name__)
        mask = np.tri(x.shape[-2], dtype=bool) if self.causal and x.ndim > 1 else None
        x = x + self.dropout(self.attention(self.norm1(x), None, mask))
        return x + self.dropout(self.contract(gelu(self.expand(self.norm2(x)), approximate="tanh")))

    def extra_repr(self) -> str:
        """Whether it is causal."""
        return "causal=True" if self.causal else ""
