"""Rules of products that sum over chosen axes: tensordot, dot, inner, vdot; and of a chain of products."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.record import Primitive
from autograd_lite.rules.products import (
    as_operand,
    complex_,
    matmul_by_a,
    matmul_by_b,
    refuse_out,
    typed,
)
from autograd_lite.rules.table import call, composed, conj, holomorphic, real, rule

__all__: list[str] = []


def _contracted(a_ndim: int, b_ndim: int, axes: Any) -> tuple[list[int], list[int]]:
    """The axes of each operand that np.tensordot sums over, counted from 0."""
    if isinstance(axes, (int, np.integer)):
        return list(range(a_ndim - int(axes), a_ndim)), list(range(int(axes)))
    of_a, of_b = ([int(i) for i in np.atleast_1d(part)] for part in axes)
    return [i % a_ndim for i in of_a], [i % b_ndim for i in of_b]


def _free(ndim: int, summed: list[int]) -> list[int]:
    return [i for i in range(ndim) if i not in summed]


def _tensordot_by_a(g: Any, b: Any, ndim: int, axes: Any) -> Any:
    b = typed(b, g)
    of_a, of_b = _contracted(ndim, b.ndim, axes)
    free = _free(b.ndim, of_b)
    r = np.tensordot(g, b, (list(range(g.ndim - len(free), g.ndim)), free))
    # r has the free axes of a, then the summed ones in the order in which they stand in b.
    stand = _free(ndim, of_a) + [i for _, i in sorted(zip(of_b, of_a, strict=True))]
    return np.transpose(r, np.argsort(stand).tolist())


def _tensordot_by_b(g: Any, a: Any, ndim: int, axes: Any) -> Any:
    a = typed(a, g)
    of_a, of_b = _contracted(a.ndim, ndim, axes)
    free = _free(a.ndim, of_a)
    r = np.tensordot(a, g, (free, list(range(len(free)))))
    stand = [i for _, i in sorted(zip(of_a, of_b, strict=True))] + _free(ndim, of_b)
    return np.transpose(r, np.argsort(stand).tolist())


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    return np.tensordot(a, b, axes)


_over_axes: Primitive = holomorphic(
    _tensordot,
    lambda g, y, a, b, axes=2: _tensordot_by_a(g, b, a.ndim, axes),
    lambda g, y, a, b, axes=2: _tensordot_by_b(g, a, b.ndim, axes),
    name="tensordot",
    sample=[call(real(2, 3), real(3, 4), axes=1), call(real(2, 3), real(3, 2), axes=((1, 0), (0, 1)))],
)


@composed(
    np.tensordot,
    sample=[
        call(real(2, 3, 4), real(3, 4, 5)),
        call(real(2, 3), real(3, 4), axes=1),
        call(real(2, 3), real(4), 0),
        call(real(2, 3, 4), real(4, 5, 3), axes=([1, 2], [2, 0])),
        call(real(4, 3, 2), real(3, 4, 5), ([1, 0], [0, 1])),
        call(real(2, 3), real(3, 2), axes=([-1, 0], [0, -1])),
        call(real(3), real(3), axes=1),
        call(real(2, 3), real(4, 3), axes=(1, 1)),
        call(complex_(2, 3), complex_(3, 2), axes=1),
    ],
)
def _tensordot_of(a: Any, b: Any, axes: Any = 2) -> Any:
    if getattr(axes, "ndim", None) == 0:
        axes = operator.index(axes)
    if not isinstance(axes, int):  # lists that may be changed later are copied
        axes = tuple([tuple(np.atleast_1d(part).tolist()) for part in axes])
    return _over_axes(as_operand(a), as_operand(b), axes=axes)


def _dot_by_a(g: Any, y: Any, a: Any, b: Any, out: Any = None) -> Any:
    b = typed(b, g)
    if not a.ndim:
        return (g * b).sum()
    if not b.ndim:
        return g * b
    if b.ndim <= 2 and a.ndim <= 2:
        return matmul_by_a(g, None, None, b)
    return _tensordot_by_a(g, b, a.ndim, ([a.ndim - 1], [max(b.ndim - 2, 0)]))


def _dot_by_b(g: Any, y: Any, a: Any, b: Any, out: Any = None) -> Any:
    a = typed(a, g)
    if not b.ndim:
        return (g * a).sum()
    if not a.ndim:
        return g * a
    if b.ndim <= 2 and a.ndim <= 2:
        return matmul_by_b(g, None, a, None)
    return _tensordot_by_b(g, a, b.ndim, ([a.ndim - 1], [max(b.ndim - 2, 0)]))


holomorphic(
    np.dot,
    _dot_by_a,
    _dot_by_b,
    prints="{} · {}",
    sample=[
        call(real(3), real(3)),
        call(real(2, 3), real(3, 4)),
        call(real(2, 3), real(3)),
        call(real(3), real(3, 4)),
        call(real(), real(2, 3)),
        call(real(2, 3), real()),
        call(real(), real()),
        call(real(2, 4, 3), real(3)),
        call(real(2, 4, 3), real(3, 2)),
        call(real(2, 3), real(4, 3, 2)),
        call(real(3), real(4, 3, 2)),
        call(real(2, 3, 4), real(2, 4, 3)),
        call(complex_(2, 3), complex_(3, 2)),
    ],
)


def _inner_by_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    b = typed(b, g)
    if not a.ndim:
        return (g * b).sum()
    if not b.ndim:
        return g * b
    return np.tensordot(g, b, b.ndim - 1)


def _inner_by_b(g: Any, y: Any, a: Any, b: Any) -> Any:
    a = typed(a, g)
    if not b.ndim:
        return (g * a).sum()
    if not a.ndim:
        return g * a
    free = list(range(a.ndim - 1))
    return np.tensordot(g, a, (free, free))


holomorphic(
    np.inner,
    _inner_by_a,
    _inner_by_b,
    sample=[
        call(real(3), real(3)),
        call(real(2, 3), real(4, 3)),
        call(real(2, 4, 3), real(3)),
        call(real(3), real(2, 3)),
        call(real(2, 4, 3), real(2, 3)),
        call(real(), real(3)),
        call(real(2, 3), real()),
        call(complex_(2, 3), complex_(3)),
    ],
)

rule(
    np.vdot,
    lambda g, y, a, b: (conj(g) * b).reshape(a.shape),
    lambda g, y, a, b: (g * a).reshape(b.shape),
    sample=[
        call(real(3), real(3)),
        call(real(2, 3), real(2, 3)),
        call(real(2, 3), real(6)),
        call(real(), real()),
        call(complex_(3), complex_(3)),
    ],
)


@composed(np.linalg.tensordot, sample=[call(real(2, 3, 4), real(3, 4)), call(real(2, 3), real(3, 2), axes=1)])
def _linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes=axes)


def _chain(matrices: list[Any]) -> Any:
    """The product of matrices of shapes that fit, in the order of fewest multiplications.

    The order is found as in T. H. Cormen et al., "Introduction to Algorithms", section 14.2 (4th edition).
    """
    sizes = [matrix.shape[0] for matrix in matrices] + [matrices[-1].shape[1]]
    cost: dict[tuple[int, int], float] = {(i, i): 0 for i in range(len(matrices))}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, len(matrices)):
        for i in range(len(matrices) - length):
            j = i + length
            cost[i, j] = math.inf
            for k in range(i, j):
                price = cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if price < cost[i, j]:
                    cost[i, j], cut[i, j] = price, k

    def product(i: int, j: int) -> Any:
        return matrices[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)

    return product(0, len(matrices) - 1)


@composed(
    np.linalg.multi_dot,
    sample=[
        call([real(2, 3), real(3, 4)]),
        call([real(2, 3), real(3, 4), real(4, 2)]),
        call([real(3), real(3, 4), real(4, 2), real(2)]),
    ],
)
def _multi_dot(arrays: Any, *, out: Any = None) -> Any:
    refuse_out("multi_dot", out)
    matrices = [as_operand(x) for x in arrays]
    if len(matrices) < 2:
        raise OperandError(f"multi_dot: {len(matrices)} array is no product; give at least two")
    first, last = matrices[0].ndim, matrices[-1].ndim
    if first == 1:
        matrices[0] = matrices[0][None, :]
    if last == 1:
        matrices[-1] = matrices[-1][:, None]
    if any(matrix.ndim != 2 for matrix in matrices):
        raise OperandError(
            f"multi_dot: operands of {[x.ndim for x in matrices]} dimensions; all must be matrices, only the "
            f"first and the last may be vectors"
        )
    y = _chain(matrices)
    return y[0, 0] if first == last == 1 else y[0] if first == 1 else y[:, 0] if last == 1 else y
