"""L-BFGS: a quasi-Newton method for small problems and whole batches."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.optim.optimizer import Optimizer

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal, 1980), with a line search after the strong Wolfe conditions.

    Every step asks for the loss and its gradient several times, so it takes a function for them, on the same data
    each time.

    Args:
        params: Tensors, in one group and of one dtype.
        lr: the length that a line search tries first.
        max_iter: iterations of one `step`.
        history_size: how many past differences approximate the Hessian.
        tolerance_grad: stop when no element of the gradient is larger.

    Raises:
        OperandError: parameter groups, mixed dtypes, parameters without elements, a number of iterations that is not
            whole; in `step`, a loss that is not a finite number.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = LBFGS([w])
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - np.array([1.0, 5.0])) ** 2 * np.array([1.0, 10.0])).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    494.0
    >>> w.numpy().round(6)
    array([1., 5.])
    """

    closure_needed = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        *,
        history_size: int = 10,
        tolerance_grad: float = 1e-7,
    ) -> None:
        super().__init__(params, lr=lr, max_iter=max_iter, history_size=history_size, tolerance_grad=tolerance_grad)
        if len(self._flats) != 1 or len(self._flats[0]) != 1:
            raise OperandError("LBFGS: parameters in several groups or dtypes; give one list of one dtype")
        if not self._flats[0][0].values.size:
            raise OperandError("LBFGS: the parameters have no elements; give at least one that has")
        self._pairs: deque[tuple[Any, Any]] = deque(maxlen=history_size)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        for key in ("max_iter", "history_size"):
            if not hasattr(group[key], "__index__"):
                raise OperandError(f"LBFGS: {key}={group[key]!r}; it must be a whole number")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run up to `max_iter` iterations; returns the loss before the first as a float.

        `closure` sets the gradients to None, computes the loss, calls `backward`, and returns the loss.

        Raises:
            OperandError: there is no `closure`.
        """
        if closure is None:
            raise OperandError("LBFGS: step needs a function that computes loss and gradient; call step(closure)")
        group, flat = self.param_groups[0], self._flats[0][0]
        self._check(group)

        def evaluate(point: Any) -> tuple[float, Any]:
            flat.secure()
            flat.values[...] = point
            flat.publish()
            loss = closure()
            return float(loss.item() if hasattr(loss, "item") else loss), flat.gradient()

        flat.secure()
        x = flat.values.copy()
        try:
            return self._minimise(evaluate, x, group)
        finally:  # whatever the closure raised, the parameters are not left at a point that was only tried
            flat.secure()
            flat.values[...] = x
            flat.publish()

    def _minimise(self, evaluate: Callable[[Any], tuple[float, Any]], x: Any, group: dict[str, Any]) -> float:
        """Up to `max_iter` iterations, each of which moves x in place; returns the loss before the first."""
        loss, g = evaluate(x)
        first = loss
        if not (math.isfinite(loss) and np.isfinite(g).all()):
            raise OperandError(f"LBFGS: the loss is {loss} or its gradient not finite; find out with ag.trace_nan")
        for _ in range(group["max_iter"]):
            if np.abs(g).max() <= group["tolerance_grad"]:
                break
            direction = -self._times_inverse_hessian(g)
            slope = float(g @ direction)
            if slope >= 0:  # the history is worthless here
                self._pairs.clear()
                direction, slope = -g, -float(g @ g)
            start = group["lr"] if self._pairs else group["lr"] * min(1.0, 1.0 / float(np.abs(g).sum()))

            def along(t: float, x: Any = x, direction: Any = direction) -> tuple[float, float, Any]:
                value, gradient = evaluate(x + t * direction)
                return value, float(gradient @ direction), gradient

            t, new_loss, new_g = _line_search(along, loss, slope, g, start)
            if not t:
                break
            moved, turned = t * direction, new_g - g
            if float(moved @ turned) > 1e-10 * float(turned @ turned):
                self._pairs.append((moved, turned))
            x += moved
            loss, g = new_loss, new_g
        return first

    def _times_inverse_hessian(self, g: Any) -> Any:
        """The two loops of Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4."""
        q = g.copy()
        factors = []
        for moved, turned in reversed(self._pairs):
            factor = float(moved @ q) / float(moved @ turned)
            q -= factor * turned
            factors.append(factor)
        if self._pairs:
            moved, turned = self._pairs[-1]
            q *= float(moved @ turned) / float(turned @ turned)
        for (moved, turned), factor in zip(self._pairs, reversed(factors), strict=True):
            q += (factor - float(turned @ q) / float(moved @ turned)) * moved
        return q

    def state_dict(self) -> dict[str, Any]:
        """As for every optimiser, with "history": the past differences."""
        return {**super().state_dict(), "history": [(m.copy(), t.copy()) for m, t in self._pairs]}

    def load_state_dict(self, state_dict: Any) -> None:
        """Take over what `state_dict` returned."""
        history = [tuple(np.array(part) for part in pair) for pair in state_dict.get("history", [])]
        size = self._flats[0][0].values.shape
        if any(len(pair) != 2 or part.shape != size for pair in history for part in pair):
            raise OperandError(
                f"LBFGS.load_state_dict: a history of other parameters; each part must have shape {size}"
            )
        super().load_state_dict(state_dict)
        self._pairs = deque(history, maxlen=self.param_groups[0]["history_size"])  # type: ignore[arg-type]


def _line_search(
    along: Callable[[float], tuple[float, float, Any]], loss: float, slope: float, g: Any, start: float
) -> tuple[float, float, Any]:
    """A step length after the strong Wolfe conditions: bracket by doubling, then bisect with cubic guesses.

    Nocedal and Wright (2006), algorithms 3.5 and 3.6. Returns the length, the loss and the gradient there; a length
    of 0 if no step lowers the loss.
    """
    low = (0.0, loss, slope, g)
    high: Any = None
    t = start
    for _ in range(25):
        value, here, gradient = along(t)
        if not math.isfinite(value) or value > loss + 1e-4 * t * slope or value >= low[1]:
            high = (t, value, here)
        elif abs(here) <= -0.9 * slope:
            return t, value, gradient
        else:
            if here * ((high[0] if high else math.inf) - low[0]) >= 0:  # the minimum lies behind
                high = low[:3]
            low = (t, value, here, gradient)
        if high is None:
            t *= 2
            continue
        if abs(high[0] - low[0]) <= 1e-12 * max(1.0, abs(low[0])):
            break
        t = _cubic(low, high)
    return low[0], low[1], low[3]


def _cubic(low: Any, high: Any) -> float:
    """The minimum of the cubic through two values and slopes, kept away from both ends; else the middle."""
    (a, fa, da), (b, fb, db) = low[:3], high
    middle, width = (a + b) / 2, abs(b - a)
    if not (math.isfinite(fb) and math.isfinite(db)):
        return middle
    d1 = da + db - 3 * (fa - fb) / (a - b)
    square = d1 * d1 - da * db
    if square < 0:
        return middle
    d2 = math.copysign(math.sqrt(square), b - a)
    if db - da + 2 * d2 == 0:
        return middle
    t = b - (b - a) * (db + d2 - d1) / (db - da + 2 * d2)
    inside = min(a, b) + 0.1 * width <= t <= max(a, b) - 0.1 * width
    return t if inside else middle
