"""Activations, made of rows of the table in a form that neither overflows nor turns into NaN.

All take Tensors or plain arrays of any shape and return what they were given: a Tensor for a Tensor, an array for
an array. Formulas without a source are the definitions in Goodfellow, Bengio and Courville, "Deep Learning", 6.2-6.3.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.direct import apply_unary, unary
from autograd_lite.errors import OperandError
from autograd_lite.operations import refused
from autograd_lite.record import Primitive
from autograd_lite.renamed import told_of_renamed
from autograd_lite.rules import piecewise
from autograd_lite.rules import softmax as rows
from autograd_lite.rules.logistic import expit
from autograd_lite.rules.table import TABLE, numbers_of
from autograd_lite.tensor import Tensor, wrap

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


def operand(x: Any, name: str = "nn") -> Any:
    """`x` as something to compute with: a Tensor as it is, anything else as an array; one with a mask is refused."""
    if hasattr(x, "_node"):
        return x
    if x is None:
        raise OperandError(f"{name}: None is no array of numbers; let the function or forward that gave it return one")
    array = plain_array(name, x)
    if array.dtype.kind not in "biufc":
        raise OperandError(f"{name}: {x!r:.60} is no array of numbers; give a Tensor, or np.stack([...]) of several")
    return array


def signed(x: Any, name: str = "nn") -> Any:
    """`operand(x)`, but whole numbers in floating point: differences of theirs may wrap round (uint8: 1 - 2 = 255)."""
    x = operand(x, name)
    return x.astype(float) if x.dtype.kind in "biu" else x


def sigmoid(x: Any) -> Any:
    """The logistic function 1 / (1 + exp(-x)), which is `special.expit`: it neither overflows nor loses digits near 0.

    Where its logarithm is wanted, take `log_sigmoid` or a loss "with logits".

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return _sigmoid(x) if isinstance(x, Tensor) else expit(operand(x, "sigmoid"))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), accurate in both tails.

    >>> log_sigmoid(np.array([-1e4, 0.0]))
    array([-1.0000e+04, -6.9315e-01])
    """
    return -softplus(-signed(x, "log_sigmoid"))


def tanh(x: Any) -> Any:
    """The hyperbolic tangent of x, `np.tanh`.

    >>> tanh(np.array([0.0, 1e4]))
    array([0., 1.])
    """
    return _tanh(x) if isinstance(x, Tensor) else np.tanh(operand(x, "tanh"))


# What records them on a Tensor, past the search for what was called with what.
_relu, _sigmoid, _tanh = unary(piecewise.relu), unary(expit), unary(TABLE[np.tanh])


def relu(x: Any) -> Any:
    """max(x, 0), whose derivative at 0 is 0; NaN stays NaN.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return _relu(x) if isinstance(x, Tensor) else piecewise.relu(operand(x, "relu"))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where positive, `negative_slope * x` elsewhere (Maas, Hannun and Ng, 2013).

    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    x = operand(x, "leaky_relu")
    return np.where(x <= 0, negative_slope * x, x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert, Unterthiner and Hochreiter, 2016).

    >>> elu(np.array([-1e4, 0.0, 2.0]))
    array([-1.,  0.,  2.])
    """
    x = operand(x, "elu")
    # the exponential sees no positive number: the branch that is not taken must not overflow either
    return np.where(x <= 0, alpha * np.expm1(np.where(x <= 0, x, 0.0)), x)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), a smooth relu.

    >>> softplus(np.array([-1e4, 0.0, 1e4]))
    array([0.0000e+00, 6.9315e-01, 1.0000e+04])
    """
    return np.logaddexp(0.0, operand(x, "softplus"))


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish (Elfwing, Uchibe and Doya, 2018).

    >>> silu(np.array([-1e4, 0.0, 1.0]))
    array([-0.    ,  0.    ,  0.7311])
    """
    x = operand(x, "silu")
    return x * sigmoid(x)


def _erf(x: Any) -> Any:
    return np.asarray(_error_function()(x), x.dtype)


@functools.cache
def _error_function() -> Any:
    """SciPy's where that is installed; otherwise Python's, number by number, which takes ten times as long."""
    try:
        from scipy.special import erf
    except ImportError:
        return np.frompyfunc(math.erf, 1, 1)
    return erf


def _erf_rule(g: Any, _: Any, x: Any) -> Any:
    return g * (2.0 / math.sqrt(math.pi)) * np.exp(-(x * x))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the probability that a standard normal number lies below x (Hendrycks and Gimpel, 2016).

    Args:
        x: Tensor or array of any shape.
        approximate: "none" for the exact form, whose error function is SciPy's, or Python's where that is missing;
            "tanh" for the approximation of the same paper, off by at most 5e-4, which takes a fraction of the time.

    Raises:
        OperandError: another name for the approximation.

    >>> gelu(np.array([-1e4, 0.0, 1.0])).round(4)
    array([-0.    ,  0.    ,  0.8413])
    """
    x = operand(x, "gelu")
    if approximate == "tanh":
        bounded = np.clip(x, -20.0, 20.0)  # tanh is 1 long before; a cube of more would overflow in float32
        inner = bounded + 0.044715 * (bounded * bounded * bounded)
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * inner))
    if approximate != "none":
        raise OperandError(f"gelu: approximate={approximate!r} is not known; use 'none' or 'tanh'")
    scaled = x * math.sqrt(0.5)
    if not hasattr(x, "_node"):
        return 0.5 * x * (1.0 + _erf(scaled))
    from autograd_lite.custom import custom

    return 0.5 * x * (1.0 + custom(_erf, _erf_rule, name="erf")(scaled))


