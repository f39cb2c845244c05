"""`explain`: one page, in one file, on which a computation and its backward pass are stepped through.

The page is data, a style and a script; it loads nothing. Its formulas are the rules of the table, printed by the
same printers as `derivation`, and its numbers are those of this run.
"""

from __future__ import annotations

import json
import os
import re
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from autograd_lite.show.asked import graph_for
from autograd_lite.show.differences import difference_quotients
from autograd_lite.show.digits import brief, count, shape_text
from autograd_lite.show.dot import statements
from autograd_lite.show.errors import RenderingError, ShowError
from autograd_lite.show.expression import Expression, gradient_of, named, number, spelled_out
from autograd_lite.show.files import write_whole
from autograd_lite.show.folding import fold
from autograd_lite.show.formula import rule_of
from autograd_lite.show.graph import CONSTANT, OPERATION, PARAMETER, Edge, Entry, Graph
from autograd_lite.show.heatmaps import HeatMaps, six_digits
from autograd_lite.show.latex import LATEX
from autograd_lite.show.layout import lay_out
from autograd_lite.show.mathml import MATHML, numbers_printer
from autograd_lite.show.notation import UNICODE
from autograd_lite.show.variables import variable_names
from autograd_lite.show.written import written_as

__all__ = ["Page", "explain"]

#: more operations than this are not stepped through by anyone
_MOST = 400
#: entries of an array that is written out inside a formula
_IN_FORMULA = 6


