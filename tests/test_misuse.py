"""Bad input: each misuse has an error of its own type that names the operation, the shapes and the cure."""

import asyncio
import math
import operator
import threading

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor


@pytest.fixture
def x():
    return Tensor([1.0, 2.0], requires_grad=True)


def test_a_non_scalar_needs_a_gradient(x):
    with pytest.raises(ag.BackwardError, match=r"shape \(2,\) is not a scalar.*\.sum\(\)"):
        (x * 2).backward()


def test_a_gradient_of_another_shape(x):
    with pytest.raises(ag.BackwardError, match=r"\(3,\) does not fit .*\(2,\)"):
        (x * 2).backward(np.ones(3))


def test_backward_without_anything_that_requires_grad():
    with pytest.raises(ag.BackwardError, match="requires_grad=True"):
        Tensor([1.0]).sum().backward()


def test_a_second_backward_says_that_the_graph_was_freed(x):
    y = (x * x).sum()
    y.backward()
    with pytest.raises(ag.FreedGraphError, match="retain_graph=True"):
        y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_failed_backward_changes_no_gradient(x):
    w = Tensor([1.0, 1.0], requires_grad=True)

    def fail(g, y, a):
        raise ZeroDivisionError("broken rule")

    broken = ag.custom(lambda a: a * 2, fail, name="broken")
    loss = (w + broken(x * w)).sum()
    with pytest.raises(ZeroDivisionError) as caught:
        loss.backward()
    assert "broken" in "".join(caught.value.__notes__)
    assert w.grad is None and x.grad is None


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("operands", ["results", "result, parameter", "parameter, result", "parameters"])
def test_an_error_in_a_rule_says_of_which_input(x, failing, operands):
    def fail(g, y, a, b):
        raise ZeroDivisionError("broken rule")

    rules = [lambda g, y, a, b: g, lambda g, y, a, b: g]
    rules[failing] = fail
    broken = ag.custom(lambda a, b: a + b, *rules, name="broken")
    w = Tensor([1.0, 1.0], requires_grad=True)
    first = x if operands.startswith("parameter") else x * 2
    second = w if operands.endswith(("parameter", "parameters")) else w * 2
    with pytest.raises(ZeroDivisionError) as caught:
        (broken(first, second) * 3).sum().backward()
    assert [note for note in caught.value.__notes__ if note.endswith(f"input {failing}")]


@pytest.mark.parametrize("data", [[1, 2], [True, False], np.array([1], np.uint8)])
def test_integer_tensors_have_no_gradient(data):
    with pytest.raises(ag.RequiresGradError, match="dtype=float"):
        Tensor(data, requires_grad=True)
    with pytest.raises(ag.RequiresGradError, match="dtype=float"):
        Tensor(data).requires_grad = True


@pytest.mark.parametrize("data", ["text", [None], object(), [[1.0], [1.0, 2.0]]])
def test_data_that_is_not_numeric(data):
    with pytest.raises((ag.OperandError, ValueError)):
        Tensor(data)


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.array,
        lambda t: np.array([t, t]),
        lambda t: np.array([t[0], t[1]]),
        lambda t: np.full((2, 2), t),
        lambda t: np.asarray([t[0], 1.0]),
        Tensor,
        lambda t: Tensor([t[0], t[1]]),
        lambda t: np.float64(t[0]),
        lambda t: np.zeros(2).__setitem__(slice(None), t),
        lambda t: np.add(t, t, out=np.zeros(2)),
        lambda t: np.zeros(2).__iadd__(t),
        lambda t: np.copyto(np.zeros(2), t),
        lambda t: np.put(np.zeros(2), [0, 1], t),
        lambda t: np.random.default_rng(0).normal(t),
    ],
)
def test_conversion_to_an_ndarray_is_never_silent(convert, x):
    with pytest.raises(ag.AutogradError, match=r"np\.stack|\.detach\(\)|\.numpy\(\)|out=|requires grad"):
        convert(x)


