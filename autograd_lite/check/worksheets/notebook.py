"""The cell magic ``%%derivation``: a worksheet in a notebook cell, checked when the cell is run."""

from __future__ import annotations

from typing import Any

from .checker import check
from .report import Report


def derivation(line: str, cell: str) -> Report:
    """Check the worksheet in a cell; the number on the magic's line is the level of hints.

    Args:
        line: ``""``, ``"1"``, ``"2"`` or ``"3"``.
        cell: the worksheet.

    Raises:
        ValueError: for another level of hints.
    """
    level = line.strip() or "3"
    if level not in ("1", "2", "3"):
        raise ValueError(f"%%derivation: '{level}' is not a level of hints; write 1, 2 or 3, or nothing.")
    return check(cell, "cell", hints=int(level))


def load_ipython_extension(shell: Any) -> None:
    """Register ``%%derivation`` in a notebook's ``shell``; ``%load_ext autograd_lite.check.worksheets`` calls it."""
    shell.register_magic_function(derivation, magic_kind="cell", magic_name="derivation")
