"""Whatever the table of rules can record, can be shown: every row, on every call of its sample."""

import itertools
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.show import written
from autograd_lite.show.dot import statements
from autograd_lite.show.errors import NoNumpyFormError, ShowError
from autograd_lite.show.folding import fold
from autograd_lite.show.formula import derivation, formula
from autograd_lite.show.graph import walk
from autograd_lite.show.notation import UNICODE
from autograd_lite.show.table import table
from tests.rules.drawing import ROWS, calls, draw, invoke, label, outputs, seed_of, tensors


def losses(function: Any) -> Any:
    """A real scalar of each sample call that depends on what requires grad, and the leaves."""
    for number, call in enumerate(calls(ROWS[function])):
        drawn = draw(function, call, seed_of(function, number))
        leaves = tensors(drawn)
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, Tensor):
                leaf.name = f"x{i}"
        args, kwargs = drawn.place(leaves)
        with np.errstate(all="ignore"):
            results = [y for y in outputs(invoke(function, args, kwargs)) if isinstance(y, Tensor) and y.requires_grad]
            parts = [(np.real(y) if y.dtype.kind == "c" else y).sum() for y in results]
            loss = sum(parts[1:], parts[0]) if parts else None
        if loss is not None and loss.dtype.kind == "f" and loss.requires_grad:
            yield loss * 1.5, [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]


def run(equations: Any, leaves: list[Any]) -> dict[str, Any]:
    """What the printed lines of NumPy compute; nothing, where a rule is no such line or brings an array along."""
    try:
        lines = equations.numpy
    except NoNumpyFormError:
        return {}
    names: dict[str, Any] = {"np": np, **{leaf.name: leaf.numpy() for leaf in leaves}}
    if set(re.findall(r"\b(?:c\d+|p\d+|mask|weights|array|x\d+)\b", lines)) - names.keys():
        return {}
    with np.errstate(all="ignore"):
        exec(lines, names)
    return names


#: what no person would write: the spelling of an object, an argument that goes without saying
NOISE = re.compile(r"object at|<function|<class|<built-in|Spec\(|Tensor\(|dtype\(|array\(\[|NoValue|order='C'|range\(")


@pytest.mark.parametrize("function", ROWS, ids=label)
def test_every_row_is_shown_with_the_engines_gradients(function: Any) -> None:
    for loss, leaves in losses(function):
        graph = walk(loss, values=True, gradients=True)
        assert not graph.changed
        text = table(loss)
        assert max(map(len, text.splitlines())) <= 80
        assert statements(graph, fold(graph), values=True, grads=True, direction="TB")
        equations = derivation(loss)
        for printed in (equations, formula(loss)):
            ET.fromstring(printed.mathml)
            assert printed.latex.count("{") == printed.latex.count("}")
            assert printed.latex.count(r"\left") == printed.latex.count(r"\right")
            for text in (printed.unicode, printed.latex, printed.mathml):
                assert not NOISE.search(text), text
        computed = run(equations, leaves)
        for printed, lines in ((equations, computed), (formula(loss), run(formula(loss), leaves))):
            result = printed.forward[-1].target.value
            if result in lines:
                np.testing.assert_allclose(lines[result], loss.numpy(), rtol=1e-9, atol=1e-12)
        loss.backward()
        found = {entry.node: entry.gradient for entry in graph}
        for leaf in leaves:
            if leaf.grad is not None:
                np.testing.assert_allclose(found[leaf._node], leaf.grad, rtol=1e-9, atol=1e-12)
                if f"d{leaf.name}" in computed:
                    printed = np.broadcast_to(computed[f"d{leaf.name}"], leaf.shape)
                    np.testing.assert_allclose(printed, leaf.grad, rtol=1e-9, atol=1e-12)


#: static arguments that another part of the print says: the shape of what is moved, the place of what is picked
SAID_OTHERWISE = {"broadcast_to", "getitem", "swapaxes", "reshape", "astype", "scatter", "transpose", "set_diagonal",
                  "einsum", "expand_dims", "flip", "squeeze", "moveaxis", "ravel"}  # fmt: skip


@pytest.mark.parametrize("function", ROWS, ids=label)
def test_no_static_argument_is_left_out_of_a_print(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A norm of order 1 was printed as the norm of order 2, and a second derivative as the first."""
    left_out = []
    inner = written._written

    def watched(operation: str, prints: str, parts: Any, static: dict[str, str], shape: Any, picks: Any) -> Any:
        made = inner(operation, prints, parts, static, shape, picks)
        text = UNICODE(made)
        shown = all(f"{key}={value}" in text for key, value in static.items())
        if static and not shown and operation not in SAID_OTHERWISE and "'" * int(static.get("order", 9)) not in text:
            left_out.append((operation, static, text))
        return made

    monkeypatch.setattr(written, "_written", watched)
    for loss, _ in losses(function):
        derivation(loss)
    assert not left_out


def test_a_norm_is_printed_with_its_order() -> None:
    x = Tensor([[3.0, -4.0], [1.0, 2.0]], requires_grad=True, name="x")
    for loss, printed in [
        (np.linalg.norm(x[0], 3), "norm(x[0], ord=3, axis=0)"),
        (np.linalg.norm(x[0], 0), "norm(x[0], ord=0, axis=0)"),
        (np.linalg.norm(x, "nuc"), "ord='nuc'"),
        (np.linalg.vector_norm(x, ord=3), "vector_norm(x, ord=3)"),
        (np.linalg.norm(x), "‖x‖"),
    ]:
        assert printed in formula(loss * 1.0).unicode


#: why a derivation cannot be a worksheet
REASONS = (
    "is no function of NumPy|one rule brings along an array|outside the worksheet's subset|has an axis of 0|"
    "none of NumPy's|line of NumPy|changes a value in the forward part|is NaN at the sample points|"
    "cannot be evaluated: .*keyword"
)
#: rows that must have a worksheet, whatever else is refused
EXPRESSIBLE = [
    *("add", "subtract", "multiply", "divide", "power", "negative", "exp", "log", "sqrt", "tanh", "matmul", "dot"),
    *("sum", "mean", "max", "maximum", "minimum", "where", "reshape", "transpose", "getitem", "einsum", "absolute"),
    *("cumsum", "var", "std", "logaddexp", "stack", "concatenate"),
]


@pytest.mark.parametrize("function", ROWS, ids=label)
def test_the_checker_accepts_every_worksheet_that_is_printed(function: Any) -> None:
    accepted, refused = 0, []
    for loss, _ in itertools.islice(losses(function), 3):
        try:
            sheet = derivation(loss).worksheet()
        except ShowError as error:
            refused.append(str(error))
            continue
        report = ag.check.worksheet(sheet)
        assert {line.verdict for line in report.lines} == {"right"}, f"{report.render(3)}\n{sheet}"
        accepted += 1
    assert not [reason for reason in refused if not re.search(REASONS, reason)]
    assert accepted or label(function) not in EXPRESSIBLE
