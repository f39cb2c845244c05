"""`table`: one line per node, for the terminal. `name`: names for Tensors, said in one call."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.show.asked import walk_for
from autograd_lite.show.digits import number, shape_text, warning
from autograd_lite.show.errors import ShowError
from autograd_lite.show.graph import CONSTANT, Entry, Graph
from autograd_lite.show.groups import name_module
from autograd_lite.show.results import results_of, scalars_of
from autograd_lite.tensor import Tensor

__all__ = ["Table", "name", "table"]

_HEADS = ("", "name", "operation", "inputs", "shape", "value", "gradient")
_NARROWEST = (3, 4, 6, 6, 5, 8, 8)


class Table(str):
    """Text that shows itself as it is, in a terminal and in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def name(*unnamed: Any, **tensors: Any) -> None:
    """Name several Tensors and Modules at once; all else in `tensors` is passed over: `ag.name(**locals())` works.

    A Tensor that stands there under two names takes the first. A module and its parts are shown under that name from
    then on, and its parameters are named after their attributes, `net.0.weight`.

    Raises:
        OperandError: something is given without a name.

    >>> from autograd_lite import Tensor
    >>> W, b = Tensor([[1.0]], requires_grad=True), Tensor([0.0], requires_grad=True)
    >>> name(W=W, b=b, rate=0.1)
    >>> W.name, b.name
    ('W', 'b')
    """
    if unnamed:
        raise OperandError(f"name: a {type(unnamed[0]).__name__} is given without a name; write ag.name(W=W, b=b)")
    named: set[int] = set()
    for word, tensor in tensors.items():
        if isinstance(tensor, Tensor) and id(tensor) not in named:
            named.add(id(tensor))
            tensor.name = word
        elif hasattr(tensor, "named_parameters") and hasattr(tensor, "named_modules"):
            name_module(word, tensor)


def table(tensor: Any, *, maxrows: int = 40, width: int = 80) -> Table:
    """The graph of `tensor` as text: one line per node, inputs before users.

    Args:
        tensor: the result of recorded operations, before or after `backward`; or several, in a list, tuple or dict.
        maxrows: how many nodes are listed; of a longer graph the middle is cut out.
        width: how many columns there are.

    The gradient is that of the one real scalar among the results. A NaN or an infinity is flagged with an exclamation
    mark.

    Raises:
        NoGraphError: no recorded operation made `tensor`.
        ShowError: fewer than 2 rows or 60 columns.

    >>> from autograd_lite import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> print(table((x * x).sum()))
       name operation inputs shape value  gradient
    n0 x    parameter        (2,)  [1, 2] [2, 4]
    n1      multiply  x, x   (2,)  [1, 4] [1, 1]
    n2      sum       n1     ()    5      1
    """
    if maxrows < 2 or width < 60:
        raise ShowError(f"table: maxrows={maxrows}, width={width} leave no room; give at least 2 rows and 60 columns")
    scalars = scalars_of(results_of(tensor))
    scalar = len(scalars) == 1
    graph = walk_for("table", tensor, values=True, gradients=scalar, several=True)
    listed = [entry for entry in graph if entry.kind != CONSTANT]
    called = _called(graph)
    omitted = max(0, len(listed) - maxrows)
    head = (maxrows + 1) // 2 if omitted else len(listed)
    shown = listed[:head] + (listed[len(listed) - maxrows + head :] if omitted else [])
    rows = [_row(entry, called, scalar) for entry in shown]
    lines = _aligned([list(_HEADS), *rows], width)
    if omitted:
        lines.insert(head + 1, f"… {omitted:,} more")
    if not scalar:
        what = "more than one result is" if scalars else "the result is not"
        lines.append(f"No gradients: {what} a real scalar that requires grad.")
    return Table("\n".join([*lines, *(part for remark in graph.remarks for part in textwrap.wrap(remark, width))]))


def _called(graph: Graph) -> dict[str, str]:
    """How each entry is called among the inputs of another: by its name if that is unique, or by its id."""
    names = [entry.name for entry in graph if entry.name]
    called = {}
    for entry in graph:
        if entry.kind == CONSTANT:
            called[entry.id] = number(entry.value)
        else:
            called[entry.id] = entry.name if entry.name and names.count(entry.name) == 1 else entry.id
    return called


def _row(entry: Entry, called: dict[str, str], scalar: bool) -> list[str]:
    return [
        entry.id,
        entry.name or "",
        entry.operation or entry.kind,
        ", ".join(called[edge.source] for edge in entry.inputs),
        shape_text(entry.shape, entry.dtype),
        "not known" if entry.value is None else _cell(entry.value),
        "" if not scalar or entry.gradient is None else _cell(entry.gradient),
    ]


def _cell(value: Any) -> str:
    array = np.asarray(value)
    flagged = warning(array)
    if flagged:
        return f"! {flagged}" + (f" of {array.size:,}" if array.size > 1 else "")
    if array.size == 1:
        return number(array, 4)
    if array.size <= 3:
        return "[" + ", ".join(number(part, 3) for part in array.ravel()) + "]"
    if array.dtype.kind == "b":
        return f"{int(array.sum()):,} of {array.size:,} true"
    if array.dtype.kind == "c":
        array = np.abs(array)
    return f"{number(array.min(), 3)} .. {number(array.max(), 3)}"


def _aligned(rows: list[list[str]], width: int) -> list[str]:
    """The columns side by side; the widest give way until they fit."""
    rows = [["".join(letter if letter.isprintable() else " " for letter in cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + len(widths) - 1 > width:
        spare = [wide - least for wide, least in zip(widths, _NARROWEST, strict=True)]
        widths[spare.index(max(spare))] -= 1
    return [" ".join(_fitted(cell, wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows]


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"
