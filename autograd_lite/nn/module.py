"""`Module`: parts of a model that find their own parameters; `Sequential`: layers one after the other."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import Any
from weakref import ref

import numpy as np

from autograd_lite.arrays import unmasked
from autograd_lite.errors import AutogradError, OperandError
from autograd_lite.methods import Elsewhere
from autograd_lite.nn.activations import operand
from autograd_lite.tensor import Tensor

__all__ = ["Module", "Sequential"]

_NAMES = """
add_module apply bfloat16 buffers children cpu cuda double float half modules register_buffer register_parameter to
"""
#: names of PyTorch's that `pytorch_names` has a cure for
_ELSEWHERE = _NAMES.split()

#: numbers the calls of Modules, so that a reader of the graph can tell a call inside another from one before it
_calls = itertools.count()


class Module:
    """A part of a model. Subclasses set Tensors and other Modules as attributes and define `forward`.

    What an attribute is, decides what happens to it: a leaf Tensor that requires grad when it is set is a parameter,
    and stays one when it is frozen; an array is state that is saved but not trained (the running mean of
    `BatchNorm1d`); a Module is a part. Lists, tuples and dicts of these are gone through. Other Tensors, such as
    results that a forward pass notes down, are none of these.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Tensor([2.0], requires_grad=True)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> model = Scale()
    >>> [name for name, _ in model.named_parameters()]
    ['factor']
    >>> model(np.array([3.0])).item()
    6.0
    """

    training: bool = True

    def __dir__(self) -> list[str]:
        absent = {name for name in _ELSEWHERE if not hasattr(self, name)}
        return [name for name in super().__dir__() if name not in absent]

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Tensor) and (
            isinstance(value, (np.ndarray, np.generic, int, float))
            or (isinstance(value, Tensor) and before.requires_grad and not value.requires_grad)
        ):
            _keep_parameter(self, name, before)
        object.__setattr__(self, name, value)
        if before is not value and isinstance(before, (Tensor, list, tuple, dict)):
            _forget_parameters(self, before)
        if isinstance(value, Tensor):
            _is_parameter(self, value)
        elif isinstance(value, (list, tuple, dict)):
            # seen now, while they require grad: frozen before the first look they would never be known
            _entries(value, "", set(), deep=False, owner=self)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; a subclass defines it."""
        raise OperandError(f"{type(self).__name__}: it has no forward method; define forward(self, x)")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run `forward`, then the forward hooks, which see keyword arguments after the others."""
        number = next(_calls)
        hooks = self.__dict__.get("_hooks")
        if options:
            output = self.forward(*inputs, **options)
            inputs = (*inputs, *options.values())
        else:
            output = self.forward(*inputs)
        if hooks:
            for hook in tuple(hooks.values()):
                replaced = hook(self, inputs, output)
                if replaced is not None:
                    output = replaced
        _note_call(self, number, inputs, output)
        return output

    def register_forward_hook(self, hook: Callable[[Any, tuple[Any, ...], Any], Any]) -> _Hook:
        """Call `hook(module, inputs, output)` after every forward; what it returns, if anything, replaces the output.

        Returns a handle whose `remove()` takes the hook away again.

        Raises:
            OperandError: the hook is no function.

        >>> part = Sequential(np.tanh)
        >>> handle = part.register_forward_hook(lambda module, inputs, output: print(output.shape))
        >>> _ = part(np.zeros((2, 3)))
        (2, 3)
        >>> handle.remove()
        """
        if not callable(hook):
            raise OperandError(
                f"register_forward_hook: the hook is {hook!r:.60}; give a function(module, inputs, output)"
            )
        return _Hook(self.__dict__.setdefault("_hooks", {}), hook)

    # --- what the model is made of ---------------------------------------------------------------------------

    def parts(self) -> Any:
        """`(name, value)` of what this Module is directly made of: its attributes without a leading underscore."""
        return [(key, value) for key, value in vars(self).items() if key[:1] != "_"]

    def named_entries(self) -> Iterator[tuple[str, Any]]:
        """`(name, value)` of all Tensors, arrays and Modules, depth first, a Module before what is in it."""
        return iter(_entries(self, "", set()))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """`(name, Tensor)` of every parameter, once each, in the order of assignment.

        >>> from autograd_lite.nn import Dense
        >>> [(name, p.shape) for name, p in Sequential(Dense(2, 3)).named_parameters()]
        [('0.weight', (2, 3)), ('0.bias', (3,))]
        """
        seen: set[int] = set()
        for name, value in self.named_entries():
            if isinstance(value, Tensor) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> list[Tensor]:
        """Every parameter, once each; what an optimiser takes."""
        return [tensor for _, tensor in self.named_parameters()]

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """`(name, Module)` of this Module (named "") and all its parts.

        >>> from autograd_lite.nn import Dense
        >>> [name for name, part in Sequential(Dense(2, 3), Sequential(Dense(3, 1))).named_modules()]
        ['', '0', '1', '1.0']
        """
        yield "", self
        for name, value in self.named_entries():
            if isinstance(value, Module):
                yield name, value

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or with `set_to_none=False` those that there are to zeros."""
        for tensor in self.parameters():
            tensor.grad = None if set_to_none or tensor.grad is None else np.zeros(tensor.shape, tensor.dtype)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Make every parameter trainable, or with False freeze all; returns this Module.

        >>> from autograd_lite.nn import Dense
        >>> layer = Dense(2, 1).requires_grad_(False)
        >>> layer.weight.requires_grad, len(layer.parameters())
        (False, 2)
        """
        for tensor in self.parameters():
            tensor.requires_grad = requires_grad
        return self

    def train(self, mode: bool = True) -> Any:
        """Set training mode in every part: dropout drops, batch normalisation uses the batch. Returns this Module."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Set evaluation mode in every part; returns this Module.

        >>> from autograd_lite.nn import Dropout
        >>> Sequential(Dropout(0.5)).eval()(np.ones(3))
        array([1., 1., 1.])
        """
        return self.train(False)

    # --- saving ----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of all parameters and other state, by name.

        Raises:
            OperandError: two of them have one name, because keys of a dict are the same as text.

        >>> from autograd_lite.nn import BatchNorm1d
        >>> sorted(BatchNorm1d(3).state_dict())
        ['bias', 'running_mean', 'running_var', 'weight']
        """
        return {
            name: np.array(value._array if isinstance(value, Tensor) else value)
            for name, value in self._places().items()
        }

    def _places(self) -> dict[str, Any]:
        """The Tensors and arrays themselves, by name."""
        places: dict[str, Any] = {}
        for name, value in self.named_entries():
            if isinstance(value, (Tensor, np.ndarray)):
                if name in places:
                    raise OperandError(
                        f"{type(self).__name__}: two parameters or arrays have the name {name}; give the dicts keys "
                        f"that differ as text"
                    )
                places[name] = value
        return places

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Put the values of `state_dict` in place; nothing is changed unless everything fits.

        Args:
            state: arrays by name.
            strict: whether a name that is missing, or not known, is an error.

        Raises:
            OperandError: a name is missing or not known, a shape differs, a value is not numeric; it says which.

        >>> from autograd_lite.nn import Dense
        >>> first, second = Dense(2, 1, seed=0), Dense(2, 1, seed=1)
        >>> second.load_state_dict(first.state_dict())
        >>> bool((first.weight.numpy() == second.weight.numpy()).all())
        True
        """
        if not isinstance(state, Mapping):
            raise OperandError(
                f"load_state_dict: the state is a {type(state).__name__}; give a dict of arrays by name, for a file "
                f"saving.load(path)"
            )
        places = self._places()
        missing, unknown = [n for n in places if n not in state], [n for n in state if n not in places]
        if strict and (missing or unknown):
            parts = [f"{what} {', '.join(n)}" for what, n in (("missing", missing), ("not known", unknown)) if n]
            raise OperandError(
                f"load_state_dict: {'; '.join(parts)}; save and load the same architecture, or pass strict=False"
            )
        new: list[tuple[Any, Any]] = []
        for name, value in places.items():
            if name not in state:
                continue
            given = state[name]
            try:
                array = np.asarray(given.numpy() if isinstance(given, Tensor) else unmasked("load_state_dict", given))
            except ValueError as error:
                raise OperandError(f"load_state_dict: {name} is no array: {error}") from error
            if array.shape != value.shape:
                raise OperandError(
                    f"load_state_dict: {name} has shape {value.shape} and is given {array.shape}; "
                    f"save and load the same architecture"
                )
            if array.dtype.kind not in "biufc" or not np.can_cast(array.dtype, value.dtype, "same_kind"):
                raise OperandError(
                    f"load_state_dict: {name} has dtype {value.dtype} and is given {array.dtype}; convert it first"
                )
            place = value.data if isinstance(value, Tensor) else value
            if not place.flags.writeable:  # of a Tensor, if it is a view
                raise OperandError(f"load_state_dict: the array {name} is read-only; give the module a copy of it")
            new.append((place, np.array(array, value.dtype)))
        for place, array in new:
            place[...] = array

    # --- for people ------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands in the parentheses of the repr."""
        return ""

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        parts = [
            (name, value)
            for name, value in _entries(self, "", set(), deep=False)
            if isinstance(value, Module) or callable(value)
        ]
        extra = self.extra_repr()
        if not parts:
            return f"{type(self).__name__}({extra})"
        lines = [extra] if extra else []
        lines += [f"{name}: {_called(value)}" for name, value in parts]
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"

    def summary(self, *inputs: Any) -> str:
        """The parts as a tree: output shapes for `inputs`, if any are given, and numbers of parameters, in 80 columns.

        >>> from autograd_lite.nn import Dense, relu
        >>> print(Sequential(Dense(3, 2), relu, Dense(2, 1)).summary(np.zeros((5, 3))))
        part  layer        output  parameters
        -------------------------------------
        ├─ 0  Dense(3, 2)  (5, 2)           8
        ├─ 1  relu
        └─ 2  Dense(2, 1)  (5, 1)           3
        -------------------------------------
                                           11
        """
        from autograd_lite.nn.summary import summary

        return summary(self, inputs)


