"""Differentiating through a function that a solver has called: what `integrate` and `optimize` have in common.

A solver calls the user's function on plain numbers, as often as it likes, and none of it is recorded. The derivative
needs the function once more at the solution: its vector-Jacobian product there, by its arguments and by whatever else
it uses, such as the parameters of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from autograd_lite.backprop import sweep
from autograd_lite.errors import InPlaceError, NotDifferentiableError
from autograd_lite.grad_mode import enable_grad, no_grad
from autograd_lite.record import Leaf, Primitive, topological
from autograd_lite.rules.table import numbers_of
from autograd_lite.stand_in import StandIn, StandInError
from autograd_lite.tensor import Tensor, wrap
from autograd_lite.transforms import flatten

__all__ = ["Arguments", "Function", "fingerprint", "frontier", "stand_in", "together"]


class Function:
    """A user's function of several arrays, and what it uses without being given it.

    Args:
        name: what errors call the solver.
        f: returns one array or Tensor, or a list of numbers.

    Attributes:
        closed: the nodes outside `f` on which its result depends otherwise than through its arguments, once `look`
            has found them.
        gives_tensors: whether `f` made a Tensor of plain arrays when it was last called by `values`.
    """

    def __init__(self, name: str, f: Callable[..., Any]) -> None:
        self.name = name
        self.f = f
        self.closed: list[Any] = []
        self.gives_tensors = False
        self._prints: list[Any] = []
        self._tried: list[tuple[tuple[Any, ...], Any]] = []
        self._strange: set[Any] = set()

    def look(self, *points: tuple[Any, ...]) -> None:
        """Try the function at these tuples of arguments, to see what else it uses."""
        found: dict[Any, None] = {}
        for point in points:
            found.update(dict.fromkeys(self._outside(point)))
        self.closed = list(found)
        self._prints = [fingerprint(node) for node in self.closed]
        self._tried = [(point, self._value(point)) for point in points]

    def values(self, *inputs: Any) -> Any:
        """The result on plain arrays, as a plain array."""
        with no_grad():
            result = _one(self.f(*inputs))
        self.gives_tensors = isinstance(result, Tensor)
        return np.asarray(numbers_of(result), float)

    def recorded(self, *inputs: Any) -> Any:
        """The result as a Tensor."""
        return self._run(inputs)[0]

    def pull(self, g: Any, *inputs: Any) -> tuple[Any, list[Any]]:
        """The result, and the gradients of the inputs and of `closed`, given `g`, that of the result.

        On plain arrays all are arrays; where an input or `g` is a Tensor that requires grad they are Tensors.
        """
        live = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        result, targets = self._run(inputs)
        node = result._node
        if node is None or not node.requires_grad:
            found: dict[Any, Any] = {}
        else:
            self._check_closed(node, targets)
            found = sweep(
                {node: g},
                retain_graph=True,
                create_graph=live,
                targets=[*targets, *self.closed],
                outside=self.closed,
            )
        gradients = [
            found[target] if target in found else np.zeros(target.spec.shape, target.spec.dtype)
            for target in [*targets, *self.closed]
        ]
        return (result if live else result._array), gradients

    def jacobian(self, *inputs: Any) -> Any:
        """The derivative of the flattened result by the flattened first input, as a matrix."""
        live = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        result, targets = self._run(inputs)
        node, n = result._node, inputs[0].size
        rows = []
        for at in np.ndindex(result.shape):
            unit = np.zeros(result.shape)
            unit[at] = 1.0
            found = {}
            if node is not None and node.requires_grad:
                found = sweep({node: unit}, retain_graph=True, create_graph=live, targets=targets[:1])
            rows.append(np.reshape(found.get(targets[0], np.zeros(n)), (n,)))
        return np.stack(rows)

    def record(self, solution: Any, inputs: Sequence[Any], gradients: Callable[[Any, Any, Any], list[Any]]) -> Any:
        """The solution as a Tensor, whose gradient flows to the inputs and to `closed`.

        `gradients(g, solution, inputs)` are those of the inputs and of `closed`, all at once.
        """
        count = len(inputs)

        def at_once(g: Any, y: Any, *saved: Any) -> list[Any]:
            self.check_unchanged()
            return gradients(g, y, saved[:count])

        op = together(self.name, solution, at_once)
        return op(*[x if x.dtype == float else x.astype(float) for x in inputs], *map(stand_in, self.closed))

    def _value(self, point: tuple[Any, ...]) -> Any:
        return self.values(*[x.copy() for x in point])

    def check_unchanged(self) -> None:
        """Raise if a parameter outside was changed since the function was tried, or an array that it uses."""
        if [fingerprint(node) for node in self.closed] != self._prints:
            raise InPlaceError(
                f"{self.name}: a parameter that its function uses was changed between forward and backward; call "
                f"backward before the update"
            )
        if not all(np.array_equal(self._value(point), value, equal_nan=True) for point, value in self._tried):
            raise InPlaceError(
                f"{self.name}: its function does not give what it gave before: has an array that it uses been changed "
                f"since? Pass the array in args, of which a copy is kept, or call backward before the change"
            )

    def _run(self, inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The recorded result, and the nodes that stand for the inputs."""
        with enable_grad():
            stood = [
                x.clone() if isinstance(x, Tensor) and x.requires_grad else Tensor(numbers_of(x), requires_grad=True)
                for x in inputs
            ]
            result = _one(self.f(*stood))
            result = result if isinstance(result, Tensor) else wrap(np.asarray(result))
            if result.dtype != float:
                result = result.astype(float)
        return result, [x._leaf() for x in stood]

    def _outside(self, point: tuple[Any, ...]) -> list[Any]:
        """What two runs have in common is outside: each makes its own nodes. The first of it on every path."""
        roots = [self._run(point)[0]._leaf() for _ in range(2)]
        first, second = [set(topological([root], everything=True)) for root in roots]
        shared = first & second
        return [node for node in frontier(roots[0], shared) if node.requires_grad and node in shared]

    def _check_closed(self, root: Any, targets: Sequence[Any]) -> None:
        """Raise if the result depends on a parameter that was not seen when the function was tried.

        A leaf that is there in two runs is one; a transform inside the function makes new ones in every run.
        """
        known = {*targets, *self.closed}
        strange = {node for node in frontier(root, known) if node.requires_grad and node not in known}
        for node in strange & self._strange:
            raise NotDifferentiableError(
                f"{self.name}: its function uses a parameter of shape {node.spec.shape} at some points only, which is "
                f"not seen beforehand; pass it in args"
            )
        self._strange = strange


