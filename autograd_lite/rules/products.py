"""Rules of the products of matrices and vectors: matmul, vecdot, matvec, vecmat, outer, kron, cross.

For the product y = a @ b of matrices the gradients are g @ b.T and a.T @ g (M. B. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", 2008, section 2.2.2). All other
products are read as that one, with some axes in other places. Those that take the conjugate of an operand, vecdot
and vecmat, are not holomorphic and say so in their rules.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.errors import InPlaceError, OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.table import Input, call, composed, conj, holomorphic, real, rule, sum_to_size

__all__ = ["H", "T", "as_operand", "complex_", "matmul_by_a", "matmul_by_b", "product", "refuse_out", "typed"]

_ndarray = np.ndarray  # bound once: looking it up costs a tenth of a small product


def complex_(*shape: int) -> Input:
    """An array of complex numbers, as an input of a sample."""
    return Input(shape, "complex")


def T(x: Any) -> Any:
    """The transpose of a matrix, or of every matrix of a stack."""
    return x.swapaxes(-1, -2)


def H(x: Any) -> Any:
    """The conjugate transpose of a matrix, or of every matrix of a stack."""
    return conj(x.swapaxes(-1, -2))


def as_operand(x: Any) -> Any:
    """`x` itself if it is a Tensor or an array, otherwise the array of its numbers; Tensors in a list are stacked."""
    if not isinstance(x, np.ndarray):
        if hasattr(x, "_node") or isinstance(x, np.generic):
            return x
        if _holds_tensors(x):
            return np.stack([as_operand(part) for part in x])
    array = plain_array("an operand", x)
    if array.dtype.kind == "O":
        raise OperandError(
            f"an operand of dtype object, {x!r:.60}; operands are Tensors, numbers, and arrays of numbers"
        )
    # SciPy takes the bytes of some arrays for those of this machine
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _holds_tensors(x: Any) -> bool:
    """Whether there is a Tensor in these nested lists, which np.asarray would detach."""
    return isinstance(x, (list, tuple)) and any(hasattr(part, "_node") or _holds_tensors(part) for part in x)


def typed(b: Any, g: Any) -> Any:
    """`b`; a Python number in the precision of `g`."""
    return b if hasattr(b, "ndim") else g.dtype.type(b)


# --- matmul -------------------------------------------------------------------------------------------------


def product(a: Any, b: Any) -> Any:
    """a @ b. Of arrays with one or two axes `dot` gives the same, and of small ones in less than half the time."""
    if a.__class__ is _ndarray is b.__class__ and 0 < a.ndim < 3 and 0 < b.ndim < 3:
        return a.dot(b)
    return operator.matmul(a, b)


def matmul_by_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    """The gradient of a @ b by a: g @ b.T."""
    # g and b tell what a must have been.
    if g.ndim == 2 == b.ndim:
        return g.dot(b.T) if g.__class__ is _ndarray is b.__class__ else g @ b.T
    if b.ndim == 1:  # y has the axes of a without the last
        return g[..., None] * b if g.ndim else g * b
    if g.ndim == b.ndim - 1:  # a is a vector
        return (b @ g[..., None])[..., 0]
    return g @ T(b)


def matmul_by_b(g: Any, y: Any, a: Any, b: Any) -> Any:
    """The gradient of a @ b by b: a.T @ g."""
    if a.ndim == 2:
        if g.ndim == 2:
            return a.T.dot(g) if g.__class__ is _ndarray is a.__class__ else a.T @ g
        if g.ndim == 1:  # b is a vector
            return g.dot(a) if g.__class__ is _ndarray is a.__class__ else g @ a
    if a.ndim == 1:  # y has the axes of b without the last but one
        return a[:, None] * g[..., None, :] if g.ndim else g * a
    if g.ndim == a.ndim - 1:  # b is a vector
        return (T(a) @ g[..., None])[..., 0]
    if a.ndim > 2 and b.ndim == 2:  # one product instead of a sum over the stack of them
        rows = math.prod(g.shape[:-1])
        return T(a.reshape(rows, a.shape[-1])) @ g.reshape(rows, g.shape[-1])
    return T(a) @ g


holomorphic(
    np.matmul,
    matmul_by_a,
    matmul_by_b,
    fn=product,
    name="matmul",
    prints="{} @ {}",
    sample=[
        call(real(2, 3), real(3, 4)),
        call(real(3), real(3)),
        call(real(2, 3), real(3)),
        call(real(3), real(3, 2)),
        call(real(2, 3, 4), real(2, 4, 3)),
        call(real(3, 1, 2, 4), real(2, 4, 3)),
        call(real(2, 4), real(3, 4, 2)),
        call(real(2, 3, 4), real(4, 2)),
        call(real(2, 3, 4), real(4)),
        call(real(3), real(2, 3, 4)),
        call(real(2, 0), real(0, 3)),
        call(complex_(2, 3), complex_(3, 2)),
        call(complex_(3), real(2, 3, 2)),
    ],
)


def _with_axes(
    product: Any, a: Any, b: Any, axis: Any = None, axes: Any = None, dtype: Any = None, keepdims: bool = False
) -> Any:
    """A product that is a ufunc, called with `axis=` or `axes=`: axes moved to where it expects them."""
    if dtype is not None:
        a, b = (as_operand(x).astype(dtype) for x in (a, b))
    if keepdims and (product is not np.vecdot or axes is not None):
        raise OperandError(f"{product.__name__}: keepdims is for vecdot, with axis= or alone; reshape the result")
    kept = -1 if axis is None else axis
    if axis is not None:
        axes = [axis, axis]
    if axes is None:
        y = product(a, b)
        return np.expand_dims(y, kept) if keepdims else y
    axes = [axis if isinstance(axis, tuple) else (axis,) for axis in axes]
    a, b = (np.moveaxis(as_operand(x), at, range(-len(at), 0)) for x, at in zip((a, b), axes, strict=False))
    y = product(a, b)
    if len(axes) > 2 and axes[2]:
        y = np.moveaxis(y, range(-len(axes[2]), 0), axes[2])
    elif len(axes) == 2 and y.ndim and product is not np.vecdot:
        raise OperandError(f"{product.__name__}: axes={axes} has no entry for the result; give three")
    return np.expand_dims(y, kept) if keepdims else y


def _of_ufunc_form(product: Any, *sample: Any) -> None:
    @composed((product, "__call__"), sample=list(sample))
    def called(
        ufunc: Any,
        a: Any,
        b: Any,
        *,
        axis: Any = None,
        axes: Any = None,
        dtype: Any = None,
        out: Any = None,
        casting: str = "same_kind",
        order: str = "K",
        subok: bool = True,
        keepdims: bool = False,
    ) -> Any:
        refuse_out(product.__name__, out)
        return _with_axes(product, a, b, axis, axes, dtype, keepdims)


def refuse_out(name: str, out: Any) -> None:
    """Raise InPlaceError if `out` asks for the result to be written into an array."""
    if any(part is not None for part in (out if isinstance(out, tuple) else (out,))):
        raise InPlaceError(f"{name}: out= writes into an array behind the graph's back; use the returned Tensor")


_of_ufunc_form(
    np.matmul,
    call(real(3, 2), real(3, 4), axes=[(1, 0), (0, 1), (0, 1)]),
    call(real(3, 2), real(3), axes=[(1, 0), (0,), (0,)]),
    call(real(3), real(3), axes=[(0,), (0,), ()]),
    call(real(2, 3), real(3, 4), dtype="f8"),
)

rule(
    np.vecdot,
    lambda g, y, a, b: sum_to_size(conj(g)[..., None] * b, a.shape),
    lambda g, y, a, b: sum_to_size(g[..., None] * a, b.shape),
    sample=[
        call(real(3), real(3)),
        call(real(2, 3), real(3)),
        call(real(2, 1, 3), real(4, 3)),
        call(real(3), real(3, 3)),
        call(real(2, 2, 2), real(2, 2)),
        call(complex_(2, 3), complex_(2, 3)),
    ],
)
_of_ufunc_form(
    np.vecdot,
    call(real(3, 2), real(3, 2), axis=0),
    call(real(3, 2), real(2, 3), axes=[0, 1]),
    call(real(2, 3), real(3), keepdims=True),
    call(real(3, 2), real(3, 2), axis=0, keepdims=True),
)

if hasattr(np, "matvec"):  # NumPy 2.2
    holomorphic(
        np.matvec,
        lambda g, y, a, x: sum_to_size(g[..., None] * x[..., None, :], a.shape),
        lambda g, y, a, x: np.matvec(T(a), g),
        sample=[
            call(real(2, 3), real(3)),
            call(real(4, 2, 3), real(3)),
            call(real(2, 3), real(4, 3)),
            call(real(3, 3), real(3, 3)),
            call(complex_(2, 3), complex_(3)),
        ],
    )
    rule(
        np.vecmat,
        lambda g, y, x, a: np.matvec(a, conj(g)),
        lambda g, y, x, a: sum_to_size(x[..., None] * g[..., None, :], a.shape),
        sample=[
            call(real(2), real(2, 3)),
            call(real(2), real(4, 2, 3)),
            call(real(4, 2), real(2, 3)),
            call(real(2, 2), real(2, 2)),
            call(complex_(2), complex_(2, 3)),
        ],
    )
    _of_ufunc_form(np.matvec, call(real(3, 2), real(3), axes=[(1, 0), 0, 0]))
    _of_ufunc_form(np.vecmat, call(real(2), real(3, 2), axes=[0, (1, 0), 0]))


# --- all pairs: outer, kron ---------------------------------------------------------------------------------

holomorphic(
    np.outer,
    lambda g, y, a, b, out=None: (g @ typed(b, g).reshape(-1)).reshape(a.shape),
    lambda g, y, a, b, out=None: (typed(a, g).reshape(-1) @ g).reshape(b.shape),
    sample=[
        call(real(3), real(2)),
        call(real(2, 3), real(2)),
        call(real(), real(2)),
        call(real(2), real(0)),
        call(complex_(3), complex_(2)),
    ],
)


def _interleaved(a_shape: Any, b_shape: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes (a0, 1, a1, 1, ...) and (1, b0, 1, b1, ...), in which the product is that of Kronecker."""
    ndim = max(len(a_shape), len(b_shape))
    a_shape, b_shape = ((1,) * (ndim - len(s)) + tuple(s) for s in (a_shape, b_shape))
    return (
        tuple([n for size in a_shape for n in (size, 1)]),
        tuple([n for size in b_shape for n in (1, size)]),
    )


