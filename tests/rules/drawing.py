"""From the sample of a row to calls with arrays in them: what `test_rows` runs every row on.

Kinds of values are those that `rules.table.Input` names. All is drawn from a seed, so a failure repeats.
"""

import copy
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.rules import import_later, special
from autograd_lite.rules.table import COMPOSED, SAMPLES, TABLE, Call, Elementwise, Input, Reduction

import_later()

# The rows of SciPy's functions are there where SciPy is; without it, the one that is always there has no values.
try:
    import scipy.special
except ModuleNotFoundError:
    ROWS = {function: sample for function, sample in SAMPLES.items() if function is not special.polygamma.fn}
else:
    from autograd_lite.rules import matrix_functions, signals  # noqa: F401  # their rows join the table

    special.load(scipy.special)
    ROWS = SAMPLES

# NumPy functions that change their first argument and return nothing.
IN_PLACE = {np.put, np.putmask, np.place, np.copyto, np.fill_diagonal, np.put_along_axis}

# Kinds whose matrices are mirrored in the diagonal; they may move along such matrices only.
SYMMETRIC = {"symmetric", "definite", "hermitian"}

# Shapes that every elementwise row is called on, by its number of inputs, before Hypothesis draws more.
SHAPES = {
    1: [((3, 4),), ((),), ((0,),), ((2, 1, 3),)],
    2: [
        ((3, 4), (3, 4)),
        ((3, 4), (4,)),
        ((3, 1), (1, 4)),
        ((), (2, 3)),
        ((2, 3), ()),
        ((0, 3), (3,)),
        ((), ()),
    ],
    3: [((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), ()), ((), (2, 3), (1, 3)), ((0,), (), (1,))],
}


