"""Other spellings of a gradient's name: ``d_z`` and ``dL_dz`` are read as ``dz``, and shown as they were written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from .program import Attribute, Call, Index, Name, Node, Statement, names


def spellings(gradient: Iterable[Statement], variables: frozenset[str], loss: str) -> dict[str, str]:
    """Return the names of the gradient part that stand for ``d<variable>``, with the name that they stand for.

    Args:
        gradient: the statements of the gradient part.
        variables: every input and forward variable.
        loss: the last of them.
    """
    statements = list(gradient)
    targets = {statement.target for statement in statements}
    sizes = {statement.target for statement in statements if a_size(statement.value)}
    found: dict[str, str] = {}
    for name in sorted(targets | {name for statement in statements for name in statement.reads()}):
        variable = _variable(name, variables, loss)
        if not variable or name in variables | sizes or name[1:] in variables:
            continue
        if name in targets and "d" + variable in targets | set(found.values()):
            continue
        found[name] = "d" + variable
    return found


def _variable(name: str, variables: frozenset[str], loss: str) -> str:
    """Return the variable at the end of a name, empty if there is none."""
    for start in ("d_", f"d{loss}_d_", f"d{loss}_d", f"d{loss}d_", f"d{loss}d"):
        if name.startswith(start) and name[len(start) :] in variables:
            return name[len(start) :]
    return ""


def a_size(node: Node) -> bool:
    """Return whether an expression is a size, so that ``d_k = K.shape[1]`` is a dimension and no gradient."""
    match node:
        case Index(Attribute(_, "shape")) | Attribute(_, "size" | "ndim") | Call("len"):
            return True
    return False


def local_derivative(name: str, variables: frozenset[str]) -> bool:
    """Return whether a name is that of a derivative of one variable by another, such as ``da_dz``."""
    return any(
        name[1:at] in variables and name[at:].lstrip("_").startswith("d") and name[at:].lstrip("_")[1:] in variables
        for at in range(2, len(name))
    )


def respelled(statement: Statement, known: dict[str, str]) -> Statement:
    """Return a statement with the names of ``known`` replaced."""
    index = None if statement.index is None else _renamed(statement.index, known)
    target = known.get(statement.target, statement.target)
    return replace(statement, target=target, value=_renamed(statement.value, known), index=index)


def _renamed(node: Node, known: dict[str, str]) -> Node:
    if isinstance(node, Name):
        return Name(known.get(node.id, node.id))
    if not known.keys() & names(node):
        return node
    for key, child in list(node.children()):
        node = node.with_child(key, _renamed(child, known))
    return node


def as_written(text: str | None, known: dict[str, str]) -> str | None:
    """Return a text of the report with every gradient spelled as the sheet does."""
    if text is None or not known:
        return text
    written = {own: name for name, own in known.items()}
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda match: written.get(match[0], match[0]), text)
