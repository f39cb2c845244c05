"""Where did this NaN come from? The first operation that makes one, on the way forward or back, is reported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.errors import NaNError
from autograd_lite.grad_mode import watch_nans
from autograd_lite.record import Node, Primitive, describe, topological

__all__ = ["trace_nan"]


def trace_nan() -> Any:
    """Inside this block, raise `NaNError` at the first operation that makes a NaN, forward or backward.

    The error names the operation, the index of the first NaN, the inputs there and the line of code; where the
    NaN comes out of the branch of `np.where` that was not taken, it says so and names the cure.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor([0.0, 4.0], requires_grad=True)
    >>> with ag.trace_nan(), np.errstate(all="ignore"):
    ...     try:
    ...         np.where(x > 0, np.sqrt(x), 0.0).sum().backward()
    ...     except ag.NaNError as error:
    ...         print(str(error)[:45])
    backward: the derivative of 'sqrt' of shape (
    """
    return watch_nans()


def watch_forward(op: Primitive, values: list[Any], y: Any, node: Node | None) -> None:
    """Raise if `y` is the first result with a NaN in it."""
    index = _first_nan(y)
    if index is None:
        return
    place = describe(node) if node is not None else repr(op.name)
    came_with = [i for i, value in enumerate(values) if _first_nan(value) is not None]
    there = ", ".join(_there(value, index, np.shape(y)) for value in values)
    if came_with:
        why = f"input {came_with[0]} already holds a NaN: look at the data"
    else:
        why = "its inputs are not NaN"
    raise NaNError(f"forward: {place} made a NaN at index {index}, from the inputs ({there}) there; {why}")


def watch_backward(roots: Iterable[Node], node: Node, position: int, g: Any, r: Any) -> None:
    """Raise if `r`, what the rule of input `position` gave, is the first gradient with a NaN in it."""
    index = _first_nan(r)
    if index is None:
        return
    saved = node.saved or ()
    there = ", ".join(_there(value, index, r.shape) for value in saved[1:])
    incoming = _there(g, index, r.shape)
    message = (
        f"backward: the derivative of {describe(node)} by its input {position} is NaN at index {index}; the gradient "
        f"that came in is {incoming}, the inputs there are ({there})"
    )
    where = _selecting(roots, node)
    if where is not None and incoming in ("0.0", "-0.0"):
        raise NaNError(
            f"{message}. It is the branch that {describe(where)} did not take: both branches are differentiated, and "
            f"0 times an infinite derivative is NaN. Make the argument safe before the function: "
            f"{node.op.name}(where(condition, x, 1.0)) inside the where"
        )
    if _first_nan(g) is not None:
        message += "; the gradient was NaN before: look at what was passed to backward"
    raise NaNError(message)


def _first_nan(value: Any) -> tuple[int, ...] | None:
    array = np.asarray(getattr(value, "_array", value))
    if array.dtype.kind not in "fc":
        return None
    nans = np.isnan(array)
    if not nans.any():
        return None
    return tuple(int(i) for i in np.unravel_index(int(nans.argmax()), array.shape))


def _there(value: Any, index: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """The entry of an input that stands at `index` of a result of `shape`, or its shape where none does."""
    value = getattr(value, "_array", value)
    if not isinstance(value, (np.ndarray, np.generic, int, float, complex)):
        return "not kept"
    try:
        return str(np.broadcast_to(value, shape)[index])
    except ValueError:
        return f"an array of shape {np.shape(value)}"


def _selecting(roots: Iterable[Node], node: Node) -> Node | None:
    """The `where` between `roots` and `node`, if there is one."""
    below: set[Any] = {node}
    found = None
    for user in topological(roots):
        if any(isinstance(source, Node) and source in below for source in user.inputs):
            below.add(user)
            if user.op.name == "where" and found is None:
                found = user
    return found
