"""Expressions as lines of NumPy that run."""

from __future__ import annotations

import inspect
import keyword
import math
import operator
import re
from collections.abc import Iterable

import numpy as np

from autograd_lite.show.errors import NoNumpyFormError
from autograd_lite.show.expression import Expression, spelled_out
from autograd_lite.show.notation import ATOM, POWER, PRODUCT, Notation

__all__ = ["numpy_printer"]


class _Numpy(Notation):
    """Lines that run: the notation of a worksheet, with some variables renamed.

    What is added at an index takes lines of its own, which stand before the one that reads it.
    """

    constants = 2

    def __init__(self, names: Iterable[str] = (), renamed: dict[str, str] | None = None) -> None:
        self.names = renamed or {}
        for name in names:
            self.names.setdefault(name, self._identifier(name))
        self.before: list[str] = []
        self.scattered = 0

    def line(self, target: Expression, expression: Expression) -> str:
        """One equation, with the lines that it needs before it."""
        gradient = target.kind == "gradient"
        line = f"{self(target)} = {self(_counted(expression) if gradient else expression)}"
        lines, self.before = [*self.before, line], []
        return "\n".join(lines)

    def digits(self, value: float) -> str:
        return repr(value) if math.isfinite(value) else f"np.{value}"

    def _identifier(self, name: str) -> str:
        """A name that Python accepts and that no other variable has, nor the gradient by another."""
        made = re.sub(r"\W", "_", name)
        made = f"_{made}" if made[:1].isdigit() or not made else made
        taken = set(self.names.values())
        reserved = {"np", *taken, *(f"d{other}" for other in taken), *(other[1:] for other in taken if other[0] == "d")}
        while keyword.iskeyword(made) or made in reserved:
            made += "_"
        return made

    def variable(self, name: str) -> str:
        return self.names.get(name) or self._identifier(name)

    def operator(self, sign: str) -> str:
        return f" {'*' if sign in ('·', '⊙') else sign} "

    def call(self, e: Expression) -> tuple[str, int]:
        _, function, static = e.value
        if function == "scatter":
            return self._scatter(e.parts[0], static), ATOM
        written = spelled_out(e)
        if written is not e:
            text, level = getattr(self, written.kind)(written)
            return str(text), int(level)
        if function != "where" and not function.startswith(("logical", "bitwise")):
            e = _with_counts(e)
        return _numpy_call(function, [self(part) for part in e.parts], static), ATOM

    def word(self, e: Expression) -> tuple[str, int]:
        raise NoNumpyFormError(
            f"numpy: one rule brings along an array ({e.value}) that no line of NumPy gives; take .unicode or .latex"
        )

    def _scatter(self, value: Expression, static: str) -> str:
        found = re.fullmatch(r"index=(.*), shape=(\([^()]*\))(?:, dtype=(complex))?", static)
        index = _runnable(found[1]) if found else ""
        inner = index[1:-1] if index.startswith("(") and index.endswith(")") else index
        if found is None or (":" in inner and "[" in inner):
            raise NoNumpyFormError(f"numpy: no short line of NumPy adds at {static}; take .unicode or .latex")
        what = self(value)
        self.scattered += 1
        name = f"scattered{self.scattered}"
        self.before.append(f"{name} = np.zeros({found[2]}{', complex' if found[3] else ''})")
        # An array may hold one index twice, and += would add there only once.
        adding = f"np.add.at({name}, {index}, {what})" if "[" in inner else f"{name}[{inner or '()'}] += {what}"
        self.before.append(adding)
        return name

    def index(self, e: Expression) -> tuple[str, int]:
        _runnable(e.value)
        return super().index(e)

    def sum(self, e: Expression) -> tuple[str, int]:
        return super().sum(_with_counts(e))

    def matmul(self, e: Expression) -> tuple[str, int]:
        return super().matmul(_with_counts(e))

    def infix(self, e: Expression) -> tuple[str, int]:
        sign, function = e.value
        if sign in _PYTHON_SIGNS:
            return super().infix(e)
        return f"{_numpy_name(function)}({self(e.parts[0])}, {self(e.parts[1])})", ATOM

    def text(self, e: Expression) -> tuple[str, int]:
        if e.value[1] == "counted":
            return f"1 * {self(e.parts[0], POWER)}", PRODUCT
        return f"{_numpy_name(e.value[1])}({', '.join(self(part) for part in dict.fromkeys(e.parts))})", ATOM

    def power(self, e: Expression) -> tuple[str, int]:
        return f"{self(e.parts[0], ATOM)} ** {self(e.parts[1], ATOM)}", POWER

    def transpose(self, e: Expression) -> tuple[str, int]:
        if len(e.shape) > 2:  # .T turns all axes round
            return f"np.swapaxes({self(e.parts[0])}, -1, -2)", ATOM
        return f"{self(e.parts[0], ATOM)}.T", ATOM

    def ones(self, shape: tuple[int, ...]) -> str:
        return f"np.ones({shape})"

    def magnitude(self, e: Expression) -> tuple[str, int]:
        return f"np.abs({self(e.parts[0])})", ATOM

    def norm(self, e: Expression) -> tuple[str, int]:
        return f"np.linalg.norm({self(e.parts[0])})", ATOM


