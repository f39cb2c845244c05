"""svd, eigh, eig and qr: equal values, phases, and the named results."""

import numpy as np
import pytest

from autograd_lite import InPlaceError, NotDifferentiableError, OperandError, RequiresGradError, Tensor, jvp
from tests.rules.differences import gradient, numeric, numeric_second, second

rng = np.random.default_rng(5)


def close(a, b, tolerance=1e-7):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def complex_matrix(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def hermitian(n):
    a = complex_matrix(n, n)
    return (a + a.conj().T) / 2


# --- results as NumPy names them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        (np.linalg.svd, ("U", "S", "Vh")),
        (np.linalg.eigh, ("eigenvalues", "eigenvectors")),
        (np.linalg.eig, ("eigenvalues", "eigenvectors")),
        (np.linalg.qr, ("Q", "R")),
        (np.linalg.slogdet, ("sign", "logabsdet")),
    ],
)
def test_results_have_the_names_and_types_of_numpy(function, fields):
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    found, want = function(Tensor(a, requires_grad=True)), function(a)
    assert type(found).__name__ == type(want).__name__ and found._fields == fields
    for part, numbers in zip(found, want, strict=True):
        assert part.dtype == numbers.dtype and part.shape == numbers.shape
        close(part.numpy(), numbers, 1e-12)


# --- equal values -------------------------------------------------------------------------------------------


def test_eigenvalues_that_coincide_have_the_right_gradient():
    a = np.diag([2.0, 2.0, 5.0])
    close(gradient(lambda a: np.sum(np.linalg.eigvalsh(a) ** 3), a), 3 * np.diag([4.0, 4.0, 25.0]))
    close(gradient(lambda a: np.sum(np.linalg.eigh(a).eigenvalues ** 3), a), 3 * np.diag([4.0, 4.0, 25.0]))
    close(gradient(lambda a: np.sum(np.linalg.eigvals(a) ** 3).real, a), 3 * np.diag([4.0, 4.0, 25.0]))
    close(gradient(lambda a: np.sum(np.linalg.eig(a)[0] ** 3).real, a), 3 * np.diag([4.0, 4.0, 25.0]))


def test_singular_values_that_coincide_have_the_right_gradient():
    a = np.eye(3, 2) * 2
    for f in (
        lambda a: np.sum(np.linalg.svdvals(a) ** 3),
        lambda a: np.sum(np.linalg.svd(a)[1] ** 3),
        lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 3),
    ):
        close(gradient(f, a), 12 * np.eye(3, 2))


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("eigh", lambda a: np.sum(np.linalg.eigh(a).eigenvectors[0] ** 3)),
        ("eigh", lambda a: _function(np.sqrt, a)[0, 1]),
        ("eigh", lambda a: np.sum(_function(np.log, a / 2))),
        ("eigh", lambda a: np.sum(_function(lambda x: x, a - 2 * np.eye(2)))),
        ("svd", lambda a: np.sum(np.linalg.svd(a).U[0] ** 3)),
        ("svd", lambda a: np.sum(np.linalg.svd(a).Vh[:, 0] ** 3)),
        ("eig", lambda a: np.sum(np.linalg.eig(a).eigenvectors[0] ** 3).real),
    ],
)
def test_vectors_of_values_that_coincide_are_refused_not_nan(name, loss):
    with pytest.raises(NotDifferentiableError, match=f"{name}: .*values 0 and 1 are equal"):
        gradient(loss, np.diag([2.0, 2.0]))


def _function(f, a):
    values, vectors = np.linalg.eigh(a)
    return vectors * f(values) @ vectors.T


def test_the_vector_of_a_single_value_does_not_mind_that_others_coincide():
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    a = turn @ np.diag([1.0, 3.0, 3.0, 3.0]) @ turn.T
    a = (a + a.T) / 2

    def eigh(a):
        return np.sum(np.linalg.eigh(a).eigenvectors[:, 0] ** 4)

    def svd(a):
        return np.sum(np.linalg.svd(a).U[:, 3] ** 4)

    close(gradient(eigh, a), numeric(eigh, a), 1e-6)
    close(gradient(svd, a), numeric(svd, a), 1e-6)


TIED = np.diag([3.0, 1.0, 1.0])  # eigenvalues in ascending order, singular values in descending order


