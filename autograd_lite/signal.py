"""Convolution and correlation in any number of dimensions, under the names of scipy.signal.

NumPy's own (np.convolve, np.correlate, np.fft) work on Tensors as they are. SciPy, from which the values of `convolve`
and `correlate` come, is imported when one of them is called; it must be installed (`pip install scipy`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules import signals
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import numbers_of
from autograd_lite.scipy_rooms import scipy_room

__all__ = ["convolve", "correlate", "fftconvolve"]


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of the same number of dimensions.

    Args:
        in1: the one array.
        in2: the other.
        mode: "full" for every place where they overlap; "same" for its centre, of the shape of `in1`; "valid" for the
            places where the smaller one lies within the larger.
        method: "direct" for sums of products, "fft" for Fourier transforms, "auto" for the faster of the two.

    Raises:
        OperandError: the numbers of dimensions differ, neither array fits within the other in mode "valid", or a mode
            or a method is unknown.

    >>> import numpy as np
    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]), mode="same")
    array([1. , 2.5, 4. ])
    """
    return _convolve("convolve", as_operand(in1), as_operand(in2), mode, method)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The cross-correlation of two arrays: the convolution of `in1` with conj(in2) read backwards.

    `mode`, `method` and errors are those of `convolve`.

    >>> import numpy as np
    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
    array([0.5, 2. , 3.5, 3. , 0. ])
    """
    return _convolve("correlate", as_operand(in1), signals.turned(as_operand(in2)), mode, method)


def _convolve(name: str, a: Any, b: Any, mode: str, method: str) -> Any:
    if method not in ("auto", "direct", "fft"):
        raise OperandError(f'{name}: method={method!r} is unknown; it must be "auto", "direct" or "fft"')
    _check(name, a, b, mode)
    if a.ndim == 0:
        return a * b
    if not (a.size and b.size):
        raise OperandError(f"{name}: operands of shape {a.shape} and {b.shape}; neither may be empty")
    if method == "auto":  # once for all orders, or the derivative's sums could be rounded in another way
        method = scipy_room("signal").choose_conv_method(numbers_of(a), numbers_of(b), mode=mode)
    if mode == "valid":
        a, b = _larger_first(name, a, b, range(a.ndim))
        return signals.valid(a, b, method=method)
    y = signals.full(a, b, method=method)
    return _centre(y, a.shape) if mode == "same" else y


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution of two arrays along some axes, by Fourier transforms.

    Args:
        in1: the one array.
        in2: the other; along the axes that are not convolved both broadcast against each other.
        mode: "full", "same" or "valid" as in `convolve`.
        axes: an axis, several as a tuple, or None for all.

    Raises:
        OperandError: the shapes do not fit, an axis is not there, or a mode is unknown.

    >>> import numpy as np
    >>> fftconvolve(np.ones((2, 2)), np.array([[1.0, 2.0]]), axes=1)
    array([[1., 3., 2.],
           [1., 3., 2.]])
    """
    a, b = as_operand(in1), as_operand(in2)
    _check("fftconvolve", a, b, mode)
    if a.ndim == 0:
        return a * b
    along = _axes(a.ndim, axes)
    others = [axis for axis in range(a.ndim) if axis not in along]
    for axis in others:
        if a.shape[axis] != b.shape[axis] and 1 not in (a.shape[axis], b.shape[axis]):
            raise OperandError(
                f"fftconvolve: operands of shape {a.shape} and {b.shape} do not broadcast along axis {axis}; convolve "
                f"along it too, or make the lengths equal"
            )
    if not (a.size and b.size):
        raise OperandError(f"fftconvolve: operands of shape {a.shape} and {b.shape}; neither may be empty")
    if mode == "valid":
        a, b = _larger_first("fftconvolve", a, b, along)
    shape = [
        max(m, n) if axis in others else m + n - 1 for axis, (m, n) in enumerate(zip(a.shape, b.shape, strict=True))
    ]
    kind = np.result_type(a.dtype, b.dtype)
    kind = kind if kind.kind in "fc" else np.dtype(float)
    a, b = (
        x if x.dtype == kind else x.astype(kind) for x in (a, b)
    )  # or one would be transformed in a lesser precision
    lengths = [shape[axis] for axis in along]
    # A length of small prime factors is what makes the transform fast; what is too long is cut off again.
    padded = [_smooth(length) for length in lengths]
    y: Any
    if kind.kind == "c":
        y = np.fft.ifftn(np.fft.fftn(a, padded, along) * np.fft.fftn(b, padded, along), padded, along)
    else:
        y = np.fft.irfftn(np.fft.rfftn(a, padded, along) * np.fft.rfftn(b, padded, along), padded, along)
    y = y[tuple([slice(length) for length in shape])]
    y = y if y.dtype == kind else y.astype(kind)
    if mode == "full":
        return y
    if mode == "same":
        return _centre(y, a.shape)
    wanted = list(shape)
    for axis in along:
        wanted[axis] = a.shape[axis] - b.shape[axis] + 1
    return _centre(y, tuple(wanted))


# --- shapes -------------------------------------------------------------------------------------------------


def _check(name: str, a: Any, b: Any, mode: str) -> None:
    if mode not in ("full", "same", "valid"):
        raise OperandError(f'{name}: mode={mode!r} is unknown; it must be "full", "same" or "valid"')
    if a.ndim != b.ndim:
        raise OperandError(
            f"{name}: operands of shape {a.shape} and {b.shape}; they must have the same number of dimensions"
        )


def _axes(ndim: int, axes: Any) -> list[int]:
    given = range(ndim) if axes is None else axes if np.ndim(axes) else (axes,)
    along = [int(axis) + ndim * (axis < 0) for axis in given]
    if not along or len(set(along)) < len(along) or not all(0 <= axis < ndim for axis in along):
        raise OperandError(f"fftconvolve: axes={axes} do not name different ones of {ndim} axes")
    return along


def _larger_first(name: str, a: Any, b: Any, along: Any) -> tuple[Any, Any]:
    """Both, the one within which the other fits in front."""
    if all(a.shape[axis] >= b.shape[axis] for axis in along):
        return a, b
    if all(b.shape[axis] >= a.shape[axis] for axis in along):
        return b, a
    raise OperandError(
        f'{name}: operands of shape {a.shape} and {b.shape}: neither lies within the other, as mode="valid" needs; '
        f'use mode="full" or "same"'
    )


def _centre(y: Any, shape: tuple[int, ...]) -> Any:
    starts = [(have - want) // 2 for have, want in zip(y.shape, shape, strict=True)]
    return y[tuple([slice(start, start + want) for start, want in zip(starts, shape, strict=True)])]


def _smooth(length: int) -> int:
    """The smallest number from `length` on that has no prime factor above 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
