"""The page in a real browser: headless Chromium opens it, a script presses the keys and reads what is shown."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from networks import layers, xor

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.show.explain import explain

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)

FONTS = ("STIX Two Math", "Latin Modern Math", "Libertinus Math", "TeX Gyre", "Noto Sans Math")


def has_a_font_for_mathematics():
    listing = shutil.which("fc-list")
    if listing is None:
        return False
    names = subprocess.run([listing, ":", "family"], capture_output=True, text=True, check=True).stdout
    return any(font in names for font in FONTS)


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, Debian's package `chromium`"),
]

WATCH = """<script>
window.wrong = [];
window.addEventListener("error", (event) => wrong.push(String(event.message)));
document.addEventListener("securitypolicyviolation", (event) => wrong.push(`blocked: ${event.blockedURI}`));
console.error = console.warn = (...words) => wrong.push(words.join(" "));
</script>"""

DRIVE = """<script>
const found = {};
const press = (key, target = document) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const place = () => document.getElementById("place").textContent;
const cells = (array) =>
  [...document.querySelectorAll(`[data-array="${array}"] td`)].map((td) => Number(td.textContent));
const node = (id) => document.querySelector(`.picture:not([hidden]) [id="${id}"]`);
%s
found.wrong = wrong;
found.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
const report = document.createElement("pre");
report.id = "found";
report.textContent = JSON.stringify(found);
document.body.append(report);
</script></body>"""


def browse(page, script, tmp_path, fragment="", width=1200):
    """Open the page, run the script in it, and give back what it has found."""
    path = tmp_path / "page.html"
    text = page.html.replace("<head>", "<head>" + WATCH, 1)
    path.write_text(text.replace("</body>", DRIVE % script), encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--window-size={width},900",
        profile,
        "--dump-dom",
        f"file://{path}{fragment}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    result = json.loads(html.unescape(found[1]))
    assert result["wrong"] == []
    assert result["requests"] == []
    return result


def test_keys_buttons_and_slider_lead_through_the_steps(tmp_path):
    found = browse(
        explain(xor()[0]),
        """
        found.places = [place()];
        const keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "b", "f", "Home", "ArrowLeft"];
        for (const key of keys) {
          press(key); found.places.push(place());
        }
        document.getElementById("slider").value = 19;
        document.getElementById("slider").dispatchEvent(new Event("input"));
        found.places.push(place());
        document.getElementById("next").click();
        found.places.push(place());
        press(" ");
        found.playing = document.getElementById("play").textContent;
        press(" ");
        found.paused = document.getElementById("play").textContent;
        found.hash = location.hash;
        """,
        tmp_path,
    )
    numbers = [int(place.split()[0]) for place in found["places"]]
    assert numbers == [1, 2, 3, 2, 34, 34, 16, 1, 1, 1, 20, 21]
    assert found["places"][6].endswith("backward") and found["places"][0].endswith("forward")
    assert "pause" in found["playing"] and "play" in found["paused"]
    assert found["hash"] == "#step-21"


def test_a_click_on_a_node_shows_the_engines_numbers(tmp_path):
    loss, parameters = xor()
    found = browse(
        explain(loss),
        """
        press("b");
        found.title = {};
        for (const box of document.querySelectorAll(".picture .node.parameter")) {
          box.dispatchEvent(new MouseEvent("click", { bubbles: true }));
          found.title[document.getElementById("step-title").textContent] = cells(`g${box.id}`);
          found.marked = box.classList.contains("now");
        }
        found.table = document.querySelectorAll("table.checks .agree").length;
        """,
        tmp_path,
    )
    loss.backward()
    assert len(found["title"]) == 4
    for name, parameter in parameters.items():
        shown = found["title"][f"Done: the gradient of {name} is complete"]
        np.testing.assert_allclose(shown, parameter.grad.ravel(), rtol=1e-3)
    assert found["marked"] and found["table"] >= 1


def test_a_link_opens_its_step_and_a_node_can_be_reached_by_keyboard(tmp_path):
    found = browse(
        explain(xor()[0]),
        """
        found.place = place();
        const boxes = [...document.querySelectorAll(".picture .node.operation")];
        const first = boxes.find((box) => box.textContent.includes("matmul"));
        found.focusable = first.getAttribute("tabindex") === "0" && first.getAttribute("role") === "button";
        found.label = first.getAttribute("aria-label");
        press("Enter", first);
        found.after = document.getElementById("step-title").textContent;
        found.twin = document.getElementById("twin").textContent;
        """,
        tmp_path,
        "#step-20",
    )
    assert found["place"].startswith("20 of 34")
    assert found["focusable"] and "matmul" in found["label"]
    assert found["after"].startswith("Backward: matmul") and "sends" in found["twin"]


def test_predict_first_hides_the_gradient_until_it_is_typed(tmp_path):
    loss, _ = xor()
    found = browse(
        explain(loss),
        """
        document.getElementById("predict").click();
        press("b"); press("ArrowRight");
        const sent = () => document.querySelectorAll('#parts [data-array^="s"]').length;
        found.hidden = sent();
        found.read = [...document.querySelectorAll(".reads figcaption")].map((caption) => caption.textContent);
        found.twin = document.getElementById("twin").textContent;
        const field = document.querySelector("input.guess");
        field.value = "99";
        press("Enter", field);
        found.wrongly = sent();
        field.value = "0.451";
        press("Enter", field);
        found.shown = sent();
        found.step = document.getElementById("step-title").textContent;
        """,
        tmp_path,
    )
    assert found["step"].startswith("Backward: power")
    assert (found["hidden"], found["wrongly"], found["shown"]) == (0, 0, 1)
    assert "0.451" not in found["twin"]
    assert found["read"] == ["t9 (1, 1)"]  # the gradient of t9 ** 2 can be worked out from t9


def test_the_gradient_through_a_sigmoid_can_be_predicted_from_its_value(tmp_path):
    v = nn.sigmoid(Tensor([[0.5]], requires_grad=True, name="w"))
    v.name = "v"
    found = browse(
        explain((2 * v).sum()),
        """
        document.getElementById("predict").click();
        press("Home");
        while (!document.getElementById("step-title").textContent.includes("sigmoid passes")) press("ArrowRight");
        const sent = () => document.querySelectorAll('#parts [data-array^="s"]').length;
        found.read = [...document.querySelectorAll(".reads figcaption")].map((caption) => caption.textContent);
        found.formula = document.querySelector("#parts math").textContent;
        const field = document.querySelector("input.guess");
        field.value = "0.235";
        press("Enter", field);
        found.wrongly = sent();
        field.value = "%.3g";
        press("Enter", field);
        found.shown = sent();
        """
        % (2 * v.item() * (1 - v.item())),
        tmp_path,
    )
    assert found["read"] == ["v (1, 1)"] and found["formula"] == "∂L∂w=∂L∂v·v·(1−v)"
    assert (found["wrongly"], found["shown"]) == (0, 1)


EVERY_STEP = """
    found.bad = [];
    const frame = document.getElementById("graph");
    press("Home");
    const total = Number(/of (\\d+)/.exec(place())[1]);
    for (let i = 0; i < total; i++) {
      const said = document.getElementById("step").innerText;
      if (/undefined|\\[object|NaN(?!;|$)/.test(said.replace(/\\d+ NaN/g, ""))) found.bad.push(`${place()}: ${said}`);
      const marked = document.querySelectorAll(".picture:not([hidden]) .node.now");
      if (marked.length !== 1) found.bad.push(`${place()}: ${marked.length} boxes are marked`);
      const box = marked[0].getBoundingClientRect(), around = frame.getBoundingClientRect();
      const over = [around.top - box.top, box.bottom - around.bottom, around.left - box.left, box.right - around.right];
      if (Math.max(...over) > 1) found.bad.push(`${place()}: the marked box is out of sight`);
      for (const math of document.querySelectorAll("#parts math")) {
        if (math.getBoundingClientRect().height < 8) found.bad.push(`${place()}: a formula is not to be seen`);
      }
      const wide = document.documentElement.scrollWidth - innerWidth;
      if (wide > 0) found.bad.push(`${place()}: the page is ${wide} pixels too wide`);
      press("ArrowRight");
    }
    found.total = total;
"""


def transformer():
    model = nn.TransformerBlock(8, 2, seed=0)
    ag.name(block=model)
    return (model(Tensor(np.random.RandomState(0).randn(2, 4, 8), name="x")) ** 2).mean()


def with_nan():
    with np.errstate(all="ignore"):
        x = Tensor([-1.0, 4.0, 0.0], requires_grad=True, name="x")
        return (np.sqrt(x) / x).sum()


def second_order():
    w = Tensor([0.5, 1.0], requires_grad=True, name="w")
    np.tanh(w * 2).sum().backward(create_graph=True)
    return (w.grad**2).sum()


def sigmoids():
    model = nn.Sequential(nn.Dense(2, 2, seed=0), nn.sigmoid, nn.Dense(2, 1, seed=1), nn.sigmoid)
    ag.name(net=model)
    return nn.mse_loss(model(Tensor([[0.0, 1.0]], name="x")), Tensor([[1.0]], name="y"))


def one_sample():
    return xor()[0]


@pytest.mark.parametrize(
    ("model", "width"),
    [(transformer, 1200), (with_nan, 1200), (second_order, 500), (one_sample, 500), (sigmoids, 1200), (sigmoids, 500)],
)
def test_every_step_can_be_read_on_a_wide_and_on_a_narrow_screen(model, width, tmp_path):
    found = browse(explain(model()), EVERY_STEP, tmp_path, width=width)
    assert found["bad"] == []
    assert found["total"] > 5


def test_predictions_can_be_made_with_the_keyboard_alone(tmp_path):
    found = browse(
        explain(xor()[0]),
        """
        document.getElementById("predict").click();
        press("b");
        while (!document.querySelector("input.guess")) press("ArrowRight");
        found.questions = document.querySelectorAll("input.guess").length;
        for (let i = 0; i < found.questions; i++) document.querySelector(".question button:nth-of-type(2)").click();
        found.focus = document.activeElement.id;
        found.left = document.querySelectorAll("input.guess").length;
        found.valuetext = document.getElementById("slider").getAttribute("aria-valuetext");
        """,
        tmp_path,
    )
    assert found["questions"] >= 1 and found["left"] == 0
    assert found["focus"] == "next" and found["valuetext"].startswith("Backward: ")


def test_groups_open_and_close(tmp_path):
    found = browse(
        explain(layers(2)[0]),
        """
        const boxes = () => document.querySelectorAll(".picture:not([hidden]) .node").length;
        found.boxes = [boxes()];
        document.getElementById("close-groups").click(); found.boxes.push(boxes());
        document.getElementById("close-groups").click(); found.boxes.push(boxes());
        const group = document.querySelector(".picture:not([hidden]) .node.group");
        group.dispatchEvent(new MouseEvent("click", { bubbles: true })); found.boxes.push(boxes());
        """,
        tmp_path,
    )
    assert found["boxes"] == [13, 5, 4, 5]


@pytest.mark.skipif(
    not has_a_font_for_mathematics(), reason="needs a font with a MATH table, Debian's package `fonts-dejavu-extra`"
)
def test_brackets_grow_with_the_matrix_between_them(tmp_path):
    found = browse(
        explain(xor()[0]),
        """
        press("b");
        while (!document.querySelector("#parts math mtable")) press("ArrowRight");
        const around = (mo) => mo.textContent === "(" && mo.parentElement.querySelector("mtable");
        const fence = [...document.querySelectorAll("#parts math mo")].find(around);
        found.fence = fence.getBoundingClientRect().height;
        found.matrix = fence.parentElement.querySelector("mtable").getBoundingClientRect().height;
        document.getElementById("copy").click();
        found.copied = document.getElementById("copied").textContent;
        """,
        tmp_path,
    )
    assert found["matrix"] > 20 and found["fence"] >= 0.9 * found["matrix"]
    assert found["copied"] == "copied" or "\\frac" in found["copied"]