def peak(x: Any, axis: Any, name: str = "nn") -> Any:
    """The largest element along `axis`, kept as an axis: a constant that keeps exp from overflowing."""
    numbers = numbers_of(x)
    columns = rows.columns_of(numbers, axis)
    if columns is None:
        try:
            largest = np.maximum.reduce(numbers, axis=axis, keepdims=True, initial=-np.inf)
        except (TypeError, ValueError) as error:
            raise OperandError(f"{name}: an input of shape {numbers.shape} along axis={axis!r:.60}: {error}") from error
    else:
        largest = np.maximum.reduce(columns).reshape(*numbers.shape[:-1], 1)
    return wrap(largest) if hasattr(x, "_node") else largest


@told_of_renamed
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) divided by its sum along `axis`; -inf stands for an impossible class.

    >>> softmax(np.array([1e4, 1e4, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    return _along(rows.softmax, x, axis)


@told_of_renamed
def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax` of x along `axis`, accurate where a probability underflows.

    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    return _along(rows.log_softmax, x, axis)


def _along(row: Primitive, x: Any, axis: Any) -> Any:
    """`row(x, axis=axis)`, with an error of one wording for Tensors and arrays."""
    x = signed(x, row.name)
    if isinstance(x, Tensor):  # past what finds that out for any arguments
        return apply_unary(row, x, {"axis": axis})
    try:
        return row(x, axis=axis)
    except (TypeError, ValueError) as error:
        raise refused(row, [x], {"axis": axis}, error) from error


@told_of_renamed
def logsumexp(x: Any, axis: Any = -1, keepdims: bool = False) -> Any:
    """log of the sum of exp(x) along `axis` (an int, a tuple or None for all), without overflow.

    `keepdims` is that of `np.sum`.

    >>> logsumexp(np.array([1e4, 1e4])).item()
    10000.6931
    """
    x = signed(x, "logsumexp")
    largest = numbers_of(peak(x, axis, "logsumexp"))
    largest = np.where(np.isfinite(largest), largest, largest.dtype.type(0))  # -inf - -inf would be NaN
    with np.errstate(divide="ignore"):  # the logarithm of a sum of zeros is what it should be, -inf
        total = np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis=axis)
