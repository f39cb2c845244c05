"""Carrying out operations: `apply` records any of them; `direct` does so for the usual ones, with fewer questions."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite.rules  # noqa: F401  # fills the table
from autograd_lite.arrays import plain_array, unmasked
from autograd_lite.errors import AutogradError, InPlaceError, LinAlgError, NotDifferentiableError, OperandError
from autograd_lite.grad_mode import LINES, NANS, ON, note_line, recording
from autograd_lite.nans import watch_forward
from autograd_lite.record import NOTHING, VALUE, Leaf, Node, Passive, Primitive, make_node, spec_of
from autograd_lite.rules.indexing import BASIC
from autograd_lite.tensor import LENT, Tensor, wrap

__all__ = [
    "OPERANDS",
    "apply",
    "by_name",
    "is_array_of_another_kind",
    "refused",
    "shortened",
    "static_arguments",
    "viewed",
]


def apply(op: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Carry out `op` on Tensors, arrays and numbers, and record it if a gradient or a mask depends on it.

    `args` are the array inputs, then static arguments as NumPy orders them; `kwargs` are static.
    """
    count = len(args) if op.variadic else len(op.rules)
    if len(args) > count:
        kwargs = {**by_name(op, args, count), **kwargs}
        args = args[:count]
    if kwargs:
        kwargs = static_arguments(op, kwargs)

    values: list[Any] = []
    sources: list[Any] = []
    exposed: list[int] = []  # where an input's memory is within reach of the user
    flowing = 0  # bit i: a gradient flows to input i
    bit = 1
    passive = False
    for operand in args:
        if isinstance(operand, Tensor):
            values.append(operand._array if operand._shared is None else operand._settled(op.view))
            if operand._shared is LENT and not op.view:
                exposed.append(len(values))
            node = operand._node
            if node is None:
                sources.append(operand)
            else:
                sources.append(node)
                if node.requires_grad:
                    flowing |= bit
                elif node.__class__ is Passive:
                    passive = True
        else:
            if operand.__class__ is not float and operand.__class__ is not int:
                operand = _operand(op, operand)
                if operand.__class__ is np.ndarray:
                    exposed.append(len(values) + 1)
            values.append(operand)
            sources.append(operand)
        bit <<= 1

    try:
        y = op.fn(*values, **kwargs)
    except AutogradError:
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise refused(op, values, kwargs, error) from error
    if exposed and (op.view or y.base is not None or any(y is value for value in values)):
        y = np.array(y)  # NumPy may have given an array that the user can write to, or a view of it

    out = wrap(y)
    if op.view and (y.base is not None or y is values[0]) and isinstance(args[0], Tensor):
        out._shared = viewed(y, args[0], values[0])
    how = recording()
    if how and (flowing or passive):
        saved = None
        if flowing and how & ON and y.dtype.kind in "fc":
            saved = _saved(op, flowing, [y, *values], exposed)
        kind = Passive if saved is None else Node
        details = {"kwargs": kwargs} if kwargs else None
        inputs = tuple([_source(source) for source in sources])
        out._node = make_node(kind, op, inputs, saved, spec_of(y), details)
        if how & LINES:
            note_line(out._node)
            if not how & ON:
                out._node.note("no_grad", True)
    if how & NANS:
        watch_forward(op, values, y, out._node)
    return out


def by_name(op: Primitive, args: tuple[Any, ...], count: int) -> dict[str, Any]:
    """The static arguments that follow `count` array inputs, by name."""
    if len(args) - count > len(op.static):
        raise OperandError(
            f"{op.name}: {len(args)} positional arguments given; it takes {count + len(op.static)} at most"
        )
    return dict(zip(op.static, args[count:], strict=False))


def _saved(op: Primitive, flowing: int, saved: list[Any], exposed: list[int]) -> tuple[Any, ...] | None:
    """Of `(y, *inputs)` what the rules read of the inputs that need a gradient; None if no gradient flows to any."""
    wanted = op.wanted(flowing, len(saved))
    if wanted is None:
        return None
    for position, want in enumerate(wanted):
        if want == NOTHING:
            saved[position] = None
        elif want != VALUE:
            value = saved[position]
            saved[position] = spec_of(value if hasattr(value, "dtype") else np.asarray(value))
        elif position in exposed:
            saved[position] = saved[position].copy()  # the user may change it before the backward pass
    return tuple(saved)


