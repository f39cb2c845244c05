import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from networks import chain, layers, xor

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.show import layout
from autograd_lite.show.errors import NoGraphError, RenderingError, SavingError, ShowError
from autograd_lite.show.explain import explain
from autograd_lite.show.heatmaps import LEVELS


def data_of(page):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)[1]
    return json.loads(text)


def array(data, key):
    cells = data["arrays"][key]
    if isinstance(cells, str):  # the same as another
        return array(data, cells)
    return np.array(rows(cells), float).reshape(cells["shape"])


def rows(cells):
    """The numbers of a heat map, of which large ones have two characters each."""
    if "rows" in cells:
        return cells["rows"]
    codes = [LEVELS.index(letter) for letter in cells["codes"]]
    numbers = [(64 * a + b - 2048) / 2047 * cells["most"] for a, b in zip(codes[::2], codes[1::2], strict=True)]
    numbers = [cells.get("odd", {}).get(str(i), x) for i, x in enumerate(numbers)]
    return [numbers[i : i + cells["wide"]] for i in range(0, len(numbers), cells["wide"])]


def test_the_steps_go_forward_and_then_backward():
    data = data_of(explain(xor()[0]))
    assert data["forward"] == 15
    assert [step["phase"] for step in data["steps"]] == ["forward"] * 15 + ["backward"] * 19
    assert data["steps"][14]["title"] == "Forward: mean makes loss"
    assert data["steps"][15]["title"] == "Backward: mean passes on the gradient of loss"


def test_the_gradients_of_the_parameters_are_those_of_the_engine_and_agree_with_finite_differences():
    loss, parameters = xor()
    data = data_of(explain(loss))
    loss.backward()
    done = {
        re.match(r"Done: the gradient of (\w+)", s["title"])[1]: s
        for s in data["steps"]
        if s["title"].startswith("Done")
    }
    assert set(done) == set(parameters)
    for name, step in done.items():
        gradient = array(data, step["arrives"]["array"])
        np.testing.assert_allclose(gradient, parameters[name].grad, rtol=1e-5)
        assert step["checks"] and all(check["agree"] for check in step["checks"])
        for check in step["checks"]:
            index = tuple(json.loads(check["index"]))
            assert check["engine"] == pytest.approx(parameters[name].grad[index], rel=1e-5)
            assert check["quotient"] == pytest.approx(parameters[name].grad[index], rel=1e-4, abs=1e-9)


def test_the_page_of_a_cross_entropy_spells_log_softmax_out():
    z = Tensor([[0.5, 1.0], [2.0, -1.0]], requires_grad=True, name="z")
    data = data_of(explain(ag.nn.cross_entropy(z, np.array([0, 1]))))
    (made,) = [step for step in data["steps"] if step["title"] == "Forward: log_softmax makes t1"]
    assert made["latex"] == (
        r"t_{1} = \operatorname{log\_softmax}\left(z, \text{axis=1}\right) "
        r"= z - \ln\left(\operatorname{sum}\left(e^{z}, \text{axis=1, keepdims=True}\right)\right)"
    )
    (done,) = [step for step in data["steps"] if step["title"].startswith("Done")]
    assert done["checks"] and all(check["agree"] for check in done["checks"])


def test_the_page_of_a_sigmoid_says_what_it_is_and_has_its_rule():
    w = Tensor([[0.5], [-1.0]], requires_grad=True, name="w")
    v = ag.nn.sigmoid(Tensor([[0.2, 1.0]], name="x") @ w)
    v.name = "v"
    data = data_of(explain((v * v).sum()))
    (made,) = [step for step in data["steps"] if step["title"] == "Forward: sigmoid makes v"]
    assert made["latex"] == r"v = \sigma\left(z\right) = \frac{1}{1 + e^{-z}}"
    assert "<mi>σ</mi>" in made["parts"][0]["math"] and "<mfrac>" in made["parts"][0]["math"]
    (passed,) = [step for step in data["steps"] if step["title"] == "Backward: sigmoid passes on the gradient of v"]
    by = [r"\frac{\partial L}{\partial z}", r"\frac{\partial L}{\partial v}"]
    assert passed["latex"] == rf"{by[0]} = {by[1]} \cdot v \cdot \left(1 - v\right)"
    (part,) = passed["parts"]
    assert [panel["label"] for panel in part["reads"]] == ["v (1, 1)"]
    sent = v.item() * (1 - v.item()) * 2 * v.item()
    (hidden,) = part["hidden"]  # the answer that a prediction is compared with
    np.testing.assert_allclose(array(data, hidden), [[sent]], rtol=1e-5)
    (done,) = [step for step in data["steps"] if step["title"].startswith("Done")]
    assert done["checks"] and all(check["agree"] for check in done["checks"])