def test_assigning_one_element_of_an_ndarray_is_never_silent(x):
    with pytest.raises(ValueError, match="array element") as caught:  # NumPy puts its own error on top of ours
        np.zeros(2)[0] = x[0]
    assert isinstance(caught.value.__cause__, ag.DetachedError)
    assert "np.stack to collect Tensors" in str(caught.value.__cause__)


@pytest.mark.parametrize("convert", [float, int, complex, math.sqrt, math.exp, lambda t: range(3)[t]])
def test_conversion_to_a_number_is_never_silent(convert):
    t = Tensor(1.0, requires_grad=True)
    with pytest.raises((ag.DetachedError, TypeError), match=r"item|float"):
        convert(t)


def test_conversions_are_fine_without_a_gradient():
    t = Tensor([1.0, 2.0])
    assert np.asarray(t).tolist() == [1.0, 2.0]
    assert float(t[0]) == 1.0 and math.sqrt(t[0]) == 1.0
    array = np.zeros(2)
    array[:] = t
    assert array.tolist() == [1.0, 2.0]


def test_conversion_is_allowed_under_no_grad(x):
    with ag.no_grad():
        assert np.asarray(x).tolist() == [1.0, 2.0]


def test_truth_of_several_elements(x):
    with pytest.raises(ag.OperandError, match=r"\.any\(\)"):
        bool(x)


def test_length_and_iteration_of_a_scalar():
    t = Tensor(1.0)
    with pytest.raises(ag.OperandError, match="0-d"):
        len(t)
    with pytest.raises(ag.OperandError, match="0-d"):
        iter(t)


@pytest.mark.parametrize(
    ("operate", "name"),
    [
        (lambda a, b: a + b, "add"),
        (lambda a, b: a * b, "multiply"),
        (lambda a, b: a @ b, "matmul"),
        (lambda a, b: np.maximum(a, b), "maximum"),
        (lambda a, b: b - a, "subtract"),
    ],
)
def test_shapes_that_do_not_fit_are_named(operate, name):
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.ones((4, 5)), requires_grad=True)
    with pytest.raises(ag.OperandError, match=rf"{name}.*\(\d, \d\), \(\d, \d\)"):
        operate(a, b)


def test_a_singular_matrix_is_numpys_error_and_ours():
    a = Tensor(np.zeros((2, 2)), requires_grad=True)
    for error in (np.linalg.LinAlgError, ag.OperandError):
        with pytest.raises(error, match=r"inv: operands of shape \(2, 2\): Singular matrix"):
            np.linalg.inv(a)


def test_too_many_arguments_are_not_dropped(x):
    with pytest.raises((ag.OperandError, TypeError), match="argument"):
        x.sum(0, None, None, False, 0, True, "more")


def test_operands_of_a_foreign_type(x):
    with pytest.raises(TypeError):
        x + "text"
    with pytest.raises(TypeError):
        x * None
    assert (x == "text") is False or not np.any(x == "text")


def test_a_leaf_is_not_changed_in_place_by_accident(x):
    with pytest.raises(ag.InPlaceError, match="no_grad"):
        x -= 1
    with pytest.raises(ag.InPlaceError, match="no_grad"):
        x[0] = 5.0
    assert x.tolist() == [1.0, 2.0]


def test_requires_grad_of_a_result_cannot_be_switched(x):
    y = x * 2
    with pytest.raises(ag.RequiresGradError, match="detach"):
        y.requires_grad = False


def test_a_function_without_a_rule_says_so(x):
    with pytest.raises(ag.NotDifferentiableError, match=r"detach|custom"):
        np.packbits(x)
    with pytest.raises(ag.NotDifferentiableError, match="vectorized"):
        np.frompyfunc(abs, 1, 1)(x)


def test_a_static_argument_that_requires_grad(x):
    shift = Tensor(1.0, requires_grad=True)
    with pytest.raises((ag.NotDifferentiableError, ag.DetachedError)):
        np.roll(x, shift)


