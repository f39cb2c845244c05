"""`formula` and `derivation`: what was computed, and its gradients, as equations.

The backward equations are the rules of the table themselves. Each rule is run on symbols, Tensors that record what
the rule does with them, and that recording is read and printed like any other. So an equation cannot say anything
else than what the engine computes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.backprop import fit
from autograd_lite.grad_mode import enable_grad
from autograd_lite.record import NOTHING, SPEC, Leaf, Node
from autograd_lite.show.asked import graph_for
from autograd_lite.show.conjugates import conjugated
from autograd_lite.show.equations import Equation, Equations, Input
from autograd_lite.show.errors import ShowError
from autograd_lite.show.expression import (
    ONE,
    Expression,
    add,
    call,
    gradient_of,
    multiply,
    named,
    number,
    simplified,
    spread,
    word,
)
from autograd_lite.show.graph import CONSTANT, OPERATION, PARAMETER, Entry, Graph, walk
from autograd_lite.show.notation import UNICODE
from autograd_lite.show.symbols import meanings
from autograd_lite.show.variables import Variables, reciprocal
from autograd_lite.show.written import written_as
from autograd_lite.tensor import Tensor

__all__ = ["derivation", "formula", "rule_of"]

#: columns of a gradient that had better have a line of its own, and how often that is looked for
_LONG, _ROUNDS = 48, 4
_SIGMA = call("σ", "sigmoid", "", (named("x", ()),), ())
_RELU = call("relu", "relu", "", (named("x", ()),), ())
_EXTREMES = frozenset(["max", "amax", "min", "amin"])
#: the words for arrays that rules have brought along, by word, shape and content
Brought = dict[tuple[Any, ...], str]
_NUMBERED = re.compile(r"(mask|weights|array)\d+")
_WORDS = {
    "log_softmax(x, axis)": "ln(exp(x) / sum(exp(x), axis, keepdims=True))",
    "softmax(x, axis)": "exp(x) / sum(exp(x), axis, keepdims=True)",
    "scatter(v, index, shape)": "zero but for v, which is added at the index",
    "set_diagonal(v, shape)": "zero but for v on the diagonal",
    "cofactors(A)": "det(A) times the transposed inverse of A",
    "mask": "1 where the operation has let the entry through, and 0 elsewhere",
    "weights": "an array that the rule has computed from the values of this run",
    "array": "an array that the rule has computed from the values of this run",
}


def formula(tensor: Any) -> Equations:
    """The equations by which `tensor` was computed.

    Tensors that have a name or are used more than once have a line of their own, and so has what would make a line
    too long; in a network of several layers these are the affine parts, z1, z2, ..., and their activations, a1, a2,
    .... The rest is written out where it is used. What the letters stand for that the program did not choose, such
    as W1 for net.0.weight, is told at the end. Print the result, or take its `.unicode`, `.latex`, `.mathml` or
    `.numpy`.

    Raises:
        NoGraphError: no recorded operation made `tensor`.
        ShowError: there are too many equations to read.

    >>> from autograd_lite import Tensor
    >>> w, x = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([3.0, 4.0], name="x")
    >>> formula(np.exp(-(w * x)).sum())
    L = sum(exp(−w ⊙ x))
    """
    found = _Derivation(graph_for("formula", tensor))
    forward = found.forward()
    return Equations(forward, where=found.where(forward))


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
    graph = graph_for("derivation", tensor, gradients=True)
    wanted = _wanted(graph, wrt)
    found = _Derivation(graph, wanted)
    leaves = [entry for entry in graph if entry.operation is None and entry.id in found.names]
    asked = [leaf.id in wanted and leaf.kind == PARAMETER for leaf in leaves]
    inputs = [
        Input(found.names[leaf.id], leaf.shape, _marker(leaf.value, parameter), parameter)
        for leaf, parameter in zip(leaves, asked, strict=True)
    ]
    forward, backward = found.forward(), tuple(found.backward())
    return Equations(forward, backward, tuple(inputs), found.where(forward, backward))


def _marker(value: Any, parameter: bool) -> str:
    """The range that a worksheet is told to draw an input from, so that its logarithms and roots exist.

    A parameter is no label, though it may begin as zeros or ones: at these alone w and w ** 2 are the same.
    """
    if value is None or not value.size or value.dtype.kind not in "fiu":
        return ""
    if not parameter and np.isin(value, (0, 1)).all():
        one_hot = value.ndim > 0 and (value.sum(axis=-1) == 1).all() and value.shape[-1] > 1
        return "one-hot" if one_hot else "binary"
    if (value > 0).all():
        return "in (0, 1)" if (value < 1).all() else "positive"
    return ""


def _wanted(graph: Graph, wrt: Any) -> frozenset[str]:
    """The ids of the entries to differentiate by."""
    if wrt is None:
        return frozenset(entry.id for entry in graph if entry.kind == PARAMETER)
    several = list(wrt) if isinstance(wrt, (list, tuple, set, frozenset)) else [wrt]
    if not several:
        raise ShowError(
            "derivation: wrt is empty; name a Tensor to differentiate by, or leave it out for every parameter"
        )
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
        if found[0] is graph.result:
            raise ShowError("derivation: the result was asked for by itself, which gives 1; name what it depends on")
        wanted.update(entry.id for entry in found)
    return frozenset(wanted)


class _Derivation:
    """The equations of one graph, and those of its gradients with respect to the entries that are wanted."""

    def __init__(self, graph: Graph, wanted: frozenset[str] = frozenset()) -> None:
        self.graph = graph
        self.wanted = wanted
        self.entry = {entry.id: entry for entry in graph}
        self.variables = Variables(graph, gradients=bool(wanted), apart=wanted)
        self.leads = set(wanted)
        for entry in graph:
            if any(edge.source in self.leads for edge in entry.inputs):
                self.leads.add(entry.id)
        for _ in range(_ROUNDS if wanted else 0):
            long = self._long_gradients()
            if not long:
                break
            self.variables.add(long)
        self.names = self.variables.names
        self.result = self.names[graph.result.id]

    def _has_equation(self, entry: Entry) -> bool:
        return entry.id in self.variables.chosen

    def forward(self) -> tuple[Equation, ...]:
        return tuple(
            Equation(
                named(self.names[entry.id], entry.shape), self.variables.full[entry.id], _repeats(entry, self.names)
            )
            for entry in self.graph
            if self._has_equation(entry)
        )

    def where(self, *parts: tuple[Equation, ...]) -> tuple[tuple[Expression, str], ...]:
        """What the symbols and words stand for that the program did not choose."""
        words: set[str] = set()
        for equation in itertools.chain(*parts):
            words |= equation.expression.words
        symbols = [(named(symbol, ()), meaning) for symbol, meaning in meanings(self.graph, self.names)]
        if "sigmoid" in words:
            symbols.append((_SIGMA, "1 / (1 + exp(−x))"))
        if "relu" in words:
            symbols.append((_RELU, "max(x, 0)"))
        told = {short: long for short, long in _WORDS.items() if short.split("(")[0] in words}
        told |= {each: _WORDS[each.rstrip("0123456789")] for each in sorted(words) if _NUMBERED.fullmatch(each)}
        return (*symbols, *((word(short, ()), long) for short, long in told.items()))

    def _long_gradients(self) -> set[str]:
        """What has no line yet, and a gradient so long that it had better have a name."""
        arriving: dict[str, Expression] = {}
        for _ in self._lines(arriving):
            pass
        return {
            identifier
            for identifier, g in arriving.items()
            if identifier not in self.variables.chosen
            and self.entry[identifier].kind == OPERATION
            and self.variables.expression[identifier].weight > 2
            and len(UNICODE(g)) > _LONG
        }

    def backward(self) -> list[Equation]:
        """The gradients of all variables on the way to those wanted, from the result backwards."""
        return list(self._lines({}))

    def _lines(self, arriving: dict[str, Expression]) -> Iterator[Equation]:
        variables, names = self.variables, self.variables.names
        result = names[self.graph.result.id]
        reciprocals = {}
        for entry in self.graph:
            whole = reciprocal(variables.full[entry.id]) if self._has_equation(entry) else None
            if whole is not None:
                reciprocals[whole] = named(names[entry.id], entry.shape)
        arriving[self.graph.result.id] = spread(ONE, self.graph.result.shape)
        brought: Brought = {}
        real = frozenset(variables.expression[entry.id] for entry in self.graph if entry.dtype.kind != "c")
        sums: dict[str, list[str]] = {}
        for entry in reversed(self.graph.entries):
            g = arriving.get(entry.id)
            if g is None:
                continue
            first = variables.same[entry.id]
            if first != entry.id:  # computed a second time: its gradient adds to that of the first
                arriving[first] = add(arriving[first], g) if first in arriving else g
                continue
            if entry is not self.graph.result and (self._has_equation(entry) or entry.kind != OPERATION):
                target = gradient_of(names[entry.id], result, entry.shape)
                yield Equation(target, simplified(g, reciprocals), "; ".join(dict.fromkeys(sums.get(entry.id, ()))))
                g = target
            for edge in entry.inputs:
                node = self.entry[edge.source].node
                if edge.source not in self.leads or node is None or not node.requires_grad:
                    continue
                if entry.node is None or entry.node.op.rules[edge.index] is None:
                    continue
                inputs = [variables.expression[source.source] for source in entry.inputs]
                y = variables.expression[entry.id]
                sent = rule_of(entry, edge.index, g, y, inputs, self.entry, brought, real)
                arriving[edge.source] = add(arriving[edge.source], sent) if edge.source in arriving else sent
                source = variables.same[edge.source]
                if edge.broadcast is not None and source in names:
                    sums.setdefault(source, []).append(_summed(edge.shape, edge.broadcast, names[source]))


def rule_of(
    entry: Entry,
    index: int,
    g: Expression,
    y: Expression,
    inputs: list[Expression],
    entries: dict[str, Entry],
    brought: Brought | None = None,
    real: frozenset[Expression] = frozenset(),
) -> Expression:
    """The rule of one input of an operation, run on symbols: what it makes of g, y and the inputs, un-broadcast.

    Arrays that the rule brings along are told apart from those that are in `brought`, and added to it. `real` are
    expressions of real numbers that g may hold.
    """
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
        made = fit(node.op.rule_for(index, node.spec)(g_symbol, *saved, **node.kwargs), source.spec)
    arrays = _Arrays(entry, _mask(entry, index, y, inputs), {} if brought is None else brought)
    return _read(made, known, arrays, real)


def _read(made: Any, known: dict[Node, Expression], arrays: _Arrays, real: frozenset[Expression]) -> Expression:
    """What a rule has made of its symbols, as an expression of them."""
    if not isinstance(made, Tensor) or made._node is None:
        return arrays.written(made.numpy() if isinstance(made, Tensor) else np.asarray(made))
    if isinstance(made._node, Leaf):
        return known[made._node]
    expressions: dict[str, Expression] = {}
    real |= {expression for leaf, expression in known.items() if not leaf.spec.is_complex}
    dtypes: dict[str, Any] = {}
    for entry in walk(made, values=True):
        dtypes[entry.id] = entry.dtype
        if entry.kind == CONSTANT:
            bare = np.asarray(entry.value).dtype.kind != "b"
            expressions[entry.id] = number(entry.value) if bare else arrays.written(entry.value)
        elif entry.node in known:
            expressions[entry.id] = known[entry.node]
        elif entry.kind == OPERATION:
            inputs = [expressions[edge.source] for edge in entry.inputs]
            if entry.operation == "masked":
                passed = arrays.held(np.broadcast_to(entry.static["mask"], entry.shape))
                expressions[entry.id] = multiply(inputs[0], passed)
            elif entry.operation == "conjugate":
                expressions[entry.id] = conjugated(inputs[0], real)
            elif entry.operation == "astype" and _keeps_values(dtypes[entry.inputs[0].source], entry.dtype):
                expressions[entry.id] = inputs[0]
            else:
                expressions[entry.id] = written_as(entry, inputs)
        else:
            unknown = entry.value is None
            expressions[entry.id] = arrays.word("array", entry.shape) if unknown else arrays.written(entry.value)
    return expressions[entry.id]


def _keeps_values(dtype: Any, other: Any) -> bool:
    """Whether numbers of one dtype are the same in the other, so that a formula has no use for the conversion."""
    return bool(dtype.kind in "fc" and np.can_cast(dtype, other))


class _Arrays:
    """The arrays that the rule of one operation brings along, as expressions.

    Args:
        entry: the operation.
        mask: where its rule lets the gradient through, if that is known as a condition.
        brought: the arrays of all rules so far. Two of them are two words, or their difference would print as 0.
    """

    def __init__(self, entry: Entry, mask: Expression, brought: Brought) -> None:
        self.mask = mask
        self.brought = brought
        self.sharing: Expression | None = None
        if entry.operation in _EXTREMES and mask.kind != "word":
            axis = entry.static.get("axis")
            kept = (
                () if axis is None else tuple(1 if i == axis % len(mask.shape) else n for i, n in enumerate(mask.shape))
            )
            self.sharing = call("sum", "sum", "" if axis is None else f"axis={axis}, keepdims=True", (mask,), kept)

    def word(self, text: str, shape: tuple[int, ...], content: bytes | None = None) -> Expression:
        """A word for an array: the same for the same array, with a number where another array has it."""
        key = (text, shape, content if content is not None else len(self.brought))
        if key not in self.brought:
            count = sum(other[0] == text for other in self.brought)
            self.brought[key] = f"{text}{count + 1}" if count else text
        return word(self.brought[key], shape)

    def held(self, array: Any) -> Expression:
        """Where a condition holds; nothing to write where that was everywhere, and no condition is known for it."""
        if self.mask.kind != "word" and self.mask.shape == array.shape:
            return self.mask
        if array.size and (array == array.flat[0]).all():
            return spread(number(int(array.flat[0])), array.shape)
        return self.word("mask", array.shape, array.tobytes())

    def written(self, value: Any) -> Expression:
        """A mask, the count of those that share, a number where all entries are equal, otherwise a word."""
        array = np.asarray(value)
        if array.dtype.kind == "b":
            return self.held(array)
        if self.sharing is not None and (array != 1).any():
            return self.sharing
        if array.size and (array == array.flat[0]).all():
            return spread(number(array.flat[0]), array.shape)
        return self.word("weights", array.shape, array.tobytes())


def _mask(entry: Entry, index: int, y: Expression, inputs: list[Expression]) -> Expression:
    """Where a rule lets the gradient through, as a condition."""
    x = inputs[index]
    if entry.operation in ("maximum", "fmax", "minimum", "fmin"):
        sign, function = (">", "greater") if "max" in entry.operation else ("<", "less")
        return Expression("infix", (x, inputs[1 - index]), (sign, function), entry.shape)
    if entry.operation == "relu":
        return Expression("infix", (x, number(0)), (">", "greater"), entry.shape)
    axis = entry.static.get("axis")
    plain = entry.static.keys() <= {"axis", "keepdims", "dtype"} and (axis is None or isinstance(axis, int))
    if entry.operation in _EXTREMES and plain:
        if axis is not None and len(y.shape) < len(x.shape):
            kept = (*x.shape[:axis], 1, *x.shape[axis:][1:])
            y = call("reshape", "reshape", f"shape={kept}", (y,), kept)
        return Expression("infix", (x, y), ("==", "equal"), x.shape)
    return word("mask", x.shape)


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
