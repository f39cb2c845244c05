"""The same expression as Unicode, LaTeX, MathML, or NumPy."""

from __future__ import annotations

import inspect
import math
import operator
import re
import unicodedata
from html import escape
from typing import Any

import numpy as np

from autograd_lite.show.digits import number as number_text
from autograd_lite.show.errors import NoNumpyFormError
from autograd_lite.show.expression import ONE, Expression

__all__ = ["LATEX", "MATHML", "NUMPY", "UNICODE", "numbers_printer", "parts_of", "sheet_printer"]

# How tightly each kind of expression holds together.
_SUM, _PRODUCT, _MATMUL, _POWER, _ATOM = range(1, 6)

_GREEK_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
_GREEK = dict(zip(_GREEK_WORDS.split(), "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))
_FROM_GREEK = {letter: word for word, letter in _GREEK.items()}
_SUBSCRIPTS = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_KNOWN_WORDS = "exp ln sin cos tan arcsin arccos arctan sinh cosh tanh det max min"
_KNOWN = frozenset(_KNOWN_WORDS.split())


def parts_of(name: str) -> tuple[str, str, str]:
    """A name as letters, accent and subscript: y_hat1 is ("y", "hat", "1")."""
    match = re.fullmatch(r"([^\W\d_]+)(?:_(hat|bar|tilde))?(?:_?(\d+)|_([^\W_]+))?", name)
    if match is None:
        return name, "", ""
    return match[1], match[2] or "", match[3] or match[4] or ""


class _Printer:
    """What all printers share: the walk, and where brackets are needed."""

    #: a fraction stands on one line
    inline = True
    #: which of the spellings of a constant
    constants = 0

    def __call__(self, expression: Expression, around: int = 0) -> str:
        text, level = getattr(self, expression.kind)(expression)
        return self.bracketed(text) if level < around else text

    # Each of these gives the printed text and how tightly it holds together.

    def name(self, e: Expression) -> tuple[str, int]:
        return self.variable(e.value), _ATOM

    def constant(self, e: Expression) -> tuple[str, int]:
        return self.numeral(e.value[self.constants]), _ATOM

    def gradient(self, e: Expression) -> tuple[str, int]:
        return self.derivative(*e.value), _ATOM

    def number(self, e: Expression) -> tuple[str, int]:
        text = self.digits(e.value) if isinstance(e.value, float) else str(e.value)
        return self.numeral(text), _ATOM if "j" not in text and "e" not in text else _PRODUCT

    def sum(self, e: Expression) -> tuple[str, int]:
        text = ""
        for sign, part in zip(e.value, e.parts, strict=True):
            shown = self(part, _PRODUCT)
            if text:
                text += self.operator("+" if sign > 0 else "-") + shown
            else:
                text = shown if sign > 0 else self.minus_sign() + shown
        return text, _SUM

    def product(self, e: Expression) -> tuple[str, int]:
        over, under, count = e.value
        above, below = list(e.parts[:count]), list(e.parts[count:])
        if not below and under == 1:
            return self.factors(over, above, _POWER), _PRODUCT
        several = len(below) + (under != 1) > 1
        numerator, denominator = self.factors(over, above, _PRODUCT), self.factors(under, below, _POWER)
        return self.fraction(numerator, denominator, several), _PRODUCT

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
            text += self(part, _POWER)  # a matrix product too needs brackets: in Python, a * W @ x is (a * W) @ x
            scalar = scalar and single
        return text

    def matmul(self, e: Expression) -> tuple[str, int]:
        a, b = e.parts
        return self(a, _MATMUL) + self.operator("@") + self(b, _POWER), _MATMUL

    def infix(self, e: Expression) -> tuple[str, int]:
        a, b = e.parts
        return self(a, _PRODUCT) + self.operator(e.value[0]) + self(b, _PRODUCT), 0

    def call(self, e: Expression) -> tuple[str, int]:
        head, _, static = e.value
        inside = [self(part) for part in e.parts] + ([self.words(static)] if static else [])
        return self.applied(head, inside), _ATOM

    def text(self, e: Expression) -> tuple[str, int]:
        words, _ = e.value
        shown = self.words(words[0])
        for part, word in zip(e.parts, words[1:], strict=True):
            shown += self(part, _POWER) + self.words(word)
        return shown, _PRODUCT

    def index(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], _POWER)}[{self.words(e.value)}]", _ATOM

    def spread(self, e: Expression) -> tuple[str, int]:
        (part,) = e.parts
        if part == ONE:
            return self.ones(e.shape), _POWER
        return self(part, _POWER) + self.operator("·") + self.ones(e.shape), _PRODUCT

    def ones(self, shape: tuple[int, ...]) -> str:
        return f"ones({', '.join(map(str, shape))})"

    # What differs from one printer to the next.

    def variable(self, name: str) -> str:
        return name

    def derivative(self, by: str, of: str) -> str:
        return "d" + self.variable(by)

    def digits(self, value: float) -> str:
        return f"{value:.6g}"

    def numeral(self, text: str) -> str:
        return text

    def words(self, text: str) -> str:
        return text

    def operator(self, sign: str) -> str:
        return f" {sign} "

    def bracketed(self, text: str) -> str:
        return f"({text})"

    def minus_sign(self) -> str:
        return "-"

    def applied(self, head: str, inside: list[str]) -> str:
        return f"{self.words(head)}({', '.join(inside)})"

    def fraction(self, above: str, below: str, several: bool) -> str:
        return f"{above} / {self.bracketed(below) if several else below}"


