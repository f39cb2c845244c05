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

from autograd_lite.arrays import gradient_like, plain_array, values_like
from autograd_lite.errors import (
    AutogradError,
    DetachedError,
    InPlaceError,
    OperandError,
    RequiresGradError,
)
from autograd_lite.grad_mode import LINES, is_grad_enabled, note_line, recording
from autograd_lite.methods import ArrayMethods
from autograd_lite.record import Leaf, Node, Passive, Primitive, gradient_of, make_node, spec_of

__all__ = ["Tensor", "wrap"]

# What a debug block records for `.detach()`
_DETACH = Primitive(np.positive, (None,), name="detach", prints="detach({})")

_np: Any = np  # NumPy as the dispatcher sees it: given Tensors, it returns Tensors

#: what `_shared` holds once `t.data` has handed out the array; otherwise None or, for a view,
#: (base, its array, its node).
LENT = ("lent",)


class Tensor(ArrayMethods):
    """An array that records the operations applied to it, so that gradients can be computed.

    Args:
        data: anything `np.array` takes; it is copied, in the byte order of this machine. Python floats become float64.
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

    __slots__ = ("__weakref__", "_array", "_node", "_shared")

    __array_priority__ = 1000.0

    _array: Any
    _node: Node | None
    _shared: tuple[Any, ...] | None

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> None:
        try:
            array = np.array(plain_array("Tensor", data) if isinstance(data, np.ndarray) else data, dtype=dtype)
        except ValueError as error:
            if isinstance(error, AutogradError):
                raise
            raise OperandError(f"Tensor: {error!s:.100}; give numbers, in rows of one length") from error
        if array.dtype.kind not in "biufc":
            raise OperandError(
                f"Tensor: data of dtype {array.dtype} is not numeric; pass numbers, or an array with dtype=float"
            )
        if not array.dtype.isnative:  # as from a file of another machine: no result is of that dtype
            array = array.astype(array.dtype.newbyteorder("="))
        self._array = array
        self._shared = None
        self._node = None
        if requires_grad or name is not None:
            _check_differentiable(array.dtype, requires_grad)
            self._node = Leaf(array, spec_of(array), bool(requires_grad))
            if name is not None:
                self.name = name

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
        if self._shared is not LENT:
            if self._shared is not None:
                array = np.asarray(self._settled()).view()
                array.flags.writeable = False
                return array
            self._replace(np.array(self._array))
            self._shared = LENT
        return self._array

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._array and self._shared is LENT:
            return  # the end of `t.data -= ...`
        if isinstance(value, Tensor):
            value = value.numpy()
        array = values_like("data", value, self.dtype)
        if array.shape != self.shape:
            raise OperandError(
                f"data: cannot put values of shape {array.shape} into a Tensor of shape {self.shape}; "
                f"make a new Tensor instead"
            )
        self._check_not_view("data = ...")
        self._replace(array)
        self._shared = LENT

    def _replace(self, array: Any) -> None:
        self._array = array
        if self._node.__class__ is Leaf:
            self._node.value = array

    def _settled(self, kept: bool = True) -> Any:
        """The array to compute with, when it may be shared with the user or with another Tensor."""
        if self._shared is LENT:
            return self._array.copy() if kept else self._array
        if self._shared is not None:
            base, array, node = self._shared
            if base._array is not array and (
                (base._node is not node and base._node.__class__ is Node)  # rewritten, by values that may be equal
                or not np.array_equal(base._array, array, equal_nan=True)
            ):
                raise InPlaceError(
                    f"this Tensor of shape {self.shape} is a view of one that was changed in place since; "
                    f"take the view again, or take a .copy() before the change"
                )
        return self._array

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy of the values as a plain array, without history.

        >>> Tensor([1.0, 2.0], requires_grad=True).numpy()
        array([1., 2.])
        """
        return np.array(self._seen())

    def _seen(self) -> Any:
        """The array to look at: that of a view only as long as what it looks into is unchanged."""
        return self._array if self._shared is None else self._settled(False)

    def item(self, *index: Any) -> Any:
        """One element as a Python number, without history; with no index there must be exactly one.

        >>> Tensor([[3.5]], requires_grad=True).item()
        3.5
        """
        if not index and self._array.size != 1:
            raise OperandError(
                f"item: a Tensor of shape {self.shape} has {self._array.size} elements, not one; "
                f"give an index, or use .tolist()"
            )
        return self._seen().item(*index)

    def detach(self) -> Tensor:
        """A Tensor of the same values that no gradient flows through.

        >>> Tensor([1.0], requires_grad=True).detach()
        tensor([1.])
        """
        made = wrap(self._array.copy() if self._shared is LENT else self._seen())
        if self._node is not None and recording() & LINES:  # so that `why_no_grad` finds the place
            made._node = make_node(Passive, _DETACH, (self._node,), None, self._node.spec)
            note_line(made._node)
        return made

    def clone(self) -> Tensor:
        """A differentiable copy.

        >>> Tensor([1.0], requires_grad=True).clone()
        tensor([1.], op='positive')
        """
        return _np.positive(self)

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

    # --- the graph -------------------------------------------------------------------------------------------

    def _leaf(self) -> Node:
        """This Tensor's node, made now if it has none: where a graph that uses it begins."""
        node = self._node
        if node is None:
            node = self._node = Leaf(self._array, spec_of(self._array))
        return node

    def _switched(self, requires_grad: bool) -> Leaf:
        """The leaf from now on. What was recorded without a gradient saved nothing for one: it keeps its own leaf."""
        before = self._node
        leaf = (before.details or {}).get("switched") if requires_grad and before is not None else None
        if leaf is None:
            leaf = Leaf(self._array, spec_of(self._array))
        leaf.value, leaf.requires_grad = self._array, requires_grad
        if before is not None and before.name:
            leaf.note("name", before.name)
        if before.__class__ is Leaf:
            leaf.grad = before.grad
            if not requires_grad:
                before.requires_grad = False  # nor do graphs recorded so far give it a gradient, until it is back
                leaf.note("switched", before)
        return leaf

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
        if bool(value) != self.requires_grad:
            self._node = self._switched(bool(value))

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return this Tensor.

        >>> Tensor([1.0]).requires_grad_()
        tensor([1.], requires_grad=True)
        """
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation through which a gradient flows made this Tensor.

        >>> x = Tensor([1.0], requires_grad=True)
        >>> x.is_leaf, (2 * x).is_leaf
        (True, False)
        """
        return self._node.__class__ is Leaf or not self.requires_grad

    @property
    def grad(self) -> Any:
        """The accumulated gradient: an array of this Tensor's shape and dtype, or None.

        A Tensor after `backward(create_graph=True)`. Only leaves that require grad, and Tensors on which
        `retain_grad` was called, have one.
        """
        node = self._node
        return node.grad if node.__class__ is Leaf else gradient_of(node, asked=True)

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                value = plain_array("grad", value)
            if value.shape != self.shape:
                raise OperandError(
                    f"grad: a gradient of shape {value.shape} does not fit a Tensor of shape {self.shape}; "
                    f"it must have the same shape"
                )
            value = gradient_like("grad", value, self.dtype)
        node = self._node or self._leaf()
        if node.__class__ is Leaf:
            node.grad = value
        else:
            node.note("grad", value)

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result in `.grad` when `backward` passes it.

        >>> h = 3 * Tensor([1.0], requires_grad=True)
        >>> h.retain_grad()
        >>> (2 * h).sum().backward()
        >>> h.grad
        array([2.])
        """
        if not self.requires_grad:
            raise RequiresGradError(
                f"retain_grad: this Tensor of shape {self.shape} does not require grad, so none will pass it"
            )
        if not self.is_leaf:
            self._leaf().note("retain", True)

    def register_hook(self, hook: Callable[[Any], Any]) -> _Handle:
        """Call `hook(gradient)` when the gradient of this Tensor is known; what it returns, if anything, replaces it.

        Returns a handle whose `remove()` takes the hook away again.

        Raises:
            RequiresGradError: no gradient will pass this Tensor.

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
        if not callable(hook):
            raise OperandError(f"register_hook: {hook!r:.60} is no function; give one of the gradient")
        node = self._leaf()
        hooks = (node.details or {}).get("hooks")
        if hooks is None:
            hooks = {}
            node.note("hooks", hooks)
        return _Handle(hooks, hook)

    @property
    def name(self) -> str | None:
        """What drawings, tables and errors call this Tensor.

        >>> t = Tensor([1.0])
        >>> t.name = "w"
        >>> t
        tensor([1.], name='w')
        """
        return self._node.name if self._node is not None else None

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise OperandError(f"name: {value!r:.60} for a Tensor of shape {self.shape}; give a string, or None")
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

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.requires_grad and is_grad_enabled():
            raise DetachedError(
                f"turning a Tensor of shape {self.shape} that requires grad into an ndarray would lose its "
                f"gradient; join Tensors with np.stack or np.concatenate, assign into a Tensor instead of an "
                f"ndarray, or say .detach() or .numpy() to leave the graph"
            )
        if copy is False:
            raise ValueError("np.asarray(copy=False): a Tensor's array is its own; take a copy, or use .data")
        return np.array(self._seen(), dtype=dtype)

    def _number(self, kind: str) -> Any:
        if self.requires_grad and is_grad_enabled():
            raise DetachedError(
                f"{kind}() of a Tensor that requires grad would lose its gradient; use .item() for the plain number, "
                f"or to stay in the graph np functions (np.sqrt(t), not math.sqrt(t)), and np.stack to collect Tensors"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __index__(self) -> int:
        if self._array.ndim or self._array.dtype.kind == "b":  # else array[mask] of one element would be array[0 or 1]
            raise OperandError(f"index: a Tensor of shape {self.shape}, {self.dtype}, is no integer; use its .item()")
        return operator.index(self._number("index"))

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise OperandError(f"bool: the truth of a Tensor of shape {self.shape} is ambiguous; use .any() or .all()")
        return bool(self._seen())

    def __round__(self, digits: int = 0) -> Tensor:
        return _np.round(self, digits)

    def __len__(self) -> int:
        if not self._array.ndim:
            raise OperandError("len: a 0-d Tensor has no length; use .item() for its number")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._array.ndim:
            raise OperandError("iter: a 0-d Tensor cannot be iterated over; use .item() for its number")
        return (self[i] for i in range(len(self._array)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._array == (value._array if isinstance(value, Tensor) else value)))

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Tensor:
        return direct.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._become(direct.setitem(self, index, value), "[...] =")

    @staticmethod
    def _apply(op: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        return direct.call(op, args, kwargs)

    # --- in-place operations: this Tensor takes over the result -----------------------------------------------

    def _become(self, result: Any, what: str) -> Tensor:
        node = self._node
        if result is NotImplemented:
            return NotImplemented
        if is_grad_enabled() and node.__class__ is Leaf and node.requires_grad:
            raise InPlaceError(
                f"'{what}' on a leaf of shape {self.shape} that requires grad would lose the leaf; put a step of "
                f"training under `with ag.no_grad():`, or give the result a name of its own (v = w - ...)"
            )
        self._check_not_view(what, result)
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
        recorded, array = result._node, result._array
        if self._shared is LENT and recorded is None:
            self._array[...] = array  # whoever holds the array sees the change, as with NumPy
            array = self._array
        else:
            self._shared = None
        if recorded is not None:
            if node is not None and node.name:
                recorded.note("name", node.name)
            self._array, self._node = array, recorded
        elif node is None or (node.__class__ is Leaf and node.requires_grad) or not is_grad_enabled():
            self._replace(array)
        else:  # data that a graph already shows with its old value, or a result that data was written over
            self._array, self._node = array, None
            if node.name:
                self.name = node.name
        return self

    def _check_not_view(self, what: str, result: Tensor | None = None) -> None:
        shared = self._shared
        if shared is None or shared is LENT:
            return
        own = 1 if result is not None and result._shared is shared else 0  # the result may be a view of this view
        if _references(shared) > _ALONE + own:
            raise InPlaceError(
                f"'{what}' on a Tensor of shape {self.shape} that is a view of another: NumPy would change both; "
                f"assign into the other one (x[i] = ...), or take a .copy() first"
            )

    # --- copies ----------------------------------------------------------------------------------------------

    def __reduce__(self) -> Any:
        """What `copy`, `deepcopy` and `pickle` make another one from."""
        if not self.is_leaf and self.requires_grad:
            raise DetachedError(
                f"copy: a Tensor of shape {self.shape} made by {self._node.op.name!r} carries a graph that "  # type: ignore[union-attr]
                f"cannot be copied, deepcopied or pickled; take its .detach(), or the leaves it was made from"
            )
        grad = self.grad.numpy() if isinstance(self.grad, Tensor) else self.grad
        state = getattr(self, "__dict__", None)  # a subclass may have one
        return _restored, (np.asarray(self._array), self.requires_grad, self.name, grad, type(self)), state or None

    def __repr__(self) -> str:
        body = np.array2string(np.asarray(self._array), separator=", ", prefix="tensor(")
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
        if spec and self._array.size != 1:
            raise OperandError(
                f"format: {spec!r} is for one number, and this Tensor has shape {self.shape}; format an element, or "
                f"round the values, np.round(t.numpy(), 2)"
            )
        return format(self.item(), spec) if spec else repr(self)


class _Handle:
    """Takes one hook away again."""

    def __init__(self, hooks: dict[Any, Any], hook: Any) -> None:
        self._hooks = hooks
        self._key = object()  # not the handle, which knows the hooks: such a circle would outlive the graph
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


def _references(shared: tuple[Any, ...]) -> int:
    """How many refer to the base of a view, and to what its views remember together."""
    return getrefcount(shared[0]) + getrefcount(shared)


def _references_of_one_view() -> int:
    view = wrap(None)
    view._shared = (object(),)
    shared = view._shared
    return _references(shared)


def _restored(array: Any, requires_grad: bool, name: str | None, grad: Any, kind: type[Tensor] | None = None) -> Tensor:
    made = Tensor.__new__(kind or Tensor)
    Tensor.__init__(made, array, requires_grad, name=name)  # the one of a subclass may want other arguments
    if grad is not None:
        made.grad = np.array(grad)
    return made


def _check_differentiable(dtype: np.dtype[Any], requires_grad: bool) -> None:
    if requires_grad and not isinstance(requires_grad, (bool, np.bool_)):  # a dtype or a name that stands there
        raise OperandError(
            f"requires_grad: {requires_grad!r:.60} is neither True nor False; what else a Tensor takes goes by name, "
            f"Tensor(data, dtype=..., name=...)"
        )
    if requires_grad and dtype.kind not in "fc":
        raise RequiresGradError(
            f"requires_grad: a Tensor of dtype {dtype} has no gradient; use a floating dtype, "
            f"for instance Tensor(..., dtype=float, requires_grad=True)"
        )


def wrap(array: Any, node: Node | None = None) -> Tensor:
    """A Tensor around an array that the engine owns, without a copy."""
    tensor = Tensor.__new__(Tensor)
    tensor._array = array
    tensor._node = node
    tensor._shared = None
    return tensor


#: what `_references` says if nobody but one view holds the base
_ALONE = _references_of_one_view()

# Both are built on the class above, whose operators and `backward` they are.
from autograd_lite import backprop, direct, operators  # noqa: E402, F401
