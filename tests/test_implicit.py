"""What a function uses without being given it: in nested transforms, through solvers and `checkpoint`."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor


def checkpointed(w):
    return ag.checkpoint(lambda x: np.sin(x * w))(Tensor(0.7, requires_grad=True))


def checkpointed_square(w):
    return ag.checkpoint(lambda x: np.sin(x * (w * w)))(Tensor(0.7, requires_grad=True))


def fixed(w):
    pytest.importorskip("scipy.optimize")
    return ag.optimize.fixed_point(lambda x: np.sin(x * w) / 2 + w, 0.7, xtol=1e-14)


@pytest.mark.parametrize("f", [checkpointed, checkpointed_square, fixed])
def test_an_argument_of_a_transform_that_is_closed_over_has_all_its_derivatives(f):
    for order in range(3):
        exact = ag.grad(f)
        h = 1e-4
        a, b, c, d = [f(1.3 + step).item() for step in (-2 * h, -h, h, 2 * h)]
        np.testing.assert_allclose(exact(1.3), (8 * (c - b) - (d - a)) / (12 * h), rtol=1e-6, err_msg=f"{order=}")
        f = exact


def rooted(w):
    pytest.importorskip("scipy.optimize")
    return ag.optimize.root(lambda x, w: x**3 + w * x - 1, 0.5, args=(w,)).x


def integrated(w):
    pytest.importorskip("scipy.integrate")
    return ag.integrate.odeint(lambda y, t, w: -w * y * y, [w], [0.0, 0.5], args=(w,))[-1, 0]


@pytest.mark.parametrize("f", [checkpointed, checkpointed_square, fixed, rooted, integrated])
@pytest.mark.parametrize("outer", [lambda y: y, lambda y: y * y], ids=["itself", "squared"])
def test_a_product_with_the_hessian_sees_what_is_computed_again(f, outer):
    def loss(w):
        return outer(f(w))

    h = 1e-4
    a, b, c, d = [ag.grad(loss)(1.3 + step) for step in (-2 * h, -h, h, 2 * h)]
    np.testing.assert_allclose(ag.hvp(loss, 1.3, 1.0), (8 * (c - b) - (d - a)) / (12 * h), rtol=1e-5)


def test_the_arguments_of_two_transforms_are_told_apart():
    def f(w, scale):
        return ag.checkpoint(lambda x: np.sin(x * w) * scale)(Tensor(0.7))

    mixed = ag.grad(lambda scale: ag.grad(lambda w: f(w, scale))(1.3))(2.0)
    np.testing.assert_allclose(mixed, 0.7 * np.cos(0.91))


def test_an_argument_may_change_after_the_call():
    pytest.importorskip("scipy")
    factor, rate = np.array([2.0]), ag.Tensor([3.0], requires_grad=True)
    x = ag.optimize.root(lambda x, rate, factor: x - rate * factor, [1.0], args=(rate, factor)).x
    y = ag.integrate.odeint(lambda y, t, rate, factor: rate * factor, [0.0], [0.0, 1.0], args=(rate, factor))
    factor[0] = 100.0
    (x.sum() + y[-1].sum()).backward()
    np.testing.assert_allclose(rate.grad, [4.0], rtol=1e-6)


def integrated_closing_over(w):
    pytest.importorskip("scipy.integrate")
    return ag.integrate.odeint(lambda y, t: -w * y * y, [1.0], [0.0, 0.5])[-1, 0]


@pytest.mark.parametrize("f", [checkpointed, fixed, integrated_closing_over])
def test_the_hook_of_a_parameter_that_is_closed_over_runs_once_on_its_whole_gradient(f):
    seen = []

    def hook(g):
        seen.append(g.copy())
        return g * 2

    w = Tensor(1.3, requires_grad=True)
    w.register_hook(hook)
    (f(w) + w).backward()
    expected = ag.grad(lambda w: f(w) + w)(1.3)
    np.testing.assert_allclose(seen, [expected])
    np.testing.assert_allclose(w.grad, 2 * expected)


def test_a_checkpoint_keeps_the_data_that_it_was_given():
    w, x = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0])
    for written in (w, 5.0):  # the same numbers with a graph, and others
        w.grad = None
        y = ag.checkpoint(lambda t: t * w)(x)
        x[:] = written
        y.sum().backward()
        assert w.grad.tolist() == [1.0, 2.0]
        x = Tensor([1.0, 2.0])


def test_a_checkpoint_does_not_use_the_parameter_that_a_mask_was_made_of():
    w, x = Tensor([1.0, -2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    y = ag.checkpoint(lambda t, mask: np.where(mask, t**2, t))(x, w > 0).sum()
    with ag.no_grad():
        w -= 5.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [6.0, 1.0])
    assert w.grad is None


def test_a_checkpointed_function_that_loses_its_parameter_is_refused():
    uses = [Tensor([3.0], requires_grad=True), Tensor([3.0])]
    y = ag.checkpoint(lambda t: t * uses[0])(Tensor([1.0]))
    uses.reverse()
    with pytest.raises(ag.InPlaceError, match="second run"):
        y.backward()


@pytest.mark.parametrize(
    "solve",
    [
        lambda f, start: ag.optimize.fixed_point(f, start),
        lambda f, start: ag.optimize.root(lambda x: f(x) - x, start).x,
        lambda f, start: ag.integrate.odeint(lambda y, _: f(y), start, [0.0, 1.0])[-1],
    ],
    ids=["fixed_point", "root", "odeint"],
)
def test_an_array_that_changed_after_the_solution_gives_no_wrong_gradient(solve):
    pytest.importorskip("scipy")
    k, array = Tensor(0.5, requires_grad=True), np.array([1.0, 2.0])
    x = solve(lambda x: np.cos(k * array * x), np.array([0.5, 0.5]))
    array[0] = 7.0
    with pytest.raises(ag.InPlaceError, match=r"its function does not give what it gave before.* in args"):
        x.sum().backward(retain_graph=True)
    array[0] = 1.0
    x.sum().backward()
    assert k.grad < 0.0
