"""The backward sweep: accumulation, freeing, hooks, order, depth, threads."""

import asyncio
import gc
import sys
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.record import Node, Spec, topological


def test_gradients_accumulate_over_graphs():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
    assert first.tolist() == [2.0, 2.0]


def test_a_tensor_used_twice_gets_both_contributions():
    x = Tensor(3.0, requires_grad=True)
    (x * x + x).backward()
    assert x.grad == 7.0 and isinstance(x.grad, np.ndarray)


@given(st.lists(st.tuples(st.sampled_from("+*-t"), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=25))
def test_any_graph_agrees_with_finite_differences(program):
    def run(x):
        values = [x[0], x[1], x[2]]
        operations = {
            "+": lambda a, b: a + b,
            "*": lambda a, b: np.tanh(a) * b,
            "-": lambda a, b: a - 2 * b,
            "t": lambda a, b: np.tanh(a),
        }
        for symbol, i, j in program:
            values.append(operations[symbol](values[i % len(values)], values[j % len(values)]))
        total = values[-1]
        for value in values[-4:-1]:
            total = total + np.tanh(value)
        return total

    point = np.array([0.3, -0.7, 1.1])
    x = Tensor(point, requires_grad=True)
    run(x).backward()
    step = 1e-6
    for i in range(3):
        e = np.eye(3)[i] * step
        numeric = (run(point + e) - run(point - e)) / (2 * step)
        assert np.isclose(x.grad[i], numeric, rtol=1e-4, atol=1e-6 * max(1.0, abs(numeric)))


def test_retain_graph_allows_a_second_sweep():
    x = Tensor([2.0], requires_grad=True)
    y = (x**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == [24.0]


def test_create_graph_gives_tensors_that_can_be_differentiated():
    x = Tensor([2.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    assert isinstance(first, Tensor) and first.tolist() == [12.0]
    x.grad = None
    first.sum().backward()
    assert x.grad == [12.0]


def test_recorded_gradients_are_changed_one_at_a_time():
    a, b = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    total = a + b
    total.retain_grad()
    total.backward(create_graph=True)
    with ag.no_grad():
        a.grad *= 5.0
    assert (a.grad.item(), b.grad.item(), total.grad.item()) == (5.0, 1.0, 1.0)


def test_a_hook_that_changes_a_recorded_gradient_in_place_changes_its_own():
    def double(g):
        g *= 2.0

    for create_graph in (False, True):
        a, b = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
        a.register_hook(double)
        (a + b).backward(create_graph=create_graph)
        assert (a.grad.item(), b.grad.item()) == (1.0, 1.0)


def test_a_sweep_that_fails_changes_no_gradient():
    x = Tensor(3.0, requires_grad=True)
    h = x * x
    h.retain_grad()
    handle = x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        (2 * h).backward(retain_graph=True)
    assert h.grad is None and x.grad is None
    handle.remove()
    (2 * h).backward()
    assert h.grad == 2.0 and x.grad == 12.0
    with pytest.raises(ag.FreedGraphError):
        (5 * h).backward()
    assert h.grad == 2.0 and x.grad == 12.0


def test_what_is_retained_of_a_recorded_sweep_stays_recorded():
    x = Tensor(2.0, requires_grad=True)
    h = x * x
    h.retain_grad()
    (h**2).backward(create_graph=True)
    (h * 3.0).backward(retain_graph=True)
    both, x.grad = h.grad, None
    both.backward()
    assert both.item() == 11.0 and x.grad == 8.0


def test_what_is_retained_over_two_sweeps_is_an_array():
    h = Tensor(3.0, requires_grad=True) * 2.0
    h.retain_grad()
    for _ in range(2):
        (h * 5.0).backward(retain_graph=True)
    assert isinstance(h.grad, np.ndarray) and h.grad == 10.0


def test_a_square_does_not_keep_its_result():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for y in (x**2, 2 / x, x * x):  # of 2 / x the rule reads the result, of the others at most its dtype
        assert (y._array is y._node.saved[0]) == (y._node.op.name == "divide")


def test_structure_survives_the_freeing_of_values():
    x = Tensor([2.0], requires_grad=True, name="x")
    y = np.tanh(x * 3).sum()
    y.backward()
    operations = [node.op.name for node in topological([y._node])]
    assert operations == ["multiply", "tanh", "sum"]
    assert all(node.saved is None for node in topological([y._node]))


def test_saved_values_are_freed_as_the_sweep_passes():
    x = Tensor(np.ones(1000), requires_grad=True)
    h = np.tanh(x)
    array = weakref.ref(h._array)
    y = h.sum()
    del h
    assert array() is not None
    y.backward()
    assert array() is None


def test_only_what_the_rules_read_is_saved():
    x = Tensor(np.ones(1000), requires_grad=True)
    for build, kept in (
        (lambda h: h + 1.0, False),
        (lambda h: h.sum(), False),
        (lambda h: h.reshape(10, 100) * 2.0, False),
        (lambda h: h * h, True),
        (lambda h: np.exp(h), False),
        (lambda h: np.log(h), True),
    ):
        h = x + 1.0
        array = weakref.ref(h._array)
        y = build(h)
        del h
        assert (array() is not None) is kept
        del y


def test_a_graph_is_freed_by_reference_counting_alone():
    gc.collect()
    gc.disable()
    try:
        x = Tensor(np.ones(10), requires_grad=True)
        h = np.tanh(x * 2)
        h.retain_grad()
        loss = (h * h[::-1]).sum()
        array = weakref.ref(h._array)
        loss.backward()
        x.grad = None
        del h, loss
        assert array() is None
        tensor = weakref.ref(x)
        del x
        assert tensor() is None
    finally:
        gc.enable()


def test_a_million_operations_neither_recurse_nor_overflow():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, 1000))
    try:
        x = Tensor(1.0, requires_grad=True)
        y = x
        for _ in range(1_000_000):
            y = y + 1e-6
        y.backward()
        assert x.grad == 1.0
        del y
    finally:
        sys.setrecursionlimit(limit)


def test_bytes_per_node_of_a_deep_chain():
    x = Tensor([0.5], requires_grad=True)
    a, b = Tensor([0.1]), Tensor([0.9])
    tracemalloc.start()
    y = x
    for _ in range(10_000):
        y = np.tanh((y + a) * b)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / 30_000 <= 250


def test_diamonds_are_swept_once_per_node():
    calls = []
    half = ag.custom(lambda x: x / 2, lambda g, y, x: (calls.append(1), g / 2)[1], name="half")
    x = Tensor(1.01, requires_grad=True)
    y = x
    for _ in range(20):
        y = half(y) + y / 2
    y.backward()
    assert len(calls) == 20 and np.isclose(x.grad, 1.0)


def test_hooks_see_and_replace_the_gradient():
    x = Tensor([1.0, 2.0], requires_grad=True)
    h = x * 2
    seen = []
    y = (h * h).sum()
    handle = h.register_hook(lambda g: seen.append(g.copy()))
    h.register_hook(lambda g: g * 10)
    y.backward(retain_graph=True)
    assert seen[0].tolist() == [4.0, 8.0] and x.grad.tolist() == [80.0, 160.0]
    handle.remove()
    y.backward()
    assert len(seen) == 1


def test_a_hook_on_a_leaf_sees_the_total():
    x = Tensor([1.0], requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(float(g[0])))
    (x * 2 + x * 3).sum().backward()
    assert seen == [5.0] and x.grad == [5.0]


def test_a_hook_dies_with_its_graph():
    gc.collect()
    gc.disable()
    try:
        x = Tensor([1.0], requires_grad=True)
        seen = []
        hook = lambda g: seen.append(g)
        y = x * 2.0
        y.register_hook(hook)
        y.sum().backward()
        known = weakref.ref(hook)
        del hook, y
        assert seen == [1.0] and known() is None
    finally:
        gc.enable()


def test_a_hook_that_returns_another_shape():
    x = Tensor([1.0], requires_grad=True)
    x.register_hook(lambda g: np.ones(3))
    with pytest.raises(ag.OperandError, match=r"hook.*\(3,\).*\(1,\)"):
        (x * 2).sum().backward()
    assert x.grad is None


def test_retain_grad_keeps_that_of_a_result():
    x = Tensor([1.0, 2.0], requires_grad=True)
    h = x * 2
    h.retain_grad()
    (h * h).sum().backward()
    assert h.grad.tolist() == [4.0, 8.0]


def test_asking_for_the_gradient_of_a_result_says_that_there_is_none():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(UserWarning, match=r"grad of 'multiply' of shape \(2,\), a result.*retain_grad") as caught:
        assert (x * 1).grad is None
    assert caught[0].filename == __file__
    h = x * 2
    h.retain_grad()
    for quiet in (x, h, x.detach(), Tensor([1.0]), x > 0):
        assert quiet.grad is None


def test_gradient_of_a_non_scalar_with_a_given_gradient():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(gradient=[1.0, 10.0])
    assert x.grad.tolist() == [2.0, 40.0]


def test_backward_on_a_leaf():
    x = Tensor(2.0, requires_grad=True)
    x.backward()
    assert x.grad == 1.0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((), ()),
        ((3,), ()),
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 1, 3), (4, 1)),
        ((0, 3), (1, 3)),
        ((1,), (0,)),
        ((1, 1), ()),
    ],
)
def test_broadcasting_is_undone(left, right):
    rng = np.random.default_rng(0)
    a = Tensor(rng.normal(size=left), requires_grad=True)
    b = Tensor(rng.normal(size=right), requires_grad=True)
    g = rng.normal(size=np.broadcast_shapes(left, right))
    (a * b).backward(g)
    assert a.grad.shape == left and b.grad.shape == right
    full = np.broadcast_to(b.numpy(), g.shape) * g
    axes = tuple(i for i in range(g.ndim) if i < g.ndim - len(left) or left[i - g.ndim + len(left)] == 1)
    assert np.allclose(a.grad, full.sum(axis=axes).reshape(left))


