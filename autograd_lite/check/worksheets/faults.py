"""What is wrong with a sheet beside its numbers: missing gradients, unknown targets, silent broadcasting."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .bench import FAILURES
from .errors import SheetError
from .functions import FUNCTIONS
from .interpret import Environment, evaluate
from .mark import Group, Mark
from .program import Binary, Call, Constant, Index, Name, Node, Sequence, walk
from .read import Sheet
from .spelling import a_size, local_derivative

_WORDS = re.compile(
    r"(delta|diff|dist|denom|den|diag|dot|dim|data|damp|decay|depth|direction|div|double|down|deriv|dec|del|det)"
    r"[a-z]*_?\w*|d|d_?\d*",
    re.IGNORECASE,
)


def sheet_errors(
    sheet: Sheet, values: Environment, found: dict[str, Group], marks: dict[str, Mark]
) -> list[SheetError]:
    """Return the errors of a sheet, the one to report first at the front.

    Args:
        sheet: the worksheet.
        values: forward values at one sample.
        found: its gradients.
        marks: their verdicts.
    """
    errors = [*silent_broadcasts(sheet, values), *sheet.refused, *unknown_targets(sheet, found)]
    errors += [
        mark.error.at(mark.line, mark.name)
        for mark in marks.values()
        if mark.error is not None and mark.verdict in ("wrong", "error")
    ]
    errors.sort(key=lambda error: error.line if error.line is not None else 0)
    errors += [
        SheetError("missing-gradient", f"{name} is wanted but never assigned.{_unknown(sheet, name)}", name=name)
        for name in sheet.wanted
        if name not in found and name not in sheet.tainted
    ]
    if not (sheet.wanted or found or sheet.tainted):
        errors.append(_nothing_found(sheet))
    return errors


def _unknown(sheet: Sheet, wanted: str) -> str:
    """Return what is wrong with a name of the line '# wanted:'; empty if nothing is."""
    known = {*sheet.inputs, *(statement.target for statement in sheet.forward)}
    word = wanted.removeprefix("d")
    return "" if word in known else f" Nor is there a {word} in the sheet: look at its '# wanted:' line."


def _nothing_found(sheet: Sheet) -> SheetError:
    """Return the error of a sheet that asks for no gradient and has none."""
    example = next((name for name, entry in sheet.inputs.items() if entry.differentiable), next(iter(sheet.inputs)))
    others = ", ".join(dict.fromkeys(statement.target for statement in sheet.gradient))
    return SheetError(
        "missing-gradient",
        f"no gradient was found{f' among {others}' if others else ''}; the derivative of the loss by {example} is "
        f"called d{example}, and a '# wanted:' line says which are asked for.",
        sheet.gradient[0].line if sheet.gradient else None,
    )


def unknown_targets(sheet: Sheet, found: dict[str, Group]) -> Iterator[SheetError]:
    """Yield the targets that look like gradients of something the forward part does not have."""
    seen: set[str] = set()
    for statement in sheet.gradient:
        name = statement.target
        if not name.startswith("d") or name in found or name in seen or name in sheet.tainted:
            continue
        seen.add(name)
        if local_derivative(name, sheet.variables) or (a_size(statement.value) and name not in sheet.wanted):
            continue
        if name in sheet.wanted or (not _WORDS.fullmatch(name) and name[1:] not in FUNCTIONS):
            yield SheetError(
                "unknown-target",
                f"{name} is assigned, but {name[1:]} is not a real variable of the forward part; "
                "use the name of an input or a forward variable after the d, and a helper name without it.",
                statement.line,
                name,
            )


def silent_broadcasts(sheet: Sheet, values: Environment) -> Iterator[SheetError]:
    """Yield the forward lines in which (n,) meets (n, 1), so that an (n, n) array appears."""
    definitions: dict[str, Node] = {}
    for statement in sheet.forward:
        for _, node in walk(statement.value):
            if isinstance(node, Binary) and node.op in ("+", "-", "*", "/"):
                try:
                    shapes = [np.shape(evaluate(side, values)) for side in (node.left, node.right)]
                except FAILURES:
                    continue
                if _column_and_row(*shapes) and not any(_explicit(s, definitions) for s in (node.left, node.right)):
                    yield SheetError(
                        "silent-broadcast",
                        f"{statement.target}: shapes {shapes[0]} and {shapes[1]} broadcast to a square array; "
                        "write [:, 0] or [:, None] to say which is meant.",
                        statement.line,
                        statement.target,
                    )
                    break
        definitions[statement.target] = statement.value


def _column_and_row(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    if len(first) == 2:
        first, second = second, first
    return len(first) == 1 and len(second) == 2 and second == (first[0], 1) and first[0] > 1


def _explicit(node: Node, definitions: dict[str, Node]) -> bool:
    """Return whether an operand was given its extra axis on purpose."""
    for _, part in walk(node):
        if isinstance(part, Index):
            items = part.index.items if isinstance(part.index, Sequence) else (part.index,)
            if any(isinstance(item, Constant) and item.value is None for item in items):
                return True
        if isinstance(part, Call) and part.function in ("expand_dims", "reshape"):
            return True
        if isinstance(part, Name) and part.id in definitions and part is node:
            return _explicit(definitions[part.id], {})
    return False
