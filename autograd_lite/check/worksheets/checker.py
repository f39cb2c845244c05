"""Checking one worksheet from text to report: read, sample, mark, diagnose, score."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace

from .bench import FAILURES
from .counterexample import smallest
from .diagnose import Diagnosis, diagnose, whole_line
from .errors import SheetError, near
from .faults import sheet_errors
from .interpret import Allowance
from .mark import Group, Mark, Trace, groups, marks, trace
from .read import Sheet, read
from .report import LineReport, Report
from .sample import Sample, differentiable, samples
from .sizes import written_out
from .spelling import as_written, respelled

MARKING_SECONDS = 1.2
DIAGNOSIS_SECONDS = 5.0
LINE_SECONDS = 2.0


def check(text: str, sheet_name: str = "worksheet", seed: int = 0, hints: int = 3) -> Report:
    """Check a worksheet; never raises for anything the sheet holds.

    Args:
        text: the worksheet.
        sheet_name: what the report calls it.
        seed: of the sample points.
        hints: 1 says where, 2 what kind, 3 gives the corrected line.
    """
    try:
        sheet = read(text)
    except SheetError as error:
        return Report(sheet_name, text, error=error, hints=hints)
    return check_sheet(sheet, sheet_name, seed, hints)


def check_sheet(sheet: Sheet, sheet_name: str = "worksheet", seed: int = 0, hints: int = 3) -> Report:
    """Check a worksheet that has been read."""
    # NumPy warns of a mean over nothing and the like; what comes of it is marked, and is the sheet's affair.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return _checked(sheet, sheet_name, seed, hints)


def _checked(sheet: Sheet, sheet_name: str, seed: int, hints: int) -> Report:
    report = Report(sheet_name, sheet.text, sheet.title, hints=hints, max_score=float(len(sheet.wanted)))
    report.wanted = dict.fromkeys(sheet.wanted, "missing")
    allowance = Allowance(MARKING_SECONDS)
    try:
        drawn = samples(sheet, seed, allowance=allowance)
        variables = differentiable(sheet, drawn[0].values)
        found = groups(sheet, variables)
        verdicts, traces = marks(sheet, drawn, found, allowance)
    except SheetError as error:
        report.error = error
        return report
    errors = sheet_errors(sheet, drawn[0].values, found, verdicts)
    report.error = errors[0] if errors else None
    report.lines = _lines(sheet, drawn, traces, found, verdicts, frozenset(variables))
    report.wanted |= {name: verdicts[name].verdict for name in sheet.wanted if name in verdicts}
    report.score = float(sum(verdict in ("right", "follow-through") for verdict in report.wanted.values()))
    return report


def _diagnosis(
    sheet: Sheet,
    drawn: list[Sample],
    traces: list[Trace],
    found: dict[str, Group],
    mark: Mark,
    variables: frozenset[str],
    deadline: float,
) -> Diagnosis:
    """Return what is wrong with a line; where it reads a name that is none, what is wrong once that is mended."""
    group = found[mark.name]
    unknown = mark.error.name if mark.error is not None and mark.symptom == "undefined-name" else None
    if unknown is None:
        return diagnose(sheet, drawn, traces, group, mark, variables, deadline, found.values())
    meant = replace(sheet, gradient=written_out(sheet.gradient, sheet.inputs, sheet.variables))
    assigned = any(statement.target == unknown for statement in sheet.gradient)
    if meant.gradient is sheet.gradient and not assigned:
        for name in near(unknown, traces[0].before[group.last]):
            meant = replace(sheet, gradient=[respelled(statement, {unknown: name}) for statement in sheet.gradient])
    if meant.gradient is not sheet.gradient:
        sheet, traces = meant, [trace(meant, sample, found, True) for sample in drawn]
        if all(run.outcomes[mark.name].good for run in traces):
            return Diagnosis(None, None, whole_line(sheet, group.last), mark.line)
        return diagnose(sheet, drawn, traces, group, mark, variables, deadline, found.values())
    diagnosis = diagnose(sheet, drawn, traces, group, mark, variables, deadline, found.values())
    # Of what no name stands for it can be told which one is right, and not whether a derivative was wrong.
    return diagnosis if diagnosis.family == "source" else replace(diagnosis, tag=None, also=())


def _lines(
    sheet: Sheet,
    drawn: list[Sample],
    traces: list[Trace],
    found: dict[str, Group],
    verdicts: dict[str, Mark],
    variables: frozenset[str],
) -> list[LineReport]:
    end = time.process_time() + DIAGNOSIS_SECONDS
    lines = []
    for name, mark in verdicts.items():
        line = LineReport(name, mark.line, mark.verdict, remark=mark.remark or None)
        if mark.verdict in ("wrong", "error"):
            deadline = min(end, time.process_time() + LINE_SECONDS)
            try:
                diagnosis = _diagnosis(sheet, drawn, traces, found, mark, variables, deadline)
            except FAILURES as error:
                # The verdict stands whatever the search for a reason stumbles over.
                diagnosis = Diagnosis(None, f"No explanation was found ({error}).", None, mark.line)
            line.line = diagnosis.line
            line.mistake, line.family, line.also = diagnosis.tag, diagnosis.family, list(diagnosis.also)
            if mark.symptom == "unavailable":
                # The line rests on one that could not be read, which says nothing of the line itself.
                line.mistake, line.family, line.also = None, None, []
            line.evidence, line.change, line.fix = (
                as_written(text, sheet.spelled) for text in (diagnosis.evidence, diagnosis.change, diagnosis.fix)
            )
            line.counterexample = smallest(sheet, found[name], found)
            if mark.error is not None:
                line.remark = f"{mark.error.kind}: {mark.error.message}"
        lines.append(line)
    return sorted(lines, key=lambda line: line.line)
