"""Optimisers of parameters in half precision, whose squares are soon infinite and soon 0."""

import numpy as np
import pytest

from autograd_lite import Tensor, optim
from autograd_lite.errors import OperandError


@pytest.mark.parametrize("method", ["Adam", "AdamW", "RMSprop", "Adagrad"])
def test_an_eps_that_is_zero_where_the_update_is_computed_is_refused(method):
    w = Tensor(np.ones(2, np.float16), requires_grad=True)
    with pytest.raises(OperandError, match=r"eps=1e-50 is 0 in float32"):
        getattr(optim, method)([w], eps=1e-50)
    optimizer = getattr(optim, method)([w])
    w.grad = np.array([0.0, 1.0], np.float16)
    optimizer.step()
    assert w.numpy()[0] == (np.float16(1 - 1e-5) if method == "AdamW" else 1) and w.numpy()[1] < 1


@pytest.mark.parametrize("size", [1e-4, 10.0, 300.0])
@pytest.mark.parametrize("method", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_half_floats_move_as_double_ones_do(method, size):
    """The sums of squares of Adam and Adagrad were infinite after some steps, and from then on nothing moved."""
    arguments = {"lr": 1e-3 / size, "momentum": 0.9} if method == "SGD" else {"lr": 0.01}
    moved = {}
    for dtype in (np.float16, np.float64):
        w = Tensor(np.zeros(3, dtype), requires_grad=True)
        optimizer = getattr(optim, method)([w], **arguments)
        for step in range(1200):
            if step % 100 == 0:
                w.data[...] = 0  # steps stay large beside the spacing of half floats
            w.grad = np.array([size, -size, 0.5 * size], np.float16).astype(dtype)
            optimizer.step()
        assert w.dtype == dtype
        moved[dtype] = w.numpy()
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        assert all(np.isfinite(entry).all() for entry in state["state"][0].values())
    np.testing.assert_allclose(moved[np.float16], moved[np.float64], rtol=0.02)
