"""Optimisers that refused something, and then go on."""

import numpy as np
import pytest

from autograd_lite import Tensor, optim
from autograd_lite.errors import OperandError


@pytest.mark.parametrize("method", ["Adam", "AdamW"])
def test_betas_that_were_changed_beside_a_refused_rate_act_when_it_is_put_right(method):
    """The change was taken as seen with the refusal, and the means were never rescaled to it."""
    moved = []
    for refused in (False, True):
        first, second = (Tensor([1.0], requires_grad=True) for _ in range(2))
        optimizer = getattr(optim, method)([{"params": [first]}, {"params": [second]}], lr=0.1)
        for step in range(4):
            first.grad, second.grad = np.array([1.0 + step]), np.array([1.0])
            if step == 2:
                optimizer.param_groups[0]["betas"] = (0.5, 0.9)
                if refused:
                    lr = optimizer.param_groups[1]["lr"]
                    optimizer.param_groups[1]["lr"] = -1.0
                    with pytest.raises(OperandError, match=r"lr=-1\.0"):
                        optimizer.step()
                    optimizer.param_groups[1]["lr"] = lr
            optimizer.step()
        moved.append((first.item(), second.item()))
    assert moved[0] == moved[1]
