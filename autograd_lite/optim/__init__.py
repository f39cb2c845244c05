"""Optimisers, flat and in place; learning rate schedules; gradient clipping."""

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