def viewed(y: Any, base: Tensor, array: Any) -> tuple[Any, ...] | None:
    """What a view remembers: whose it is, its array and node; None if `y` looks into a copy of NumPy's own."""
    if y.base is not array and y.base is not array.base and not np.may_share_memory(y, array):
        return None
    shared = base._shared
    return shared if shared is not None and shared is not LENT else (base, array, base._node)


def _source(source: Any) -> Any:
    """The entry of `Node.inputs`: a node or a plain number; arrays and data Tensors get a leaf."""
    if isinstance(source, Tensor):
        return source._leaf()
    return Leaf(None, spec_of(source)) if source.__class__ is np.ndarray else source


def _operand(op: Primitive, operand: Any) -> Any:
    """An operand that is neither Tensor nor int nor float, as something NumPy computes with."""
    if operand.__class__ is np.ndarray or isinstance(operand, (np.generic, bool, complex)):
        array = operand
    elif isinstance(operand, (np.ndarray, list, tuple, range)):
        array = plain_array(op.name, operand)
    else:
        array = None
    if array is None or (isinstance(array, (np.ndarray, np.generic)) and array.dtype.kind not in "biufc"):
        raise OperandError(
            f"{op.name}: cannot compute with {shortened(operand)}; operands are Tensors, arrays and numbers"
        )
    return array


def static_arguments(op: Primitive, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Static arguments, with Tensors among them as plain values and NumPy's "not given" left out."""
    made = {}
    for key, value in kwargs.items():
        if key == "out":
            if any(array is not None for array in (value if isinstance(value, tuple) else (value,))):
                raise InPlaceError(
                    f"{op.name}: out= writes into an array behind the graph's back; use the returned Tensor"
                )
            continue
        if value is not np._NoValue:
            made[key] = value if value.__class__ in _CONSTANT else _kept(op, key, value)
    return made


def _kept(op: Primitive, key: str, value: Any) -> Any:
    """A static argument, such as a mask or an index, as it is now: the user may change it before the backward pass."""
    if value.__class__ is tuple and _CONSTANT.issuperset(map(type, value)):
        return value
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise NotDifferentiableError(
                f"{op.name}: no derivative with respect to '{key}', a Tensor of shape {value.shape} that requires "
                f"grad; pass {key}.item(), .numpy() or .detach() instead"
            )
        return value.numpy()
    if isinstance(value, np.ndarray):
        return unmasked(op.name, value).copy()
    if isinstance(value, list) or value.__class__ is tuple:
        return type(value)([_kept(op, key, part) for part in value])
    if isinstance(value, dict):
        return {name: _kept(op, key, part) for name, part in value.items()}
    return np.asarray(value).copy() if is_array_of_another_kind(value) else value


def refused(op: Primitive, values: list[Any], kwargs: dict[str, Any], error: Exception) -> OperandError:
    """The error that NumPy's own, raised for these operands, is told as."""
    shapes = ", ".join(str(np.shape(value)) for value in values)
    static = "".join(f", {key}={shortened(value)}" for key, value in kwargs.items())
    kind = LinAlgError if isinstance(error, np.linalg.LinAlgError) else OperandError
    return kind(f"{op.name}: operands of shape {shapes}{static}: {str(error).strip().rstrip('.')}")


def shortened(value: Any) -> str:
    """How a value reads in an error, in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


#: static arguments that need no look
_CONSTANT = BASIC | {bool, float, str}
#: what can stand beside a Tensor
OPERANDS = (Tensor, np.ndarray, np.generic, int, float, complex, list, tuple, range)


def is_array_of_another_kind(value: Any) -> bool:
    """Whether NumPy can make an array of an object that is none, such as a pandas Series; its owner may change it."""
    return hasattr(value, "__array__") and not isinstance(value, (np.generic, type))
