"""The table of primitives: `rule` adds a row; `composed` and `plain` say what else Tensors may be given to.

A row reads

    holomorphic(np.tanh, lambda g, y, x: g - g * (y * y), prints="tanh({})", sample=elementwise("real"))

`g` is the gradient that comes in, `y` the output, `x` (or `a, b`) the inputs; static arguments follow under
NumPy's own names. A rule returns the gradient of its input, of the output's shape or the input's: the engine
sums over broadcast axes. It is plain NumPy, so that on arrays it runs at NumPy's speed and on Tensors it
records the derivative's own graph.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.record import VALUE, Primitive, Rule

__all__ = [
    "COMPOSED",
    "PLAIN",
    "SAMPLES",
    "TABLE",
    "ZERO",
    "Call",
    "Elementwise",
    "Input",
    "Reduction",
    "all_or_none",
    "call",
    "conj",
    "composed",
    "elementwise",
    "holomorphic",
    "numbers_of",
    "ones_of",
    "plain",
    "real",
    "reduction",
    "rule",
    "spread",
    "sum_to_size",
    "unchanged",
]

#: NumPy function -> its row
TABLE: dict[Any, Primitive] = {}
#: NumPy function -> a function of Tensors made of other rows
COMPOSED: dict[Any, Callable[..., Any]] = {}
#: what each row is tested on: `Elementwise`, `Reduction`, or a list of `Call`
SAMPLES: dict[Any, Any] = {}
#: NumPy functions with integer, boolean or no numeric result: they are given the arrays and return arrays
PLAIN: set[Any] = set()


def rule(
    function: Any,
    *rules: Rule | None,
    fn: Callable[..., Any] | None = None,
    name: str | None = None,
    prints: str = "",
    sample: Any = None,
    variadic: bool = False,
    reads: int = VALUE,
    view: bool = False,
    holomorphic: bool = False,
    add: Callable[..., bool] | None = None,
) -> Primitive:
    """Add one row: the NumPy function, one rule per array input, how it prints, what it is tested on.

    `fn` replaces the function where a leaner call computes the same; `None` among the rules marks an input
    through which nothing flows. Without `holomorphic` the rules must give complex numbers their conjugates
    themselves. Raises ValueError if the function has a row already.
    """
    _claim(function)
    name = name or function.__name__
    row = Primitive(
        fn or function,
        rules,
        name=name,
        prints=prints,
        variadic=variadic,
        reads=reads,
        view=view,
        holomorphic=holomorphic,
        add=add,
    )
    TABLE[function] = row
    SAMPLES[function] = sample
    return row


def unchanged(g: Any, y: Any, a: Any, b: Any) -> Any:
    """The rule of a summand. The sweep knows it, for a call that returns its argument takes as long as a small sum."""
    return g


#: `rule` for a function with a complex derivative: its rules are written as for real numbers, without conjugates
holomorphic = functools.partial(rule, holomorphic=True)


def composed(*functions: Any, sample: Any = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function of Tensors and arrays, made of other rows, that stands for `functions`.

    A function is a NumPy function or ufunc; `(ufunc, method)` is a ufunc's method, and a method's name alone
    ("reduce", "__call__") stands for that method, or a call with keywords, of every ufunc: such a one is given the
    ufunc first.
    """

    def add(made: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            _claim(function)
            COMPOSED[function] = made
            SAMPLES[function] = sample
        return made

    return add


def plain(*functions: Any) -> None:
    """Say that `functions` have no derivative to pass on and return plain arrays."""
    for function in functions:
        _claim(function)
        PLAIN.add(function)


def _claim(function: Any) -> None:
    if function in TABLE or function in COMPOSED or function in PLAIN:
        raise ValueError(f"{function!r} has a row already")


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """What is added to the table inside this block stays only if the block is not ended by an error, or by Ctrl-C.

    The modules that added it are imported anew by the next attempt, which would otherwise find rows there.
    """
    before, modules = set(TABLE) | set(COMPOSED) | PLAIN, set(sys.modules)
    try:
        yield
    except BaseException:
        for name in set(sys.modules) - modules:
            if name.startswith("autograd_lite.rules."):
                del sys.modules[name]
        for rows in (TABLE, COMPOSED):
            for function in rows.keys() - before:
                del rows[function]
        PLAIN.intersection_update(before)
        raise


# --- what rules of several families are written with ------------------------------------------------------------


def numbers_of(x: Any) -> Any:
    """The plain array behind `x`, for masks and indices that no gradient flows through."""
    seen = getattr(x, "_seen", None)  # which refuses a view of what was changed since
    return getattr(x, "_array", x) if seen is None else seen()


def conj(x: Any) -> Any:
    """The complex conjugate; `x` itself where it is real."""
    if x.__class__ is complex:
        return x.conjugate()  # np.conjugate would make it an np.complex128, which promotes complex64
    return np.conjugate(x) if getattr(x, "dtype", _REAL).kind == "c" else x


_REAL = np.dtype(float)


def spread(g: Any, shape: tuple[int, ...]) -> Any:
    """`g` repeated to `shape`; np.broadcast_to, without its cost for small arrays."""
    if hasattr(g, "_node") or math.prod(shape) > 4096:
        return np.broadcast_to(g, shape)
    out = np.empty(shape, g.dtype)
    out[...] = g
    return out


#: the 0 of each floating dtype: converting that of Python's takes as long as a small operation, each time
ZERO: dict[np.dtype[Any], Any] = {np.dtype(kind): np.zeros((), kind) for kind in "efdg"}

_ones: dict[np.dtype[Any], Any] = {np.dtype(kind): np.ones(0, kind) for kind in "fdFD"}


def ones_of(count: int, dtype: np.dtype[Any]) -> Any:
    """`count` ones, not to be written to, where a product with them is a sum that BLAS computes; otherwise None.

    It takes a third of the time of np.add.reduce, which adds short rows and columns one by one.
    """
    known = _ones.get(dtype)
    if known is None or count > 65_536:
        return None
    if count > known.size:
        known = np.ones(2 * count, dtype)
        known.flags.writeable = False
        _ones[dtype] = known
    return known[:count]


def sum_to_size(g: Any, shape: tuple[int, ...]) -> Any:
    """`g` summed over the axes along which an array of `shape` was repeated to meet it.

    The engine does so wherever the result has another shape than the input. A rule that may return more than its
    input holds although the result is as small as the input has to do it by itself.
    """
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = tuple([axis for axis in range(g.ndim) if axis < extra or shape[axis - extra] != g.shape[axis]])
    return np.sum(g, axis=axes).reshape(shape)


# --- what rows are tested on ---------------------------------------------------------------------------------


class Input(NamedTuple):
    """One array input of a sample call: its shape and the kind of values it is drawn from.

    Kinds: "real" (-2 to 2), "positive" (0.2 to 3), "unit" (-0.9 to 0.9), "fraction" (0.1 to 0.9), "above one" (1.2
    to 3), "nonzero", "distinct" (well separated, shuffled), "away" (off the integers), "symmetric", "definite"
    (symmetric positive definite), "square" (well conditioned), "complex", "hermitian", "boolean".
    """

    shape: tuple[int, ...]
    kind: str = "real"


class Call(NamedTuple):
    """One sample call: inputs described by `Input`, everything else as it is given to the function."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Elementwise(NamedTuple):
    """Sample of an elementwise row: the kind of values of each input; the tests choose shapes that broadcast."""

    kinds: tuple[str, ...]


class Reduction(NamedTuple):
    """Sample of a reduction over `axis` with `keepdims`; the tests choose shapes and axes.

    `empty` tells whether it is defined on no elements, `tuples` whether it takes several axes at once.
    """

    kind: str = "real"
    empty: bool = True
    tuples: bool = True


def elementwise(*kinds: str) -> Elementwise:
    """Sample of an elementwise row."""
    return Elementwise(kinds)


def reduction(kind: str = "real", *, empty: bool = True, tuples: bool = True) -> Reduction:
    """Sample of a reduction."""
    return Reduction(kind, empty, tuples)


def real(*shape: int) -> Input:
    """An input drawn between -2 and 2."""
    return Input(shape)


def call(*args: Any, **kwargs: Any) -> Call:
    """One sample call."""
    return Call(args, kwargs)