class Page:
    """The finished page: `save` it, or let a notebook show it."""

    def __init__(self, html: str, summary: str) -> None:
        self.html = html
        self.summary = summary

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page to a path that ends in .html, whole or not at all, and return the path.

        Raises:
            ShowError: another ending.
            SavingError: the path cannot be written.
        """
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise ShowError(f"explain: a page is not saved to {path!r}; give a path that ends in .html")
        name = os.fsdecode(path)
        if os.path.splitext(name)[1].lower() not in (".html", ".htm") or "\0" in name:
            raise ShowError(f"explain: the page is HTML; give a path that ends in .html, not {name!r}")
        return os.fspath(write_whole(name, self.html.encode(errors="replace")))

    def _repr_html_(self) -> str:
        # A frame of its own keeps the page's style and script apart from the notebook's.
        return f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:48rem;border:0" title="steps"></iframe>'

    def __repr__(self) -> str:
        return f"<Page: {self.summary}>"


def explain(tensor: Any) -> Page:
    """A page on which the computation of `tensor` and its backward pass are stepped through, with every number.

    Args:
        tensor: a real scalar, the result of at most 400 recorded operations.

    Each step shows the operation, its rule, the rule with this run's numbers, values and gradients as small heat
    maps, what is sent to each input, and the running sum where several gradients meet. Open the saved file in any
    browser; the arrow keys step.

    Raises:
        NoGraphError: no recorded operation made `tensor`.
        BackwardError: it is not a real scalar, or depends on no parameter.
        ShowError: there are too many operations, or their values are no longer known.

    >>> from autograd_lite import Tensor
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> explain(x * x)
    <Page: 1 operation forward, 2 steps backward>
    """
    graph = graph_for("explain", tensor, gradients=True)
    operations = sum(entry.kind == OPERATION for entry in graph)
    if operations > _MOST:
        raise ShowError(
            f"explain: {operations:,} operations are more than the {_MOST} that can be stepped through; explain a part "
            f"of the computation, or look at the whole with draw or table"
        )
    unknown = any(edge.sent is None and _flows(entry, edge) for entry in graph for edge in entry.inputs)
    if unknown or any(entry.value is None for entry in graph):
        raise ShowError(
            "explain: values of the forward pass are no longer known, because arrays were not kept or a leaf was "
            "changed since; compute the result again and explain it before the update, with data as named Tensors"
        )
    steps = _Steps(graph, difference_quotients(graph))
    forward, backward = steps.forward(), steps.backward()
    summary = f"{count(len(forward), 'operation')} forward, {count(len(backward), 'step')} backward"
    title = steps.names[graph.result.id]
    for entry in graph:
        entry.name = steps.names.get(entry.id)  # the boxes are called what the steps call them
    pictures, sentence = _pictures(graph)
    data = {
        "title": title,
        "steps": forward + backward,
        "forward": len(forward),
        "arrays": steps.arrays.found,
        "levels": [picture["boxes"] for picture in pictures],
        "left_out": steps.arrays.left_out,
    }
    svgs = [picture["svg"] for picture in pictures]
    return Page(_html(title, summary, data, svgs, [*graph.remarks, *sentence]), summary)


def _flows(entry: Entry, edge: Edge) -> bool:
    """Whether the backward pass ought to send something along this edge."""
    node: Any = entry.node
    if entry.gradient is None:
        return False
    source = node.inputs[edge.index]
    return bool(node.requires_grad and getattr(source, "requires_grad", False) and node.op.rules[edge.index])


class _Steps:
    """The steps of the page, and the arrays that they show."""

    def __init__(self, graph: Graph, checks: dict[str, list[tuple[tuple[int, ...], float]]]) -> None:
        self.graph = graph
        self.checks = checks
        self.entry = {entry.id: entry for entry in graph}
        self.names, self.symbols = variable_names(graph)
        self.result = self.symbols[graph.result.id]
        self.meanings = {symbol: self.names[i] for i, symbol in self.symbols.items() if symbol != self.names[i]}
        self.called = {symbol: identifier for identifier, symbol in self.symbols.items()}
        self.arrays = HeatMaps()
        values = {self.symbols[e.id]: e.value for e in graph if e.kind != CONSTANT}
        gradients = {self.symbols[e.id]: e.gradient for e in graph if e.kind != CONSTANT}
        self.in_numbers = numbers_printer(values, gradients)
        self.small = {self.symbols[e.id]: np.size(e.value) <= _IN_FORMULA for e in graph if e.kind != CONSTANT}

    def forward(self) -> list[dict[str, Any]]:
        """One step for each operation."""
        return [self._forward_step(entry) for entry in self.graph if entry.kind == OPERATION]

    def backward(self) -> list[dict[str, Any]]:
        """One step for each operation that a gradient reaches, from the result back, and one for each parameter."""
        sums: dict[str, Any] = {}
        steps = []
        for entry in reversed(self.graph.entries):
            if entry.gradient is None:
                continue
            if entry.kind == OPERATION:
                steps.append(self._backward_step(entry, sums))
            elif entry.kind == PARAMETER:
                steps.append(self._parameter_step(entry))
        return steps

    def _forward_step(self, entry: Entry) -> dict[str, Any]:
        called = written_as(entry, self._inputs(entry))
        full = spelled_out(called)
        target = self._variable(entry)
        sides = [target, full] if full is called else [target, called, full]
        panels = [
            self._panel(self._label(self.entry[edge.source]), f"v{edge.source}", self.entry[edge.source].value)
            for edge in entry.inputs
            if self.entry[edge.source].kind != CONSTANT
        ]
        panels.append(self._panel(f"{self._label(entry)}, the result", f"v{entry.id}", entry.value, sign="="))
        notes = [
            f"{self.names[edge.source]} of shape {edge.shape} is repeated to {edge.broadcast}."
            for edge in entry.inputs
            if edge.broadcast is not None and edge.source in self.names
        ]
        notes += [f"Written on {entry.line}"] if entry.line else []
        what = f"{self.names[entry.id]} = {entry.operation}({', '.join(self._word(e) for e in entry.inputs)})"
        return {
            "phase": "forward",
            "node": entry.id,
            "title": f"Forward: {entry.operation} makes {self.names[entry.id]}",
            "text": f"Forward: {what} = {brief(entry.value)}, shape {_shape(entry)}. {' '.join(notes)}".rstrip(),
            "parts": [self._part(sides, "=", panels, notes, [])],
            "latex": " = ".join(map(LATEX, sides)),
            "edges": [[edge.source, entry.id] for edge in entry.inputs],
        }

    def _backward_step(self, entry: Entry, sums: dict[str, Any]) -> dict[str, Any]:
        name = self.names[entry.id]
        g = gradient_of(self.symbols[entry.id], self.result, entry.shape)
        arrives = self._panel(f"gradient that arrives at {name} {_shape(entry)}", f"g{entry.id}", entry.gradient)
        parts, latex, told = [], [], []
        for edge in entry.inputs:
            if edge.sent is None:
                continue
            to = self.entry[edge.source]
            rule = rule_of(entry, edge.index, g, self._variable(entry), self._inputs(entry), self.entry)
            target = gradient_of(self.symbols[to.id], self.result, to.shape)
            key = f"{entry.id}.{edge.index}"
            several = sum(e.source == to.id and e.sent is not None for other in self.graph for e in other.inputs) > 1
            panels = [self._panel(f"sent to {self._label(to)}", f"s{key}", edge.sent)]
            if several:
                old = sums.get(to.id)
                total = edge.sent if old is None else old + edge.sent
                before = np.zeros(to.shape, to.dtype) if old is None else old
                panels = [
                    self._panel("there already", f"o{key}", before),
                    self._panel("sent now", f"s{key}", edge.sent, sign="+"),
                ]
                panels.append(self._panel(f"sum at {self.names[to.id]}", f"t{key}", total, sign="="))
                sums[to.id] = total
            notes = []
            if edge.broadcast is not None:
                repeated = f"{self.names[to.id]} was repeated from {edge.shape} to {edge.broadcast}"
                notes.append(f"{repeated}, so its gradient is summed back.")
            part = self._part([target, rule], "+=" if several else "=", panels, notes, [f"s{key}"])
            reads = [self.entry[self.called[symbol]] for symbol in rule.names if symbol in self.called]
            part["reads"] = [self._panel(self._label(e), f"v{e.id}", e.value) for e in reads]
            parts.append(part)
            latex.append(f"{LATEX(target)} {'{+}' if several else ''}= {LATEX(rule)}")
            told.append(" ".join([f"{brief(edge.sent)} to {self.names[to.id]}.", *notes]))
        sends = " It sends ".join(told) or "nothing."
        return {
            "phase": "backward",
            "node": entry.id,
            "title": f"Backward: {entry.operation} passes on the gradient of {name}",
            "text": f"Backward: at {name} arrives {brief(entry.gradient)}; {entry.operation} sends {sends}",
            "arrives": arrives,
            "parts": parts,
            "latex": " \\\\ ".join(latex),
            "edges": [[edge.source, entry.id] for edge in entry.inputs if edge.sent is not None],
        }

    def _parameter_step(self, entry: Entry) -> dict[str, Any]:
        name = self.names[entry.id]
        checks = []
        for index, quotient in self.checks.get(entry.id, []):
            engine = float(np.asarray(entry.gradient)[index])
            # The quotient itself is only as good as the rounding of the result, divided by the step.
            rounding = 1e-9 * (1 + abs(float(np.asarray(self.graph.result.value).item())))
            close = abs(engine - quotient) <= 1e-5 * max(abs(engine), abs(quotient)) + rounding
            checks.append(
                {
                    "index": str(list(index)),
                    "engine": six_digits(engine),
                    "quotient": six_digits(quotient),
                    "agree": close,
                }
            )
        verdict = "not checked"
        if checks:
            agree = all(check["agree"] for check in checks)
            verdict = "they agree" if agree else "they differ, as at a kink, or where the step is too large or small"
        gradient = brief(entry.gradient)
        return {
            "phase": "backward",
            "node": entry.id,
            "title": f"Done: the gradient of {name} is complete",
            "text": f"The gradient of parameter {name} is {gradient}. Against finite differences: {verdict}.",
            "arrives": self._panel(f"gradient of {name} {_shape(entry)}", f"g{entry.id}", entry.gradient),
            "parts": [],
            "checks": checks,
            "latex": LATEX(gradient_of(self.symbols[entry.id], self.result, entry.shape)),
            "edges": [],
        }

    def _part(
        self, sides: list[Expression], sign: str, panels: list[Any], notes: list[str], hidden: list[str]
    ) -> dict[str, Any]:
        target, full = sides[0], sides[-1]
        relation = f"<mo>{sign}</mo>"
        told = [f"{UNICODE.variable(s)} is {m}." for s, m in self.meanings.items() if s in _variables(full)]
        part = {
            "math": f'<math display="block">{relation.join(map(MATHML, sides))}</math>',
            "panels": panels,
            "notes": notes + told,
            "hidden": hidden,
        }
        if all(self.small.get(name, True) for name in _variables(full)):
            part["numbers"] = f'<math display="block">{MATHML(target)}{relation}{self.in_numbers(full)}</math>'
        return part

    def _variable(self, entry: Entry) -> Expression:
        return named(self.symbols[entry.id], entry.shape)

    def _inputs(self, entry: Entry) -> list[Expression]:
        sources = [self.entry[edge.source] for edge in entry.inputs]
        return [number(s.value) if s.kind == CONSTANT else self._variable(s) for s in sources]

    def _word(self, edge: Edge) -> str:
        source = self.entry[edge.source]
        return brief(source.value) if source.kind == CONSTANT else self.names[edge.source]

    def _label(self, entry: Entry) -> str:
        return f"{self.names[entry.id]} {_shape(entry)}"

    def _panel(self, label: str, key: str, array: Any, sign: str = "") -> dict[str, str]:
        self.arrays.add(key, array)
        return {"label": label, "array": key, "sign": sign}


def _shape(entry: Entry) -> str:
    return shape_text(entry.shape, entry.dtype)


def _variables(expression: Expression) -> set[str]:
    if expression.kind == "name":
        return {expression.value}
    if expression.kind == "gradient":
        return {expression.value[0]}
    return set().union(*map(_variables, expression.parts)) if expression.parts else set()


def _pictures(graph: Graph) -> tuple[list[dict[str, Any]], list[str]]:
    """One picture for each number of open levels of groups, the most open first; and a sentence if there is none."""
    deepest = max(len(entry.group) for entry in graph)
    pictures = []
    for depth in range(deepest, -1, -1):
        drawing = fold(graph, depth)
        body = statements(graph, drawing, values=False, grads=False, direction="TB")
        source = "digraph {\n" + "\n".join(body) + "\n}\n"
        try:
            svg = lay_out(source, "svg").decode()
        except RenderingError as error:
            return [], [f"There is no picture of the graph: {error}."]
        boxes = {member.id: box.id for box in drawing.boxes for member in box.members}
        pictures.append({"svg": svg, "boxes": boxes})
    return pictures, []


def _in_script(data: Any) -> str:
    """JSON that cannot end the script element early, nor open another, whatever a Tensor is called."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"<(?=[!sS])", r"\\u003c", text.replace("</", "<\\/"))