class _Unicode(_Printer):
    def variable(self, name: str) -> str:
        base, accent, subscript = parts_of(name)
        base = _GREEK.get(base, base)
        if accent and len(base) > 1:  # an accent combines with one letter
            return name
        if accent:
            base = unicodedata.normalize("NFC", base + _ACCENTS[accent])
        lowered = subscript.translate(_SUBSCRIPTS)
        return base + (lowered if not set(lowered) & set(subscript) else f"_{subscript}" if subscript else "")

    def operator(self, sign: str) -> str:
        return {"@": " ", "-": " − ", "*": " · "}.get(sign, f" {sign} ")

    def minus_sign(self) -> str:
        return "−"

    def power(self, e: Expression) -> tuple[str, int]:
        base, exponent = self(e.parts[0], _ATOM), self(e.parts[1], _ATOM)
        raised = exponent.translate(_SUPERSCRIPTS)
        return (base + raised if exponent.isdigit() else f"{base}^{exponent}"), _POWER

    def transpose(self, e: Expression) -> tuple[str, int]:
        return self(e.parts[0], _ATOM) + "ᵀ", _POWER

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return f"|{self(e.parts[0])}|", _ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return f"‖{self(e.parts[0])}‖", _ATOM


class _Latex(_Printer):
    inline = False
    constants = 1

    def variable(self, name: str) -> str:
        base, accent, subscript = parts_of(name)
        if not base.isalpha():
            return rf"\text{{{_latex_text(name)}}}"
        base = _FROM_GREEK.get(base, base)
        text = base if len(base) == 1 else f"\\{base}" if base in _GREEK else rf"\mathrm{{{base}}}"
        text = rf"\{accent}{{{text}}}" if accent else text
        if subscript:
            text += (
                f"_{{{subscript}}}" if len(subscript) == 1 or subscript.isdigit() else rf"_{{\mathrm{{{subscript}}}}}"
            )
        return text

    def derivative(self, by: str, of: str) -> str:
        return rf"\frac{{\partial {self.variable(of)}}}{{\partial {self.variable(by)}}}"

    def numeral(self, text: str) -> str:
        return text

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
        function = f"\\{head}" if head in _KNOWN else rf"\operatorname{{{_latex_text(head)}}}"
        return function + self.bracketed(", ".join(inside))

    def call(self, e: Expression) -> tuple[str, int]:
        text, level = super().call(e)
        return text, _POWER if text.startswith("e^") else level

    def fraction(self, above: str, below: str, several: bool) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], _ATOM)}^{{{self(e.parts[1])}}}", _POWER

    def transpose(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], _ATOM)}^\\top", _POWER

    def ones(self, shape: tuple[int, ...]) -> str:
        sizes = r" \times ".join(map(str, shape))
        return rf"\mathbf{{1}}_{{{sizes}}}"

    def index(self, e: Expression) -> tuple[str, int]:
        return rf"{self(e.parts[0], _POWER)}\left[{self.words(e.value)}\right]", _ATOM

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return rf"\left|{self(e.parts[0])}\right|", _ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return rf"\left\|{self(e.parts[0])}\right\|", _ATOM


