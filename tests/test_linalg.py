"""autograd_lite.linalg against SciPy, and its gradients against differences."""

import numpy as np
import pytest

from autograd_lite import NotDifferentiableError, OperandError, Tensor, linalg
from tests.rules.checks import (
    check_derivatives,
    check_forward_mode,
    check_layouts,
    check_single_precision,
    examples,
    settle,
)
from tests.rules.differences import gradient, numeric, numeric_second, second

scipy_linalg = pytest.importorskip("scipy.linalg")
from autograd_lite.rules import matrix_functions  # noqa: E402  # its rows join the table, but only with SciPy
from autograd_lite.rules.table import TABLE  # noqa: E402

ROWS = {
    row.name: function
    for function, row in TABLE.items()
    if getattr(function, "__module__", None) == matrix_functions.__name__
}
rng = np.random.default_rng(13)


def close(a, b, tolerance=1e-8):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def regular(*shape):
    return rng.normal(size=shape) + 3 * np.eye(*shape[-2:])


@pytest.mark.parametrize("check", [check_derivatives, check_forward_mode, check_single_precision, check_layouts])
@pytest.mark.parametrize("name", ROWS)
def test_rows_pass_what_every_row_must_pass(name, check):
    for call, seed in examples(ROWS[name]):
        settle(ROWS[name], call, seed, check)


CALLS = {
    "expm": (lambda sp, a: sp.expm(a), (3, 3)),
    "expm of a stack": (lambda sp, a: sp.expm(a), (2, 2, 2)),
    "sqrtm": (lambda sp, a: sp.sqrtm(a @ a), (3, 3)),
    "solve_triangular": (lambda sp, a: sp.solve_triangular(a, np.arange(3.0)), (3, 3)),
    "solve_triangular, lower": (lambda sp, a: sp.solve_triangular(a, a, "T", lower=True), (3, 3)),
    "solve_triangular, unit": (lambda sp, a: sp.solve_triangular(a, a[0], 2, False, True), (3, 3)),
    "solve_banded": (lambda sp, a: sp.solve_banded((1, 1), a, np.arange(3.0)), (3, 3)),
    "solve_sylvester": (lambda sp, a: sp.solve_sylvester(a, a.T, a * a), (3, 3)),
    "cho_solve, lower": (lambda sp, a: sp.cho_solve((a, True), np.arange(3.0)), (3, 3)),
    "cho_solve, upper": (lambda sp, a: sp.cho_solve((a, False), np.arange(6.0).reshape(3, 2)), (3, 3)),
    "cho_factor": (lambda sp, a: sp.cho_solve(sp.cho_factor(a @ np.conj(a.T)), a[0]), (3, 3)),
    "cho_factor, lower": (lambda sp, a: sp.cho_solve(sp.cho_factor(a @ np.conj(a.T), lower=True), a[0]), (3, 3)),
    "lu_solve": (lambda sp, a: sp.lu_solve(sp.lu_factor(a), a[0]), (3, 3)),
    "lu_solve, exchanged": (lambda sp, a: sp.lu_solve(sp.lu_factor(a[::-1]), a), (4, 4)),
    "lu_solve, transposed": (lambda sp, a: sp.lu_solve(sp.lu_factor(a[::-1]), a, 1), (4, 4)),
    "lu_solve, adjoint": (lambda sp, a: sp.lu_solve(sp.lu_factor(a[::-1]), a, trans=2), (4, 4)),
    "block_diag": (lambda sp, a: sp.block_diag(a, 1.0, a[0], [[2.0, 3.0]]), (2, 3)),
    "toeplitz": (lambda sp, a: sp.toeplitz(a[0]), (2, 4)),
    "toeplitz of two": (lambda sp, a: sp.toeplitz(a[0], a[1][:3]), (2, 4)),
}


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("name", CALLS)
def test_values_and_derivatives_of_both_orders(name, kind):
    call, shape = CALLS[name]
    a = regular(*shape)
    if kind == "complex":
        a = a + 0.5j * rng.normal(size=shape)
    want = call(scipy_linalg, a)
    close(call(linalg, Tensor(a, requires_grad=True)).numpy(), want)
    close(call(linalg, a), want)
    w = rng.normal(size=want.shape) + (1j * rng.normal(size=want.shape) if kind == "complex" else 0)

    def f(a):
        y = call(linalg, a)
        return np.sum(np.real(w * y)) + np.sum(np.abs(y) ** 2) / 2

    close(gradient(f, a), numeric(f, a), 1e-6)
    along = rng.normal(size=shape)
    close(second(f, a, along), numeric_second(f, a, along), 1e-5)


