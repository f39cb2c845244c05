"""The picture in Graphviz's language: a box for every entry, told apart by shape and by colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.show.digits import brief, count, number, shape_text, static_text
from autograd_lite.show.folding import Box, Drawing, Run, Wire
from autograd_lite.show.graph import CONSTANT, DATA, OPERATION, PARAMETER, Entry, Graph
from autograd_lite.show.groups import common

__all__ = ["DIRECTIONS", "STYLE", "statements"]

DIRECTIONS = ("TB", "BT", "LR", "RL")

# Fill and border after Okabe and Ito's palette for colour-blind readers (https://jfly.uni-koeln.de/color/), paler
# so that black text stays legible and a grey print still shows the borders. The shapes say the same once more.
_LOOKS = {
    PARAMETER: {"shape": "box3d", "fillcolor": "#fdeccb", "color": "#b36b00", "penwidth": "1.5"},
    DATA: {"shape": "note", "fillcolor": "#dff0fa", "color": "#0072b2"},
    CONSTANT: {"shape": "plain", "fillcolor": "#ffffff", "color": "#555555", "margin": "0.05"},
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
  .recording .constant polygon { fill: none; }
  .recording .data :is(polygon, polyline) { fill: #0b3a57; stroke: #6cc0f0; }
  .recording .operation :is(polygon, path) { fill: #2a2d33; stroke: #c8c8c8; }
  .recording .result :is(polygon, path) { fill: #0b4636; stroke: #4fd0a5; }
  .recording .group :is(polygon, polyline) { fill: #47213a; stroke: #e09ac4; }
  .recording .cut :is(polygon, polyline) { fill: #2a2d33; stroke: #c8c8c8; }
}
@media print {
  .recording > polygon { fill: #ffffff; }
  .recording text { fill: #000000; }
}
"""


def statements(graph: Graph, drawing: Drawing, *, values: bool, grads: bool, direction: str) -> list[str]:
    """The lines between the braces of a DOT digraph; the same graph gives the same lines every time."""
    remarks = graph.remarks if values or grads else []
    whole = {"class": "recording", "rankdir": direction, "bgcolor": "#ffffff", "nodesep": "0.3", "ranksep": "0.35"}
    if remarks:
        whole["label"] = _lines(remarks)
    font = {"fontname": "Helvetica,Arial,sans-serif"}
    lines = [
        f"graph [{_attributes({**whole, **font, 'fontsize': '10'})}]",
        f"node [{_attributes({**font, 'fontsize': '11', 'style': 'filled', 'margin': '0.1,0.06'})}]",
        f"edge [{_attributes({**font, 'fontsize': '9', 'color': '#444444', 'arrowsize': '0.7'})}]",
    ]
    lines += _clusters(drawing.boxes, values=values, grads=grads)
    widths = _widths(drawing.wires) if grads else {}
    lines += [_wire(wire, widths.get(id(wire))) for wire in drawing.wires]
    return lines


def _clusters(boxes: list[Box], *, values: bool, grads: bool) -> list[str]:
    """The boxes inside the nested frames of their groups and repetitions."""
    runs: dict[str, tuple[str, ...]] = {}
    for box in boxes:
        if box.run is not None:
            before = runs.get(box.run.id, box.group)
            runs[box.run.id] = common(before, box.group)
    tree: dict[Any, Any] = {}
    for box in boxes:
        path: list[Any] = list(box.group)
        if box.run is not None:
            path = [*runs[box.run.id], box.run]
        place = tree
        for part in path:
            key = part.id if isinstance(part, Run) else part
            place = place.setdefault(("frame", key), {"part": part})
        place["box", box.id] = _box(box, values=values, grads=grads)
    return _framed(tree, "", [0])


def _framed(tree: dict[Any, Any], indent: str, serial: list[int]) -> list[str]:
    lines: list[str] = []
    for key, content in tree.items():
        if key == "part":
            continue
        if key[0] == "box":
            lines.append(indent + content)
            continue
        part = content["part"]
        label = f"repeated {part.count:,} times" if isinstance(part, Run) else _escaped(part)
        style = "dashed" if isinstance(part, Run) else "rounded"
        lines.append(f"{indent}subgraph cluster_{serial[0]} {{")
        serial[0] += 1
        frame = {"label": label, "style": style, "color": "#888888", "labeljust": "l", "class": "frame"}
        lines.append(f"{indent}  graph [{_attributes(frame)}]")
        lines += _framed(content, indent + "  ", serial)
        lines.append(f"{indent}}}")
    return lines


def _box(box: Box, *, values: bool, grads: bool) -> str:
    entry = box.members[-1] if box.kind in ("group", "cut") else box.members[0]
    if box.kind in ("group", "cut"):
        label = [box.label or "", count(box.operations, "operation"), shape_text(entry.shape, entry.dtype)]
        parameters = sum(member.kind == PARAMETER for member in box.members)
        if parameters:
            label.insert(2, count(parameters, "parameter"))
    else:
        label = _label(entry, len(box.members) if entry.kind != OPERATION else 1)
    if len(box.members) == 1 or box.kind == "group":
        label += _numbers(entry, values=values, grads=grads)
    attributes = {
        "id": box.id,
        "class": box.kind,
        **_LOOKS[box.kind],
        "label": _lines(label),
        "tooltip": _lines(_tooltip(entry)) if len(box.members) == 1 else _lines(label),
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


def _wire(wire: Wire, width: float | None) -> str:
    attributes: dict[str, str] = {}
    if wire.index is not None:
        attributes["headlabel"] = f"{wire.index + 1}"
        attributes["labeldistance"] = "1.4"
    if wire.broadcast is not None:
        attributes["label"] = f"{wire.broadcast[0]} to {wire.broadcast[1]}"
    if wire.back:
        attributes |= {"style": "dashed", "constraint": "false", "tooltip": "to the next repetition"}
    if width is not None:
        attributes["penwidth"] = f"{width:.2f}"
        attributes["tooltip"] = f"gradient sent back: largest {number(np.max(np.abs(wire.sent)))}"
    return f"{wire.source} -> {wire.target}" + (f" [{_attributes(attributes)}]" if attributes else "")


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


def _escaped(text: str) -> str:
    """Text as Graphviz reads it between quotes, whatever a student calls a Tensor."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = text if len(text) <= 200 else text[:199] + "…"
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
