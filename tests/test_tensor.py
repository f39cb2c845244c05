"""`Tensor`: construction, conversion, attributes, ownership of arrays, copies."""

import copy
import math
import operator
import pickle
import subprocess
import sys

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.record import Leaf


def test_a_tensor_copies_what_it_is_made_from():
    source = np.array([1.0, 2.0])
    t = Tensor(source)
    source[0] = 9.0
    assert t.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.int32, bool])
def test_dtype_is_kept(dtype):
    assert Tensor(np.ones(2, dtype)).dtype == dtype


def test_python_floats_become_float64_and_integers_stay_integers():
    assert Tensor([1.0, 2]).dtype == np.float64
    assert Tensor([1, 2]).dtype.kind == "i"


def test_repr_reads_like_the_array_it_holds():
    assert repr(Tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(Tensor([1.0], requires_grad=True, name="w")) == "tensor([1.], name='w', requires_grad=True)"
    assert repr(Tensor(np.ones(1, np.float32))) == "tensor([1.], dtype=float32)"
    assert repr(Tensor([1.0], requires_grad=True) * 2) == "tensor([2.], op='multiply')"
    assert repr(Tensor(3.0)) == "tensor(3.)"


def test_item_tolist_and_numpy_leave_the_graph_explicitly():
    t = Tensor([[3.0]], requires_grad=True)
    assert t.item() == 3.0 and isinstance(t.item(), float)
    assert t.tolist() == [[3.0]]
    array = t.numpy()
    array[0, 0] = 7.0
    assert t.item() == 3.0


def test_detach_shares_values_and_stops_the_gradient():
    x = Tensor([2.0], requires_grad=True)
    (x * x.detach()).sum().backward()
    assert x.grad == [2.0]


def test_len_iteration_and_containment():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(t) == 2
    assert [row.tolist() for row in t] == [[1.0, 2.0], [3.0, 4.0]]
    assert 3.0 in t and 5.0 not in t
    assert bool(Tensor([1.0])) and not bool(Tensor(0.0))


def test_tensors_are_hashable_by_identity():
    a, b = Tensor([1.0]), Tensor([1.0])
    assert len({a, b}) == 2


def test_comparisons_are_recorded_as_boolean_tensors():
    x = Tensor([1.0, -1.0], requires_grad=True)
    mask = x > 0
    assert mask.dtype == bool and not mask.requires_grad
    assert mask._node.op.name == "greater"
    assert (x * mask).sum().item() == 1.0


class Measured(Tensor):
    """A Tensor with a unit, which its constructor demands."""

    def __init__(self, data, *, unit, **options):
        super().__init__(data, **options)
        self.unit = unit


def test_copies_of_a_tensor_of_a_subclass_are_of_that_subclass_and_keep_its_attributes():
    t = Measured([1.0, 2.0], unit=["m"], requires_grad=True, name="length")
    (t * t).sum().backward()
    for made in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert type(made) is Measured
        assert (made.unit, made.name, made.requires_grad) == (["m"], "length", True)
        made.grad += 1
        with ag.no_grad():
            made[0] = 5.0
        np.testing.assert_array_equal(t.numpy(), [1.0, 2.0])
        np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    assert copy.deepcopy(t).unit is not t.unit


@pytest.mark.parametrize("requires_grad", [False, True])
def test_deepcopy_and_pickle_of_a_leaf(requires_grad):
    t = Tensor([1.0, 2.0], requires_grad=requires_grad, name="w")
    if requires_grad:
        (t * t).sum().backward()
    for made in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert made.tolist() == t.tolist()
        assert made.name == "w" and made.requires_grad == requires_grad
        if requires_grad:
            assert made.grad.tolist() == t.grad.tolist() and made.grad is not t.grad
        made.data[0] = 8.0
        assert t.tolist() == [1.0, 2.0]


def test_copying_a_result_with_a_graph_is_refused():
    y = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(ag.DetachedError, match="detach"):
        copy.deepcopy(y)
    with pytest.raises(ag.DetachedError, match="detach"):
        pickle.dumps(y)


def test_data_can_be_read_and_set():
    w = Tensor([1.0, 2.0], requires_grad=True)
    w.data -= 0.5
    assert w.tolist() == [0.5, 1.5]
    w.data = w.data * 2
    assert w.tolist() == [1.0, 3.0]
    w.data = [5, 6]
    assert w.dtype == np.float64 and w.requires_grad and w.is_leaf
    with pytest.raises(ag.OperandError, match="shape"):
        w.data = [1.0]


def test_methods_and_numpy_functions_agree():
    t = Tensor([[4.0, 1.0], [2.0, 3.0]])
    assert t.sum(axis=0).tolist() == np.sum(t, axis=0).tolist() == [6.0, 4.0]
    assert t.T.tolist() == t.transpose().tolist() == t.transpose(1, 0).tolist() == [[4.0, 2.0], [1.0, 3.0]]
    assert t.transpose(np.array([1, 0])).tolist() == t.transpose([1, 0]).tolist() == t.T.tolist()
    assert t[0].transpose(np.array(0)).tolist() == t[0].transpose(0).tolist() == [4.0, 1.0]
    assert t.reshape(4).tolist() == t.reshape((4,)).tolist() == t.flatten().tolist()
    assert t.mean().item() == 2.5 and t.max().item() == 4.0
    assert abs(-t).tolist() == t.tolist()


def test_plain_operands_on_either_side():
    t = Tensor([2.0], requires_grad=True)
    array = np.array([3.0])
    for result in (
        t + array,
        array + t,
        t + [3.0],  # noqa: RUF005  # a sum, not a longer list
        [3.0] + t,  # noqa: RUF005
        t + 3,
        3 + t,
        t + np.float64(3.0),
        np.float64(3.0) + t,
    ):
        assert isinstance(result, Tensor) and result.tolist() == [5.0] and result.requires_grad
    assert (array - t).tolist() == [1.0] and (2**t).tolist() == [4.0]
    assert (np.ones((1, 1)) @ t).tolist() == [2.0]


def test_float32_stays_float32_with_python_numbers():
    t = Tensor(np.ones(2, np.float32), requires_grad=True)
    y = ((2 * t + 1) ** 2 / 3).mean()
    assert y.dtype == np.float32
    y.backward()
    assert t.grad.dtype == np.float32


def test_the_gradient_has_the_dtype_of_its_leaf():
    t = Tensor(np.ones(2, np.float32), requires_grad=True)
    (t * np.float64(2.0) * np.ones(2)).sum().backward()
    assert t.grad.dtype == np.float32


def test_float16_and_mixed_precision():
    a = Tensor(np.ones(2, np.float16), requires_grad=True)
    b = Tensor(np.ones(2, np.float64), requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.dtype == np.float16 and b.grad.dtype == np.float64


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("operate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_python_numbers_are_those_that_numpy_would_make_of_them(operate, dtype):
    """Again at the second call, for which they may be remembered: 0.0 and -0.0 are one key, and so are 2 and 2.0."""
    array = np.array([0.0, -0.0, 0.1, -1.5, 3e4], dtype)
    numbers = [0, 0.0, -0.0, 1, 2.0, 2, -3, 0.1, 1 / 3, 16777217, 2**53 + 1, 1e-40, 1e300, -math.inf, math.nan]
    x = Tensor(array, requires_grad=True)
    for number in 2 * numbers:
        for found, expected in [
            (operate(x, number), operate(array, number)),
            (operate(number, x), operate(number, array)),
        ]:
            assert found.dtype == expected.dtype
            assert found.numpy().tobytes() == expected.tobytes(), number
            assert (
                number in [source for source in found._node.inputs if not isinstance(source, Leaf)] or number != number
            )


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">c8"])
def test_numbers_in_the_byte_order_of_another_machine(dtype):
    x = Tensor(np.array(2.0, dtype), requires_grad=True)
    y = x * x
    assert y.dtype == y._node.spec.dtype
    (y * np.array([3.0], dtype)).real.sum().backward()
    assert x.grad == 12.0 and x.grad.dtype == x.dtype == np.dtype(dtype).newbyteorder("=")


class TestChangesBetweenForwardAndBackward:
    """Whatever is changed in between, the gradient belongs to the values that were used."""

    def test_the_source_array(self):
        source = np.array([2.0])
        x = Tensor(source, requires_grad=True)
        y = x * x
        source[0] = 100.0
        y.backward()
        assert x.grad == [4.0]

    @pytest.mark.parametrize("early", [False, True])
    def test_data_of_a_leaf(self, early):
        x, w = Tensor([2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
        held = w.data if early else None
        y = x * w
        (held if early else w.data)[0] = 100.0
        y.backward()
        assert x.grad == [3.0] and w.grad == [2.0]
        assert w.tolist() == [100.0]

    @pytest.mark.parametrize("operation", [np.exp, np.tanh, lambda x: x**2, lambda x: 1 / x, lambda x: x @ x])
    def test_data_of_a_leaf_that_was_lent_before(self, operation):
        x = Tensor([2.0], requires_grad=True)
        held = x.data
        y = operation(x).sum()
        held[0] = 100.0
        y.backward()
        expected = ag.grad(lambda t: operation(t).sum())(np.array([2.0]))
        assert np.allclose(x.grad, expected)

    def test_lent_data_into_which_einsum_has_looked(self):
        x = Tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)
        held = x.data
        diagonal = np.einsum("ii->i", x)
        y = (diagonal * diagonal).sum()
        held[:] = 100.0
        y.backward()
        assert x.grad.tolist() == [[4.0, 0.0], [0.0, 6.0]]
        with pytest.raises(ag.InPlaceError, match="a view of one that was changed"):  # NumPy's shows the new values
            diagonal.tolist()

    def test_data_of_an_intermediate(self):
        x = Tensor([2.0], requires_grad=True)
        h = np.exp(x)
        value = h.item()
        y = h * h
        h.data[0] = 0.0
        y.backward()
        assert np.allclose(x.grad, 2 * value * value)

    def test_an_ndarray_operand(self):
        x, array = Tensor([2.0], requires_grad=True), np.array([3.0])
        for combine in (lambda: x * array, lambda: array * x, lambda: x @ array, lambda: np.dot(array, x)):
            x.grad = None
            array[0] = 3.0
            y = combine().sum()
            array[0] = 100.0
            y.backward()
            assert x.grad == [3.0]

    def test_an_index_array(self):
        x, index = Tensor([1.0, 2.0, 3.0], requires_grad=True), np.array([0, 1])
        y = x[index].sum()
        index[:] = 2
        y.backward()
        assert x.grad.tolist() == [1.0, 1.0, 0.0]

    def test_a_view_of_lent_data(self):
        w = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        held = w.data
        x = Tensor([1.0, 1.0], requires_grad=True)
        y = (w.T @ x).sum()
        held[:] = 0.0
        y.backward()
        assert x.grad.tolist() == [3.0, 7.0]

    def test_a_primitive_that_hands_its_operand_on(self):
        from autograd_lite.rules.reductions import unmoved

        array, x = np.array([3.0]), Tensor([2.0], requires_grad=True)
        lent = Tensor([3.0], requires_grad=True)
        held = lent.data
        for operand, reached in ((array, array), (lent, held)):
            x.grad = None
            y = unmoved(operand, x) * x
            reached[0] = 100.0
            y.backward()
            assert x.grad == [3.0]

    def test_rebinding_data(self):
        x, w = Tensor([2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
        y = x * w
        w.data = np.array([100.0])
        y.backward()
        assert x.grad == [3.0]

    def test_an_update_under_no_grad(self):
        x, w = Tensor([2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
        y = x * w
        with ag.no_grad():
            w -= 1.0
        y.backward()
        assert x.grad == [3.0] and w.tolist() == [2.0] and w.is_leaf and w.requires_grad

    def test_gradients_do_not_share_memory(self):
        a, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
        (a + b).backward(seed := np.array([1.0]))
        a.grad[0] = 9.0
        assert b.grad == [1.0] and seed == [1.0]


def test_in_place_operators_take_over_the_result():
    x = Tensor([1.0, 2.0], requires_grad=True)
    h = x * 2
    alias = h
    h *= 3
    h += 1
    assert alias is h and h.tolist() == [7.0, 13.0]
    h.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_in_place_keeps_the_dtype_and_refuses_what_does_not_fit():
    t = Tensor(np.ones(2, np.float32))
    t += np.ones(2)
    assert t.dtype == np.float32
    integers = Tensor([1, 2])
    with pytest.raises(ag.OperandError, match="dtype"):
        integers += 0.5
    with pytest.raises(ag.OperandError, match="shape"):
        t += np.ones((3, 2))


def test_data_that_starts_to_depend_on_a_parameter_in_place():
    total, w = Tensor([0.0]), Tensor([3.0], requires_grad=True)
    total += w
    total *= w
    total.backward()
    assert w.grad == [6.0]


def test_an_element_or_slice_can_be_changed_in_place():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = x * 1
    h[0] += 10.0
    h[1:] *= x[:2]
    h[...] -= 1.0
    assert h.tolist() == [10.0, 1.0, 5.0]
    h.sum().backward()
    assert x.grad.tolist() == [1.0 + 2.0, 1.0 + 3.0, 2.0]


def test_a_named_view_is_told_from_the_nameless_one():
    h = Tensor([1.0, 2.0], requires_grad=True) * 1
    view = h[:1]
    with pytest.raises(ag.InPlaceError, match="view"):
        view += 1.0
    held = [h[:1]]
    with pytest.raises(ag.InPlaceError, match="view"):
        held[0] += 1.0


def test_python_functions_of_a_tensor():
    x = Tensor([1.26, -2.0], requires_grad=True)
    assert round(x, 1).tolist() == [1.3, -2.0] and round(x).tolist() == [1.0, -2.0]
    assert abs(x).tolist() == [1.26, 2.0]
    quotient, remainder = divmod(x, 0.5)
    assert quotient.tolist() == [2.0, -4.0] and np.allclose(remainder.tolist(), [0.26, 0.0])
    assert (x // 0.5).tolist() == [2.0, -4.0] and (7.0 % x).tolist() == np.remainder(7.0, x.numpy()).tolist()


def test_views_are_right_or_an_error():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True) * 1
    view = x[:2]
    with pytest.raises(ag.InPlaceError, match="view"):
        view += 1
    with pytest.raises(ValueError, match="read-only"):
        view.data[0] = 5.0
    x += 1
    with pytest.raises(ag.InPlaceError, match="view"):
        view * 2
    assert (x[:2] * 2).tolist() == [4.0, 6.0]


def test_a_view_of_a_temporary_can_be_changed():
    h = (Tensor(np.arange(4.0), requires_grad=True) * 1).reshape(2, 2)
    h += 1
    assert h.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_looking_at_data_does_not_invalidate_views():
    x = Tensor([1.0, 2.0])
    view = x[:1]
    assert x.data.tolist() == [1.0, 2.0]
    assert (view * 2).tolist() == [2.0]


def test_an_update_in_place_reaches_whoever_holds_the_data():
    w = Tensor([1.0, 2.0], requires_grad=True)
    buffer = np.zeros(4)
    w.data = buffer[:2]
    with ag.no_grad():
        w += 1.0
    assert buffer.tolist() == [1.0, 1.0, 0.0, 0.0]
    buffer[0] = 7.0
    assert w.tolist() == [7.0, 1.0]


def test_format_and_str():
    assert f"{Tensor(1.23456):.2f}" == "1.23"
    assert str(Tensor([1.0])) == "tensor([1.])"


@pytest.mark.parametrize(
    "call",
    [
        "(np.sort(x, axis=0) * [[1.0, 2.0], [3.0, 4.0]]).sum().backward(); assert (x.grad == [[1, 2], [3, 4]]).all()",
        "np.linalg.det(x).backward(); assert np.allclose(x.grad, [[5, -2], [-3, 1]])",
        "assert np.allclose(ag.hvp(lambda a: np.trace(a @ a), x.numpy(), np.eye(2)), 2 * np.eye(2))",
        "assert np.argsort(x, axis=None).tolist() == [0, 2, 1, 3]",
        "assert x.trace().item() == 6.0 and x.trace().requires_grad",
    ],
)
def test_rules_that_are_imported_later_come_with_the_first_call(call):
    program = f"""
import sys
import numpy as np
import autograd_lite as ag
x = ag.Tensor([[1.0, 3.0], [2.0, 5.0]], requires_grad=True)
assert "autograd_lite.rules.sorting" not in sys.modules
{call}
"""
    subprocess.run([sys.executable, "-c", program], check=True)