def _kron_by_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    b = typed(b, g)
    of_a, of_b = _interleaved(a.shape, b.shape)
    r = g.reshape(tuple(map(operator.mul, of_a, of_b))) * b.reshape(of_b)
    return r.sum(axis=tuple(range(1, len(of_a), 2))).reshape(a.shape)


def _kron_by_b(g: Any, y: Any, a: Any, b: Any) -> Any:
    a = typed(a, g)
    of_a, of_b = _interleaved(a.shape, b.shape)
    r = g.reshape(tuple(map(operator.mul, of_a, of_b))) * a.reshape(of_a)
    return r.sum(axis=tuple(range(0, len(of_a), 2))).reshape(b.shape)


holomorphic(
    np.kron,
    _kron_by_a,
    _kron_by_b,
    sample=[
        call(real(2), real(3)),
        call(real(2, 3), real(3, 2)),
        call(real(2), real(3, 2)),
        call(real(2, 1, 2), real(3, 2)),
        call(real(), real(2)),
        call(complex_(2), complex_(2, 2)),
    ],
)


# --- cross --------------------------------------------------------------------------------------------------


def _cross_3(a: Any, b: Any) -> Any:
    return np.cross(a, b)


cross_3: Primitive = holomorphic(
    _cross_3,
    lambda g, y, a, b: cross_3(b, g),
    lambda g, y, a, b: cross_3(g, a),
    name="cross",
    sample=[call(real(3), real(3)), call(real(2, 3), real(3)), call(complex_(3), complex_(3))],
)


