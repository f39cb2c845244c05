"""`Loader`: batches of arrays, shuffled anew in every epoch, the same for the same seed."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.arrays import unmasked
from autograd_lite.errors import OperandError
from autograd_lite.tensor import Tensor

__all__ = ["Loader", "batches", "checked_data", "pair_of"]


def pair_of(name: str, data: Any) -> tuple[Any, Any]:
    """`data`, which must be a pair."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise OperandError(f"{name}: the data are a {type(data).__name__}; give a pair (inputs, targets)")
    return data[0], data[1]


def checked_data(name: str, data: Any) -> tuple[Any, Any]:
    """Inputs and targets as arrays of the same length, without NaN or infinity."""
    data = pair_of(name, data)
    try:
        arrays = [np.asarray(part.numpy() if isinstance(part, Tensor) else unmasked(name, part)) for part in data]
    except ValueError as error:
        raise OperandError(f"{name}: the data are no arrays, {error}; all samples must have one shape") from error
    for what, array in zip(("inputs", "targets"), arrays, strict=True):
        if not array.ndim or not len(array):
            raise OperandError(f"{name}: {what} of shape {array.shape} are empty; there must be at least one sample")
        if array.dtype.kind not in "biufc":
            raise OperandError(f"{name}: {what} of dtype {array.dtype} are not numeric; encode them as numbers")
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise OperandError(
                f"{name}: {what} of shape {array.shape} hold {array[first]} at index {first}; remove such samples or "
                f"fill them in"
            )
    if len(arrays[0]) != len(arrays[1]):
        raise OperandError(
            f"{name}: inputs of shape {arrays[0].shape} and targets of shape {arrays[1].shape}; the first axis must "
            f"be equal"
        )
    return arrays[0], arrays[1]


def checked_seed(name: str, seed: Any) -> Any:
    """`seed`, if NumPy can make a generator of it."""
    try:
        np.random.default_rng([seed, 0])
    except (TypeError, ValueError) as error:
        raise OperandError(f"{name}: seed={seed!r:.60}; it must be a whole number, not negative") from error
    return seed


def batches(inputs: Any, targets: Any, batch_size: int, order: Any) -> Iterator[tuple[Any, Any]]:
    """Copies of `batch_size` samples at a time, in the `order` of an index array."""
    for start in range(0, len(order), batch_size):
        # an index array, so that a model that changes its input in place changes no data
        chosen = order[start : start + batch_size]
        yield inputs[chosen], targets[chosen]


class Loader:
    """Batches of inputs and targets, as copies. The order depends on the seed and the number of the epoch alone.

    Each `for` loop over it is the next epoch, the first one number 0; `epoch(number)` is any of them. Its length is the
    number of batches.

    Args:
        inputs: array (samples, ...).
        targets: array (samples, ...).
        batch_size: samples in a batch; the last one may be smaller.
        shuffle: whether each epoch has an order of its own.
        seed: an integer, or None to draw one.

    Raises:
        OperandError: different lengths, no samples, NaN or infinity, a batch size below 1, a pair in place of inputs.

    >>> loader = Loader(np.arange(5.0), np.arange(5), batch_size=2, seed=0)
    >>> [len(targets) for inputs, targets in loader.epoch(0)]
    [2, 2, 1]
    >>> sorted(int(t) for _, targets in loader.epoch(0) for t in targets)
    [0, 1, 2, 3, 4]
    >>> for epoch in range(2):
    ...     for inputs, targets in loader:
    ...         pass
    >>> len(loader)
    3
    """

    _name = "Loader"  # what errors call it

    def __init__(
        self, inputs: Any, targets: Any = None, batch_size: int = 32, shuffle: bool = True, seed: int | None = None
    ) -> None:
        if targets is None or isinstance(targets, int):
            raise OperandError(f"Loader: targets={targets}; give Loader(inputs, targets), and of a pair Loader(*pair)")
        self.inputs, self.targets = checked_data(self._name, (inputs, targets))
        if not hasattr(batch_size, "__index__") or batch_size < 1:
            raise OperandError(f"{self._name}: batch_size={batch_size!r}; it must be a whole number of at least 1")
        self.batch_size, self.shuffle = operator.index(batch_size), shuffle  # NumPy's narrow integers overflow
        drawn = int(np.random.default_rng().integers(2**63)) if seed is None else seed
        self.seed = checked_seed(self._name, drawn)
        self._next = 0

    def __len__(self) -> int:
        return (len(self.inputs) + self.batch_size - 1) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        number = self._next
        self._next += 1
        return self.epoch(number)

    def epoch(self, number: int) -> Iterator[tuple[Any, Any]]:
        """The batches of epoch `number`, counted from 0."""
        count = len(self.inputs)
        order = np.random.default_rng([self.seed, number]).permutation(count) if self.shuffle else np.arange(count)
        return batches(self.inputs, self.targets, self.batch_size, order)
