"""Reading by an index: the gradient goes back to where each element was read, as often as it was read."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.rules.indexing import _selects_once, numbers, scatter

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def mixed_index(shape):
    """Integers, slices, arrays, masks, None and Ellipsis in one tuple."""

    @st.composite
    def draw(draw):
        parts = []
        for axis, length in enumerate(shape):
            kind = draw(st.sampled_from(["int", "slice", "array", "mask", "list"]))
            if kind == "int":
                parts.append(draw(st.integers(-length, length - 1)))
            elif kind == "slice":
                parts.append(draw(st.slices(length)))
            elif kind == "mask":
                mask = np.zeros(length, bool)
                mask[draw(st.integers(0, length - 1))] = True  # one place broadcasts against any other array
                parts.append(mask)
            else:
                array = draw(hnp.arrays(np.int64, (2,), elements=st.integers(-length, length - 1)))
                parts.append(array if kind == "array" else array.tolist())
            if draw(st.booleans()) and axis == 0:
                parts.append(None)
        if draw(st.booleans()):
            parts = [*parts[:-1], Ellipsis]
        return tuple(parts)

    return draw()


def any_index(shape):
    return st.one_of(
        hnp.basic_indices(shape, allow_newaxis=True),
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(min_dims=1, max_dims=2, max_side=4)),
        hnp.arrays(bool, shape),
        mixed_index(shape),
    )


def gradient_of_reading(x, index):
    """The gradient of `sum(w * x[index]**2)` by its definition."""
    y = x[index]
    w = np.cos(np.arange(y.size)).reshape(y.shape)
    z = np.zeros(x.shape)
    np.add.at(z, index, 2 * w * y)
    return w, z


@given(st.data())
def test_gradient_of_any_index(data):
    shape = data.draw(SHAPES)
    index = data.draw(any_index(shape))
    array = np.random.default_rng(0).normal(size=shape)
    x = Tensor(array, requires_grad=True)
    w, expected = gradient_of_reading(array, index)
    y = x[index]
    np.testing.assert_array_equal(y.numpy(), array[index])
    (w * y**2).sum().backward(create_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)
    first, x.grad = x.grad, None
    (first * array).sum().backward()  # the Hessian is 2 w where each element was read, times the direction
    np.testing.assert_allclose(x.grad, expected, atol=1e-12)


@given(st.data())
def test_an_index_that_repeats_is_never_taken_for_one_that_does_not(data):
    shape = data.draw(SHAPES)
    index = data.draw(any_index(shape))
    numbers = np.arange(np.prod(shape)).reshape(shape)[index]
    if np.unique(numbers).size < numbers.size:
        assert not _selects_once(index)


@pytest.mark.parametrize(
    "index",
    [
        1,
        slice(None, None, -1),
        (Ellipsis, None, 2),
        np.array([3, 1, 0]),
        [2, 0],
        np.arange(300),
        np.arange(-300, 0),
        np.arange(0, 300, 7, np.uint16),
        (np.arange(300), np.zeros(300, int)),
        np.array([-1, -2]),
        np.array([True, False]),
        (slice(None), np.array([1, 0])),
        (np.arange(3), np.array([1, 1, 1])),
        np.array(2),
        np.int64(1),
        True,
        [],
        np.zeros((0, 2), int),
    ],
)
def test_the_usual_indices_without_repetition_are_recognised(index):
    assert _selects_once(index)


@pytest.mark.parametrize("start", [-299, -1])
def test_increasing_numbers_that_count_from_both_ends_may_name_a_place_twice(start):
    assert not _selects_once(np.arange(start, 2))
    assert not _selects_once((np.arange(start, 2), np.zeros(2 - start, int)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.intp])
def test_rows_read_repeatedly_by_small_integers(dtype):
    array = np.ones((5, 200))
    x = Tensor(array, requires_grad=True)
    x[np.array([4, 0, 4], dtype)].sum().backward()
    np.testing.assert_array_equal(x.grad[:, 0], [1, 0, 0, 0, 2])
    np.testing.assert_array_equal(x.grad, np.repeat(x.grad[:, :1], 200, axis=1))


def test_first_and_last_row_named_from_both_ends():
    x = Tensor(np.ones((3, 2)), requires_grad=True)
    x[[2, -1, 0, -3]].sum().backward()
    np.testing.assert_array_equal(x.grad, [[2, 2], [0, 0], [2, 2]])


def test_many_repetitions_add_up():
    index = np.random.default_rng(0).integers(-50, 50, (40, 30))
    x = Tensor(np.arange(50.0), requires_grad=True)
    x[index].sum().backward()
    np.testing.assert_array_equal(x.grad, np.bincount(index.ravel() % 50, minlength=50))


def test_tensors_as_indices():
    x = Tensor([1.0, -2.0, 3.0], requires_grad=True)
    x[x > 0].sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 1])
    x.grad = None
    x[Tensor([2, 2])].sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 2])
    with pytest.raises(ag.OperandError, match="float64 cannot be an index"):
        x[Tensor([1.0])]


@pytest.mark.parametrize("make", [lambda: [0, 1], lambda: np.array([0, 1]), lambda: ([0, 1],)])
def test_an_index_changed_after_reading_changes_nothing(make):
    index = make()
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x[index]
    (index if isinstance(index, (list, np.ndarray)) else index[0])[1] = 2
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0])


def test_out_of_bounds_names_index_and_shape():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ag.OperandError, match=r"\(2,\).*index=5.*out of bounds"):
        x[5]


def test_iteration_and_unpacking():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a, b = x
    (a * b).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 4], [1, 2]])
    assert len(x) == 2


def test_scatter_adds_up_and_reads_back():
    g = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    z = scatter(g, index=np.array([0, 2, 0]), shape=(4,))
    np.testing.assert_array_equal(z.numpy(), [4, 0, 2, 0])
    (z * np.array([1.0, 10, 100, 1000])).sum().backward()
    np.testing.assert_array_equal(g.grad, [1, 100, 1])


# --- functions that read by number or condition ----------------------------------------------------------------


def test_take_counts_as_its_mode_says():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    np.take(x, [-1, 5, 3], mode="wrap").sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 2])
    x.grad = None
    np.take(x, [-1, 5, 3], mode="clip").sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 2])
    with pytest.raises(ag.OperandError, match=r"take.*out of bounds"):
        np.take(x, 5)


def test_take_by_numbers_that_are_no_integers():
    with pytest.raises(ag.OperandError, match="take"):
        np.take(Tensor([1.0, 2.0], requires_grad=True), [0.5])


def test_take_along_axis_refuses_what_numpy_refuses():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ag.OperandError, match="as many axes"):
        np.take_along_axis(x, np.array([0]), 1)
    with pytest.raises(ag.OperandError, match="use integers"):
        np.take_along_axis(x, np.array([[0.0]]), 1)


def test_compress_as_a_method_takes_the_condition_first():
    x = Tensor(np.ones((3, 2)), requires_grad=True)
    x.compress([True, False, True], axis=0).sum().backward()
    np.testing.assert_array_equal(x.grad, [[1, 1], [0, 0], [1, 1]])


def test_choose_refuses_numbers_out_of_range():
    with pytest.raises(ag.OperandError, match=r"0 to 2 choose among 2.*mode='wrap'"):
        np.choose(np.array([0, 2]), [Tensor([1.0, 2.0], requires_grad=True)] * 2)


def test_select_of_a_dead_branch_has_no_gradient_there():
    x = Tensor([-1.0, 0.0, 4.0], requires_grad=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.select([x.numpy() > 0], [x * x], x)
        y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 8])


def test_select_wants_conditions():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ag.OperandError, match="must be boolean"):
        np.select([np.array([1.0, 0.0])], [x])
    with pytest.raises(ag.OperandError, match="one choice per condition"):
        np.select([np.array([True, False])], [x, x])


def test_piecewise_calls_each_function_inside_its_piece_only():
    x = Tensor([-4.0, 0.0, 4.0], requires_grad=True)
    y = np.piecewise(x, [x < 0, x > 0], [lambda v: -v, np.sqrt, 7.0])
    np.testing.assert_array_equal(y.numpy(), [4, 7, 2])
    y.sum().backward()  # sqrt is never asked at 0, so there is no NaN
    np.testing.assert_array_equal(x.grad, [-1, 0, 0.25])
    with pytest.raises(ag.OperandError, match="one per condition"):
        np.piecewise(x, [x < 0], [1.0, 2.0, 3.0])


def test_insert_and_delete_like_numpy():
    rng = np.random.default_rng(0)
    array, values = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))
    x, v = Tensor(array, requires_grad=True), Tensor(values, requires_grad=True)
    y = np.insert(x, [1, 3], v, axis=0)
    np.testing.assert_array_equal(y.numpy(), np.insert(array, [1, 3], values, axis=0))
    (y * np.arange(6.0)[:, None]).sum().backward()
    np.testing.assert_array_equal(x.grad[:, 0], [0, 2, 3, 5])
    np.testing.assert_array_equal(v.grad[:, 0], [1, 4])
    x.grad = None
    np.delete(x, [0, -1], axis=0).sum().backward()
    np.testing.assert_array_equal(x.grad[:, 0], [0, 1, 1, 0])


def test_insert_before_the_places_of_a_mask():
    x, v = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([8.0, 9.0], requires_grad=True)
    y = np.insert(x, np.array([True, False, True]), v)
    assert y.tolist() == [8, 1, 2, 9, 3]
    (y * np.arange(5.0)).sum().backward()
    np.testing.assert_array_equal(v.grad, [0, 3])


@pytest.mark.parametrize("index", [[], [[], []], ([], slice(None)), (slice(None), [[], [], []])])
def test_an_empty_list_selects_nothing(index):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    assert x[index].shape == x.numpy()[index].shape
    y = 2 * x
    y[index] = 5.0
    np.add.at(y, index, 1.0)
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))


def test_values_that_do_not_fit_where_they_are_inserted_are_named():
    with pytest.raises(ag.OperandError, match=r"insert: values of shape \(3, 1\) do not fit \(2, 4\)"):
        np.insert(Tensor(np.ones((3, 4)), requires_grad=True), [1, 2], [[1], [2], [3]], axis=0)


def test_insert_does_not_drop_a_fraction():
    with pytest.raises(ag.OperandError, match=r"insert.*without loss"):
        np.insert(np.array([1, 2]), 0, Tensor(0.5, requires_grad=True))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.compress([True, False], t, out=np.zeros(1)),
        lambda t: np.choose(np.array([0, 0]), [t], out=np.zeros(2)),
        lambda t: np.take(t, [0], out=np.zeros(1)),
        lambda t: np.concatenate([t, t], out=np.zeros(4)),
        lambda t: np.stack([t, t], out=np.zeros((2, 2))),
        lambda t: np.trace(np.ones((2, 1)) * t, out=np.zeros(())),
    ],
)
def test_out_is_refused(call):
    with pytest.raises(ag.InPlaceError, match="out="):
        call(Tensor([1.0, 2.0], requires_grad=True))


def test_numbers_are_different_unless_they_are_spread():
    few = numbers(3)
    assert few.tolist() == [0, 1, 2]
    assert not few.flags.writeable
    assert _selects_once((few, np.array([1, 1, 0])))
    assert not _selects_once((np.broadcast_to(numbers(1), (3,)), np.array([1, 1, 0])))
    assert numbers(100_000).size == 100_000
    assert numbers(1000)[-1] == 999  # more than were made at first
    assert _selects_once(few)
