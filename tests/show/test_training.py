"""The page of a training run: what it says is what happened, and looking changes nothing."""

import functools
import json
import re

import numpy as np
import pytest
from test_explain_in_browser import CHROMIUM, browse

from autograd_lite import nn, optim, train
from autograd_lite.errors import OperandError
from autograd_lite.show.curves import curves
from autograd_lite.show.errors import SavingError
from autograd_lite.show.heatmaps import LEVELS

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 2))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)
COLUMN = LABELS[:, None].astype(float)


class Drawing(nn.Module):
    """A layer that draws, counts and keeps state whenever it is called, in evaluation mode too."""

    def __init__(self):
        self.rng = np.random.default_rng(5)
        self.calls = np.zeros(1)

    def forward(self, x):
        self.calls += 1
        return x + 1e-3 * self.rng.standard_normal(x.shape) + 1e-3 * np.random.standard_normal(x.shape)


def network(out=2, drawing=False):
    noise = [nn.Dropout(0.2, seed=1), nn.BatchNorm1d(8), Drawing()] if drawing else []
    return nn.Sequential(nn.Dense(2, 8, seed=0), nn.relu, *noise, nn.Dense(8, out, seed=1))


def trained(net, *callbacks, epochs=4, data=(X, LABELS), loss=nn.cross_entropy, **kwargs):
    optimizer = optim.Adam(net.parameters(), lr=1e-2)
    return train.fit(net, data, loss, optimizer, epochs, 16, callbacks=callbacks, seed=3, **kwargs)


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


class Written:
    """A page that is there already, as the browser's test wants it."""

    def __init__(self, path):
        self.html = path.read_text(encoding="utf-8")


def test_the_run_is_bit_for_bit_the_one_without_it(tmp_path):
    runs = []
    for callbacks in ((), (train.TrainingPage(tmp_path / "run.html"),)):
        net = network(drawing=True)
        np.random.seed(7)
        history = trained(net, *callbacks, validation=(X[:20], LABELS[:20]))
        gradients = [p.grad for p in net.parameters()]
        runs.append((net.state_dict(), history.records, gradients, np.random.random()))
    (a, records, gradients, drawn), (b, others, other_gradients, other_drawn) = runs
    assert all((a[name] == b[name]).all() for name in a) and a.keys() == b.keys()
    assert records == others and drawn == other_drawn
    assert all((g == h).all() for g, h in zip(gradients, other_gradients, strict=True))
    assert len(data_of(tmp_path / "run.html")["frames"]) == 4


def test_the_text_of_an_epoch_has_the_numbers_of_the_history(tmp_path):
    history = trained(network(), train.TrainingPage(tmp_path / "run.html"), metrics={"accuracy": train.accuracy})
    frames = data_of(tmp_path / "run.html")["frames"]
    for epoch, frame in enumerate(frames):
        loss = float(re.search(r"loss (\S+),", frame["text"])[1])
        assert loss == pytest.approx(history["loss"][epoch], rel=1e-5)
        assert f"accuracy {history['accuracy'][epoch]:.6g}" in frame["text"]
        rows = {name: (float(gradient), float(weight)) for name, gradient, weight in frame["rows"]}
        assert rows["2.weight"][0] == pytest.approx(history["gradient 2.weight"][epoch], rel=1e-3)
        assert rows["2.weight"][1] == pytest.approx(history["weight 2.weight"][epoch], rel=1e-3)


def test_histograms_have_the_range_and_the_shape_of_the_weights(tmp_path):
    net = network()
    trained(net, train.TrainingPage(tmp_path / "run.html"), epochs=1)
    last = data_of(tmp_path / "run.html")["frames"][-1]
    low, high, lost, heights = last["bars"][0][1]
    weight = net[0].weight.numpy()
    assert (float(low), float(high), lost) == (
        pytest.approx(weight.min(), rel=1e-3),
        pytest.approx(weight.max(), 1e-3),
        0,
    )
    counts = np.histogram(weight, 24)[0]
    assert [c != "0" for c in heights] == (counts > 0).tolist()
    assert heights[counts.argmax()] == "_"


