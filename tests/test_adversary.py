"""Misuse and odd calls that once went wrong in silence, or failed without saying why."""

import asyncio
import warnings

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, special


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


def squares(x):
    return (x * x).sum()


@pytest.mark.parametrize(
    "give",
    [
        lambda m: ag.grad(squares)(m),
        lambda m: ag.vjp(lambda x: x * x, m),
        lambda m: ag.vjp(lambda x: x * x, np.ones(2))[1](m),
        lambda m: ag.jvp(lambda x: x * x, (np.ones(2),), (m,)),
        lambda m: ag.hvp(squares, np.ones(2), m),
        lambda m: ag.gradcheck(squares, m),
        lambda m: (2 * parameter(1.0, 2.0)).backward(m),
        lambda m: setattr(parameter(1.0, 2.0), "grad", m),
        lambda m: setattr(parameter(1.0, 2.0), "data", m),
        lambda m: ag.custom(lambda x: m, lambda g, y, x: g)(parameter(1.0, 2.0)),
        lambda m: ag.custom(lambda x: x * 1, lambda g, y, x: m)(parameter(1.0, 2.0)).sum().backward(),
        lambda m: replaced_by(m).sum().backward(),
    ],
)
def test_nor_where_arrays_are_given_to_what_is_no_operator(give):
    with pytest.raises(ag.OperandError, match="would lose its mask"):
        give(np.ma.array([1.0, 2.0], mask=[False, True]))


def replaced_by(gradient):
    x = parameter(1.0, 2.0)
    x.register_hook(lambda g: gradient)
    return 2 * x


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


class TestRequiresGradSwitchedBetweenForwardAndBackward:
    def test_on_what_was_recorded_before_gives_no_part_of_a_gradient(self):
        x, w = Tensor([1.0, 2.0], name="x"), parameter(3.0, 4.0)
        loss = (x * w + np.exp(x) + w).sum()
        x.requires_grad = True
        loss.backward()
        assert x.grad is None
        np.testing.assert_array_equal(w.grad, [2.0, 3.0])
        (x * w).sum().backward()
        np.testing.assert_array_equal(x.grad, [3.0, 4.0])
        assert x.name == "x"

    def test_off_and_on_again(self):
        x = Tensor([1.0, 2.0], requires_grad=True, name="x")
        loss = (x * x).sum()
        x.requires_grad = False
        frozen = (x * parameter(3.0, 4.0)).sum()
        x.grad = [1.0, 1.0]
        x.requires_grad = True
        frozen.backward()
        np.testing.assert_array_equal(x.grad, [1.0, 1.0])
        loss.backward()
        np.testing.assert_array_equal(x.grad, [3.0, 5.0])
        assert x.name == "x"

    def test_off_stops_the_gradient(self):
        x, w = parameter(1.0, 2.0), parameter(3.0, 4.0)
        loss = (x * w).sum()
        x.requires_grad = False
        loss.backward()
        assert x.grad is None
        np.testing.assert_array_equal(w.grad, [1.0, 2.0])

    @pytest.mark.parametrize("of_x", [np.tanh, lambda x: x.sum(axis=0), lambda x: x * 2.0, lambda x: x * x])
    def test_off_stops_the_gradient_of_all_there_is(self, of_x):
        x = parameter(1.0, 2.0)
        y = of_x(x)
        x.requires_grad = False
        y.sum().backward()
        assert x.grad is None

    def test_data_changed_while_off(self):
        x = parameter(1.0, 2.0)
        x.requires_grad = False
        x.data[0] = 5.0
        x.requires_grad = True
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad, [10.0, 4.0])

    def test_a_detached_result_or_a_mask_can_become_a_parameter(self):
        with ag.debug():
            detached = (2 * parameter(1.0, 2.0)).detach()
            detached.requires_grad = True
            mask = (parameter(1.0, -2.0) > 0).astype(float)
            mask.requires_grad = True
        (detached * mask).sum().backward()
        np.testing.assert_array_equal(detached.grad, [1.0, 0.0])
        np.testing.assert_array_equal(mask.grad, [2.0, 4.0])