for _name in _ELSEWHERE:
    setattr(Module, _name, Elsewhere(_name, "Module"))


class _Hook:
    """Takes one hook away again."""

    def __init__(self, hooks: dict[Any, Any], hook: Any) -> None:
        self._hooks = hooks
        hooks[self] = hook

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self, None)


def _note_call(module: Module, number: int, inputs: Any, output: Any) -> None:
    """Leave on the nodes of a call's results which Module it was and what it was given, for pictures.

    The Module is referred to weakly and the inputs by identity alone, so that a recording keeps nothing alive that
    it would not keep anyway. An identity is that of no other node as long as one looks among the nodes that the
    results depend on: all of them, and the inputs, were there at the same time. Of a plain array only the shape is
    known, because its leaf is made wherever it is used first.

    An earlier remark on the same node is the last part of the new one. The usual case, one Tensor or array in and one
    Tensor out, comes first, because this is in the inner loop of every small model.
    """
    if output.__class__ is not Tensor:
        for tensor in _tensors((output,)):
            _note_call(module, number, inputs, tensor)
        return
    node = output._node
    if node is None or node.op is None:
        return
    first = inputs[0] if len(inputs) == 1 else None
    if first.__class__ is Tensor:
        given: Any = (id(first._node),)
    elif first.__class__ is np.ndarray:
        given = (first.shape,)
    else:
        shapes = [x.shape for x in inputs if isinstance(x, np.ndarray)]
        given = (*[id(tensor._node) for tensor in _tensors(inputs)], *shapes)
    details = node.details
    if details is None:
        node.details = {"call": (number, ref(module), module.__class__, given, None)}
    else:
        details["call"] = (number, ref(module), module.__class__, given, details.get("call"))


