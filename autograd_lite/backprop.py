"""The backward sweep: from one result, gradients flow along the recorded edges to the leaves.

This is the only place where gradients are added up and where broadcasting is undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from sys import getrefcount
from threading import RLock
from types import NoneType
from typing import Any

import numpy as np

from autograd_lite.arrays import gradient_like, plain_array
from autograd_lite.errors import BackwardError, FreedGraphError, OperandError
from autograd_lite.grad_mode import NANS, OFF, ON, _recording, enable_grad, recording
from autograd_lite.nans import watch_backward
from autograd_lite.record import FREED, Leaf, Node, Primitive, Spec, describe, topological
from autograd_lite.rules.table import ones_of, unchanged
from autograd_lite.stand_in import StandIn
from autograd_lite.tensor import Tensor, wrap

__all__ = ["are_arrays", "backward", "fit", "leading_to", "sweep", "unbroadcast"]

_accumulating = RLock()  # held while gradients are added to `.grad`
# Both are bound once: looking them up costs a tenth of the sum of a few numbers.
_ndarray = np.ndarray
_add: Any = np.add.reduce
#: the 1 that the gradient of a scalar begins with, of each dtype that there has been
_ones: dict[Spec, Any] = {}


def backward(tensor: Tensor, gradient: Any, retain_graph: bool | None, create_graph: bool) -> None:
    """Add the gradient of `tensor` to `.grad` of its leaves: see `Tensor.backward`."""
    if tensor._shared is not None:
        tensor._seen()  # which refuses a view of what was changed since: its graph is that of the old values
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
    retained: list[tuple[Node, Any]] | None = None
    if create_graph or root.__class__ is Leaf or recording() != ON:
        retained = []
        arrived = sweep({root: g}, retain_graph=retain_graph, create_graph=create_graph, retained=retained)
    else:  # the same, without what only transforms need
        try:
            token = _recording.set(OFF)
            arrived = {}
            own: set[Node] = set()
            node, g = _chain(root, g, arrived, own, retain_graph)
            if node is None:
                _finish(arrived)
            else:
                retained = []
                _sweep({node: g}, arrived, own, retain_graph, retained=retained)
            _recording.reset(token)
        except BaseException:
            _recording.set(ON)  # not by the token, which Ctrl-C may have kept from us
            raise
    # Only now, when no rule and no hook can fail any more, do the leaves change; one sweep at a time, or of two threads
    # that add to the same `.grad` one addition would be lost. Where there is no memory for a sum, none changes.
    before: dict[Any, Any] = {}
    try:
        _accumulating.acquire()  # not by `with`, which takes twice as long
        for leaf, g in arrived.items():
            held = leaf.grad
            if held is not None:
                before[leaf] = held
                arrived[leaf] = g = held + g
            if g.__class__ is not _ndarray or g.base is not None or getrefcount(g) > _UNSHARED:
                arrived[leaf] = g = _own(g)  # of a number, a view, a Tensor, or an array that somebody else has too
            leaf.grad = g
        if retained:
            _retain(retained)
        _accumulating.release()
    except BaseException:
        for leaf, g in arrived.items():
            if leaf in before:
                leaf.grad = before[leaf]
            elif leaf.grad is g:
                leaf.grad = None
        if _accumulating._is_owned():  # type: ignore[attr-defined]  # not if Ctrl-C ended the waiting for it
            _accumulating.release()
        raise


def _references_in_a_loop() -> int:
    """How many refer to an array that only the dictionary has that is looped over, in `backward`."""
    for _, g in {None: np.empty(())}.items():  # noqa: PERF102  # as it is done there
        return getrefcount(g)
    return 0


_UNSHARED = _references_in_a_loop()


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
    retained: list[tuple[Node, Any]] | None = None,
    outside: Collection[Node] = (),
) -> dict[Any, Any]:
    """Send the gradients `seeds` backwards; return what arrives at the leaves, or at `targets` if there are any.

    On arrays the rules run at NumPy's speed. Where the seeds are Tensors the rules record; with `create_graph`
    they read the saved values as Tensors too, and so record the derivative's whole graph. With `targets` only
    the paths that lead to them are followed, and none beyond; `useful` are the nodes of those paths, where they are
    known already, in topological order as from `leading_to`. To `retained`, if it is given, is added what results
    shall retain. `outside` are targets whose gradient goes on in the sweep that this one is part of, which runs their
    hooks. The dictionary of the seeds is used up.
    """
    how = recording()
    tensors = create_graph
    for node, g in seeds.items():
        if isinstance(g, Tensor):
            tensors = True
        elif create_graph:
            seeds[node] = wrap(g)
    watched = tuple(seeds) if how & NANS else ()
    try:
        token = _recording.set(how | ON if tensors else OFF)
        if targets and useful is None:
            useful = leading_to(targets, seeds)
        arrived: dict[Any, Any] = {}
        for root in tuple(seeds):
            if root.__class__ is Leaf:
                arrived[root] = seeds.pop(root)
            elif useful is not None and root not in useful:
                del seeds[root]
        arrived = _sweep(seeds, arrived, set(), retain_graph, create_graph, targets, useful, watched, retained, outside)
        _recording.reset(token)
        return arrived
    except BaseException:
        _recording.set(how)
        raise


def _sweep(
    waiting: dict[Any, Any],
    arrived: dict[Any, Any],
    own: set[Node],
    retain_graph: bool,
    create_graph: bool = False,
    targets: Collection[Node] = (),
    useful: dict[Any, Any] | None = None,
    watched: tuple[Node, ...] = (),
    retained: list[tuple[Node, Any]] | None = None,
    outside: Collection[Node] = (),
) -> dict[Any, Any]:
    """The loop of `sweep`: from the gradients `waiting` at operations to those that have `arrived`.

    `own` are the nodes at which the sum of gradients is an array that nobody else holds; `watched` are the results
    whose gradients are looked through for the first NaN, if any.
    """
    order: list[Any] | None = None
    plain = useful is None and not create_graph and not watched and not targets
    while waiting:
        if len(waiting) == 1:  # nothing can send to it any more, so that no order has to be found
            node, g = waiting.popitem()
            if plain:
                node, g = _chain(node, g, arrived, own, retain_graph)
                if node is None:
                    break
        else:  # several, and the order in which they are swept matters; it stays right behind a chain
            if order is None:
                order = topological(waiting) if useful is None else list(useful)
            node = order.pop()
            while node not in waiting:
                node = order.pop()
            g = waiting.pop(node)
        details = node.details
        kwargs = None
        if details is not None:
            kwargs = details.get("kwargs")
            if ("hooks" in details or "retain" in details) and node not in outside:
                g = _attend(node, g, retained)
        if node in targets:
            arrived[node] = g
            continue
        if node.y is FREED:
            raise FreedGraphError(
                f"backward: the values saved by {describe(node)} were freed by an earlier backward; "
                f"pass retain_graph=True to the first one, or compute the result again, with .detach() for what is "
                f"carried over from before it"
            )
        op = node.op
        adds = op.add
        spec = node.spec
        inputs, saved = node.contents()
        if create_graph:
            saved = _as_tensors(saved, (node, *inputs))
        for position, source in enumerate(inputs):
            kind = source.__class__
            if kind is not Node and (kind is not Leaf or not source.requires_grad):
                continue
            if useful is not None and source not in useful:
                continue
            rule = op.rule_for(position, spec) if spec.is_complex else op.rules[position]
            if rule is None:
                continue
            sums = waiting if kind is Node else arrived
            held = sums.get(source)
            try:
                if adds is not None and source in own and are_arrays(held, g) and adds(held, g, **(kwargs or {})):
                    continue
                if rule is unchanged:
                    r = g
                else:
                    r = rule(g, *saved) if kwargs is None else rule(g, *saved, **kwargs)
                if watched:
                    watch_backward(watched, node, position, g, r)
                if source.spec is not spec:
                    r = fit(r, source.spec)
            except Exception as error:
                error.add_note(f"raised by the derivative rule of {describe(node)}, input {position}")
                raise
            if adds is not None:
                own.add(source)  # for what its rule gave is new, and so is a sum with it
            if held is None:
                sums[source] = r
            elif source.spec.size < _LARGE or adds is not None:
                sums[source] = held + r
            else:
                sums[source] = _sum(held, r, source, own)
        if not retain_graph:
            node.free()

    _finish(arrived, outside)
    return arrived


def _finish(arrived: dict[Any, Any], outside: Collection[Node] = ()) -> None:
    """The end of a sweep: dtypes and hooks of what has arrived at leaves."""
    for leaf, g in arrived.items():
        if g.dtype is not leaf.spec.dtype:  # a rule that returned another precision
            arrived[leaf] = g = fit(g, leaf.spec)
        if leaf.details is not None and leaf.__class__ is Leaf and leaf not in outside:
            arrived[leaf] = _attend(leaf, g, None)


def _retain(retained: list[tuple[Node, Any]]) -> None:
    """Add the gradients that results retain to what these have; all of them, or none where a sum cannot be made."""
    with enable_grad():  # a gradient that was recorded stays so
        held = [(node.details or {}).get("grad") for node, _ in retained]
        sums = [g if h is None else _own(h + g) for (_, g), h in zip(retained, held, strict=True)]
    for (node, _), g in zip(retained, sums, strict=True):
        node.note("grad", g)


def _chain(node: Any, g: Any, arrived: dict[Any, Any], own: set[Node], retain_graph: bool) -> tuple[Any, Any]:
    """Sweep from `node` on while nothing else waits. Returns where that ends and the gradient there, or None twice.

    It does what the loop of `_sweep` does, for the usual operations of one or two inputs, which are the inner loop of
    every small model. Others are left to that loop.
    """
    second_of: Any = None  # the node whose second rule was called last
    try:
        while True:
            y = node.y
            spec = node.spec
            op = node.op
            details = node.details
            width = op.width
            if y is FREED or spec.is_complex or (details is not None and not _is_usual(op, details)):
                return node, g
            if width == 2:
                source = node.a
                other = node.b
                first, second = op.rules
                if source.__class__ is Node:
                    if other.__class__ is Node and other is not source:
                        return node, g
                    r = g if first is unchanged else first(g, y, node.x, node.z)
                    if source.spec is not spec:
                        r = fit(r, source.spec)
                    leaf = None
                    if other.__class__ is Leaf:
                        if other.requires_grad:
                            leaf = other
                            second_of = node
                            last = g if second is unchanged else second(g, y, node.x, node.z)
                    elif other is source:
                        second_of = node
                        last = second(g, y, node.x, node.z)
                        r = r + (last if other.spec is spec else fit(last, other.spec))
                elif other.__class__ is Node:
                    leaf = source if source.__class__ is Leaf and source.requires_grad else None
                    source = other
                    second_of = node
                    r = g if second is unchanged else second(g, y, node.x, node.z)
                    if source.spec is not spec:
                        r = fit(r, source.spec)
                    if leaf is not None:
                        second_of = None
                        last = first(g, y, node.x, node.z)
                else:
                    flows = source.__class__ is Leaf and source.requires_grad
                    if flows == (other.__class__ is Leaf and other.requires_grad):
                        return node, g
                    if flows:
                        leaf = source
                        last = first(g, y, node.x, node.z)
                    else:
                        leaf = other
                        second_of = node
                        last = second(g, y, node.x, node.z)
                    source = r = None
            elif width == 1:
                source = node.a
                (first,) = op.rules
                if details is None:
                    r = first(g, y, node.x)
                else:
                    r = first(g, y, node.x, **(details.get("kwargs") or {}))
                if source.__class__ is Node:
                    leaf = None
                    if source.spec is not spec:
                        r = fit(r, source.spec)
                else:
                    leaf = source if source.requires_grad else None
                    last = r
                    source = None
            else:
                return node, g
            if leaf is not None:
                its = leaf.spec
                if its is not spec:
                    last = fit(last, its)
                held = arrived.get(leaf)
                if held is None:
                    arrived[leaf] = last
                elif its.size < _LARGE:
                    arrived[leaf] = held + last
                else:
                    arrived[leaf] = _sum(held, last, leaf, own)
            if not retain_graph:
                node.y = FREED
                node.x = node.z = None
            if source is None:
                return None, None
            node = source
            g = r
    except Exception as error:
        if node.op.width:
            error.add_note(f"raised by the derivative rule of {describe(node)}, input {int(second_of is node)}")
        raise


def _is_usual(op: Primitive, details: dict[str, Any]) -> bool:
    """Whether `_chain` can sweep a node of `op` with these details."""
    if "hooks" in details or "retain" in details:
        return False
    return not details.get("kwargs") or (op.width == 1 and op.add is None)


def are_arrays(total: Any, g: Any) -> bool:
    """Whether `g` can be added to `total` in place: they are no Tensors or stand-ins, and of one dtype."""
    return total.__class__ is np.ndarray and isinstance(g, (np.ndarray, np.generic)) and g.dtype is total.dtype


def _sum(held: Any, g: Any, leaf: Leaf, own: set[Node]) -> Any:
    """`held + g`, what has arrived at `leaf` by now; in place where the sum is large and, as for `own`, the sweep's.

    The weights of a recurrent layer get one gradient for each step.
    """
    if held.size < _LARGE or held.__class__ is not np.ndarray:
        return held + g
    if leaf in own and are_arrays(held, g):
        held += g
        return held
    total = held + g
    if total.__class__ is np.ndarray:
        own.add(leaf)
    return total


#: from so many elements on memory costs more than the calls
_LARGE = 512


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
    """Run the hooks of a node on the gradient that has arrived there; add it to `retained` if it is to be."""
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


def _as_tensors(saved: tuple[Any, ...], sources: tuple[Any, ...]) -> tuple[Any, ...]:
    """The saved arrays as Tensors at their places in the graph, so that a rule run on them is recorded there."""
    return tuple(
        [
            wrap(value, source) if isinstance(source, Node) and not isinstance(value, (Spec, NoneType)) else value
            for value, source in zip(saved, sources, strict=True)
        ]
    )


def fit(g: Any, spec: Spec) -> Any:
    """`g` in the shape and dtype of the input it belongs to: summed over broadcast axes, and cast.

    A complex gradient of a real input keeps its real part: the input cannot move in any other direction.
    """
    if g.shape != spec.shape:
        g = unbroadcast(g, spec.shape)
    if g.dtype is not spec.dtype and g.dtype != spec.dtype:
        if g.dtype.kind == "c" and spec.dtype.kind != "c":
            g = g.real
        g = g.astype(spec.dtype)
    return g


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes along which an array of `shape` was repeated to meet it.

    >>> unbroadcast(np.ones((4, 2)), (2,))
    array([4., 4.])
    """
    if g.__class__ is _ndarray:  # a scalar, or a bias that was added to every row: past what finds the axes
        if not shape:
            return _add(g, None)
        if g.shape[1:] == shape:
            ones = ones_of(g.shape[0], g.dtype) if len(shape) == 1 else None
            return _add(g) if ones is None else ones.dot(g)
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
