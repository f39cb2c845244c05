"""Why is `x.grad` None? Where the path from a loss back to a Tensor breaks, and what to do."""

from __future__ import annotations

from autograd_lite.errors import OperandError
from autograd_lite.record import Leaf, Node, Passive, describe, gradient_of, topological
from autograd_lite.tensor import Tensor

__all__ = ["why_no_grad"]


def why_no_grad(loss: Tensor, x: Tensor) -> str:
    """One or two sentences that say why `x.grad` is None after `loss.backward()`, or that nothing stands in the way.

    Inside `with ag.debug():` what leaves the graph by `detach` or `no_grad` is recorded with its line, and the answer
    names it; what leaves it as an array or a number (`.numpy()`, `.item()`) cannot be followed.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor([1.0], requires_grad=True)
    >>> with ag.debug():
    ...     loss = (x.detach() * 2).sum()
    >>> print(ag.why_no_grad(loss, x).split(" at ")[0])
    The path from the loss to x breaks
    >>> print(ag.why_no_grad(loss, x).split("; ")[1])
    remove the .detach() if the gradient is wanted.
    """
    if not isinstance(x, Tensor):
        raise OperandError(f"why_no_grad: x is a plain {type(x).__name__}, which has no .grad; give the Tensor")
    named = x.name or "x"
    held = gradient_of(x._node)
    if held is not None:
        return f"{named}.grad is not None: a gradient of shape {held.shape} has arrived."
    if not isinstance(loss, Tensor):
        return f"The loss is a plain {type(loss).__name__}: it has left the graph; keep it a Tensor until backward."
    if x.dtype.kind not in "fc":
        return f"{named} has dtype {x.dtype}, without a gradient; make it Tensor(..., dtype=float, requires_grad=True)."
    if not x.requires_grad:
        if x._node is None or x._node.__class__ is Leaf:
            return (
                f"{named} was never asked for a gradient; create it with Tensor(..., requires_grad=True), and if it "
                f"was, but has been bound anew under no_grad() (w = w - ...), update it in place there (w -= ...)."
            )
        return f"{named} is no leaf that requires grad but the result of {describe(x._node)}; {_cure(x._node)}."

    order = topological([loss._node], everything=True) if loss._node is not None else []
    node = x._node
    if node is not None and node in order:
        flows = _carrying(order, node)
        if loss._node in flows:
            if x.is_leaf:
                return f"A gradient can reach {named}: call loss.backward() (and do not reset .grad before you look)."
            if _is_step(node):
                return (
                    f"{named} is a result of {describe(node)}, and only leaves keep their gradient: has a parameter "
                    f"been bound anew (w = w - ...)? Update it in place under `with ag.no_grad():` instead (w -= ...); "
                    f"of a result that is no parameter, call {named}.retain_grad() before backward."
                )
            return (
                f"{named} is a result of {node.op.name!r}, and only leaves keep their gradient; call "
                f"{named}.retain_grad() before backward."
            )
        broken = _break(order, flows)
        return f"The path from the loss to {named} breaks at {describe(broken)}; {_cure(broken)}."
    namesakes = [leaf for leaf in order if leaf.__class__ is Leaf and x.name and leaf.name == x.name]
    if namesakes:
        return (
            f"The loss was computed from another Tensor that is called {x.name}: has the name been bound anew "
            f"(w = w - ...)? Update in place under `with ag.no_grad():` instead."
        )
    if any("line" in (node.details or {}) for node in order if node.__class__ is not Leaf):
        way = "by .numpy(), .item() or .data, or before the block: debug() does not see these"
    else:
        way = (
            "(.numpy(), .item(), .detach(), no_grad): run inside `with ag.debug():` and ask again to see the line of "
            "a .detach() or no_grad()"
        )
    if not order or not loss.requires_grad:
        return f"The loss has no graph: it was computed under no_grad(), or from what has left the graph {way}."
    return (
        f"The loss does not depend on {named} as far as it was recorded; if it should, {named} left the graph on the "
        f"way {way}."
    )


def _is_step(node: Node) -> bool:
    """Whether `node` looks like a step of training, w - lr * g, that was recorded."""
    return node.op.name in ("add", "subtract") and any(
        source.__class__ is Leaf and source.requires_grad and source.spec is node.spec for _, source in _nodes(node)
    )


def _carrying(order: list[Node], start: Node | None) -> set[Node]:
    """The nodes through which a gradient would flow down to `start`."""
    flows: set[Node] = set()
    for node in order:
        if node is start:
            flows.add(node)
        elif node.__class__ is Node:
            rules = node.op.rules
            if any(source in flows and rules[i] is not None for i, source in _nodes(node)):
                flows.add(node)
    return flows


def _nodes(node: Node) -> list[tuple[int, Node]]:
    return [(i, source) for i, source in enumerate(node.inputs) if isinstance(source, Node)]


def _break(order: list[Node], flows: set[Node]) -> Node:
    """The first operation that has a flowing input and lets nothing through."""
    for node in order:
        if node not in flows and any(source in flows for _, source in _nodes(node)):
            return node
    raise AssertionError("a node of the graph that nothing in it uses")


def _cure(node: Node) -> str:
    if (node.details or {}).get("no_grad"):
        return "it was computed under no_grad(): move it out of that block, or update in place there (w -= ...)"
    if node.op.name == "detach":
        return "remove the .detach() if the gradient is wanted"
    if node.__class__ is Passive:
        return "its result does not change smoothly with its inputs, so no gradient passes: use a smooth stand-in"
    return "it passes no gradient to this input: give the Tensor to an input that has a derivative"
