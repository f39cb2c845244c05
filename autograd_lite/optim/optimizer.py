"""`Optimizer`: parameter groups, their checks, and what is saved; the methods themselves are in `methods`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from operator import is_not
from typing import Any

import numpy as np

from autograd_lite.arrays import unmasked
from autograd_lite.errors import OperandError
from autograd_lite.optim.flat import Flat, Run, computed_in
from autograd_lite.tensor import LENT, Tensor

__all__ = ["Optimizer", "clip_grad_norm_", "clip_grad_value_", "is_number", "tensors_of"]


def tensors_of(name: str, params: Any) -> list[Tensor]:
    """A list of leaves that can be trained, or an error that says what is none."""
    if isinstance(params, Tensor):
        raise OperandError(f"{name}: params is one Tensor of shape {params.shape}; give a list, [tensor]")
    if not isinstance(params, Iterable):
        raise OperandError(f"{name}: params is a {type(params).__name__}; give a list of Tensors, model.parameters()")
    tensors = list(params)
    if not tensors:
        raise OperandError(
            f"{name}: no parameters given; pass model.parameters() of a model whose attributes are Modules or "
            f"Tensor(..., requires_grad=True)"
        )
    for position, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise OperandError(
                f"{name}: parameter {position} is a {type(tensor).__name__}; pass Tensors, model.parameters()"
            )
        if not tensor.is_leaf:
            raise OperandError(
                f"{name}: parameter {position}, of shape {tensor.shape}, is the result of an operation; give the leaf "
                f"that it was made from"
            )
        if tensor.dtype.kind != "f":
            raise OperandError(
                f"{name}: parameter {position} has dtype {tensor.dtype}; only real floating parameters are trained: "
                f"{'two of them, a + 1j * b' if tensor.dtype.kind == 'c' else 'make it one with .astype(float)'}"
            )
    if len({id(tensor) for tensor in tensors}) != len(tensors):
        raise OperandError(f"{name}: a parameter is given twice and would be updated twice; give each once")
    return tensors


def _check_own_arrays(name: str, tensors: list[Tensor]) -> None:
    """Raise if two parameters look into one array: of two updates of it one would be lost."""
    of_owner: dict[int, list[Tensor]] = {}
    for tensor in tensors:
        if tensor._shared is LENT:
            array = tensor._array
            beside = of_owner.setdefault(id(array if array.base is None else array.base), [])
            for other in beside:
                if np.shares_memory(other._array, array):
                    raise OperandError(
                        f"{name}: parameters of shape {other.shape} and {tensor.shape} share one array since a.data = "
                        f"b.data; to tie them use the same Tensor twice, to begin alike write a.data = b.numpy()"
                    )
            beside.append(tensor)


class Optimizer:
    """What all optimisers share: parameter groups, `zero_grad`, `step` and what is saved.

    Args:
        params: Tensors; or parameter groups, dicts with "params" and the hyperparameters that differ there.
        defaults: the hyperparameters of every group that does not say otherwise.

    Raises:
        OperandError: no parameters, one twice, one that cannot be trained; a hyperparameter out of its range.
    """

    #: what is always remembered of each element
    state_names: tuple[str, ...] = ()
    #: whether `step` needs a function that computes loss and gradient
    closure_needed = False

    def __init__(self, params: Iterable[Any], **defaults: Any) -> None:
        self.defaults = {key: _own(value) for key, value in defaults.items()}
        self.param_groups: list[dict[str, Any]] = []
        self._flats: list[list[Flat]] = []
        #: per group the values that were in order when last looked at; None if they may change on their own
        self._checked: list[tuple[Any, ...] | None] = []
        given: Any = params if isinstance(params, Tensor) or not isinstance(params, Iterable) else list(params)
        grouped = isinstance(given, list) and given and isinstance(given[0], Mapping)
        for group in given if grouped else [{"params": given}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add a dict with "params" and the hyperparameters that differ from the defaults.

        >>> from autograd_lite.optim import SGD
        >>> w, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
        >>> optimizer = SGD([w], lr=0.1)
        >>> optimizer.add_param_group({"params": [b], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(group, Mapping):
            raise OperandError(f"{self._name}: a parameter group is a {type(group).__name__}; give {{'params': [...]}}")
        unknown = set(group) - set(self.defaults) - {"params"}
        if "params" not in group or unknown:
            what = f"does not know {', '.join(sorted(unknown))}" if unknown else "needs 'params'"
            raise OperandError(
                f"{self._name}: a parameter group {what}; its keys are params, {', '.join(self.defaults)}"
            )
        params = group["params"]
        tensors = tensors_of(self._name, params)
        held = {id(tensor) for other in self.param_groups for tensor in other["params"]}
        if any(id(tensor) in held for tensor in tensors):
            raise OperandError(f"{self._name}: a parameter is in two groups; give each to one")
        _check_own_arrays(self._name, [*(t for other in self.param_groups for t in other["params"]), *tensors])
        made = {key: _own(value) for key, value in {**self.defaults, **group}.items()} | {"params": tensors}
        self._check(made)
        if not made["lr"] > 0:
            raise OperandError(f"{self._name}: lr={made['lr']} trains nothing; it must be positive")
        dtypes = dict.fromkeys(tensor.dtype for tensor in tensors)
        for dtype in dtypes:
            wide = computed_in(dtype)
            if made.get("eps") and not wide.type(made["eps"]):
                raise OperandError(
                    f"{self._name}: eps={made['eps']} is 0 in {wide}, so that a gradient of 0 would give NaN; pass a "
                    f"larger one, such as eps=1e-4"
                )
        flats = [Flat([t for t in tensors if t.dtype == dtype], self._remembered(made)) for dtype in dtypes]
        self.param_groups.append(made)
        self._checked.append(None)
        self._flats.append(flats)

    def _remembered(self, group: dict[str, Any]) -> tuple[str, ...]:
        """What is remembered of each element of a group with these hyperparameters, one buffer per name."""
        return self.state_names

    def _check(self, group: dict[str, Any]) -> None:
        """Refuse hyperparameters out of their range."""
        for key, value in group.items():
            if key == "params" or isinstance(value, bool):
                continue
            if key == "betas" and not (isinstance(value, (tuple, list)) and len(value) == 2):
                raise OperandError(f"{self._name}: betas={value!r}; they must be a pair of numbers")
            for number in value if key == "betas" else (value,):
                below_one = key in ("betas", "momentum", "alpha")
                if number.__class__ is not float and not is_number(number):
                    raise OperandError(f"{self._name}: {key}={value!r:.60}; give ints or floats")
                if not 0 <= number < (1 if below_one else math.inf):
                    wanted = "at least 0 and below 1" if below_one else "a finite number, not negative"
                    raise OperandError(f"{self._name}: {key}={value}; it must be {wanted}")

    def _look(self) -> bool:
        """Check the groups that are not as they were when last looked at, as a schedule leaves them; were there any?"""
        changed = []
        for position, group in enumerate(self.param_groups):
            known = self._checked[position]
            if known is None or any(map(is_not, known, group.values())):
                self._check(group)
                changed.append(position)
        for position in changed:  # not before: what is refused with another group has to be looked at again
            group = self.param_groups[position]
            settings = [value for key, value in group.items() if key != "params"]
            self._checked[position] = tuple(group.values()) if all(map(_is_constant, settings)) else None
        return bool(changed)

    def step(self) -> None:
        """Update every parameter that has a gradient.

        What fails before the first update, for instance for want of memory, changes nothing. The update itself is in
        place: where Ctrl-C, or `np.errstate(all="raise")`, ends it half way, go on from an earlier `state_dict`.
        """
        self._look()
        gathered = []
        for group, flats in zip(self.param_groups, self._flats, strict=True):
            for flat in flats:
                gathered.append((group, flat, flat.gather()))  # noqa: PERF401  # a comprehension takes longer for one
        for group, flat, runs in gathered:
            flat.steps = flat.counted
            for run in runs:
                self._update(group, run)
                del run.gradients
            flat.publish()

    def _update(self, group: dict[str, Any], run: Run) -> None:
        raise OperandError(f"{self._name}: it defines no update; use one of its subclasses")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or those that there are to zeros."""
        for group in self.param_groups:
            for tensor in group["params"]:
                tensor.grad = None if set_to_none or tensor.grad is None else np.zeros(tensor.shape, tensor.dtype)

    # --- saving ----------------------------------------------------------------------------------------------

    def _places(self) -> list[tuple[Flat, int]]:
        """Where each parameter lies, in the order in which they were given."""
        where = {
            id(tensor): (flat, position)
            for flats in self._flats
            for flat in flats
            for position, tensor in enumerate(flat.tensors)
        }
        return [where[id(tensor)] for group in self.param_groups for tensor in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: "state", per number of a parameter, and "param_groups" with hyperparameters."""
        state: dict[int, dict[str, Any]] = {}
        for number, (flat, position) in enumerate(self._places()):
            where, shape = flat.slices[position], flat.tensors[position].shape
            if flat.steps[position]:
                state[number] = {
                    "step": flat.steps[position],
                    **{name: buffer[where].reshape(shape).copy() for name, buffer in flat.states.items()},
                }
        groups, number = [], 0
        for group in self.param_groups:
            numbers = list(range(number, number + len(group["params"])))
            number += len(numbers)
            groups.append({**group, "params": numbers})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; nothing is changed unless everything fits.

        Raises:
            OperandError: another number of groups or parameters, a missing entry, another shape; it says which.
        """
        name = f"{self._name}.load_state_dict"
        missing = {"state", "param_groups"} - set(state_dict)
        if missing:
            raise OperandError(f"{name}: {' and '.join(sorted(missing))} missing; pass what state_dict() returned")
        groups, state = state_dict["param_groups"], state_dict["state"]
        sizes = [len(group["params"]) for group in self.param_groups]
        try:
            given = [len(group["params"]) for group in groups]
            entries = {number: dict(entry) for number, entry in state.items()}
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise OperandError(f"{name}: it cannot be read, {error!r}; pass what state_dict() returned") from error
        if sizes != given:
            raise OperandError(f"{name}: groups of {given} parameters do not fit groups of {sizes}; use the same model")
        changed = []
        for own, group in zip(self.param_groups, groups, strict=True):
            absent = set(own) - set(group)
            if absent:
                raise OperandError(f"{name}: {', '.join(sorted(absent))} missing in a parameter group")
            changed.append({key: _own(group[key]) for key in own if key != "params"})
            self._check(changed[-1])
        taken = []
        remembered = [self._remembered(new) for new, size in zip(changed, sizes, strict=True) for _ in range(size)]
        for number, ((flat, position), names) in enumerate(zip(self._places(), remembered, strict=True)):
            entry = entries.get(number, {})
            for key in ("step", *names) if number in entries else ():
                shape = () if key == "step" else flat.tensors[position].shape
                if key not in entry or np.shape(entry[key]) != shape:
                    found = f"has shape {np.shape(entry[key])}" if key in entry else "is missing"
                    raise OperandError(f"{name}: {key} of parameter {number} {found}; it must have shape {shape}")
                kind = np.asarray(unmasked(name, entry[key])).dtype.kind
                if kind not in ("iu" if key == "step" else "iuf") or (key == "step" and entry[key] < 0):
                    wanted = "a whole number, not negative" if key == "step" else "real numbers"
                    raise OperandError(f"{name}: {key} of parameter {number} must be {wanted}; use what was saved")
            values = {key: np.ravel(entry[key]).astype(flat.scratch.dtype) if entry else 0 for key in names}
            taken.append((flat, position, int(entry.get("step", 0)), values))
        for own, new in zip(self.param_groups, changed, strict=True):
            own.update(new)
        for flat, position, steps, values in taken:
            flat.steps[position] = steps
            flat.remember(tuple(values))
            for key, value in values.items():
                flat.states[key][flat.slices[position]] = value

    def __repr__(self) -> str:
        count = sum(tensor.size for group in self.param_groups for tensor in group["params"])
        settings = ", ".join(f"{key}={value}" for key, value in self.defaults.items())
        return f"{self._name}({count:,} numbers; {settings})"


def is_number(value: Any) -> bool:
    """Whether `value` is a number that NumPy multiplies floats by; it makes objects of a Fraction's products."""
    return isinstance(value, (int, float, np.integer, np.floating)) or (
        isinstance(value, np.ndarray) and not value.ndim and value.dtype.kind in "iuf"
    )


def _is_constant(value: Any) -> bool:
    """Whether a hyperparameter can only be replaced; a list, or an array of one number, can be changed in place."""
    return all(map(_is_constant, value)) if value.__class__ is tuple else value.__class__ in (int, float, bool)


def _own(value: Any) -> Any:
    """A hyperparameter that its giver cannot change any more: no list, and no array of one number."""
    if isinstance(value, list):
        return tuple(value)
    return value.item() if value.__class__ is np.ndarray and not value.ndim else value


def clip_grad_norm_(params: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """Scale the gradients of `params`, together, to a Euclidean norm of at most `max_norm`; returns the norm before.

    Raises:
        OperandError: the norm is not finite, so that no scale helps; a `max_norm` that is not positive; a model in the
            place of its parameters.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> w.grad = np.array([3.0, 4.0])
    >>> clip_grad_norm_([w], 1.0)
    5.0
    >>> w.grad
    array([0.6, 0.8])
    """
    if not (is_number(max_norm) and max_norm > 0):
        raise OperandError(f"clip_grad_norm_: max_norm={max_norm!r:.60}; it must be a positive number")
    tensors = _with_gradient("clip_grad_norm_", params)
    # in double precision, where the squares of what is finite in a narrower one are finite too
    gradients = [np.asarray(g, np.result_type(g, float)) for g in (_array(t.grad) for t in tensors)]
    norm = _norm(gradients)
    if not math.isfinite(norm):
        raise OperandError(
            f"clip_grad_norm_: the gradients have norm {norm}; find where that begins with ag.trace_nan, or lower lr"
        )
    if norm > max_norm:
        _put(tensors, [_array(tensor.grad) * (max_norm / norm) for tensor in tensors])
    return norm


def _norm(gradients: list[Any]) -> float:
    """The Euclidean norm of all elements together."""
    norm = math.sqrt(sum(float(np.vdot(g, g).real) for g in gradients))
    if norm < math.inf:
        return norm
    # beyond 1e154 a square is infinite where the norm is not
    largest = float(np.max([np.abs(g).max() for g in gradients if g.size]))
    return largest * _norm([g / largest for g in gradients]) if largest < math.inf else norm


def clip_grad_value_(params: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Clip every element of the gradients of `params` to [-clip_value, clip_value].

    Raises:
        OperandError: a `clip_value` that is not positive; complex gradients, which no interval holds.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> w.grad = np.array([3.0, -0.5])
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    if not (is_number(clip_value) and clip_value > 0):
        raise OperandError(f"clip_grad_value_: clip_value={clip_value!r:.60}; it must be a positive number")
    tensors = _with_gradient("clip_grad_value_", params)
    for tensor in tensors:
        if tensor.dtype.kind == "c":
            raise OperandError(
                f"clip_grad_value_: a gradient of shape {tensor.shape} and dtype {tensor.dtype}; complex numbers are "
                f"in no interval, so use clip_grad_norm_"
            )
    _put(tensors, [np.clip(_array(tensor.grad), -clip_value, clip_value) for tensor in tensors])


def _with_gradient(name: str, params: Any) -> list[Tensor]:
    """Those of the parameters, or the one, that have a gradient."""
    if not isinstance(params, Iterable):
        raise OperandError(f"{name}: params is a {type(params).__name__}; give a list of Tensors, model.parameters()")
    return [tensor for tensor in ([params] if isinstance(params, Tensor) else params) if tensor.grad is not None]


def _put(tensors: list[Tensor], gradients: list[Any]) -> None:
    """Set the gradients, all of which have been computed before the first changes."""
    for tensor, gradient in zip(tensors, gradients, strict=True):
        tensor.grad = gradient


def _array(gradient: Any) -> Any:
    return gradient.numpy() if isinstance(gradient, Tensor) else gradient
