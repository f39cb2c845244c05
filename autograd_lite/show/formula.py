"""`formula` and `derivation`: what was computed, and its gradients, as equations.

The backward equations are the rules of the table themselves. Each rule is run on symbols, Tensors that record what
the rule does with them, and that recording is read and printed like any other. So an equation cannot say anything
else than what the engine computes.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.backprop import fit
from autograd_lite.record import NOTHING, SPEC, Leaf, Node, enable_grad
from autograd_lite.show.digits import argument, told
from autograd_lite.show.equations import Equation, Equations, Input
from autograd_lite.show.errors import ShowError
from autograd_lite.show.expression import (
    ONE,
    Expression,
    add,
    gradient_of,
    multiply,
    named,
    number,
    simplified,
    spread,
    written,
)
from autograd_lite.show.graph import CONSTANT, DATA, OPERATION, PARAMETER, Entry, Graph, walk
from autograd_lite.tensor import Tensor

__all__ = ["derivation", "formula", "rule_of", "variable_names", "written_as"]

#: an expression with more to read than this is given a name of its own
_LONG = 24
#: more equations than this are not for people
_MOST = 400


def formula(tensor: Any) -> Equations:
    """The equations by which `tensor` was computed.

    Tensors that have a name, or are used more than once, have a line of their own; the rest is written out where it
    is used. Print the result, or take its `.unicode`, `.latex`, `.mathml` or `.numpy`.

    Raises:
        NoGraphError: no recorded operation made `tensor`.
        ShowError: there are too many equations to read.

    >>> from autograd_lite import Tensor
    >>> w, x = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([3.0, 4.0], name="x")
    >>> formula(np.exp(-(w * x)).sum())
    L = sum(exp(−w ⊙ x))
    """
    return _Derivation(tensor).forward()


def derivation(tensor: Any, wrt: Any = None) -> Equations:
    """The equations by which `tensor` was computed, and those of its gradients, step by step.

    Args:
        tensor: a real scalar, the result of recorded operations.
        wrt: by what to differentiate: a Tensor, a name, or several of either; None stands for every parameter.

    `dW` stands for the derivative of the result by `W`. The product sign ⊙ works entry by entry; no sign, as in
    `W x`, is the matrix product.

    Raises:
        NoGraphError: no recorded operation made `tensor`.
        BackwardError: it is not a real scalar, or depends on no parameter.
        ShowError: something in `wrt` is not part of the graph; there are too many equations to read.

    >>> from autograd_lite import Tensor
    >>> w, x = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([3.0, 4.0], name="x")
    >>> z = np.tanh(w * x)
    >>> z.name = "z"
    >>> derivation((z**2).sum())
    z = tanh(w ⊙ x)
    L = sum(z²)
    <BLANKLINE>
    dz = 2 · z
    dw = dz ⊙ (1 − z²) ⊙ x
    """
    found = _Derivation(tensor, gradients=True)
    wanted = _wanted(found.graph, wrt)
    leaves = [entry for entry in found.graph if entry.operation is None and entry.kind != CONSTANT]
    inputs = [
        Input(found.names[leaf.id], leaf.shape, _marker(leaf.value), leaf.id in wanted and leaf.kind == PARAMETER)
        for leaf in leaves
    ]
    return Equations(found.forward().forward, tuple(found.backward(wanted)), tuple(inputs))


def _marker(value: Any) -> str:
    """The range that a worksheet is told to draw an input from, so that its logarithms and roots exist."""
    if value is None or not value.size or value.dtype.kind not in "fiu":
        return ""
    if np.isin(value, (0, 1)).all():
        one_hot = value.ndim > 0 and (value.sum(axis=-1) == 1).all() and value.shape[-1] > 1
        return "one-hot" if one_hot else "binary"
    if (value > 0).all():
        return "in (0, 1)" if (value < 1).all() else "positive"
    return ""


def _wanted(graph: Graph, wrt: Any) -> set[str]:
    """The ids of the entries to differentiate by."""
    if wrt is None:
        return {entry.id for entry in graph if entry.kind == PARAMETER}
    several = list(wrt) if isinstance(wrt, Iterable) and not isinstance(wrt, (str, Tensor)) else [wrt]
    wanted: set[str] = set()
    for one in several:
        if isinstance(one, str):
            found = [entry for entry in graph if entry.name == one]
        else:
            found = [entry for entry in graph if entry.node is not None and entry.node is getattr(one, "_node", None)]
        if not found or found[0].node is None or not found[0].node.requires_grad:
            what = repr(one) if isinstance(one, str) else f"a {type(one).__name__} of shape {np.shape(one)}"
            raise ShowError(
                f"derivation: {what} is no part of this graph that requires grad; pass Tensors, or names of "
                f"Tensors, that the result was computed from"
            )
        wanted.update(entry.id for entry in found)
    return wanted


class _Derivation:
    """The equations of one graph: which nodes are variables, and how the rest is written out."""

    def __init__(self, tensor: Any, gradients: bool = False) -> None:
        if gradients:
            walk(tensor, gradients=True)  # for its checks: a gradient of what is not a real scalar is no equation
        self.graph = walk(tensor, values=True)
        self.entry = {entry.id: entry for entry in self.graph}
        self.names = _names(self.graph)
        self.result = self.names[self.graph.result.id]
        self.users: dict[str, list[Entry]] = {}
        for entry in self.graph:
            for edge in entry.inputs:
                self.users.setdefault(edge.source, []).append(entry)
        self.gradients = gradients
        self.expression: dict[str, Expression] = {}
        self.equations: dict[str, Equation] = {}
        self._define()

    def _define(self) -> None:
        free = _free_names(set(self.names.values()))
        for entry in self.graph:
            if entry.kind == CONSTANT:
                self.expression[entry.id] = number(entry.value)
                continue
            full = _written(entry, self.expression) if entry.kind == OPERATION else None
            if full is not None and not self._is_variable(entry, full):
                self.expression[entry.id] = full
                continue
            if entry.id not in self.names:
                self.names[entry.id] = next(free)
            variable = named(self.names[entry.id], entry.shape)
            if full is not None:
                self.equations[entry.id] = Equation(variable, full, _repeats(entry, self.names))
                if len(self.equations) > _MOST:
                    raise ShowError(
                        f"formula: {len(self.graph):,} nodes make more than {_MOST} equations; take the formula of a "
                        f"part, or look at it with table or draw"
                    )
            self.expression[entry.id] = variable

    def _is_variable(self, entry: Entry, full: Expression) -> bool:
        users = self.users.get(entry.id, [])
        if entry.name or len(users) != 1 or full.weight > _LONG:
            return True
        # In a derivation the affine part of a layer and the logistic function are steps of their own.
        affine = _contains(full, "matmul") and users[0].operation not in ("add", "subtract")
        return self.gradients and (affine or _denominator(full) is not None)

    def forward(self) -> Equations:
        return Equations(tuple(self.equations.values()))

    def backward(self, wanted: set[str]) -> list[Equation]:
        """The gradients of all variables on the way to those wanted, from the result backwards."""
        leads = set(wanted)
        for entry in self.graph:
            if any(edge.source in leads for edge in entry.inputs):
                leads.add(entry.id)
        reciprocals = {}
        for equation in self.equations.values():
            whole = _denominator(equation.expression)
            if whole is not None:
                reciprocals[whole] = equation.target
        arriving: dict[str, Expression] = {self.graph.result.id: spread(ONE, self.graph.result.shape)}
        sums: dict[str, list[str]] = {}
        lines = []
        for entry in reversed(self.graph.entries):
            g = arriving.get(entry.id)
            if g is None:
                continue
            if entry is not self.graph.result and (entry.id in self.equations or entry.kind != OPERATION):
                name = self.names[entry.id]
                target = gradient_of(name, self.result, entry.shape)
                lines.append(Equation(target, simplified(g, reciprocals), "; ".join(sums.get(entry.id, ()))))
                g = target
            for edge in entry.inputs:
                node = self.entry[edge.source].node
                if edge.source not in leads or node is None or not node.requires_grad:
                    continue
                if entry.node is None or entry.node.op.rules[edge.index] is None:
                    continue
                own = self.names[entry.id] if entry.id in self.equations else None
                y = named(own, entry.shape) if own else self.expression[entry.id]
                inputs = [self.expression[source.source] for source in entry.inputs]
                sent = rule_of(entry, edge.index, g, y, inputs, self.entry)
                arriving[edge.source] = add(arriving[edge.source], sent) if edge.source in arriving else sent
                if edge.broadcast is not None and self._has_line(edge.source):
                    sums.setdefault(edge.source, []).append(
                        _summed(edge.shape, edge.broadcast, self.names[edge.source])
                    )
        return lines

    def _has_line(self, identifier: str) -> bool:
        return identifier in self.equations or self.entry[identifier].kind != OPERATION


def rule_of(
    entry: Entry,
    index: int,
    g: Expression,
    y: Expression,
    inputs: list[Expression],
    entries: dict[str, Entry],
) -> Expression:
    """The rule of one input of an operation, run on symbols: what it makes of g, y and the inputs, un-broadcast."""
    node: Any = entry.node
    known: dict[Node, Expression] = {}

    def symbol(value: Any, shape: tuple[int, ...], dtype: Any, expression: Expression) -> Tensor:
        array = np.ones(shape, dtype) if value is None else np.asarray(value)
        tensor = Tensor(array, requires_grad=array.dtype.kind in "fc")
        known[tensor._leaf()] = expression
        return tensor

    keeps = node.op.keeps[0] if node.op.variadic else node.op.keeps[index]
    wants = [keeps[0], *([keeps[1]] * len(inputs) if node.op.variadic else keeps[1:])]
    saved: list[Any] = []
    sides = [(entry, y), *[(entries[edge.source], x) for edge, x in zip(entry.inputs, inputs, strict=True)]]
    for want, (side, expression) in zip(wants, sides, strict=True):
        if want == NOTHING:
            saved.append(None)
        elif side.node is None:
            saved.append(np.asarray(side.value) if want == SPEC else side.value)
        elif want == SPEC:
            saved.append(side.node.spec)
        else:
            saved.append(symbol(side.value, side.shape, side.dtype, expression))
    source = node.inputs[index]
    with enable_grad(), np.errstate(all="ignore"):
        g_symbol = symbol(None, entry.shape, entry.dtype, g)
        made = fit(node.op.rules[index](g_symbol, *saved, **node.kwargs), source.spec)
    return _read(made, known, _mask(entry.operation, index, y, inputs, source.spec.shape))


def _read(made: Any, known: dict[Node, Expression], mask: Expression) -> Expression:
    """What a rule has made of its symbols, as an expression of them."""
    if not isinstance(made, Tensor) or made._node is None:
        array = made.numpy() if isinstance(made, Tensor) else np.asarray(made)
        return _array(array, mask)
    if isinstance(made._node, Leaf):
        return known[made._node]
    expressions: dict[str, Expression] = {}
    for entry in walk(made, values=True):
        if entry.kind == CONSTANT:
            expressions[entry.id] = number(entry.value)
        elif entry.node in known:
            expressions[entry.id] = known[entry.node]
        elif entry.kind == OPERATION:
            part = expressions[entry.inputs[0].source]
            masked = entry.operation == "masked"
            here = mask if mask.shape == entry.shape else named("mask", entry.shape)
            expressions[entry.id] = multiply(part, here) if masked else _written(entry, expressions)
        else:
            unknown = entry.value is None
            expressions[entry.id] = named("array", entry.shape) if unknown else _array(entry.value, mask)
    return expressions[entry.id]


def _array(value: Any, mask: Expression) -> Expression:
    """An array that a rule brings along: a mask, a number where all entries are equal, otherwise a word for it."""
    array = np.asarray(value)
    if array.dtype.kind == "b":
        return mask if mask.shape == array.shape else named("mask", array.shape)
    if array.size and (array == array.flat[0]).all():
        return spread(number(array.flat[0]), array.shape)
    return named("weights", array.shape)


def _mask(
    operation: str | None, index: int, y: Expression, inputs: list[Expression], shape: tuple[int, ...]
) -> Expression:
    """Where a rule lets the gradient through, as a condition."""
    if operation in ("maximum", "fmax", "minimum", "fmin"):
        sign, function = (">", "greater") if "max" in operation else ("<", "less")
        return Expression("infix", (inputs[index], inputs[1 - index]), (sign, function), shape)
    if operation in ("max", "amax", "min", "amin") and len(y.shape) in (0, len(shape)):
        return Expression("infix", (inputs[index], y), ("==", "equal"), shape)
    return named("mask", shape)


def _contains(expression: Expression, kind: str) -> bool:
    return expression.kind == kind or any(_contains(part, kind) for part in expression.parts)


def _denominator(expression: Expression) -> Expression | None:
    """D, where the expression is 1 / D with D a sum of 1 and something."""
    if expression.kind == "product" and expression.value == (1, 1, 0) and len(expression.parts) == 1:
        whole = expression.parts[0]
        if whole.kind == "sum" and whole.parts[0] == ONE:
            return whole
    return None


def _written(entry: Entry, expressions: dict[str, Expression]) -> Expression:
    return written_as(entry, [expressions[edge.source] for edge in entry.inputs])


def written_as(entry: Entry, inputs: list[Expression]) -> Expression:
    """An operation, in the form that its row prints, on these inputs."""
    node: Any = entry.node
    static = {key: argument(value) for key, value in told(entry.static).items()}
    axes = entry.static.get("axis")
    if isinstance(axes, tuple) and len(axes) == 1:
        static["axis"] = argument(axes[0])
    return written(node.op.name, node.op.prints, tuple(inputs), static, entry.shape)


def _names(graph: Graph) -> dict[str, str]:
    """Names of the leaves, of what has a name, and of the result; no two are the same."""
    given = {entry.name for entry in graph if entry.name}
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for entry in graph:
        base = entry.name or ("L" if entry is graph.result else {PARAMETER: "p", DATA: "c"}.get(entry.kind))
        if base is None:
            continue
        name = base
        while name in names.values() or (name in given and name != entry.name) or name in ("p", "c"):
            counts[base] += 1
            name = f"{base}_{counts[base]}" if base in given or base == "L" else f"{base}{counts[base]}"
        names[entry.id] = name
    return names


def variable_names(graph: Graph) -> dict[str, str]:
    """A name for every node but constants."""
    names = _names(graph)
    free = _free_names(set(names.values()))
    return {entry.id: names.get(entry.id) or next(free) for entry in graph if entry.kind != CONSTANT}


def _free_names(taken: set[str]) -> Iterator[str]:
    """t1, t2, ... without those that are taken."""
    return (f"t{i}" for i in itertools.count(1) if f"t{i}" not in taken)


def _repeats(entry: Entry, names: dict[str, str]) -> str:
    said = [
        f"{names[edge.source]} is repeated, {edge.shape} to {edge.broadcast}"
        for edge in entry.inputs
        if edge.broadcast is not None and edge.source in names
    ]
    return "; ".join(said)


def _summed(shape: tuple[int, ...], broadcast: tuple[int, ...], name: str) -> str:
    extra = len(broadcast) - len(shape)
    axes = [axis for axis in range(len(broadcast)) if axis < extra or shape[axis - extra] != broadcast[axis]]
    over = f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
    return f"summed over {over}, along which {name} was repeated"