def test_the_other_triangle_is_not_read_and_has_no_gradient():
    a = np.array([[2.0, 1e6], [1.0, 4.0]])
    found = gradient(lambda a: np.sum(linalg.solve_triangular(a, [1.0, 2.0], lower=True)), a)
    assert found[0, 1] == 0 and np.all(found[np.tril_indices(2)] != 0)
    unit = gradient(lambda a: np.sum(linalg.solve_triangular(a, [1.0, 2.0], lower=True, unit_diagonal=True)), a)
    assert np.count_nonzero(unit) == 1 and unit[1, 0] != 0


def test_a_real_matrix_with_a_complex_root_has_a_real_gradient():
    a = np.diag([-1.0, 4.0]) + 0.1

    def f(a):
        return np.sum(np.abs(linalg.sqrtm(a)) ** 4)

    g = gradient(f, a)
    assert g.dtype == float
    close(g, numeric(f, a), 1e-6)


@pytest.mark.parametrize("a", [np.zeros((2, 2)), np.diag([0.0, 1.0])])
@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_the_root_of_a_singular_matrix_has_no_gradient_and_says_so(a):
    x = Tensor(a, requires_grad=True)
    y = linalg.sqrtm(x)
    np.testing.assert_array_equal(y.numpy(), a)
    with pytest.raises(NotDifferentiableError, match=r"sqrtm.*\(2, 2\)"):
        np.sum(y).backward()


def test_what_is_no_matrix_is_refused():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(OperandError, match=r"sqrtm.*\(2, 3\)"):
        linalg.sqrtm(x)
    with pytest.raises(OperandError, match="toeplitz"):
        linalg.toeplitz(x)
    with pytest.raises(OperandError, match="block_diag"):
        linalg.block_diag(np.ones((1, 1, 1)), x)
    with pytest.raises(OperandError, match="trans"):
        linalg.solve_triangular(np.eye(2), x, trans=3)


def test_no_blocks_make_an_empty_matrix_as_in_scipy():
    assert linalg.block_diag().shape == scipy_linalg.block_diag().shape


def test_scipys_further_arguments_are_accepted():
    a = regular(3, 3)
    b = np.arange(3.0)
    for sp in (scipy_linalg, linalg):
        x = sp.lu_solve(sp.lu_factor(a, overwrite_a=False, check_finite=True), b, overwrite_b=False, check_finite=True)
        close(a @ x, b)
        x = sp.cho_solve(sp.cho_factor(a @ a.T, check_finite=True), b, False, check_finite=True)
        close(a @ a.T @ x, b)
        close(sp.solve_banded((1, 1), a, b, False, False, True), scipy_linalg.solve_banded((1, 1), a, b))
        close(sp.expm(A=a), scipy_linalg.expm(a))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("cho_factor", lambda a: linalg.cho_factor(a)),
        ("lu_factor", lambda a: linalg.lu_factor(a)),
        ("solve_triangular", lambda a: linalg.solve_triangular(a, np.ones(2))),
        ("solve_triangular", lambda a: linalg.solve_triangular(np.eye(2), a)),
        ("solve_triangular", lambda a: linalg.cho_solve((a, True), np.ones(2))),
        ("solve_banded", lambda a: linalg.solve_banded((1, 0), a, np.ones(2))),
        ("solve_sylvester", lambda a: linalg.solve_sylvester(np.eye(2), np.eye(2), a)),
    ],
)
def test_nothing_is_solved_with_nan(name, call):
    for value in (np.nan, np.inf):
        matrix = np.eye(2)
        matrix[1, 1] = value
        for a in (matrix, Tensor(matrix, requires_grad=True)):
            with pytest.raises(
                OperandError, match=rf"{name}: an array of shape \(2, 2\) holds {value} at index \[1, 1\]"
            ):
                call(a)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_complex_matrix_of_three_makes_the_solution_complex(which):
    matrices = [regular(2, 2), np.array([[3.0, 1.0, 0.0], [-1.0, 3.0, 1.0], [0.0, -1.0, 3.0]]), rng.normal(size=(2, 3))]
    matrices[which] = matrices[which] * (1 + 0.5j)
    a, b, q = [Tensor(matrix, requires_grad=True) for matrix in matrices]
    x = linalg.solve_sylvester(a, b, q)
    close((a @ x + x @ b).numpy(), matrices[2])
    # With x for q the equation is linear in q, so that moving q by itself moves x by itself.
    g = np.ones((2, 3)) * (1 + 2j)
    x.backward(g)
    close(np.sum(np.conj(q.grad) * matrices[2]).real, np.sum(np.conj(g) * x.numpy()).real)
