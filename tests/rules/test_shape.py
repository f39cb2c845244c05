"""Functions that move or repeat elements: what the checks of every row cannot say."""

import inspect

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.errors import OperandError

rng = np.random.default_rng(0)


def weighted(y):
    """A loss that tells every element of `y` apart."""
    return (y * np.arange(1.0, y.size + 1).reshape(y.shape)).sum()


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
def test_ravel_in_every_order_of_an_array_that_lies_row_by_row(order):
    x = Tensor(rng.normal(size=(2, 3)), requires_grad=True)
    y = np.ravel(x, order)
    np.testing.assert_array_equal(y.numpy(), x.numpy().ravel(order))
    weighted(y).backward()
    np.testing.assert_array_equal(x.grad, np.arange(1.0, 7).reshape(2, 3, order="F" if order == "F" else "C"))


@pytest.mark.parametrize("call", [lambda x: np.ravel(x, "K"), lambda x: np.reshape(x, -1, order="A")])
def test_the_order_of_memory_is_refused_where_it_matters(call):
    x = Tensor(np.asfortranarray(np.ones((2, 3))), requires_grad=True)
    with pytest.raises(ag.OperandError, match=r"order=.*\(2, 3\).*order='C' or order='F'"):
        call(x)


def test_the_new_shape_by_its_name():
    name = "shape" if "shape" in inspect.signature(np.reshape).parameters else "newshape"  # until NumPy 2.1
    x = Tensor(np.arange(6.0), requires_grad=True)
    y = np.reshape(x, order="F", **{name: (3, 2)})
    weighted(y).backward()
    np.testing.assert_array_equal(x.grad, [1, 3, 5, 2, 4, 6])


def test_a_list_given_as_shape_or_axes_can_be_changed_afterwards():
    x = Tensor(np.arange(6.0).reshape(1, 2, 3), requires_grad=True)
    axes = [1, 2, 0]
    y = np.transpose(x, axes)
    axes[:] = 0, 1, 2
    weighted(y).backward()
    np.testing.assert_array_equal(x.grad, np.arange(1.0, 7).reshape(1, 2, 3))

    counts = [1, 0, 2]
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = np.repeat(x, counts)
    counts[:] = 3, 0, 0
    weighted(y).backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 5])


def test_at_least_several_arrays_at_once():
    x, y = Tensor(1.0, requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
        made = function(x, y, 3.0)
        assert isinstance(made, tuple)
        expected = function(1.0, [1.0, 2.0], 3.0)
        assert [part.shape for part in made] == [part.shape for part in expected]
        x.grad = None
        (made[0] * 2).sum().backward()
        assert x.grad == 2.0


def test_broadcasting_sums_over_every_new_axis():
    x = Tensor(np.ones((3, 1)), requires_grad=True)
    weighted(np.broadcast_to(x, (2, 3, 2))).backward()
    np.testing.assert_array_equal(x.grad, np.arange(1.0, 13).reshape(2, 3, 2).sum(axis=(0, 2))[:, None])


def test_arrays_broadcast_against_a_tensor_stay_arrays():
    x = Tensor([1.0, 2.0], requires_grad=True)
    a, b = np.broadcast_arrays(x, np.ones((3, 1)))
    assert isinstance(a, Tensor) and isinstance(b, np.ndarray) and a.shape == b.shape == (3, 2)


def test_shape_ndim_and_size_are_plain():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6
    assert np.result_type(x, np.float32) == np.float64
    assert np.array_str(x) == np.array_str(np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [int, np.int8, bool])
def test_a_cast_to_integers_has_no_gradient(dtype):
    x = Tensor([1.5, 2.5], requires_grad=True)
    y = x.astype(dtype)
    assert not y.requires_grad and y.dtype == dtype
    (x * y).sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([1.5, 2.5]).astype(dtype))


def test_a_cast_keeps_the_gradient_in_the_dtype_of_its_leaf():
    x = Tensor(np.array([1.5, 2.5], np.float32), requires_grad=True)
    y = np.astype(x, np.float64)
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [3, 5])


def test_resize_reads_round_and_round():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = np.resize(x, (2, 4))
    np.testing.assert_array_equal(y.numpy(), np.resize([1.0, 2.0, 3.0], (2, 4)))
    weighted(y).backward()
    np.testing.assert_array_equal(x.grad, [1 + 4 + 7, 2 + 5 + 8, 3 + 6])
    assert np.resize(Tensor(np.ones(0)), (2,)).tolist() == [0, 0]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.reshape(x, (4, 2)),
        lambda x: np.transpose(x, (0, 0)),
        lambda x: np.swapaxes(x, 0, 5),
        lambda x: np.squeeze(x, 0),
        lambda x: np.broadcast_to(x, (2, 4)),
        lambda x: np.flip(x, 3),
        lambda x: np.repeat(x, [1, 2, 3], axis=0),
        lambda x: np.moveaxis(x, 0, 4),
    ],
)
def test_errors_name_the_operation_and_the_shape(call):
    with pytest.raises(ag.OperandError, match=r"^\w+: .*\(2, 3\)"):
        call(Tensor(np.ones((2, 3)), requires_grad=True))


# --- constants and evenly spaced numbers -----------------------------------------------------------------------------


