"""Callbacks: what may happen between epochs. Any function of a `Run` will do; these remember something."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Any

from autograd_lite.errors import OperandError
from autograd_lite.optim.optimizer import is_number

if TYPE_CHECKING:
    from autograd_lite.train.loop import Run

__all__ = ["Checkpoint", "EarlyStopping", "TrainingPage"]


class EarlyStopping:
    """End the run when a record has not become smaller for `patience` epochs.

    Args:
        patience: epochs without a new minimum.
        monitor: the record; default: "validation loss" where there is one, otherwise "loss".
        min_delta: by how much it has to become smaller to count.
        restore_best: whether the model then gets back its best weights.

    Raises:
        OperandError: `patience` below 1.

    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """

    def __init__(
        self, patience: int = 10, monitor: str | None = None, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        if not (is_number(patience) and patience >= 1):
            raise OperandError(f"EarlyStopping: patience={patience!r:.60}; it must be a number of at least 1")
        self.patience, self.monitor, self.min_delta, self.restore_best = patience, monitor, min_delta, restore_best
        self.best, self.waited = math.inf, 0

    def __call__(self, run: Run) -> None:
        """Look at the epoch that has just ended."""
        if run.epoch == 0:  # what an earlier run reached says nothing about this one
            self.best, self.waited = math.inf, 0
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
        self.best, self.waited = float(state["best"]), int(state["waited"])

    def __repr__(self) -> str:
        return f"EarlyStopping(patience={self.patience})"


class Checkpoint:
    """Write everything a run needs to go on; `fit(..., resume=path)` reads it.

    Args:
        path: ends in .npz or .safetensors; it is replaced whole.
        every: after how many epochs.

    Raises:
        OperandError: another ending, a folder that does not exist, or `every` below 1.

    >>> Checkpoint("run.npz", every=5)
    Checkpoint('run.npz', every=5)
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        if every < 1:
            raise OperandError(f"Checkpoint: every={every}; it must be at least 1")
        folder = os.path.dirname(os.path.abspath(path))
        # Found now, not after the first epoch, which may take hours.
        if os.path.splitext(path)[1] not in (".npz", ".safetensors") or not os.path.isdir(folder):
            raise OperandError(
                f"Checkpoint: cannot write {os.fspath(path)!r}; give a path that ends in .npz or .safetensors, in a "
                f"folder that exists"
            )
        self.path, self.every = path, every

    def __call__(self, run: Run) -> None:
        """Write the file if it is time."""
        if (run.epoch + 1) % self.every == 0:
            from autograd_lite.saving import save

            save(self.path, run.state_dict())

    def __repr__(self) -> str:
        return f"Checkpoint({os.fspath(self.path)!r}, every={self.every})"


class TrainingPage:
    """Write one page on which the run can be seen epoch by epoch, in any browser and without a network.

    It has the loss curves, the magnitudes and histograms of every parameter and its gradient, the share of dead ReLUs,
    and, where the data are points of a plane, the decision boundary. The training is bit for bit what it is without.

    Args:
        path: ends in .html. It is replaced whole: after the first epoch, at the end, and between as often as costs
            little.
        every: after how many epochs the model is looked at, besides the last. The curves have every epoch.

    Raises:
        OperandError: another ending, or `every` below 1.
        SavingError: the folder does not exist or may not be written to.

    >>> TrainingPage("run.html", every=5)
    TrainingPage('run.html', every=5)
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        if every < 1:
            raise OperandError(f"TrainingPage: every={every}; it must be at least 1")
        if os.path.splitext(path)[1].lower() not in (".html", ".htm"):
            raise OperandError(f"TrainingPage: the page is HTML; give {os.fspath(path)!r} the ending .html")
        folder = os.path.dirname(os.path.abspath(path))
        if not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            from autograd_lite.show.errors import SavingError

            # Found now, not after the first epoch, which may take hours.
            raise SavingError(
                f"TrainingPage: cannot write {os.fspath(path)!r}; give a path in a folder that exists and that you may "
                f"write to"
            )
        self.path, self.every = path, every
        self._recorder: Any = None
        self._due = 0.0

    def __call__(self, run: Run) -> None:
        """Look at the model if it is time."""
        from autograd_lite.show.training import Recorder

        if self._recorder is None or self._recorder.run is not run:
            self._recorder, self._due = Recorder(run), 0.0
        self._recorder.look(self.every)
        if time.monotonic() >= self._due:
            self.finish(run)

    def finish(self, run: Run) -> None:
        """Write the page; `fit` does so at the end of the run, however that comes."""
        from autograd_lite.show.files import write_whole

        recorder = self._recorder
        if recorder is not None and recorder.run is run and recorder.frames:
            start = time.monotonic()
            write_whole(self.path, recorder.page().encode())
            end = time.monotonic()
            self._due = end + 50 * (end - start)

    def __repr__(self) -> str:
        return f"TrainingPage({os.fspath(self.path)!r}, every={self.every})"
