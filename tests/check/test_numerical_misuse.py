"""What `gradcheck` says of arguments that are no functions, and what it leaves alone."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.errors import OperandError


@pytest.mark.parametrize("check", [ag.gradcheck, ag.gradgradcheck])
def test_a_loss_in_the_place_of_a_function_is_named_with_the_cure(check):
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(OperandError, match=r"a Tensor of shape \(\) in the place of a function; pass .*lambda"):
        check((x * x).sum(), x)
    with pytest.raises(OperandError, match="a float in the place of a function"):
        check(3.0, x)


def test_a_loss_in_the_place_of_a_function_is_named_by_assert_gradients_too():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(OperandError, match=r"assert_gradients: a Tensor of shape \(\) in the place of a function"):
        ag.check.assert_gradients((x * x).sum(), {"x": 2 * x.numpy()}, {"x": x.numpy()})


def test_the_step_that_is_given_as_an_array_is_not_written_into():
    eps = np.array(1e-2)
    assert ag.gradcheck(lambda x: (x**3).sum(), np.array([1.0, 2.0]), eps=eps)
    assert eps == 1e-2


def test_hand_gradients_without_names_are_refused():
    with pytest.raises(ag.OperandError, match=r"assert_gradients: the hand gradients are a ndarray; .*\{'w': \.\.\.\}"):
        ag.check.assert_gradients(lambda w: (w**2).sum(), lambda w: 2 * w, {"w": np.ones(2)})


def test_a_list_among_the_inputs_is_no_wrong_derivation():
    with pytest.raises(ag.OperandError, match=r"the input w is a list; .* give np\.array\(w\)"):
        ag.check.assert_gradients(lambda w: (w**2).sum(), lambda w: {"w": 2 * w}, {"w": [1.0, 2.0]})