def test_constants_in_the_shape_of_a_tensor_are_tensors_without_gradient():
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for function, value in ((np.zeros_like, 0.0), (np.ones_like, 1.0)):
        made = function(x)
        assert isinstance(made, Tensor) and not made.requires_grad
        assert made.dtype == np.float32 and (made.numpy() == value).all()
        assert function(x, dtype=float, shape=(4,)).shape == (4,)
    made = np.empty_like(x)
    made[...] = x * 2  # so that a program that fills an array works unchanged
    made.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))


def test_full_like_keeps_the_gradient_of_its_value():
    x, w = Tensor(np.ones((2, 3))), Tensor([1.0, 2.0, 3.0], requires_grad=True)
    np.full_like(x, w).sum().backward()
    np.testing.assert_array_equal(w.grad, [2, 2, 2])
    with pytest.raises(ag.OperandError, match="without loss"):
        np.full_like(Tensor([1, 2, 3]), w)


def test_spaced_numbers_end_where_they_should():
    start, stop = Tensor(0.1, requires_grad=True), Tensor(0.7, requires_grad=True)
    y = np.linspace(start, stop, 7)
    assert y[0].item() == 0.1 and y[-1].item() == 0.7
    np.testing.assert_array_equal(y.numpy(), np.linspace(0.1, 0.7, 7))
    y, step = np.linspace(start, stop, 7, retstep=True)
    step.backward()
    assert start.grad == pytest.approx(-1 / 6) and stop.grad == pytest.approx(1 / 6)
    np.testing.assert_allclose(np.logspace(start, stop, 5).numpy(), np.logspace(0.1, 0.7, 5))
    np.testing.assert_allclose(np.geomspace(-start, -stop, 5).numpy(), np.geomspace(-0.1, -0.7, 5))
    with pytest.raises(ag.OperandError, match="zero"):
        np.geomspace(start, 0.0, 3)
    with pytest.raises(ag.OperandError, match="must not be negative"):
        np.linspace(start, stop, -1)


def test_meshgrid_of_tensors():
    x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0, 5.0], requires_grad=True)
    for indexing in ("xy", "ij"):
        for sparse in (False, True):
            made = np.meshgrid(x, y, indexing=indexing, sparse=sparse)
            expected = np.meshgrid(x.numpy(), y.numpy(), indexing=indexing, sparse=sparse)
            assert isinstance(made, tuple)
            for got, want in zip(made, expected, strict=True):
                np.testing.assert_array_equal(got.numpy(), want)
    (made[0] * made[1]).sum().backward()
    np.testing.assert_array_equal(x.grad, [12, 12])
    with pytest.raises(ag.OperandError, match="'xy' or 'ij'"):
        np.meshgrid(x, y, indexing="zz")


# --- functions along axes ---


def test_a_function_of_lines():
    x = Tensor(rng.normal(size=(2, 3, 4)), requires_grad=True)

    def outer(line):
        return np.stack([line, 2 * line])

    for axis in (0, 1, -1):
        y = np.apply_along_axis(outer, axis, x)
        np.testing.assert_array_equal(y.numpy(), np.apply_along_axis(outer, axis, x.numpy()))
        x.grad = None
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, np.full((2, 3, 4), 3.0))
    with pytest.raises(ag.OperandError, match="no line"):
        np.apply_along_axis(np.sum, 0, Tensor(np.ones((2, 0)), requires_grad=True))


def test_vectorize_is_refused():
    with pytest.raises(ag.DetachedError):
        np.vectorize(lambda a: 2 * a)(Tensor([1.0], requires_grad=True))


def test_unwrap_shifts_by_whole_periods():
    x = Tensor([0.0, 3.0, 6.5, 1.0], requires_grad=True)
    y = np.unwrap(x)
    np.testing.assert_array_equal(y.numpy(), np.unwrap(x.numpy()))
    weighted(y).backward()
    np.testing.assert_array_equal(x.grad, [1, 2, 3, 4])


@pytest.mark.parametrize("dtype", [int, bool, np.uint8])
def test_no_gradient_flows_to_integers(dtype):
    x = Tensor([1.0, 2.0], requires_grad=True)
    whole = x.astype(dtype)
    assert not whole.requires_grad
    (whole * x).sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([1.0, 2.0]).astype(dtype))


@pytest.mark.parametrize("axes", [(1, 2, 0), ((1, 2, 0),), ([1, -1, 0],), (np.array([1, 2, 0]),), (None,), ()])
def test_the_method_transpose_takes_its_axes_in_every_form_of_numpys(axes):
    x, w = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    t = Tensor(x, requires_grad=True)
    y = t.transpose(*axes)
    assert np.array_equal(y.numpy(), x.transpose(*axes))
    (y * w.transpose(*axes)).sum().backward()
    assert np.array_equal(t.grad, w)


@pytest.mark.parametrize("axes", [(1.5,), ("a",), (0, 0, 1), (0, 1)])
def test_the_method_transpose_refuses_other_axes(axes):
    with pytest.raises(OperandError, match=r"^transpose: operands of shape \(2, 3, 4\), axes="):
        Tensor(np.ones((2, 3, 4)), requires_grad=True).transpose(*axes)
    with pytest.raises(OperandError, match=r"^transpose"):
        Tensor(np.ones((2, 3, 4))).transpose(*axes)
