"""Rules of svd and qr, of the singular values alone, and what the rules of all decompositions are made with.

A decomposition is one primitive whose outputs are packed into one array, of which they are slices. Formulas:
M. B. Giles, "Collected matrix derivative results" (2008), section 3; Z.-Q. Wan and S.-X. Zhang, "Automatic
differentiation for complex valued SVD" (2019); S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear
algebra functions" (2010).

What the derivative of a vector needs, and what happens otherwise:

* Eigenvalues (singular values) that coincide have no vectors of their own, only a common space. The gradient by
  the values alone is right all the same; a loss that uses such vectors, or such values beside any vectors, raises
  NotDifferentiableError. A singular value of 0 is a kink, like that of abs at 0: its derivative counts as 0.
* Complex vectors are determined up to a phase. Where LAPACK states the phase it chooses (eig: the largest
  component is real) the gradient follows it; otherwise (svd, eigh) a loss that depends on it raises.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.errors import NotDifferentiableError
from autograd_lite.record import Primitive
from autograd_lite.rules.indexing import scatter
from autograd_lite.rules.linear_algebra import matrices, square
from autograd_lite.rules.products import H
from autograd_lite.rules.table import Input, call, composed, numbers_of, real, rule

__all__ = [
    "QRResult",
    "SVDResult",
    "as_diagonal",
    "as_vectors",
    "check_phase",
    "check_vectors",
    "diagonal",
    "gaps_of",
    "inverse_of",
    "packed",
    "tolerance_of",
    "unpacked",
]


class QRResult(NamedTuple):
    """A matrix of orthonormal columns and an upper triangular one."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Left singular vectors, singular values in descending order, and right singular vectors as rows."""

    U: Any
    S: Any
    Vh: Any


def packed(parts: Any, batch: int, count: int) -> Any:
    """The arrays, flat but for their first `batch` axes, one behind the other, and `count` entries for `vectors_of`."""
    flat = [part.reshape(*part.shape[:batch], math.prod(part.shape[batch:])) for part in parts]
    return np.concatenate([*flat, np.zeros_like(flat[0], shape=(*flat[0].shape[:-1], count))], axis=-1)


