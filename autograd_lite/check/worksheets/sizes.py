"""Sizes of the header, such as the n of ``X (n, d)``: they are no variables, but a line may read one as if it were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .build import axis_of
from .header import Input
from .program import Call, Name, Node, Statement, names, source


def expressions(inputs: Mapping[str, Input], size: str) -> Iterator[Node]:
    """Yield what to write for a size of the header: the length of a vector, the axis of another array."""
    vectors = [name for name, entry in inputs.items() if entry.shape == (size,)]
    yield from (Call("len", (Name(name),), (), "plain") for name in vectors[:1])
    others = [(name, entry.shape.index(size)) for name, entry in inputs.items() if size in entry.shape]
    yield from [axis_of(Name(name), axis) for name, axis in others if name not in vectors][:1]


def is_no_variable(inputs: Mapping[str, Input], name: str) -> str:
    """Return the sentence that says that a name is a size, with the cure; empty if it is none."""
    written = " or ".join(source(node) for node in expressions(inputs, name))
    return f"{name} is a size of the header, not a variable; write {written}." if written else ""


def written_out(statements: list[Statement], inputs: Mapping[str, Input], known: frozenset[str]) -> list[Statement]:
    """Return the statements with every size that they read as a variable written as one should.

    Args:
        statements: of the gradient part.
        inputs: of the header.
        known: the variables of the forward part; what a statement assigns is none of the sizes either.
    """
    bound = known | {statement.target for statement in statements}
    read = {name for statement in statements for name in statement.reads()} - bound
    meant = {name: node for name in read for node in reversed(list(expressions(inputs, name)))}
    if not meant:
        return statements
    return [
        replace(
            statement,
            value=_replaced(statement.value, meant),
            index=None if statement.index is None else _replaced(statement.index, meant),
        )
        for statement in statements
    ]


def _replaced(node: Node, meant: Mapping[str, Node]) -> Node:
    if isinstance(node, Name):
        return meant.get(node.id, node)
    if meant.keys() & names(node):
        for key, child in list(node.children()):
            node = node.with_child(key, _replaced(child, meant))
    return node