numpy_printer = _Numpy


def _with_counts(e: Expression) -> Expression:
    """The expression with numbers for the conditions in it: to NumPy, true and true is true, and not 2."""
    return Expression(e.kind, tuple(map(_counted, e.parts)), e.value, e.shape)


def _counted(e: Expression) -> Expression:
    return Expression("text", (e,), (("1 * ", ""), "counted"), e.shape) if _is_condition(e) else e


def _is_condition(e: Expression) -> bool:
    """Whether NumPy makes truth values of it."""
    if e.kind == "infix":
        return e.value[0] in _COMPARING
    if e.kind == "product" and e.value[:2] != (1, 1):
        return False
    inside = ("product", "transpose", "index")
    moved = e.kind in inside or (e.kind == "call" and e.value[1] in ("reshape", "squeeze", "expand_dims", "swapaxes"))
    return moved and all(map(_is_condition, e.parts))


def _runnable(index: str) -> str:
    """The index, unless an array in it is printed by its type and shape alone."""
    if re.search(r"[a-z]\d*\[|\.\. |,? mean", index):
        raise NoNumpyFormError(
            f"numpy: an index array ({index}) is too long for a line of NumPy; take .unicode, or fewer samples"
        )
    return index


def _numpy_name(function: str) -> str:
    """Where NumPy has a function."""
    for place, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        if callable(getattr(module, function, None)):
            return f"{place}.{function}"
    raise NoNumpyFormError(
        f"numpy: {_called(function)} is no function of NumPy, so this has no NumPy form; take .unicode or .latex"
    )


def _called(function: str) -> str:
    own = function.removeprefix("own ")
    return repr(own) if own == function else f"this {own!r}"


def _numpy_call(name: str, parts: list[str], static: str) -> str:
    """A call that NumPy accepts, with static arguments by name, or in order where NumPy wants that."""
    if name in _OF_THEIR_OWN:
        raise NoNumpyFormError(f"numpy: this form of {name!r} is none of NumPy's; take .unicode or .latex")
    place = _numpy_name(name)
    function = operator.attrgetter(place.removeprefix("np."))(np)
    parts = [f"({', '.join(parts)},)"] if name in _JOINING else parts
    given = dict(pair.split("=", 1) for pair in re.split(r", (?=\w+=)", _runnable(static))) if static else {}
    if name == "einsum" and "subscripts" in given:
        parts = [given.pop("subscripts"), *parts]
    if name in _IN_ORDER:  # reshape's argument has changed its name from one NumPy to the next
        following = list(inspect.signature(function).parameters)[len(parts) :]
        while given and following and (next(iter(given)) == following[0] or name == "reshape"):
            parts.append(given.pop(next(iter(given))))
            following.pop(0)
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
_OF_THEIR_OWN = frozenset(["eig", "eigh", "pad", "qr", "slogdet", "svd"])
#: functions whose arguments are written without their names
_IN_ORDER = frozenset(["repeat", "reshape", "swapaxes", "transpose", "tril", "triu"])
#: functions that take their arrays in one sequence
_JOINING = frozenset(["concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"])
_COMPARING = frozenset(["<", "<=", ">", ">=", "==", "!="])
_SIGNS = "< <= > >= == != & | ^ << >>"
_PYTHON_SIGNS = frozenset(_SIGNS.split())