def test_no_grad_is_per_thread():
    x = Tensor([1.0], requires_grad=True)
    inside, recorded = threading.Event(), []

    def other():
        inside.wait()
        recorded.append((x * 2).requires_grad)

    thread = threading.Thread(target=other)
    thread.start()
    with ag.no_grad():
        inside.set()
        thread.join()
        assert not (x * 2).requires_grad
    assert recorded == [True]


def test_no_grad_is_per_async_task():
    x = Tensor([1.0], requires_grad=True)

    async def evaluate():
        with ag.no_grad():
            await asyncio.sleep(0)
            return (x * 2).requires_grad

    async def train():
        await asyncio.sleep(0)
        return (x * 2).requires_grad

    async def both():
        return await asyncio.gather(evaluate(), train())

    assert asyncio.run(both()) == [False, True]


def test_no_grad_decorates_functions_and_enable_grad_reopens():
    x = Tensor([1.0], requires_grad=True)

    @ag.no_grad()
    def evaluate():
        with ag.enable_grad():
            inner = (x * 2).requires_grad
        return inner, (x * 2).requires_grad

    assert evaluate() == (True, False)
    assert ag.is_grad_enabled()


def test_no_grad_ends_when_an_exception_leaves_it():
    with pytest.raises(KeyError), ag.no_grad():
        raise KeyError
    assert ag.is_grad_enabled()


