"""Building expression nodes with the simplifications a person would make (1 * g is g, -(-g) is g)."""

from __future__ import annotations

from .program import Attribute, Binary, Call, Constant, Index, Name, Node, Sequence, Slice, Unary

ONE = Constant(1.0)
WHOLE = Slice(None, None, None)


def number(node: Node) -> float | None:
    """Return the value of a numeric literal (with its sign), or None."""
    if isinstance(node, Unary) and node.op == "-":
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    return None


def negative(a: Node) -> Node:
    """Return ``-a``."""
    if isinstance(a, Unary) and a.op == "-":
        return a.operand
    value = number(a)
    if value is not None:
        return Constant(-value)
    if isinstance(a, Binary) and a.op in "*/":
        return Binary(a.op, negative(a.left), a.right)
    return Unary("-", a)


def times(a: Node, b: Node) -> Node:
    """Return ``a * b``."""
    if number(a) == 1:
        return b
    if number(b) == 1:
        return a
    if isinstance(b, Unary) and b.op == "-":
        return negative(times(a, b.operand))
    return Binary("*", a, b)


def over(a: Node, b: Node) -> Node:
    """Return ``a / b``."""
    return a if number(b) == 1 else Binary("/", a, b)


def plus(a: Node, b: Node) -> Node:
    """Return ``a + b``."""
    if isinstance(b, Unary) and b.op == "-":
        return Binary("-", a, b.operand)
    return Binary("+", a, b)


def minus(a: Node, b: Node) -> Node:
    """Return ``a - b``."""
    return Binary("-", a, b)


def to_power(a: Node, exponent: float) -> Node:
    """Return ``a ** exponent``."""
    if exponent == 1:
        return a
    return Binary("**", a, Constant(int(exponent) if exponent == int(exponent) else exponent))


def transposed(a: Node) -> Node:
    """Return ``a.T``."""
    return a.value if isinstance(a, Attribute) and a.name == "T" else Attribute(a, "T")


def called(function: str, *args: Node, **keywords: Node | int | bool) -> Call:
    """Return ``np.function(*args, **keywords)``."""
    given = tuple((name, value if isinstance(value, Node) else Constant(value)) for name, value in keywords.items())
    return Call(function, args, given)


def size_of(a: Node) -> Node:
    """Return ``a.size``."""
    return Attribute(a, "size")


def axis_of(a: Node, axis: int) -> Node:
    """Return ``a.shape[axis]``."""
    return Index(Attribute(a, "shape"), Constant(axis))


def new_axes(a: Node, ndim: int, inserted: tuple[int, ...]) -> Node:
    """Return ``a`` indexed so that axes of length 1 appear at the given positions of an ``ndim``-array."""
    items: list[Node] = [Constant(None) if axis in inserted else WHOLE for axis in range(ndim)]
    while items and items[-1] is WHOLE and len(items) > 1:
        items.pop()
    return Index(a, items[0] if len(items) == 1 else Sequence(tuple(items), "tuple"))


def name(text: str) -> Name:
    """Return a variable."""
    return Name(text)
