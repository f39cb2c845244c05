"""The commands ``check``, ``grade`` and ``blank`` of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from .checker import check
from .errors import SheetError
from .grade import Scheme, as_csv, as_table, blank, grade, gradescope, load, results_json, table, write
from .read import Sheet, read
from .report import Report
from .sandbox import guarded


def add_commands(subparsers: Any) -> None:
    """Add the worksheet commands to an argument parser; each sets ``run``, which returns the exit status.

    Args:
        subparsers: what :meth:`argparse.ArgumentParser.add_subparsers` returned.
    """
    one = subparsers.add_parser("check", help="check hand-derived gradients, line by line")
    one.add_argument("sheets", nargs="+", metavar="SHEET")
    one.add_argument("--json", action="store_true", help="one JSON object per sheet and line")
    one.add_argument("--hints", type=int, choices=(1, 2, 3), default=None, help="1 where, 2 what kind, 3 the fix")
    one.add_argument("--seed", type=int, default=0, help="of the sample points")
    one.set_defaults(run=run_check)

    many = subparsers.add_parser("grade", help="mark submissions against an assignment")
    many.add_argument("assignment", metavar="ASSIGNMENT")
    many.add_argument("submissions", nargs="+", metavar="SUBMISSION")
    many.add_argument("--csv", metavar="FILE", help="write the table of the class")
    many.add_argument("--gradescope", metavar="FILE", help="write results.json, for one submission")
    many.add_argument("--points", type=float, default=1.0, help="per wanted gradient")
    many.add_argument("--follow-through", type=float, default=1.0, metavar="SHARE", help="of the points")
    many.add_argument("--constant", type=float, default=0.0, metavar="SHARE", help="for constant factors alone")
    many.add_argument("--hints", type=int, choices=(1, 2, 3), default=2)
    many.add_argument("--seed", type=int, default=0)
    many.set_defaults(run=run_grade)

    empty = subparsers.add_parser("blank", help="make the assignment from a solution")
    empty.add_argument("sheet", metavar="SHEET")
    empty.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    empty.set_defaults(run=run_blank)


def run_check(arguments: argparse.Namespace) -> int:
    """Check every sheet, print its report, and return the worst status."""
    hints = arguments.hints if arguments.hints is not None else 3
    worst = 0
    for path in arguments.sheets:
        report = _guarded_report(path, _checked(path, arguments.seed, hints), hints)
        print(report.as_json(hints) if arguments.json else report.render(hints, colour=sys.stdout.isatty()))
        worst = max(worst, report.status)
    return worst


def _checked(path: str, seed: int, hints: int) -> Callable[[str], Report]:
    return lambda text: check(text, path, seed, hints)


def _graded(assignment: Sheet, path: str, seed: int, scheme: Scheme) -> Callable[[str], Report]:
    return lambda text: grade(assignment, text, path, seed, scheme)


def _guarded_report(path: str, work: Callable[[str], Report], hints: int) -> Report:
    """Load a sheet here and check it in a worker process."""
    try:
        text = load(path)
    except SheetError as error:
        return Report(path, error=error, hints=hints)

    def job() -> dict[str, Any]:
        report = work(text)
        return {"title": report.title, "report": report.as_dict(hints)}

    answer = guarded(job, path)
    data = answer.get("report", answer)
    return Report.from_dict(data, text, answer.get("title", ""), hints)


def run_grade(arguments: argparse.Namespace) -> int:
    """Mark every submission, print the table, write what was asked for."""
    try:
        assignment = read(load(arguments.assignment))
    except SheetError as error:
        print(f"{arguments.assignment}: {error.kind}: {error.message}", file=sys.stderr)
        return 2
    if arguments.gradescope and len(arguments.submissions) != 1:
        print("--gradescope takes exactly one submission; call it once per student.", file=sys.stderr)
        return 2
    scheme = Scheme(arguments.points, arguments.follow_through, arguments.constant)
    reports = []
    for path in arguments.submissions:
        report = _guarded_report(path, _graded(assignment, path, arguments.seed, scheme), 3)
        report.wanted = report.wanted or dict.fromkeys(assignment.wanted, "missing")
        report.max_score = scheme.points * len(assignment.wanted)
        reports.append(report)
    rows = table(reports, assignment.wanted)
    print(as_table(rows))
    if arguments.csv:
        write(arguments.csv, as_csv(rows))
    if arguments.gradescope:
        write(arguments.gradescope, results_json(gradescope(reports[0], scheme, arguments.hints)))
    return max(report.status for report in reports)


def run_blank(arguments: argparse.Namespace) -> int:
    """Print or write the assignment that belongs to a solution."""
    try:
        text = blank(load(arguments.sheet))
    except SheetError as error:
        print(f"{arguments.sheet}: {error.kind}: {error.message}", file=sys.stderr)
        return 2
    if arguments.output:
        write(arguments.output, text)
    else:
        print(text, end="")
    return 0
