"""Methods and attributes that a Tensor has as an array has them, where the NumPy function is called differently.

The other methods (`sum`, `clip`, ...) and the operators are made from the table of rules, in `operations.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError

__all__ = ["ArrayMethods"]

_np: Any = np  # NumPy as the dispatcher sees it: given Tensors, it returns Tensors


class ArrayMethods:
    """What `Tensor` inherits."""

    __slots__ = ()

    def transpose(self: Any, *axes: Any) -> Any:
        """`np.transpose` of this Tensor; the axes as one tuple, as several numbers, or left out to reverse them."""
        chosen = None if not axes else axes[0] if len(axes) == 1 else axes
        return _np.transpose(self, chosen)

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
    def flat(self: Any) -> Iterator[Any]:
        """The elements, one by one, each a Tensor."""
        return iter(_np.ravel(self))

    def flatten(self: Any, order: str = "C") -> Any:
        """A one-dimensional copy."""
        return _np.ravel(self, order=order).clone()

    def astype(self: Any, dtype: Any, order: str = "K", casting: str = "unsafe", copy: bool = True) -> Any:
        """The values converted to `dtype`; a gradient comes back in the dtype it left with."""
        if not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
            raise OperandError(
                f"astype: {self.dtype} cannot be cast to {np.dtype(dtype)} under the rule {casting!r}; "
                f"use casting='unsafe'"
            )
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
