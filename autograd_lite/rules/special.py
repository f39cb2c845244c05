"""Rules for the ufuncs of scipy.special: the values are SciPy's.

The rows are added when the first of these functions meets a Tensor; nothing here imports SciPy, because a function
of SciPy can only be called where it has been imported.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np

from autograd_lite.errors import NotDifferentiableError
from autograd_lite.record import Primitive
from autograd_lite.rules.products import typed
from autograd_lite.rules.table import TABLE, Input, call, conj, elementwise, numbers_of, rule

__all__ = ["knows", "load", "polygamma"]

_SQRT_PI = math.sqrt(math.pi)
_SQRT_2PI = math.sqrt(2 * math.pi)

_lock = threading.Lock()
_loaded: set[Any] = set()


def knows(ufunc: Any) -> bool:
    """Whether `ufunc` is one of SciPy's that has a row, which this adds if need be."""
    if not _loaded and "scipy.special" in sys.modules:
        load(sys.modules["scipy.special"])
    return ufunc in _loaded


def load(special: Any) -> None:
    """Add the rows of the functions in the module `special`, once."""
    with _lock:
        if _loaded:
            return
        before = set(TABLE)
        for family in (_gamma, _beta, _bessel, _error_functions, _entropies):
            family(special)
        _loaded.update(set(TABLE) - before)


def _no_derivative(name: str, parameter: str) -> Any:
    """A rule for a parameter by which there is no derivative in closed form."""

    def refuse(g: Any, y: Any) -> Any:
        raise NotDifferentiableError(
            f"{name}: no derivative with respect to {parameter}, of a result of shape {y.shape}, is known; "
            f"say {parameter}.detach() if it is a constant"
        )

    return refuse


def _refusing(name: str, parameter: str, count: int) -> Any:
    refuse = _no_derivative(name, parameter)
    if count == 2:
        return lambda g, y, a, x: refuse(g, y)
    return lambda g, y, a, b, x: refuse(g, y)


def _ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0 whatever y is."""
    zero = numbers_of(x) == 0
    return x / (np.where(zero, 1, y) if np.any(zero) else y)


def _like(a: Any, x: Any) -> Any:
    """A Python number in the precision of `x`; SciPy's functions of it alone would be in double precision."""
    return np.asarray(a, x.dtype) if type(a) in (int, float) else a


# --- gamma functions -------------------------------------------------------------------------------------------


def _polygamma_values(x: Any, order: int = 1) -> Any:
    if x.dtype.kind == "c":
        raise NotDifferentiableError(
            f"polygamma: no values are known for the complex array of shape {x.shape}, and so no second derivative of "
            f"gamma, loggamma and rgamma there; take real numbers"
        )
    special: Any = sys.modules["scipy.special"]
    return special.polygamma(order, x).astype(x.dtype, copy=False)[()]


#: the derivative of `order` of digamma
polygamma: Primitive = rule(
    _polygamma_values,
    lambda g, y, x, order=1: g * polygamma(x, order=order + 1),
    name="polygamma",
    prints="polygamma({})",
    sample=[call(Input((3,), "positive")), call(Input((2, 2), "positive"), order=3)],
)


def _gamma(special: Any) -> None:
    positive = elementwise("positive")
    psi = special.psi
    rule(psi, lambda g, y, x: g * polygamma(x, order=1), name="digamma", prints="digamma({})", sample=positive)
    rule(special.gamma, lambda g, y, x: g * conj(y * psi(x)), prints="gamma({})", sample=positive)
    rule(special.gammaln, lambda g, y, x: g * psi(x), prints="ln|gamma({})|", sample=positive)
    rule(special.loggamma, lambda g, y, x: g * conj(psi(x)), prints="ln gamma({})", sample=positive)
    rule(special.rgamma, lambda g, y, x: -g * conj(y * psi(x)), prints="1 / gamma({})", sample=positive)
    rule(
        special.gammasgn,
        lambda g, y, x: np.zeros_like(g),
        prints="sign(gamma({}))",
        sample=elementwise("away"),
    )

    def density(a: Any, x: Any) -> Any:
        a = _like(a, x)
        return np.exp(special.xlogy(a - 1.0, x) - x - special.gammaln(a))

    shape = [call(np.array([0.5, 1.0, 3.0]), Input((2, 3), "positive")), call(2.0, Input((3,), "positive"))]
    rule(
        special.gammainc,
        _refusing("gammainc", "a", 2),
        lambda g, y, a, x: g * density(a, x),
        prints="gammainc({}, {})",
        sample=shape,
    )
    rule(
        special.gammaincc,
        _refusing("gammaincc", "a", 2),
        lambda g, y, a, x: -g * density(a, x),
        prints="gammaincc({}, {})",
        sample=shape,
    )


