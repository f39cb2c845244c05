"""Rules of np.fft: a discrete Fourier transform is linear, so its gradient is the transform run backwards.

In the convention of this package (the gradient of a real loss by a + ib is dL/da + i dL/db) the gradient of y = F x
is Fᴴ g: for `fft` the unscaled `ifft`, which is `ifft` under the opposite `norm`. Transforms of real signals keep
half of the spectrum, in which all but the first and, for an even length, the last entry stand for two.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.products import as_operand, complex_, refuse_out
from autograd_lite.rules.table import call, composed, conj, real, rule

__all__: list[str] = []

_OPPOSITE: dict[Any, Any] = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _fitted(x: Any, length: int, axis: int) -> Any:
    """`x` cut or filled up with zeros to `length` along `axis`: backwards through what `n=` did."""
    have = x.shape[axis]
    if have == length:
        return x
    at: list[Any] = [slice(None)] * x.ndim
    at[axis] = slice(min(have, length))
    if have > length:
        return x[tuple(at)]
    shape = list(x.shape)
    shape[axis] = length - have
    return np.concatenate([x, np.zeros(shape, x.dtype)], axis=axis)


def _half_weights(length: int, ndim: int, axis: int, dtype: Any, inner: float) -> Any:
    """1 for the entries of a half spectrum that stand for themselves, `inner` for those that stand for two."""
    weights = np.full(length // 2 + 1, inner, dtype)
    weights[0] = 1
    if length % 2 == 0:
        weights[-1] = 1
    return weights.reshape([-1 if i == axis % ndim else 1 for i in range(ndim)])


def _fft_rule(g: Any, y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return _fitted(np.fft.ifft(g, axis=axis, norm=_OPPOSITE[norm]), a.shape[axis], axis)


def _ifft_rule(g: Any, y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return _fitted(np.fft.fft(g, axis=axis, norm=_OPPOSITE[norm]), a.shape[axis], axis)


def _rfft_rule(g: Any, y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    n = a.shape[axis] if n is None else n
    weighted = g * _half_weights(n, g.ndim, axis, a.dtype, 0.5)
    return _fitted(np.fft.irfft(weighted, n, axis, _OPPOSITE[norm]), a.shape[axis], axis)


def _irfft_rule(g: Any, y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    weights = _half_weights(g.shape[axis], g.ndim, axis, g.dtype, 2.0)
    r = np.fft.rfft(g, axis=axis, norm=_OPPOSITE[norm]) * weights
    # The engine would see to a real input, but not where the result is as long as it.
    return _fitted(r if a.dtype.kind == "c" else r.real, a.shape[axis], axis)


def _samples(of: Any) -> list[Any]:
    return [
        call(of(4)),
        call(of(5)),
        call(of(2, 4)),
        call(of(4, 2), axis=0),
        call(of(4), 6),
        call(of(5), n=3),
        call(of(4), n=7),
        call(of(2, 3, 2), 4, 1),
        call(of(2, 5), None, -1, "ortho"),
        call(of(4), norm="forward"),
        call(of(4), norm="backward"),
    ]


_short = [call(real(2)), call(real(1), n=2), call(complex_(3), n=1)]

rule(np.fft.fft, _fft_rule, prints="fft({})", sample=_samples(complex_) + _samples(real)[:4] + _short)
rule(np.fft.ifft, _ifft_rule, prints="ifft({})", sample=_samples(complex_) + _samples(real)[:4] + _short)
rule(np.fft.rfft, _rfft_rule, prints="rfft({})", sample=[*_samples(real), call(real(1)), call(real(2))])
rule(
    np.fft.irfft,
    _irfft_rule,
    prints="irfft({})",
    sample=[*_samples(complex_), *_samples(real)[:3], call(complex_(3), n=1), call(complex_(2))],
)


# --- spectra of real signals the other way round ------------------------------------------------------------


@composed(np.fft.hfft, sample=_samples(complex_))
def _hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("hfft", out)
    return np.fft.irfft(conj(as_operand(a)), n, axis, _opposite(norm))


@composed(np.fft.ihfft, sample=_samples(real))
def _ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("ihfft", out)
    return conj(np.fft.rfft(a, n, axis, _opposite(norm)))


def _opposite(norm: Any) -> Any:
    if norm not in _OPPOSITE:
        raise OperandError(f'fft: norm={norm!r} is unknown; it must be "backward", "ortho" or "forward"')
    return _OPPOSITE[norm]


# --- several axes: one after the other, as NumPy does it ----------------------------------------------------


def _in_turn(last: Any, other: Any, a: Any, s: Any, axes: Any, norm: Any) -> Any:
    """Transform over the last of `axes` by `last` and over the others by `other`."""
    a = as_operand(a)
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, a.ndim, "axes", allow_duplicate=True)
    lengths = [-1] * len(axes) if s is None else list(s)
    if not axes and not lengths and last is other:
        return np.positive(a)  # which NumPy leaves as it is, real too
    if not axes or len(lengths) != len(axes):
        raise OperandError(f"fft: s={s} and axes={axes} must name equally many axes, and at least one")
    lengths = [a.shape[axis] if n == -1 else n for n, axis in zip(lengths, axes, strict=True)]
    if last is not np.fft.irfft:
        a = last(a, lengths[-1], axes[-1], norm)
        for n, axis in reversed(list(zip(lengths[:-1], axes[:-1], strict=True))):
            a = other(a, n, axis, norm)
        return a
    if s is None:
        lengths[-1] = 2 * (a.shape[axes[-1]] - 1)
    for n, axis in zip(lengths[:-1], axes[:-1], strict=True):
        a = other(a, n, axis, norm)
    return last(a, lengths[-1], axes[-1], norm)


def _over_axes(function: Any, last: Any, other: Any, default: Any, sample: list[Any]) -> None:
    def of_array(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        refuse_out(function.__name__, out)
        return _in_turn(last, other, a, s, axes, norm)

    composed(function, sample=sample)(of_array)


def _samples_2d(of: Any) -> list[Any]:
    return [
        call(of(3, 4)),
        call(of(2, 3, 4)),
        call(of(3, 4), s=(4, 3)),
        call(of(3, 4), (2, 6), (0, 1)),
        call(of(3, 4), s=(-1, 5), axes=(0, 1)),
        call(of(4, 2, 3), axes=(0, 2)),
        call(of(3, 4), None, (-2, -1), "ortho"),
        call(of(3, 4), norm="forward"),
    ]


def _samples_nd(of: Any) -> list[Any]:
    return [
        call(of(4)),
        call(of(3, 4)),
        call(of(2, 3, 4)),
        call(of(2, 3, 4), axes=(2, 0)),
        call(of(2, 3, 4), axes=(1,)),
        call(of(3, 4), s=(4, 3), axes=(0, 1)),
        call(of(3, 4), norm="ortho"),
    ]


for _several, _last, _other, _kind in (
    (np.fft.fft2, np.fft.fft, np.fft.fft, complex_),
    (np.fft.ifft2, np.fft.ifft, np.fft.ifft, complex_),
    (np.fft.rfft2, np.fft.rfft, np.fft.fft, real),
    (np.fft.irfft2, np.fft.irfft, np.fft.ifft, complex_),
):
    _over_axes(_several, _last, _other, (-2, -1), _samples_2d(_kind))
for _several, _last, _other, _kind in (
    (np.fft.fftn, np.fft.fft, np.fft.fft, complex_),
    (np.fft.ifftn, np.fft.ifft, np.fft.ifft, complex_),
    (np.fft.rfftn, np.fft.rfft, np.fft.fft, real),
    (np.fft.irfftn, np.fft.irfft, np.fft.ifft, complex_),
):
    _over_axes(_several, _last, _other, None, _samples_nd(_kind))


# --- where the zero frequency stands ------------------------------------------------------------------------


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    x = as_operand(x)
    if axes is None:
        axes = range(x.ndim)
    axes = (operator.index(axes),) if not isinstance(axes, Iterable) else tuple(axes)
    return np.roll(x, [sign * (x.shape[axis] // 2) for axis in axes], axes)


@composed(
    np.fft.fftshift,
    sample=[call(real(5)), call(real(3, 4)), call(real(3, 4), axes=1), call(real(3, 4), (0, 1)), call(complex_(4))],
)
def _fftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, 1)


@composed(
    np.fft.ifftshift,
    sample=[call(real(5)), call(real(3, 4)), call(real(3, 4), axes=1), call(real(3, 4), (0, 1)), call(complex_(4))],
)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, -1)
