"""The smallest counterexample: sizes of one or two and whole numbers at which a wrong line fails."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from .bench import FAILURES
from .errors import SheetError
from .header import Input
from .interpret import UNAVAILABLE, execute
from .mark import Group, numeric, trace
from .read import Sheet
from .sample import Sample, _check_finite, differentiable, draw_input, symbols
from .truth import gradients

Counterexample = dict[str, Any]


def smallest(sheet: Sheet, group: Group, found: dict[str, Group], tries: int = 4) -> Counterexample | None:
    """Return the smallest sample at which a gradient is not the truth, or None if none of a few fails.

    Args:
        sheet: the worksheet.
        group: the wrong gradient.
        found: all gradients of the sheet.
        tries: draws per choice of sizes.

    Returns:
        ``{"sizes", "inputs", "value", "truth"}`` with plain numbers and lists.
    """
    wanted = symbols(sheet)
    choices = [dict.fromkeys(wanted, 1), dict.fromkeys(wanted, 2)]
    if 1 < len(wanted) <= 4:
        mixed = (dict(zip(wanted, sizes, strict=True)) for sizes in product((1, 2), repeat=len(wanted)))
        choices = sorted([*choices, *mixed], key=lambda c: sum(c.values()))
    choices += [{symbol: 2 + k for k, symbol in enumerate(wanted)}, dict.fromkeys(wanted, 3)]
    for sizes in choices:
        for seed in range(tries):
            found_here = _fails(sheet, group, found, sizes, seed)
            if found_here is not None:
                return found_here
    return None


def whole_numbers(entry: Input, sizes: dict[str, int], rng: np.random.Generator) -> Any:
    """Return simple values for an input: whole numbers, halves between 0 and 1."""
    if entry.marker in ("labels", "onehot", "binary", "signs"):
        return draw_input(entry, sizes, rng, True)
    shape = tuple(sizes[d] if isinstance(d, str) else d for d in entry.shape)
    if entry.marker == "positive":
        return rng.integers(1, 4, shape).astype(float)
    if entry.marker == "in":
        return rng.integers(1, 4, shape) / 4.0
    if entry.marker == "probabilities":
        raw = rng.integers(1, 4, shape).astype(float)
        return raw / raw.sum(axis=-1, keepdims=True) if shape else np.asarray(1.0)
    return rng.integers(-2, 4, shape).astype(float)


def _fails(
    sheet: Sheet, group: Group, found: dict[str, Group], sizes: dict[str, int], seed: int
) -> Counterexample | None:
    rng = np.random.default_rng(seed)
    try:
        values = {name: whole_numbers(entry, sizes, rng) for name, entry in sheet.inputs.items()}
        inputs = dict(values)
        with np.errstate(all="ignore"):
            for statement in sheet.forward:
                execute(statement, values)
                _check_finite(values[statement.target], statement.line, statement.target)
        sample = Sample(sheet, sizes, values, seed)
        sample.truth = gradients(sheet, values, differentiable(sheet, values))
        run = trace(sheet, sample, found, reference=True)
    except (SheetError, *FAILURES):
        return None
    outcome = run.outcomes.get(group.name)
    if outcome is None or outcome.good or not np.all(np.isfinite(sample.truth[group.variable])):
        return None
    if outcome.status == "value" and not np.any(np.abs(sample.truth[group.variable]) > 1e-9):
        return None
    given = _student_value(sheet, run.before, group)
    return {
        "sizes": sizes,
        "inputs": {name: shown(value) for name, value in inputs.items()},
        "value": shown(given),
        "truth": shown(sample.truth[group.variable]),
    }


def _student_value(sheet: Sheet, before: list[dict[str, Any]], group: Group) -> Any:
    env = dict(before[group.last])
    with np.errstate(all="ignore"):
        try:
            execute(sheet.gradient[group.last], env)
        except SheetError:
            return None
    value = env[group.name]
    return None if value is UNAVAILABLE else value


def shown(value: Any) -> Any:
    """Return a value as plain numbers and lists, rounded for reading."""
    if value is None or not numeric(value):
        return None
    array = np.asarray(value)
    if array.size > 100:
        return f"an array of shape {array.shape}"
    if array.dtype.kind in "iu":
        return array.tolist()
    rounded = np.round(array.astype(float), 6)
    return [None] if not np.all(np.isfinite(rounded)) else rounded.tolist()
