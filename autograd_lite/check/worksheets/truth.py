"""The true gradients of a worksheet: from the engine, confirmed by central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.errors import AutogradError

from .errors import SheetError
from .interpret import Allowance, Environment, execute, plain
from .read import Sheet

Gradients = dict[str, Any]


def _forward(sheet: Sheet, values: Environment, point: Callable[[str, Any], Any]) -> Any:
    """Run the forward part with every variable passed through ``point``; return the loss."""
    env: Environment = {name: point(name, values[name]) for name in sheet.inputs}
    with np.errstate(all="ignore"):
        for statement in sheet.forward:
            execute(statement, env)
            env[statement.target] = point(statement.target, env[statement.target])
    return env[sheet.loss]


def gradients(sheet: Sheet, values: Environment, wanted: list[str], offsets: dict[str, Any] | None = None) -> Gradients:
    """Return dL/d<name> for each wanted variable, by one backward pass of the engine.

    Every variable gets a perturbation point (``v + zeros``): the gradient of the zeros is the total
    derivative with respect to ``v``, whether ``v`` is an input or an intermediate value.

    Args:
        sheet: the worksheet.
        values: inputs (and, unused, forward values) of one sample.
        wanted: names of real variables.
        offsets: added at the perturbation points instead of zeros.

    Returns:
        Arrays of the variables' shapes.
    """
    try:
        return _by_the_engine(sheet, values, wanted, offsets)
    except (SheetError, AutogradError, TypeError, ValueError, NotImplementedError):
        if offsets is not None:
            raise SheetError("unsupported", "The engine has no derivative for an operation of this sheet.") from None
        return {name: _by_entries(sheet, values, name, np.shape(values[name])) for name in wanted}


def _by_the_engine(sheet: Sheet, values: Environment, wanted: list[str], offsets: dict[str, Any] | None) -> Gradients:
    points: dict[str, Tensor] = {}
    wanted_set = frozenset(wanted)

    def point(name: str, value: Any) -> Any:
        if name not in wanted_set:
            return value
        offset = np.zeros(np.shape(plain(value))) if offsets is None else np.asarray(offsets[name])
        points[name] = Tensor(offset, requires_grad=True)
        return value + points[name]

    loss = _forward(sheet, values, point)
    with np.errstate(all="ignore"):
        loss.backward()
    return {
        name: np.zeros(np.shape(points[name].data)) if points[name].grad is None else np.asarray(points[name].grad)
        for name in wanted
    }


def central_difference(sheet: Sheet, values: Environment, offsets: dict[str, Any], step: float) -> float:
    """Return the derivative of the loss along a direction of offsets, by a central difference."""

    def loss(sign: float) -> float:
        return float(_forward(sheet, values, lambda name, v: v + sign * step * offsets[name] if name in offsets else v))

    return (loss(1.0) - loss(-1.0)) / (2.0 * step)


def confirm(sheet: Sheet, values: Environment, found: Gradients, allowance: Allowance | None = None) -> None:
    """Confirm gradients along random directions by central differences; replace one that does not agree.

    Where the two disagree at every step width, the gradient is recomputed entry by entry. (A kink within the
    step also causes that; then no number there is wrong, see :attr:`Sample.spread`.) An entry whose differences
    do not converge says nothing: ``np.log(q + 1e-12)`` at q = 0 is NaN a step to the left.

    Args:
        sheet: the worksheet.
        values: inputs and forward values of one sample.
        found: the engine's gradients, changed in place.
        allowance: the processor time that is left.
    """
    rng = np.random.default_rng(0)
    for name in found:
        if allowance is not None:
            allowance.check()
        direction = rng.standard_normal(np.shape(found[name]))
        if not _agree(sheet, values, name, found[name], direction):
            differences, converged = _differences(sheet, values, name, np.shape(found[name]))
            found[name] = np.where(converged, differences, found[name])


def finite(sheet: Sheet, values: Environment, found: Gradients) -> bool:
    """Replace gradients that are not finite by differences; return whether all are finite then.

    The product of an infinite derivative and a zero mask, ``np.where(x > 0, np.sqrt(x), 0)``, is such a case.
    """
    for name, gradient in found.items():
        if not np.all(np.isfinite(gradient)):
            found[name] = _by_entries(sheet, values, name, np.shape(gradient))
    return all(bool(np.all(np.isfinite(gradient))) for gradient in found.values())


def _agree(sheet: Sheet, values: Environment, name: str, gradient: Any, direction: Any) -> bool:
    expected = float(np.sum(gradient * direction))
    scale = float(np.sum(np.abs(gradient * direction)))
    for step in (1e-5, 1e-6, 1e-4, 1e-3, 1e-7):
        estimate = central_difference(sheet, values, {name: direction}, step)
        rounding = 1e-15 * (1.0 + abs(float(values[sheet.loss]))) / step
        if abs(estimate - expected) <= 1e-4 * scale + 10.0 * rounding + 1e-12:
            return True
    return False


def _by_entries(sheet: Sheet, values: Environment, name: str, shape: tuple[int, ...]) -> Any:
    """Return the gradient by differences of fourth order, entry by entry (error about 1e-11)."""
    return _differences(sheet, values, name, shape)[0]


def _differences(sheet: Sheet, values: Environment, name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the gradient by differences, and in which entries those of two step widths agree to a thousandth."""
    estimate = np.zeros(shape)
    converged = np.zeros(shape, dtype=bool)
    for position in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[position] = 1e-4 * (1.0 + abs(float(np.asarray(values[name])[position])))
        near = central_difference(sheet, values, {name: unit}, 1.0)
        far = central_difference(sheet, values, {name: unit}, 2.0)
        estimate[position] = (4.0 * near - far) / 3.0 / unit[position]
        converged[position] = abs(near - far) <= 1e-3 * abs(near) + 1e-12 * (1.0 + abs(float(values[sheet.loss])))
    return estimate, converged
