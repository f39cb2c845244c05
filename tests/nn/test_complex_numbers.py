"""What is not defined for complex numbers refuses them, instead of computing something that nobody asked for."""

import numpy as np
import pytest

from autograd_lite import Tensor, nn, optim
from autograd_lite.errors import OperandError

Z = np.array([[1 + 1j, 2 - 1j], [0.5j, -1.0]])


@pytest.mark.parametrize(
    "loss", [nn.mse_loss, nn.huber_loss, nn.smooth_l1_loss, nn.cosine_similarity, nn.gaussian_nll_loss, nn.kl_div]
)
@pytest.mark.parametrize("real", ["input", "target", None])
def test_losses_of_complex_numbers(loss, real):
    """mse_loss gave the mean of z², whose real part falls without end."""
    input, target = Tensor(Z, requires_grad=True), Tensor(Z.conj())
    if real == "input":
        input = Tensor(abs(Z), requires_grad=True)
    if real == "target":
        target = Tensor(abs(Z))
    extra = (np.ones((2, 2)),) if loss is nn.gaussian_nll_loss else ()
    with pytest.raises(OperandError, match=rf"{loss.__name__}: .*(complex numbers of shape|no probability)"):
        loss(input, target, *extra)


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll_loss])
def test_scores_of_classes_are_real(loss):
    with pytest.raises(OperandError, match=rf"{loss.__name__}: complex numbers of shape \(2, 2\)"):
        loss(Tensor(Z, requires_grad=True), np.array([0, 1]))


def test_the_absolute_error_takes_complex_numbers():
    z = Tensor(Z, requires_grad=True)
    nn.l1_loss(z, np.zeros((2, 2))).backward()
    np.testing.assert_allclose(z.grad, Z / abs(Z) / 4)


def test_layers_that_normalise_refuse_complex_numbers_before_their_state_changes():
    layer = nn.BatchNorm1d(2)
    for refusing in (layer, nn.LayerNorm(2)):
        with pytest.raises(OperandError, match=r"Norm(1d)?: complex numbers of shape \(2, 2\)"):
            refusing(Tensor(Z))
    np.testing.assert_array_equal(layer.running_mean, 0)
    np.testing.assert_array_equal(layer.running_var, 1)
    for operands in ((Z, abs(Z), abs(Z)), (abs(Z), Z, abs(Z))):
        with pytest.raises(OperandError, match="scaled_dot_product_attention: complex"):
            nn.scaled_dot_product_attention(*operands)
    assert nn.scaled_dot_product_attention(abs(Z), abs(Z), Z).dtype == complex


def test_clipping_values_of_complex_gradients_is_refused_and_changes_none():
    """NumPy clips by the order of real parts, which left imaginary parts of any size."""
    real, complex_ = Tensor([0.0], requires_grad=True), Tensor([0j], requires_grad=True)
    real.grad, complex_.grad = np.array([3.0]), np.array([0.1 + 9j])
    with pytest.raises(OperandError, match=r"clip_grad_value_: .*complex128.*clip_grad_norm_"):
        optim.clip_grad_value_([real, complex_], 1.0)
    assert real.grad == 3.0
    assert optim.clip_grad_norm_([real, complex_], 1.0) == pytest.approx(abs(3 + abs(0.1 + 9j) * 1j))
    np.testing.assert_allclose(abs(complex_.grad) ** 2 + real.grad**2, 1)


def test_an_optimiser_says_how_to_train_complex_parameters():
    with pytest.raises(OperandError, match=r"Adam: parameter 0 has dtype complex128.*a \+ 1j \* b"):
        optim.Adam([Tensor(Z, requires_grad=True)])
