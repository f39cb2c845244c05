"""Pooling against loops, finite differences and PyTorch where it is installed."""

import itertools
import math

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, nn
from autograd_lite.check import gradcheck, gradgradcheck
from autograd_lite.errors import OperandError

RNG = np.random.default_rng(0)
X1, X2 = RNG.standard_normal((2, 3, 9)), RNG.standard_normal((2, 3, 6, 7))
SETTINGS = [
    {"kernel_size": 2},
    {"kernel_size": 3},
    {"kernel_size": 2, "stride": 1},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 4, "stride": 3, "padding": 2},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 4, "ceil_mode": True},
    {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
]
POOLS = {"max": (nn.max_pool1d, nn.max_pool2d, {}), "mean": (nn.avg_pool1d, nn.avg_pool2d, {})}
POOLS["mean without padding"] = (nn.avg_pool1d, nn.avg_pool2d, {"count_include_pad": False})


def pooled_by_loops(kind, x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Each window from a list of the places that it covers, as PyTorch's documentation describes them."""
    stride, places = stride or kernel_size, []
    for length in x.shape[2:]:
        starts = itertools.count(-padding, stride)
        if ceil_mode:  # no window that begins behind the input
            starts = itertools.takewhile(lambda s, n=length: s < n and s + kernel_size < n + padding + stride, starts)
        else:
            starts = itertools.takewhile(lambda s, n=length: s + kernel_size <= n + padding, starts)
        places.append([range(s, min(s + kernel_size, length + padding)) for s in starts])
    y = np.zeros((*x.shape[:2], *map(len, places)))
    for index in np.ndindex(y.shape[2:]):
        covered = [ranges[i] for ranges, i in zip(places, index, strict=True)]
        inside = [[p for p in r if 0 <= p < n] for r, n in zip(covered, x.shape[2:], strict=True)]
        values = x[(slice(None), slice(None), *np.ix_(*inside))].reshape(*x.shape[:2], -1)
        counted = math.prod(map(len, covered)) if kind == "mean" else values.shape[2]
        y[(slice(None), slice(None), *index)] = values.max(2) if kind == "max" else values.sum(2) / counted
    return y


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_values_are_those_of_loops(kind, settings, dtype, rtol):
    *pools, extra = POOLS[kind]
    for pool, x in zip(pools, (X1 - 3, X2 - 3), strict=True):  # all negative: a zero of the margin would be the largest
        found = pool(x.astype(dtype), **settings, **extra)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, pooled_by_loops(kind, x, **settings), rtol=rtol)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", POOLS)
def test_first_and_second_derivatives_are_those_of_finite_differences(kind, settings):
    *pools, extra = POOLS[kind]
    for pool, x in zip(pools, (X1, X2), strict=True):

        def f(t, pool=pool):
            return np.tanh(pool(t, **settings, **extra))

        assert gradcheck(f, x, max_entries=20)
        assert gradgradcheck(f, x, max_entries=6)
        _, tangent = ag.jvp(f, (x,), (np.cos(x),))
        np.testing.assert_allclose((tangent * 2.0).sum(), (ag.grad(lambda t, f=f: 2 * f(t).sum())(x) * np.cos(x)).sum())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", POOLS)
