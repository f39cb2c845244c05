"""Expressions as a person would write them: simplified while they are built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.show.places import Indexing, all_differ, once_along

__all__ = [
    "ONE", "Expression", "add", "call", "divide", "gradient_of", "indexed", "matmul", "minus", "multiply", "named",
    "negative", "number", "power", "simplified", "spelled_out", "spread", "transposed", "word",
]  # fmt: skip

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression: its kind, its parts, and what the kind needs beside them.

    Kinds: "name" (value: the name), "word" (value: a description), "constant" (value: its spellings), "number",
    "sum" (value: the signs), "gradient" (value: by what, and of what), "product" (value: coefficient above and below
    the line, number of parts above it), "matmul", "power", "transpose", "spread" (ones of its shape, times its part),
    "infix" (value: the sign, NumPy's name), "call" (value: printed name, NumPy's name, static arguments), "text"
    (value: the words between the parts, NumPy's name), "index" (value: the index as text), "magnitude", "norm".
    """

    kind: str
    parts: tuple[Expression, ...] = ()
    value: Any = None
    shape: Shape = ()

    @property
    def weight(self) -> int:
        """How much there is to read."""
        return 1 + sum(part.weight for part in self.parts)

    @property
    def names(self) -> list[str]:
        """The variables in it, from left to right."""
        if self.kind == "name":
            return [self.value]
        return list(dict.fromkeys(name for part in self.parts for name in part.names))

    @property
    def words(self) -> set[str]:
        """The functions and descriptions in it."""
        own = {self.value} if self.kind == "word" else {self.value[1]} if self.kind == "call" else set()
        return own.union(*[part.words for part in self.parts])


def named(name: str, shape: Shape) -> Expression:
    """A variable."""
    return Expression("name", (), name, shape)


def word(text: str, shape: Shape) -> Expression:
    """An array that has no name, only a description."""
    return Expression("word", (), text, shape)


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
        if part.kind == "spread" or _adds_axes(part):
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
        if factor.kind == "sum" and factor.value == (1, -1) and not _is_rest(factor, factors):
            factors[i] = negative(factor)
            return True
    return False


def _is_rest(difference: Expression, factors: list[Expression]) -> bool:
    """Whether it is the 1 - v of v * (1 - v), which everybody recognizes as it is."""
    one, v = difference.parts
    return one == ONE and any(_base(factor)[0] == v for factor in factors)


def _terms(a: Expression) -> list[tuple[int, Expression]]:
    if a.kind != "sum":
        return [(1, a)]
    found = []
    for sign, part in zip(a.value, a.parts, strict=True):
        found += [(sign * inner, term) for inner, term in _terms(part)]
    return found