@pytest.mark.parametrize(
    "loss",
    [
        lambda a: _function(np.log, a)[1, 2],
        lambda a: _function(lambda w: w - 1.0, a)[1, 2],
        lambda a: np.sum(_function(lambda w: w - 1.0, a) * (1 - np.eye(3))),
        lambda a: (np.linalg.eigh(a)[1] * (np.linalg.eigvalsh(a) - 1.0) @ np.linalg.eigh(a)[1].T)[2, 1],
        lambda a: np.sum(np.linalg.eigh(a)[1]) * 0.0,
        lambda a: (np.linalg.svd(a)[0] * (np.linalg.svd(a)[1] - 1.0) @ np.linalg.svd(a)[2])[1, 2],
        lambda a: (np.linalg.eig(a)[1] * (np.linalg.eig(a)[0] - 1.0) @ np.linalg.inv(np.linalg.eig(a)[1]))[1, 2].real,
    ],
)
def test_a_gradient_of_zeros_by_values_and_vectors_that_are_exactly_equal_tells_nothing(loss):
    # The derivative of (a - 1)[1, 2] by a[1, 2] is 1, and both gradients that reach the decomposition are 0.
    with pytest.raises(NotDifferentiableError, match=r"are equal, .*v\[:, k\]"):
        gradient(loss, TIED)


@pytest.mark.parametrize(
    "loss",
    [
        lambda a: np.sum(np.linalg.eigh(a)[1][:, 2] ** 3),
        lambda a: np.sum(np.linalg.eigh(a)[1][..., -1] ** 3),
        lambda a: np.sum(np.linalg.eigh(a)[1][:, [2]] ** 3),
        lambda a: np.sum(np.linalg.eigh(a)[1][..., :, 2:] ** 3),
        lambda a: np.sum(np.linalg.eigh(a)[1][:, np.array([False, False, True])] ** 3),
        lambda a: _above(np.linalg.eigh(a), 2.0)[0, 1],
        lambda a: np.sum(np.linalg.eig(a)[1][:, 0].real ** 3),
        lambda a: np.sum(np.linalg.svd(a)[0][:, 0] * np.linalg.svd(a)[2][0] ** 3),
        lambda a: np.sum(np.linalg.svd(a)[2][0, :] ** 3) + np.linalg.svd(a)[1][0] ** 2,
        lambda a: np.sum(np.linalg.svd(a)[2][..., :1, :] ** 3),
    ],
)
def test_vectors_that_are_taken_alone_do_not_mind_that_others_are_exactly_equal(loss):
    a = TIED + 0.0
    close(gradient(loss, a), numeric(loss, a), 1e-6)


def _above(values_and_vectors, least):
    values, vectors = values_and_vectors
    chosen = values > least
    return vectors[:, chosen] * np.log(values[chosen]) @ vectors[:, chosen].T


@pytest.mark.parametrize(
    "loss",
    [
        lambda a: np.sum(np.linalg.eigh(a)[0] ** 3),
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 3),
        lambda a: np.sum((np.linalg.eigvalsh(a) - 1.0) ** 2),
        lambda a: np.sum(np.linalg.eig(a)[0] ** 3).real,
        lambda a: np.sum(np.linalg.eigvals(a) ** 3).real,
        lambda a: np.sum(np.linalg.svd(a)[1] ** 3),
        lambda a: np.sum(np.linalg.svdvals(a) ** 3),
    ],
)
def test_second_derivatives_at_equal_values_are_refused_not_wrong(loss):
    for a in (TIED, _turned(TIED)):
        with pytest.raises(NotDifferentiableError, match="are equal"):
            second(loss, a, np.ones((3, 3)))


def _turned(a):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=a.shape))[0]
    a = turn @ a @ turn.T
    return (a + a.T) / 2


def test_vectors_are_indexed_as_any_array_is():
    a = _turned(np.diag([1.0, 2.0, 4.0]))
    want = np.linalg.eigh(a)[1]
    found = np.linalg.eigh(Tensor(a, requires_grad=True))[1]
    indices = [
        0,
        -1,
        (0, 1),
        (slice(None), 1),
        (..., 0),
        (slice(None), [2, 0, 2]),
        (slice(None), slice(None, None, -1)),
    ]
    indices += [slice(1, 3), (slice(None), None, 1), ([0, 1], [1, 2]), want > 0, (0, ...), (), ..., (want[0] > 0,)]
    indices += [
        (slice(None), want[0] > 0),
        (slice(0, 2), 1),
        (slice(None), np.array([[0, 1]])),
        (slice(None), np.int64(2)),
    ]
    for index in indices:
        np.testing.assert_array_equal(found[index].numpy(), want[index])
        w = np.arange(1.0, 1.0 + want[index].size).reshape(want[index].shape)

        def loss(a, index=index, w=w):
            return np.sum(w * np.linalg.eigh(a)[1][index] ** 2)

        close(gradient(loss, a), numeric(loss, a, 1e-4))
        close(second(loss, a, np.eye(3)[::-1]), numeric_second(loss, a, np.eye(3)[::-1], 1e-4), 1e-5)
    with pytest.raises(OperandError):
        found[:, 3]


