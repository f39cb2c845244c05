"""The places that an index picks from an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["Indexing", "all_differ", "once_along"]


class Indexing(str):
    """What is printed of an index, and the index: two long arrays print alike, and need not be equal."""

    __slots__ = ("picks",)
    picks: Any

    def __new__(cls, text: str, picks: Any) -> Indexing:
        """Text, and what it is printed of."""
        made = super().__new__(cls, text)
        made.picks = picks
        return made

    def picks_as(self, other: Indexing) -> bool:
        """Whether the two are the same index, however they are printed."""
        return _equal(self.picks, other.picks)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True and (not isinstance(other, Indexing) or self.picks_as(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and bool(np.all(a == b))


def _picked(index: Any, shape: tuple[int, ...]) -> Any:
    """The place, counted through the whole array, of each entry that an index picks."""
    return np.asarray(np.arange(math.prod(shape)).reshape(shape)[index])


def all_differ(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index picks no place of an array of that shape twice.

    >>> all_differ([0, 2], (3,)), all_differ([0, 0], (3,))
    (True, False)
    """
    picked = _picked(index, shape)
    return np.unique(picked).size == picked.size


def once_along(axis: int, index: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index picks one place of each line along an axis, the lines in their order.

    Then a sum along the axis gives back what was scattered to the index.

    >>> once_along(1, ([0, 1], [2, 0]), (2, 3)), once_along(1, ([1, 0], [2, 0]), (2, 3))
    (True, False)
    """
    axis %= len(shape)
    lines = (*shape[:axis], *shape[axis + 1 :])
    picked = _picked(index, shape)
    if picked.shape != lines:
        return False
    above, below = np.divmod(picked, math.prod(shape[axis:]))
    behind = math.prod(shape[axis + 1 :])
    return np.array_equal(above * behind + below % behind, np.arange(math.prod(lines)).reshape(lines))