@dataclass
class Drawn:
    """A call with its arrays; `place(operands)` gives its arguments with other operands in their places."""

    function: Any
    inputs: list[Input]
    arrays: list[np.ndarray]
    template: Any

    def place(self, operands: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        rest = iter(operands)
        args, kwargs = _map(self.template, lambda _: next(rest))
        return tuple(args), kwargs

    def differentiable(self) -> list[int]:
        """The positions of the inputs that can have a gradient."""
        return [i for i, array in enumerate(self.arrays) if array.dtype.kind in "fc"]

    def __str__(self) -> str:
        shapes = ", ".join(f"{input.kind}{list(input.shape)}" for input in self.inputs)
        args, kwargs = _map(self.template, lambda input: f"<{input.kind}{list(input.shape)}>")
        static = [repr(arg) for arg in args] + [f"{key}={value!r}" for key, value in kwargs.items()]
        return f"{label(self.function)}({', '.join(static)})  with {shapes}"


def label(function: Any) -> str:
    """What a test is called: `add`, `linalg.norm`, `multiply.reduce`."""
    if isinstance(function, str):
        return f"ufunc.{function}"
    if isinstance(function, tuple):
        return f"{label(function[0])}.{function[1]}"
    name = getattr(function, "__name__", None) or str(function)
    module = getattr(function, "__module__", None) or ""
    if module.startswith("autograd_lite") and function in TABLE:
        return TABLE[function].name
    return module.removeprefix("numpy.") + "." + name if module.startswith("numpy.") else name


def seed_of(function: Any, number: int = 0) -> int:
    return zlib.crc32(f"{label(function)} {number}".encode())


def invoke(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call what a sample describes, on arrays as on Tensors, the way a user writes it."""
    if isinstance(function, str):
        ufunc, *args = args
        function = (ufunc, function)
    if isinstance(function, tuple):
        ufunc, method = function
        if method != "at":
            return getattr(ufunc, method)(*args, **kwargs)
        function = ufunc.at
    if function in IN_PLACE or getattr(function, "__name__", "") == "at":
        changed = np.positive(args[0])
        function(changed, *args[1:], **kwargs)
        return changed
    if isinstance(function, np.ufunc) or type(function) is type(np.sum):
        return function(*args, **kwargs)
    return (TABLE.get(function) or COMPOSED[function])(*args, **kwargs)


def outputs(result: Any) -> list[Any]:
    """Every array or Tensor in a result, in order."""
    if isinstance(result, (tuple, list)):
        return [part for each in result for part in outputs(each)]
    return [result]


# --- calls -------------------------------------------------------------------------------------------------


def calls(sample: Any) -> Iterator[Call]:
    """The calls that a sample stands for."""
    if isinstance(sample, Call):
        yield sample
    elif isinstance(sample, Elementwise):
        yield from elementwise_calls(sample)
    elif isinstance(sample, Reduction):
        yield from reduction_calls(sample)
    elif isinstance(sample, list):
        for each in sample:
            yield from calls(each)
    else:
        raise TypeError(f"{sample!r} is no sample: it must be Elementwise, Reduction, Call or a list of them")


def elementwise_calls(sample: Elementwise) -> Iterator[Call]:
    for shapes in SHAPES[len(sample.kinds)]:
        yield Call(tuple(map(Input, shapes, sample.kinds)), {})


def reduction_calls(sample: Reduction) -> Iterator[Call]:
    def over(shape: tuple[int, ...], *axis: Any, **kwargs: Any) -> Call:
        return Call((Input(shape, sample.kind), *axis), kwargs)

    yield over((3, 4))
    yield over((5,))
    yield over(())
    yield over((3, 4), 0)
    yield over((1, 4), 0)
    for axis in (None, 0, 1, -1, -3):
        yield over((2, 3, 4), axis=axis)
        yield over((2, 3, 4), axis=axis, keepdims=True)
    if sample.tuples:
        for axis in ((0, 2), (2, 1), (-1, 0), (0, 1, 2), (1,), ()):
            yield over((2, 3, 4), axis=axis)
            yield over((2, 3, 4), axis=axis, keepdims=True)
    if sample.empty:
        yield over((0,))
        yield over((2, 0), axis=1)
        yield over((2, 0), axis=1, keepdims=True)
    yield over((0, 2), axis=1)


def draw(function: Any, call: Call, seed: int) -> Drawn:
    """`call` with arrays of the kinds that it asks for."""
    inputs: list[Input] = []
    call = Call(*copy.deepcopy(tuple(call)))

    def note(input: Input) -> Input:
        inputs.append(input)
        return input

    template = _map((list(call.args), call.kwargs), note)
    return Drawn(function, inputs, values(inputs, np.random.default_rng(seed)), template)


def _map(tree: Any, change: Callable[[Input], Any]) -> Any:
    """`tree` with `change` applied to each `Input` in its lists, tuples and dictionaries."""
    if isinstance(tree, Input):
        return change(tree)
    if type(tree) in (list, tuple):
        return type(tree)([_map(part, change) for part in tree])
    if type(tree) is dict:
        return {key: _map(part, change) for key, part in tree.items()}
    return tree


# --- values ------------------------------------------------------------------------------------------------


def values(inputs: list[Input], rng: np.random.Generator) -> list[np.ndarray]:
    """Arrays for the inputs; those that are "distinct" differ from each other across all inputs too."""
    count = sum(int(np.prod(input.shape)) for input in inputs if input.kind == "distinct")
    grid = iter(rng.permutation((np.arange(count) - count // 2) * 0.25 + 0.125))
    made = []
    for input in inputs:
        if input.kind == "distinct":
            size = int(np.prod(input.shape))
            steady = np.array([next(grid) for _ in range(size)]).reshape(input.shape)
            made.append(steady + rng.uniform(-0.05, 0.05, input.shape))
        else:
            made.append(np.asarray(_draw(input.kind, input.shape, rng)))
    return made


def _draw(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    sign = np.where(rng.random(shape) < 0.5, -1.0, 1.0)
    if kind == "real":
        return rng.uniform(-2, 2, shape)
    if kind == "positive":
        return rng.uniform(0.2, 3, shape)
    if kind == "unit":
        return rng.uniform(-0.9, 0.9, shape)
    if kind == "fraction":
        return rng.uniform(0.1, 0.9, shape)
    if kind == "above one":
        return rng.uniform(1.2, 3, shape)
    if kind == "nonzero":
        return sign * rng.uniform(0.3, 2, shape)
    if kind == "away":  # off the integers, and off the halves, where rint jumps
        return rng.integers(-3, 3, shape) + 0.5 + sign * rng.uniform(0.1, 0.4, shape)
    if kind == "boolean":
        return rng.random(shape) < 0.5
    if kind == "complex":
        return rng.uniform(-2, 2, shape) + 1j * rng.uniform(-2, 2, shape)
    if kind == "square":
        return rng.uniform(-1, 1, shape) + 2.5 * np.eye(*shape[-2:])
    if kind == "symmetric":
        return mirrored(rng.uniform(-2, 2, shape))
    if kind == "hermitian":
        return mirrored(_draw("complex", shape, rng))
    if kind == "definite":
        root = rng.uniform(-1, 1, shape)
        return root @ np.swapaxes(root, -1, -2) + np.diag(np.arange(1.0, shape[-1] + 1))
    raise ValueError(f"unknown kind of values {kind!r}: see rules.table.Input")


def mirrored(array: np.ndarray) -> np.ndarray:
    """The symmetric (Hermitian) part."""
    return (array + np.conj(np.swapaxes(array, -1, -2))) / 2


def direction(input: Input, array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A direction in which the array may move and remain of its kind."""
    step = rng.uniform(0.2, 1, array.shape) * np.where(rng.random(array.shape) < 0.5, -1.0, 1.0)
    if array.dtype.kind == "c":
        step = step + 1j * rng.uniform(-1, 1, array.shape)
    return mirrored(step) if input.kind in SYMMETRIC else np.asarray(step)


def made_complex(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """The same call with complex numbers wherever there were real ones."""
    arrays = [
        array + 1j * rng.uniform(0.1, 0.6, array.shape) if array.dtype.kind == "f" else array for array in drawn.arrays
    ]
    inputs = [Input(i.shape, "hermitian" if i.kind in SYMMETRIC else i.kind) for i in drawn.inputs]
    arrays = [mirrored(a) if i.kind == "hermitian" else np.asarray(a) for i, a in zip(inputs, arrays, strict=True)]
    return Drawn(drawn.function, inputs, arrays, drawn.template)


def tensors(drawn: Drawn, dtype: str = "d") -> list[Any]:
    """The inputs as Tensors that require grad, in double or single precision; masks stay arrays."""
    return [
        Tensor(precise(array, dtype), requires_grad=True) if array.dtype.kind in "fc" else array
        for array in drawn.arrays
    ]


def precise(array: np.ndarray, dtype: str) -> np.ndarray:
    """`array` in double ("d") or single ("f") precision, complex where it is complex."""
    return array.astype(dtype if array.dtype.kind == "f" else dtype.upper())


def fixed(drawn: Drawn, number: int) -> Drawn:
    """The call with one of its inputs as a Python number."""
    template = copy.copy(drawn.template[0])
    template[number] = drawn.arrays[number].item()
    inputs = drawn.inputs[:number] + drawn.inputs[number + 1 :]
    arrays = drawn.arrays[:number] + drawn.arrays[number + 1 :]
    return Drawn(drawn.function, inputs, arrays, (template, drawn.template[1]))
