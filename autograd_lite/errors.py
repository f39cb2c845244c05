"""The errors this package raises itself: each names the operation, the shapes or values, and the cure."""

import numpy as np

__all__ = [
    "AutogradError",
    "BackwardError",
    "DetachedError",
    "FreedGraphError",
    "InPlaceError",
    "LinAlgError",
    "NaNError",
    "NotDifferentiableError",
    "OperandError",
    "RequiresGradError",
]


class AutogradError(Exception):
    """Base of every error that autograd_lite raises on purpose."""


class OperandError(AutogradError, ValueError, TypeError):
    """An operation refused its operands: shapes that do not fit, a wrong type, an axis that is not there."""


class LinAlgError(OperandError, np.linalg.LinAlgError):
    """A matrix that NumPy's linear algebra refuses: singular, not positive definite, not square."""


class BackwardError(AutogradError, RuntimeError):
    """`backward` cannot start: no graph, a non-scalar without a gradient, a gradient of another shape."""


class FreedGraphError(BackwardError):
    """A graph was swept a second time after its saved values were freed."""


class RequiresGradError(AutogradError, TypeError):
    """A Tensor was asked for a gradient it cannot have: an integer dtype, or no leaf."""


class DetachedError(AutogradError, TypeError):
    """A Tensor that requires grad would have been turned into plain numbers in silence."""


class InPlaceError(AutogradError, RuntimeError):
    """An in-place change that would make a recorded gradient or a view wrong."""


class NotDifferentiableError(AutogradError, TypeError):
    """A function without a derivative rule met a Tensor that requires grad."""


class NaNError(AutogradError, FloatingPointError):
    """Inside `trace_nan`: an operation made the first NaN."""
