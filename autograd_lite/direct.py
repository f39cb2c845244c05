"""The usual operations, recorded directly: functions of one Tensor, operators, views and indices.

Each comes to what `operations.apply` does with it, and leaves to that whatever is not usual.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.arrays import beside, plain_array, unmasked
from autograd_lite.errors import AutogradError, OperandError
from autograd_lite.grad_mode import OFF, ON, recording
from autograd_lite.operations import (
    OPERANDS,
    apply,
    by_name,
    is_array_of_another_kind,
    refused,
    shortened,
    static_arguments,
    viewed,
)
from autograd_lite.record import NOTHING, VALUE, Leaf, Node, Passive, Primitive, Spec, spec_of
from autograd_lite.rules.indexing import BASIC
from autograd_lite.rules.table import TABLE
from autograd_lite.tensor import LENT, Tensor, wrap

__all__ = [
    "apply_unary",
    "binary",
    "call",
    "getitem",
    "reshape",
    "setitem",
    "swapaxes",
    "transpose",
    "unary",
]

_new = Tensor.__new__


def _viewing(op: Primitive, tensor: Tensor, view: Callable[[Any], Any], kwargs: dict[str, Any] | None) -> Tensor:
    """`apply_unary` for a view, whose rule reads the shapes alone."""
    a = tensor._node
    if a is None or not a.requires_grad or recording() != ON:
        return apply(op, (tensor,), kwargs or {})
    x = tensor._array if tensor._shared is None else tensor._settled()
    try:
        y = view(x)
    except (TypeError, ValueError, IndexError) as error:
        if isinstance(error, AutogradError):
            raise
        raise refused(op, [x], kwargs or {}, error) from error
    spec = spec_of(y)
    if spec.dtype is not a.spec.dtype and spec.dtype.kind not in "fc":
        return apply(op, (tensor,), kwargs or {})
    out = _new(Tensor)
    out._array = y
    out._shared = viewed(y, tensor, x) if y.base is not None or y is x else None
    out._node = node = Node()
    node.op = op
    node.a = a
    node.y = spec
    node.x = a.spec
    node.spec = spec
    node.details = None if kwargs is None else {"kwargs": kwargs}
    return out


def apply_unary(op: Primitive, operand: Tensor, kwargs: dict[str, Any] | None = None) -> Tensor:
    """`apply` for the usual case of a function of one Tensor, and of static arguments that hold no Tensors."""
    a = operand._node
    how = recording()
    if how != ON or a is None or not a.requires_grad or op.rules[0] is None:
        return apply(op, (operand,), kwargs or {})
    if op.view:
        return _viewing(op, operand, op.fn if kwargs is None else partial(op.fn, **kwargs), kwargs)
    keep_y, keep_x = op.keeps[0]
    x = operand._array if operand._shared is None else operand._settled(keep_x == VALUE)
    try:
        y = op.fn(x) if kwargs is None else op.fn(x, **kwargs)
    except (TypeError, ValueError, IndexError) as error:
        if isinstance(error, AutogradError):
            raise
        raise refused(op, [x], kwargs or {}, error) from error
    if operand._shared is LENT and (y is x or y.base is not None):
        y = y.copy()  # as in `apply`: it may look into the array that the user can write to
    spec = spec_of(y)
    if spec.dtype is not a.spec.dtype and spec.dtype.kind not in "fc":
        return apply(op, (operand,), kwargs or {})
    out = _new(Tensor)
    out._array = y
    out._shared = None
    out._node = node = Node()
    node.op = op
    node.a = a
    node.y = y if keep_y == VALUE else spec
    node.x = x if keep_x == VALUE else a.spec
    node.spec = spec
    node.details = None if kwargs is None else {"kwargs": kwargs}
    return out


def call(op: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """`apply`, sooner done for a function of one Tensor."""
    if op.variadic or len(op.rules) != 1 or not isinstance(args[0], Tensor):
        return apply(op, args, kwargs)
    if len(args) > 1:
        kwargs = {**by_name(op, args, 1), **kwargs}
    return apply_unary(op, args[0], (static_arguments(op, kwargs) or None) if kwargs else None)


def _learn(specs: dict[Any, Spec], of: Any, y: Any) -> Spec:
    """Remember the Spec of the result `y` of operands with the specs `of`, which costs less than to ask the array."""
    _bounded(specs)[of] = spec = spec_of(y)
    return spec


def _bounded(memo: dict[Any, Any]) -> dict[Any, Any]:
    """`memo`, emptied when it has grown: a program that meets new shapes for ever must not fill the memory."""
    if len(memo) >= 1000:
        memo.clear()
    return memo


def unary(op: Primitive) -> Any:
    """`apply_unary` for a function without static arguments, whose result's Spec follows from its operand's."""
    keeps_y: Any = None  # not read off the rule yet: at import that would cost milliseconds
    keeps_x: Any = None
    specs: dict[Spec, Spec] = {}  # of the operand -> of the result
    fn = op.fn

    def method(self: Tensor) -> Tensor:
        nonlocal keeps_y, keeps_x
        if keeps_y is None:
            keeps_y, keeps_x = [keep == VALUE for keep in op.keeps[0]]
        a = self._node
        if (a.__class__ is not Node and (a is None or not a.requires_grad)) or recording() != ON:
            return unrecorded(self)
        x = self._array if self._shared is None else self._settled(keeps_x)
        try:
            y = fn(x)
        except (TypeError, ValueError) as error:
            raise refused(op, [x], {}, error) from error
        its = a.spec
        spec = specs.get(its) or _learn(specs, its, y)
        out = _new(Tensor)
        out._array = y
        out._shared = None
        out._node = node = Node()
        node.op = op
        node.a = a
        node.y = y if keeps_y else spec
        node.x = x if keeps_x else its
        node.spec = spec
        node.details = None
        return out

    def unrecorded(self: Tensor) -> Tensor:
        how = recording()
        if how != OFF and (how != ON or self._node.__class__ is Passive):
            return apply(op, (self,), {})
        x = self._array if self._shared is None else self._settled(False)
        try:
            return wrap(op.fn(x))
        except (TypeError, ValueError) as error:
            raise refused(op, [x], {}, error) from error

    return method


def _unrecorded(op: Primitive, forward: Callable[..., Any], a: Any, b: Any) -> Tensor:
    """`apply` for two operands, where nothing is to be recorded."""
    x = a if a.__class__ is not Tensor else a._array if a._shared is None else a._settled(False)
    z = b if b.__class__ is not Tensor else b._array if b._shared is None else b._settled(False)
    try:
        y = forward(x, z)
    except (TypeError, ValueError) as error:
        raise refused(op, [x, z], {}, error) from error
    return wrap(y)


def _borrowed(array: Any, keep: int) -> tuple[Leaf, Any]:
    """An ndarray operand as an input of a node: its leaf, and a copy if it is kept, for the user may change it."""
    return Leaf(None, spec_of(array)), array.copy() if keep == VALUE else None


#: what a sum keeps, and what a product does: both operands
_NEITHER, _OPERANDS = (NOTHING, NOTHING, NOTHING), (NOTHING, VALUE, VALUE)


def _save(node: Node, keep: tuple[int, int, int], y: Any, x: Any, z: Any) -> None:
    """Save in `node`, whose inputs and Spec are known, what is to be kept of the result `y` and the operands."""
    keep_y, keep_a, keep_b = keep
    node.y = y if keep_y == VALUE else node.spec if keep_y else None
    node.x = x if keep_a == VALUE else node.a.spec if keep_a else None
    node.z = z if keep_b == VALUE else node.b.spec if keep_b else None


#: dtype -> number of Python's -> the array of it
_arrays: dict[np.dtype[Any], dict[float, Any]] = {np.dtype(kind): {} for kind in "fd"}


def _array_of(number: float, dtype: np.dtype[Any]) -> Any:
    """`number` as an array of that dtype, which NumPy would make of it at each call: that takes as long as the call."""
    known = _arrays.get(dtype)
    if known is None:
        return number
    array = known.get(number)
    if array is None:
        if not 1e-30 < abs(number) < 1e30:  # 0.0 and -0.0 are one key, NaN is none, and a large number may not fit
            return number
        _bounded(known)[number] = array = np.array(number, dtype)
    return array


def binary(function: Any, forward: Callable[[Any, Any], Any], *, same_shape: bool = True) -> tuple[Any, Any]:
    """An operator and its reflected form.

    They repeat `apply` for their usual operands, Tensors and Python numbers, because this is the inner loop of
    every small model: half a microsecond here is a third of the time of a small network.
    """
    op = TABLE[function]
    kept: list[Any] = [None] * 4  # what to keep when a gradient flows to neither, to a, to b, to both
    specs: dict[Spec, dict[Spec, Spec]] = {}  # of two operands -> of the result
    as_array = same_shape and function is not np.power  # NumPy knows its own ways for x**2

    def look() -> None:  # when first needed, for it takes long to read it off the rules
        if_a, if_b = op.keeps
        both = tuple(map(max, if_a, if_b))
        known: dict[Any, Any] = {keep: keep for keep in (_NEITHER, _OPERANDS)}  # so that `is` is enough
        kept[1:] = [known.get(keep, keep) for keep in (if_a, if_b, both)]

    def unusual(a: Any, b: Any) -> Tensor:
        how = recording()
        if how == OFF or (how == ON and not any(getattr(x, "_node", x).__class__ is Passive for x in (a, b))):
            return _unrecorded(op, forward, a, b)
        return apply(op, (a, b), {})

    def method(self: Tensor, other: Any) -> Any:
        if other.__class__ is not Tensor:
            return with_number(self, other)
        a = self._node
        b = other._node
        if b.__class__ is Node or (b is not None and b.requires_grad):
            keep = kept[3 if a.__class__ is Node or (a is not None and a.requires_grad) else 2]
        else:
            keep = kept[1 if a.__class__ is Node or (a is not None and a.requires_grad) else 0]
        if keep is None or recording() != ON:
            flows = bool(a is not None and a.requires_grad) + 2 * bool(b is not None and b.requires_grad)
            if not flows or recording() != ON:
                return unusual(self, other)
            look()
            keep = kept[flows]
        x = self._array
        z = other._array
        if self._shared is not None and (self._shared is not LENT or keep[1] == VALUE):
            x = self._settled()
        if other._shared is not None and (other._shared is not LENT or keep[2] == VALUE):
            z = other._settled()
        try:
            y = forward(x, z)
        except (TypeError, ValueError) as error:
            raise refused(op, [x, z], {}, error) from error
        if a is None:
            a = self._leaf()
        elif b is None:
            b = other._leaf()
        spec = a.spec
        its = b.spec  # type: ignore[union-attr]
        if spec is not its or not same_shape:
            try:
                spec = specs[spec][its]
            except KeyError:
                spec = _learn(_bounded(specs).setdefault(spec, {}), its, y)
        out = _new(Tensor)
        out._array = y
        out._shared = None
        out._node = node = Node()
        node.op = op
        node.a = a
        node.b = b
        node.spec = spec
        if keep is _NEITHER:
            node.y = node.x = node.z = None
        elif keep is _OPERANDS:
            node.y = None
            node.x = x
            node.z = z
        else:
            _save(node, keep, y, x, z)
        node.details = None
        return out

    def with_constant(position: int) -> Any:
        """The operator of a Tensor and a number, or an array, which stands at `position`."""
        flows = 2 - position

        def method(self: Tensor, other: Any) -> Any:
            kind = other.__class__
            if kind is not float and kind is not int and (kind is not np.ndarray or other.dtype.kind not in "biufc"):
                if not isinstance(other, OPERANDS):
                    return beside(op.name, other)
                return apply(op, (self, other) if position else (other, self), {})
            node = self._node
            if node is None or not node.requires_grad or recording() != ON:
                return unusual(self, other) if position else unusual(other, self)
            if kept[flows] is None:
                look()
            keep = kept[flows]
            x = self._array if self._shared is None else self._settled(keep[flows] == VALUE)
            spec = node.spec
            z = _array_of(other, spec.dtype) if as_array and kind is not np.ndarray is x.__class__ else other
            try:
                y = forward(x, z) if position else forward(z, x)
            except (TypeError, ValueError) as error:
                raise refused(op, [x, other] if position else [other, x], {}, error) from error
            source = z = other
            if kind is np.ndarray:
                source, z = _borrowed(other, keep[1 + position])
                if spec is not source.spec or not same_shape:
                    spec = spec_of(y)
            out = _new(Tensor)
            out._array = y
            out._shared = None
            out._node = made = Node()
            made.op = op
            made.spec = spec
            if position:
                made.a = node
                made.b = source
            else:
                made.a = source
                made.b = node
                x, z = z, x
            if keep is _NEITHER:
                made.y = made.x = made.z = None
            else:
                _save(made, keep, y, x, z)
            made.details = None
            return out

        return method

    with_number, reflected = with_constant(1), with_constant(0)
    return method, reflected


# --- views and indices ----------------------------------------------------------------------------------------

_GETITEM, _SETITEM = TABLE[operator.getitem], TABLE[operator.setitem]
_TRANSPOSE, _RESHAPE = TABLE[np.transpose], TABLE[np.reshape]
_SWAPAXES = TABLE[np.swapaxes]
_turned = operator.attrgetter("T")


def _plain_index(index: Any) -> Any:
    """An index with the Tensors in it as the integer or boolean arrays they hold."""
    if index.__class__ is tuple and BASIC.issuperset(map(type, index)):
        return index
    if isinstance(index, Tensor):
        if index.dtype.kind not in "biu":
            raise OperandError(
                f"indexing: a Tensor of dtype {index.dtype} cannot be an index; use integers or booleans"
            )
        return index._array if index._shared is None else index.numpy()
    if isinstance(index, tuple):
        return tuple([_plain_index(part) for part in index])
    if isinstance(index, np.ndarray):
        return unmasked("indexing", index).copy()
    if isinstance(index, list):
        array = plain_array("indexing", index)
        return array if array.size else array.astype(int)  # which is what NumPy takes an empty list for
    return np.asarray(index).copy() if is_array_of_another_kind(index) else index


def getitem(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]`."""
    if index.__class__ is not int and index.__class__ is not slice:
        index = _plain_index(index)
    return _viewing(_GETITEM, tensor, operator.itemgetter(index), {"index": index})


