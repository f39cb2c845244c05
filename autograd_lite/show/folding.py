"""From a graph of any size to a drawing of some sixty boxes: groups close, repeated blocks fold, the rest is cut.

Every step only says which box an entry belongs to. What is drawn is the quotient: an edge between two boxes
wherever there is one between their members.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from autograd_lite.show.errors import ShowError
from autograd_lite.show.graph import CONSTANT, DATA, OPERATION, PARAMETER, Entry, Graph

__all__ = ["Box", "Drawing", "Run", "Wire", "fold"]

#: more boxes than this are hard to read: groups close and repeated blocks fold by themselves
ENOUGH = 60
#: more boxes than this are left of no graph
MOST = 200
#: what may be asked for by a depth
LIMIT = 3000
#: the longest repeated block that is looked for, in boxes
LONGEST = 200
#: how many levels of open groups there may be for repetitions to be looked for, which takes time
_FOLDED = 6
#: how often something must come in a row to be folded: where there is too much to draw, and where there is not
_FEW, _MANY = 3, 6
#: more arrows than this from a folded block to one box are one arrow
_PARALLEL = 4


@dataclass(slots=True, eq=False)
class Run:
    """A block of boxes that stands for `count` equal ones in a row."""

    id: str
    count: int


@dataclass(slots=True, eq=False)
class Box:
    """What is drawn as one shape: an entry, a closed group, several folded into one, or the cut-out middle."""

    id: str
    kind: str
    members: list[Entry] = field(default_factory=list)
    label: str | None = None
    group: tuple[str, ...] = ()
    run: Run | None = None

    @property
    def operations(self) -> int:
        """How many operations it holds, of a repeated block those of one repetition."""
        return self._count(OPERATION)

    @property
    def parameters(self) -> int:
        """How many parameters it holds, counted likewise."""
        return self._count(PARAMETER)

    def _count(self, kind: str) -> int:
        return sum(member.kind == kind for member in self.members) // (self.run.count if self.run else 1)


@dataclass(slots=True, eq=False)
class Wire:
    """What is drawn as one arrow. `back` leads from one repetition of a block to the next."""

    source: str
    target: str
    index: int | None
    broadcast: tuple[tuple[int, ...], tuple[int, ...]] | None
    back: bool = False
    sent: Any = None


@dataclass(slots=True, eq=False)
class Drawing:
    """Boxes and wires, in the order of the recording."""

    boxes: list[Box]
    wires: list[Wire]


def fold(graph: Graph, depth: int | None = None) -> Drawing:
    """The boxes and wires to draw.

    Args:
        depth: how many levels of groups stay open; None opens as many as stay readable, and folds what repeats.
    """
    if depth is not None:
        if depth < 0:
            raise ShowError(f"draw: depth={depth!r} is no number of levels; pass 0, 1, 2, ... or None")
        folder = _Folder(graph)
        folder.close_groups(depth)
        if folder.visible() > LIMIT:
            raise ShowError(
                f"draw: {folder.visible():,} boxes at depth={depth} are more than the {LIMIT:,} that Graphviz lays "
                f"out in reasonable time; leave out depth, and groups and repetitions are folded"
            )
        return folder.drawing()
    deepest = max((len(entry.group) for entry in graph), default=0)
    for open_levels in range(deepest, -1, -1):
        folder = _Folder(graph)
        folder.close_groups(open_levels)
        if open_levels < _FOLDED and folder.visible() > ENOUGH:
            folder.fold_repetitions(open_levels, _FEW)
        elif open_levels < min(_FOLDED, deepest):
            folder.fold_repetitions(open_levels, _MANY)
        if folder.visible() <= ENOUGH:
            break
    if folder.visible() > MOST:
        folder.cut_middle(ENOUGH)
    return folder.drawing()


class _Folder:
    """Which box each entry belongs to, as a union-find over their ids."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.entry = {entry.id: entry for entry in graph}
        self.parent = {entry.id: entry.id for entry in graph}
        self.order = {entry.id: position for position, entry in enumerate(graph)}
        self.closed: dict[str, tuple[str, ...]] = {}
        self.repetition: dict[str, int] = {}
        self.run: dict[str, Run] = {}
        self.cut: str | None = None
        self.users: dict[str, list[str]] = {}
        for entry in graph:
            for edge in entry.inputs:
                self.users.setdefault(edge.source, []).append(entry.id)

    def box(self, identifier: str) -> str:
        root = identifier
        while self.parent[root] != root:
            root = self.parent[root]
        while self.parent[identifier] != root:
            self.parent[identifier], identifier = root, self.parent[identifier]
        return root

    def merge(self, a: str, b: str) -> None:
        """Put two boxes into one; the earlier of them stands for both."""
        a, b = self.box(a), self.box(b)
        if self.order[b] < self.order[a]:
            a, b = b, a
        self.parent[b] = a

    def visible(self) -> int:
        return len({self.box(entry.id) for entry in self.graph})

    def close_groups(self, open_levels: int) -> None:
        first: dict[tuple[str, ...], str] = {}
        for entry in self.graph:
            if len(entry.group) > open_levels:
                path = entry.group[: open_levels + 1]
                self.merge(first.setdefault(path, entry.id), entry.id)
                self.closed[self.box(entry.id)] = path
        self.closed = {self.box(identifier): path for identifier, path in self.closed.items()}

    def units(self) -> list[list[Entry]]:
        """The boxes that hold operations, each with its entries, in the order in which they are finished."""
        members: dict[str, list[Entry]] = {}
        for entry in self.graph:
            members.setdefault(self.box(entry.id), []).append(entry)
        found = [unit for unit in members.values() if unit[-1].kind == OPERATION]
        return sorted(found, key=lambda unit: self.order[unit[-1].id])

    def fold_repetitions(self, open_levels: int, least: int) -> None:
        """Lay equal blocks upon the first of them where `least` or more follow each other in the same open groups."""
        units = self.units()
        numbers: dict[object, int] = {}
        looks = [(unit[-1].group[:open_levels], self._sign(unit)) for unit in units]
        signs = [numbers.setdefault(look, len(numbers)) for look in looks]
        start = 0
        while start < len(units):
            period, count = _best_period(signs, start, least)
            if not period:
                start += 1
                continue
            run = Run(f"r{start}", count)
            for repetition in range(count):
                for offset in range(period):
                    self._lay_on(units[start + offset], units[start + repetition * period + offset], repetition, run)
            start += period * count

    def _sign(self, unit: list[Entry]) -> object:
        """What two blocks must have in common to be called equal: operations, shapes, kinds of inputs."""
        closed = self.closed.get(self.box(unit[0].id))
        if closed is not None:
            return len(unit), tuple(Counter(entry.operation for entry in unit).items()), unit[-1].shape
        entry = unit[-1]
        inputs = [self.entry[edge.source] for edge in entry.inputs]
        return (
            entry.operation,
            entry.shape,
            entry.dtype,
            tuple((source.operation or source.kind, source.shape) for source in inputs),
        )

    def _lay_on(self, first: list[Entry], unit: list[Entry], repetition: int, run: Run) -> None:
        for original, entry in zip(first, unit, strict=True):
            self.repetition[entry.id] = repetition
            self.run[entry.id] = run
            if repetition:
                self.merge(original.id, entry.id)
            for a, b in zip(original.inputs, entry.inputs, strict=False):
                leaf, other = self.entry[a.source], self.entry[b.source]
                if leaf.kind == other.kind != OPERATION:
                    self.merge(leaf.id, other.id)

    def cut_middle(self, keep: int) -> None:
        """Put all operations but the first and last few into one box, with the leaves that nothing else uses."""
        units = self.units()
        half = keep // 2
        middle = units[half:-half]
        if not middle:
            return
        self.cut = middle[0][0].id
        inside = {entry.id for unit in middle for entry in unit}
        for identifier in inside:
            self.merge(self.cut, identifier)
        for entry in self.graph:
            users = self.users.get(entry.id, ())
            if entry.kind != OPERATION and users and all(user in inside for user in users):
                self.merge(self.cut, entry.id)
        self.cut = self.box(self.cut)

    def drawing(self) -> Drawing:
        boxes: dict[str, Box] = {}
        for entry in self.graph:
            identifier = self.box(entry.id)
            if identifier not in boxes:
                boxes[identifier] = Box(identifier, entry.kind)
            boxes[identifier].members.append(entry)
        for identifier, box in boxes.items():
            self._describe(identifier, box)
        self._place_leaves(boxes)
        return Drawing(list(boxes.values()), self._wires(boxes))

    def _describe(self, identifier: str, box: Box) -> None:
        closed = self.closed.get(identifier)
        box.group = box.members[0].group
        if identifier == self.cut:
            box.kind, box.label, box.group = "cut", "…", ()
        elif closed is not None:
            box.kind, box.label, box.group = "group", closed[-1], closed[:-1]
        elif len(box.members) == 1 and box.kind == OPERATION and box.members[0] in self.graph.results:
            box.kind = "result"
        if box.members[-1].id in self.run and box.kind != "cut":
            box.run = self.run[box.members[-1].id]
            if box.label:  # of a Module that is called again and again, not the number of the first of these calls
                box.label = re.sub(r" \(\d+\)$", "", box.label)

    def _place_leaves(self, boxes: dict[str, Box]) -> None:
        """A leaf that only one repeated block uses, and not just once, stands inside it."""
        for box in boxes.values():
            if box.kind in (CONSTANT, DATA, PARAMETER):
                users = [user for member in box.members for user in self.users.get(member.id, ())]
                runs = {self.run.get(user) for user in users}
                if len(runs) == 1 and len({self.repetition.get(user) for user in users}) > 1:
                    (box.run,) = runs

    def _wires(self, boxes: dict[str, Box]) -> list[Wire]:
        wires: list[Wire] = []
        drawn: set[object] = set()
        between = Counter((self.box(edge.source), self.box(entry.id)) for entry in self.graph for edge in entry.inputs)
        for entry in self.graph:
            target = self.box(entry.id)
            for edge in entry.inputs:
                source = self.box(edge.source)
                run = self.run.get(entry.id)
                back = (
                    run is not None
                    and self.run.get(edge.source) is run
                    and self.repetition[entry.id] != self.repetition[edge.source]
                )
                many = len(boxes[source].members) > 1 and between[source, target] > _PARALLEL
                single = boxes[target].kind not in ("group", "cut") and not (many and len(boxes[target].members) == 1)
                if source == target and not back:
                    continue
                index = edge.index if entry.ordered and single else None
                if len(boxes[source].members) > 1 or len(boxes[target].members) > 1:
                    key = (source, target, edge.index if single else None, back)
                    if key in drawn:
                        continue
                    drawn.add(key)
                broadcast = (edge.shape, edge.broadcast) if edge.broadcast is not None and single else None
                wires.append(Wire(source, target, index, broadcast, back, edge.sent))
        return wires


def _best_period(signs: list[int], start: int, least: int) -> tuple[int, int]:
    """The block at `start` that, repeated at least so often, covers most; (0, 0) if there is none."""
    best = (0, 0)
    longest = min(LONGEST, (len(signs) - start) // least)
    for period in range(1, longest + 1):
        if signs[start] != signs[start + period]:
            continue
        end = start + period
        while end < len(signs) and signs[end] == signs[end - period]:
            end += 1
        count = (end - start) // period
        if count >= least and count * period > best[0] * best[1]:
            best = (period, count)
            if end == len(signs):
                break
    return best
