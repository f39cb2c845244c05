"""Checks of gradients: against finite differences, and line by line for a derivation written by hand.

`gradcheck` and `gradgradcheck` compare a gradient, the engine's or one of your own, with finite differences and
report what they find. `worksheet` marks the lines of a derivation, and `assert_gradients` those of a Python function.
"""

from importlib import import_module
from typing import Any

from autograd_lite.check.numerical import Entry, GradcheckReport, InputReport, gradcheck, gradgradcheck

__all__ = [
    "Entry",
    "GradcheckReport",
    "InputReport",
    "assert_gradients",
    "gradcheck",
    "gradgradcheck",
    "worksheet",
]

_OF_WORKSHEETS = ("assert_gradients", "worksheet")


def __getattr__(name: str) -> Any:
    if name in _OF_WORKSHEETS:
        return getattr(import_module("autograd_lite.check.worksheets"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
