"""The functions a worksheet may call: an explicit table, with a bound on what each may allocate.

Nothing is looked up in NumPy by a name that comes from a sheet. A row says how many positional arguments
there are, which keywords are allowed, and which forms (``np.f(x)``, ``x.f()``, plain ``f(x)``) exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SheetError

MAX_ELEMENTS = 100_000
MAX_WORK = 4_000_000
MAX_TOTAL = 300_000
MAX_ORDER = 64


@dataclass(frozen=True)
class Function:
    """One callable of the subset."""

    call: Callable[..., Any]
    least: int
    most: int
    keywords: tuple[str, ...] = ()
    method: bool = False
    plain: bool = False
    constant: bool = False
    """Whether the result has no derivative, so that it is evaluated on plain arrays."""


def check_size(elements: float, what: str) -> None:
    """Raise if an intermediate would hold more than :data:`MAX_ELEMENTS` numbers."""
    if elements > MAX_ELEMENTS:
        raise SheetError(
            "unsupported", f"{what} would hold {elements:.3g} numbers; a worksheet may hold {MAX_ELEMENTS:,}."
        )


def size(value: Any) -> int:
    """Return how many numbers a value holds, for arrays, Tensors, numbers and sequences alike."""
    if isinstance(value, int | float):
        return 1
    if isinstance(value, tuple | list):
        return sum(map(size, value))
    found = getattr(value, "size", None)
    return found if isinstance(found, int) else int(np.size(value))


def shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, a Tensor or a number."""
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def check_work(a: Any, b: Any, what: str) -> None:
    """Raise if a product of two arrays would cost more than :data:`MAX_WORK` multiplications."""
    if size(a) * size(b) > MAX_WORK:
        raise SheetError("unsupported", f"{what} of {size(a):,} by {size(b):,} numbers is too large.")
    first, second = shape(a), shape(b)
    if len(first) > 1 and len(second) > 1 and size(a) * size(b) > MAX_ELEMENTS:
        check_size(size(a) / max(first[-1], 1) * second[-1], f"the result of {what}")


def _extent(extent: Any, what: str) -> None:
    dims = extent if isinstance(extent, tuple | list) else (extent,)
    check_size(math.prod(abs(int(d)) for d in dims), what)


def _zeros(extent: Any, dtype: Any = float) -> Any:
    _extent(extent, "np.zeros")
    return np.zeros(extent, dtype=dtype)


def _ones(extent: Any, dtype: Any = float) -> Any:
    _extent(extent, "np.ones")
    return np.ones(extent, dtype=dtype)


def _full(extent: Any, fill_value: Any) -> Any:
    _extent(extent, "np.full")
    return np.full(extent, fill_value)


def _eye(n: Any, m: Any = None) -> Any:
    _extent((n, n if m is None else m), "np.eye")
    return np.eye(n, m)


def _arange(*bounds: Any) -> Any:
    low, high, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if step != 0:
        check_size(abs((high - low) / step), "np.arange")
    return np.arange(*bounds)


def _outer(a: Any, b: Any) -> Any:
    check_size(size(a) * size(b), "np.outer")
    return np.outer(a, b)


def _diag(v: Any, k: int = 0) -> Any:
    if len(shape(v)) == 1:
        check_size((size(v) + abs(k)) ** 2, "np.diag")
    return np.diag(v, k)


def _broadcast_to(x: Any, extent: Any) -> Any:
    _extent(extent, "np.broadcast_to")
    return np.broadcast_to(x, extent)


def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    check_size(size(x) * int(np.max(repeats)), "np.repeat")
    return np.repeat(x, repeats, axis)


def _joined(join: Callable[..., Any]) -> Callable[..., Any]:
    def call(parts: Any, axis: int = 0) -> Any:
        check_size(sum(size(part) for part in parts), "joining arrays")
        return join(parts, axis)

    return call


def _joined_by(join: Callable[..., Any]) -> Callable[..., Any]:
    def call(parts: Any) -> Any:
        check_size(sum(size(part) for part in parts), "joining arrays")
        return join(parts)

    return call


def _array(items: Any) -> Any:
    if isinstance(items, tuple | list) and any(_has_graph(item) for item in items):
        return np.stack([_array(item) if isinstance(item, tuple | list) else item for item in items])
    return np.array(items)


def _has_graph(item: Any) -> bool:
    if isinstance(item, tuple | list):
        return any(_has_graph(part) for part in item)
    return not isinstance(item, np.ndarray | np.generic | int | float | bool | type(None))


def _empty_like(x: Any) -> Any:
    # What np.empty_like leaves in an array is not known, so that an entry never assigned is no number.
    return np.full(shape(x), np.nan)


def _tile(x: Any, repeats: Any) -> Any:
    check_size(size(x) * math.prod(int(r) for r in np.ravel(repeats)), "np.tile")
    return np.tile(x, repeats)


