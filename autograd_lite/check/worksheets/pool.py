"""The expressions from which a repair may be built: what the forward part and the sheet already contain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bench import FAILURES, Bench
from .build import ONE, minus, new_axes, number, times, to_power
from .derive import ELEMENTWISE, Derivation, Underivable, sigmoid_argument
from .mark import numeric
from .program import Attribute, Binary, Call, Compare, Constant, Index, Name, Node, Unary, names, source, walk

ACTIVATIONS = frozenset({"tanh", "sigmoid", "relu", "maximum", "minimum", "clip", "softmax", "where"})
BENT = ACTIVATIONS | {"max", "min", "abs"}
MAX_POOL = 160


@dataclass(frozen=True)
class Element:
    """A candidate expression with its part in the chain rule.

    ``role`` is activation, inner, scale, mask, upstream, count or plain.
    """

    node: Node
    role: str
    weight: int


def in_index(path: tuple[str, ...]) -> bool:
    """Return whether a place in a tree is inside brackets, an axis or another keyword."""
    return any(key == "index" or key.startswith("keyword") or key in ("lower", "upper", "step") for key in path)


def is_count(node: Node) -> bool:
    """Return whether an expression is built from sizes and whole numbers alone."""
    if isinstance(node, Attribute):
        return node.name in ("size", "ndim")
    if isinstance(node, Index):
        return isinstance(node.value, Attribute) and node.value.name == "shape"
    if isinstance(node, Call):
        return node.function == "len"
    if isinstance(node, Binary) and node.op in "+-*/":
        sides = (node.left, node.right)
        return any(is_count(side) for side in sides) and all(is_count(s) or number(s) is not None for s in sides)
    return False


class Pool:
    """Candidate factors, terms and counts for one gradient at one statement."""

    def __init__(self, bench: Bench, position: int, derivation: Derivation) -> None:
        self.bench = bench
        self.position = position
        self.derivation = derivation
        self.sheet = bench.sheet
        self.helpers = frozenset(
            name
            for name, value in bench.env(position).items()
            if isinstance(value, int) and not isinstance(value, bool)
        )
        self.elements = list(self._elements())
        self.counts = list(self._counts())
        self.gains = self._gains()
        self.thresholds = self._thresholds()

    def _gains(self) -> list[float]:
        """Return the constants that the forward part multiplies with or divides by, beyond 2 and its powers."""
        found: dict[float, None] = {}
        for statement in self.sheet.forward:
            for _, node in walk(statement.value):
                if isinstance(node, Binary) and node.op in "*/":
                    found |= dict.fromkeys(abs(v) for v in map(number, (node.left, node.right)) if v is not None)
        return [value for value in found if value not in (0, 0.25, 0.5, 1, 2, 4)]

    def _thresholds(self) -> list[float]:
        """Return the numbers at which the forward part bends: in comparisons, steps, maxima and clips."""
        found: dict[float, None] = {}
        for statement in self.sheet.forward:
            for _, node in walk(statement.value):
                bends = isinstance(node, Call) and node.function in ("maximum", "minimum", "clip", "heaviside")
                if bends or isinstance(node, Compare):
                    found |= dict.fromkeys(v for _, part in walk(node) if (v := number(part)) is not None)
        return list(found)

    def count(self, node: Node) -> bool:
        """Return whether an expression is a count, integer helper variables included."""
        if isinstance(node, Name):
            return node.id in self.helpers
        if isinstance(node, Binary) and node.op in "+-*":
            sides = (node.left, node.right)
            return any(self.count(s) for s in sides) and all(self.count(s) or number(s) is not None for s in sides)
        return is_count(node)

    def _trees(self) -> Iterator[Node]:
        for statement in self.sheet.forward:
            yield statement.value
        for statement in self.sheet.gradient[: self.bench.group.last + 1]:
            yield statement.value

    def _elements(self) -> Iterator[Element]:
        found: dict[str, Element] = {}
        for node, role in self._candidates():
            text = source(node)
            if (
                text in found
                or len(text) > (120 if role == "activation" else 60)
                or self.bench.group.name in names(node)
            ):
                continue
            try:
                value = self.bench.value_of(node, self.position)
            except FAILURES:
                continue
            if not numeric(value) or self.count(node) or not np.all(np.isfinite(np.asarray(value, dtype=float))):
                continue
            found[text] = Element(node, role, sum(1 for _ in walk(node)))
        yield from sorted(found.values(), key=lambda e: (e.role == "plain" and e.weight > 3, e.weight))[:MAX_POOL]

    def _candidates(self) -> Iterator[tuple[Node, str]]:
        env = self.bench.env(self.position)
        target = np.ndim(self.bench.truth())
        for name in env:
            if not isinstance(env[name], int | tuple | list):
                yield Name(name), self.role(Name(name))
                if target == 2 and np.ndim(env[name]) == 1:
                    yield new_axes(Name(name), 2, (1,)), self.role(Name(name))
        for statement in self.sheet.forward:
            for path, node in walk(statement.value):
                if not in_index(path):
                    yield from self._locals(node, statement.target if not path else None)
        yield from self._whole_lines()
        for root in self._trees():
            for path, node in walk(root):
                if not in_index(path) and not isinstance(node, Constant | Name):
                    yield node, self.role(node)

    def _whole_lines(self) -> Iterator[tuple[Node, str]]:
        """Yield the local derivative of the bent forward lines that use the variable under repair."""
        variable = self.bench.group.variable
        for statement in self.sheet.forward:
            if variable not in names(statement.value):
                continue
            if not any(isinstance(n, Call) and n.function in BENT for _, n in walk(statement.value)):
                continue
            try:
                parts = self.derivation.local(statement, variable, ONE)
            except (Underivable, *FAILURES):
                continue
            if parts:
                yield total([(part, 1) for part in parts]), "activation"

    def _locals(self, node: Node, out: str | None) -> Iterator[tuple[Node, str]]:
        """Yield the local derivatives of an elementwise operation of the forward part."""
        inner = sigmoid_argument(node)
        function = node.function if isinstance(node, Call) else ""
        power = (isinstance(node, Binary) and node.op == "**") or function == "power"
        if inner is None and function not in ELEMENTWISE and not power:
            return
        role = "activation" if inner is not None or function in ACTIVATIONS else "inner"
        try:
            for _, gradient in self.derivation.pairs(node, ONE, out):
                yield gradient(), role
        except (Underivable, *FAILURES):
            return
        y: Node = Name(out) if out is not None else node
        if function == "tanh":
            yield to_power(y, 2), "inner"
        if function in ("maximum", "relu") and inner is None:
            x = next((a for a in node.children() if number(a[1]) != 0), ("", node))[1]
            yield Compare(">", x, Constant(0)), "activation"
        if inner is not None:
            yield times(y, minus(Constant(1), y)), "activation"
            yield minus(Constant(1), y), "activation"
        if function == "where" and isinstance(node, Call):
            yield node.args[0], "activation"

    def role(self, node: Node) -> str:
        """Return which part an expression plays when it is found missing from a product."""
        read = names(node)
        if isinstance(node, Compare):
            return "activation"
        if any(name.startswith("d") and name[1:] in self.sheet.variables for name in read):
            return "upstream" if isinstance(node, Name) else "plain"
        markers = {self.sheet.inputs[name].marker for name in read if name in self.sheet.inputs}
        if "binary" in markers and isinstance(node, Name) and self._is_mask(node.id):
            return "mask"
        if self.count(node):
            return "count"
        try:
            shape = np.shape(self.bench.value_of(node, self.position))
        except FAILURES:
            return "plain"
        if shape == () and all(self._is_setting(n) for n in _data_names(node)):
            return "scale"
        if isinstance(node, Name) and self._is_gain(node.id, shape):
            return "scale"
        return "inner" if isinstance(node, Name) else "plain"

    def _is_setting(self, name: str) -> bool:
        """Return whether a scalar does not depend on data: a scalar input, or computed from sizes and such."""
        if name in self.sheet.inputs:
            return self.sheet.inputs[name].shape == ()
        definition = next((s.value for s in self.sheet.forward if s.target == name), None)
        return definition is not None and all(self._is_setting(n) for n in _data_names(definition))

    def _normalises(self) -> bool:
        """Return whether the forward part takes a root, as every normalisation does."""
        for statement in self.sheet.forward:
            for _, node in walk(statement.value):
                if isinstance(node, Call) and node.function in ("sqrt", "std"):
                    return True
                if isinstance(node, Binary) and node.op == "**" and number(node.right) in (-0.5, 0.5):
                    return True
        return False

    def _is_mask(self, name: str) -> bool:
        """Return whether a binary input switches activations on and off, and is no target of the loss."""
        for statement in self.sheet.forward:
            if name in names(statement.value):
                logs = any(isinstance(n, Call) and n.function in ("log", "log1p") for _, n in walk(statement.value))
                return not logs and statement is not self.sheet.forward[-1]
        return False

    def _is_gain(self, name: str, shape: tuple[int, ...]) -> bool:
        """Return whether an input is a row of factors that multiplies a larger array (gamma, gain)."""
        entry = self.sheet.inputs.get(name)
        if entry is None or entry.marker not in ("", "positive") or not self._normalises():
            return False
        for statement in self.sheet.forward:
            for _, node in walk(statement.value):
                if isinstance(node, Binary) and node.op == "*":
                    for own, other in ((node.left, node.right), (node.right, node.left)):
                        if isinstance(own, Name) and own.id == name:
                            try:
                                size = np.size(self.bench.value_of(other, self.position))
                            except FAILURES:
                                continue
                            if size > max(1, int(np.prod(shape))):
                                return True
        return False

    def _counts(self) -> Iterator[Node]:
        """Yield counts, one expression per value over all samples; those of the forward part first."""
        seen: set[tuple[float, ...]] = set()
        for node in self._count_nodes():
            try:
                values = tuple(float(self.bench.value_of(node, self.position, i)) for i in self.bench.order[:3])
            except FAILURES:
                continue
            if values in seen or min(values) <= 1:
                continue
            seen.add(values)
            yield node

    def _count_nodes(self) -> Iterable[Node]:
        for name in sorted(self.helpers):
            yield Name(name)
        trees = [statement.value for statement in self.sheet.forward] + list(self._trees())
        for root in trees:
            for _, node in walk(root):
                if is_count(node):
                    yield node
                if isinstance(node, Call) and node.function in ("mean", "var", "std"):
                    yield from self._averaged(node)
        for name in sorted(self.helpers):
            yield minus(Name(name), Constant(1))
        for name in (*self.sheet.inputs, *(statement.target for statement in self.sheet.forward)):
            value: Any = self.bench.env(self.position).get(name)
            for axis in range(np.ndim(value) if numeric(value) else 0):
                yield Index(Attribute(Name(name), "shape"), Constant(axis))
            if numeric(value) and np.ndim(value) > 0:
                yield Attribute(Name(name), "size")

    def _averaged(self, node: Call) -> Iterator[Node]:
        """Yield the count that a mean divides by, written with a name of that shape where there is one."""
        x = node.args[0]
        axis = node.keyword("axis") or (node.args[1] if len(node.args) > 1 else None)
        try:
            shape = np.shape(self.bench.value_of(x, self.position))
            named = [n for n in sorted(names(x)) if np.shape(self.bench.env(self.position).get(n, ())) == shape]
            base: Node = Name(named[0]) if named else x
            if axis is None:
                yield Attribute(base, "size")
            else:
                yield Index(Attribute(base, "shape"), Constant(int(self.bench.value_of(axis, self.position))))
        except FAILURES:
            return


def _data_names(node: Node) -> frozenset[str]:
    """Return the names whose values (not only whose shapes) an expression reads."""
    if is_count(node) and not isinstance(node, Binary):
        return frozenset()
    if isinstance(node, Name):
        return frozenset({node.id})
    found: frozenset[str] = frozenset()
    for _, child in node.children():
        found |= _data_names(child)
    return found


def factors(node: Node) -> list[tuple[Node, int]]:
    """Return a product as factors with exponent +1 or -1; a leading minus becomes the factor -1."""
    if isinstance(node, Binary) and node.op == "*":
        return factors(node.left) + factors(node.right)
    if isinstance(node, Binary) and node.op == "/":
        return factors(node.left) + [(f, -e) for f, e in factors(node.right)]
    if isinstance(node, Unary) and node.op == "-":
        return [(Constant(-1), 1), *factors(node.operand)]
    return [(node, 1)]


def product(parts: list[tuple[Node, int]]) -> Node:
    """Return the product of factors, numerators first, in their order."""
    sign = 1
    kept = []
    for node, exponent in parts:
        if number(node) == -1:
            sign = -sign
        else:
            kept.append((node, exponent))
    result: Node | None = None
    for node, exponent in [*(p for p in kept if p[1] > 0), *(p for p in kept if p[1] < 0)]:
        if exponent > 0:
            result = node if result is None else times(result, node)
        else:
            result = Binary("/", ONE if result is None else result, node)
    result = Constant(1.0) if result is None else result
    return result if sign > 0 else Unary("-", result)


def terms(node: Node) -> list[tuple[Node, int]]:
    """Return a sum as terms with sign +1 or -1."""
    if isinstance(node, Binary) and node.op == "+":
        return terms(node.left) + terms(node.right)
    if isinstance(node, Binary) and node.op == "-":
        return terms(node.left) + [(t, -s) for t, s in terms(node.right)]
    if isinstance(node, Unary) and node.op == "-":
        return [(t, -s) for t, s in terms(node.operand)]
    return [(node, 1)]


def total(parts: list[tuple[Node, int]]) -> Node:
    """Return the sum of signed terms in their order, a positive one first if there is one."""
    start = next((k for k, (_, sign) in enumerate(parts) if sign > 0), 0)
    ordered = [parts[start], *parts[:start], *parts[start + 1 :]] if parts[0][1] < 0 else list(parts)
    result: Node = ordered[0][0] if ordered[0][1] > 0 else Unary("-", ordered[0][0])
    for node, sign in ordered[1:]:
        result = Binary("+" if sign > 0 else "-", result, node)
    return result
