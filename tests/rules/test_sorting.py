"""Sorting and picking by rank: call forms, ties, NaN, and what is given back plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import NotDifferentiableError, OperandError, Tensor
from tests.rules.agreement import assert_agrees, gradient

RNG = np.random.default_rng(4)
X = RNG.permutation(12).reshape(3, 4) + RNG.uniform(0, 0.5, (3, 4))
BLOCK = RNG.permutation(24).reshape(2, 3, 4) * 0.5
CUBE = RNG.permutation(27).reshape(3, 3, 3) * 0.5
METHODS = [
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen"),
    *("weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"),
]
CONTINUOUS = METHODS[3:9]
QUANTILES = [np.quantile, np.percentile, np.nanquantile, np.nanpercentile]


def by_name(function: Any) -> str:
    return str(function.__name__)


def scale(function: Any) -> int:
    return 100 if function.__name__.endswith("percentile") else 1


# --- sort and partition --------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0, 1, -2, None])
def test_sort_along_every_axis(axis: int | None) -> None:
    assert_agrees(lambda x: np.sort(x, axis), X)
    assert_agrees(lambda x: np.sort(x, axis=axis, kind="stable"), BLOCK)
    assert_agrees(lambda x: np.sort(x, axis=axis, stable=True), X)


def test_sort_of_a_view_and_of_nothing() -> None:
    assert_agrees(lambda x: np.sort(x.T, axis=0)[::2], X)
    assert np.sort(Tensor(np.zeros((0, 3)), requires_grad=True), axis=0).shape == (0, 3)


def test_tied_elements_share_the_gradient_of_their_places() -> None:
    x = np.array([2.0, 1.0, 2.0, 3.0, 1.0])
    weights = np.array([1.0, 3.0, 10.0, 20.0, 5.0])
    np.testing.assert_array_equal(gradient(lambda x: np.sort(x) * weights, x), [15.0, 2.0, 15.0, 5.0, 2.0])
    columns = gradient(lambda x: np.sort(x, axis=0) * weights[:, None], np.stack([x, -x], axis=1))
    np.testing.assert_array_equal(columns[:, 0], [15.0, 2.0, 15.0, 5.0, 2.0])
    np.testing.assert_array_equal(columns[:, 1], [6.5, 12.5, 6.5, 1.0, 12.5])


def test_nan_sorts_to_the_end_and_keeps_its_own_gradient() -> None:
    x = np.array([np.nan, 2.0, np.nan, 1.0])
    np.testing.assert_array_equal(gradient(lambda x: np.sort(x)[:2] * np.array([1.0, 5.0]), x), [0, 5, 0, 1])


@pytest.mark.parametrize("axis", [-1, 0, None])
@pytest.mark.parametrize("kth", [0, -1, [1, 2]])
def test_partition_moves_the_gradient_with_the_elements(kth: Any, axis: int | None) -> None:
    assert_agrees(lambda x: np.partition(x, kth, axis), X)
    assert_agrees(lambda x: np.partition(x, kth=kth, axis=axis, kind="introselect"), CUBE)


def test_partition_of_many_elements_follows_numpys_own_arrangement() -> None:
    x = RNG.normal(size=300)
    weights = RNG.normal(size=300)
    moved = gradient(lambda x: np.partition(x, 100) * weights, x)
    place = {value: i for i, value in enumerate(np.partition(x, 100))}
    np.testing.assert_array_equal(moved, [weights[place[value]] for value in x])


def test_partition_shares_ties() -> None:
    moved = gradient(lambda x: np.partition(x, 1)[:2], np.array([2.0, 1.0, 2.0]))
    np.testing.assert_array_equal(moved, [0.5, 1.0, 0.5])


def test_sort_complex() -> None:
    assert_agrees(np.sort_complex, X[0] + 1j * X[1])
    y = np.sort_complex(Tensor(X, requires_grad=True))
    assert y.dtype == np.complex128


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.argsort(x, axis=0),
        lambda x: np.argpartition(x, 1),
        lambda x: np.nonzero(x > 3),
        lambda x: np.searchsorted([1.0, 5.0, 9.0], x),
        lambda x: np.digitize(x, [1.0, 5.0]),
        lambda x: np.lexsort((x[0], x[1])),
        lambda x: np.flatnonzero(x - 1),
        lambda x: np.isin(x, [1.0, 2.0]),
    ],
)
def test_places_are_plain_arrays(call: Any) -> None:
    y = call(Tensor(X, requires_grad=True))
    for left, right in zip(np.atleast_2d(y), np.atleast_2d(call(X)), strict=True):
        assert not isinstance(left, Tensor)
        np.testing.assert_array_equal(left, right)


# --- unique and its kin --------------------------------------------------------------------------------------


def test_equal_elements_share_the_gradient_of_their_value() -> None:
    x = np.array([[3.0, 1.0], [3.0, 3.0]])
    np.testing.assert_allclose(gradient(lambda x: np.unique(x) * np.array([6.0, 9.0]), x), [[3.0, 6.0], [3.0, 3.0]])


def test_unique_in_every_form() -> None:
    assert_agrees(lambda x: np.unique(x, True, True, True), X)
    assert_agrees(lambda x: np.unique(x, axis=0, return_counts=True), X)
    assert_agrees(lambda x: np.unique(x, axis=-1), BLOCK)
    assert_agrees(lambda x: tuple(np.unique_all(x)), X)
    assert_agrees(np.unique_values, X)
    rows = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0]])
    np.testing.assert_array_equal(gradient(lambda x: np.unique(x, axis=0), rows), [[0.5, 0.5], [1, 1], [0.5, 0.5]])


def test_sets_of_values() -> None:
    assert_agrees(np.union1d, X[0], X[1:])
    assert_agrees(np.setxor1d, X[0], X[1:])
    assert_agrees(lambda x: np.setdiff1d(x, [100.0, 200.0]), X)
    x = np.array([1.0, 2.0, 3.0, 2.0])
    np.testing.assert_array_equal(gradient(lambda x: np.setdiff1d(x, [3.0]), x), [1.0, 0.5, 0.0, 0.5])


def test_complex_values_in_no_kept_order_are_refused() -> None:
    z = Tensor(RNG.normal(size=40) + 1j * RNG.normal(size=40), requires_grad=True)
    if np.array_equal(np.unique_values(z.numpy()), np.unique(z.numpy())):
        assert_agrees(np.unique_values, z.numpy())
    else:
        with pytest.raises(NotDifferentiableError, match=r"use np\.unique"):
            np.unique_values(z)


@pytest.mark.parametrize("trim", ["fb", "f", "B"])
def test_trim_zeros(trim: str) -> None:
    x = np.array([0.0, 0.0, 1.0, 0.0, 2.0, 0.0])
    t = Tensor(x, requires_grad=True)
    y = np.trim_zeros(t, trim)
    np.testing.assert_array_equal(y.numpy(), np.trim_zeros(x, trim))
    (y * 3).sum().backward()
    assert t.grad.sum() == 3 * len(y)
    assert np.trim_zeros(Tensor(0 * x, requires_grad=True), trim).shape == (0,)
    with pytest.raises(OperandError, match="trim='x' is unknown"):
        np.trim_zeros(t, "x")


# --- median and quantiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.median, np.nanmedian], ids=by_name)
def test_median_over_axes(function: Any) -> None:
    assert_agrees(function, X)
    assert_agrees(function, X[0, :3])
    assert_agrees(lambda x: function(x, axis=0), X)
    assert_agrees(lambda x: function(x, axis=(2, 0), keepdims=True), BLOCK)
    assert_agrees(lambda x: function(x, (0, -1)), BLOCK)


def test_the_median_of_equal_elements_is_moved_by_all() -> None:
    np.testing.assert_allclose(gradient(np.median, [2.0, 2.0, 2.0, 9.0]), [1 / 3, 1 / 3, 1 / 3, 0.0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("function", QUANTILES, ids=by_name)
def test_quantiles_by_every_method(function: Any, method: str) -> None:
    percent = scale(function)
    assert_agrees(lambda x: function(x, 0.31 * percent, method=method), X)
    several = [0.0, 0.5 * percent, 0.77 * percent, 1.0 * percent]
    assert_agrees(lambda x: function(x, several, axis=1, method=method, keepdims=True), X)
    assert_agrees(lambda x: function(x, several[1:3], (0, -1), None, False, method), BLOCK)


@pytest.mark.parametrize("method", CONTINUOUS)
@pytest.mark.parametrize("function", QUANTILES, ids=by_name)
def test_quantiles_are_differentiable_in_q_where_the_method_is_continuous(function: Any, method: str) -> None:
    assert_agrees(lambda q, x: function(x, q, axis=0, method=method), np.array([0.21, 0.6]) * scale(function), X)


@pytest.mark.parametrize("method", ["lower", "inverted_cdf", "midpoint"])
def test_q_has_gradient_zero_where_the_method_jumps(method: str) -> None:
    assert gradient(lambda q: np.quantile(X, q, method=method), 0.3) == 0.0


@pytest.mark.parametrize("function", QUANTILES, ids=by_name)
def test_weighted_quantiles(function: Any) -> None:
    q = [0.0, 0.3 * scale(function), 0.9 * scale(function)]
    weights = RNG.uniform(0.1, 1, X.shape)
    weights[1, 2] = 0.0
    static = {"method": "inverted_cdf"}
    assert_agrees(lambda x: function(x, q, weights=weights, **static), X)
    assert_agrees(lambda x: function(x, q, axis=1, weights=weights, keepdims=True, **static), X)
    if "nan" not in function.__name__:
        assert_agrees(lambda x: function(x, q, axis=0, weights=weights[:, 0], **static), X)
    w = Tensor(weights, requires_grad=True)
    function(Tensor(X, requires_grad=True), q[1], weights=w, **static).backward()
    np.testing.assert_array_equal(w.grad, np.zeros(X.shape))


@pytest.mark.parametrize("function", QUANTILES[2:], ids=by_name)
def test_quantiles_of_what_is_not_nan(function: Any) -> None:
    x = X.copy()
    x[0, 1] = x[2, 3] = x[2, 0] = np.nan
    for method in METHODS:
        t = Tensor(x, requires_grad=True)
        y = function(t, 0.4 * scale(function), axis=1, method=method)
        np.testing.assert_allclose(y.numpy(), function(x, 0.4 * scale(function), axis=1, method=method))
        y.sum().backward()
        np.testing.assert_allclose(t.grad.sum(axis=1), 1.0)
        assert np.all(t.grad[np.isnan(x)] == 0)


def test_a_slice_with_nan_has_a_nan_quantile_and_gradient_zero() -> None:
    x = np.array([[1.0, np.nan, 2.0], [3.0, 1.0, 2.0]])
    for function in (lambda x: np.quantile(x, 0.3, axis=1), lambda x: np.median(x, axis=1)):
        np.testing.assert_array_equal(function(Tensor(x, requires_grad=True)).numpy(), function(x))
        moved = gradient(lambda x, function=function: function(x)[1], x)
        np.testing.assert_array_equal(moved[0], 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.quantile(x, 1.5), "quantile: q .* between 0 and 1"),
        (lambda x: np.percentile(x, [-1]), "percentile: q .* between 0 and 100"),
        (lambda x: np.quantile(x, 0.5, method="best"), "'best' is unknown; use one of .*linear"),
        (lambda x: np.quantile(x, 0.5, weights=np.ones((3, 4))), "takes no weights; use method='inverted_cdf'"),
        (
            lambda x: np.quantile(x, 0.5, weights=np.ones(7), method="inverted_cdf"),
            r"weights of shape \(7,\) do not fit an array of shape \(3, 4\)",
        ),
        (lambda x: np.quantile(x * 1j, 0.5), "no order; take .real or np.abs"),
        (lambda x: np.median(x, out=np.zeros(())), "out= writes into an array"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(call: Any, message: str) -> None:
    with pytest.raises(ag.AutogradError, match=message):
        call(Tensor(X, requires_grad=True))


def test_what_two_arrays_share_has_the_dtype_of_both_together() -> None:
    for first, second in ((np.int8, np.float16), (np.int8, np.float32), (np.float32, np.float64)):
        a, b = np.array([1, 2, 3], first), np.array([2, 5], second)
        common = np.intersect1d(Tensor(a), Tensor(b, requires_grad=True))
        assert common.dtype == np.intersect1d(a, b).dtype
        np.testing.assert_array_equal(common.numpy(), [2])
