"""Trying repairs: the value a gradient would have if one of its statements were another."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .errors import SheetError
from .interpret import UNAVAILABLE, Environment, Memo, evaluate, execute
from .mark import RELATIVE, SPREADS, Group, Trace, close, compare, fit, numeric
from .program import Node, Statement
from .read import Sheet
from .sample import Sample

FAILURES = (SheetError, ValueError, IndexError, TypeError, AttributeError, ArithmeticError, MemoryError, RecursionError)


class OutOfTime(Exception):
    """The time set aside for the diagnosis of a sheet is used up."""


@dataclass(frozen=True)
class Edit:
    """A repair: statement ``position`` becomes ``statement``; ``tag`` and ``what`` say what was wrong."""

    position: int
    statement: Statement
    tag: str
    cost: float
    what: str
    also: tuple[str, ...] = ()


class Bench:
    """One wrong gradient in the reference environment, ready to have repairs tried on it.

    Args:
        sheet: the worksheet.
        samples: all samples.
        traces: the reference run of each sample.
        group: the wrong gradient.
        deadline: value of :func:`time.process_time` after which :class:`OutOfTime` is raised.
        found: all gradients of the sheet; a repair of a helper that some of them share may break none.
    """

    def __init__(
        self,
        sheet: Sheet,
        samples: list[Sample],
        traces: list[Trace],
        group: Group,
        deadline: float,
        found: Iterable[Group] = (),
    ) -> None:
        self.sheet = sheet
        self.samples = samples
        self.traces = traces
        self.group = group
        self.deadline = deadline
        self.sharing = [
            other
            for other in found
            if other is not group
            and not set(other.relevant).isdisjoint(group.relevant)
            and all(run.outcomes[other.name].good for run in traces)
        ]
        self.dropped = 0
        self.order = self._screening_order()
        self.memos: dict[int, Memo] = {}
        self.tried = 0
        self.dropped = self._dropped_axes()

    def _dropped_axes(self) -> int:
        """Return how many leading axes of length 1 the student leaves out, which is no mistake."""
        full, value = np.ndim(self.truth()), self.student()
        fits = numeric(value) and fit(value, self.samples[self.screen].truth[self.group.variable]) == "dropped"
        return full - np.ndim(value) if fits else 0

    def _screening_order(self) -> list[int]:
        """Put a sample first at which the line fails and the truth is not mostly zero, then other sizes."""

        def weight(i: int) -> tuple[bool, bool, float]:
            sample, outcome = self.samples[i], self.traces[i].outcomes[self.group.name]
            truth = sample.truth[self.group.variable]
            return (outcome.good, not sample.smooth, float(np.mean(truth == 0)) + 0.01 * (i % 5 > 0))

        ranked = sorted(range(len(self.samples)), key=weight)
        seen: set[tuple[int, ...]] = set()
        first: list[int] = []
        rest: list[int] = []
        for i in ranked:
            sizes = tuple(self.samples[i].sizes.values())
            (rest if sizes in seen else first).append(i)
            seen.add(sizes)
        return first + rest

    @property
    def screen(self) -> int:
        """The sample at which a repair is tried first."""
        return self.order[0]

    def env(self, position: int, i: int | None = None) -> Environment:
        """Return the reference environment before a statement."""
        return self.traces[self.screen if i is None else i].before[position]

    def truth(self, i: int | None = None) -> Any:
        """Return the true gradient at a sample."""
        truth = self.samples[self.screen if i is None else i].truth[self.group.variable]
        return truth.reshape(truth.shape[self.dropped :]) if self.dropped else truth

    def value_of(self, node: Node, position: int, i: int | None = None) -> Any:
        """Return the value of an expression before a statement, at the screening sample unless told."""
        memo = self.memos.setdefault(position, {}) if i is None else None
        with np.errstate(all="ignore"):
            return evaluate(node, self.env(position, i), memo)

    def result(
        self, position: int, statement: Statement, i: int | None = None, later: dict[int, Statement] | None = None
    ) -> Any:
        """Return the gradient's value if a statement is replaced; None if it cannot be evaluated.

        Args:
            position: of the statement.
            statement: what stands there instead.
            i: the sample; the screening sample unless told.
            later: further replacements, at later positions.
        """
        self.tried += 1
        if self.tried % 64 == 0 and time.process_time() > self.deadline:
            raise OutOfTime
        after = [k for k in self.group.relevant if k > position]
        with np.errstate(all="ignore"):
            try:
                if not after and statement.kind == "assign":
                    return self.value_of(statement.value, position, i)
                memo = self.memos.setdefault(position, {}) if i is None else None
                env = dict(self.env(position, i))
                execute(statement, env, memo)
                changed = {statement.target: env[statement.target]}
                for k in after:
                    env = {**self.env(k, i), **changed}
                    other = (later or {}).get(k, self.sheet.gradient[k])
                    execute(other, env)
                    changed[other.target] = env[other.target]
                value = changed.get(self.group.name, UNAVAILABLE)
                return None if value is UNAVAILABLE else value
            except FAILURES:
                return None

    def screened(self, position: int, statement: Statement) -> bool:
        """Return whether a replacement gives the truth at the screening sample."""
        value, truth = self.result(position, statement), self.truth()
        if close(value, truth):
            return True
        if self.slack is None or not numeric(value) or np.shape(value) != np.shape(truth):
            return False
        return bool(np.all(np.abs(np.asarray(value, dtype=float) - truth) <= self.slack))

    @cached_property
    def slack(self) -> Any:
        """How far a value may be from the truth at the screening sample's kinks; None where it has none."""
        truth = self.truth()
        spread = SPREADS * self.samples[self.screen].spread[self.group.variable].reshape(truth.shape)
        allowed = RELATIVE * np.max(np.abs(truth), initial=0.0)
        return spread + allowed if np.max(spread, initial=0.0) > allowed else None

    def repairs(self, edit: Edit) -> bool:
        """Return whether an edit gives the truth at every sample, sizes first, and breaks no other gradient."""
        if not self.screened(edit.position, edit.statement):
            return False
        return self.confirmed(edit.position, edit.statement) and all(
            Bench(self.sheet, self.samples, self.traces, other, self.deadline).confirmed(edit.position, edit.statement)
            for other in self.sharing
            if edit.position in other.relevant
        )

    def confirmed(self, position: int, statement: Statement) -> bool:
        """Return whether a replacement gives the truth at every sample."""
        statements = [statement, *(self.sheet.gradient[k] for k in self.group.relevant if k > position)]
        for i in self.order:
            value = self.result(position, statement, i)
            if not numeric(value) or fit(value, self.truth(i)) != "same":
                return False
            outcome = compare(value, self.samples[i], self.group.name, statements, self.env(position, i))
            if not outcome.good:
                return False
        return True

    def student(self, i: int | None = None) -> Any:
        """Return the gradient's value as the student's statements give it in the reference environment."""
        first = self.group.own[0]
        return self.result(first, self.sheet.gradient[first], i)
