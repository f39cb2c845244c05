"""Distributions: values against scipy.stats, gradients against finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_lite import NotDifferentiableError, OperandError, Tensor, jvp, stats

scipy_stats = pytest.importorskip("scipy.stats")

SHAPES = {"norm": (), "t": ("df",), "beta": ("a", "b"), "gamma": ("a",), "chi2": ("df",)}
METHODS = ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf")


def differences(f: Callable[..., Any], arrays: list[np.ndarray], place: int) -> np.ndarray:
    """The gradient of `sum(f(*arrays))` by one array, by central differences."""
    step, result = 1e-6, np.zeros_like(arrays[place])
    for i in np.ndindex(*result.shape):
        ends = []
        for sign in (-1, 1):
            moved = [a.copy() for a in arrays]
            moved[place][i] += sign * step
            ends.append(float(np.sum(f(*[Tensor(a) for a in moved])).item()))
        result[i] = (ends[1] - ends[0]) / (2 * step)
    return result


def check_gradients(f: Callable[..., Any], *arrays: np.ndarray) -> None:
    """First and second order: the gradient, and the gradient of its sum."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    np.sum(f(*leaves)).backward()
    for place, x in enumerate(leaves):
        np.testing.assert_allclose(x.grad, differences(f, list(arrays), place), rtol=1e-6, atol=1e-7)

    def total(*xs: Tensor) -> Tensor:
        inner = [Tensor(x.numpy(), requires_grad=True) if not x.requires_grad else x for x in xs]
        np.sum(f(*inner)).backward(create_graph=True)
        summed = sum(np.sum(x.grad) for x in inner)
        for x in inner:
            x.grad = None
        return summed

    total(*leaves).backward()
    for place, x in enumerate(leaves):
        np.testing.assert_allclose(x.grad, differences(total, list(arrays), place), rtol=1e-5, atol=1e-6)


