"""Optimisers against PyTorch where it is installed, against their formulas, and what they refuse."""

import copy
import itertools
import math
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn, optim
from autograd_lite.errors import OperandError

METHODS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.5), "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "betas": (0.9, 0.6), "amsgrad": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}),
]
IDS = [f"{name}-{i}" for i, (name, _) in enumerate(METHODS)]


def start(dtype=float):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in [(3, 2), (2,), ()]]


def params(dtype=float):
    return [Tensor(array, requires_grad=True) for array in start(dtype)]


def loss_of(W, b, s, step=0, without_s=False):
    """Depends on the step, so that the gradients differ, and on s only where asked."""
    x = np.array([[1.0, -2.0, 0.5 * (step + 1)]])
    y = ((x @ W + b) ** 2).sum()
    return y if without_s else y + (s - 1) ** 2 * (step + 1)


def train(parameters, optimizer, steps, skip=()):
    for step in steps:
        optimizer.zero_grad()
        loss_of(*parameters, step=step, without_s=step in skip).backward()
        optimizer.step()
    return [p.numpy() for p in parameters]


def by_formula(name, hyper, gradients_of, arrays, steps):
    """The methods parameter by parameter, as their papers write them."""
    lr, decay = hyper["lr"], hyper.get("weight_decay", 0.01 if name == "AdamW" else 0.0)
    memory = [[np.zeros_like(a), np.zeros_like(a)] for a in arrays]
    largest = [np.zeros_like(a) for a in arrays]
    arrays = [a.copy() for a in arrays]
    for t in range(1, steps + 1):
        for i, g in enumerate(gradients_of(arrays, t - 1)):
            p, (m, v) = arrays[i], memory[i]
            if name == "AdamW":
                p = p * (1 - lr * decay)
            else:
                g = g + decay * p
            if name == "SGD":
                m = hyper.get("momentum", 0.0) * m + g
                step = g + hyper["momentum"] * m if hyper.get("nesterov") else m
            elif name in ("Adam", "AdamW"):
                beta1, beta2 = hyper.get("betas", (0.9, 0.999))
                m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
                largest[i] = np.maximum(largest[i], v)
                square = largest[i] if hyper.get("amsgrad") else v
                step = m / (1 - beta1**t) / (np.sqrt(square / (1 - beta2**t)) + hyper.get("eps", 1e-8))
            elif name == "RMSprop":
                alpha = hyper.get("alpha", 0.99)
                v = alpha * v + (1 - alpha) * g**2
                m = hyper.get("momentum", 0.0) * m + g / (np.sqrt(v) + 1e-8)
                step = m
            else:
                v = v + g**2
                step = g / (np.sqrt(v) + 1e-10) / (1 + (t - 1) * hyper.get("lr_decay", 0.0))
            arrays[i], memory[i] = p - lr * step, [m, v]
    return arrays


def gradients_by_hand(arrays, step):
    W, b, s = arrays
    x = np.array([[1.0, -2.0, 0.5 * (step + 1)]])
    g = 2 * (x @ W + b)
    return [x.T @ g, g[0], 2 * (s - 1) * (step + 1)]


