"""A model as a tree: its parts, with output shapes and parameter counts."""

from __future__ import annotations

from typing import Any

from autograd_lite.grad_mode import no_grad
from autograd_lite.nn.module import Module, _entries
from autograd_lite.tensor import Tensor

__all__ = ["summary"]

_WIDTH = 80


def summary(model: Module, inputs: tuple[Any, ...] = ()) -> str:
    """The parts of `model` as a tree, with output shapes for a tuple of `inputs`; see `Module.summary`.

    The forward pass runs in evaluation mode and leaves the mode as it was.

    Each parameter is counted once, in the part whose attribute it is, so that the counts add up to the last line.

    >>> from autograd_lite.nn import Dense
    >>> print(summary(Dense(3, 2)))
    part  layer        parameters
    -----------------------------
          Dense(3, 2)           8
    -----------------------------
                                8
    """
    named = [(name, part) for name, part in model.named_entries() if callable(part)]
    modules = [part for _, part in model.named_modules()]
    shapes = _output_shapes(model, modules, inputs) if inputs else {}
    counted: set[int] = set()
    table = [("part", "layer", "output", "parameters")]
    own = _own(model)
    if not named:
        table.append(("", _described(model), shapes.get(id(model), ""), _count(own, counted)))
    elif own:
        table.append(("", f"{type(model).__name__} itself", "", _count(own, counted)))
    for tree, (_, part) in zip(_branches([name for name, _ in named]), named, strict=True):
        parameters = _count(_own(part), counted) if isinstance(part, Module) else ""
        table.append((tree, _described(part), shapes.get(id(part), ""), parameters))
    table.append(("", "", "", f"{sum(p.size for p in model.parameters()):,}"))
    if not inputs:
        table = [(part, layer, "", count) for part, layer, _, count in table]
    return _aligned(table)


def _output_shapes(model: Module, modules: list[Module], inputs: tuple[Any, ...]) -> dict[int, str]:
    """What each part gives for `inputs`, by the identity of the part; of several calls the last."""
    shapes: dict[int, str] = {}

    def note(part: Module, _: Any, output: Any) -> None:
        shapes[id(part)] = str(tuple(output.shape)) if hasattr(output, "shape") else "several"

    modes = [(part, part.training) for part in modules]
    handles = []
    try:
        for part in modules:
            handles.append(part.register_forward_hook(note))  # noqa: PERF401  # those so far are known if one fails
        with no_grad():
            model.eval()(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        for part, mode in modes:
            part.training = mode
    return shapes


def _branches(names: list[str]) -> list[str]:
    """The names as the branches of a tree, each without what it shares with the part that it is in.

    >>> _branches(["0", "1", "1.inner", "2"])
    ['├─ 0', '├─ 1', '│  └─ inner', '└─ 2']
    """
    parents: list[int] = []
    last: dict[int, int] = {}
    above: list[int] = []
    for i, name in enumerate(names):
        while above and not name.startswith(f"{names[above[-1]]}."):
            above.pop()
        parents.append(above[-1] if above else -1)
        last[parents[i]] = i
        above.append(i)
    branches, stems = [], {-1: ""}
    for i, (name, parent) in enumerate(zip(names, parents, strict=True)):
        ends = last[parent] == i
        within = name if parent < 0 else name[len(names[parent]) + 1 :]
        branches.append(f"{stems[parent]}{'└─ ' if ends else '├─ '}{within}")
        stems[i] = stems[parent] + ("   " if ends else "│  ")
    return branches


def _own(part: Module) -> list[Any]:
    """The parameters that are a Module's own, not those of Modules inside it."""
    direct, *inside = [
        [value for _, value in _entries(module, "", set(), deep=False) if isinstance(value, Tensor)]
        for _, module in part.named_modules()
    ]
    elsewhere = {id(p) for parameters in inside for p in parameters}
    return [p for key, p in {id(p): p for p in direct}.items() if key not in elsewhere]


def _count(parameters: list[Any], counted: set[int]) -> str:
    """How many numbers the parameters have that were not counted yet; they are then."""
    new = [p for p in parameters if id(p) not in counted]
    counted.update(id(p) for p in new)
    if parameters and not new:
        return "shared"
    return f"{sum(p.size for p in new):,}" if new else ""


def _described(part: Any) -> str:
    if not isinstance(part, Module):
        return str(getattr(part, "__name__", type(part).__name__))
    first = repr(part).partition("\n")[0]
    return first if first.endswith(")") else type(part).__name__


def _aligned(table: list[tuple[str, str, str, str]]) -> str:
    """The rows under each other, within 80 columns: what is too long ends in "…", the layer's arguments first."""
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    columns = [i for i in range(4) if widths[i]]
    for i, least in ((1, 16), (0, 16), (2, 12)):
        excess = sum(widths) + 2 * (len(columns) - 1) - _WIDTH
        if excess > 0:
            widths[i] = max(min(widths[i], least), widths[i] - excess)
    lines = []
    for row in table:
        cells = [cell if len(cell) <= widths[i] else cell[: widths[i] - 1] + "…" for i, cell in enumerate(row)]
        padded = [cells[i].rjust(widths[i]) if i == 3 else cells[i].ljust(widths[i]) for i in columns]
        lines.append("  ".join(padded).rstrip())
    rule = "-" * (sum(widths) + 2 * (len(columns) - 1))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
