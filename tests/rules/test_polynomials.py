"""Polynomials: values, arithmetic, roots and fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import OperandError, Tensor
from tests.rules.agreement import assert_agrees, gradient

RNG = np.random.default_rng(7)
P = RNG.normal(size=5)
Q = RNG.uniform(0.5, 2.0, 4)
POINTS = RNG.normal(size=(2, 3))
LENGTHS = [(3, 3), (2, 4), (4, 2), (1, 3)]


def by_name(function: Any) -> str:
    return str(function.__name__)


def test_polyval_is_differentiable_in_coefficients_and_points() -> None:
    assert_agrees(np.polyval, P, POINTS)
    assert_agrees(lambda p: np.polyval(p, 2), P)
    assert_agrees(lambda x: np.polyval([1, 2, 3], x), POINTS)
    with pytest.raises(OperandError, match="give numbers for x"):
        np.polyval(Tensor(P, requires_grad=True), np.poly1d([1, 2]))


@pytest.mark.parametrize("increasing", [False, True])
@pytest.mark.parametrize("count", [None, 0, 1, 2, 5])
def test_vander_with_every_number_of_columns(count: int | None, increasing: bool) -> None:
    t = Tensor(P, requires_grad=True)
    np.testing.assert_array_equal(np.vander(t, count, increasing).numpy(), np.vander(P, count, increasing))
    if count != 0:
        assert_agrees(lambda x: np.vander(x, N=count, increasing=increasing), P)


def test_powers_in_vander_are_exact_at_zero_to_second_order() -> None:
    second = ag.hessian(lambda x: np.sum(np.vander(x, 4) * np.array([7.0, 5.0, 3.0, 1.0])))(np.zeros(2))
    np.testing.assert_array_equal(second, np.diag([10.0, 10.0]))


@pytest.mark.parametrize("function", [np.polyadd, np.polysub, np.polymul], ids=by_name)
def test_arithmetic_of_polynomials_of_any_length(function: Any) -> None:
    for n, m in LENGTHS:
        assert_agrees(function, P[:n], Q[:m])
    assert_agrees(lambda a: function([1.0, 2.0], a), P)


def test_polymul_drops_leading_zeros() -> None:
    y = np.polymul(Tensor([0.0, 0.0, 1.0, 2.0], requires_grad=True), [0.0, 3.0])
    np.testing.assert_array_equal(y.numpy(), [3.0, 6.0])


def test_polydiv_gives_quotient_and_remainder() -> None:
    # How many coefficients the remainder has is a matter of rounding; its last one is always there.
    for n, m in ((5, 2), (3, 3), (2, 4), (4, 1)):
        assert_agrees(lambda u, v: np.polydiv(u, v)[0], P[:n], Q[:m])
        if m > 1:
            assert_agrees(lambda u, v: np.polydiv(u, v)[1][-1], P[:n], Q[:m])
    quotient, remainder = np.polydiv(Tensor([2.0, 5.0, 7.0], requires_grad=True), [2.0, 1.0])
    np.testing.assert_array_equal(quotient.numpy(), [1.0, 2.0])
    np.testing.assert_array_equal(remainder.numpy(), [5.0])


def test_derivatives_and_antiderivatives_of_every_order() -> None:
    for m in (0, 1, 3):
        assert_agrees(lambda p, m=m: np.polyder(p, m), P)
        assert_agrees(lambda p, m=m: np.polyint(p, m), P)
    assert_agrees(lambda p, k: np.polyint(p, 2, k), P, Q[:2])
    assert_agrees(lambda p, k: np.polyint(p, m=2, k=k), P, np.array(0.4))
    with pytest.raises(OperandError, match="2 constants for order m=3"):
        np.polyint(Tensor(P, requires_grad=True), 3, [1.0, 2.0])


@pytest.mark.parametrize("p", [[1.0, -6.0, 11.0, -6.1], [1.0, 2.0, 3.0, 4.0], [2.0, 1.0]], ids=str)
def test_roots_move_with_the_coefficients(p: list[float]) -> None:
    assert_agrees(np.roots, np.array(p), rtol=1e-4)


def test_roots_beside_leading_and_trailing_zeros() -> None:
    p = np.array([1.0, 2.0, -4.0])
    for padded in ([0.0, *p], [*p, 0.0]):
        jacobian = ag.jacobian(np.roots)(np.array(padded))
        roots = np.roots(padded)
        n = len(padded) - 1
        slope = np.polyval(np.polyder(padded), roots)
        np.testing.assert_allclose(jacobian, -(roots[:, None] ** np.arange(n, -1, -1)) / slope[:, None], atol=1e-12)
    np.testing.assert_array_equal(gradient(lambda p: np.sum(np.roots(p)), [0.0, 0.0]), [0.0, 0.0])


def test_poly_undoes_roots() -> None:
    assert_agrees(np.poly, P)
    assert_agrees(np.poly, P[:3] + 1j * Q[:3])
    assert_agrees(lambda a: np.poly(np.concatenate((a + 1j, a - 1j))), P[:2])
    square = RNG.normal(size=(3, 3))
    assert_agrees(lambda s: np.poly(s + np.transpose(s)), square)
    np.testing.assert_allclose(
        ag.jacobian(lambda p: np.poly(np.roots(p)))(np.array([1.0, -3.0, 1.0]))[1:, 1:], np.eye(2), atol=1e-12
    )


def test_polyfit_is_differentiable_in_points_values_and_weights() -> None:
    x, y, w = np.linspace(-1, 1, 7) + 0.05 * RNG.normal(size=7), RNG.normal(size=7), RNG.uniform(0.5, 1.5, 7)
    assert_agrees(lambda x, y, w: np.polyfit(x, y, 2, w=w), x, y, w)
    assert_agrees(lambda y: np.polyfit(x, y, 3), RNG.normal(size=(7, 2)))
    assert_agrees(lambda x, y: np.polyfit(x, y, deg=1, full=True)[:2], x, y)
    assert_agrees(lambda x, y: np.polyfit(x, y, 1, cov=True), x, y)
    assert_agrees(lambda x, y: np.polyfit(x, y, 1, cov="unscaled"), x, y)
    with pytest.raises(OperandError, match=r"x of shape \(7,\), y of shape \(3,\)"):
        np.polyfit(Tensor(x, requires_grad=True), y[:3], 1)