def test_a_finite_difference_tells_a_wrong_gradient():
    """A rule that is wrong by a factor of two must not pass for right."""
    wrong = ag.record.Primitive(lambda x: x * x, (lambda g, y, x: g * x,), name="wrong square", prints="{} ** 2")
    x = Tensor([1.0, 3.0], requires_grad=True, name="x")
    data = data_of(explain(wrong(x).sum()))
    (step,) = [step for step in data["steps"] if "checks" in step]
    assert [check["agree"] for check in step["checks"]] == [False, False]
    assert "they differ" in step["text"]


def test_at_a_fan_out_old_and_new_make_the_total():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    data = data_of(explain((x * x + x).sum()))
    sums = []
    for step in data["steps"]:
        for part in step["parts"]:
            keys = [panel["array"] for panel in part["panels"]]
            if keys[0].startswith("o"):
                old, new, total = (array(data, key) for key in keys)
                np.testing.assert_allclose(old + new, total)
                assert [panel["sign"] for panel in part["panels"]] == ["", "+", "="]
                sums.append(total.tolist())
    assert sums == [[1.0, 1.0], [2.0, 3.0], [3.0, 5.0]]


def test_broadcasting_is_told_both_ways():
    W, b = Tensor(np.ones((4, 2)), requires_grad=True, name="W"), Tensor(np.ones(2), requires_grad=True, name="b")
    texts = [step["text"] for step in data_of(explain((W + b).sum()))["steps"]]
    assert any("b of shape (2,) is repeated to (4, 2)" in text for text in texts)
    assert any("so its gradient is summed back" in text for text in texts)


def test_every_formula_is_well_formed():
    for step in data_of(explain(layers(2)[0]))["steps"]:
        for part in step["parts"]:
            for key in ("math", "numbers"):
                if key in part:
                    ET.fromstring(part[key])


def test_the_page_is_one_small_file_that_loads_nothing(tmp_path):
    page = explain(xor()[0])
    path = tmp_path / "xor.html"
    assert page.save(path) == str(path)
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 300_000
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)=["'](?!#)""", re.sub(r'xlink:href="[^"]*"', "", text))
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_model_gives_the_same_bytes():
    assert explain(xor()[0]).html == explain(xor()[0]).html


def test_a_name_cannot_break_out_of_the_page():
    x = Tensor([1.0], requires_grad=True, name="</script><script>alert(1)</script>")
    page = explain((x * x).sum())
    assert "<script>alert" not in page.html
    assert any("</script>" in step["text"] for step in data_of(page)["steps"])


def test_large_arrays_are_shown_as_means_of_blocks_and_then_left_out():
    x = Tensor(np.arange(4000.0).reshape(40, 100), requires_grad=True, name="x")
    h = x
    for _ in range(60):
        h = np.tanh(h * 0.5)
    page = explain(h.sum())
    data = data_of(page)
    first = data["arrays"]["vn0"]
    assert first["blocks"] == [16, 16] and (first["min"], first["max"]) == (0.0, 3999.0)
    assert np.mean(rows(first)[0]) < 120  # the first two rows of forty
    assert rows(first)[0][-1] == pytest.approx(first["corner"], abs=first["most"] / 2047)
    assert data["left_out"] == 0 and len(page.html.encode()) < 500_000


def test_arrays_over_the_budget_are_left_out_with_their_extremes(monkeypatch):
    monkeypatch.setattr("autograd_lite.show.heatmaps._ALL_CELLS", 40)
    x = Tensor(np.arange(30.0), requires_grad=True, name="x")
    data = data_of(explain(np.sin(x * 0.1).sum()))
    assert data["left_out"] > 0
    left = [cells for cells in data["arrays"].values() if isinstance(cells, dict) and "rows" not in cells]
    assert left and all({"min", "mean", "max", "size"} <= cells.keys() for cells in left)


