"""Elementwise rules: exponentials and logarithms, trigonometric and hyperbolic functions, sinc and i0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.record import Primitive
from autograd_lite.rules.logistic import FEW, expit
from autograd_lite.rules.table import call, elementwise, holomorphic, numbers_of, real, rule

LN2 = math.log(2.0)
LN10 = math.log(10.0)

# --- exponentials and logarithms -------------------------------------------------------------------------------

holomorphic(np.exp, lambda g, y, x: g * y, prints="exp({})", sample=elementwise("real"))
holomorphic(np.exp2, lambda g, y, x: g * (y * LN2), prints="2 ** {}", sample=elementwise("real"))
# y + 1 would lose all digits of exp(x) where x is very negative
holomorphic(np.expm1, lambda g, y, x: g * np.exp(x), prints="exp({}) - 1", sample=elementwise("real"))
holomorphic(np.log, lambda g, y, x: g / x, prints="ln({})", sample=elementwise("positive"))
holomorphic(np.log2, lambda g, y, x: g / (x * LN2), prints="log2({})", sample=elementwise("positive"))
holomorphic(np.log10, lambda g, y, x: g / (x * LN10), prints="log10({})", sample=elementwise("positive"))
holomorphic(np.log1p, lambda g, y, x: g / (x + 1.0), prints="ln(1 + {})", sample=elementwise("unit"))


def _weight(x: Any, other: Any, logaddexp: Any, exp: Any) -> Any:
    """The share 1 / (1 + exp(other - x)) that x has in log(exp(x) + exp(other)); half, where both are one infinity.

    As exp(x - y) it would lose the digits that y has before the point.
    """
    same = np.isinf(numbers_of(x)) & np.equal(numbers_of(x), numbers_of(other))
    if same.any():
        x, other = np.where(same, 0.0, x), np.where(same, 0.0, other)
    if exp is np.exp and numbers_of(x) is x and numbers_of(other) is other:  # arrays, for which it costs less
        return expit.fn(x - other)
    return exp(-logaddexp(0.0, other - x))


def _logaddexp(a: Any, b: Any) -> Any:
    """NumPy's; of 0 and many numbers, which softplus is, by functions that take a tenth of its time."""
    if a.__class__ is float and a == 0 and b.__class__ is np.ndarray and b.size > FEW and b.dtype.char in "fd":
        return np.maximum(b, 0) + np.log1p(np.exp(-np.abs(b)))
    return np.logaddexp(a, b)


rule(
    np.logaddexp,
    lambda g, y, a, b: g * _weight(a, b, np.logaddexp, np.exp),
    lambda g, y, a, b: g * _weight(b, a, np.logaddexp, np.exp),
    fn=_logaddexp,
    prints="ln(exp({}) + exp({}))",
    sample=elementwise("real", "real"),
)
rule(
    np.logaddexp2,
    lambda g, y, a, b: g * _weight(a, b, np.logaddexp2, np.exp2),
    lambda g, y, a, b: g * _weight(b, a, np.logaddexp2, np.exp2),
    prints="log2(2 ** {} + 2 ** {})",
    sample=elementwise("real", "real"),
)

# --- trigonometric functions -----------------------------------------------------------------------------------

holomorphic(np.sin, lambda g, y, x: g * np.cos(x), prints="sin({})", sample=elementwise("real"))
holomorphic(np.cos, lambda g, y, x: -g * np.sin(x), prints="cos({})", sample=elementwise("real"))
holomorphic(np.tan, lambda g, y, x: g * (y * y + 1.0), prints="tan({})", sample=elementwise("unit"))
# Here `- -1.0` stands for `+ 1.0`, which would make 0 of the -0 that says on which side of a branch cut x is.


def _cofunction(x: Any) -> Any:
    """The square root of 1 - x²: the cosine of arcsin(x) and the sine of arccos(x)."""
    if x.dtype.kind == "c":
        return np.sqrt(-(x - 1.0) * (x - -1.0))
    return np.sqrt((1.0 - x) * (1.0 + x))


holomorphic(
    np.arcsin,
    lambda g, y, x: g / _cofunction(x),
    prints="arcsin({})",
    sample=elementwise("unit"),
)
holomorphic(
    np.arccos,
    lambda g, y, x: -g / _cofunction(x),
    prints="arccos({})",
    sample=elementwise("unit"),
)
holomorphic(np.arctan, lambda g, y, x: g / (x * x + 1.0), prints="arctan({})", sample=elementwise("real"))


