"""What can be said against a worksheet as a whole: the error kinds and the exception that carries one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ERROR_KINDS = (
    "syntax-error",
    "bad-header",
    "no-separator",
    "undefined-name",
    "unknown-target",
    "missing-gradient",
    "shape-error",
    "wrong-shape",
    "not-finite",
    "loss-not-scalar",
    "unsupported",
    "silent-broadcast",
)


def like(name: str, known: Iterable[str], most: int = 1) -> str:
    """Return the question whether a known name was meant, if one differs by little, such as in case."""
    others = [other for other in known if other != name]
    near = [other for other in others if other.lower() == name.lower()]
    near = near or [other for other in others if other.rpartition(".")[2] == name.rpartition(".")[2]]
    near = near or (difflib.get_close_matches(name, others, most, 0.7) if len(name) > 2 else [])
    return f"was {' or '.join(near[:most])} meant? Otherwise " if near else ""


class SheetError(ValueError):
    """A worksheet, or one line of it, that cannot be marked.

    Args:
        kind: one of :data:`ERROR_KINDS`.
        message: what is wrong and what to write instead.
        line: line of the file, from 1; None where the sheet as a whole is meant.
        name: the variable or target concerned, if there is one.
        column: column of the line, from 1.
    """

    def __init__(
        self, kind: str, message: str, line: int | None = None, name: str | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.line = line
        self.name = name
        self.column = column

    def at(self, line: int, name: str | None = None, column: int | None = None) -> SheetError:
        """Return the same error, placed at a line where it has no place yet."""
        return SheetError(
            self.kind,
            self.message,
            self.line if self.line is not None else line,
            self.name if self.name is not None else name,
            self.column if self.column is not None else column,
        )
