"""What the operators and methods of a `Tensor` and NumPy's protocols come to: rows of the table, carried out."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable
from functools import partial
from sys import getrefcount
from typing import Any

import numpy as np

from autograd_lite.arrays import beside
from autograd_lite.direct import apply_unary, binary, call, reshape, swapaxes, transpose, unary
from autograd_lite.errors import NotDifferentiableError, OperandError
from autograd_lite.grad_mode import is_grad_enabled
from autograd_lite.operations import OPERANDS, apply
from autograd_lite.record import Primitive
from autograd_lite.renamed import refuse_renamed
from autograd_lite.rules import LATER, import_later
from autograd_lite.rules.products import product, refuse_out
from autograd_lite.rules.table import COMPOSED, PLAIN, TABLE
from autograd_lite.tensor import LENT, Tensor


def bound(function: Any, op: Primitive, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with its array inputs in front, whichever of them were given by name."""
    if op.variadic or len(args) >= len(op.rules):
        return args, kwargs
    import inspect

    names = list(inspect.signature(function).parameters)[len(args) : len(op.rules)]
    kwargs = dict(kwargs)
    try:
        return (*args, *[kwargs.pop(name) for name in names]), kwargs
    except KeyError as error:
        raise OperandError(f"{op.name}: argument {error} is missing") from None


def _without_rule(function: Any, args: Any, kwargs: Any, name: str, plain: bool) -> Any:
    """Call a function that has no rule on plain arrays, or refuse if a gradient would be lost."""

    def bare(value: Any) -> Any:
        if isinstance(value, Tensor):
            if not plain and value.requires_grad and is_grad_enabled():
                raise NotDifferentiableError(
                    f"{name}: no derivative rule is known for a Tensor of "
                    f"shape {value.shape} that requires grad; compose it from functions that have one, add a "
                    f"row with ag.custom, or say .detach() to leave the graph"
                )
            return value.numpy()
        if isinstance(value, (list, tuple)):
            return type(value)([bare(part) for part in value])
        if isinstance(value, dict):
            return {key: bare(part) for key, part in value.items()}
        return value

    if "out" in kwargs or len(args) > 2:
        _refuse_tensor_as_out(function, name, args, kwargs)
    return function(*bare(list(args)), **bare(dict(kwargs)))


def _refuse_tensor_as_out(function: Any, name: str, args: Any, kwargs: Any) -> None:
    """The function would write into a copy, and the Tensor keep its values in silence."""
    import inspect

    with contextlib.suppress(ValueError, TypeError):  # it has no signature, or refuses the arguments itself
        kwargs = inspect.signature(function).bind(*args, **kwargs).arguments
    if isinstance(kwargs.get("out"), Tensor):
        refuse_out(name, kwargs["out"])