def _by_square_of_radius(dtype: Any, x: Any, a: Any, b: Any) -> Any:
    """x / (a ** 2 + b ** 2) in `dtype`, and 0 at the origin, where an angle has no derivative."""
    # a small integer has no room for its own square
    x, a, b = [value if getattr(value, "dtype", dtype) == dtype else value.astype(dtype) for value in (x, a, b)]
    square = a * a + b * b
    if numbers_of(square).all():
        return x / square
    radius = np.hypot(a, b)  # whose square may vanish before it does
    radius = np.where(numbers_of(radius) == 0, 1.0, radius)
    return x / radius / radius


rule(
    np.arctan2,
    lambda g, y, a, b: g * _by_square_of_radius(g.dtype, b, a, b),
    lambda g, y, a, b: -g * _by_square_of_radius(g.dtype, a, a, b),
    prints="arctan2({}, {})",
    sample=elementwise("nonzero", "nonzero"),
)

# --- hyperbolic functions --------------------------------------------------------------------------------------

holomorphic(np.sinh, lambda g, y, x: g * np.cosh(x), prints="sinh({})", sample=elementwise("real"))
holomorphic(np.cosh, lambda g, y, x: g * np.sinh(x), prints="cosh({})", sample=elementwise("real"))
holomorphic(np.tanh, lambda g, y, x: g - g * (y * y), prints="tanh({})", sample=elementwise("real"))
holomorphic(np.arcsinh, lambda g, y, x: g / np.sqrt(x * x - -1.0), prints="arcsinh({})", sample=elementwise("real"))
holomorphic(
    np.arccosh,
    # two roots, because on complex numbers sqrt(x * x - 1) is the other branch where Re(x) < 0
    lambda g, y, x: g / (np.sqrt(x - 1.0) * np.sqrt(x - -1.0)),
    prints="arccosh({})",
    sample=elementwise("above one"),
)
holomorphic(np.arctanh, lambda g, y, x: g / ((1.0 - x) * (1.0 + x)), prints="arctanh({})", sample=elementwise("unit"))

# --- sinc and i0: each derivative is the next member of a family, exact at 0 where a quotient would be 0 / 0 -----


def _sinc_values(x: Any, order: int = 0) -> Any:
    """The derivative of `order` of sin(pi x) / (pi x).

    With t = pi x and S_n the n-th derivative of sin(t) / t: t S_n = sin(t + n pi / 2) - n S_(n-1), which loses
    digits where t is small against n; there the power series sum (-1)^k t^(2k-n) / ((2k+1) (2k-n)!). Its high
    powers need the range of double precision.
    """
    x = np.asarray(x)
    t = math.pi * x.astype(np.result_type(x.dtype, float))
    near = np.abs(t) < 1.0 + order
    small = np.where(near, t, 0.0)
    series = np.zeros_like(t)
    for k in range((order + 1) // 2, 20 + 2 * order):
        power = 2 * k - order
        series += (-1.0) ** k / ((2 * k + 1) * float(math.factorial(power))) * small**power
    large = np.where(near, 1.0, t)
    recurrence = np.sin(large) / large
    for n in range(1, order + 1):
        recurrence = (np.sin(large + n * (math.pi / 2)) - n * recurrence) / large
    return (np.where(near, series, recurrence) * math.pi**order).astype(np.result_type(x.dtype, 1.0), copy=False)[()]


_sinc_derivative: Primitive = holomorphic(
    _sinc_values,
    lambda g, y, x, order=0: g * _sinc_derivative(x, order=order + 1),
    name="sinc_derivative",
    prints="sinc'({})",
    sample=[call(real(3, 4), order=1), call(real(2), order=2)],
)
holomorphic(np.sinc, lambda g, y, x: g * _sinc_derivative(x, order=1), prints="sinc({})", sample=elementwise("real"))


def _i0_values(x: Any, order: int = 0) -> Any:
    """The derivative of `order` of the modified Bessel function I0, by differentiating its integral.

    I0(x) = (1 / pi) * integral of exp(x cos t) over 0..pi, so each derivative brings down a factor cos t. The
    integrand is periodic, where the trapezoidal rule converges faster than any power of the step: 256 steps give
    full precision for every x with a finite I0. Abramowitz and Stegun, 9.6.16.
    """
    x = np.asarray(x)
    bring = np.sinh if order % 2 else np.cosh
    steps = 128
    total = np.zeros_like(x)
    for step in range(steps + 1):
        cosine = math.cos(math.pi * step / (2 * steps))
        ends = 0.5 if step in (0, steps) else 1.0
        total += ends / steps * cosine**order * bring(cosine * x)
    return total[()]


_i0_derivative: Primitive = holomorphic(
    _i0_values,
    lambda g, y, x, order=0: g * _i0_derivative(x, order=order + 1),
    name="i0_derivative",
    prints="I0'({})",
    sample=[call(real(3, 4), order=1), call(real(2), order=2)],
)
rule(np.i0, lambda g, y, x: g * _i0_derivative(x, order=1), prints="I0({})", sample=elementwise("real"))
