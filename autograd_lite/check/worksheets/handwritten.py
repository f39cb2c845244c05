"""Checking a derivation that is a Python function of the caller's own: hand gradients against the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.check.numerical import a_function
from autograd_lite.errors import OperandError

from .mark import RELATIVE


def assert_gradients(
    loss: Callable[..., Any],
    hand_gradients: Callable[..., Any] | Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    tolerance: float = RELATIVE,
) -> None:
    """Raise unless hand-derived gradients are the gradients of a loss.

    Args:
        loss: ``loss(**inputs)``, a scalar made with NumPy functions that also take Tensors.
        hand_gradients: ``hand_gradients(**inputs)`` returning ``{input: gradient}``, or that mapping itself.
        inputs: arrays by name; those with a hand gradient are differentiated.
        tolerance: of the difference, relative to the largest entry of the true gradient.

    Raises:
        AssertionError: for a gradient that is wrong, with the ratio or the largest differing entry.
        ValueError: for a hand gradient of something that is not an input.
        OperandError: ``loss`` is no function, the hand gradients have no names, or an input is a list.

    >>> x = np.array([1.0, 2.0])
    >>> assert_gradients(lambda x: np.sum(x ** 2), lambda x: {"x": 2 * x}, {"x": x})
    >>> assert_gradients(lambda x: np.sum(x ** 2), {"x": x}, {"x": x})
    Traceback (most recent call last):
        ...
    AssertionError: gradient of x: missing_factor_2: it is 0.5 times the truth; entry [1] is 2, it should be 4.
    """
    a_function("assert_gradients", loss)
    given = hand_gradients(**inputs) if callable(hand_gradients) else hand_gradients
    if not isinstance(given, Mapping):
        raise OperandError(
            f"assert_gradients: the hand gradients are a {type(given).__name__}; give each by the name of its input, "
            f"{{{next(iter(inputs), 'x')!r}: ...}}"
        )
    unknown = sorted(set(given) - set(inputs))
    if unknown:
        raise ValueError(f"assert_gradients: {', '.join(unknown)} is not among the inputs {sorted(inputs)}; rename it.")
    for name in given:
        if isinstance(inputs[name], (list, tuple)):
            raise OperandError(
                f"assert_gradients: the input {name} is a {type(inputs[name]).__name__}; 2 * {name} of one is twice "
                f"as long; give np.array({name})"
            )
    tensors = {name: Tensor(np.asarray(inputs[name], dtype=float), requires_grad=True) for name in given}
    loss(**{**inputs, **tensors}).backward()
    faults = []
    for name, gradient in given.items():
        truth = tensors[name].grad
        expected = np.zeros(np.shape(inputs[name])) if truth is None else np.asarray(truth)
        fault = describe(np.asarray(gradient, dtype=float), expected, tolerance)
        if fault:
            faults.append(f"gradient of {name}: {fault}")
    if faults:
        raise AssertionError("\n".join(faults))


def describe(value: Any, truth: Any, tolerance: float = RELATIVE) -> str:
    """Return what is wrong with a gradient as a sentence, or an empty string if nothing is.

    Args:
        value: the hand-derived gradient.
        truth: the true gradient.
        tolerance: relative to the largest entry of the truth.
    """
    if value.shape != truth.shape:
        reducible = value.ndim >= truth.ndim and value.size > truth.size
        cure = "not_summed: sum over the broadcast axes" if reducible else "keepdims_missing: keep the axes"
        return f"{cure}; it has shape {value.shape}, the input has {truth.shape}."
    distance = np.abs(value - truth)
    scale = float(np.max(np.abs(truth), initial=0.0))
    if np.all(distance <= tolerance * scale + 1e-14):
        return ""
    ratio = _ratio(value, truth)
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(distance), np.inf, distance))), distance.shape)
    index = "[" + ", ".join(str(int(k)) for k in place) + "]" if distance.ndim else ""
    where = f"entry {index} is {float(value[place]):.6g}, it should be {float(truth[place]):.6g}".replace("  ", " ")
    if ratio is None:
        if value.ndim == 2 and value.shape[0] == value.shape[1] and np.allclose(value.T, truth):
            return f"transposed: it is the transpose of the truth; {where}."
        return f"{where}."
    return f"{_reading(ratio)}: it is {ratio:.6g} times the truth; {where}."


def _ratio(value: Any, truth: Any) -> float | None:
    square = float(np.sum(truth * truth))
    if square == 0.0 or not np.all(np.isfinite(value)):
        return None
    ratio = float(np.sum(value * truth)) / square
    return ratio if np.allclose(value, ratio * truth, rtol=1e-7, atol=1e-9 * np.max(np.abs(truth))) else None


def _reading(ratio: float) -> str:
    """Return the mistake that a ratio suggests; a whole number may be a count or a constant."""
    if abs(ratio + 1.0) < 1e-9:
        return "sign_flipped"
    if abs(ratio - 0.5) < 1e-9:
        return "missing_factor_2"
    inverse = 1.0 / ratio if ratio else 0.0
    if ratio > 2.0 and abs(ratio - round(ratio)) < 1e-9:
        return f"missing_1_over_n or wrong_constant (a factor {round(ratio)})"
    if inverse > 2.0 and abs(inverse - round(inverse)) < 1e-9:
        return f"extra_1_over_n or wrong_constant (a factor 1/{round(inverse)})"
    return "wrong_constant"