@pytest.mark.parametrize(("name", "hyper"), METHODS, ids=IDS)
def test_flat_updates_are_those_of_the_formula(name, hyper):
    own = params()
    found = train(own, getattr(optim, name)(own, **hyper), range(7))
    for a, b in zip(found, by_formula(name, hyper, gradients_by_hand, start(), 7), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


@pytest.mark.parametrize(("name", "hyper"), METHODS, ids=IDS)
def test_equal_to_pytorch_also_where_a_parameter_has_no_gradient_at_times(name, hyper):
    torch = pytest.importorskip("torch")
    own, theirs = params(), [torch.tensor(a, requires_grad=True) for a in start()]
    optimizer = getattr(torch.optim, name)(theirs, **hyper)
    found = train(own, getattr(optim, name)(own, **hyper), range(8), skip=(0, 1, 4))
    for step in range(8):
        optimizer.zero_grad()
        W, b, s = theirs
        x = torch.tensor([[1.0, -2.0, 0.5 * (step + 1)]], dtype=torch.float64)
        loss = ((x @ W + b) ** 2).sum()
        (loss if step in (0, 1, 4) else loss + (s - 1) ** 2 * (step + 1)).backward()
        optimizer.step()
    for a, b in zip(found, theirs, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-11)


def test_a_parameter_without_a_gradient_is_left_alone():
    own = params()
    optimizer = optim.AdamW(own, lr=0.1, weight_decay=0.5)
    before = own[2].item()
    train(own, optimizer, range(3), skip=(0, 1, 2))
    assert own[2].item() == before
    assert sorted(optimizer.state_dict()["state"]) == [0, 1]


def test_an_update_between_forward_and_backward_leaves_the_gradient_right():
    w = Tensor([2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    loss = (w**3).sum()
    w.grad = np.array([1.0])
    optimizer.step()
    assert w.item() == 1.0
    w.grad = None
    loss.backward()
    assert w.grad.tolist() == [12.0]


READERS = {
    "itself": lambda w: w,
    "reshaped": lambda w: w.reshape(-1),
    "transposed": lambda w: w.T,
    "part": lambda w: w[1:],
    "view of a view": lambda w: w.T[:, 1:].reshape(-1),
    "real": np.real,
}


@pytest.mark.parametrize("make", [optim.SGD, optim.LBFGS], ids=["SGD", "LBFGS"])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_was_recorded_before_an_update_keeps_the_values_of_then(read, make):
    start = np.array([[2.0, 3.0], [4.0, 5.0]])
    w, other = Tensor(start, requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = make([w, other], lr=1.0)

    def closure():
        optimizer.zero_grad()
        loss = (w**2).sum() + other.sum() ** 2
        loss.backward()
        return loss

    expected = Tensor(start, requires_grad=True)
    (read(expected) ** 3).sum().backward()
    cubes = (read(w) ** 3).sum()
    detached = w.detach()
    closure()
    optimizer.step(closure) if optimizer.closure_needed else optimizer.step()
    assert not np.allclose(w.numpy(), start)
    assert detached.tolist() == start.tolist()
    w.grad = None
    cubes.backward()
    assert w.grad.tolist() == expected.grad.tolist()


def test_an_update_stays_in_one_buffer_unless_a_graph_still_reads_it():
    w, b = Tensor(np.ones((3, 2)), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.Adam([w, b], lr=0.1)
    ((flat,),) = optimizer._flats
    losses = []
    for step in range(6):
        optimizer.zero_grad()
        losses.append(((np.ones((4, 3)) @ w + b) @ w.T).sum())
        losses[-1].backward(retain_graph=step == 3)
        before = flat.values.ctypes.data
        optimizer.step()
        assert (flat.values.ctypes.data == before) == (step != 3)
        assert all(t._array is view and t._shared is None for t, view in zip(flat.tensors, flat.views, strict=True))


def test_an_array_that_the_user_holds_follows_the_updates():
    w = Tensor([1.0, 2.0], requires_grad=True)
    early = w.data
    optimizer = optim.SGD([w], lr=1.0)
    late = Tensor([5.0], requires_grad=True)
    optimizer.add_param_group({"params": [late], "lr": 0.5})
    held = late.data
    for _ in range(2):
        w.grad, late.grad = np.ones(2), np.ones(1)
        optimizer.step()
    assert early.tolist() == w.tolist() == [-1.0, 0.0]
    assert held.tolist() == late.tolist() == [4.0]
    early[0] = 7.0
    assert w.tolist() == [7.0, 0.0]
    loss = (w**2).sum()
    early[0] = 9.0
    w.grad = None
    loss.backward()
    assert w.grad.tolist() == [14.0, 0.0]
    del early
    optimizer.step()
    assert w.tolist() == [-5.0, 0.0] and w._shared is None


class OutOfPlace:
    """Gradient descent that gives every parameter a new array; the one that the user holds is written to."""

    def __init__(self, tensors, held):
        self.tensors, self.held = tensors, held

    def step(self):
        for number, tensor in enumerate(self.tensors):
            updated = tensor.numpy() - 0.1 * tensor.grad
            if number in self.held:
                self.held[number][...] = updated
            else:
                tensor.data = updated


def history(seed, in_place):
    """Parameters and gradients along a random sequence of whatever meets the buffer of an optimiser."""
    rng = np.random.default_rng(seed)
    w, v, c = tensors = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 3), (3, 3), (1,))]
    held, recorded, seen = {}, [], []
    optimizer = optim.SGD(tensors, lr=0.1) if in_place else OutOfPlace(tensors, held)
    for _ in range(40):
        action, number = rng.integers(8), int(rng.integers(3))
        x, p = rng.standard_normal((4, 2)), tensors[number]
        if action <= 1:
            for tensor in tensors:
                tensor.grad = None
            (np.tanh(x @ w) @ v * c).sum().backward()
            optimizer.step()
        elif action == 2:
            recorded.append(((x @ w @ v.T) ** 2).sum() + (w.reshape(-1) ** 3).sum() + (v.T[1:] * c).sum())
        elif action == 3:
            recorded.append((p.detach() * p).sum())
        elif action == 4 and recorded:
            for tensor in tensors:
                tensor.grad = None
            recorded.pop(int(rng.integers(len(recorded)))).backward()
            seen.append([tensor.grad for tensor in tensors])
        elif action == 5:
            held.setdefault(number, p.data)[...] *= 1.1
        elif action == 6:
            held.pop(number, None)
        elif action == 7 and number not in held:
            with ag.no_grad():
                p *= 1.05
        seen.append([tensor.numpy() for tensor in tensors])
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_updates_in_one_buffer_are_those_with_new_arrays(seed):
    for found, expected in zip(history(seed, True), history(seed, False), strict=True):
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-11)


def test_a_parameter_that_was_given_another_array_is_taken_up_again():
    w = Tensor([2.0, 3.0], requires_grad=True)
    first, second = optim.SGD([w], lr=0.1), optim.SGD([w], lr=0.1)
    for optimizer in (first, second, first):
        w.data = np.array([1.0, 1.0])
        w.grad = np.ones(2)
        optimizer.step()
        assert w.numpy().tolist() == [0.9, 0.9]


def test_dtypes_stay_and_may_be_mixed():
    a, b = Tensor(np.ones(2, np.float32), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.Adam([a, b], lr=0.1)
    (a.sum() + b.sum()).backward()
    optimizer.step()
    assert a.dtype == np.float32 and b.dtype == np.float64
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    assert a.numpy()[0] == pytest.approx(0.9, rel=1e-6)


def test_groups_have_hyperparameters_of_their_own():
    a, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    a.grad, b.grad = np.ones(1), np.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (0.9, 0.5)


@pytest.mark.parametrize(("name", "hyper"), METHODS, ids=IDS)
def test_a_resumed_run_is_bit_for_bit_the_one_that_went_on(name, hyper):
    make = getattr(optim, name)
    whole = params()
    expected = train(whole, make(whole, **hyper), range(6), skip=(1,))
    own = params()
    optimizer = make(own, **hyper)
    train(own, optimizer, range(3), skip=(1,))
    again = [Tensor(p.numpy(), requires_grad=True) for p in own]
    resumed = make(again, lr=1.0)
    resumed.load_state_dict(optimizer.state_dict())
    found = train(again, resumed, range(3, 6))
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_of_model_and_optimizer_goes_on_by_itself(copied):
    whole = params()
    expected = train(whole, optim.Adam(whole, lr=0.1), range(6))
    own = params()
    optimizer = optim.Adam(own, lr=0.1)
    halfway = train(own, optimizer, range(3))
    twins, twin_optimizer = copied((own, optimizer))
    found = train(twins, twin_optimizer, range(3, 6))
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))
    assert all((p.numpy() == before).all() for p, before in zip(own, halfway, strict=True))


