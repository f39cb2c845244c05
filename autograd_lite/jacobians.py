"""Jacobians, Hessians, and products of a Hessian with a vector.

What takes many sweeps takes them together where it can: a stack of gradients in one sweep (`batched`), or a gradient
with its tangent (`dual`). Where an operation can take neither, they are swept one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.backprop import sweep
from autograd_lite.batched import Batched, members_of
from autograd_lite.errors import BackwardError, DetachedError, NotDifferentiableError, OperandError
from autograd_lite.forward_over_reverse import tangents_of_gradients
from autograd_lite.grad_mode import NANS, recording
from autograd_lite.record import Node
from autograd_lite.stand_in import StandInError
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import (
    Function,
    Pushforward,
    Trace,
    fitted,
    matching,
    named,
    refuse_values,
    scalar_gradient,
    scalar_seed,
)

__all__ = ["hessian", "hvp", "jacobian"]


def jacobian(f: Function, argnums: Any = 0) -> Function:
    """A function that computes the Jacobian of `f`: entry [i, j] is the derivative of output i by input j.

    Its shape is the output's followed by the input's. Where output or input are nested containers the result has
    the structure of the output with that of the input in each place. Whichever of the two is smaller decides
    between reverse and forward mode, where all rules can do both and nothing has a hook. `argnums` is that of `grad`.

    Raises:
        OperandError: an argument or a result is complex, or `f` is no function.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    refuse_values("jacobian", f)

    def of(*args: Any, **kwargs: Any) -> Any:
        trace = Trace("jacobian", f, args, argnums, kwargs)
        trace.outputs_of(trace.result)
        inputs, outputs = trace.inputs, trace.outputs
        if any(tensor.dtype.kind == "c" for tensor in (*inputs, *outputs)):
            raise OperandError(
                "jacobian: complex arguments or results have no single Jacobian; differentiate real and imaginary "
                "parts, or use vjp and jvp"
            )
        # blocks[o][i] is a list over the entries of output o (reverse) or of input i (forward)
        columns = None
        fewer = sum(output.size for output in outputs) <= sum(tensor.size for tensor in inputs)
        # What a hook does to a gradient need not be linear, and then says nothing about a tangent.
        if not fewer and not any("hooks" in (node.details or {}) for node in trace.useful):
            with contextlib.suppress(DetachedError, NotDifferentiableError):  # by a rule that serves backward only
                columns = _columns(trace)
        if columns is None:
            blocks = [_rows(trace, position) for position in range(len(outputs))]
        else:
            blocks = [[column[position] for column in columns] for position in range(len(outputs))]
        return trace.rebuild_outputs([trace.rebuild_inputs([trace.given(b) for b in row]) for row in blocks])

    return named(of, f, "jacobian")


def _unit_arrays(tensor: Tensor) -> Any:
    for flat in range(tensor.size):
        unit = np.zeros(tensor.size, tensor.dtype)
        unit[flat] = 1
        yield unit.reshape(tensor.shape)


def _stacked(parts: list[Any], shape: tuple[int, ...], empty: tuple[int, ...], dtype: Any) -> Any:
    if not parts:
        return np.zeros(empty, dtype)
    tensors = any(isinstance(part, Tensor) for part in parts)
    return (np.stack(parts) if tensors else np.array(parts)).reshape(shape)


def _rows(trace: Trace, position: int) -> list[Any]:
    """Reverse mode: the gradients of all inputs, by every entry of an output."""
    output = trace.outputs[position]
    node = output._node
    shapes = [(*output.shape, *tensor.shape) for tensor in trace.inputs]
    if node is None or not node.requires_grad:
        return [np.zeros(shape, tensor.dtype) for shape, tensor in zip(shapes, trace.inputs, strict=True)]
    if not trace.nested:
        blocks = _at_once(node, output, trace.targets, trace.useful)
        if blocks is not None:
            return [block.reshape(shape) for block, shape in zip(blocks, shapes, strict=True)]
    zeros = [np.zeros(other.shape, other.dtype) for other in trace.outputs]
    found = []
    for unit in _unit_arrays(output):
        seeds = [*zeros[:position], unit, *zeros[position + 1 :]]
        found.append(trace.pull(seeds, create_graph=trace.nested))
    return [
        _stacked([row[i] for row in found], shape, shape, tensor.dtype)
        for i, (shape, tensor) in enumerate(zip(shapes, trace.inputs, strict=True))
    ]


#: how many numbers a stack of gradients of one array may hold
_STACKED = 2**22