def test_assigning_a_gradient_of_another_shape(x):
    with pytest.raises(ag.OperandError, match="shape"):
        x.grad = np.ones(3)


def test_a_float_index_is_refused(x):
    with pytest.raises(ag.OperandError, match="index"):
        x[Tensor([0.0])]
    with pytest.raises(ag.OperandError):
        x[0.5]
    with pytest.raises((ag.OperandError, IndexError)):
        x[5]


@pytest.mark.parametrize("index", [[False], [True], True, [0], [[0]]])
def test_an_array_is_not_indexed_by_the_number_in_a_mask_of_one_element(index):
    array = np.array([[5.0, 6.0]])
    np.testing.assert_array_equal(array[Tensor(index)], array[np.array(index)])
    with pytest.raises(ag.OperandError, match="index: a Tensor of shape"):
        operator.index(Tensor(index))


@pytest.mark.parametrize("function", [np.any, np.all, np.argmax, np.var, np.std, np.sum])
def test_a_tensor_is_not_what_numpy_writes_into(function):
    array = np.ones((2, 3))
    for operand in (array, Tensor(array), Tensor(array, requires_grad=True)):
        with pytest.raises(ag.InPlaceError, match=f"{function.__name__}: out= writes"):
            function(operand, axis=0, out=Tensor(np.zeros(3, int)))
    with pytest.raises(ag.InPlaceError, match="any: out= writes"):
        np.any(array, 0, Tensor([True, True, True]))
    with pytest.raises(ag.InPlaceError, match="stack: out= writes"):
        np.stack([array, array], out=Tensor(np.zeros((2, 2, 3))))
    into = np.zeros(3, bool)
    assert np.any(Tensor(array), axis=0, out=into) is into and into.all()


@pytest.mark.parametrize(
    "use",
    [
        lambda x, rows: x + rows,
        lambda x, rows: np.dot(rows, x),
        lambda x, rows: np.concatenate([x, rows]),
        lambda x, rows: np.where([True, False], x, rows),
        lambda x, rows: x[rows],
        lambda x, rows: (2 * x).put([0, 1], rows),
    ],
)
def test_rows_of_unequal_length_are_no_operand(use, x):
    with pytest.raises(ag.OperandError, match="give numbers, in rows of one length"):
        use(x, [[1, 2], [3]])


def test_a_range_stands_beside_a_tensor_as_a_list_does(x):
    assert (x + range(2)).tolist() == (range(2) + x).tolist() == np.add(range(2), x).tolist() == [1.0, 3.0]


def test_a_mean_alone_that_requires_grad_is_not_lost_in_a_spread():
    array, mean = np.array([[1.0, np.nan, 3.0]]), Tensor([[2.0]], requires_grad=True)
    for function in (np.nanvar, np.nanstd):
        with pytest.raises(ag.DetachedError, match="would lose its gradient"):
            function(array, axis=1, mean=mean)


def test_object_arrays_never_appear(x):
    for make in (
        lambda: np.stack([x, x]),
        lambda: np.concatenate([x, x]),
        lambda: np.block([x, x]),
        lambda: x + [1.0, 2.0],  # noqa: RUF005  # a sum, not a longer list
    ):
        result = make()
        assert isinstance(result, Tensor) and result.dtype == np.float64
    with pytest.raises(ag.AutogradError):
        x + [x, x]  # noqa: RUF005


def test_hooks_and_retain_grad_need_a_gradient():
    t = Tensor([1.0])
    with pytest.raises(ag.RequiresGradError, match="requires_grad=True"):
        t.register_hook(print)
    with pytest.raises(ag.RequiresGradError):
        t.retain_grad()


def test_a_debug_block_names_the_line(x):
    with ag.debug():
        y = (x * x).sum()
    y.backward()
    with pytest.raises(ag.FreedGraphError, match=r"test_misuse\.py:\d+: y = \(x \* x\)\.sum\(\)"):
        y.backward()


def test_complex_results_need_a_gradient():
    z = Tensor([1.0 + 1j], requires_grad=True)
    with pytest.raises(ag.BackwardError, match="complex"):
        (z * z).sum().backward()


