"""Windows and margins: sliding windows, what is made of them, and every mode of `np.pad`."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import autograd_lite as ag
from autograd_lite import Tensor

rng = np.random.default_rng(0)


def test_an_element_gets_the_gradient_of_every_window_it_stands_in():
    x = Tensor(np.zeros((4, 5)), requires_grad=True)
    sliding_window_view(x, (2, 3)).sum().backward()
    np.testing.assert_array_equal(x.grad, np.outer([1, 2, 2, 1], [1, 2, 3, 2, 1]))


@given(st.data())
def test_windows_against_reading_by_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=5))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=len(shape), unique=True).map(tuple))
    window = tuple(data.draw(st.integers(1, shape[axis])) for axis in axes)
    array = rng.normal(size=shape)
    places = sliding_window_view(np.arange(array.size).reshape(shape), window, axes)
    weights = rng.normal(size=places.shape)
    gradients = []
    for read in (lambda x: sliding_window_view(x, window, axes), lambda x: np.ravel(x)[places]):
        x = Tensor(array, requires_grad=True)
        y = read(x)
        np.testing.assert_array_equal(y.numpy(), sliding_window_view(array, window, axes))
        (weights * y * y).sum().backward(create_graph=True)
        first, x.grad = x.grad, None
        (first * array).sum().backward()
        gradients.append((first.numpy(), x.grad))
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-12)


def test_a_convolution_from_windows():
    images, filters = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(4, 3, 3, 2))
    x, w = Tensor(images, requires_grad=True), Tensor(filters, requires_grad=True)
    y = np.einsum("nchwij,fcij->nfhw", sliding_window_view(x, (3, 2), axis=(2, 3)), w)
    g = rng.normal(size=y.shape)
    (y * g).sum().backward()
    dx, dw = np.zeros(images.shape), np.zeros(filters.shape)
    for i in range(3):
        for j in range(2):
            part = images[:, :, i : i + 4, j : j + 4]
            dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", g, part)
            dx[:, :, i : i + 4, j : j + 4] += np.einsum("nfhw,fc->nchw", g, filters[:, :, i, j])
    np.testing.assert_allclose(x.grad, dx, rtol=1e-10)
    np.testing.assert_allclose(w.grad, dw, rtol=1e-10)


def test_max_pooling_from_windows():
    x = Tensor(rng.permutation(16.0 + np.arange(16)).reshape(4, 4), requires_grad=True)
    sliding_window_view(x, (2, 2))[::2, ::2].max(axis=(-2, -1)).sum().backward()
    blocks = x.numpy().reshape(2, 2, 2, 2).swapaxes(1, 2)
    expected = (blocks == blocks.max(axis=(-2, -1), keepdims=True)).swapaxes(1, 2).reshape(4, 4)
    np.testing.assert_array_equal(x.grad, expected)


def test_windows_larger_than_the_array_name_the_shape():
    with pytest.raises(ag.OperandError, match=r"sliding_window_view: .*\(3,\)"):
        sliding_window_view(Tensor(np.ones(3), requires_grad=True), 4)


def test_strides_of_ones_own_are_refused():
    with pytest.raises(ag.DetachedError):
        as_strided(Tensor(np.ones(3), requires_grad=True), (2, 2), (8, 8))


# --- margins ----------------------------------------------------------------------------------------------------------

MODES = [
    ("constant", {}),
    ("constant", {"constant_values": 2.0}),
    ("constant", {"constant_values": (1.0, -1.0)}),
    ("edge", {}),
    ("wrap", {}),
    ("reflect", {}),
    ("reflect", {"reflect_type": "odd"}),
    ("symmetric", {}),
    ("symmetric", {"reflect_type": "odd"}),
    ("linear_ramp", {}),
    ("linear_ramp", {"end_values": (1.0, -1.0)}),
    ("mean", {}),
    ("mean", {"stat_length": 2}),
    ("maximum", {}),
    ("maximum", {"stat_length": (1, 2)}),
    ("minimum", {}),
]


@pytest.mark.parametrize(("mode", "options"), MODES, ids=str)
@given(data=st.data())
def test_every_mode_pads_as_numpy_does(mode, options, data):
    """As the margin is linear in the array (by pieces), its gradient is found by padding the unit vectors."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=4))
    widths = [data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9))) for _ in shape]
    array = rng.permutation(np.arange(1.0, np.prod(shape) + 1)).reshape(shape)
    x = Tensor(array, requires_grad=True)
    y = np.pad(x, widths, mode, **options)
    expected = np.pad(array, widths, mode, **options)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)
    weights = rng.normal(size=y.shape)
    (weights * y).sum().backward()
    step = 1e-3
    slope = np.zeros(shape)
    for index in np.ndindex(shape):
        moved = array.copy()
        moved[index] += step
        slope[index] = (weights * (np.pad(moved, widths, mode, **options) - expected)).sum() / step
    np.testing.assert_allclose(x.grad, slope, atol=1e-8)


