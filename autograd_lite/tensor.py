"""`Tensor`: an array that remembers how it was made.

Ownership, in one sentence: *an array inside the graph is never written to*. A Tensor copies what it is made
from; an in-place operation gives the Tensor a new array; an array that the user can reach, an ndarray operand
or what `t.data` handed out, is copied on its way into the graph. So a change between forward and backward
leaves the gradient right.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from sys import getrefcount
from typing import Any

import numpy as np

import autograd_lite.rules  # noqa: F401  # fills the table
from autograd_lite.errors import (
    AutogradError,
    DetachedError,
    InPlaceError,
    NotDifferentiableError,
    OperandError,
    RequiresGradError,
)
from autograd_lite.record import (
    NOTHING,
    ON,
    VALUE,
    WITH_LINES,
    Leaf,
    Node,
    Passive,
    Primitive,
    note_line,
    recording,
    spec_of,
)
from autograd_lite.rules.table import COMPOSED, PLAIN, TABLE

__all__ = ["Tensor", "apply", "wrap"]

# What `_shared` holds once `t.data` has handed out the array; otherwise None or, for a view, (base, its array).
_LENT = ("lent",)


class Tensor:
    """An array that records the operations applied to it, so that gradients can be computed.

    Args:
        data: anything `np.array` takes; it is copied. Python floats become float64.
        requires_grad: whether `backward` is to leave a gradient in `.grad`; floating or complex dtypes only.
        dtype: the dtype to convert to.
        name: what drawings, tables and errors call it.

    Raises:
        OperandError: the data is not numeric.
        RequiresGradError: an integer or boolean Tensor was asked for a gradient.
        DetachedError: the data is, or contains, a Tensor that requires grad.

    >>> import numpy as np
    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> loss = (np.tanh(w) ** 2).sum()
    >>> loss.backward()
    >>> w.grad.shape
    (2,)
    """

    __slots__ = ("__weakref__", "_data", "_node", "_shared")
    __array_priority__ = 1000.0

    _data: Any
    _node: Node | None
    _shared: tuple[Any, ...] | None

    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None
    ) -> None:
        array = np.array(data, dtype=dtype)
        if array.dtype.kind not in "biufc":
            raise OperandError(
                f"Tensor: data of dtype {array.dtype} is not numeric; pass numbers, or an array with dtype=float"
            )
        self._data = array
        self._shared = None
        self._node = None
        if requires_grad or name is not None:
            _check_differentiable(array.dtype, requires_grad)
            self._node = Leaf(array, spec_of(array), bool(requires_grad))
            if name is not None:
                self._node.note("name", name)

    # --- the array -------------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray[Any, Any]:
        """The array itself, to look at or to change in place.

        What was recorded before keeps the old values. The data of a view (`x[0]`, `x.T`) is read-only.

        >>> t = Tensor([1.0, 2.0])
        >>> t.data[0] = 5.0
        >>> t
        tensor([5., 2.])
        """
        if self._shared is not _LENT:
            if self._shared is not None:
                array = np.asarray(self._settled()).view()
                array.flags.writeable = False
                return array
            self._replace(np.array(self._data))
            self._shared = _LENT
        return self._data  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._data and self._shared is _LENT:
            return  # the end of `t.data -= ...`
        if isinstance(value, Tensor):
            value = value.numpy()
        array = np.asarray(value, dtype=self.dtype)
        if array.shape != self.shape:
            raise OperandError(
                f"data: cannot put values of shape {array.shape} into a Tensor of shape {self.shape}; "
                f"make a new Tensor instead"
            )
        self._check_not_view("data = ...")
        self._replace(array)
        self._shared = _LENT

    def _replace(self, array: Any) -> None:
        self._data = array
        if self._node.__class__ is Leaf:
            self._node.value = array  # type: ignore[union-attr]

    def _settled(self, kept: bool = True) -> Any:
        """The array to compute with, when it may be shared with the user or with another Tensor."""
        if self._shared is _LENT:
            return self._data.copy() if kept else self._data
        if self._shared is not None:
            base, array = self._shared
            if base._data is not array and not np.array_equal(base._data, array, equal_nan=True):
                raise InPlaceError(
                    f"this Tensor of shape {self.shape} is a view of one that was changed in place since; "
                    f"take the view again, or take a .copy() before the change"
                )
        return self._data

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy of the values as a plain array, without history.

        >>> Tensor([1.0, 2.0], requires_grad=True).numpy()
        array([1., 2.])
        """
        return np.array(self._data)

    def item(self, *index: Any) -> Any:
        """One element as a Python number, without history; with no index there must be exactly one.

        >>> Tensor([[3.5]], requires_grad=True).item()
        3.5
        """
        if not index and self._data.size != 1:
            raise OperandError(
                f"item: a Tensor of shape {self.shape} has {self._data.size} elements, not one; "
                f"give an index, or use .tolist()"
            )
        return self._data.item(*index)

    def tolist(self) -> Any:
        """The values as nested Python lists, without history."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """A Tensor of the same values that no gradient flows through."""
        return wrap(self._data.copy() if self._shared is _LENT else self._data)

    def clone(self) -> Tensor:
        """A differentiable copy."""
        return np.positive(self)  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self._data.size  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self._data.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        return self._data.nbytes  # type: ignore[no-any-return]

    # --- the graph -------------------------------------------------------------------------------------------

    def _leaf(self) -> Node:
        """This Tensor's node, made now if it has none: where a graph that uses it begins."""
        node = self._node
        if node is None:
            node = self._node = Leaf(self._data, spec_of(self._data))
        return node

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to this Tensor. It can be set on a leaf only."""
        return self._node is not None and self._node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            raise RequiresGradError(
                f"requires_grad: this Tensor of shape {self.shape} is the result of "
                f"{self._node.op.name!r}, not a leaf; use .detach() to cut it off"  # type: ignore[union-attr]
            )
        _check_differentiable(self.dtype, value)
        self._leaf().requires_grad = bool(value)  # type: ignore[misc]

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return this Tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this Tensor."""
        return self._node is None or self._node.__class__ is Leaf

    @property
    def grad(self) -> Any:
        """The accumulated gradient: an array of this Tensor's shape and dtype, or None.

        A Tensor after `backward(create_graph=True)`. Only leaves that require grad, and Tensors on which
        `retain_grad` was called, have one.
        """
        node = self._node
        if node.__class__ is Leaf:
            return node.grad  # type: ignore[union-attr]
        return (node.details or {}).get("grad") if node is not None else None

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                value = np.asarray(value)
            if value.shape != self.shape:
                raise OperandError(
                    f"grad: a gradient of shape {value.shape} does not fit a Tensor of shape {self.shape}; "
                    f"it must have the same shape"
                )
            if value.dtype != self.dtype:
                value = value.astype(self.dtype)
        node = self._leaf()
        if node.__class__ is Leaf:
            node.grad = value  # type: ignore[attr-defined]
        else:
            node.note("grad", value)

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result in `.grad` when `backward` passes it."""
        if not self.requires_grad:
            raise RequiresGradError(
                f"retain_grad: this Tensor of shape {self.shape} does not require grad, so none will pass it"
            )
        if not self.is_leaf:
            self._leaf().note("retain", True)

    def register_hook(self, hook: Callable[[Any], Any]) -> _Handle:
        """Call `hook(gradient)` when the gradient of this Tensor is known; what it returns, if anything, replaces it.

        Returns a handle whose `remove()` takes the hook away again.

        >>> t = Tensor([1.0], requires_grad=True)
        >>> handle = t.register_hook(lambda g: 2 * g)
        >>> (3 * t).sum().backward()
        >>> t.grad
        array([6.])
        """
        if not self.requires_grad:
            raise RequiresGradError(
                f"register_hook: this Tensor of shape {self.shape} does not require grad, so no gradient will "
                f"pass it; create it with requires_grad=True"
            )
        node = self._leaf()
        hooks = (node.details or {}).get("hooks")
        if hooks is None:
            hooks = {}
            node.note("hooks", hooks)
        return _Handle(hooks, hook)

    @property
    def name(self) -> str | None:
        """What drawings, tables and errors call this Tensor."""
        return self._node.name if self._node is not None else None

    @name.setter
    def name(self, value: str | None) -> None:
        self._leaf().note("name", value)

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Compute the gradient of this Tensor and add it to `.grad` of every leaf that requires grad.

        Args:
            gradient: the gradient of some scalar by this Tensor, of its shape; may be left out for a scalar.
            retain_graph: keep the saved values, so that `backward` can run again; default: `create_graph`.
            create_graph: record the derivative too; `.grad` are Tensors then.

        Raises:
            BackwardError: nothing here requires grad; not a scalar and no gradient; another shape.
            FreedGraphError: the saved values were freed by an earlier sweep.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> (x**2).backward()
        >>> x.grad
        array(6.)
        """
        backprop.backward(self, gradient, retain_graph, create_graph)

    # --- NumPy's protocols -----------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            row = TABLE.get(ufunc)
            if row is not None:
                return _apply_unary(row, inputs[0]) if len(inputs) == 1 else apply(row, inputs, kwargs)
            if ufunc in COMPOSED:
                return COMPOSED[ufunc](*inputs)
        made = COMPOSED.get((ufunc, method)) or COMPOSED.get(method)
        if made is not None:
            return made(ufunc, *inputs, **kwargs)
        return _without_rule(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        row = TABLE.get(function)
        if row is not None:
            return apply(row, *_bound(function, row, args, kwargs))
        made = COMPOSED.get(function)
        if made is not None:
            return made(*args, **kwargs)
        return _without_rule(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.requires_grad and recording():
            raise DetachedError(
                f"turning a Tensor of shape {self.shape} that requires grad into an ndarray would lose its "
                f"gradient; join Tensors with np.stack or np.concatenate, assign into a Tensor instead of an "
                f"ndarray, or say .detach() or .numpy() to leave the graph"
            )
        return np.array(self._data, dtype=dtype)

    def _number(self, kind: str) -> Any:
        if self.requires_grad and recording():
            raise DetachedError(
                f"{kind}() of a Tensor that requires grad would lose its gradient; use .item() for the plain number, "
                f"or the np function (np.sqrt(t), not math.sqrt(t)) to stay in the graph"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __index__(self) -> int:
        return operator.index(self._number("index"))

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise OperandError(
                f"bool: the truth of a Tensor of shape {self.shape} is ambiguous; use .any() or .all()"
            )
        return bool(self._data)

    def __len__(self) -> int:
        if not self._data.ndim:
            raise OperandError("len: a 0-d Tensor has no length; use .item() for its number")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise OperandError("iter: a 0-d Tensor cannot be iterated over; use .item() for its number")
        return (self[i] for i in range(len(self._data)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._data == (value._data if isinstance(value, Tensor) else value)))

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Tensor:
        return apply(TABLE[operator.getitem], (self,), {"index": _plain_index(index)})

    def __setitem__(self, index: Any, value: Any) -> None:
        self._become(apply(TABLE[operator.setitem], (self, value), {"index": _plain_index(index)}), "[...] =")

    @staticmethod
    def _apply(op: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        return apply(op, args, kwargs)

    # --- methods whose signature is not that of the NumPy function ------------------------------------------------

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """`np.reshape` of this Tensor; the shape as one tuple or as several numbers."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[no-any-return, call-overload]

    def transpose(self, *axes: Any) -> Tensor:
        """`np.transpose` of this Tensor; the axes as one tuple, as several numbers, or left out to reverse them."""
        chosen = None if not axes else axes[0] if len(axes) == 1 else axes
        return np.transpose(self, chosen)  # type: ignore[no-any-return, call-overload]

    @property
    def T(self) -> Tensor:
        return np.transpose(self)  # type: ignore[no-any-return, call-overload]

    @property
    def mT(self) -> Tensor:
        return np.matrix_transpose(self)  # type: ignore[no-any-return, call-overload]

    @property
    def real(self) -> Tensor:
        return np.real(self)  # type: ignore[no-any-return, call-overload]

    @property
    def imag(self) -> Tensor:
        return np.imag(self)  # type: ignore[no-any-return, call-overload]

    @property
    def flat(self) -> Iterator[Tensor]:
        return iter(np.ravel(self))  # type: ignore[call-overload]

    def flatten(self, order: str = "C") -> Tensor:
        """A one-dimensional copy."""
        return np.ravel(self, order=order).clone()  # type: ignore[call-overload, no-any-return]

    # --- in-place operations: this Tensor takes over the result -----------------------------------------------

    def _become(self, result: Any, what: str) -> Tensor:
        node = self._node
        if result is NotImplemented:
            return NotImplemented  # type: ignore[no-any-return]
        if recording() and node.__class__ is Leaf and node.requires_grad:  # type: ignore[union-attr]
            raise InPlaceError(
                f"'{what}' on a leaf of shape {self.shape} that requires grad would lose the leaf; "
                f"put an update under `with ag.no_grad():`, or write it out of place (w = w - ...)"
            )
        self._check_not_view(what)
        if result.shape != self.shape:
            raise OperandError(
                f"'{what}': the result has shape {result.shape}, which does not fit in place into {self.shape}; "
                f"write it out of place (x = x + ...)"
            )
        if result.dtype != self.dtype:
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise OperandError(
                    f"'{what}': a result of dtype {result.dtype} does not fit in place into {self.dtype}; "
                    f"write it out of place (x = x + ...), or convert with .astype first"
                )
            result = result.astype(self.dtype)
        self._shared = None
        recorded = result._node
        if recorded is not None:
            if node is not None and node.name:
                recorded.note("name", node.name)
            self._data, self._node = result._data, recorded
        elif node is None or (node.__class__ is Leaf and node.requires_grad) or not recording():
            self._replace(result._data)
        else:  # data that a graph already shows with its old value
            self._data, self._node = result._data, None
            if node.name:
                self.name = node.name
        return self

    def _check_not_view(self, what: str) -> None:
        shared = self._shared
        if shared is not None and shared is not _LENT and _references(shared) > _ALONE:
            raise InPlaceError(
                f"'{what}' on a Tensor of shape {self.shape} that is a view of another: NumPy would change both; "
                f"assign into the other one (x[i] = ...), or take a .copy() first"
            )

    # --- copies ----------------------------------------------------------------------------------------------

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        self._check_leaf("deepcopy")
        made = Tensor(self._data, self.requires_grad, name=self.name)
        if self.grad is not None:
            made.grad = np.array(self.grad.numpy() if isinstance(self.grad, Tensor) else self.grad)
        memo[id(self)] = made
        return made

    def __reduce__(self) -> Any:
        self._check_leaf("pickle")
        grad = self.grad.numpy() if isinstance(self.grad, Tensor) else self.grad
        return _restored, (np.asarray(self._data), self.requires_grad, self.name, grad)

    def _check_leaf(self, what: str) -> None:
        if not self.is_leaf and self.requires_grad:
            raise DetachedError(
                f"{what}: a Tensor of shape {self.shape} made by {self._node.op.name!r} carries a graph that "  # type: ignore[union-attr]
                f"cannot be copied; {what} its .detach(), or the leaves it was made from"
            )

    def __repr__(self) -> str:
        body = np.array2string(np.asarray(self._data), separator=", ", prefix="tensor(")
        if self.dtype not in (np.dtype(float), np.dtype(int), np.dtype(bool)):
            body += f", dtype={self.dtype}"
        if self.name is not None:
            body += f", name={self.name!r}"
        if self.requires_grad:
            body += ", requires_grad=True" if self.is_leaf else f", op={self._node.op.name!r}"  # type: ignore[union-attr]
        return f"tensor({body})"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)


class _Handle:
    """Takes one hook away again."""

    def __init__(self, hooks: dict[Any, Any], hook: Any) -> None:
        self._hooks = hooks
        hooks[self] = hook

    def remove(self) -> None:
        self._hooks.pop(self, None)


def _references(shared: tuple[Any, ...]) -> int:
    return getrefcount(shared[0])


#: the reference count of a view's base that nobody but the view holds
_ALONE = _references((object(),))


def _restored(array: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    made = Tensor(array, requires_grad, name=name)
    if grad is not None:
        made.grad = grad
    return made


def _check_differentiable(dtype: np.dtype[Any], requires_grad: bool) -> None:
    if requires_grad and dtype.kind not in "fc":
        raise RequiresGradError(
            f"requires_grad: a Tensor of dtype {dtype} has no gradient; use a floating dtype, "
            f"for instance Tensor(..., dtype=float, requires_grad=True)"
        )


def wrap(array: Any, node: Node | None = None) -> Tensor:
    """A Tensor around an array that the engine owns, without a copy."""
    tensor = Tensor.__new__(Tensor)
    tensor._data = array
    tensor._node = node
    tensor._shared = None
    return tensor


# --- recording an operation ----------------------------------------------------------------------------------


def apply(op: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Carry out `op` on Tensors, arrays and numbers, and record it if a gradient or a mask depends on it.

    `args` are the array inputs, then static arguments as NumPy orders them; `kwargs` are static.
    """
    count = len(args) if op.variadic else len(op.rules)
    if len(args) > count:
        kwargs = {**dict(zip(op.static, args[count:])), **kwargs}
        args = args[:count]
    if kwargs:
        kwargs = _static(op, kwargs)

    values: list[Any] = []
    sources: list[Any] = []
    exposed: list[int] = []  # where an input's memory is within reach of the user
    active = passive = False
    for operand in args:
        if isinstance(operand, Tensor):
            values.append(operand._data if operand._shared is None else operand._settled(op.view))
            if operand._shared is _LENT and not op.view:
                exposed.append(len(values))
            node = operand._node
            sources.append(node if node is not None else operand)
            if node is not None:
                if node.requires_grad:
                    active = True
                elif node.__class__ is Passive:
                    passive = True
        elif operand.__class__ is float or operand.__class__ is int:
            values.append(operand)
            sources.append(operand)
        else:
            operand = _operand(op, operand)
            values.append(operand)
            if operand.__class__ is np.ndarray:
                exposed.append(len(values))
            sources.append(operand)

    try:
        y = op.fn(*values, **kwargs)
    except AutogradError:
        raise
    except Exception as error:
        raise _refused(op, values, kwargs, error) from error
    if exposed and op.view:
        y = np.array(y)  # NumPy may have given a view of an array that the user can write to

    out = wrap(y)
    if op.view and y.base is not None and isinstance(args[0], Tensor):
        base = args[0]._shared
        out._shared = base if base is not None and base is not _LENT else (args[0], values[0])
    if (active or passive) and recording():
        details = {"kwargs": kwargs} if kwargs else None
        saved = _saved(op, y, values, sources, exposed) if active and y.dtype.kind in "fc" else None
        kind = Passive if saved is None else Node
        out._node = kind(op, tuple([_source(source) for source in sources]), saved, spec_of(y), details)
        if recording() == WITH_LINES:
            note_line(out._node)
    return out


def _saved(
    op: Primitive, y: Any, values: list[Any], sources: list[Any], exposed: list[int]
) -> tuple[Any, ...] | None:
    """What the rules of those inputs that need a gradient read; None if no gradient flows to any."""
    wanted: list[int] | None = None
    if op.variadic:
        wanted = [op.keeps[0][0]] + [op.keeps[0][1]] * len(values)
    else:
        for source, rule, keeps in zip(sources, op.rules, op.keeps):
            if rule is not None and isinstance(source, Node) and source.requires_grad:
                wanted = list(keeps) if wanted is None else list(map(max, wanted, keeps))
    if wanted is None:
        return None
    saved = [y, *values]
    for position, want in enumerate(wanted):
        if want == NOTHING:
            saved[position] = None
        elif want != VALUE:
            value = saved[position]
            saved[position] = spec_of(value if hasattr(value, "dtype") else np.asarray(value))
        elif position in exposed:
            saved[position] = saved[position].copy()  # the user may change it before the backward pass
    return tuple(saved)


def _source(source: Any) -> Any:
    """The entry of `Node.inputs`: a node or a plain number; arrays and data Tensors get a leaf."""
    if isinstance(source, Tensor):
        return source._leaf()
    return Leaf(None, spec_of(source)) if source.__class__ is np.ndarray else source


def _operand(op: Primitive, operand: Any) -> Any:
    """An operand that is neither Tensor nor int nor float, as something NumPy computes with."""
    if isinstance(operand, (np.ndarray, np.generic, bool, complex)):
        array = operand
    elif isinstance(operand, (list, tuple, range)):
        array = np.asarray(operand)
    else:
        array = None
    if array is None or (isinstance(array, (np.ndarray, np.generic)) and array.dtype.kind not in "biufc"):
        raise OperandError(
            f"{op.name}: cannot compute with {_short(operand)}; operands are Tensors, arrays and numbers"
        )
    return array


def _static(op: Primitive, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Static arguments, with Tensors among them as plain values and NumPy's "not given" left out."""
    made = {}
    for key, value in kwargs.items():
        if isinstance(value, Tensor):
            if value.requires_grad:
                raise NotDifferentiableError(
                    f"{op.name}: no derivative with respect to '{key}', a Tensor of shape {value.shape} that "
                    f"requires grad; pass {key}.item(), .numpy() or .detach() instead"
                )
            value = value.numpy()
        if key == "out":
            if value is not None and value != (None,):
                raise InPlaceError(
                    f"{op.name}: out= writes into an array behind the graph's back; use the returned Tensor"
                )
            continue
        if isinstance(value, np.ndarray):
            value = value.copy()  # a mask or an index that the user may change before the backward pass
        if value is not np._NoValue:
            made[key] = value
    return made


def _refused(op: Primitive, values: list[Any], kwargs: dict[str, Any], error: Exception) -> OperandError:
    shapes = ", ".join(str(np.shape(value)) for value in values)
    static = "".join(f", {key}={_short(value)}" for key, value in kwargs.items())
    return OperandError(f"{op.name}: operands of shape {shapes}{static}: {str(error).strip().rstrip('.')}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _bound(function: Any, op: Primitive, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with its array inputs in front, whichever of them were given by name."""
    missing = len(op.rules) - len(args)
    if missing <= 0 or op.variadic:
        return args, kwargs
    import inspect

    names = list(inspect.signature(function).parameters)[len(args) : len(op.rules)]
    kwargs = dict(kwargs)
    try:
        return (*args, *[kwargs.pop(name) for name in names]), kwargs
    except KeyError as error:
        raise OperandError(f"{op.name}: argument {error} is missing") from None


def _plain_index(index: Any) -> Any:
    """An index with the Tensors in it as the integer or boolean arrays they hold."""
    if isinstance(index, Tensor):
        if index.dtype.kind not in "biu":
            raise OperandError(
                f"indexing: a Tensor of dtype {index.dtype} cannot be an index; use integers or booleans"
            )
        return index._data if index._shared is None else index.numpy()
    if isinstance(index, tuple):
        return tuple([_plain_index(part) for part in index])
    if isinstance(index, np.ndarray):
        return index.copy()
    return index


def _without_rule(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that has no rule on plain arrays, or refuse if a gradient would be lost."""

    def bare(value: Any) -> Any:
        if isinstance(value, Tensor):
            if function not in PLAIN and value.requires_grad and recording():
                raise NotDifferentiableError(
                    f"{getattr(function, '__qualname__', function)}: no derivative rule is known for a Tensor of "
                    f"shape {value.shape} that requires grad; compose it from functions that have one, add a "
                    f"row with ag.custom, or say .detach() to leave the graph"
                )
            return value.numpy()
        if isinstance(value, (list, tuple)):
            return type(value)([bare(part) for part in value])
        if isinstance(value, dict):
            return {key: bare(part) for key, part in value.items()}
        return value

    return function(*bare(list(args)), **bare(dict(kwargs)))


# --- operators and methods: the same rows, recorded directly -----------------------------------------------------

_new = Tensor.__new__
_OPERANDS = (Tensor, np.ndarray, np.generic, int, float, complex, list, tuple)


def _apply_unary(op: Primitive, operand: Tensor) -> Tensor:
    """`apply` for the usual case of an elementwise function: one Tensor, no static arguments."""
    node = operand._node
    if node is None or not node.requires_grad or recording() != ON or op.rules[0] is None:
        return apply(op, (operand,), {})
    keep_y, keep_x = op.keeps[0]
    x = operand._data if operand._shared is None else operand._settled(keep_x)
    y = op.fn(x)
    out = _new(Tensor)
    out._data = y
    out._shared = None
    spec = node.spec if y.dtype is node.spec.dtype and y.shape == node.spec.shape else spec_of(y)
    out._node = Node(op, (node,), (y if keep_y else None, x if keep_x else None), spec)
    return out


def _binary(function: Any, forward: Callable[[Any, Any], Any], *, elementwise: bool = True) -> tuple[Any, Any]:
    """An operator and its reflected form.

    They repeat `apply` for their usual operands, Tensors and Python numbers, because this is the inner loop of
    every small model: half a microsecond here is a third of the time of a small network.
    """
    op = TABLE[function]
    if_a, if_b = op.keeps
    both = tuple(map(max, if_a, if_b))
    kept = ((), if_a, if_b, both)  # what to keep when a gradient flows to neither, to a, to b, to both

    def method(self: Tensor, other: Any) -> Any:
        b = other
        if other.__class__ is Tensor:
            b = other._node
        elif other.__class__ is not float and other.__class__ is not int:
            return apply(op, (self, other), {}) if isinstance(other, _OPERANDS) else NotImplemented
        a = self._node
        flows = 1 if a is not None and a.requires_grad else 0
        if b.__class__ is Node or (b.__class__ is Leaf and b.requires_grad):
            flows += 2
        if not flows or recording() != ON:
            return apply(op, (self, other), {})
        keep_y, keep_a, keep_b = kept[flows]
        x = self._data if self._shared is None else self._settled(keep_a)
        z = other
        if other.__class__ is Tensor:
            z = other._data if other._shared is None else other._settled(keep_b)
        try:
            y = forward(x, z)
        except Exception as error:
            raise _refused(op, [x, z], {}, error) from error
        if a is None:
            a = self._leaf()
        if b is None:
            b = other._leaf()
        spec = a.spec
        if not elementwise or (b is not z and spec is not b.spec):
            spec = spec_of(y)
        out = _new(Tensor)
        out._data = y
        out._shared = None
        out._node = Node(
            op, (a, b), (y if keep_y else None, x if keep_a else None, z if keep_b else None), spec
        )
        return out

    def reflected(self: Tensor, other: Any) -> Any:
        b = self._node
        number = other.__class__ is float or other.__class__ is int
        if not (number and b is not None and b.requires_grad and recording() == ON):
            return apply(op, (other, self), {}) if isinstance(other, _OPERANDS) else NotImplemented
        keep_y, keep_a, keep_b = if_b
        z = self._data if self._shared is None else self._settled(keep_b)
        try:
            y = forward(other, z)
        except Exception as error:
            raise _refused(op, [other, z], {}, error) from error
        out = _new(Tensor)
        out._data = y
        out._shared = None
        out._node = Node(
            op, (other, b), (y if keep_y else None, other if keep_a else None, z if keep_b else None), b.spec
        )
        return out

    return method, reflected


def _method(function: Any) -> Any:
    """The method that calls a NumPy function with this Tensor in front."""
    row = TABLE.get(function)

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if row is None:
            return function(self, *args, **kwargs)
        if args or kwargs or len(row.rules) != 1:
            return apply(row, (self, *args), kwargs)
        return _apply_unary(row, self)

    method.__name__ = function.__name__
    method.__doc__ = f"`np.{function.__name__}` of this Tensor."
    return method


def _in_place(operate: Callable[[Any, Any], Any], symbol: str) -> Any:
    def method(self: Tensor, other: Any) -> Tensor:
        return self._become(operate(self, other), symbol)

    return method


def _operator(function: Any, *, reflected: bool = False) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return function(other, self) if reflected else function(self, other)

    return method


for _name, _symbol, _function, _operate in (
    ("add", "+=", np.add, operator.add),
    ("sub", "-=", np.subtract, operator.sub),
    ("mul", "*=", np.multiply, operator.mul),
    ("truediv", "/=", np.true_divide, operator.truediv),
    ("pow", "**=", np.power, operator.pow),
    ("matmul", "@=", np.matmul, operator.matmul),
):
    _direct, _reflected = _binary(_function, _operate, elementwise=_name != "matmul")
    setattr(Tensor, f"__{_name}__", _direct)
    setattr(Tensor, f"__r{_name}__", _reflected)
    setattr(Tensor, f"__i{_name}__", _in_place(_operate, _symbol))

for _name, _function in (
    ("floordiv", np.floor_divide),
    ("mod", np.remainder),
    ("divmod", np.divmod),
    ("and", np.bitwise_and),
    ("or", np.bitwise_or),
    ("xor", np.bitwise_xor),
    ("lshift", np.left_shift),
    ("rshift", np.right_shift),
):
    setattr(Tensor, f"__{_name}__", _operator(_function))
    setattr(Tensor, f"__r{_name}__", _operator(_function, reflected=True))
    if _name != "divmod":
        setattr(Tensor, f"__i{_name}__", _in_place(_operator(_function), f"{_name}="))

for _name, _function in (
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
    ("eq", np.equal),
    ("ne", np.not_equal),
):
    setattr(Tensor, f"__{_name}__", _operator(_function))

for _name, _function in (
    ("neg", np.negative),
    ("pos", np.positive),
    ("abs", np.absolute),
    ("invert", np.invert),
):
    setattr(Tensor, f"__{_name}__", _method(_function))

for _function in (
    *(np.sum, np.mean, np.std, np.var, np.prod, np.min, np.max, np.cumsum, np.cumprod, np.any, np.all),
    *(np.argmin, np.argmax, np.argsort, np.nonzero, np.searchsorted, np.clip, np.round, np.dot),
    *(np.ravel, np.squeeze, np.swapaxes, np.repeat, np.take, np.diagonal, np.trace, np.conj, np.astype),
    *(np.ptp, np.compress, np.choose, np.sort, np.partition, np.argpartition, np.copy),
):
    setattr(Tensor, _function.__name__, _method(_function))

from autograd_lite import backprop  # noqa: E402  # the sweep is built on Tensor, and `backward` starts it
