"""Joining and splitting: sequences of Tensors, arrays and numbers in any mixture."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor

rng = np.random.default_rng(0)


def tensors(*shapes):
    return [Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack])
@pytest.mark.parametrize("make", [list, tuple])
def test_a_mixture_of_tensors_arrays_and_lists(join, make):
    (x,) = tensors(3)
    parts = [x, np.arange(3.0), [4.0, 5.0, 6.0], Tensor(np.ones(3))]
    y = join(make(parts))
    assert isinstance(y, Tensor) and y.dtype == np.float64
    np.testing.assert_array_equal(y.numpy(), join([np.asarray(p.numpy() if p is x else p) for p in parts]))
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.numpy())


def test_the_same_tensor_twice():
    (x,) = tensors((2, 2))
    (np.concatenate([x, x, 2 * x]) * np.arange(6.0)[:, None]).sum().backward()
    np.testing.assert_array_equal(x.grad[:, 0], [0 + 2 + 8, 1 + 3 + 10])


def test_the_gradient_has_the_dtype_of_each_part():
    a = Tensor(np.ones(2, np.float32), requires_grad=True)
    b = Tensor(np.ones(2), requires_grad=True)
    y = np.concatenate([a, b])
    assert y.dtype == np.float64
    y.sum().backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64


def test_dtype_and_casting_are_numpys():
    (x,) = tensors(2)
    assert np.concatenate([x, x], dtype=np.float32).dtype == np.float32
    assert np.stack([x, x], dtype=np.float32).dtype == np.float32
    with pytest.raises(ag.OperandError, match="cast"):
        np.concatenate([x, x], dtype=int)


def test_thousands_of_scalars():
    leaves = [Tensor(float(i), requires_grad=True) for i in range(3000)]
    y = np.stack(leaves)
    (y * np.arange(3000.0)).sum().backward()
    assert [leaf.grad.item() for leaf in leaves[::1000]] == [0, 1000, 2000]


def test_blocks_of_mixed_depth():
    a, b = tensors((2, 2), 2)
    y = np.block([[a, np.ones((2, 1))], [b, 3.0]])
    np.testing.assert_array_equal(y.numpy(), np.block([[a.numpy(), np.ones((2, 1))], [b.numpy(), 3.0]]))
    (y * y).sum().backward()
    np.testing.assert_allclose(a.grad, 2 * a.numpy())
    np.testing.assert_allclose(b.grad, 2 * b.numpy())
    with pytest.raises(ag.OperandError, match=r"block.*depth"):
        np.block([[a], b])


def test_a_block_of_one_tensor_is_a_copy():
    (a,) = tensors((2, 2))
    assert np.block(a) is not a


@pytest.mark.parametrize("function", [np.split, np.array_split])
def test_parts_of_a_split(function):
    (x,) = tensors((6, 2))
    parts = function(x, 3)
    assert isinstance(parts, list) and [part.shape for part in parts] == [(2, 2)] * 3
    sum(k * part.sum() for k, part in enumerate(parts)).backward()
    np.testing.assert_array_equal(x.grad[:, 0], [0, 0, 1, 1, 2, 2])


def test_uneven_splits():
    (x,) = tensors(7)
    assert [part.size for part in np.array_split(x, 3)] == [3, 2, 2]
    with pytest.raises(ag.OperandError, match=r"split: axis 0 .*\(7,\).*np\.array_split"):
        np.split(x, 3)
    with pytest.raises(ag.OperandError, match="larger than 0"):
        np.array_split(x, 0)


@pytest.mark.parametrize(("function", "shape"), [(np.vsplit, (4,)), (np.dsplit, (4, 4))])
def test_a_split_along_a_missing_axis(function, shape):
    (x,) = tensors(shape)
    with pytest.raises(ag.OperandError, match="no axis"):
        function(x, 2)


@pytest.mark.skipif(not hasattr(np, "unstack"), reason="np.unstack is from NumPy 2.1 on")
def test_unstack_undoes_stack():
    (x,) = tensors((2, 3))
    for axis in (0, 1, -1):
        parts = np.unstack(x, axis=axis)
        assert isinstance(parts, tuple)
        np.testing.assert_array_equal(np.stack(parts, axis=axis).numpy(), x.numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.concatenate([x, x], axis=2), r"\(2, 3\), \(2, 3\).*axis 2.*np\.stack"),
        (lambda x: np.concatenate([x[0, 0], x[0, 1]]), r"\(\), \(\).*np\.stack"),
        (lambda x: np.concatenate([x, np.ones((2, 2))]), r"\(2, 3\), \(2, 2\)"),
        (lambda x: np.stack([x, x[0]]), r"\(2, 3\), \(3,\)"),
        (lambda x: np.stack([x, x], axis=5), "axis"),
        (lambda x: np.vstack([x, np.ones(2)]), r"\(2, 3\), \(1, 2\)"),
    ],
)
def test_what_does_not_fit_names_the_shapes(call, message):
    (x,) = tensors((2, 3))
    with pytest.raises(ag.OperandError, match=message):
        call(x)


def test_tensors_in_nested_lists_are_joined_too():
    (x,) = tensors(2)
    y = np.stack([x, [x[1], x[0] * 3.0]])
    y.backward(np.array([[1.0, 10.0], [100.0, 1000.0]]))
    np.testing.assert_array_equal(x.grad, [1.0 + 3000.0, 10.0 + 100.0])
