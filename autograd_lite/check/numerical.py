"""`gradcheck`: a gradient against finite differences, with a report of what is wrong with it.

Complex numbers: the gradient of a real loss by `a + ib` is `dloss/da + i dloss/db`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.check.compare import Options, Weights, compare, losses, random_weights, unit_weights
from autograd_lite.check.report import INCONCLUSIVE, Entry, GradcheckReport, InputReport
from autograd_lite.errors import InPlaceError, OperandError, RequiresGradError
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import flatten, vjp

__all__ = ["Entry", "GradcheckReport", "InputReport", "gradcheck", "gradgradcheck"]

Array = np.ndarray[Any, Any]


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    *,
    grads: Any = None,
    eps: float | None = None,
    atol: float = 1e-8,
    rtol: float = 1e-5,
    jacobian: bool = False,
    max_entries: int | None = None,
    seed: int = 0,
) -> GradcheckReport:
    """Compare a gradient of `f` with finite differences: the engine's, or one written by hand.

    Args:
        f: the function. For the engine's gradient it computes on Tensors; with `grads` it may be plain NumPy.
            A result that is no scalar is multiplied by fixed random weights and summed.
        inputs: its argument, or a tuple or list of arguments; each an array, a number, a Tensor, or nested tuples,
            lists and dicts of them. Arrays are checked, Tensors are if they require grad; integers and booleans
            are passed on. float32 is converted to float64.
        grads: gradients written by hand, in the structure of `inputs` (None leaves one out), or a function of the
            inputs that returns them. `f` must return a real scalar then.
        eps: the largest step; by default fitted to each entry. It is halved as long as that helps.
        atol, rtol: an entry is right if it is within `rtol` of its own size plus `atol` of the size of the
            largest entry of its input (besides what rounding makes uncertain).
        jacobian: check each entry of the result by itself instead of one random combination.
        max_entries: check only so many entries of each input, chosen at random.
        seed: of the random weights and choices.

    Returns:
        A `GradcheckReport`, which is true if the gradient is right. At a kink the verdict is "inconclusive" if the
        gradient lies between the slopes on the left and on the right.

    Raises:
        OperandError: the structure of `grads` is not that of `inputs`, or `f` is no function or returns no numbers.
        RequiresGradError: no input can have a gradient.
        InPlaceError: `f` changes its input.

    >>> gradcheck(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    gradcheck: right (2 entries agree with finite differences)
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> gradcheck(lambda x: np.mean(x**2), x, grads=2 * x)  # doctest: +ELLIPSIS
    gradcheck: wrong (3 of 3 entries differ from finite differences)
      worst: input 0[2]: gradient 6, finite difference 2 (estimated error ...), ratio 3
      pattern: every entry is 3 times what it should be (3 is the length of axis 0 of input 0)
    >>> gradcheck(lambda x: np.maximum(x, 0).sum(), np.array([-1.0, 0.0]))
    gradcheck: inconclusive (1 of 2 entries cannot be judged by finite differences)
      worst: input 0[1]: gradient 0.5; kink: slope 0 on the left, 1 on the right
    """
    arrays = grads is not None and not any(isinstance(leaf, Tensor) for leaf in flatten(inputs)[0])
    problem = _Problem("gradcheck", f, inputs, arrays)
    return _run(problem, Options(eps, atol, rtol, max_entries, seed), jacobian, grads)


def gradgradcheck(
    f: Callable[..., Any],
    inputs: Any,
    *,
    eps: float | None = None,
    atol: float = 1e-8,
    rtol: float = 1e-5,
    jacobian: bool = False,
    max_entries: int | None = None,
    seed: int = 0,
) -> GradcheckReport:
    """Compare the engine's second derivatives of `f` with finite differences of its first ones.

    Arguments, errors and report are those of `gradcheck`. The gradient of `f` is differentiated by the inputs, and by
    the gradient of the result that it starts from ("grad_output").

    >>> gradgradcheck(lambda x: np.sin(x) * x, np.array([1.0, 2.0]))
    gradgradcheck: right (4 entries agree with finite differences)
    """
    problem = _of_gradient(_Problem("gradgradcheck", f, inputs), np.random.default_rng(seed))
    return _run(problem, Options(eps, atol, rtol, max_entries, seed), jacobian)


# --- a function with inputs ------------------------------------------------------------------------------------


@dataclass
class _Input:
    """An input to be checked: where it stands among the leaves, what it is called, its value in double precision."""

    place: int
    name: str
    value: Array


def a_function(check: str, f: Any) -> Callable[..., Any]:
    """Return `f`, which must be a function: a loss that has been computed already can be computed at no other point.

    Raises:
        OperandError: it is none.
    """
    if callable(f):
        return f
    what = f"a Tensor of shape {f.shape}" if isinstance(f, Tensor) else f"a {type(f).__name__}"
    raise OperandError(
        f"{check}: {what} in the place of a function; pass the function that computes it from the inputs, such as "
        f"lambda x: (x**2).sum()"
    )


class _Problem:
    """A function and its inputs, flattened; with `arrays` the function is called on arrays, otherwise on Tensors."""

    def __init__(self, check: str, f: Callable[..., Any], given: Any, arrays: bool = False) -> None:
        self.check = check
        self.f = a_function(check, f)
        self.arrays = arrays
        args = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        self.leaves, self.rebuild = flatten(args)
        self.names = list(_names(args))
        self.remarks: list[str] = []
        self.inputs = [
            _Input(place, name, np.array(values, dtype=_double(values.dtype)))
            for place, (name, leaf) in enumerate(zip(self.names, self.leaves, strict=True))
            if self._is_checked(name, leaf, values := _values(leaf))
        ]
        if not self.inputs:
            raise RequiresGradError(
                f"{check}: none of the {len(self.leaves)} inputs can have a gradient; pass floating point arrays, or "
                f"Tensors with requires_grad=True"
            )

    def _is_checked(self, name: str, leaf: Any, values: Array) -> bool:
        dtype = values.dtype
        if dtype.kind not in "biufc":
            raise OperandError(f"{self.check}: {name} of type {type(leaf).__name__} is no number; pass an array")
        if isinstance(leaf, Tensor) and not leaf.requires_grad:
            return False
        if dtype.kind not in "fc":
            self.remarks.append(f"{name} of dtype {dtype} was not checked: it has no gradient")
            return False
        if dtype != _double(dtype):
            self.remarks.append(f"{name} was converted from {dtype} to {_double(dtype)} for this check")
        return True

    def call(self, operands: Sequence[Any]) -> list[Any]:
        """The outputs of `f` with these operands in the place of the inputs that are checked."""
        leaves = list(self.leaves)
        for input, operand in zip(self.inputs, operands, strict=True):
            leaves[input.place] = operand
        outputs = flatten(self.f(*self.rebuild(leaves)))[0]
        for y in outputs:
            if not isinstance(y, Tensor) and np.asarray(y).dtype.kind not in "biufc":
                raise OperandError(f"{self.check}: f returned a {type(y).__name__}; it must return numbers")
        if not outputs:
            raise OperandError(f"{self.check}: f returned nothing; let it return the loss")
        return outputs

    def values(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs of `f` at these values of the inputs, as arrays."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a step may leave the domain of f
            return [_values(y) for y in self.call(arrays if self.arrays else [Tensor(array) for array in arrays])]

    def gradients(self, rows: list[Weights]) -> list[Array]:
        """For each input the gradients of the losses that `rows` make of the outputs, from the engine."""
        with np.errstate(all="ignore"):  # what is not finite is reported
            return self._gradients(rows)

    def _gradients(self, rows: list[Weights]) -> list[Array]:
        leaves = [Tensor(input.value, requires_grad=True, name=input.name) for input in self.inputs]
        outputs = self.call(leaves)
        active = [isinstance(y, Tensor) and y.requires_grad for y in outputs]
        if not any(active):
            self.remarks.append(
                "the result of f does not require grad, so the gradient is zero: it was detached on the way, or made "
                "without the inputs"
            )
        found: list[list[Array]] = []
        for weights in rows:
            for leaf in leaves:
                leaf.grad = None
            for y, w, flows in zip(outputs, weights, active, strict=True):
                if flows and np.any(w):
                    y.backward(w.astype(y.dtype), retain_graph=True)
            found.append([np.zeros(leaf.shape, leaf.dtype) if leaf.grad is None else leaf.grad for leaf in leaves])
        return [np.stack([row[i] for row in found]) for i in range(len(leaves))]

    def gradients_by_hand(self, grads: Any, outputs: list[Array]) -> list[Array | None]:
        """The gradients that were handed in, one for each input that is checked."""
        if len(outputs) != 1 or outputs[0].size != 1 or outputs[0].dtype.kind == "c":
            shapes = ", ".join(f"{y.dtype}{list(y.shape)}" for y in outputs)
            raise OperandError(
                f"{self.check}: f returned {shapes}, and a gradient by hand belongs to one real number; let f return "
                f"the loss"
            )
        if callable(grads):
            leaves = list(self.leaves)
            for input in self.inputs:
                leaves[input.place] = input.value.copy() if self.arrays else Tensor(input.value)
            grads = grads(*self.rebuild(leaves))
        found = list(_leaves(grads))
        if len(found) == len(self.leaves):
            found = [found[input.place] for input in self.inputs]
        if len(found) != len(self.inputs):
            raise OperandError(
                f"{self.check}: {len(found)} gradients for the inputs {', '.join(self.names)}; give one array for "
                f"each, in the same structure, or None to leave one out"
            )
        return [None if g is None else _values(g)[None] for g in found]


def _of_gradient(problem: _Problem, rng: np.random.Generator) -> _Problem:
    """The gradient of `problem.f` as a function of the inputs and of the gradient of its result."""
    outputs = problem.values([input.value for input in problem.inputs])
    chosen = [k for k, y in enumerate(outputs) if y.dtype.kind in "fc"]
    (seeds,) = random_weights([outputs[k] for k in chosen], rng)
    count = len(problem.inputs)

    def gradient(*operands: Any) -> Any:
        def differentiable(*xs: Any) -> tuple[Any, ...]:
            found = problem.call(xs)
            return tuple(found[k] for k in chosen)

        return vjp(differentiable, *operands[:count])[1](tuple(operands[count:]))

    made = _Problem(problem.check, gradient, [*[input.value for input in problem.inputs], *seeds])
    for input, name in zip(
        made.inputs, [*[i.name for i in problem.inputs], *["grad_output"] * len(seeds)], strict=True
    ):
        input.name = name
    made.remarks = problem.remarks
    return made


def _run(problem: _Problem, options: Options, jacobian: bool = False, grads: Any = None) -> GradcheckReport:
    base = [input.value for input in problem.inputs]
    copies = [value.copy() for value in base]
    first, again = problem.values(copies), problem.values([value.copy() for value in base])
    if not all(map(np.array_equal, copies, base)):
        raise InPlaceError(f"{problem.check}: f changes its input in place; let it work on a copy")
    obstacle = _obstacle(first, again)
    if obstacle:
        return GradcheckReport(problem.check, INCONCLUSIVE, remarks=(*problem.remarks, obstacle))
    gradients: Sequence[Array | None]
    if grads is not None:
        rows = [[np.ones(y.shape) for y in first]]
        gradients = problem.gradients_by_hand(grads, first)
    else:
        rows = unit_weights(first) if jacobian else random_weights(first, np.random.default_rng(options.seed))
        gradients = problem.gradients(rows)
    names = [input.name for input in problem.inputs]
    return compare(
        problem.check,
        names,
        base,
        gradients,
        lambda arrays: losses(problem.values(arrays), rows),
        first,
        options,
        sizes=_sizes(problem),
        remarks=problem.remarks,
    )


def _obstacle(first: list[Array], again: list[Array]) -> str | None:
    """Why there is nothing to compare, if so."""
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, again, strict=True)):
        return "f gives another result when it is called again; take the randomness out (dropout off, a fixed seed)"
    if not all(np.all(np.isfinite(y)) for y in first):
        return "f is not finite at these inputs; ag.trace_nan tells which operation makes it so"
    return None


def _sizes(problem: _Problem) -> dict[int, str]:
    """Lengths that may slip into a gradient as a factor, and whose they are."""
    sizes: dict[int, str] = {}
    for name, leaf in zip(problem.names, problem.leaves, strict=True):
        shape = np.shape(_values(leaf))
        for axis, length in enumerate(shape):
            sizes.setdefault(length, f"the length of axis {axis} of {name}")
    for name, leaf in zip(problem.names, problem.leaves, strict=True):
        sizes.setdefault(_values(leaf).size, f"the size of {name}")
    return sizes


def _values(x: Any) -> Array:
    return x.numpy() if isinstance(x, Tensor) else plain_array("gradcheck", x)


def _double(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype to check in: double precision at least."""
    return np.result_type(dtype, np.float64) if dtype.kind in "fc" else dtype


def _leaves(tree: Any) -> Iterator[Any]:
    """The leaves of nested tuples, lists and dicts, None among them."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from _leaves(part)
    else:
        yield tree


def _names(args: tuple[Any, ...]) -> Iterator[str]:
    """What each leaf is called: `input 1`, `input 0['W']`, or `input 0 (W)` for a Tensor with a name."""

    def below(tree: Any, path: str) -> Iterator[str]:
        if isinstance(tree, dict):
            for key, part in tree.items():
                yield from below(part, f"{path}[{key!r}]")
        elif isinstance(tree, (tuple, list)):
            for position, part in enumerate(tree):
                yield from below(part, f"{path}[{position}]")
        elif tree is not None:
            yield f"{path} ({tree.name})" if isinstance(tree, Tensor) and tree.name else path

    for position, arg in enumerate(args):
        yield from below(arg, f"input {position}")
