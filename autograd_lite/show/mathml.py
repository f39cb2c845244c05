"""Expressions in MathML, with names or with the numbers of a run."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import numpy as np

from autograd_lite.show.digits import number as number_text
from autograd_lite.show.expression import Expression
from autograd_lite.show.notation import ATOM, GREEK, POWER, Notation, parts_of

__all__ = ["MATHML", "numbers_printer"]


class _Mathml(Notation):
    inline = False

    def variable(self, name: str) -> str:
        base, accent, subscript = parts_of(name)
        text = f"<mi>{escape(GREEK.get(base, base))}</mi>"
        if accent:
            over = {"hat": "^", "bar": "¯", "tilde": "~"}[accent]
            text = f'<mover accent="true">{text}<mo>{over}</mo></mover>'
        if subscript:
            inner = f"<mn>{subscript}</mn>" if subscript.isdigit() else f"<mi>{escape(subscript)}</mi>"
            text = f"<msub>{text}{inner}</msub>"
        return text

    def derivative(self, by: str, of: str) -> str:
        above, below = self.variable(of), self.variable(by)
        return f"<mfrac><mrow><mo>∂</mo>{above}</mrow><mrow><mo>∂</mo>{below}</mrow></mfrac>"

    def numeral(self, text: str) -> str:
        return f"<mn>{escape(text)}</mn>"

    def scientific(self, mantissa: str, exponent: str) -> str:
        raised = self.minus_sign() + f"<mn>{exponent[1:]}</mn>" if exponent[0] == "-" else f"<mn>{exponent}</mn>"
        ten = f"<msup><mn>10</mn><mrow>{raised}</mrow></msup>"
        return ten if mantissa == "1" else f"<mn>{mantissa}</mn><mo>×</mo>{ten}"

    def words(self, text: str) -> str:
        return f"<mtext>{escape(text)}</mtext>" if text else ""

    def operator(self, sign: str) -> str:
        return {"@": "<mspace width='0.25em'/>", "-": "<mo>−</mo>"}.get(sign) or f"<mo>{escape(sign)}</mo>"

    def minus_sign(self) -> str:
        return '<mo form="prefix">−</mo>'

    def bracketed(self, text: str) -> str:
        return f'<mrow><mo stretchy="true">(</mo>{text}<mo stretchy="true">)</mo></mrow>'

    def __call__(self, expression: Expression, around: int = 0) -> str:
        text = super().__call__(expression, around)
        return text if _is_one(text) else f"<mrow>{text}</mrow>"

    def applied(self, head: str, inside: list[str]) -> str:
        if head == "sqrt" and len(inside) == 1:
            return f"<msqrt>{inside[0]}</msqrt>"
        if head == "exp" and len(inside) == 1:
            return f"<msup><mi>e</mi>{inside[0]}</msup>"
        return f"<mi>{escape(head)}</mi>" + self.bracketed("<mo>,</mo>".join(inside))

    def fraction(self, above: str, below: str, several: bool) -> str:
        rows = (text if _is_one(text) else f"<mrow>{text}</mrow>" for text in (above, below))
        return f"<mfrac>{''.join(rows)}</mfrac>"

    def power(self, e: Expression) -> tuple[str, int]:
        return f"<msup>{self(e.parts[0], ATOM)}{self(e.parts[1])}</msup>", POWER

    def call(self, e: Expression) -> tuple[str, int]:
        text, level = super().call(e)
        return text, POWER if text.startswith("<msup>") else level

    def transpose(self, e: Expression) -> tuple[str, int]:
        return f"<msup>{self(e.parts[0], ATOM)}<mo>⊤</mo></msup>", POWER

    def ones(self, shape: tuple[int, ...]) -> str:
        sizes = "<mo>×</mo>".join(f"<mn>{n}</mn>" for n in shape)
        return f"<msub><mn>𝟏</mn><mrow>{sizes}</mrow></msub>"

    def index(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], ATOM)}<mo>[</mo>{self.words(e.value)}<mo>]</mo>", ATOM

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return f"<mo>|</mo>{self(e.parts[0])}<mo>|</mo>", ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return f"<mo>‖</mo>{self(e.parts[0])}<mo>‖</mo>", ATOM


def _is_one(text: str) -> bool:
    """Whether it is a single element."""
    depth = 0
    for tag in re.finditer(r"<(/?)[^>]*?(/?)>", text):
        depth += -1 if tag[1] else 0 if tag[2] else 1
        if depth == 0:
            return tag.end() == len(text)
    return False


class _Numbers(_Mathml):
    """MathML with numbers where the names were."""

    def __init__(self, values: dict[str, Any], gradients: dict[str, Any]) -> None:
        self.values = values
        self.gradients = gradients

    def variable(self, name: str) -> str:
        return self.matrix(self.values[name]) if name in self.values else super().variable(name)

    def derivative(self, by: str, of: str) -> str:
        return self.matrix(self.gradients[by])

    def matrix(self, value: Any) -> str:
        array = np.asarray(value)
        if array.size == 1:
            text = number_text(array.reshape(())[()])
            return self.bracketed(f"<mn>{text}</mn>") if text.startswith("-") else f"<mn>{text}</mn>"
        rows = array.reshape(-1, array.shape[-1])
        cells = ["".join(f"<mtd><mn>{number_text(x)}</mn></mtd>" for x in row) for row in rows]
        return self.bracketed("<mtable>" + "".join(f"<mtr>{row}</mtr>" for row in cells) + "</mtable>")


numbers_printer = _Numbers


MATHML = _Mathml()
