"""autograd_lite.integrate against SciPy and closed forms; its gradients against differences, to second order."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import InPlaceError, NotDifferentiableError, OperandError, Tensor
from autograd_lite.integrate import odeint

scipy_integrate = pytest.importorskip("scipy.integrate")
EXACT = {"rtol": 1e-11, "atol": 1e-12}
rng = np.random.default_rng(4)


def pendulum(y, t, b, c):
    angle, speed = y
    return [speed, -b * speed - c * np.sin(angle)]


def test_the_solution_is_that_of_scipy():
    t = np.linspace(0, 3, 7)
    want = scipy_integrate.odeint(pendulum, [3.0, 0.1], t, args=(0.25, 5.0))
    np.testing.assert_array_equal(odeint(pendulum, [3.0, 0.1], t, args=(0.25, 5.0)), want)
    got = odeint(pendulum, Tensor([3.0, 0.1], requires_grad=True), t, (Tensor(0.25), 5.0))
    np.testing.assert_array_equal(got.numpy(), want)
    assert got.requires_grad


def test_gradients_of_both_orders_by_state_times_and_arguments():
    def f(y0, t, k, m):
        def right(y, t, k, m):
            return np.sin(m @ y) * k[0] + k[1] * np.cos(t)

        return odeint(right, y0, t, args=(k, m), **EXACT)

    inputs = (rng.normal(size=2), np.array([0.1, 0.5, 1.2]), rng.normal(size=2), rng.normal(size=(2, 2)))
    for check in (ag.gradcheck, ag.gradgradcheck):
        report = check(f, inputs)
        assert report, report


def test_a_linear_equation_has_the_derivatives_of_the_exponential():
    def end(rate):
        return odeint(lambda y, t: -rate * y, [1.0], [0.0, 2.0], **EXACT)[1, 0]

    for order, f in enumerate([end, ag.grad(end), ag.grad(ag.grad(end))]):
        np.testing.assert_allclose(f(0.3), (-2) ** order * np.exp(-0.6), rtol=1e-8)


def test_forward_mode():
    _, tangent = ag.jvp(lambda k: odeint(lambda y, t: -k * y, [1.0], [0.0, 2.0], **EXACT)[1, 0], (0.3,), (1.0,))
    np.testing.assert_allclose(tangent, -2 * np.exp(-0.6), rtol=1e-8)


def test_what_the_function_uses_without_being_given_it_gets_its_gradient():
    w = rng.normal(size=(2, 2))

    def loss(w):
        doubled = w * w  # not a leaf
        return np.sum(odeint(lambda y, t: np.tanh(doubled @ y), [1.0, 0.5], [0.0, 0.4, 1.0], **EXACT) ** 2)

    for check in (ag.gradcheck, ag.gradgradcheck):
        report = check(loss, (w,))
        assert report, report
    leaf = Tensor(w, requires_grad=True)
    loss(leaf).backward()
    np.testing.assert_allclose(leaf.grad, ag.grad(loss)(w), rtol=1e-9)


def test_arguments_may_be_nested_and_time_may_come_first_or_fall():
    t = np.array([1.0, 0.4, 0.4, -0.5])

    def f(a, b, y0):
        return odeint(lambda t, y, p: p["a"] * y + p["b"][0] * t, y0, t, ({"a": a, "b": (b,)},), tfirst=True, **EXACT)

    for check in (ag.gradcheck, ag.gradgradcheck):
        report = check(f, (np.array(0.7), np.array(-0.2), np.array([1.0, 2.0])))
        assert report, report


def test_single_precision_stays_single():
    y0, k = Tensor(np.float32([1.0]), requires_grad=True), Tensor(np.float32(0.5), requires_grad=True)
    y = odeint(lambda y, t: -k * y, y0, [0.0, 1.0])
    y[-1, 0].backward()
    assert y.dtype == y0.grad.dtype == k.grad.dtype == np.float32
    np.testing.assert_allclose([y0.grad[0], k.grad], [np.exp(-0.5), -np.exp(-0.5)], rtol=1e-4)


def test_one_time_alone_gives_the_initial_state():
    y0 = Tensor([1.0, 2.0], requires_grad=True)
    odeint(lambda y, t: -y, y0, [0.5]).sum().backward()
    np.testing.assert_array_equal(y0.grad, [1.0, 1.0])


def test_without_recording_the_solution_is_a_plain_tensor():
    k = Tensor(0.5, requires_grad=True)
    with ag.no_grad():
        y = odeint(lambda y, t, k: -k * y, [1.0], [0.0, 1.0], (k,))
        of_closed = odeint(lambda y, t: -k * y, [1.0], [0.0, 1.0])
    assert isinstance(y, Tensor) and not y.requires_grad
    assert isinstance(of_closed, Tensor) and not of_closed.requires_grad
    assert isinstance(odeint(lambda y, t: -y, [1.0], [0.0, 1.0]), np.ndarray)


def test_a_parameter_that_is_changed_before_backward_is_noticed():
    k = Tensor(0.5, requires_grad=True)
    y = odeint(lambda y, t: -k * y, [1.0], [0.0, 1.0])
    k.data -= 0.1
    with pytest.raises(InPlaceError, match=r"odeint: .*changed between"):
        y.sum().backward()


def test_a_parameter_that_is_used_at_times_in_between_only_is_refused():
    k = Tensor(0.5, requires_grad=True)
    y0 = Tensor([1.0], requires_grad=True)
    y = odeint(lambda y, t: -k * y if 0.2 < t < 0.8 else -y, y0, [0.0, 1.0])
    with pytest.raises(NotDifferentiableError, match="at some points only"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: odeint(lambda y, t: -y, np.ones((2, 2)), [0.0, 1.0]), r"state of shape \(2, 2\)"),
        (lambda: odeint(lambda y, t: -y, [1.0], 1.0), r"times of shape \(\)"),
        (lambda: odeint(lambda y, t: y[:1], [1.0, 2.0], [0.0, 1.0]), r"returned shape \(1,\)"),
        (lambda: odeint(lambda y, t: -y, [1.0], [0.0, 1.0], Dfun=None), "'Dfun' is not supported"),
        (lambda: odeint(lambda y, t: y**2, [1.0], [0.0, 2.0]), "odeint: the solver gave up"),
    ],
)
def test_what_cannot_be_solved_is_refused(call, message):
    with pytest.raises(OperandError, match=message):
        call()


def test_a_complex_state_is_refused():
    with pytest.raises(NotDifferentiableError, match="real and imaginary part"):
        odeint(lambda y, t: 1j * y, np.array([1j]), [0.0, 1.0])


def test_times_that_rise_and_fall_are_refused():
    with pytest.raises(OperandError, match="rise and fall"):
        odeint(lambda y, t: -y, [1.0], [0.0, 1.0, 0.5])


def test_what_is_no_function_is_refused():
    with pytest.raises(OperandError, match=r"^odeint: the function is 3; give one of y and t"):
        odeint(3, np.array([1.0]), np.array([0.0, 1.0]))
