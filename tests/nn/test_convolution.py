"""Convolutions and pooling against loops, finite differences and PyTorch where it is installed."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.check import gradcheck
from autograd_lite.errors import OperandError

RNG = np.random.default_rng(0)
X1, X2 = RNG.standard_normal((2, 3, 9)), RNG.standard_normal((2, 3, 6, 7))
W1, W2, B = RNG.standard_normal((4, 3, 3)), RNG.standard_normal((4, 3, 3, 2)), RNG.standard_normal(4)
SETTINGS = [{}, {"stride": 2}, {"padding": 1}, {"stride": 3, "padding": 2}]


def convolved_by_loops(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows, columns = [(x.shape[2 + i] - w.shape[2 + i]) // stride + 1 for i in range(2)]
    y = np.zeros((len(x), len(w), rows, columns))
    for n, f, i, j in np.ndindex(y.shape):
        window = x[n, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
        y[n, f, i, j] = (window * w[f]).sum() + b[f]
    return y


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_values_are_those_of_loops(settings):
    np.testing.assert_allclose(nn.conv2d(X2, W2, B, **settings), convolved_by_loops(X2, W2, B, **settings), rtol=1e-12)
    flat = convolved_by_loops(X2[:, :, :1], W2[:, :, :1], B)
    np.testing.assert_allclose(nn.conv1d(X2[:, :, 0], W2[:, :, 0], B), flat[:, :, 0], rtol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_gradients_are_those_of_finite_differences(settings):
    assert gradcheck(lambda x, w, b: nn.conv1d(x, w, b, **settings), (X1, W1, B), max_entries=20)
    assert gradcheck(lambda x, w, b: nn.conv2d(x, w, b, **settings), (X2, W2, B), max_entries=20)


def test_the_gradient_of_the_filters_is_the_correlation_of_input_and_gradient():
    w = Tensor(W2, requires_grad=True)
    g = RNG.standard_normal((2, 4, 4, 6))
    nn.conv2d(X2, w).backward(g)
    by_hand = np.zeros_like(W2)
    for i, j in np.ndindex(3, 2):
        by_hand[:, :, i, j] = np.einsum("nfab,ncab->fc", g, X2[:, :, i : i + 4, j : j + 6])
    np.testing.assert_allclose(w.grad, by_hand, rtol=1e-12)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, None), (2, 1), (3, 2)])
def test_pooling(size, stride):
    step = stride or size
    for pool, reduce in ((nn.max_pool1d, np.max), (nn.avg_pool1d, np.mean)):
        expected = [reduce(X1[:, :, i : i + size], axis=2) for i in range(0, X1.shape[2] - size + 1, step)]
        np.testing.assert_allclose(pool(X1, size, stride), np.stack(expected, axis=2), rtol=1e-14)
        assert gradcheck(lambda x, f=pool: f(x, size, stride), X1)
    for pool in (nn.max_pool2d, nn.avg_pool2d):
        assert gradcheck(lambda x, f=pool: f(x, size, stride), X2)


def test_elements_that_tie_share_the_gradient():
    x = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    nn.max_pool2d(x, 2).sum().backward()
    assert (x.grad == 0.25).all()


def test_float32_stays():
    layer = nn.Conv2d(3, 4, 3, dtype=np.float32, seed=0)
    y = nn.MaxPool2d(2)(layer(X2.astype(np.float32)))
    y.sum().backward()
    assert y.dtype == layer.weight.grad.dtype == np.float32
    assert repr(nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)) == (
        "Conv2d(3, 4, (3, 3), stride=(2, 2), padding=(1, 1), bias=False)"
    )


def test_what_does_not_fit_is_refused():
    for call, message in [
        (lambda: nn.conv2d(X2, W2[:, :2]), "axis 1 must be equal"),
        (lambda: nn.conv2d(X1, W2), r"must be \(samples, channels, height, width\)"),
        (lambda: nn.conv1d(X1, W2), r"they must be \(out, in, size\)"),
        (lambda: nn.conv2d(X2[:, :, :2], W2), "do not fit into an input"),
        (lambda: nn.conv2d(X2, W2, stride=0), "stride=0; it must be an integer of at least 1"),
        (lambda: nn.conv2d(X2, W2, padding=(1, -1)), "padding"),
        (lambda: nn.max_pool2d(X2, 9), "do not fit into an input"),
        (lambda: nn.Conv2d(0, 1, 1), "in_channels=0"),
    ]:
        with pytest.raises(OperandError, match=message):
            call()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equal_to_pytorch(settings):
    torch = pytest.importorskip("torch")
    F, T = torch.nn.functional, torch.tensor
    for ours, theirs, arrays in ((nn.conv1d, F.conv1d, (X1, W1, B)), (nn.conv2d, F.conv2d, (X2, W2, B))):
        inputs = [T(a, requires_grad=True) for a in arrays]
        y = theirs(*inputs, **settings)
        (y**2).sum().backward()
        np.testing.assert_allclose(ours(*arrays, **settings), y.detach().numpy(), rtol=1e-11, atol=1e-13)
        gradients = ag.grad(lambda *a, f=ours: (f(*a, **settings) ** 2).sum(), argnums=(0, 1, 2))(*arrays)
        for a, b in zip(gradients, inputs, strict=True):
            np.testing.assert_allclose(a, b.grad.numpy(), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("shape", [(2, 2), (3,), ()])
def test_a_bias_is_one_number_for_each_filter(shape):
    with pytest.raises(OperandError, match=r"for 4 filters; it must be \(4,\)"):
        nn.conv1d(np.ones((1, 1, 4)), np.ones((4, 1, 2)), np.ones(shape))