class TestDirectionsAndCotangentsOfContainers:
    """A dict is matched by its keys, in whatever order they were written."""

    def test_tangents(self):
        _, tangent = ag.jvp(lambda d: d["a"] * d["b"], ({"a": 2.0, "b": 3.0},), ({"b": 1.0, "a": 0.0},))
        assert tangent == 2.0

    def test_cotangents(self):
        _, pullback = ag.vjp(lambda x: {"a": x, "b": x * x}, 3.0)
        assert pullback({"b": 0.0, "a": 1.0}) == (1.0,)

    def test_directions_of_a_hessian(self):
        product = ag.hvp(lambda d: d["a"] ** 2 * d["b"], {"a": 2.0, "b": 3.0}, {"b": 1.0, "a": 0.0})
        assert product == {"a": 4.0, "b": 0.0}

    @pytest.mark.parametrize("tangent", [{"a": 1.0}, {"a": 1.0, "c": 1.0}, [1.0, 1.0], None, 1.0])
    def test_another_structure_is_refused(self, tangent):
        with pytest.raises(ag.OperandError, match="same structure"):
            ag.jvp(lambda d: d["a"] * d["b"], ({"a": 2.0, "b": 3.0},), (tangent,))
        with pytest.raises(ag.OperandError, match="same structure"):
            ag.hvp(lambda d: d["a"] * d["b"], {"a": 2.0, "b": 3.0}, tangent)

    def test_arguments_without_a_tuple(self):
        with pytest.raises(ag.OperandError, match="tuples"):
            ag.jvp(lambda x: x * x, np.ones(1), np.ones(1))


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), 1.0, "a", (0, "b")])
def test_argnums_that_name_no_argument_or_one_twice(argnums):
    with pytest.raises(ag.OperandError, match="argnums"):
        ag.grad(lambda a, b: (a * b).sum(), argnums)(np.ones(2), np.ones(2))


class TestCheckpointWithoutAGradient:
    def test_a_result_through_which_nothing_flows(self):
        x = parameter(1.0, 2.0)
        y = ag.checkpoint(lambda t: t.detach() * 2)(x)
        assert not y.requires_grad
        (y * x).sum().backward()
        np.testing.assert_array_equal(x.grad, [2.0, 4.0])

    def test_plain_arrays(self):
        np.testing.assert_array_equal(ag.checkpoint(lambda a: a * 2)(np.ones(2)), [2.0, 2.0])


class TestFormsOfNoGrad:
    def test_a_block_used_again_and_within_itself(self):
        block = ag.no_grad()
        for _ in range(2):
            with block, block:
                assert not ag.is_grad_enabled()
            assert ag.is_grad_enabled()

    def test_decorators_without_parentheses(self):
        @ag.no_grad
        def outer(x):
            return (2 * x).requires_grad, inner(x)

        @ag.enable_grad
        def inner(x):
            return (2 * x).requires_grad

        assert outer(parameter(1.0)) == (False, True)
        assert outer.__name__ == "outer"

    def test_a_generator_does_not_record_and_its_caller_does(self):
        @ag.no_grad()
        def steps(x):
            factor = yield (2 * x).requires_grad
            yield (factor * x).requires_grad
            return "end"

        def all_of_it():
            assert (yield from steps(parameter(1.0))) == "end"

        running = all_of_it()
        assert next(running) is False
        assert ag.is_grad_enabled()
        assert running.send(3.0) is False
        assert ag.is_grad_enabled()
        assert list(running) == []

    def test_a_coroutine_does_not_record_and_other_tasks_do(self):
        @ag.no_grad()
        async def quiet(x):
            await asyncio.sleep(0)
            return (2 * x).requires_grad

        async def loud(x):
            await asyncio.sleep(0)
            return (2 * x).requires_grad

        async def both():
            return await asyncio.gather(quiet(parameter(1.0)), loud(parameter(1.0)))

        assert asyncio.run(both()) == [False, True]

    def test_a_generator_is_told_of_exceptions_and_of_its_end(self):
        told = []

        @ag.no_grad
        def steps(x):
            try:
                while True:
                    try:
                        yield (2 * x).requires_grad
                    except KeyError:
                        yield "caught"
            finally:
                told.append(ag.is_grad_enabled())

        running = steps(parameter(1.0))
        assert next(running) is False
        assert running.throw(KeyError()) == "caught"
        assert next(running) is False and ag.is_grad_enabled()
        running.close()
        assert told == [False] and ag.is_grad_enabled()

    def test_an_asynchronous_generator_does_not_record_and_its_caller_does(self):
        told = []

        @ag.no_grad
        async def steps(x):
            try:
                while True:
                    try:
                        await asyncio.sleep(0)
                        told.append((yield (2 * x).requires_grad))
                    except KeyError:
                        yield "caught"
            finally:
                told.append(ag.is_grad_enabled())

        async def all_of_it():
            running = steps(parameter(1.0))
            assert await anext(running) is False and ag.is_grad_enabled()
            assert await running.asend("sent") is False and ag.is_grad_enabled()
            assert await running.athrow(KeyError()) == "caught"
            await running.aclose()
            assert ag.is_grad_enabled()
            return [each async for each in ended(parameter(1.0))]

        @ag.no_grad()
        async def ended(x):
            yield (2 * x).requires_grad

        assert asyncio.run(all_of_it()) == [False]
        assert told == ["sent", False]

    def test_a_decorated_function_notes_lines_in_a_debug_block(self):
        @ag.enable_grad()
        def double(x):
            return 2 * x

        with ag.debug():
            assert "line" in double(parameter(1.0))._node.details