def _tensors(container: Any) -> list[Any]:
    """The Tensors directly or indirectly in a tuple, list or dict."""
    found: list[Any] = []
    for value in container.values() if isinstance(container, dict) else container:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list, dict)):
            found += _tensors(value)
    return found


def _called(value: Any) -> str:
    return repr(value) if isinstance(value, Module) else str(getattr(value, "__name__", value))


def _brief(value: Any) -> str:
    """`_called`, but of a Module that has parts its class alone, as their list would tear a sentence apart."""
    called = _called(value)
    return type(value).__name__ if "\n" in called else called


def _is_parameter(owner: Module, tensor: Tensor) -> bool:
    """Whether `tensor` is, or was when it was first seen, a leaf that requires grad."""
    known = owner.__dict__.get("_parameters", [])
    for other in known:
        if other is tensor:
            return tensor.is_leaf
    if not (tensor.is_leaf and tensor.requires_grad):
        return False
    owner.__dict__["_parameters"] = [*known, tensor]  # a new list, since copy.copy of a Module shares the old one
    return True


def _keep_parameter(owner: Module, name: str, parameter: Tensor) -> None:
    """Refuse plain numbers, or data, in the place of a parameter: they would never be trained again."""
    if _is_parameter(owner, parameter):
        raise OperandError(
            f"{type(owner).__name__}: {name} is a parameter of shape {parameter.shape}, and would no longer be trained "
            f"with what does not require grad in its place; set {name}.data, or {name}.requires_grad = False to freeze "
            f"it"
        )