@composed(
    np.cross,
    sample=[
        call(real(3), real(3)),
        call(real(2, 3), real(3)),
        call(real(3, 2), real(3, 2), axis=0),
        call(real(3, 2), real(2, 3), axisa=0),
        call(real(3, 2), real(2, 3), 0, 1, 0),
        call(complex_(2, 3), complex_(2, 3)),
    ],
)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """`np.cross`: vectors of three components, or of two, in which a missing third one counts as zero."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a = np.moveaxis(as_operand(a), axisa, -1)
    b = np.moveaxis(as_operand(b), axisb, -1)
    sizes = a.shape[-1], b.shape[-1]
    if any(size not in (2, 3) for size in sizes):
        raise OperandError(f"cross: vectors of {sizes[0]} and {sizes[1]} components; each must have 2 or 3: give axis=")
    if sizes == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (x if x.shape[-1] == 3 else np.concatenate([x, 0 * x[..., :1]], axis=-1) for x in (a, b))
    return np.moveaxis(cross_3(a, b), -1, axisc)


# --- the same under np.linalg -------------------------------------------------------------------------------


@composed(np.linalg.cross, sample=[call(real(3), real(3)), call(real(3, 2), real(3, 2), axis=0)])
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    sizes = tuple(as_operand(x).shape[axis] for x in (x1, x2))
    if sizes != (3, 3):
        raise OperandError(f"linalg.cross: vectors of {sizes[0]} and {sizes[1]} components; both must have 3")
    return cross(x1, x2, axis=axis)


@composed(np.linalg.outer, sample=[call(real(3), real(2))])
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = as_operand(x1), as_operand(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise OperandError(f"linalg.outer: operands of shape {x1.shape} and {x2.shape}; both must be vectors")
    return np.outer(x1, x2)


@composed(np.linalg.matmul, sample=[call(real(2, 3), real(3, 4)), call(real(2, 2, 3), real(3))])
def _linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@composed(np.linalg.vecdot, sample=[call(real(2, 3), real(2, 3)), call(real(3, 2), real(3, 2), axis=0)])
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _with_axes(np.vecdot, x1, x2, axis)
