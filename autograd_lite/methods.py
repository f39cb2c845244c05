"""Methods and attributes that a Tensor has as an array has them, where the NumPy function is called differently.

The other methods (`sum`, `clip`, ...) and the operators are made from the table of rules, in `operators.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.errors import OperandError

__all__ = ["ArrayMethods"]

_np: Any = np  # NumPy as the dispatcher sees it: given Tensors, it returns Tensors


class Flat:
    """The elements of a Tensor in one row, as `tensor.flat`: an iterator of Tensors that can be indexed.

    >>> from autograd_lite import Tensor
    >>> t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> t.flat[2], len(t.flat)
    (tensor(3.), 4)
    >>> t.flat[1:3] = 0.0
    >>> t
    tensor([[1., 0.],
            [0., 4.]])
    """

    __slots__ = ("_rest", "base")

    def __init__(self, base: Any) -> None:
        self.base = base
        self._rest: Iterator[Any] | None = None

    def __iter__(self) -> Flat:
        return self

    def __next__(self) -> Any:
        if self._rest is None:
            self._rest = iter(_np.ravel(self.base))
        return next(self._rest)

    def __len__(self) -> int:
        return int(self.base.size)

    def __getitem__(self, index: Any) -> Any:
        found = _np.ravel(self.base)[index]
        return found if np.ndim(index) == 0 and isinstance(index, (int, np.integer)) else found.copy()

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(self.base.size)[index]
        if np.ndim(places) and np.size(value) > 1:
            value = _np.resize(value, places.shape)  # repeated, or cut off, as NumPy has it
        self.base[np.unravel_index(places, self.base.shape)] = value


# Refuses a method of PyTorch's and says what it is called here. There is one for each name, because a `__getattr__`
# would slow down every attribute that does exist. Each has a docstring, which `help` shows, and so the class has none.
class Elsewhere:
    __slots__ = ("__doc__", "name", "room")

    def __init__(self, name: str, room: str = "Tensor") -> None:
        self.name, self.room = name, room
        self.__doc__ = "A name of PyTorch's that is not here: asked for, it says what to write."

    def __get__(self, owner: Any, kind: type) -> Any:
        from autograd_lite.pytorch_names import cure

        who = f"type object {kind.__name__!r}" if owner is None else f"{kind.__name__!r} object"
        raise AttributeError(f"{who} has no attribute {self.name!r}{cure(self.room, self.name)}")


_NAMES = """
abs absolute acos add add_ allclose amax amin angle asin atan atan2 bitwise_and bitwise_or bitwise_xor bmm bool
broadcast_to ceil cholesky chunk clamp clamp_ contiguous copy_ copysign cos cosh count_nonzero cpu cross cuda deg2rad
det detach_ device diag diff digamma dim dist div div_ divide double element_size eq equal erf erfc erfinv exp exp2
expand expand_as expm1 fill_ flip fliplr flipud float float_power floor floor_divide fmax fmin gather ge grad_fn
greater greater_equal gt half heaviside hypot index_select inner int inverse is_complex is_cuda is_floating_point
isclose isfinite isinf isnan kron le less less_equal lerp lgamma log log10 log1p log2 log_softmax logaddexp logdet
logical_and logical_not logical_or logical_xor logit logsumexp long lt masked_fill masked_fill_ masked_select matmul
matrix_power maximum median minimum mm moveaxis movedim mul mul_ multiply mv nanmean nansum narrow ndimension ne neg
negative nelement new_ones new_zeros norm normal_ not_equal numel outer permute pinverse pow qr quantile rad2deg
reciprocal relu remainder repeat_interleave reshape_as retains_grad roll rsqrt scatter scatter_ sigmoid sign sin sinc
sinh slogdet softmax split sqrt square sub sub_ subtract svd swapdims t take_along_dim tan tanh tile to topk tril triu
true_divide trunc type type_as unbind unflatten uniform_ unique unsqueeze vdot view view_as where zero_
"""
#: the names that `pytorch_names` has a cure for; here too, since every program would pay for importing that
_ELSEWHERE = _NAMES.split()


if TYPE_CHECKING:
    from autograd_lite.tensor import Tensor

    class _Operator:
        def __call__(self, other: Any) -> Tensor: ...

    class _Method:
        def __call__(self, *args: Any, **kwargs: Any) -> Tensor: ...


class ArrayMethods:
    """What `Tensor` inherits."""

    __slots__ = ()

    if TYPE_CHECKING:  # operators and methods that `operators` makes from the table of rules
        __add__ = __radd__ = __iadd__ = __sub__ = __rsub__ = __isub__ = _Operator()
        __mul__ = __rmul__ = __imul__ = __truediv__ = __rtruediv__ = __itruediv__ = _Operator()
        __pow__ = __rpow__ = __ipow__ = __matmul__ = __rmatmul__ = __imatmul__ = _Operator()
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = _Operator()
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _Operator()
        __lt__ = __le__ = __gt__ = __ge__ = _Operator()
        __neg__ = __pos__ = __abs__ = __invert__ = _Method()
        sum = mean = std = var = prod = min = max = cumsum = cumprod = any = all = argmin = argmax = _Method()
        argsort = nonzero = searchsorted = clip = round = dot = ravel = squeeze = swapaxes = repeat = _Method()
        T: Any
        take = diagonal = trace = conj = conjugate = ptp = choose = copy = reshape = transpose = _Method()

    def __dir__(self) -> list[str]:
        absent = {name for name in _ELSEWHERE if not hasattr(self, name)}
        return [name for name in super().__dir__() if name not in absent]

    @property
    def mT(self: Any) -> Any:
        """The last two axes exchanged."""
        return _np.matrix_transpose(self)

    @property
    def real(self: Any) -> Any:
        """The real part."""
        return _np.real(self)

    @property
    def imag(self: Any) -> Any:
        """The imaginary part."""
        return _np.imag(self)

    @property
    def itemsize(self: Any) -> int:
        """The bytes of one element."""
        return self._array.itemsize

    @property
    def nbytes(self: Any) -> int:
        """The bytes of all elements."""
        return self._array.nbytes

    def tolist(self: Any) -> Any:
        """The values as nested Python lists, without history."""
        return self._seen().tolist()

    @property
    def flat(self: Any) -> Flat:
        """The elements in one row: to iterate over, to index, and to assign to."""
        return Flat(self)

    @flat.setter
    def flat(self: Any, values: Any) -> None:
        Flat(self)[...] = values

    def flatten(self: Any, order: str = "C") -> Any:
        """A one-dimensional copy.

        Raises:
            OperandError: an order that is a number, which in PyTorch is the first of the axes that become one.
        """
        if isinstance(order, int):
            raise OperandError(
                f"flatten: order={order}; PyTorch's flatten({order}) is x.reshape(*x.shape[:{order}], -1) here, and "
                f"nn.Flatten({order}) as a layer"
            )
        return _np.ravel(self, order=order).clone()

    def astype(
        self: Any, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """The values converted to `dtype`; a gradient comes back in the dtype it left with."""
        if not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
            raise OperandError(
                f"astype: {self.dtype} cannot be cast to {np.dtype(dtype)} under the rule {casting!r}; "
                f"use casting='unsafe'"
            )
        if np.dtype(dtype).kind not in "biufc":
            raise OperandError(f"astype: {np.dtype(dtype)} is no dtype of numbers; use .numpy().astype(...) for others")
        return _np.astype(self, np.dtype(dtype))

    def sort(self: Any, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        """Sort in place, as an array's method does; `np.sort` returns a sorted copy."""
        self._become(_np.sort(self, axis=axis, kind=kind, order=order, stable=stable), "sort()")

    def partition(self: Any, kth: Any, axis: int = -1) -> None:
        """Partition in place, as an array's method does; `np.partition` returns a copy."""
        self._become(_np.partition(self, kth, axis=axis), "partition()")

    def compress(self: Any, condition: Any, axis: int | None = None) -> Any:
        """The slices along `axis` at which `condition` holds."""
        return _np.compress(condition, self, axis)

    def fill(self: Any, value: Any) -> None:
        """Set every element to `value`, in place."""
        self[...] = value

    def put(self: Any, indices: Any, values: Any, mode: str = "raise") -> None:
        """Set elements of the flattened Tensor, in place."""
        _np.put(self, indices, values, mode=mode)


for _name in _ELSEWHERE:
    setattr(ArrayMethods, _name, Elsewhere(_name))
