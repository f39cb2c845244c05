"""Reverse-mode automatic differentiation on NumPy that shows its work."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from autograd_lite.custom import checkpoint, custom
from autograd_lite.errors import (
    AutogradError,
    BackwardError,
    DetachedError,
    FreedGraphError,
    InPlaceError,
    LinAlgError,
    NaNError,
    NotDifferentiableError,
    OperandError,
    RequiresGradError,
)
from autograd_lite.grad_mode import debug, enable_grad, is_grad_enabled, no_grad
from autograd_lite.nans import trace_nan
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import grad, jvp, stop_gradient, value_and_grad, vjp
from autograd_lite.why import why_no_grad

if TYPE_CHECKING:
    from autograd_lite import (
        check,
        integrate,
        linalg,
        nn,
        optim,
        optimize,
        saving,
        signal,
        sklearn,
        special,
        stats,
        train,
    )
    from autograd_lite.check import gradcheck, gradgradcheck
    from autograd_lite.jacobians import hessian, hvp, jacobian
    from autograd_lite.show.explain import explain
    from autograd_lite.show.formula import derivation, formula
    from autograd_lite.show.picture import draw
    from autograd_lite.show.table import name, table

__version__ = "0.1.0"

# Rooms above the engine are opened when they are first used, so that importing costs little more than NumPy.
_ROOMS = (
    "check",
    "integrate",
    "linalg",
    "nn",
    "optim",
    "optimize",
    "saving",
    "signal",
    "sklearn",
    "special",
    "stats",
    "train",
)
_LATER = {
    "gradcheck": "autograd_lite.check",
    "gradgradcheck": "autograd_lite.check",
    "hessian": "autograd_lite.jacobians",
    "hvp": "autograd_lite.jacobians",
    "jacobian": "autograd_lite.jacobians",
    "derivation": "autograd_lite.show.formula",
    "draw": "autograd_lite.show.picture",
    "explain": "autograd_lite.show.explain",
    "formula": "autograd_lite.show.formula",
    "name": "autograd_lite.show.table",
    "table": "autograd_lite.show.table",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"autograd_lite.{name}")
    if name in _LATER:
        found = globals()[name] = getattr(import_module(_LATER[name]), name)
        return found
    if name.startswith("_"):
        raise AttributeError(f"module 'autograd_lite' has no attribute {name!r}")
    from autograd_lite.pytorch_names import missing

    raise missing("autograd_lite", name)


class _ModuleOfTensor(ModuleType):
    def __call__(self, *_: Any, **__: Any) -> None:
        raise OperandError("ag.tensor is the module of the class; PyTorch's tensor(data) is ag.Tensor(data) here")


sys.modules["autograd_lite.tensor"].__class__ = _ModuleOfTensor


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS, *(name for name in globals() if name.startswith("__"))})


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
    "Tensor",
    "check",
    "checkpoint",
    "custom",
    "debug",
    "derivation",
    "draw",
    "enable_grad",
    "explain",
    "formula",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hvp",
    "integrate",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "linalg",
    "name",
    "nn",
    "no_grad",
    "optim",
    "optimize",
    "saving",
    "signal",
    "sklearn",
    "special",
    "stats",
    "stop_gradient",
    "table",
    "trace_nan",
    "train",
    "value_and_grad",
    "vjp",
    "why_no_grad",
]
