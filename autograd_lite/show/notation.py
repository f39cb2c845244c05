"""How an expression is written: the walk that all notations share, and the plainest of them, Unicode."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from autograd_lite.show.expression import ONE, Expression

__all__ = ["ATOM", "GREEK", "MATMUL", "POWER", "PRODUCT", "SUM", "UNICODE", "Notation", "parts_of"]

# How tightly each kind of expression holds together.
SUM, PRODUCT, MATMUL, POWER, ATOM = range(1, 6)

_GREEK_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = dict(zip(_GREEK_WORDS.split(), "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))
_SUBSCRIPTS = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def parts_of(name: str) -> tuple[str, str, str]:
    """A name as letters, accent and subscript: y_hat1 is ("y", "hat", "1")."""
    match = re.fullmatch(r"([^\W\d_]+)(?:_(hat|bar|tilde))?(?:_?(\d+)|_([^\W_]+))?", name)
    if match is None:
        return name, "", ""
    return match[1], match[2] or "", match[3] or match[4] or ""


class Notation:
    """What all printers share: the walk, and where brackets are needed."""

    #: a fraction stands on one line
    inline = True
    #: which of the spellings of a constant
    constants = 0

    def __call__(self, expression: Expression, around: int = 0) -> str:
        """The printed expression, in brackets where what stands around it holds together more tightly."""
        text, level = getattr(self, expression.kind)(expression)
        return self.bracketed(text) if level < around else text

    # Each of these gives the printed text and how tightly it holds together.

    def name(self, e: Expression) -> tuple[str, int]:
        """A variable."""
        return self.variable(e.value), ATOM

    def word(self, e: Expression) -> tuple[str, int]:
        """A description."""
        return self.words(e.value), ATOM

    def constant(self, e: Expression) -> tuple[str, int]:
        """A number that has a name."""
        return self.numeral(e.value[self.constants]), ATOM

    def gradient(self, e: Expression) -> tuple[str, int]:
        """A derivative of the result."""
        return self.derivative(*e.value), ATOM

    def number(self, e: Expression) -> tuple[str, int]:
        """A plain number."""
        if isinstance(e.value, complex):
            return self.numeral(str(e.value).strip("()")), SUM
        text = self.digits(e.value) if isinstance(e.value, float) else str(e.value)
        power = re.fullmatch(r"(.*)e([+-]?\d+)", text)
        if power is None:
            return self.numeral(text), ATOM
        return self.scientific(power[1], str(int(power[2]))), PRODUCT

    def sum(self, e: Expression) -> tuple[str, int]:
        """Terms with their signs."""
        text = ""
        for sign, part in zip(e.value, e.parts, strict=True):
            shown = self(part, PRODUCT)
            if text:
                text += self.operator("+" if sign > 0 else "-") + shown
            else:
                text = shown if sign > 0 else self.minus_sign() + shown
        return text, SUM

    def product(self, e: Expression) -> tuple[str, int]:
        """Factors, with a line where there is a division."""
        over, under, count = e.value
        above, below = list(e.parts[:count]), list(e.parts[count:])
        if not below and under == 1:
            return self.factors(over, above, POWER), PRODUCT
        several = len(below) + (under != 1) > 1
        numerator, denominator = self.factors(over, above, PRODUCT), self.factors(under, below, POWER)
        return self.fraction(numerator, denominator, several), PRODUCT

    def factors(self, coefficient: Any, parts: list[Expression], around: int) -> str:
        """The factors above or below a line; `around` is how tightly one that stands alone must hold together."""
        if not parts:
            return self.number(Expression("number", (), coefficient))[0]
        if len(parts) == 1 and coefficient == 1:
            return self(parts[0], around if self.inline else 0)
        text = "" if coefficient == 1 else self.number(Expression("number", (), coefficient))[0]
        scalar = True
        for part in parts:
            single = math.prod(part.shape) == 1
            if text:
                text += self.operator("·" if scalar or single else "⊙")
            text += self(part, POWER)  # a matrix product too needs brackets: in Python, a * W @ x is (a * W) @ x
            scalar = scalar and single
        return text

    def matmul(self, e: Expression) -> tuple[str, int]:
        """A matrix product."""
        a, b = e.parts
        return self(a, MATMUL) + self.operator("@") + self(b, POWER), MATMUL

    def infix(self, e: Expression) -> tuple[str, int]:
        """Two parts with a sign between them."""
        a, b = e.parts
        return self(a, SUM) + self.operator(e.value[0]) + self(b, SUM), 0

    def call(self, e: Expression) -> tuple[str, int]:
        """A function of its parts."""
        head, function, static = e.value
        inside = [self(part) for part in e.parts]
        if function == "einsum":
            inside.insert(0, self.words(static.removeprefix("subscripts=")))
        elif static:
            inside.append(self.words(static))
        return self.applied(head, inside), ATOM

    def text(self, e: Expression) -> tuple[str, int]:
        """Parts with words between them."""
        words, _ = e.value
        shown = self.words(words[0])
        for part, word in zip(e.parts, words[1:], strict=True):
            shown += self(part, POWER) + self.words(word)
        return shown, PRODUCT

    def index(self, e: Expression) -> tuple[str, int]:
        """A part of an array."""
        return f"{self(e.parts[0], ATOM)}[{self.words(e.value)}]", ATOM

    def spread(self, e: Expression) -> tuple[str, int]:
        """An expression that is repeated to a shape."""
        (part,) = e.parts
        if part == ONE:
            return self.ones(e.shape), POWER
        return self(part, POWER) + self.operator("·") + self.ones(e.shape), PRODUCT

    def ones(self, shape: tuple[int, ...]) -> str:
        """An array of ones."""
        return f"ones({', '.join(map(str, shape))})"

    # What differs from one printer to the next.

    def variable(self, name: str) -> str:
        """The name of a variable."""
        return name

    def derivative(self, by: str, of: str) -> str:
        """The derivative of one variable by another."""
        return "d" + self.variable(by)

    def digits(self, value: float) -> str:
        """A floating point number."""
        return f"{value:.6g}"

    def scientific(self, mantissa: str, exponent: str) -> str:
        """A number with a power of ten."""
        return f"{mantissa}e{exponent}"

    def numeral(self, text: str) -> str:
        """The digits of a number."""
        return text

    def words(self, text: str) -> str:
        """Plain words."""
        return text

    def operator(self, sign: str) -> str:
        """A sign between two parts."""
        return f" {sign} "

    def bracketed(self, text: str) -> str:
        """Text in brackets."""
        return f"({text})"

    def minus_sign(self) -> str:
        """A sign in front."""
        return "-"

    def applied(self, head: str, inside: list[str]) -> str:
        """A function with its printed arguments."""
        return f"{self.words(head)}({', '.join(inside)})"

    def fraction(self, above: str, below: str, several: bool) -> str:
        """One printed part over another."""
        return f"{above} / {self.bracketed(below) if several else below}"


_SIGNS = {"@": " ", "-": " − ", "*": " · ", "<=": " ≤ ", ">=": " ≥ ", "!=": " ≠ "}


class _Unicode(Notation):
    def variable(self, name: str) -> str:
        base, accent, subscript = parts_of(name)
        base = GREEK.get(base, base)
        if accent and len(base) > 1:  # an accent combines with one letter
            return name
        if accent:
            base = unicodedata.normalize("NFC", base + _ACCENTS[accent])
        lowered = subscript.translate(_SUBSCRIPTS)
        small = subscript.isdigit() or len(subscript) <= 2  # whole words are hard to read that small
        return base + (lowered if small and not set(lowered) & set(subscript) else f"_{subscript}" if subscript else "")

    def operator(self, sign: str) -> str:
        return _SIGNS.get(sign, f" {sign} ")

    def minus_sign(self) -> str:
        return "−"

    def numeral(self, text: str) -> str:
        return text.replace("inf", "∞")

    def scientific(self, mantissa: str, exponent: str) -> str:
        ten = f"10{exponent.translate(_SUPERSCRIPTS)}"
        return ten if mantissa == "1" else f"{mantissa}·{ten}"

    def power(self, e: Expression) -> tuple[str, int]:
        base, exponent = self(e.parts[0], ATOM), self(e.parts[1], ATOM)
        raised = exponent.translate(_SUPERSCRIPTS)
        return (base + raised if exponent.isdigit() else f"{base}^{exponent}"), POWER

    def transpose(self, e: Expression) -> tuple[str, int]:
        return self(e.parts[0], ATOM) + "ᵀ", POWER

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return f"|{self(e.parts[0])}|", ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return f"‖{self(e.parts[0])}‖", ATOM


UNICODE = _Unicode()
