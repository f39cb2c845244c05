"""Mutated worksheets: whatever is in them, checking returns a report and never raises."""

import json

from derivations import SHEETS
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite.check.worksheets import ERROR_KINDS, worksheet

FRAGMENTS = [
    "np.", "(", ")", "[", "]", " @ ", " ** ", "-", ".T", ".sum(axis=0)", "np.zeros((0, 3))", "0", "1e308", "inf",
    "None", ":", "...", "d", "dL", "L", "[None]", "np.add.at(", " = ", " += ", ";", "\n", "#", "x", "keepdims=True",
    "axis=7",
    " % 2", " // 0", "True", "np.array([])", "'a'", "{}", "lambda: ", "yield ", "np.einsum('ij->', ", "@", "9 ** 99",
]  # fmt: skip
VERDICTS = {"right", "wrong", "follow-through", "error"}


def sound(text):
    report = worksheet(text + "\n")
    data = json.loads(report.as_json())
    assert report.error is None or data["error"]["kind"] in ERROR_KINDS
    assert {line["verdict"] for line in data["lines"]} <= VERDICTS
    assert report.status in (0, 1, 2)
    assert report.render()
    assert report._repr_html_()


@given(st.sampled_from(sorted(SHEETS)), st.data())
def test_a_sheet_with_fragments_put_in_or_cut_out(name, data):
    text = SHEETS[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(st.sampled_from(["", *FRAGMENTS])) + text[start + length :]
    sound(text)


@given(st.sampled_from(sorted(SHEETS)), st.data())
def test_a_sheet_with_lines_moved_or_doubled(name, data):
    lines = SHEETS[name].splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        taken = lines[data.draw(st.integers(0, len(lines) - 1))]
        lines.insert(data.draw(st.integers(0, len(lines))), taken)
        del lines[data.draw(st.integers(0, len(lines) - 1))]
    sound("\n".join(lines))


@given(st.text(max_size=200))
def test_any_text_after_the_separator(text):
    sound("# inputs: x (n,)\n# wanted: dx\nL = np.sum(x)\n# --- gradients ---\n" + text)


@given(st.text(max_size=80))
def test_any_header(text):
    sound(f"# inputs: {text}\n# wanted: dx\nL = np.sum(x)\n# --- gradients ---\ndx = 1 + 0 * x")
