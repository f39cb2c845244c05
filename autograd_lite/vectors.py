"""Eigenvectors and singular vectors, that remember which of them are taken.

Vectors that belong to equal values have no derivative. A loss that takes others only, `v[:, k]`, has one; but all that
would arrive of this at the decomposition is a gradient with zeros in it, and zeros have other reasons, too. So taking
some vectors of a matrix is an operation of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.errors import RequiresGradError
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor

__all__ = ["Vectors"]


class Vectors(Tensor):
    """A matrix of vectors, or a stack of them; the vectors along `axis` (-1: columns, -2: rows)."""

    __slots__ = ("_axis", "_made", "_pick", "_taken")

    _pick: Callable[..., Any]
    _axis: int
    _made: Any
    _taken: bool

    @classmethod
    def of(cls, pick: Callable[..., Any], axis: int) -> Vectors:
        """The vectors that `pick()` makes all of, and `pick(chosen)` some."""
        every = pick()
        made = cls.__new__(cls)
        made._array, made._node, made._shared = every._array, every._node, every._shared
        made._pick, made._axis, made._made, made._taken = pick, axis, every._node, False
        return made

    def __getitem__(self, index: Any) -> Any:
        if self._made is None or self._node is not self._made or self._shared is not None:
            return super().__getitem__(index)  # a constant, or changed in place
        which = _which(index, len(self.shape), self._axis)
        if which is None:
            return super().__getitem__(index)
        is_view = isinstance(which, (int, np.integer, slice))
        try:
            chosen = np.arange(self.shape[self._axis])[which]
        except IndexError:
            return super().__getitem__(index)  # which says what is wrong
        self._taken = True
        found = self._pick(np.atleast_1d(chosen))
        if chosen.ndim == 0:
            found = found[(..., 0) if self._axis == -1 else (..., 0, slice(None))]
        if is_view:  # so that a change of this matrix in place is noticed
            found._shared = (self, self._array, self._node)
        return found

    def retain_grad(self) -> None:
        """Keep the gradient of all vectors in `.grad`; from now on those that are taken are taken of this Tensor."""
        self._watch("retain_grad")
        super().retain_grad()

    def register_hook(self, hook: Callable[[Any], Any]) -> Any:
        """Call `hook` with the gradient of all vectors; from now on those taken are taken of this Tensor."""
        self._watch("register_hook")
        return super().register_hook(hook)

    def _watch(self, what: str) -> None:
        if self._taken and self._node is self._made:
            raise RequiresGradError(
                f"{what}: single vectors were taken of this matrix of shape {self.shape} already, and their gradient "
                f"does not pass it; call {what} before indexing"
            )
        self._made = None


def _which(index: Any, ndim: int, axis: int) -> Any:
    """The part of an index that takes vectors as a whole; None if it does anything else."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is None for part in parts):
        return None
    dots = [at for at, part in enumerate(parts) if part is Ellipsis]
    at = dots[0] if dots else len(parts)
    missing = ndim - (len(parts) - len(dots))
    if len(dots) > 1 or missing < 0:
        return None
    parts[at : at + 1] = [slice(None)] * missing
    which = numbers_of(parts.pop(axis))
    if any(not isinstance(part, slice) or part != slice(None) for part in parts):
        return None
    if isinstance(which, slice):
        return None if which == slice(None) else which
    single = isinstance(which, (int, np.integer)) and not isinstance(which, bool)
    return which if single or np.ndim(which) == 1 else None
