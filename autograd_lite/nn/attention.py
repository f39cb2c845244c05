"""Scaled dot-product attention, several heads of it, and the transformer block (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import gelu, operand, softmax
from autograd_lite.nn.initializers import generator
from autograd_lite.nn.layers import Dense, Dropout, positive
from autograd_lite.nn.module import Module
from autograd_lite.nn.normalization import LayerNorm
from autograd_lite.nn.reduction import real_only
from autograd_lite.rules.table import numbers_of

__all__ = ["MultiheadAttention", "TransformerBlock", "scaled_dot_product_attention"]


def scaled_dot_product_attention(query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    """softmax(query key^T / sqrt(width)) value.

    Args:
        query: (..., positions, width).
        key: (..., sources, width).
        value: (..., sources, value width).
        mask: booleans that broadcast to (..., positions, sources), true where a position may look; or None.

    Raises:
        OperandError: shapes that do not fit; a mask that is not boolean, or leaves a position nothing to look at.

    >>> scaled_dot_product_attention(np.zeros((1, 2)), np.zeros((2, 2)), np.array([[1.0], [3.0]]))
    array([[2.]])
    """
    query, key, value = operand(query), operand(key), operand(value)
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
        mask = plain_array("scaled_dot_product_attention", numbers_of(mask))
        if mask.dtype != bool or not np.atleast_1d(mask).any(axis=-1).all():
            raise OperandError(
                f"scaled_dot_product_attention: a mask of dtype {mask.dtype} and shape {mask.shape}; it must be "
                f"boolean and true at least once in every row"
            )
        if mask.ndim > scores.ndim or any(
            length not in (1, wanted)
            for length, wanted in zip(reversed(mask.shape), reversed(scores.shape), strict=False)
        ):
            raise OperandError(
                f"scaled_dot_product_attention: a mask of shape {mask.shape} for scores of shape {scores.shape}; give "
                f"(positions, sources), or one that broadcasts to the scores"
            )
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores) @ value


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

        `mask` (positions, sources), or one that broadcasts to (..., heads, positions, sources), is true where a
        position may look. One for each sample, (samples, positions, sources), is `mask[:, None]`.

        Raises:
            OperandError: a mask of three axes that is as long as there are samples, and so may be one for each of them
                or for each head: give `mask[:, None]` or `mask[None]`.
        """
        x = operand(x)
        source = x if source is None else operand(source)
        if x.ndim < 2 or source.ndim < 2:
            raise OperandError(f"{self!r}: an input of shape {x.shape}; it must be (..., positions, features)")
        shape = np.shape(mask)
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
        x = operand(x)
        mask = np.tri(x.shape[-2], dtype=bool) if self.causal and x.ndim > 1 else None
        x = x + self.dropout(self.attention(self.norm1(x), None, mask))
        return x + self.dropout(self.contract(gelu(self.expand(self.norm2(x)), approximate="tanh")))

    def extra_repr(self) -> str:
        """Whether it is causal."""
        return "causal=True" if self.causal else ""