def _beta(special: Any) -> None:
    psi, betaln, gammaln = special.psi, special.betaln, special.gammaln
    positive = elementwise("positive", "positive")
    rule(
        special.beta,
        lambda g, y, a, b: g * (y * (psi(a) - psi(a + b))),
        lambda g, y, a, b: g * (y * (psi(b) - psi(a + b))),
        prints="beta({}, {})",
        sample=positive,
    )
    rule(
        betaln,
        lambda g, y, a, b: g * (psi(a) - psi(a + b)),
        lambda g, y, a, b: g * (psi(b) - psi(a + b)),
        prints="ln beta({}, {})",
        sample=positive,
    )

    def density(a: Any, b: Any, x: Any) -> Any:
        a, b = _like(a, x), _like(b, x)
        return np.exp(special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - betaln(a, b))

    rule(
        special.betainc,
        _refusing("betainc", "a", 3),
        _refusing("betainc", "b", 3),
        lambda g, y, a, b, x: g * density(a, b, x),
        prints="betainc({}, {}, {})",
        sample=[
            call(np.array([[0.5], [2.0]]), np.array([1.0, 3.0]), Input((2, 2), "fraction")),
            call(2.0, 3.0, Input((3,), "fraction")),
        ],
    )

    def student(df: Any, x: Any) -> Any:
        df = _like(df, x)
        scale = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(math.pi * df)
        return np.exp(scale - 0.5 * (df + 1.0) * np.log1p(x * x / df))

    rule(
        special.stdtr,
        _refusing("stdtr", "df", 2),
        lambda g, y, df, x: g * student(df, x),
        prints="stdtr({}, {})",
        sample=[call(np.array([1.0, 2.5, 7.0]), Input((2, 3))), call(3.0, Input((3,)))],
    )


# --- Bessel functions: DLMF 10.6 and 10.29 ------------------------------------------------------------------------


def _bessel(special: Any) -> None:
    jv, yn, yv, iv, ive, kv, kn = (
        special.jv,
        special.yn,
        special.yv,
        special.iv,
        special.ive,
        special.kv,
        special.kn,
    )
    i0, i1, i0e, i1e = special.i0, special.i1, special.i0e, special.i1e
    one, positive = elementwise("nonzero"), elementwise("positive")
    order = [call(2, Input((3,), "positive")), call(np.array([1.0, 3.0]), Input((3, 2), "positive"))]
    integer = [call(2, Input((3,), "positive")), call(np.array([1, 3]), Input((3, 2), "positive"))]

    rule(special.j0, lambda g, y, x: -g * special.j1(x), prints="J0({})", sample=one)
    rule(special.j1, lambda g, y, x: g * (0.5 * (special.j0(x) - jv(2, x))), prints="J1({})", sample=one)
    rule(special.y0, lambda g, y, x: -g * special.y1(x), prints="Y0({})", sample=positive)
    rule(special.y1, lambda g, y, x: g * (0.5 * (special.y0(x) - yv(2, x))), prints="Y1({})", sample=positive)
    rule(i0, lambda g, y, x: g * i1(x), prints="I0({})", sample=one)
    rule(i1, lambda g, y, x: g * (0.5 * (i0(x) + iv(2, x))), prints="I1({})", sample=one)

    def i1e_over_x(y: Any, x: Any) -> Any:
        zero = numbers_of(x) == 0
        return np.where(zero, 0.5, y / np.where(zero, 1, x)) if np.any(zero) else y / x

    rule(i0e, lambda g, y, x: g * (i1e(x) - np.sign(x) * y), prints="exp(-|{0}|) I0({0})", sample=one)
    rule(
        i1e,
        # not by ive(2, x), which SciPy does not know for large x
        lambda g, y, x: g * (i0e(x) - i1e_over_x(y, x) - np.sign(x) * y),
        prints="exp(-|{0}|) I1({0})",
        sample=one,
    )
    rule(special.k0, lambda g, y, x: -g * special.k1(x), prints="K0({})", sample=positive)
    rule(special.k1, lambda g, y, x: -g * (0.5 * (special.k0(x) + kv(2, x))), prints="K1({})", sample=positive)

    def of_order(f: Any, prints: str, sample: Any, slope: Any) -> None:
        name = f.__name__
        rule(f, _refusing(name, "the order", 2), slope, prints=prints, sample=sample)

    of_order(jv, "J({}, {})", order, lambda g, y, v, x: g * conj(0.5 * (jv(v - 1, x) - jv(v + 1, x))))
    of_order(yn, "Y({}, {})", integer, lambda g, y, v, x: g * (0.5 * (yn(v - 1, x) - yn(v + 1, x))))
    of_order(yv, "Y({}, {})", order, lambda g, y, v, x: g * conj(0.5 * (yv(v - 1, x) - yv(v + 1, x))))
    of_order(iv, "I({}, {})", order, lambda g, y, v, x: g * conj(0.5 * (iv(v - 1, x) + iv(v + 1, x))))
    of_order(kn, "K({}, {})", integer, lambda g, y, v, x: -g * (0.5 * (kn(v - 1, x) + kn(v + 1, x))))
    of_order(kv, "K({}, {})", order, lambda g, y, v, x: -g * conj(0.5 * (kv(v - 1, x) + kv(v + 1, x))))
    of_order(
        ive,
        "exp(-|{1}|) I({0}, {1})",
        order,
        # |Re x| is not differentiable in the complex sense: it moves with the real part of x alone
        lambda g, y, v, x: g * conj(0.5 * (ive(v - 1, x) + ive(v + 1, x))) - np.sign(np.real(x)) * np.real(conj(g) * y),
    )


