"""The one reader of a recording: `walk` turns what a Tensor remembers into a `Graph` of plain entries.

Pictures, tables, formulas and pages read a `Graph` and nothing else. Reading changes nothing: no hook runs, no
`.grad` is touched, no saved array is freed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.record import Leaf, Node, topological
from autograd_lite.show.groups import groups_of
from autograd_lite.show.replay import gradients_of, replayed, values_of
from autograd_lite.show.results import results_of, roots_of, scalar_of
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
    """What a Tensor, or several, were computed from, inputs before users.

    Attributes:
        results: the entries of the Tensors that were read, in their order.
        target: the result that the gradients are of, where there are gradients.
        freed: `backward` has freed the values that the rules read.
        recomputed: values and gradients were computed again from the present values of the leaves.
        lost: how many operations have a value that is not known any more.
        changed: a leaf has other values now than when this was recorded.
        hooked: hooks are registered, which the gradients shown here did not pass through.
    """

    entries: tuple[Entry, ...]
    results: tuple[Entry, ...] = ()
    target: Entry | None = None
    freed: bool = False
    recomputed: bool = False
    lost: int = 0
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
        """The entry of the Tensor that was read, the first if there were several."""
        return self.results[0]

    @property
    def remarks(self) -> list[str]:
        """What a reader of the values and gradients has to know, in sentences."""
        said = []
        if self.changed:
            said.append("A leaf was changed after the forward pass; only values kept from then are shown.")
        elif self.recomputed and self.lost:
            said.append(
                "backward() has freed the intermediate values, and what depends on plain arrays cannot be had again: "
                "draw before backward(), or call backward(retain_graph=True)."
            )
        elif self.recomputed:
            said.append("backward() has freed the intermediate values; these were computed again from the leaves.")
        elif self.freed:
            said.append("backward() has freed the intermediate values.")
        if self.hooked:
            said.append("Hooks are registered; the gradients here are those before any hook.")
        return said


def walk(tensor: Any, *, values: bool = False, gradients: bool = False, several: bool = False) -> Graph:
    """Read the graph that `tensor` was computed by.

    Args:
        tensor: a Tensor that some recorded operation made.
        values: whether to fill in the value of every entry.
        gradients: whether to fill in the gradient of the result with respect to every entry.
        several: whether `tensor` may also be a list, tuple or dict of Tensors, at least one of which was recorded. A
            key of a dict is the name of a Tensor that has none. Gradients are those of the one real scalar among them.

    Raises:
        NoGraphError: it is no Tensor, or no recorded operation made it.
        BackwardError: gradients of a result that is not a real scalar, or that depends on no parameter.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor(3.0, requires_grad=True, name="x")
    >>> [(entry.id, entry.name or entry.operation) for entry in walk(x * x)]
    [('n0', 'x'), ('n1', 'multiply')]
    """
    read = results_of(tensor) if several else {"": tensor}
    roots = roots_of(read)
    target = roots[scalar_of(read)] if gradients else None
    order = topological(roots.values(), everything=True)
    graph = Graph(())
    known: dict[Node, Any] = {}
    graph.freed = any(node.saved is None for node in order if node.__class__ is Node)
    if values or gradients:
        known, graph.changed = values_of(order, {roots[path]: result.numpy() for path, result in read.items()})
        graph.recomputed = graph.freed and not graph.changed
        graph.lost = sum(node.__class__ is Node and node not in known for node in order)
    arrived: dict[Node, Any] = {}
    sent: dict[tuple[Node, int], Any] = {}
    if target is not None:
        graph.hooked = any((node.details or {}).get("hooks") for node in order)
        arrived, sent = gradients_of(order, target, known)

    groups = groups_of(order)
    keys = {node: path for path, node in roots.items() if isinstance(tensor, dict)}
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
                name=node.name or groups.names.get(node) or keys.get(node),
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
    made = {entry.node: entry for entry in entries if entry.node is not None}
    graph.results = tuple(made[node] for node in dict.fromkeys(roots.values()))
    graph.target = made.get(target) if target is not None else None
    return graph


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
