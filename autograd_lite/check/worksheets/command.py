"""The commands ``check``, ``grade`` and ``blank`` of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .checker import check
from .errors import SheetError
from .functions import FUNCTIONS
from .grade import Scheme, as_csv, as_table, blank, grade, gradescope, load, results_json, table, write
from .read import Sheet, as_called, read
from .report import Report
from .sandbox import guarded

#: of the files in a folder that are worksheets
_SUFFIXES = (".py", ".txt")


def add_commands(subparsers: Any) -> None:
    """Add the worksheet commands to an argument parser; each sets ``run``, which returns the exit status.

    Args:
        subparsers: what :meth:`argparse.ArgumentParser.add_subparsers` returned.
    """
    functions = ", ".join(sorted(map(as_called, FUNCTIONS)))
    one = subparsers.add_parser(
        "check",
        help="check hand-derived gradients, line by line",
        description="Say of each line of a worksheet whether it is right, what is wrong with it, and what would be "
        "right. The exit status is 0 if all is right, 1 if something is wrong, 2 if a file could not be read.",
        epilog=f"The functions of a worksheet: {functions}. The page docs/worksheets.md tells how one is written.",
    )
    one.add_argument(
        "sheets", nargs="+", metavar="SHEET", help="a worksheet, or a folder: all the *.py and *.txt files in it"
    )
    one.add_argument("--json", action="store_true", help="one JSON object per worksheet, each on one line")
    one.add_argument(
        "--hints", type=int, choices=(1, 2, 3), default=3, help="1 where, 2 what kind, 3 the fix (default: 3)"
    )
    one.add_argument("--seed", type=int, default=0, help="of the sample points (default: 0)")
    one.set_defaults(run=run_check)

    many = subparsers.add_parser(
        "grade",
        help="mark submissions against an assignment",
        description="Mark the gradients of each submission against the inputs and the computation of an assignment, "
        "and print a row for each: its wanted gradients, its points, and its first line that is wrong.",
    )
    many.add_argument("assignment", metavar="ASSIGNMENT", help="a worksheet with or without its gradients")
    many.add_argument(
        "submissions",
        nargs="+",
        metavar="SUBMISSION",
        help="a worksheet, or a folder: all the *.py and *.txt files in it but the assignment",
    )
    many.add_argument("--csv", metavar="FILE", help="write the table as CSV too (default: no file)")
    many.add_argument("--gradescope", metavar="FILE", help="write results.json, for one submission (default: no file)")
    many.add_argument("--points", type=float, default=1.0, help="for each wanted gradient (default: 1)")
    many.add_argument(
        "--follow-through",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the points, where a line is right given an earlier error (default: 1)",
    )
    many.add_argument(
        "--constant",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of the points, where a line is wrong by a constant factor alone (default: 0)",
    )
    many.add_argument(
        "--hints",
        type=int,
        choices=(1, 2, 3),
        default=2,
        help="of results.json: 1 where, 2 what kind, 3 the fix (default: 2)",
    )
    many.add_argument("--seed", type=int, default=0, help="of the sample points (default: 0)")
    many.set_defaults(run=run_grade)

    empty = subparsers.add_parser(
        "blank",
        help="make the assignment from a solution",
        description="Write a solution without the gradients, so that it is the assignment that a class is given.",
    )
    empty.add_argument("sheet", metavar="SHEET", help="the solution, a worksheet")
    empty.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    empty.set_defaults(run=run_blank)


def run_check(arguments: argparse.Namespace) -> int:
    """Check every sheet, print its report, and return the worst status."""
    hints = arguments.hints
    worst = 0
    for path in _unfolded(arguments.sheets):
        report = _guarded_report(path, _checked(path, arguments.seed, hints), hints)
        print(report.as_json(hints) if arguments.json else report.render(hints, colour=sys.stdout.isatty()))
        worst = max(worst, report.status)
    return worst


def _unfolded(paths: list[str], assignment: str | None = None) -> list[str]:
    """Return the files of a command: of a folder the worksheets in it, one level deep and sorted by name.

    Args:
        paths: files and folders; a folder without a worksheet stays, and its report says so.
        assignment: is none of the submissions if it lies in their folder.
    """
    found: list[str] = []
    for path in paths:
        inside = [path]
        if Path(path).is_dir():
            entries = [entry for entry in sorted(Path(path).iterdir()) if entry.suffix in _SUFFIXES]
            inside = [
                str(entry)
                for entry in entries
                if entry.is_file()
                and not entry.name.startswith(".")
                and not (assignment is not None and Path(assignment).exists() and entry.samefile(assignment))
            ] or [path]
        found += inside
    return found


def _checked(path: str, seed: int, hints: int) -> Callable[[str], Report]:
    return lambda text: check(text, path, seed, hints)


def _graded(assignment: Sheet, path: str, seed: int, scheme: Scheme) -> Callable[[str], Report]:
    return lambda text: grade(assignment, text, path, seed, scheme)


def _guarded_report(path: str, work: Callable[[str], Report], hints: int) -> Report:
    """Load a sheet here and check it in a worker process."""
    if Path(path).is_dir():
        # A folder with worksheets has given way to them.
        error = SheetError("unsupported", "there is no worksheet in this folder, no file *.py or *.txt.")
        return Report(path, error=error, hints=hints)
    try:
        text = load(path)
    except SheetError as error:
        return Report(path, error=error, hints=hints)

    def job() -> dict[str, Any]:
        report = work(text)
        # The lines with all that they know: how much of it is said is decided where it is shown.
        return {"title": report.title, "report": report.as_dict() | {"lines": [asdict(line) for line in report.lines]}}

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
    if not assignment.wanted:
        print(
            f"{arguments.assignment}: there is no '# wanted:' line, so that no gradient earns points; add one.",
            file=sys.stderr,
        )
    submissions = _unfolded(arguments.submissions, arguments.assignment)
    if arguments.gradescope and len(submissions) != 1:
        print("--gradescope takes exactly one submission; call it once per student.", file=sys.stderr)
        return 2
    scheme = Scheme(arguments.points, arguments.follow_through, arguments.constant)
    reports = []
    for path in submissions:
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