def _at_once(root: Node, like: Tensor, targets: Sequence[Node], useful: dict[Any, None]) -> list[Any] | None:
    """The gradients of `targets` by every entry of `root`, swept as few stacks; None where a rule cannot take them."""
    if like.size < 2:
        return None
    widest = max(node.spec.size for node in useful)
    count = max(1, _STACKED // max(widest, 1))
    found = []
    for start in range(0, like.size, count):
        units = np.zeros((min(count, like.size - start), like.size), like.dtype)
        np.fill_diagonal(units[:, start:], 1)
        seeds = {root: Batched(units.reshape(-1, *like.shape))}
        try:
            arrived = sweep(seeds, retain_graph=True, create_graph=False, targets=targets, useful=useful)
        except (StandInError, TypeError, ValueError):  # what is wrong with single arrays too, shows again with them
            return None
        found.append(
            [
                members_of(arrived[t] if t in arrived else np.zeros(t.spec.shape, t.spec.dtype), len(units))
                for t in targets
            ]
        )
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _pushed_units(push: Pushforward, position: int) -> list[Any]:
    """For every output the tangents that the unit tangents of one input become, stacked."""
    trace = push.trace
    tensor, g = trace.inputs[position], push.pulled[position]
    if isinstance(g, Tensor) and g.requires_grad and not trace.nested:
        blocks = _at_once(g._leaf(), tensor, push.targets, push.useful)
        if blocks is not None:
            return blocks
    zeros = [np.zeros(other.shape, other.dtype) for other in trace.inputs]
    found = [push([*zeros[:position], unit, *zeros[position + 1 :]]) for unit in _unit_arrays(tensor)]
    return [
        _stacked([column[o] for column in found], (tensor.size, *probe.shape), (0, *probe.shape), probe.dtype)
        for o, probe in enumerate(push.probes)
    ]


def _columns(trace: Trace) -> list[list[Any]]:
    """Forward mode: for each input the blocks of all outputs, by every entry of that input."""
    push = Pushforward(trace)
    return [
        [
            np.moveaxis(block, 0, -1).reshape(*output.shape, *tensor.shape)
            for block, output in zip(_pushed_units(push, position), trace.outputs, strict=True)
        ]
        for position, tensor in enumerate(trace.inputs)
    ]


def hessian(f: Function, argnums: Any = 0) -> Function:
    """A function that computes the second derivatives of a scalar `f`; for an input (n,) a matrix (n, n).

    `argnums` and errors are those of `grad`.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    both = scalar_gradient("hessian", f, argnums, has_aux=False)
    return named(jacobian(lambda *args, **kwargs: both(*args, **kwargs)[1], argnums), f, "hessian")


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The product of the Hessian of a scalar `f` at `x` with `v`, at the cost of a few gradients.

    `x` may be a nested container of arrays; `v` has its structure (Pearlmutter, 1994, "Fast Exact
    Multiplication by the Hessian").

    Raises:
        BackwardError: `f` returned several arrays, or one that is no scalar.
        OperandError: `v` does not fit `x`, or `f` is no function.

    >>> hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    refuse_values("hvp", f, ", x, v)")
    trace = Trace("hvp", f, (x,), 0, {})
    directions = [fitted("hvp", part, tensor) for part, tensor in zip(matching("hvp", v, x), trace.inputs, strict=True)]
    live = trace.directed(directions)
    trace.outputs_of(trace.result)
    if len(trace.outputs) != 1:
        raise BackwardError(f"hvp: the function returned {len(trace.outputs)} arrays; it must return one scalar")
    seed = scalar_seed("hvp", trace.outputs[0])
    if not trace.nested and not live and not recording() & NANS:
        products = _forward_over_reverse(trace, seed, directions)
        if products is not None:
            return trace.rebuild_inputs(products)
    gradients = trace.pull([seed], create_graph=True)
    # The Hessian is symmetric: pulling v back through the gradient multiplies it by the Hessian.
    seeds: dict[Node, Any] = {}
    for g, direction in zip(gradients, directions, strict=True):
        if isinstance(g, Tensor) and g.requires_grad:
            node = g._leaf()
            seeds[node] = seeds[node] + direction if node in seeds else direction
    arrived = sweep(seeds, retain_graph=trace.nested, create_graph=trace.nested, targets=trace.targets)
    products = [
        arrived[node] if node in arrived else np.zeros(tensor.shape, tensor.dtype)
        for node, tensor in zip(trace.targets, trace.inputs, strict=True)
    ]
    if live and not trace.nested:
        return trace.rebuild_inputs(products)
    return trace.rebuild_inputs([trace.given(product) for product in products])


def _forward_over_reverse(trace: Trace, seed: Any, directions: Sequence[Any]) -> list[Any] | None:
    """How the gradient moves when the inputs move along `directions`; None where an operation cannot take Duals."""
    root = trace.outputs[0]._node
    if root is None:
        return None
    try:
        moved = tangents_of_gradients(root, seed, dict(zip(trace.targets, directions, strict=True)))
    except (StandInError, TypeError, ValueError):  # what is wrong without Duals too, shows again without
        return None
    return [
        np.array(moved[node], node.spec.dtype) if node in moved else np.zeros(node.spec.shape, node.spec.dtype)
        for node in trace.targets
    ]
