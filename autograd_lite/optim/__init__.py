"""Optimisers, flat and in place; learning rate schedules; gradient clipping."""

from typing import TYPE_CHECKING, Any

from autograd_lite.optim.lbfgs import LBFGS
from autograd_lite.optim.methods import SGD, Adagrad, Adam, AdamW, RMSprop
from autograd_lite.optim.optimizer import Optimizer, clip_grad_norm_, clip_grad_value_
from autograd_lite.optim.schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearWarmup,
    ReduceLROnPlateau,
    Schedule,
    StepLR,
)

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearWarmup",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]


if not TYPE_CHECKING:  # a type checker is to know which names there are

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from autograd_lite.pytorch_names import missing

        raise missing(__name__, name)
