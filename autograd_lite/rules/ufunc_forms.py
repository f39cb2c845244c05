"""A ufunc called with where=, out= or dtype=, and its `outer`: put together from plain calls of the same ufunc."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import DetachedError, NotDifferentiableError, OperandError
from autograd_lite.grad_mode import is_grad_enabled
from autograd_lite.rules.indexing import setitem
from autograd_lite.rules.table import COMPOSED, PLAIN, TABLE, Input, call, composed, numbers_of, real

__all__ = ["as_array", "broadcasts", "flows", "into", "is_number", "is_tensor", "out_of", "plainly", "shape_of"]


def is_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor, which no module of rules imports."""
    return hasattr(x, "_array")


def flows(*operands: Any) -> bool:
    """Whether a gradient could be lost by computing with the plain numbers of `operands`."""
    return is_grad_enabled() and any(getattr(x, "requires_grad", False) for x in operands)


def plainly(name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
    """NumPy's own result, or its refusal as ours."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError, IndexError) as error:
        raise OperandError(f"{name}: {str(error).strip().rstrip('.')}") from error


def is_number(x: Any) -> bool:
    """Whether `x` is a Python number, whose dtype adapts to the other operand."""
    return type(x) in (int, float, complex, bool)


def as_array(x: Any) -> Any:
    """`x` as it is if it is a Tensor, otherwise as an array."""
    return x if is_tensor(x) else np.asarray(x)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a Tensor, an array, a number or nested lists."""
    return x.shape if hasattr(x, "shape") else np.shape(x)


# --- out= ----------------------------------------------------------------------------------------------------


def out_of(out: Any) -> tuple[Any, ...]:
    """What was given as out=, one entry per output."""
    return out if isinstance(out, tuple) else (out,)


def into(name: str, out: Any, result: Any) -> Any:
    """`result`, which an `out` that is a Tensor becomes; an array cannot carry the gradient."""
    if out is None:
        return result
    if not is_tensor(out):
        raise DetachedError(
            f"{name}: writing a result of shape {shape_of(result)} that requires grad into an ndarray would lose its "
            f"gradient; write a = a + t instead of a += t, leave out= out, or make the ndarray a Tensor"
        )
    result = result if is_tensor(result) else type(out)(result)
    if result.shape != out.shape and broadcasts(result.shape, out.shape):
        result = np.broadcast_to(result, out.shape)
    return out._become(result, "out=")


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can be repeated to fill one of the shape `to`."""
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False))


# --- the call with keywords ------------------------------------------------------------------------------------


def _is_of_scipy(ufunc: Any) -> bool:
    """Whether `ufunc` is one of SciPy's that has a row."""
    from autograd_lite.rules import special  # here, because it makes the import of the package longer

    return special.knows(ufunc)


@composed(
    "__call__",
    sample=[
        call(np.add, real(3, 4), real(4), dtype=np.float64),
        call(np.log, Input((4,), "positive"), casting="same_kind", order="C", subok=False),
        call(np.ldexp, real(3), np.array([1, 2, -1]), dtype=np.float64),
        call(np.divmod, Input((3,), "away"), Input((3,), "above one"), where=True),
    ],
)
def _called(
    ufunc: Any,
    *inputs: Any,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    order: str = "K",
    subok: bool = True,
    **other: Any,
) -> Any:
    name = ufunc.__name__
    outs = out_of(out)
    row = TABLE.get(ufunc)
    known = row is not None or ufunc in COMPOSED or _is_of_scipy(ufunc)
    harmless = not flows(*inputs) or ufunc in PLAIN or (row is not None and not row.differentiable)
    arrays_out = any(each is not None and not is_tensor(each) for each in outs)
    if not known or (harmless and (arrays_out or other)):
        if not harmless:
            raise NotDifferentiableError(
                f"{name}: no derivative rule is known for operands of shape "
                f"{', '.join(str(shape_of(x)) for x in inputs)}; compose it from functions that have one, add a row "
                f"with ag.custom, or say .detach() to leave the graph"
            )
        return _without_graph(ufunc, inputs, outs, where, dtype, casting, order, subok, other)
    if other:
        raise OperandError(
            f"{name}: {', '.join(other)}= is not supported for operands of shape "
            f"{', '.join(str(shape_of(x)) for x in inputs)}; use dtype=, or move the axes with np.moveaxis"
        )
    for array in outs:  # before a Tensor among them takes its result over
        if array is not None and not is_tensor(array):
            into(name, array, array)
    if dtype is not None:
        inputs = _cast(ufunc, inputs, np.dtype(dtype), casting)
    if where is True or where is np._NoValue:  # the latter as np.nanvar(array, mean=tensor) calls it
        result = ufunc(*inputs)
    else:
        result = _where(ufunc, inputs, where, outs)
    if all(each is None for each in outs):
        return result
    if isinstance(result, tuple):
        return tuple([into(name, each, part) for each, part in zip(outs, result, strict=True)])
    return into(name, outs[0], result)


def _without_graph(
    ufunc: Any,
    inputs: Any,
    outs: tuple[Any, ...],
    where: Any,
    dtype: Any,
    casting: str,
    order: str,
    subok: bool,
    other: dict[str, Any],
) -> Any:
    """The call on plain arrays, when no gradient is lost by it; Tensors given as out= take their result over."""
    targets = [np.array(each._array) if is_tensor(each) else each for each in outs]
    forms = {"casting": casting, "order": order, "subok": subok, "dtype": dtype, **other}
    if any(target is not None for target in targets):
        forms["out"] = tuple(targets) if len(targets) > 1 else targets[0]
    if where is not True:
        forms["where"] = numbers_of(where)
    numbers = [numbers_of(x) for x in inputs]
    result = plainly(ufunc.__name__, ufunc, *numbers, **forms)
    results = result if isinstance(result, tuple) else (result,)
    made = [
        into(ufunc.__name__, each, part) if is_tensor(each) else part
        for each, part in zip(outs if len(outs) == len(results) else (None,) * len(results), results, strict=True)
    ]
    return tuple(made) if isinstance(result, tuple) else made[0]


def _cast(ufunc: Any, inputs: tuple[Any, ...], dtype: np.dtype[Any], casting: str) -> tuple[Any, ...]:
    """The inputs in the dtype that the call is to compute in; Python numbers adapt by themselves."""
    row = TABLE.get(ufunc)
    if row is not None and not row.differentiable and dtype.kind == "b":
        return inputs  # the dtype of a comparison is that of its result
    made = []
    for position, x in enumerate(inputs):
        if is_number(x) or (ufunc is np.ldexp and position == 1):
            made.append(x)
            continue
        x = as_array(x)
        if ufunc is np.absolute and x.dtype.kind == "c" and dtype.kind == "f":
            dtype = np.result_type(dtype, np.complex64)  # what it computes of; the dtype asked for is of the result
        if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
            raise OperandError(
                f"{ufunc.__name__}: an operand of shape {x.shape} cannot be cast from {x.dtype} to dtype={dtype} "
                f"under casting={casting!r}; convert it with .astype first"
            )
        made.append(x if x.dtype == dtype else x.astype(dtype))
    return tuple(made)


def _where(ufunc: Any, inputs: tuple[Any, ...], where: Any, outs: tuple[Any, ...]) -> Any:
    """The ufunc at those elements only where the mask holds; elsewhere what `out` holds, or 0.

    It is called on the selected elements alone: a derivative that is infinite elsewhere then never meets the
    zero gradient there, which would make a NaN.
    """
    mask = np.asarray(numbers_of(where))
    if mask.dtype.kind != "b":
        raise OperandError(
            f"{ufunc.__name__}: where= of dtype {mask.dtype} and shape {mask.shape} is not a mask; compare first "
            f"(where=x > 0)"
        )
    inputs = tuple([x if is_number(x) else as_array(x) for x in inputs])
    shape = np.broadcast_shapes(mask.shape, *[shape_of(x) for x in (*inputs, *outs)])
    mask = np.broadcast_to(mask, shape or (1,))
    found = ufunc(*[x if is_number(x) else np.broadcast_to(x, mask.shape)[mask] for x in inputs])
    if not isinstance(found, tuple):
        return _placed(ufunc, found, mask, outs[0], shape)
    outs = outs if len(outs) == len(found) else (None,) * len(found)
    return tuple([_placed(ufunc, part, mask, each, shape) for part, each in zip(found, outs, strict=True)])


def _placed(ufunc: Any, found: Any, mask: Any, out: Any, shape: tuple[int, ...]) -> Any:
    if out is None:
        below = np.zeros(mask.shape, found.dtype)
    elif not is_tensor(out):
        below = into(ufunc.__name__, out, found)
    elif out.shape != shape:
        raise OperandError(
            f"{ufunc.__name__}: out= of shape {out.shape} does not fit a result of shape {shape}; "
            f"they must have the same shape"
        )
    else:
        below = np.reshape(out, mask.shape)
    found = found if found.dtype == below.dtype else found.astype(below.dtype)
    return np.reshape(setitem(below, found, index=np.array(mask)), shape)


# --- outer --------------------------------------------------------------------------------------------------


@composed(
    "outer",
    sample=[
        call(np.multiply, real(3), real(2)),
        call(np.add, real(2, 2), real(3)),
        call(np.subtract, real(), real(3)),
        call(np.divide, real(2), Input((3,), "nonzero"), dtype=np.float64),
        call(np.maximum, Input((2,), "distinct"), Input((3,), "distinct")),
    ],
)
def _outer(ufunc: Any, a: Any, b: Any, **forms: Any) -> Any:
    a, b = as_array(a), as_array(b)
    return ufunc(np.reshape(a, a.shape + (1,) * b.ndim), b, **forms)
