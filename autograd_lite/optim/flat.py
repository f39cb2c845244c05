"""`Flat`: parameters of one dtype side by side in one buffer, so that an update is a few calls for all of them.

A network has many small parameters, and NumPy pays per call. Each parameter's array becomes a slice of the buffer;
their gradients are brought together for each update.

The engine never writes to an array inside the graph, and copies what a rule will read of an array that the user can
reach. The buffer is neither: as long as only the parameters refer to it an update is in place, and where a graph or a
view still does, the parameters move to a new buffer first. So no product has to copy its weights.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from autograd_lite.record import Leaf
from autograd_lite.tensor import LENT, Tensor

__all__ = ["Flat", "Run", "computed_in"]

Array = np.ndarray[Any, Any]

_probe = [np.empty(0)]
#: what `getrefcount` says of an array beyond the number of places that refer to it
_COUNTED = getrefcount(_probe[0]) - 1


def _holders(tensor: Tensor) -> int:
    """What `getrefcount` says of the array of a parameter to which nothing else refers."""
    node = tensor._node
    return 1 + (isinstance(node, Leaf) and node.value is tensor._array) + _COUNTED


class Run:
    """A stretch of the buffer whose parameters are updated together.

    Attributes:
        values: the parameters, to be changed in place.
        gradients: their gradients, a copy that may be changed too; there only until the update.
        states: name -> what the optimiser remembers of each element.
        scratch: room of the same length. Of half floats, this and both before it are in single precision.
        steps: how many updates these parameters have had, with this one.
    """

    __slots__ = ("gradients", "scratch", "states", "steps", "values")

    gradients: Array

    def __init__(self, values: Array, states: dict[str, Array], scratch: Array, steps: int) -> None:
        self.values = values
        self.states = states
        self.scratch = scratch
        self.steps = steps


def computed_in(dtype: Any) -> np.dtype[Any]:
    """The precision of an update of parameters of `dtype`: in half floats already the square of 256 is infinite."""
    return np.promote_types(dtype, np.float32)


class Flat:
    """The parameters `tensors`, all of one dtype, in one buffer.

    Args:
        tensors: the parameters; their arrays become slices of the buffer.
        names: what the optimiser remembers of each element; every name gets a buffer of zeros.
    """

    _whole: Run

    def __init__(self, tensors: list[Tensor], names: tuple[str, ...]) -> None:
        self.tensors = tensors
        ends = np.cumsum([t.size for t in tensors]).tolist()
        self.slices = [slice(end - t.size, end) for t, end in zip(tensors, ends, strict=True)]
        dtype = tensors[0].dtype
        self.scratch = np.zeros(ends[-1], computed_in(dtype))
        self.states = {name: np.zeros_like(self.scratch) for name in names}
        self.steps = [0] * len(tensors)
        #: what `steps` will be after the update for which `gather` was called
        self.counted = self.steps
        self.views: list[Array] = []
        #: positions of the parameters whose array is not in the buffer, because the user holds it
        self.lent: list[int] = []
        self._move_to(np.zeros(ends[-1], dtype))
        for position in range(len(tensors)):
            self._take_in(position)

    def __reduce__(self) -> Any:
        # a copy is built anew: copied views would no longer look into the copied buffer
        return _rebuilt, (self.tensors, self.states, self.steps)

    def remember(self, names: tuple[str, ...]) -> None:
        """Keep what is remembered under these names, begin what is new with zeros, and forget the rest."""
        if names != tuple(self._whole.states):  # which follows last: what was interrupted is done again
            self.states = {name: self.states.get(name, np.zeros_like(self.scratch)) for name in names}
            self._whole = self._run(slice(None), 0)

    def _move_to(self, values: Array) -> None:
        """Make `values` the buffer."""
        before = self.views
        self.values = values
        self.views = [values[where].reshape(t.shape) for t, where in zip(self.tensors, self.slices, strict=True)]
        for tensor, old, new in zip(self.tensors, before, self.views, strict=False):
            if tensor._array is old:
                tensor._replace(new)
        self._whole = self._run(slice(None), 0)

    def _take_in(self, position: int) -> None:
        """Bring the values of a parameter that has another array into the buffer, and the parameter after them.

        An array that the user still holds stays the parameter's, so that the user sees the updates.
        """
        tensor = self.tensors[position]
        self.views[position][...] = tensor._seen()
        if tensor._shared is LENT and getrefcount(tensor._array) > _holders(tensor):
            self.lent.append(position)
        else:
            tensor.data = self.views[position]
            tensor._shared = None

    def _is_alone(self) -> bool:
        """Whether nothing refers to the buffer but the parameters: no graph, and no view of them."""
        for position, tensor in enumerate(self.tensors):
            inside = tensor._array is self.views[position]
            if getrefcount(self.views[position]) != (1 + _holders(tensor) if inside else 1 + _COUNTED):
                return False
        return getrefcount(self.values) == 2 + len(self.views) + _COUNTED  # ours, the views' and that of `_whole`

    def secure(self) -> None:
        """Make sure that the buffer may be written to, and take in what the user changed."""
        if not self._is_alone():
            self._move_to(self.values.copy())
        self.lent = []
        for position, tensor in enumerate(self.tensors):
            if tensor._array is not self.views[position]:
                self._take_in(position)

    def publish(self) -> None:
        """Bring the values to the arrays that the user holds."""
        for position in self.lent:
            self.tensors[position]._array[...] = self.views[position]

    def gradient(self) -> Array:
        """The gradients of this moment, side by side in a new array; zeros where there is none."""
        return _side_by_side(self._found()[0], self.scratch.dtype)

    def _found(self) -> tuple[list[Any], bool]:
        """The gradient of each parameter, zeros for those that have none; and whether all have one."""
        found: list[Any] = []
        complete = True
        for tensor in self.tensors:
            gradient = tensor.grad
            if gradient.__class__ is Tensor:
                gradient = gradient.numpy()
            elif gradient is None:
                complete = False
                gradient = np.zeros(tensor.shape, tensor.dtype)
            found.append(gradient)
        return found, complete

    def gather(self) -> list[Run]:
        """Bring the gradients of this moment together; parameters without one are left out.

        Usually that is one run over the whole buffer. Where a parameter had no gradient, now or earlier, the runs
        are the stretches between whose parameters have had the same number of updates. When they are to be changed,
        `counted` becomes `steps`; after that, `publish`.
        """
        self.secure()
        found, complete = self._found()
        if not (complete and self.together):
            return self._stretches(_side_by_side(found, self.scratch.dtype))
        self.counted = [self.steps[0] + 1] * len(found)
        self._whole.steps = self.counted[0]
        self._whole.gradients = _side_by_side(found, self.scratch.dtype)
        return [self._whole]

    @property
    def together(self) -> bool:
        """Whether all parameters have had the same number of updates."""
        return self.steps.count(self.steps[0]) == len(self.steps)

    def _stretches(self, gradient: Array) -> list[Run]:
        """The runs, where they are not the whole buffer, with their parts of the `gradient`."""
        present = [tensor.grad is not None for tensor in self.tensors]
        runs: list[tuple[int, int, int]] = []  # start, stop, number of updates before this one
        for where, steps, there in zip(self.slices, self.steps, present, strict=True):
            if not there:
                continue
            if runs and runs[-1][1] == where.start and runs[-1][2] == steps:
                runs[-1] = (runs[-1][0], where.stop, steps)
            else:
                runs.append((where.start, where.stop, steps))
        self.counted = [steps + there for steps, there in zip(self.steps, present, strict=True)]
        made = []
        for start, stop, steps in runs:
            made.append(self._run(slice(start, stop), steps + 1))
            made[-1].gradients = gradient[start:stop]
        return made

    def _run(self, where: slice, steps: int) -> Run:
        states = {name: state[where] for name, state in self.states.items()}
        return Run(self.values[where], states, self.scratch[where], steps)


def _side_by_side(arrays: list[Any], dtype: np.dtype[Any]) -> Array:
    # not in a buffer of its own: a new array takes memory that the backward pass has just left, still in the caches
    return np.concatenate([array.ravel() for array in arrays], dtype=dtype)


def _rebuilt(tensors: list[Tensor], states: dict[str, Array], steps: list[int]) -> Flat:
    flat = Flat(tensors, tuple(states))
    for name, state in states.items():
        flat.states[name][...] = state
    flat.steps = list(steps)
    return flat