def unpacked(y: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """Slices of these shapes of a packed array."""
    parts, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        parts.append(y[..., start:stop].reshape(*y.shape[:-1], *shape))
        start = stop
    return parts


def _chosen(chosen: Any, axis: int) -> tuple[Any, ...]:
    return (..., chosen) if axis == -1 else (..., chosen, slice(None))


def _slice(y: Any, start: int, shape: tuple[int, ...], count: int, axis: int = -1, chosen: Any = None) -> Any:
    vectors = y[..., start : start + math.prod(shape)].reshape(*y.shape[:-1], *shape)
    return vectors if chosen is None else vectors[_chosen(chosen, axis)]


def _slice_rule(
    g: Any,
    y: Any,
    x: Any,
    start: int = 0,
    shape: tuple[int, ...] = (),
    count: int = 0,
    axis: int = -1,
    chosen: Any = None,
) -> Any:
    # The last entries of a packed array are constants, so no gradient of them counts for anything. Here they tell the
    # rule of the decomposition which vectors the loss uses, even if it is flat in them.
    batch, after = x.shape[:-1], x.shape[-1] - count - start - math.prod(shape)
    used = np.ones(count, x.dtype)
    if chosen is not None:
        g = scatter(g, index=_chosen(chosen, axis), shape=(*batch, *shape))
        used = np.isin(np.arange(count), chosen).astype(x.dtype)
    parts = [
        np.zeros((*batch, start), x.dtype),
        g.reshape(*batch, math.prod(g.shape[len(batch) :])),
        np.zeros((*batch, after), x.dtype),
    ]
    return np.concatenate([*parts, np.broadcast_to(used, (*batch, count))], axis=-1)


#: of a packed array the matrix of vectors that begins at `start`, or those of them that are `chosen` along `axis`
vectors_of = Primitive(_slice, (_slice_rule,), name="vectors")


def as_vectors(y: Any, start: int, shape: tuple[int, ...], count: int, axis: int = -1) -> Any:
    """All vectors, as a Tensor that remembers which of them are taken."""
    from autograd_lite.vectors import Vectors  # which is made of this table

    def pick(chosen: Any = None) -> Any:
        return vectors_of(y, start=start, shape=shape, count=count, axis=axis, chosen=chosen)

    return Vectors.of(pick, axis) if hasattr(y, "_node") else pick()


# --- dividing by gaps ---------------------------------------------------------------------------------------


def gaps_of(s: Any) -> Any:
    """At row i and column j the value j less the value i."""
    return s[..., None, :] - s[..., :, None]


def tolerance_of(s: Any, size: int) -> Any:
    """Up to which difference values count as equal: what the rounding errors of a decomposition amount to."""
    values = np.abs(numbers_of(s))
    top = np.max(values, axis=-1, initial=0)[..., None]
    return 10 * size * np.finfo(values.dtype).eps * top


def inverse_of(gap: Any, tolerance: Any) -> Any:
    """1 / gap, and 0 where the gap counts as none."""
    none = np.abs(numbers_of(gap)) <= tolerance
    return np.where(none, 0, 1 / np.where(none, 1, gap))


def _rounding(x: Any) -> Any:
    """What in an array of this size may be rounding error: a share of its largest entry, per matrix."""
    size = np.abs(numbers_of(x))
    top = size.max(axis=(-2, -1), initial=0, keepdims=True)
    return 100 * max(size.shape[-2:]) * np.finfo(size.dtype).eps * top


def check_vectors(name: str, what: str, values: Any, tolerance: Any, g: Any, by_value: Any, *by_vectors: Any) -> None:
    """Raise if a loss uses vectors of equal values.

    Equal values share a space of vectors. Which of them a decomposition gives is arbitrary, and the derivative of
    a function of the matrix that is made of them cannot be told from the gradients by values and by vectors: for
    V f(w) Vᵀ it has f'(w) between two of them, which is in neither gradient. Where these are 0 all the same, because
    f(w) = 0, values that differ by rounding errors show that f is flat there; of values that are exactly equal nothing
    is known.
    """
    taken = numbers_of(g)[..., -values.shape[-1] :] != 0
    if not taken.any():
        return
    gaps = np.abs(gaps_of(numbers_of(values)))
    shared = (gaps <= tolerance) & ~np.eye(gaps.shape[-1], dtype=bool) & (taken[..., None, :] | taken[..., :, None])
    if not shared.any():
        return
    used = numbers_of(by_value) != 0
    for part in by_vectors:
        used = used | (numbers_of(part) != 0).any(axis=-2)
    bad = shared & ((gaps == 0) | used[..., None, :] | used[..., :, None])
    if bad.any():
        i, j = np.argwhere(bad)[0][-2:].tolist()
        raise NotDifferentiableError(
            f"{name}: {what}s {i} and {j} are equal, so the vectors that belong to them have no derivative; take only "
            f"vectors of single values (v[:, k]), use the {what}s alone, or write the loss as a function of the matrix "
            f"(@, inv, solve, matrix_power)"
        )


def check_phase(name: str, by_phase: Any, scale: Any) -> None:
    """Raise if the loss depends on the phase of complex vectors, by which its derivative is `by_phase`."""
    by_phase, scale = np.abs(numbers_of(by_phase)), np.abs(numbers_of(scale))
    if by_phase.max(initial=0) > np.sqrt(np.finfo(scale.dtype).eps) * scale.max(initial=0):
        raise NotDifferentiableError(
            f"{name}: the loss depends on the phase of complex vectors, which is arbitrary; use what does not "
            f"depend on it, such as absolute values or v @ v.conj().T, or fix the phase before"
        )


def diagonal(x: Any) -> Any:
    """The diagonal of every matrix of a stack."""
    n = range(x.shape[-1])
    return x[..., n, n]


def as_diagonal(x: Any) -> Any:
    """Diagonal matrices with the last axis of `x` on the diagonal."""
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


# --- singular values ----------------------------------------------------------------------------------------


def _svd(a: Any, full_matrices: bool = True) -> Any:
    return packed(np.linalg.svd(a, full_matrices=full_matrices), a.ndim - 2, min(a.shape[-2:]))


def _svd_shapes(m: int, n: int, full_matrices: bool) -> tuple[tuple[int, ...], ...]:
    k = min(m, n)
    return ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))


