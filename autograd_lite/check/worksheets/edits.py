"""Typed single edits of a gradient statement: signs, constants, counts, layout, axes, exponents, statements.

Every generator yields :class:`Edit` objects; the tag of an edit is what the student did wrong if that edit
makes the line right. Costs order the explanations: of two repairs the cheaper one is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product as pairs

import numpy as np

from .bench import FAILURES, Bench, Edit
from .build import called, negative, number, size_of, transposed
from .mark import numeric
from .pool import Pool, factors, in_index, product, terms, total
from .program import (
    Attribute,
    Binary,
    Call,
    Compare,
    Constant,
    Index,
    Name,
    Node,
    Path,
    Sequence,
    Slice,
    Statement,
    Unary,
    edited,
    names,
    source,
    walk,
)

REDUCTIONS = ("sum", "mean", "max", "min")


@dataclass
class Place:
    """One statement under repair, with everything an edit may need to look at."""

    bench: Bench
    pool: Pool
    position: int

    @property
    def statement(self) -> Statement:
        """The statement as the student wrote it."""
        return self.bench.sheet.gradient[self.position]

    @property
    def root(self) -> Node:
        """Its right-hand side."""
        return self.statement.value

    def edit(self, path: Path, new: Node, tag: str, cost: float, also: tuple[str, ...] = ()) -> Edit:
        """Return the edit that puts ``new`` at ``path`` of the right-hand side."""
        old = at(self.root, path)
        statement = replace(self.statement, value=edited(self.root, path, new))
        extra = 0.004 * max(0, len(source(new)) - len(source(old)))
        return Edit(self.position, statement, tag, cost + extra, change(old, new), also)

    def nodes(self, masks: bool = True) -> Iterator[tuple[Path, Node]]:
        """Yield the numeric sub-expressions, outside brackets and keywords; inside masks too unless told."""
        counted: list[Path] = []
        for path, node in walk(self.root):
            if in_index(path) or isinstance(node, Slice | Sequence):
                continue
            if any(path[: len(inside)] == inside for inside in counted) or self._axis(path):
                continue
            if not masks and in_mask(self.root, path):
                continue
            if self.pool.count(node):
                counted.append(path)
            yield path, node

    def _axis(self, path: Path) -> bool:
        """Return whether a place is the axis of a reduction, given by position."""
        parent = at(self.root, path[:-1]) if path and path[-1] == "args.1" else None
        return isinstance(parent, Call) and parent.function in (*REDUCTIONS, "std", "var", "prod", "softmax", "cumsum")

    def ndim(self, node: Node) -> int:
        """Return the number of axes of a sub-expression, -1 if it has no value."""
        try:
            value = self.bench.value_of(node, self.position)
        except FAILURES:
            return -1
        return np.ndim(value) if numeric(value) else -1

    def chains(self, masks: bool = True) -> Iterator[tuple[Path, Node]]:
        """Yield the maximal products; inside masks too unless told."""
        for path, node in self.nodes(masks):
            parent = at(self.root, path[:-1]) if path else None
            if path and _continues(parent, path[-1]):
                continue
            yield path, node

    def sums(self) -> Iterator[tuple[Path, Node]]:
        """Yield the maximal sums with at least two terms."""
        for path, node in self.nodes():
            parent = at(self.root, path[:-1]) if path else None
            if isinstance(node, Binary) and node.op in "+-" and not (isinstance(parent, Binary) and parent.op in "+-"):
                yield path, node


def _continues(parent: Node | None, key: str) -> bool:
    """Return whether a child belongs to its parent's product."""
    if isinstance(parent, Unary):
        return parent.op == "-"
    return isinstance(parent, Binary) and (parent.op == "*" or (parent.op == "/" and key == "left"))


def at(root: Node, path: Path) -> Node:
    """Return the node at a path."""
    for key in path:
        root = dict(root.children())[key]
    return root


