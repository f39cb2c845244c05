"""Which Modules an operation belongs to, and what the parts of a Module are called.

A Module's call leaves one remark on the nodes of its results: the number of the call, the Module, and what it was
given. What lies between those inputs and the results is the group; nothing else of it is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograd_lite.record import Leaf, Node

__all__ = ["Groups", "common", "groups_of", "name_module"]

Path = tuple[str, ...]


@dataclass(slots=True)
class Groups:
    """For each node the labels of the groups around it, the outermost first; and names that Modules give leaves."""

    paths: dict[Node, Path]
    names: dict[Leaf, str]


@dataclass(slots=True, eq=False)
class _Call:
    """One call of a Module, as far as its results are in the graph."""

    module: Any
    kind: str
    given: set[Any]
    results: list[Node] = field(default_factory=list)
    label: str = ""


def name_module(name: str, module: Any) -> None:
    """Name a Module, its parts and its parameters after their attributes."""
    for path, parameter in module.named_parameters():
        parameter.name = f"{name}.{path}"
    for path, part in module.named_modules():
        part._shown_as = f"{name}.{path}" if path else name


def groups_of(order: list[Any]) -> Groups:
    """The groups of the nodes of `order`, which has inputs before users."""
    around: dict[Node, tuple[_Call, ...]] = dict.fromkeys(order, ())
    books: dict[int, dict[int, str]] = {}
    used: dict[str, int] = {}
    for call in _calls(order):
        enclosing = around[call.results[0]]
        members = _members(call, enclosing, around)
        if not members:
            continue
        label = _label(call, enclosing, books)
        used[label] = used.get(label, 0) + 1
        call.label = label if used[label] == 1 else f"{label} ({used[label]})"
        for node in members:
            around[node] = (*around[node], call)
    _shared_leaves_outside(order, around)
    called = {key: name for book in reversed(books.values()) for key, name in book.items()}
    names = {node: called[id(node)] for node in order if id(node) in called and isinstance(node, Leaf)}
    return Groups({node: tuple(call.label for call in calls) for node, calls in around.items()}, names)


def _calls(order: list[Any]) -> list[_Call]:
    """The calls that left remarks here, in the order in which they began: an outer one before those inside it."""
    calls: dict[int, _Call] = {}
    for node in order:
        remark = (node.details or {}).get("call")
        while remark is not None:
            number, module, kind, given, remark = remark
            if number not in calls:
                calls[number] = _Call(module(), kind.__name__, set(given))
            calls[number].results.append(node)
    return [calls[number] for number in sorted(calls)]


def _members(call: _Call, enclosing: tuple[_Call, ...], around: dict[Node, tuple[_Call, ...]]) -> set[Node]:
    """The nodes that were made during the call: those that its results depend on, down to what it was given.

    A node that is not in all the calls around this one, or is in another, was made earlier and has come in by another
    way than as an argument: a state that the Module keeps from call to call.
    """
    members: set[Node] = set()
    waiting = list(call.results)
    while waiting:
        node = waiting.pop()
        if node in members or id(node) in call.given or around.get(node) != enclosing:
            continue
        if isinstance(node, Leaf) and node.value is None and node.spec.shape in call.given:
            continue  # the leaf of a plain array that it was given
        members.add(node)
        waiting.extend(source for source in node.inputs if isinstance(source, Node))
    return members


def _label(call: _Call, enclosing: tuple[_Call, ...], books: dict[int, dict[int, str]]) -> str:
    """`net.0: Dense`: the name that the outermost Module around it has for this one, and its class."""
    module = call.module
    if module is None:  # it is gone, and with it what its attributes were called
        return call.kind
    name = getattr(module, "_shown_as", None)
    for outer in (*enclosing, call):
        if outer.module is not None:
            if id(outer.module) not in books:
                books[id(outer.module)] = _book(outer.module)
            name = name or books[id(outer.module)].get(id(module))
    return f"{name}: {call.kind}" if name else call.kind


def _book(module: Any) -> dict[int, str]:
    """What the parts and the leaves of a Module are called, by identity."""
    prefix = getattr(module, "_shown_as", None)
    book: dict[int, str] = {}
    for path, part in module.named_entries():
        book.setdefault(id(getattr(part, "_node", part)), f"{prefix}.{path}" if prefix else path)
    return book


def _shared_leaves_outside(order: list[Any], around: dict[Node, tuple[_Call, ...]]) -> None:
    """A leaf stands in the smallest group that holds it and all of its users."""
    users: dict[Node, tuple[_Call, ...]] = {}
    for node in order:
        for source in node.inputs:
            if isinstance(source, Leaf):
                users[source] = common(users.get(source, around[node]), around[node])
    for leaf, calls in users.items():
        around[leaf] = common(calls, around[leaf])


def common(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    """What two paths begin with."""
    length = 0
    while length < min(len(a), len(b)) and a[length] == b[length]:
        length += 1
    return a[:length]
