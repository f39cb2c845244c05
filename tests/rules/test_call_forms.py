"""Call forms that the samples of the rows do not reach: lists of Tensors, methods' rarer arguments, promotions."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import OperandError, Tensor
from tests.rules.agreement import assert_agrees

rng = np.random.default_rng(21)
X = rng.permutation(np.arange(6) * 0.37 - 1.1).reshape(2, 3)
V, W = rng.normal(size=3), rng.normal(size=3)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda a, b, x: np.append([a, b], x), (V, W, X)),
        (lambda a, b, x: np.append(x, [a, [b[0], 1.0, b[1]]], axis=0), (V, W, X)),
        (lambda a, b, x: np.concatenate([[a, b], x]), (V, W, X)),
        (lambda a, b, x: np.insert(x, 1, [a[0], b[1]], axis=1), (V, W, X)),
        (lambda a, b, x: np.polyval([a[0], 1.0, b[0]], x), (V, W, X)),
        (lambda a, b, x: np.cov(x, [a, b]), (V, W, X)),
        (lambda a, b, x: np.linspace(x[0], [a[0], b[0], a[1]], 4), (V, W, X)),
        (lambda a, b, x: np.meshgrid(x[0], [a[0], b[0]])[1], (V, W, X)),
        (lambda a, b, x: np.select([X > 0], [x], a[0]), (V, W, X)),
    ],
)
def test_a_list_of_tensors_beside_a_tensor_is_stacked(f, inputs):
    for dtype in (np.float64, np.float32):
        typed = [x.astype(dtype) for x in inputs]
        got, want = f(*[Tensor(x, requires_grad=True) for x in typed]), f(*typed)
        assert got.dtype == want.dtype or dtype == np.float32  # Python numbers in a list are in double precision
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)
    for check in (ag.gradcheck, ag.gradgradcheck):
        report = check(f, inputs)
        assert report, report


def test_python_numbers_among_choices_keep_single_precision():
    assert_agrees(lambda x: np.select([X > 1, X > 0], [x, 2.0], 3.0), X)
    assert_agrees(lambda x: np.select([X > 1, X > 0], [2.0, x], 3), X)
    assert_agrees(lambda x: np.choose(X > 0, [x, 0.5]), X)
    assert_agrees(lambda x: np.choose(X > 0, [2, x]), X)


@pytest.mark.parametrize("bins", [4, "auto", "fd", "sturges"])
def test_edges_that_numpy_takes_from_the_data_move_with_it(bins):
    data = np.array([0.1, 0.6, 0.35, 0.9, 0.2])
    assert_agrees(lambda x: np.histogram_bin_edges(x, bins), data)
    assert_agrees(lambda x: np.histogram(x, bins)[1], data)


def test_the_second_derivative_of_a_hermitian_pseudo_inverse_reads_one_triangle():
    a = X.repeat(2, axis=0)[:3] + np.eye(3)
    assert_agrees(lambda a: np.linalg.pinv(a, hermitian=True), a)


def test_polyfit_in_full_has_the_precision_of_its_points():
    x = np.arange(6, dtype=np.float32)
    want = np.polyfit(x, x**2, 1, full=True)
    got = np.polyfit(Tensor(x, requires_grad=True), x**2, 1, full=True)
    assert [np.asarray(part).dtype for part in want[::4]] == [
        part.dtype if isinstance(part, Tensor) else np.asarray(part).dtype for part in got[::4]
    ]


def test_flat_is_indexed_and_assigned_to_as_in_numpy():
    assert_agrees(lambda x: x.flat[2], X)
    assert_agrees(lambda x: x.flat[1:4], X)
    assert_agrees(lambda x: x.flat[[0, 3, 3]], X)
    assert_agrees(lambda x: np.stack([v * v for v in x.flat]), X)

    def assigned(index, value):
        def f(x, v):
            y = x * 1.0
            y.flat[index] = v if value is None else value
            return y * y

        return f

    for index, value in ((1, 5.0), (slice(0, 5), None), ([4, 0, 4], None), (Ellipsis, 2.0), (slice(0, 2), None)):
        assert_agrees(assigned(index, value), X, V)
    assert len(Tensor(X).flat) == 6


def test_one_element_of_flat_takes_one_value():
    x = Tensor(X)
    with pytest.raises((OperandError, ValueError)):
        x.flat[0] = [1.0, 2.0]


def test_values_in_both_arrays_move_with_both():
    assert_agrees(lambda x: np.intersect1d(x, x[0]) ** 2, X)
    assert_agrees(lambda x: np.intersect1d(x[1], x, return_indices=True)[0] ** 2, X)
    a, b = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([3.0, 1.0, 5.0], requires_grad=True)
    found, i, j = np.intersect1d(a, b, return_indices=True)
    found.backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(a.grad, [0.5, 0.0, 5.0])
    np.testing.assert_array_equal(b.grad, [5.0, 0.5, 0.0])
    assert (i.tolist(), j.tolist()) == ([0, 2], [1, 0])
    assert np.intersect1d(Tensor([1, 2]), [2, 3]).dtype.kind == "i"


@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_has_an_axis_to_reduce_as_in_numpy(axis):
    x = np.array(0.7)
    for function in (np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.cumsum):
        assert_agrees(lambda x, f=function: f(x, axis=axis) * x, x)
    for ufunc in (np.add, np.multiply, np.maximum, np.logaddexp):
        assert_agrees(lambda x, f=ufunc: f.reduce(x, axis=axis) * x, x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.repeat(x, []),
        lambda x: np.repeat(x.reshape(3, 0), [], axis=1),
        lambda x: np.apply_along_axis(lambda line: line * 2, 0, x),
        lambda x: np.apply_along_axis(np.cumsum, 1, x.reshape(3, 0)),
        lambda x: np.quantile(x.reshape(0, 4), [0.2, 0.5], axis=1),
        lambda x: np.percentile(x.reshape(0, 4), 20, axis=-1, keepdims=True),
        lambda x: np.quantile(x.reshape(0, 4), 0.2, axis=1, method="inverted_cdf", weights=np.ones((0, 4))),
    ],
)
def test_lines_without_elements_and_no_lines_at_all(f):
    x = Tensor(np.zeros(0), requires_grad=True)
    y = f(x)
    assert (y.shape, y.dtype) == (f(np.zeros(0)).shape, float)
    y.sum().backward()
    assert x.grad.shape == (0,)


def test_shapes_that_numpy_refuses_are_refused():
    with pytest.raises(OperandError, match=r"diag: a Tensor of shape \(2, 3, 4\)"):
        np.diag(Tensor(np.ones((2, 3, 4)), requires_grad=True))
    with pytest.raises(OperandError, match=r"resize: new_shape=\(2, -1\)"):
        np.resize(Tensor(np.ones(4), requires_grad=True), (2, -1))


@pytest.mark.parametrize("axis", [0, 1, -1, 2])
@pytest.mark.parametrize("num", [1, 3])
def test_the_axis_of_geomspace_is_one_of_both_ends_together(num, axis):
    low, high = np.array([1.0, 2.0]), np.array([[3.0, 4.0], [6.0, 5.0], [2.5, 7.0]])
    assert_agrees(lambda low, high: np.geomspace(low, high, num, axis=axis), low, high)
    assert_agrees(lambda high, low: np.geomspace(high, low, num, axis=axis, endpoint=False), high, low)


def test_geomspace_without_such_an_axis_is_refused():
    with pytest.raises(OperandError, match="axis 2 is out of bounds"):
        np.geomspace(Tensor(1.0, requires_grad=True), np.array([2.0]), 3, axis=2)


@pytest.mark.skipif(not hasattr(np, "unstack"), reason="reshape has copy= from NumPy 2.1 on")
def test_reshape_takes_copy():
    assert_agrees(lambda x: x.reshape(3, 2, copy=True), X)


def test_methods_take_all_of_numpys_arguments():
    assert_agrees(lambda x: x.reshape((3, 2), order="F"), X)
    assert_agrees(lambda x: x.astype(np.float64, order="C", casting="same_kind", subok=False, copy=True), X)
