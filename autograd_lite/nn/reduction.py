"""What every loss begins and ends with: operands of one shape, checked weights, and the reduction to one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand, signed
from autograd_lite.rules.table import numbers_of

__all__ = ["checked_weight", "named", "pair", "real_only", "reduced", "repeats_to", "widened"]


def pair(name: str, x: Any, target: Any) -> tuple[Any, Any]:
    """Input and target as operands, the input in floating point; different shapes are refused.

    A target of whole numbers or booleans takes the input's dtype: beside int64, float32 would become float64.
    """
    x, target = signed(x, name), operand(target, name)
    if target.dtype.kind in "biu":
        target = target.astype(x.dtype)
    if x.shape != target.shape:
        raise OperandError(
            f"{name}: an input of shape {x.shape} and a target of shape {target.shape}; reshape one of them so that "
            f"they are the same"
        )
    return x, target


def real_only(name: str, x: Any) -> Any:
    """`x`, which must not be complex: the square of a complex number measures nothing, and none is the smallest."""
    if x.dtype.kind == "c":
        raise OperandError(
            f"{name}: complex numbers of shape {x.shape}; it is defined for real ones, so give it np.abs(z), or the "
            f"parts np.real(z) and np.imag(z) one after the other"
        )
    return x


def widened(x: Any) -> Any:
    """`x`, but half floats in single precision: already the square of 256 is infinite in theirs."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def named(name: str, reduction: Any) -> str:
    """The reduction, which must be a name; an array, for which the third place is PyTorch's, cannot be compared."""
    if not isinstance(reduction, str):
        raise OperandError(
            f"{name}: reduction={reduction!r:.60} is no name; use 'mean', 'sum' or 'none', and give weights as weight="
        )
    return reduction


def reduced(name: str, loss: Any, reduction: str, weight: Any = None) -> Any:
    """The mean of `loss`, its sum, or itself; what was multiplied by a `weight` has a mean over the sum of that."""
    real_only(name, loss)
    if named(name, reduction) == "mean":
        if not loss.size:
            raise OperandError(f"{name}: an empty batch, of shape {loss.shape}, has no mean; leave it out")
        if weight is None:
            return loss.mean()
        if not numbers_of(weight).any():
            raise OperandError(
                f"{name}: {weight.size} weights that are all 0 leave nothing to take the mean of; leave the batch out, "
                f"or use reduction='sum'"
            )
        return loss.mean() / weight.mean()  # the sums themselves could be too large for float16
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise OperandError(f"{name}: reduction={reduction!r} is not known; use 'mean', 'sum' or 'none'")


def checked_weight(name: str, weight: Any, x: Any, argument: str = "weight") -> Any:
    """The weights in the dtype of the input `x`, so that float32 stays that; they must be finite and not negative."""
    weight = operand(weight, f"{name}: {argument}")
    if weight.dtype.kind not in "biuf":
        raise OperandError(f"{name}: a {argument} of dtype {weight.dtype}; give real numbers")
    if x.dtype.kind == "f" and weight.dtype != x.dtype:
        with np.errstate(over="ignore"):  # infinity is refused below
            weight = weight.astype(x.dtype)
    numbers = numbers_of(weight)
    good = np.isfinite(numbers) & (numbers >= 0)
    if not good.all():
        raise OperandError(
            f"{name}: a {argument} of {numbers[~good].flat[0]}, in {numbers.dtype}; each must be finite and at least 0"
        )
    return weight


def repeats_to(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether an array of `shape` broadcasts to `wanted` without enlarging it."""
    widths = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(width in (1, whole) for width, whole in widths)
