"""The chain rule on worksheet expressions: the line a student could have written, generated from the forward part.

For every use of a variable there is one *contribution*: the upstream gradient of the line that uses it, times
that line's local derivative, summed over broadcast axes. The rules follow the tables of matrix derivatives
(Petersen & Pedersen, The Matrix Cookbook, sections 2.1 to 2.5) in NumPy notation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import linear_algebra
from .build import (
    ONE,
    axis_of,
    called,
    minus,
    negative,
    new_axes,
    number,
    over,
    plus,
    size_of,
    times,
    to_power,
    transposed,
)
from .functions import FUNCTIONS
from .interpret import Environment, Memo, evaluate
from .program import (
    Attribute,
    Binary,
    Call,
    Compare,
    Constant,
    Index,
    Name,
    Node,
    Sequence,
    Slice,
    Statement,
    Unary,
    names,
    source,
    walk,
)

MAX_LENGTH = 1500


class Underivable(Exception):
    """There is no rule for an operation, or the generated line would be too long to help."""


@dataclass(frozen=True, eq=False)
class Contribution:
    """One path by which a variable reaches the loss: through one use in one forward statement."""

    statement: Statement
    expression: Node
    factor: Node | None = None
    """The local derivative where the path is elementwise."""


class Derivation:
    """Generates gradient expressions for one sheet, in terms of the gradients that are already there.

    Args:
        forward: the forward statements; the last one is the loss.
        values: forward values (and truths, under their d-names) of one sample, which give the shapes.
        variables: the variables that have a gradient.
        available: gradients that an expression may read.
    """

    def __init__(
        self, forward: list[Statement], values: Environment, variables: frozenset[str], available: frozenset[str]
    ) -> None:
        self.forward = forward
        self.values = values
        self.variables = variables
        self.available = available
        self.memo: Memo = {}
        self._totals: dict[str, Node | None] = {}

    def value(self, node: Node) -> Any:
        """Return an expression's value at the sample."""
        with np.errstate(all="ignore"):
            return evaluate(node, self.values, self.memo)

    def shape(self, node: Node) -> tuple[int, ...]:
        """Return the shape of an expression's value."""
        return tuple(np.shape(self.value(node)))

    def total(self, variable: str) -> Node:
        """Return an expression for dL/d<variable>, of the variable's shape.

        Raises:
            Underivable: if an operation on the way has no rule here.
        """
        parts = [c.expression for c in self.contributions(variable)]
        if not parts:
            return called("zeros_like", Name(variable))
        result = parts[0]
        for part in parts[1:]:
            result = plus(result, part)
        result = self.filled(result, Name(variable))
        if len(source(result)) > MAX_LENGTH:
            raise Underivable
        return result

    def filled(self, g: Node, like: Node) -> Node:
        """Return ``g``, spread over the shape of ``like`` if it is still smaller."""
        if self.shape(g) == self.shape(like):
            return g
        ones = called("ones_like", like)
        return ones if number(g) == 1 else times(g, ones)

    def upstream(self, variable: str) -> Node | None:
        """Return an expression for the gradient of a forward line's value; None if nothing depends on it."""
        if variable == self.forward[-1].target:
            return ONE
        if "d" + variable in self.available:
            return Name("d" + variable)
        if variable not in self._totals:
            parts = [c.expression for c in self.contributions(variable)]
            result: Node | None = None
            for part in parts:
                result = part if result is None else plus(result, part)
                if len(source(result)) > MAX_LENGTH:
                    raise Underivable
            self._totals[variable] = result
        return self._totals[variable]

    def contributions(self, variable: str) -> list[Contribution]:
        """Return one contribution per use of a variable, in the order of the forward part."""
        found = []
        for statement in self.forward:
            if variable not in names(statement.value) or statement.target not in self.variables:
                continue
            g = self.upstream(statement.target)
            if g is None:
                continue
            found += [
                Contribution(statement, expression)
                for expression in self.back(statement.value, g, variable, statement.target)
            ]
        return found

    def local(self, statement: Statement, variable: str, g: Node) -> list[Node]:
        """Return the contributions of one statement for a given upstream expression."""
        return list(self.back(statement.value, g, variable, statement.target))

    # One rule per kind of node: yield the gradient that reaches each use of `variable` inside it. `out` names
    # the statement's target where the node is the whole right-hand side, so that exp's derivative reads as it.

    def back(self, node: Node, g: Node, variable: str, out: str | None = None) -> Iterator[Node]:
        """Yield the gradient expression for every use of ``variable`` in ``node``, given ``g`` upstream."""
        if isinstance(node, Name):
            if node.id == variable:
                yield g
            return
        if variable not in names(node) or isinstance(node, Compare):
            return
        if isinstance(node, Call) and FUNCTIONS[node.function].constant:
            return
        if not isinstance(node, Sequence | Slice) and isinstance(self.value(node), int | tuple):
            return
        for child, gradient in self.pairs(node, g, out):
            if variable in names(child):
                yield from self.back(child, gradient(), variable)

    def pairs(self, node: Node, g: Node, out: str | None) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the differentiable operands of a node with the gradient that flows to each."""
        y: Node = Name(out) if out is not None else node
        inner = sigmoid_argument(node)
        if inner is not None:
            return [(inner, lambda: times(times(g, y), minus(Constant(1), y)))]
        if isinstance(node, Unary):
            return [(node.operand, (lambda: negative(g)) if node.op == "-" else lambda: g)]
        if isinstance(node, Binary):
            return self.binary(node, g, y)
        if isinstance(node, Attribute):
            if node.name != "T":
                return []
            return [(node.value, lambda: transposed(self.filled(g, node)) if self.shape(g) else g)]
        if isinstance(node, Index):
            matrix = linear_algebra.log_determinant(node.value, node.index)
            if matrix is not None:
                return [(matrix, lambda: times(g, transposed(called("linalg.inv", matrix))))]
            return [(node.value, lambda: self.scattered(node, g))]
        if isinstance(node, Sequence):
            return [(item, lambda k=k: Index(g, Constant(k))) for k, item in enumerate(node.items)]  # type: ignore[misc]
        if isinstance(node, Call):
            return self.call(node, g, y)
        raise Underivable

    def binary(self, node: Binary, g: Node, y: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the operands of an arithmetic node with their gradients."""
        a, b = node.left, node.right
        match node.op:
            case "+":
                return [(a, lambda: self.reduced(g, node, a)), (b, lambda: self.reduced(g, node, b))]
            case "-":
                return [(a, lambda: self.reduced(g, node, a)), (b, lambda: self.reduced(negative(g), node, b))]
            case "*":
                return [
                    (a, lambda: self.reduced(times(g, b), node, a)),
                    (b, lambda: self.reduced(times(g, a), node, b)),
                ]
            case "/":
                return [
                    (a, lambda: self.reduced(over(g, b), node, a)),
                    (b, lambda: self.reduced(negative(over(times(g, a), to_power(b, 2))), node, b)),
                ]
            case "@":
                return self.matmul(a, b, g)
            case "**":
                exponent = number(b)
                if exponent is None:
                    less = minus(b, Constant(1))
                    return [
                        (a, lambda: self.reduced(times(times(g, b), Binary("**", a, less)), node, a)),
                        (b, lambda: self.reduced(times(times(g, y), called("log", a)), node, b)),
                    ]
                return [(a, lambda: times(times(g, Constant(exponent)), to_power(a, exponent - 1)))]
        raise Underivable

    def matmul(self, a: Node, b: Node, g: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the gradients of ``a @ b`` for vectors, matrices and stacks of matrices."""
        left, right = len(self.shape(a)), len(self.shape(b))
        if left == 0 or right == 0:
            raise Underivable
        product = Binary("@", a, b)
        full = self.filled(g, product) if self.shape(g) != self.shape(product) else g
        if left == 1 and right == 1:
            return [(a, lambda: times(g, b)), (b, lambda: times(g, a))]
        if left == 2 and right == 1:
            return [(a, lambda: called("outer", full, b)), (b, lambda: Binary("@", transposed(a), full))]
        if left == 1 and right == 2:
            return [(a, lambda: Binary("@", b, full)), (b, lambda: called("outer", a, full))]
        if left == 2 and right == 2:
            return [
                (a, lambda: Binary("@", full, transposed(b))),
                (b, lambda: Binary("@", transposed(a), full)),
            ]
        if left < 2 or right < 2:
            raise Underivable

        def swapped(x: Node) -> Node:
            if len(self.shape(x)) == 2:
                return transposed(x)
            return called("swapaxes", x, Constant(-1), Constant(-2))

        return [
            (a, lambda: self.unbroadcast(Binary("@", full, swapped(b)), a)),
            (b, lambda: self.unbroadcast(Binary("@", swapped(a), full), b)),
        ]

    def reduced(self, g: Node, node: Node, operand: Node) -> Node:
        """Sum a gradient over the axes along which ``operand`` was broadcast in ``node``."""
        target, whole = self.shape(operand), self.shape(node)
        if target == whole or self.shape(g) == target:
            # A smaller g stands for equal entries; where the operand is broadcast they have to be counted.
            if target == whole:
                return g
            if len(self.shape(g)) == len(target) and whole == target:
                return g
        if self.shape(g) != whole:
            g = self.filled(g, node)
        return self.unbroadcast(g, operand)

    def unbroadcast(self, g: Node, operand: Node) -> Node:
        """Sum ``g`` down to the shape of ``operand``."""
        have, want = self.shape(g), self.shape(operand)
        if have == want:
            return g
        if want == ():
            return called("sum", g)
        extra = len(have) - len(want)
        kept = tuple(k + extra for k in range(len(want)) if want[k] == 1 and have[k + extra] != 1)
        if kept:
            g = called("sum", g, axis=_axes(kept), keepdims=True)
        if extra:
            g = called("sum", g, axis=_axes(tuple(range(extra))))
        return g

    def call(self, node: Call, g: Node, y: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the differentiable arguments of a call with their gradients."""
        name, x = node.function, node.args[0]
        if name in _LOCAL:
            local = _LOCAL[name]
            return [(x, lambda: local(g, x, y))]
        if name in ("sum", "mean", "max", "min", "var", "std"):
            return [(x, lambda: self.reduction(node, g, y))]
        if name in ("add", "subtract", "multiply", "divide", "power"):
            op = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}[name]
            return self.binary(Binary(op, x, node.args[1]), g, y)
        if name in ("dot", "matmul"):
            if name == "dot" and () in (self.shape(x), self.shape(node.args[1])):
                return self.binary(Binary("*", x, node.args[1]), g, y)
            return self.matmul(x, node.args[1], g)
        if name in ("maximum", "minimum"):
            return self.extremum(node, g)
        if name == "where":
            condition, a, b = node.args
            zero = Constant(0)
            return [
                (a, lambda: self.reduced(called("where", condition, g, zero), node, a)),
                (b, lambda: self.reduced(called("where", condition, zero, g), node, b)),
            ]
        if name == "clip":
            low, high = node.args[1:3]
            inside = Binary("*", Compare(">=", x, low), Compare("<=", x, high))
            return [(x, lambda: times(g, inside))]
        if name == "logaddexp":
            return [
                (part, lambda part=part: self.reduced(times(g, called("exp", minus(part, y))), node, part))  # type: ignore[misc]
                for part in node.args
            ]
        if name == "softmax":
            axis = node.keyword("axis") or (node.args[1] if len(node.args) > 1 else Constant(-1))
            inner = called("sum", times(g, y), axis=axis, keepdims=True)
            return [(x, lambda: times(y, minus(g, inner)))]
        return self.reshaping(node, g, y)

    def reshaping(self, node: Call, g: Node, y: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the gradients of calls that only move or join entries."""
        name, x = node.function, node.args[0]
        full = self.filled(g, node)
        if name in ("reshape", "ravel", "flatten", "squeeze", "expand_dims"):
            return [(x, lambda: called("reshape", full, Attribute(x, "shape")))]
        found = linear_algebra.operands(node, full, y, lambda part: len(self.shape(part)))
        if found is not None:
            return found
        if name == "flip" or (name == "cumsum" and self.shape(x) == self.shape(node)):
            return [(x, lambda: self.backwards(node, full))]
        if name in ("tril", "triu"):
            return [(x, lambda: called(name, full, *node.args[1:]))]
        if name == "transpose":
            if len(node.args) == 1 and not node.keywords:
                return [(x, lambda: transposed(full))]
            given = node.args[1:] if len(node.args) > 1 else (node.keywords[0][1],)
            axes = [self.value(part) for part in given]
            order = tuple(axes[0]) if len(axes) == 1 else tuple(axes)
            back = Sequence(tuple(Constant(int(k)) for k in np.argsort(order)), "tuple")
            return [(x, lambda: called("transpose", full, back))]
        if name == "swapaxes":
            return [(x, lambda: called("swapaxes", full, *node.args[1:]))]
        if name == "broadcast_to":
            return [(x, lambda: self.unbroadcast(full, x))]
        if name == "diag":
            return [(x, lambda: called("diag", full))]
        if name == "trace":
            return [(x, lambda: times(g, called("eye", axis_of(x, 0))))]
        if name == "outer":
            b = node.args[1]
            return [(x, lambda: Binary("@", full, b)), (b, lambda: Binary("@", x, full))]
        if name == "einsum":
            return self.einsum(node, full)
        if name in ("array", "stack", "concatenate") and isinstance(x, Sequence):
            return self.joined(node, x, full)
        raise Underivable

    def backwards(self, node: Call, g: Node) -> Node:
        """Return the gradient of cumsum, which adds up from the end, or of flip."""

        def again(function: str, x: Node) -> Node:
            return Call(function, (x, *node.args[1:]), node.keywords)

        return again("flip", g) if node.function == "flip" else again("flip", again("cumsum", again("flip", g)))

    def reduction(self, node: Call, g: Node, y: Node) -> Node:
        """Return the gradient of sum, mean, max, min, var or std with respect to its argument."""
        x = node.args[0]
        axis_node = node.keyword("axis") or (node.args[1] if len(node.args) > 1 else None)
        axis = None if axis_node is None else self.value(axis_node)
        ndim = len(self.shape(x))
        axes = tuple(range(ndim)) if axis is None else tuple(int(k) % ndim for k in np.atleast_1d(axis))
        kept = node.keyword("keepdims")
        keeps = kept is not None and bool(self.value(kept))

        def spread(part: Node) -> Node:
            if keeps or self.shape(part) == () or sorted(axes) == list(range(len(axes))):
                return part
            return new_axes(self.filled(part, node), ndim, axes)

        count = size_of(x) if axis is None else axis_of(x, axes[0])
        for other in axes[1:] if axis is not None else ():
            count = times(count, axis_of(x, other))
        wide = spread(g)
        if node.function == "sum":
            return wide
        if node.function == "mean":
            return over(wide, count)
        if node.function in ("max", "min"):
            return times(wide, Compare("==", x, spread(y)))
        mean = called("mean", x) if axis_node is None else called("mean", x, axis=axis_node, keepdims=True)
        centred = minus(x, mean)
        ddof = node.keyword("ddof")
        if ddof is not None:
            count = minus(count, ddof)
        if node.function == "var":
            return over(times(times(wide, Constant(2)), centred), count)
        return over(times(wide, centred), times(count, spread(y)))

    def extremum(self, node: Call, g: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the gradients of maximum and minimum: each side has the entries that it wins."""
        a, b = node.args
        op = ">" if node.function == "maximum" else "<"
        if number(a) is not None:
            return [(b, lambda: times(g, Compare(op, b, a)))]
        return [
            (a, lambda: self.reduced(times(g, Compare(op, a, b)), node, a)),
            (b, lambda: self.reduced(times(g, Compare(op, b, a)), node, b)),
        ]

    def joined(self, node: Call, parts: Sequence, g: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the slice of the gradient that belongs to each part of a joined array."""
        axis_node = node.keyword("axis") or (node.args[1] if len(node.args) > 1 else None)
        axis = 0 if axis_node is None else int(self.value(axis_node))
        ndim = len(self.shape(node))
        axis %= ndim
        found: list[tuple[Node, Callable[[], Node]]] = []
        start: Node | None = None
        for position, part in enumerate(parts.items):
            if node.function == "concatenate":
                width = axis_of(part, axis)
                stop = width if start is None else plus(start, width)
                where: Node = Slice(start, stop, None)
                start = stop
            else:
                where = Constant(position)
            items = (*(Slice(None, None, None) for _ in range(axis)), where)
            index: Node = items[0] if len(items) == 1 else Sequence(items, "tuple")
            found.append((part, lambda index=index: Index(g, index)))  # type: ignore[misc]
        return found

    def einsum(self, node: Call, g: Node) -> list[tuple[Node, Callable[[], Node]]]:
        """Return the gradients of an einsum: the operand's letters and the result's change places."""
        subscripts = str(node.args[0].value).replace(" ", "") if isinstance(node.args[0], Constant) else ""
        if "." in subscripts:
            raise Underivable
        left, _, result = subscripts.partition("->")
        if "->" not in subscripts:
            letters = left.replace(",", "")
            result = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
        inputs, operands = left.split(","), node.args[1:]
        found: list[tuple[Node, Callable[[], Node]]] = []
        for position, operand in enumerate(operands):
            rest = [k for k in range(len(operands)) if k != position]
            letters = inputs[position]
            known = result + "".join(inputs[k] for k in rest)
            lone = [k for k in letters if k not in known]
            if len(set(letters)) != len(letters):
                raise Underivable
            extra = [called("ones", axis_of(operand, letters.index(k))) for k in lone]
            spec = ",".join([result, *(inputs[k] for k in rest), *lone]) + "->" + letters
            arguments = (Constant(spec), g, *(operands[k] for k in rest), *extra)
            found.append((operand, lambda arguments=arguments: Call("einsum", arguments)))  # type: ignore[misc]
        return found

    def scattered(self, node: Index, g: Node) -> Node:
        """Return the gradient of ``x[index]``: ``g`` sent back to where its entries came from.

        Every indexed axis is a product with rows of the identity matrix, so repeated indices add up.
        """
        x, g = node.value, self.filled(g, node)
        items = node.index.items if isinstance(node.index, Sequence) and node.index.kind == "tuple" else (node.index,)
        fresh = iter("abcdefghijklmnopqrstuvw")
        arrays: str | None = None
        incoming, outgoing = "", ""
        operands: list[Node] = []
        specs: list[str] = []
        axis = 0
        for item in items:
            if isinstance(item, Constant) and item.value is None:
                incoming += next(fresh)
                continue
            if isinstance(item, Constant) and item.value is Ellipsis:
                raise Underivable
            letter = next(fresh)
            if isinstance(item, Slice) and item.lower is item.upper is item.step is None:
                incoming, outgoing, axis = incoming + letter, outgoing + letter, axis + 1
                continue
            rows = Index(called("eye", axis_of(x, axis)), item)
            if isinstance(item, Slice):
                picked = next(fresh)
                incoming += picked
            else:
                where = np.asarray(self.value(item))
                if where.dtype.kind not in "iu":
                    raise Underivable
                picked = ""
                if where.ndim:
                    if arrays is None:
                        arrays = "".join(next(fresh) for _ in range(where.ndim))
                        incoming += arrays
                    elif len(arrays) != where.ndim:
                        raise Underivable
                    picked = arrays
            operands.append(rows)
            specs.append(picked + letter)
            outgoing, axis = outgoing + letter, axis + 1
        rest = "".join(next(fresh) for _ in range(len(self.shape(x)) - axis))
        spec = ",".join([incoming + rest, *specs]) + "->" + outgoing + rest
        return self._contracted(spec, incoming + rest, outgoing + rest, specs, g, operands)

    def _contracted(
        self, spec: str, incoming: str, outgoing: str, specs: list[str], g: Node, operands: list[Node]
    ) -> Node:
        if not operands:
            return g if incoming == outgoing else Call("einsum", (Constant(spec), g))
        if incoming == "" and len(operands) == 1:
            return times(g, operands[0])
        return Call("einsum", (Constant(spec), g, *operands))


def _axes(axes: tuple[int, ...]) -> Node:
    if len(axes) == 1:
        return Constant(axes[0])
    return Sequence(tuple(Constant(axis) for axis in axes), "tuple")


def sigmoid_argument(node: Node) -> Node | None:
    """Return z where a node is the logistic function of z, written out or called; otherwise None."""
    if isinstance(node, Call) and node.function == "sigmoid":
        return node.args[0]
    if not (isinstance(node, Binary) and node.op == "/" and number(node.left) == 1):
        return None
    below = node.right
    if not (isinstance(below, Binary) and below.op == "+"):
        return None
    for one, power in ((below.left, below.right), (below.right, below.left)):
        if number(one) == 1 and isinstance(power, Call) and power.function == "exp":
            exponent = power.args[0]
            if isinstance(exponent, Unary) and exponent.op == "-":
                return exponent.operand
    return None


_LOCAL: dict[str, Callable[[Node, Node, Node], Node]] = {
    "exp": lambda g, _x, y: times(g, y),
    "log": lambda g, x, _y: over(g, x),
    "log1p": lambda g, x, _y: over(g, plus(Constant(1), x)),
    "expm1": lambda g, x, _y: times(g, called("exp", x)),
    "sqrt": lambda g, _x, y: over(times(g, Constant(0.5)), y),
    "square": lambda g, x, _y: times(times(g, Constant(2)), x),
    "tanh": lambda g, _x, y: times(g, minus(Constant(1), to_power(y, 2))),
    "sin": lambda g, x, _y: times(g, called("cos", x)),
    "cos": lambda g, x, _y: negative(times(g, called("sin", x))),
    "sinh": lambda g, x, _y: times(g, called("cosh", x)),
    "cosh": lambda g, x, _y: times(g, called("sinh", x)),
    "abs": lambda g, x, _y: times(g, called("sign", x)),
    "absolute": lambda g, x, _y: times(g, called("sign", x)),
    "relu": lambda g, x, _y: times(g, Compare(">", x, Constant(0))),
    "negative": lambda g, _x, _y: negative(g),
    "reciprocal": lambda g, _x, y: negative(times(g, to_power(y, 2))),
    "copy": lambda g, _x, _y: g,
    "float": lambda g, _x, _y: g,
}

ELEMENTWISE = frozenset(_LOCAL) | {"sigmoid", "maximum", "minimum", "clip", "where", "softmax"}


def uses(node: Node, variable: str) -> int:
    """Return how often an expression reads a variable."""
    return sum(isinstance(part, Name) and part.id == variable for _, part in walk(node))
