"""Diagnosis of a wrong line: what the mistake is, the numbers that show it, and one line that would be right."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from .bench import Bench, Edit, OutOfTime
from .evidence import difference, origin, ratios
from .mark import Group, Mark, Trace
from .program import Statement
from .read import Sheet
from .sample import Sample
from .search import Search

FAMILIES = {
    "constant": ("missing_factor_2", "wrong_constant"),
    "count": ("missing_1_over_n", "extra_1_over_n", "wrong_count", "mean_for_sum"),
    "sign": ("sign_flipped",),
    "layout": ("transposed", "elementwise_for_matmul"),
    "axis": ("not_summed", "wrong_axis", "keepdims_missing"),
    "chain": (
        "inner_derivative_missing",
        "upstream_missing",
        "activation_derivative_missing",
        "scale_missing",
        "mask_missing",
    ),
    "local": (
        "wrong_local_derivative",
        "power_rule",
        "activation_derivative_twice",
        "derivative_at_preactivation",
        "activation_derivative_extra",
    ),
    "path": (
        "not_accumulated",
        "norm_mean_term_missing",
        "norm_var_term_missing",
        "softmax_offdiagonal_missing",
        "regulariser_missing",
        "duplicate_index_lost",
    ),
    "source": ("wrong_variable", "relu_mask_wrong_tensor", "wrong_branch", "wrong_slice"),
}
FAMILY = {tag: family for family, tags in FAMILIES.items() for tag in tags}


@dataclass
class Diagnosis:
    """What is wrong with a line."""

    tag: str | None
    evidence: str | None
    fix: str | None
    line: int
    also: tuple[str, ...] = ()
    change: str | None = None
    """What the repair replaces."""

    @property
    def family(self) -> str | None:
        """The family of the tag."""
        return FAMILY.get(self.tag) if self.tag else None


def diagnose(
    sheet: Sheet,
    samples: list[Sample],
    traces: list[Trace],
    group: Group,
    mark: Mark,
    variables: frozenset[str],
    deadline: float,
    found: Iterable[Group] = (),
) -> Diagnosis:
    """Return the diagnosis of one wrong gradient.

    Args:
        sheet: the worksheet.
        samples: all samples with their truth.
        traces: the reference run at each sample.
        group: the wrong gradient.
        mark: its verdict.
        variables: variables that have a gradient.
        deadline: value of :func:`time.process_time` at which the search ends.
        found: all gradients of the sheet.
    """
    bench = Bench(sheet, samples, traces, group, deadline, found)
    with np.errstate(all="ignore"):
        repair = _found(bench, variables)
    where = " ".join(part for part in (ratios(bench), difference(bench), origin(bench)) if part)
    if repair is None:
        return Diagnosis(None, f"No single slip explains it. {where}", None, mark.line)
    return Diagnosis(
        repair.tag,
        where,
        whole_line(sheet, repair.position, repair.statement),
        repair.statement.line,
        repair.also,
        repair.what,
    )


def whole_line(sheet: Sheet, position: int, repaired: Statement | None = None) -> str:
    """Return a line of the file with a statement repaired, and its neighbours where ';' joins several."""
    line = sheet.gradient[position].line
    together = [k for k, statement in enumerate(sheet.gradient) if statement.line == line]
    return "; ".join(str(repaired if k == position and repaired else sheet.gradient[k]) for k in together)


def _found(bench: Bench, variables: frozenset[str]) -> Edit | None:
    search = Search(bench, variables)
    found: Edit | None = None
    try:
        found = search.best()
    except OutOfTime:
        found = search.cheapest
    if found is None:
        bench.deadline = time.process_time() + 1.0
        with suppress(OutOfTime):
            found = search.generated()
    return found
