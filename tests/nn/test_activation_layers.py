"""Activations as Modules do what the functions of their names do."""

import numpy as np
import pytest

from autograd_lite import Tensor, nn

PAIRS = [
    (nn.ReLU(), nn.relu),
    (nn.LeakyReLU(0.2), lambda x: nn.leaky_relu(x, 0.2)),
    (nn.ELU(0.5), lambda x: nn.elu(x, 0.5)),
    (nn.GELU("tanh"), lambda x: nn.gelu(x, "tanh")),
    (nn.SiLU(), nn.silu),
    (nn.Sigmoid(), nn.sigmoid),
    (nn.Tanh(), nn.tanh),
    (nn.Softplus(), nn.softplus),
    (nn.Softmax(0), lambda x: nn.softmax(x, 0)),
    (nn.LogSoftmax(0), lambda x: nn.log_softmax(x, 0)),
]


@pytest.mark.parametrize(("module", "function"), PAIRS, ids=[type(module).__name__ for module, _ in PAIRS])
def test_a_module_gives_what_its_function_gives(module, function):
    data = np.random.default_rng(0).standard_normal((3, 4))
    x, again = Tensor(data, requires_grad=True), Tensor(data, requires_grad=True)
    y = nn.Sequential(module)(x)
    (y * y).sum().backward()
    expected = function(again)
    (expected * expected).sum().backward()
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    np.testing.assert_array_equal(x.grad, again.grad)


def test_settings_stand_in_the_repr():
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nn.Sequential(nn.Dense(2, 3), nn.Softmax(axis=1))).splitlines()[-2].strip() == "1: Softmax(axis=1)"
