"""A user's own primitive, and a function that is computed again instead of being remembered."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_lite.arrays import plain_array
from autograd_lite.backprop import fit, sweep
from autograd_lite.errors import AutogradError, DetachedError, InPlaceError, NotDifferentiableError, OperandError
from autograd_lite.grad_mode import enable_grad, is_grad_enabled
from autograd_lite.implicit import fingerprint, frontier, stand_in, together
from autograd_lite.operations import apply
from autograd_lite.record import Primitive, spec_of
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor, wrap
from autograd_lite.transforms import _running

__all__ = ["checkpoint", "custom", "recomputing"]

_recomputing: ContextVar[bool] = ContextVar("autograd_lite_recomputing", default=False)


def custom(forward: Callable[..., Any], *rules: Callable[..., Any] | None, name: str | None = None) -> Any:
    """A primitive of your own: how it is computed, and one derivative rule per input.

    Args:
        forward: computes the value from plain, read-only arrays; keyword arguments are passed through.
        rules: one function `(g, y, *inputs)` per input, which returns that input's gradient given the gradient
            `g` of the output `y`; None where nothing flows. A rule written with `np` functions and operators is
            itself differentiable; one that is not (compiled code, SciPy) serves backward, and says so when a second
            derivative or a jvp is asked for. Give it a derivative by making it of another `custom`.
        name: what drawings and errors call it; default: the name of `forward`.

    Returns:
        A function of as many Tensors, arrays or numbers as there are rules.

    Raises:
        OperandError: no function, or no rule; in the call another number of inputs; on the way back a rule that returns
            another shape; either of a function that changes an array that it was given.

    >>> cube = custom(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube")
    >>> t = Tensor([2.0], requires_grad=True)
    >>> cube(t).sum().backward()
    >>> t.grad
    array([12.])
    """
    if not callable(forward):
        raise OperandError(f"custom: forward is {forward!r:.60}; give a function of arrays, then one rule per input")
    if not rules:
        raise OperandError("custom: at least one rule is needed, one per input; use None where nothing flows")
    called = name or str(getattr(forward, "__name__", "custom"))

    for position, rule in enumerate(rules):
        if rule is not None and not callable(rule):
            raise OperandError(f"custom: the rule for input {position} is {rule!r:.60}; give a function, or None")

    def compute(*arrays: Any, **static: Any) -> Any:
        try:
            y = plain_array(called, forward(*[_frozen(array) for array in arrays], **static))
        except ValueError as error:
            _tell_of_writing(f"{called}: its forward", error)
            raise
        if y.dtype.kind not in "biufc":
            raise OperandError(f"{called}: it returned dtype {y.dtype}; a primitive returns one numeric array")
        return np.array(y)  # it may be an argument, or an array that the next call writes to

    guarded = [None if rule is None else _guarded(called, rule, i) for i, rule in enumerate(rules)]
    op = Primitive(compute, tuple(guarded), name=called, prints=f"{called}({', '.join(['{}'] * len(rules))})")
    op.keep_all()

    def primitive(*inputs: Any, **static: Any) -> Any:
        if len(inputs) != len(rules):
            raise OperandError(
                f"{called}: {len(inputs)} inputs given, and {len(rules)} rules; there must be one rule per input, and "
                f"static arguments go by name"
            )
        return apply(op, inputs, static)

    primitive.__name__ = called
    primitive.__doc__ = forward.__doc__
    return primitive


def _frozen(array: Any) -> Any:
    """The array, protected from being written to by code that is not ours; a Tensor may be, which others do not see."""
    if isinstance(array, Tensor):
        return wrap(array._settled(), array._node)
    if not isinstance(array, np.ndarray):
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _tell_of_writing(what: str, error: Exception) -> None:
    """Refuse, with the cure, what NumPy refused because of `_frozen`."""
    if "read-only" in str(error):
        raise OperandError(
            f"{what} changes an array that it was given, which is read-only; make a new one, g * x instead of g *= x"
        ) from error


def _guarded(name: str, rule: Callable[..., Any], position: int) -> Callable[..., Any]:
    def guarded(g: Any, y: Any, *inputs: Any, **static: Any) -> Any:
        recorded = isinstance(g, Tensor) or any(isinstance(value, Tensor) for value in inputs)
        try:
            r = rule(*[_frozen(value) for value in (g, y, *inputs)], **static)
        except (DetachedError, NotDifferentiableError, ValueError) as error:
            # What a Tensor says to `array[i] = tensor` NumPy makes the cause of an error of its own.
            told = error if isinstance(error, AutogradError) else error.__cause__
            if not isinstance(told, (DetachedError, NotDifferentiableError)):
                _tell_of_writing(f"{name}: its rule for input {position}", error)
                raise
            told.add_note(
                f"{name}: its rule for input {position} works on arrays only, so it has no second derivative and no "
                f"jvp; write it with np functions, or make it of another ag.custom"
            )
            raise told  # noqa: B904  # it is the cause already
        if isinstance(r, Tensor):
            r = r if recorded else r.numpy()  # computed with a Tensor of the rule's own
        else:
            r = np.array(plain_array(name, r))
            if r.dtype.kind not in "biufc":
                raise OperandError(f"{name}: its rule for input {position} returned dtype {r.dtype}; return numbers")
            if recorded and r.any():
                raise NotDifferentiableError(
                    f"{name}: its rule for input {position} returned a plain array for a Tensor, so the second "
                    f"derivative would be lost; write it with np functions, or make it of another ag.custom"
                )
        return fit(r, spec_of(inputs[position]))

    return guarded


def checkpoint(f: Any, *args: Any) -> Callable[..., Any]:
    """A function that computes like `f` and forgets the values inside it, to compute them again on the way back.

    The memory of a long computation then grows with the number of checkpointed pieces instead of the number of
    operations, for the time of one more forward pass. `f` takes positional Tensors or arrays and returns one
    Tensor; Tensors that it uses without being given them must be leaves (parameters). The running statistics of a
    batch normalisation inside it are updated once, by the forward pass.

    Raises:
        OperandError: `f` is no function, or comes with its arguments: those are for what is returned.
        InPlaceError: on the way back, if a parameter was changed, or `f` did not give the same again: random numbers.

    >>> x = Tensor([0.5], requires_grad=True)
    >>> checkpoint(lambda t: np.tanh(np.tanh(t)))(x).sum().backward()
    >>> x.grad.round(4)
    array([0.6398])
    """
    if not callable(f) or args:
        given = f"{len(args)} arguments beside the function" if callable(f) else f"a {type(f).__name__}, no function"
        raise OperandError(f"checkpoint: {given}; write checkpoint(f)(x)")
    called = f"checkpoint({getattr(f, '__name__', 'f')})"

    def run(*args: Any) -> Any:
        if not is_grad_enabled():
            return f(*args)
        places = [i for i, arg in enumerate(args) if isinstance(arg, Tensor) and arg.requires_grad]
        y, parameters = _parameters(called, f, args, places)
        if not getattr(y, "requires_grad", False):
            return y
        y = y._array  # without its graph, which would keep the values inside alive
        # An assignment puts what it writes, and the graph of that, into a Tensor that the second run must not see.
        standing: list[Any] = [arg.detach() if isinstance(arg, Tensor) else arg for arg in args]
        prints = [fingerprint(node) for node in parameters]

        def gradients(g: Any, y: Any, *inputs: Any) -> list[Any]:
            if [fingerprint(node) for node in parameters] != prints:
                raise InPlaceError(
                    f"{called}: a parameter it uses was changed between forward and backward; "
                    f"call backward before the update"
                )
            again = list(standing)
            for place, value in zip(places, inputs, strict=False):
                again[place] = value.clone() if isinstance(value, Tensor) else Tensor(value, requires_grad=True)
            nodes = [again[place]._node for place in places] + parameters
            before = _recomputing.set(True)
            try:
                with enable_grad():
                    second = f(*again)
            finally:
                _recomputing.reset(before)
            same = np.array_equal(numbers_of(second), numbers_of(y), equal_nan=True)
            if not same or not getattr(second, "requires_grad", False):
                raise InPlaceError(
                    f"{called}: the second run of the function did not give what the first gave; it must depend on "
                    f"its arguments and parameters only (seed the random numbers inside it)"
                )
            tensors = isinstance(g, Tensor)
            live = tensors and any(isinstance(value, Tensor) for value in inputs)
            found = sweep({second._node: g}, retain_graph=live, create_graph=live, targets=nodes, outside=parameters)
            return [found[node] if node in found else np.zeros(node.spec.shape, node.spec.dtype) for node in nodes]

        op = together(called, y, gradients)
        given = [args[place] for place in places]
        return apply(op, (*given, *[stand_in(node) for node in parameters]), {})

    run.__name__ = called
    run.__doc__ = f.__doc__
    return run


def recomputing() -> bool:
    """Whether `checkpoint` is computing again what has been computed: what counts its calls counts none then."""
    return _recomputing.get()


def _parameters(called: str, f: Callable[..., Any], args: Any, places: list[int]) -> tuple[Any, list[Any]]:
    """The value of `f`, and what it uses without being given it: leaves, and arguments of transforms that are running.

    Inside nested transforms such an argument is no leaf, but it is there that the inner one waits for the gradient.
    """
    standing = list(args)
    for place in places:
        standing[place] = Tensor(args[place].numpy(), requires_grad=True)
    # A mask that is given ends here too: what it was made of is not used by `f`, and may change.
    own = {arg._node for arg in standing if isinstance(arg, Tensor)}
    y = f(*standing)
    if not isinstance(y, Tensor):
        if places or isinstance(y, (tuple, list, dict)):
            raise OperandError(f"{called}: it returned a {type(y).__name__}; it must return one Tensor")
        return y, []  # a function of plain arrays, of which nothing is recorded
    if not y.requires_grad:
        return wrap(y._array), []
    found = frontier(y._node, _running.get() | own)
    return y, [node for node in found if node.requires_grad and node not in own]
