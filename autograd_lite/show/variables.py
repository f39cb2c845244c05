"""Which results of a computation get a line of their own in a formula, and what they are called.

A person who writes a network down names the affine part of each layer and its activation, what is used again, and
what would make a line too long. So does this; everything else is written out where it is used.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from autograd_lite.record import VALUE
from autograd_lite.show.errors import ShowError
from autograd_lite.show.expression import ONE, Expression, named, number, spread
from autograd_lite.show.graph import CONSTANT, DATA, OPERATION, PARAMETER, Entry, Graph
from autograd_lite.show.notation import UNICODE
from autograd_lite.show.symbols import free_names, names_of, short_names
from autograd_lite.show.written import written_as

__all__ = ["Variables", "reciprocal", "variable_names"]

#: columns of a line of the forward part, and of an expression that a backward rule reads, times how often
_LINE, _READ = 72, 30
#: more equations than this are not for people
_MOST = 400

_PRODUCTS = frozenset(["matmul", "dot"])
_RESHAPES = frozenset(["reshape", "squeeze", "expand_dims", "ravel", "moveaxis"])
_SUMS = frozenset(["sum", "mean", "trace"])


class Variables:
    """The variables of a graph.

    Attributes:
        same: for each entry the first one that computes the same; they share a variable.
        chosen: the entries with a line of their own.
        names: the symbol of each leaf and of each entry that has a line.
        full: how each operation is written, in terms of the variables.
        expression: what stands for each entry where it is used: its variable, or `full`.
        users: the operations that read each entry.
    """

    def __init__(self, graph: Graph, *, gradients: bool, apart: frozenset[str] = frozenset()) -> None:
        self.graph = graph
        self.entry = {entry.id: entry for entry in graph}
        self.gradients = gradients
        self.apart = apart
        self.same = _repetitions(graph, apart)
        self.users: dict[str, list[Entry]] = {}
        for entry in graph:
            if self.same[entry.id] == entry.id:
                for edge in entry.inputs:
                    self.users.setdefault(self.same[edge.source], []).append(entry)
        self.layers = _layers(graph, self.users, self.same)
        self.steps = gradients or len(self.layers) > 1
        self.chosen: set[str] = set()
        self.layer_called: dict[str, str] = {}
        given = names_of(graph)
        self.names = self.given = given | short_names(graph, given)
        self._choose()
        self._name()

    def add(self, more: set[str]) -> None:
        """Give these entries a line too."""
        self.chosen |= more
        self._name()

    # --- choosing ------------------------------------------------------------------------------------------------

    def _choose(self) -> None:
        self.full: dict[str, Expression] = {}
        self.expression: dict[str, Expression] = {}
        for entry in self.graph:
            first = self.same[entry.id]
            if first != entry.id:
                self.expression[entry.id] = self.expression[first]
            elif entry.kind == CONSTANT:
                self.expression[entry.id] = number(entry.value)
            elif _is_ones(entry):
                self.expression[entry.id] = spread(ONE, entry.shape)
                del self.given[entry.id]
            elif entry.kind != OPERATION:
                self._stand_in(entry)
            else:
                full = self._short(entry)
                self.full[entry.id] = self.expression[entry.id] = full
                if self._is_variable(entry, full):
                    self._stand_in(entry)

    def _stand_in(self, entry: Entry) -> None:
        """A name to measure lines with; the real one is given when all variables are known."""
        name = self.given.get(entry.id, f"_{entry.id}")
        self.expression[entry.id] = named(name, entry.shape)
        if entry.id in self.layers:
            self.layer_called[name] = entry.id
        if entry.kind == OPERATION:
            self.chosen.add(entry.id)
            if len(self.chosen) > _MOST:
                raise ShowError(
                    f"formula: {len(self.graph):,} nodes make more than {_MOST} equations; take the formula of a "
                    f"part, or look at the whole with table or draw"
                )

    def _short(self, entry: Entry) -> Expression:
        """The operation as one line; if it is too long, the longest of what it reads become variables."""
        full = self._written(entry)
        while _columns(full) > _LINE:
            inside = {self.same[edge.source] for edge in entry.inputs}
            long = [i for i in inside if i in self.full and i not in self.chosen and self.expression[i].weight > 2]
            if not long:
                break
            longest = max(long, key=lambda i: (_columns(self.expression[i]), i))
            self._stand_in(self.entry[longest])
            full = self._written(entry)
        return full

    def _written(self, entry: Entry) -> Expression:
        return written_as(entry, [self.expression[edge.source] for edge in entry.inputs])

    def _is_variable(self, entry: Entry, full: Expression) -> bool:
        users = self.users.get(entry.id, [])
        if entry.name or not users or entry.id in self.apart:
            return True
        if len(users) > 1:
            return not _is_plain(full)
        if self.steps and entry.id in self.layers and users[0].operation not in _SUMS:
            return True
        if self.steps and self._is_activation(entry, full):
            return True
        if not self.gradients:
            return False
        if entry.operation == "softmax":
            return True  # its rule reads it twice, and what arrives there too
        if reciprocal(full) is not None:
            return True
        if full.kind == "sum" and full.parts[0] == ONE and users[0].operation in ("divide", "reciprocal"):
            return False  # 1 / (1 + e) is one step
        times = self._times_read(entry)
        if times and full.kind == "product" and full.value[2] < len(full.parts):
            return True  # fractions in fractions are hard to read
        return _columns(full) > 8 and _columns(full) * times > _READ

    def _times_read(self, entry: Entry) -> int:
        """How many rules of the backward pass read the value of this entry."""
        times = sum(_keeps(entry, index)[0] == VALUE for index in _active(entry))
        for user in self.users[entry.id]:
            places = [i for i, edge in enumerate(user.inputs) if self.same[edge.source] == entry.id]
            times += sum(_keeps(user, index)[1 + place] == VALUE for index in _active(user) for place in places)
        return times

    def _is_activation(self, entry: Entry, full: Expression) -> bool:
        """Whether it is the function, entry by entry or as softmax, of one layer's affine part."""
        function = full.kind == "call" and full.value[1] not in ("exp", "log")
        layer = self._layer_of(entry, full)
        if layer is None:  # a gate is the function of a part of the affine part
            inside = full.parts[0] if function and len(full.parts) == 1 else ONE
            return inside.kind == "index" and inside.parts[0].value in self.layer_called
        if full.kind == "product" and self.expression[layer] in full.parts and len(full.parts) > 1:
            return True  # z * f(z), and then f(z) alone is none
        (user,) = self.users[entry.id]
        if user.operation == "multiply" and layer in (self.same[edge.source] for edge in user.inputs):
            return False
        return reciprocal(full) is not None or function

    def _layer_of(self, entry: Entry, full: Expression) -> str | None:
        """The affine part that it is a function of, entry by entry or as softmax, if of nothing else."""
        inside = full.parts[0] if full.kind == "call" and full.value[1] == "softmax" else full
        names = full.names if _is_elementwise(inside) else []
        layer = self.layer_called.get(names[0]) if len(names) == 1 else None
        return layer if layer != entry.id else None

    # --- naming --------------------------------------------------------------------------------------------------

    def _name(self) -> None:
        """Final names, in the order of the graph: z and a for layers, t for the rest, with numbers."""
        taken = set(self.given.values())
        layers = [i for i in self.layers if i in self.chosen and i not in self.given]
        activations = self._activations(layers)
        numbers = (f"z{i}" for i in itertools.count(1) if f"z{i}" not in taken)
        free = free_names(taken)
        new: dict[str, str] = {}
        for entry in self.graph:
            if entry.id not in self.chosen or entry.id in self.given:
                continue
            name = None
            if entry.id in layers:
                name = "z" if len(layers) == 1 and "z" not in taken else next(numbers)
            elif activations.get(entry.id) in new:
                name = "a" + new[activations[entry.id]][1:]
            new[entry.id] = name if name is not None and name not in taken else next(free)
            taken.add(new[entry.id])
        self.names = self.given | new
        self._write()

    def _activations(self, layers: list[str]) -> dict[str, str]:
        """For the first function of each layer, entry by entry, that layer."""
        found: dict[str, str] = {}
        for entry in self.graph:
            if entry.id in self.chosen and entry is not self.graph.result:
                layer = self._layer_of(entry, self.full[entry.id])
                if layer in layers and layer not in found.values():
                    found[entry.id] = layer
        return found

    def _write(self) -> None:
        """Every expression again, in terms of the names."""
        for entry in self.graph:
            first = self.same[entry.id]
            if first != entry.id:
                self.expression[entry.id] = self.expression[first]
            elif entry.kind == OPERATION:
                self.full[entry.id] = self.expression[entry.id] = self._written(entry)
            if entry.id in self.names and first == entry.id:
                self.expression[entry.id] = named(self.names[entry.id], entry.shape)
                if entry.id in self.layers:
                    self.layer_called[self.names[entry.id]] = entry.id


