"""Derivatives along a direction: a `Dual` is an array with the tangent that it moves along.

A derivative rule that is run on Duals gives the gradient and how it moves. No rule is written for the tangents:
elementwise, the Jacobian is diagonal, and the rule that pulls a gradient back pushes a tangent forward; a linear
operation does to a tangent what it does to a value; a product has the product rule; and any other rule is linear in the
gradient it is given, so that its pullback is the pushforward (J. Townsend's "double backward", 2017).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.backprop import fit, sweep, unbroadcast
from autograd_lite.grad_mode import enable_grad
from autograd_lite.operations import by_name, static_arguments
from autograd_lite.operators import bound
from autograd_lite.record import Primitive
from autograd_lite.rules import import_later
from autograd_lite.rules.indexing import scatter
from autograd_lite.rules.logistic import expit
from autograd_lite.rules.piecewise import choice, relu
from autograd_lite.rules.products import product
from autograd_lite.rules.reductions import masked
from autograd_lite.rules.softmax import nll, softmax
from autograd_lite.rules.table import COMPOSED, SAMPLES, TABLE, Elementwise, unchanged
from autograd_lite.stand_in import StandIn, StandInError
from autograd_lite.tensor import Tensor

__all__ = ["ELEMENTWISE", "LINEAR", "PRODUCT", "SUM", "Dual", "kinds_of_rows", "tangent_of_result"]

#: functions of which the tangent of the result is the function of the tangent
_LINEAR_FUNCTIONS = (
    *(operator.getitem, np.reshape, np.ravel, np.squeeze, np.expand_dims, np.transpose, np.swapaxes, np.moveaxis),
    *(np.matrix_transpose, np.broadcast_to, np.sum, np.mean, np.cumsum, np.trace, np.diagonal, np.flip, np.roll),
)
_PRODUCTS = (np.multiply, np.matmul, np.dot, np.outer, np.inner)
_SUMS = (np.add, np.subtract, np.negative)

# What the rules of a row are: of a linear operation; of a product of two; of a sum, which read nothing; elementwise.
LINEAR, PRODUCT, SUM, ELEMENTWISE = range(4)


@functools.cache
def kinds_of_rows() -> dict[Primitive, int]:
    """The rows that are linear, products, sums, or else elementwise."""
    import_later()
    kinds = {
        TABLE[function]: ELEMENTWISE
        for function, sample in SAMPLES.items()
        if function in TABLE
        and all(isinstance(part, Elementwise) for part in (sample if isinstance(sample, list) else [sample]))
    }
    kinds.update((TABLE[function], LINEAR) for function in _LINEAR_FUNCTIONS if function in TABLE)
    kinds.update((TABLE[function], PRODUCT) for function in _PRODUCTS)
    kinds.update((TABLE[function], SUM) for function in _SUMS)
    # whose samples are not of elementwise rows only; the Jacobian of softmax is symmetric, which comes to the same
    kinds.update(dict.fromkeys((choice, relu, expit, softmax), ELEMENTWISE))
    return kinds | {scatter: LINEAR, masked: LINEAR, nll: LINEAR}


def tangent_of_result(
    op: Primitive, kind: int | None, result: Any, y: Any, values: Sequence[Any], tangents: Sequence[Any], kwargs: Any
) -> Any:
    """How the result of `op` moves when its inputs move along `tangents`; None for what stands still.

    `result` has the shape and dtype of the result; `y` and `values` are the arrays, where the rules read them.
    """
    total = None
    if kind in (ELEMENTWISE, SUM):
        for rule, tangent in zip(op.rules, tangents, strict=True):
            if tangent is not None and rule is not None:
                if rule is unchanged:
                    part = tangent
                else:
                    part = rule(tangent, y, *values, **kwargs) if kwargs else rule(tangent, y, *values)
                total = part if total is None else total + part
    elif kind == LINEAR and "initial" not in kwargs:
        return op.fn(tangents[0], **kwargs)
    else:
        for position, tangent in enumerate(tangents):
            rule = op.rules[position]
            if tangent is None or rule is None:
                continue
            if kind == PRODUCT:
                operands = list(values)
                operands[position] = tangent
                part = op.fn(*operands, **kwargs)
            else:
                part = _transposed(lambda g, rule=rule: rule(g, y, *values, **kwargs), result, tangent)
            if part is not None:
                total = part if total is None else total + part
    if total is None or total.shape == result.shape:
        return total
    return np.broadcast_to(total, result.shape)


def _transposed(pull: Callable[..., Any], result: Any, tangent: Any) -> Any:
    """The pushforward of `tangent`, as the pullback of `pull`, which is linear; None if that gives zeros."""
    with enable_grad():
        probe = Tensor(np.ones(result.shape, result.dtype), requires_grad=True)
        pulled = pull(probe)
        if not isinstance(pulled, Tensor) or not pulled.requires_grad:
            return None
        pulled = fit(pulled, tangent)
    leaf = probe._leaf()
    return sweep({pulled._leaf(): tangent}, retain_graph=False, create_graph=False, targets=[leaf]).get(leaf)


class Dual(StandIn):
    """An array and the tangent, of the same shape, along which it moves."""

    __slots__ = ("_array", "tangent")

    def __init__(self, array: Any, tangent: Any) -> None:
        self._array = array  # as in a Tensor, for masks and indices through which nothing moves
        self.tangent = tangent

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    @property
    def T(self) -> Dual:
        """The transpose."""
        return Dual(self._array.T, self.tangent.T)

    def reshape(self, *shape: Any, order: Any = "C") -> Dual:
        """The same in another shape."""
        return Dual(self._array.reshape(*shape, order=order), self.tangent.reshape(*shape, order=order))

    def transpose(self, *axes: Any) -> Dual:
        """The same with the axes exchanged."""
        return Dual(self._array.transpose(*axes), self.tangent.transpose(*axes))

    def swapaxes(self, one: int, other: int) -> Dual:
        """The same with two axes exchanged."""
        return Dual(self._array.swapaxes(one, other), self.tangent.swapaxes(one, other))

    def astype(self, dtype: Any) -> Dual:
        """The same in another dtype."""
        return Dual(self._array.astype(dtype), self.tangent.astype(dtype))

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Dual:
        """The sum over some axes."""
        return Dual(self._array.sum(axis=axis, keepdims=keepdims), self.tangent.sum(axis=axis, keepdims=keepdims))

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self._array[index], self.tangent[index])

    # The operators that most rules are made of go past the protocols, which take longer.

    def __mul__(self, other: Any) -> Any:
        if other is self:
            a, moved = self._array, self._array * self.tangent
            return Dual(a * a, moved + moved)
        if other.__class__ is Dual:
            a, b = self._array, other._array
            return Dual(a * b, a * other.tangent + self.tangent * b)
        if isinstance(other, _PLAIN):
            return Dual(self._array * other, self.tangent * other)
        return NotImplemented

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Any:
        if other.__class__ is not Dual and isinstance(other, _PLAIN):
            return Dual(self._array / other, self.tangent / other)
        return super().__truediv__(other)

    def __matmul__(self, other: Any) -> Any:
        if other.__class__ is Dual:
            a, b = self._array, other._array
            return Dual(product(a, b), product(a, other.tangent) + product(self.tangent, b))
        if isinstance(other, np.ndarray):
            return Dual(product(self._array, other), product(self.tangent, other))
        return NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        return Dual(product(other, self._array), product(other, self.tangent))

    def __add__(self, other: Any) -> Any:
        if other.__class__ is Dual and other._array.shape == self._array.shape:
            return Dual(self._array + other._array, self.tangent + other.tangent)
        return super().__add__(other)

    def __sub__(self, other: Any) -> Any:
        if other.__class__ is Dual and other._array.shape == self._array.shape:
            return Dual(self._array - other._array, self.tangent - other.tangent)
        return super().__sub__(other)

    def __rsub__(self, other: Any) -> Any:
        y = other - self._array
        return Dual(y, _filled(-self.tangent, y.shape))

    def __neg__(self) -> Dual:
        return Dual(-self._array, -self.tangent)

    # --- NumPy's protocols ---------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and inputs[-1] is self and inputs[0].__class__ is np.ndarray and ufunc in _REFLECTED:
            return _REFLECTED[ufunc](self, inputs[0])
        values = [x._array if x.__class__ is Dual else x for x in inputs]
        if method == "reduce" and ufunc is np.add and kwargs.keys() <= {"axis", "keepdims"}:
            return Dual(ufunc.reduce(values[0], **kwargs), ufunc.reduce(self.tangent, **kwargs))
        op = TABLE.get(ufunc)
        if method == "__call__" and not kwargs and ufunc in COMPOSED:
            return COMPOSED[ufunc](*inputs)
        if method != "__call__" or kwargs or op is None:
            raise StandInError(ufunc.__name__)
        return _moving(op, op.fn(*values), values, inputs, {})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.where and len(args) == 3 and not isinstance(args[0], Dual):
            x, y = ((part._array, part.tangent) if isinstance(part, Dual) else (part, 0.0) for part in args[1:])
            made = np.where(args[0], x[0], y[0])
            return Dual(made, _filled(np.where(args[0], x[1], y[1]), made.shape))
        if function is np.zeros_like:
            return np.zeros_like(self._array, *args[1:], **kwargs)
        op = TABLE.get(function)
        if op is not None:
            args, kwargs = bound(function, op, args, kwargs)
            count = len(args) if op.variadic else len(op.rules)
            return self._apply(op, args[:count], static_arguments(op, {**by_name(op, args, count), **kwargs}))
        if function in COMPOSED:
            return COMPOSED[function](*args, **kwargs)
        raise StandInError(function.__name__)

    def _apply(self, op: Primitive, args: Any, kwargs: Any) -> Dual:
        """A primitive called by a rule: what `Primitive.__call__` comes to."""
        if kinds_of_rows().get(op) == LINEAR and "initial" not in kwargs:
            return Dual(op.fn(self._array, **kwargs), op.fn(self.tangent, **kwargs))
        values = [x._array if x.__class__ is Dual else x for x in args]
        return _moving(op, op.fn(*values, **kwargs), values, args, kwargs)

    def _unbroadcast(self, shape: tuple[int, ...]) -> Dual:
        return Dual(unbroadcast(self._array, shape), unbroadcast(self.tangent, shape))


def _moving(op: Primitive, y: Any, values: Sequence[Any], inputs: Sequence[Any], kwargs: Any) -> Any:
    """The result `y` of `op` with its tangent."""
    if y.dtype.kind == "c":
        raise StandInError(op.name)
    if y.dtype.kind != "f":
        return y  # a comparison: nothing moves
    along = [x.tangent if x.__class__ is Dual else None for x in inputs]
    tangent = tangent_of_result(op, kinds_of_rows().get(op), y, y, values, along, kwargs)
    return y if tangent is None else Dual(y, tangent)


def _filled(tangent: Any, shape: tuple[int, ...]) -> Any:
    return tangent if tangent.shape == shape else np.broadcast_to(tangent, shape)


_REFLECTED: dict[Any, Callable[[Dual, Any], Any]] = {
    np.multiply: Dual.__rmul__,
    np.matmul: Dual.__rmatmul__,
    np.subtract: Dual.__rsub__,
}
_PLAIN = (np.ndarray, np.generic, int, float)
