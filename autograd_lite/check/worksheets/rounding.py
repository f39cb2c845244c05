"""The scale of rounding: how large the terms of a value are, of which it may be a small remainder.

Each node of a statement has a *scale*, the absolute value it would have if no terms cancelled: terms are added, factors
multiplied. The rounding of the node is of the order of its scale times the precision (running error analysis:
N. J. Higham, Accuracy and Stability of Numerical Algorithms, section 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import SheetError
from .functions import ATTRIBUTES, FUNCTIONS
from .interpret import Environment, Memo, evaluate, execute
from .program import Attribute, Binary, Call, Index, Name, Node, Statement, Unary, walk

#: functions of one array that add or only arrange its entries
_LINEAR = frozenset(
    ["sum", "mean", "cumsum", "transpose", "swapaxes", "reshape", "ravel", "flatten", "squeeze", "expand_dims"]
) | {"broadcast_to", "repeat", "diag", "trace", "tril", "triu", "copy", "float", "abs", "absolute", "negative"}
_PRODUCTS = frozenset(["multiply", "matmul", "dot", "outer"])


class _Scales:
    """The scales of the nodes of one statement."""

    def __init__(self, env: Environment, known: dict[str, float]) -> None:
        self.env = env
        self.known = known
        self.memo: Memo = {}

    def of(self, node: Node) -> Any:
        """Return the scale of a node, entry by entry."""
        if isinstance(count := self.evaluated(node), int):  # a size is exact
            return abs(count)
        match node:
            case Name(id) if id in self.known:
                return np.maximum(self.value(node), self.known[id])
            case Unary():
                return self.of(node.operand)
            case Binary("+" | "-"):
                return self.of(node.left) + self.of(node.right)
            case Binary("*"):
                return self.of(node.left) * self.of(node.right)
            case Binary("@"):
                return self.of(node.left) @ self.of(node.right)
            case Binary("/"):
                return self.of(node.left) * self.of(node.right) / self.value(node.right) ** 2
            case Attribute(name="T"):
                return ATTRIBUTES["T"](self.of(node.value))
            case Index():
                return self.of(node.value)[self.evaluated(node.index)]
            case Call(function, args) if function in _PRODUCTS:
                return FUNCTIONS[function].call(*map(self.of, args))
            case Call(function, (first, *others), keywords) if function in _LINEAR:
                first, rest = self.of(first), [self.evaluated(other) for other in others]
                if function in ("abs", "absolute", "negative"):
                    return first
                return FUNCTIONS[function].call(first, *rest, **{k: self.evaluated(v) for k, v in keywords})
            case Call("einsum", (subscripts, *operands)):
                return FUNCTIONS["einsum"].call(self.evaluated(subscripts), *map(self.of, operands))
        # Of other functions nothing is known: as large as all that they are made of.
        parts = [self.value(part) for _, part in walk(node)]
        known = [self.known.get(part.id, 0.0) for _, part in walk(node) if isinstance(part, Name)]
        largest = max([*known, *(float(np.max(part, initial=0.0)) for part in parts)])
        return self.value(node) + (largest if any(part is not node for _, part in walk(node)) else 0.0)

    def evaluated(self, node: Node) -> Any:
        """Return the value of a node."""
        return evaluate(node, self.env, self.memo)

    def value(self, node: Node) -> Any:
        """Return the absolute value of a node; 0 for what is no number."""
        value = self.evaluated(node)
        if not isinstance(value, np.ndarray | np.generic | int | float):
            return 0.0
        array = np.abs(np.asarray(value, dtype=float))
        return np.where(np.isfinite(array), array, 0.0)


def scale(statements: Iterable[Statement], env: Environment) -> dict[str, float]:
    """Return the largest scale of each target of some statements, infinite where nothing can be said of it.

    Args:
        statements: run one after the other.
        env: what they start from; it is not changed.
    """
    env = dict(env)
    known: dict[str, float] = {}
    with np.errstate(all="ignore"):
        for statement in statements:
            found = np.inf
            if statement.kind == "assign":
                try:
                    found = float(np.max(_Scales(env, known).of(statement.value), initial=0.0))
                except (SheetError, ValueError, IndexError, TypeError, AttributeError, ArithmeticError):
                    found = np.inf
            known[statement.target] = found if np.isfinite(found) else np.inf
            try:
                execute(statement, env)
            except SheetError:
                known[statement.target] = np.inf
    return known
