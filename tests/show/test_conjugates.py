"""Derivations of complex graphs: they read as on paper, and their lines compute what the engine does."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.show.formula import derivation

rng = np.random.default_rng(0)


def numbers(*shape):
    return rng.uniform(0.3, 1.5, shape) + 1j * rng.uniform(-1, 1, shape)


@pytest.fixture
def given():
    arrays = {"z": numbers(3), "w": numbers(3), "A": numbers(3, 3), "B": numbers(3, 2), "r": rng.uniform(1, 2, 3)}
    return {name: Tensor(array, requires_grad=True, name=name) for name, array in arrays.items()}


CASES = {
    "product": (
        lambda z, w, **_: (np.abs(z * w) ** 2).sum(),
        ["dw = 2 · |z ⊙ w| ⊙ sign(z ⊙ w) ⊙ conj(z)", "dz = 2 · |z ⊙ w| ⊙ sign(z ⊙ w) ⊙ conj(w)"],
    ),
    "quotient": (lambda z, w, **_: np.real(z / w).sum(), ["dw = −dt₁ ⊙ conj(t₁ / w)", "dz = dt₁ / conj(w)"]),
    "exp": (lambda z, w, **_: np.real(np.exp(z) * w).sum(), ["dz = conj(w ⊙ exp(z))"]),
    "matmul": (
        lambda A, B, **_: np.linalg.norm(A @ B),
        ["dz = z / L", "dB = conj(Aᵀ) dz", "dA = dz conj(Bᵀ)"],
    ),
    "vector": (lambda A, z, w, **_: np.linalg.norm(A @ z - w), ["dz = dz₁ conj(A)", "dA = dz₁[..., None] ⊙ conj(z)"]),
    "mean of logarithms": (lambda z, **_: np.abs(np.log(z)).mean(), ["dz = sign(ln(z)) / (3 · conj(z))"]),
    "real operand": (lambda z, r, **_: np.real(r * z * 1j).sum(), ["dz = −(1j) · r", "dr = Re(−(1j) · conj(z))"]),
    "real factor": (lambda z, w, r, **_: (np.real(np.conj(z) * w) * r).sum(), ["dz = r ⊙ w", "dw = r ⊙ z"]),
    "parts": (lambda z, w, **_: np.abs(z[1:] * w[:2]).sum(), ["dtype=complex"]),
    "inner": (lambda z, w, **_: np.abs(np.inner(z, w)), ["dz = tensordot(sign(inner(z, w)), conj(w), axes=0)"]),
    "chain": (lambda A, z, r, **_: np.abs(np.tanh(A @ z) / (1 + np.sin(r * z)) ** 2).sum(), []),
    "powers": (lambda z, w, **_: np.abs(z**3 * w**0.5 - 2j).sum(), []),
    "exponent": (lambda z, w, **_: np.imag(z**w - (2 + 1j) * z / 3).sum(), []),
    "joined": (lambda z, w, A, **_: np.abs(np.stack([z, w * 2j]) @ A).sum(), []),
    "cumulative": (lambda z, w, **_: np.abs(np.cumsum(z * w) * np.cumprod(z)).sum(), []),
    "conjugate": (lambda z, A, **_: np.real(np.conj(z) @ (A @ z)), []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_complex_derivation_is_short_and_right(case, given):
    f, expected = CASES[case]
    found = derivation(f(**given))
    text = str(found)
    for line in expected:
        assert line in text
    assert "conj(conj(" not in text and "astype" not in text
    f(**given).backward()
    held = {name: tensor.numpy() for name, tensor in given.items()}
    scope = {"np": np, **held}
    exec(compile(found.numpy, "derivation", "exec"), scope)
    for name, tensor in given.items():
        if tensor.grad is not None:
            np.testing.assert_allclose(scope[f"d{name}"], tensor.grad, rtol=1e-12, err_msg=name)


def test_a_cast_that_changes_values_stays():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    assert "dtype='float32'" in str(derivation(ag.Tensor.sum(x.astype(np.float32) ** 2)))