@pytest.mark.parametrize(
    "look",
    [lambda t: t.numpy(), lambda t: t.tolist(), lambda t: t.item(0), lambda t: np.asarray(t), lambda t: t.detach()],
)
def test_an_outdated_view_shows_no_old_values(look):
    base = Tensor([[1.0, 2.0], [3.0, 4.0]])
    view = base[0]
    look(view)
    base[0, 0] = 5.0
    with pytest.raises(ag.InPlaceError, match="view"):
        look(view)


@pytest.mark.parametrize("decompose", [np.linalg.svdvals, np.linalg.eigvalsh, lambda a: np.linalg.qr(a).R])
def test_decompositions_of_an_empty_stack(decompose):
    a = Tensor(np.zeros((0, 2, 2)), requires_grad=True)
    y = decompose(a)
    assert y.shape == decompose(np.zeros((0, 2, 2))).shape
    y.sum().backward()
    assert a.grad.shape == (0, 2, 2)


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize("size", [1e4, 1e16, 1e300])
def test_shares_of_large_equal_exponents_are_halves(function, size):
    a, b = parameter(size), parameter(size)
    function(a, b).sum().backward()
    np.testing.assert_array_equal(np.concatenate([a.grad, b.grad]), [0.5, 0.5])


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize(
    ("a", "b", "share"), [(np.inf, np.inf, 0.5), (-np.inf, -np.inf, 0.5), (np.inf, 1.0, 1.0), (1.0, np.inf, 0.0)]
)
def test_shares_of_infinite_exponents(function, a, b, share):
    x, y = parameter(a), parameter(b)
    function(x, y).sum().backward()
    np.testing.assert_array_equal(np.concatenate([x.grad, y.grad]), [share, 1 - share])


def test_an_angle_at_and_near_the_origin():
    y, x = parameter(0.0, -0.0, 1e-300, 3.0), parameter(0.0, -0.0, 0.0, 4.0)
    np.arctan2(y, x).sum().backward()
    np.testing.assert_allclose(y.grad, [0.0, 0.0, 0.0, 0.16])
    np.testing.assert_allclose(x.grad, [0.0, 0.0, -1e300, -0.12])


def test_tensors_of_a_hook_or_a_rule_leave_an_array_as_gradient():
    w = parameter(3.0, 4.0)
    x = parameter(1.0, 2.0)
    x.register_hook(lambda g: g * w)
    (2 * x).sum().backward()
    assert type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad, [6.0, 8.0])

    y = parameter(1.0, 2.0)
    ag.custom(lambda a: a * w.numpy(), lambda g, _, a: g * w)(y).sum().backward()
    assert type(y.grad) is np.ndarray
    np.testing.assert_array_equal(y.grad, [3.0, 4.0])


def test_a_hook_with_a_tensor_of_its_own_is_recorded_with_create_graph():
    w = parameter(3.0, 4.0)
    x = parameter(1.0, 2.0)
    x.register_hook(lambda g: g * w)
    (x * x).sum().backward(create_graph=True)
    x.grad.sum().backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


def test_a_generator_has_been_used_up_before_it_arrives():
    x = parameter(1.0, 2.0)
    with pytest.raises(ag.OperandError, match="not as a generator"):
        np.concatenate(part for part in [x, x])


