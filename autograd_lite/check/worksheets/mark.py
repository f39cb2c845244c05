"""Marking: every gradient line is judged in two environments.

In the *student's* environment each line sees the student's own earlier values; in the *reference* environment
every ``d<name>`` is replaced by the truth after its last statement. A value that is the truth in the first is
right; one that is the truth only in the second follows through from an earlier error; the rest is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import SheetError
from .interpret import UNAVAILABLE, Allowance, Environment, execute, magnitude
from .program import Statement
from .read import Sheet
from .rounding import scale
from .sample import Sample
from .sizes import is_no_variable

RELATIVE = 1e-6
ROUNDING = 1e-13
SPREADS = 4.0
REMAINDER = 1e-3


@dataclass
class Group:
    """All statements that build one gradient, and the helper statements they rest on."""

    name: str
    variable: str
    own: list[int]
    relevant: list[int]
    reads: frozenset[str]

    @property
    def last(self) -> int:
        """Position of the statement after which the gradient is complete."""
        return self.own[-1]


@dataclass
class Mark:
    """The verdict on one gradient."""

    name: str
    line: int
    verdict: str
    remark: str = ""
    error: SheetError | None = None
    symptom: str = "value"
    """How a wrong line shows: value, wrong-shape, shape-error, not-finite or undefined-name."""


@dataclass
class Outcome:
    """How one value compares with the truth at one sample."""

    status: str
    error: SheetError | None = None

    @property
    def good(self) -> bool:
        """Whether the value is the truth, perhaps without leading axes of length 1."""
        return self.status in ("same", "dropped")


@dataclass
class Trace:
    """One run of the gradient part at one sample."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    values: Environment = field(default_factory=dict)
    before: list[Environment] = field(default_factory=list)


def groups(sheet: Sheet, variables: Iterable[str]) -> dict[str, Group]:
    """Return the gradients that a sheet assigns, in the order in which they are completed."""
    known = set(variables)
    own: dict[str, list[int]] = {}
    for position, statement in enumerate(sheet.gradient):
        name = statement.target
        if name.startswith("d") and name[1:] in known and name not in sheet.tainted:
            own.setdefault(name, []).append(position)
    found = {}
    for name in sorted(own, key=lambda n: own[n][-1]):
        relevant, reads = _slice(sheet, own[name], set(own))
        found[name] = Group(name, name[1:], own[name], relevant, reads)
    return found


def _slice(sheet: Sheet, own: list[int], gradients: set[str]) -> tuple[list[int], frozenset[str]]:
    """Return the statements that decide a gradient's value once other gradients are given, and what they read."""
    relevant = set(own)
    reads: set[str] = set()
    pending = list(own)
    while pending:
        position = pending.pop()
        for name in sheet.gradient[position].reads():
            reads.add(name)
            if name in gradients:
                continue
            for earlier in range(position):
                if sheet.gradient[earlier].target == name and earlier not in relevant:
                    relevant.add(earlier)
                    pending.append(earlier)
    return sorted(relevant), frozenset(reads)


def fit(value: Any, truth: Any) -> str:
    """Return how a value's shape fits: ``same``, ``dropped`` (leading axes of length 1) or ``wrong-shape``."""
    shape, wanted = np.shape(value), np.shape(truth)
    if shape == wanted:
        return "same"
    missing = len(wanted) - len(shape)
    if missing > 0 and all(size == 1 for size in wanted[:missing]) and shape == wanted[missing:]:
        return "dropped"
    return "wrong-shape"


def numeric(value: Any) -> bool:
    """Return whether a value is a number or an array of numbers."""
    return isinstance(value, np.ndarray | np.generic | int | float) and np.asarray(value).dtype.kind in "fiub"


def compare(value: Any, sample: Sample, name: str, statements: list[Statement], env: Environment) -> Outcome:
    """Compare a gradient's value with the truth at one sample, on the scale of the whole array."""
    truth = sample.truth[name[1:]]
    if not numeric(value):
        return Outcome("wrong-shape")
    status = fit(value, truth)
    if status == "wrong-shape":
        return Outcome(status)
    array = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(array)):
        return Outcome("not-finite")
    truth = truth.reshape(array.shape)
    distance = np.abs(array - truth)
    allowed = RELATIVE * float(np.max(np.abs(truth), initial=0.0))
    if np.all(distance <= allowed):
        return Outcome(status)
    allowed = allowed + SPREADS * sample.spread[name[1:]].reshape(array.shape)
    if np.all(distance <= allowed):
        return Outcome(status)
    terms = magnitude(statements, env)
    if np.max(sample.spread[name[1:]], initial=0.0) < REMAINDER * np.max(np.abs(truth), initial=0.0):
        # The truth is no remainder of rounding itself, so only what the line subtracts counts: a gradient may be
        # small because of a constant of 1e-34, and the terms of the line are as small then.
        terms = min(terms, scale(statements, env)[name])
    allowed = allowed + ROUNDING * terms
    return Outcome(status if np.all(distance <= allowed) else "value")


def close(value: Any, truth: Any) -> bool:
    """Return whether a value has exactly the truth's shape and agrees with it on its scale."""
    if not numeric(value) or truth is None or np.shape(value) != np.shape(truth):
        return False
    distance = np.abs(np.asarray(value, dtype=float) - truth)
    return bool(np.all(distance <= RELATIVE * np.max(np.abs(truth), initial=0.0) + 1e-14))


