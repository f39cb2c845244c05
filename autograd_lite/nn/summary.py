"""The table of a model's parts, with output shapes and parameter counts."""

from __future__ import annotations

from typing import Any

from autograd_lite.nn.module import Module
from autograd_lite.record import no_grad

__all__ = ["summary"]


def summary(model: Module, inputs: tuple[Any, ...] = ()) -> str:
    """See `Module.summary`. The forward pass runs in evaluation mode and leaves the mode as it was.

    >>> from autograd_lite.nn import Dense
    >>> print(summary(Dense(3, 2)))
    part  layer        parameters
    -----------------------------
          Dense(3, 2)           8
    -----------------------------
                                8
    """
    named = list(model.named_modules())
    inner = [(name, part) for name, part in named if part is not model and _own(part)]
    rows = inner or [("", model)]
    shapes: dict[int, str] = {}
    if inputs:

        def note(part: Module, _: Any, output: Any) -> None:
            shapes[id(part)] = str(tuple(output.shape)) if hasattr(output, "shape") else "several"

        modes = [(part, part.training) for _, part in named]
        handles = [part.register_forward_hook(note) for _, part in rows]
        try:
            with no_grad():
                model.eval()(*inputs)
        finally:
            for handle in handles:
                handle.remove()
            for part, mode in modes:
                part.training = mode
    counted: set[int] = set()
    table = [("part", "layer", "output", "parameters")]
    for name, part in rows:
        new = [p for p in _own(part) if id(p) not in counted]
        counted.update(id(p) for p in new)
        first = repr(part).partition("\n")[0]
        described = first if first.endswith(")") else f"{type(part).__name__}"
        table.append((name, described, shapes.get(id(part), "-"), f"{sum(p.size for p in new):,}"))
    direct = [p for p in model.parameters() if id(p) not in counted]
    if direct:
        table.append(("", f"{type(model).__name__} itself", "", f"{sum(p.size for p in direct):,}"))
    table.append(("", "", "", f"{sum(p.size for p in model.parameters()):,}"))
    if not inputs:
        table = [(part, layer, "", count) for part, layer, _, count in table]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    lines = []
    for row in table:
        cells = [row[i].ljust(widths[i]) if i < 3 else row[i].rjust(widths[i]) for i in range(4) if widths[i]]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * (sum(widths) + 2 * (sum(1 for w in widths if w) - 1))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _own(part: Module) -> list[Any]:
    """The parameters that are a Module's own, not those of Modules inside it."""
    inside = {id(p) for _, child in part.named_modules() if child is not part for p in child.parameters()}
    return [p for p in part.parameters() if id(p) not in inside]
