"""Transforms: from a function of arrays to functions that compute its derivatives.

Each runs the function once on Tensors that stand for the arguments, and sweeps the recording. They take and give
plain arrays. Where the derivative itself can still be differentiated, inside another transform or for an argument
that is a Tensor, they give Tensors, and so they nest to any order. Arguments may be nested tuples, lists and dicts
of arrays.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.arrays import gradient_like, plain_array
from autograd_lite.backprop import leading_to, sweep
from autograd_lite.errors import BackwardError, DetachedError, OperandError, RequiresGradError
from autograd_lite.grad_mode import enable_grad, is_grad_enabled
from autograd_lite.record import Leaf, Node, topological
from autograd_lite.tensor import Tensor, wrap

__all__ = [
    "Function",
    "Pushforward",
    "Trace",
    "fitted",
    "flatten",
    "grad",
    "jvp",
    "matching",
    "named",
    "scalar_gradient",
    "scalar_seed",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

Function = Callable[..., Any]

# The leaves that stand for the arguments of the transforms whose functions are running here and now.
_running: ContextVar[frozenset[Any]] = ContextVar("autograd_lite_running", default=frozenset())


# --- nested containers ---------------------------------------------------------------------------------------


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of nested tuples, lists and dicts, and a function that puts others in their places.

    >>> leaves, rebuild = flatten({"w": 1.0, "layers": [2.0, (3.0,)]})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild([10.0, 20.0, 30.0])
    {'w': 10.0, 'layers': [20.0, (30.0,)]}
    """
    if isinstance(tree, dict):
        keys, children = list(tree), list(tree.values())
    elif isinstance(tree, (tuple, list)):
        keys, children = None, list(tree)
    elif tree is None:
        return [], lambda _: None
    else:
        return [tree], lambda leaves: leaves[0]
    parts = [flatten(child) for child in children]
    counts = [len(leaves) for leaves, _ in parts]

    def rebuild(leaves: Sequence[Any]) -> Any:
        made, start = [], 0
        for (_, build), count in zip(parts, counts, strict=True):
            made.append(build(leaves[start : start + count]))
            start += count
        if keys is not None:
            return dict(zip(keys, made, strict=True))
        if hasattr(tree, "_fields"):  # a namedtuple
            return type(tree)(*made)
        return type(tree)(made)

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild


# --- running a function on Tensors -----------------------------------------------------------------------------