@pytest.mark.parametrize("relu", [nn.relu, lambda x: np.maximum(x, 0), lambda x: np.maximum(0.0, x)])
def test_dead_relus_are_counted_by_layer(relu, tmp_path):
    net = nn.Sequential(nn.Dense(2, 8, seed=0), relu, nn.Dense(8, 4, seed=1), relu, nn.Dense(4, 2, seed=2))
    net[0].bias.data[:2] = -100.0
    net[2].bias.data[:1] = -100.0
    trained(net, train.TrainingPage(tmp_path / "run.html"), epochs=2)
    hidden = np.maximum(X @ net[0].weight.numpy() + net[0].bias.numpy(), 0)
    first = (hidden <= 0).all(axis=0).mean()
    second = (hidden @ net[2].weight.numpy() + net[2].bias.numpy() <= 0).all(axis=0).mean()
    assert first >= 0.25 and second >= 0.25
    text = data_of(tmp_path / "run.html")["frames"][-1]["text"]
    assert f"ReLU after 0: {100 * first:.0f} %, ReLU after 2: {100 * second:.0f} %" in text


def test_a_dead_channel_of_an_image_is_one_unit(tmp_path):
    images = RNG.standard_normal((10, 1, 6, 6))
    net = nn.Sequential(nn.Conv2d(1, 4, 3, seed=0), nn.relu, nn.Flatten(), nn.Dense(64, 2, seed=0))
    net[0].bias.data.ravel()[1] = -100.0
    trained(net, train.TrainingPage(tmp_path / "run.html"), epochs=1, data=(images, LABELS[:10]))
    data = data_of(tmp_path / "run.html")
    assert "ReLU after 0: 25 %" in data["frames"][-1]["text"] and "plane" not in data


def test_a_model_without_relus_has_no_dead_ones(tmp_path):
    net = nn.Sequential(nn.Dense(2, 3, seed=0), nn.leaky_relu, nn.Dense(3, 2, seed=0))
    trained(net, train.TrainingPage(tmp_path / "run.html"), epochs=1)
    assert "ReLU" not in (tmp_path / "run.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("classes", [2, 3])
def test_the_plane_shows_the_class_of_the_largest_output(classes, tmp_path):
    net = nn.Sequential(nn.Dense(2, 8, seed=0), nn.relu, nn.Dropout(0.5, seed=1), nn.Dense(8, classes, seed=1))
    trained(net, train.TrainingPage(tmp_path / "run.html"))
    plane = data_of(tmp_path / "run.html")["plane"]
    (left, right), (bottom, top) = plane["box"]
    side = plane["side"]
    for row, column in [(i, j) for i in range(0, side, 5) for j in range(0, side, 5)]:
        x = left + (right - left) * (column + 0.5) / side
        y = top - (top - bottom) * (row + 0.5) / side
        code = plane["grids"][-1][row * side + column]
        # Of two classes the page has the difference of the outputs, of which the upper half is class 1.
        shown = code if classes > 2 else "01"[LEVELS.index(code) >= 32]
        assert shown == str(net(np.array([[x, y]])).numpy().argmax())
    assert len(plane["grids"]) == 4 and len(plane["dots"]) == len(plane["labels"]) == 80
    assert plane["classes"] == classes and set("".join(plane["grids"])) <= set(LEVELS if classes == 2 else "012")


@pytest.mark.parametrize(
    ("loss", "middle"),
    [
        (nn.binary_cross_entropy_with_logits, 0.0),
        (functools.partial(nn.binary_cross_entropy_with_logits, pos_weight=2.0), 0.0),
        (nn.mse_loss, 0.5),
    ],
)
def test_the_boundary_of_one_output_is_at_0_for_logits_and_midway_between_the_targets(loss, middle, tmp_path):
    net = network(1)
    trained(net, train.TrainingPage(tmp_path / "run.html"), data=(X, COLUMN), loss=loss, epochs=10)
    plane = data_of(tmp_path / "run.html")["plane"]
    assert float(plane["middle"]) == middle and plane["labels"] == LABELS.tolist()
    (left, right), (bottom, top) = plane["box"]
    x, y = np.meshgrid((np.arange(32) + 0.5) / 32, (np.arange(32) + 0.5) / 32)
    points = np.stack([left + (right - left) * x.ravel(), top - (top - bottom) * y.ravel()], axis=1)
    levels = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
    above = [levels.index(c) >= 32 for c in plane["grids"][-1]]
    outputs = net(points).numpy()[:, 0]
    clear = np.abs(outputs - middle) > 1e-6
    assert (np.array(above) == (outputs > middle))[clear].all() and 0 < sum(above) < 1024


@pytest.mark.parametrize("epochs", [99, 100, 101, 150])
def test_the_last_epoch_can_always_be_chosen(epochs, tmp_path):
    net, path = nn.Dense(3, 2, seed=0), tmp_path / "run.html"
    trained(net, train.TrainingPage(path), epochs=epochs, data=(RNG.standard_normal((16, 3)), LABELS[:16]))
    shown = [frame["epoch"] for frame in data_of(path)["frames"]]
    assert shown[-1] == epochs - 1 and len(shown) <= 100 and set(np.diff(shown[:-1])) <= {1, 2}


def test_long_runs_and_large_models_stay_within_the_budget(tmp_path):
    layers = [part for i in range(20) for part in (nn.Dense(2, 2, seed=i), nn.relu)]
    path = tmp_path / "run.html"
    history = trained(nn.Sequential(*layers), train.TrainingPage(path), epochs=400, data=(X[:16], LABELS[:16]))
    assert len(history) == 400
    frames = data_of(path)["frames"]
    epochs = [frame["epoch"] for frame in frames]
    assert len(set(np.diff(epochs[:-1]))) == 1 and epochs[0] == 0 and epochs[-1] == 399 and 10 <= len(epochs) <= 100
    assert path.stat().st_size < 500_000
    text = path.read_text(encoding="utf-8")
    assert "Of 40 parameters the first 24 are shown." in text and f"{len(frames)} of 400 epochs can be chosen." in text


def test_every_says_how_often_the_model_is_looked_at(tmp_path):
    trained(network(), train.TrainingPage(tmp_path / "run.html", every=3), epochs=8)
    assert [frame["epoch"] for frame in data_of(tmp_path / "run.html")["frames"]] == [0, 3, 6, 7]


def test_the_page_of_a_run_that_failed_shows_what_came_before(tmp_path):
    net, path = network(), tmp_path / "run.html"

    def fail(run):
        if run.epoch == 2:
            raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError, match="plug"):
        trained(net, train.TrainingPage(path), fail, epochs=9)
    assert len(data_of(path)["frames"]) == 3