def in_mask(root: Node, path: Path) -> bool:
    """Return whether only the sign or the truth of a place counts: in a comparison, a condition, a step.

    A factor there moves a threshold past the few values that are drawn, or past none of them, so that it would
    seem right: neither a factor, nor a count, nor a power belongs in such a place.
    """
    for k in range(len(path)):
        node = at(root, path[:k])
        if isinstance(node, Compare):
            return True
        if isinstance(node, Call) and node.function in ("heaviside", "sign", "where") and path[k] == "args.0":
            return True
    return False


def change(old: Node, new: Node) -> str:
    """Return the words for replacing one expression by another."""
    return f"'{source(old)}' should be '{source(new)}'"


def signs(place: Place) -> Iterator[Edit]:
    """A sign flipped: of the whole line, of a term, or of an operand."""
    yield place.edit((), negative(place.root), "sign_flipped", 1.0)
    for path, node in place.sums():
        parts = terms(node)
        for k, (term, sign) in enumerate(parts):
            flipped = total([*parts[:k], (term, -sign), *parts[k + 1 :]])
            yield place.edit(path, flipped, "sign_flipped", 1.05)
    for path, node in place.nodes():
        if path and not isinstance(node, Constant):
            yield place.edit(path, negative(node), "sign_flipped", 1.15)
        elif path and number(node) is not None and path[-1] != "right":
            yield place.edit(path, negative(node), "sign_flipped", 1.1)


def constants(place: Place) -> Iterator[Edit]:
    """A numeric constant wrong, missing, or too many."""
    for path, node in place.nodes(masks=False):
        value = number(node)
        parent = at(place.root, path[:-1]) if path else None
        exponent = isinstance(parent, Binary) and parent.op == "**" and path[-1] == "right"
        if value is None or isinstance(node, Unary) or exponent:
            continue
        summand = isinstance(parent, Binary) and parent.op in "+-"
        for other in dict.fromkeys((2 * value, value / 2, 1, 2, 0.5, 0, -1, 3, 4, value + 1, value - 1)):
            if other == value:
                continue
            tag = "wrong_constant"
            if not summand and (other == value / 2 if below(place.root, path) else other == 2 * value):
                tag = "missing_factor_2"
            if other == -value:
                continue
            cost = 1.0 if other in (2 * value, value / 2, 1, 2) else 1.3
            yield place.edit(path, _number(other), tag, cost + 0.2 * summand)
    for path, node in place.chains(masks=False):
        parts = factors(node)
        for k, (factor, _) in enumerate(parts):
            value = number(factor)
            if value is not None and value != -1 and len(parts) > 1:
                yield place.edit(path, product([*parts[:k], *parts[k + 1 :]]), "wrong_constant", 1.0)
        for value, tag in ((2, "missing_factor_2"), (0.5, "wrong_constant"), (4, "wrong_constant")):
            if below(place.root, path):
                continue
            yield place.edit(path, product([(Constant(value), 1), *parts]), tag, 1.1)
        yield place.edit(path, product([(Constant(3), 1), *parts]), "wrong_constant", 1.3)
        for value in place.pool.gains if not below(place.root, path) else ():
            yield place.edit(path, product([(Constant(value), 1), *parts]), "scale_missing", 1.12)
            yield place.edit(path, product([*parts, (Constant(value), -1)]), "scale_missing", 1.12)
    for path, node in place.nodes(masks=False):
        if isinstance(node, Binary) and node.op in "*/":
            tag = _inverted(place, node.right)
            inverted = Binary("/" if node.op == "*" else "*", node.left, node.right)
            yield place.edit(path, inverted, tag, 1.2)


def _inverted(place: Place, factor: Node) -> str:
    """Return the tag for multiplying where one should divide."""
    return {"scale": "wrong_constant", "count": "wrong_count"}.get(place.pool.role(factor), "wrong_local_derivative")


def below(root: Node, path: Path) -> bool:
    """Return whether a place is under a fraction bar."""
    under = False
    for k, key in enumerate(path):
        node = at(root, path[:k])
        under ^= isinstance(node, Binary) and node.op == "/" and key == "right"
    return under


def _number(value: float) -> Node:
    return Constant(int(value) if value == int(value) else value)


