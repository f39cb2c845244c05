"""The ways to call a ufunc: where=, out=, dtype=, and its methods."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import DetachedError, InPlaceError, NotDifferentiableError, OperandError, Tensor


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return Tensor(data, requires_grad=True, dtype=dtype)


def gradient(f: Callable[[Tensor], Tensor], data: Any) -> list[Any]:
    x = leaf(data)
    np.sum(f(x)).backward()
    return x.grad.tolist()


# --- out= ------------------------------------------------------------------------------------------------------


def test_out_none_is_no_out() -> None:
    assert gradient(lambda x: np.add(x, 1, None), [1.0]) == [1.0]
    assert gradient(lambda x: np.multiply(x, 2, out=None, where=True), [1.0]) == [2.0]
    assert gradient(lambda x: np.multiply(x, 2, out=(None,)), [1.0]) == [2.0]


def test_an_array_cannot_take_a_tensor_in_place() -> None:
    total = np.zeros(2)
    with pytest.raises(DetachedError, match=r"add: .*\(2,\).* a = a \+ t"):
        total += leaf([1.0, 2.0])
    with pytest.raises(DetachedError, match="lose its gradient"):
        np.exp(leaf([1.0, 2.0]), out=total)
    with pytest.raises(DetachedError, match="lose its gradient"):
        np.divmod(leaf([1.0, 2.0]), 2, out=(None, total))
    with pytest.raises(DetachedError, match="lose its gradient"):
        np.add.reduce(leaf([[1.0, 2.0]]), out=total)
    assert total.tolist() == [0.0, 0.0]


def test_an_array_takes_a_tensor_without_gradient() -> None:
    total = np.zeros(2)
    total += Tensor([1.0, 2.0])
    with ag.no_grad():
        total += leaf([1.0, 2.0])
        np.add.reduce(leaf([[1.0, 2.0]]), out=(rows := np.zeros(2)))
        np.add.accumulate(leaf([1.0, 2.0]), out=(sums := np.zeros(2)))
    assert type(total) is np.ndarray
    assert total.tolist() == [2.0, 4.0]
    assert rows.tolist() == [1.0, 2.0]
    assert sums.tolist() == [1.0, 3.0]


def test_a_tensor_given_as_out_becomes_the_result() -> None:
    x, out = leaf([1.0, 2.0]), Tensor([0.0, 0.0])
    assert np.multiply(x, 3.0, out=out) is out
    np.sum(out**2).backward()
    assert x.grad.tolist() == [18.0, 36.0]
    plain = Tensor([0.0, 0.0])
    np.add(np.ones(2), 1, out=plain)
    assert plain.tolist() == [2.0, 2.0]


def test_out_keeps_its_shape_and_its_leaf() -> None:
    with pytest.raises(OperandError, match="shape"):
        np.add(leaf([1.0, 2.0]), 1, out=Tensor([0.0]))
    with pytest.raises(InPlaceError, match="leaf"):
        np.add(leaf([1.0, 2.0]), 1, out=leaf([0.0, 0.0]))


# --- where= ----------------------------------------------------------------------------------------------------


def test_where_computes_only_the_selected_elements() -> None:
    x = leaf([-1.0, 0.0, 4.0])
    y = np.log(x, where=x > 0)  # a logarithm of the others would warn, and its gradient be NaN
    np.testing.assert_allclose(y.numpy(), [0, 0, np.log(4)])
    np.sum(y).backward(create_graph=True)
    first = x.grad
    assert first.tolist() == [0.0, 0.0, 0.25]
    x.grad = None
    np.sum(first).backward()
    assert x.grad.tolist() == [0.0, 0.0, -1 / 16]


def test_where_leaves_the_other_elements_of_out() -> None:
    x, out = leaf([2.0, 3.0]), leaf([5.0, 7.0])
    kept = out * 1
    np.sum(np.multiply(x, x, out=kept, where=[True, False]) * np.array([1, 10])).backward()
    assert kept.tolist() == [4.0, 7.0]
    assert x.grad.tolist() == [4.0, 0.0]
    assert out.grad.tolist() == [0.0, 10.0]


def test_the_usual_division_with_where_and_zeros_like() -> None:
    a, b = leaf([1.0, 2.0]), leaf([0.0, 4.0])
    y = np.divide(a, b, out=np.zeros_like(a), where=b != 0)
    assert y.tolist() == [0.0, 0.5]
    np.sum(y).backward()
    assert a.grad.tolist() == [0.0, 0.25]
    assert b.grad.tolist() == [0.0, -0.125]


def test_where_broadcasts_with_the_operands() -> None:
    x = leaf([1.0, 2.0])
    y = np.add(x, np.zeros((3, 1)), where=np.array([[True], [False], [True]]))
    assert y.tolist() == [[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]]
    np.sum(y).backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_where_of_single_numbers() -> None:
    x = leaf(4.0)
    y = np.sqrt(x, where=True) + np.log(x - 4, where=False) + np.log(x - 4, where=np.array([False, False]))
    assert y.tolist() == [2.0, 2.0]
    np.sum(y).backward()
    assert x.grad.tolist() == 0.5


def test_out_may_be_larger_than_the_operands() -> None:
    x, out = leaf([2.0]), Tensor(np.zeros((2, 3)))
    np.sum(np.multiply(x, 5.0, out=out)).backward()
    assert out.shape == (2, 3)
    assert x.grad.tolist() == [30.0]


def test_where_takes_a_mask_only() -> None:
    with pytest.raises(OperandError, match=r"where=.*\(2,\).*mask"):
        np.add(leaf([1.0, 2.0]), 1, where=np.array([1.0, 0.0]))


def test_where_of_several_outputs() -> None:
    x = leaf([7.0, 9.0])
    quotient, rest = np.divmod(x, 4.0, where=[True, False])
    assert (quotient.tolist(), rest.tolist()) == ([1.0, 0.0], [3.0, 0.0])
    np.sum(rest).backward()
    assert x.grad.tolist() == [1.0, 0.0]


def test_round_does_not_write_into_an_array_either() -> None:
    assert np.round(leaf([1.25]), 1, None).tolist() == [1.2]
    with pytest.raises(InPlaceError, match="round"):
        np.round(leaf([1.25]), 1, np.zeros(1))


def test_clip_takes_the_forms_of_a_ufunc() -> None:
    x = leaf([-3.0, 3.0])
    y = np.clip(x, -1, 1, dtype=np.float32, casting="same_kind")
    assert y.dtype == np.float32
    np.sum(y + np.clip(x, None, 5, where=[True, True])).backward()
    assert x.grad.tolist() == [1.0, 1.0]


# --- dtype= and casting= ---------------------------------------------------------------------------------------


def test_dtype_sets_the_precision_of_the_computation() -> None:
    x = leaf([0.1, 0.2], np.float32)
    y = np.multiply(x, np.float32([0.1, 0.2]), dtype=np.float64)
    want = np.multiply(x.numpy(), np.float32([0.1, 0.2]), dtype=np.float64)
    assert y.dtype == float
    assert y.tolist() == want.tolist()
    np.sum(y).backward()
    assert x.grad.dtype == np.float32
    assert np.exp(leaf([1.0]), dtype="f4").dtype == np.float32
    assert np.ldexp(leaf([1.0]), np.array([3]), dtype=np.float32).tolist() == [8.0]
    assert np.greater(leaf([1.0]), 0, dtype=bool).tolist() == [True]


def test_dtype_obeys_casting() -> None:
    with pytest.raises(OperandError, match="cannot be cast from float64 to dtype=int64"):
        np.add(leaf([1.0]), 1, dtype=int)
    with pytest.raises(OperandError, match="casting='safe'"):
        np.add(leaf([1.0]), 1, dtype=np.float32, casting="safe")


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(OperandError, match="signature="):
        np.add(leaf([1.0]), 1, signature="ff->f")


def test_a_ufunc_without_a_row_is_refused_or_computed_plainly() -> None:
    double = np.frompyfunc(lambda x: 2 * x, 1, 1)
    with pytest.raises(NotDifferentiableError, match=r"\(1,\).*ag.custom"):
        double(leaf([1.0]))
    assert double(Tensor([1.0])).tolist() == [2.0]


# --- methods ---------------------------------------------------------------------------------------------------


def test_the_axis_of_a_reduction_is_0_unless_given() -> None:
    x = leaf(np.arange(6.0).reshape(2, 3))
    for ufunc in (np.add, np.multiply, np.maximum, np.logaddexp, np.subtract):
        assert ufunc.reduce(x).shape == (3,)
        np.testing.assert_allclose(ufunc.reduce(x, -1).numpy(), ufunc.reduce(x.numpy(), -1))


def test_ties_of_maximum_reduce_and_accumulate_share_equally() -> None:
    assert gradient(np.maximum.reduce, [3.0, 1.0, 3.0, 3.0]) == [1 / 3, 0.0, 1 / 3, 1 / 3]
    x = leaf([3.0, 1.0, 3.0, 3.0, 4.0])
    y = np.maximum.accumulate(x)
    assert y.tolist() == [3.0, 3.0, 3.0, 3.0, 4.0]
    y.backward(np.array([0.0, 0.0, 0.0, 3.0, 5.0]))
    assert x.grad.tolist() == [1.0, 0.0, 1.0, 1.0, 5.0]


def test_logaddexp_reduce_does_not_overflow() -> None:
    np.testing.assert_allclose(gradient(np.logaddexp.reduce, [1000.0, 1000.0, 0.0]), [0.5, 0.5, 0])
    assert np.logaddexp.reduce(leaf([])).tolist() == -np.inf


def test_where_and_initial_of_a_fold() -> None:
    x = leaf([2.0, 3.0, 5.0])
    y = np.hypot.reduce(x, initial=4.0, where=[False, True, False])
    assert y.item() == 5.0
    y.backward()
    np.testing.assert_allclose(x.grad, [0, 0.6, 0])


def test_a_reduction_that_numpy_refuses_is_refused() -> None:
    with pytest.raises(OperandError, match=r"max: .*no identity"):
        np.maximum.reduce(leaf([]))
    with pytest.raises(OperandError, match=r"subtract\.reduce: .*not reorderable"):
        np.subtract.reduce(leaf([[1.0]]), axis=(0, 1))
    with pytest.raises(OperandError, match=r"subtract\.reduce: .*axis 2"):
        np.subtract.reduce(leaf([1.0]), axis=2)


def test_outer_of_a_tensor_and_an_array() -> None:
    x = leaf([1.0, 2.0])
    y = np.multiply.outer(np.array([[1.0, 10.0]]), x)
    assert y.shape == (1, 2, 2)
    np.sum(y).backward()
    assert x.grad.tolist() == [11.0, 11.0]
    assert np.subtract.outer(x, 1.0).tolist() == [0.0, 1.0]


def test_at_counts_repeated_indices() -> None:
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0, 30.0])
    y = x * 1
    np.add.at(y, [0, 2, 0], v)
    assert y.tolist() == [41.0, 2.0, 23.0]
    np.sum(y * np.array([1.0, 5.0, 7.0])).backward()
    assert x.grad.tolist() == [1.0, 5.0, 7.0]
    assert v.grad.tolist() == [1.0, 7.0, 1.0]


def test_indices_and_masks_may_change_after_the_call() -> None:
    x, index, mask = leaf([1.0, 2.0]), [1], np.array([True, False])
    y = x * 1
    np.add.at(y, index, x[:1])
    y = np.multiply(y, 2, where=mask)
    np.multiply.at(y, [], 5.0)
    index[0], mask[:] = 0, False
    np.sum(y).backward()
    assert x.grad.tolist() == [2.0, 0.0]


def test_multiply_at_with_repeated_indices_is_the_product() -> None:
    x, v = leaf([2.0, 3.0]), leaf([5.0, 7.0, 0.0])
    y = x * 1
    np.multiply.at(y, np.array([0, 0, 1]), v)
    assert y.tolist() == [70.0, 0.0]
    np.sum(y).backward()
    assert x.grad.tolist() == [35.0, 0.0]
    assert v.grad.tolist() == [14.0, 10.0, 3.0]


def test_at_takes_masks_slices_and_integer_tensors() -> None:
    for index in (np.array([True, False, True]), slice(0, 3, 2), Tensor([0, 2]), (np.array([0, 2]),)):
        y = leaf([1.0, 2.0, 3.0]) * 1
        np.negative.at(y, index)
        assert y.tolist() == [-1.0, 2.0, -3.0]


def test_at_neither_loses_a_leaf_nor_a_gradient() -> None:
    with pytest.raises(InPlaceError, match=r"add\.at.*leaf"):
        np.add.at(leaf([1.0]), [0], 1.0)
    with pytest.raises(DetachedError, match=r"add.at: .*\(1,\).*make the ndarray a Tensor"):
        np.add.at(np.zeros(1), [0], leaf([1.0]))
    target = np.zeros(2)
    np.add.at(target, [1, 1], Tensor([1.0, 2.0]))
    assert target.tolist() == [0.0, 3.0]
    with ag.no_grad():
        np.add.at(parameter := leaf([1.0]), [0], 1.0)
    assert parameter.tolist() == [2.0]


@pytest.mark.parametrize("target", [np.zeros, lambda n: Tensor(np.zeros(n)), lambda n: 1 * leaf(np.zeros(n))])
def test_at_does_not_read_past_the_end_of_values_that_are_repeated(target: Any) -> None:
    index, values = np.array([[0, 0], [1, 0], [1, 0]]), np.array([1.0, 10.0])
    np.add.at(total := target(2), index, Tensor(values))
    assert total.tolist() == [31.0, 2.0]
    np.subtract.at(total := target(2), index, Tensor(values))
    assert total.tolist() == [-31.0, -2.0]


def test_one_number_alone_is_combined_with_the_identity_as_numpy_does_it() -> None:
    row = np.array([[-3.0, 2.0]])
    for ufunc in (np.hypot, np.logaddexp, np.subtract):
        np.testing.assert_array_equal(ufunc.reduce(leaf(row)).numpy(), ufunc.reduce(row))
        np.testing.assert_array_equal(ufunc.reduceat(leaf(row), [0, 1], 1).numpy(), ufunc.reduceat(row, [0, 1], 1))
    assert gradient(np.hypot.reduce, [-3.0]) == [-1.0]


def test_the_operands_of_a_method_may_be_given_by_name() -> None:
    x = leaf([[1.0, 2.0], [3.0, 5.0]])
    assert np.add.reduce(array=x, axis=1).tolist() == [3.0, 8.0]
    assert np.add.accumulate(array=x, axis=1).tolist() == [[1.0, 3.0], [3.0, 8.0]]
    assert np.add.reduceat(array=x, indices=[0], axis=1).tolist() == [[3.0], [8.0]]


def test_reduceat_takes_single_elements_where_the_indices_do_not_rise() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0])
    y = np.multiply.reduceat(x, [2, 1, 0])
    assert y.tolist() == np.multiply.reduceat(x.numpy(), [2, 1, 0]).tolist() == [3.0, 2.0, 24.0]
    np.sum(y).backward()
    assert x.grad.tolist() == [24.0, 13.0, 9.0, 6.0]
    with pytest.raises(OperandError, match="reduceat"):
        np.add.reduceat(x, [9])


def test_methods_of_a_ufunc_without_a_derivative_say_so() -> None:
    double = np.frompyfunc(lambda a, b: a + b, 2, 1)
    with pytest.raises(NotDifferentiableError, match=r"accumulate.*\(2,\)"):
        double.accumulate(leaf([1.0, 2.0]))
    x = leaf([1.0]) * 1
    with pytest.raises(NotDifferentiableError, match="at"):
        double.at(x, [0], 1.0)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.power, np.maximum])
@pytest.mark.parametrize("value", [1j, np.array([1j]), Tensor([1j]), Tensor([1j], requires_grad=True)])
def test_at_refuses_values_of_which_a_part_would_be_lost(ufunc, value):
    """The imaginary part was dropped without a word."""
    x = leaf([1.0, 2.0]) * 1.0
    with pytest.raises(OperandError, match=rf"{ufunc.__name__}.at: values of dtype complex.*float64 without loss"):
        ufunc.at(x, [0], value)
    np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])
    whole = Tensor([1, 2])
    with pytest.raises(OperandError, match=r"add\.at: values of dtype float.*int64 without loss"):
        np.add.at(whole, [0], 1.5)


@pytest.mark.parametrize("ufunc", [np.logical_and, np.logical_or, np.logical_xor])
@pytest.mark.parametrize("shape", [(3, 4), (0, 4)])
def test_the_methods_of_a_comparison_give_truths_as_in_numpy(ufunc, shape):
    x = np.arange(12.0).reshape(3, 4)[: shape[0]] % 3 - 1
    calls = [lambda x: ufunc.reduce(x), lambda x: ufunc.reduce(x, axis=1), lambda x: ufunc.accumulate(x, axis=1)]
    for call in [*calls, lambda x: ufunc.reduceat(x, [0, 2, 1], axis=1)]:
        found, expected = call(Tensor(x, requires_grad=True)), call(x)
        assert isinstance(found, Tensor)
        assert (found.dtype, found.requires_grad) == (bool, False)
        np.testing.assert_array_equal(found.numpy(), expected)


def test_the_dtype_of_the_absolute_value_of_complex_numbers_is_that_of_the_result():
    z = np.array([3 + 4j, -5 + 12j])
    t = Tensor(z, requires_grad=True)
    y = np.absolute(t, dtype=np.float64)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.numpy(), [5.0, 13.0])
    y.sum().backward()
    np.testing.assert_allclose(t.grad, z / np.abs(z))
    narrow = np.absolute(t, dtype=np.float32)
    assert narrow.dtype == np.float32
