"""Hand-derived gradients, marked line by line.

A worksheet is a text: inputs, a forward part, and a gradient for each variable, in NumPy notation. It is read
(:mod:`.read`), evaluated (:mod:`.interpret`) at sample points (:mod:`.sample`), marked in two environments
(:mod:`.mark`), and every wrong line is diagnosed (:mod:`.diagnose`). Nothing in it is run as Python.
"""

from __future__ import annotations

import os
from pathlib import Path

from .checker import check
from .errors import ERROR_KINDS, SheetError
from .grade import load
from .handwritten import assert_gradients
from .notebook import load_ipython_extension
from .report import LineReport, Report

__all__ = [
    "ERROR_KINDS",
    "LineReport",
    "Report",
    "SheetError",
    "assert_gradients",
    "load_ipython_extension",
    "worksheet",
]


def worksheet(path_or_text: str | os.PathLike[str], *, seed: int = 0, hints: int = 3) -> Report:
    """Check a worksheet and return the report.

    Args:
        path_or_text: a path, or the text itself (anything with a line break).
        seed: of the sample points.
        hints: 1 says where a mistake is, 2 what kind, 3 gives the corrected line.

    Returns:
        The report; it prints as text and shows as a table in a notebook. A sheet that cannot be read has its
        reason in ``report.error``; nothing is raised for it.

    >>> report = worksheet('''# inputs: x (n,)
    ... # wanted: dx
    ... L = np.mean(x ** 2)
    ... # --- gradients ---
    ... dx = x / x.size
    ... ''')
    >>> report.lines[0].verdict, report.lines[0].mistake
    ('wrong', 'missing_factor_2')
    """
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return check(path_or_text, "worksheet", seed, hints)
    name = str(Path(path_or_text))
    try:
        text = load(path_or_text)
    except SheetError as error:
        return Report(name, error=error, hints=hints)
    return check(text, name, seed, hints)