def test_threads_that_share_parameters_get_right_gradients():
    w = Tensor(np.ones(50), requires_grad=True)
    h = np.tanh(w * 0.5)
    results = {}

    def work(k):
        for _ in range(50):
            (result,) = ag.vjp(lambda t: (np.tanh(t * h.detach()) * k).sum(), w.numpy())[1](1.0)
            results.setdefault(k, []).append(result)

    threads = [threading.Thread(target=work, args=(k,)) for k in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, found in results.items():
        assert all(np.allclose(result, found[0]) for result in found)
        assert np.allclose(found[0] / k, results[1.0][0])


def test_threads_that_add_to_one_gradient_lose_no_addition():
    w = Tensor(np.zeros(200_000), requires_grad=True)  # so large that NumPy lets other threads run meanwhile
    often = 40

    def train():
        for _ in range(often):
            (w * 1.0).sum().backward()

    threads = [threading.Thread(target=train) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert (w.grad == 4 * often).all()


def test_two_threads_can_sweep_one_retained_graph():
    x = Tensor(np.linspace(0, 1, 20), requires_grad=True)
    y = np.tanh(np.sin(x) * x)
    expected = ag.grad(lambda t: np.tanh(np.sin(t) * t).sum())(x.numpy())
    found = []

    def work():
        found.extend(
            ag.backprop.sweep({y._node: np.ones(20)}, retain_graph=True, create_graph=False)[x._node]
            for _ in range(100)
        )

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 300 and all(np.allclose(g, expected) for g in found)


def test_graphs_that_branch_and_join_again_and_again():
    def run(x):
        for k in range(1, 6):
            a, b = np.tanh(x), x * 0.5
            c = a * b + a
            x = np.sin(c) * b + np.cos(a * 0.1 * k)
            x = x + 0.25 * x
        return x.sum()

    point = np.array([0.3, -0.8])
    step = 1e-6
    numeric = [(run(point + step * e) - run(point - step * e)) / (2 * step) for e in np.eye(2)]
    assert np.allclose(ag.grad(run)(point), numeric, rtol=1e-6)
    second = [(ag.grad(run)(point + step * e) - ag.grad(run)(point - step * e)) / (2 * step) for e in np.eye(2)]
    assert np.allclose(ag.hessian(run)(point), second, rtol=1e-5, atol=1e-8)


def test_topological_order_is_inputs_first_and_deterministic():
    x = Tensor([1.0], requires_grad=True)
    a, b = x * 2, x * 3
    y = (a * b + a).sum()
    order = topological([y._node], everything=True)
    place = {node: i for i, node in enumerate(order)}
    for node in order:
        for source in node.inputs:
            if isinstance(source, Node):
                assert place[source] < place[node]
    assert order == topological([y._node], everything=True)


def test_a_rule_of_another_precision_leaves_the_gradient_in_that_of_its_leaf():
    leaking = ag.custom(lambda x: x * 2, lambda g, y, x: g.astype(float) * 2.0, name="leaking")
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    leaking(x).sum().backward()
    assert x.grad.dtype == np.float32
    assert ag.grad(lambda x: leaking(x).sum())(np.ones(2, np.float32)).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_leaf_used_many_times_adds_up_without_touching_what_another_holds(dtype: type) -> None:
    shape = (80, 80)
    W, V = (Tensor(np.ones(shape, dtype), requires_grad=True) for _ in range(2))
    seen: list[np.ndarray] = []
    loss = Tensor(np.zeros((), dtype))
    for k in range(6):
        both = W + V  # one array is the gradient of both
        both.register_hook(seen.append)
        loss = loss + (both * float(k)).sum()
    loss.backward()
    assert W.grad is not V.grad
    for leaf in (W, V):
        assert leaf.grad.dtype == dtype
        np.testing.assert_array_equal(leaf.grad, np.full(shape, 15.0))
    assert sorted(float(g.flat[0]) for g in seen) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert all((g == g.flat[0]).all() for g in seen)
    first = W.grad
    (W * 2.0).sum().backward()
    assert (first == 15.0).all() and (W.grad == 17.0).all()


@pytest.mark.parametrize("leaf", [True, False], ids=["leaf", "result"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_of_one_array_add_up(leaf: bool, dtype: type) -> None:
    """Parts that are read one by one are added in place; other uses come before, between and after."""
    values = np.arange(1.0, 13.0, dtype=dtype).reshape(4, 3)
    indices = [0, -1, 1, 1, (2, 0), (2, 0), (slice(1, 3), slice(None, None, -1)), (Ellipsis, 1), None, slice(0, 0)]
    indices += [np.array([0, 0, 3]), [2, 1], np.arange(12).reshape(4, 3) % 2 == 0, (0, [1, 1]), 0, 3]

    def loss(x: Any) -> Any:
        total = (x * x).sum()
        for weight, index in enumerate(indices, 2):
            total = total + (x[index] * float(weight)).sum()
            if weight % 5 == 0:
                total = total + x.sum()
        return total + np.exp(x[0] * 0.1).sum()

    def gradient(x: np.ndarray) -> np.ndarray:
        g = 2 * x + sum(weight % 5 == 0 for weight, _ in enumerate(indices, 2))
        for weight, index in enumerate(indices, 2):
            np.add.at(g, index, dtype(weight))
        g[0] += 0.1 * np.exp(0.1 * x[0])
        return g

    w = Tensor(values, requires_grad=True)
    seen: list[np.ndarray] = []
    x = w if leaf else w + 0.0
    x.register_hook(seen.append)
    y = loss(x)
    for times in (1, 2):
        y.backward(retain_graph=True)
        assert w.grad.dtype == dtype
        np.testing.assert_allclose(w.grad, times * gradient(values), rtol=1e-6)
    np.testing.assert_allclose(seen[0], gradient(values), rtol=1e-6)
    w.grad = None
    y.backward(create_graph=True)
    np.testing.assert_allclose(w.grad.numpy(), gradient(values), rtol=1e-6)
    if dtype is np.float64:
        direction = np.cos(values)
        expected = 2 * direction
        expected[0] += 0.01 * np.exp(0.1 * values[0]) * direction[0]
        np.testing.assert_allclose(ag.hvp(loss, values, direction), expected, rtol=1e-12)
        rows = ag.jacobian(lambda x: np.stack([x[0], x[1] * x[0]]))(values)
        np.testing.assert_array_equal(rows[1, 2, 0], [0.0, 0.0, values[1, 2]])


def test_a_part_is_never_added_to_what_another_holds() -> None:
    x = Tensor(np.ones(5000), requires_grad=True)
    v = Tensor(np.ones(5000), requires_grad=True)
    both = x + v  # what arrives at it arrives at x and v
    (x[0] * 2.0 + x[0] * 3.0 + x[1:3].sum() + both.sum()).backward()
    assert (v.grad == 1).all()
    assert x.grad[:4].tolist() == [6.0, 2.0, 2.0, 1.0]


def test_shapes_that_never_come_again_do_not_fill_the_memory():
    factor = Tensor(np.ones((1, 1)), requires_grad=True)
    for n in range(2, 14_000):
        Tensor(np.ones((n, 1)), requires_grad=True) * factor
    assert sum(isinstance(thing, Spec) for thing in gc.get_objects()) < 12_500


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize(
    "layout", [lambda a: a, np.asfortranarray, lambda a: a[::-2], lambda a: a[:0], lambda a: a[:1]]
)
def test_the_gradient_of_a_bias_is_the_sum_over_rows_in_every_layout(dtype, layout):
    rng = np.random.default_rng(0)
    imaginary = 1j * rng.normal(size=(30, 6)) if np.dtype(dtype).kind == "c" else 0
    rows = layout((rng.normal(size=(30, 6)) + imaginary).astype(dtype))
    bias = Tensor(np.zeros(6, dtype), requires_grad=True)
    (np.zeros(rows.shape, dtype) + bias).backward(rows)
    assert bias.grad.dtype == dtype and bias.grad.flags.owndata
    np.testing.assert_allclose(
        bias.grad, rows.sum(axis=0), rtol=1e-2 if dtype == "f2" else 1e-5, atol=1e-2 if dtype == "f2" else 1e-5
    )


def test_what_is_infinite_in_one_column_of_a_bias_gradient_stays_there():
    rows = np.ones((4, 3))
    rows[1, 0], rows[2, 1] = np.inf, np.nan
    bias = Tensor(np.zeros(3), requires_grad=True)
    (np.zeros((4, 3)) + bias).backward(rows)
    np.testing.assert_array_equal(bias.grad, [np.inf, np.nan, 4.0])
