"""SciPy, which is an extra: its parts are imported when a function first asks for one."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["scipy_room"]


def scipy_room(name: str) -> Any:
    """The module `scipy.<name>`, or an ImportError that says what to install.

    >>> scipy_room("linalg").__name__
    'scipy.linalg'
    """
    try:
        return importlib.import_module(f"scipy.{name}")
    except ImportError as error:
        raise ImportError(
            f"autograd_lite.{name}: the values of this function come from SciPy, which is not installed; "
            f"run: pip install scipy"
        ) from error