def _svd_parts(y: Any, of_u: tuple[int, ...], of_s: tuple[int, ...], of_vh: tuple[int, ...]) -> tuple[Any, Any, Any]:
    before, (k,) = math.prod(of_u), of_s
    u = as_vectors(y, 0, of_u, k)
    vh = as_vectors(y, before + k, of_vh, k, axis=-2)
    return u, y[..., before : before + k].real, vh


def _svd_rule(g: Any, y: Any, a: Any, full_matrices: bool = True) -> Any:
    m, n = a.shape[-2:]
    shapes = _svd_shapes(m, n, full_matrices)
    u, s, vh = _svd_parts(y, *shapes)
    gu, gs, gvh = unpacked(g, *shapes)
    gs, v, gv = gs.real, H(vh), H(gvh)
    k = s.shape[-1]
    u, gu = _without_null_space(u, gu, k)
    v, gv = _without_null_space(v, gv, k)

    by_u, by_v = H(u) @ gu, H(v) @ gv
    tolerance = tolerance_of(s, max(m, n))
    gaps, sums = gaps_of(s), s[..., None, :] + s[..., :, None]
    check_vectors("svd", "singular value", s, tolerance[..., None], g, gs, gu, gv)
    if y.dtype.kind == "c":
        scale = np.abs(numbers_of(by_u)) + np.abs(numbers_of(by_v))
        check_phase("svd", diagonal(by_u).imag + diagonal(by_v).imag, scale)
    by_u, by_v = by_u - H(by_u), by_v - H(by_v)
    inside = (by_u + by_v) * inverse_of(gaps, tolerance[..., None])
    inside = (inside + (by_u - by_v) * inverse_of(sums, tolerance[..., None])) / 2
    gs = np.where(numbers_of(s) <= tolerance, 0, gs)
    r = u @ (inside + as_diagonal(gs)) @ H(v)
    if m > k:
        r = r + _outside(u, gu, s, tolerance) @ H(v)
    if n > k:
        r = r + u @ H(_outside(v, gv, s, tolerance))
    return r


def _outside(u: Any, gu: Any, s: Any, tolerance: Any) -> Any:
    """What turns the columns of `u` out of the space that they span, over the singular values."""
    rest = gu - u @ (H(u) @ gu)
    zero = (numbers_of(s) <= tolerance)[..., None, :]
    if (zero & (np.abs(numbers_of(rest)) > _rounding(gu))).any():
        raise NotDifferentiableError(
            f"svd: a singular value is 0, so the vectors that belong to it in a space of {u.shape[-2]} dimensions "
            f"have no derivative; use the singular values alone"
        )
    return rest * inverse_of(s, tolerance)[..., None, :]


def _without_null_space(u: Any, gu: Any, k: int) -> tuple[Any, Any]:
    """The first `k` columns; what the loss has of the others is carried over to these."""
    if u.shape[-1] == k:
        return u, gu
    null, g_null = u[..., k:], gu[..., k:]
    u, gu = u[..., :k], gu[..., :k]
    turns = H(null) @ g_null
    turned = np.abs(numbers_of(turns - H(turns)))
    if (turned > _rounding(g_null)).any():
        raise NotDifferentiableError(
            f"svd: the last {null.shape[-1]} singular vectors are an arbitrary basis of a null space, which the loss "
            f"depends on; pass full_matrices=False, or use the space alone (n @ n.T)"
        )
    return u, gu - null @ (H(g_null) @ u)


_packed_svd: Primitive = rule(
    _svd,
    _svd_rule,
    name="svd",
    sample=[call(real(3, 3)), call(real(2, 3, 2), full_matrices=False)],
)


