"""`Flat`: parameters of one dtype side by side in one buffer, so that an update is a few calls for all of them.

A network has many small parameters, and NumPy pays per call. Each parameter's array becomes a slice of the buffer;
gradients are gathered into a second one. In place is safe: the engine copies what a rule will read of an array
that the user can reach, and a parameter's array is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.tensor import Tensor

__all__ = ["Flat", "Run"]

Array = np.ndarray[Any, Any]


class Run:
    """A stretch of the buffer whose parameters are updated together.

    Attributes:
        values: the parameters, to be changed in place.
        gradients: their gradients, a scratch copy that may be changed too.
        states: name -> what the optimiser remembers of each element.
        scratch: room of the same length.
        steps: how many updates these parameters have had, with this one.
    """

    __slots__ = ("gradients", "scratch", "states", "steps", "values")

    def __init__(self, values: Array, gradients: Array, states: dict[str, Array], scratch: Array, steps: int) -> None:
        self.values = values
        self.gradients = gradients
        self.states = states
        self.scratch = scratch
        self.steps = steps


class Flat:
    """The parameters `tensors`, all of one dtype, in one buffer.

    Args:
        tensors: the parameters; their arrays become slices of the buffer.
        names: what the optimiser remembers of each element; every name gets a buffer of zeros.
    """

    def __init__(self, tensors: list[Tensor], names: tuple[str, ...]) -> None:
        self.tensors = tensors
        ends = np.cumsum([t.size for t in tensors]).tolist()
        self.slices = [slice(end - t.size, end) for t, end in zip(tensors, ends, strict=True)]
        dtype = tensors[0].dtype
        self.values, self.gradients, self.scratch = (np.zeros(ends[-1], dtype) for _ in range(3))
        self.states = {name: np.zeros(ends[-1], dtype) for name in names}
        self.steps = [0] * len(tensors)
        self.views: list[Array] = []
        for tensor, where in zip(tensors, self.slices, strict=True):
            view = self.values[where].reshape(tensor.shape)
            view[...] = tensor.data
            tensor.data = view
            self.views.append(view)
        self._whole = self._run(slice(None), 0)

    def __reduce__(self) -> Any:
        # a copy is built anew: copied views would no longer look into the copied buffer
        return _rebuilt, (self.tensors, self.states, self.steps)

    def gather(self) -> list[Run]:
        """Bring the gradients of this moment together; parameters without one are left out.

        Usually that is one run over the whole buffer. Where a parameter had no gradient, now or earlier, the runs
        are the stretches between whose parameters have had the same number of updates.
        """
        found: list[Any] = []
        everything = True
        for tensor, view in zip(self.tensors, self.views, strict=True):
            if tensor.data is not view:  # the user gave it another array since
                view[...] = tensor.data
                tensor.data = view
            gradient = tensor.grad
            if gradient is None:
                everything = False
            elif gradient.__class__ is Tensor:
                gradient = gradient.numpy()
            found.append(gradient)
        if everything and self.together:
            np.concatenate([gradient.reshape(-1) for gradient in found], out=self.gradients)
            self.steps = [self.steps[0] + 1] * len(found)
            self._whole.steps = self.steps[0]
            return [self._whole]
        return self._stretches(found)

    @property
    def together(self) -> bool:
        """Whether all parameters have had the same number of updates."""
        return self.steps.count(self.steps[0]) == len(self.steps)

    def _stretches(self, found: list[Any]) -> list[Run]:
        """The runs, where they are not the whole buffer; `found` are the gradients, or None."""
        present = [gradient is not None for gradient in found]
        for gradient, where in zip(found, self.slices, strict=True):
            if gradient is not None:
                self.gradients[where] = gradient.reshape(-1)
        runs: list[tuple[int, int, int]] = []  # start, stop, number of updates before this one
        for where, steps, there in zip(self.slices, self.steps, present, strict=True):
            if not there:
                continue
            if runs and runs[-1][1] == where.start and runs[-1][2] == steps:
                runs[-1] = (runs[-1][0], where.stop, steps)
            else:
                runs.append((where.start, where.stop, steps))
        self.steps = [steps + there for steps, there in zip(self.steps, present, strict=True)]
        return [self._run(slice(start, stop), steps + 1) for start, stop, steps in runs]

    def _run(self, where: slice, steps: int) -> Run:
        states = {name: state[where] for name, state in self.states.items()}
        return Run(self.values[where], self.gradients[where], states, self.scratch[where], steps)


def _rebuilt(tensors: list[Tensor], states: dict[str, Array], steps: list[int]) -> Flat:
    flat = Flat(tensors, tuple(states))
    for name, state in states.items():
        flat.states[name][...] = state
    flat.steps = list(steps)
    return flat
