"""Special functions of Tensors, under the names of scipy.special.

`expit`, `log_expit`, `logit`, `xlogy`, `logsumexp`, `softmax` and `log_softmax` are computed with NumPy alone. All
others take their values from SciPy, which is imported when the first of them is asked for:

beta betainc betaln digamma entr erf erfc erfcinv erfcx erfinv gamma gammainc gammaincc gammaln gammasgn i0 i0e i1 i1e
iv ive j0 j1 jn jv k0 k1 kl_div kn kv log_ndtr loggamma multigammaln ndtr ndtri polygamma psi rel_entr rgamma stdtr
xlog1py y0 y1 yn yv

SciPy's own ufuncs work on Tensors as well (`scipy.special.erf(tensor)`); its Python functions (`logsumexp`, `softmax`,
`polygamma`) do not, so take them from here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.renamed import told_of_renamed
from autograd_lite.rules import logistic as _logistic
from autograd_lite.rules import softmax as _softmax
from autograd_lite.rules import special as _rules
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import numbers_of
from autograd_lite.scipy_rooms import scipy_room

__all__ = [
    "expit",
    "log_expit",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "softmax",
    "xlogy",
]

_OF_SCIPY = frozenset((__doc__ or "").split("asked for:")[1].split("SciPy's own")[0].split()) - set(__all__)


def _scipy() -> Any:
    module = scipy_room("special")
    _rules.load(module)
    return module


def __getattr__(name: str) -> Any:
    if name in _OF_SCIPY:
        return getattr(_scipy(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_OF_SCIPY})


def _floating(a: Any) -> Any:
    """`a` as an array or Tensor that can hold an infinity: whole numbers and truth values as float64."""
    a = as_operand(a)
    return a if a.dtype.kind in "fc" else a.astype(float)


def _in_precision_of(y: Any, x: Any) -> Any:
    """`y`; an array in the dtype that it and `x` promote to, for a logarithm taken in a lesser one stays inexact."""
    if not hasattr(y, "dtype"):
        return y
    kind = np.result_type(y.dtype, getattr(x, "dtype", x), 0.0)
    return y if y.dtype == kind else y.astype(kind)


# --- the logistic function ---------------------------------------------------------------------------------------


def expit(x: Any) -> Any:
    """The logistic function 1 / (1 + exp(-x)), which neither overflows nor loses digits near 0.

    >>> from autograd_lite import Tensor
    >>> expit(Tensor([-800.0, 0.0, 800.0]))
    tensor([0. , 0.5, 1. ])
    """
    return _logistic.expit(_floating(x))


def log_expit(x: Any) -> Any:
    """log(1 / (1 + exp(-x))), the logarithm of the logistic function, without overflow.

    >>> from autograd_lite import Tensor
    >>> log_expit(Tensor([-800.0, -1000.0]))
    tensor([ -800., -1000.])
    """
    return -np.logaddexp(0.0, -_floating(x))


def logit(x: Any) -> Any:
    """The inverse of `expit`: ln(x / (1 - x)).

    >>> from autograd_lite import Tensor
    >>> logit(Tensor([0.5, 0.75]))
    tensor([0.        , 1.09861229])
    """
    x = _floating(x)
    return np.log(x) - np.log1p(-x)


def xlogy(x: Any, y: Any) -> Any:
    """x * ln(y), and 0 where x is 0, whatever y is; the derivatives are 0 where both are 0.

    >>> from autograd_lite import Tensor
    >>> xlogy(Tensor([0.0, 2.0]), Tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    x, y = (value if type(value) in (int, float) else as_operand(value) for value in (x, y))
    y = _in_precision_of(y, x)
    empty = np.equal(numbers_of(x), 0) & np.less_equal(numbers_of(y), 0)
    return x * np.log(np.where(empty, 1.0, y) if np.any(empty) else y)


# --- sums of exponentials ----------------------------------------------------------------------------------------


def _peak(a: Any, axis: Any) -> Any:
    """The largest value along `axis`, as plain numbers: what the exponents are lowered by."""
    peak = np.max(np.real(numbers_of(a)), axis=axis, keepdims=True, initial=-math.inf)
    return np.where(np.isfinite(peak), peak, 0.0).astype(peak.dtype, copy=False)


@told_of_renamed
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """ln(sum(b * exp(a))) over `axis`, which does not overflow.

    Args:
        a: exponents of any shape.
        axis: an axis, several as a tuple, or None for all.
        b: weights that broadcast against `a`; they may be negative.
        keepdims: leave the reduced axes in place, of length 1.
        return_sign: return the pair (logarithm of the absolute sum, sign of the sum).

    >>> from autograd_lite import Tensor
    >>> logsumexp(Tensor([1000.0, 1000.0]))
    tensor(1000.69314718)
    """
    a = _floating(a)
    if b is None:
        peak = _peak(a, axis)
    else:
        b = b if type(b) in (int, float) else as_operand(b)
        a = _in_precision_of(a, b)
        a = np.broadcast_to(a, np.broadcast_shapes(a.shape, np.shape(numbers_of(b))))
        weightless = np.equal(numbers_of(b), 0)
        peak = _peak(np.where(weightless, -math.inf, numbers_of(a)), axis)  # a weight of 0 must not set the peak
        # nor may its term be infinite; as large as can be, it leaves the weight a derivative
        highest = peak + math.floor(np.log(np.finfo(a.dtype).max))
        a = np.where(weightless & (np.real(numbers_of(a)) > highest), highest, a)
    terms = np.exp(a - peak)
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=keepdims)
    sign = np.sign(total)
    if return_sign:
        total = np.absolute(total)
    empty = np.equal(numbers_of(total), 0)
    if np.any(empty):
        result = np.where(empty, -math.inf, np.log(np.where(empty, 1.0, total)))
    else:
        result = np.log(total)
    result = result + np.reshape(peak, result.shape)
    return (result, sign) if return_sign else result