def _svdvals_rule(g: Any, y: Any, a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    g = np.where(numbers_of(s) <= tolerance_of(s, max(a.shape[-2:])), 0, g)
    return (u * g[..., None, :]) @ vh


singular_values: Primitive = rule(
    np.linalg.svdvals,
    _svdvals_rule,
    prints="σ({})",
    sample=[
        call(real(3, 3)),
        call(real(3, 2)),
        call(real(2, 2, 4)),
        call(real(1, 1)),
        call(Input((3, 2), "complex")),
    ],
)


@composed(
    np.linalg.svd,
    sample=[
        call(real(3, 3)),
        call(real(3, 2)),
        call(real(2, 3)),
        call(real(1, 1)),
        call(real(4, 2), full_matrices=False),
        call(real(2, 2, 4), False),
        call(real(3, 5), compute_uv=False),
        call(real(2, 3, 2), True, False),
        call(Input((3, 3), "symmetric"), hermitian=True),
        call(Input((2, 3, 3), "symmetric"), True, False, True),
    ],
)
def _svd_of(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        return _hermitian_svd(a, compute_uv)
    if not compute_uv:
        return np.linalg.svdvals(a)
    a = matrices("svd", a)
    m, n = a.shape[-2:]
    return SVDResult(*_svd_parts(_packed_svd(a, full_matrices=full_matrices), *_svd_shapes(m, n, full_matrices)))


def _hermitian_svd(a: Any, compute_uv: bool) -> Any:
    values, vectors = np.linalg.eigh(a) if compute_uv else (np.linalg.eigvalsh(a), None)
    order = np.flip(np.argsort(np.abs(numbers_of(values)), axis=-1), axis=-1)
    values = np.take_along_axis(values, order, axis=-1)
    if vectors is None:
        return np.abs(values)
    vectors = np.take_along_axis(vectors, order[..., None, :], axis=-1)
    return SVDResult(vectors, np.abs(values), H(vectors * np.sign(numbers_of(values))[..., None, :]))


# --- QR -----------------------------------------------------------------------------------------------------


def _qr(a: Any) -> Any:
    return packed(np.linalg.qr(a), a.ndim - 2, 0)


def _qr_rule(g: Any, y: Any, a: Any) -> Any:
    m, n = a.shape[-2:]
    q, r = unpacked(y, (m, n), (n, n))
    gq, gr = unpacked(g, (m, n), (n, n))
    size = np.abs(diagonal(numbers_of(r)))
    if (size <= tolerance_of(size, m)).any():
        raise NotDifferentiableError(
            f"qr: the columns of a matrix of shape {(m, n)} are linearly dependent, where q and r have no "
            f"derivative; leave dependent columns out"
        )
    inside = gr @ H(r) - H(q) @ gq
    upper = np.triu(np.ones((n, n), g.dtype)) - np.eye(n, dtype=g.dtype) / 2
    inside = inside * upper
    return H(np.linalg.solve(r, H(gq + q @ (inside + H(inside)))))


_packed_qr: Primitive = rule(_qr, _qr_rule, name="qr", sample=[call(real(3, 3)), call(real(2, 3, 2))])


@composed(
    np.linalg.qr,
    sample=[
        call(square(3, 3)),
        call(real(4, 2)),
        call(real(2, 4)),
        call(real(2, 3, 2)),
        call(real(2, 2, 3)),
        call(real(3, 2), "r"),
        call(real(2, 3), mode="r"),
        call(square(3, 3), mode="complete"),
        call(real(2, 3), mode="complete"),
        call(Input((3, 2), "complex")),
        call(Input((2, 3), "complex")),
    ],
)
def _qr_of(a: Any, mode: str = "reduced") -> Any:
    a = matrices("qr", a)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r", "complete") or (mode == "complete" and m > n):
        raise NotDifferentiableError(
            f"qr: mode={mode!r} has no derivative rule for a matrix of shape {(m, n)}; use mode='reduced'"
        )
    k = min(m, n)
    q, r = unpacked(_packed_qr(a[..., :k]), (m, k), (k, k))
    if n > k:  # the first columns alone determine q
        r = np.concatenate([r, H(q) @ a[..., k:]], axis=-1)
    return r if mode == "r" else QRResult(q, r)
