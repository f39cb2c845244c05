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

from autograd_lite.rules.products import typed
from autograd_lite.rules.special_derivatives import (
    beta_density,
    digamma_difference,
    erfcx_derivative,
    gamma_density,
    ive_derivative,
    polygamma,
    ratio,
    refusing,
    student_density,
)
from autograd_lite.rules.table import TABLE, Input, all_or_none, call, conj, elementwise, holomorphic, numbers_of, rule

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
        with all_or_none():
            for family in (_gamma, _beta, _bessel, _error_functions, _entropies):
                family(special)
        _loaded.update(set(TABLE) - before)


# --- gamma functions -------------------------------------------------------------------------------------------


def _gamma(special: Any) -> None:
    positive = elementwise("positive")
    psi = special.psi
    rule(psi, lambda g, y, x: g * polygamma(x, order=1), name="digamma", prints="digamma({})", sample=positive)
    holomorphic(special.gamma, lambda g, y, x: g * (y * psi(x)), prints="gamma({})", sample=positive)
    rule(special.gammaln, lambda g, y, x: g * psi(x), prints="ln|gamma({})|", sample=positive)
    holomorphic(special.loggamma, lambda g, y, x: g * psi(x), prints="ln gamma({})", sample=positive)

    def reciprocal(y: Any, x: Any) -> Any:
        """The derivative of 1 / gamma: by reflection (DLMF 5.5.3) where psi has its poles, which cancel."""
        left = np.real(numbers_of(x)) < 0.5
        if not np.any(left):
            return -y * psi(x)
        z, w = np.where(left, 1.0 - x, 1.0), np.where(left, math.pi * x, 0.0)
        reflected = special.gamma(z) * (np.cos(w) - psi(z) * np.sin(w) / math.pi)
        return np.where(left, reflected, -y * psi(np.where(left, 1.0, x)))

    holomorphic(special.rgamma, lambda g, y, x: g * reciprocal(y, x), prints="1 / gamma({})", sample=positive)
    rule(
        special.gammasgn,
        lambda g, y, x: np.zeros_like(g),
        prints="sign(gamma({}))",
        sample=elementwise("away"),
    )

    shape = [call(np.array([0.5, 1.0, 3.0]), Input((2, 3), "positive")), call(2.0, Input((3,), "positive"))]
    rule(
        special.gammainc,
        refusing("gammainc", "a", 2),
        lambda g, y, a, x: g * gamma_density(a, x),
        prints="gammainc({}, {})",
        sample=shape,
    )
    rule(
        special.gammaincc,
        refusing("gammaincc", "a", 2),
        lambda g, y, a, x: -g * gamma_density(a, x),
        prints="gammaincc({}, {})",
        sample=shape,
    )


