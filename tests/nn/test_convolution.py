"""Convolutions against loops, finite differences and PyTorch where it is installed."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.check import gradcheck, gradgradcheck
from autograd_lite.errors import OperandError

RNG = np.random.default_rng(0)
X1, X2 = RNG.standard_normal((2, 3, 9)), RNG.standard_normal((2, 3, 6, 7))
W1, W2, B = RNG.standard_normal((4, 3, 3)), RNG.standard_normal((4, 3, 3, 2)), RNG.standard_normal(4)
SETTINGS = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"stride": 3, "padding": 2},
    {"dilation": 2},
    {"dilation": 2, "stride": 2, "padding": 1},
    {"groups": 3},
    {"groups": 3, "dilation": 2, "stride": 2, "padding": 2},
]


def arrays_for(axes, settings, dtype=float):
    """Input, filters and bias: three channels, and two filters for each where these are groups, or four for all."""
    groups = settings.get("groups", 1)
    rng = np.random.default_rng(axes)
    x, w = (X1, W1) if axes == 1 else (X2, W2)
    if groups > 1:
        w = rng.standard_normal((2 * groups, x.shape[1] // groups, *w.shape[2:]))
    return [a.astype(dtype) for a in (x, w, rng.standard_normal(len(w)))]


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def convolved_by_loops(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    """Sums over the elements of each window, one after the other; every argument a number or a pair."""
    (p, q), (s, t), (d, e) = pair(padding), pair(stride), pair(dilation)
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    rows = (x.shape[2] - d * (w.shape[2] - 1) - 1) // s + 1
    columns = (x.shape[3] - e * (w.shape[3] - 1) - 1) // t + 1
    y = np.zeros((len(x), len(w), rows, columns))
    for n, f, i, j in np.ndindex(y.shape):
        first = f // (len(w) // groups) * w.shape[1]
        y[n, f, i, j] = b[f] + sum(
            w[f, c, k, m] * x[n, first + c, i * s + k * d, j * t + m * e] for c, k, m in np.ndindex(w.shape[1:])
        )
    return y


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_values_are_those_of_loops(settings, dtype, rtol):
    arrays = arrays_for(2, settings, dtype)
    found = nn.conv2d(*arrays, **settings)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, convolved_by_loops(*arrays, **settings), rtol=rtol, atol=rtol)
    x, w, b = arrays_for(1, settings, dtype)
    along = {name: (0 if name == "padding" else 1, value) for name, value in settings.items() if name != "groups"}
    expected = convolved_by_loops(x[:, :, None], w[:, :, None], b, **along, groups=settings.get("groups", 1))
    np.testing.assert_allclose(nn.conv1d(x, w, b, **settings), expected[:, :, 0], rtol=rtol, atol=rtol)


def test_sizes_may_differ_by_axis():
    settings = {"stride": (1, 2), "padding": (2, 0), "dilation": (3, 2)}
    found = nn.conv2d(X2, W2, B, **settings)
    np.testing.assert_allclose(found, convolved_by_loops(X2, W2, B, **settings), rtol=1e-12)


def test_a_depthwise_convolution_is_one_convolution_for_each_channel():
    w = RNG.standard_normal((3, 1, 3, 2))
    each = [nn.conv2d(X2[:, c : c + 1], w[c : c + 1], dilation=2) for c in range(3)]
    np.testing.assert_allclose(nn.conv2d(X2, w, dilation=2, groups=3), np.concatenate(each, axis=1), rtol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_gradients_are_those_of_finite_differences(settings):
    assert gradcheck(lambda x, w, b: nn.conv1d(x, w, b, **settings), arrays_for(1, settings), max_entries=20)
    assert gradcheck(lambda x, w, b: nn.conv2d(x, w, b, **settings), arrays_for(2, settings), max_entries=20)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_second_derivatives_are_those_of_finite_differences(settings):
    inputs = arrays_for(2, settings)
    assert gradgradcheck(lambda x, w, b: np.tanh(nn.conv2d(x, w, b, **settings)), inputs, max_entries=6)


def test_the_gradient_of_the_filters_is_the_correlation_of_input_and_gradient():
    w = Tensor(W2, requires_grad=True)
    g = RNG.standard_normal((2, 4, 4, 6))
    nn.conv2d(X2, w).backward(g)
    by_hand = np.zeros_like(W2)
    for i, j in np.ndindex(3, 2):
        by_hand[:, :, i, j] = np.einsum("nfab,ncab->fc", g, X2[:, :, i : i + 4, j : j + 6])
    np.testing.assert_allclose(w.grad, by_hand, rtol=1e-12)


def test_float32_stays():
    layer = nn.Conv2d(3, 4, 3, dtype=np.float32, seed=0)
    y = nn.MaxPool2d(2)(layer(X2.astype(np.float32)))
    y.sum().backward()
    assert y.dtype == layer.weight.grad.dtype == np.float32


def test_a_layer_shows_the_arguments_that_are_not_the_usual_ones():
    assert repr(nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)) == (
        "Conv2d(3, 4, (3, 3), stride=(2, 2), padding=(1, 1), bias=False)"
    )
    layer = nn.Conv2d(4, 6, 3, dilation=(1, 2), groups=2, seed=0)
    assert repr(layer) == "Conv2d(4, 6, (3, 3), dilation=(1, 2), groups=2)"
    lines = layer.summary(np.zeros((1, 4, 8, 8))).splitlines()
    assert "dilation=(1, 2), groups=2" in lines[2] and "(1, 6, 6, 4)" in lines[2]
    assert int(lines[-1]) == 6 * 2 * 9 + 6


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_layer_is_its_function(settings):
    for axes, make, function in ((1, nn.Conv1d, nn.conv1d), (2, nn.Conv2d, nn.conv2d)):
        x = arrays_for(axes, settings)[0]
        layer = make(3, 6, 3, **settings, seed=0)
        other = make(3, 6, 3, **settings, seed=1)
        other.load_state_dict(layer.state_dict())
        assert layer.weight.shape == (6, 3 // settings.get("groups", 1), *[3] * axes)
        expected = function(x, layer.weight.numpy(), layer.bias.numpy(), **settings)
        np.testing.assert_array_equal(layer(x).numpy(), expected)
        np.testing.assert_array_equal(other(x).numpy(), expected)


def test_the_arguments_of_a_layer_stand_in_pytorchs_order():
    layer = nn.Conv2d(4, 8, 3, 2, 1, 2, 4, False)
    assert (layer.stride, layer.padding, layer.dilation, layer.groups, layer.bias) == ((2, 2), (1, 1), (2, 2), 4, None)
    with pytest.raises(OperandError, match="dilation=False; it must be an integer of at least 1"):
        nn.Conv2d(1, 4, 3, 1, 1, False)


def test_what_does_not_fit_is_refused():
    for call, message in [
        (lambda: nn.conv2d(X2, W2[:, :2]), "axis 1 must be equal"),
        (lambda: nn.conv2d(X1, W2), r"must be \(samples, channels, height, width\)"),
        (lambda: nn.conv1d(X1, W2), r"they must be \(out, in, size\)"),
        (lambda: nn.conv2d(X2[:, :, :2], W2), "do not fit into an input"),
        (lambda: nn.conv2d(X2, W2, stride=0), "stride=0; it must be an integer of at least 1"),
        (lambda: nn.conv2d(X2, W2, padding=(1, -1)), "padding"),
        (lambda: nn.conv2d(X2, W2, padding=np.array([1, 1])), "padding=.*; it must be an integer"),
        (lambda: nn.conv2d(X2, W2, dilation=0), "conv2d: dilation=0; it must be an integer of at least 1, or 2"),
        (lambda: nn.conv2d(X2, W2, dilation=(1, 2, 3)), r"dilation=\(1, 2, 3\); it must be"),
        (lambda: nn.conv2d(X2, W2, dilation=1.5), "dilation=1.5; it must be"),
        (lambda: nn.conv2d(X2, W2, dilation=4), r"filters of \(3, 2\) with dilation=\(4, 4\) do not fit into"),
        (lambda: nn.conv2d(X2, W2, groups=0), "conv2d: groups=0; it must be a positive integer"),
        (lambda: nn.conv2d(X2, W2, groups=2), r"shape \(2, 3, 6, 7\).*; 2 groups of 3 channels are needed"),
        (lambda: nn.conv2d(X2, W2[:, :1], groups=3), "conv2d: 4 filters do not divide into 3 groups"),
        (lambda: nn.conv1d(X1, W1[..., :0], stride=2), r"shape \(4, 3, 0\) look at nothing"),
        (lambda: nn.Conv2d(0, 1, 1), "in_channels=0"),
        (lambda: nn.Conv2d(4, 6, 3, groups=3), "Conv2d: 4 channels in and 6 out do not divide into 3 groups"),
        (lambda: nn.Conv1d(4, 6, 3, groups=4), "Conv1d: 4 channels in and 6 out do not divide into 4 groups"),
        (lambda: nn.Conv1d(4, 6, 3, groups=-1), "Conv1d: groups=-1; it must be a positive integer"),
        (lambda: nn.Conv1d(4, 6, 3, dilation=0), "Conv1d: dilation=0"),
    ]:
        with pytest.raises(OperandError, match=message):
            call()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equal_to_pytorch(settings):
    torch = pytest.importorskip("torch")
    F, T = torch.nn.functional, torch.tensor
    for axes, ours, theirs in ((1, nn.conv1d, F.conv1d), (2, nn.conv2d, F.conv2d)):
        arrays = arrays_for(axes, settings)
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
