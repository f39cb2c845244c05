"""Equations, and the forms they are printed in: Unicode, LaTeX, MathML, NumPy, a worksheet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd_lite.show.errors import ShowError
from autograd_lite.show.expression import Expression
from autograd_lite.show.latex import LATEX
from autograd_lite.show.mathml import MATHML
from autograd_lite.show.notation import UNICODE
from autograd_lite.show.numpy_lines import numpy_printer

__all__ = ["Equation", "Equations", "Input"]


@dataclass(frozen=True, slots=True)
class Equation:
    """One line: a variable or the gradient by it, and what it equals."""

    target: Expression
    expression: Expression
    note: str = ""

    def printed(self, printer: Callable[[Expression], str]) -> tuple[str, str]:
        """Its two sides."""
        return printer(self.target), printer(self.expression)


@dataclass(frozen=True, slots=True)
class Input:
    """A leaf, as a worksheet declares it: its shape, the range that its values are in, and whether it is derived."""

    name: str
    shape: tuple[int, ...]
    marker: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Equations:
    """The equations of a computation, and those of its gradients; prints itself as Unicode."""

    forward: tuple[Equation, ...]
    backward: tuple[Equation, ...] = ()
    inputs: tuple[Input, ...] = ()
    where: tuple[tuple[Expression, str], ...] = ()
    """symbols and words that the program did not choose, and what they stand for"""

    @property
    def unicode(self) -> str:
        """For a terminal: one equation a line, remarks behind."""
        blocks = []
        for equations in (self.forward, self.backward):
            sides = [equation.printed(UNICODE) for equation in equations]
            wide = max((_columns(left) for left, _ in sides), default=0)
            lines = [
                f"{' ' * (wide - _columns(left))}{left} = {right}" + (f"    ({equation.note})" if equation.note else "")
                for (left, right), equation in zip(sides, equations, strict=True)
            ]
            blocks.append("\n".join(lines))
        told = [f"{UNICODE(symbol)} is {meaning}" for symbol, meaning in self.where]
        blocks.append("\n".join(f"{'  and' if i else 'where'} {each}" for i, each in enumerate(told)))
        return "\n\n".join(block for block in blocks if block)

    @property
    def latex(self) -> str:
        """An `aligned` environment for mathematical mode."""
        lines = []
        for equation in (*self.forward, *self.backward):
            left, right = equation.printed(LATEX)
            note = rf" && {LATEX.words(equation.note)}" if equation.note else ""
            lines.append(f"{left} &= {right}{note}")
        lines += [rf"{LATEX(symbol)} &\;{LATEX.words(f'is {meaning}')}" for symbol, meaning in self.where]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    @property
    def mathml(self) -> str:
        """One `<math>` element with a row for each equation."""
        rows = []
        for equation in (*self.forward, *self.backward):
            left, right = equation.printed(MATHML)
            note = f"<mtd>{MATHML.words(equation.note)}</mtd>" if equation.note else ""
            rows.append(f"<mtr><mtd>{left}</mtd><mtd><mo>=</mo></mtd><mtd>{right}</mtd>{note}</mtr>")
        for symbol, meaning in self.where:
            said = f"<mtd/><mtd>{MATHML.words(f'is {meaning}')}</mtd>"
            rows.append(f"<mtr><mtd>{MATHML(symbol)}</mtd>{said}</mtr>")
        return (
            '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mtable>'
            + "".join(rows)
            + "</mtable></math>"
        )

    @property
    def numpy(self) -> str:
        """Lines of NumPy that compute it: the form of a worksheet, forward part and gradients."""
        printer = numpy_printer(self._names())
        blocks = [
            "\n".join(printer.line(equation.target, equation.expression) for equation in equations)
            for equations in (self.forward, self.backward)
        ]
        lines = "\n\n# --- gradients ---\n\n".join(block for block in blocks if block)
        return "\n".join([*self._unnamed(printer), lines]) + "\n"

    def _unnamed(self, printer: Any) -> list[str]:
        """Comments that say what the names made up for data stand for."""
        inputs = {leaf.name for leaf in self.inputs}
        return [f"# {printer(symbol)} is {meaning}" for symbol, meaning in self.where if symbol.value in inputs]

    def _names(self) -> list[str]:
        """What the variables are called, in the order of the lines."""
        found = [leaf.name for leaf in self.inputs]
        for equation in self.forward:
            found += [*equation.expression.names, equation.target.value]
        return list(dict.fromkeys(found))

    def worksheet(self, title: str = "A derivation") -> str:
        """The solved derivation as a worksheet, which `autograd-lite check` accepts and `blank` empties.

        Sizes are the numbers of this run. The result is called L there, as in every worksheet.

        Raises:
            ShowError: this is a `formula`, without gradients; another variable is called L; a line has no NumPy form,
                or calls what worksheets do not have.
        """
        from autograd_lite.check import worksheet as check_worksheet

        if not self.backward:
            raise ShowError("worksheet: a formula has no gradients; take the worksheet of a derivation")
        result = self.forward[-1].target.value
        others = {*(leaf.name for leaf in self.inputs), *(equation.target.value for equation in self.forward)}
        if result != "L" and "L" in others:
            raise ShowError(
                f"worksheet: the result {result!r} is to be called L, but another Tensor is; rename that one"
            )
        printer = numpy_printer(self._names(), {result: "L"})
        declared = [f"{printer.variable(i.name)} {i.shape}{i.marker and ' '}{i.marker}" for i in self.inputs]
        wanted = [f"d{printer.variable(i.name)}" for i in self.inputs if i.wanted]
        head = ['"""' + re.sub(r'["\\\s]+', " ", str(title)) + '"""', *[f"# inputs: {each}" for each in declared]]
        head.append(f"# wanted: {', '.join(wanted)}")
        head += self._unnamed(printer)
        forward, backward = (
            [printer.line(equation.target, equation.expression) for equation in equations]
            for equations in (self.forward, self.backward)
        )
        sheet = "\n".join([*head, *forward, "# --- gradients ---", *backward]) + "\n"
        report = check_worksheet(sheet, hints=1)
        wrong = next((line.name for line in report.lines if line.verdict != "right"), None)
        if report.error is not None or wrong is not None:
            reason = f"the line of {wrong} holds for the values of this run alone, perhaps because some are equal"
            if report.error is not None:
                reason = report.error.message.rstrip(".")
            raise ShowError(f"worksheet: this derivation does not fit into one: {reason}. Take .numpy or .unicode")
        return sheet

    def __str__(self) -> str:
        return self.unicode

    def __repr__(self) -> str:
        return self.unicode

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


def _columns(text: str) -> int:
    """How wide text is on a terminal: an accent stands above the letter before it."""
    return sum(not unicodedata.combining(letter) for letter in text)
