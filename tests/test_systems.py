"""The examples, run from another folder, and the figures they must print.

Figures were measured with plain NumPy in float64.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Loads an example by name; what it writes goes to a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9)


XOR_LOSSES = [
    *(0.3239537158130419, 0.24817211793449434, 0.21459076862934467, 0.15936526038440857, 0.04888994977531162),
    *(0.01609012322120081, 0.008618262702930011, 0.005697165950060222, 0.004195337011625507, 0.003295203644704093),
]


def test_xor_starts_as_it_should(example):
    run = example("xor").main(epochs=1001)
    close(run["first"], 0.05084754666230897)
    close(run["stochastic"][::1000], XOR_LOSSES[:2])
    assert Path("xor.svg").read_text().count("<path") > 2


@pytest.mark.slow
def test_xor_learns_stochastically_before_it_does_by_batches(example):
    run = example("xor").main()
    close(run["stochastic"][::1000], XOR_LOSSES)
    np.testing.assert_allclose(run["outputs"], [0.05464331, 0.95032601, 0.95006665, 0.05336686], atol=5e-9)
    assert run["batch"][-1] > 50 * run["stochastic"][-1]


def test_one_sample_and_the_loss_that_does_not_belong(example):
    run = example("one_sample").main()
    close(run["w"], np.array([4.2, 3.6, 1.5, 0.7, 0.1]) + (25 - 19.2 + 0.0) / 56 * np.arange(1, 6))
    np.testing.assert_allclose(run["w"], [4.30357143, 3.80714286, 1.81071429, 1.11428571, 0.61785714], atol=5e-9)
    close(run["b"], 0.10357142857142854)
    close(run["prediction"], 25.0)
    close(
        [run["printed"][0], run["printed"][100], run["printed"][999]], [452.564, 398.9825051020408, 398.9825051020408]
    )
    close(run["true"][0], 33.64)
    assert run["true"][999] < 1e-24
    assert run["checks"] == {"elementwise_loss": False, "squared_error": True}
    verdicts = run["verdicts"]
    assert [verdict for _, verdict, _ in verdicts["elementwise loss"]] == ["wrong", "wrong"]
    assert [mistake for _, _, mistake in verdicts["formula without 2"]] == ["missing_factor_2"] * 2
    assert [verdict for _, verdict, _ in verdicts["as it should be"]] == ["right", "right"]


def test_three_samples(example):
    run = example("three_samples").main()
    close(
        run["losses"][::100],
        [
            *(916.6666666666666, 0.3542681599414232, 0.07389895348457175, 0.01541503310031884, 0.003215515704610363),
            *(0.0006707440184727116, 0.00013991458280606154, 2.918563556685499e-05, 6.088009600978808e-06),
            1.2699350273391116e-06,
        ],
    )
    np.testing.assert_allclose(run["w"], [-0.81758997, 0.09126705, 1.00012407, 1.9089811, 2.81783812], atol=5e-9)
    close(run["b"], 0.908857022252171)
    np.testing.assert_allclose(run["predictions"], [24.99928835, 29.99990871, 35.00052908], atol=5e-9)


DIABETES = {0: 29711.32294617564, 100: 6409.327515587152, 900: 5445.637571718225, 5000: 4008.685936323705}


def test_diabetes(example):
    pytest.importorskip("sklearn")
    run = example("diabetes").main()
    close([run["losses"][i] for i in DIABETES], list(DIABETES.values()))
    close(run["losses"][9900], 3450.319228573284)
    assert run["rmse"] == pytest.approx(58.682974, abs=5e-7)
    assert run["r2"] == pytest.approx(0.416656, abs=5e-7)
    left_over = run["from a bias left over"]
    close([left_over[i] for i in (0, 100, 900)], [6078.967813535314, 5997.582985597988, 5448.801716577623])
    for way in ("closed form", "standardised", "L-BFGS"):
        assert run[way] == pytest.approx(0.4526, abs=5e-5)
    assert run.get("difference to PyTorch", 0.0) < 1e-9
    assert Path("diabetes.svg").exists()


def test_the_model_class_with_and_without_a_relu(example):
    pytest.importorskip("sklearn")
    module = example("regressor_class")
    fitted = module.main(epochs=1000)
    for name, model in fitted.items():
        assert model.losses[0] == pytest.approx(29711.4, abs=1.0)
        assert model.losses[900] == pytest.approx(5445.7, abs=1.0)
        assert Path(f"{name}.svg").exists()
    assert (
        module.NonnegativeRegression(epochs=1, seed=0).fit(-np.eye(3), np.ones(3)).predict(-9 * np.eye(3)) >= 0
    ).all()


@pytest.mark.slow
def test_the_model_class_after_all_its_epochs(example):
    pytest.importorskip("sklearn")
    for model in example("regressor_class").main().values():
        assert model.losses[9900] == pytest.approx(3450.3, abs=0.2)


def test_dense_layers(example):
    run = example("dense_layers").main()
    W = [layer.weight.numpy() for layer in run["layers"]]
    X = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    for value, expected in zip(run["values"], [X @ W[0], X @ W[0] @ W[1], X @ W[0] @ W[1] @ W[2]], strict=True):
        close(value, expected)
    for engine, by_hand in zip(run["engine"], run["by hand"], strict=True):
        close(engine, by_hand)
    assert run["verdicts"]["half the sum"] == ["right"] * 9
    assert run["verdicts"]["mean squared error"] == ["wrong"] + ["follow-through"] * 8

    networks = run["networks"]
    for network in networks.values():
        history = network.history
        assert 100 < history["loss"][0] < 1000
        assert history["loss"][-1] < 2.5
        assert len(history["weights"]) == len(history["gradients"]) == 100
        assert [w.shape for w in history["weights"][0]] == [(3, 5), (5, 1)]
        assert history["weights"][0][0].tolist() != history["weights"][99][0].tolist()
        assert history["gradients"][0][0] > history["gradients"][99][0] > 0
    source, true = networks.values()
    assert source.history["weights"][0][0].tolist() == true.history["weights"][0][0].tolist()
    # 2/n = 2/3 of the gradient: the first step is that much shorter
    moved = [n.history["weights"][1][1] - n.history["weights"][0][1] for n in (source, true)]
    np.testing.assert_allclose(moved[1], 2 / 3 * moved[0], rtol=1e-9)
    assert Path("dense_layers.svg").exists()


@pytest.mark.slow
def test_a_small_convolutional_network_reads_digits(example):
    pytest.importorskip("sklearn")
    run = example("digits").main()
    assert run["accuracy"] >= 0.98
    assert Path("digits.svg").exists()


@pytest.mark.slow
def test_a_language_model_writes_sums_that_it_has_not_seen(example):
    run = example("characters").main()
    assert run["history"]["loss"][-1] < 0.05 < 1 < run["history"]["loss"][0]
    assert run["right"] > 0.7
    assert all(len(line) == 9 for line in run["written"])
    assert Path("characters.svg").exists()


def test_an_example_runs_as_a_script_from_any_folder(tmp_path):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    script = ROOT / "examples" / "three_samples.py"
    command = [sys.executable, str(script)]
    run = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert "epoch 900: loss 1.26993502" in run.stdout
