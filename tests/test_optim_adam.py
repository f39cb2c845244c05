"""Adam and AdamW: `amsgrad`, and what of a group may change between steps."""

import math

import numpy as np
import pytest

from autograd_lite import Tensor, optim, saving
from autograd_lite.errors import OperandError


def two():
    return [Tensor(np.array([[0.5, -1.0], [2.0, 0.1]]), requires_grad=True), Tensor([3.0, -2.0], requires_grad=True)]


def train(tensors, optimizer, steps):
    """Steps along gradients that rise and fall, and depend on the values; returns these."""
    for step in steps:
        for tensor in tensors:
            tensor.grad = np.cos(tensor.numpy()) * (5.0 if step % 3 == 0 else 0.25)
        optimizer.step()
    return [tensor.numpy() for tensor in tensors]


@pytest.mark.parametrize("method", ["Adam", "AdamW"])
@pytest.mark.parametrize("saved", [False, True])
def test_betas_may_change_between_steps(method, saved):
    own = [Tensor([1.0, -2.0], requires_grad=True), Tensor([0.5], requires_grad=True)]
    optimizer = getattr(optim, method)([{"params": own[:1]}, {"params": own[1:]}], lr=0.1, weight_decay=0.0)
    rng = np.random.default_rng(0)
    values, means, squares = own[0].numpy().copy(), np.zeros(2), np.zeros(2)
    for step in range(1, 9):
        beta1, beta2 = (0.9, 0.999) if step < 4 else (0.5, 0.99) if step < 7 else (0.8, 0.9)
        optimizer.param_groups[0]["betas"] = (beta1, beta2)
        if saved:
            state = optimizer.state_dict()
            optimizer = getattr(optim, method)([{"params": own[:1]}, {"params": own[1:]}], lr=0.5, betas=(0.0, 0.0))
            optimizer.load_state_dict(state)
        own[0].grad, own[1].grad = rng.standard_normal(2), rng.standard_normal(1)
        means = beta1 * means + (1 - beta1) * own[0].grad
        squares = beta2 * squares + (1 - beta2) * own[0].grad ** 2
        root = np.sqrt(squares / (1 - beta2**step)) + 1e-8
        values -= 0.1 * means / (1 - beta1**step) / root
        optimizer.step()
        np.testing.assert_allclose(own[0].numpy(), values, rtol=1e-12)
    before = own[0].numpy().copy()
    optimizer.param_groups[0]["betas"] = (1.0, 0.9)
    with pytest.raises(OperandError, match="betas"):
        optimizer.step()
    assert (own[0].numpy() == before).all()