class Trace:
    """One run of a function: Tensors in the places of the chosen arguments, and what came out.

    Attributes:
        inputs: the Tensors that stood for the leaves of the chosen arguments.
        outputs: the leaves of the result.
        nested: whether somebody may differentiate the derivative, so that it has to be recorded in its turn:
            the result depends on an argument of an enclosing transform, or on Tensors and one was an argument.
    """

    def __init__(self, what: str, function: Function, args: Sequence[Any], argnums: Any, kwargs: Any) -> None:
        self.what = what
        chosen = _positions(what, argnums, len(args))
        several = isinstance(argnums, (tuple, list))
        leaves, self.rebuild_inputs = flatten(tuple([args[i] for i in chosen]) if several else args[chosen[0]])
        self.recorded = is_grad_enabled()
        self.on_tensors = any(isinstance(leaf, Tensor) for leaf in leaves)
        if len(args) > len(chosen) or kwargs:  # the others count too, if somebody can ask for the gradient by them
            others = flatten([arg for i, arg in enumerate(args) if i not in chosen] + list(kwargs.values()))[0]
            self.on_tensors |= any(isinstance(other, Tensor) and other.requires_grad for other in others)
        with enable_grad():
            self.inputs = [_stand_in(what, leaf) for leaf in leaves]
            self.targets = [tensor._leaf() for tensor in self.inputs]
            stood = self.rebuild_inputs(self.inputs)
            filled = list(args)
            for position, argument in zip(chosen, stood if several else [stood], strict=True):
                filled[position] = argument
            enclosing = _running.get()
            try:
                _running.set(enclosing.union(self.targets))
                self.result = function(*filled, **kwargs)
            except DetachedError as error:
                lists = [type(args[i]).__name__ for i in chosen if _holds_numbers(args[i])]
                if lists:
                    error.add_note(
                        f"{what}: the {lists[0]} that was given is a container of separate numbers; give np.array(...) "
                        f"for one array of them"
                    )
                raise
            finally:
                _running.set(enclosing)  # not by a token, which Ctrl-C may have kept from us

    def outputs_of(self, result: Any) -> None:
        """Say which part of the result is to be differentiated."""
        self.outline = result
        self.outputs, self.rebuild_outputs = flatten(result)
        for position, output in enumerate(self.outputs):
            if not isinstance(output, Tensor):
                warnings.warn(
                    f"{self.what}: the function returned a plain {type(output).__name__} instead of a Tensor: "
                    f"nothing records how it depends on the arguments, and its derivative is taken as zero",
                    stacklevel=4,
                )
                self.outputs[position] = wrap(np.asarray(output))
            else:
                output._seen()  # refuses a view of what was changed since
        roots = [output._node for output in self.outputs if output.requires_grad]
        self._roots = roots
        self.nested = self.depends(self.on_tensors)

    def depends(self, on_tensors: bool) -> bool:
        """Whether the result depends on an argument of an enclosing transform, or, `on_tensors`, on Tensors."""
        enclosing, own = _running.get(), set(self.targets)
        may_nest = self.recorded and (enclosing or on_tensors)
        return bool(may_nest) and any(
            node in enclosing or (on_tensors and node.__class__ is Leaf and node.requires_grad and node not in own)
            for node in topological(self._roots, everything=True)
        )

    def directed(self, directions: Sequence[Any]) -> bool:
        """Whether somebody may differentiate by the directions in which the derivative is taken.

        Then the result, which is recorded, has to be recorded as a function of all Tensors that it depends on.
        """
        live = any(isinstance(part, Tensor) for part in directions)  # by `fitted`, only those that require grad
        self.on_tensors |= live
        return live

    @functools.cached_property
    def useful(self) -> dict[Any, None]:
        """The nodes through which a gradient reaches the inputs."""
        return leading_to(self.targets, self._roots)

    def pull(self, gradients: Sequence[Any], *, create_graph: bool, retain_graph: bool = True) -> list[Any]:
        """The gradients of the inputs, given those of the outputs; zeros where nothing flows."""
        seeds: dict[Node, Any] = {}
        for output, g in zip(self.outputs, gradients, strict=True):
            node = output._node
            if node is not None and node.requires_grad:
                seeds[node] = seeds[node] + g if node in seeds else g
        arrived = sweep(
            seeds, retain_graph=retain_graph, create_graph=create_graph, targets=self.targets, useful=self.useful
        )
        return [
            arrived[node] if node in arrived else np.zeros(tensor.shape, tensor.dtype)
            for node, tensor in zip(self.targets, self.inputs, strict=True)
        ]

    def given(self, value: Any) -> Any:
        """A result as it is handed to the caller: an array, or a Tensor inside another transform."""
        if self.nested:
            return value if isinstance(value, Tensor) else wrap(np.asarray(value))
        return value.numpy() if isinstance(value, Tensor) else np.array(value)


def _holds_numbers(tree: Any) -> bool:
    return isinstance(tree, (list, tuple)) and any(isinstance(part, (int, float, complex)) for part in tree)


def _positions(what: str, argnums: Any, count: int) -> list[int]:
    if argnums.__class__ is int and 0 <= argnums < count:
        return [argnums]
    chosen = list(argnums) if isinstance(argnums, (tuple, list)) else [argnums]
    integers = all(isinstance(position, (int, np.integer)) for position in chosen)
    if not chosen or not integers or any(not -count <= position < count for position in chosen):
        raise OperandError(
            f"{what}: argnums={argnums!r} does not name one of the {count} positional arguments given; "
            f"pass the arguments to differentiate by position"
        )
    positions = [int(position) % count for position in chosen]
    if len(set(positions)) < len(positions):
        raise OperandError(f"{what}: argnums={argnums!r} names an argument twice; name each once")
    return positions


def _stand_in(what: str, leaf: Any) -> Tensor:
    """A Tensor for one argument: where it requires grad already, one that still belongs to its graph."""
    if isinstance(leaf, Tensor) and leaf.requires_grad:
        return leaf.clone()
    array = leaf.numpy() if isinstance(leaf, Tensor) else plain_array(what, leaf)
    if array.dtype.kind not in "fc":
        raise RequiresGradError(
            f"{what}: an argument of dtype {array.dtype} has no derivative; pass floating point numbers "
            f"(1.0 instead of 1, or x.astype(float)), or leave it out of argnums"
        )
    return Tensor(array, requires_grad=True)


def scalar_seed(what: str, output: Any) -> Any:
    """The gradient to start from: 1 of the shape and dtype of `output`, which must be a real scalar."""
    if output.size != 1:
        raise BackwardError(
            f"{what}: the function returned an array of shape {output.shape}, not a scalar; reduce it with .sum() or "
            f".mean(), or use jacobian"
        )
    if output.dtype.kind == "c":
        raise BackwardError(f"{what}: the function returned a complex number; take .real or abs of it")
    return np.ones(output.shape, output.dtype) if output.ndim else output.dtype.type(1)


# --- the transforms --------------------------------------------------------------------------------------------