def variable_names(graph: Graph) -> tuple[dict[str, str], dict[str, str]]:
    """A name for every node but constants, those of a derivation and others for the rest; and the symbol for it."""
    given = names_of(graph)
    known = given | Variables(graph, gradients=True).names
    free = free_names(set(known.values()))
    symbols = {entry.id: known.get(entry.id) or next(free) for entry in graph if entry.kind != CONSTANT}
    return symbols | given, symbols


def reciprocal(expression: Expression) -> Expression | None:
    """D, where the expression is 1 / D with D a sum of 1 and something."""
    if expression.kind == "product" and expression.value == (1, 1, 0) and len(expression.parts) == 1:
        whole = expression.parts[0]
        if whole.kind == "sum" and whole.parts[0] == ONE:
            return whole
    return None


def _is_ones(entry: Entry) -> bool:
    """Whether it is an array of ones that nobody named, such as the gradient that a second derivative starts with."""
    return entry.kind == DATA and not entry.name and entry.value is not None and bool(np.all(entry.value == 1))


def _columns(expression: Expression) -> int:
    return len(UNICODE(expression))


def _is_plain(full: Expression) -> bool:
    """Whether naming it would save nothing: a transpose, a sign or a repetition of a variable."""
    plain = full.kind in ("transpose", "spread") or (full.kind == "sum" and len(full.parts) == 1)
    return full.kind == "number" or (plain and full.parts[0].kind in ("name", "number"))


