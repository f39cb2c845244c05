"""Clipping of gradients, by their norm and by value."""

import numpy as np
import pytest

from autograd_lite import Tensor, nn, optim
from autograd_lite.errors import OperandError


def test_clipping():
    a, b = Tensor([0.0, 0.0], requires_grad=True), Tensor(0.0, requires_grad=True)
    unused = Tensor([1.0], requires_grad=True)
    a.grad, b.grad = np.array([2.0, 4.0]), np.array(4.0)
    assert optim.clip_grad_norm_([a, b, unused], 12.0) == 6.0
    assert a.grad.tolist() == [2, 4]
    optim.clip_grad_norm_([a, b, unused], 3.0)
    assert (a.grad.tolist(), b.grad.item(), unused.grad) == ([1.0, 2.0], 2.0, None)
    optim.clip_grad_value_([a, b, unused], 1.5)
    assert (a.grad.tolist(), b.grad.item()) == ([1.0, 1.5], 1.5)
    a.grad = np.array([np.nan, 0])
    with pytest.raises(OperandError, match="the gradients have norm nan"):
        optim.clip_grad_norm_([a], 1.0)
    for clip in (optim.clip_grad_norm_, optim.clip_grad_value_):
        with pytest.raises(OperandError, match="must be a positive number"):
            clip([a], 0.0)
        with pytest.raises(OperandError, match="='1'; it must be a positive number"):
            clip([a], "1")


def test_clipping_takes_one_tensor_and_narrow_dtypes():
    w = Tensor([0.0, 0.0], requires_grad=True)
    w.grad = np.array([3.0, 4.0])
    assert optim.clip_grad_norm_(w, 1.0) == 5
    np.testing.assert_allclose(w.grad, [0.6, 0.8])
    optim.clip_grad_value_(w, 0.7)
    np.testing.assert_allclose(w.grad, [0.6, 0.7])
    for dtype, value in [(np.float16, 100.0), (np.float32, 1e25)]:
        w = Tensor(np.zeros(400, dtype), requires_grad=True)
        w.grad = np.full(400, value, dtype)
        assert optim.clip_grad_norm_([w], 1.0) == pytest.approx(20 * value, rel=1e-3)
        assert w.grad.dtype == dtype
        np.testing.assert_allclose(w.grad, 0.05, rtol=1e-3)


def test_gradients_whose_squares_are_infinite_are_clipped_too():
    a, b = Tensor([0.0, 0.0], requires_grad=True), Tensor(0.0, requires_grad=True)
    a.grad, b.grad = np.array([3e200, 0.0]), np.array(4e200)
    assert optim.clip_grad_norm_([a, b], 5.0) == pytest.approx(5e200, rel=1e-14)
    np.testing.assert_allclose([*a.grad, b.grad], [3, 0, 4], rtol=1e-14)
    for bad in (np.nan, np.inf):
        a.grad, b.grad = np.array([1.0, bad]), np.array(1e200)
        with pytest.raises(OperandError, match="the gradients have norm"):
            optim.clip_grad_norm_([b, a], 5.0)


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_a_model_in_the_place_of_its_parameters_is_told_of(clip):
    with pytest.raises(OperandError, match=rf"^{clip.__name__}: params is a Dense; .*model\.parameters\(\)"):
        clip(nn.Dense(2, 1), 1.0)