def _forget_parameters(owner: Module, replaced: Any) -> None:
    """Drop from the known parameters those of an attribute's earlier value that no attribute has any more.

    Otherwise a leaf that every `forward` sets anew would be kept for as long as the Module.
    """
    known = owner.__dict__.get("_parameters", [])
    earlier = {id(value) for _, value in _entries({"": replaced}, "", set(), deep=False, owner=owner)}
    if any(id(tensor) in earlier for tensor in known):
        attributes = {name: value for name, value in vars(owner).items() if name != "_parameters"}
        present = {id(value) for _, value in _entries(attributes, "", set(), deep=False, owner=owner)}
        owner.__dict__["_parameters"] = [tensor for tensor in known if id(tensor) in present]


#: what most attributes are that hold no part of a Module
_PLAIN = frozenset([int, float, bool, str, NoneType])


def _entries(
    container: Any, prefix: str, above: set[int], deep: bool = True, owner: Any = None
) -> list[tuple[str, Any]]:
    """The Tensors, arrays, Modules and functions in a Module's attributes, or in a list, tuple or dict."""
    if isinstance(container, Module):
        items = container.parts()
        owner = container
    else:
        items = container.items() if isinstance(container, dict) else enumerate(container)
    above = above | {id(container)}
    found: list[tuple[str, Any]] = []
    for key, value in items:
        if value.__class__ in _PLAIN:
            continue
        name = f"{prefix}{key}"
        if isinstance(value, Tensor):
            if _is_parameter(owner, value):
                found.append((name, value))
        elif isinstance(value, (list, tuple, dict)):
            if id(value) not in above:
                found += _entries(value, f"{name}.", above, deep, owner)
        elif isinstance(value, Module):
            if id(value) not in above:
                found.append((name, value))
                if deep:
                    found += _entries(value, f"{name}.", above)
        elif isinstance(value, np.ndarray) or callable(value):
            found.append((name, value))
    return found


class Sequential(Module):
    """The `layers` one after the other; each is a Module or a function of one Tensor (`nn.relu`, `np.tanh`).

    A position gives a layer, a slice a Sequential of some: `model[0]`, `model[:-1]`.

    Raises:
        OperandError: what cannot be called, such as a list of layers, or the class of a layer; in the call, a layer
            that cannot take what the one before it gave: both are named.

    >>> from autograd_lite.nn import Dense
    >>> model = Sequential(Dense(2, 3, seed=0), np.tanh, Dense(3, 1, seed=1))
    >>> model(np.zeros((5, 2))).shape
    (5, 1)
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *layers: Any) -> None:
        for position, layer in enumerate(layers):
            if not callable(layer):
                one = "Sequential(*layers)" if isinstance(layer, (list, tuple)) else "give Modules and functions"
                raise OperandError(
                    f"Sequential: layer {position} is a {type(layer).__name__}, which cannot be called; {one}"
                )
            if isinstance(layer, type) and issubclass(layer, Module):
                raise OperandError(
                    f"Sequential: layer {position} is the class {layer.__name__}; give a layer of it, "
                    f"{layer.__name__}(...)"
                )
        self._layers = list(layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __getitem__(self, index: Any) -> Any:
        return Sequential(*self._layers[index]) if isinstance(index, slice) else self._layers[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._layers)

    def parts(self) -> Any:
        """The layers, named by their positions, and what a subclass has besides."""
        return [*enumerate(self._layers), *super().parts()]

    def forward(self, x: Any) -> Any:
        """Give `x` to the first layer, its output to the second, and so on."""
        x = operand(x, type(self).__name__)
        for position, layer in enumerate(self._layers):
            try:
                x = layer(x)
            except (AutogradError, ValueError, TypeError) as error:
                if x is None:
                    raise OperandError(
                        f"Sequential: layer {position}, {_brief(layer)}, cannot take the None that layer "
                        f"{position - 1}, {_brief(self._layers[position - 1])}, gave; let that return its result"
                    ) from error
                if isinstance(x, (tuple, list)):
                    before = _brief(self._layers[position - 1]).partition("(")[0] if position else "the caller"
                    raise OperandError(
                        f"Sequential: layer {position}, {_brief(layer)}, cannot take the {type(x).__name__} of "
                        f"{len(x)} that {before} gave; put a function before it that takes out what is wanted, such as "
                        f"lambda pair: pair[0]"
                    ) from error
                if not isinstance(error, OperandError):
                    raise
                before = (
                    f"layer {position - 1}, {_brief(self._layers[position - 1])}, gave" if position else "was given"
                )
                raise OperandError(
                    f"Sequential: layer {position}, {_brief(layer)}, cannot take the shape {x.shape} that {before}: "
                    f"{error}"
                ) from error
        return x
