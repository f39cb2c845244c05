"""How a gradient moves along a direction, which is the product of a Hessian with a vector.

The tangents of the parameters are pushed forward through the recorded graph; then the gradients are pulled back, each
with its tangent (forward over reverse: B. A. Pearlmutter, "Fast exact multiplication by the Hessian", 1994). Every rule
is linear in the gradient that it is given. So where nothing else that it reads moves, it takes the tangent as it took
the gradient; for a product there is the product rule; and any other rule is run on a `Dual`.
"""

from __future__ import annotations

from typing import Any

from autograd_lite.backprop import are_arrays, fit
from autograd_lite.dual import LINEAR, PRODUCT, SUM, Dual, kinds_of_rows, tangent_of_result
from autograd_lite.grad_mode import OFF, _recording, recording
from autograd_lite.record import FREED, Node, Primitive, Spec, describe, topological
from autograd_lite.rules.table import unchanged
from autograd_lite.stand_in import StandInError

__all__ = ["tangents_of_gradients"]

_NO_KWARGS: dict[str, Any] = {}


def tangents_of_gradients(root: Node, seed: Any, tangents: dict[Any, Any]) -> dict[Any, Any]:
    """How the gradients of leaves move when these move along `tangents`, which is added to; none where it stands still.

    Raises:
        StandInError: a rule cannot take Duals, a number is complex, or a hook sees the gradient, which may do with it
            what is not linear.
    """
    for leaf in tangents:
        if leaf.spec.is_complex or (leaf.details is not None and "hooks" in leaf.details):
            raise StandInError("hvp")
    how = recording()
    try:
        token = _recording.set(OFF)
        ends = set(tangents)
        linear, steps = _push_forward(root, tangents, ends)
        moved = _pull_back(root, seed, steps, tangents, ends)
        _pull_tangents(linear, moved)
        _recording.reset(token)
        return moved
    except BaseException:
        _recording.set(how)
        raise


def _push_forward(root: Node, tangents: dict[Any, Any], ends: set[Any]) -> tuple[list[Any], list[Any]]:
    """Add to `tangents` those of the nodes that move, and to `ends` those to which linear operations alone lead.

    Returns these, and for each of the others what its rules are to be told: (node, inputs, saved, the same as Duals,
    tangents of the inputs, kwargs). The Duals are None where the rules take arrays, and the tangents but for a product.
    """
    kinds = kinds_of_rows()
    tangent_at = tangents.get
    linear: list[Any] = []
    steps: list[Any] = []
    order = topological([root])
    unread = _unread(order, kinds)
    for node in order:
        op = node.op
        if op is None or node in ends:  # the result is a leaf; the argument belongs to another graph too
            continue
        details = node.details
        kwargs = _NO_KWARGS
        if details is not None:
            if "hooks" in details:
                raise StandInError("hook")
            kwargs = details.get("kwargs") or kwargs
        if node.y is FREED or node.spec.is_complex:
            raise StandInError(op.name)
        kind = kinds.get(op)
        if kind == LINEAR and "initial" not in kwargs:
            source = node.a
            if source in tangents:
                tangents[node] = op.fn(tangents[source], **kwargs) if node not in unread else None
                if source in ends:
                    ends.add(node)
                    linear.append((node, kwargs))
                else:
                    steps.append((node, (source,), (node.y, node.x), None, None, kwargs))
            continue
        inputs, saved = node.contents()
        along = tuple(map(tangent_at, inputs))
        if node in unread:
            tangent = None
        else:
            try:
                tangent = tangent_of_result(op, kind, node.spec, saved[0], saved[1:], along, kwargs)
            except Exception as error:
                error.add_note(f"raised by a derivative rule of {describe(node)}")
                raise
            if tangent is None:
                continue
        tangents[node] = tangent
        if kind == SUM:
            steps.append((node, inputs, saved, None, None, kwargs))
        elif kind == PRODUCT:
            steps.append((node, inputs, saved, None, along, kwargs))
        else:
            duals = [
                value if t is None or value is None or value.__class__ is Spec else Dual(value, t)
                for value, t in zip(saved, (tangent, *along), strict=True)
            ]
            steps.append((node, inputs, saved, duals, None, kwargs))
    return linear, steps


def _unread(order: list[Node], kinds: dict[Primitive, int]) -> set[Node]:
    """The nodes at the end of `order` whose tangents no rule reads: that of the loss, and of what it is the mean of."""
    unread: set[Node] = set()
    for node in reversed(order):
        kind = kinds.get(node.op)
        if kind is None or not (node.y is None or node.y.__class__ is Spec):
            break
        unread.add(node)
        if kind != LINEAR and kind != SUM:
            break
    return unread


def _pull_back(root: Node, seed: Any, steps: list[Any], tangents: dict[Any, Any], ends: set[Any]) -> dict[Any, Any]:
    """The tangents of the gradients at the `ends`, where the gradients themselves are of no use any more."""
    waiting: dict[Any, tuple[Any, Any]] = {root: (seed, None)}
    moved: dict[Any, Any] = {}
    r: Any
    for node, inputs, saved, duals, along, kwargs in reversed(steps):
        both = waiting.pop(node, None)
        if both is None:
            continue
        g, dg = both
        rules = node.op.rules
        spec = node.spec
        for position, source in enumerate(inputs):
            if source not in tangents:
                continue
            rule = rules[position]
            if rule is None:
                continue
            its = source.spec
            end = source in ends
            r = dr = None
            try:
                if rule is unchanged:
                    r = g
                    dr = dg
                elif duals is not None:
                    r = rule(g if dg is None else Dual(g, dg), *duals, **kwargs)
                    if r.__class__ is Dual:
                        dr = r.tangent
                        r = r._array
                else:
                    if not end:
                        r = rule(g, *saved, **kwargs)
                    if dg is not None:
                        dr = rule(dg, *saved, **kwargs)
                    if along is not None:
                        other = along[1 - position]
                        if other is not None:
                            operands = list(saved)
                            operands[2 - position] = other
                            part = rule(g, *operands, **kwargs)
                            dr = part if dr is None else dr + part
                if its is not spec:
                    if dr is not None:
                        dr = fit(dr, its)
                    if not end:
                        r = fit(r, its)
            except Exception as error:
                error.add_note(f"raised by the derivative rule of {describe(node)}, input {position}")
                raise
            if end:
                if dr is not None:
                    held = moved.get(source)
                    moved[source] = dr if held is None else held + dr
            else:
                held = waiting.get(source)
                if held is not None:
                    r = held[0] + r
                    dr = held[1] if dr is None else dr if held[1] is None else held[1] + dr
                waiting[source] = (r, dr)
    return moved


def _pull_tangents(linear: list[Any], moved: dict[Any, Any]) -> None:
    """The same from the ends to the leaves: what stands between them pulls a tangent back like a gradient."""
    own: set[Any] = set()
    for node, kwargs in reversed(linear):
        g = moved.pop(node, None)
        if g is None:
            continue
        op = node.op
        source = node.a
        held = moved.get(source)
        if op.add is not None:
            if source in own and are_arrays(held, g) and op.add(held, g, **kwargs):
                continue
            own.add(source)
        r = op.rules[0](g, node.y, node.x, **kwargs)
        if source.spec is not node.spec:
            r = fit(r, source.spec)
        moved[source] = r if held is None else held + r