def counts(place: Place) -> Iterator[Edit]:
    """A division by a count that is missing, too many, or by another count."""
    pool = place.pool
    for path, node in walk(place.root):
        parent = at(place.root, path[:-1]) if path else None
        if not pool.count(node) or (in_index(path) and not (path and path[-1] == "right")):
            continue
        if (pool.count(parent) if parent is not None else False) or in_mask(place.root, path):
            continue
        for other in pool.counts:
            yield place.edit(path, other, "wrong_count", 1.0)
        for first, second in pairs(pool.counts[:8], repeat=2):
            if source(first) <= source(second):
                yield place.edit(path, Binary("*", first, second), "wrong_count", 1.3)
    for path, node in place.chains(masks=False):
        parts = factors(node)
        counted = [k for k, (factor, _) in enumerate(parts) if pool.count(factor)]
        for k in counted:
            tag = "extra_1_over_n" if parts[k][1] < 0 else "wrong_count"
            yield place.edit(path, product([*parts[:k], *parts[k + 1 :]]), tag, 1.0)
        inside_count = pool.count(node)
        for other in pool.counts:
            if inside_count:
                continue
            tag = "wrong_count" if counted else "missing_1_over_n"
            yield place.edit(path, Binary("/", node, other), tag, 1.1 + 0.1 * bool(path))
            yield place.edit(path, Binary("*", node, other), "extra_1_over_n", 1.15 + 0.1 * bool(path))
    divided = any(pool.count(factor) and exponent < 0 for factor, exponent in factors(place.root))
    for path, node in place.nodes():
        if isinstance(node, Call) and node.function in ("sum", "mean"):
            other_function = "mean" if node.function == "sum" else "sum"
            tag = "mean_for_sum" if node.function == "mean" else "missing_1_over_n"
            cost = 1.3 if tag == "missing_1_over_n" else 1.05 if divided else 0.95
            yield place.edit(path, replace(node, function=other_function), tag, cost)
            if node.function == "mean" and not in_mask(place.root, path):
                x = node.args[0]
                for count in pool.counts:
                    whole = Binary("*", node, count)
                    yield place.edit(path, whole, "mean_for_sum", 1.2)
                yield place.edit(path, Binary("/", replace(node, function="sum"), size_of(x)), "wrong_count", 1.4)


def layout(place: Place) -> Iterator[Edit]:
    """Transposes, operand order, and matrix products confused with elementwise ones."""
    for path, node in place.nodes():
        operands = _product_of(node)
        if operands is None:
            continue
        kind, a, b = operands
        if kind == "@" and place.ndim(a) > 2 and place.ndim(b) > 2:
            turned_a, turned_b = (called("swapaxes", x, Constant(-1), Constant(-2)) for x in (a, b))
            for first, second in ((turned_a, b), (a, turned_b), (turned_a, turned_b)):
                edit = place.edit(path, _rebuilt(node, first, second), "transposed", 1.0)
                yield replace(edit, cost=1.0 if first is a or second is b else 1.05)
        for left, right, swapped in pairs((a, transposed(a)), (b, transposed(b)), (False, True)):
            first, second = (right, left) if swapped else (left, right)
            steps = (left is not a) + (right is not b) + swapped
            if kind in ("@", "outer") and steps:
                yield place.edit(path, _rebuilt(node, first, second), "transposed", 0.95 + 0.05 * steps)
                turned = transposed(_rebuilt(node, first, second))
                yield place.edit(path, turned, "transposed", 1.1 + 0.05 * steps)
            if kind == "*":
                tag = "elementwise_for_matmul"
                vectors = 0.13 * (place.ndim(a) == place.ndim(b) == 1)
                yield place.edit(path, Binary("@", first, second), tag, 1.05 + 0.1 * steps + vectors)
                if not steps or swapped:
                    yield place.edit(path, called("outer", first, second), tag, 1.1 + 0.1 * steps)
            elif not swapped:
                other = Binary("*", first, second)
                yield place.edit(path, other, "elementwise_for_matmul", 1.05 + 0.1 * steps)
                if kind == "@":
                    outer = called("outer", first, second)
                    yield place.edit(path, outer, "elementwise_for_matmul", 1.1 + 0.1 * steps)
                else:
                    yield place.edit(path, Binary("@", first, second), "elementwise_for_matmul", 1.1 + 0.1 * steps)
    products: list[Path] = []
    for path, node in place.nodes():
        if isinstance(node, Binary) and node.op == "@" and not any(path[: len(p)] == p for p in products):
            products.append(path)
    for side in ("left", "right") if len(products) > 1 else ():
        whole = place.root
        for path in products:
            whole = edited(whole, (*path, side), transposed(at(whole, (*path, side))))
        yield place.edit((), whole, "transposed", 1.15)
    for path, node in place.nodes():
        if isinstance(node, Attribute) and node.name == "T":
            yield place.edit(path, node.value, "transposed", 1.0)
        elif place.ndim(node) >= 2:
            yield place.edit(path, transposed(node), "transposed", 1.05)
        if isinstance(node, Binary) and node.op == "@" and isinstance(node.left, Binary) and node.left.op == "@":
            a, b, c = node.left.left, node.left.right, node.right
            for first, second, third in ((a, c, b), (b, a, c), (c, b, a), (b, c, a), (c, a, b)):
                turned = Binary("@", Binary("@", first, second), third)
                yield place.edit(path, turned, "transposed", 1.05)
        if isinstance(node, Call) and node.function == "einsum":
            yield from _einsums(place, path, node)
        if isinstance(node, Call) and node.function in ("transpose", "swapaxes"):
            yield place.edit(path, node.args[0], "transposed", 1.1)


