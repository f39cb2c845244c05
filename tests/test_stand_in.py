"""What stands for an array in a derivative rule: a stack of gradients, or an array with its tangent."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.batched import Batched
from autograd_lite.dual import Dual
from autograd_lite.stand_in import StandInError

STACK = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("made", [Batched(STACK), Dual(STACK[0], STACK[1])], ids=["Batched", "Dual"])
@pytest.mark.parametrize("ask", [bool, float, list, len, np.asarray, lambda x: x.tobytes(), int])
def test_what_only_an_array_can_answer_is_refused(made, ask):
    with pytest.raises(StandInError):
        ask(made)


@pytest.mark.parametrize("made", [Batched(STACK), Dual(STACK[0], STACK[1])], ids=["Batched", "Dual"])
def test_it_is_not_written_into(made):
    with pytest.raises(StandInError):
        made[0] = 1.0
    with pytest.raises(StandInError):
        np.zeros(2)[:] = made


def test_lists_line_up_with_the_axes_of_a_member():
    numbers = Batched(np.array([1.0, 2.0, 3.0]))  # as many members as the list is long, each without an axis
    condition, other = [True, False, True], [10.0, 20.0, 30.0]
    for found, each in (
        (np.where(condition, numbers, 0.0), lambda x: np.where(condition, x, 0.0)),
        (numbers + other, lambda x: x + np.array(other)),
    ):
        np.testing.assert_array_equal(found.members, [each(x) for x in numbers.members])


def test_a_tangent_has_the_shape_and_the_dtype_of_its_array():
    moving = Dual(STACK[0], STACK[1])
    for condition, x, y, tangent in (
        ([True, False], moving, np.ones((3, 2)), [[2.0, 0.0]] * 3),
        ([True, False], np.ones((3, 2)), moving, [[0.0, 3.0]] * 3),
        (True, moving, np.ones(2), [2.0, 3.0]),
    ):
        np.testing.assert_array_equal(np.where(condition, x, y).tangent, tangent)
    assert np.zeros_like(moving, shape=(4,), dtype=np.float32).dtype == np.float32
    assert np.zeros_like(moving, shape=(4,)).shape == (4,)


def test_a_number_is_summed_over_any_axis_that_numpy_takes():
    numbers = Batched(np.array([1.0, 2.0, 3.0]))
    for axis in (None, 0, -1):
        for total in (numbers.sum(axis), np.sum(numbers, axis=axis, keepdims=True)):
            np.testing.assert_array_equal(total.members, numbers.members)


def test_a_dtype_is_not_taken_for_keepdims():
    assert np.sum(Batched(STACK)).shape == ()
    with pytest.raises(TypeError):
        np.sum(Batched(STACK), 0, np.float32)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.where(x > 0, x, np.ones((4, 3))) ** 2 * x).sum(),
        lambda x: (x * np.full((4, 3), 2.0) * x).sum(),
        lambda x: (nn.softmax(x) ** 2).sum(),
        lambda x: nn.cross_entropy(x, np.array([0, 1, 2, 0])),
    ],
    ids=["where", "product", "softmax", "cross_entropy"],
)
def test_second_derivatives_have_the_dtype_of_the_argument(f):
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    v = np.ones_like(x)
    product, matrix = ag.hvp(f, x, v), ag.hessian(f)(x)
    assert product.dtype == matrix.dtype == np.float32
    np.testing.assert_allclose(product, ag.jvp(ag.grad(f), (x,), (v,))[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(product, np.tensordot(matrix, v, 2), rtol=1e-4, atol=1e-5)