def sample() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.15, 0.9, (2, 3))
    return x, {
        "df": rng.uniform(1.5, 4, 3),
        "a": rng.uniform(1.5, 4, 3),
        "b": rng.uniform(1.5, 4, (2, 1)),
        "loc": rng.uniform(-0.1, 0.1, 3),
        "scale": rng.uniform(1.1, 1.5, (2, 1)),
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_continuous_distribution_agrees_with_scipy(name: str, method: str) -> None:
    f, want = getattr(getattr(stats, name), method), getattr(getattr(scipy_stats, name), method)
    x, parameters = sample()
    shapes = [parameters[shape] for shape in SHAPES[name]]
    moved = [parameters["loc"], parameters["scale"]]
    np.testing.assert_allclose(f(Tensor(x), *shapes, *moved).numpy(), want(x, *shapes, *moved), rtol=1e-11)
    named = {shape: parameters[shape] for shape in (*SHAPES[name], "scale")}
    np.testing.assert_allclose(f(Tensor(x), **named).numpy(), want(x, **named), rtol=1e-11)
    anywhere = np.array([-3.0, -0.25, 0.25, 1.75, 5.0])
    numbers = [1.5] * len(shapes)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(f(Tensor(anywhere), *numbers).numpy(), want(anywhere, *numbers), rtol=1e-11)
        single = Tensor(anywhere, requires_grad=True, dtype=np.float32)
        y = f(single, *numbers)
        assert y.dtype == np.float32
        y.backward(np.ones(5, np.float32))
        if method in ("pdf", "cdf", "sf"):
            assert np.isfinite(single.grad).all()


@pytest.mark.parametrize("method", ["pdf", "logpdf"])
@pytest.mark.parametrize("name", SHAPES)
def test_densities_are_differentiable_in_every_parameter(name: str, method: str) -> None:
    x, parameters = sample()
    names = (*SHAPES[name], "loc", "scale")
    check_gradients(getattr(getattr(stats, name), method), x, *[parameters[each] for each in names])


@pytest.mark.parametrize("method", ["cdf", "sf", "logcdf", "logsf"])
@pytest.mark.parametrize("name", SHAPES)
def test_probabilities_are_differentiable_in_place_and_scale(name: str, method: str) -> None:
    x, parameters = sample()
    shapes = {shape: parameters[shape] for shape in SHAPES[name]}
    f = getattr(getattr(stats, name), method)
    check_gradients(
        lambda x, loc, scale: f(x, loc=loc, scale=scale, **shapes), x, parameters["loc"], parameters["scale"]
    )


@pytest.mark.parametrize("name", [name for name in SHAPES if SHAPES[name]])
def test_probabilities_refuse_a_gradient_by_a_shape(name: str) -> None:
    shapes = [Tensor(2.0, requires_grad=True)] * len(SHAPES[name])
    with pytest.raises(NotDifferentiableError, match="no derivative with respect to"):
        getattr(stats, name).cdf(0.5, *shapes).backward()


def test_the_tails_of_the_normal_distribution_keep_their_digits() -> None:
    x = Tensor([30.0], requires_grad=True)
    np.testing.assert_allclose(stats.norm.sf(x).numpy(), scipy_stats.norm.sf([30.0]), rtol=1e-12)
    stats.norm.logcdf(-x).backward(np.ones(1))
    assert -30.1 < x.grad[0] < -30.0


@pytest.mark.parametrize("method", ["pmf", "logpmf", "cdf", "sf", "logsf", "logcdf"])
def test_poisson_agrees_with_scipy_and_is_differentiable_in_its_mean(method: str) -> None:
    f, want = getattr(stats.poisson, method), getattr(scipy_stats.poisson, method)
    mu = np.array([0.5, 1.0, 2.0, 3.0, 0.7])
    counts = np.array([0, 3, 2, -1, 2.5])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(f(counts, Tensor(mu)).numpy(), want(counts, mu), rtol=1e-11)
        np.testing.assert_allclose(f(counts, Tensor(mu), loc=1).numpy(), want(counts, mu, loc=1), rtol=1e-11)
    check_gradients(lambda mu: f(np.array([0, 3, 2, 1, 5]), mu), mu)
    with pytest.raises(NotDifferentiableError, match="with respect to k"):
        f(Tensor(1.0, requires_grad=True), 2.0)


@pytest.mark.parametrize("method", ["pdf", "logpdf"])
def test_the_multivariate_normal_agrees_with_scipy(method: str) -> None:
    f, want = getattr(stats.multivariate_normal, method), getattr(scipy_stats.multivariate_normal, method)
    rng = np.random.default_rng(1)
    x, mean, root = rng.uniform(-1, 1, (4, 3)), rng.uniform(-1, 1, 3), rng.uniform(-1, 1, (3, 3))
    cov = root @ root.T + 2 * np.eye(3)
    for args in (
        (x, mean, cov),
        (x[0], mean, cov),
        (x, None, cov),
        (x, mean),
        (x, mean, 2.0),
        (x, mean, [1.0, 2.0, 3.0]),
        (x[:, 0],),
        (x[0, 0], 0.5, 2.0),
    ):
        tensors = [None if a is None else Tensor(a) for a in args]
        y = f(*tensors).numpy()
        np.testing.assert_allclose(y, want(*args), rtol=1e-11)
        assert y.shape == np.shape(want(*args))
    check_gradients(f, x, mean, cov)


def test_the_multivariate_normal_refuses_what_does_not_fit() -> None:
    with pytest.raises(OperandError, match=r"\(2, 2\).*do not fit"):
        stats.multivariate_normal.pdf(Tensor([1.0, 2.0, 3.0]), [0.0, 0.0])
    with pytest.raises(OperandError, match="not positive definite"):
        stats.multivariate_normal.pdf(Tensor([1.0, 2.0]), None, [[1.0, 2.0], [2.0, 1.0]])


@pytest.mark.parametrize("method", ["pdf", "logpdf"])
def test_dirichlet_agrees_with_scipy(method: str) -> None:
    f, want = getattr(stats.dirichlet, method), getattr(scipy_stats.dirichlet, method)
    x, alpha = np.array([[0.2, 0.5], [0.3, 0.1], [0.5, 0.4]]), np.array([1.5, 0.7, 2.0])
    for part in (x, x[:, 0], x[:2], x[:2, 1]):
        np.testing.assert_allclose(f(Tensor(part), Tensor(alpha)).numpy(), want(part, alpha), rtol=1e-11)
    check_gradients(f, x, alpha)
    with pytest.raises(OperandError, match="one probability less"):
        f(Tensor([1.0]), alpha)
    with pytest.raises(OperandError, match="positive"):
        f(Tensor(x), -alpha)


def test_parameters_are_named_in_errors() -> None:
    with pytest.raises(OperandError, match=r"beta: the parameter b is missing"):
        stats.beta.pdf(0.5, 1.0)
    with pytest.raises(OperandError, match="a, b, loc, scale, each once"):
        stats.beta.pdf(0.5, 1.0, a=1.0)
    with pytest.raises(OperandError, match="loc, scale, each once"):
        stats.norm.pdf(0.5, sigma=1.0)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nan_infinity_and_parameters_that_are_not_positive_give_what_scipy_gives(name: str, method: str) -> None:
    ours, scipys = getattr(getattr(stats, name), method), getattr(getattr(scipy_stats, name), method)
    shapes = [2.0] * len(SHAPES[name])
    # SciPy's density of gamma and chi2 is NaN at infinity
    ends = np.array([np.nan, -np.inf] if name in ("gamma", "chi2") else [np.nan, -np.inf, np.inf])
    np.testing.assert_array_equal(ours(Tensor(ends), *shapes).numpy(), scipys(ends, *shapes))
    x, scale = np.array([0.3, 0.4, 0.5, 7.0]), np.array([-1.0, 0.0, 1.5, -2.0])
    y = ours(Tensor(x, requires_grad=True), *shapes, scale=Tensor(scale, requires_grad=True))
    np.testing.assert_allclose(y.numpy(), scipys(x, *shapes, scale=scale), rtol=1e-12)
    for wrong in range(len(shapes)):
        bad = [-1.0 if i == wrong else 2.0 for i in range(len(shapes))]
        assert np.isnan(ours(Tensor(np.array([0.5, 9.0], np.float32)), *bad).numpy()).all()
        assert ours(Tensor(np.array([0.5, 9.0], np.float32)), *bad).dtype == np.float32


@pytest.mark.parametrize("name", ["gamma", "chi2"])
def test_the_density_at_infinity_is_0(name: str) -> None:
    x = Tensor([np.inf, 1.0], requires_grad=True)
    y = getattr(stats, name).pdf(x, 2.0)
    assert y[0].item() == 0
    np.sum(y).backward()
    assert x.grad[0] == 0
    assert np.isfinite(x.grad[1])


def test_a_negative_mean_of_poisson_gives_nan() -> None:
    for method in ("pmf", "logpmf", "cdf", "sf", "logcdf", "logsf"):
        y = getattr(stats.poisson, method)([0, 1], Tensor([-1.0, 2.0], requires_grad=True))
        np.testing.assert_allclose(y.numpy(), getattr(scipy_stats.poisson, method)([0, 1], [-1.0, 2.0]), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "parameters", "x"),
    [
        ("t", (1e6,), 0.75),
        ("gamma", (1e5,), 1.002e5),
        ("chi2", (1e5,), 1.002e5),
        ("beta", (2.0**20, 2.0**20), 0.5 + 2.0**-12),
    ],
)
def test_single_precision_keeps_its_digits_where_large_logarithms_cancel(name: str, parameters: Any, x: float) -> None:
    for method in ("logpdf", "pdf"):
        point = Tensor(x, requires_grad=True, dtype=np.float32)
        y = getattr(getattr(stats, name), method)(point, *parameters)
        assert y.dtype == np.float32
        want = getattr(getattr(scipy_stats, name), method)(float(point.item()), *parameters)
        np.testing.assert_allclose(y.numpy(), want, rtol=1e-6)
        y.backward()
        exact = Tensor(point.numpy().astype(float), requires_grad=True)
        getattr(getattr(stats, name), method)(exact, *parameters).backward()
        np.testing.assert_allclose(point.grad, exact.grad, rtol=1e-6)


