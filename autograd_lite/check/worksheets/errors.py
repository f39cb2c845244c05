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


def near(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the known names that differ from a name by little, such as in case."""
    others = [other for other in known if other != name]
    found = [other for other in others if other.lower() == name.lower()]
    found = found or [other for other in others if other.rpartition(".")[2] == name.rpartition(".")[2]]
    return (found or (difflib.get_close_matches(name, others, most, 0.7) if len(name) > 2 else []))[:most]


def like(name: str, known: Iterable[str], most: int = 1) -> str:
    """Return the question whether a known name was meant, if one is near."""
    meant = " or ".join(near(name, known, most))
    return f"was {meant} meant? Otherwise " if meant else ""


#: what students import where a worksheet knows np alone
MODULES = ("math", "torch", "jnp", "jax", "tf", "numpy", "scipy")


def no_module(name: str) -> str:
    """Return what to write for a module that is none here; empty if the name is that of no module.

    >>> no_module("torch"), no_module("w")
    ('write np. for torch., whose functions are not known here.', '')
    """
    return f"write np. for {name}., whose functions are not known here." if name in MODULES else ""


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