def _sum(terms: list[tuple[int, Expression]]) -> Expression:
    terms = _collected(terms)
    if len(terms) == 1:
        return negative(terms[0][1]) if terms[0][0] < 0 else terms[0][1]
    if [sign for sign, _ in terms] == [1, -1] and terms[1][1] == power(terms[0][1], number(2)):
        v = terms[0][1]
        return multiply(v, minus(ONE, v))
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
        if not others and not inner.shape:  # a number, repeated: the repetition stays outside
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

    Wherever a variable v was defined as 1 / D with D = 1 + e, v stands for 1 / D and 1 - v for v * e; without such
    a variable, sigma(x) stands for 1 / (1 + exp(-x)).
    """
    parts = tuple(simplified(part, reciprocals) for part in a.parts)
    if parts != a.parts:
        a = Expression(a.kind, parts, a.value, a.shape)
    if a.kind == "sum" and len(a.parts) > 1:
        factored = _factored(a) if a.value in ((1, 1), (1, -1)) else a
        return factored if factored is not a else _over_one_number(a)
    if a.kind != "product":
        return a
    over, under, count = a.value
    above, below = list(a.parts[:count]), []
    for factor in a.parts[count:]:
        base, exponent = _base(factor)
        if base in reciprocals:
            above.append(power(reciprocals[base], number(exponent)))
        elif _is_one_and_exp(base) and base.parts[1] not in above:
            x = negative(base.parts[1].parts[0])
            above.append(power(call("σ", "sigmoid", "", (x,), base.shape), number(exponent)))
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
    above, below = _cancelled(above, below, a.shape)
    made = Expression("number", (), over)
    for factor in above:
        made = multiply(made, factor)
    for factor in below:
        made = divide(made, factor)
    return divide(made, number(under)) if under != 1 else made


def _cancelled(
    above: list[Expression], below: list[Expression], shape: Shape
) -> tuple[list[Expression], list[Expression]]:
    """Without factors that stand both above and below the line, where the shape stays what it is."""
    for factor in below:
        base, exponent = _base(factor)
        for i, other in enumerate(above):
            other_base, other_exponent = _base(other)
            if other_base != base:
                continue
            left = other_exponent - exponent
            high = [*above[:i], *([power(base, number(left))] if left > 0 else []), *above[i + 1 :]]
            low = [power(base, number(-left)) if each is factor and left < 0 else each for each in below]
            low = [each for each in low if each is not factor]
            if (high or low) and _shape(*high, *low) == shape:
                return _cancelled(high, low, shape)
    return above, below


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


def _over_one_number(a: Expression) -> Expression:
    """(a - b) / n for a / n - b / n."""
    split = [_factors(part) for part in a.parts]
    over, under = split[0][1:3]
    if under == 1 or any(scale != [over, under] or below or not above for _, *scale, above, below in split):
        return a
    terms = [
        (sign * inner, _quotient(1, 1, above, [])) for sign, (inner, _, _, above, _) in zip(a.value, split, strict=True)
    ]
    return divide(multiply(number(over), _sum(terms)), number(under))


def _is_one_and_exp(a: Expression) -> bool:
    """Whether it is 1 + exp(x)."""
    if a.kind != "sum" or a.value != (1, 1) or a.parts[0] != ONE:
        return False
    return a.parts[1].kind == "call" and a.parts[1].value[1] == "exp"


def _base(factor: Expression) -> tuple[Expression, int]:
    """A factor as a base and a whole exponent."""
    if factor.kind == "power" and factor.parts[1].kind == "number" and isinstance(factor.parts[1].value, int):
        return factor.parts[0], factor.parts[1].value
    return factor, 1


def _slim(a: Expression, other: Shape) -> Expression:
    """`a` without a repetition that broadcasting against `other` does anyway."""
    if a.kind == "sum" and len(a.parts) == 1:
        return negative(_slim(a.parts[0], other))
    repeats = a.kind == "spread" or _adds_axes(a)
    if repeats and np.broadcast_shapes(a.parts[0].shape, other) == np.broadcast_shapes(a.shape, other):
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
    """Factors that are equal as one power."""
    exponents: dict[Expression, int] = {}
    for factor in factors:
        base, exponent = _base(factor)
        exponents[base] = exponents.get(base, 0) + exponent
    return [power(base, number(exponent)) for base, exponent in exponents.items()]


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
    for identical, other in ((a, b), (b, a)):
        if identical.kind == "constant" and identical.value[0] == "I" and other.shape == shape:
            return other
    for scaled in (a, b):
        over, under, rest = _scale(scaled)
        if (over, under) != (1, 1):
            inner = matmul(rest, b, shape) if scaled is a else matmul(a, rest, shape)
            return divide(multiply(number(over), inner), number(under))
    return Expression("matmul", (a, b), None, shape)


def _scale(a: Expression) -> tuple[Any, Any, Expression]:
    """The numbers of a product, above and below the line, and what is left without them."""
    if a.kind != "product" or len(a.parts) == 0:
        return 1, 1, a
    over, under, count = a.value
    rest = _quotient(1, 1, list(a.parts[:count]), list(a.parts[count:]))
    return (over, under, rest) if rest.shape == a.shape and count else (1, 1, a)


def transposed(a: Expression, shape: Shape) -> Expression:
    """The transpose of a matrix, or of each of a stack; of a transpose, and of a vector, the thing itself."""
    if len(a.shape) < 2:
        return a
    if a.kind == "transpose":
        return a.parts[0]
    if a.kind == "sum" and len(a.parts) == 1:
        return negative(transposed(a.parts[0], shape))
    over, under, rest = _scale(a)
    if (over, under) != (1, 1):
        return divide(multiply(number(over), transposed(rest, shape)), number(under))
    if a.kind == "matmul" and all(len(part.shape) == len(shape) for part in a.parts):
        first, second = (transposed(part, (*part.shape[:-2], *part.shape[:-3:-1])) for part in a.parts)
        return matmul(second, first, shape)
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


#: functions that a sign, and a repetition of one number, may be taken out of
_LINEAR = frozenset(["sum", "mean", "reshape", "transpose", "squeeze", "expand_dims", "scatter", "cumsum", "trace"])
_MOVING = frozenset(["reshape", "squeeze", "expand_dims", "ravel", "transpose", "swapaxes", "flip"])


def call(head: str, function: str, static: str, parts: tuple[Expression, ...], shape: Shape) -> Expression:
    """A function of its parts, with static arguments as text."""
    first = parts[0] if parts else ONE
    if function in _LINEAR and first.kind == "sum" and len(first.parts) == 1:
        return negative(call(head, function, static, (first.parts[0], *parts[1:]), shape))
    if function in _MOVING and first.kind == "spread" and first.parts[0].shape == ():
        return spread(first.parts[0], shape)
    if function == "exp":
        if _is(first, 0):
            return spread(ONE, shape)
        if _is_logarithm(first):
            return first.parts[0]
        if first.kind == "call" and first.value[1] == "log_softmax":
            return Expression("call", first.parts, ("softmax", "softmax", first.value[2]), shape)
        if first.kind == "sum" and first.value == (-1,) and _is_logarithm(first.parts[0]):
            return divide(ONE, first.parts[0].parts[0])
    if function == "sum" and first.kind == "call" and first.value[1] == "scatter":
        axis = re.fullmatch(r"axis=(-?\d+)(, keepdims=True)?", static)
        if axis and once_along(int(axis[1]), first.value[2].picks, first.shape):
            left = int(axis[1]) % len(first.shape)
            arrived = spread(first.parts[0], (*first.shape[:left], *first.shape[left + 1 :]))
            return call("reshape", "reshape", f"shape={shape}", (arrived,), shape) if axis[2] else arrived
    repeated = first.kind == "spread" and first.parts[0].kind == "number"
    if function == "set_diagonal" and repeated and static == f"shape={shape}" and shape[1:] == shape[:1]:
        return multiply(first.parts[0], identity(shape[0]))
    if function == "where" and len(parts) == 3:
        parts = (parts[0], *[_slim(part, parts[0].shape) for part in parts[1:]])
    if function == "reshape":
        if _keeps_dims(first, shape):
            return _reduced(first, f"{first.value[2]}, keepdims=True", shape)
        if _drops_dims(first, shape):
            return _reduced(first, first.value[2].removesuffix(", keepdims=True"), shape)
        if first.kind == "product" and all(part.shape == () or _keeps_dims(part, shape) for part in first.parts):
            over, under, count = first.value
            made = [part if part.shape == () else call(head, function, static, (part,), shape) for part in first.parts]
            return _quotient(over, under, made[:count], made[count:])
    if function == "scatter" and first.kind == "spread" and first.parts[0].shape == ():
        parts = (first.parts[0],)
    again = function == "reshape" and parts[0].kind == "call" and parts[0].value[1] == "reshape"
    if again and "order" not in static + parts[0].value[2]:  # of two in a row the last decides
        return call(head, function, static, parts[0].parts, shape)
    if function == "reshape" and parts[0].shape == shape:
        return parts[0]
    if function == "reshape" and np.prod(shape, dtype=int) == 1 and _fits(parts[0].shape, shape):
        return spread(parts[0], shape)
    return Expression("call", parts, (head, function, static), shape)


def _is_logarithm(a: Expression) -> bool:
    return a.kind == "call" and a.value[1] == "log" and not a.value[2]


def identity(n: int) -> Expression:
    """The identity matrix."""
    return Expression("constant", (), ("I", "I", f"np.eye({n})"), (n, n))


def spelled_out(e: Expression) -> Expression:
    """What NumPy does not have, sigmoid, relu, softmax and log_softmax, by what it has; anything else as it is."""
    if e.kind == "call" and e.value[1] == "sigmoid":
        return divide(ONE, add(ONE, call("exp", "exp", "", (negative(e.parts[0]),), e.shape)))
    if e.kind == "call" and e.value[1] == "relu":
        return call("max", "maximum", "", (e.parts[0], number(0)), e.shape)
    if e.kind != "call" or e.value[1] not in ("softmax", "log_softmax"):
        return e
    (x,), axes = e.parts, e.value[2]
    summed = {int(i) for i in re.findall(r"-?\d+", axes)}
    every, ndim = axes == "axis=None", len(x.shape)
    kept = tuple(1 if every or summed & {axis, axis - ndim} else length for axis, length in enumerate(x.shape))
    exps = call("exp", "exp", "", (x,), x.shape)
    total = call("sum", "sum", f"{axes}, keepdims=True", (exps,), kept)
    return divide(exps, total) if e.value[1] == "softmax" else minus(x, call("ln", "log", "", (total,), kept))


def indexed(a: Expression, index: Indexing, shape: Shape) -> Expression:
    """A part of an array; what was scattered to an index comes back from there, if no two met in one place."""
    if a.kind == "call" and a.value[1] == "scatter":
        there: Indexing = a.value[2]
        if there.picks_as(index) and all_differ(there.picks, a.shape):
            return spread(a.parts[0], shape)
    if a.kind == "spread" and a.parts[0].shape == ():
        return spread(a.parts[0], shape)
    if a.shape == () and not index.replace("...", "").replace("None", "").strip(", "):
        return spread(a, shape)
    return Expression("index", (a,), index, shape)


_REDUCTIONS = frozenset(["sum", "mean", "max", "min", "amax", "amin", "prod"])


def _is_reduction(a: Expression) -> bool:
    return a.kind == "call" and a.value[1] in _REDUCTIONS and a.value[2].startswith("axis=") and "(" not in a.value[2]


def _reduced(a: Expression, static: str, shape: Shape) -> Expression:
    return Expression("call", a.parts, (*a.value[:2], static), shape)


def _kept(a: Expression) -> Shape:
    """The shape that a reduction over one axis has with that axis kept."""
    whole = a.parts[0].shape
    axis = int(re.findall(r"-?\d+", a.value[2])[0]) % len(whole)
    return (*whole[:axis], 1, *whole[axis + 1 :])


def _keeps_dims(a: Expression, shape: Shape) -> bool:
    return _is_reduction(a) and "," not in a.value[2] and _kept(a) == shape


def _drops_dims(a: Expression, shape: Shape) -> bool:
    if not _is_reduction(a) or not a.value[2].endswith(", keepdims=True") or a.value[2].count(",") > 1:
        return False
    whole = a.parts[0].shape
    axis = int(re.findall(r"-?\d+", a.value[2])[0]) % len(whole)
    return shape == (*whole[:axis], *whole[axis + 1 :])
