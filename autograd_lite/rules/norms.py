"""Rules of the norms of vectors and matrices, and of the condition number.

Where a norm has a kink the derivative is a choice: at 0 it is 0, and where several entries (or several singular
values) are the largest or the smallest, they share equally.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_lite.errors import LinAlgError, NotDifferentiableError, OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.linear_algebra import square
from autograd_lite.rules.products import H, as_operand
from autograd_lite.rules.table import Input, call, composed, numbers_of, real, rule

__all__ = ["count_norm", "nuclear_norm", "p_norm"]

Axes = tuple[int, ...] | None


def _spread(x: Any, axis: Axes, keepdims: bool) -> Any:
    """What was reduced over `axis`, with axes of length 1 in the place of those that are gone."""
    return x if keepdims or axis is None else np.expand_dims(x, axis)


def _over(g: Any, y: Any) -> Any:
    """g / y, and 0 where y is 0."""
    zero = numbers_of(y) == 0
    if not zero.any():
        return g / y
    return np.where(zero, 0, g / np.where(zero, 1, y))


def _length_rule(g: Any, y: Any, x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    return x * _spread(_over(g, y), axis, keepdims)


_length: Primitive = rule(
    lambda x, axis=None, keepdims=False: np.linalg.vector_norm(x, axis=axis, keepdims=keepdims),
    _length_rule,
    name="norm",
    prints="‖{}‖",
    sample=[call(real(3)), call(real(2, 3), axis=(0,)), call(Input((2, 3), "complex"), axis=(0, 1), keepdims=True)],
)


def _p_norm_rule(g: Any, y: Any, x: Any, p: float = 2, axis: Axes = None, keepdims: bool = False) -> Any:
    g, y = _spread(g, axis, keepdims), _spread(y, axis, keepdims)
    ratio = _over(np.abs(x), y)
    if p < 1:  # the slope at a single 0 is not finite; as that of abs it counts as 0
        ratio = np.where(numbers_of(ratio) == 0, 1, ratio)
    return g * ratio ** (p - 1) * np.sign(x)


p_norm: Primitive = rule(
    lambda x, p=2, axis=None, keepdims=False: np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=p),
    _p_norm_rule,
    name="norm",
    sample=[
        call(real(4), p=3),
        call(Input((2, 3), "nonzero"), p=2.5, axis=(1,)),
        call(Input((2, 3), "nonzero"), p=-1, axis=(0, 1), keepdims=True),
        call(Input((3,), "nonzero"), p=0.5),
    ],
)

count_norm: Primitive = rule(
    lambda x, axis=None, keepdims=False: np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=0),
    lambda g, y, x, axis=None, keepdims=False: np.zeros(x.shape, x.dtype),
    name="norm",
    sample=[call(real(2, 3), axis=(0,)), call(real(3))],
)


def _largest(sizes: Any, axis: Any = -1, keepdims: bool = False) -> Any:
    """The largest of some numbers that are not negative, and 0 if there are none."""
    if not sizes.size:
        return np.max(sizes, axis=axis, keepdims=keepdims, initial=0)
    return np.max(sizes, axis=axis, keepdims=keepdims)


def _order(order: Any) -> Any:
    """`order`, by which nothing is differentiated: a Tensor that asks for it is refused."""
    if getattr(order, "requires_grad", False):
        raise NotDifferentiableError(
            f"norm: no derivative with respect to 'ord', a Tensor of shape {order.shape} that requires grad; write the "
            f"norm out, (np.abs(x) ** p).sum() ** (1 / p), or pass ord.item()"
        )
    return order


def _vector(x: Any, p: Any, axis: Axes, keepdims: bool) -> Any:
    if p == 2:
        return _length(x, axis=axis, keepdims=keepdims)
    if p == 0:
        return count_norm(x, axis=axis, keepdims=keepdims)
    if p == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if p == np.inf:
        return _largest(np.abs(x), axis, keepdims)
    if p == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    return p_norm(x, p=float(p), axis=axis, keepdims=keepdims)


# --- the sum of the singular values -------------------------------------------------------------------------
#
# Its gradient is U Vᴴ, which is smooth where singular values coincide, although U and V are not: it is a
# primitive, so that the second derivative does not go through those of U and V.


def _decomposed(x: Any) -> tuple[Any, Any, Any]:
    """U, the singular values and Vᴴ, with zeros for all that belongs to singular values that vanish."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    values = numbers_of(s)
    tiny = np.finfo(values.dtype).eps * max(x.shape[-2:]) * values.max(axis=-1, keepdims=True, initial=0)
    some = values > tiny
    return u * some[..., None, :], np.where(some, s, 0), vh * some[..., None]


def _orthogonal_part(x: Any) -> Any:
    u, _, vh = _decomposed(x)
    return u @ vh


def _orthogonal_part_rule(g: Any, y: Any, x: Any) -> Any:
    u, s, vh = _decomposed(x)
    v = H(vh)
    middle = H(u) @ g @ v
    sums = s[..., :, None] + s[..., None, :]
    inside = u @ _over(middle - H(middle), sums) @ vh
    left = _over(g @ v, s[..., None, :])
    right = _over(H(u) @ g, s[..., :, None])
    return inside + (left - u @ (H(u) @ left)) @ vh + u @ (right - (right @ v) @ vh)