def _beta(special: Any) -> None:
    positive = elementwise("positive", "positive")
    rule(
        special.beta,
        lambda g, y, a, b: g * (y * digamma_difference(a, b)),
        lambda g, y, a, b: g * (y * digamma_difference(b, a)),
        prints="beta({}, {})",
        sample=positive,
    )
    rule(
        special.betaln,
        lambda g, y, a, b: g * digamma_difference(a, b),
        lambda g, y, a, b: g * digamma_difference(b, a),
        prints="ln beta({}, {})",
        sample=positive,
    )

    rule(
        special.betainc,
        refusing("betainc", "a", 3),
        refusing("betainc", "b", 3),
        lambda g, y, a, b, x: g * beta_density(a, b, x),
        prints="betainc({}, {}, {})",
        sample=[
            call(np.array([[0.5], [2.0]]), np.array([1.0, 3.0]), Input((2, 2), "fraction")),
            call(2.0, 3.0, Input((3,), "fraction")),
        ],
    )

    rule(
        special.stdtr,
        refusing("stdtr", "df", 2),
        lambda g, y, df, x: g * student_density(df, x),
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
    i0, i1 = special.i0, special.i1
    one, positive = elementwise("nonzero"), elementwise("positive")
    order = [call(2, Input((3,), "positive")), call(np.array([1.0, 3.0]), Input((3, 2), "positive"))]
    integer = [call(2, Input((3,), "positive")), call(np.array([1, 3]), Input((3, 2), "positive"))]

    rule(special.j0, lambda g, y, x: -g * special.j1(x), prints="J0({})", sample=one)
    rule(special.j1, lambda g, y, x: g * (0.5 * (special.j0(x) - jv(2, x))), prints="J1({})", sample=one)
    rule(special.y0, lambda g, y, x: -g * special.y1(x), prints="Y0({})", sample=positive)
    rule(special.y1, lambda g, y, x: g * (0.5 * (special.y0(x) - yv(2, x))), prints="Y1({})", sample=positive)
    rule(i0, lambda g, y, x: g * i1(x), prints="I0({})", sample=one)
    rule(i1, lambda g, y, x: g * (0.5 * (i0(x) + iv(2, x))), prints="I1({})", sample=one)

    rule(
        special.i0e,
        lambda g, y, x: g * ive_derivative(0, x, order=1),
        prints="exp(-|{0}|) I0({0})",
        sample=one,
    )
    rule(
        special.i1e,
        lambda g, y, x: g * ive_derivative(1, x, order=1),
        prints="exp(-|{0}|) I1({0})",
        sample=one,
    )
    rule(special.k0, lambda g, y, x: -g * special.k1(x), prints="K0({})", sample=positive)
    rule(special.k1, lambda g, y, x: -g * (0.5 * (special.k0(x) + kv(2, x))), prints="K1({})", sample=positive)

    def of_order(f: Any, prints: str, sample: Any, slope: Any, row: Any = holomorphic) -> None:
        name = f.__name__
        row(f, refusing(name, "the order", 2), slope, prints=prints, sample=sample)

    of_order(jv, "J({}, {})", order, lambda g, y, v, x: g * (0.5 * (jv(v - 1, x) - jv(v + 1, x))))
    of_order(yn, "Y({}, {})", integer, lambda g, y, v, x: g * (0.5 * (yn(v - 1, x) - yn(v + 1, x))))
    of_order(yv, "Y({}, {})", order, lambda g, y, v, x: g * (0.5 * (yv(v - 1, x) - yv(v + 1, x))))
    of_order(iv, "I({}, {})", order, lambda g, y, v, x: g * (0.5 * (iv(v - 1, x) + iv(v + 1, x))))
    of_order(kn, "K({}, {})", integer, lambda g, y, v, x: -g * (0.5 * (kn(v - 1, x) + kn(v + 1, x))))
    of_order(kv, "K({}, {})", order, lambda g, y, v, x: -g * (0.5 * (kv(v - 1, x) + kv(v + 1, x))))

    def scaled(g: Any, v: Any, x: Any) -> Any:
        if x.dtype.kind != "c":
            return g * ive_derivative(v, x, order=1)
        # |Re x| is not differentiable in the complex sense: it moves with the real part of x alone
        steady = conj(0.5 * (ive(v - 1, x) + ive(v + 1, x)))
        return g * steady - np.sign(np.real(x)) * np.real(conj(g) * ive(v, x))

    of_order(ive, "exp(-|{1}|) I({0}, {1})", order, lambda g, y, v, x: scaled(g, v, x), rule)


# --- error functions and the normal distribution -----------------------------------------------------------------


def _error_functions(special: Any) -> None:
    one = elementwise("real")
    bell = 2.0 / _SQRT_PI
    holomorphic(special.erf, lambda g, y, x: g * (bell * np.exp(-x * x)), prints="erf({})", sample=one)
    holomorphic(special.erfc, lambda g, y, x: -g * (bell * np.exp(-x * x)), prints="erfc({})", sample=one)
    holomorphic(special.erfcx, lambda g, y, x: g * erfcx_derivative(x, order=1), prints="erfcx({})", sample=one)
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
    holomorphic(
        special.ndtr,
        lambda g, y, x: g * (np.exp(-0.5 * (x * x)) / _SQRT_2PI),
        prints="Phi({})",
        sample=one,
    )
    rule(
        special.ndtri,
        lambda g, y, x: g * (_SQRT_2PI * np.exp(0.5 * (y * y))),
        prints="Phi^-1({})",
        sample=elementwise("fraction"),
    )

    def hazard(y: Any, x: Any) -> Any:
        """The density over the probability of what is below x: in the left tail a quotient of two that vanish."""
        left = np.real(numbers_of(x)) < 0
        tail = math.sqrt(2 / math.pi) / special.erfcx(np.where(left, x, 0.0) * -math.sqrt(0.5))
        right = np.where(left, 0.0, x)
        return np.where(left, tail, np.exp(-0.5 * (right * right) - np.where(left, 0.0, y)) / _SQRT_2PI)

    holomorphic(
        special.log_ndtr,
        lambda g, y, x: g * hazard(y, x),
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

    holomorphic(
        special.xlogy,
        lambda g, y, a, b: g * logarithm(a, typed(b, g), np.log, 0.0),
        lambda g, y, a, b: g * ratio(a, b),
        prints="{} ln {}",
        sample=elementwise("real", "positive"),
    )
    holomorphic(
        special.xlog1py,
        lambda g, y, a, b: g * logarithm(a, typed(b, g), np.log1p, -1.0),
        lambda g, y, a, b: g * ratio(a, b + 1.0),
        prints="{} ln(1 + {})",
        sample=elementwise("real", "unit"),
    )
    rule(special.entr, lambda g, y, x: -g * (np.log(x) + 1.0), prints="entr({})", sample=elementwise("positive"))
    rule(
        special.rel_entr,
        lambda g, y, a, b: g * (np.log(a / b) + 1.0),
        lambda g, y, a, b: -g * ratio(a, b),
        prints="{0} ln({0} / {1})",
        sample=positive,
    )
    rule(
        special.kl_div,
        lambda g, y, a, b: g * np.log(a / b),
        lambda g, y, a, b: g - g * ratio(a, b),
        prints="{0} ln({0} / {1}) - {0} + {1}",
        sample=positive,
    )
