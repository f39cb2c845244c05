"""Evaluating worksheet expressions: NumPy's values, no aliasing, and bounds on everything."""

import numpy as np
import pytest

from autograd_lite.check.worksheets.errors import SheetError
from autograd_lite.check.worksheets.interpret import Allowance, evaluate, run
from autograd_lite.check.worksheets.read import read

HEAD = "# inputs: x (n,)\nL = np.sum(x)\n# --- gradients ---\n"


def statements(*lines):
    sheet = read(HEAD + "\n".join(lines))
    assert not sheet.refused
    return sheet.gradient


def value(line, **env):
    return evaluate(statements(f"r = {line}")[0].value, env)


X = np.arange(12.0).reshape(3, 4) - 5.0
T = np.array([1, 0, 1])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("X @ X.T", X @ X.T),
        ("X.sum(axis=0, keepdims=True) + X.mean(1)[:, None]", X.sum(axis=0, keepdims=True) + X.mean(1)[:, None]),
        ("X[np.arange(3), t]", X[np.arange(3), T]),
        ("np.eye(4)[t]", np.eye(4)[T]),
        ("(X > 0) * X", (X > 0) * X),
        ("-(X > 0)", -(X > 0).astype(float)),
        ("X[:, ::2].reshape(-1)", X[:, ::2].reshape(-1)),
        ("np.einsum('ij,kj->ik', X, X)", X @ X.T),
        ("relu(X) + softmax(X)", np.maximum(X, 0) + np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
        ("sigmoid(X)", 1 / (1 + np.exp(-X))),
        ("np.stack([X[0], X[1]]) * len(X) / X.size", np.stack([X[0], X[1]]) * 3 / 12),
        ("np.array([np.sum(X), X[0, 0]])", np.array([X.sum(), X[0, 0]])),
        ("X.shape[0] ** 2 - 1", 8),
        ("np.kron(X, np.ones((2, 2)))", np.kron(X, np.ones((2, 2)))),
        ("np.tile(X[0], (2, 1))", np.tile(X[0], (2, 1))),
        ("np.vstack([X, X]) - np.hstack([X[:, :2], X[:, 2:]])[0]", np.vstack([X, X]) - X[0]),
        ("X[range(3), t]", X[np.arange(3), T]),
        ("np.flip(X, axis=1) + np.roll(X, 1, axis=0)", X[:, ::-1] + np.roll(X, 1, axis=0)),
        ("np.cumprod(X, axis=1) + np.arctan(X)", np.cumprod(X, axis=1) + np.arctan(X)),
        ("np.convolve(X[0], X[1], mode='same')", np.convolve(X[0], X[1], mode="same")),
        ("sliding_window_view(X[0], 3)", np.lib.stride_tricks.sliding_window_view(X[0], 3)),
        ("np.linalg.norm(X, axis=1, keepdims=True)", np.sqrt((X**2).sum(1, keepdims=True))),
        ("np.linalg.norm(X, 'fro') + np.linalg.norm(X[0], ord=1)", np.sqrt((X**2).sum()) + np.abs(X[0]).sum()),
        ("np.linalg.solve(X[:, :3] ** 2 + np.identity(3), X)", np.linalg.solve(X[:, :3] ** 2 + np.eye(3), X)),
        ("np.linalg.slogdet(np.identity(3) * 2)[1]", 3 * np.log(2)),
        ("np.empty_like(X)", np.full((3, 4), np.nan)),
    ],
)
def test_an_expression_has_numpys_value(line, expected):
    np.testing.assert_allclose(value(line, X=X, t=T), expected)


def test_assignment_copies():
    env = run(statements("a = x", "a[0] = 9", "b = a", "b += 1", "np.add.at(b, t, 1.0)"), {"x": np.zeros(3), "t": T})
    assert env["x"].tolist() == [0, 0, 0]
    assert env["a"].tolist() == [9, 0, 0]
    assert env["b"].tolist() == [11, 3, 1]


def test_an_update_may_not_change_the_shape():
    with pytest.raises(SheetError) as caught:
        run(statements("a = x", "a += X"), {"x": np.zeros(4), "X": X})
    assert (caught.value.kind, caught.value.line) == ("shape-error", 5)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(SheetError, match=r"@ takes shapes \(3, 4\) and \(3, 4\)"):
        run(statements("a = X @ X"), {"X": X})


@pytest.mark.parametrize(("line", "meant"), [("x * 2", "X"), ("delta2 + 1", "delta1"), ("q + 1", None)])
def test_a_name_that_differs_by_little_is_asked_for(line, meant):
    with pytest.raises(SheetError, match=rf"was {meant} meant\?" if meant else "thing defines it; use an input"):
        run(statements(f"a = {line}"), {"X": X, "delta1": X})


@pytest.mark.parametrize(
    "line",
    [
        "np.ones((10 ** 8, 10 ** 8))",
        "np.eye(10 ** 6)",
        "np.arange(10 ** 12)",
        "9 ** 9 ** 9 ** 9",
        "np.full((10 ** 9,), 1.0)",
        "np.outer(np.ones(90000), np.ones(90000))",
        "np.ones(90000)[:, None] * np.ones(90000)",
        "np.ones((300, 300)) @ np.ones((300, 300))",
        "np.einsum('i,j,k->ijk', np.ones(900), np.ones(900), np.ones(900))",
        "np.repeat(np.ones(9), 10 ** 9)",
        "np.ones(90000)[np.zeros((300, 300)).astype(int)][np.zeros((300, 300)).astype(int)]",
        "np.where(np.ones((90000, 1)) > 0, np.ones(90000), 0)",
        "np.tile(np.ones(9), (10 ** 4, 10 ** 4))",
        "np.kron(np.ones(9000), np.ones(9000))",
        "np.convolve(np.ones(9000), np.ones(9000))",
        "sliding_window_view(np.ones(9000), 4000)",
        "np.linalg.inv(np.eye(100))",
        "np.linalg.norm(np.ones((3, 3)), 2)",
        "range(10 ** 12)",
    ],
)
def test_what_is_too_large_is_refused_before_it_is_made(line):
    with pytest.raises(SheetError) as caught:
        run(statements(f"a = {line}"), {})
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize(
    ("line", "kind"),
    [("np.linalg.inv(np.zeros((2, 2)))", "not-finite"), ("np.linalg.inv(np.ones((2, 3)))", "shape-error")],
)
def test_a_matrix_without_an_inverse_is_said_to_be_one(line, kind):
    with pytest.raises(SheetError) as caught:
        run(statements(f"a = {line}"), {})
    assert (caught.value.kind, caught.value.line) == (kind, 4)


def test_a_sheet_may_hold_only_so_much():
    allowance = Allowance(5.0)
    for _ in range(3):
        allowance.spend(np.ones(90_000))
    with pytest.raises(SheetError, match="hold more than"):
        allowance.spend(np.ones(90_000))
