"""Differences, gradients, integrals, interpolation and convolution."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from autograd_lite import OperandError, Tensor
from tests.rules.agreement import assert_agrees, gradient

RNG = np.random.default_rng(6)
X = RNG.normal(size=(3, 4))
GRID = RNG.normal(size=(4, 5))


def uneven(n: int) -> Any:
    return np.cumsum(RNG.uniform(0.3, 1.2, n))


# --- diff and ediff1d ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_diff_of_every_order(n: int, axis: int) -> None:
    if n < X.shape[axis]:
        assert_agrees(lambda x: np.diff(x, n, axis), X)
    else:
        assert np.diff(Tensor(X, requires_grad=True), n, axis).size == 0


def test_diff_with_more_in_front_and_behind() -> None:
    assert_agrees(lambda x, p, q: np.diff(x, prepend=p, append=q), X, X[:, :1], np.array(2.0))
    assert_agrees(lambda x: np.diff(x, 2, 0, 0.5, X[:2]), X)
    with pytest.raises(OperandError, match="order n=-1"):
        np.diff(Tensor(X, requires_grad=True), -1)


def test_ediff1d_between_ends() -> None:
    assert_agrees(np.ediff1d, X)
    assert_agrees(lambda x, e, b: np.ediff1d(x, to_end=e, to_begin=b), X, X[0], X[:1])
    with pytest.raises(OperandError, match="to_end of dtype complex128"):
        np.ediff1d(Tensor(X, requires_grad=True), to_end=1j)


# --- gradient and trapezoid ----------------------------------------------------------------------------------


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient_along_one_axis_or_several(edge_order: int) -> None:
    static = {"edge_order": edge_order}
    assert_agrees(lambda f: np.gradient(f, **static), GRID[0])
    assert_agrees(lambda f: np.gradient(f, **static), GRID)
    assert_agrees(lambda f: np.gradient(f, axis=0, **static), GRID)
    assert_agrees(lambda f: np.gradient(f, 0.5, axis=(-1, 0), **static), GRID)
    coordinates = uneven(5)
    assert_agrees(lambda f: np.gradient(f, 2, coordinates, **static), GRID)
    assert_agrees(lambda f: np.gradient(f, np.arange(5), axis=1, **static), GRID)
    assert_agrees(lambda f: np.gradient(f, **static), GRID[0, : edge_order + 1])


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient_is_differentiable_in_its_spacing(edge_order: int) -> None:
    static = {"edge_order": edge_order}
    assert_agrees(lambda f, h, k: np.gradient(f, h, k, **static), GRID, np.array(0.5), np.array(1.5))
    assert_agrees(lambda f, h, k: np.gradient(f, h, k, **static), GRID, uneven(4), uneven(5))
    # Even coordinates take NumPy's shortcut in value, not in derivative.
    assert_agrees(lambda f, k: np.gradient(f, k, axis=1, **static), GRID, np.arange(5.0))


def test_gradient_refuses_what_is_too_short_or_does_not_fit() -> None:
    f = Tensor(GRID, requires_grad=True)
    with pytest.raises(OperandError, match="2 elements along axis 0 are too few for edge_order=2"):
        np.gradient(f[:2], axis=0, edge_order=2)
    with pytest.raises(OperandError, match="3 spacings for the axes"):
        np.gradient(f, 1.0, 2.0, 3.0)
    with pytest.raises(OperandError, match=r"coordinates of shape \(4,\) do not fit axis 1"):
        np.gradient(f, np.arange(4.0), axis=1)


def test_trapezoid_in_every_form() -> None:
    assert_agrees(np.trapezoid, X)
    assert_agrees(lambda y: np.trapezoid(y, dx=0.1, axis=-2), X)
    assert_agrees(lambda y, d: np.trapezoid(y, dx=d), X, np.array(0.3))
    assert_agrees(lambda y, x: np.trapezoid(y, x), X, uneven(4))
    assert_agrees(lambda y, x: np.trapezoid(y, x, axis=0), X, np.cumsum(X**2, axis=0))
    assert_agrees(lambda y: np.trapezoid(y, np.array([True, True, False, True])), X)


# --- interp --------------------------------------------------------------------------------------------------

AT = np.array([[-2.0, -0.3, 0.1], [0.7, 1.9, 3.0]])
XP = np.array([-1.1, -0.2, 0.5, 1.4, 2.2])
FP = RNG.normal(size=5)


def test_interp_is_differentiable_in_all_its_numbers() -> None:
    assert_agrees(np.interp, AT, XP, FP)
    assert_agrees(lambda x, xp, fp: np.interp(x, xp, fp, left=-1, right=2.5), AT, XP, FP)
    assert_agrees(lambda x, fp, left, right: np.interp(x, XP, fp, left, right), AT, FP, 0.5, 1.5)
    assert_agrees(lambda x, xp, fp: np.interp(x, xp, fp, period=2.3), AT, XP[::-1], FP)
    assert_agrees(lambda x: np.interp(x, [0, 1, 2], [3, 1, 2]), np.array(0.3))
    assert_agrees(lambda fp: np.interp([0.3, 1.5], [0, 1, 2], fp), FP[:3])
    assert_agrees(lambda x, fp: np.interp(x, XP[:1], fp), AT, FP[:1])
    assert_agrees(lambda fp: np.interp(AT, XP, fp), FP + 1j * FP[::-1])


def test_at_a_sample_interp_has_the_slope_to_the_right_and_at_the_last_that_to_the_left() -> None:
    slopes = gradient(lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 2.0, 10.0]), [0.0, 1.0, 3.0, -1.0, 4.0])
    np.testing.assert_array_equal(slopes, [2.0, 4.0, 4.0, 0.0, 0.0])


def test_interp_beside_infinite_or_doubled_samples() -> None:
    for xp, fp in (([0, 1, 2], [3, np.inf, 6]), ([0, 1, 1, 2], [1, 2, 3, 4]), ([0, 1, 2, 2], [1, 2, 3, 4])):
        x = np.array([0.0, 1.0, 2.0, 5.0])
        t = Tensor(x, requires_grad=True)
        y = np.interp(t, xp, fp)
        np.testing.assert_array_equal(y.numpy(), np.interp(x, xp, fp))
        y[0].backward()
        assert not np.any(np.isnan(t.grad))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_interp_between_infinite_samples_is_what_numpy_says() -> None:
    xp, x = [-1.0, 0.5, 1.0, 2.0], np.array([-2.0, -1.0, -0.5, 0.5, 0.75, 1.0, 1.25, 2.0, 3.0])
    for fp in itertools.product([1.0, np.inf, -np.inf], repeat=4):
        y = np.interp(Tensor(x, requires_grad=True), xp, Tensor(fp))
        np.testing.assert_allclose(y.numpy(), np.interp(x, xp, fp), err_msg=str(fp))


def test_interp_refuses_samples_that_do_not_pair_up() -> None:
    with pytest.raises(OperandError, match=r"shape \(2,\) and \(3,\) must be two vectors"):
        np.interp(Tensor(0.5, requires_grad=True), [0, 1], [1, 2, 3])
    with pytest.raises(OperandError, match="period=0"):
        np.interp(Tensor(0.5, requires_grad=True), [0, 1], [1, 2], period=0)


# --- convolve and correlate ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("function", [np.convolve, np.correlate], ids=lambda f: f.__name__)
def test_convolution_of_every_pair_of_lengths(function: Any, mode: str) -> None:
    for n, m in [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (2, 4), (4, 2), (4, 4), (3, 5)]:
        assert_agrees(lambda a, v: function(a, v, mode), RNG.normal(size=n), RNG.normal(size=m))
    z = RNG.normal(size=(2, 5)) + 1j * RNG.normal(size=(2, 5))
    assert_agrees(lambda a, v: function(a, v, mode=mode), z[0], z[1, :3])
    assert_agrees(lambda a, v: function(a, v, mode=mode), z[0, :2], z[1])


def test_convolution_defaults_and_lists() -> None:
    assert_agrees(np.convolve, X[0], X[1, :2])
    assert_agrees(np.correlate, X[0], X[1, :2])
    assert_agrees(lambda a: np.convolve(a, [1.0, 2.0]), X[0])
    assert_agrees(lambda v: np.correlate([1.0, 2.0, 3.0], v, "same"), X[0])
    np.testing.assert_array_equal(gradient(lambda a: np.convolve(a, [1.0, 2.0]), 3.0), 3.0)