def test_the_gradient_of_a_matrix_of_vectors_can_be_kept_before_some_are_taken():
    found = np.linalg.eigh(Tensor(np.diag([1.0, 2.0]), requires_grad=True))[1]
    found.retain_grad()
    seen = []
    found.register_hook(seen.append)
    np.sum(found[:, 0] * np.array([3.0, 4.0])).backward()
    np.testing.assert_array_equal(found.grad, [[3.0, 0.0], [4.0, 0.0]])
    np.testing.assert_array_equal(seen[0], found.grad)
    found = np.linalg.eigh(Tensor(np.diag([1.0, 2.0]), requires_grad=True))[1]
    found[:, 0]
    with pytest.raises(RequiresGradError, match="before indexing"):
        found.retain_grad()


def test_vectors_that_are_changed_in_place_are_an_array_like_any_other():
    found = np.linalg.eigh(Tensor(np.diag([1.0, 2.0]), requires_grad=True))[1]
    before = found[:, 0]
    found[:, 0] = [5.0, 6.0]
    np.testing.assert_array_equal(found[:, 0].numpy(), [5.0, 6.0])
    with pytest.raises(InPlaceError, match="view"):
        before + 1.0


def test_a_singular_value_of_0_is_a_kink_whose_derivative_is_0():
    a = np.outer([1.0, 2.0], [3.0, 4.0])
    u, _, vh = np.linalg.svd(a)
    w = np.array([1.0, 5.0])
    close(gradient(lambda a: np.sum(w * np.linalg.svdvals(a)), a), np.outer(u[:, 0], vh[0]))
    close(gradient(lambda a: np.sum(w * np.linalg.svd(a).S), a), np.outer(u[:, 0], vh[0]))


def test_vectors_of_a_singular_value_of_0_are_refused_where_they_are_arbitrary():
    a = np.outer([1.0, 2.0, 3.0], [3.0, 4.0])
    with pytest.raises(NotDifferentiableError, match="singular value is 0"):
        gradient(lambda a: np.sum(np.linalg.svd(a, False).U[0] ** 3), a)


def test_a_null_space_of_several_dimensions_is_right_as_a_space_and_refused_as_a_basis():
    a = rng.normal(size=(4, 2))
    w = rng.normal(size=(4, 4))

    def space(a):
        null = np.linalg.svd(a).U[:, 2:]
        return np.sum(w * (null @ null.T))

    close(gradient(space, a), numeric(space, a))
    with pytest.raises(NotDifferentiableError, match="null space"):
        gradient(lambda a: np.sum(np.linalg.svd(a).U ** 3), a)


def test_a_matrix_with_too_few_eigenvectors():
    a = np.array([[2.0, 1.0], [0.0, 2.0]])
    for eigenvalues in (np.linalg.eigvals, lambda a: np.linalg.eig(a)[0]):
        close(gradient(lambda a, of=eigenvalues: np.sum(of(a)).real, a), np.eye(2))
        with pytest.raises(NotDifferentiableError, match="fewer eigenvectors"):
            gradient(lambda a, of=eigenvalues: of(a)[0].real, a)
        with pytest.raises(NotDifferentiableError, match="fewer eigenvectors"):
            jvp(eigenvalues, (a,), (np.ones((2, 2)),))


def test_columns_that_depend_on_each_other_have_no_qr():
    with pytest.raises(NotDifferentiableError, match="linearly dependent"):
        gradient(lambda a: np.sum(np.linalg.qr(a).R), np.ones((3, 2)))


# --- which triangle is read -------------------------------------------------------------


@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("make", [lambda: hermitian(3), lambda: hermitian(3).real])
def test_eigh_has_its_gradient_in_the_triangle_it_reads(make, uplo):
    a = make()
    w = rng.normal(size=(3, 3))

    def f(a):
        values, vectors = np.linalg.eigh(a, uplo)
        return np.sum(values**3) + np.sum(w * np.abs(vectors) ** 2) + np.sum(np.linalg.eigvalsh(a, uplo) ** 2)

    found = gradient(f, a)
    close(found, np.triu(found) if uplo == "U" else np.tril(found))
    close(found, numeric(f, a))