# --- error functions and the normal distribution -----------------------------------------------------------------


def _error_functions(special: Any) -> None:
    one = elementwise("real")
    bell = 2.0 / _SQRT_PI
    rule(special.erf, lambda g, y, x: g * conj(bell * np.exp(-x * x)), prints="erf({})", sample=one)
    rule(special.erfc, lambda g, y, x: -g * conj(bell * np.exp(-x * x)), prints="erfc({})", sample=one)
    rule(special.erfcx, lambda g, y, x: g * conj(2.0 * x * y - bell), prints="erfcx({})", sample=one)
    rule(
        special.erfinv,
        lambda g, y, x: g * (0.5 * _SQRT_PI * np.exp(y * y)),
        prints="erfinv({})",
        sample=elementwise("unit"),
    )
    rule(
        special.erfcinv,
        lambda g, y, x: -g * (0.5 * _SQRT_PI * np.exp(y * y)),
        prints="erfcinv({})",
        sample=elementwise("fraction"),
    )
    rule(
        special.ndtr,
        lambda g, y, x: g * conj(np.exp(-0.5 * (x * x)) / _SQRT_2PI),
        prints="Phi({})",
        sample=one,
    )
    rule(
        special.ndtri,
        lambda g, y, x: g * (_SQRT_2PI * np.exp(0.5 * (y * y))),
        prints="Phi^-1({})",
        sample=elementwise("fraction"),
    )
    rule(
        special.log_ndtr,
        lambda g, y, x: g * conj(np.exp(-0.5 * (x * x) - y) / _SQRT_2PI),
        prints="ln Phi({})",
        sample=one,
    )


# --- the logistic function, and entropies: 0 log 0 = 0 --------------------------------------------------------------


def _entropies(special: Any) -> None:
    expit = special.expit
    positive = elementwise("positive", "positive")
    rule(expit, lambda g, y, x: g * (y - y * y), name="sigmoid", prints="σ({})", sample=elementwise("real"))
    rule(special.log_expit, lambda g, y, x: g * expit(-x), prints="ln σ({})", sample=elementwise("real"))
    rule(special.logit, lambda g, y, x: g / (x * (1.0 - x)), prints="logit({})", sample=elementwise("fraction"))

    def logarithm(x: Any, y: Any, log: Any, least: float) -> Any:
        empty = (numbers_of(x) == 0) & (np.real(numbers_of(y)) <= least)
        return log(np.where(empty, least + 1.0, y) if np.any(empty) else y)

    rule(
        special.xlogy,
        lambda g, y, a, b: g * conj(logarithm(a, typed(b, g), np.log, 0.0)),
        lambda g, y, a, b: g * conj(_ratio(a, b)),
        prints="{} ln {}",
        sample=elementwise("real", "positive"),
    )
    rule(
        special.xlog1py,
        lambda g, y, a, b: g * conj(logarithm(a, typed(b, g), np.log1p, -1.0)),
        lambda g, y, a, b: g * conj(_ratio(a, b + 1.0)),
        prints="{} ln(1 + {})",
        sample=elementwise("real", "unit"),
    )
    rule(special.entr, lambda g, y, x: -g * (np.log(x) + 1.0), prints="entr({})", sample=elementwise("positive"))
    rule(
        special.rel_entr,
        lambda g, y, a, b: g * (np.log(a / b) + 1.0),
        lambda g, y, a, b: -g * _ratio(a, b),
        prints="{0} ln({0} / {1})",
        sample=positive,
    )
    rule(
        special.kl_div,
        lambda g, y, a, b: g * np.log(a / b),
        lambda g, y, a, b: g - g * _ratio(a, b),
        prints="{0} ln({0} / {1}) - {0} + {1}",
        sample=positive,
    )
