"""The backward sweep: from one result, gradients flow along the recorded edges to the leaves.

This is the only place where gradients are added up and where broadcasting is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from threading import RLock
from types import NoneType
from typing import Any

import numpy as np

from autograd_lite.arrays import gradient_like, plain_array
from autograd_lite.errors import BackwardError, FreedGraphError, OperandError
from autograd_lite.nans import watch_backward
from autograd_lite.record import (
    NANS,
    OFF,
    ON,
    Leaf,
    Node,
    Spec,
    _recording,
    describe,
    enable_grad,
    recording,
    topological,
)
from autograd_lite.stand_in import StandIn
from autograd_lite.tensor import Tensor, wrap

#: what a sweep may do with the saved values of a node before its rules read them
Lift = Callable[[Node, tuple[Any, ...]], tuple[Any, ...]]

__all__ = ["backward", "fit", "leading_to", "sweep", "unbroadcast"]

_accumulating = RLock()  # held while gradients are added to `.grad`
_add: Any = np.add.reduce  # bound once: looking it up costs a tenth of the sum of a few numbers
#: the 1 that the gradient of a scalar begins with, of each dtype that there has been
_ones: dict[Spec, Any] = {}


def backward(tensor: Tensor, gradient: Any, retain_graph: bool | None, create_graph: bool) -> None:
    """Add the gradient of `tensor` to `.grad` of its leaves: see `Tensor.backward`."""
    root = tensor._node
    if root is None or not root.requires_grad:
        raise BackwardError(
            f"backward: this Tensor of shape {tensor.shape} does not depend on any that requires grad; create a "
            f"parameter with Tensor(..., requires_grad=True), and compute with it outside no_grad()"
        )
    g = _ones.get(root.spec) if gradient is None and not create_graph else None
    if g is None:
        g = _seed(tensor, root.spec, gradient, create_graph)
    if retain_graph is None:
        retain_graph = create_graph
    if create_graph or root.__class__ is Leaf or recording() != ON:
        arrived = sweep({root: g}, retain_graph=retain_graph, create_graph=create_graph)
    else:  # the same, without what only transforms need
        token = _recording.set(OFF)
        try:
            arrived = _sweep({root: g}, {}, retain_graph)
        finally:
            _recording.reset(token)
    # Only now, when nothing can fail any more, do the leaves change; one sweep at a time, or of two threads that add
    # to the same `.grad` one addition would be lost.
    given: set[int] = set()
    _accumulating.acquire()  # not by `with`, which takes twice as long
    try:
        for leaf, g in arrived.items():
            held = leaf.grad
            if held is not None:
                g = held + g
            if g.__class__ is np.ndarray and g.base is None and id(g) not in given:
                given.add(id(g))
            else:
                g = _own(g)  # of a number, a view, a Tensor, or an array that another leaf was given too
            leaf.grad = g
    finally:
        _accumulating.release()


def _seed(tensor: Tensor, spec: Spec, gradient: Any, create_graph: bool) -> Any:
    """The gradient to start from, checked, in the dtype of `tensor`."""
    if gradient is None:
        if spec.size != 1:
            raise BackwardError(
                f"backward: a result of shape {tensor.shape} is not a scalar, so its gradient is not unique; "
                f"reduce it with .sum() or .mean(), or pass backward(gradient=...) of that shape"
            )
        if spec.dtype.kind == "c":
            raise BackwardError(
                "backward: a complex result has no gradient of its own; take .real or abs, or pass a gradient"
            )
        one = spec.dtype.type(1) if not spec.ndim else np.ones(spec.shape, spec.dtype)
        if create_graph:
            return wrap(one)
        if not spec.ndim:
            _ones[spec] = one  # nothing of it is left to check the next time
        return one
    if not isinstance(gradient, Tensor):
        gradient = np.array(plain_array("backward", gradient))
    if gradient.shape != tensor.shape:
        raise BackwardError(
            f"backward: a gradient of shape {gradient.shape} does not fit a result of shape {tensor.shape}; "
            f"they must have the same shape"
        )
    if create_graph:
        gradient = gradient if isinstance(gradient, Tensor) else wrap(gradient)
    elif isinstance(gradient, Tensor):
        gradient = gradient.numpy()
    return gradient_like("backward", gradient, tensor.dtype)


def sweep(
    seeds: dict[Node, Any],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Collection[Node] = (),
    useful: dict[Any, Any] | None = None,
    lift: Lift | None = None,
) -> dict[Any, Any]:
    """Send the gradients `seeds` backwards; return what arrives at the leaves, or at `targets` if there are any.

    On arrays the rules run at NumPy's speed. Where the seeds are Tensors the rules record; with `create_graph`
    they read the saved values as Tensors too, and so record the derivative's whole graph. With `targets` only
    the paths that lead to them are followed, and none beyond; `useful` are the nodes of those paths, where they are
    known already, in topological order as from `leading_to`. `lift` puts something else in the place of the saved
    values of a node. The dictionary of the seeds is used up.
    """
    how = recording()
    tensors = create_graph
    for node, g in seeds.items():
        if isinstance(g, Tensor):
            tensors = True
        elif create_graph:
            seeds[node] = wrap(g)
    watched = tuple(seeds) if how & NANS else ()
    token = _recording.set(how | ON if tensors else OFF)
    try:
        if targets and useful is None:
            useful = leading_to(targets, seeds)
        arrived: dict[Any, Any] = {}
        for root in tuple(seeds):
            if root.__class__ is Leaf:
                arrived[root] = seeds.pop(root)
            elif useful is not None and root not in useful:
                del seeds[root]
        return _sweep(seeds, arrived, retain_graph, _as_tensors if create_graph else lift, targets, useful, watched)
    finally:
        _recording.reset(token)


def _sweep(
    waiting: dict[Any, Any],
    arrived: dict[Any, Any],
    retain_graph: bool,
    lift: Lift | None = None,
    targets: Collection[Node] = (),
    useful: dict[Any, Any] | None = None,
    watched: tuple[Node, ...] = (),
) -> dict[Any, Any]:
    """The loop of `sweep`: from the gradients `waiting` at operations to those that have `arrived`.

    `watched` are the results whose gradients are looked through for the first NaN, if any.
    """
    order: list[Any] | None = None
    own: set[Node] = set()  # where the sum of gradients is an array that nobody else holds
    # Only `backward` retains: a transform leaves every `.grad` alone.
    retained: list[tuple[Node, Any]] | None = None if targets else []
    special = bool(targets or watched) or lift is not None  # asked once, since few sweeps are
    position = 0
    # While one operation only waits, nothing can send to it any more and no order has to be found: it is the
    # `chain`, and `sent` is its gradient.
    chain: Any = None
    sent: Any = None
    if len(waiting) == 1:
        chain, sent = waiting.popitem()
    while True:
        if chain is not None:
            node = chain
            g = sent
            chain = None
        elif waiting:  # several, and the order in which they are swept matters; it stays right once a chain has begun
            if order is None:
                order = topological(waiting) if useful is None else list(useful)
            node = order.pop()
            if node not in waiting:
                continue
            g = waiting.pop(node)
        else:
            break
        details = node.details
        if details is None:
            kwargs = None
        else:
            kwargs = details.get("kwargs")
            if "hooks" in details or "retain" in details:
                g = _attend(node, g, retained)
        saved = node.saved
        op = node.op
        width = op.width
        if special:
            if node in targets:
                arrived[node] = g
                continue
            if watched:
                width = 0
            if lift is not None and saved is not None:
                saved = lift(node, saved)
        if saved is None:
            raise FreedGraphError(
                f"backward: the values saved by {describe(node)} were freed by an earlier backward; "
                f"pass retain_graph=True to the first one, or compute the result again"
            )
        try:
            # The last branch is what happens, for any inputs. The first two are the same without its loop and its
            # starred arguments: one or two inputs are the inner loop of every small model.
            if width == 2 and kwargs is None:
                first, second = op.rules
                source, other = node.inputs
                y, a, b = saved
                if source.__class__ is Node:
                    if useful is None or source in useful:
                        rule = first
                        r = rule(g, y, a, b)
                        if source.spec is not node.spec:
                            r = fit(r, source.spec)
                        if not waiting:
                            chain = source
                            sent = r
                        else:
                            held = waiting.get(source)
                            waiting[source] = r if held is None else held + r
                elif source.__class__ is Leaf and source.requires_grad and (useful is None or source in useful):
                    rule = first
                    r = rule(g, y, a, b)
                    if source.spec is not node.spec:
                        r = fit(r, source.spec)
                    held = arrived.get(source)
                    arrived[source] = r if held is None else _sum(held, r, source, own)
                if other.__class__ is Node:
                    if useful is None or other in useful:
                        rule = second
                        r = rule(g, y, a, b)
                        if other.spec is not node.spec:
                            r = fit(r, other.spec)
                        if chain is None and not waiting:
                            chain = other
                            sent = r
                        elif chain is other:
                            sent = sent + r
                        else:
                            if chain is not None:
                                waiting[chain] = sent
                                chain = None
                            held = waiting.get(other)
                            waiting[other] = r if held is None else held + r
                elif other.__class__ is Leaf and other.requires_grad and (useful is None or other in useful):
                    rule = second
                    r = rule(g, y, a, b)
                    if other.spec is not node.spec:
                        r = fit(r, other.spec)
                    held = arrived.get(other)
                    arrived[other] = r if held is None else _sum(held, r, other, own)
            elif width == 1:
                (rule,) = op.rules
                (source,) = node.inputs
                y, a = saved
                if (source.__class__ is Node or source.requires_grad) and (useful is None or source in useful):
                    if kwargs is None:
                        r = rule(g, y, a)
                    elif op.add is None:
                        r = rule(g, y, a, **kwargs)
                    else:
                        sums = arrived if source.__class__ is Leaf else waiting
                        held = sums.get(source)
                        if source in own and _are_arrays(held, g) and op.add(held, g, **kwargs):
                            if not retain_graph:
                                node.saved = None
                            continue
                        r = rule(g, y, a, **kwargs)
                        if held is not None:
                            r = sums.pop(source) + r
                        own.add(source)  # for the sum is new, as what the rule gave is
                    if source.spec is not node.spec:
                        r = fit(r, source.spec)
                    if source.__class__ is Leaf:
                        held = arrived.get(source)
                        arrived[source] = r if held is None else _sum(held, r, source, own)
                    elif not waiting:
                        chain = source
                        sent = r
                    else:
                        held = waiting.get(source)
                        waiting[source] = r if held is None else held + r
            else:
                for position, source in enumerate(node.inputs):
                    kind = source.__class__
                    if kind is not Node and (kind is not Leaf or not source.requires_grad):
                        continue
                    rule = op.rules[position]
                    if rule is None or (useful is not None and source not in useful):
                        continue
                    r = rule(g, *saved) if kwargs is None else rule(g, *saved, **kwargs)
                    if watched:
                        watch_backward(watched, node, position, g, r)
                    if source.spec is not node.spec:
                        r = fit(r, source.spec)
                    if kind is Leaf:
                        held = arrived.get(source)
                        arrived[source] = r if held is None else _sum(held, r, source, own)
                    elif source is chain:
                        sent = sent + r
                    elif chain is None and not waiting:
                        chain, sent = source, r
                    else:
                        if chain is not None:
                            waiting[chain] = sent
                            chain = None
                        held = waiting.get(source)
                        waiting[source] = r if held is None else held + r
        except Exception as error:
            at = op.rules.index(rule) if width else position
            error.add_note(f"raised by the derivative rule of {describe(node)}, input {at}")
            raise
        if not retain_graph:
            node.saved = None

    for leaf, g in arrived.items():
        if g.dtype is not leaf.spec.dtype:  # a rule that returned another precision
            arrived[leaf] = g = fit(g, leaf.spec)
        if leaf.details is not None and leaf.__class__ is Leaf:
            arrived[leaf] = _attend(leaf, g, None)
    if retained:  # only now, when no rule and no hook can fail any more
        with _accumulating, enable_grad():  # a gradient that was recorded stays so
            for node, g in retained:
                held = (node.details or {}).get("grad")
                node.note("grad", g if held is None else _own(held + g))
    return arrived


def _are_arrays(total: Any, g: Any) -> bool:
    """Whether `g` can be added to `total` in place: they are no Tensors or stand-ins, and of one dtype."""
    return total.__class__ is np.ndarray and isinstance(g, (np.ndarray, np.generic)) and g.dtype is total.dtype


def _sum(held: Any, g: Any, leaf: Leaf, own: set[Node]) -> Any:
    """`held + g`, what has arrived at `leaf` by now; in place where the sum is large and, as for `own`, the sweep's.

    The weights of a recurrent layer get one gradient for each step.
    """
    if held.size < _LARGE or held.__class__ is not np.ndarray:
        return held + g
    if leaf in own and _are_arrays(held, g):
        held += g
        return held
    total = held + g
    if total.__class__ is np.ndarray:
        own.add(leaf)
    return total


#: from so many elements on memory costs more than the calls
_LARGE = 4096


def leading_to(targets: Collection[Node], roots: Iterable[Node]) -> dict[Any, None]:
    """Those of the nodes below `roots` through which a gradient reaches `targets`, in topological order."""
    useful: dict[Any, None] = dict.fromkeys(targets)
    for node in topological(roots):
        for source in node.inputs:
            if source in useful and isinstance(source, Node):
                useful[node] = None
                break
    return useful


def _attend(node: Node, g: Any, retained: list[tuple[Node, Any]] | None) -> Any:
    """Run the hooks of a node on the gradient that has arrived there; add it to `retained` if that was asked for."""
    details = node.details or {}
    for hook in tuple(details.get("hooks", {}).values()):
        replaced = hook(_own(g))
        if replaced is not None:
            if isinstance(replaced, Tensor) and not isinstance(g, Tensor):
                replaced = replaced.numpy()  # computed with a Tensor of the hook's own, where nothing is recorded
            elif not isinstance(replaced, Tensor):
                replaced = np.array(plain_array("hook", replaced))
            if replaced.shape != node.spec.shape:
                raise OperandError(
                    f"hook on {describe(node)}: it returned a gradient of shape {replaced.shape}; return None, or "
                    f"one of shape {node.spec.shape}"
                )
            g = gradient_like(f"hook on {describe(node)}", replaced, node.spec.dtype)
    if retained is not None and details.get("retain"):
        retained.append((node, _own(g)))
    return g


def _own(g: Any) -> Any:
    """`g` for somebody who may change it: the same array or Tensor can be on its way to other nodes."""
    return wrap(g._settled(), g._node) if isinstance(g, Tensor) else np.array(g)


def _as_tensors(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """The saved arrays as Tensors at their places in the graph, so that a rule run on them is recorded there."""
    return tuple(
        [
            wrap(value, source) if isinstance(source, Node) and not isinstance(value, (Spec, NoneType)) else value
            for value, source in zip(saved, (node, *node.inputs), strict=True)
        ]
    )


def fit(g: Any, spec: Spec) -> Any:
    """`g` in the shape and dtype of the input it belongs to: summed over broadcast axes, and cast.

    A complex gradient of a real input keeps its real part: the input cannot move in any other direction.
    """
    if g.shape != spec.shape:
        g = unbroadcast(g, spec.shape)
    if g.dtype != spec.dtype:
        if g.dtype.kind == "c" and spec.dtype.kind != "c":
            g = g.real
        g = g.astype(spec.dtype)
    return g


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes along which an array of `shape` was repeated to meet it.

    >>> unbroadcast(np.ones((4, 2)), (2,))
    array([4., 4.])
    """
    if g.__class__ is np.ndarray:  # a scalar, or a bias that was added to every row: past what finds the axes
        if not shape:
            return _add(g, None)
        if g.shape[1:] == shape:
            return _add(g)
    elif isinstance(g, StandIn):
        total = g._unbroadcast(shape)
        if total is not None:
            return total
    extra = g.ndim - len(shape)
    axes = tuple([axis for axis in range(g.ndim) if axis < extra or shape[axis - extra] != g.shape[axis]])
    if extra < 0 or any(shape[axis - extra] != 1 for axis in axes if axis >= extra):
        raise OperandError(
            f"a derivative rule returned a gradient of shape {g.shape} for an input of shape {shape}; it must have "
            f"the input's shape or one the input broadcasts to"
        )
    total = g.sum(axis=axes) if isinstance(g, Tensor) else _add(g, axes)
    return total if total.shape == shape else total.reshape(shape)
