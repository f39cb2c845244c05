"""Worksheets from Python: the function, the assertion, the notebook, the sheets that come along, the docs page."""

from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.check.worksheets.catalogue import TYPICAL, page, sheet
from autograd_lite.check.worksheets.notebook import derivation, load_ipython_extension

DOCS = Path(__file__).resolve().parents[2] / "docs" / "mistakes.md"


def test_a_path_and_a_text_give_the_same_report(tmp_path):
    path = tmp_path / "xor.txt"
    path.write_text(sheet("xor"), encoding="utf-8")
    from_path, from_text = ag.check.worksheet(path), ag.check.worksheet(sheet("xor"))
    assert from_path.as_dict()["lines"] == from_text.as_dict()["lines"]
    assert ag.check.worksheet(str(path)).sheet == str(path)
    assert ag.check.worksheet(tmp_path / "none.txt").error.kind == "unsupported"


def test_the_xor_sheet_has_one_mistake_and_the_rest_follows():
    report = ag.check.worksheet(sheet("xor"))
    verdicts = {line.name: line.verdict for line in report.lines}
    assert verdicts.pop("dy_hat") == "wrong"
    assert set(verdicts.values()) == {"follow-through"}
    assert "0.5 times the truth at every size" in report.lines[0].evidence


def test_a_loss_and_a_gradient_that_do_not_belong_together():
    report = ag.check.worksheet(sheet("loss_and_gradient"))
    assert [line.verdict for line in report.lines] == ["wrong", "wrong"]


@pytest.mark.parametrize(("title", "name", "right", "wrong"), TYPICAL)
def test_the_sheets_behind_the_page_are_right(title, name, right, wrong):
    assert title
    assert sheet(name).count(f"\n{right}\n") == 1
    assert ag.check.worksheet(sheet(name)).right
    assert not ag.check.worksheet(sheet(name).replace(f"\n{right}\n", f"\n{wrong}\n")).right


def test_the_page_of_mistakes_is_what_the_program_says():
    assert DOCS.read_text(encoding="utf-8") == page()


def test_a_report_shows_in_a_notebook_without_running_what_the_sheet_says():
    report = derivation("2", sheet("xor").replace("XOR network", "<script>alert(1)</script>"))
    shown = report._repr_html_()
    assert "<script>" not in shown
    assert "missing_factor_2" in shown
    assert "would be right" not in shown


def test_the_magic_registers_and_checks_its_level():
    registered = {}

    class Shell:
        def register_magic_function(self, function, magic_kind, magic_name):
            registered[magic_name] = (function, magic_kind)

    load_ipython_extension(Shell())
    assert registered == {"derivation": (derivation, "cell")}
    with pytest.raises(ValueError, match="level of hints"):
        derivation("4", sheet("xor"))


def loss(x, w):
    return np.mean((x @ w) ** 2)


X, W = np.arange(6.0).reshape(3, 2) - 2.0, np.array([1.0, -2.0])


def hand(x, w):
    e = 2 * (x @ w) / len(x)
    return {"w": x.T @ e, "x": np.outer(e, w)}


def test_right_gradients_pass():
    ag.check.assert_gradients(loss, hand, {"x": X, "w": W})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: g / 2, "missing_factor_2"),
        (lambda g: -g, "sign_flipped"),
        (lambda g: 3 * g, r"missing_1_over_n or wrong_constant \(a factor 3\)"),
        (lambda g: g[:, None] * np.ones(2), "not_summed"),
        (lambda g: g.sum(), "keepdims_missing"),
        (lambda g: g + np.array([0.0, 1.0]), r"entry \[1\] is"),
        (lambda g: g * np.nan, r"entry \[0\] is nan"),
    ],
)
def test_a_wrong_gradient_is_described(change, said):
    with pytest.raises(AssertionError, match=said):
        ag.check.assert_gradients(loss, {"w": change(hand(X, W)["w"])}, {"x": X, "w": W})


def test_a_transposed_gradient_is_recognised():
    a = np.arange(9.0).reshape(3, 3)
    with pytest.raises(AssertionError, match="transposed"):
        ag.check.assert_gradients(lambda a: np.sum(a[0] * a[1]), {"a": 2 * 0 + _grad(a).T}, {"a": a})


def _grad(a):
    g = np.zeros_like(a)
    g[0], g[1] = a[1], a[0]
    return g


def test_a_gradient_of_something_else_is_refused():
    with pytest.raises(ValueError, match="not among the inputs"):
        ag.check.assert_gradients(loss, {"v": W}, {"x": X, "w": W})
