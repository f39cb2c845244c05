"""`x[index] = v` records: `v` gets the gradient of where it was written, `x` of what was left in place."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from tests.rules.test_indexing import any_index

rng = np.random.default_rng(0)


def assigned(x, v, index):
    """A copy of `x` after `x[index] = v`, on arrays and on Tensors."""
    y = x * 1.0 if isinstance(x, Tensor) else x.copy()
    y[index] = v
    return y


def functional(x, v, index):
    """The same without assignment: every element of `x` or the last one of `v` written there, in C order."""
    places = np.arange(x.size).reshape(x.shape)[index]
    v = np.broadcast_to(v.reshape(v.shape[max(v.ndim - places.ndim, 0) :]), places.shape)
    last = np.full(x.size, -1)
    for number, place in enumerate(places.ravel()):
        last[place] = number
    taken = np.concatenate([np.ravel(x), np.ravel(v)])
    return taken[np.where(last < 0, np.arange(x.size), x.size + last)].reshape(x.shape)


def loss(y):
    weights = np.cos(np.arange(y.size)).reshape(y.shape)
    return (weights * y * y * y).sum()


def first_and_second(make, arrays, directions):
    """Gradients of `loss(make(*tensors))`, and their derivative along `directions`."""
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    loss(make(*tensors)).backward(create_graph=True)
    first = [t.grad for t in tensors]
    for t in tensors:
        t.grad = None
    sum((g * u).sum() for g, u in zip(first, directions, strict=True)).backward()
    return [g.numpy() for g in first], [np.zeros(t.shape) if t.grad is None else np.asarray(t.grad) for t in tensors]


def difference(f, arrays, place, step=1e-5):
    """Central differences of a scalar function by one of its arrays."""
    slope = np.zeros(arrays[place].shape)
    for index in np.ndindex(slope.shape):
        ends = []
        for sign in (1, -1):
            moved = [array.copy() for array in arrays]
            moved[place][index] += sign * step
            ends.append(f(*moved))
        slope[index] = (ends[0] - ends[1]) / (2 * step)
    return slope


def check(shape, index, v_shape):
    x, v = rng.normal(size=shape), rng.normal(size=v_shape)
    directions = [rng.normal(size=shape), rng.normal(size=v_shape)]
    expected = np.array(x)
    expected[index] = v
    np.testing.assert_array_equal(assigned(Tensor(x), Tensor(v), index).numpy(), expected)
    np.testing.assert_array_equal(functional(x, v, index), expected)

    first, second = first_and_second(lambda x, v: assigned(x, v, index), [x, v], directions)
    want_first, want_second = first_and_second(lambda x, v: functional(x, v, index), [x, v], directions)
    for got, want in zip([*first, *second], [*want_first, *want_second], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    for place, got in enumerate(first):
        slope = difference(lambda x, v: loss(assigned(x, v, index)), [x, v], place)
        np.testing.assert_allclose(got, slope, atol=1e-7)


CASES = [
    ((4,), 1, ()),
    ((4,), -1, ()),
    ((4,), slice(1, 3), (2,)),
    ((4,), slice(None, None, -2), (2,)),
    ((4,), slice(2, 2), (0,)),
    ((4,), slice(None), ()),
    ((4,), slice(1, 3), (1, 2)),
    ((3, 4), 1, (4,)),
    ((3, 4), (slice(None), 2), (3,)),
    ((3, 4), (slice(0, 2), slice(1, None, 2)), (2, 1)),
    ((3, 4), (Ellipsis, 0), ()),
    ((3, 4), Ellipsis, (3, 1)),
    ((3, 4), (None, 1), (1, 4)),
    ((3, 4), None, (1, 3, 4)),
    ((), (), ()),
    ((), Ellipsis, ()),
    ((4,), [2, 0], (2,)),
    ((4,), [2, -2, 0, 2], (4,)),
    ((4,), np.array([[1, 1], [0, 1]]), (2, 2)),
    ((4,), np.array([1, 1]), ()),
    ((3, 4), [0, 0, 2], (3, 4)),
    ((3, 4), [0, 0], (4,)),
    ((3, 4), (slice(None), [1, 1]), (3, 2)),
    ((3, 4), ([0, 2, 0], [1, 3, 1]), (3,)),
    ((3, 4), (np.array([[0], [2]]), np.array([1, 1])), (2, 2)),
    ((2, 3, 4), ([1, 1], slice(None), [0, 0]), (2, 3)),
    ((2, 3, 4), (0, slice(None), [2, 1]), (2, 3)),
    ((4,), np.array([True, False, True, False]), (2,)),
    ((4,), np.array([True, False, True, False]), ()),
    ((4,), np.zeros(4, bool), (0,)),
    ((3, 4), np.array([True, False, True]), (4,)),
    ((3, 4), np.arange(12).reshape(3, 4) % 3 == 0, (4,)),
    ((3, 4), (slice(None), np.array([True, False, False, True])), (3, 2)),
    ((2,), [[0, 1], [1, 0]], (2,)),
    ((1, 2), [0, 0], (1, 2)),
    ((1,), (None, None, slice(None)), (1,)),
    ((3,), True, (1, 3)),
    ((3,), False, (0, 3)),
]


@pytest.mark.parametrize(("shape", "index", "v_shape"), CASES, ids=str)
def test_first_and_second_derivative_of_assignment(shape, index, v_shape):
    check(shape, index, v_shape)


@given(st.data())
def test_assignment_to_any_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    index = data.draw(any_index(shape))
    written = np.zeros(shape)[index].shape
    masked = isinstance(index, np.ndarray) and index.dtype == bool
    cut = 0 if masked else data.draw(st.integers(0, len(written)))
    check(shape, index, written[cut:])


@given(st.data())
def test_the_last_write_wins_in_every_memory_layout(data):
    """NumPy itself writes in the order of memory; here it is always the order in which the elements are read."""
    index = data.draw(hnp.arrays(int, (3, 2), elements=st.integers(0, 2)))
    v = rng.normal(size=(3, 2))
    expected = functional(np.zeros(3), v, index)
    for turned in (index, np.asfortranarray(index), index[::-1].copy()[::-1]):
        for values in (v, np.asfortranarray(v), v[:, ::-1].copy()[:, ::-1]):
            w = Tensor(values, requires_grad=True)
            x = Tensor(np.zeros(3))
            x[turned] = w
            np.testing.assert_array_equal(x.numpy(), expected)
            x.sum().backward()
            assert (w.grad * v).sum() == pytest.approx(expected.sum())


# --- in place operators ------------------------------------------------------------------------------------------


def test_in_place_operators_on_elements_rows_and_masks():
    x = Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    w = Tensor([10.0, 20.0], requires_grad=True)
    y = x * 1.0
    y[0] += w[1]
    y[[1, 2]] *= w
    y[np.array([False, False, False, True])] -= w[0]
    np.testing.assert_array_equal(y.numpy(), [21, 20, 60, -6])
    (y * np.array([1.0, 10, 100, 1000])).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 100, 2000, 1000])
    np.testing.assert_array_equal(w.grad, [20 - 1000, 300 + 1])


def test_in_place_operators_on_slices():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1.0
    y[0:2] += x[1:]
    y[:] *= 2.0
    np.testing.assert_array_equal(y.numpy(), [6, 10, 6])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 4, 4])


def test_in_place_operators_on_a_parameter_under_no_grad():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with ag.no_grad():
        x[0:2] -= 0.5
        x[[0, 2]] *= 2.0
    assert x.is_leaf and x.requires_grad and x.tolist() == [1.0, 1.5, 6.0]


def test_complex_numbers_are_written_and_read():
    z = Tensor([1 + 2j, 3j], requires_grad=True)
    y = np.zeros_like(z)
    y[0], y[1] = z[1], z[0] * 2j
    (y * np.conj(y)).real.sum().backward()
    np.testing.assert_array_equal(z.grad, [8 + 16j, 6j])  # of 4 |z0|**2 + |z1|**2
    x = Tensor([1.0, 3.0], requires_grad=True)
    y = Tensor(np.zeros(2, complex))
    y[...] = x
    (y * (1 + 2j)).real.sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_repeated_places_are_added_to_once_as_in_numpy():
    x, w = np.zeros(3), np.array([1.0, 2.0, 4.0])
    x[[0, 0, 2]] += w
    t, v = Tensor(np.zeros(3)), Tensor(w, requires_grad=True)
    t[[0, 0, 2]] += v
    np.testing.assert_array_equal(t.numpy(), x)
    t.sum().backward()
    np.testing.assert_array_equal(v.grad, [0, 1, 1])


# --- programs -------------------------------------------------------------------------------------------------------


def test_a_data_tensor_that_receives_parameters_records():
    w = Tensor([1.0, 2.0], requires_grad=True)
    x = Tensor(np.zeros(4))
    assert not x.requires_grad
    x[1:3] = w * w
    assert x.requires_grad
    (x * np.arange(4.0)).sum().backward()
    np.testing.assert_array_equal(w.grad, [2, 8])


def test_a_recurrence_written_into_an_array():
    a = Tensor(0.5, requires_grad=True)
    x = Tensor(np.zeros(6))
    x[0] = 1.0
    for i in range(1, 6):
        x[i] = a * x[i - 1] + 1.0
    x[5].backward(create_graph=True)
    powers = np.arange(6)
    # x5 = sum of a**k for k = 0..5
    assert x[5].item() == pytest.approx((0.5**powers).sum())
    assert a.grad.item() == pytest.approx((powers[1:] * 0.5 ** powers[:-1]).sum())
    first, a.grad = a.grad, None
    first.backward()
    assert a.grad == pytest.approx((powers[2:] * powers[1:-1] * 0.5 ** powers[:-2]).sum())


def test_a_matrix_filled_by_rows_columns_and_blocks():
    p = rng.normal(size=3)

    def make(p):
        m = Tensor(np.zeros((3, 3))) if isinstance(p, Tensor) else np.zeros((3, 3))
        m[0] = p
        m[:, 1] = p * p
        m[1:, 1:] = m[:2, :2] * p[0]
        m[m > 100] = 0.0
        return m

    first, second = first_and_second(make, [p], [np.ones(3)])
    slope = difference(lambda p: loss(make(p)), [p], 0)
    np.testing.assert_allclose(first[0], slope, atol=1e-6)
    np.testing.assert_allclose(
        second[0],
        difference(lambda p: first_and_second(make, [p], [np.ones(3)])[0][0].sum(), [p], 0),
        atol=1e-4,
    )


def test_an_overwritten_value_gets_no_gradient():
    w = Tensor([1.0, 2.0], requires_grad=True)
    x = w * 3.0
    x[...] = 5.0
    x.sum().backward()
    np.testing.assert_array_equal(w.grad, [0, 0])


def test_an_overwritten_nan_does_not_reach_the_gradient():
    w = Tensor([0.0, 4.0], requires_grad=True)
    x = np.sqrt(w)
    x[0] = 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        x.sum().backward()
    assert w.grad[1] == 0.25  # and at 0, sqrt' is inf and its incoming gradient 0


def test_a_value_written_from_itself():
    x = Tensor(np.arange(4.0), requires_grad=True)
    y = x * 1.0
    y[::-1] = y
    np.testing.assert_array_equal(y.numpy(), [3, 2, 1, 0])
    (y * np.arange(4.0)).sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 2, 1, 0])


def test_what_was_computed_before_keeps_the_old_values():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * 1.0
    square = y * y
    y[0] = 100.0
    (square.sum() + y.sum()).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 5.0])


def test_values_changed_after_the_assignment_change_nothing():
    v, index = np.array([1.0, 2.0]), np.array([0, 1])
    x = Tensor(np.zeros(3))
    w = Tensor([1.0, 1.0], requires_grad=True)
    x[index] = v * w
    v[:], index[:] = 100.0, 2
    x.sum().backward()
    np.testing.assert_array_equal(w.grad, [1, 2])


# --- views -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[0:2],
        lambda x: x[::-1],
        lambda x: x[None],
        lambda x: x.T,
        lambda x: x.reshape(4, 1),
        lambda x: x.ravel(),
        lambda x: np.squeeze(x),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.flip(x),
        lambda x: np.broadcast_to(x, (2, 4)),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2),
        lambda x: np.diagonal(x.reshape(2, 2)),
        lambda x: np.split(x, 2)[0],
        lambda x: np.astype(x, float, copy=False),
        lambda x: x[0:3][0:2],
    ],
)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_views_are_right_or_refused(view, requires_grad):
    x = Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=requires_grad) * 1.0
    v = view(x)
    with pytest.raises(ag.InPlaceError, match="view"):
        v[0] = 5.0
    with pytest.raises(ag.InPlaceError, match="view"):
        v += 1.0
    before = v.numpy()
    np.testing.assert_array_equal((v * 1.0).numpy(), before)
    x[0] = 50.0
    with pytest.raises(ag.InPlaceError, match=r"changed in place.*\.copy\(\)"):
        v * 2.0
    np.testing.assert_array_equal(view(x).numpy(), view(np.array([50.0, 2, 3, 4])))


def test_a_view_overwritten_by_equal_values_is_stale_too():
    w = Tensor(1.0, requires_grad=True)
    x = Tensor([1.0, 2.0])
    v = x[0:1]
    x[0] = w  # now NumPy's view would lead to w
    with pytest.raises(ag.InPlaceError, match="view"):
        v.sum()


@pytest.mark.parametrize("copy", [lambda x: x[:, [0, 1]], lambda x: x.T.reshape(-1), lambda x: x[x > 0]])
def test_what_numpy_copies_is_no_view(copy):
    x = Tensor(np.ones((2, 3)))
    v = copy(x)
    v[0] = 7.0
    x[0] = 5.0
    assert v.numpy().max() == 7.0
    assert x.numpy().max() == 5.0


# --- what is refused ------------------------------------------------------------------------------------------------


def test_assignment_to_a_leaf_that_requires_grad():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ag.InPlaceError, match=r"leaf.*no_grad"):
        x[0] = 5.0
    with pytest.raises(ag.InPlaceError, match="leaf"):
        x[[0]] += 5.0
    np.testing.assert_array_equal(x.numpy(), [1, 2])


def test_assignment_to_a_leaf_under_no_grad_keeps_the_leaf():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with ag.no_grad():
        x[0] = 5.0
    assert x.is_leaf and x.requires_grad
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [10, 4])


def test_the_dtype_stays_that_of_the_array():
    x = Tensor(np.zeros(2, np.float32))
    w = Tensor(np.array([1.5, 2.5]), requires_grad=True)
    x[...] = w
    assert x.dtype == np.float32
    (x * x).sum().backward()
    assert w.grad.dtype == np.float64
    np.testing.assert_array_equal(w.grad, [3, 5])


@pytest.mark.parametrize(("dtype", "value"), [(int, 1.5), (bool, 0.5), (int, np.array([1.0])), (float, 1j), (int, 1j)])
def test_values_that_would_lose_their_fraction_are_refused(dtype, value):
    x = Tensor(np.zeros(2, dtype))
    with pytest.raises(ag.OperandError, match=r"without loss.*astype"):
        x[0:1] = value


def test_whole_numbers_and_booleans_are_written_as_numpy_does():
    x = Tensor(np.zeros(3, int))
    x[0], x[1], x[2] = True, 2, np.int8(3)
    assert x.tolist() == [1, 2, 3] and x.dtype.kind == "i"


def test_a_list_of_tensors_is_refused_with_the_cure():
    w = Tensor(1.0, requires_grad=True)
    x = Tensor(np.zeros(2))
    with pytest.raises(ag.DetachedError, match=r"np\.stack"):
        x[...] = [w, w]


@pytest.mark.parametrize(("index", "value"), [(5, 1.0), (slice(None), np.ones(3)), ((0, 0), 1.0)])
def test_errors_name_the_shapes(index, value):
    x = Tensor(np.zeros(2))
    with pytest.raises(ag.OperandError, match=r"setitem.*\(2,\)"):
        x[index] = value


# --- NumPy's functions that assign ---


def test_put_place_putmask_copyto_and_fill():
    w = Tensor([1.0, 2.0], requires_grad=True)
    x = Tensor(np.zeros((2, 3)))
    np.put(x, [0, 5, 4], w)
    np.testing.assert_array_equal(x.numpy(), [[1, 0, 0], [0, 1, 2]])
    np.place(x, x.numpy() == 0, w[1:])
    np.testing.assert_array_equal(x.numpy(), [[1, 2, 2], [2, 1, 2]])
    np.putmask(x, x.numpy() == 1, 5.0)
    np.copyto(x, w[0], where=np.array([True, False, False]))
    np.testing.assert_array_equal(x.numpy(), [[1, 2, 2], [1, 5, 2]])
    x.sum().backward()
    np.testing.assert_array_equal(w.grad, [2, 3])
    x.fill(w[0].item())
    np.fill_diagonal(x, 0.0)
    np.testing.assert_array_equal(x.numpy(), [[0, 1, 1], [1, 0, 1]])


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (3, 3, 3)])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("values", [7.0, [1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
def test_fill_diagonal_like_numpy(shape, wrap, values):
    expected = np.zeros(shape)
    np.fill_diagonal(expected, values, wrap)
    x = Tensor(np.zeros(shape))
    np.fill_diagonal(x, Tensor(values), wrap)
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize(
    "write",
    [
        lambda a, w: np.put(a, [0], w),
        lambda a, w: np.place(a, [True, False], w),
        lambda a, w: np.putmask(a, np.array([True, False]), w),
        lambda a, w: np.copyto(a, w),
        lambda a, w: np.put_along_axis(a, np.array([0, 1]), w, 0),
        lambda a, w: np.fill_diagonal(np.outer(a, a), w),
        lambda a, w: np.full((2, 2), w),
        lambda a, w: np.full((2, 2), w, dtype=float),
        lambda a, w: np.full_like(a, w),
        lambda a, w: np.array([w, w]),
        lambda a, w: a.__setitem__(slice(None), w),
    ],
)
def test_writing_into_an_ndarray_is_refused(write):
    array, w = np.zeros(2), Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ag.DetachedError, match=r"np\.(stack|broadcast_to)"):
        write(array, w)
    np.testing.assert_array_equal(array, [0, 0])


def test_writing_data_into_an_ndarray_works():
    array = np.zeros(3)
    np.put(array, [0], Tensor([4.0]))
    np.copyto(array, Tensor(5.0), where=Tensor([False, True, False]))
    np.place(array, Tensor([False, False, True]), Tensor([6.0]))
    np.testing.assert_array_equal(array, [4, 5, 6])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda x: np.put(x, [9], 1.0), "out of bounds"),
        (lambda x: np.place(x, [True], 1.0), "same shape"),
        (lambda x: np.place(x, [True, False, True], []), "no values"),
        (lambda x: np.putmask(x, [True], 1.0), "same shape"),
        (lambda x: np.fill_diagonal(x, 1.0), "two axes"),
        (lambda x: np.copyto(x, np.array([1j, 2, 3])), "casting"),
    ],
)
def test_what_numpy_refuses_is_refused(write, message):
    with pytest.raises(ag.OperandError, match=message):
        write(Tensor(np.zeros(3)))


def outdated(x):
    h = x * 1
    view = h[:1].reshape(())
    h *= 2
    return view


@pytest.mark.parametrize(
    "derivative",
    [
        lambda x: outdated(Tensor(x, requires_grad=True)).backward(),
        lambda x: ag.grad(outdated)(x),
        lambda x: ag.jacobian(outdated)(x),
        lambda x: ag.hessian(outdated)(x),
        lambda x: ag.hvp(outdated, x, x),
    ],
)
def test_an_outdated_view_gives_no_derivative_of_old_values(derivative):
    with pytest.raises(ag.InPlaceError, match="view"):
        derivative(np.array([1.0, 2.0]))
