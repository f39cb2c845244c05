"""Learning rate schedules where groups come later and where the first metric is no number."""

import inspect
import itertools
import math

import numpy as np
import pytest

from autograd_lite import Tensor, nn, optim, train
from autograd_lite.errors import OperandError


@pytest.mark.parametrize(
    "schedule", [lambda o: optim.StepLR(o, 1, 0.5), lambda o: optim.ReduceLROnPlateau(o, factor=0.5, patience=1)]
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
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for metric in (first, 5.0, 4.0, 3.0, 2.0, 1.0):
        schedule.step(metric)
        assert schedule.get_last_lr() == [1.0]
    assert schedule.best == 1.0


def test_a_loss_below_0_reaches_a_plateau_too():
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for metric in (-1.0, -1.0, -1.0):
        schedule.step(metric)
    assert schedule.get_last_lr() == [0.5]
    schedule.step(-1.01)
    assert schedule.best == -1.01


def rates_along(schedule, metrics):
    found = []
    for metric in metrics:
        schedule.step(metric)
        found += schedule.get_last_lr()
    return found


def sgd():
    return optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)


def test_a_metric_that_is_to_rise_has_a_plateau_where_it_does_not():
    accuracies = [0.5, 0.6, 0.6, 0.6, 0.7, 0.69, 0.2, 0.7]
    schedule = optim.ReduceLROnPlateau(sgd(), "max", factor=0.5, patience=1)
    assert rates_along(schedule, accuracies) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert schedule.best == 0.7
    equal = optim.ReduceLROnPlateau(sgd(), "max", factor=0.5, patience=0, threshold=0.0)
    assert rates_along(equal, [0.5, 0.5, 0.5 + 1e-9]) == [1, 0.5, 0.5]
    falling = optim.ReduceLROnPlateau(sgd(), "min", factor=0.5, patience=1)
    mirrored = rates_along(falling, [-a for a in accuracies])
    assert mirrored == rates_along(optim.ReduceLROnPlateau(sgd(), "max", factor=0.5, patience=1), accuracies)


@pytest.mark.parametrize("first", [math.nan, -math.inf])
def test_a_plateau_of_a_maximum_begins_at_the_first_number(first):
    schedule = optim.ReduceLROnPlateau(sgd(), "max", factor=0.5, patience=1)
    assert rates_along(schedule, (first, -5.0, -4.0, 0.0, 2.0, math.nan, 2.0)) == [1, 1, 1, 1, 1, 1, 0.5]
    assert schedule.best == 2.0


def test_a_plateau_of_a_maximum_goes_on_where_it_was_saved():
    metrics = [0.5, 0.5, 0.6, 0.6, 0.6, 0.59]
    whole = rates_along(optim.ReduceLROnPlateau(sgd(), "max", patience=1), metrics)
    first, second = (optim.ReduceLROnPlateau(sgd(), "max", patience=1) for _ in range(2))
    begun = rates_along(first, metrics[:4])
    second.load_state_dict(first.state_dict())
    assert begun + rates_along(second, metrics[4:]) == whole
    assert min(whole) < 1


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"patience": 0}, {"patience": 1, "threshold": 0.0}, {"patience": 1, "threshold": 0.1, "factor": 0.3}],
)
def test_a_plateau_is_pytorchs(mode, settings):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, mode, **settings, eps=0.0)
    expected = []
    metrics = np.abs(
        np.random.default_rng(0).normal(1.0, 0.3, 60).round(1)
    ).tolist()  # below 0 its share goes backwards
    for metric in metrics:
        schedule.step(metric)
        expected.append(theirs.param_groups[0]["lr"])
    ours = rates_along(optim.ReduceLROnPlateau(sgd(), mode, **settings), metrics)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    assert expected[-1] < 1


def test_fit_has_nothing_that_is_to_rise_for_a_plateau():
    model = nn.Dense(1, 1, seed=0)
    optimizer, before = optim.SGD(model.parameters(), lr=0.1), model.weight.numpy()
    schedule = optim.ReduceLROnPlateau(optimizer, "max")
    with pytest.raises(OperandError, match=r"^fit: .*mode='max' would watch the loss, which is to fall; .*'min'"):
        train.fit(model, (np.ones((4, 1)), np.ones((4, 1))), nn.mse_loss, optimizer, 1, schedule=schedule)
    assert model.weight.numpy() == before and schedule.epoch == 0