def test_single_precision_keeps_its_digits_in_poisson_and_dirichlet() -> None:
    mu = Tensor(1.001e6, dtype=np.float32)
    y = stats.poisson.logpmf(1_000_000, mu)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), scipy_stats.poisson.logpmf(1_000_000, float(mu.item())), rtol=1e-6)
    x, alpha = Tensor([0.25, 0.75], dtype=np.float32), Tensor([1e6, 3e6], dtype=np.float32)
    y = stats.dirichlet.logpdf(x, alpha)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), scipy_stats.dirichlet.logpdf([0.25, 0.75], [1e6, 3e6]), rtol=1e-6)


def test_forward_mode_of_poisson_logcdf_is_0_where_no_count_is_possible() -> None:
    def f(mu: Any) -> Any:
        return stats.poisson.logcdf(np.array([0, 2, -1]), mu)

    y, tangent = jvp(f, (np.array(2.3),), (np.array(1.0),))
    np.testing.assert_allclose(y, scipy_stats.poisson.logcdf([0, 2, -1], 2.3))
    np.testing.assert_allclose(tangent, [*differences_by_mu(2.3), 0.0], rtol=1e-7)


def differences_by_mu(mu: float) -> np.ndarray:
    ends = [scipy_stats.poisson.logcdf([0, 2], mu + step) for step in (-1e-6, 1e-6)]
    return (ends[1] - ends[0]) / 2e-6


def test_a_list_of_tensors_is_not_detached() -> None:
    x = Tensor(0.5, requires_grad=True)
    np.sum(stats.norm.logpdf([x, 3 * x], loc=[0, 1])).backward()
    np.testing.assert_allclose(x.grad, -0.5 - 3 * (1.5 - 1))


@pytest.mark.parametrize(
    "compute",
    [
        lambda m, p: stats.norm.logpdf(m, p),
        lambda m, p: stats.norm.cdf(p, m),
        lambda m, p: stats.poisson.logpmf(m, p),
        lambda m, p: stats.dirichlet.logpdf(m, p),
    ],
)
def test_a_mask_is_not_lost_in_silence(compute: Callable[..., Any]) -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(OperandError, match="would lose its mask"):
        compute(masked, Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("name", ["norm", "t", "poisson", "multivariate_normal", "dirichlet"])
def test_a_distribution_with_fixed_parameters_is_told_of(name):
    with pytest.raises(OperandError, match=rf"^{name}: a distribution with fixed parameters .*methods, after x$"):
        getattr(stats, name)(0.0, 1.0)