def _einsums(place: Place, path: Path, node: Call) -> Iterator[Edit]:
    spec = str(node.args[0].value).replace(" ", "") if isinstance(node.args[0], Constant) else ""
    letters = [k for k, letter in enumerate(spec) if letter.isalpha()]
    for i in letters:
        for j in letters:
            if i < j and spec[i] != spec[j]:
                swapped = list(spec)
                swapped[i], swapped[j] = spec[j], spec[i]
                new = replace(node, args=(Constant("".join(swapped)), *node.args[1:]))
                yield place.edit(path, new, "transposed", 1.1)
        for letter in sorted({spec[k] for k in letters}):
            changed = spec[:i] + letter + spec[i + 1 :]
            if changed != spec:
                tag = "wrong_axis" if i > spec.find(">") else "transposed"
                yield place.edit(path, replace(node, args=(Constant(changed), *node.args[1:])), tag, 1.3)
        shorter = spec[:i] + spec[i + 1 :]
        if i > spec.find(">"):
            yield place.edit(path, replace(node, args=(Constant(shorter), *node.args[1:])), "not_summed", 1.2)


def _product_of(node: Node) -> tuple[str, Node, Node] | None:
    if isinstance(node, Binary) and node.op in ("@", "*"):
        return node.op, node.left, node.right
    if isinstance(node, Call) and node.function in ("dot", "matmul"):
        return "@", node.args[0], node.args[1]
    if isinstance(node, Call) and node.function == "multiply":
        return "*", node.args[0], node.args[1]
    if isinstance(node, Call) and node.function == "outer":
        return "outer", node.args[0], node.args[1]
    return None


def _rebuilt(node: Node, first: Node, second: Node) -> Node:
    if isinstance(node, Call):
        return replace(node, args=(first, second))
    return replace(node, left=first, right=second) if isinstance(node, Binary) else node


