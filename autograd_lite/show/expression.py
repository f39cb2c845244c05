"""Expressions as a person would write them: built from a row's printed form, simplified while they are built.

A row of the table says how it prints, `"{} * {}"` or `"ln({})"`. Such a template is read once, with Python's own
parser, into a small tree with holes; everything that prints a formula walks the tree that fills them.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

__all__ = [
    "ONE", "Expression", "add", "call", "divide", "gradient_of", "matmul", "minus", "multiply", "named", "negative",
    "number", "power", "simplified", "spread", "transposed", "written",
]  # fmt: skip

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression: its kind, its parts, and what the kind needs beside them.

    Kinds: "name" (value: the name), "constant" (value: its spellings), "number", "sum" (value: the signs),
    "gradient" (value: by what, and of what),
    "product" (value: coefficient above and below the line, number of parts above it), "matmul", "power",
    "transpose", "spread" (ones of its shape, times its part), "infix" (value: the sign, NumPy's name), "call"
    (value: printed name, NumPy's name, static arguments), "text" (value: the words between the parts, NumPy's
    name), "index" (value: the index as text), "magnitude", "norm".
    """

    kind: str
    parts: tuple[Expression, ...] = ()
    value: Any = None
    shape: Shape = ()

    @property
    def weight(self) -> int:
        """How much there is to read."""
        return 1 + sum(part.weight for part in self.parts)


def named(name: str, shape: Shape) -> Expression:
    """A variable."""
    return Expression("name", (), name, shape)


def gradient_of(name: str, result: str, shape: Shape) -> Expression:
    """The derivative of the result by a variable."""
    return Expression("gradient", (), (name, result), shape)


