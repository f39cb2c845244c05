"""The chain rule for ``np.linalg`` in a worksheet's notation.

The rules are those of Petersen & Pedersen, The Matrix Cookbook, sections 2.1, 2.2 and 2.6.
"""

from __future__ import annotations

from collections.abc import Callable

from .build import called, negative, new_axes, number, over, times, transposed
from .program import Binary, Call, Constant, Node

Operands = list[tuple[Node, Callable[[], Node]]]


def log_determinant(value: Node, index: Node) -> Node | None:
    """Return A where ``value[index]`` is ``np.linalg.slogdet(A)[1]``; otherwise None."""
    if isinstance(value, Call) and value.function == "linalg.slogdet" and number(index) in (1, -1):
        return value.args[0]
    return None


def operands(node: Call, g: Node, y: Node, ndim: Callable[[Node], int]) -> Operands | None:
    """Return the operands of a call of ``np.linalg`` with their gradients; None where there is no rule.

    Args:
        node: the call.
        g: the gradient of its value, of the value's shape.
        y: an expression for its value.
        ndim: gives the number of axes of an expression.
    """
    x = node.args[0]
    match node.function:
        case "linalg.inv":
            turned = transposed(y)
            return [(x, lambda: negative(Binary("@", Binary("@", turned, g), turned)))]
        case "linalg.det":
            return [(x, lambda: times(times(g, y), transposed(called("linalg.inv", x))))]
        case "linalg.solve":
            b = called("linalg.solve", transposed(x), g)
            outer = called("outer", b, y) if ndim(y) == 1 else Binary("@", b, transposed(y))
            return [(x, lambda: negative(outer)), (node.args[1], lambda: b)]
        case "linalg.norm":
            return _norm(node, g, y, ndim(x))
    return None


def _norm(node: Call, g: Node, y: Node, axes: int) -> Operands | None:
    x = node.args[0]
    given = dict(zip(("ord", "axis", "keepdims"), node.args[1:], strict=False)) | dict(node.keywords)
    axis = number(given.get("axis", Constant(None)))
    if axis is None and "axis" in given:
        return None
    kept = getattr(given.get("keepdims"), "value", False)

    def spread(part: Node) -> Node:
        return part if axis is None or kept else new_axes(part, axes, (int(axis) % axes,))

    if number(given.get("ord", Constant(None))) == 1:
        return [(x, lambda: times(spread(g), called("sign", x)))]
    return [(x, lambda: times(spread(over(g, y)), x))]
