"""Values and gradients of a recorded graph, for whoever shows it: nothing of the recording is changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.backprop import fit
from autograd_lite.grad_mode import no_grad
from autograd_lite.record import NOTHING, SPEC, Leaf, Node, Spec, topological

__all__ = ["gradients_of", "replayed", "values_of"]


def values_of(order: list[Any], results: dict[Node, Any]) -> tuple[dict[Node, Any], bool]:
    """The value of every node as far as it is known: kept by the recording, or computed again from the leaves.

    Args:
        order: the nodes, inputs before users.
        results: the values of those nodes whose Tensors are at hand.

    What is computed again is held against whatever the recording kept. If they differ, a leaf was changed in
    between, and then only what follows from kept values is given. Returns whether that is so, too.
    """
    kept: dict[Node, Any] = {}
    for node in order:
        if node.saved is not None:
            for source, value in zip((node, *node.inputs), node.saved, strict=True):
                if isinstance(source, Node) and value is not None and not isinstance(value, Spec):
                    kept.setdefault(source, value)
    kept |= results

    leaves: dict[Node, Any] = {node: node.value for node in order if isinstance(node, Leaf) and node.value is not None}
    again = replayed(order, leaves, {})
    if any(not _same(again[node], value) for node, value in kept.items() if node in again):
        changed, known = True, replayed(order, {}, kept)
    else:
        changed, known = False, replayed(order, again, kept)
    return replayed(order, _operands(order, known), known), changed


def _operands(order: list[Any], known: dict[Node, Any]) -> dict[Node, Any]:
    """Plain arrays in a sum or a difference, which no rule reads and the recording so does not keep: solved for.

    The targets in `y_hat - y` are the usual case. They come out up to rounding, hence to twelve digits.
    """
    found: dict[Node, Any] = {}
    for node in order:
        if node.op is None or node.op.name not in ("add", "subtract") or known.get(node) is None:
            continue
        values = [known.get(source) if isinstance(source, Node) else source for source in node.inputs]
        for index, source in enumerate(node.inputs):
            other = values[1 - index]
            if values[index] is not None or not isinstance(source, Leaf) or other is None:
                continue
            with np.errstate(all="ignore"):
                if node.op.name == "add":
                    solved = known[node] - other
                else:
                    solved = known[node] + other if index == 0 else other - known[node]
            found[source] = _rounded(_unrepeated(np.asarray(solved), source.spec.shape)).astype(source.spec.dtype)
    return found


def _unrepeated(array: Any, shape: tuple[int, ...]) -> Any:
    """The array of this shape that was broadcast to `array`."""
    array = array[(0,) * (array.ndim - len(shape))]
    return array[tuple(slice(None, n) for n in shape)]


def _rounded(array: Any) -> Any:
    """To twelve digits of the largest entry."""
    largest = np.max(np.abs(array), initial=0, where=np.isfinite(array))
    return np.round(array, 11 - int(np.floor(np.log10(largest)))) if largest > 0 else array


def replayed(order: list[Any], leaves: dict[Node, Any], kept: dict[Node, Any]) -> dict[Node, Any]:
    """The value of every node that follows from these, by carrying out the recorded operations again."""
    known = {**leaves, **kept}
    with no_grad(), np.errstate(all="ignore"):
        for node in order:
            if node in known or isinstance(node, Leaf):
                continue
            values = [known.get(s) if isinstance(s, Node) else s for s in node.inputs]
            if all(value is not None for value in values):
                known[node] = node.op.fn(*values, **node.kwargs)
    return known


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    # Not to the last bit: BLAS may add in another order when an array lies elsewhere in memory.
    exact = a.dtype.kind not in "fc"
    return bool(np.array_equal(a, b) if exact else np.allclose(a, b, rtol=1e-5, atol=1e-12, equal_nan=True))


def gradients_of(
    order: list[Any], root: Node, known: dict[Node, Any]
) -> tuple[dict[Node, Any], dict[tuple[Node, int], Any]]:
    """What the backward pass brings to each node, and what it sends along each edge.

    The engine's own sweep gives the totals at the leaves only, runs hooks and frees; this one keeps every term.
    Where saved values are gone and could not be computed again, what lies below is None.
    """
    arrived: dict[Node, Any] = {root: np.ones(root.spec.shape, root.spec.dtype)}
    sent: dict[tuple[Node, int], Any] = {}
    with no_grad(), np.errstate(all="ignore"):
        for node in reversed(order):
            g = arrived.get(node)
            if g is None or node.__class__ is not Node:
                continue
            saved = node.saved if node.saved is not None else _saved_again(node, known)
            if saved is None:
                _forget_below(node, arrived)
                continue
            for index, source in enumerate(node.inputs):
                rule = node.op.rule_for(index, node.spec)
                if rule is None or not isinstance(source, Node) or not source.requires_grad:
                    continue
                r = np.asarray(fit(rule(g, *saved, **node.kwargs), source.spec))
                sent[node, index] = r
                if source not in arrived:
                    arrived[source] = r
                elif arrived[source] is not None:
                    arrived[source] = arrived[source] + r
    return arrived, sent


def _forget_below(node: Node, arrived: dict[Node, Any]) -> None:
    """A gradient that lacks a term would be a wrong one: mark all that `node` would have sent to as unknown."""
    for source in topological([node], everything=True)[:-1]:
        arrived[source] = None


def _saved_again(node: Node, known: dict[Node, Any]) -> tuple[Any, ...] | None:
    """What the rules of a freed node read, from values that were computed again; None if one is missing."""
    keeps = node.op.keeps
    if node.op.variadic:
        wanted = [keeps[0][0], *[keeps[0][1]] * len(node.inputs)]
    else:
        wanted = [max(column) for column in zip(*keeps, strict=True)]
    saved: list[Any] = []
    for want, source in zip(wanted, (node, *node.inputs), strict=True):
        if want == NOTHING:
            saved.append(None)
        elif isinstance(source, Node):
            saved.append(source.spec if want == SPEC else known.get(source))
            if saved[-1] is None:
                return None
        else:
            saved.append(np.asarray(source) if want == SPEC else source)
    return tuple(saved)
