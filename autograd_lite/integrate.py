"""Ordinary differential equations, under the name of scipy.integrate.

SciPy, from which the solution comes, is imported when `odeint` is called; it must be installed (`pip install scipy`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.grad_mode import is_grad_enabled
from autograd_lite.implicit import Arguments, Function
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import numbers_of
from autograd_lite.scipy_rooms import scipy_room
from autograd_lite.tensor import Tensor, wrap

__all__ = ["odeint"]


def odeint(func: Callable[..., Any], y0: Any, t: Any, args: Any = (), *, tfirst: bool = False, **options: Any) -> Any:
    """The solution of dy/dt = func(y, t, *args) with y(t[0]) = y0, at the times `t`.

    The gradient by `y0`, `t`, `args` and by what else `func` uses (the weights of a model) is that of the adjoint
    equation, solved backwards in time from one entry of `t` to the one before (L. S. Pontryagin et al., "The
    Mathematical Theory of Optimal Processes", 1962; R. T. Q. Chen et al., "Neural Ordinary Differential Equations",
    2018). It costs no memory for the steps between. It is solved by `odeint` again, so it has a derivative itself.

    Values and gradients are as exact as `rtol` and `atol` ask for, not to rounding error. The adjoint has a component
    for every number that requires grad and LSODA a matrix of its size squared: some hundreds are fine.

    Args:
        func: the right-hand side, made of np functions: given y of shape (n,), the time, and `args`, it returns an
            array of shape (n,) or a list of n numbers. It is called on plain float64 arrays, and on Tensors.
        y0: the state at the first time, of shape (n,), or a number for n = 1.
        t: the times, of shape (k,), rising or falling.
        args: further arguments of `func`: arrays, numbers, or nested containers of them.
        tfirst: whether `func` takes the time first.
        options: rtol, atol, hmax, hmin, h0, mxstep, mxordn, mxords, tcrit as in scipy.integrate.odeint.

    Returns:
        The states of shape (k, n), in the precision of `y0`.

    Raises:
        OperandError: a shape does not fit, the times rise and fall, an option is unknown, or the solver gives up.

    >>> from autograd_lite import Tensor
    >>> rate = Tensor(0.5, requires_grad=True)
    >>> y = odeint(lambda y, t, k: -k * y, [2.0], [0.0, 2.0], args=(rate,))
    >>> y[-1].sum().backward()
    >>> y[-1].numpy().round(4), rate.grad.item()  # 2 exp(-2 k), and -4 exp(-2 k)
    (array([0.7358]), -1.4715)
    """
    if not callable(func):
        raise OperandError(f"odeint: the function is {func!r:.60}; give one of y and t that computes with np functions")
    y0, t, options = as_operand(y0), as_operand(t), deepcopy(options)
    _check(y0, t, options)
    y0 = y0.reshape((1,)) if y0.ndim == 0 else y0
    kind = y0.dtype if y0.dtype.kind == "f" else np.dtype(float)
    given = Arguments(args)

    def field(y: Any, time: Any, *parameters: Any) -> Any:
        rest = given.filled(parameters)
        return func(time, y, *rest) if tfirst else func(y, time, *rest)

    inputs = [y0, t, *given.parameters]
    numbers = [np.asarray(numbers_of(x), float) for x in inputs]
    right = Function("odeint", field)
    y = _solve(right, *numbers, options=options)
    if is_grad_enabled():
        right.look(*[(y[end], numbers[1][end], *numbers[2:]) for end in (0, -1)])
        if right.closed or any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
            return _recorded(right, y, inputs, options).astype(kind)
    y = y.astype(kind, copy=False)
    tensors = right.gives_tensors or given.tensors or any(isinstance(x, Tensor) for x in (y0, t))
    return wrap(y) if tensors else y


def _recorded(right: Function, y: Any, inputs: list[Any], options: dict[str, Any]) -> Any:
    """The solution as a Tensor, whose gradient flows to the inputs and to what else the right-hand side uses."""
    timed = isinstance(inputs[1], Tensor) and inputs[1].requires_grad
    kinds = [x.dtype for x in inputs] + [node.spec.dtype for node in right.closed]
    options = _backward_options(options, single=np.float32 in kinds)
    return right.record(y, inputs, lambda g, y, inputs: _adjoint(right, g, y, inputs, timed, options))


def _adjoint(right: Function, g: Any, y: Any, inputs: Any, timed: bool, options: dict[str, Any]) -> list[Any]:
    """The gradients by y0, t, the parameters, and `right.closed`."""
    _, t, *parameters = inputs
    n, k = y.shape[1], y.shape[0]
    shapes = [p.shape for p in parameters] + [node.spec.shape for node in right.closed]
    sizes = [int(np.prod(shape)) for shape in shapes]
    total = sum(sizes)

    def backwards(state: Any, time: Any, *parameters: Any) -> Any:
        """The right-hand side for the state, its adjoint and the gradient of the parameters."""
        value, (by_y, _, *others) = right.pull(state[n : 2 * n], state[:n], time, *parameters)
        return np.concatenate([value, -by_y, *[-np.reshape(x, (-1,)).astype(float) for x in others]])

    a = g[k - 1]
    collected = np.zeros(total)
    by_time = []
    for i in range(k - 1, 0, -1):
        if timed:
            by_time.append(np.sum(g[i] * _slope(right, y[i], t[i], parameters)))
        if numbers_of(t[i]) != numbers_of(t[i - 1]):
            start = np.concatenate([y[i], a, collected])
            state = odeint(backwards, start, np.stack([t[i], t[i - 1]]), tuple(parameters), **options)[1]
            a, collected = state[n : 2 * n], state[2 * n :]
        if timed and i == 1:
            by_time.append(-np.sum(a * _slope(right, y[0], t[0], parameters)))
        a = a + g[i - 1]
    ends = np.cumsum([0, *sizes]).tolist()
    parts = [np.reshape(collected[begin:end], shape) for begin, end, shape in zip(ends, ends[1:], shapes, strict=False)]
    return [a, np.stack(by_time[::-1]) if by_time else np.zeros(k), *parts]


def _slope(right: Function, y: Any, t: Any, parameters: Any) -> Any:
    """The right-hand side at one point, recorded where the point is a Tensor."""
    if any(isinstance(x, Tensor) and x.requires_grad for x in (y, t, *parameters)):
        return right.recorded(y, t, *parameters)
    return right.values(*[numbers_of(x) for x in (y, t, *parameters)])


# --- SciPy's solver -----------------------------------------------------------------------------------------

_OPTIONS = ("rtol", "atol", "hmax", "hmin", "h0", "mxstep", "mxordn", "mxords", "tcrit")


def _check(y0: Any, t: Any, options: dict[str, Any]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise OperandError(f"odeint: option {name!r} is not supported; there are {', '.join(_OPTIONS)}")
    if y0.ndim > 1 or t.ndim != 1 or not t.size or not y0.size:
        raise OperandError(
            f"odeint: a state of shape {y0.shape} and times of shape {t.shape}; both must be vectors: let the function "
            f"reshape the state"
        )
    steps = np.diff(numbers_of(t))
    if np.any(steps < 0) and np.any(steps > 0):
        raise OperandError(f"odeint: times of shape {t.shape} that rise and fall; sort them")
    if "c" in (y0.dtype.kind, t.dtype.kind):
        raise NotDifferentiableError(
            f"odeint: a state of dtype {y0.dtype} and times of dtype {t.dtype}; take real and imaginary part as two"
        )


def _backward_options(options: dict[str, Any], *, single: bool) -> dict[str, Any]:
    """The options that mean the same for the adjoint. The noise of float32 parameters cannot be resolved."""
    kept: dict[str, Any] = {
        name: options[name] for name in ("rtol", "hmax", "mxstep", "mxordn", "mxords") if name in options
    }
    if options.get("atol") is not None:
        kept["atol"] = float(np.min(options["atol"]))
    if np.ndim(kept.get("rtol", 0.0)):
        kept["rtol"] = float(np.min(kept["rtol"]))
    if single:
        for name in ("rtol", "atol"):
            kept[name] = max(kept.get(name) or 0.0, 1e-6)
    return kept


def _solve(right: Function, y0: Any, t: Any, *parameters: Any, options: dict[str, Any]) -> Any:
    integrate = scipy_room("integrate")

    def f(y: Any, time: Any) -> Any:
        slope = right.values(y, time, *parameters)
        if slope.shape != y.shape:
            raise OperandError(
                f"odeint: the function returned shape {slope.shape} for a state of shape {y.shape}; they must be equal"
            )
        return slope

    if np.ptp(t) == 0:  # which the solver takes for a failure
        return np.repeat(y0[None], len(t), axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", integrate.ODEintWarning)  # it is raised below, with what to do
        y, report = integrate.odeint(f, y0, t, full_output=True, **options)
    if not report["message"].startswith("Integration successful") or not np.isfinite(y).all():
        raise OperandError(
            f"odeint: the solver gave up between {t[0]:.6g} and {t[-1]:.6g} ({report['message']}); check the function, "
            f"shorten the time, or set mxstep, rtol and atol"
        )
    return y