_LATEX_SPECIAL = {ord(letter): f"\\{letter}" for letter in "#$%&_{}"}
_LATEX_SPECIAL |= {ord("\\"): r"\textbackslash{}", ord("^"): r"\^{}", ord("~"): r"\~{}"}


def _latex_text(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).translate(_LATEX_SPECIAL)


class _Mathml(_Printer):
    inline = False

    def variable(self, name: str) -> str:
        base, accent, subscript = parts_of(name)
        text = f"<mi>{escape(_GREEK.get(base, base))}</mi>"
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

    def words(self, text: str) -> str:
        return f"<mtext>{escape(text)}</mtext>" if text else ""

    def operator(self, sign: str) -> str:
        return {"@": "<mspace width='0.25em'/>", "-": "<mo>−</mo>"}.get(sign) or f"<mo>{escape(sign)}</mo>"

    def minus_sign(self) -> str:
        return '<mo form="prefix">−</mo>'

    def bracketed(self, text: str) -> str:
        return f'<mrow><mo stretchy="true">(</mo>{text}<mo stretchy="true">)</mo></mrow>'

    def __call__(self, expression: Expression, around: int = 0) -> str:
        return f"<mrow>{super().__call__(expression, around)}</mrow>"

    def applied(self, head: str, inside: list[str]) -> str:
        if head == "sqrt" and len(inside) == 1:
            return f"<msqrt>{inside[0]}</msqrt>"
        if head == "exp" and len(inside) == 1:
            return f"<msup><mi>e</mi>{inside[0]}</msup>"
        return f"<mi>{escape(head)}</mi>" + self.bracketed("<mo>,</mo>".join(inside))

    def fraction(self, above: str, below: str, several: bool) -> str:
        return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"

    def power(self, e: Expression) -> tuple[str, int]:
        return f"<msup>{self(e.parts[0], _ATOM)}{self(e.parts[1])}</msup>", _POWER

    def call(self, e: Expression) -> tuple[str, int]:
        text, level = super().call(e)
        return text, _POWER if text.startswith("<msup>") else level

    def transpose(self, e: Expression) -> tuple[str, int]:
        return f"<msup>{self(e.parts[0], _ATOM)}<mo>⊤</mo></msup>", _POWER

    def ones(self, shape: tuple[int, ...]) -> str:
        sizes = "<mo>×</mo>".join(f"<mn>{n}</mn>" for n in shape)
        return f"<msub><mn mathvariant='bold'>1</mn><mrow>{sizes}</mrow></msub>"

    def index(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], _POWER)}<mo>[</mo>{self.words(e.value)}<mo>]</mo>", _ATOM

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return f"<mo>|</mo>{self(e.parts[0])}<mo>|</mo>", _ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return f"<mo>‖</mo>{self(e.parts[0])}<mo>‖</mo>", _ATOM


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