def test_looking_at_a_run_that_diverges_is_no_error_of_its_own(tmp_path):
    path, net = tmp_path / "run.html", nn.Dense(2, 1, seed=0)
    net.weight.data[...] = [[1e300], [-1.7e308]]
    data = (np.full((4, 2), 1e-310), np.ones((4, 1)))
    optimizer = optim.SGD(net.parameters(), lr=1e-9)
    train.fit(net, data, nn.mse_loss, optimizer, 2, callbacks=[train.TrainingPage(path)], seed=0)
    written = data_of(path)
    low, high, lost, heights = written["frames"][-1]["bars"][0][1]
    assert (float(low), float(high), lost) == (-1.7e308, 1e300, 0) and heights[0] == heights[-1] == "_"
    assert len(written["plane"]["grids"][-1]) == 1024


def test_a_second_run_has_a_page_of_its_own(tmp_path):
    page = train.TrainingPage(tmp_path / "run.html")
    trained(network(), page, epochs=5)
    trained(network(), page, epochs=2)
    assert len(data_of(tmp_path / "run.html")["frames"]) == 2


def test_what_cannot_be_written_is_said_before_the_training(tmp_path):
    for make in (lambda: train.TrainingPage("run.pdf"), lambda: train.TrainingPage("run.html", every=0)):
        with pytest.raises(OperandError, match=r"TrainingPage: .*(ending|at least 1)"):
            make()
    with pytest.raises(SavingError, match="cannot write"):
        train.TrainingPage(tmp_path / "nowhere" / "run.html")


