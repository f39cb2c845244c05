"""The picture in Graphviz's language: a box for every entry, told apart by shape and by colour."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.show.digits import brief, count, number, shape_text, static_text
from autograd_lite.show.folding import Box, Drawing, Run, Wire
from autograd_lite.show.graph import CONSTANT, DATA, OPERATION, PARAMETER, Entry, Graph
from autograd_lite.show.groups import common
from autograd_lite.show.sizes import line_height, text_width

__all__ = ["DIRECTIONS", "FONT", "STYLE", "statements"]

DIRECTIONS = ("TB", "BT", "LR", "RL")

FONT = "Helvetica,Arial,sans-serif"

# Fill and border after Okabe and Ito's palette for colour-blind readers (https://jfly.uni-koeln.de/color/), paler
# so that black text stays legible and a grey print still shows the borders. The shapes say the same once more.
_LOOKS = {
    PARAMETER: {"shape": "box3d", "fillcolor": "#fdeccb", "color": "#b36b00", "penwidth": "1.5"},
    DATA: {"shape": "note", "fillcolor": "#dff0fa", "color": "#0072b2"},
    CONSTANT: {"shape": "none", "style": ""},
    OPERATION: {"shape": "box", "style": "rounded,filled", "fillcolor": "#ffffff", "color": "#333333"},
    "result": {
        "shape": "box",
        "style": "rounded,filled",
        "peripheries": "2",
        "fillcolor": "#d9f2e8",
        "color": "#00714f",
        "penwidth": "1.5",
    },
    "group": {"shape": "folder", "fillcolor": "#f3e3ee", "color": "#8f3f71"},
    "cut": {"shape": "box", "style": "dashed,filled", "fillcolor": "#f2f2f2", "color": "#555555"},
}

#: the same colours for a reader whose system is dark; Graphviz hands the classes on to its SVG
STYLE = """
.recording text { fill: #111111; }
@media (prefers-color-scheme: dark) {
  .recording > polygon { fill: #16181c; }
  .recording text { fill: #f0f0f0; }
  .recording .edge path { stroke: #c8c8c8; }
  .recording .edge polygon { fill: #c8c8c8; stroke: #c8c8c8; }
  .recording .cluster > * { fill: #202329; stroke: #8a8f98; }
  .recording .cluster > text { stroke: none; fill: #f0f0f0; }
  .recording .parameter :is(polygon, polyline) { fill: #4a3208; stroke: #f0a830; }
  .recording .data :is(polygon, polyline) { fill: #0b3a57; stroke: #6cc0f0; }
  .recording .operation :is(polygon, path) { fill: #2a2d33; stroke: #c8c8c8; }
  .recording .result path { stroke: #4fd0a5; }
  .recording .result path:not([fill="none"]) { fill: #0b4636; }
  .recording .group :is(polygon, polyline) { fill: #47213a; stroke: #e09ac4; }
  .recording .cut :is(polygon, polyline) { fill: #2a2d33; stroke: #c8c8c8; }
}
@media print {
  .recording > polygon { fill: #ffffff; }
  .recording text { fill: #000000; }
}
"""


#: sizes of the text in a box and of that beside an arrow or on a frame, in points
_TEXT, _SMALL = 11, 10
#: between the text and the edge of its box
_ASIDE, _ABOVE = 8, 5
#: between a frame and what is in it
_FRAME = 8


def statements(graph: Graph, drawing: Drawing, *, values: bool, grads: bool, direction: str) -> list[str]:
    """The lines between the braces of a DOT digraph; the same graph gives the same lines every time.

    The size of every box is given, and is a whole number of points: left to itself, each version of Graphviz measures
    text with the fonts that it knows, and rounds in its own way.
    """
    whole = {"class": "recording", "rankdir": direction, "bgcolor": "#ffffff", "ordering": "in"}
    whole |= {"nodesep": _inches(20), "ranksep": _inches(24), "fontname": FONT, "fontsize": f"{_SMALL}"}
    every = {"fontname": FONT, "fontsize": f"{_TEXT}", "style": "filled", "fixedsize": "true"}
    arrows = {"fontname": FONT, "fontsize": "9", "color": "#444444", "arrowsize": "0.7"}
    lines = [f"{what} [{_attributes(of)}]" for what, of in (("graph", whole), ("node", every), ("edge", arrows))]

    texts = {box.id: _text(box, values=values, grads=grads) for box in drawing.boxes}
    lines += _framed(_frames(drawing), texts, itertools.count())
    widths = _widths(drawing.wires) if grads else {}
    for wire in drawing.wires:
        lines += _wire(wire, widths.get(id(wire)))
    remarks = graph.remarks if values or grads else []
    if remarks:
        below = {"class": "remark", **_small(remarks, "l")}
        lines += [f"remarks [{_attributes(below)}]", f'{drawing.boxes[-1].id} -> remarks [style="invis"]']
    return lines


@dataclass(slots=True)
class _Frame:
    """What a group, or a repeated block, is drawn in: boxes, labels of arrows, and other frames."""

    label: str
    style: str
    boxes: list[Box] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    frames: dict[Any, _Frame] = field(default_factory=dict)


def _frames(drawing: Drawing) -> _Frame:
    """The boxes inside the nested frames of their groups and repetitions."""
    runs: dict[str, tuple[str, ...]] = {}
    for box in drawing.boxes:
        if box.run is not None and box.members[-1].kind == OPERATION:
            before = runs.get(box.run.id, box.group)
            runs[box.run.id] = common(before, box.group)
    tree = _Frame("", "")
    place: dict[str, _Frame] = {}
    for box in drawing.boxes:
        frame = tree
        path: list[Any] = list(box.group) if box.run is None else [*runs[box.run.id], box.run]
        for part in path:
            if isinstance(part, Run):
                frame = frame.frames.setdefault(part.id, _Frame(f"repeated {part.count:,} times", "dashed"))
            else:
                frame = frame.frames.setdefault(part, _Frame(part, "rounded"))
        frame.boxes.append(box)
        place[box.id] = frame
    for wire in drawing.wires:
        if wire.broadcast is not None and not wire.back:
            told = _small([_broadcast(wire)])
            place[wire.target].labels.append(f"{_middle(wire)} [{_attributes({'class': 'broadcast', **told})}]")
    return tree


def _framed(frame: _Frame, texts: dict[str, list[str]], numbers: Iterator[int]) -> list[str]:
    lines = [_box(box, texts[box.id]) for box in frame.boxes] + frame.labels
    for inner in frame.frames.values():
        # the spaces leave room for a font that is wider than the one the program measures
        label = _escaped(inner.label) + " " * (len(inner.label) // 3)
        look = {"label": label, "style": inner.style, "color": "#888888", "labeljust": "l"}
        lines += [
            f"subgraph cluster_{next(numbers)} {{",
            f"  graph [{_attributes({**look, 'class': 'frame', 'margin': f'{_FRAME}'})}]",
            *("  " + line for line in _framed(inner, texts, numbers)),
            "}",
        ]
    return lines


def _text(box: Box, *, values: bool, grads: bool) -> list[str]:
    """The lines of text in a box."""
    entry = box.members[-1] if box.kind in ("group", "cut") else box.members[0]
    if box.kind in ("group", "cut"):
        label = [box.label or "", count(box.operations, "operation"), shape_text(entry.shape, entry.dtype)]
        if box.parameters:
            label.insert(2, count(box.parameters, "parameter"))
    else:
        label = _label(entry, len(box.members) if entry.kind != OPERATION else 1)
    if len(box.members) == 1 or box.kind == "group":
        label += _numbers(entry, values=values, grads=grads)
    return [_cleaned(line) for line in label]


def _size(text: list[str], letters: int, aside: int, above: int) -> dict[str, str]:
    """Width and height for text of so many points, both even, so that the middle is a whole number of points too."""
    wide = max(text_width(line, letters) for line in text) + 2 * aside
    high = len(text) * line_height(letters) + 2 * above
    return {"width": _inches(wide + wide % 2), "height": _inches(high + high % 2)}


def _small(text: list[str], align: str = "n") -> dict[str, str]:
    """The attributes of text without a box."""
    label = "".join(f"{_escaped(line)}\\{align}" for line in text) if align != "n" else _lines(text)
    return {"shape": "none", "style": "", "fontsize": f"{_SMALL}", "label": label, **_size(text, _SMALL, 2, 2)}


def _inches(points: int) -> str:
    return f"{points / 72:.5g}"


def _box(box: Box, text: list[str]) -> str:
    entry = box.members[-1] if box.kind in ("group", "cut") else box.members[0]
    attributes = {
        "id": box.id,
        "class": box.kind,
        **_LOOKS[box.kind],
        **(_size(text, _TEXT, 2, 0) if box.kind == CONSTANT else _size(text, _TEXT, _ASIDE, _ABOVE)),
        "label": _lines(text),
        "tooltip": _lines(_tooltip(entry) if len(box.members) == 1 else text),
    }
    return f"{box.id} [{_attributes(attributes)}]"


def _label(entry: Entry, same: int) -> list[str]:
    if entry.kind == CONSTANT:
        return [number(entry.value)]
    shape = shape_text(entry.shape, entry.dtype)
    if entry.operation is None:
        return [(entry.name or entry.kind) + (f" and {same - 1:,} more" if same > 1 else ""), shape]
    static = static_text(entry.static, 24)
    call = entry.operation + (f" [{static}]" if static else "")
    return [*([entry.name] if entry.name else []), call, shape]


def _numbers(entry: Entry, *, values: bool, grads: bool) -> list[str]:
    lines = []
    if values and entry.kind != CONSTANT:
        lines.append("value " + (brief(entry.value) if entry.value is not None else _missing(entry)))
    if grads and entry.node is not None and entry.node.requires_grad:
        lines.append("grad " + (brief(entry.gradient) if entry.gradient is not None else "freed"))
    return lines


def _missing(entry: Entry) -> str:
    return "freed" if entry.node is not None and entry.node.requires_grad else "not kept"


def _tooltip(entry: Entry) -> list[str]:
    what = [f"{entry.id}: {entry.operation or entry.kind}" + (f" {entry.name}" if entry.name else "")]
    what.append(f"{entry.dtype} {entry.shape}")
    if entry.static:
        what.append(static_text(entry.static, 200))
    if entry.line:
        what.append(entry.line)
    return what


def _middle(wire: Wire) -> str:
    """The name of the text in the middle of an arrow."""
    return f"{wire.source}__{wire.target}__{wire.index or 0}"


def _broadcast(wire: Wire) -> str:
    return "{} to {}".format(*wire.broadcast) if wire.broadcast is not None else ""


def _wire(wire: Wire, width: float | None) -> list[str]:
    """One arrow, or two halves with the text between them that says how the input is repeated."""
    line: dict[str, str] = {}
    head: dict[str, str] = {}
    if width is not None:
        line["penwidth"] = f"{width:.2f}"
        line["tooltip"] = f"gradient sent back: largest {number(np.max(np.abs(wire.sent)))}"
    if wire.index is not None:
        head |= {"headlabel": f"{wire.index + 1}", "labeldistance": "1.6", "labelangle": "-35"}
    if wire.back:
        head |= {"style": "dashed", "constraint": "false", "tooltip": "to the next repetition"}
    parts = [(wire.source, wire.target, {**line, **head})]
    if wire.broadcast is not None and not wire.back:
        middle = _middle(wire)
        parts = [(wire.source, middle, {**line, "arrowhead": "none"}), (middle, wire.target, {**line, **head})]
    return [f"{a} -> {b}" + (f" [{_attributes(of)}]" if of else "") for a, b, of in parts]


def _widths(wires: list[Wire]) -> dict[int, float]:
    """Line widths that fall with the magnitude of the gradient sent: one point less for each factor of 100."""
    sizes = {}
    for wire in wires:
        if wire.sent is not None and np.size(wire.sent):
            sizes[id(wire)] = float(np.max(np.abs(wire.sent)))
    largest = max((size for size in sizes.values() if np.isfinite(size)), default=0.0)
    widths = {}
    for key, size in sizes.items():
        if not np.isfinite(size) or largest == 0:
            widths[key] = 4.0
        else:
            widths[key] = max(0.3, 4 + 0.5 * np.log10(size / largest)) if size else 0.3
    return widths


def _attributes(attributes: dict[str, str]) -> str:
    return " ".join(f'{key}="{value}"' for key, value in attributes.items())


def _lines(lines: list[str]) -> str:
    return "\\n".join(_escaped(line) for line in lines)


def _cleaned(text: str) -> str:
    """One line of printable text, whatever a student calls a Tensor."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= 200 else text[:199] + "…"


def _escaped(text: str) -> str:
    """Text as Graphviz reads it between quotes."""
    return _cleaned(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
