"""Elementwise rules: arithmetic, powers and roots, the larger of two, absolute value.

Those of a holomorphic function hold for complex numbers as they stand: `Primitive.rule_for` adds the conjugates.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.rules.table import elementwise, holomorphic, numbers_of, rule, unchanged

# --- arithmetic ----------------------------------------------------------------------------------------------

rule(np.add, unchanged, unchanged, prints="{} + {}", sample=elementwise("real", "real"))
rule(np.subtract, unchanged, lambda g, y, a, b: -g, prints="{} - {}", sample=elementwise("real", "real"))
holomorphic(
    np.multiply,
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a,
    prints="{} * {}",
    sample=elementwise("real", "real"),
)
holomorphic(
    np.true_divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * y / b,
    prints="{} / {}",
    sample=elementwise("real", "nonzero"),
)
rule(np.negative, lambda g, y, x: -g, prints="-{}", sample=elementwise("real"))
rule(np.positive, lambda g, y, x: g, prints="+{}", sample=elementwise("real"))
holomorphic(np.reciprocal, lambda g, y, x: -g * (y * y), prints="1 / {}", sample=elementwise("nonzero"))
rule(np.rad2deg, lambda g, y, x: g * (180.0 / math.pi), prints="180 / pi * {}", sample=elementwise("real"))
rule(np.degrees, lambda g, y, x: g * (180.0 / math.pi), prints="180 / pi * {}", sample=elementwise("real"))
rule(np.deg2rad, lambda g, y, x: g * (math.pi / 180.0), prints="pi / 180 * {}", sample=elementwise("real"))
rule(np.radians, lambda g, y, x: g * (math.pi / 180.0), prints="pi / 180 * {}", sample=elementwise("real"))

# --- division with a remainder: a = floor(a / b) * b + remainder, and the quotient is constant between its jumps

rule(
    np.floor_divide,
    lambda g, y, a, b: np.zeros_like(g),
    lambda g, y, a, b: np.zeros_like(g),
    prints="floor({} / {})",
    sample=elementwise("away", "above one"),
)
rule(
    np.remainder,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * np.floor_divide(a, b),
    prints="{} mod {}",
    sample=elementwise("away", "above one"),
)
rule(
    np.fmod,
    lambda g, y, a, b: g,
    # a - y is a multiple of b: rint only removes the rounding error, trunc(a / b) could be one off
    lambda g, y, a, b: -g * np.rint((a - y) / b),
    prints="fmod({}, {})",
    sample=elementwise("away", "above one"),
)

# --- powers and roots ----------------------------------------------------------------------------------------


def power_base(g: Any, y: Any, a: Any, b: Any) -> Any:
    """b * a ** (b - 1), right at a = 0 to every order: the exponent of a vanished factor must not go below 0."""
    kind = b.__class__
    if kind is int or kind is float:
        if b == 2:
            return g * (a + a)
        if b == 1:
            return g
        if b == 0:
            return np.zeros_like(g)
        return g * (b * a ** (b - 1))
    if hasattr(b, "dtype") and b.dtype.kind in "biu":  # NumPy subtracts nothing from a bool; an unsigned 0 - 1 is 255
        b = numbers_of(b).astype(y.dtype)
    lowered = b - 1
    vanished = (numbers_of(a) == 0) & (numbers_of(b) == 0)
    if vanished.any():
        lowered = np.where(vanished, 1, lowered)
    return g * (b * a**lowered)


def power_exponent(g: Any, y: Any, a: Any, b: Any) -> Any:
    """a ** b * log(a); 0 ** b is constantly 0 for b > 0, where log(0) is kept out."""
    if not hasattr(a, "dtype"):  # a number of Python's, which may be True
        a = np.asarray(a, y.dtype)
    elif a.dtype != y.dtype:  # the logarithm of a half or a small integer would be a half
        a = a.astype(y.dtype)
    zero = (numbers_of(a) == 0) & (np.real(numbers_of(b)) >= 0)
    if zero.any():
        a = np.where(zero, 1, a)
    return g * (y * np.log(a))


holomorphic(np.power, power_base, power_exponent, prints="{} ** {}", sample=elementwise("positive", "real"))
holomorphic(np.float_power, power_base, power_exponent, prints="{} ** {}", sample=elementwise("positive", "real"))
holomorphic(np.square, lambda g, y, x: g * (x + x), prints="{} ** 2", sample=elementwise("real"))
holomorphic(np.sqrt, lambda g, y, x: 0.5 * g / y, prints="sqrt({})", sample=elementwise("positive"))
rule(np.cbrt, lambda g, y, x: g / (3.0 * (y * y)), prints="cbrt({})", sample=elementwise("nonzero"))


def _hypot_slope(x: Any, y: Any) -> Any:
    """x / y, and 0 to every order where both sides of the triangle are 0."""
    zero = numbers_of(y) == 0
    if zero.any():
        x, y = np.where(zero, 0, x), np.where(zero, 1, y)
    return x / y


rule(
    np.hypot,
    lambda g, y, a, b: g * _hypot_slope(a, y),
    lambda g, y, a, b: g * _hypot_slope(b, y),
    prints="hypot({}, {})",
    sample=elementwise("nonzero", "real"),
)

# --- absolute value ------------------------------------------------------------------------------------------

rule(np.absolute, lambda g, y, x: g * np.sign(x), prints="|{}|", sample=elementwise("nonzero"))
rule(np.fabs, lambda g, y, x: g * np.sign(x), prints="|{}|", sample=elementwise("nonzero"))

# --- the larger and the smaller of two: equal ones share equally -----------------------------------------------


def _taken(g: Any, y: Any, a: Any, b: Any) -> Any:
    """What of `g` goes to `a`, when `y` is one of `a` and `b`: all, nothing, or half where they are equal."""
    a, b, y = numbers_of(a), numbers_of(b), numbers_of(y)
    kind = b.__class__
    if (kind is int or kind is float) and b == b and not np.count_nonzero(np.equal(a, b)):
        from_a = np.not_equal(y, b)  # and where the result is NaN, it is so because of `a`
        if g.__class__ is not np.ndarray:
            return g * from_a
        r = from_a.astype(g.dtype)  # and on from there in place: a product of floats and booleans takes longer
        r *= g
        return r
    from_a, from_b = np.equal(a, y), np.equal(b, y)
    if np.count_nonzero(from_a) + np.count_nonzero(from_b) == y.size:
        return g * from_a
    nan = np.not_equal(y, y)  # then the result is the operand that is NaN itself
    from_a, from_b = from_a | (nan & np.not_equal(a, a)), from_b | (nan & np.not_equal(b, b))
    return g * np.where(from_a & from_b, 0.5, from_a).astype(y.real.dtype)


for _function in (np.maximum, np.minimum, np.fmax, np.fmin):
    rule(
        _function,
        _taken,
        lambda g, y, a, b: _taken(g, y, b, a),
        prints=_function.__name__.replace("imum", "") + "({}, {})",
        sample=elementwise("distinct", "distinct"),
    )