class _Numpy(_Printer):
    """Lines that run: the notation of a worksheet."""

    constants = 2

    def digits(self, value: float) -> str:
        return repr(value)

    def variable(self, name: str) -> str:
        name = re.sub(r"\W", "_", name)
        return name if not name[:1].isdigit() else f"_{name}"

    def operator(self, sign: str) -> str:
        return f" {'*' if sign in ('·', '⊙') else sign} "

    def call(self, e: Expression) -> tuple[str, int]:
        _, function, static = e.value
        return _numpy_call(function, [self(part) for part in e.parts], static), _ATOM

    def infix(self, e: Expression) -> tuple[str, int]:
        sign, function = e.value
        if sign in _PYTHON_SIGNS:
            return super().infix(e)
        return f"{_numpy_name(function)}({self(e.parts[0])}, {self(e.parts[1])})", _ATOM

    def text(self, e: Expression) -> tuple[str, int]:
        return f"{_numpy_name(e.value[1])}({', '.join(self(part) for part in dict.fromkeys(e.parts))})", _ATOM

    def power(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], _ATOM)} ** {self(e.parts[1], _ATOM)}", _POWER

    def transpose(self, e: Expression) -> tuple[str, int]:
        if len(e.shape) > 2:  # .T turns all axes round
            return f"np.swapaxes({self(e.parts[0])}, -1, -2)", _ATOM
        return f"{self(e.parts[0], _ATOM)}.T", _ATOM

    def ones(self, shape: tuple[int, ...]) -> str:
        return f"np.ones({shape})"

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return f"np.abs({self(e.parts[0])})", _ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return f"np.linalg.norm({self(e.parts[0])})", _ATOM


class _Sheet(_Numpy):
    """NumPy with some variables renamed."""

    def __init__(self, renamed: dict[str, str]) -> None:
        self.renamed = renamed

    def variable(self, name: str) -> str:
        return super().variable(self.renamed.get(name, name))


sheet_printer = _Sheet


def _numpy_name(function: str) -> str:
    """Where NumPy has a function."""
    for place, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        if callable(getattr(module, function, None)):
            return f"{place}.{function}"
    raise NoNumpyFormError(
        f"numpy: {function!r} is no function of NumPy, so this has no NumPy form; take .unicode or .latex"
    )


def _numpy_call(name: str, parts: list[str], static: str) -> str:
    """A call that NumPy accepts, with static arguments by name, or in order where NumPy wants that."""
    if name in _OF_THEIR_OWN:
        raise NoNumpyFormError(f"numpy: this form of {name!r} is none of NumPy's; take .unicode or .latex")
    place = _numpy_name(name)
    function = operator.attrgetter(place.removeprefix("np."))(np)
    parts = [f"({', '.join(parts)},)"] if name in _JOINING else parts
    given = dict(pair.split("=", 1) for pair in re.split(r", (?=\w+=)", static)) if static else {}
    if name == "einsum" and "subscripts" in given:
        parts = [given.pop("subscripts"), *parts]
    if isinstance(function, np.ufunc):
        if given:
            raise NoNumpyFormError(f"numpy: this form of {name!r} is none of NumPy's; take .unicode or .latex")
        return f"{place}({', '.join(parts)})"
    try:
        signature = inspect.signature(function)
        signature.bind(*parts, **given)
        words = [f"{key}={value}" for key, value in given.items()]
    except TypeError:
        words = list(given.values())
        if len(parts) + len(words) != len([p for p in signature.parameters.values() if p.default is p.empty]):
            raise NoNumpyFormError(
                f"numpy: this form of {name!r} is none of NumPy's; take .unicode or .latex"
            ) from None
    return f"{place}({', '.join([*parts, *words])})"


#: rows that are called as a NumPy function, but with other arguments, or with several results in one array
_OF_THEIR_OWN = frozenset(["pad", "slogdet"])
#: functions that take their arrays in one sequence
_JOINING = frozenset(["concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"])
_SIGNS = "< <= > >= == != & | ^ << >>"
_PYTHON_SIGNS = frozenset(_SIGNS.split())

UNICODE, LATEX, MATHML, NUMPY = _Unicode(), _Latex(), _Mathml(), _Numpy()
