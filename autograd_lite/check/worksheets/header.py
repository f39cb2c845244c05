"""The header of a worksheet: ``# inputs:`` with shapes and markers, and ``# wanted:``."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import SheetError, like

MAX_LITERAL = 64
MAX_AXES = 6
MAX_INPUTS = 200

#: the words for how an input is drawn, as they are written
MARKERS = (
    *("positive", "in (0, 1)", "large", "integers", "binary", "signs", "probabilities", "one-hot"),
    "integer labels in [0, k)",
)
_INPUT = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([^()]*)\)\s*")
_MARKER = re.compile(
    r"(positive|in\s*\(\s*0\s*,\s*1\s*\)|large|integer\s+labels\s+in\s*\[\s*0\s*,\s*(?P<bound>\w+)\s*\)"
    r"|integers|binary|signs|probabilities|one[- ]?hot)\s*"
)


@dataclass(frozen=True)
class Input:
    """One input: its name, its dimensions (symbols or numbers) and how it is drawn."""

    name: str
    shape: tuple[str | int, ...]
    marker: str = ""
    bound: str | int | None = None
    """For labels: the number of classes."""

    @property
    def differentiable(self) -> bool:
        """Whether the input is made of real numbers."""
        return self.marker != "labels"


def header(lines: Iterable[str]) -> tuple[dict[str, Input], list[str]]:
    """Return the inputs and the wanted gradients that the comment lines of a sheet declare.

    Args:
        lines: the lines before the gradient part.

    Raises:
        SheetError: ``bad-header``, with the line.
    """
    inputs: dict[str, Input] = {}
    wanted: list[str] = []
    for number, line in enumerate(lines, 1):
        comment = re.match(r"\s*#\s*(inputs?|wanted)\s*:(.*)$", line, re.IGNORECASE)
        if comment is None:
            continue
        if comment[1].lower() == "wanted":
            wanted += [name for name in re.split(r"[,\s]+", comment[2].strip()) if name]
            continue
        for entry in _entries(comment[2], number):
            if entry.name in inputs:
                raise SheetError("bad-header", f"{entry.name} is listed twice.", number, entry.name)
            inputs[entry.name] = entry
    if not inputs:
        raise SheetError("bad-header", "There is no '# inputs:' line; write for example '# inputs: X (n, d), w (d,)'.")
    if len(inputs) > MAX_INPUTS:
        raise SheetError("bad-header", f"{len(inputs)} inputs are listed; at most {MAX_INPUTS} are read.")
    for name in wanted:
        if not re.fullmatch(r"d[A-Za-z_]\w*", name):
            raise SheetError("bad-header", f"'# wanted:' lists {name}; a gradient is called d<name>.", name=name)
    return inputs, list(dict.fromkeys(wanted))


def _entries(text: str, number: int) -> Iterable[Input]:
    position = 0
    if not text.strip():
        raise SheetError("bad-header", "'# inputs:' is empty; write for example 'X (n, d), w (d,)'.", number)
    while position < len(text):
        match = _INPUT.match(text, position)
        if match is None:
            rest = text[position:].strip()
            raise SheetError(
                "bad-header",
                f"'{rest[:40]}' is not an input; write a name and its shape, for example 'X (n, d)' or 'b ()'.",
                number,
            )
        name, dimensions = match[1], _dimensions(match[2], match[1], number)
        if keyword.iskeyword(name):
            raise SheetError("bad-header", f"{name} is a word of Python's own; call it {name}_.", number, name)
        position = match.end()
        marker, bound = "", None
        note = _MARKER.match(text, position)
        if note is not None:
            position = note.end()
            bound = note["bound"]
            marker = "labels" if bound else re.sub(r"\W.*", "", re.sub("one[- ]?hot", "onehot", note[1]))
        if position < len(text):
            if text[position] != ",":
                rest = text[position:].strip()[:40]
                raise SheetError(
                    "bad-header",
                    f"'{rest}' after {name} is no word for how it is drawn; {like(rest.split(',')[0], MARKERS)}write a "
                    f"comma before the next input, or one of: {'; '.join(MARKERS)} (see the page docs/worksheets.md).",
                    number,
                    name,
                )
            position += 1
            if not text[position:].strip():
                break
        if bound is not None and bound.isdigit():
            yield Input(name, dimensions, marker, _literal(bound, name, number))
        else:
            yield Input(name, dimensions, marker, bound)
    return


def _dimensions(text: str, name: str, number: int) -> tuple[str | int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if parts and not parts[-1]:
        parts.pop()
    if len(parts) > MAX_AXES:
        raise SheetError("bad-header", f"{name} has {len(parts)} axes; at most {MAX_AXES} are read.", number, name)
    dimensions: list[str | int] = []
    for part in parts:
        if part.isdigit():
            dimensions.append(_literal(part, name, number))
        elif re.fullmatch(r"[A-Za-z_]\w*", part):
            dimensions.append(part)
        else:
            raise SheetError(
                "bad-header", f"'{part}' in the shape of {name} is neither a symbol nor a number.", number, name
            )
    return tuple(dimensions)


def _literal(text: str, name: str, number: int) -> int:
    value = int(text) if len(text) < 6 else MAX_LITERAL + 1
    if not 1 <= value <= MAX_LITERAL:
        raise SheetError(
            "bad-header", f"{name} has an axis of {text[:12]}; a number from 1 to {MAX_LITERAL} is read.", number, name
        )
    return value
