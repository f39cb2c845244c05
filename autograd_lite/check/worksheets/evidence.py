"""The numbers that show a mistake: its ratio to the truth, its largest difference, the lines it comes from."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bench import Bench
from .mark import numeric
from .program import names


def ratios(bench: Bench) -> str:
    """Say that the value is a multiple of the truth, if it is one at all sizes."""
    found = []
    for i in bench.order[:3]:
        with np.errstate(all="ignore"):
            factor = proportion(bench.student(i), bench.truth(i))
        if factor is None or bench.truth(i).size < 2:
            return ""
        found.append(f"{1.0 / factor:.4g}")
    if len(set(found)) == 1:
        return f"{bench.group.name} is {found[0]} times the truth at every size."
    return f"{bench.group.name} is {', '.join(found)} times the truth at the {len(found)} sizes tried."


def proportion(value: Any, truth: Any) -> float | None:
    """Return truth / value if it is one number over the whole array."""
    if not numeric(value) or np.shape(value) != np.shape(truth):
        return None
    value = np.asarray(value, dtype=float)
    square = float(np.sum(value * value))
    if square == 0.0 or not np.isfinite(square) or truth.size == 0:
        return None
    factor = float(np.sum(truth * value)) / square
    if factor == 0.0 or np.max(np.abs(factor * value - truth)) > 1e-7 * np.max(np.abs(truth)):
        return None
    return factor


def origin(bench: Bench) -> str:
    """Name the forward lines that the gradient comes from: those that use its variable."""
    variable = bench.group.variable
    users = [s for s in bench.sheet.forward if variable in names(s.value)]
    if not users:
        return ""
    lines = ", ".join(f"line {s.line} ({s})" for s in users[:3])
    return f"{variable} is used in {lines}{' and further on' if len(users) > 3 else ''}."


def difference(bench: Bench) -> str:
    """Describe the largest differing entry at the screening sample, with its sizes."""
    sample = bench.samples[bench.screen]
    truth, value = bench.truth(), bench.student()
    sizes = ", ".join(f"{symbol} = {size}" for symbol, size in sample.sizes.items())
    at = f" at {sizes}" if sizes else ""
    name = bench.group.name
    if value is None:
        return f"{name} cannot be evaluated{at}; it should have shape {np.shape(truth)}."
    if not numeric(value) or np.shape(value) != np.shape(truth):
        return f"{name} has shape {np.shape(value)}{at}; {bench.group.variable} has {np.shape(truth)}."
    distance = np.abs(np.asarray(value, dtype=float) - truth)
    if not distance.size:
        return f"{name} is empty."
    place = np.unravel_index(int(np.argmax(distance)), distance.shape)
    index = "[" + ", ".join(str(int(k)) for k in place) + "]" if distance.ndim else ""
    given, right = float(np.asarray(value)[place]), float(truth[place])
    return f"The largest difference{at}: {name}{index} is {given:.4g}, it should be {right:.4g}."
