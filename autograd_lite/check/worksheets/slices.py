"""Typed single edits of indices and slices: shifted, flipped, or selecting whole rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .bench import Edit
from .build import number
from .edits import Place, in_part
from .program import (
    Attribute,
    Constant,
    Index,
    Node,
    Path,
    Sequence,
    Slice,
    source,
    walk,
)


def slices(place: Place) -> Iterator[Edit]:
    """An index or slice that is shifted, flipped, or that selects whole rows."""
    items, wholes = _known_indices(place)
    for which, root in place.statement.expressions():
        for path, node in walk(root):
            if isinstance(node, Index) and not isinstance(node.value, Attribute):
                yield from _index_edits(place, which, path, node.index, node, items, wholes)
    index = place.statement.index
    if index is not None:
        for new in _variants(index, items, wholes):
            changed = replace(place.statement, index=new)
            what = f"'{place.statement}' should be '{changed}'"
            yield Edit(place.position, changed, "wrong_slice", 1.1, what)


def _index_edits(
    place: Place, which: str, path: Path, index: Node, node: Index, items: list[Node], wholes: list[Node]
) -> Iterator[Edit]:
    for new in _variants(index, items, wholes):
        yield in_part(place, which, path, replace(node, index=new), "wrong_slice", 1.1)


def _known_indices(place: Place) -> tuple[list[Node], list[Node]]:
    items: dict[str, Node] = {}
    wholes: dict[str, Node] = {}
    sheet = place.bench.sheet
    for statement in (*sheet.forward, *sheet.gradient):
        roots = [root for _, root in statement.expressions()]
        indices = [node.index for root in roots for _, node in walk(root) if isinstance(node, Index)]
        if statement.index is not None:
            indices.append(statement.index)
        for index in indices:
            wholes[source(index)] = index
            for item in index.items if isinstance(index, Sequence) else (index,):
                items[source(item)] = item
    for value in (0, 1, 2, -1):
        items.setdefault(str(value), Constant(value))
    items.setdefault(":", Slice(None, None, None))
    return list(items.values()), list(wholes.values())


def _variants(index: Node, items: list[Node], wholes: list[Node]) -> Iterator[Node]:
    parts = index.items if isinstance(index, Sequence) else (index,)
    for k, part in enumerate(parts):
        for other in (*items, *_shifts(part)):
            if source(other) != source(part):
                changed = (*parts[:k], other, *parts[k + 1 :])
                yield changed[0] if len(changed) == 1 else Sequence(changed, "tuple")
    for whole in wholes:
        if source(whole) != source(index):
            yield whole
    if len(parts) == 2:
        yield Sequence((parts[1], parts[0]), "tuple")


def _shifts(part: Node) -> Iterator[Node]:
    if number(part) is not None:
        value = int(number(part) or 0)
        yield from (Constant(value + 1), Constant(value - 1))
    if isinstance(part, Slice):
        bounds = (None, Constant(1), Constant(2), Constant(-1), Constant(-2))
        for lower in (None, Constant(1), Constant(2)):
            for upper in bounds:
                yield Slice(lower, upper, None)
        yield Slice(part.lower, part.upper, Constant(-1))
