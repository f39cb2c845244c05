"""Typed single edits that put one expression for another: variables, factors, local derivatives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .bench import Edit
from .build import called, minus, number, times, to_power
from .derive import sigmoid_argument
from .edits import Place, at, in_mask, in_part
from .mark import close, numeric
from .pool import ACTIVATIONS, Element, factors, in_index, product
from .program import (
    Attribute,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Path,
    edited,
    names,
    source,
    walk,
)
from .read import NOT_NUMPY

MISSING = {
    "activation": "activation_derivative_missing",
    "inner": "inner_derivative_missing",
    "plain": "inner_derivative_missing",
    "scale": "scale_missing",
    "mask": "mask_missing",
    "upstream": "upstream_missing",
    "count": "missing_1_over_n",
}


def variables(place: Place) -> Iterator[Edit]:
    """Another variable in the place of the right one, once or everywhere in the line."""
    env = place.bench.env(place.position)
    arrays = {name: np.shape(value) for name, value in env.items() if numeric(value) and not isinstance(value, int)}
    for which, root in place.statement.expressions():
        for path, node in walk(root):
            if not isinstance(node, Name) or node.id not in arrays:
                continue
            parent = at(root, path[:-1]) if path else None
            if isinstance(parent, Attribute) and parent.name != "T":
                continue
            masked = in_mask(root, path) and not (_in_sign(root, path) and _bends_by_abs(place))
            for name, extent in arrays.items():
                if name == node.id:
                    continue
                tag = "relu_mask_wrong_tensor" if masked else "wrong_variable"
                if not masked and which == "value" and name not in names(root) and _in_derivative(root, path):
                    tag = _swap_tag(place, node.id, name)
                same = extent == arrays[node.id]
                cost = 1.1 + 0.1 * (not same) + 0.05 * (name.startswith("d") != node.id.startswith("d"))
                yield in_part(place, which, path, Name(name), tag, cost)
        for path, node in walk(root):
            if isinstance(node, Name) and node.id in arrays and which == "value" and not in_index(path):
                parent = at(root, path[:-1]) if path else None
                if not (isinstance(parent, Binary) and parent.op == "-" and number(parent.left) == 1):
                    complement = Binary("-", Constant(1), node)
                    yield place.edit(path, complement, "wrong_variable", 1.15)
            elif isinstance(node, Binary) and node.op == "-" and number(node.left) == 1:
                yield in_part(place, which, path, node.right, "wrong_variable", 1.15)
    yield from _everywhere(place, arrays)
    yield from _shifted(place, arrays)


def _in_sign(root: Node, path: Path) -> bool:
    nodes = [at(root, path[:k]) for k in range(len(path))]
    return any(isinstance(node, Call) and node.function == "sign" for node in nodes)


def _bends_by_abs(place: Place) -> bool:
    """Return whether the forward part takes absolute values, whose derivative is a sign and no mask."""
    forward = place.bench.sheet.forward
    return any(isinstance(node, Call) and node.function == "abs" for s in forward for _, node in walk(s.value))


def _in_derivative(root: Node, path: Path) -> bool:
    """Return whether a place lies inside a factor of the form 1 - ..., as in the derivative of tanh."""
    for k in range(len(path)):
        node = at(root, path[:k])
        if isinstance(node, Binary) and node.op == "-" and number(node.left) == 1:
            return True
    return False


def _everywhere(place: Place, arrays: dict[str, tuple[int, ...]]) -> Iterator[Edit]:
    root = place.root
    read = [node.id for _, node in walk(root) if isinstance(node, Name)]
    for old in sorted({name for name in read if read.count(name) > 1 and name in arrays}):
        for new, extent in arrays.items():
            if new != old and extent == arrays[old]:
                tag = _swap_tag(place, old, new)
                yield place.edit((), renamed(root, {old: new}), tag, 1.15)


def _swap_tag(place: Place, old: str, new: str) -> str:
    """Say what it means that a formula was fed ``old`` instead of ``new``."""
    definitions = {statement.target: statement.value for statement in place.bench.sheet.forward}
    if new in definitions and activated_from(definitions[new], old):
        return "derivative_at_preactivation"
    if old in definitions and activated_from(definitions[old], new):
        return "activation_derivative_twice"
    return "wrong_variable"


def activated_from(definition: Node, variable: str) -> bool:
    """Return whether a forward line applies an activation to a variable."""
    inner = sigmoid_argument(definition)
    if inner is None and isinstance(definition, Call) and definition.function in ACTIVATIONS:
        inner = next((a for a in definition.args if number(a) is None), None)
    return isinstance(inner, Name) and inner.id == variable


def renamed(root: Node, mapping: dict[str, str]) -> Node:
    """Return an expression with variables renamed."""
    if isinstance(root, Name):
        return Name(mapping[root.id]) if root.id in mapping else root
    for key, child in list(root.children()):
        new = renamed(child, mapping)
        if new is not child:
            root = root.with_child(key, new)
    return root


def _shifted(place: Place, arrays: dict[str, tuple[int, ...]]) -> Iterator[Edit]:
    """Time steps or layers off by one throughout the line."""
    numbered: dict[str, list[str]] = {}
    for name in names(place.root):
        match = re.fullmatch(r"(\w*?[A-Za-z_])(\d+)", name)
        if match and name in arrays:
            numbered.setdefault(match[1], []).append(name)
    for stem, found in numbered.items():
        for step in (-1, 1):
            mapping = {name: f"{stem}{int(name[len(stem) :]) + step}" for name in found}
            if len(found) > 1 and all(new in arrays for new in mapping.values()):
                yield place.edit((), renamed(place.root, mapping), "wrong_variable", 1.1)


def missing_factors(place: Place) -> Iterator[Edit]:
    """A factor of the chain rule left out, anywhere in the line."""
    consumers = {s.target for s in place.bench.sheet.forward if place.bench.group.variable in names(s.value)}
    for path, node in place.chains():
        masked = in_mask(place.root, path)
        if place.ndim(node) < 0 or (path and place.pool.count(node)) or (masked and place.ndim(node) == 0):
            continue
        present = {(source(factor), exponent) for factor, exponent in factors(node)}
        for element in place.pool.elements:
            for op, exponent in (("*", 1), ("/", -1)):
                if op == "/" and element.role in ("activation", "upstream"):
                    continue
                other = isinstance(element.node, Name) and element.node.id not in names(node)
                if masked and (op == "/" or not other or element.role == "scale"):
                    # A margin may be y * s < 1; anything else than another array only moves a threshold.
                    continue
                tag, cost = _missing(place, element, op, consumers)
                if (source(element.node), exponent) in present or (
                    isinstance(element.node, Name) and _powered(node, element.node.id)
                ):
                    tag, cost = "power_rule", cost - 0.05
                deeper = 0.08 * bool(path) - 0.02 * (bool(path) and _carries_gradient(place, node))
                old = node if not isinstance(node, Constant) or number(node) != 1 else None
                new = Binary(op, node, element.node) if old is not None or op == "/" else element.node
                yield place.edit(path, new, tag, cost + deeper)


def _carries_gradient(place: Place, node: Node) -> bool:
    return any(n.startswith("d") and n[1:] in place.bench.sheet.variables for n in names(node))


def _powered(node: Node, variable: str) -> bool:
    return any(
        isinstance(f, Binary) and f.op == "**" and isinstance(f.left, Name) and f.left.id == variable
        for f, _ in factors(node)
    )


def _missing(place: Place, element: Element, op: str, consumers: set[str]) -> tuple[str, float]:
    cost = 1.25 + 0.05 * (element.weight > 1) + 0.03 * element.weight
    if element.role == "activation":
        cost = 1.2 + 0.01 * element.weight
    if element.role == "upstream":
        name = element.node.id if isinstance(element.node, Name) else ""
        cost = 1.15 if name[1:] in consumers else 1.6
        if name[1:] in consumers and not _carries_gradient(place, place.root):
            cost = 0.9
    if element.role == "plain":
        cost += 0.15
    return MISSING[element.role], cost + 0.12 * (op == "/" and element.role != "scale")


def extra_factors(place: Place) -> Iterator[Edit]:
    """A factor too many."""
    pool = place.pool
    derivatives = {source(e.node) for e in pool.elements if e.role == "activation"}
    outputs = {
        s.target
        for s in place.bench.sheet.forward
        if sigmoid_argument(s.value) is not None
        or (isinstance(s.value, Call) and s.value.function in ACTIVATIONS)
        or _is_softmax(place, s.value)
    }
    for path, node in place.chains():
        parts = factors(node)
        if len(parts) < 2:
            continue
        for k, (factor, exponent) in enumerate(parts):
            if number(factor) is not None or pool.count(factor):
                continue
            tag = _extra(source(factor), names(factor), exponent, derivatives, outputs)
            yield place.edit(path, product([*parts[:k], *parts[k + 1 :]]), tag, 1.2)
        for k in range(len(parts)):
            for j in range(k):
                rest = [part for i, part in enumerate(parts) if i not in (j, k)]
                pair = product([parts[j], parts[k]])
                read = names(pair)
                if not rest or not read:
                    continue
                tag = "activation_derivative_extra" if read <= outputs else "wrong_local_derivative"
                yield place.edit(path, product(rest), tag, 1.3)


def _extra(text: str, read: frozenset[str], exponent: int, derivatives: set[str], outputs: set[str]) -> str:
    if text in derivatives or (exponent > 0 and read and read <= outputs):
        return "activation_derivative_extra"
    return "wrong_local_derivative"


def _is_softmax(place: Place, node: Node) -> bool:
    """Return whether a forward line divides exponentials by their sum."""
    if not (isinstance(node, Binary) and node.op in "/*"):
        return False
    definitions = {s.target: s.value for s in place.bench.sheet.forward}
    top = node.left
    if isinstance(top, Name) and top.id in definitions:
        top = definitions[top.id]
    return isinstance(top, Call) and top.function == "exp" and node.op == "/"


def local_derivatives(place: Place) -> Iterator[Edit]:
    """The derivative of another function, or the function itself, where a local derivative belongs."""
    for path, node in place.nodes():
        parent = at(place.root, path[:-1]) if path else None
        if isinstance(node, Call) and len(node.args) == 1 and node.function in _SWAPPED:
            x = node.args[0]
            tag = "wrong_local_derivative"
            if node.function in ("tanh", "sigmoid") and isinstance(x, Name):
                tag = "activation_derivative_twice" if _activated(place, x.id) else "wrong_local_derivative"
            yield place.edit(path, x, tag, 1.1)
            yield place.edit(path, Binary("/", Constant(1), x), "wrong_local_derivative", 1.15)
            for other in _SWAPPED:
                if other != node.function:
                    form = "plain" if other in NOT_NUMPY else "np"
                    yield place.edit(path, replace(node, function=other, form=form), "wrong_local_derivative", 1.25)
            if isinstance(parent, Binary) and parent.op == "*":
                rest = parent.left if path[-1] == "right" else parent.right
                yield place.edit(path[:-1], Binary("/", rest, x), "wrong_local_derivative", 1.15)
        elif not isinstance(node, Constant) and not place.pool.count(node):
            for function in ("sign", "abs", "exp", "log", "tanh"):
                if place.ndim(node) >= 0:
                    yield place.edit(path, called(function, node), "wrong_local_derivative", 1.35)
    yield from _twice(place)


_SWAPPED = ("exp", "log", "tanh", "sqrt", "square", "sigmoid", "abs", "sign", "log1p", "sin", "cos", "sinh", "cosh")


def _activated(place: Place, variable: str) -> bool:
    definition = next((s.value for s in place.bench.sheet.forward if s.target == variable), None)
    if definition is None:
        return False
    return sigmoid_argument(definition) is not None or (
        isinstance(definition, Call) and definition.function in ACTIVATIONS
    )


def _twice(place: Place) -> Iterator[Edit]:
    """All applications of an activation to an activated value removed together: sigmoid(a) * (1 - sigmoid(a))."""
    for name in sorted(names(place.root)):
        if not _activated(place, name):
            continue
        new = place.root
        for path, node in list(walk(place.root)):
            inner = sigmoid_argument(node) if not isinstance(node, Name) else None
            if inner is None and isinstance(node, Call) and node.function in ("tanh", "sigmoid", "softmax"):
                inner = node.args[0]
            if isinstance(inner, Name) and inner.id == name:
                try:
                    new = edited(new, path, inner)
                except KeyError:
                    continue
        if new is not place.root:
            yield place.edit((), new, "activation_derivative_twice", 1.05)


def replacements(place: Place) -> Iterator[Edit]:
    """Any sub-expression, or a pair of factors, replaced by an expression of the sheet."""
    for path, node in place.chains():
        parts = factors(node)
        for k, (_, exponent) in enumerate(parts):
            for j in range(k):
                for element in place.pool.elements:
                    if element.role not in ("activation", "inner") or len(parts) < 3:
                        continue
                    rest = [part for i, part in enumerate(parts) if i not in (j, k)]
                    new = product([*rest, (element.node, exponent)])
                    yield place.edit(path, new, "wrong_local_derivative", 1.5 + 0.02 * element.weight)
    for path, node in place.nodes():
        weight = sum(1 for _ in walk(node))
        if weight > 14 or number(node) == -1 or (in_mask(place.root, path) and place.ndim(node) == 0):
            continue
        for element in place.pool.elements:
            if isinstance(node, Name) and isinstance(element.node, Name):
                continue
            tag, cost = _replaced(place, path, node, element)
            yield place.edit(path, element.node, tag, cost + 0.02 * (element.weight + weight))


def softmax_jacobian(place: Place) -> Iterator[Edit]:
    """The softmax Jacobian reduced to its diagonal: the whole line with the inner product."""
    env = place.bench.env(place.position)
    shape = np.shape(place.bench.truth())
    read = names(place.root)
    for name in sorted(read):
        given = env.get("d" + name)
        if not numeric(given) or not numeric(env.get(name)) or np.shape(env[name]) != shape or not shape:
            continue
        p, g = Name(name), Name("d" + name)
        for axis in [k for k, extent in enumerate(shape) if extent > 1]:
            inner = Call("sum", (times(g, p),), (("axis", Constant(axis)), ("keepdims", Constant(True))))
            new = times(p, Binary("-", g, inner))
            diagonal = close(place.bench.student(), env[name] * (1.0 - env[name]) * given)
            yield replace(place.edit((), new, "softmax_offdiagonal_missing", 1.0), cost=1.25 if diagonal else 1.35)


def _replaced(place: Place, path: Path, node: Node, element: Element) -> tuple[str, float]:
    if element.role == "activation" and not isinstance(node, Constant):
        grown = source(node) in {source(factor) for factor, _ in factors(element.node)}
        return ("activation_derivative_missing" if grown else "wrong_local_derivative"), 1.2
    if in_mask(place.root, path) and not _in_sign(place.root, path):
        return ("wrong_branch" if number(node) is not None else "relu_mask_wrong_tensor"), 1.3
    if number(node) is not None:
        roles = {"scale": "wrong_constant", "plain": "inner_derivative_missing"}
        return roles.get(element.role, MISSING[element.role]), 1.5
    if element.role == "upstream" and isinstance(element.node, Name):
        return "wrong_variable", 1.5
    if isinstance(node, Name) and node.id in names(element.node):
        return "wrong_local_derivative", 1.3
    return "wrong_local_derivative", 1.5


def squares(place: Place) -> Iterator[Edit]:
    """The derivative of tanh for that of the logistic function, the other way round, and 1 - h for 1 - h ** 2."""
    for path, node in place.nodes():
        if isinstance(node, Binary) and node.op == "-" and number(node.left) == 1 and isinstance(node.right, Name):
            new = Binary("-", node.left, to_power(node.right, 2))
            yield place.edit(path, new, "wrong_local_derivative", 1.0)
    for path, whole in place.chains():
        parts = factors(whole)
        for k, (factor, exponent) in enumerate(parts):
            rest = [part for i, part in enumerate(parts) if i != k]
            match factor:
                case Binary("-", Constant(1), Binary("**", Name() as h, Constant(2))) if exponent == 1:
                    logistic: list[tuple[Node, int]] = [(h, 1), (minus(Constant(1), h), 1)]
                    yield place.edit(path, product([*rest, *logistic]), "wrong_local_derivative", 1.0)
                case Binary("-", Constant(1), Name() as h) if exponent == 1 and (source(h), 1) in texts(rest):
                    del rest[texts(rest).index((source(h), 1))]
                    squashed = minus(Constant(1), to_power(h, 2))
                    yield place.edit(path, product([*rest, (squashed, 1)]), "wrong_local_derivative", 1.0)


def texts(parts: list[tuple[Node, int]]) -> list[tuple[str, int]]:
    """Return factors as text, with their exponents."""
    return [(source(factor), exponent) for factor, exponent in parts]