def test_eigh_reads_the_triangle_that_numpy_reads():
    a = np.array([[1.0, 50.0], [2.0, 3.0]])
    for uplo in ("L", "U"):
        close(np.linalg.eigh(Tensor(a, requires_grad=True), uplo)[0].numpy(), np.linalg.eigh(a, uplo)[0])
        close(np.linalg.eigvalsh(Tensor(a, requires_grad=True), UPLO=uplo).numpy(), np.linalg.eigvalsh(a, uplo))


# --- complex numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_svd_of_complex_matrices_by_what_does_not_depend_on_the_phase(shape):
    a, w = complex_matrix(*shape), rng.normal(size=shape)

    def f(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        power = np.real(u * s**2 @ vh)
        return np.sum(w * power) + np.sum(np.abs(u) ** 4) + np.sum(np.abs(vh[0]) ** 4)

    close(gradient(f, a), numeric(f, a), 1e-6)


def test_second_derivatives_of_complex_decompositions():
    a, along = complex_matrix(3, 2), complex_matrix(3, 2)

    def svd(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum(np.abs(u) ** 4) + np.sum(s**3) + np.sum(np.abs(vh) ** 3)

    close(second(svd, a, along), numeric_second(svd, a, along), 1e-5)

    a, along = hermitian(3), hermitian(3)

    def eigh(a):
        values, v = np.linalg.eigh(a)
        return np.sum(np.abs(v) ** 4) + np.sum(values**3)

    close(second(eigh, a, along), numeric_second(eigh, a, along), 1e-5)


def test_a_loss_that_depends_on_an_arbitrary_phase_is_refused():
    with pytest.raises(NotDifferentiableError, match="svd: the loss depends on the phase"):
        gradient(lambda a: np.sum(np.real(np.linalg.svd(a).U)), complex_matrix(3, 3))
    with pytest.raises(NotDifferentiableError, match="eigh: the loss depends on the phase"):
        gradient(lambda a: np.sum(np.imag(np.linalg.eigh(a)[1])), hermitian(3))


@pytest.mark.parametrize("make", [lambda: rng.normal(size=(4, 4)), lambda: complex_matrix(3, 3)])
def test_eig_follows_the_phase_that_lapack_chooses(make):
    a = make()
    wr, wi = rng.normal(size=(2, *a.shape))

    def f(a):
        values, v = np.linalg.eig(a)
        return np.sum(wr * np.real(v)) + np.sum(wi * np.imag(v)) + np.sum(np.abs(values) ** 2)

    close(gradient(f, a), numeric(f, a), 1e-5)


@pytest.mark.parametrize("shape", [(6, 6), (2, 3, 4, 4)])
def test_eigvals_keeps_its_own_order_when_eig_has_another(shape, monkeypatch):
    a = rng.normal(size=shape)

    def f(a):
        values = np.linalg.eigvals(a)
        return np.sum(np.arange(shape[-1]) * (np.real(values) + np.imag(values) ** 2))

    want = gradient(f, a)
    close(want, numeric(f, a, 1e-4), 1e-5)
    eig = np.linalg.eig

    def shuffled(a):
        values, v = eig(a)
        return values[..., ::-1], v[..., ::-1]

    monkeypatch.setattr(np.linalg, "eig", shuffled)
    close(gradient(f, a), want, 1e-10)


def test_qr_of_complex_matrices_in_all_shapes():
    for shape in ((3, 3), (4, 2), (2, 4)):
        a, w = complex_matrix(*shape), complex_matrix(*shape)

        def f(a, w=w):
            q, r = np.linalg.qr(a)
            k = q.shape[1]
            return np.sum(np.real(w[:, :k] * q)) + np.sum(np.abs(r) ** 3) + np.sum(np.imag(w[:k] * r))

        close(gradient(f, a), numeric(f, a), 1e-6)


@pytest.mark.parametrize("function", [np.linalg.svdvals, np.linalg.eigvalsh, np.linalg.eigvals])
def test_a_stack_has_the_gradients_of_its_matrices(function):
    a = np.stack([hermitian(3).real + 3 * np.eye(3) for _ in range(4)]).reshape(2, 2, 3, 3)

    def f(a):
        return np.sum(np.arange(1.0, 4.0) * function(a).real ** 2)

    together = gradient(f, a)
    for at in np.ndindex(2, 2):
        close(together[at], gradient(f, a[at]), 1e-10)
