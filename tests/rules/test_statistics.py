"""Weighted means, covariance, correlation and histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import OperandError, Tensor
from tests.rules.agreement import assert_agrees, gradient

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 4))
BLOCK = RNG.normal(size=(2, 3, 4))
WEIGHTS = RNG.uniform(0.3, 1.5, (3, 4))
DATA = RNG.normal(size=9)
OF_DATA = RNG.uniform(0.3, 1.5, 9)


# --- average -------------------------------------------------------------------------------------------------


def test_average_is_differentiable_in_data_and_weights() -> None:
    assert_agrees(lambda a: np.average(a, axis=(0, 1), keepdims=True, returned=True), X)
    assert_agrees(lambda a, w: np.average(a, weights=w), X, WEIGHTS)
    assert_agrees(lambda a, w: np.average(a, 1, w, True), X, WEIGHTS[0])
    assert_agrees(lambda a, w: np.average(a, axis=-1, weights=w, keepdims=True, returned=True), X, WEIGHTS)
    assert_agrees(lambda a, w: np.average(a, axis=(2, 0), weights=w), BLOCK, WEIGHTS.T[:, :2])
    assert_agrees(lambda w: np.average([1.0, 2.0, 4.0], weights=w), WEIGHTS[:, 0])


def test_average_refuses_weights_that_do_not_fit_or_sum_to_zero() -> None:
    x = Tensor(X, requires_grad=True)
    with pytest.raises(OperandError, match=r"weights of shape \(4,\) .* shape \(3, 4\); .* name the axis"):
        np.average(x, weights=WEIGHTS[0])
    with pytest.raises(OperandError, match=r"weights of shape \(4,\) .* along axis \(0,\)"):
        np.average(x, axis=0, weights=WEIGHTS[0])
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        np.average(x, axis=0, weights=[1.0, 0.0, -1.0])


# --- covariance and correlation ------------------------------------------------------------------------------

STATIC: list[dict[str, Any]] = [
    *({}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"dtype": np.float64}),
    *({"fweights": [1, 2, 1, 3]}, {"fweights": [1, 0, 2, 3], "ddof": 0}),
]


@pytest.mark.parametrize("static", STATIC, ids=str)
def test_covariance_in_every_form(static: dict[str, Any]) -> None:
    assert_agrees(lambda m: np.cov(m, **static), X)
    assert_agrees(lambda m, y: np.cov(m, y, **static), X, RNG.normal(size=(2, 4)))
    assert_agrees(lambda m, y: np.cov(m, y, rowvar=False, **static), X.T, WEIGHTS[:1].T)
    assert_agrees(lambda m: np.cov(m, **static), X[0])
    assert_agrees(lambda m, w: np.cov(m, aweights=w, **static), X, WEIGHTS[0])
    if "dtype" not in static:
        assert_agrees(lambda m: np.cov(m, **static), X + 1j * WEIGHTS)


def test_correlation_in_every_form() -> None:
    assert_agrees(np.corrcoef, X)
    assert_agrees(lambda x: np.corrcoef(x, rowvar=False), X)
    assert_agrees(np.corrcoef, X[0], X[1])
    assert_agrees(np.corrcoef, X + 1j * WEIGHTS)


def test_a_perfect_correlation_is_one_and_cannot_be_moved() -> None:
    x = np.stack([DATA, 3 * DATA + 1])
    assert np.max(np.corrcoef(Tensor(x, requires_grad=True)).numpy()) == 1.0
    np.testing.assert_allclose(gradient(lambda x: np.corrcoef(x)[0, 1], x), 0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("static", "message"),
    [
        ({"ddof": 0.5}, "must be an integer"),
        ({"fweights": [1.5, 1, 1, 1]}, "whole numbers"),
        ({"aweights": [1.0, 2.0]}, r"aweights of shape \(2,\) must be 4 numbers"),
        ({"fweights": [1, -1, 1, 1]}, "not negative"),
    ],
)
def test_covariance_refuses_weights_that_make_no_sense(static: dict[str, Any], message: str) -> None:
    with pytest.raises(OperandError, match=message):
        np.cov(Tensor(X, requires_grad=True), **static)


# --- histograms ----------------------------------------------------------------------------------------------

BINS: list[dict[str, Any]] = [{}, {"bins": 4}, {"bins": [-1.0, 0.0, 0.5, 2.0]}, {"bins": 3, "range": (-1, 1)}]


@pytest.mark.parametrize("bins", BINS, ids=str)
def test_histogram_is_linear_in_its_weights(bins: dict[str, Any]) -> None:
    assert_agrees(lambda w: np.histogram(DATA, weights=w, **bins), OF_DATA)
    assert_agrees(lambda w: np.histogram(DATA, weights=w, density=True, **bins), OF_DATA)


def test_edges_and_density_move_with_the_data_they_are_taken_from() -> None:
    assert_agrees(lambda a: np.histogram(a, bins=4), DATA)
    assert_agrees(lambda a, w: np.histogram(a, bins=4, density=True, weights=w), DATA, OF_DATA)
    edges = np.array([-2.0, 0.1, 0.5, 2.0])
    assert_agrees(lambda b: np.histogram(DATA, b, density=True)[0], edges)


def test_counts_do_not_move_with_the_data() -> None:
    a = Tensor(DATA, requires_grad=True)
    counts, _ = np.histogram(a, bins=[-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(counts, np.histogram(DATA, bins=[-1.0, 0.0, 1.0])[0])
    np.histogram(a, bins=[-1.0, 0.0, 1.0], weights=OF_DATA)[0].sum().backward()
    np.testing.assert_array_equal(a.grad, np.zeros(9))


def test_a_number_on_the_last_edge_is_in_the_last_bin() -> None:
    w = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    counts, _ = np.histogram([0.0, 1.0, 2.0], bins=[0.0, 1.0, 2.0], weights=w)
    np.testing.assert_array_equal(counts.numpy(), [1.0, 6.0])


def test_histograms_of_several_dimensions() -> None:
    points = RNG.normal(size=(9, 2))
    assert_agrees(lambda w: np.histogramdd(points, (2, 3), weights=w)[0], OF_DATA)
    assert_agrees(lambda p, w: np.histogramdd(p, 2, weights=w, density=True), points, OF_DATA)
    assert_agrees(lambda x, y, w: np.histogram2d(x, y, [2, 3], weights=w, density=True), DATA, points[:, 0], OF_DATA)
    assert_agrees(lambda w: np.histogram2d(DATA, points[:, 0], [-2, 0, 1.0], weights=w), OF_DATA)
    assert_agrees(lambda w: np.histogram2d(DATA, points[:, 0], [3, [-2, 0, 1.0]], weights=w), OF_DATA)
    assert_agrees(lambda w: np.histogram2d(DATA, points[:, 0], [[-2, 0.0], [-2, 0, 1.0]], weights=w), OF_DATA)
    assert_agrees(lambda p, e: np.histogramdd(p, (e, 4), density=True), points, np.array([-3.0, 0.5, 3.0]))


def test_bincount_is_linear_in_its_weights() -> None:
    places = np.array([0, 1, 1, 3])
    assert_agrees(lambda w: np.bincount(places, w), X[0])
    assert_agrees(lambda w: np.bincount(places, weights=w, minlength=7), X[0])
    np.testing.assert_array_equal(np.bincount(Tensor(places)), [1, 2, 0, 1])
    with pytest.raises(OperandError, match="give one for each"):
        np.bincount(places, Tensor([1.0], requires_grad=True))


def test_single_precision_weights_get_single_precision_gradients() -> None:
    w = Tensor(OF_DATA, dtype=np.float32, requires_grad=True)
    np.bincount(np.arange(9) % 2, w).sum().backward()
    assert w.grad.dtype == np.float32
    assert ag.grad(lambda w: np.sum(np.histogram(DATA, weights=w)[0]))(w.numpy()).dtype == np.float32
