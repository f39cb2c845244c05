"""Learning rate schedules where groups come later and where the first metric is no number."""

import math

import pytest

from autograd_lite import Tensor, optim
from autograd_lite.errors import OperandError


@pytest.mark.parametrize(
    "schedule", [lambda o: optim.StepLR(o, 1, 0.5), lambda o: optim.ReduceLROnPlateau(o, decay=0.5, patience=1)]
)
def test_a_group_that_comes_later_is_scheduled_from_its_own_rate(schedule):
    w, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    made = schedule(optimizer)
    plateau = isinstance(made, optim.ReduceLROnPlateau)
    optimizer.add_param_group({"params": [b], "lr": 0.2})
    state = made.state_dict()
    assert state["base_lrs"] == [1.0, 0.2]
    for _ in range(3 if plateau else 1):
        made.step(*[1.0] * plateau)
    assert made.get_last_lr() == [0.5, 0.1]
    made.load_state_dict(state)
    assert made.get_last_lr() == [1.0, 0.2]
    for bad in ({**state, "base_lrs": [1.0]}, {**state, "epoch": "1"}, {**state, "base_lrs": [1.0, None]}):
        with pytest.raises(OperandError, match="load_state_dict"):
            made.load_state_dict(bad)
        assert made.state_dict() == state and made.get_last_lr() == [1.0, 0.2]


@pytest.mark.parametrize("first", [math.nan, math.inf])
def test_a_plateau_begins_at_the_first_number(first):
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, decay=0.5, patience=1)
    for metric in (first, 5.0, 4.0, 3.0, 2.0, 1.0):
        schedule.step(metric)
        assert schedule.get_last_lr() == [1.0]
    assert schedule.best == 1.0


def test_a_loss_below_0_reaches_a_plateau_too():
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, decay=0.5, patience=1)
    for metric in (-1.0, -1.0, -1.0):
        schedule.step(metric)
    assert schedule.get_last_lr() == [0.5]
    schedule.step(-1.01)
    assert schedule.best == -1.01