def test_a_ramp_from_a_tensor_of_double_precision_stays_in_the_precision_of_the_array():
    x, end = Tensor(np.ones(2, np.float32), requires_grad=True), Tensor(3.0, requires_grad=True)
    y = np.pad(x, 1, "linear_ramp", end_values=end)
    assert y.dtype == np.float32 and y.tolist() == [3.0, 1.0, 1.0, 3.0]
    y.sum().backward()
    assert end.grad == 2.0 and end.grad.dtype == np.float64 and x.grad.dtype == np.float32


@pytest.mark.parametrize("form", ["one", "pair", "list", "pairs", "mixed", "columns"])
@pytest.mark.parametrize("mode", ["constant", "linear_ramp"])
def test_margins_given_by_tensors(form, mode):
    array, numbers = rng.normal(size=(2, 3)), rng.normal(size=(2, 2))

    def given_as(v):
        return {
            "one": v[0, 0],
            "pair": v[0],
            "list": [v[0, 0], v[0, 1]],
            "pairs": v,
            "mixed": ((v[0, 0], 1.0), (2.0, v[1, 1])),
            "columns": [[v[0, 0]], [v[1, 0]]],
        }[form]

    name = "constant_values" if mode == "constant" else "end_values"
    weights = rng.normal(size=(5, 6))

    def loss(x, v):
        y = np.pad(x, ((1, 2), (2, 1)), mode, **{name: given_as(v)})
        return (weights * y * y).sum(), y

    x, v = Tensor(array, requires_grad=True), Tensor(numbers, requires_grad=True)
    value, y = loss(x, v)
    np.testing.assert_allclose(y.numpy(), loss(array, numbers)[1])
    value.backward()
    for tensor, place in ((x, 0), (v, 1)):
        for index in np.ndindex(tensor.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [array.copy(), numbers.copy()]
                moved[place][index] += step
                ends.append(loss(*moved)[0])
            assert tensor.grad[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)


def test_widths_by_axis():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    y = np.pad(x, {1: (1, 2), -2: 1})
    np.testing.assert_array_equal(y.numpy(), np.pad(np.ones((2, 3)), ((1, 1), (1, 2))))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((1, "empty"), {}, ag.NotDifferentiableError, "'empty'.*'constant'"),
        ((1, lambda *a: None), {}, ag.NotDifferentiableError, "np.concatenate"),
        ((1, "nonsense"), {}, ag.OperandError, "'nonsense' is unknown.*reflect"),
        ((1, "edge"), {"reflect_type": "odd"}, ag.OperandError, "does not take reflect_type"),
        ((-1,), {}, ag.OperandError, "not negative"),
        ((1.5,), {}, ag.OperandError, "integers"),
        ((1, "reflect"), {"reflect_type": "strange"}, ag.OperandError, "'even' or 'odd'"),
        ((1, "maximum"), {"stat_length": 0}, ag.OperandError, "at least 1"),
    ],
)
def test_what_pad_refuses(arguments, options, error, message):
    with pytest.raises(error, match=message):
        np.pad(Tensor(np.ones(3), requires_grad=True), *arguments, **options)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum", "median"])
def test_an_empty_array_is_padded_along_the_axes_that_have_a_length_only(mode):
    x, widths = np.zeros((2, 0)), ((1, 2), (0, 0))
    y = np.pad(Tensor(x, requires_grad=True), widths, mode)
    np.testing.assert_array_equal(y.numpy(), np.pad(x, widths, mode))
    with pytest.raises(ag.OperandError, match=r"axis of length 0 .*\(2, 0\); use mode='constant'"):
        np.pad(Tensor(x, requires_grad=True), 1, mode)
