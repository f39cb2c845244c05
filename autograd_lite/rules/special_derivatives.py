"""Derivatives of SciPy's functions that have rows of their own, because their formulas lose digits far out.

Their values are computed in double precision, by a series where terms would cancel. The derivative of a member of a
family is the next member, so that no order is computed from the rounded values of another.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from autograd_lite.errors import NotDifferentiableError
from autograd_lite.record import Primitive
from autograd_lite.rules.table import Input, call, holomorphic, numbers_of, real, rule

__all__ = [
    "beta_density",
    "digamma_difference",
    "erfcx_derivative",
    "gamma_density",
    "ive_derivative",
    "polygamma",
    "ratio",
    "refusing",
    "student_density",
]


def _no_derivative(name: str, parameter: str) -> Any:
    """A rule for a parameter by which there is no derivative in closed form."""

    def refuse(g: Any, y: Any) -> Any:
        raise NotDifferentiableError(
            f"{name}: no derivative with respect to {parameter}, of a result of shape {y.shape}, is known; "
            f"say {parameter}.detach() if it is a constant"
        )

    return refuse


def refusing(name: str, parameter: str, count: int) -> Any:
    """`_no_derivative` as one of the `count` rules of a row."""
    refuse = _no_derivative(name, parameter)
    if count == 2:
        return lambda g, y, a, x: refuse(g, y)
    return lambda g, y, a, b, x: refuse(g, y)


def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0 whatever y is."""
    zero = numbers_of(x) == 0
    return x / (np.where(zero, 1, y) if np.any(zero) else y)


def _special() -> Any:
    return sys.modules["scipy.special"]


def _double(x: Any) -> Any:
    """`x` in double precision: the formulas cost some digits, of which single precision has none to spare."""
    return np.asarray(x, complex if np.asarray(x).dtype.kind == "c" else float)


def _real(x: Any) -> Any:
    """`_double` of what must be real, as what SciPy takes for these functions is."""
    if np.asarray(x).dtype.kind == "c":
        raise TypeError("complex numbers have no values here; take real ones")
    return _double(x)


def _kind(*inputs: Any) -> np.dtype[Any]:
    """The dtype of a result: Python's numbers take that of the arrays, whole numbers are in double precision."""
    kind = np.result_type(*inputs)
    return kind if kind.kind in "fc" else np.dtype(float)


# --- gamma and beta ----------------------------------------------------------------------------------------------


def _polygamma_values(x: Any, order: int = 1) -> Any:
    if x.dtype.kind == "c":
        raise NotDifferentiableError(
            f"polygamma: no values are known for the complex array of shape {x.shape}, and so no second derivative of "
            f"gamma, loggamma and rgamma there; take real numbers"
        )
    return _special().polygamma(order, x).astype(x.dtype, copy=False)[()]


#: the derivative of `order` of digamma
polygamma: Primitive = rule(
    _polygamma_values,
    lambda g, y, x, order=1: g * polygamma(x, order=order + 1),
    name="polygamma",
    prints="polygamma({})",
    sample=[call(Input((3,), "positive")), call(Input((2, 2), "positive"), order=3)],
)


def _digamma_difference_values(a: Any, b: Any, order: int = 0) -> Any:
    """The derivative of `order` by `a` of psi(a) - psi(a + b): for large `a` from Stirling's series, DLMF 5.11.2."""
    kind, psi = _kind(a, b), _special().polygamma
    a, b = np.broadcast_arrays(_double(a), _double(b))
    y = psi(order, a) - psi(order, a + b)
    large = a > 1e4
    if not np.any(large):
        return y.astype(kind, copy=False)[()]
    w = np.where(large, a, 1e4)
    logarithm = np.log1p(b / w)

    def less(k: int) -> Any:  # w ** -k - (w + b) ** -k
        return w ** float(-k) * -np.expm1(-k * logarithm)

    first = math.factorial(order - 1) * less(order) if order else logarithm
    second, third = math.factorial(order) / 2 * less(order + 1), math.factorial(order + 1) / 12 * less(order + 2)
    return np.where(large, (-1) ** (order + 1) * (first + second + third), y).astype(kind, copy=False)[()]


