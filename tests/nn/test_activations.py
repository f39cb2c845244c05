"""Activations against finite differences, PyTorch where it is installed, and at extreme inputs."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_lite import Tensor, nn, special
from autograd_lite.errors import OperandError
from autograd_lite.nn import activations
from autograd_lite.nn.activations import peak

ELEMENTWISE = {
    "sigmoid": nn.sigmoid,
    "log_sigmoid": nn.log_sigmoid,
    "tanh": nn.tanh,
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "elu": nn.elu,
    "gelu": nn.gelu,
    "gelu tanh": lambda x: nn.gelu(x, approximate="tanh"),
    "silu": nn.silu,
    "softplus": nn.softplus,
}
ALONG_AN_AXIS = {"softmax": nn.softmax, "log_softmax": nn.log_softmax, "logsumexp": nn.logsumexp}
ALL = {**ELEMENTWISE, **ALONG_AN_AXIS}
arrays = hnp.arrays(float, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-4, 4).map(lambda v: v + 1e-3))


def gradient(f, x, g):
    t = Tensor(x, requires_grad=True)
    f(t).backward(g)
    return t.grad


@pytest.mark.parametrize("f", ALL.values(), ids=ALL)
@given(x=arrays)
def test_gradient_is_that_of_finite_differences(f, x):
    x = np.where(np.abs(x) < 1e-4, 0.5, x)
    y = f(x)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    step = 1e-6
    numerical = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += step
        up = f(moved)
        moved[index] -= 2 * step
        numerical[index] = ((up - f(moved)) * g).sum() / (2 * step)
    np.testing.assert_allclose(gradient(f, x, g), numerical, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", ALL.values(), ids=ALL)
def test_extreme_inputs_neither_overflow_nor_make_a_nan_and_the_dtype_stays(f, dtype):
    for x in ([-1e4, -100.0, 0.0, 100.0, 1e4], [1e4], [-1e4, -1e4], [0.0]):
        array = np.array(x, dtype)
        t = Tensor(array, requires_grad=True)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            y = f(t)
            y.backward(np.ones(y.shape))
        assert np.isfinite(y.numpy()).all() and np.isfinite(t.grad).all()
        assert y.dtype == dtype and t.grad.dtype == dtype
        np.testing.assert_array_equal(f(array), y.numpy())
        assert isinstance(f(array), (np.ndarray, np.generic))


def test_values():
    x = np.linspace(-8, 8, 33)
    expit = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(nn.sigmoid(x), expit, atol=2e-16)
    np.testing.assert_allclose(nn.log_sigmoid(x), np.log(expit), rtol=1e-12)
    np.testing.assert_allclose(nn.silu(x), x * expit, atol=2e-15)
    np.testing.assert_allclose(nn.elu(x, 2.0), np.where(x > 0, x, 2 * (np.exp(x) - 1)), rtol=1e-12)
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x]
    np.testing.assert_allclose(nn.gelu(x), exact, rtol=1e-12)
    np.testing.assert_allclose(nn.gelu(x, approximate="tanh"), exact, atol=5e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(64, 10), (32, 1), (4, 16, 5), (40, 40), (7,), (0, 3), (100, 0)])
def test_the_peak_of_rows_is_their_maximum_whatever_way_it_is_found(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    x[x > 2] = np.inf
    x[x < -2] = np.nan
    x[abs(x) < 0.1] = -np.inf
    for array in (x, np.asfortranarray(x)):
        for axis in (-1, x.ndim - 1):
            found = peak(array, axis)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, np.max(x, axis=-1, keepdims=True, initial=-np.inf), strict=True)


def test_a_large_relu_has_derivative_0_at_0_whatever_arrives_there():
    x = np.resize([-np.inf, -1.0, -0.0, 0.0, 1.0, np.inf, np.nan], (70, 100))
    g = np.resize([np.inf, np.nan, -np.inf, np.nan, np.inf, 2.0, 3.0], (70, 100))
    np.testing.assert_array_equal(nn.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(gradient(nn.relu, x, g), np.where(x <= 0, 0, g))


def test_the_derivative_of_relu_at_0_is_0_and_nan_stays_nan():
    assert gradient(nn.relu, np.array([0.0, -0.0, 1.0]), np.ones(3)).tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(nn.relu(np.array([np.nan]))).all()


def test_impossible_classes():
    x = np.array([0.0, -np.inf, 0.0])
    assert nn.softmax(x).tolist() == [0.5, 0.0, 0.5]
    assert gradient(nn.softmax, x, np.array([1.0, 2.0, 3.0])).tolist() == [-0.5, 0.0, 0.5]
    assert nn.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert nn.logsumexp(np.ones((2, 3)), axis=None) == pytest.approx(1 + math.log(6))
    assert nn.logsumexp(np.ones((2, 3)), axis=0, keepdims=True).shape == (1, 3)


def test_gelu_is_the_same_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(-6.0, 6.0, 49)
    usual = nn.gelu(x)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    activations._error_function.cache_clear()
    try:
        np.testing.assert_allclose(nn.gelu(x), usual, rtol=1e-13)
        assert activations._error_function().__class__ is np.ufunc
        assert activations._error_function().nargs == 2
    finally:
        activations._error_function.cache_clear()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_softplus_of_many_numbers_is_exact_in_both_tails(dtype: type) -> None:
    x = np.concatenate([np.linspace(-80.0, 80.0, 601), [np.inf, -np.inf, 0.0, -0.0, 1e-30, -1e-30]]).astype(dtype)
    with np.errstate(all="ignore"):
        expected = np.log1p(np.exp(-np.abs(x.astype(np.longdouble)))) + np.maximum(x, 0)
    y = Tensor(x, requires_grad=True)
    z = nn.softplus(y)
    z.sum().backward()
    few = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(z.numpy(), expected.astype(dtype), rtol=few)
    np.testing.assert_allclose(y.grad, nn.sigmoid(x), rtol=8 * few)
    assert nn.softplus(Tensor(np.full(200, np.nan))).numpy().tolist() == pytest.approx([np.nan] * 200, nan_ok=True)


def test_an_unknown_approximation_is_refused():
    with pytest.raises(OperandError, match="gelu: approximate='fast' is not known"):
        nn.gelu(np.ones(1), approximate="fast")


def test_equal_to_pytorch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    theirs = {
        "sigmoid": torch.sigmoid,
        "log_sigmoid": F.logsigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "gelu": F.gelu,
        "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "softplus": F.softplus,
        "softmax": lambda x: F.softmax(x, -1),
        "log_softmax": lambda x: F.log_softmax(x, -1),
        "logsumexp": lambda x: torch.logsumexp(x, -1),
    }
    x = np.array([[-9.0, -1.0, 0.0, 0.3, 2.0], [-3.0, 4.0, 4.0, 5.0, 9.0]])
    for name, f in ALL.items():
        a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = f(a), theirs[name](b)
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-7, atol=1e-12, err_msg=name)
        (y**2).sum().backward()
        (z**2).sum().backward()
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-7, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("function", [nn.softmax, nn.log_softmax, nn.logsumexp, nn.log_sigmoid])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool])
def test_whole_numbers_do_not_wrap_round(function, dtype):
    x = np.array([1, 0, 100]).astype(dtype)
    np.testing.assert_array_equal(function(x), function(x.astype(float)))
    np.testing.assert_array_equal(function(Tensor(x)).numpy(), function(x.astype(float)))


def test_softmax_of_no_classes_is_empty():
    x = Tensor(np.zeros((2, 0)), requires_grad=True)
    assert nn.softmax(x).shape == nn.log_softmax(x).shape == (2, 0)
    for f in (nn.softmax, nn.log_softmax, special.softmax, special.log_softmax):
        assert f(x, axis=0).shape == f(x, axis=None).shape == (2, 0)
        with pytest.raises(OperandError, match="axis 2 is out of bounds"):
            f(x, axis=2)


@pytest.mark.parametrize("f", [*ALL.values(), nn.Dense(3, 2), nn.Embedding(9, 2)])
def test_a_masked_array_is_refused_instead_of_losing_its_mask(f):
    with pytest.raises(OperandError, match=r"masked array of shape \(3,\) would lose its mask"):
        f(np.ma.masked_array([1, 2, 3], [False, True, False]))


@pytest.mark.parametrize("f", [*ELEMENTWISE.values(), nn.softmax])
@pytest.mark.parametrize("x", ["cat", np.array(["cat", "dog"]), np.array([None])])
def test_what_is_no_number_is_refused(f, x):
    with pytest.raises(OperandError, match="is no array of numbers; give a Tensor"):
        f(x)


@pytest.mark.parametrize("f", [nn.softmax, nn.log_softmax, nn.logsumexp])
@pytest.mark.parametrize("axis", [5, -3, "a", 1.5, (0, 2)])
def test_an_axis_that_is_not_there_is_refused_by_name(f, axis):
    for x in (np.ones((2, 3)), Tensor(np.ones((2, 3)), requires_grad=True)):
        with pytest.raises(OperandError, match=rf"^{f.__name__}: (an input|operands) of shape \(2, 3\).* axis="):
            f(x, axis)


def test_the_logarithm_of_the_sum_of_no_exponentials():
    assert nn.logsumexp(np.zeros((3, 0))).tolist() == [-np.inf] * 3
    x = Tensor(np.zeros((0, 2), np.float32), requires_grad=True)
    y = nn.logsumexp(x, axis=0)
    assert y.tolist() == [-np.inf] * 2 and y.dtype == np.float32


@pytest.mark.parametrize("kind", [">f8", ">f4", ">f2"])
@pytest.mark.parametrize("f", [nn.sigmoid, nn.silu, nn.relu, nn.tanh, nn.softplus, nn.gelu, nn.log_sigmoid, nn.softmax])
def test_arrays_in_the_byte_order_of_another_machine(f, kind):
    x = np.array([-1.0, 0.5, 2.0], kind)
    expected = f(x.astype(x.dtype.newbyteorder("=")))
    np.testing.assert_array_equal(np.asarray(f(x)), expected)
    np.testing.assert_array_equal(f(Tensor(x)).numpy(), expected)


@pytest.mark.parametrize("f", [nn.softmax, nn.log_softmax])
@pytest.mark.parametrize("rows", [1, 40])
def test_what_is_made_of_arrays_in_another_byte_order_is_in_that_of_this_machine(f, rows):
    assert f(np.ones((rows, 3), ">f8")).dtype.isnative


@pytest.mark.parametrize("axis", [-1, 0, None])
def test_softmax_of_one_number_is_1_whatever_it_is(axis):
    for f, y in ((nn.softmax, 1.0), (nn.log_softmax, 0.0), (special.softmax, 1.0), (special.log_softmax, 0.0)):
        assert isinstance(f(3.0, axis=axis), np.float64)
        x = Tensor(3.0, requires_grad=True)
        z = f(x, axis=axis)
        z.sum().backward()
        assert z.item() == y and x.grad == 0.0 and x.grad.shape == ()
