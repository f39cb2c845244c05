"""What is taken for an array of numbers, and what is refused because something of it would be lost without a word."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import AutogradError, OperandError

__all__ = ["beside", "gradient_like", "plain_array", "unmasked", "values_like"]


def plain_array(what: str, array: Any) -> np.ndarray[Any, Any]:
    """`array` as an ndarray and no subclass of it: what a mask hides, or a matrix multiplies, would go wrong unseen."""
    if array.__class__ is np.ndarray or not isinstance(array, np.ndarray):
        try:
            return np.asarray(array)
        except ValueError as error:  # rows of several lengths
            if isinstance(error, AutogradError):
                raise
            raise OperandError(f"{what}: {error!s:.100}; give numbers, in rows of one length") from error
    if isinstance(unmasked(what, array), np.matrix):
        raise OperandError(
            f"{what}: an np.matrix of shape {array.shape} has another '*' than arrays have; pass np.asarray(matrix)"
        )
    return np.asarray(array)


def unmasked(what: str, array: Any) -> Any:
    """`array`, which must not have a mask: NumPy's functions drop it without a word."""
    if isinstance(array, np.ndarray) and hasattr(array, "mask"):
        raise OperandError(
            f"{what}: a masked array of shape {array.shape} would lose its mask; pass array.filled(...), and multiply "
            f"by a mask of zeros and ones or use np.where"
        )
    return array


def beside(what: str, other: Any) -> Any:
    """NotImplemented, for an operator that does not know `other`, which Python then asks.

    Of another library's class of the same name Python would say that '*' is not for 'Tensor' and 'Tensor'.
    """
    kind = type(other)
    if kind.__name__ == "Tensor":
        raise OperandError(
            f"{what}: a {kind.__module__.partition('.')[0]}.Tensor beside a Tensor of this package, which has another "
            f"graph; convert it first, ag.Tensor(t.detach().numpy())"
        )
    return NotImplemented


def values_like(what: str, values: Any, dtype: np.dtype[Any]) -> Any:
    """`values` as an array of `dtype`, to which they must convert without another loss than of digits."""
    array = plain_array(what, values)
    kinds = "biufc"
    if array.dtype.kind not in kinds or kinds.index(array.dtype.kind) > max(kinds.index(dtype.kind), 2):
        raise OperandError(
            f"{what}: values of dtype {array.dtype} do not fit into a Tensor of dtype {dtype} without loss; convert "
            f"them with .astype"
        )
    return np.asarray(array, dtype=dtype)


def gradient_like(what: str, value: Any, dtype: np.dtype[Any]) -> Any:
    """`value`, an array or Tensor, as a gradient or tangent of something of `dtype`."""
    kind = value.dtype.kind
    if kind == "c" != dtype.kind or kind not in "biufc":
        raise OperandError(
            f"{what}: an array of shape {value.shape} and dtype {value.dtype} for a value of dtype {dtype}; pass "
            f"{'its .real part' if kind == 'c' else 'numbers'}"
        )
    return value if value.dtype == dtype else value.astype(dtype)