def axes(place: Place) -> Iterator[Edit]:
    """Sums that are missing, along the wrong axis, too many, or that lose an axis."""
    for path, node in place.nodes():
        if isinstance(node, Call) and node.function in REDUCTIONS:
            yield from _reduction(place, path, node)
    for path, node in place.nodes():
        ndim = place.ndim(node)
        if ndim < 1 or isinstance(node, Constant):
            continue
        deeper = 0.15 * bool(path)
        for axis in (None, *range(ndim), *((a, b) for a in range(ndim) for b in range(a + 1, ndim) if ndim > 2)):
            for keepdims in (False, True):
                new = _reduced("sum", node, axis, keepdims)
                tag = "elementwise_for_matmul" if isinstance(node, Call) and node.function == "outer" else "not_summed"
                edit = place.edit(path, new, tag, 1.05 + deeper + 0.02 * keepdims)
                yield replace(edit, cost=1.05 + deeper + 0.02 * keepdims) if path else edit
                if tag == "not_summed":
                    yield place.edit(path, _reduced("mean", node, axis, keepdims), tag, 1.4 + deeper)
        for axis in range(ndim + 1):
            items = [Constant(None) if k == axis else Slice(None, None, None) for k in range(ndim + 1)]
            widened = Index(node, Sequence(tuple(items), "tuple"))
            yield place.edit(path, widened, "keepdims_missing", 1.0 + deeper)
        target = np.shape(place.bench.truth())
        if not path and place.ndim(node) != len(target):
            shape = Attribute(Name(place.bench.group.variable), "shape")
            yield place.edit(path, called("reshape", node, shape), "keepdims_missing", 1.1)
    widened_all = _vectors_as_columns(place, place.root)
    if widened_all is not place.root:
        yield place.edit((), widened_all, "keepdims_missing", 1.1)
    ones = called("ones_like", Name(place.bench.group.variable))
    yield place.edit((), Binary("*", place.root, ones), "keepdims_missing", 1.25)


def _vectors_as_columns(place: Place, node: Node) -> Node:
    """Return an expression in which every vector ``v`` is ``v[:, None]``."""
    if isinstance(node, Name):
        column = Sequence((Slice(None, None, None), Constant(None)), "tuple")
        return Index(node, column) if place.ndim(node) == 1 else node
    if isinstance(node, Binary) and node.op in "+-*/":
        left, right = _vectors_as_columns(place, node.left), _vectors_as_columns(place, node.right)
        return node if left is node.left and right is node.right else replace(node, left=left, right=right)
    return node


def _reduced(function: str, node: Node, axis: int | tuple[int, int] | None, keepdims: bool) -> Call:
    keywords: tuple[tuple[str, Node], ...] = ()
    if axis is not None:
        where: Node = Constant(axis) if isinstance(axis, int) else Sequence(tuple(Constant(k) for k in axis), "tuple")
        keywords += (("axis", where),)
    if keepdims:
        keywords += (("keepdims", Constant(True)),)
    return Call(function, (node,), keywords)


def _reduction(place: Place, path: Path, node: Call) -> Iterator[Edit]:
    x = node.args[0]
    ndim = place.ndim(x)
    keeps = node.keyword("keepdims")
    axis = node.keyword("axis") or (node.args[1] if len(node.args) > 1 else None)
    given = None if axis is None else source(axis)
    if axis is not None and number(axis) is not None and ndim > 0:
        given = str(int(number(axis) or 0) % ndim)
    kept = keeps is not None and source(keeps) == "True"
    functions = (node.function,) if node.function not in ("sum", "mean") else ("sum", "mean")
    for function in functions:
        swap = 0.5 * (function != node.function)
        for choice in (None, *range(max(ndim, 0)), *([(0, 1), (0, 2), (1, 2)] if ndim > 2 else [])):
            for keepdims in (False, True):
                same_axis = (given is None) == (choice is None) and (
                    choice is None or given in (str(choice), f"{choice}")
                )
                if same_axis and keepdims == kept:
                    continue
                new = replace(_reduced(function, x, choice, keepdims), form=node.form)
                tag = "keepdims_missing" if same_axis else "wrong_axis"
                cost = (0.95 if same_axis else 1.0 + 0.1 * (keepdims != kept)) + swap
                yield place.edit(path, new, tag, cost)
    yield place.edit(path, x, "wrong_axis", 1.3)