@pytest.mark.parametrize("shape", [(1.5, 2), ((1.5, 2),), ("ab",), (None,)])
def test_a_shape_of_other_than_whole_numbers(shape):
    with pytest.raises(ag.OperandError, match=r"reshape.*\(3,\); give whole numbers"):
        Tensor(np.ones(3), requires_grad=True).reshape(*shape)


def test_errors_of_python_name_the_operator():
    with pytest.raises(TypeError, match=r"^Tensor.__pow__\(\) takes"):
        pow(Tensor([1.0], requires_grad=True), 2, 3)


@pytest.mark.parametrize("data", [[[1.0], [2.0, 3.0]], [np.ones(2), np.ones(3)]])
def test_rows_of_unequal_length_are_no_data(data):
    with pytest.raises(ag.OperandError, match=r"Tensor: .*give numbers, in rows of one length"):
        ag.Tensor(data)


@pytest.mark.parametrize("join", [np.concatenate, np.stack])
def test_arrays_are_joined_from_one_list(join, x):
    with pytest.raises(
        ag.OperandError, match=rf"{join.__name__}: the axis is an array .* np\.{join.__name__}\(\[a, b\]\)"
    ):
        join(x, x)


def test_where_takes_both_choices_or_none(x):
    with pytest.raises(ag.OperandError, match=r"where: .* one choice; give both, np\.where\(condition, a, b\)"):
        np.where(x > 0, x)


@pytest.mark.parametrize("transform", [ag.grad, ag.value_and_grad, ag.jacobian, ag.hessian])
def test_a_loss_is_no_function_to_differentiate(transform, x):
    with pytest.raises(ag.OperandError, match=rf"{transform.__name__}: its first argument is a function, not a Tensor"):
        transform((x * x).sum())


@pytest.mark.parametrize(
    ("call", "written"),
    [
        (lambda loss, x: ag.hvp(loss, x, x), r"hvp\(lambda x: \.\.\., x, v\)"),
        (lambda loss, x: ag.vjp(loss, x), r"vjp\(lambda x: \.\.\., x\)"),
        (lambda loss, x: ag.jvp(loss, (x,), (x,)), r"jvp\(lambda x: \.\.\., \(x,\), \(v,\)\)"),
    ],
)
def test_nor_is_it_one_to_push_or_pull_through(call, written, x):
    with pytest.raises(ag.OperandError, match=rf"first argument is a function, not a Tensor; write {written}, or call"):
        call((x * x).sum(), x)


def test_a_state_carried_over_from_a_freed_graph_is_to_be_detached(x):
    state = x * x
    state.sum().backward()
    with pytest.raises(ag.FreedGraphError, match=r"\.detach\(\) for what is carried over"):
        (state * x).sum().backward()
    (state.detach() * x).sum().backward()
    assert np.allclose(x.grad, 2 * x.numpy() + x.numpy() ** 2)


def test_a_forward_that_returns_nothing_is_told_to_return():
    with pytest.raises(ag.OperandError, match=r"mse_loss: None is no array .* forward that gave it return one"):
        ag.nn.mse_loss(None, np.zeros(2))


def test_a_function_is_checkpointed_before_it_is_called(x):
    with pytest.raises(
        ag.OperandError, match=r"^checkpoint: 1 arguments beside the function; write checkpoint\(f\)\(x\)"
    ):
        ag.checkpoint(np.tanh, x)
    with pytest.raises(ag.OperandError, match=r"^checkpoint: a Tensor, no function"):
        ag.checkpoint(x)


def test_a_primitive_is_made_of_functions():
    with pytest.raises(ag.OperandError, match=r"^custom: forward is 3; give a function"):
        ag.custom(3, lambda g, y, x: g)


def test_names_are_given_by_keyword(x):
    with pytest.raises(ag.OperandError, match=r"^name: a Tensor is given without a name; write ag\.name\(W=W, b=b\)$"):
        ag.name(x)