def _is_elementwise(full: Expression) -> bool:
    """Whether each entry of it depends on the same entry of its variables alone."""
    if full.kind == "call":
        function = getattr(np, full.value[1], None)
        ufunc = isinstance(function, np.ufunc) and function.signature is None
        if not ufunc and full.value[1] not in ("where", "sigmoid", "relu"):
            return False
    elif full.kind not in ("name", "number", "constant", "sum", "product", "power", "infix", "text", "magnitude"):
        return False
    return all(map(_is_elementwise, full.parts))


def _active(entry: Entry) -> list[int]:
    """The inputs that the backward pass sends something to."""
    node: Any = entry.node
    return [
        edge.index
        for edge in entry.inputs
        if getattr(node.inputs[edge.index], "requires_grad", False) and node.op.rules[edge.index] is not None
    ]


def _keeps(entry: Entry, index: int) -> list[int]:
    """What the rule of one input reads of the result and of each input."""
    op: Any = entry.node.op  # type: ignore[union-attr]
    keeps = op.keeps[0] if op.variadic else op.keeps[index]
    return [keeps[0], *([keeps[1]] * len(entry.inputs) if op.variadic else keeps[1:])]


# --- layers ------------------------------------------------------------------------------------------------------


def _layers(graph: Graph, users: dict[str, list[Entry]], same: dict[str, str]) -> list[str]:
    """Where the affine part of each layer ends: a matrix product, what is added to it, in the shape it is used in."""
    entries = {entry.id: entry for entry in graph}
    open_parts: set[str] = set()
    closed: set[str] = set()
    absorbed: set[str] = set()
    for entry in graph:
        if entry.operation is None or same[entry.id] != entry.id:
            continue
        sources = [same[edge.source] for edge in entry.inputs]
        parts = open_parts | closed if entry.operation in ("add", "subtract") else open_parts
        growing = [s for s in sources if s in parts and len(users[s]) == 1 and not entries[s].name]
        others = [entries[s] for s in sources if s not in growing]
        if entry.operation in _PRODUCTS:
            open_parts.add(entry.id)
        elif not growing:
            continue
        elif _is_reshape(entry) or (entry.operation in ("multiply", "divide") and _are_numbers(others)):
            open_parts.add(entry.id)
            absorbed.update(growing)
        elif entry.operation in ("add", "subtract"):
            # What is used again needs a name anyway, whatever was added.
            again = len(users.get(entry.id, ())) > 1 and all(other.kind == DATA for other in others)
            bias = not closed.intersection(growing) and all(_is_bias(other, entry, entries, same) for other in others)
            if again or bias:
                (closed if others else open_parts).add(entry.id)
                absorbed.update(growing)
    return [entry.id for entry in graph if entry.id in (open_parts | closed) - absorbed]


def _is_reshape(entry: Entry) -> bool:
    return entry.operation in _RESHAPES or (entry.operation == "transpose" and len(entry.shape) > 2)


def _are_numbers(entries: list[Entry]) -> bool:
    return all(entry.kind == CONSTANT for entry in entries)


def _is_bias(other: Entry, entry: Entry, entries: dict[str, Entry], same: dict[str, str]) -> bool:
    while other.operation in _RESHAPES and not other.name:
        other = entries[same[other.inputs[0].source]]
    if other.kind == PARAMETER:
        return True
    return entry.operation == "add" and other.kind != OPERATION and len(other.shape) > 0 and other.shape != entry.shape


# --- what is computed twice -----------------------------------------------------------------------------------------


def _repetitions(graph: Graph, apart: frozenset[str]) -> dict[str, str]:
    """For each entry the first that carries out the same operation on the same inputs.

    Only where all arguments are plain: then equal operations on equal inputs have equal results and derivatives.
    """
    first: dict[Any, str] = {}
    same: dict[str, str] = {}
    constants: dict[str, Any] = {}
    for entry in graph:
        same[entry.id] = entry.id
        if entry.kind == CONSTANT:
            array = np.asarray(entry.value)
            constants[entry.id] = (str(array.dtype), array.shape, array.tobytes())
        if entry.operation is None or entry.name or entry is graph.result or entry.id in apart:
            continue
        if not all(_is_simple(value) for value in entry.static.values()):
            continue
        node: Any = entry.node
        sources = tuple(constants.get(edge.source) or same[edge.source] for edge in entry.inputs)
        key = (id(node.op), sources, repr(sorted(entry.static.items())), node.requires_grad)
        same[entry.id] = first.setdefault(key, entry.id)
    return same


def _is_simple(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_simple, value))
    return value is None or isinstance(value, (bool, int, float, str))
