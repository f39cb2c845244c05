"""The rules of softmax, log_softmax, and nll, which losses of classes and attention are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.record import Primitive
from autograd_lite.rules.indexing import scatter
from autograd_lite.rules.reductions import mean_of_array, over
from autograd_lite.rules.table import Input, call, holomorphic, ones_of, real, rule, spread

__all__ = ["columns_of", "log_softmax", "nll", "softmax"]


# Bound once, as for the sums of few numbers in `reductions`.
_add: Any = np.add.reduce
_maximum: Any = np.maximum.reduce


def columns_of(x: Any, axis: Any) -> Any:
    """The columns of many short rows as the rows of a new array; None for other arrays, or axes than the last.

    NumPy reduces short rows one by one, and whole columns up to ten times as fast.
    """
    if axis.__class__ is int and x.ndim and axis in (-1, x.ndim - 1):
        width = x.shape[-1]
        if 0 < width <= 32 and 32 * width <= x.size and x.dtype.isnative:
            return (x if x.ndim == 2 else x.reshape(-1, width)).T.copy()
    return None


def _softmax(x: Any, axis: Any = -1) -> Any:
    if not x.size:
        return x + _add(x, axis, None, None, True)  # as empty, but an axis that is not there is refused
    columns = columns_of(x, axis)
    if columns is None:
        y = x - _maximum(x, axis, None, None, True)
        y = np.exp(y, out=y if y.ndim else None)  # no number, but a new array, whose memory is used on
        y *= 1.0 / _add(y, axis, None, None, True)
        return y
    columns -= _maximum(columns)
    np.exp(columns, out=columns)
    columns *= 1.0 / _add(columns)
    return columns.T.copy().reshape(x.shape)


def _softmax_rule(g: Any, y: Any, x: Any, axis: Any = -1) -> Any:
    if g.__class__ is np.ndarray is y.__class__ and g.dtype is y.dtype and y.dtype.char in "df":  # the same, in place
        if axis.__class__ is int and axis in (-1, y.ndim - 1):
            r = np.subtract(g, np.vecdot(g, y)[..., None])
        else:
            r = g * y
            np.subtract(g, _add(r, axis, None, None, True), out=r)
        r *= y
        return r
    return y * (g - (g * y).sum(axis=axis, keepdims=True))


#: exp(x) / sum(exp(x)) along `axis`; dy = y * (g - sum(g * y)), for its Jacobian is diag(y) - y yᵀ
softmax: Primitive = holomorphic(
    _softmax,
    _softmax_rule,
    name="softmax",
    sample=[
        call(real(3, 4)),
        call(real(2, 3, 2), axis=1),
        call(real(2, 3), axis=(0, 1)),
        call(real(2, 3), axis=None),
        call(real(32, 2), axis=1),
        call(real(3), axis=0),
        call(real()),
        call(Input((3, 2), "complex")),
    ],
)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    if not x.size:
        return x + _add(x, axis, None, None, True)  # as empty, but an axis that is not there is refused
    columns = columns_of(x, axis)
    if columns is None:
        shifted = x - _maximum(x, axis, None, None, True)
        return shifted - np.log(_add(np.exp(shifted), axis, None, None, True))
    columns -= _maximum(columns)
    columns -= np.log(_add(np.exp(columns)))
    return columns.T.copy().reshape(x.shape)


def _log_softmax_rule(g: Any, y: Any, x: Any, axis: Any = -1) -> Any:
    share = np.exp(y)
    if g.__class__ is np.ndarray is share.__class__ and g.dtype is share.dtype:  # the same, in place
        share *= _sums(g, axis)
        return np.subtract(g, share, out=share)
    return g - share * g.sum(axis=axis, keepdims=True)


def _sums(g: Any, axis: Any) -> Any:
    """The sums along `axis`, which stays with length 1."""
    if g.ndim == 2 and axis.__class__ is int and axis in (-1, 1) and 0 < g.shape[1] <= 32:
        ones = ones_of(g.shape[1], g.dtype)
        if ones is not None:
            return g.dot(ones)[:, None]
    return _add(g, axis, None, None, True)


#: log(exp(x) / sum(exp(x))) along `axis`, exact where a probability underflows
log_softmax: Primitive = holomorphic(
    _log_softmax,
    _log_softmax_rule,
    name="log_softmax",
    sample=[
        call(real(3, 4)),
        call(real(2, 3, 2), axis=1),
        call(real(2, 3), axis=(0, 1)),
        call(real(32, 2), axis=1),
        call(real(3), axis=0),
        call(real()),
    ],
)


def _nll(x: Any, index: Any) -> Any:
    return 0.0 - mean_of_array(x[index])  # from 0, because the negative of no loss would be -0


def _nll_rule(g: Any, y: Any, x: Any, index: Any = None) -> Any:
    rows, labels = index
    share = over(-g, len(labels))
    if not isinstance(share, np.generic):
        return scatter(spread(share, rows.shape), index=index, shape=x.shape)
    z = np.zeros(x.shape, share.dtype)  # the same; no place is named twice, since each row is named once
    z[rows, labels] = share
    return z


#: the negative log-likelihood: minus the mean of the log-probabilities at `index`, which names each row and its label
nll: Primitive = rule(
    _nll,
    _nll_rule,
    name="nll",
    sample=[
        call(real(3, 4), index=(np.arange(3), np.array([0, 3, 1]))),
        call(real(1, 2), index=(np.arange(1), np.array([1]))),
    ],
)