def test_a_state_that_does_not_fit_changes_nothing():
    own = params()
    optimizer = optim.Adam(own, lr=0.1)
    train(own, optimizer, range(2))
    good = optimizer.state_dict()
    one = {**good["state"][0]}
    for bad, message in [
        ({"state": good["state"]}, "param_groups missing"),
        ({**good, "param_groups": []}, "do not fit groups of"),
        ({**good, "param_groups": [{"params": [0, 1, 2]}]}, "missing in a parameter group"),
        ({**good, "state": {**good["state"], 0: {"step": 1}}}, "sum of parameter 0 is missing"),
        ({**good, "state": {0: {**one, "sum": np.zeros(5)}}}, r"has shape \(5,\); it must have shape \(3, 2\)"),
        ({**good, "param_groups": [{**good["param_groups"][0], "lr": math.nan}]}, "lr=nan"),
        ({**good, "param_groups": [{**good["param_groups"][0], "lr": "0.1"}]}, "lr=.0.1.; give ints or floats"),
        ({**good, "param_groups": [{**good["param_groups"][0], "lr": None}]}, "lr=None"),
        ({**good, "param_groups": [{**good["param_groups"][0], "betas": (0.9,)}]}, "betas=.0.9,.; they must be a pair"),
        ({**good, "param_groups": 5}, "cannot be read"),
        ({**good, "state": []}, "cannot be read"),
        ({**good, "state": {0: None}}, "cannot be read"),
        ({**good, "state": {0: {**one, "step": math.nan}}}, "step of parameter 0 must be a whole number"),
        ({**good, "state": {0: {**one, "sum": one["sum"] * 1j}}}, "sum of parameter 0 must be real numbers"),
    ]:
        with pytest.raises(OperandError, match=message):
            optimizer.load_state_dict(bad)
        assert (optimizer.state_dict()["state"][0]["sum"] == good["state"][0]["sum"]).all()
        assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("lr", [0.0, -1.0, math.nan, math.inf])
