"""Expressions in LaTeX, for mathematical mode."""

from __future__ import annotations

from autograd_lite.show.expression import Expression
from autograd_lite.show.notation import ATOM, GREEK, POWER, Notation, parts_of

__all__ = ["LATEX"]

_FROM_GREEK = {letter: word for word, letter in GREEK.items()}
_KNOWN_WORDS = "exp ln sin cos tan arcsin arccos arctan sinh cosh tanh det max min"
_KNOWN = frozenset(_KNOWN_WORDS.split())


class _Latex(Notation):
    inline = False
    constants = 1

    def variable(self, name: str) -> str:
        base, accent, subscript = parts_of(name)
        if not base.isalpha():
            return rf"\text{{{_latex_text(name)}}}"
        base = _FROM_GREEK.get(base, base)
        text = base if len(base) == 1 else f"\\{base}" if base in GREEK else rf"\mathrm{{{base}}}"
        text = rf"\{accent}{{{text}}}" if accent else text
        if subscript:
            text += (
                f"_{{{subscript}}}" if len(subscript) == 1 or subscript.isdigit() else rf"_{{\mathrm{{{subscript}}}}}"
            )
        return text

    def derivative(self, by: str, of: str) -> str:
        return rf"\frac{{\partial {self.variable(of)}}}{{\partial {self.variable(by)}}}"

    def numeral(self, text: str) -> str:
        return text.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")

    def scientific(self, mantissa: str, exponent: str) -> str:
        return f"10^{{{exponent}}}" if mantissa == "1" else rf"{mantissa} \times 10^{{{exponent}}}"

    def words(self, text: str) -> str:
        return rf"\text{{{_latex_text(text)}}}" if text.strip() else ""

    def operator(self, sign: str) -> str:
        signs = {"@": r"\,", "·": r" \cdot ", "⊙": r" \odot ", "+": " + ", "-": " - ", "<": " < ", ">": " > "}
        signs |= {"<=": r" \le ", ">=": r" \ge ", "==": " = ", "!=": r" \ne "}
        return signs.get(sign) or rf" \mathbin{{{self.words(sign)}}} "

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def applied(self, head: str, inside: list[str]) -> str:
        if head == "sqrt" and len(inside) == 1:
            return rf"\sqrt{{{inside[0]}}}"
        if head == "exp" and len(inside) == 1:
            return f"e^{{{inside[0]}}}"
        function = _FROM_GREEK.get(head, head)
        known = function in _KNOWN or function in GREEK
        function = f"\\{function}" if known else rf"\operatorname{{{_latex_text(head)}}}"
        return function + self.bracketed(", ".join(inside))

    def call(self, e: Expression) -> tuple[str, int]:
        text, level = super().call(e)
        return text, POWER if text.startswith("e^") else level

    def fraction(self, above: str, below: str, several: bool) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], ATOM)}^{{{self(e.parts[1])}}}", POWER

    def transpose(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], ATOM)}^\\top", POWER

    def ones(self, shape: tuple[int, ...]) -> str:
        sizes = r" \times ".join(map(str, shape))
        return rf"\mathbf{{1}}_{{{sizes}}}"

    def index(self, e: Expression) -> tuple[str, int]:
        return rf"{self(e.parts[0], ATOM)}\left[{self.words(e.value)}\right]", ATOM

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return rf"\left|{self(e.parts[0])}\right|", ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return rf"\left\|{self(e.parts[0])}\right\|", ATOM


_LATEX_SPECIAL = {ord(letter): f"\\{letter}" for letter in "#$%&_{}"}
_LATEX_SPECIAL |= {ord("\\"): r"\textbackslash{}", ord("^"): r"\^{}", ord("~"): r"\~{}"}


def _latex_text(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).translate(_LATEX_SPECIAL)


LATEX = _Latex()
