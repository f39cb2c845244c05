"""The fit loop: what it records, how it stops, resumes and refuses."""

import csv
import functools
import io
import os

import numpy as np
import pytest

from autograd_lite import nn, optim, train
from autograd_lite.errors import OperandError
from autograd_lite.saving import FileError, load, save

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3
LABELS = (X[:, 0] > 0).astype(int)


def model(seed=0, out=1):
    return nn.Sequential(nn.Dense(3, 8, seed=seed), nn.Dropout(0.2, seed=seed), np.tanh, nn.Dense(8, out, seed=seed))


def run(net=None, data=(X, Y), loss=nn.mse_loss, epochs=4, lr=1e-2, optimizer=None, **kwargs):
    net = model() if net is None else net
    optimizer = optim.Adam(net.parameters(), lr=lr) if optimizer is None else optimizer
    kwargs = {"batch_size": 16, "seed": 3, **kwargs}
    return net, train.fit(net, data, loss, optimizer, epochs, **kwargs)


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


def test_it_is_the_loop_that_one_would_write():
    net, history = run(epochs=3)
    other, losses = model(), []
    optimizer = optim.Adam(other.parameters(), lr=1e-2)
    loader = train.Loader(X, Y, batch_size=16, seed=3)
    for epoch in range(3):
        total = 0.0
        for x, y in loader.epoch(epoch):
            optimizer.zero_grad()
            loss = nn.mse_loss(other(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        losses.append(total / 50)
    assert history["loss"] == losses
    assert same(net.state_dict(), other.state_dict())
    assert not net.training


def test_the_loader_goes_through_everything_once_in_an_order_that_the_seed_fixes():
    loader = train.Loader(np.arange(10), np.arange(10), batch_size=4, seed=1)
    orders = [[int(y) for _, ys in loader.epoch(e) for y in ys] for e in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1] != list(range(10))
    assert sorted(orders[0]) == list(range(10)) and len(loader) == 3
    narrow = train.Loader(np.arange(200), np.arange(200), batch_size=np.int8(100))
    assert [len(x) for x, _ in narrow] == [100, 100]
    unshuffled = train.Loader(np.arange(10), np.arange(10), shuffle=False)
    assert [int(y) for _, ys in unshuffled.epoch(5) for y in ys] == list(range(10))


def test_each_loop_over_a_loader_is_the_next_epoch():
    loader, same_seed = (train.Loader(X, Y, batch_size=16, seed=3) for _ in range(2))
    for number in range(3):
        batches = list(loader)
        list(loader.epoch(7))  # an epoch by its number is not counted
        assert len(batches) == len(loader) == 4
        for (x, y), (expected_x, expected_y) in zip(batches, same_seed.epoch(number), strict=True):
            np.testing.assert_array_equal(x, expected_x)
            np.testing.assert_array_equal(y, expected_y)
    net, other = model(), model()
    _, history = run(net, epochs=2)
    optimizer, losses = optim.Adam(other.parameters(), lr=1e-2), []
    loader = train.Loader(X, Y, batch_size=16, seed=3)
    for _ in range(2):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.mse_loss(other(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        losses.append(total / 50)
    assert history["loss"] == losses


@pytest.mark.parametrize("make", [lambda pair: train.Loader(pair, batch_size=4), lambda pair: train.Loader(pair, 4)])
def test_a_loader_of_a_pair_says_how_to_give_it(make):
    with pytest.raises(OperandError, match=r"give Loader\(inputs, targets\), and of a pair Loader\(\*pair\)"):
        make((X, Y))


def test_the_history_holds_losses_metrics_and_magnitudes(tmp_path):
    net, history = run(
        model(out=2), (X, LABELS), nn.cross_entropy, metrics={"accuracy": train.accuracy}, validation=(X, LABELS)
    )
    assert len(history) == 4
    assert set(history.records) == {
        *("loss", "accuracy", "validation loss", "validation accuracy", "lr"),
        *(f"{kind} {name}" for kind in ("gradient", "weight") for name in net.state_dict()),
    }
    assert history["weight 0.weight"][-1] == pytest.approx(np.abs(net[0].weight.numpy()).mean(), rel=1e-14)
    assert history["validation accuracy"][-1] == train.accuracy(net(X).numpy(), LABELS)
    assert history["validation loss"][-1] == pytest.approx(nn.cross_entropy(net(X), LABELS).item())
    rows = list(csv.DictReader(io.StringIO(history.to_csv(tmp_path / "h.csv"))))
    assert [float(row["loss"]) for row in rows] == history["loss"]
    assert (tmp_path / "h.csv").read_text() == history.to_csv()
    with pytest.raises(OperandError, match="there is no record 'los'; there are loss"):
        history["los"]


def test_the_history_is_plotted(tmp_path):
    pytest.importorskip("matplotlib")
    _, history = run(metrics={"double": lambda outputs, y: 2.0})
    figure = history.plot(tmp_path / "history.svg")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "metrics", "mean |gradient|", "mean |weight|"]
    assert "<svg" in (tmp_path / "history.svg").read_text()
    deep = nn.Sequential(*[nn.Dense(3, 3, seed=0) for _ in range(30)], nn.Dense(3, 1, seed=0))
    run(deep, epochs=1)[1].plot(tmp_path / "deep.png")
    with pytest.raises(OperandError, match="nothing to plot"):
        train.History().plot()


def test_early_stopping_begins_anew_in_every_run():
    stopping = train.EarlyStopping(patience=2)
    runs = [run(model(), epochs=30, lr=0.3, callbacks=[stopping])[1] for _ in range(2)]
    _, fresh = run(model(), epochs=30, lr=0.3, callbacks=[train.EarlyStopping(patience=2)])
    assert runs[0]["loss"] == runs[1]["loss"] == fresh["loss"] and len(fresh) < 30


def test_early_stopping_ends_the_run_and_restores_the_best_weights():
    net = model()
    states = []
    _, history = run(
        net, epochs=50, lr=0.5, callbacks=[train.EarlyStopping(3), lambda run: states.append(net.state_dict())]
    )
    best = int(np.argmin(history["loss"]))
    assert len(history) == best + 4 < 50
    assert history.best_epoch == best and same(net.state_dict(), states[best])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_resumed_run_is_bit_for_bit_the_one_that_was_not_interrupted(tmp_path, suffix):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"run{suffix}"

    def go(epochs, resume=None, fresh_seed=0):
        net = model(fresh_seed)
        optimizer = optim.Adam(net.parameters(), lr=1e-2)
        return run(
            net,
            optimizer=optimizer,
            epochs=epochs,
            validation=(X[:10], Y[:10]),
            callbacks=[train.Checkpoint(path), train.EarlyStopping(30)],
            schedule=optim.CosineAnnealingLR(optimizer, 6),
            resume=resume,
        )

    whole, history = go(6)
    go(3)
    again, resumed = go(6, resume=path, fresh_seed=9)
    assert same(whole.state_dict(), again.state_dict())
    assert resumed.records == history.records
    assert resumed.best_epoch == history.best_epoch and same(resumed.best_state, history.best_state)
    assert os.listdir(tmp_path) == [path.name]


def test_resuming_a_run_that_was_stopped_gives_its_best_weights(tmp_path):
    def go(resume=None):
        return run(
            epochs=50, lr=0.5, callbacks=[train.EarlyStopping(3), train.Checkpoint(tmp_path / "run.npz")], resume=resume
        )

    whole, history = go()
    assert history.best_epoch < len(history) - 1 < 49
    again, resumed = go(tmp_path / "run.npz")
    assert resumed.records == history.records and same(whole.state_dict(), again.state_dict())


@pytest.mark.parametrize("more", [{"validation": (X, Y)}, {"metrics": {"two": lambda outputs, y: 2.0}}])
def test_a_resumed_run_has_no_records_that_began_in_the_middle(tmp_path, more):
    run(epochs=2, callbacks=[train.Checkpoint(tmp_path / "run.npz")])
    net = model(5)
    with pytest.raises(OperandError, match=r"was not recorded before the checkpoint"):
        run(net, epochs=4, callbacks=[train.Checkpoint(tmp_path / "other.npz")], resume=tmp_path / "run.npz", **more)
    assert same(net.state_dict(), load(tmp_path / "run.npz")["model"])


def test_a_record_that_is_not_of_every_epoch_makes_no_table():
    history = train.History()
    history.add({"loss": 2.0, "extra": 1.0})
    history.add({"loss": 1.0})
    with pytest.raises(OperandError, match="extra has not one number for each of 2 epochs"):
        history.to_csv()


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    run(callbacks=[train.Checkpoint(path)])
    state = load(path)
    for change, message in [
        ({"model": {}}, "load_state_dict: missing"),
        ({"optimizer": {"state": {}, "param_groups": []}}, "do not fit groups"),
        ({"callbacks": []}, "0 callbacks, this run 1"),
        ({"generators": []}, "0 generators, this run 1"),
        ({"schedule": {"epoch": 1, "base_lrs": [1.0]}}, "differ in having a schedule"),
        ({"model": None}, "the state is a NoneType"),
        ({"generators": [{"bit_generator": "PCG64"}]}, "the checkpoint is damaged"),
        ({"history": None}, "the checkpoint is damaged"),
        ({"history": {**state["history"], "records": {"loss": 1.0}}}, "records must be lists"),
        ({"history": {**state["history"], "best_state": {"0.weight": np.zeros(2)}}}, "best weights of the checkpoint"),
        ({"epoch": "4"}, "epoch='4'"),
        ({"seed": None}, "seed=None"),
    ]:
        save(path, {**state, **change})
        net = model(5)
        optimizer = optim.Adam(net.parameters(), lr=0.7)
        before, random = net.state_dict(), net[1]._rng.bit_generator.state
        with pytest.raises(OperandError, match=message):
            run(net, optimizer=optimizer, callbacks=[train.Checkpoint(tmp_path / "other.npz")], resume=path)
        assert same(before, net.state_dict()) and random == net[1]._rng.bit_generator.state
        assert optimizer.state_dict()["state"] == {} and optimizer.param_groups[0]["lr"] == 0.7
    save(path, {"model": state["model"]})
    with pytest.raises(OperandError, match="the checkpoint lacks optimizer"):
        run(resume=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileError):
        run(resume=path)


def test_an_interrupt_keeps_the_history_and_the_best_weights():
    net, states = model(), []

    def interrupt(run):
        states.append(net.state_dict())
        if run.epoch == 3:
            raise KeyboardInterrupt

    _, history = run(net, epochs=100, callbacks=[interrupt])
    assert history.interrupted and len(history) == 4
    assert same(net.state_dict(), states[int(np.argmin(history["loss"]))])


def bad(array, value):
    changed = array.copy()
    changed[4] = value
    return changed


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((bad(X, np.nan), Y), r"inputs of shape \(50, 3\) hold nan at index \(4, 0\)"),
        ((X, bad(Y, np.inf)), r"targets of shape \(50, 1\) hold inf"),
        ((X[:0], Y[:0]), "are empty"),
        ((X, Y[:-1]), "the first axis must be equal"),
        ((X[:, :2], Y), r"layer 0, Dense\(3, 8\), cannot take the shape"),
        ((X, Y[:, 0]), r"mse_loss: an input of shape \(1, 1\) and a target of shape \(1,\)"),
        (X, r"give a pair \(inputs, targets\)"),
        ((X, np.array(["a"] * 50)), "are not numeric"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_any_weight_changes(data, message):
    net = model()
    before = net.state_dict()
    with pytest.raises(OperandError, match=message):
        run(net, data)
    assert same(before, net.state_dict())
    with pytest.raises(OperandError, match=message):
        run(net, validation=data)
    assert same(before, net.state_dict())


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_out_of_range_are_refused_before_any_weight_changes(label):
    net = model(out=2)
    before = net.state_dict()
    with pytest.raises(OperandError, match="the model has 2 outputs; labels count from 0 to 1"):
        run(net, (X, bad(LABELS, label)), nn.cross_entropy, batch_size=1)
    assert same(before, net.state_dict())
    with pytest.raises(OperandError, match="with 2 classes"):  # a loss that fit knows nothing about
        run(net, (X, bad(LABELS, label)), lambda outputs, y: nn.cross_entropy(outputs, y), batch_size=1)
    assert same(before, net.state_dict())


@pytest.mark.parametrize(
    "loss",
    [nn.cross_entropy, functools.partial(nn.cross_entropy, weight=[0.0, 1.0]), nn.nll_loss],
    ids=["ignored", "weightless", "nll"],
)
def test_the_first_label_may_be_ignored_or_weigh_nothing(loss):
    labels = np.resize([0 if isinstance(loss, functools.partial) else -100, 1, 0, 1, 1, 1], len(X))
    net = model(out=2)
    _, history = run(net, (X, labels), loss, batch_size=len(X))
    assert np.isfinite(history["loss"]).all()


def test_ignored_labels_are_left_out_of_what_fit_checks():
    loss = functools.partial(nn.cross_entropy, ignore_index=7)
    labels = np.where(np.arange(len(X)) % 2, 1, 7)
    run(model(out=2), (X, labels), loss, batch_size=len(X))
    with pytest.raises(OperandError, match="labels from 1 to 5, and the model has 2 outputs"):
        run(model(out=2), (X, np.where(labels == 7, 7, np.arange(len(X)) % 6)), loss)
    with pytest.raises(OperandError, match=r"every label of \(\d+,\) is ignored"):
        run(model(out=2), (X, np.full(len(X), 7)), loss)


def test_a_loss_that_is_not_finite_ends_the_run_before_the_weights_do():
    net = nn.Dense(3, 1, seed=0)
    with (
        pytest.raises(OperandError, match=r"the loss is (inf|nan) in epoch \d+, batch \d+; lower lr"),
        np.errstate(all="ignore"),
    ):
        run(net, optimizer=optim.SGD(net.parameters(), lr=1e6), epochs=200)
    assert all(np.isfinite(value).all() for value in net.state_dict().values())


def test_arguments_that_make_no_sense_are_refused():
    net = model()
    for kwargs, message in [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"loss": lambda outputs, y: outputs - y}, "it must be one number"),
        ({"loss": lambda outputs, y: 1.0}, r"returned 1\.0; it must be one number .*, not by \.numpy\(\)"),
        ({"loss": lambda outputs, y: outputs.sum() * 1j}, "it must be one number"),
        ({"epochs": 1.5}, "epochs=1.5; it must be a whole number"),
        ({"epochs": "3"}, "epochs='3'"),
        ({"batch_size": None}, "batch_size=None"),
        ({"callbacks": train.EarlyStopping()}, "give a list of functions of a Run"),
        ({"callbacks": [3]}, "give a list of functions of a Run"),
        ({"callbacks": [train.EarlyStopping]}, r"the class EarlyStopping; make one of it, EarlyStopping\(...\)"),
        ({"callbacks": train.EarlyStopping}, "give a list of functions of a Run"),
        ({"loss": "mse"}, r"loss='mse'; give a function of \(outputs, targets\), such as nn\.mse_loss"),
        ({"loss": nn.Softmax}, "loss=<class .*; give a function of"),
        ({"metrics": [train.accuracy]}, "give functions by name"),
        ({"metrics": {"all": lambda outputs, y: outputs}}, "the metric all returned array"),
        ({"metrics": {1: train.accuracy}}, "the name 1; it must be a string"),
        ({"metrics": {"loss": train.accuracy}}, "the name 'loss', which the history has already"),
        ({"metrics": {"weight 0.weight": train.accuracy}}, "the name 'weight 0.weight'"),
        ({"schedule": optim.StepLR}, "give one such as"),
        ({"schedule": optim.StepLR(optim.SGD(net.parameters()), 1)}, "the StepLR is of another optimiser"),
        ({"optimizer": optim.Adam}, "the optimizer is <class"),
        ({"seed": -1}, "seed=-1; it must be a whole number"),
        ({"seed": np.random.default_rng(0)}, "seed=Generator"),
        ({"data": ([[1.0], [2.0, 3.0]], [[1.0], [2.0]])}, "all samples must have one shape"),
        ({"optimizer": optim.LBFGS(net.parameters())}, "L-BFGS needs a loop of its own"),
        ({"optimizer": optim.SGD(model(1).parameters())}, "has no parameter of this model"),
    ]:
        before = net.state_dict()
        with pytest.raises(OperandError, match=message):
            run(net, **kwargs)
        assert same(before, net.state_dict())
    with pytest.raises(OperandError, match=r"give an nn\.Module"):
        train.fit(lambda x: x, (X, Y), nn.mse_loss, optim.SGD(net.parameters()), 1)
    with pytest.raises(OperandError, match=r"the model is the class Dense; make one of it, Dense\(\.\.\.\)"):
        train.fit(nn.Dense, (X, Y), nn.mse_loss, optim.SGD(net.parameters()), 1)
    for make in (lambda: train.EarlyStopping(0), lambda: train.Checkpoint("x.npz", every=0)):
        with pytest.raises(OperandError, match="at least 1"):
            make()


def test_gradients_are_clipped_and_schedules_stepped():
    net, history = run(max_norm=1e-3, optimizer=None, epochs=2)
    assert history["gradient 3.bias"][0] <= 1e-3
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=1.0)
    _, history = run(net, optimizer=optimizer, schedule=schedule, max_norm=1e-6)
    assert history["lr"] == [1.0, 1.0, 0.5, 0.25]


def test_a_progress_bar_is_shown_where_it_is_asked_for(capsys):
    pytest.importorskip("rich")
    run(progress=True)
    assert "4/4" in capsys.readouterr().err
    run(progress=None)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("labels", [np.array([[0], [1], [2]]), np.eye(3), np.arange(4)])
def test_accuracy_wants_one_label_for_each_row(labels):
    with pytest.raises(OperandError, match=r"they must be \(n, classes\) and \(n,\)"):
        train.accuracy(np.eye(3), labels)
    with pytest.raises(OperandError, match="they must be"):
        train.accuracy(np.ones(3), np.ones(3))
    assert train.accuracy(np.eye(3), [0, 1, 0]) == 2 / 3


def test_accuracy_leaves_out_what_the_loss_ignores():
    outputs = np.eye(3)[[0, 1, 2, 0]]
    assert train.accuracy(outputs, [0, 1, -100, 2]) == 2 / 3
    assert train.accuracy(outputs, [0, 1, -100, 2], ignore_index=2) == 2 / 3  # -100 is a wrong label like any other
    assert train.accuracy(outputs, [0, 1, -1, 2]) == 2 / 4
    assert train.accuracy(outputs, [0, -1, -1, 0], ignore_index=-1) == 1.0
    assert train.accuracy(np.eye(3)[None].repeat(2, 0), [[0, 1, -100], [2, -100, -100]]) == 2 / 3
    with pytest.raises(OperandError, match=r"every label of shape \(4,\) is -100, and ignored"):
        train.accuracy(outputs, np.full(4, -100))


def test_a_metric_may_look_at_several_outputs():
    net = nn.RNN(3, 1, seed=0)
    loss = lambda outputs, y: nn.mse_loss(outputs[0][:, -1], y)
    _, history = run(net, (X[:, None], Y), loss, metrics={"parts": lambda outputs, y: len(outputs)})
    assert history["parts"] == [2.0] * 4


@pytest.mark.parametrize("name", ["run", "run.txt", "missing/run.npz"])
def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_run(tmp_path, name):
    with pytest.raises(OperandError, match="Checkpoint: cannot write"):
        train.Checkpoint(tmp_path / name)


class Watched(nn.Module):
    """Notes its last outputs in an attribute, which has the shape of the last batch."""

    def __init__(self):
        self.layer = nn.Dense(3, 1, seed=0)

    def forward(self, x):
        y = self.layer(x)
        self.seen = y.numpy()
        return y


@pytest.mark.parametrize("interrupted", [1, 5, 7])
def test_an_array_that_forward_sets_does_not_keep_the_best_weights_from_being_restored(interrupted):
    net, states, batches = Watched(), [Watched().layer.state_dict()], []

    def interrupt(outputs, y):
        batches.append(len(y))
        if len(batches) == interrupted:
            raise KeyboardInterrupt
        return 0.0

    _, history = run(net, metrics={"none": interrupt}, callbacks=[lambda run: states.append(net.layer.state_dict())])
    assert history.interrupted and same(net.layer.state_dict(), states[history.best_epoch + 1])


def test_nor_from_being_taken_back_after_an_error_in_the_first_epoch():
    net = Watched()
    before = net.layer.state_dict()

    def fail(outputs, y):
        if len(y) == 2:
            raise KeyError("the last batch")
        return 0.0

    with pytest.raises(KeyError, match="the last batch"):
        run(net, metrics={"fail": fail})
    assert same(net.layer.state_dict(), before)


class Noise(nn.Module):
    """Random layers whose generators are in containers."""

    def __init__(self):
        self.generators = [np.random.default_rng(1), {"second": (np.random.default_rng(2),)}]
        self.itself = [self.generators]
        self.itself.append(self.itself)

    def forward(self, x):
        return x + sum(rng.normal() for rng in (self.generators[0], self.generators[1]["second"][0]))


def test_generators_in_lists_and_dicts_are_resumed_too(tmp_path):
    def go(epochs, resume=None):
        return run(nn.Sequential(nn.Dense(3, 1, seed=0), Noise()), epochs=epochs, callbacks=[keep], resume=resume)

    keep = train.Checkpoint(tmp_path / "run.npz")
    whole, history = go(4)
    go(2)
    resumed, again = go(4, resume=keep.path)
    assert same(whole.state_dict(), resumed.state_dict()) and history["loss"] == again["loss"]


class Ending:
    """A callback that fails at the end of the run."""

    def __call__(self, run):
        pass

    def finish(self, run):
        raise RuntimeError("the disk is full")


def fails_in_epoch_2(run):
    if run.epoch == 2:
        raise RuntimeError("from a callback")


@pytest.mark.parametrize(("callback", "epochs"), [(fails_in_epoch_2, 3), (Ending(), 4)])
def test_an_error_after_the_first_epoch_has_the_history(callback, epochs):
    net = model()
    with pytest.raises(RuntimeError) as caught:
        run(net, callbacks=[callback])
    _, whole = run(epochs=epochs)
    assert caught.value.history["loss"] == whole["loss"] and not net.training
    assert same(caught.value.history.best_state, whole.best_state)
    assert "`history`" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError) as caught:
        run(net, loss=fails_at_once([]))
    assert not hasattr(caught.value, "history")


