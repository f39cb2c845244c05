"""Functions that read one triangle of their matrix: the gradient is that of what NumPy computes, in any direction."""

import numpy as np
import pytest

import autograd_lite as ag

CASES = {
    "cholesky": lambda a: np.linalg.cholesky(a),
    "cholesky upper": lambda a: np.linalg.cholesky(a, upper=True),
    "eigvalsh": lambda a: np.linalg.eigvalsh(a) ** 2,
    "eigvalsh U": lambda a: np.linalg.eigvalsh(a, UPLO="U") ** 2,
    "eigh": lambda a: np.abs(np.linalg.eigh(a).eigenvectors) * np.linalg.eigh(a).eigenvalues[..., None],
    "eigh U": lambda a: np.abs(np.linalg.eigh(a, "U")[1]),
    "pinv hermitian": lambda a: np.linalg.pinv(a, hermitian=True),
    "svd hermitian": lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [float, complex])
def test_the_gradient_agrees_in_directions_that_are_not_symmetric(name, dtype):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype is complex else 0.0)

    b = draw(2, 3, 3)
    a = b @ np.conj(np.swapaxes(b, -1, -2)) + 3 * np.eye(3) + np.diag([0.0, 1.0, 3.0])
    weights = rng.normal(size=CASES[name](a).shape)
    loss = lambda a: (np.abs(CASES[name](a)) * weights).sum()
    gradient = ag.grad(loss)(a)
    for _ in range(3):
        v, step = draw(2, 3, 3), 1e-6
        numeric = (loss(a + step * v) - loss(a - step * v)) / (2 * step)
        assert np.isclose(np.real(np.sum(np.conj(gradient) * v)), numeric, rtol=1e-5)


def test_the_gradient_of_a_symmetric_composition_is_symmetric():
    b = np.random.default_rng(1).normal(size=(3, 3))
    gradient = ag.grad(lambda b: np.linalg.cholesky(b + b.T + 8 * np.eye(3)).sum())(b)
    assert np.allclose(gradient, gradient.T)
