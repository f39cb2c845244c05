"""Many gradients at once: a `Batched` stands for one array in a derivative rule, and holds a whole stack of them.

A rule is plain NumPy, so a sweep that is seeded with a stack of unit vectors computes all rows of a Jacobian in one
pass. What NumPy does element by element, products of matrices, sums and changes of shape are done for the whole
stack; any other function is given one array after the other. What has no answer for many arrays together (is it
true? which number is it?) raises a `StandInError`, and the caller sweeps once per row instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.record import Primitive
from autograd_lite.rules.indexing import scatter
from autograd_lite.stand_in import StandIn, StandInError

__all__ = ["Batched", "members_of"]


class Batched(StandIn):
    """Arrays of one shape, stacked along a leading axis that is not part of the `shape` it shows."""

    __slots__ = ("members",)

    def __init__(self, members: Any) -> None:
        self.members = members

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one member."""
        return self.members.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.members.dtype

    @property
    def ndim(self) -> int:
        """The number of axes of one member."""
        return self.members.ndim - 1

    @property
    def size(self) -> int:
        """The number of elements of one member."""
        return self.members[0].size

    @property
    def T(self) -> Batched:
        """Each member transposed."""
        return self.transpose()

    @property
    def real(self) -> Batched:
        """The real parts."""
        return Batched(self.members.real)

    def reshape(self, *shape: Any, order: str = "C") -> Batched:
        """Each member in another shape."""
        if order != "C":
            return self._one_by_one(np.reshape, (self, *shape), {"order": order})
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return Batched(self.members.reshape(len(self.members), *self.members[0].reshape(wanted).shape))

    def transpose(self, *axes: Any) -> Batched:
        """Each member with its axes exchanged."""
        chosen = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        order = [axis % self.ndim for axis in chosen] if chosen else range(self.ndim)[::-1]
        return Batched(self.members.transpose(0, *[axis + 1 for axis in order]))

    def swapaxes(self, one: int, other: int) -> Batched:
        """Each member with two of its axes exchanged."""
        return Batched(self.members.swapaxes(one % self.ndim + 1, other % self.ndim + 1))

    def astype(self, dtype: Any) -> Batched:
        """Each member in another dtype."""
        return Batched(self.members.astype(dtype))

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Batched:
        """The sum of each member over some of its axes."""
        return np.add.reduce(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def __getitem__(self, index: Any) -> Batched:
        inner = _inner(index)
        if inner is None:
            return self._one_by_one(lambda member: member[index], (self,), {})
        return Batched(self.members[inner])

    # --- NumPy's protocols ---------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Batched:
        if method == "__call__" and not kwargs and ufunc.nout == 1:
            inputs = _shaped(*inputs)
            shortest = min(getattr(x, "ndim", 0) for x in inputs)
            if ufunc.signature is None or (ufunc is np.matmul and shortest >= 2):
                longest = max(getattr(x, "ndim", 0) for x in inputs)
                return Batched(ufunc(*[_lifted(x, longest) for x in inputs]))
        if method == "reduce" and set(kwargs) <= {"axis", "keepdims"}:
            axis = kwargs.get("axis", 0)
            every = axis is None or not self.ndim  # NumPy takes axis=0 and axis=-1 of a number
            axes = range(self.ndim) if every else axis if isinstance(axis, tuple) else (axis,)
            kwargs["axis"] = tuple([one % self.ndim + 1 for one in axes])
            return Batched(ufunc.reduce(self.members, **kwargs))
        return self._one_by_one(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Batched:
        whole, keywords = _WHOLE.get(function, (None, frozenset()))
        if whole is not None and kwargs.keys() <= keywords:
            return whole(*args, **kwargs)
        return self._one_by_one(function, args, kwargs)

    def _apply(self, op: Primitive, args: Any, kwargs: Any) -> Batched:
        """A primitive called by a rule: what `Primitive.__call__` comes to."""
        if op is scatter:
            inner = _inner(kwargs["index"])
            if inner is not None and not isinstance(kwargs["index"], np.ndarray):  # nothing is selected twice
                made = np.zeros((len(self.members), *kwargs["shape"]), self.dtype)
                made[inner] = self.members
                return Batched(made)
        return self._one_by_one(op.fn, args, kwargs)

    def _one_by_one(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Batched:
        if "out" in kwargs:
            raise StandInError
        made = []
        for i in range(len(self.members)):

            def member(value: Any, i: int = i) -> Any:
                if isinstance(value, (tuple, list)):
                    return type(value)([member(part) for part in value])
                return value.members[i] if isinstance(value, Batched) else value

            made.append(function(*[member(arg) for arg in args], **{key: member(arg) for key, arg in kwargs.items()}))
        if not all(isinstance(one, (np.ndarray, np.generic)) for one in made):
            raise StandInError
        return Batched(np.array(made))


def members_of(g: Any, count: int) -> Any:
    """The members of a Batched; `count` times the same for a gradient that does not depend on what was sent: zeros."""
    return g.members if isinstance(g, Batched) else np.broadcast_to(g, (count, *g.shape))


def _shaped(*operands: Any) -> tuple[Any, ...]:
    """The operands, with arrays in the place of lists: only of what shows its shape can the axes be lined up."""
    return tuple([x if isinstance(x, (Batched, *_NUMBERS)) else np.asarray(x) for x in operands])


def _lifted(value: Any, ndim: int) -> Any:
    """What broadcasts as `value` does against arrays of `ndim` axes, with the members of a Batched in front."""
    if not isinstance(value, Batched):
        return value
    members = value.members
    return members.reshape(len(members), *[1] * (ndim - value.ndim), *members.shape[1:])


def _inner(index: Any) -> Any:
    """The index that does in every member what `index` does in one; None where a leading slice is not enough."""
    parts = index if isinstance(index, tuple) else (index,)
    alone = len(parts) == 1 and isinstance(index, np.ndarray)
    return (slice(None), *parts) if alone or all(part.__class__ in _BASIC for part in parts) else None


_NUMBERS = (np.ndarray, np.generic, int, float, complex)
_BASIC = (int, slice, type(None), type(Ellipsis))


def _broadcast_to(g: Batched, shape: tuple[int, ...]) -> Batched:
    return Batched(np.broadcast_to(_lifted(g, len(shape)), (len(g.members), *shape)))


def _where(condition: Any, x: Any, y: Any) -> Batched:
    parts = _shaped(condition, x, y)
    longest = max(getattr(part, "ndim", 0) for part in parts)
    return Batched(np.where(*[_lifted(part, longest) for part in parts]))


#: NumPy functions that take the whole stack at once, as rules call them
_WHOLE: dict[Any, tuple[Callable[..., Any], frozenset[str]]] = {
    np.broadcast_to: (_broadcast_to, frozenset()),
    np.where: (_where, frozenset()),
    np.sum: (Batched.sum, frozenset({"axis", "keepdims"})),
    np.reshape: (Batched.reshape, frozenset()),
    np.transpose: (Batched.transpose, frozenset()),
    np.swapaxes: (Batched.swapaxes, frozenset()),
}