def fails_at_once(calls):
    def loss(outputs, y):
        calls.append(y)
        if len(calls) > 2:  # the first call is the look at one sample before the run
            raise RuntimeError("from the loss")
        return nn.mse_loss(outputs, y)

    return loss


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_model_that_changes_its_input_in_place_changes_no_data(shuffle, tmp_path):
    def add_one(x):
        x += 1
        return x

    inputs, targets = X.copy(), Y.copy()
    net = nn.Sequential(add_one, nn.Dense(3, 1, seed=0))
    page = train.TrainingPage(tmp_path / "run.html")
    run(net, data=(inputs, targets), validation=(inputs, targets), shuffle=shuffle, callbacks=[page])
    assert (inputs == X).all() and (targets == Y).all()


def test_accuracy_of_nothing_is_refused():
    for shape in ((0, 3), (2, 0)):
        with pytest.raises(OperandError, match="at least one row and class"):
            train.accuracy(np.ones(shape), np.zeros(shape[:1], int))


def test_a_validation_loss_that_was_nan_once_is_not_the_best_for_ever():
    values = iter([np.nan, 3.0, 2.0, 4.0])

    def loss(outputs, y):
        return outputs.sum() * 0 + next(values) if len(y) == 7 else nn.mse_loss(outputs, y)

    _, history = run(loss=loss, validation=(X[:7], Y[:7]))
    np.testing.assert_array_equal(history["validation loss"], [np.nan, 3.0, 2.0, 4.0])
    assert history.best_epoch == 2


def test_a_metric_that_fails_does_so_before_its_batch_changes_a_weight() -> None:
    model = nn.Dense(2, 1, seed=0)
    x = np.random.default_rng(0).normal(size=(8, 2))
    after_an_epoch = []

    def metric(outputs, targets):
        if after_an_epoch:
            raise ZeroDivisionError
        return 0.0

    with pytest.raises(ZeroDivisionError):
        train.fit(
            model,
            (x, x[:, :1]),
            nn.mse_loss,
            optim.SGD(model.parameters(), lr=0.1),
            epochs=2,
            batch_size=4,
            metrics={"mine": metric},
            callbacks=[lambda run: after_an_epoch.append(model.state_dict())],
            progress=False,
        )
    for name, array in model.state_dict().items():
        assert np.array_equal(array, after_an_epoch[0][name])


def test_targets_without_the_axis_of_the_outputs_are_told_of_in_their_own_shape():
    model = nn.Dense(2, 1, seed=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(
        OperandError, match=r"outputs of shape \(4, 1\) and targets of shape \(4,\).*targets\[:, None\]$"
    ):
        train.fit(model, (np.ones((4, 2)), np.ones(4)), nn.mse_loss, optimizer, epochs=1)