# --- NumPy's protocols ---------------------------------------------------------------------------------------


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What `np.add(tensor, 1)` and the like come to."""
    if not kwargs and method == "__call__":
        direct = _UNARY.get(ufunc)
        if direct is not None:
            return direct(self)
        row = TABLE.get(ufunc)
        if row is not None:
            if ufunc in _DIRECT:
                direct, reflected = _DIRECT[ufunc]
                result = direct(self, inputs[1]) if inputs[0] is self else reflected(self, inputs[0])
                if result is not NotImplemented:
                    return result
            elif len(inputs) == 1 and row.fn is ufunc and row.rules[0] is not None:
                _UNARY[ufunc] = unary(row)
            return apply(row, inputs, kwargs)
        if ufunc in COMPOSED:
            return COMPOSED[ufunc](*inputs)
    made = COMPOSED.get((ufunc, method)) or COMPOSED.get(method)
    if made is not None:
        for repeated in ("array", "indices"):  # given by name, they come among the inputs too
            kwargs.pop(repeated, None)
        return made(ufunc, *inputs, **kwargs)
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    return _without_rule(getattr(ufunc, method), inputs, kwargs, name, ufunc in PLAIN)


def _array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    """What `np.sum(tensor)` and the like come to."""
    row = TABLE.get(function)
    if row is None and LATER and function not in COMPOSED:
        import_later()
        row = TABLE.get(function)
    if row is not None:
        return call(row, *bound(function, row, args, kwargs))
    made = COMPOSED.get(function)
    if made is not None:
        return made(*args, **kwargs)
    return _without_rule(function, args, kwargs, function.__name__, function in PLAIN)


def _method(function: Any) -> Any:
    """The method that calls a NumPy function with this Tensor in front."""
    row = TABLE.get(function)

    if row is None:

        def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            try:
                return function(self, *args, **kwargs)
            except TypeError:
                refuse_renamed(function.__name__, kwargs)
                raise

    elif len(row.rules) == 1:
        alone = unary(row) if function in _REDUCTIONS else partial(apply_unary, row)

        def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            try:
                return call(row, (self, *args), kwargs) if args or kwargs else alone(self)
            except TypeError:
                refuse_renamed(function.__name__, kwargs)
                raise

    else:

        def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            return apply(row, (self, *args), kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"`np.{function.__name__}` of this Tensor."
    return method


def _sign(function: Any) -> Any:
    op = TABLE[function]
    return unary(op) if op.differentiable else lambda self: apply(op, (self,), {})


class _Probe:
    """Measures how often an operand of `+=` is referred to: once less when it is the nameless one of `x[i] += v`."""

    def __iadd__(self, count: list[int]) -> _Probe:
        count.append(getrefcount(self))
        return self

    def __getitem__(self, index: int) -> _Probe:
        return _Probe()

    def __setitem__(self, index: int, value: _Probe) -> None:
        pass


def _count_of_a_nameless_operand() -> int:
    counts: list[int] = []
    probe = _Probe()
    probe[0] += counts
    probe += counts
    nameless, named = counts
    return nameless if nameless < named else 0  # 0: an interpreter on which they cannot be told apart


_NAMELESS = _count_of_a_nameless_operand()


def _in_place(operate: Callable[[Any, Any], Any], symbol: str) -> Any:
    def method(self: Tensor, other: Any) -> Tensor:
        if self._shared is not None and self._shared is not LENT and getrefcount(self) == _NAMELESS:
            return operate(self, other)  # the view in `x[i] += v`: Python assigns the result to x[i] next
        return self._become(operate(self, other), symbol)

    return method


def _operator(function: Any, *, reflected: bool = False) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return beside(function.__name__, other)
        return function(other, self) if reflected else function(self, other)

    return method


def _comparison(function: Any) -> Any:
    op = TABLE[function]

    def method(self: Tensor, other: Any) -> Any:
        return apply(op, (self, other), {}) if isinstance(other, OPERANDS) else NotImplemented

    return method


_ARITHMETIC: tuple[tuple[str, str, Any, Any], ...] = (
    ("add", "+=", np.add, operator.add),
    ("sub", "-=", np.subtract, operator.sub),
    ("mul", "*=", np.multiply, operator.mul),
    ("truediv", "/=", np.true_divide, operator.truediv),
    ("pow", "**=", np.power, operator.pow),
    ("matmul", "@=", np.matmul, product),
)
_OTHER_OPERATORS: tuple[tuple[str, str, Any], ...] = (
    ("floordiv", "//=", np.floor_divide),
    ("mod", "%=", np.remainder),
    ("divmod", "", np.divmod),
    ("and", "&=", np.bitwise_and),
    ("or", "|=", np.bitwise_or),
    ("xor", "^=", np.bitwise_xor),
    ("lshift", "<<=", np.left_shift),
    ("rshift", ">>=", np.right_shift),
)
_COMPARISONS: tuple[tuple[str, Any], ...] = (
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
    ("eq", np.equal),
    ("ne", np.not_equal),
)
_SIGNS: tuple[tuple[str, Any], ...] = (
    ("neg", np.negative),
    ("pos", np.positive),
    ("abs", np.absolute),
    ("invert", np.invert),
)
_REDUCTIONS: tuple[Any, ...] = (np.sum, np.mean, np.std, np.var, np.prod, np.min, np.max)
_METHODS: tuple[Any, ...] = (
    *_REDUCTIONS,
    *(np.cumsum, np.cumprod, np.any, np.all),
    *(np.argmin, np.argmax, np.argsort, np.nonzero, np.searchsorted, np.clip, np.round, np.dot),
    *(np.ravel, np.squeeze, np.repeat, np.take, np.diagonal, np.trace, np.conjugate),
    *(np.ptp, np.choose, np.argpartition, np.copy),
)

#: ufunc of one operand -> what records it; filled when first needed, for the rules' bytecode is read then
_UNARY: dict[Any, Any] = {}
#: ufunc -> the operator that it comes to, and its reflected form
_DIRECT: dict[Any, tuple[Any, Any]] = {
    ufunc: binary(ufunc, TABLE[ufunc].fn) for ufunc in (np.maximum, np.minimum, np.arctan2, np.hypot, np.logaddexp)
}

setattr(Tensor, "T", property(transpose))  # noqa: B010  # past the dispatcher, since every layer may use it
setattr(Tensor, "transpose", transpose)  # noqa: B010
setattr(Tensor, "swapaxes", swapaxes)  # noqa: B010
setattr(Tensor, "reshape", reshape)  # noqa: B010
setattr(Tensor, "__array_ufunc__", _array_ufunc)  # noqa: B010  # like the operators below
setattr(Tensor, "__array_function__", _array_function)  # noqa: B010
for _name, _symbol, _function, _operate in _ARITHMETIC:
    _direct, _reflected = binary(_function, _operate, same_shape=_name != "matmul")
    for _made, _called in ((_direct, _name), (_reflected, f"r{_name}")):
        _made.__qualname__ = f"Tensor.__{_called}__"  # as Python's own errors name it, of pow(t, 2, 3) for instance
    setattr(Tensor, f"__{_name}__", _direct)
    setattr(Tensor, f"__r{_name}__", _reflected)
    setattr(Tensor, f"__i{_name}__", _in_place(_operate, _symbol))
    _DIRECT[_function] = _direct, _reflected
for _name, _symbol, _function in _OTHER_OPERATORS:
    setattr(Tensor, f"__{_name}__", _operator(_function))
    setattr(Tensor, f"__r{_name}__", _operator(_function, reflected=True))
    if _symbol:
        setattr(Tensor, f"__i{_name}__", _in_place(_operator(_function), _symbol))
for _name, _function in _COMPARISONS:
    setattr(Tensor, f"__{_name}__", _comparison(_function))
for _name, _function in _SIGNS:
    setattr(Tensor, f"__{_name}__", _sign(_function))
for _function in _METHODS:
    setattr(Tensor, _function.__name__, _method(_function))
setattr(Tensor, "conj", _method(np.conjugate))  # noqa: B010  # beside the others