@pytest.mark.parametrize("mode", ["maximum", None, 0.5, True])
def test_a_plateau_has_one_of_two_modes(mode):
    with pytest.raises(OperandError, match=r"^ReduceLROnPlateau: mode=.*; it must be 'min' or 'max'$"):
        optim.ReduceLROnPlateau(sgd(), mode)


def test_names_and_positions_mean_what_they_mean_in_pytorch():
    plateau = optim.ReduceLROnPlateau(sgd(), factor=0.25, patience=0)
    plateau.step(1.0)
    plateau.step(1.0)
    assert plateau.factor == 0.25 and plateau.get_last_lr() == [0.25]
    by_name = optim.LambdaLR(sgd(), lr_lambda=lambda epoch: 0.5**epoch)
    by_name.step()
    assert by_name.get_last_lr() == [0.5]
    for wrong in (
        lambda: optim.ReduceLROnPlateau(sgd(), decay=0.1),
        lambda: optim.ReduceLROnPlateau(sgd(), "min", 0.5, 1, 0.1, "rel"),  # its sixth is the threshold's mode
        lambda: optim.LambdaLR(sgd(), factor=lambda epoch: 1.0),
        lambda: optim.SGD([Tensor([1.0], requires_grad=True)], 1.0, 0.9, 0.0),  # its fourth is dampening
        lambda: optim.Adagrad([Tensor([1.0], requires_grad=True)], 1.0, 0.0, 0.0, 0.0),
        lambda: optim.LBFGS([Tensor([1.0], requires_grad=True)], 1.0, 20, 25),
    ):
        with pytest.raises(TypeError, match=r"unexpected keyword|positional"):
            wrong()