def test_a_learning_rate_that_trains_nothing_is_refused(lr):
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "LBFGS"):
        with pytest.raises(OperandError, match=f"{name}: lr="):
            getattr(optim, name)(params(), lr=lr)
    own = params()
    optimizer = optim.SGD(own, lr=0.1)
    before = own[0].numpy()
    own[0].grad = np.ones((3, 2))
    optimizer.param_groups[0]["lr"] = math.nan
    with pytest.raises(OperandError, match="lr=nan"):
        optimizer.step()
    assert (own[0].numpy() == before).all()


def test_parameters_that_cannot_be_trained_are_refused():
    w = Tensor([1.0], requires_grad=True)
    for given, message in [
        ([], r"no parameters given; .*Tensor\(\.\.\., requires_grad=True\)"),
        (w, "params is one Tensor"),
        ([np.ones(2)], "parameter 0 is a ndarray"),
        ([w, w], "given twice"),
        ([2 * w], "is the result of an operation"),
        ([Tensor([1j], requires_grad=True)], "dtype complex128"),
        ([{"params": [w]}, {"params": [w]}], "in two groups"),
        ([{"params": [w], "beta": 1}], "does not know beta"),
        ([{"lr": 1}], "needs 'params'"),
    ]:
        with pytest.raises(OperandError, match=message):
            optim.SGD(given, lr=0.1)
    with pytest.raises(OperandError, match="nesterov=True with momentum=0"):
        optim.SGD([w], nesterov=True)
    with pytest.raises(OperandError, match=r"betas=\(0.9, 1.0\); it must be at least 0 and below 1"):
        optim.Adam([w], betas=(0.9, 1.0))