def trace(
    sheet: Sheet, sample: Sample, found: dict[str, Group], reference: bool, allowance: Allowance | None = None
) -> Trace:
    """Run the gradient part at one sample, in the student's or in the reference environment."""
    result = Trace()
    if allowance is not None:
        allowance.again()
    env: Environment = dict(sample.values)
    for name in sheet.tainted:
        env[name] = sample.truth[name[1:]] if reference and name[1:] in sample.truth else UNAVAILABLE
    finished = {group.last: group for group in found.values()}
    failures: dict[str, SheetError] = {}
    with np.errstate(all="ignore"):
        for position, statement in enumerate(sheet.gradient):
            result.before.append(dict(env))
            if statement.target in sheet.tainted:
                continue
            try:
                execute(statement, env)
                if allowance is not None:
                    allowance.spend(env[statement.target])
            except SheetError as error:
                if error.kind == "unsupported":
                    raise
                if error.kind == "undefined-name" and error.name is not None:
                    error.message = _unknown(sheet, position, error.name) or error.message
                failures.setdefault(statement.target, error)
            group = finished.get(position)
            if group is not None:
                _finish(sheet, sample, group, env, result, failures, reference)
    result.values = env
    return result


def _unknown(sheet: Sheet, position: int, name: str) -> str:
    """Return what is wrong with a name that has no value at a statement, where the sheet tells; else nothing."""
    for statement in sheet.gradient[position + 1 :]:
        if statement.target == name:
            return f"{name} is read before line {statement.line} defines it; move that line up, or use another name."
    return is_no_variable(sheet.inputs, name)


def _finish(
    sheet: Sheet,
    sample: Sample,
    group: Group,
    env: Environment,
    result: Trace,
    failures: dict[str, SheetError],
    reference: bool,
) -> None:
    value = env[group.name]
    truth = sample.truth[group.variable]
    if value is UNAVAILABLE:
        result.outcomes[group.name] = Outcome("failed", _cause(sheet, group, failures))
    else:
        start = result.before[group.relevant[0]]
        start = {**result.before[group.last], **{n: start[n] for n in start if n == group.name}}
        result.outcomes[group.name] = compare(
            value, sample, group.name, [sheet.gradient[k] for k in group.relevant], start
        )
    if reference:
        dropped = result.outcomes[group.name].status == "dropped" or (
            value is not UNAVAILABLE and numeric(value) and fit(value, truth) == "dropped"
        )
        env[group.name] = truth.reshape(np.shape(value)) if dropped else truth


def _cause(sheet: Sheet, group: Group, failures: dict[str, SheetError]) -> SheetError:
    """Return the error that explains why a gradient has no value, its helpers' errors first."""
    for position in group.relevant:
        error = failures.get(sheet.gradient[position].target)
        if error is not None and error.kind != "unavailable":
            return error
    return failures.get(group.name) or SheetError("unavailable", f"{group.name} rests on a value that is missing.")


def marks(
    sheet: Sheet, samples: list[Sample], found: dict[str, Group], allowance: Allowance | None = None
) -> tuple[dict[str, Mark], list[Trace]]:
    """Return the verdict on every gradient, and the reference runs (one per sample)."""
    student = [trace(sheet, sample, found, False, allowance) for sample in samples]
    reference = [trace(sheet, sample, found, True, allowance) for sample in samples]
    result: dict[str, Mark] = {}
    for name, group in found.items():
        own = [run.outcomes[name] for run in student]
        given = [run.outcomes[name] for run in reference]
        right = all(outcome.good for outcome in own)
        right_given = all(outcome.good for outcome in given)
        sources = [result[read] for read in _gradients_read(group, found) if read in result]
        line = sheet.gradient[group.last].line
        if right:
            result[name] = Mark(name, line, "right")
            if not right_given:
                result[name].remark = "compensates: an earlier mistake is undone here, so that the value is right again"
            elif any(source.verdict != "right" for source in sources):
                result[name].remark = "insensitive: it reads a wrong value, which cancels here"
        elif right_given and all(source.verdict == "right" for source in sources):
            result[name] = Mark(name, line, "right")
        elif right_given:
            result[name] = Mark(name, line, "follow-through")
        else:
            result[name] = _fault(name, line, given)
        if result[name].verdict == "right" and any(outcome.status == "dropped" for outcome in own):
            result[name].remark = (result[name].remark + "; " if result[name].remark else "") + (
                "dropped-axis: a leading axis of length 1 is dropped"
            )
    return result, reference


def _gradients_read(group: Group, found: dict[str, Group]) -> list[str]:
    return [name for name in group.reads if name in found and name != group.name]


def _fault(name: str, line: int, outcomes: list[Outcome]) -> Mark:
    worst = next(outcome for outcome in outcomes if not outcome.good)
    mark = Mark(name, line, "wrong", symptom=worst.status)
    if worst.status == "failed":
        error = worst.error
        mark.error = error
        mark.symptom = error.kind if error is not None else "shape-error"
        if mark.symptom in ("undefined-name", "unsupported", "unavailable", "not-finite"):
            mark.verdict = "error"
    elif all(outcome.status == "not-finite" for outcome in outcomes if not outcome.good):
        mark.verdict = "error"
        mark.error = SheetError("not-finite", f"{name} is NaN or infinite at the sample points.", line, name)
    elif worst.status == "wrong-shape":
        mark.error = SheetError("wrong-shape", f"{name} does not have the shape of {name[1:]}.", line, name)
    return mark