#: the derivative of `order` by `a` of psi(a) - psi(a + b), which is that of ln beta(a, b)
digamma_difference: Primitive = rule(
    _digamma_difference_values,
    lambda g, y, a, b, order=0: g * digamma_difference(a, b, order=order + 1),
    lambda g, y, a, b, order=0: -g * polygamma(a + b, order=order + 1),
    name="digamma_difference",
    prints="(digamma({0}) - digamma({0} + {1}))",
    sample=[call(Input((3,), "positive"), Input((3,), "positive")), call(Input((2,), "positive"), 2.0, order=1)],
)


def _gamma_density_values(a: Any, x: Any) -> Any:
    kind, special = _kind(a, x), _special()
    a, x = _real(a), _real(x)
    return np.exp(special.xlogy(a - 1.0, x) - x - special.gammaln(a)).astype(kind)[()]


#: the density of the gamma distribution of shape a
gamma_density: Primitive = rule(
    _gamma_density_values,
    refusing("gammainc", "a", 2),
    lambda g, y, a, x: g * (y * (ratio(a - 1.0, x) - 1.0)),
    name="gamma_density",
    prints="{1} ** ({0} - 1) exp(-{1}) / gamma({0})",
    sample=[call(np.array([0.5, 1.0, 3.0]), Input((2, 3), "positive")), call(2.0, Input((3,), "positive"))],
)


def _beta_density_values(a: Any, b: Any, x: Any) -> Any:
    kind, special = _kind(a, b, x), _special()
    a, b, x = _real(a), _real(b), _real(x)
    logarithm = special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b)
    return np.exp(logarithm).astype(kind)[()]


#: the density of the beta distribution of shapes a and b
beta_density: Primitive = rule(
    _beta_density_values,
    refusing("betainc", "a", 3),
    refusing("betainc", "b", 3),
    lambda g, y, a, b, x: g * (y * (ratio(a - 1.0, x) - ratio(b - 1.0, 1.0 - x))),
    name="beta_density",
    prints="{2} ** ({0} - 1) (1 - {2}) ** ({1} - 1) / beta({0}, {1})",
    sample=[call(np.array([[0.5], [2.0]]), 3.0, Input((2, 2), "fraction")), call(2.0, 3.0, Input((3,), "fraction"))],
)


def _student_density_values(df: Any, x: Any) -> Any:
    kind = _kind(df, x)
    df, x = _real(df), _real(x)
    # not by the gamma function of (df + 1) / 2 and of df / 2, whose quotient is the root of df / 2 for large df
    scale = -_special().betaln(0.5, 0.5 * df) - 0.5 * np.log(df)
    return np.exp(scale - 0.5 * (df + 1.0) * np.log1p(x * x / df)).astype(kind)[()]


#: the density of Student's distribution of df degrees of freedom
student_density: Primitive = rule(
    _student_density_values,
    refusing("stdtr", "df", 2),
    lambda g, y, df, x: -g * (y * (x * ((df + 1.0) / (x * x + df)))),
    name="student_density",
    prints="t({0}, {1})",
    sample=[call(np.array([1.0, 2.5, 7.0]), Input((2, 3))), call(3.0, Input((3,)))],
)


# --- functions scaled by exponentials ----------------------------------------------------------------------------


