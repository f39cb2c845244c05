"""Sample points of a worksheet: sizes for the symbols, values for the inputs, the forward part and the truth."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .errors import SheetError
from .functions import check_size
from .header import Input
from .interpret import Allowance, Environment, execute
from .program import Attribute, Call, Name, Node
from .read import Sheet
from .rounding import scale
from .truth import Gradients, confirm, finite, gradients

DRAWS_PER_SIZE = 5
JITTERS = 4
JITTER = 1e-9


@dataclass
class Sample:
    """One draw: every size, input and forward value, and the true gradients.

    ``smooth`` says that inputs marked ``integers`` were drawn from the normal distribution, off the kinks.
    """

    sheet: Sheet
    sizes: dict[str, int]
    values: Environment
    seed: int
    smooth: bool = True
    truth: Gradients = field(default_factory=dict)

    @cached_property
    def spread(self) -> Gradients:
        """How far the truth moves, entry by entry, when every value moves by a billionth of its scale.

        Away from kinks that is the rounding of the truth itself. At a kink it is the distance between the
        one-sided derivatives, so that every convention there lies within it. What is made of zeros and ones, or of
        sizes alone, stays: ``mask > 0`` is no kink.
        """
        rng = np.random.default_rng(self.seed + 1)
        units = scale(self.sheet.forward, self.values)
        moving = _continuous(self.sheet, self.values)
        spread = {name: np.zeros(np.shape(value)) for name, value in self.truth.items()}
        for _ in range(JITTERS):
            offsets = {
                name: JITTER
                * (min(1.0, units.get(name, 1.0) or 1.0) + np.abs(self.values[name]))
                * rng.uniform(-1.0, 1.0, np.shape(self.values[name]))
                * (name in moving)
                for name in self.truth
            }
            try:
                moved = gradients(self.sheet, self.values, list(self.truth), offsets)
            except SheetError:
                continue
            for name, value in moved.items():
                distance = np.abs(value - self.truth[name])
                spread[name] = np.maximum(spread[name], np.where(np.isfinite(distance), distance, 0.0))
        return spread


def _continuous(sheet: Sheet, values: Environment) -> set[str]:
    """Return the variables whose values rest on an input that is drawn from a continuous distribution."""
    found = {name for name, entry in sheet.inputs.items() if entry.marker not in _DISCRETE}
    for statement in sheet.forward:
        if found & _read_values(statement.value) and not isinstance(values[statement.target], int):
            found.add(statement.target)
    return found


_DISCRETE = ("binary", "signs", "onehot", "labels")


def _read_values(node: Node) -> set[str]:
    """Return the names whose values, not only their shapes, an expression reads."""
    match node:
        case Name(id):
            return {id}
        case Attribute(_, "shape" | "size" | "ndim") | Call("len" | "zeros_like" | "ones_like"):
            return set()
    return set().union(*(_read_values(child) for _, child in node.children()))


def symbols(sheet: Sheet) -> list[str]:
    """Return the size symbols of a sheet in order of appearance."""
    found: dict[str, None] = {}
    for entry in sheet.inputs.values():
        for dimension in (*entry.shape, entry.bound):
            if isinstance(dimension, str):
                found[dimension] = None
    return list(found)


def size_choices(sheet: Sheet) -> list[list[dict[str, int]]]:
    """Return alternatives of three size assignments each; the first is used unless shapes forbid it.

    Within an assignment every symbol has a size of its own, at least 3. The later alternatives hold even
    sizes and multiples of 12, for a forward part that reshapes an axis into groups.
    """
    wanted = symbols(sheet)
    literals = {d for entry in sheet.inputs.values() for d in entry.shape if isinstance(d, int)}
    count = len(wanted)
    choices = []
    for step in (1, 2, 4, 12):
        pool = [size for size in range(3 if step == 1 else step + 2 * (step == 2), 400, step) if size not in literals]
        pool = pool[: count + 2]
        rotated = pool[1 : count + 1]
        half = count // 2
        assignments = (pool[:count], pool[2 : count + 2][::-1], rotated[half:] + rotated[:half])
        choices.append([dict(zip(wanted, sizes, strict=True)) for sizes in assignments])
    return choices


def draw_input(
    entry: Input, sizes: dict[str, int], rng: np.random.Generator, smooth: bool, saturated: bool = True
) -> Any:
    """Return a value for one input, as its marker asks; large inputs only where ``saturated``."""
    shape = tuple(sizes[d] if isinstance(d, str) else d for d in entry.shape)
    check_size(float(np.prod(shape, dtype=float)), f"the input {entry.name}")
    if entry.marker == "labels":
        bound = sizes[entry.bound] if isinstance(entry.bound, str) else int(entry.bound or 1)
        return np.asarray(rng.integers(0, max(bound, 1), shape))
    if entry.marker == "onehot":
        width = shape[-1] if shape else 1
        return np.eye(width)[rng.integers(0, width, shape[:-1])] if shape else np.asarray(1.0)
    if entry.marker == "probabilities":
        raw = rng.exponential(1.0, shape) + 0.05
        return np.asarray(raw / raw.sum(axis=-1, keepdims=True)) if shape else np.asarray(1.0)
    if entry.marker == "integers" and not smooth:
        return np.asarray(rng.integers(-2, 3, shape).astype(float))
    if entry.marker == "positive":
        return np.asarray(rng.uniform(0.5, 2.0, shape))
    if entry.marker == "in":
        return np.asarray(rng.uniform(0.05, 0.95, shape))
    if entry.marker == "large" and saturated:
        return np.asarray(rng.normal(30.0, 100.0, shape))
    if entry.marker == "binary":
        return np.asarray(rng.integers(0, 2, shape).astype(float))
    if entry.marker == "signs":
        return np.asarray(2.0 * rng.integers(0, 2, shape) - 1.0)
    return np.asarray(rng.standard_normal(shape))


def draw(
    sheet: Sheet,
    sizes: dict[str, int],
    seed: int,
    smooth: bool = True,
    allowance: Allowance | None = None,
    saturated: bool = True,
) -> Sample:
    """Draw the inputs, run the forward part and return the sample, without its truth.

    Raises:
        SheetError: the first error of the forward part, ``not-finite`` and ``loss-not-scalar`` included.
    """
    rng = np.random.default_rng(seed)
    values: Environment = {
        name: draw_input(entry, sizes, rng, smooth, saturated) for name, entry in sheet.inputs.items()
    }
    with np.errstate(all="ignore"):
        for statement in sheet.forward:
            execute(statement, values)
            if allowance is not None:
                allowance.spend(values[statement.target])
            _check_finite(values[statement.target], statement.line, statement.target)
    loss = values[sheet.loss]
    if np.shape(loss) != ():
        raise SheetError(
            "loss-not-scalar",
            f"The loss {sheet.loss} has shape {np.shape(loss)}; it must be one number, for example np.mean(...) of it.",
            sheet.forward[-1].line,
            sheet.loss,
        )
    if not isinstance(loss, float | np.floating | np.ndarray) or np.asarray(loss).dtype.kind != "f":
        raise SheetError(
            "loss-not-scalar",
            f"The loss {sheet.loss} is not a real number that depends on the inputs.",
            sheet.forward[-1].line,
            sheet.loss,
        )
    return Sample(sheet, sizes, values, seed, smooth)


def _check_finite(value: Any, line: int, name: str) -> None:
    array = np.asarray(value) if not isinstance(value, tuple | list) else np.zeros(1)
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise SheetError(
            "not-finite",
            f"{name} is {'NaN' if np.isnan(array).any() else 'infinite'} at the sample points; "
            "restrict an input with a marker such as 'positive' or 'in (0, 1)'.",
            line,
            name,
        )


def samples(
    sheet: Sheet, seed: int = 0, draws: int = DRAWS_PER_SIZE, allowance: Allowance | None = None
) -> list[Sample]:
    """Draw the samples at which a sheet is marked: three sizes, several draws each, with their truth.

    Raises:
        SheetError: if the forward part cannot be evaluated at any choice of sizes.
    """
    first_error: SheetError | None = None
    for choice in size_choices(sheet):
        try:
            found = list(_draws(sheet, choice, seed, draws, allowance))
        except SheetError as error:
            first_error = first_error or error
            if error.kind != "shape-error":
                break
            continue
        wanted = differentiable(sheet, found[0].values)
        smooth = []
        for position, sample in enumerate(found):
            if allowance is not None:
                allowance.check()
            sample.truth = gradients(sheet, sample.values, wanted)
            if not finite(sheet, sample.values, sample.truth):
                continue
            if position % draws == 0:
                confirm(sheet, sample.values, sample.truth, allowance)
            smooth.append(sample)
        if not smooth:
            raise SheetError(
                "not-finite",
                f"The derivative of {sheet.loss} is NaN or infinite at the sample points; restrict an input with a "
                "marker such as 'positive'.",
                sheet.forward[-1].line,
                sheet.loss,
            )
        return smooth
    assert first_error is not None  # noqa: S101 - there is at least one choice of sizes
    raise first_error


def _draws(
    sheet: Sheet, choice: list[dict[str, int]], seed: int, draws: int, allowance: Allowance | None
) -> Iterator[Sample]:
    on_kinks = any(entry.marker == "integers" for entry in sheet.inputs.values())
    for which, sizes in enumerate(choice):
        for number in range(draws):
            if allowance is not None:
                allowance.again()
            stream = zlib.crc32(f"{seed}/{which}/{number}".encode())
            # Large inputs leave almost every activation saturated, where many a wrong formula has the right value
            # (zero); the first draw of each size is of moderate ones.
            yield draw(sheet, sizes, stream, not (on_kinks and number == draws - 1), allowance, number > 0)


def differentiable(sheet: Sheet, values: Environment) -> list[str]:
    """Return the variables that have a gradient: real inputs and forward variables, in the sheet's order."""
    order = [*sheet.inputs, *(statement.target for statement in sheet.forward)]
    return [
        name
        for name in order
        if not (isinstance(values[name], tuple | list | int) or np.asarray(values[name]).dtype.kind != "f")
    ]
