"""`draw`: the picture of a graph, as a `graphviz.Digraph` that needs no `dot`."""

from __future__ import annotations

import os
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from autograd_lite.show.asked import walk_for
from autograd_lite.show.digits import count
from autograd_lite.show.dot import DIRECTIONS, statements
from autograd_lite.show.errors import RenderingError, ShowError
from autograd_lite.show.files import write_whole
from autograd_lite.show.folding import fold
from autograd_lite.show.graph import OPERATION, PARAMETER
from autograd_lite.show.layout import FORMATS, lay_out

__all__ = ["Picture", "draw"]


class Picture:
    """A drawn graph: shows itself in a notebook, saves itself as svg, html, png, pdf or dot.

    Where the `graphviz` package is installed, it is a `graphviz.Digraph` as well.
    """

    def __init__(self, body: list[str], summary: str) -> None:
        self.body = body
        self.summary = summary

    @property
    def source(self) -> str:
        """The picture in Graphviz's language."""
        return "digraph {\n" + "".join(f"\t{line}\n" for line in self.body) + "}\n"

    def pipe(self, format: str | None = None, **_: Any) -> bytes:
        """The picture as bytes: "svg" (the default), "html", "png", "pdf", or "dot".

        Raises:
            ShowError: an unknown format.
            RenderingError: Graphviz is missing, or cannot do it.
        """
        format = format or "svg"
        if format not in FORMATS:
            raise ShowError(f"draw: unknown format {format!r}; choose one of {', '.join(FORMATS)}")
        if format in ("dot", "gv"):
            return self.source.encode()
        if format == "html":
            return _page(self.summary, lay_out(self.source, "svg").decode()).encode()
        return lay_out(self.source, format)

    def save(self, filename: Any = None, directory: Any = None, **_: Any) -> str:
        """Write the picture, in the format that the ending of `filename` names, whole or not at all.

        Args:
            filename: a path that ends in .svg, .html, .png, .pdf, .dot or .gv.
            directory: the folder, if it is not part of the path.

        Returns the path. Raises what `pipe` raises, and SavingError if the path cannot be written.
        """
        path = Path(directory or "", filename or "graph.svg")
        return os.fspath(write_whole(path, self.pipe(path.suffix.lower().lstrip(".") or "no ending")))

    def render(self, filename: Any = None, directory: Any = None, *, format: str = "svg", **_: Any) -> str:
        """Write the picture to `filename` with the ending of `format` added, as graphviz.Digraph names it."""
        return self.save(f"{os.fspath(filename or 'graph')}.{format}", directory)

    def _repr_svg_(self) -> str:
        return self.pipe("svg").decode()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        bundle = {"text/plain": self.summary}
        try:
            bundle["image/svg+xml"] = self._repr_svg_()
        except RenderingError as error:
            bundle["text/plain"] = f"{error}\n\n{self.source}"
        wanted = set(include) if include else set(bundle)
        return {kind: text for kind, text in bundle.items() if kind in wanted - set(exclude or ())}

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Picture: {self.summary}>"


@cache
def _picture_class() -> type[Picture]:
    """`Picture`, made a `graphviz.Digraph` where that package is installed."""
    try:
        from graphviz import Digraph  # type: ignore[import-untyped]
    except ImportError:
        return Picture

    class DigraphPicture(Picture, Digraph):  # type: ignore[misc]
        __doc__ = Picture.__doc__

        def __init__(self, body: list[str], summary: str) -> None:
            Digraph.__init__(self, body=[f"\t{line}\n" for line in body])
            self.summary = summary

        source = Digraph.source

    return DigraphPicture


def draw(
    tensor: Any, *, values: bool = False, grads: bool = False, depth: int | None = None, direction: str = "TB"
) -> Any:
    """Draw the graph that `tensor` was computed by.

    Args:
        tensor: the result of recorded operations, before or after `backward`; or several, in a list, tuple or dict.
        values: whether to write the value into each box.
        grads: whether to write the gradient of the result into each box, and its magnitude into the arrows' width.
        depth: how many levels of modules stay open; None folds as much as is needed to stay readable.
        direction: "TB" (data on top), "BT", "LR" or "RL".

    Returns a `Picture`: a `graphviz.Digraph` whose `save("x.svg")` needs no program but Python's packages.

    Raises:
        NoGraphError: no recorded operation made `tensor`.
        BackwardError: `grads` of a result that is not a real scalar, or of several that are.
        ShowError: a depth or direction that means nothing.

    >>> import autograd_lite as ag
    >>> x = ag.Tensor(3.0, requires_grad=True, name="x")
    >>> draw(x * x)
    <Picture: 1 operation on 1 parameter>
    """
    if direction not in DIRECTIONS:
        raise ShowError(f"draw: unknown direction {direction!r}; choose one of {', '.join(DIRECTIONS)}")
    graph = walk_for("draw", tensor, values=values, gradients=grads, several=True)
    drawing = fold(graph, depth)
    body = statements(graph, drawing, values=values, grads=grads, direction=direction)
    operations = sum(entry.kind == OPERATION for entry in graph)
    parameters = sum(entry.kind == PARAMETER for entry in graph)
    summary = f"{count(operations, 'operation')} on {count(parameters, 'parameter')}"
    if len(drawing.boxes) < len(graph):
        summary += f", drawn in {len(drawing.boxes)} boxes"
    return _picture_class()(body, summary)


def _page(title: str, svg: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>:root {{ color-scheme: light dark }} body {{ margin: 1rem }} svg {{ max-width: 100% }}</style>\n"
        f"{svg}</html>\n"
    )
