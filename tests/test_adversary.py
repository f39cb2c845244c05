"""Misuse and odd calls that once went wrong in silence, or failed without saying why."""

import warnings

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor


def parameter(*values, dtype=float):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_a_complex_number_to_the_power_of_a_tensor():
    x = parameter(1.0, 2.0)
    np.real((1 + 2j) ** x).sum().backward()
    np.testing.assert_allclose(x.grad, np.real(np.log(1 + 2j) * (1 + 2j) ** np.array([1.0, 2.0])))


@pytest.mark.parametrize(
    "compute",
    [
        lambda m, x: m * x,
        lambda m, x: m - x,
        lambda m, x: np.ma.exp(x),
        lambda m, x: np.ma.where(m.mask, x, 0.0),
        lambda m, x: np.ma.getdata(x),
    ],
)
def test_functions_of_masked_arrays_do_not_detach_in_silence(compute):
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(ag.DetachedError, match="would lose its gradient"):
        compute(masked, parameter(3.0, 4.0))


@pytest.mark.parametrize(
    "compute", [lambda m, x: x * m, lambda m, x: np.multiply(m, x), lambda m, x: Tensor(m), lambda m, x: x @ m]
)
def test_a_mask_is_not_lost_in_silence(compute):
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(ag.OperandError, match="would lose its mask"):
        compute(masked, parameter(3.0, 4.0))


def test_matrices_that_multiply_differently_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.asmatrix([[1.0, 2.0]])
    x = parameter(3.0, 4.0)
    for compute in (lambda: matrix * x, lambda: x * matrix, lambda: matrix @ x):
        with pytest.raises(ag.OperandError, match=r"np\.asarray"):
            compute()
    assert (Tensor(np.asarray(matrix)) * x).shape == (1, 2)


def test_other_subclasses_of_ndarray_count_as_the_arrays_they_are():
    class Labelled(np.ndarray):
        pass

    x = parameter(3.0, 4.0)
    y = x * np.array([1.0, 2.0]).view(Labelled)
    assert type(y.numpy()) is np.ndarray
    y.sum().backward()
    assert type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])