def test_transforms_leave_the_gradients_of_what_their_function_closes_over_alone():
    w = parameter(2.0, 3.0)
    y = w * w
    y.retain_grad()
    np.testing.assert_array_equal(ag.grad(lambda x: (y * x).sum())(np.ones(2)), [4.0, 9.0])
    assert w.grad is None
    assert y.grad is None


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize(
    "reduce",
    [np.sum, np.prod, np.max, np.min, np.nansum, np.nanmean, np.nanmax, np.add.reduce, np.logaddexp.reduce],
)
def test_numpy_reduces_a_single_number_along_axis_0(reduce, axis):
    x = Tensor(1.5, requires_grad=True)
    y = reduce(x, axis=axis)
    assert y.shape == () and y.item() == 1.5
    y.backward()
    assert x.grad == 1.0


def test_an_initial_factor_reaches_the_gradient_of_a_single_number():
    x = Tensor(0.0, requires_grad=True)
    np.prod(x, axis=0, initial=3.0).backward()
    assert x.grad == 3.0


@pytest.mark.parametrize("index", [0, [0], [0, 0], np.array(0)])
def test_put_into_a_single_number(index):
    x = Tensor(2.0, requires_grad=True)
    y = 5 * x
    np.put(y, index, np.stack([3 * x] * np.size(index)))
    y.backward()
    assert y.item() == 6.0 and x.grad == 3.0


def test_put_along_axis_into_a_single_number():
    x = Tensor(2.0, requires_grad=True)
    y = 5 * x
    np.put_along_axis(y, np.array([0]), 3 * x.reshape(1), None)
    y.backward()
    assert y.item() == 6.0 and x.grad == 3.0


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0)])
def test_complex_eigenvalues_of_nothing_have_a_second_derivative(shape):
    a = Tensor(np.zeros(shape, complex), requires_grad=True)
    np.linalg.eigvals(a).sum().real.backward(create_graph=True)
    np.real(a.grad.sum()).backward()
    assert a.grad.shape == shape


WITH_MATVEC = pytest.mark.skipif(not hasattr(np, "matvec"), reason="np.matvec came with NumPy 2.2")


@pytest.mark.parametrize(
    ("product", "shapes"),
    [
        (np.vecdot, [(3,), (3, 3)]),
        (np.vecdot, [(2, 2), (2, 2, 2)]),
        (lambda a, b: np.linalg.vecdot(b, a), [(3,), (3, 3)]),
        pytest.param(lambda a, b: np.matvec(a, b), [(3, 3), (3, 3)], marks=WITH_MATVEC),
        pytest.param(lambda a, b: np.vecmat(b, a), [(2, 4), (2, 2)], marks=WITH_MATVEC),
        (lambda a, b: np.einsum("ij,jk->ik", a, b), [(2, 1), (3, 1)]),
        (lambda a, b: np.einsum("...i,...i->...", a, b), [(1, 2), (1, 2, 1)]),
    ],
)
def test_an_operand_repeated_in_a_product_as_small_as_itself(product, shapes):
    # The rule's gradient is larger than the operand, and the result's shape does not show it.
    random = np.random.default_rng(0)
    a, b = (random.uniform(-1, 1, shape) for shape in shapes)
    weight = random.uniform(-1, 1, product(a, b).shape)
    at, bt = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    (product(at, bt) * weight).sum().backward(create_graph=True)
    for x in (at, bt):
        assert x.grad.shape == x.shape
        for index in np.ndindex(x.shape):
            unit = np.zeros(x.shape)
            unit[index] = 1.0
            changed = product(unit, b) if x is at else product(a, unit)  # linear in each operand
            np.testing.assert_allclose(x.grad.numpy()[index], (changed * weight).sum(), atol=1e-12)
    gradient = at.grad
    at.grad = bt.grad = None
    gradient.sum().backward()  # the mixed second derivative
    for index in np.ndindex(b.shape):
        unit = np.zeros(b.shape)
        unit[index] = 1.0
        want = (product(np.ones(a.shape), unit) * weight).sum()
        np.testing.assert_allclose(bt.grad[index], want, atol=1e-12)


def test_values_added_more_often_than_there_are_places():
    x, value = parameter(1.0), parameter(2.0)
    y = 1 * x
    np.add.at(y, [0, 0, 0], value)
    y.sum().backward()
    assert y.item() == 7.0 and value.grad.shape == (1,) and value.grad[0] == 3.0


@pytest.mark.parametrize("transform", [np.fft.irfft, np.fft.hfft])
def test_a_real_spectrum_as_long_as_its_signal_has_a_real_gradient(transform):
    x = parameter(1.0, 2.0, 3.0, 4.0)
    y = np.exp(x)
    y.retain_grad()
    weight = np.array([1.0, -2.0, 0.5, 3.0])
    (transform(y, 4) * weight).sum().backward()
    want = [(transform(unit, 4) * weight).sum() for unit in np.eye(4)]
    assert y.grad.dtype == float
    np.testing.assert_allclose(y.grad, want, atol=1e-12)


