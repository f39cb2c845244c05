"""Rules of eigh and eig, and of the eigenvalues alone.

eigh and eigvalsh read one triangle of their matrix, and that is where their gradient is. What eigenvalues that
coincide and complex phases mean for it is said in `decompositions`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autograd_lite.errors import NotDifferentiableError
from autograd_lite.record import Primitive
from autograd_lite.rules.decompositions import (
    as_diagonal,
    as_vectors,
    check_phase,
    check_vectors,
    diagonal,
    gaps_of,
    inverse_of,
    packed,
    tolerance_of,
    unpacked,
)
from autograd_lite.rules.linear_algebra import in_triangle, matrices, square
from autograd_lite.rules.products import H
from autograd_lite.rules.table import Input, call, composed, conj, numbers_of, real, rule

__all__ = ["EigResult", "EighResult"]


class EigResult(NamedTuple):
    """Eigenvalues and the matrix whose columns are the eigenvectors."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """Eigenvalues in ascending order and the matrix whose columns are the eigenvectors."""

    eigenvalues: Any
    eigenvectors: Any


def _parts(y: Any, n: int) -> tuple[Any, Any]:
    """The values and the vectors of a packed array."""
    return y[..., :n], as_vectors(y, n, (n, n), n)


# --- eigenvalues of symmetric matrices ----------------------------------------------------------------------


def _eigh(a: Any, UPLO: Any = "L") -> Any:
    return packed(np.linalg.eigh(a, UPLO), a.ndim - 2, a.shape[-1])


def _eigh_rule(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:
    n = a.shape[-1]
    values, v = _parts(y, n)
    g_values, gv = unpacked(g, (n,), (n, n))
    values = values.real
    by_v = H(v) @ gv
    tolerance, gaps = tolerance_of(values, n)[..., None], gaps_of(values)
    check_vectors("eigh", "eigenvalue", values, tolerance, g, g_values, gv)
    if y.dtype.kind == "c":
        check_phase("eigh", diagonal(by_v).imag, by_v)
    inside = (by_v - H(by_v)) / 2 * inverse_of(gaps, tolerance)
    return in_triangle(v @ (inside + as_diagonal(g_values.real)) @ H(v), UPLO in "Uu")


_packed_eigh: Primitive = rule(
    _eigh, _eigh_rule, name="eigh", sample=[call(Input((3, 3), "symmetric")), call(Input((2, 2, 2), "symmetric"))]
)


@composed(
    np.linalg.eigh,
    sample=[
        call(Input((3, 3), "symmetric")),
        call(Input((2, 3, 3), "symmetric")),
        call(Input((1, 1), "symmetric")),
        call(Input((3, 3), "symmetric"), "U"),
        call(Input((3, 3), "symmetric"), UPLO="U"),
    ],
)
def _eigh_of(a: Any, UPLO: Any = "L") -> EighResult:
    a = matrices("eigh", a, squares=True)
    n = a.shape[-1]
    y = _packed_eigh(a, UPLO=UPLO)
    values, vectors = _parts(y, n)
    return EighResult(values.real, vectors)


def _eigvalsh_rule(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:
    v = np.linalg.eigh(a, UPLO)[1]
    return in_triangle((v * g[..., None, :]) @ H(v), UPLO in "Uu")


rule(
    np.linalg.eigvalsh,
    _eigvalsh_rule,
    prints="λ({})",
    sample=[
        call(Input((3, 3), "symmetric")),
        call(Input((2, 3, 3), "symmetric"), "U"),
        call(Input((3, 3), "symmetric"), UPLO="U"),
        call(Input((3, 3), "hermitian")),
    ],
)


# --- eigenvalues of any square matrix -----------------------------------------------------------------------


def _eig(a: Any) -> Any:
    return packed(np.linalg.eig(a), a.ndim - 2, a.shape[-1])


def _eig_rule(g: Any, y: Any, a: Any) -> Any:
    n = a.shape[-1]
    values, v = _parts(y, n)
    g_values, gv = unpacked(g, (n,), (n, n))
    # Eigenvectors have length 1 and a fixed phase; the part of the gradient that would change either is undone.
    along = np.sum(conj(v) * gv, axis=-2, keepdims=True)
    gv_fixed = gv - v * along.real
    if y.dtype.kind == "c":
        gv_fixed = gv_fixed - _by_phase(v, along.imag, gv)
    by_v = H(v) @ gv_fixed
    tolerance, gaps = tolerance_of(values, n)[..., None], gaps_of(values)
    check_vectors("eig", "eigenvalue", values, tolerance, g, g_values, gv)
    _check_defective(v, g_values)
    inside = by_v * inverse_of(conj(gaps), tolerance) + as_diagonal(g_values)
    return np.linalg.solve(H(v), inside) @ H(v)


def _by_phase(v: Any, along: Any, gv: Any) -> Any:
    """What keeps the largest component of each column of `v` real, as LAPACK has it."""
    numbers = numbers_of(v)
    size = np.where(numbers.imag == 0, np.abs(numbers), -1)
    if (size.max(axis=-2, initial=-1) <= 0).any():
        check_phase("eig", along, gv)
    if not size.size:
        return np.zeros_like(v)
    largest = size.argmax(axis=-2)[..., None, :] == np.arange(v.shape[-2])[:, None]
    component = np.sum(v.real * largest, axis=-2, keepdims=True)
    return np.where(largest, 1j * (along / component), 0)


_packed_eig: Primitive = rule(_eig, _eig_rule, name="eig", sample=[call(square(3, 3)), call(real(2, 2, 2))])


@composed(
    np.linalg.eig,
    sample=[
        call(square(3, 3)),
        call(real(3, 3)),
        call(real(4, 4)),
        call(real(2, 3, 3)),
        call(real(1, 1)),
        call(Input((3, 3), "complex")),
    ],
)
def _eig_of(a: Any) -> EigResult:
    a = matrices("eig", a, squares=True)
    n = a.shape[-1]
    y = _packed_eig(a)
    return EigResult(*_parts(y, n))


def _check_defective(v: Any, g: Any) -> None:
    """Raise if a matrix has too few eigenvectors; the sum of its eigenvalues has a derivative even so.

    A gradient that is recorded will be differentiated itself, for forward mode or the second derivative, where the
    eigenvalues are not together any more.
    """
    if not v.size:
        return
    s = np.linalg.svdvals(numbers_of(v))
    defective = s[..., -1:] <= tolerance_of(s, v.shape[-1])
    if not defective.any():
        return
    apart = np.abs(numbers_of(g) - np.mean(numbers_of(g), axis=-1, keepdims=True))
    apart = apart > tolerance_of(apart, v.shape[-1])
    if (defective & apart).any() or getattr(g, "requires_grad", False):
        raise NotDifferentiableError(
            f"eig: a matrix of shape {v.shape} has fewer eigenvectors than eigenvalues, so these have no derivative; "
            f"use what is a function of the matrix itself (trace, det, matrix_power)"
        )


def _eigvals_rule(g: Any, y: Any, a: Any) -> Any:
    values, v = np.linalg.eig(a)
    _check_defective(v, g)
    order = _matching(numbers_of(y), numbers_of(values))
    v = np.take_along_axis(v, order[..., None, :], axis=-1)
    return np.linalg.solve(H(v), g[..., None] * H(v))


def _matching(wanted: Any, found: Any) -> Any:
    """Where each of the wanted values stands among those found: eig and eigvals may order them differently."""
    order = np.empty(wanted.shape, int)
    order[...] = range(wanted.shape[-1])
    if (np.abs(wanted - found) <= tolerance_of(wanted, wanted.shape[-1])).all():
        return order
    distance = np.abs(wanted[..., :, None] - found[..., None, :])
    for at in np.ndindex(wanted.shape[:-1]):
        for _ in range(wanted.shape[-1]):
            i, j = np.unravel_index(np.argmin(distance[at]), distance[at].shape)
            order[*at, i] = j
            distance[at][i, :] = distance[at][:, j] = np.inf
    return order


rule(
    np.linalg.eigvals,
    _eigvals_rule,
    prints="λ({})",
    sample=[
        call(square(3, 3)),
        call(real(4, 4)),
        call(real(2, 3, 3)),
        call(real(1, 1)),
        call(Input((3, 3), "complex")),
    ],
)