def test_nan_and_infinity_survive_in_a_large_array():
    value = np.arange(100.0)
    value[[3, 7, 99]] = np.nan, np.inf, -np.inf
    x = Tensor(value, requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        data = data_of(explain((x * 2).sum()))
    cells = data["arrays"]["vn0"]
    shown = rows(cells)[0]
    assert (cells["nan"], cells["inf"]) == (1, 2)
    assert [shown[3], shown[7], shown[99]] == ["nan", "inf", "-inf"]
    np.testing.assert_allclose(shown[10:98], value[10:98], atol=98 / 2047)


def test_the_page_of_a_transformer_block_is_small():
    model = ag.nn.TransformerBlock(8, 2, seed=0)
    ag.name(block=model)
    page = explain((model(Tensor(np.random.RandomState(0).randn(2, 4, 8), name="x")) ** 2).mean())
    assert len(page.html.encode()) < 450_000
    math = [part["math"] for step in data_of(page)["steps"] for part in step["parts"]]
    assert any("<mi>query</mi>" in formula for formula in math)
    notes = [note for step in data_of(page)["steps"] for part in step["parts"] for note in part["notes"]]
    assert "W_query is block.attention.query.weight." in notes


def test_nan_is_counted():
    x = Tensor([-1.0, 4.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        data = data_of(explain(np.sqrt(x).sum()))
    assert data["arrays"]["vn1"]["nan"] == 1 and data["arrays"]["vn1"]["rows"] == [["nan", 2.0]]


def test_the_picture_on_the_page_says_what_graphviz_wrote():
    """The page makes pictures smaller, and must not touch their words."""
    x = Tensor([1.0], requires_grad=True, name="a</a></g>.0123")
    page = explain((0.04471 * x + 3.0).sum())
    (svg,) = re.findall(r"<svg .*?</svg>", page.html, re.DOTALL)
    words = ["".join(text.itertext()) for text in ET.fromstring(svg).findall(".//{*}text")]
    assert {"0.04471", "a</a></g>.0123", "(1,)", "multiply", "3"} <= set(words)


def test_groups_close_level_by_level():
    page = explain(layers(2)[0])
    levels = data_of(page)["levels"]
    assert page.html.count('class="picture"') == 3
    assert [len(set(boxes.values())) for boxes in levels] == [13, 5, 4]


def test_a_page_after_backward_says_so():
    loss, _ = xor()
    before = data_of(explain(loss))
    loss.backward()
    page = explain(loss)
    assert data_of(page)["arrays"] == before["arrays"]
    assert "freed the intermediate values" in page.html


def test_without_graphviz_the_page_has_its_steps_and_a_sentence(monkeypatch):
    def missing(source, format):
        raise RenderingError("draw: laying out a graph needs Graphviz; install it")

    monkeypatch.setattr("autograd_lite.show.explain.lay_out", missing)
    page = explain(xor()[0])
    assert "There is no picture of the graph: draw: laying out a graph needs Graphviz" in page.html
    assert len(data_of(page)["steps"]) == 34
    assert layout.lay_out is not missing


def test_in_a_notebook_the_page_has_a_frame_of_its_own():
    x = Tensor(3.0, requires_grad=True)
    assert explain(x * x)._repr_html_().startswith("<iframe srcdoc=")


def test_what_makes_no_sense_is_refused(tmp_path):
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    with pytest.raises(NoGraphError):
        explain(x)
    with pytest.raises(ag.BackwardError, match="sum"):
        explain(x * x)
    with pytest.raises(ShowError, match="explain a part"):
        explain(chain(300)[0])
    page = explain((x * x).sum())
    with pytest.raises(ShowError, match=r"ends in \.html"):
        page.save(tmp_path / "x.png")
    for unfit in (None, 3, "", "a\0.html"):
        with pytest.raises(ShowError, match=r"ends in \.html"):
            page.save(unfit)
    with pytest.raises(SavingError, match="cannot write"):
        page.save(tmp_path / "missing" / "x.html")
    loss, parameters = xor()
    parameters["b2"].data += 1
    with pytest.raises(ShowError, match="explain it before the update"):
        explain(loss)