@pytest.mark.parametrize("read", [ag.draw, ag.table], ids=["draw", "table"])
def test_what_cannot_be_shown_is_refused_by_the_function_that_was_called(read):
    for wrong in (3, np.ones(2), Tensor([1.0])):
        with pytest.raises(ag.AutogradError, match=f"^{read.__name__}: .*pass the"):
            read(wrong)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Tensor([1.0], np.float32),
            r"requires_grad: <class 'numpy.float32'> is neither True nor False; .*dtype=",
        ),
        (lambda: Tensor([1.0], "w"), "requires_grad: 'w' is neither True nor False"),
        (lambda: Tensor([1.0], name=3), r"name: 3 for a Tensor of shape \(1,\); give a string, or None"),
        (lambda: setattr(Tensor([1.0]), "name", 3), "name: 3 for a Tensor"),
        (lambda: f"{Tensor([1.0, 2.0]):.2f}", r"format: '\.2f' is for one number, and this Tensor has shape \(2,\)"),
        (
            lambda: np.concatenate([Tensor(np.ones((2, 3))), np.ones((2, 4))]),
            r"concatenate: arrays of shape \(2, 3\), \(2, 4\) along axis 0: all the input",
        ),
        (lambda: ag.vjp(np.sin), r"vjp: no primals are given; write vjp\(f, x\)"),
        (
            lambda: ag.hessian(np.sin)(np.ones(3)),
            r"hessian: the function returned an array of shape \(3,\), not a scalar",
        ),
        (
            lambda: ag.grad(lambda x: (x.sum(), x))(np.ones(3)),
            "grad: the function returned 2 arrays; .* with has_aux=True",
        ),
        (lambda: ag.grad(np.sum, "x")(np.ones(3)), "grad: argnums='x' does not name one"),
    ],
)
def test_what_stands_in_the_wrong_place_is_told(call, message):
    with pytest.raises(ag.AutogradError, match=message):
        call()


def test_a_boolean_of_numpys_says_whether_a_gradient_is_wanted():
    assert Tensor([1.0], np.True_).requires_grad
    assert not Tensor([1.0], np.False_).requires_grad


def test_a_forward_may_write_to_the_same_array_at_each_call():
    buffer = np.empty(2)

    def forward(a):
        return np.square(a, out=buffer)

    square = ag.custom(forward, lambda g, y, a: 2 * a * g)
    x = Tensor([1.0, 2.0], requires_grad=True)
    first = square(x)
    second = square(first)
    assert first.tolist() == [1.0, 4.0] and second.tolist() == [1.0, 16.0]
    (first + second).sum().backward()
    assert x.grad.tolist() == [6.0, 36.0]


@pytest.mark.parametrize("looked_at", [False, True])
def test_data_written_over_a_result_ends_its_gradient(looked_at, x):
    h = x * 2
    if looked_at:
        assert h.data.tolist() == [2.0, 4.0]
    np.add(np.ones(2), 1.0, out=h)
    (h * x).sum().backward()
    assert h.tolist() == [2.0, 2.0] and x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "use",
    [
        lambda values, _: np.ones(2).__imul__(values),
        lambda _, mask: np.add(1.0, np.ones(2), where=mask, out=Tensor([0.0, 0.0])),
        lambda _, mask: np.add.reduce(Tensor([1.0, 2.0], requires_grad=True), where=mask),
    ],
)
def test_an_outdated_view_is_no_mask_and_no_plain_operand(use):
    values, masks = Tensor(np.ones((2, 2))), Tensor(np.array([[True, False], [True, True]]))
    row, mask = values[0], masks[0]
    use(row, mask)
    values[0, 0], masks[0, 0] = 5.0, False
    with pytest.raises(ag.InPlaceError, match="a view of one that was changed in place"):
        use(row, mask)


