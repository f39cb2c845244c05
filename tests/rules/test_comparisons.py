"""Masks and bits: what comparisons give, and that no gradient flows through them."""

from typing import Any

import numpy as np
import pytest

from autograd_lite import Tensor


def leaf(data: Any) -> Tensor:
    return Tensor(data, requires_grad=True)


@pytest.mark.parametrize(
    ("symbol", "f"),
    [
        ("<", np.less),
        ("<=", np.less_equal),
        (">", np.greater),
        (">=", np.greater_equal),
        ("==", np.equal),
        ("!=", np.not_equal),
    ],
)
def test_a_comparison_is_a_boolean_tensor_without_gradient(symbol: str, f: Any) -> None:
    x, other = leaf([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for mask in (f(x, other), f(x, 2), f(other, x.detach()), getattr(x, f"__{DUNDER[symbol]}__")(2.0)):
        assert isinstance(mask, Tensor)
        assert mask.dtype == bool
        assert not mask.requires_grad
    assert f(x, 2).tolist() == f(x.numpy(), 2).tolist()
    assert f(2, x).tolist() == f(2, x.numpy()).tolist()


DUNDER = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


def test_a_mask_selects_with_the_gradient_of_what_it_selects() -> None:
    x = leaf([-1.0, 2.0, 3.0])
    loss = np.sum(x[(x > 0) & ~(x >= 3)] * 5 + np.sum(np.where(np.isfinite(x), x, 0)))
    loss.backward()
    assert x.grad.tolist() == [1.0, 6.0, 1.0]


def test_a_mask_counts_as_numbers_in_arithmetic() -> None:
    x = leaf([-1.0, 2.0])
    np.sum(x * (x > 0)).backward()
    assert x.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("f", [np.isnan, np.isinf, np.isfinite, np.signbit, np.isposinf, np.isneginf, np.isreal])
def test_questions_about_numbers_are_answered_elementwise(f: Any) -> None:
    data = [1.0, -0.0, np.nan, np.inf, -np.inf]
    assert f(leaf(data)).tolist() == f(np.array(data)).tolist()


def test_out_of_isposinf_and_isneginf_is_filled() -> None:
    for f in (np.isposinf, np.isneginf):
        out = np.zeros(2, bool)
        f(leaf([np.inf, -np.inf]), out)
        assert out.tolist() == f(np.array([np.inf, -np.inf])).tolist()


def test_tolerances_of_isclose_and_allclose_count_by_position_and_by_name() -> None:
    x, y = leaf([1.0, 2.0]), np.array([1.1, 2.1])
    assert np.isclose(x, y).tolist() == [False, False]
    assert np.isclose(x, y, 0.2).tolist() == [True, True]
    assert np.isclose(x, y, 0, atol=0.2).tolist() == [True, True]
    assert not np.allclose(x, y)
    assert np.allclose(x, y, 0.2)
    assert np.array_equal(x, [1.0, 2.0])
    assert np.array_equiv(x, [[1.0, 2.0], [1.0, 2.0]])


def test_bits_of_integer_tensors() -> None:
    a, b = Tensor([6, 4, 3]), np.array([2, 3, 1])
    assert (a & b).tolist() == [2, 0, 1]
    assert (a | 1).tolist() == [7, 5, 3]
    assert (1 ^ a).tolist() == [7, 5, 2]
    assert (a << 1).tolist() == [12, 8, 6]
    assert (a >> b).tolist() == [1, 0, 1]
    assert (~a).tolist() == [-7, -5, -4]
    assert np.gcd(a, 2).tolist() == [2, 2, 1]
    assert np.lcm(a, b).tolist() == [6, 12, 3]
    assert np.bitwise_count(a).tolist() == [2, 1, 2]


def test_the_kind_of_numbers_is_known() -> None:
    assert np.isrealobj(leaf([1.0]))
    assert np.iscomplexobj(Tensor([1j]))