def test_curves_leave_a_gap_where_there_is_no_number():
    figure = curves("loss <1>", [0, 1, 2, 3, 4], {"a": [1.0, 2.0, np.nan, 3.0, 4.0]}, log=True)
    assert figure.count("<polyline") == 2 and "logarithmic" in figure and "loss &lt;1&gt;" in figure
    fixed = curves("share", [0, 1], {"a": [0.0, 0.0]}, bounds=(0.0, 1.0))
    assert ">0.5<" in fixed and ">1<" in fixed and "-0.5" not in fixed
    flat = curves("flat", [0], {"zero": [0.0]}, log=True)
    assert "<circle" in flat and "nan" not in flat and "logarithmic" not in flat


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, Debian's package `chromium`")
def test_keys_slider_and_link_choose_the_epoch(tmp_path):
    history = trained(network(), train.TrainingPage(tmp_path / "run.html"), epochs=6)
    found = browse(
        Written(tmp_path / "run.html"),
        """
        const twin = () => document.getElementById("twin").textContent;
        const fills = () => [...document.querySelectorAll("#plane > rect")].map((r) => r.getAttribute("fill")).join();
        found.texts = [twin()];
        for (const key of ["Home", "ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight"]) {
          press(key); found.texts.push(twin());
        }
        press("Home"); const first = fills(); press("End");
        found.moved = first !== fills();
        document.getElementById("slider").value = 2;
        document.getElementById("slider").dispatchEvent(new Event("input"));
        found.texts.push(twin());
        found.hash = location.hash;
        found.marker = document.querySelector(".curves .marker").getAttribute("d");
        found.bars = document.querySelectorAll("#histograms svg").length;
        found.line = document.getElementById("line").getAttribute("d").length;
        found.dots = document.querySelectorAll("#plane .dot").length;
        found.caption = document.getElementById("boundary-caption").textContent;
        press(" "); found.playing = document.getElementById("play").textContent; press(" ");
        const figure = document.querySelector(".curves > svg"), frame = figure.getBoundingClientRect();
        const within = (box) => box.left >= frame.left - 1 && box.right <= frame.right + 1
          && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
        found.inside = [...figure.querySelectorAll(".line, text")].every((x) => within(x.getBoundingClientRect()));
        """,
        tmp_path,
        "#epoch-4",
    )
    epochs = [int(re.match(r"Epoch (\d+):", text)[1]) for text in found["texts"]]
    assert epochs == [4, 1, 2, 3, 2, 6, 6, 3]
    for epoch, text in zip(epochs, found["texts"], strict=True):
        assert float(re.search(r"loss (\S+),", text)[1]) == pytest.approx(history["loss"][epoch - 1], rel=1e-5)
    assert found["hash"] == "#epoch-3" and found["marker"] == "M295.2 10V215"
    assert (found["bars"], found["dots"]) == (8, 80) and found["line"] > 0 and found["moved"]
    assert found["caption"].startswith("Decision boundary at the end of epoch 3: class 0 ")
    assert "pause" in found["playing"] and found["inside"]


class Branches(nn.Module):
    """A model of two outputs that takes no more than so many samples."""

    def __init__(self, most=10**6):
        self.one, self.two, self.most = nn.Dense(2, 2, seed=0), nn.Dense(2, 1, seed=1), most

    def forward(self, x):
        if len(x) > self.most:
            raise ValueError("too many samples")
        return self.one(x), self.two(x)


def of_both(outputs, y):
    return nn.cross_entropy(outputs[0], y) + (outputs[1] ** 2).mean()


def test_a_model_of_several_outputs_has_a_page_without_a_plane(tmp_path):
    trained(Branches(), train.TrainingPage(tmp_path / "run.html"), loss=of_both)
    data = data_of(tmp_path / "run.html")
    assert len(data["frames"]) == 4 and "plane" not in data


def test_a_model_that_cannot_be_looked_at_says_why(tmp_path):
    with pytest.raises(ValueError, match="too many samples"):
        trained(Branches(16), train.TrainingPage(tmp_path / "run.html"), loss=of_both)


def test_infinite_outputs_over_the_plane_are_no_warning(tmp_path):
    with np.errstate(invalid="raise"):
        trained(network(), train.TrainingPage(tmp_path / "run.html"), data=(X * 1e150, LABELS))
    assert len(data_of(tmp_path / "run.html")["plane"]["grids"]) == 4
