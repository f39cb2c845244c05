"""Fixed points and roots, differentiated implicitly, under the names of scipy.optimize.

At a solution x of F(x, p) = 0 the implicit function theorem gives dx/dp = -(dF/dx)^-1 dF/dp, whatever steps led there
(S. G. Krantz and H. R. Parks, "The Implicit Function Theorem", 2002). So a derivative costs one linear system instead
of the memory of all steps. SciPy finds the solution; it must be installed (`pip install scipy`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.grad_mode import is_grad_enabled
from autograd_lite.implicit import Arguments, Function
from autograd_lite.rules.products import as_operand
from autograd_lite.rules.table import numbers_of
from autograd_lite.scipy_rooms import scipy_room
from autograd_lite.tensor import Tensor, wrap

__all__ = ["fixed_point", "root"]


def fixed_point(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    xtol: float = 1e-8,
    maxiter: int = 500,
    method: str = "del2",
) -> Any:
    """The x with x = func(x, *args), and its derivative by the implicit function theorem.

    Gradients flow to `args` and to what else `func` uses (the weights of a model), to every order; none flows to `x0`.
    The Jacobian of `func` at the fixed point is computed as a matrix: some hundreds of numbers in x are fine.

    Args:
        func: made of np functions; given x and `args` it returns an array of the shape of x. It is called on plain
            float64 arrays, and on Tensors.
        x0: where the search starts: an array of any shape, or a number.
        args: further arguments of `func`: arrays, numbers, or nested containers of them.
        xtol: the relative change at which to stop.
        maxiter: the largest number of steps.
        method: "del2" for Steffensen's acceleration, "iteration" for plain steps.

    Returns:
        The fixed point, in the shape and precision of `x0`.

    Raises:
        OperandError: the search did not converge, `func` returned another shape, or a method is unknown.
        NotDifferentiableError: from backward, where the fixed point is not isolated.

    >>> from autograd_lite import Tensor
    >>> a = Tensor(2.0, requires_grad=True)
    >>> root = fixed_point(lambda x, a: (x + a / x) / 2, 1.0, args=(a,))  # Heron's square root
    >>> root.backward()
    >>> root.item(), a.grad.item()  # the derivative of sqrt(2) is 1 / (2 sqrt(2))
    (1.4142, 0.3536)
    """

    _known("fixed_point", method, ("del2", "iteration"))

    def search(f: Callable[..., Any], start: Any) -> tuple[Any, Any]:
        try:
            return scipy_room("optimize").fixed_point(f, start, xtol=xtol, maxiter=maxiter, method=method), None
        except (RuntimeError, ValueError) as error:
            raise OperandError(
                f"fixed_point: no fixed point found from a start of shape {start.shape} ({error}); start nearer, or "
                f'damp the step (x + func(x)) / 2, or try method="iteration"'
            ) from error

    return _implicit("fixed_point", func, x0, args, search, lambda x, y: y - x)[0]


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    tol: float | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """A root x of fun(x, *args) = 0, and its derivative by the implicit function theorem.

    Arguments and gradients are as for `fixed_point`; `method`, `tol` and `options` go to scipy.optimize.root.

    Returns:
        SciPy's OptimizeResult; its `x` is the root, in the shape and precision of `x0`.

    Raises:
        OperandError: the search did not converge, `fun` returned another shape than that of x, or a method is unknown.
        NotDifferentiableError: from backward, where the Jacobian at the root is singular.

    >>> from autograd_lite import Tensor
    >>> a = Tensor([8.0, 27.0], requires_grad=True)
    >>> x = root(lambda x, a: x**3 - a, [1.0, 1.0], args=(a,)).x
    >>> x.sum().backward()
    >>> x.numpy().round(4), a.grad.round(4)
    (array([2., 3.]), array([0.0833, 0.037 ]))
    """

    _known("root", method, _METHODS)

    def search(f: Callable[..., Any], start: Any) -> tuple[Any, Any]:
        # some methods make x a vector: the function would see another shape here than when its derivative is taken
        def flat(x: Any) -> Any:
            return np.ravel(f(np.reshape(x, start.shape)))

        result = scipy_room("optimize").root(flat, np.ravel(start), method=method, tol=tol, options=options)
        if not result.success:
            raise OperandError(
                f"root: no root found from a start of shape {start.shape} ({' '.join(result.message.split())}); start "
                f"nearer, or try another method"
            )
        return result.x, result

    x, result = _implicit("root", fun, x0, args, search, lambda _, y: y)
    result.x = x
    return result


_MIXING = ("broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden", "excitingmixing")
_METHODS = ("hybr", "lm", *_MIXING, "krylov", "df-sane")


def _known(name: str, method: Any, methods: tuple[str, ...]) -> None:
    if method not in methods:
        raise OperandError(f"{name}: method={method!r} is unknown; there are {', '.join(methods)}")


def _implicit(
    name: str,
    func: Callable[..., Any],
    x0: Any,
    args: Any,
    search: Callable[[Callable[..., Any], Any], tuple[Any, Any]],
    residual: Callable[[Any, Any], Any],
) -> tuple[Any, Any]:
    """What `search` finds, recorded; `residual(x, func(x))` is 0 there."""
    if not callable(func):
        raise OperandError(f"{name}: the function is {func!r:.60}; give one of x that computes with np functions")
    x0 = as_operand(x0)
    if x0.dtype.kind not in "biuf":
        raise OperandError(f"{name}: a start of dtype {x0.dtype}; take real and imaginary part as two")
    kind = x0.dtype if x0.dtype.kind == "f" else np.dtype(float)
    given = Arguments(args)
    function = Function(name, lambda x, *parameters: residual(x, func(x, *given.filled(parameters))))
    numbers = [np.asarray(numbers_of(p), float) for p in given.parameters]

    def step(x: Any) -> Any:
        value = function.values(x, *numbers)
        if value.shape != np.shape(x):
            raise OperandError(
                f"{name}: the function returned shape {value.shape} for x of shape {np.shape(x)}; they must be equal"
            )
        return value + x if name == "fixed_point" else value

    found, report = search(step, np.asarray(numbers_of(x0), float))
    found = np.asarray(found, float).reshape(x0.shape)
    if is_grad_enabled():
        function.look((found, *numbers))
        if function.closed or given.parameters:

            def gradients(g: Any, x: Any, parameters: Any) -> list[Any]:
                return _gradients(function, g, x, parameters)

            return function.record(found, given.parameters, gradients).astype(kind), report
    found = found.astype(kind, copy=False)
    tensors = function.gives_tensors or given.tensors or isinstance(x0, Tensor)
    return wrap(found) if tensors else found, report


def _gradients(function: Function, g: Any, x: Any, parameters: Any) -> list[Any]:
    """The gradients by the parameters and by `function.closed`: -(dF/dx)^-T g, pulled back by F."""
    jacobian = function.jacobian(x, *parameters)
    size = np.abs(numbers_of(jacobian))
    if size.size and np.linalg.cond(numbers_of(jacobian)) > 1 / np.finfo(float).eps:
        raise NotDifferentiableError(
            f"{function.name}: the Jacobian of shape {size.shape} is singular at the solution, which is not isolated "
            f"or a double one, so it has no derivative; add an equation, or regularise the function"
        )
    u = np.linalg.solve(jacobian.T, -np.reshape(g, (-1,)))
    return function.pull(np.reshape(u, x.shape), x, *parameters)[1][1:]