def test_positions_are_pytorchs():
    torch = pytest.importorskip("torch")
    theirs = {**vars(torch.optim), **vars(torch.optim.lr_scheduler)}
    for name in optim.__all__:
        made = getattr(optim, name)
        if name in ("LinearWarmup", "Optimizer", "Schedule") or not isinstance(made, type):
            continue
        ours = inspect.signature(made).parameters.values()
        there = inspect.signature(theirs[name]).parameters
        by_position = [p.name for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert by_position == list(there)[: len(by_position)], name
        assert {p.name for p in ours} <= set(there), name
        for p in ours:
            assert p.default == there[p.name].default or (name, p.name) == ("LBFGS", "history_size"), (name, p.name)


def test_a_schedule_shows_itself_in_one_line():
    def half(epoch):
        return 0.5

    w, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([{"params": [w], "lr": 1.0}, {"params": [b], "lr": 0.5}])
    assert repr(optim.LambdaLR(optimizer, half)) == "LambdaLR(epoch=0, lr=[0.5, 0.25]; lr_lambda=half)"
    plateau = optim.ReduceLROnPlateau(optim.SGD([w], lr=1.0), factor=0.5, patience=0)
    plateau.step(2.0)
    assert repr(plateau) == (
        "ReduceLROnPlateau(epoch=1, lr=1.0; mode=min, factor=0.5, patience=0, threshold=0.0001, min_lr=0.0, best=2.0, "
        "waited=0, reduced=0)"
    )

    class Inverse(optim.Schedule):
        def multiplier(self, epoch):
            return 1 / (1 + epoch)

    assert repr(Inverse(optim.SGD([w], lr=1.0))) == "Inverse(epoch=0, lr=1.0)"


@pytest.mark.parametrize("optimizer", [optim.SGD, None, [Tensor([1.0], requires_grad=True)]])
def test_a_schedule_wants_an_optimiser(optimizer):
    with pytest.raises(OperandError, match=r"StepLR: the optimizer is .*; give one such as optim\.Adam"):
        optim.StepLR(optimizer, 1)
    with pytest.raises(OperandError, match=r"LambdaLR: lr_lambda=0\.5; give one function"):
        optim.LambdaLR(optim.SGD([Tensor([1.0], requires_grad=True)]), 0.5)


SCHEDULES = {
    "StepLR": (lambda o: optim.StepLR(o, 3, 0.5), lambda e: 0.5 ** (e // 3)),
    "ExponentialLR": (lambda o: optim.ExponentialLR(o, 0.9), lambda e: 0.9**e),
    "CosineAnnealingLR": (lambda o: optim.CosineAnnealingLR(o, 30), lambda e: 0.5 + 0.5 * math.cos(math.pi * e / 30)),
    "LinearWarmup": (lambda o: optim.LinearWarmup(o, 4), lambda e: min(1, (e + 1) / 4)),
    "LambdaLR": (lambda o: optim.LambdaLR(o, lambda e: min(1, (e + 1) / 5)), lambda e: min(1, (e + 1) / 5)),
    "ReduceLROnPlateau": (
        lambda o: optim.ReduceLROnPlateau(o, factor=0.5, patience=2),
        lambda e: 0.5 ** ((e - 1) // 3),
    ),
}


@pytest.mark.parametrize(
    ("names", "interrupted"),
    [(names, interrupted) for names in itertools.permutations(SCHEDULES, 2) for interrupted in (False, True)],
)
def test_two_schedules_of_one_optimiser_multiply(names, interrupted):
    """The one that stepped last had the word: what came before it, a warm-up too, was lost."""

    def begin():
        optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=0.8)
        return optimizer, [SCHEDULES[name][0](optimizer) for name in names]

    optimizer, schedules = begin()
    for epoch in range(1, 12):
        for schedule in schedules:
            schedule.step(*[1.0] * isinstance(schedule, optim.ReduceLROnPlateau))
        expected = 0.8 * math.prod(SCHEDULES[name][1](epoch) for name in names)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-12)
        if interrupted:
            states = [schedule.state_dict() for schedule in schedules]
            optimizer, schedules = begin()
            for schedule, state in reversed(list(zip(schedules, states, strict=True))):
                schedule.load_state_dict(state)
            assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("eta_min", [0.0, 0.02])
def test_a_learning_rate_set_by_hand_is_what_a_schedule_goes_on_from(eta_min):
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    schedule = optim.CosineAnnealingLR(optimizer, 10, eta_min)
    for _ in range(5):
        schedule.step()
    optimizer.param_groups[0]["lr"] = 0.1
    schedule.step()
    share = (1 + math.cos(math.pi * 0.6)) / (1 + math.cos(math.pi * 0.5))  # PyTorch's recursive form
    assert schedule.get_last_lr() == pytest.approx([eta_min + share * (0.1 - eta_min)])


def test_a_plateau_takes_the_loss_itself_and_refuses_what_is_no_number():
    w = Tensor([1.0], requires_grad=True)
    schedule = optim.ReduceLROnPlateau(optim.SGD([w], lr=1.0), factor=0.5, patience=0)
    for loss in ((w * 2).sum(), np.float32(2.0), np.array([2])):
        schedule.step(loss)
    assert schedule.best == 2.0 and schedule.get_last_lr() == [0.25]
    before = schedule.state_dict()
    for bad in (np.array([1.0, 2.0]), "low", [1.0], 1j):
        with pytest.raises(OperandError, match=r"^ReduceLROnPlateau: step got the metric .*; give one number$"):
            schedule.step(bad)
    assert schedule.state_dict() == before


def test_what_follows_a_warmup_is_a_function_or_the_multiplier_of_a_schedule():
    def made():
        return optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)

    optimizer = made()
    with pytest.raises(OperandError, match=r"LinearWarmup: after=StepLR.*give a function of the epoch.*\.multiplier"):
        optim.LinearWarmup(optimizer, 2, optim.StepLR(optimizer, 1))
    optimizer = made()
    schedule = optim.LinearWarmup(optimizer, 2, optim.StepLR(optimizer, 1, gamma=0.5).multiplier)
    rates = []
    for _ in range(5):
        rates += schedule.get_last_lr()
        schedule.step()
    assert rates == [0.5, 1.0, 1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.StepLR(o, "3"), "StepLR: step_size='3'; it must be a number of at least 1"),
        (lambda o: optim.StepLR(o, 2, gamma=-0.1), "StepLR: gamma=-0.1; it must be a finite number, not negative"),
        (lambda o: optim.ExponentialLR(o, float("nan")), "ExponentialLR: gamma=nan; it must be a finite number"),
        (lambda o: optim.CosineAnnealingLR(o, None), "CosineAnnealingLR: T_max=None; it must be a number"),
        (lambda o: optim.LinearWarmup(o, 0), "LinearWarmup: warmup=0; it must be a number of at least 1"),
    ],
)
def test_a_number_out_of_its_range_is_refused_when_the_schedule_is_made(make, message):
    with pytest.raises(OperandError, match=f"^{message}"):
        make(optim.SGD([Tensor([1.0], requires_grad=True)], lr=0.1))
