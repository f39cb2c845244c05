"""Elementwise rules: rounding and signs, taking numbers apart, choosing by a condition, bounds.

Between their jumps these functions are constant or linear; the derivative is that of the piece.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import InPlaceError, OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.reductions import masked
from autograd_lite.rules.table import ZERO, Input, call, composed, conj, elementwise, numbers_of, real, rule

_AWAY = elementwise("away")
_function: Any


# --- constant between jumps ------------------------------------------------------------------------------------


def _real_direction(x: Any) -> Any:
    return np.sign(x.real)


def _complex_direction(x: Any) -> Any:
    return np.sign(x)


def _turn(g: Any, y: Any, x: Any) -> Any:
    """The sign x / |x| of a complex number turns with x: only a step at right angles to x moves it."""
    zero = numbers_of(x) == 0
    size = np.absolute(np.where(zero, 1.0, x))
    return np.where(zero, 0.0, (g - np.real(g * conj(y)) * y) / size)


_real_sign = rule(
    _real_direction,
    lambda g, y, x: np.zeros_like(g),
    name="sign",
    prints="sign({})",
    sample=elementwise("nonzero"),
)
_complex_sign = rule(
    _complex_direction,
    _turn,
    name="sign",
    prints="sign({})",
    sample=elementwise("complex"),
)


@composed(np.sign, sample=[call(Input((3, 4), "nonzero")), call(Input((3, 4), "complex"))])
def _sign(x: Any) -> Any:
    return (_complex_sign if x.dtype.kind == "c" else _real_sign)(x)


for _function in (np.floor, np.ceil, np.rint, np.trunc):
    rule(
        _function,
        lambda g, y, x: np.zeros_like(g),
        prints=_function.__name__ + "({})",
        sample=_AWAY,
    )
for _function in (np.round, np.around):
    rule(
        _function,
        lambda g, y, x, decimals=0, out=None: np.zeros_like(g),
        prints="round({})",
        sample=[call(Input((3, 4), "away")), call(Input((3,), "away"), 0), call(Input((3,), "away"), decimals=-1)],
    )
rule(
    np.heaviside,
    lambda g, y, x, at_zero: np.zeros_like(g),
    lambda g, y, x, at_zero: g * (numbers_of(x) == 0),
    prints="heaviside({}, {})",
    sample=[elementwise("nonzero", "real"), call(np.array([-1.0, 0.0, 2.0]), real(3))],
)
# The distance to the next number is constant between powers of two, and stepping to the next number adds it.
rule(np.spacing, lambda g, y, x: np.zeros_like(g), prints="spacing({})", sample=elementwise("positive"))
rule(
    np.nextafter,
    lambda g, y, a, b: g,
    lambda g, y, a, b: np.zeros_like(g),
    prints="nextafter({}, {})",
    sample=elementwise("distinct", "distinct"),
)


@composed(np.fix, sample=[call(Input((3, 4), "away"))])
def _fix(x: Any, out: Any = None) -> Any:
    return np.trunc(x) if out is None else np.trunc(x, out=out)


# --- numbers taken apart and put together ------------------------------------------------------------------------

rule(
    np.copysign,
    lambda g, y, a, b: g * (np.sign(a) * np.sign(y)),
    lambda g, y, a, b: np.zeros_like(g),
    prints="copysign({}, {})",
    sample=elementwise("nonzero", "nonzero"),
)


rule(
    np.ldexp,
    lambda g, y, x, exponent: np.ldexp(g, exponent),
    None,
    prints="{} * 2 ** {}",
    sample=[call(real(3, 4), np.array([-1, 0, 2, 3])), call(real(3), 2)],
)
_mantissa = rule(
    lambda x: np.frexp(x)[0],
    lambda g, y, x: np.ldexp(g, -np.frexp(numbers_of(x))[1]),
    name="mantissa",
    prints="mantissa({})",
    sample=elementwise("positive"),
)
_fraction = rule(
    lambda x: np.modf(x)[0],
    lambda g, y, x: g,
    name="fraction",
    prints="fraction({})",
    sample=_AWAY,
)


@composed(np.frexp, sample=[call(Input((3, 4), "positive")), call(Input((), "positive"))])
def _frexp(x: Any) -> Any:
    return _mantissa(x), np.frexp(numbers_of(x))[1]


@composed(np.modf, sample=[call(Input((3, 4), "away"))])
def _modf(x: Any) -> Any:
    return _fraction(x), np.trunc(x)


@composed(np.divmod, sample=[call(Input((3, 4), "away"), Input((4,), "above one"))])
def _divmod(a: Any, b: Any) -> Any:
    return np.floor_divide(a, b), np.remainder(a, b)


# --- choosing by a condition -------------------------------------------------------------------------------------


_BOOLEAN = np.dtype(bool)
#: the integer as wide as each floating dtype
_BITS = {np.dtype(f"f{width}"): np.dtype(f"i{width}") for width in (2, 4, 8)}


def _as_bits(mask: Any, x: Any) -> bool:
    """Whether `x` may be multiplied by `mask` as integers, and is large enough to gain from it.

    An integer times 1 or 0 is itself or 0, whereas infinity or NaN times 0 is NaN: that makes it np.where to the bit,
    at a fraction of the time, since np.where branches on every element.
    """
    return (
        x.__class__ is np.ndarray
        and x.size >= 256
        and x.dtype in _BITS
        and mask.__class__ is np.ndarray
        and mask.dtype == _BOOLEAN
        and mask.shape == x.shape
    )


def _by_bits(mask: Any, x: Any) -> Any:
    bits = mask.astype(_BITS[x.dtype])  # first, for a product of two dtypes takes longer
    bits *= x.view(bits.dtype)
    return bits.view(x.dtype)


def _inside(mask: Any, x: Any) -> Any:
    """`x` where `mask` holds, elsewhere 0."""
    if _as_bits(mask, x):
        return _by_bits(mask, x)
    return np.where(mask, x, 0)


def _outside(mask: Any, x: Any) -> Any:
    """0 where `mask` holds, elsewhere `x`."""
    if _as_bits(mask, x):
        return _by_bits(~mask, x)
    return np.where(mask, 0, x)


def _is_zero(number: Any) -> bool:
    """Whether it is Python's 0 or 0.0, which take the other operand's dtype; -0.0 has a bit of its own."""
    return number.__class__ in (int, float) and number == 0 and math.copysign(1.0, number) == 1.0


def _pick(condition: Any, a: Any, b: Any) -> Any:
    if _is_zero(a) and _as_bits(condition, b):
        return _outside(condition, b)
    if _is_zero(b) and _as_bits(condition, a):
        return _inside(condition, a)
    return np.where(condition, a, b)


#: NumPy's where with three arguments
choice = rule(
    _pick,
    None,
    lambda g, y, condition, a, b: _inside(condition, g),
    lambda g, y, condition, a, b: _outside(condition, g),
    name="where",
    prints="where({}, {}, {})",
    sample=[
        call(Input((3, 4), "boolean"), real(3, 4), real(3, 4)),
        call(Input((3, 1), "boolean"), real(4), real(3, 4)),
        call(Input((4,), "boolean"), real(3, 4), 0.0),
    ],
)


def _relu(x: Any) -> Any:
    return np.maximum(x, ZERO.get(x.dtype, 0))


def _relu_rule(g: Any, y: Any, x: Any) -> Any:
    y = y if y.__class__ is np.ndarray else numbers_of(y)
    passed = np.not_equal(y, ZERO.get(y.dtype, 0))  # y is at least 0, or NaN
    if g.__class__ is not np.ndarray:
        return masked(g, mask=passed)
    return _by_bits(passed, g) if g.size >= 256 and g.dtype in _BITS else np.where(passed, g, 0)


#: the rectified linear unit max(x, 0), with derivative 0 at 0, where `np.maximum` shares
relu: Primitive = rule(
    _relu,
    _relu_rule,
    name="relu",
    prints="relu({})",
    sample=[elementwise("nonzero"), call(Input((64, 40), "nonzero"))],
)


@composed(
    np.where,
    sample=[
        call(Input((3, 4), "boolean"), real(3, 4), real(4)),
        call(Input((4,), "boolean"), 1.0, real(3, 4)),
        call(np.array([True, False]), real(2), real(2)),
    ],
)
def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) == 1:
        raise OperandError(
            f"where: a condition of shape {np.shape(condition)} and one choice; give both, np.where(condition, a, b)"
        )
    return choice(condition, *choices) if choices else np.nonzero(numbers_of(condition))


@composed(
    np.clip,
    sample=[
        call(real(3, 4), -0.5, 0.75),
        call(real(3, 4), None, 0.75),
        call(real(3, 4), -0.5, None),
        call(real(3, 4), a_min=-0.5, a_max=real(4)),
        call(real(3, 4), real(3, 1), 1.5),
    ],
)
def _clip(
    a: Any,
    a_min: Any = np._NoValue,
    a_max: Any = np._NoValue,
    out: Any = None,
    *,
    min: Any = np._NoValue,  # NumPy's names
    max: Any = np._NoValue,
    **forms: Any,
) -> Any:
    """As NumPy defines it, the smaller of the upper bound and the larger of the lower one: ties share."""
    lower, upper = (min, max) if a_min is np._NoValue and a_max is np._NoValue else (a_min, a_max)
    lower = None if lower is np._NoValue else lower
    upper = None if upper is np._NoValue else upper
    if out is not None:
        forms["out"] = out
    if upper is None:
        return np.positive(a, **forms) if lower is None else np.maximum(a, lower, **forms)
    if lower is None:
        return np.minimum(a, upper, **forms)
    return np.minimum(np.maximum(a, lower), upper, **forms)


@composed(np.nan_to_num, sample=[call(real(3, 4)), call(real(3), True, 1.0, posinf=2.0), call(Input((3,), "complex"))])
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        raise InPlaceError("nan_to_num: copy=False would write into the graph; leave it out, and use the result")
    numbers = numbers_of(x)
    if numbers.dtype.kind == "c":
        parts = [np.nan_to_num(part, nan=nan, posinf=posinf, neginf=neginf) for part in (np.real(x), np.imag(x))]
        return parts[0] + 1j * parts[1]
    return np.where(np.isfinite(numbers), x, np.nan_to_num(numbers, nan=nan, posinf=posinf, neginf=neginf))