_uv: Primitive = rule(
    _orthogonal_part,
    _orthogonal_part_rule,
    name="orthogonal_part",
    sample=[call(real(3, 2)), call(real(2, 3)), call(square(2, 3, 3))],
)

nuclear_norm: Primitive = rule(
    lambda x: np.sum(np.linalg.svdvals(x), axis=-1),
    lambda g, y, x: g[..., None, None] * _uv(x),
    name="norm",
    sample=[call(real(3, 2)), call(real(2, 2, 4)), call(Input((2, 3), "complex"))],
)


def _matrix(x: Any, order: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    if order in (None, "fro", "f"):
        return _length(x, axis=axis, keepdims=keepdims)
    x = np.moveaxis(x, axis, (-2, -1))
    if order == "nuc":
        y = nuclear_norm(x)
    elif order == 2:
        y = _largest(np.linalg.svdvals(x))
    elif order == -2:
        y = np.min(np.linalg.svdvals(x), axis=-1)
    else:
        sums = np.sum(np.abs(x), axis=-2 if abs(order) == 1 else -1)
        y = _largest(sums) if order > 0 else np.min(sums, axis=-1)
    return np.expand_dims(y, axis) if keepdims else y


_MATRIX_ORDERS = (None, "fro", "f", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


@composed(
    np.linalg.norm,
    sample=[
        call(real(3)),
        call(real(3, 4)),
        call(real(2, 3, 4)),
        call(real()),
        call(real(0)),
        call(real(3, 4), keepdims=True),
        call(real(3, 4), axis=0),
        call(real(3, 4), None, -1),
        call(real(3, 4), axis=(1,), keepdims=True),
        call(real(2, 3, 4), axis=(0, 2)),
        call(real(2, 3, 4), None, (0, -1), True),
        *[call(real(4), order) for order in (1, 2, 3, 2.5, np.inf, -np.inf, 0)],
        *[call(Input((4,), "nonzero"), order) for order in (-1, -2, 0.5)],
        *[call(real(2, 4), ord=order, axis=1, keepdims=True) for order in (1, 2, 3, np.inf, -np.inf)],
        *[call(real(3, 4), order) for order in _MATRIX_ORDERS],
        *[call(real(2, 3, 4), order, axis=(2, 0), keepdims=True) for order in _MATRIX_ORDERS],
        *[call(real(2, 3, 4), order, axis=(0, 1)) for order in (1, np.inf, 2, "nuc")],
        call(Input((3,), "complex")),
        call(Input((3,), "complex"), 3),
        call(Input((3, 2), "complex"), "nuc"),
        call(Input((3, 2), "complex"), 2),
        call(Input((3, 2), "complex"), 1),
    ],
)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x, ord = as_operand(x), _order(ord)
    if axis is None:
        if ord is None:
            return _length(x, keepdims=keepdims)
        axes: tuple[int, ...] = tuple(range(x.ndim))
    else:
        axes = axis if isinstance(axis, tuple) else (operator.index(axis),)
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2 and ord in _MATRIX_ORDERS:
        return _matrix(x, ord, np.lib.array_utils.normalize_axis_tuple(axes, x.ndim), keepdims)
    raise OperandError(
        f"norm: no norm of order {ord!r} of an array of shape {x.shape} over axis={axis}; vectors (one axis) have "
        f"orders of any number, matrices (two axes) 'fro', 'nuc', 1, -1, 2, -2, inf and -inf"
    )


@composed(
    np.linalg.vector_norm,
    sample=[
        call(real(2, 3)),
        call(real(2, 3), axis=1, ord=3),
        call(real(2, 3, 4), axis=(0, 2), keepdims=True, ord=1),
        call(real(2, 3), keepdims=True, ord=np.inf),
    ],
)
def _vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return _vector(as_operand(x), _order(ord), axis if axis is None or isinstance(axis, tuple) else (axis,), keepdims)


@composed(
    np.linalg.matrix_norm,
    sample=[
        call(real(2, 3)),
        call(real(2, 3, 4), keepdims=True),
        call(real(2, 3, 4), ord="nuc"),
        call(real(2, 3, 4), ord=np.inf, keepdims=True),
    ],
)
def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@composed(
    np.linalg.cond,
    sample=[call(square(3, 3), p) for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc")]
    + [call(real(4, 2)), call(square(2, 3, 3), 2), call(square(2, 3, 3), p=1)],
)
def _cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    try:
        inverse = np.linalg.inv(x)
    except LinAlgError:
        singular = x.ndim > 1 and x.shape[-1] == x.shape[-2] and np.isneginf(np.linalg.slogdet(numbers_of(x))[1])
        if not np.any(singular):
            raise
        regular = np.where(np.expand_dims(singular, (-2, -1)), np.eye(x.shape[-1], dtype=x.dtype), x)
        return np.where(singular, np.inf, _cond(regular, p))
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))