def test_equal_to_pytorch(kind, settings):
    torch = pytest.importorskip("torch")
    *pools, extra = POOLS[kind]
    for pool, x in zip(pools, (X1, X2), strict=True):
        t = torch.tensor(x, requires_grad=True)
        y = getattr(torch.nn.functional, pool.__name__)(t, **settings, **extra)
        (y**2).sum().backward()
        np.testing.assert_allclose(pool(x, **settings, **extra), y.detach().numpy(), rtol=1e-12)
        gradient = ag.grad(lambda a, f=pool: (f(a, **settings, **extra) ** 2).sum())(x)
        np.testing.assert_allclose(gradient, t.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("length", range(1, 8))
def test_the_number_of_windows_is_pytorchs(length):
    torch = pytest.importorskip("torch")
    x = RNG.standard_normal((1, 1, length))
    for size, stride, padding, ceil in itertools.product(range(1, 5), range(1, 5), range(3), (False, True)):
        arguments = {"kernel_size": size, "stride": stride, "padding": padding, "ceil_mode": ceil}
        try:
            expected = torch.nn.functional.max_pool1d(torch.tensor(x), **arguments).numpy()
        except RuntimeError:
            with pytest.raises(OperandError, match=r"do not fit into|give at most half"):
                nn.max_pool1d(x, **arguments)
        else:
            np.testing.assert_array_equal(nn.max_pool1d(x, **arguments), expected, err_msg=str(arguments))


def test_elements_that_tie_share_the_gradient():
    x = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    nn.max_pool2d(x, 2).sum().backward()
    assert (x.grad == 0.25).all()


def test_sizes_may_differ_by_axis():
    found = nn.max_pool2d(X2, (3, 2), (1, 2), (1, 0))
    rows = [X2[:, :, max(i - 1, 0) : i + 2].max(axis=2) for i in range(6)]
    expected = np.stack([np.stack([row[:, :, j : j + 2].max(axis=2) for j in (0, 2, 4)], 2) for row in rows], 2)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, bool])
def test_the_largest_of_whole_numbers_is_one_of_them(dtype):
    x = (RNG.integers(-100, 0, (1, 2, 5)) if np.dtype(dtype).kind == "i" else RNG.integers(0, 2, (1, 2, 5))).astype(
        dtype
    )
    found = nn.max_pool1d(x, 3, 2, 1)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, pooled_by_loops("max", x, 3, 2, 1).astype(dtype))


def test_a_layer_is_its_function_and_shows_its_arguments():
    settings = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}
    for name, x in (("max_pool1d", X1), ("max_pool2d", X2), ("avg_pool1d", X1), ("avg_pool2d", X2)):
        layer = getattr(nn, name.title().replace("_", "").replace("D", "d"))
        np.testing.assert_array_equal(layer(**settings)(x), getattr(nn, name)(x, **settings))
        assert repr(layer(3, 2, 1)) == f"{layer.__name__}(3, stride=2, padding=1)"
        assert repr(layer(3, padding=1, ceil_mode=True)) == f"{layer.__name__}(3, padding=1, ceil_mode=True)"
    average = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
    assert repr(average) == "AvgPool2d(3, stride=2, padding=1, count_include_pad=False)"
    np.testing.assert_array_equal(average(X2), nn.avg_pool2d(X2, 3, 2, 1, count_include_pad=False))
    assert "MaxPool2d((2, 3), padding=(1, 0))" in nn.MaxPool2d((2, 3), padding=(1, 0)).summary(X2)


def test_what_does_not_fit_is_refused():
    for call, message in [
        (lambda: nn.max_pool2d(X2, 9), "do not fit into an input"),
        (lambda: nn.max_pool2d(X2, 2, padding=-1), "max_pool2d: padding=-1; it must be an integer of at least 0"),
        (lambda: nn.avg_pool2d(X2, 2, padding=0.5), "avg_pool2d: padding=0.5; it must be an integer"),
        (lambda: nn.max_pool2d(X2, 3, padding=2), r"padding=\(2, 2\) for windows of \(3, 3\).*; give at most half"),
        (lambda: nn.avg_pool2d(X2, (4, 2), padding=2), r"padding=\(2, 2\) for windows of \(4, 2\)"),
        (lambda: nn.max_pool1d(X1[:, :, :0], 2, padding=1), r"shape \(2, 3, 0\) has nothing to pool"),
        (lambda: nn.avg_pool1d(X1[:, :, :0], 2, padding=1), r"shape \(2, 3, 0\) has nothing to pool"),
        (lambda: nn.max_pool1d(X1 * 1j, 2, padding=1), "max_pool1d: complex numbers"),
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size=0"),
        (lambda: nn.AvgPool1d(3, padding=2), "AvgPool1d: padding"),
        (lambda: nn.MaxPool1d(3, (1, 1)), r"MaxPool1d: stride=\(1, 1\)"),
    ]:
        with pytest.raises(OperandError, match=message):
            call()