def _windows(x: Any, window_shape: Any, axis: Any = None) -> Any:
    check_size(size(x) * math.prod(int(w) for w in np.ravel(window_shape)), "sliding_window_view")
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)


def _kron(a: Any, b: Any) -> Any:
    check_size(size(a) * size(b), "np.kron")
    return np.kron(a, b)


def _of_matrix(name: str) -> Callable[..., Any]:
    function = getattr(np.linalg, name)

    def call(a: Any, *others: Any) -> Any:
        if max(shape(a), default=1) > MAX_ORDER:
            raise SheetError("unsupported", f"np.linalg.{name} of shape {shape(a)} is too large for a worksheet.")
        return function(a, *others)

    return call


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and (ord not in (None, "fro") if len(shape(x)) > 1 else isinstance(ord, str)):
        raise SheetError(
            "unsupported", f"np.linalg.norm with ord={ord!r} and no axis is outside the subset; give axis=, or 'fro'."
        )
    return np.linalg.norm(x, ord, axis, keepdims)


def _product(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def call(a: Any, b: Any, **keywords: Any) -> Any:
        check_work(a, b, f"np.{name}")
        return function(a, b, **keywords)

    return call


def _einsum(subscripts: Any, *operands: Any) -> Any:
    if not isinstance(subscripts, str) or len(subscripts) > 100:
        raise SheetError("unsupported", "np.einsum takes its subscripts as one short string, like 'ij,jk->ik'.")
    extents: dict[str, int] = {}
    for letters, operand in zip(subscripts.split("->")[0].replace(" ", "").split(","), operands, strict=False):
        extents.update(zip(letters, shape(operand), strict=False))
    if math.prod(extents.values()) > MAX_WORK:
        raise SheetError("unsupported", f"np.einsum('{subscripts}') loops over too many products.")
    return np.einsum(subscripts, *operands)


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        if abs(a) > 1 and b > 0 and b * a.bit_length() > 128:
            raise SheetError("unsupported", f"{a} ** {b} is too large a number for a worksheet.")
        return a**b if b >= 0 else float(a) ** b
    return a**b


def power(a: Any, b: Any) -> Any:
    """Return ``a ** b``, with a bound on powers of whole numbers."""
    value = _power(a, b)
    return checked_integer(value) if isinstance(value, int) else value


def checked_integer(value: int) -> int:
    """Return a whole number, or raise if it does not fit in 63 bits."""
    if value.bit_length() > 63:
        raise SheetError("unsupported", "A whole number of the sheet exceeds 2**63; write it as a float.")
    return value


def _sigmoid(x: Any) -> Any:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _relu(x: Any) -> Any:
    return np.maximum(0.0, x)


def _softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _elementwise(*names: str, plain: tuple[str, ...] = ()) -> dict[str, Function]:
    return {name: Function(getattr(np, name), 1, 1, plain=name in plain) for name in names}


def _two(*names: str) -> dict[str, Function]:
    return {name: Function(getattr(np, name), 2, 2) for name in names}


def _reduction(*names: str, plain: bool = False, extra: tuple[str, ...] = ()) -> dict[str, Function]:
    return {
        name: Function(getattr(np, name), 1, 2, ("axis", "keepdims", *extra), method=True, plain=plain)
        for name in names
    }


def _reshape(x: Any, *extent: Any) -> Any:
    return np.reshape(x, extent[0] if len(extent) == 1 else extent)


def _transpose(x: Any, *axes: Any) -> Any:
    if not axes:
        return np.transpose(x)
    return np.transpose(x, axes[0] if len(axes) == 1 else axes)


FUNCTIONS: dict[str, Function] = {
    **_elementwise(
        *("exp", "log", "log1p", "expm1", "sqrt", "square", "tanh", "sin", "cos", "sinh", "cosh"),
        *("negative", "reciprocal", "tan", "arctan", "log2", "log10"),
        plain=("exp", "log", "log1p", "expm1", "sqrt", "square", "tanh", "sin", "cos", "sinh", "cosh"),
    ),
    "abs": Function(np.abs, 1, 1, plain=True),
    "absolute": Function(np.abs, 1, 1),
    "sign": Function(np.sign, 1, 1, plain=True, constant=True),
    "heaviside": Function(np.heaviside, 2, 2, constant=True),
    "floor": Function(np.floor, 1, 1, constant=True),
    "logical_and": Function(np.logical_and, 2, 2, constant=True),
    "logical_or": Function(np.logical_or, 2, 2, constant=True),
    "logical_not": Function(np.logical_not, 1, 1, constant=True),
    **_two("add", "subtract", "multiply", "divide", "logaddexp"),
    "maximum": Function(np.maximum, 2, 2, plain=True),
    "minimum": Function(np.minimum, 2, 2, plain=True),
    "power": Function(power, 2, 2),
    "sigmoid": Function(_sigmoid, 1, 1, plain=True),
    "relu": Function(_relu, 1, 1, plain=True),
    "softmax": Function(_softmax, 1, 2, ("axis",), plain=True),
    **_reduction("sum", "mean", "max", "min", plain=True),
    **_reduction("prod"),
    **_reduction("std", "var", extra=("ddof",)),
    "cumprod": Function(np.cumprod, 1, 2, ("axis",), method=True),
    "cumsum": Function(np.cumsum, 1, 2, ("axis",), method=True),
    "argmax": Function(np.argmax, 1, 2, ("axis", "keepdims"), method=True, constant=True),
    "argmin": Function(np.argmin, 1, 2, ("axis", "keepdims"), method=True, constant=True),
    "clip": Function(np.clip, 3, 3, method=True),
    "where": Function(np.where, 3, 3),
    "matmul": Function(_product("matmul"), 2, 2),
    "dot": Function(_product("dot"), 2, 2, method=True, plain=True),
    "inner": Function(_product("inner"), 2, 2),
    "outer": Function(_outer, 2, 2),
    "kron": Function(_kron, 2, 2),
    "convolve": Function(_product("convolve"), 2, 2, ("mode",)),
    "correlate": Function(_product("correlate"), 2, 2, ("mode",)),
    "sliding_window_view": Function(_windows, 2, 3, ("axis",), plain=True),
    "lib.stride_tricks.sliding_window_view": Function(_windows, 2, 3, ("axis",)),
    "linalg.norm": Function(_norm, 1, 4, ("ord", "axis", "keepdims")),
    "linalg.solve": Function(_of_matrix("solve"), 2, 2),
    **{f"linalg.{name}": Function(_of_matrix(name), 1, 1) for name in ("inv", "det", "slogdet", "cholesky")},
    "einsum": Function(_einsum, 2, 7),
    "diag": Function(_diag, 1, 2),
    "trace": Function(np.trace, 1, 1),
    "tril": Function(np.tril, 1, 2),
    "triu": Function(np.triu, 1, 2),
    "transpose": Function(_transpose, 1, 6, ("axes",), method=True),
    "swapaxes": Function(np.swapaxes, 3, 3, method=True),
    "reshape": Function(_reshape, 1, 7, method=True),
    "ravel": Function(np.ravel, 1, 1, method=True),
    "flatten": Function(np.ravel, 1, 1, method=True),
    "squeeze": Function(np.squeeze, 1, 2, ("axis",), method=True),
    "expand_dims": Function(np.expand_dims, 2, 2, ("axis",)),
    "broadcast_to": Function(_broadcast_to, 2, 2),
    "repeat": Function(_repeat, 2, 3, ("axis",), method=True),
    "tile": Function(_tile, 2, 2),
    "flip": Function(np.flip, 1, 2, ("axis",)),
    "roll": Function(np.roll, 2, 3, ("axis",)),
    "hstack": Function(_joined_by(np.hstack), 1, 1),
    "vstack": Function(_joined_by(np.vstack), 1, 1),
    "stack": Function(_joined(np.stack), 1, 2, ("axis",)),
    "concatenate": Function(_joined(np.concatenate), 1, 2, ("axis",)),
    "array": Function(_array, 1, 1),
    "zeros": Function(_zeros, 1, 2, ("dtype",), constant=True),
    "ones": Function(_ones, 1, 2, ("dtype",), constant=True),
    "full": Function(_full, 2, 2),
    "zeros_like": Function(np.zeros_like, 1, 2, ("dtype",), constant=True),
    "ones_like": Function(np.ones_like, 1, 2, ("dtype",), constant=True),
    "full_like": Function(np.full_like, 2, 2, ("dtype",), constant=True),
    "empty_like": Function(_empty_like, 1, 1, constant=True),
    "eye": Function(_eye, 1, 2, constant=True),
    "identity": Function(_eye, 1, 1, constant=True),
    "arange": Function(_arange, 1, 3, constant=True),
    "range": Function(_arange, 1, 3, plain=True, constant=True),
    "copy": Function(lambda x: x + 0, 1, 1, method=True),
    "astype": Function(lambda x, dtype: np.asarray(x).astype(dtype), 2, 2, method=True, constant=True),
    "float": Function(lambda x: x * 1.0, 1, 1, plain=True),
    "int": Function(int, 1, 1, plain=True, constant=True),
    "len": Function(len, 1, 1, plain=True, constant=True),
}

ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "T": np.transpose,
    "shape": shape,
    "size": size,
    "ndim": lambda value: len(shape(value)),
}

CONSTANTS: dict[str, float | None] = {"pi": math.pi, "e": math.e, "newaxis": None}