@told_of_renamed
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)) over `axis`, which does not overflow.

    Args:
        x: scores of any shape.
        axis: an axis, several as a tuple, or None for all.

    >>> from autograd_lite import Tensor
    >>> softmax(Tensor([1000.0, 1000.0]))
    tensor([0.5, 0.5])
    """
    return _softmax.softmax(_floating(x), axis=axis)


@told_of_renamed
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`, exact where a probability is too small to be represented.

    Args:
        x: scores of any shape.
        axis: an axis, several as a tuple, or None for all.

    >>> from autograd_lite import Tensor
    >>> log_softmax(Tensor([0.0, -1000.0]))
    tensor([    0., -1000.])
    """
    return _softmax.log_softmax(_floating(x), axis=axis)


# --- functions that SciPy does not make ufuncs --------------------------------------------------------------------


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of order `n` of the digamma function.

    Args:
        n: the order, an int of 0 or more.
        x: real numbers of any shape.

    Raises:
        OperandError: the order is not such an int.

    >>> from autograd_lite import Tensor
    >>> polygamma(1, Tensor(1.0))
    tensor(1.64493407)
    """
    module = _scipy()
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise OperandError(f"polygamma: the order {n!r} must be an int of 0 or more")
    x = _floating(x)
    return module.psi(x) if n == 0 else _rules.polygamma(x, order=int(n))


def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the multivariate gamma function of dimension `d`.

    Args:
        a: numbers above (d - 1) / 2, of any shape.
        d: the dimension, an int of 1 or more.

    Raises:
        OperandError: `a` is too small, or `d` no such int.

    >>> from autograd_lite import Tensor
    >>> multigammaln(Tensor(2.0), 1)
    tensor(0.)
    """
    if isinstance(d, bool) or not isinstance(d, (int, np.integer)) or d < 1:
        raise OperandError(f"multigammaln: the dimension {d!r} must be an int of 1 or more")
    a = _floating(a)
    if np.any(numbers_of(a) <= 0.5 * (d - 1)):
        raise OperandError(
            f"multigammaln: a of shape {a.shape} must be above (d - 1) / 2 = {0.5 * (d - 1)} in dimension {d}"
        )
    gammaln = _scipy().gammaln
    result = gammaln(a) + 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(1, int(d)):
        result = result + gammaln(a - 0.5 * j)
    return result
