"""Reverse-mode automatic differentiation on NumPy that shows its work."""

from autograd_lite.errors import (
    AutogradError,
    BackwardError,
    DetachedError,
    FreedGraphError,
    InPlaceError,
    NotDifferentiableError,
    OperandError,
    RequiresGradError,
)
from autograd_lite.record import debug, enable_grad, is_grad_enabled, no_grad
from autograd_lite.tensor import Tensor

__version__ = "0.1.0"

__all__ = [
    "AutogradError",
    "BackwardError",
    "DetachedError",
    "FreedGraphError",
    "InPlaceError",
    "NotDifferentiableError",
    "OperandError",
    "RequiresGradError",
    "Tensor",
    "debug",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
]
