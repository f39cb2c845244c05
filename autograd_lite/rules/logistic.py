"""The rule of the logistic function, which is `special.expit` and `nn.sigmoid`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.record import Primitive
from autograd_lite.rules.table import ZERO, call, elementwise, holomorphic, real

__all__ = ["FEW", "expit"]

#: up to so many numbers the fewer calls of NumPy decide, beyond them the cheaper functions
FEW = 128


def _expit(x: Any) -> Any:
    """1 / (1 + exp(-x)): both ways of computing it are exact to rounding, in the left tail too."""
    kind = x.dtype.kind
    if kind in "biu":
        x = x.astype(float)
    if x.size <= FEW and kind != "c":
        return np.exp(-np.logaddexp(ZERO.get(x.dtype, 0), -x))
    with np.errstate(over="ignore"):  # where exp(-x) is infinite the result is the 0 that it should be
        return 1.0 / (1.0 + np.exp(-x))


#: the logistic function 1 / (1 + exp(-x))
expit: Primitive = holomorphic(
    _expit,
    lambda g, y, x: g * (y - y * y),
    name="sigmoid",
    prints="σ({})",
    sample=[elementwise("real"), call(real(16, 16))],
)