def value_and_grad(f: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """A function that computes a scalar `f` and its gradient.

    Args:
        f: a function of arrays that returns a scalar; with `has_aux` a pair (scalar, anything).
        argnums: the position of the argument to differentiate, or a tuple of positions. The argument may be a
            nested tuple, list or dict of floating arrays; the gradient has its structure.
        has_aux: whether `f` also returns something that is passed through.

    Returns:
        A function with the arguments of `f` that returns `(value, gradient)`, with `has_aux`
        `((value, aux), gradient)`.

    Raises:
        BackwardError: `f` returned several arrays, or one that is no scalar.
        OperandError: `f` is no function.

    >>> value, gradient = value_and_grad(lambda x: (x**2).sum())(np.array([1.0, 2.0]))
    >>> value, gradient
    (array(5.), array([2., 4.]))
    """
    return named(scalar_gradient("value_and_grad", f, argnums, has_aux), f, "value_and_grad")


def scalar_gradient(what: str, f: Function, argnums: Any, has_aux: bool) -> Function:
    """What `value_and_grad` returns, with errors that speak of `what`."""
    refuse_values(what, f)

    def of(*args: Any, **kwargs: Any) -> Any:
        trace = Trace(what, f, args, argnums, kwargs)
        result, aux = trace.result if has_aux else (trace.result, None)
        trace.outputs_of(result)
        if len(trace.outputs) != 1:
            raise BackwardError(
                f"{what}: the function returned {len(trace.outputs)} arrays; it must return one scalar"
                + (", or with has_aux=True a pair of it and anything else" if what.endswith("grad") else "")
            )
        output = trace.outputs[0]
        seed = scalar_seed(what, output)
        found = trace.pull([seed], create_graph=trace.nested, retain_graph=trace.nested)
        gradient = trace.rebuild_inputs([trace.given(g) for g in found])
        value = trace.given(output)
        return ((value, aux) if has_aux else value), gradient

    return of


def grad(f: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """A function that computes the gradient of a scalar `f`; arguments and errors are those of `value_and_grad`.

    It returns the gradient, or `(gradient, aux)` with `has_aux`.

    >>> grad(lambda x: x**3)(2.0)
    array(12.)
    >>> grad(grad(lambda x: x**3))(2.0)
    array(12.)
    """
    both = scalar_gradient("grad", f, argnums, has_aux)

    def of(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return named(of, f, "grad")


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of `f(*primals)` and its pullback, the vector-Jacobian product.

    Returns:
        `(y, pullback)`. `pullback(g)`, with `g` of the shape (and structure) of `y`, returns a tuple with one
        gradient per primal. It can be called any number of times.

    >>> y, pullback = vjp(lambda a, b: a * b, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> y
    array([3., 8.])
    >>> pullback(np.array([1.0, 1.0]))
    (array([3., 4.]), array([1., 2.]))
    """
    refuse_values("vjp", f, ", x)")
    if not primals:
        raise OperandError("vjp: no primals are given; write vjp(f, x), with the arguments of the function")
    trace = Trace("vjp", f, primals, tuple(range(len(primals))), {})
    trace.outputs_of(trace.result)

    def pullback(g: Any) -> Any:
        gradients = [
            fitted("pullback", part, output)
            for part, output in zip(matching("pullback", g, trace.outline), trace.outputs, strict=True)
        ]
        live = any(isinstance(part, Tensor) for part in gradients)
        found = trace.pull(gradients, create_graph=trace.nested or (live and trace.depends(True)))
        if live and not trace.nested:
            return trace.rebuild_inputs(found)
        return trace.rebuild_inputs([trace.given(part) for part in found])

    return trace.rebuild_outputs([trace.given(output) for output in trace.outputs]), pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `f(*primals)` and its derivative in the direction `tangents`, the Jacobian-vector product.

    The pullback is linear in the gradient it is given; its own pullback is the derivative itself (the "double
    backward" construction of J. Townsend, 2017). So no rule has to be written for the forward mode.

    Args:
        f: a function of arrays that returns arrays.
        primals: its arguments, a tuple.
        tangents: a tuple of directions, each in the shape and structure of its argument.

    Returns:
        `(y, tangent)`, the tangent in the shape and structure of `y`.

    Raises:
        OperandError: primals and tangents that are no tuples, or do not fit one another; `f` is no function.

    >>> jvp(lambda x: x**2, (np.array([1.0, 2.0]),), (np.array([1.0, 0.5]),))
    (array([1., 4.]), array([2., 2.]))
    """
    refuse_values("jvp", f, ", (x,), (v,))")
    if not all(isinstance(each, (tuple, list)) for each in (primals, tangents)):
        raise OperandError("jvp: primals and tangents are tuples, one entry per argument; write jvp(f, (x,), (v,))")
    if len(primals) != len(tangents):
        raise OperandError(f"jvp: {len(primals)} primals and {len(tangents)} tangents; there must be one for each")
    trace = Trace("jvp", f, tuple(primals), tuple(range(len(primals))), {})
    directions = [
        fitted("jvp", part, tensor)
        for part, tensor in zip(matching("jvp", tuple(tangents), tuple(primals)), trace.inputs, strict=True)
    ]
    live = trace.directed(directions)
    trace.outputs_of(trace.result)
    push = Pushforward(trace)
    found = push(directions)
    value = trace.rebuild_outputs([trace.given(output) for output in trace.outputs])
    if live and not trace.nested:
        return value, trace.rebuild_outputs(found)
    return value, trace.rebuild_outputs([trace.given(part) for part in found])


class Pushforward:
    """From tangents of the inputs of a trace to those of its outputs."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        with enable_grad():
            self.probes = [Tensor(np.ones(output.shape, output.dtype), requires_grad=True) for output in trace.outputs]
            self.pulled = trace.pull(self.probes, create_graph=trace.nested)
        self.targets = [probe._leaf() for probe in self.probes]
        roots = [g._leaf() for g in self.pulled if isinstance(g, Tensor) and g.requires_grad]
        self.useful = leading_to(self.targets, roots)

    def __call__(self, directions: Sequence[Any]) -> list[Any]:
        """The tangents of the outputs, given those of the inputs."""
        seeds: dict[Node, Any] = {}
        for g, direction in zip(self.pulled, directions, strict=True):
            node = g._node if isinstance(g, Tensor) else None
            if node is not None and node.requires_grad:
                seeds[node] = seeds[node] + direction if node in seeds else direction
        arrived = sweep(
            seeds, retain_graph=True, create_graph=self.trace.nested, targets=self.targets, useful=self.useful
        )
        return [
            arrived[target] if target in arrived else np.zeros(probe.shape, probe.dtype)
            for target, probe in zip(self.targets, self.probes, strict=True)
        ]


def stop_gradient(x: Any) -> Any:
    """`x` as a constant: no gradient flows through it. Nested containers are gone through.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    array(3.)
    """
    leaves, rebuild = flatten(x)
    return rebuild([leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves])


def matching(what: str, tree: Any, pattern: Any) -> list[Any]:
    """The leaves of `tree` in the order of `pattern`, whose structure it must have; keys may be in any order."""
    if pattern is None:
        return []
    nested = isinstance(pattern, (tuple, list, dict))
    if isinstance(pattern, dict):
        fits = isinstance(tree, dict) and tree.keys() == pattern.keys()
    elif nested:
        fits = isinstance(tree, (tuple, list)) and len(tree) == len(pattern)
    else:
        fits = tree is not None and not isinstance(tree, dict)
    if not fits:
        raise OperandError(
            f"{what}: {_outline(tree)} given where {_outline(pattern)} is needed; they must have the same structure"
        )
    if not nested:
        return [tree]
    places = pattern if isinstance(pattern, dict) else range(len(pattern))
    return [leaf for place in places for leaf in matching(what, tree[place], pattern[place])]


def _outline(tree: Any) -> str:
    if isinstance(tree, dict):
        return f"a dict with the keys {sorted(map(str, tree))}"
    if isinstance(tree, (tuple, list)):
        return f"a {type(tree).__name__} of {len(tree)}"
    return "None" if tree is None else "one array"


def fitted(what: str, value: Any, tensor: Tensor) -> Any:
    """A tangent or cotangent, in the dtype of what it belongs to; its shape must be the same."""
    if not isinstance(value, Tensor):
        value = np.array(plain_array(what, value))
    if value.shape != tensor.shape:
        raise OperandError(
            f"{what}: an array of shape {value.shape} does not fit a value of shape {tensor.shape}; they must be equal"
        )
    if isinstance(value, Tensor) and not (value.requires_grad and is_grad_enabled()):
        value = value.numpy()
    return gradient_like(what, value, tensor.dtype)


def refuse_values(what: str, f: Any, rest: str = ")(x)") -> None:
    """Refuse a result where its function belongs: `grad(loss, x)` is another library's call."""
    if not callable(f):
        raise OperandError(
            f"{what}: its first argument is a function, not a {type(f).__name__}; write "
            f"{what}(lambda x: ...{rest}, or call backward() on a loss that is computed already"
        )


def named(made: Function, f: Function, what: str) -> Function:
    """`made` with a name and a docstring that say what it computes, and of which function."""
    made.__name__ = f"{what}({getattr(f, '__name__', type(f).__name__)})"
    made.__doc__ = f"{what} of {getattr(f, '__name__', f)}; see `autograd_lite.{what}`."
    return made
