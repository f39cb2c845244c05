"""Fixed points and roots against SciPy; their implicit derivatives against differences, to second order."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import InPlaceError, NotDifferentiableError, OperandError, Tensor
from autograd_lite.optimize import fixed_point, root

scipy_optimize = pytest.importorskip("scipy.optimize")
rng = np.random.default_rng(8)
W, B = 0.3 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2))


def step(x, w, b):
    return np.tanh(w @ x + b)


SOLVERS = {
    "fixed point, args": lambda w, b: fixed_point(step, np.zeros((3, 2)), (w, b), 1e-13, method="iteration"),
    "fixed point, nested": lambda w, b: fixed_point(
        lambda x, p: step(x, p["w"], p["b"]), np.zeros((3, 2)), ({"w": w, "b": b},), 1e-13, method="iteration"
    ),
    "fixed point, closed over": lambda w, b: fixed_point(
        lambda x: step(x, w, b), np.zeros((3, 2)), xtol=1e-13, method="iteration"
    ),
    "root, args": lambda w, b: root(lambda x, w, b: x - step(x, w, b), np.zeros(3), (w, b[:, 0]), tol=1e-13).x,
    "root, closed over": lambda w, b: root(lambda x: x - step(x, w, b[:, 0]), np.zeros(3), tol=1e-13).x,
    "root, one argument": lambda w, b: root(lambda x, b: x - step(x, W, b), np.zeros(3), b[:, 0], tol=1e-13).x + w[0],
}


@pytest.mark.parametrize("name", SOLVERS)
def test_gradients_of_both_orders(name):
    for check in (ag.gradcheck, ag.gradgradcheck):
        report = check(SOLVERS[name], (W, B))
        assert report, report


@pytest.mark.parametrize("name", SOLVERS)
def test_forward_mode(name):
    _, tangent = ag.jvp(SOLVERS[name], (W, B), (W, B))
    h = 1e-5
    ends = [np.asarray(SOLVERS[name](W * (1 + t), B * (1 + t))) for t in (-h, h)]
    np.testing.assert_allclose(tangent, (ends[1] - ends[0]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_the_values_are_those_of_scipy():
    def heron(x, a):
        return (x + a / x) / 2

    for method in ("del2", "iteration"):
        want = scipy_optimize.fixed_point(heron, [1.0, 1.0], ([2.0, 9.0],), method=method)
        got = fixed_point(heron, [1.0, 1.0], (Tensor([2.0, 9.0], requires_grad=True),), method=method)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)
    found = root(lambda x, a: x**2 - a, [1.0, 1.0], ([2.0, 9.0],))
    assert found.success and isinstance(found.x, np.ndarray)
    np.testing.assert_allclose(found.x, [np.sqrt(2), 3])


def test_third_order():
    def sqrt(a):
        return fixed_point(lambda x: (x + a / x) / 2, 1.0, xtol=1e-14)

    third = ag.grad(ag.grad(ag.grad(sqrt)))
    np.testing.assert_allclose(third(2.0), 3 / 8 * 2**-2.5, rtol=1e-10)


def test_single_precision_stays_single():
    a = Tensor(np.float32(2.0), requires_grad=True)
    x = fixed_point(lambda x, a: (x + a / x) / 2, np.float32(1.0), (a,))
    x.backward()
    assert x.dtype == a.grad.dtype == np.float32
    np.testing.assert_allclose(a.grad, 0.5 / np.sqrt(2), rtol=1e-6)


def test_the_start_has_no_gradient():
    start = Tensor(1.0, requires_grad=True)
    x = fixed_point(np.cos, start)
    assert not x.requires_grad and isinstance(x, Tensor)


def test_a_parameter_that_is_changed_before_backward_is_noticed():
    a = Tensor(2.0, requires_grad=True)
    x = fixed_point(lambda x: (x + a / x) / 2, 1.0)
    a.data += 1.0
    with pytest.raises(InPlaceError, match=r"fixed_point: .*changed between"):
        x.backward()


def test_a_solution_that_is_not_isolated_has_no_derivative():
    a = Tensor([0.0, 0.0], requires_grad=True)
    x = root(lambda x, a: np.stack([x[0] + x[1], x[0] + x[1]]) - a, [1.0, 2.0], (a,), method="lm").x
    with pytest.raises(NotDifferentiableError, match=r"root: the Jacobian of shape \(2, 2\) is singular"):
        x.sum().backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_point(lambda x: 2 * x + 1, 1.0, maxiter=5, method="iteration"), "no fixed point found"),
        (lambda: fixed_point(lambda x: np.stack([x, x]), 1.0), r"returned shape \(2,\) for x of shape \(\)"),
        (lambda: root(lambda x: x**2 + 1, [1.0]), "root: no root found"),
        (lambda: root(lambda x: x, [1j]), "complex128"),
    ],
)
def test_what_cannot_be_solved_is_refused(call, message):
    with pytest.raises(OperandError, match=message):
        call()


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "krylov"])
def test_the_function_of_a_root_sees_x_in_the_shape_of_its_start_whatever_the_method(method):
    def columns(x, a):
        return x + 0.1 * x.sum(axis=0) - a  # of a vector this is the sum of all

    a = Tensor(np.arange(1.0, 5.0).reshape(2, 2), requires_grad=True)
    x = root(columns, np.ones((2, 2)), args=(a,), method=method, tol=1e-10).x
    matrix = np.eye(2) + 0.1
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(matrix, a.numpy()), rtol=1e-7)
    x[0, 0].backward()
    np.testing.assert_allclose(a.grad, np.linalg.inv(matrix)[0][:, None] * [1.0, 0.0], atol=1e-9)


def test_an_unknown_method_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(OperandError, match="hybr"):
        root(np.cos, 1.0, method="newton")
    with pytest.raises(OperandError, match="del2"):
        fixed_point(np.cos, 1.0, method="newton")


@pytest.mark.parametrize("solve", [root, fixed_point])
def test_what_is_no_function_is_refused(solve):
    with pytest.raises(OperandError, match=rf"^{solve.__name__}: the function is 3; give one of x that"):
        solve(3, np.array([1.0]))
