"""Which modules an operation belongs to.

A module's call leaves one remark on the node of its result, `("modules", [(label, inputs), ...])`, the innermost
module first: recording costs nothing more. Everything between those inputs and the result is the group.
"""

from __future__ import annotations

from typing import Any

from autograd_lite.record import Leaf, Node
from autograd_lite.tensor import Tensor

__all__ = ["common", "groups_of", "leave_remark", "name_module"]


def name_module(name: str, module: Any) -> None:
    """Name the parameters of a module by their attributes, and have every part of it leave its remark."""
    for path, parameter in module.named_parameters():
        parameter.name = f"{name}.{path}"
    for path, part in module.named_modules():
        if "_shown_as" not in vars(part):
            part.register_forward_hook(leave_remark)
        part._shown_as = f"{name}.{path}" if path else name


def leave_remark(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Note on the results of a module's call which module it was, and what it was given."""
    given = tuple(tensor._node for tensor in inputs if isinstance(tensor, Tensor) and tensor._node is not None)
    for result in output if isinstance(output, (tuple, list)) else (output,):
        node = result._node if isinstance(result, Tensor) else None
        if node is not None and not isinstance(node, Leaf):
            before = (node.details or {}).get("modules", ())
            node.note("modules", (*before, (f"{module._shown_as}: {type(module).__name__}", given)))


def groups_of(order: list[Any]) -> dict[Node, tuple[str, ...]]:
    """For each node of `order` the labels of the groups around it, the outermost first."""
    paths: dict[Node, tuple[str, ...]] = {}
    found: list[tuple[str, set[Node]]] = []
    used: dict[str, int] = {}
    for node in order:
        for label, inputs in (node.details or {}).get("modules", ()):
            members = _between(inputs, node)
            if members:
                used[label] = used.get(label, 0) + 1
                found.append((label if used[label] == 1 else f"{label} ({used[label]})", members))
    found.sort(key=lambda group: -len(group[1]))
    for label, members in found:
        for node in members:
            paths[node] = (*paths.get(node, ()), label)
    for node in order:
        paths.setdefault(node, ())
    return _shared_leaves_outside(order, paths)


def _between(inputs: Any, result: Node) -> set[Node]:
    """The nodes that `result` depends on, down to `inputs`, which are left out."""
    members: set[Node] = set()
    waiting = [result]
    outside = set(inputs)
    while waiting:
        node = waiting.pop()
        if node not in members and node not in outside:
            members.add(node)
            waiting.extend(source for source in node.inputs if isinstance(source, Node))
    return members


def _shared_leaves_outside(order: list[Any], paths: dict[Node, tuple[str, ...]]) -> dict[Node, tuple[str, ...]]:
    """A leaf stands in the smallest group that holds it and all of its users."""
    around: dict[Node, tuple[str, ...]] = {}
    for node in order:
        for source in node.inputs:
            if isinstance(source, Leaf):
                around[source] = common(around.get(source, paths[node]), paths[node])
    for leaf, path in around.items():
        holds = [label in paths[leaf] for label in path]
        paths[leaf] = path[: holds.index(False)] if False in holds else path
    return paths


def common(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """What two paths begin with."""
    length = 0
    while length < min(len(a), len(b)) and a[length] == b[length]:
        length += 1
    return a[:length]