def number(value: Any) -> Expression:
    """A plain number; a negative one is the negative of a number."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        return negative(number(-value))
    return Expression("number", (), value)


ONE = Expression("number", (), 1)


def _is(expression: Expression, value: float) -> bool:
    return expression.kind == "number" and bool(expression.value == value)


def _shape(*parts: Expression) -> Shape:
    return np.broadcast_shapes(*[part.shape for part in parts])


def _thin(parts: list[Expression]) -> list[Expression]:
    """The parts without repetitions that broadcasting does anyway."""
    full = _shape(*parts)
    for i, part in enumerate(parts):
        if part.kind == "spread":
            others = [other.shape for j, other in enumerate(parts) if j != i]
            if np.broadcast_shapes(part.parts[0].shape, *others) == full:
                parts = [*parts[:i], part.parts[0], *parts[i + 1 :]]
    return parts


# --- sums ----------------------------------------------------------------------------------------------------


def add(a: Expression, b: Expression) -> Expression:
    """a + b, without zeros; a + a is 2 a."""
    if _is(_slim(a, b.shape), 0):
        return b
    if _is(_slim(b, a.shape), 0):
        return a
    if a == b:
        return multiply(number(2), a)
    return _sum([*_terms(a), *_terms(b)])


def minus(a: Expression, b: Expression) -> Expression:
    """a - b."""
    return add(a, negative(b))


def negative(a: Expression) -> Expression:
    """-a; two signs cancel."""
    if a.kind == "sum" and len(a.parts) == 1:
        return a.parts[0]
    if _is(a, 0):
        return a
    if a.kind == "sum" and a.value == (1, -1):
        return Expression("sum", a.parts[::-1], a.value, a.shape)
    if a.kind == "product":
        factors = list(a.parts)
        if _flip_one(factors, a.value[2]):
            return Expression("product", tuple(factors), a.value, a.shape)
    return Expression("sum", (a,), (-1,), a.shape)


def _flip_one(factors: list[Expression], count: int) -> bool:
    """Turn one difference among the first `count` factors round: -(a - b) reads better as b - a."""
    for i, factor in enumerate(factors[:count]):
        if factor.kind == "sum" and factor.value == (1, -1):
            factors[i] = negative(factor)
            return True
    return False


def _terms(a: Expression) -> list[tuple[int, Expression]]:
    if a.kind == "sum":
        return list(zip(a.value, a.parts, strict=True))
    return [(1, a)]


def _sum(terms: list[tuple[int, Expression]]) -> Expression:
    terms = _collected(terms)
    if len(terms) == 1:
        return negative(terms[0][1]) if terms[0][0] < 0 else terms[0][1]
    parts = _thin([part for _, part in terms])
    signs = [sign for sign, _ in terms]
    if signs[0] < 0 < max(signs):  # -a + b reads better as b - a
        first = signs.index(1)
        signs.insert(0, signs.pop(first))
        parts.insert(0, parts.pop(first))
    return Expression("sum", tuple(parts), tuple(signs), _shape(*parts))


def _collected(terms: list[tuple[int, Expression]]) -> list[tuple[int, Expression]]:
    """The terms, with those of the same sign that differ by a number alone added up."""
    collected: list[tuple[int, Expression]] = []
    for sign, part in terms:
        _, over, under, above, below = _factors(part)
        for i, (other_sign, other) in enumerate(collected):
            _, other_over, other_under, *factors = _factors(other)
            if sign == other_sign and above and factors == [above, below] and other_under == under:
                collected[i] = (sign, _quotient(over + other_over, under, above, below))
                break
        else:
            collected.append((sign, part))
    return collected


# --- products ------------------------------------------------------------------------------------------------


def multiply(a: Expression, b: Expression) -> Expression:
    """a * b entry by entry; factors 1 vanish, signs and numbers come first, equal neighbours become a power."""
    return _product(a, b, divided=False)


def divide(a: Expression, b: Expression) -> Expression:
    """a / b entry by entry."""
    return _product(a, b, divided=True)


def _product(a: Expression, b: Expression, *, divided: bool) -> Expression:
    a = _slim(a, b.shape)
    b = _slim(b, a.shape)
    sign_a, above_a, below_a, over_a, under_a = _factors(a)
    sign_b, above_b, below_b, over_b, under_b = _factors(b)
    if divided:
        above_b, below_b, over_b, under_b = below_b, above_b, under_b, over_b
    over, under = above_a * above_b, below_a * below_b
    negated = sign_a * sign_b < 0
    numerators, denominators = _merged(over_a + over_b), _merged(under_a + under_b)
    if negated and _flip_one(numerators, len(numerators)):
        negated = False
    made = _quotient(over, under, numerators, denominators)
    return negative(made) if negated else made


def _quotient(over: Any, under: Any, numerators: list[Expression], denominators: list[Expression]) -> Expression:
    """The product of the numerators over that of the denominators, times over / under."""
    parts = numerators + denominators
    shape = _shape(*parts) if parts else ()
    if over == 0:
        return spread(Expression("number", (), 0), shape)
    if isinstance(over, int) and isinstance(under, int) and under and over % under == 0:
        over, under = over // under, 1
    for i, factor in enumerate(numerators):
        if factor.kind != "spread":
            continue
        inner, others = factor.parts[0], parts[:i] + parts[i + 1 :]
        rest = _quotient(over, under, numerators[:i] + numerators[i + 1 :], denominators)
        if not others and inner.kind == "number":  # a number, repeated: the repetition stays outside
            return spread(multiply(rest, inner), shape)
        if others and np.broadcast_shapes(inner.shape, *[part.shape for part in others]) == shape:
            return multiply(rest, inner)
    if not parts and under == 1:
        return number(over)
    if len(numerators) == 1 and not denominators and over == under == 1:
        return parts[0]
    return Expression("product", tuple(parts), (over, under, len(numerators)), shape)


def simplified(a: Expression, reciprocals: dict[Expression, Expression]) -> Expression:
    """A gradient as textbooks have it: a * (1 - b) for a - a * b, and v * (1 - v) for the logistic function.

    Wherever a variable v was defined as 1 / D with D = 1 + e, v stands for 1 / D and 1 - v for v * e.
    """
    parts = tuple(simplified(part, reciprocals) for part in a.parts)
    if parts != a.parts:
        a = Expression(a.kind, parts, a.value, a.shape)
    if a.kind == "sum" and a.value in ((1, 1), (1, -1)):
        return _factored(a)
    if a.kind != "product":
        return a
    over, under, count = a.value
    above, below = list(a.parts[:count]), []
    for factor in a.parts[count:]:
        base, exponent = _base(factor)
        if base in reciprocals:
            above.append(power(reciprocals[base], number(exponent)))
        else:
            below.append(factor)
    for whole, v in reciprocals.items():
        if whole.kind != "sum" or whole.value != (1, 1) or not _is(whole.parts[0], 1) or whole.parts[1] not in above:
            continue
        powers = [i for i, factor in enumerate(above) if _base(factor)[0] == v]
        if powers:
            above[above.index(whole.parts[1])] = minus(ONE, v)
            exponent = sum(_base(above[i])[1] for i in powers) - 1
            above = [factor for i, factor in enumerate(above) if i not in powers]
            if exponent:
                above.insert(powers[0], power(v, number(exponent)))
    made = Expression("number", (), over)
    for factor in above:
        made = multiply(made, factor)
    for factor in below:
        made = divide(made, factor)
    return divide(made, number(under)) if under != 1 else made


def _factored(a: Expression) -> Expression:
    """a * (1 - b) for a - a * b."""
    first, second = a.parts
    _, over, under, common, below = _factors(first)
    _, over_2, under_2, above, below_2 = _factors(second)
    if not common or (over, under, below) != (over_2, under_2, below_2[: len(below)]):
        return a
    for factor in common:
        if factor not in above:
            return a
        above.remove(factor)
    if not above:
        return a
    rest = _quotient(1, 1, above, below_2[len(below) :])
    return multiply(first, add(ONE, rest) if a.value[1] > 0 else minus(ONE, rest))


def _base(factor: Expression) -> tuple[Expression, int]:
    """A factor as a base and a whole exponent."""
    if factor.kind == "power" and factor.parts[1].kind == "number" and isinstance(factor.parts[1].value, int):
        return factor.parts[0], factor.parts[1].value
    return factor, 1


def _slim(a: Expression, other: Shape) -> Expression:
    """`a` without a repetition that broadcasting against `other` does anyway."""
    if a.kind == "sum" and len(a.parts) == 1:
        return negative(_slim(a.parts[0], other))
    if a.kind == "spread" and np.broadcast_shapes(a.parts[0].shape, other) == np.broadcast_shapes(a.shape, other):
        return a.parts[0]
    return a


def _factors(a: Expression) -> tuple[int, Any, Any, list[Expression], list[Expression]]:
    """Sign, coefficient above and below the line, factors above and below it."""
    if a.kind == "sum" and len(a.parts) == 1:
        sign, *rest = _factors(a.parts[0])
        return (-sign, *rest)
    if a.kind == "number" and isinstance(a.value, (int, float)) and not isinstance(a.value, bool):
        return 1, a.value, 1, [], []
    if a.kind == "product":
        over, under, count = a.value
        return 1, over, under, list(a.parts[:count]), list(a.parts[count:])
    return 1, 1, 1, [a], []


def _merged(factors: list[Expression]) -> list[Expression]:
    """Neighbours that are equal as one power."""
    merged: list[Expression] = []
    for factor in factors:
        base, exponent = _base(factor)
        if merged:
            last, before = _base(merged[-1])
            if last == base:
                merged[-1] = power(base, number(before + exponent))
                continue
        merged.append(factor)
    return merged


def power(a: Expression, b: Expression) -> Expression:
    """a ** b."""
    if _is(b, 1):
        return a
    return Expression("power", (a, b), None, _shape(a, b))


# --- matrices and the rest --------------------------------------------------------------------------------------


def matmul(a: Expression, b: Expression, shape: Shape) -> Expression:
    """The matrix product; signs come out of it."""
    for first, second, negated in ((a, b, a), (a, b, b)):
        if negated.kind == "sum" and len(negated.parts) == 1:
            inner = negated.parts[0]
            return negative(matmul(inner, second, shape) if negated is a else matmul(first, inner, shape))
    return Expression("matmul", (a, b), None, shape)


def transposed(a: Expression, shape: Shape) -> Expression:
    """The transpose of a matrix, or of each of a stack; of a transpose, and of a vector, the thing itself."""
    if len(a.shape) < 2:
        return a
    if a.kind == "transpose":
        return a.parts[0]
    return Expression("transpose", (a,), None, shape)


def spread(a: Expression, shape: Shape) -> Expression:
    """`a` repeated to a shape."""
    while (a.kind == "spread" or _adds_axes(a)) and _fits(a.parts[0].shape, shape):
        a = a.parts[0]
    if a.shape == shape:
        return a
    if a.kind == "sum" and len(a.parts) == 1:
        return negative(spread(a.parts[0], shape))
    return Expression("spread", (a,), None, shape)


def _fits(small: Shape, large: Shape) -> bool:
    """Whether broadcasting alone takes one shape to the other."""
    return len(small) <= len(large) and all(a in (1, b) for a, b in zip(small[::-1], large[::-1], strict=False))


def _adds_axes(a: Expression) -> bool:
    """Whether it is a reshape that only puts axes of length 1 in front, as broadcasting does too."""
    if a.kind != "call" or a.value[1] not in ("reshape", "expand_dims"):
        return False
    before = a.parts[0].shape
    return a.shape == (1,) * (len(a.shape) - len(before)) + before


def call(head: str, function: str, static: str, parts: tuple[Expression, ...], shape: Shape) -> Expression:
    """A function of its parts, with static arguments as text."""
    if function == "reshape" and parts[0].kind == "call" and parts[0].value[1] == "sum":
        inner = parts[0]
        if _keeps_dims(inner, shape):
            return Expression("call", inner.parts, ("sum", "sum", f"{inner.value[2]}, keepdims=True"), shape)
    again = function == "reshape" and parts[0].kind == "call" and parts[0].value[1] == "reshape"
    if again and "order" not in static + parts[0].value[2]:  # of two in a row the last decides
        return call(head, function, static, parts[0].parts, shape)
    if function == "reshape" and parts[0].shape == shape:
        return parts[0]
    if function == "reshape" and np.prod(shape, dtype=int) == 1 and _fits(parts[0].shape, shape):
        return spread(parts[0], shape)
    return Expression("call", parts, (head, function, static), shape)


def _keeps_dims(inner: Expression, shape: Shape) -> bool:
    whole, axes = inner.parts[0].shape, re.findall(r"\d+", inner.value[2])
    kept = tuple(1 if str(axis) in axes else n for axis, n in enumerate(whole))
    return inner.value[2].startswith("axis=") and "keepdims" not in inner.value[2] and kept == shape


# --- from a row's printed form -----------------------------------------------------------------------------------

_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&",
    ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip
_CONSTANTS = {"pi": Expression("constant", (), ("π", r"\pi", "np.pi"))}
_SHAPED = {"{}ᵀ": "transpose", "|{}|": "magnitude", "‖{}‖": "norm"}
_NUMPY_NAMES = {"ln": "log", "max": "maximum", "min": "minimum"}


def written(
    operation: str, prints: str, parts: tuple[Expression, ...], static: dict[str, str], shape: Shape
) -> Expression:
    """An operation on `parts`, in the form that its row prints."""
    given = ", ".join(f"{key}={value}" for key, value in static.items())
    if operation == "broadcast_to":
        return spread(parts[0], shape)
    whole = parts[0].parts[0] if parts and parts[0].kind == "spread" else parts[0] if parts else ONE
    if operation in ("getitem", "astype") and whole.kind == "number":
        return spread(whole, shape)
    if operation == "getitem":
        index = static.get("index", "")
        if index.startswith("(") and index.endswith(")"):
            index = index[1:-1].rstrip(",")
        return Expression("index", parts, index, shape)
    if operation == "swapaxes" and set(static.values()) == {"-1", "-2"}:
        return transposed(parts[0], shape)
    if operation == "transpose" and len(shape) > 2:
        return call(operation, operation, given, parts, shape)
    template = _template(prints)
    if template is None or (given and template[0] in ("transpose", "norm")):
        return call(operation, operation, given, parts, shape)
    if template[0] == "call":
        return call(template[1], operation, given, parts, shape)
    if template[0] == "transpose":
        return transposed(parts[0], shape)
    if template[0] in ("magnitude", "norm"):
        return Expression(template[0], parts, None, shape)
    if template[0] == "infix":
        return Expression("infix", parts, (template[1], operation), shape)
    if template[0] == "text":
        words, holes = template[1]
        return Expression("text", tuple(parts[hole] for hole in holes), (tuple(words), operation), shape)
    # Elementwise signs are for elementwise functions: the star of a convolution is another.
    if len(parts) > 1 and operation != "matmul" and not isinstance(getattr(np, operation, None), np.ufunc):
        return call(operation, operation, given, parts, shape)
    return _filled(template[1], parts, shape)


@cache
def _template(prints: str) -> tuple[str, Any] | None:
    """A printed form, read: its kind and what belongs to it; None if there is none."""
    if not prints:
        return None
    if prints in _SHAPED:
        return _SHAPED[prints], None
    simple = re.fullmatch(r"([^\s(){}]+)\(\{\}(?:, \{\})*\)", prints)
    if simple:
        return "call", simple[1]
    infix = re.fullmatch(r"\{\} (\S+) \{\}", prints)
    if infix and infix[1] not in ("+", "-", "*", "/", "**", "@"):
        return "infix", infix[1]
    words, holes = _split(prints)
    code = words[0] + "".join(f"_{hole}{word}" for hole, word in zip(holes, words[1:], strict=True))
    try:
        tree = ast.parse(code, mode="eval").body
        _filled(tree, (ONE,) * (max(holes) + 1), ())
    except (SyntaxError, KeyError, ValueError):
        return "text", (words, holes)
    return "tree", tree


def _split(prints: str) -> tuple[list[str], list[int]]:
    """The words of a printed form, and which input stands between each two of them."""
    pieces = re.split(r"\{(\d*)\}", prints)
    holes = [int(hole) if hole else position for position, hole in enumerate(pieces[1::2])]
    return pieces[::2], holes


def _filled(tree: ast.AST, parts: tuple[Expression, ...], shape: Shape) -> Expression:
    if isinstance(tree, ast.Name):
        return parts[int(tree.id[1:])] if tree.id.startswith("_") else _CONSTANTS[tree.id]
    if isinstance(tree, ast.Constant):
        return number(tree.value)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        inner = _filled(tree.operand, parts, shape)
        return negative(inner) if isinstance(tree.op, ast.USub) else inner
    if isinstance(tree, ast.UnaryOp):
        sign = "not" if isinstance(tree.op, ast.Not) else "~"
        return call(sign, sign, "", (_filled(tree.operand, parts, shape),), shape)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        inside = tuple(_filled(argument, parts, shape) for argument in tree.args)
        return call(tree.func.id, _NUMPY_NAMES.get(tree.func.id, tree.func.id), "", inside, _shape(*inside))
    if isinstance(tree, ast.BinOp):
        a, b = _filled(tree.left, parts, shape), _filled(tree.right, parts, shape)
        sign = _OPERATORS[type(tree.op)]
        if sign == "@":
            return matmul(a, b, shape)
        return {"+": add, "-": minus, "*": multiply, "/": divide, "**": power}[sign](a, b)
    raise ValueError(f"a printed form with {ast.dump(tree)}")