def transpose(tensor: Tensor, *axes: Any) -> Tensor:
    """`np.transpose` of this Tensor; the axes as one tuple, as several numbers, or left out to reverse them."""
    chosen = axes[0] if len(axes) == 1 else axes or None
    if chosen is None:
        return _viewing(_TRANSPOSE, tensor, _turned, None)
    if not isinstance(chosen, (tuple, list)) and getattr(chosen, "ndim", 0) != 1:
        chosen = axes
    return _permuted(_TRANSPOSE, tensor, {"axes": tuple(chosen)}, chosen)


def swapaxes(tensor: Tensor, axis1: Any, axis2: Any) -> Tensor:
    """`np.swapaxes` of this Tensor."""
    return _permuted(_SWAPAXES, tensor, {"axis1": axis1, "axis2": axis2}, (axis1, axis2))


def _permuted(op: Primitive, tensor: Tensor, kwargs: dict[str, Any], axes: Any) -> Tensor:
    """A view with the axes in another order."""
    if not BASIC.issuperset(map(type, axes)):
        kwargs = static_arguments(op, kwargs)
    return _viewing(op, tensor, lambda x: op.fn(x, **kwargs), kwargs)


def reshape(tensor: Tensor, *shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
    """`np.reshape` of this Tensor; the shape as one tuple or as several numbers."""
    wanted = shape[0] if len(shape) == 1 else shape
    if not isinstance(wanted, (tuple, list)) and getattr(wanted, "ndim", 0) != 1:
        wanted = (wanted,)
    try:
        wanted = tuple(map(operator.index, wanted))
    except TypeError as error:
        raise OperandError(f"reshape: {shortened(shape)} is no shape for {tensor.shape}; give whole numbers") from error
    kwargs: dict[str, Any] = {"shape": wanted}
    if order == "C" and copy is None:
        return _viewing(_RESHAPE, tensor, lambda x: x.reshape(wanted), kwargs)
    if order != "C":
        kwargs["order"] = order
    if copy is not None:
        kwargs["copy"] = copy
    return apply_unary(_RESHAPE, tensor, kwargs)


def setitem(tensor: Tensor, index: Any, value: Any) -> Tensor:
    """A copy of `tensor` with `value` at `index`."""
    return apply(_SETITEM, (tensor, value), {"index": _plain_index(index)})
