"""What a wrong gradient has to do with the right one: a factor, a sign, a transpose, an axis not summed."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["pattern"]

Array = np.ndarray[Any, Any]
_CLOSE = 1e-5


def pattern(got: Array, want: Array, sizes: Mapping[int, str]) -> str | None:
    """In one phrase how `got` differs from `want`, if it does so in one of the usual ways; else None.

    Args:
        got: the gradient under test; its shape may be another.
        want: what it should be.
        sizes: lengths that may have slipped in as a factor, and what each is the length of.

    >>> pattern(np.array([1.0, 2.0]), np.array([5.0, 10.0]), {5: "the length of axis 0 of x"})
    'every entry is 1/5 of what it should be (5 is the length of axis 0 of x)'
    """
    if not (np.all(np.isfinite(got)) and np.all(np.isfinite(want))):
        return None
    if got.shape == want.shape:
        return _same_shape(got, want, sizes)
    found = _other_shape(got, want, sizes)
    shapes = f"its shape is {got.shape}, and should be {want.shape}"
    return f"{shapes}: {found}" if found else shapes


def _same_shape(got: Array, want: Array, sizes: Mapping[int, str]) -> str | None:
    if not np.any(want):
        return "it should be zero everywhere"
    if not np.any(got):
        return "it is zero everywhere"
    if want.dtype.kind == "c" and _equal(got, np.conj(want)):
        return "it is the complex conjugate of what it should be: the gradient by a + ib is dL/da + i dL/db"
    factor = _factor(got, want)
    if factor is not None:
        named = _named(factor, sizes)
        if named is not None or want.size > 1:
            return named or f"every entry is {factor:.6g} times what it should be"
    if want.ndim > 1 and want.shape[-1] == want.shape[-2] and _equal(np.swapaxes(got, -1, -2), want):
        return "it is the transpose of what it should be"
    if want.size > 1 and want.dtype.kind != "c":
        if _equal(np.abs(got), np.abs(want)):
            return "the magnitudes are right, and some signs are wrong"
        if _equal(np.sort(got, axis=None), np.sort(want, axis=None)):
            return "the values are right, in another order"
        if _equal(got - np.mean(got - want), want):
            return f"every entry is too large by {np.mean(got - want):.6g}"
    return None


def _other_shape(got: Array, want: Array, sizes: Mapping[int, str]) -> str | None:
    """Candidates are `got` after the step that seems to be missing."""
    candidates = []
    if got.ndim > 1 and np.swapaxes(got, -1, -2).shape == want.shape:
        candidates.append(("it is transposed", np.swapaxes(got, -1, -2)))
    if got.size == want.size and np.squeeze(got).shape == np.squeeze(want).shape:
        candidates.append(("only axes of length 1 differ", got.reshape(want.shape)))
    for axis in range(got.ndim):
        total = got.sum(axis=axis, keepdims=True)
        if np.squeeze(total).shape == np.squeeze(want).shape and total.size == want.size:
            candidates.append((f"axis {axis} is not summed", total.reshape(want.shape)))
    if got.size == 1 and want.size > 1:
        candidates.append(("it is one number instead of an array", np.broadcast_to(got.reshape(()), want.shape)))
    for axis in [axis for axis, length in enumerate(want.shape) if length > 1]:
        total = want.sum(axis=axis, keepdims=True)
        if np.squeeze(total).shape == np.squeeze(got).shape and _equal(got.reshape(total.shape), total):
            return f"axis {axis} is summed, and should not be"
    for text, candidate in candidates:
        if _equal(candidate, want):
            return text
    for text, candidate in candidates:
        rest = _same_shape(candidate, want, sizes)
        if rest is not None:
            return f"{text}; besides, {rest}"
    return candidates[0][0] if candidates else None


def _equal(a: Array, b: Array) -> bool:
    return bool(np.max(np.abs(a - b), initial=0.0) <= _CLOSE * np.max(np.abs(b), initial=0.0))


def _factor(got: Array, want: Array) -> float | None:
    """The number by which `want` has to be multiplied everywhere to give `got`."""
    size = np.max(np.abs(want))
    factor = np.vdot(want / size, got / size) / np.vdot(want / size, want / size)
    if abs(factor.imag) > _CLOSE * abs(factor) or factor == 0:
        return None
    return float(factor.real) if _equal(got, factor.real * want) else None


def _named(factor: float, sizes: Mapping[int, str]) -> str | None:
    """The factor as a simple fraction, in words, and the length that it may come from."""
    size = abs(factor)
    simple = Fraction(size).limit_denominator(100_000)
    if simple == 0 or abs(float(simple) - size) > 3 * _CLOSE * size or min(simple.numerator, simple.denominator) > 12:
        return None
    where = [f"{n} is {sizes[n]}" for n in (simple.numerator, simple.denominator) if n > 2 and n in sizes]
    if not where and max(simple.numerator, simple.denominator) > 12:
        double = [n for n in (2 * simple.numerator, 2 * simple.denominator) if n in sizes]
        where = [f"{n} is {sizes[n]}" for n in double]
        if not where:
            return None
    because = f" ({', '.join(where)})" if where else ""
    sign = "the wrong sign" if factor < 0 else ""
    if simple == 1:
        return f"every entry has {sign}" if sign else None
    amount = f"{simple} of" if simple < 1 else f"{simple} times"
    if sign:
        return f"every entry has {sign}, and is {amount} what it should be{because}"
    return f"every entry is {amount} what it should be{because}"