def test_an_open_mesh_of_values_carries_their_gradient(x):
    rows, columns = np.ix_(x, [1.0, 2.0, 4.0])
    (rows * columns).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]
    rows, columns = np.ix_(Tensor([True, False, True]), [0, 1])
    assert rows.tolist() == [[0], [2]] and columns.dtype.kind == "i"
    with pytest.raises(ag.OperandError, match=r"ix_: .*1 dimensional"):
        np.ix_(Tensor(np.ones((2, 2)), requires_grad=True))


def test_threads_and_tasks_can_share_a_block(x):
    block = ag.no_grad()

    async def task(first, other):
        with block:
            first.set()
            await other.wait()
            inside = ag.is_grad_enabled()
        return inside, ag.is_grad_enabled()

    async def both():
        one, two = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(task(one, two), task(two, one))

    assert asyncio.run(both()) == [(False, True), (False, True)]

    told = []
    with block:
        thread = threading.Thread(target=lambda: (block.__enter__(), told.append((x * 2).requires_grad)))
        thread.start()
        thread.join()
    assert told == [False] and ag.is_grad_enabled()


@pytest.mark.parametrize("thing", [3, Tensor([1.0]), Tensor])
def test_only_functions_are_decorated(thing):
    with pytest.raises(ag.OperandError, match=r"no_grad, .*cannot be decorated; give a function"):
        ag.no_grad(thing)


@pytest.mark.parametrize("look", [lambda t: None, lambda t: t.data], ids=["", "lent"])
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(
    "view",
    [
        np.real,
        lambda t: np.einsum("ii->i", t),
        lambda t: np.einsum("ij->ji", t),
        lambda t: np.astype(t, float, copy=False),
        lambda t: np.astype(t, float, copy=False)[0],
    ],
)
def test_what_is_written_into_a_view_is_not_lost(view, requires_grad, look):
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=requires_grad)
    h = x * 1.0
    look(h)
    with pytest.raises(ag.InPlaceError, match="a view of another"):
        view(h)[0] = 5.0
    assert h.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_refused_call_takes_no_result_over():
    h = Tensor([1.5, 2.5], requires_grad=True) * 1.0
    with pytest.raises(ag.DetachedError, match=r"modf: .*shape \(2,\)"):
        np.modf(h, out=(h, np.empty(2)))
    assert h.tolist() == [1.5, 2.5]


def test_a_primitive_does_not_change_what_it_is_given(x):
    def forward(a):
        a *= 2
        return a

    def rule(g, y, a):
        g *= 2
        return g

    with pytest.raises(ag.OperandError, match=r"^forward: its forward changes an array.* make a new one"):
        ag.custom(forward, rule)(x)
    with pytest.raises(ag.OperandError, match=r"^double: its rule for input 0 changes an array.* g \* x"):
        ag.custom(lambda a: a * 2, rule, name="double")(x).sum().backward()
    assert x.tolist() == [1.0, 2.0] and x.grad is None


def test_a_recorded_rule_that_changes_its_gradient_changes_no_other(x):
    def by_first(g, y, a, b):
        g *= b
        return g

    def by_second(g, y, a, b):
        g *= a
        return g

    w = Tensor([3.0, 5.0], requires_grad=True)
    product = ag.custom(lambda a, b: a * b, by_first, by_second, name="product")
    h = x * 1.0
    (product(h, w) + 7.0 * h).sum().backward(create_graph=True)
    assert x.grad.tolist() == [10.0, 12.0] and w.grad.tolist() == [1.0, 2.0]


def test_parameters_that_share_an_array_are_not_trained(x):
    w = Tensor([0.0, 0.0], requires_grad=True)
    w.data = x.data
    with pytest.raises(
        ag.OperandError, match=r"^SGD: parameters of shape \(2,\) and \(2,\) share one array.*same Tensor"
    ):
        ag.optim.SGD([x, w], lr=1.0)
    w.data = x.numpy()
    optimizer = ag.optim.SGD([x, w], lr=1.0)
    (x + 2 * w).sum().backward()
    optimizer.step()
    assert x.tolist() == [0.0, 1.0] and w.tolist() == [-1.0, 0.0]