@pytest.mark.parametrize("method", ["Adam", "AdamW"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_amsgrad_goes_by_the_largest_mean_square_there_was(method, dtype):
    gradients = [np.array(g, dtype) for g in ([8.0, 1.0], [0.5, 0.5], [0.25, 4.0], [0.125, 0.5], [1.0, 0.25])]
    for amsgrad in (False, True):
        w = Tensor(np.ones(2, dtype), requires_grad=True)
        settings = {"lr": 0.1, "betas": (0.8, 0.5), "weight_decay": 0.0}
        optimizer = getattr(optim, method)([w], **settings, amsgrad=amsgrad)
        mean, square, largest, expected = (np.zeros(2), np.zeros(2), np.zeros(2), np.ones(2))
        for step, g in enumerate(gradients, 1):
            w.grad = g
            optimizer.step()
            mean, square = 0.8 * mean + 0.2 * g, 0.5 * square + 0.5 * g.astype(float) ** 2
            largest = np.maximum(largest, square)
            root = np.sqrt((largest if amsgrad else square) / (1 - 0.5**step)) + 1e-8
            expected = expected - 0.1 * mean / (1 - 0.8**step) / root
            np.testing.assert_allclose(w.numpy(), expected, rtol=1e-12 if dtype is np.float64 else 1e-5)
        assert (largest > square).all()
        assert w.dtype == dtype
        extra = {"largest_sum_of_squares"} if amsgrad else set()
        assert set(optimizer.state_dict()["state"][0]) == {"step", "sum", "sum_of_squares"} | extra


def test_amsgrad_of_one_group_and_switched_on_and_off_on_the_way():
    own = [Tensor([1.0], requires_grad=True) for _ in range(3)]
    always, never, later = own
    groups = [{"params": [always], "amsgrad": True}, {"params": [never]}, {"params": [later]}]
    optimizer = optim.Adam(groups, lr=0.1, betas=(0.0, 0.5))
    squares = dict.fromkeys(range(3), 0.0)
    largest = dict.fromkeys(range(3), 0.0)
    expected = [1.0] * 3
    for step, g in enumerate([9.0, 3.0, 1.0, 0.5, 0.25, 0.125], 1):
        on = (True, False, 2 < step < 5)  # begun at step 3, forgotten after step 4
        optimizer.param_groups[2]["amsgrad"] = on[2]
        for number, w in enumerate(own):
            w.grad = np.array([g])
            squares[number] = 0.5 * squares[number] + 0.5 * g**2
            largest[number] = max(largest[number], squares[number]) if on[number] else 0.0
            square = largest[number] if on[number] else squares[number]
            expected[number] -= 0.1 * g / (math.sqrt(square / (1 - 0.5**step)) + 1e-8)
        optimizer.step()
        np.testing.assert_allclose([w.item() for w in own], expected, rtol=1e-12)
    state = optimizer.state_dict()["state"]
    assert ["largest_sum_of_squares" in state[number] for number in range(3)] == [True, False, False]


def test_the_betas_may_change_under_amsgrad():
    w = Tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1, betas=(0.5, 0.5), amsgrad=True)
    mean = square = largest = 0.0
    expected = 1.0
    for step, (g, beta) in enumerate([(4.0, 0.5), (1.0, 0.5), (0.5, 0.8), (0.25, 0.8)], 1):
        optimizer.param_groups[0]["betas"] = (0.5, beta)
        w.grad = np.array([g])
        optimizer.step()
        mean, square = 0.5 * mean + 0.5 * g, beta * square + (1 - beta) * g**2
        largest = max(largest, square)
        expected -= 0.1 * mean / (1 - 0.5**step) / (math.sqrt(largest / (1 - beta**step)) + 1e-8)
        assert w.item() == pytest.approx(expected, rel=1e-12)
    assert largest > square


def test_a_run_with_amsgrad_goes_on_from_a_file_bit_for_bit(tmp_path):
    hyper = {"lr": 0.1, "betas": (0.9, 0.5), "amsgrad": True}
    whole = two()
    expected = train(whole, optim.Adam(whole, **hyper), range(6))
    own = two()
    optimizer = optim.Adam(own, **hyper)
    train(own, optimizer, range(3))
    saving.save(tmp_path / "run.npz", {"optimizer": optimizer.state_dict()})
    again = [Tensor(p.numpy(), requires_grad=True) for p in own]
    resumed = optim.Adam(again, lr=1.0)
    resumed.load_state_dict(saving.load(tmp_path / "run.npz")["optimizer"])
    assert resumed.param_groups[0]["amsgrad"] is True
    assert all((a == b).all() for a, b in zip(train(again, resumed, range(3, 6)), expected, strict=True))


def test_a_state_without_what_amsgrad_needs_is_refused_and_changes_nothing():
    own = two()
    optimizer = optim.Adam(own, lr=0.1, amsgrad=True)
    train(own, optimizer, range(2))
    good = optimizer.state_dict()
    entry = {key: value for key, value in good["state"][1].items() if key != "largest_sum_of_squares"}
    plain = optim.Adam(two(), lr=0.5)
    for target in (optimizer, plain):
        before = target.state_dict()
        with pytest.raises(OperandError, match="largest_sum_of_squares of parameter 1 is missing"):
            target.load_state_dict({**good, "state": {**good["state"], 1: entry}})
        after = target.state_dict()
        assert after["param_groups"] == before["param_groups"] and sorted(after["state"]) == sorted(before["state"])
    for wrong in ("yes", 1, None):
        with pytest.raises(OperandError, match="Adam: amsgrad="):
            optim.Adam(two(), amsgrad=wrong)
        optimizer.param_groups[0]["amsgrad"] = wrong
        values = [p.numpy() for p in own]
        with pytest.raises(OperandError, match="Adam: amsgrad="):
            optimizer.step()
        assert all((p.numpy() == value).all() for p, value in zip(own, values, strict=True))
