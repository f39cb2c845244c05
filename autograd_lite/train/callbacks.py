"""Callbacks: what may happen between epochs. Any function of a `Run` will do; these two remember something."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from autograd_lite.errors import OperandError

if TYPE_CHECKING:
    from autograd_lite.train.loop import Run

__all__ = ["Checkpoint", "EarlyStopping"]


class EarlyStopping:
    """End the run when a record has not become smaller for `patience` epochs.

    Args:
        patience: epochs without a new minimum.
        monitor: the record; default: "validation loss" where there is one, otherwise "loss".
        min_delta: by how much it has to become smaller to count.
        restore_best: whether the model then gets back its best weights.

    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """

    def __init__(
        self, patience: int = 10, monitor: str | None = None, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        if patience < 1:
            raise OperandError(f"EarlyStopping: patience={patience}; it must be at least 1")
        self.patience, self.monitor, self.min_delta, self.restore_best = patience, monitor, min_delta, restore_best
        self.best, self.waited = math.inf, 0

    def __call__(self, run: Run) -> None:
        """Look at the epoch that has just ended."""
        value = run.history[self.monitor or run.monitor][-1]
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop = True
            run.restore_best = run.restore_best or self.restore_best

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.best, self.waited = state["best"], state["waited"]

    def __repr__(self) -> str:
        return f"EarlyStopping(patience={self.patience})"


class Checkpoint:
    """Write everything a run needs to go on; `fit(..., resume=path)` reads it.

    Args:
        path: ends in .npz or .safetensors; it is replaced whole.
        every: after how many epochs.

    >>> Checkpoint("run.npz", every=5)
    Checkpoint('run.npz', every=5)
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        if every < 1:
            raise OperandError(f"Checkpoint: every={every}; it must be at least 1")
        self.path, self.every = path, every

    def __call__(self, run: Run) -> None:
        """Write the file if it is time."""
        if (run.epoch + 1) % self.every == 0:
            from autograd_lite.saving import save

            save(self.path, run.state_dict())

    def __repr__(self) -> str:
        return f"Checkpoint({os.fspath(self.path)!r}, every={self.every})"
