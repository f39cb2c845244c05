"""Marking a class: the forward part from the assignment, the gradient part from each submission."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd_lite.saving import replace_file

from .checker import check_sheet
from .errors import SheetError
from .read import SEPARATOR, Sheet, read, read_submission
from .report import Report

MAX_BYTES = 200_000


@dataclass(frozen=True)
class Scheme:
    """How gradients become points.

    Args:
        points: for a wanted gradient that is right.
        follow_through: share of the points where only an earlier error shows.
        constant: share of the points for a slip in a constant factor alone.
    """

    points: float = 1.0
    follow_through: float = 1.0
    constant: float = 0.0

    def award(self, report: Report) -> dict[str, float]:
        """Return the points for every wanted gradient."""
        family = {line.name: line.family for line in report.lines if line.verdict == "wrong" and not line.also}
        share = {"right": 1.0, "follow-through": self.follow_through}
        return {
            name: self.points * share.get(verdict, self.constant if family.get(name) == "constant" else 0.0)
            for name, verdict in report.wanted.items()
        }


def load(path: str | os.PathLike[str]) -> str:
    """Return the text of a sheet.

    Raises:
        SheetError: ``unsupported`` for a file that is too large or cannot be opened, ``syntax-error`` for one
            that is not UTF-8.
    """
    if Path(path).is_dir():
        raise SheetError("unsupported", f"{path} is a folder; name one worksheet in it.")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SheetError("unsupported", f"{path} cannot be opened: {error.strerror}.") from None
    if len(data) > MAX_BYTES:
        raise SheetError("unsupported", f"{path} has more than {MAX_BYTES:,} bytes.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SheetError("syntax-error", f"{path} is not a text in UTF-8.") from None


def grade(assignment: Sheet, text: str, name: str, seed: int = 0, scheme: Scheme | None = None) -> Report:
    """Mark one submission against an assignment.

    Args:
        assignment: the sheet that gives the inputs, the forward part and the wanted gradients.
        text: the submission; only its gradient part is read.
        name: what the report calls it.
        seed: of the sample points.
        scheme: how gradients become points.
    """
    scheme = scheme or Scheme()
    try:
        report = check_sheet(read_submission(assignment, text), name, seed)
    except SheetError as error:
        report = Report(name, text, error=error, wanted=dict.fromkeys(assignment.wanted, "missing"))
    report.score = sum(scheme.award(report).values())
    report.max_score = scheme.points * len(assignment.wanted)
    return report


def blank(text: str) -> str:
    """Return the assignment that belongs to a solution: everything but the gradients.

    Raises:
        SheetError: if the solution cannot be read.

    >>> print(blank('''# inputs: x (n,)
    ... # wanted: dx
    ... L = np.sum(x ** 2)
    ... # --- gradients ---
    ... dx = 2 * x
    ... '''))
    # inputs: x (n,)
    # wanted: dx
    L = np.sum(x ** 2)
    # --- gradients ---
    # dx = ...
    <BLANKLINE>
    """
    sheet = read(text)
    lines = text.splitlines()
    end = next(number for number, line in enumerate(lines) if SEPARATOR.match(line.strip()))
    return "\n".join([*lines[: end + 1], *(f"# {name} = ..." for name in sheet.wanted), ""])


def table(reports: Iterable[Report], wanted: list[str]) -> list[list[str]]:
    """Return the class as rows of text: a head, then one row per submission."""
    rows = [["submission", *wanted, "score", "of", "first mistake", "error"]]
    for report in reports:
        verdicts = [_cell(report, name) for name in wanted]
        error = "" if report.error is None else report.error.kind
        rows.append([report.sheet, *verdicts, f"{report.score:g}", f"{report.max_score:g}", _first(report), error])
    return rows


def _first(report: Report) -> str:
    """Return the first line that is wrong, wanted or not, and its mistake: points do not show those between."""
    line = next((line for line in report.lines if line.verdict in ("wrong", "error")), None)
    if line is None:
        return ""
    kind = line.remark.partition(":")[0] if line.verdict == "error" and line.remark else line.mistake
    return f"{line.name}: {kind or line.verdict}"


def _cell(report: Report, name: str) -> str:
    line = next((line for line in report.lines if line.name == name), None)
    verdict = report.wanted.get(name, "missing")
    return f"{verdict}: {line.mistake}" if line is not None and line.mistake else verdict


def as_csv(rows: list[list[str]]) -> str:
    """Return rows as CSV; a cell that a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([["'" + cell if cell[:1] in "=+-@" and cell else cell for cell in row] for row in rows])
    return out.getvalue()


def as_table(rows: list[list[str]]) -> str:
    """Return rows as an aligned table."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def gradescope(report: Report, scheme: Scheme | None = None, hints: int = 2) -> dict[str, Any]:
    """Return Gradescope's ``results.json`` for one submission, as plain data."""
    points = (scheme or Scheme()).award(report)
    most = (scheme or Scheme()).points
    lines = {line.name: line for line in report.lines}
    tests = []
    for name, verdict in report.wanted.items():
        notes = report._notes(lines[name], hints) if name in lines else []
        tests.append({"name": name, "score": points[name], "max_score": most, "output": "\n".join([verdict, *notes])})
    return {"score": report.score, "output": report.render(hints), "visibility": "visible", "tests": tests}


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write a file in one step: a reader sees the old text or the new one, never half of it."""
    replace_file(path, lambda file: file.write(text.encode()))


def results_json(data: dict[str, Any]) -> str:
    """Return Gradescope's data as text."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