def together(name: str, y: Any, gradients: Callable[..., list[Any]]) -> Primitive:
    """A primitive whose value is `y`, and whose rule, asked input by input, takes from `gradients(g, y, *inputs)`.

    These run the user's function again, on plain numbers where they are given no Tensors. Of a Dual that would leave
    the tangent behind, so they are given none.
    """
    last: list[Any] = [None, None]  # a gradient of the output, and what it gave

    def rule(g: Any, y: Any, position: int, *inputs: Any) -> Any:
        if any(isinstance(value, StandIn) for value in (y, *inputs)):
            raise StandInError(name)
        if last[0] is not g:
            last[:] = g, gradients(g, y, *inputs)
        r = last[1][position]
        if position == len(inputs) - 1:
            last[:] = None, None
        return r

    return Primitive(lambda *_: y, (rule,), name=name, prints=f"{name}(...)", variadic=True)


class Arguments:
    """What a user's function is given beside the unknown: nested containers of arrays, some of which require grad.

    Attributes:
        parameters: the Tensors among them that require grad.
        tensors: whether there are Tensors at all.
    """

    def __init__(self, args: Any) -> None:
        self._leaves, self._rebuild = flatten(args if isinstance(args, tuple) else (args,))
        live = [isinstance(leaf, Tensor) and leaf.requires_grad for leaf in self._leaves]
        self._places = [i for i, one in enumerate(live) if one]
        self.parameters = [self._leaves[place] for place in self._places]
        self.tensors = any(isinstance(leaf, Tensor) for leaf in self._leaves)
        # The adjoint needs the numbers of now, whatever the user does to the arrays until then.
        numbers = [numbers_of(leaf) for leaf in self._leaves]
        self._numbers = [x.copy() if isinstance(x, np.ndarray) else x for x in numbers]

    def filled(self, parameters: Sequence[Any]) -> Any:
        """The arguments as plain values, with `parameters` in their places."""
        values = list(self._numbers)
        for place, value in zip(self._places, parameters, strict=True):
            values[place] = value
        return self._rebuild(values)


def _one(result: Any) -> Any:
    """One array of what may be a list of numbers."""
    if isinstance(result, (list, tuple)):
        return np.stack(result) if any(isinstance(x, Tensor) for x in result) else np.asarray(result)
    return result


def frontier(root: Any, stops: Collection[Any]) -> list[Any]:
    """The nodes of `stops` that are met first on the paths down from `root`, and the leaves of all other paths."""
    found, seen, stack = [], {root}, [root]
    while stack:
        node = stack.pop()
        if node in stops or node.__class__ is Leaf:
            found.append(node)
            continue
        for source in node.inputs:
            if hasattr(source, "inputs") and source not in seen:
                seen.add(source)
                stack.append(source)
    return found


def fingerprint(node: Any) -> Any:
    """What tells whether a parameter was changed in place; nothing is known of an intermediate result."""
    return hash(node.value.tobytes()) if node.__class__ is Leaf else None


def stand_in(node: Any) -> Tensor:
    """A Tensor at the place of a node in the graph, for a rule that does not read it: its numbers may not be known."""
    return wrap(node.value if node.__class__ is Leaf else np.zeros(node.spec.shape, node.spec.dtype), node)
