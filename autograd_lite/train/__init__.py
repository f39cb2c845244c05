"""Training: the fit loop with its history, batches, callbacks."""

from typing import TYPE_CHECKING, Any

from autograd_lite.train.callbacks import Checkpoint, EarlyStopping, TrainingPage
from autograd_lite.train.history import History
from autograd_lite.train.loader import Loader
from autograd_lite.train.loop import Run, accuracy, fit

__all__ = ["Checkpoint", "EarlyStopping", "History", "Loader", "Run", "TrainingPage", "accuracy", "fit"]


if not TYPE_CHECKING:  # a type checker is to know which names there are

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from autograd_lite.pytorch_names import missing

        raise missing(__name__, name)
