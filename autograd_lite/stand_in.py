"""What a derivative rule may be given in the place of an array, besides a Tensor.

A rule is plain NumPy, so anything that answers to NumPy's protocols can go through it: a stack of gradients
(`batched.Batched`), or a number with its derivative along a direction (`dual.Dual`). What they cannot answer they
refuse with a `StandInError`, and the caller takes a slower way with single arrays.
"""

from __future__ import annotations

from typing import Any, NoReturn

from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["StandIn", "StandInError"]


class StandInError(AttributeError):
    """Something was asked of a stand-in that only an array can answer: is it true, which number is it, ..."""


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise StandInError


class StandIn(NDArrayOperatorsMixin):
    """The operators, as calls of NumPy's ufuncs, and a refusal of all that would take the place of one array."""

    __slots__ = ()
    _node = None  # like a Tensor it goes through NumPy's protocols

    __array__ = __bool__ = __float__ = __int__ = __complex__ = __index__ = __len__ = __iter__ = _refuse
    __contains__ = __setitem__ = __iadd__ = __isub__ = __imul__ = __itruediv__ = _refuse

    def _unbroadcast(self, shape: tuple[int, ...]) -> Any:
        """Summed to `shape`, where there is a shorter way to it than that of `backprop.unbroadcast`."""
        return None

    def __getattr__(self, name: str) -> NoReturn:
        raise StandInError(name)