def rosenbrock(w):
    x, y = w[0], w[1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def test_lbfgs_finds_the_minimum_of_rosenbrocks_valley():
    w = Tensor([-1.2, 1.0], requires_grad=True)
    optimizer = optim.LBFGS([w], max_iter=100)
    calls = itertools.count()

    def closure():
        next(calls)
        optimizer.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    assert optimizer.step(closure) == pytest.approx(24.2)
    np.testing.assert_allclose(w.numpy(), [1, 1], rtol=1e-8)
    assert next(calls) < 80


def test_lbfgs_solves_least_squares_as_lstsq_does():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 5)) * [1, 10, 0.1, 3, 1], rng.standard_normal((30, 1))
    model = nn.Dense(5, 1, bias=False, seed=0)
    optimizer = optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=1e-12)

    def closure():
        optimizer.zero_grad()
        loss = nn.mse_loss(model(X), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(model.weight.numpy(), np.linalg.lstsq(X, y)[0], rtol=1e-6)
    other = optim.LBFGS(model.parameters())
    other.load_state_dict(optimizer.state_dict())
    assert len(other.state_dict()["history"]) == len(optimizer.state_dict()["history"]) > 0


def test_lbfgs_says_what_it_needs():
    w = Tensor([1.0], requires_grad=True)
    with pytest.raises(OperandError, match=r"call step\(closure\)"):
        optim.LBFGS([w]).step()
    with pytest.raises(OperandError, match="several groups or dtypes"):
        optim.LBFGS([w, Tensor(np.ones(1, np.float32), requires_grad=True)])
    with pytest.raises(OperandError, match="the loss is nan"):
        optim.LBFGS([w]).step(lambda: math.nan)
    with pytest.raises(OperandError, match=r"max_iter=2.5; it must be a whole number"):
        optim.LBFGS([w], max_iter=2.5)
    with pytest.raises(OperandError, match="the parameters have no elements"):
        optim.LBFGS([Tensor(np.zeros((0, 3)), requires_grad=True)])
    assert w.item() == 1.0


def rates(schedule, epochs):
    found = []
    for _ in range(epochs):
        found += schedule.get_last_lr()
        schedule.step()
    return found


def sgd():
    return optim.SGD([Tensor([1.0], requires_grad=True)], lr=2.0)


def test_schedules():
    assert rates(optim.StepLR(sgd(), 2, 0.5), 5) == [2, 2, 1, 1, 0.5]
    assert rates(optim.ExponentialLR(sgd(), 0.5), 3) == [2, 1, 0.5]
    assert rates(optim.LambdaLR(sgd(), lambda epoch: 1 / (1 + epoch)), 3) == [2, 1, 2 / 3]
    assert rates(optim.LinearWarmup(sgd(), 4), 6) == [0.5, 1, 1.5, 2, 2, 2]
    assert rates(optim.LinearWarmup(sgd(), 2, lambda epoch: 0.5**epoch), 5) == [1, 2, 2, 1, 0.5]
    cosine = rates(optim.CosineAnnealingLR(sgd(), 4, eta_min=1.0), 7)
    np.testing.assert_allclose(cosine, [1.5 + 0.5 * math.cos(math.pi * min(t, 4) / 4) for t in range(7)])
    plateau = optim.ReduceLROnPlateau(sgd(), factor=0.5, patience=1, min_lr=0.6)
    found = []
    for loss in (5, 4, 4, 4, 4, 4, 4, 4):
        plateau.step(loss)
        found += plateau.get_last_lr()
    assert found == [2, 2, 2, 1, 1, 0.6, 0.6, 0.6]


def test_schedules_resume():
    for make in (lambda o: optim.StepLR(o, 2), lambda o: optim.ReduceLROnPlateau(o, patience=0)):
        a, b = make(sgd()), make(sgd())
        for _ in range(3):
            a.step(1.0) if isinstance(a, optim.ReduceLROnPlateau) else a.step()
        b.load_state_dict(a.state_dict())
        assert b.get_last_lr() == a.get_last_lr() != [2.0]
        assert b.state_dict() == a.state_dict()
        with pytest.raises(OperandError, match=r"epoch.* missing"):
            b.load_state_dict({"base_lrs": [1.0]})
    with pytest.raises(OperandError, match=r"call step\(loss\)"):
        optim.ReduceLROnPlateau(sgd()).step()
    for make in (lambda: optim.StepLR(sgd(), 0), lambda: optim.CosineAnnealingLR(sgd(), 0)):
        with pytest.raises(OperandError, match="of at least 1"):
            make()


def test_what_is_no_list_of_parameters_or_no_number_is_refused():
    w = Tensor([1.0], requires_grad=True)
    for given in (None, nn.Dense(1, 1), 3, w):
        with pytest.raises(OperandError, match="give a list"):
            optim.SGD(given, lr=0.1)
    with pytest.raises(OperandError, match="a parameter group is a Tensor"):
        optim.SGD([{"params": [Tensor([1.0], requires_grad=True)]}, w], lr=0.1)
    for lr in ("0.1", None, [0.1, 0.2], 1j):
        with pytest.raises(OperandError, match="lr="):
            optim.SGD([w], lr=lr)
    for betas in (0.9, (0.9,), (0.9, 0.9, 0.9), "ab"):
        with pytest.raises(OperandError, match="betas="):
            optim.Adam([w], betas=betas)


def test_lbfgs_is_not_left_at_a_trial_point_when_the_closure_raises():
    w = Tensor([3.0, -2.0], requires_grad=True)
    optimizer = optim.LBFGS([w], max_iter=1)
    calls = []

    def closure():
        calls.append(w.numpy().copy())
        if len(calls) == 2:
            raise KeyboardInterrupt
        optimizer.zero_grad()
        loss = (w**4).sum()
        loss.backward()
        return loss

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert (calls[1] != [3.0, -2.0]).any() and w.numpy().tolist() == [3.0, -2.0]
    assert optimizer.step(closure) == 97 and (w.numpy() != [3.0, -2.0]).all()


@pytest.mark.parametrize("lr", [Fraction(1, 10), Decimal("0.1"), "0.1", None, Tensor(0.1, requires_grad=True)])
def test_a_learning_rate_that_is_no_int_or_float_is_refused_before_anything_changes(lr):
    w = Tensor([1.0], requires_grad=True)
    with pytest.raises(OperandError, match=r"^SGD: lr=.*; give ints or floats$"):
        optim.SGD([w], lr=lr)
    optimizer = optim.SGD([w], lr=0.1)
    optimizer.param_groups[0]["lr"] = lr
    w.grad = np.array([1.0])
    with pytest.raises(OperandError, match=r"^SGD: lr=.*; give ints or floats$"):
        optimizer.step()
    assert w.item() == 1.0
    assert optimizer.state_dict()["state"] == {}
    optimizer.param_groups[0]["lr"] = np.array(0.5)
    optimizer.step()
    assert w.item() == 0.5


@pytest.mark.parametrize("name", ["betas", "lr"])
def test_a_hyperparameter_that_is_changed_in_place_is_looked_at_again(name):
    """What cannot change is looked at once; a list, or an array of one number, at every step."""
    w = Tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    changeable = optimizer.param_groups[0][name] = [0.5, 0.9] if name == "betas" else np.array(0.1)
    w.grad = np.array([2.0])
    optimizer.step()
    np.testing.assert_allclose(w.numpy(), 0.9, rtol=1e-6)
    changeable[0 if name == "betas" else ()] = np.nan
    with pytest.raises(OperandError, match=name):
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), 0.9, rtol=1e-6)


def test_a_gradient_survives_the_update_and_the_update_keeps_none():
    """The update works on a copy of the gradients, which it lets go of."""
    w, b = Tensor([1.0, 2.0], requires_grad=True), Tensor(3.0, requires_grad=True)
    optimizer = optim.Adam([w, b], lr=0.1)
    for with_b in (True, False, True):
        w.grad, b.grad = np.array([4.0, -5.0]), np.array(6.0) if with_b else None
        held = w.grad
        optimizer.step()
        assert w.grad is held and held.tolist() == [4.0, -5.0]
        assert not hasattr(optimizer._flats[0][0]._whole, "gradients")


def test_a_model_in_the_place_of_its_parameters_is_refused():
    model = nn.Sequential(nn.Dense(1, 1, seed=0))
    with pytest.raises(OperandError, match=r"SGD: parameter 0 is a Dense; pass Tensors, model\.parameters\(\)"):
        optim.SGD(model, lr=0.1)
