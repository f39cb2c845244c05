"""Training: the fit loop with its history, batches, callbacks."""

from autograd_lite.train.callbacks import Checkpoint, EarlyStopping, TrainingPage
from autograd_lite.train.history import History
from autograd_lite.train.loader import Loader
from autograd_lite.train.loop import Run, accuracy, fit

__all__ = ["Checkpoint", "EarlyStopping", "History", "Loader", "Run", "TrainingPage", "accuracy", "fit"]
