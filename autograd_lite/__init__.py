"""Reverse-mode automatic differentiation on NumPy that shows its work."""

from autograd_lite.custom import checkpoint, custom
from autograd_lite.errors import (
    AutogradError,
    BackwardError,
    DetachedError,
    FreedGraphError,
    InPlaceError,
    NaNError,
    NotDifferentiableError,
    OperandError,
    RequiresGradError,
)
from autograd_lite.nans import trace_nan
from autograd_lite.record import debug, enable_grad, is_grad_enabled, no_grad
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from autograd_lite.why import why_no_grad

__version__ = "0.1.0"

__all__ = [
    "AutogradError",
    "BackwardError",
    "DetachedError",
    "FreedGraphError",
    "InPlaceError",
    "NaNError",
    "NotDifferentiableError",
    "OperandError",
    "RequiresGradError",
    "Tensor",
    "checkpoint",
    "custom",
    "debug",
    "enable_grad",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "stop_gradient",
    "trace_nan",
    "value_and_grad",
    "vjp",
    "why_no_grad",
]
