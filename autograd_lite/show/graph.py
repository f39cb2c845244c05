"""The one reader of a recording: `walk` turns what a Tensor remembers into a `Graph` of plain entries.

Pictures, tables, formulas and pages read a `Graph` and nothing else. Reading changes nothing: no hook runs, no
`.grad` is touched, no saved array is freed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.backprop import fit
from autograd_lite.errors import BackwardError
from autograd_lite.record import NOTHING, SPEC, Leaf, Node, Spec, no_grad, topological
from autograd_lite.show.errors import NoGraphError
from autograd_lite.show.groups import groups_of
from autograd_lite.tensor import Tensor

__all__ = ["CONSTANT", "DATA", "OPERATION", "PARAMETER", "Edge", "Entry", "Graph", "replayed", "walk"]

PARAMETER, DATA, CONSTANT, OPERATION = "parameter", "data", "constant", "operation"

#: operations whose inputs may change places
_COMMUTATIVE = frozenset(
    (
        *("add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2"),
        *("equal", "not_equal", "logical_and", "logical_or", "logical_xor"),
        *("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"),
    )
)


@dataclass(slots=True, eq=False)
class Edge:
    """One input of an operation: who it comes from, and what the backward pass sends there."""

    index: int
    source: str
    shape: tuple[int, ...]
    broadcast: tuple[int, ...] | None = None
    """the shape that the input is repeated to, where it is"""
    sent: Any = None
    """the gradient that goes back along this edge, in the shape of the input"""


@dataclass(slots=True, eq=False)
class Entry:
    """One line of the recording: a parameter, data, a constant, or an operation with its inputs."""

    id: str
    kind: str
    name: str | None
    operation: str | None
    inputs: tuple[Edge, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    static: dict[str, Any]
    group: tuple[str, ...]
    node: Node | None = field(repr=False)
    value: Any = None
    gradient: Any = None
    line: str | None = None

    @property
    def ordered(self) -> bool:
        """Whether the result depends on which input comes first."""
        return len(self.inputs) > 1 and self.operation not in _COMMUTATIVE


@dataclass(slots=True, eq=False)
class Graph(Sequence[Entry]):
    """What a Tensor was computed from, inputs before users, the result last.

    Attributes:
        freed: `backward` has freed the values that the rules read.
        recomputed: values and gradients were computed again from the present values of the leaves.
        changed: a leaf has other values now than when this was recorded.
        hooked: hooks are registered, which the gradients shown here did not pass through.
    """

    entries: tuple[Entry, ...]
    freed: bool = False
    recomputed: bool = False
    changed: bool = False
    hooked: bool = False

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]

    @property
    def result(self) -> Entry:
        """The entry of the Tensor that was read."""
        return self.entries[-1]

    @property
    def remarks(self) -> list[str]:
        """What a reader of the values and gradients has to know, in sentences."""
        said = []
        if self.changed:
            said.append("A leaf was changed after the forward pass; only values kept from then are shown.")
        elif self.recomputed:
            said.append("backward() has freed the intermediate values; these were computed again from the leaves.")
        elif self.freed:
            said.append("backward() has freed the intermediate values.")
        if self.hooked:
            said.append("Hooks are registered; the gradients here are those before any hook.")
        return said


def walk(tensor: Any, *, values: bool = False, gradients: bool = False) -> Graph:
    """Read the graph that `tensor` was computed by.

    Args:
        tensor: a Tensor that some recorded operation made.
        values: whether to fill in the value of every entry.
        gradients: whether to fill in the gradient of the result with respect to every entry.

    Raises:
        NoGraphError: it is no Tensor, or no recorded operation made it.
        BackwardError: gradients of a result that is not a real scalar, or that depends on no parameter.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor(3.0, requires_grad=True, name="x")
    >>> [(entry.id, entry.name or entry.operation) for entry in walk(x * x)]
    [('n0', 'x'), ('n1', 'multiply')]
    """
    root = _root(tensor)
    if gradients:
        _check_scalar(tensor, root)
    order = topological([root], everything=True)
    known, graph = {}, Graph(())
    graph.freed = any(node.saved is None for node in order if node.__class__ is Node)
    if values or gradients:
        known = _values(order, root, tensor.numpy(), graph)
    arrived: dict[Node, Any] = {}
    sent: dict[tuple[Node, int], Any] = {}
    if gradients:
        graph.hooked = any((node.details or {}).get("hooks") for node in order)
        arrived, sent = _gradients(order, root, known)

    groups = groups_of(order)
    ids: dict[Node, str] = {}
    entries: list[Entry] = []
    for node in order:
        edges = []
        for index, source in enumerate(node.inputs):
            if not isinstance(source, Node):
                entries.append(_constant(f"n{len(entries)}", source, groups.paths[node]))
                identifier, shape = entries[-1].id, entries[-1].shape
            else:
                identifier, shape = ids[source], source.spec.shape
            edges.append(Edge(index, identifier, shape, _repeated(node, shape), sent.get((node, index))))
        ids[node] = f"n{len(entries)}"
        details = node.details or {}
        leaf = isinstance(node, Leaf)
        entries.append(
            Entry(
                id=ids[node],
                kind=OPERATION if not leaf else PARAMETER if node.requires_grad else DATA,
                name=node.name or groups.names.get(node),
                operation=None if leaf else node.op.name,
                inputs=tuple(edges),
                shape=node.spec.shape,
                dtype=node.spec.dtype,
                static=node.kwargs,
                group=groups.paths[node],
                node=node,
                value=known.get(node) if values else None,
                gradient=_retained(node) if node in arrived and arrived[node] is None else arrived.get(node),
                line=details.get("line"),
            )
        )
    graph.entries = tuple(entries)
    return graph


def _root(tensor: Any) -> Node:
    if not isinstance(tensor, Tensor):
        raise NoGraphError(
            f"show: {type(tensor).__name__} is no Tensor, so it remembers no operations; pass the Tensor that "
            f"your computation ended with, for instance the loss"
        )
    node = tensor._node
    if node is None or isinstance(node, Leaf):
        what = f"this Tensor of shape {tensor.shape}" + (f" ({tensor.name})" if tensor.name else "")
        raise NoGraphError(
            f"show: {what} was made by no recorded operation, so there is no graph; compute with a Tensor that has "
            f"requires_grad=True, outside no_grad(), and pass the result"
        )
    return node


def _check_scalar(tensor: Tensor, root: Node) -> None:
    if not root.requires_grad:
        raise BackwardError(
            f"gradients: this result of {root.op.name!r} depends on no Tensor that requires grad; leave out grads, "
            f"or make a parameter with requires_grad=True"
        )
    if tensor.size != 1 or tensor.dtype.kind == "c":
        raise BackwardError(
            f"gradients: a {tensor.dtype} result of shape {tensor.shape} is not a real scalar, so its gradient is not "
            f"unique; pass its .sum() or .mean(), or leave out grads"
        )


def _constant(identifier: str, number: Any, group: tuple[str, ...]) -> Entry:
    array = np.asarray(number)
    return Entry(
        id=identifier, kind=CONSTANT, name=None, operation=None, inputs=(), shape=array.shape, dtype=array.dtype,
        static={}, group=group, node=None, value=number,
    )  # fmt: skip


def _retained(node: Node) -> Any:
    """The gradient that a backward pass has left with this node, as an array."""
    held = node.grad if isinstance(node, Leaf) else (node.details or {}).get("grad")
    return held.numpy() if isinstance(held, Tensor) else held


def _repeated(node: Node, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that an input of this shape is broadcast to by `node`; None where it is not, or is a mere number."""
    name, result = node.op.name, node.spec.shape
    if name == "broadcast_to":
        return result if shape != result else None
    if not shape or shape == result:
        return None
    function = getattr(np, name, None)
    if name in ("where", "clip") or (isinstance(function, np.ufunc) and function.signature is None):
        return result
    if name == "matmul" and len(shape) > 1 and shape[:-2] != result[: len(result) - 2] and len(result) > 2:
        return (*result[:-2], *shape[-2:])
    return None


# --- values --------------------------------------------------------------------------------------------------


def _values(order: list[Any], root: Node, result: Any, graph: Graph) -> dict[Node, Any]:
    """The value of every node as far as it is known: kept by the recording, or computed again from the leaves.

    What is computed again is held against whatever the recording kept. If they differ, a leaf was changed in
    between, and then only what follows from kept values is given.
    """
    kept: dict[Node, Any] = {}
    for node in order:
        if node.saved is not None:
            for source, value in zip((node, *node.inputs), node.saved, strict=True):
                if isinstance(source, Node) and value is not None and not isinstance(value, Spec):
                    kept.setdefault(source, value)
    kept[root] = result

    leaves: dict[Node, Any] = {node: node.value for node in order if isinstance(node, Leaf) and node.value is not None}
    again = replayed(order, leaves, {})
    if any(not _same(again[node], value) for node, value in kept.items() if node in again):
        graph.changed = True
        known = replayed(order, {}, kept)
    else:
        known = replayed(order, again, kept)
        graph.recomputed = graph.freed
    return replayed(order, _operands(order, known), known)


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


# --- gradients -----------------------------------------------------------------------------------------------


def _gradients(
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
                rule = node.op.rules[index]
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