def exponents(place: Place) -> Iterator[Edit]:
    """Exponents that are wrong, missing or too many."""
    for path, node in place.nodes(masks=False):
        if isinstance(node, Constant) or place.pool.count(node):
            continue
        parent = at(place.root, path[:-1]) if path else None
        inside = isinstance(parent, Binary) and parent.op == "**"
        if inside and path[-1] == "right":
            continue
        if isinstance(node, Binary) and node.op == "**":
            current = number(node.right)
            if current is None:
                continue
            for other in (current + 1, current - 1, -current, current + 0.5, current - 0.5, 2 * current, current / 2):
                if other not in (0, 1):
                    new = Binary("**", node.left, _number(other))
                    yield place.edit(path, new, _power_tag(place, path), 1.0 + 0.1 * (abs(other - current) != 1))
            yield place.edit(path, node.left, _power_tag(place, path), 1.0)
        elif isinstance(node, Call) and node.function in ("square", "sqrt"):
            yield place.edit(path, node.args[0], "power_rule", 1.05)
        elif not inside and not isinstance(node, Unary | Compare):
            grouped = 0.0 if isinstance(node, Name | Call) else 0.25
            grouped += 0.2 * isinstance(parent, Compare | Call)
            for other in (2, 3, -1, 0.5, 1.5, -2):
                cost = 1.05 + grouped + 0.1 * (other != 2) + 0.3 * (other < 0)
                yield place.edit(path, Binary("**", node, _number(other)), _power_tag(place, path), cost)
            yield place.edit(path, called("sqrt", node), "power_rule", 1.3 + grouped)


def _power_tag(place: Place, path: Path) -> str:
    """1 - h for 1 - h ** 2 is the derivative of another function, not a slip of the power rule."""
    parent = at(place.root, path[:-1]) if path else None
    if isinstance(parent, Binary) and parent.op in "+-" and number(parent.left) == 1:
        return "wrong_local_derivative"
    variable = place.bench.group.variable
    users = [s.value for s in place.bench.sheet.forward if variable in names(s.value)]
    squashed = any(isinstance(user, Call) and user.function in ("tanh", "sigmoid") for user in users)
    return "wrong_local_derivative" if squashed else "power_rule"


def branches(place: Place) -> Iterator[Edit]:
    """Conditions that are inverted, and branches that are exchanged."""
    opposite = {"<": (">", ">="), ">": ("<", "<="), "<=": (">", ">="), ">=": ("<", "<="), "==": ("!=",), "!=": ("==",)}
    for which, root in place.statement.expressions():
        for path, node in walk(root):
            if number(node) is not None and in_mask(root, path):
                yield from _thresholds(place, which, root, path)
            if isinstance(node, Compare):
                for op in opposite[node.op]:
                    yield in_part(place, which, path, replace(node, op=op), "wrong_branch", 1.0)
                zero = number(node.right) == 0
                for other in place.pool.elements:
                    if other.role == "scale" and not zero and isinstance(other.node, Name):
                        yield in_part(place, which, path, replace(node, right=other.node), "wrong_branch", 1.3)
                yield in_part(place, which, path, replace(node, right=negative(node.right)), "wrong_branch", 1.2)
            elif isinstance(node, Call) and node.function == "where":
                swapped = replace(node, args=(node.args[0], node.args[2], node.args[1]))
                yield in_part(place, which, path, swapped, "wrong_branch", 1.05)
            elif isinstance(node, Call) and node.function in ("maximum", "minimum"):
                other_one = "minimum" if node.function == "maximum" else "maximum"
                yield in_part(place, which, path, replace(node, function=other_one), "wrong_branch", 1.1)
            elif isinstance(node, Call) and node.function == "clip":
                yield in_part(place, which, path, node.args[0], "wrong_branch", 1.4)
            if isinstance(node, Name) and node.id in place.bench.env(place.position):
                value = place.bench.env(place.position)[node.id]
                if isinstance(value, np.ndarray) and value.dtype == bool:
                    yield in_part(place, which, path, Unary("~", node), "wrong_branch", 1.0)
            if isinstance(node, Name) and _is_indicator(place, node):
                yield in_part(place, which, path, Binary("-", Constant(1), node), "wrong_branch", 1.1)


