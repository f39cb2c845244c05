"""Slopes by finite differences, with an estimate of their error, and the recognition of kinks.

Central differences at halved steps are extrapolated to step 0 (Ridders, "Accurate computation of F'(x) and
F'(x)F''(x)", Advances in Engineering Software 4(2), 1982): the neighbours in the table of extrapolations tell
how far each of them can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Sides", "Slope", "sides", "slope"]

Array = np.ndarray[Any, Any]
Line = Callable[[float], Array]

_LEVELS = 24  # of halving the step; the last is 2**-24 of the first
_LEAST = 1e-290  # rounding errors of what is smaller do not shrink with it


class Slope(NamedTuple):
    """The slope of each of several functions of one variable at 0.

    `error` is the estimated error of the extrapolation and `rounding` the part of it that no step can avoid. `bent`
    tells whether the differences look as if there were a kink at 0.
    """

    value: Array
    error: Array
    rounding: Array
    bent: bool


class Sides(NamedTuple):
    """What a function does on either side of a point: "smooth", "kink", "jump" or "edge", and the slopes there.

    `rounding` is how far rounding may have put these slopes off.
    """

    kind: str
    left: float
    right: float
    rounding: float


def slope(line: Line, middle: Array, start: float, precision: float, target: Callable[[Array], Array]) -> Slope:
    """The slopes of `line` at 0.

    Args:
        line: a function of the step, giving an array (m,).
        middle: `line(0.0)`.
        start: the largest step.
        precision: the relative rounding error of what `line` gives.
        target: from slopes to the errors that are small enough to stop at.

    >>> found = slope(lambda t: np.sin([1 + t, 2 * t]), np.sin([1.0, 0.0]), 0.1, 2e-16, lambda d: 1e-9 + 0 * d)
    >>> np.round(found.value, 9)
    array([0.54030231, 2.        ])
    """
    value = np.full(middle.shape, np.nan)
    error = np.full(middle.shape, np.inf)
    rounding = np.zeros(middle.shape)
    before: list[Array] = []
    bends: list[Array] = []
    step = start
    for _ in range(_LEVELS):
        up, down = line(step), line(-step)
        row = [(up - down) / (2 * step)]
        noise = 8 * precision * np.maximum(np.maximum(np.abs(up), np.abs(down)), _LEAST) / step
        if not np.all(np.isfinite(row[0])):
            before = []  # outside the domain: the table begins anew with the next, smaller step
        else:
            for order, above in enumerate(before, start=1):
                row.append((4.0**order * row[-1] - above) / (4.0**order - 1))
                doubt = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - above)) + noise
                better = doubt < error
                value = np.where(better, row[-1], value)
                error = np.where(better, doubt, error)
                rounding = np.where(better, noise, rounding)
            before = row
            bends.append((up - 2 * middle + down) / step)
            if len(row) > 2 and np.all((error <= target(value)) | (error < 4 * noise)):
                break
        step = step / 2  # whoever calls may have given an array, which is theirs
    bent = len(bends) > 1 and bool(np.any((np.abs(bends[-1]) > error) & (np.abs(bends[-1]) > 0.75 * np.abs(bends[-2]))))
    return Slope(value, error, rounding, bent)


def sides(line: Callable[[float], float], middle: float, step: float, precision: float, least: float) -> Sides:
    """How `line` behaves within `step` of 0; a difference of slopes below `least` is no kink.

    The difference of the slopes on both sides vanishes with the step where the function is smooth and stays at a
    kink; at a jump, and where the slope is infinite, the slope on one side grows without end.

    >>> sides(lambda t: abs(t), 0.0, 1e-5, 2e-16, 1e-9)[:3]
    ('kink', -1.0, 1.0)
    >>> sides(lambda t: t * t, 0.0, 1e-5, 2e-16, 1e-9).kind
    'smooth'
    """
    steps = [step, step / 2, step / 4]
    ups = [line(h) for h in steps]
    downs = [line(-h) for h in steps]
    if not (np.all(np.isfinite(ups)) and np.all(np.isfinite(downs))):
        return Sides("edge", np.nan, np.nan, np.inf)
    rights = [(up - middle) / h for up, h in zip(ups, steps, strict=True)]
    lefts = [(middle - down) / h for down, h in zip(downs, steps, strict=True)]
    bends = [abs(right - left) for right, left in zip(rights, lefts, strict=True)]
    right, left = 2 * rights[2] - rights[1], 2 * lefts[2] - lefts[1]
    noise = 16 * precision * max(abs(middle), abs(ups[0]), abs(downs[0]), _LEAST) / steps[2]
    least = max(least, noise)
    if _diverges(rights, least) or _diverges(lefts, least):
        return Sides("jump", lefts[2], rights[2], noise)
    smooth = bends[2] <= least or bends[1] <= 0.75 * bends[0] or bends[2] <= 0.75 * bends[1]
    return Sides("smooth" if smooth else "kink", left, right, noise)


def _diverges(slopes: list[float], least: float) -> bool:
    """Whether slopes at halved steps move apart, as they do at a jump and where the slope is infinite."""
    first, second = abs(slopes[1] - slopes[0]), abs(slopes[2] - slopes[1])
    return second > least and second > 0.9 * first