@np.errstate(over="ignore", invalid="ignore")  # far out a result is 0 or infinite, as it should be
def _erfcx_values(x: Any, order: int = 0) -> Any:
    """The derivative of `order` of erfcx(x) = exp(x ** 2) erfc(x).

    From y' = 2 x y - 2 / sqrt(pi) follows y_(n+1) = 2 x y_n + 2 n y_(n-1), whose terms cancel for large x; there it is
    2 / sqrt(pi) (-2)^n / (2x)^(n+1) sum over m of (-1)^m (2m+n)! / (m! (2x)^(2m)): DLMF 7.18.5 and 7.18.14. On the left
    erfcx(x) = 2 exp(x ** 2) - erfcx(-x).
    """
    z, kind = _double(x), x.dtype
    far = np.abs(z) > 8
    near = np.where(far, 0.0, z)
    before, y = 0.0 * near, _special().erfcx(near)
    for n in range(order):
        before, y = y, 2 * near * y + (2 * n * before if n else -2 / math.sqrt(math.pi))
    if np.any(far):
        left = far & (z.real < 0)
        w = np.where(far, np.where(left, -z, z), 8.0)
        square = (0.5 / w) ** 2
        total = np.ones_like(w)
        for m in range(30, 0, -1):
            total = 1 - square * ((2 * m + order - 1) * (2 * m + order) / m) * total
        series = (-1) ** order * math.factorial(order) / math.sqrt(math.pi) * total / w ** (order + 1)
        y = np.where(far, series, y)
        if np.any(left):
            before, bell = np.zeros_like(z), np.exp(np.where(left, z * z, 0.0))
            for n in range(order):
                before, bell = bell, 2 * z * bell + 2 * n * before
            y = np.where(left, 2 * bell - (-1) ** order * series, y)
    return y.astype(kind, copy=False)[()]


#: the derivative of `order` of erfcx
erfcx_derivative: Primitive = holomorphic(
    _erfcx_values,
    lambda g, y, x, order=0: g * erfcx_derivative(x, order=order + 1),
    name="erfcx_derivative",
    prints="erfcx'({})",
    sample=[call(real(3), order=1), call(Input((2, 2), "positive"), order=2)],
)


@np.errstate(over="ignore")  # where a power is infinite the result is the 0 that it should be
def _ive_values(v: Any, x: Any, order: int = 0) -> Any:
    """The derivative of `order` of exp(-|x|) I_v(x) by the real number x; at 0 the mean of both sides.

    Near 0 by the binomial formula and I_v' = (I_(v-1) + I_(v+1)) / 2 (DLMF 10.29.1); far out, where that cancels, by
    differentiating 1 / sqrt(2 pi x) sum over k of (-1)^k a_k(v) / x^k (DLMF 10.40.1 and 10.17.1). On the left, where v
    must be a whole number, I_v is even or odd as v is.
    """
    kind, ive = np.result_type(v, x), _special().ive
    v, z = np.asarray(v, float), _real(x)
    size = np.abs(z)
    far = size > 25 + v * v
    near = np.where(far, 1.0, size)
    y: Any = 0.0
    for j in range(order + 1):
        for i in range(j + 1):
            weight = (-1) ** (order - j) * math.comb(order, j) * math.comb(j, i) * 0.5**j
            y = y + weight * ive(v - j + 2 * i, near)
    if np.any(far):
        w = np.where(far, size, np.inf)
        term, total = 1.0, 0.0
        for k in range(40):
            total = total + math.prod(k + 0.5 + n for n in range(order)) * term
            term = term * ((2 * k + 1) ** 2 - 4 * v * v) / (8 * (k + 1) * w)
        y = np.where(far, (-1) ** order * total / (math.sqrt(2 * math.pi) * w ** (order + 0.5)), y)
    odd = np.where(v == np.floor(v), 1 - 2 * ((v + order) % 2), np.nan)
    y = np.where(z < 0, odd * y, np.where((z == 0) & (odd < 0), 0.0, y))
    return y.astype(kind, copy=False)[()]


#: the derivative of `order` of exp(-|x|) I_v(x)
ive_derivative: Primitive = rule(
    _ive_values,
    None,
    lambda g, y, v, x, order=0: g * ive_derivative(v, x, order=order + 1),
    name="ive_derivative",
    prints="(exp(-|{1}|) I({0}, {1}))'",
    sample=[call(2, Input((3,), "nonzero"), order=1), call(np.array([0.5, 3.0]), Input((3, 2), "positive"), order=2)],
)
