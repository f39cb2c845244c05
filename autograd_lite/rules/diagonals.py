"""Rules for diagonals and triangles. Taking a diagonal and writing one into zeros are each other's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.rules.table import call, composed, real, rule

__all__ = ["set_diagonal"]


def _set_diagonal(v: Any, shape: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    z = np.zeros(shape, v.dtype)
    matrices = np.moveaxis(z, (axis1, axis2), (-2, -1))
    rows, columns = matrices.shape[-2:]
    i = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0)))) - min(offset, 0)
    matrices[..., i, i + offset] = v
    return z


#: zeros of `shape` with `v` along a diagonal
set_diagonal = rule(
    _set_diagonal,
    lambda g, y, v, shape=None, offset=0, axis1=0, axis2=1: np.diagonal(g, offset, axis1, axis2),
    name="set_diagonal",
    sample=[call(real(2), shape=(2, 3)), call(real(3, 2), shape=(2, 3, 4), offset=1, axis1=0, axis2=2)],
)

rule(
    np.diagonal,
    lambda g, y, x, offset=0, axis1=0, axis2=1: set_diagonal(g, shape=x.shape, offset=offset, axis1=axis1, axis2=axis2),
    view=True,
    sample=[
        call(real(3, 3)),
        call(real(2, 4), 1),
        call(real(4, 2), offset=-1),
        call(real(2, 3, 4), 0, 1, 2),
        call(real(2, 3, 4), offset=1, axis1=-1, axis2=0),
        call(real(2, 3), 5),
    ],
)

rule(
    np.trace,
    lambda g, y, x, offset=0, axis1=0, axis2=1, dtype=None, out=None: set_diagonal(
        g[..., None], shape=x.shape, offset=offset, axis1=axis1, axis2=axis2
    ),
    prints="tr({})",
    sample=[
        call(real(3, 3)),
        call(real(2, 4), 1),
        call(real(4, 2), offset=-1),
        call(real(2, 3, 4), 0, 1, 2),
        call(real(2, 3, 4), axis1=2, axis2=0),
        call(real(3, 3), dtype=np.float64),
        call(real(2, 3), 5),
    ],
)


@composed(
    np.diag,
    sample=[
        call(real(3)),
        call(real(3), 1),
        call(real(2), k=-2),
        call(real(3, 3)),
        call(real(2, 4), 2),
        call(real(4, 2), k=-1),
    ],
)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise OperandError(f"diag: a Tensor of shape {v.shape} is neither a vector nor a matrix; use np.diagonal")
    side = v.size + abs(k)
    return set_diagonal(v, shape=(side, side), offset=k)


@composed(np.diagflat, sample=[call(real(2, 2)), call(real(3), 1), call(real(), k=-1)])
def _diagflat(v: Any, k: int = 0) -> Any:
    return _diag(np.ravel(v), k)


rule(
    np.tril,
    lambda g, y, x, k=0: np.tril(g, k),
    sample=[call(real(3, 3)), call(real(2, 4), 1), call(real(2, 3, 3), k=-1), call(real(3))],
)
rule(
    np.triu,
    lambda g, y, x, k=0: np.triu(g, k),
    sample=[call(real(3, 3)), call(real(2, 4), 1), call(real(2, 3, 3), k=-1), call(real(3))],
)