@pytest.mark.parametrize("values", [np.ones((2, 2, 3)), parameter(*range(6)).reshape(1, 2, 3)])
@pytest.mark.parametrize("change", [np.add, np.multiply])
def test_values_that_do_not_fit_the_places_they_change(change, values):
    x = 1 * Tensor(np.ones((1, 2)), requires_grad=True)  # NumPy's add.at reads beyond the values, and crashes
    with pytest.raises(ag.OperandError, match=r"values of shape \(., 2, 3\) do not fit the \(1,\) places"):
        change.at(x, (Ellipsis, 1), values)


@pytest.mark.parametrize(
    "method", [np.logaddexp.reduce, np.add.accumulate, lambda x: np.multiply.reduceat(x, [0, 1]), np.maximum.reduce]
)
def test_methods_of_ufuncs_give_a_tensor_for_data_too(method):
    y = method(Tensor([1.0, 2.0, 3.0]))
    assert isinstance(y, Tensor) and not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), method(np.array([1.0, 2.0, 3.0])))


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("written", [0, 1])
def test_a_write_reaches_the_other_view_of_a_forgotten_base_or_is_refused(written, requires_grad):
    x = Tensor(np.ones(3), requires_grad=requires_grad)
    first = (2 * x)[1:]
    views = first, first[::-1]
    try:
        views[written][...] = np.array([5.0, 7.0])
        other = views[1 - written].numpy()
    except ag.InPlaceError:
        return
    np.testing.assert_array_equal(other, [7.0, 5.0])


@pytest.mark.parametrize("data", [[1, 2, 3], np.array([1, 2, 3], np.int8), np.array([True, False]), np.array(2)])
@pytest.mark.parametrize("function", [special.logsumexp, special.softmax, special.log_softmax])
@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_sums_of_exponentials_of_whole_numbers(function, data, kind):
    got = function(kind(data))
    want = function(np.asarray(data, float))
    assert got.dtype == float
    np.testing.assert_allclose(got.numpy() if isinstance(got, Tensor) else got, want)


def test_xlogy_of_lists_and_numbers():
    np.testing.assert_array_equal(special.xlogy([0, 2.0], [0, 1.0]), [0.0, 0.0])
    x = parameter(0.0, 2.0)
    special.xlogy(x, 3).sum().backward()
    np.testing.assert_allclose(x.grad, np.log(3.0))


@pytest.mark.parametrize("data", [[1, 2], np.array([1, 2], np.uint8), np.array([True, False])])
def test_the_logistic_function_of_whole_numbers(data):
    want = 1 / (1 + np.exp(-np.asarray(data, float)))
    np.testing.assert_allclose(special.expit(data), want)  # minus an unsigned 1 is 255
    np.testing.assert_allclose(special.log_expit(data), np.log(want))
    np.testing.assert_allclose(special.logit([0.25, 0.5]), [-np.log(3), 0.0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float16, np.float32])
def test_the_angle_to_a_number_whose_square_its_type_cannot_hold(dtype):
    other = np.array([20, 120, 100], dtype)
    for first in (True, False):
        x = parameter(3.0, 4.0, 5.0)
        y = np.arctan2(x, other) if first else np.arctan2(other, x)
        y.sum().backward()
        wide = other.astype(float)
        want = (wide if first else -wide) / (x.numpy() ** 2 + wide**2)
        np.testing.assert_allclose(x.grad, want, rtol=1e-12)


def test_exponents_without_a_sign():
    x = parameter(20.0, 20.0)
    (x ** np.array([0, 1], np.uint8)).sum().backward()  # 0 - 1 is 255
    np.testing.assert_array_equal(x.grad, [0.0, 1.0])


@pytest.mark.parametrize("dtype", [np.int8, np.float16, np.float32])
def test_the_logarithm_of_a_base_has_the_precision_of_the_power(dtype):
    exponent = parameter(0.5, 2.0)
    np.power(np.array([3, 5], dtype), exponent).sum().backward()
    wide = np.array([3.0, 5.0])
    np.testing.assert_allclose(exponent.grad, wide ** exponent.numpy() * np.log(wide), rtol=1e-12)
