"""Points where the derivative is a choice: one table, one test per row, and the page in docs/ made from it.

`python tests/rules/test_choices.py` writes the page again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag

PAGE = Path(__file__).parents[2] / "docs" / "choices.md"


class Choice(NamedTuple):
    """At `point` the gradient of the sum of `function` is `gradient`, because of `why`."""

    written: str
    function: Any
    point: Any
    gradient: Any
    why: str


def _inf():
    return np.inf


CHOICES = [
    Choice("abs(x)", np.abs, 0.0, 0.0, "the middle of the slopes -1 and 1"),
    Choice("relu(x), np.where(x > 0, x, 0)", lambda x: ag.nn.relu(x), 0.0, 0.0, "PyTorch's and JAX's choice"),
    Choice(
        "sign(x), floor(x), round(x)", lambda x: np.sign(x) + np.floor(x) + np.round(x), 0.0, 0.0, "flat between jumps"
    ),
    Choice("max(x)", np.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5], "ties share equally"),
    Choice("min(x)", np.min, [1.0, 1.0, 1.0, 2.0], [1 / 3, 1 / 3, 1 / 3, 0.0], "ties share equally"),
    Choice("maximum(x, 1)", lambda x: np.maximum(x, 1.0), 1.0, 0.5, "ties share equally"),
    Choice("minimum(x, x)", lambda x: np.minimum(x, x), 2.0, 1.0, "both halves arrive at the same input"),
    Choice("sort(x)[0]", lambda x: np.sort(x)[0], [2.0, 2.0, 3.0], [0.5, 0.5, 0.0], "ties share equally"),
    Choice("median(x)", np.median, [2.0, 2.0, 2.0], [1 / 3, 1 / 3, 1 / 3], "ties share equally"),
    Choice(
        "clip(x, 0, 1)",
        lambda x: np.clip(x, 0.0, 1.0),
        [0.0, 0.5, 1.0],
        [0.5, 1.0, 0.5],
        "minimum of maximum: ties share",
    ),
    Choice("linalg.norm(x)", np.linalg.norm, [0.0, 0.0], [0.0, 0.0], "the middle of all slopes"),
    Choice("std(x)", np.std, [3.0, 3.0, 3.0], [0.0, 0.0, 0.0], "the middle of all slopes"),
    Choice("hypot(x, 0)", lambda x: np.hypot(x, 0.0), 0.0, 0.0, "the middle of all slopes"),
    Choice("prod(x)", np.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0], "exact with one zero"),
    Choice("prod(x)", np.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], "exact with two zeros"),
    Choice("x ** 0", lambda x: x**0, 0.0, 0.0, "a constant"),
    Choice("x ** 1", lambda x: x**1, 0.0, 1.0, "exact, without 0 ** -1"),
    Choice("x ** 2", lambda x: x**2, 0.0, 0.0, "exact"),
    Choice("sqrt(x)", np.sqrt, 0.0, _inf(), "the true limit; shift x where that must not happen"),
    Choice("heaviside(x, 0.5)", lambda x: np.heaviside(x, 0.5), 0.0, 0.0, "flat between jumps"),
    Choice("x % 2", lambda x: np.remainder(x, 2.0), 4.0, 1.0, "the slope to the right of the jump"),
    Choice("logaddexp(x, -inf)", lambda x: np.logaddexp(x, -np.inf), 1.0, 1.0, "exact in the limit"),
    Choice("sinc(x)", np.sinc, 0.0, 0.0, "exact, the removable gap filled"),
    Choice("arctan2(x, 1)", lambda x: np.arctan2(x, 1.0), 0.0, 1.0, "exact"),
]

SECOND = [
    ("x ** 0", lambda x: x**0, 0.0),
    ("x ** 1", lambda x: x**1, 0.0),
    ("x ** 2", lambda x: x**2, 2.0),
    ("x ** 3", lambda x: x**3, 0.0),
    ("abs(x)", np.abs, 0.0),
    ("sinc(x)", np.sinc, -(np.pi**2) / 3),
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{choice.written} at {choice.point}")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_choice_holds(choice, dtype):
    x = ag.Tensor(np.asarray(choice.point, dtype), requires_grad=True)
    with np.errstate(divide="ignore"):  # sqrt at 0
        choice.function(x).sum().backward()
    assert x.grad.dtype == dtype
    assert np.allclose(x.grad, choice.gradient, rtol=1e-6)


@pytest.mark.parametrize(("written", "function", "second"), SECOND, ids=[row[0] for row in SECOND])
def test_the_second_derivative_at_zero(written, function, second):
    assert np.allclose(ag.grad(ag.grad(function))(0.0), second)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{choice.written} at {choice.point}")
def test_forward_mode_makes_the_same_choice(choice):
    x = np.asarray(choice.point, float)
    with np.errstate(all="ignore"):
        tangent = ag.jvp(lambda x: choice.function(x).sum(), (x,), (np.ones_like(x),))[1]
    assert np.allclose(tangent, np.sum(choice.gradient))


def page() -> str:
    """The page, from the table above."""

    def number(value: Any) -> str:
        return np.array2string(np.asarray(value, float), precision=3, separator=", ", floatmode="maxprec")

    rows = [f"| `{c.written}` | {number(c.point)} | {number(c.gradient)} | {c.why} |" for c in CHOICES]
    seconds = [f"| `{written}` | {number(second)} |" for written, _, second in SECOND]
    return "\n".join(
        [
            "# Points where the derivative is a choice",
            "",
            "Where a function has a corner, a jump or a removable gap, a framework has to choose a number. These are",
            "the choices, the same for every way of computing them: forward and reverse mode, both precisions.",
            "",
            "| function | at | gradient | because |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            "Second derivatives at 0:",
            "",
            "| function | second derivative |",
            "| --- | --- |",
            *seconds,
            "",
            "The table is made from the tests that hold it, `tests/rules/test_choices.py`.",
            "",
        ]
    )


def test_the_page_shows_this_table():
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