def _thresholds(place: Place, which: str, root: Node, path: Path) -> Iterator[Edit]:
    """Another number in a mask: one that the forward part compares with, or 0."""
    node, parent = at(root, path), at(root, path[:-1])
    for value in dict.fromkeys((*place.pool.thresholds, 0.0)):
        if value == number(node):
            continue
        if value == 0 and isinstance(parent, Binary) and parent.op in "+-" and path[-1] == "right":
            yield in_part(place, which, path[:-1], parent.left, "wrong_branch", 1.05)
        elif value != 0 or not isinstance(parent, Binary):
            yield in_part(place, which, path, _number(value), "wrong_branch", 1.0 + 0.05 * (value == 0))


def _is_indicator(place: Place, node: Name) -> bool:
    value = place.bench.env(place.position).get(node.id)
    return isinstance(value, np.ndarray) and value.size > 1 and bool(np.all((value == 0) | (value == 1)))


def in_part(place: Place, which: str, path: Path, new: Node, tag: str, cost: float) -> Edit:
    """Return an edit inside the right-hand side or inside the brackets of the target."""
    if which == "value":
        return place.edit(path, new, tag, cost)
    statement = place.statement
    assert statement.index is not None  # noqa: S101 - only statements with an index yield that part
    old = at(statement.index, path)
    extra = 0.004 * max(0, len(source(new)) - len(source(old)))
    changed = replace(statement, index=edited(statement.index, path, new))
    return Edit(place.position, changed, tag, cost + extra, change(old, new))


def operations(place: Place) -> Iterator[Edit]:
    """The statement itself: ``=`` for ``+=``, scatter without accumulation, an update with the wrong operator."""
    statement, position = place.statement, place.position
    earlier = any(place.bench.sheet.gradient[k].target == statement.target for k in range(position))

    def changed(kind: str, op: str, tag: str, cost: float) -> Edit:
        new = replace(statement, kind=kind, op=op)
        return Edit(position, new, tag, cost, f"'{statement}' should be '{new}'")

    if statement.kind == "assign" and earlier:
        yield changed("augment", "+", "not_accumulated", 0.9)
        yield changed("augment", "-", "not_accumulated", 1.1)
        yield changed("augment", "*", "wrong_local_derivative", 1.2)
    if statement.kind in ("augment", "store_augment"):
        for op in "+-*/":
            if op != statement.op:
                scaled = {op, statement.op} == {"*", "/"}
                tag = "sign_flipped" if {op, statement.op} == {"+", "-"} else "wrong_local_derivative"
                tag = _inverted(place, statement.value) if scaled else tag
                yield changed(statement.kind, op, tag, 1.0)
        yield changed(
            statement.kind.replace("augment", "assign").replace("store_assign", "store"),
            "",
            "wrong_local_derivative",
            1.1,
        )
    if statement.kind in ("store", "store_augment") and repeats(place, statement.index):
        value = negative(statement.value) if statement.op == "-" else statement.value
        new = replace(statement, kind="add_at", op="", value=value)
        yield Edit(position, new, "duplicate_index_lost", 0.9, f"'{statement}' should be '{new}'")
    if statement.kind == "store":
        yield changed("store_augment", "+", "not_accumulated", 0.95)
        yield changed("store_augment", "-", "not_accumulated", 1.1)
        yield changed("store_augment", "*", "wrong_local_derivative", 1.1)


def repeats(place: Place, index: Node | None) -> bool:
    """Return whether an index is made of integer arrays alone, and picks an entry twice at one of the samples."""
    parts = index.items if isinstance(index, Sequence) and index.kind == "tuple" else (index,)
    if any(part is None or isinstance(part, Slice | Compare | Constant) for part in parts):
        return False
    for i in place.bench.order:
        try:
            values = [np.asarray(place.bench.value_of(part, place.position, i)) for part in parts if part is not None]
            picked = np.stack([np.ravel(value) for value in np.broadcast_arrays(*values)])
        except FAILURES:
            return False
        if picked.dtype.kind in "iu" and np.unique(picked, axis=1).shape[1] < picked.shape[1]:
            return True
    return False
