"""Rows and cells of the printed table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .engines import Engine


@dataclass(frozen=True)
class Cell:
    """What one engine scored; `note` is printed below the table, `wrong` makes the command fail."""

    text: str
    note: str = ""
    wrong: bool = False


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    cells: Mapping[str, Cell]
    goal: str = ""


def seconds_text(seconds: float) -> str:
    """A duration with three figures and the unit that suits it: ``'9.21 us'``."""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s"


@dataclass
class Table:
    """Prints each row as soon as it is measured, so that a long run shows where it is."""

    engines: Sequence[Engine]
    notes: list[str] = field(default_factory=list)
    wrong: bool = False

    def _line(self, name: str, columns: Sequence[str], goal: str, title: str) -> str:
        widths = [max(10, len(engine.heading)) for engine in self.engines]
        cells = "  ".join(f"{text:>{width}}" for text, width in zip(columns, widths, strict=True))
        return f"{name:<16}{cells}  {goal:>8}  {title}"

    def header(self) -> None:
        line = self._line("", [engine.heading for engine in self.engines], "goal", "workload")
        print(line, "-" * len(line), sep="\n", flush=True)

    def add(self, row: Row) -> None:
        columns = []
        for engine in self.engines:
            cell = row.cells.get(engine.key, Cell("-"))
            mark = ""
            if cell.note:
                self.notes.append(f"{row.name}, {engine.heading}: {cell.note}")
                mark = f" [{len(self.notes)}]"
            self.wrong |= cell.wrong
            columns.append(cell.text + mark)
        print(self._line(row.name, columns, row.goal, row.title), flush=True)

    def footer(self) -> None:
        for number, note in enumerate(self.notes, 1):
            print(f"[{number}] {note}")