def _slim(svgs: list[str]) -> tuple[list[str], str]:
    """Graphviz's pictures without what they say over and over, and a style that says it once."""
    style = "".join(re.findall(r"<style>(.*?)</style>", svgs[0], re.DOTALL)) if svgs else ""
    classes: dict[str, str] = {}

    def paint(found: re.Match[str]) -> str:
        return f' class="{classes.setdefault(found[0], f"p{len(classes)}")}"'

    slim = []
    for svg in svgs:
        svg = re.sub(r"<style>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
        svg = re.sub(r' text-anchor="middle"| font-family="[^"]*"| id="edge\d+"', "", svg)
        # A tooltip in a title needs neither a link nor a group around the box.
        svg = re.sub(r'<title>(\w+)</title>\s*<g id="a_\1"><a xlink:title="([^"]*)">', r"<title>\2</title>", svg)
        svg = re.sub(r"</a>\s*</g>", "", svg)
        svg = re.sub(r'(?: fill="[^"]*"| stroke="[^"]*"| stroke-[a-z]+="[^"]*"| font-size="[^"]*")+', paint, svg)
        svg = re.sub(r' (?:d|points|x|y|c[xy]|r[xy]|viewBox)="[^"]*"', _tenths, svg)
        slim.append(re.sub(r">\s+<", "><", svg))
    rules = [f".{name} {{{_declared(attributes)}}}" for attributes, name in classes.items()]
    return slim, "\n".join([*rules, style])


def _tenths(found: re.Match[str]) -> str:
    """Coordinates with one digit after the point."""
    return re.sub(r"\.0+(?=\D)", "", re.sub(r"(\.\d)\d+", r"\1", found[0]))


def _declared(attributes: str) -> str:
    pairs = re.findall(r'([a-z-]+)="([^"]*)"', attributes)
    return "; ".join(f"{key}: {value}{'px' if key == 'font-size' else ''}" for key, value in pairs)


def _html(title: str, summary: str, data: dict[str, Any], svgs: list[str], remarks: list[str]) -> str:
    folder = files("autograd_lite.show") / "page"
    svgs, style = _slim(svgs)
    parts = {
        "title": escape(title),
        "summary": escape(summary),
        "style": (folder / "page.css").read_text(encoding="utf-8") + style,
        "script": (folder / "page.js").read_text(encoding="utf-8"),
        "remarks": "".join(f"<p class=remark>{escape(remark)}</p>" for remark in remarks),
        "pictures": "".join(f'<div class="picture" data-level="{i}" hidden>{svg}</div>' for i, svg in enumerate(svgs)),
        "steps": "".join(f"<li>{escape(step['text'])}</li>" for step in data["steps"]),
        "data": _in_script(data),
    }
    page = (folder / "page.html").read_text(encoding="utf-8")
    pieces = page.split("@@")
    return "".join(piece if i % 2 == 0 else parts[piece] for i, piece in enumerate(pieces))
