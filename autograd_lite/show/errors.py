"""What can go wrong when a graph is shown."""

from autograd_lite.errors import AutogradError

__all__ = ["NoGraphError", "NoNumpyFormError", "RenderingError", "SavingError", "ShowError"]


class ShowError(AutogradError, ValueError):
    """Base of the errors of pictures, tables, formulas and pages."""


class NoGraphError(ShowError):
    """There is nothing to show: the Tensor was not computed from recorded operations."""


class RenderingError(ShowError, RuntimeError):
    """Graphviz is missing, does not know the format, or cannot lay out a graph of this size."""


class SavingError(ShowError, OSError):
    """A file cannot be written where it was asked for."""


class NoNumpyFormError(ShowError):
    """An equation reads something that is no function of NumPy."""
