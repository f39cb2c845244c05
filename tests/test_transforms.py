"""Transforms: values, structure, nesting, forward against reverse mode, and their errors."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor


def f(x):
    return (np.tanh(x) * x**2).sum()


X = np.array([0.3, -0.7, 1.2])


def derivative(order):
    """Of tanh(x) x^2, by central differences of the order below."""
    if order == 0:
        return lambda x: np.tanh(x) * x**2
    below = derivative(order - 1)
    step = 1e-3
    return lambda x: (8 * (below(x + step) - below(x - step)) - below(x + 2 * step) + below(x - 2 * step)) / (12 * step)


def test_grad_and_value_and_grad():
    value, gradient = ag.value_and_grad(f)(X)
    assert type(value) is np.ndarray and type(gradient) is np.ndarray
    assert np.allclose(value, f(X)) and np.allclose(gradient, derivative(1)(X))
    assert np.array_equal(ag.grad(f)(X), gradient)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_grad_nests_to_any_order(order):
    g = lambda x: np.tanh(x) * x**2
    for _ in range(order):
        g = ag.grad(g)
    assert np.allclose(g(0.3), derivative(order)(0.3), rtol=1e-4)


def test_nested_transforms_keep_their_arguments_apart():
    assert ag.grad(lambda x: x * ag.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert ag.grad(lambda a: ag.grad(lambda b: a * b * b)(2.0))(3.0) == 4.0
    assert ag.grad(lambda x: x * ag.jvp(lambda y: x * y, (1.0,), (1.0,))[1])(3.0) == 6.0
    assert type(ag.grad(lambda a: ag.grad(lambda b: a * b * b)(2.0))(3.0)) is np.ndarray


def test_several_arguments():
    g = lambda a, b, c: (a * b**2 * c).sum()
    ga, gc = ag.grad(g, argnums=(0, 2))(X, 2 * X, 3.0)
    assert np.allclose(ga, 12 * X**2) and np.allclose(gc, (4 * X**3).sum())
    assert np.allclose(ag.grad(g, argnums=-1)(X, 2 * X, 3.0), gc)
    assert np.allclose(ag.grad(lambda a, scale: (a * scale).sum())(X, scale=2.0), 2.0)


def test_nested_containers():
    parameters = {"w": [np.ones((2, 3)), np.ones(2)], "s": (np.array(2.0),), "none": None}
    loss = lambda p, x: (p["s"][0] * (p["w"][0] @ x + p["w"][1])).sum()
    gradient = ag.grad(loss)(parameters, X)
    assert gradient["none"] is None and isinstance(gradient["s"], tuple)
    assert np.allclose(gradient["w"][0], 2 * np.stack([X, X])) and np.allclose(gradient["w"][1], 2.0)
    assert np.allclose(gradient["s"][0], 2 * (X.sum() + 1))


def test_has_aux():
    (value, aux), gradient = ag.value_and_grad(lambda x: ((x**2).sum(), "aux"), has_aux=True)(X)
    assert aux == "aux" and np.allclose(gradient, 2 * X) and np.isclose(value, (X**2).sum())
    gradient, aux = ag.grad(lambda x: ((x**2).sum(), "aux"), has_aux=True)(X)
    assert aux == "aux" and np.allclose(gradient, 2 * X)


def test_vjp_and_jvp_are_adjoint():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    h = lambda a, b: np.tanh(a @ b) * b[:3]
    y, pullback = ag.vjp(h, a, b)
    g, ta, tb = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=4)
    value, tangent = ag.jvp(h, (a, b), (ta, tb))
    assert np.allclose(y, value)
    ga, gb = pullback(g)
    assert np.isclose((g * tangent).sum(), (ga * ta).sum() + (gb * tb).sum())
    assert np.allclose(pullback(g)[0], ga)
    step = 1e-6
    assert np.allclose(tangent, (h(a + step * ta, b + step * tb) - h(a - step * ta, b - step * tb)) / (2 * step))


def test_vjp_of_several_outputs():
    y, pullback = ag.vjp(lambda x: {"a": x**2, "b": (x.sum(), x)}, X)
    assert np.allclose(y["b"][0], X.sum())
    (g,) = pullback({"a": np.ones(3), "b": (2.0, np.zeros(3))})
    assert np.allclose(g, 2 * X + 2)


def test_jvp_nests():
    g = lambda x: np.tanh(x) * x**2
    d = lambda h: lambda x: ag.jvp(h, (x,), (1.0,))[1]
    assert np.allclose(d(d(d(g)))(0.3), derivative(3)(0.3), rtol=1e-5)
    assert np.allclose(ag.grad(d(g))(0.3), d(ag.grad(g))(0.3))
    assert np.allclose(ag.grad(lambda t: ag.jvp(g, (0.3,), (t,))[1])(1.0), derivative(1)(0.3))


@pytest.mark.parametrize(("rows", "columns"), [(2, 5), (5, 2), (3, 3), (1, 1), (0, 2)])
def test_jacobian_in_either_mode(rows, columns):
    rng = np.random.default_rng(1)
    a, x = rng.normal(size=(rows, columns)), rng.normal(size=columns)
    found = ag.jacobian(lambda x: np.tanh(a @ x))(x)
    assert found.shape == (rows, columns)
    assert np.allclose(found, (1 - np.tanh(a @ x) ** 2)[:, None] * a)


def test_jacobian_of_containers_and_shapes():
    found = ag.jacobian(lambda p: {"y": p[0] * p[1]})((np.ones((2, 1)), np.full((3,), 2.0)))
    assert found["y"][0].shape == (2, 3, 2, 1) and found["y"][1].shape == (2, 3, 3)
    assert np.allclose(found["y"][0][1, :, 1, 0], 2.0) and np.allclose(found["y"][0][1, :, 0, 0], 0.0)


def test_hessian_and_hvp():
    h = lambda x: (np.tanh(x) * x[::-1] ** 2).sum()
    full = ag.hessian(h)(X)
    assert np.allclose(full, full.T)
    step = 1e-5
    for i in range(3):
        e = step * np.eye(3)[i]
        assert np.allclose(full[i], (ag.grad(h)(X + e) - ag.grad(h)(X - e)) / (2 * step), atol=1e-6)
    v = np.array([1.0, -2.0, 0.5])
    assert np.allclose(ag.hvp(h, X, v), full @ v)


def test_hessian_of_several_arguments():
    blocks = ag.hessian(lambda x, y: (x * y**2).sum(), argnums=(0, 1))(np.ones(2), np.array([2.0, 3.0]))
    assert np.allclose(blocks[0][1], np.diag([4.0, 6.0])) and np.allclose(blocks[1][1], 2 * np.eye(2))
    assert np.allclose(blocks[0][0], 0.0)


def test_hvp_of_containers_and_of_a_linear_function():
    found = ag.hvp(lambda p: (p["a"] ** 2 * p["b"]).sum(), {"a": X, "b": X}, {"a": np.ones(3), "b": np.zeros(3)})
    assert np.allclose(found["a"], 2 * X) and np.allclose(found["b"], 2 * X)
    both = {"a": X, "b": X}
    found = ag.hvp(lambda p: ((p["a"] + p["b"]) ** 3).sum() + (p["a"][:2] ** 3).sum(), both, both)
    assert np.allclose(found["b"], 24 * X**2) and np.allclose(found["a"], 24 * X**2 + 6 * X**2 * [1, 1, 0])
    assert np.allclose(ag.hvp(lambda x: (3 * x).sum(), X, X), 0.0)
    assert np.allclose(ag.hessian(lambda x: (3 * x).sum())(X), 0.0)


CONSTANT = np.array([[0.5], [-1.5]])
PARAMETER = Tensor([2.0, -1.0, 0.5], requires_grad=True)


@pytest.mark.parametrize(
    "f",
    [
        # what stands last: its result is read by its own rule, or by no rule
        lambda x: np.tanh(x.sum()),
        lambda x: np.exp((x**2).mean()),
        lambda x: -np.sqrt((x**2).sum()),
        lambda x: 1 / (x * x).sum() + x[0] - 3.0,
        lambda x: (x[0] * x[1]) * x[2],
        lambda x: np.maximum(x[0] * x[1], x[2] ** 2),
        lambda x: x @ x,
        lambda x: np.sum(x**3, initial=2.0),
        lambda x: np.prod(x),
        # a value that is used twice, on ways that move and on ways that do not
        lambda x: (np.outer(x, x) @ np.tanh(x)).sum() - x.sum() * x.mean(),
        lambda x: (np.exp(y := x * x) * np.sin(y) + y * y - y / 3).sum(),
        lambda x: ((x + CONSTANT) * (CONSTANT - x) / (x**2 + 1)).sum(),
        lambda x: (x[[0, 2, 0]] * x[1:].sum() + x[::-1] ** 2).sum() + (2 * x[:2]).sum() ** 2,
        lambda x: (np.concatenate([x, x * x]).reshape(2, 3) @ (x * CONSTANT).T).mean(),
        lambda x: ((PARAMETER * x).sum() * np.sin(PARAMETER @ x)) + (PARAMETER**2).sum(),
        lambda x: (np.floor(x) * x**2).sum() + np.where(x > 0, x**3, -x).sum(),
        lambda x: np.cumsum(x * x)[-1] * np.linalg.norm(x) + np.sort(x)[0] ** 3,
    ],
)
def test_a_product_with_the_hessian_is_how_the_gradient_moves(f):
    v, step = np.array([1.0, -2.0, 0.5]), 1e-4
    g = ag.grad(f)
    moved = (8 * (g(X + step * v) - g(X - step * v)) - g(X + 2 * step * v) + g(X - 2 * step * v)) / (12 * step)
    product = ag.hvp(f, X, v)
    np.testing.assert_allclose(product, ag.jvp(g, (X,), (v,))[1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(product, moved, rtol=1e-6, atol=1e-7)
    assert PARAMETER.grad is None


def test_a_product_with_a_hessian_of_zeros():
    v = np.ones(3)
    for f in (lambda x: PARAMETER.sum(), lambda x: x.sum() + (PARAMETER**2).sum(), lambda x: np.floor(x).sum()):
        np.testing.assert_array_equal(ag.hvp(f, X, v), np.zeros(3))
    scalar = Tensor(2.0, requires_grad=True)
    assert ag.hvp(lambda x: x, 3.0, 1.0) == 0.0 == ag.hvp(lambda x: scalar, 3.0, 1.0)


def test_a_hook_has_its_say_in_a_product_with_a_hessian():
    for at in (lambda x, y: x, lambda x, y: y):
        seen = []

        def f(x, at=at, seen=seen):
            y = x[:2] ** 2
            at(x, y).register_hook(lambda g: seen.append(g) or 2 * g)
            return (y**2).sum()

        product = ag.hvp(f, X, np.ones(3))
        assert seen
        np.testing.assert_allclose(product, ag.jvp(ag.grad(f), (X,), (np.ones(3),))[1])


def test_an_error_on_the_way_of_a_tangent_names_the_operation():
    def refused(g, y, x):
        raise RuntimeError("no derivative today")

    doubled = ag.custom(lambda x: 2 * x, refused)
    with pytest.raises(RuntimeError, match="no derivative today") as caught:
        ag.hvp(lambda x: (doubled(x) ** 2).sum(), X, X)
    assert any("derivative rule of" in note and "of shape (3,)" in note for note in caught.value.__notes__)


def test_stop_gradient():
    assert ag.grad(lambda x: x * ag.stop_gradient(x))(3.0) == 3.0
    assert ag.grad(lambda x: ag.stop_gradient({"a": x})["a"] * 2 + x)(3.0) == 1.0


def test_a_result_that_does_not_depend_on_the_argument():
    assert ag.grad(lambda x: Tensor(1.0))(2.0) == 0.0
    with pytest.warns(UserWarning, match="plain float"):
        assert ag.grad(lambda x: 1.0)(2.0) == 0.0


def test_float32_arguments_give_float32_derivatives():
    x = X.astype(np.float32)
    assert ag.grad(f)(x).dtype == np.float32
    assert ag.hessian(f)(x).dtype == np.float32
    assert ag.jvp(f, (x,), (x,))[1].dtype == np.float32


def test_tensors_as_arguments_give_tensors_that_can_be_differentiated():
    x = Tensor(X, requires_grad=True)
    penalty = (ag.grad(f)(x) ** 2).sum()
    penalty.backward()
    expected = 2 * ag.hessian(f)(X) @ ag.grad(f)(X)
    assert np.allclose(x.grad, expected)


def along_jvp(w, u):
    return ag.jvp(lambda x: w * x**2, (X,), (u,))[1]


def along_vjp(w, u):
    return ag.vjp(lambda x: w * x**2, X)[1](u)[0]


def along_hvp(w, u):
    return ag.hvp(lambda x: (w * x**3 / 3).sum(), X, u)


@pytest.mark.parametrize("along", [along_jvp, along_vjp, along_hvp])
def test_a_direction_can_be_differentiated_and_so_can_what_it_is_multiplied_with(along):
    w, u = (Tensor(values, requires_grad=True) for values in ([3.0, -1.0, 2.0], [0.5, 1.0, -2.0]))
    (along(w, u) * w * u).sum().backward()  # the sum of 2 w^2 x u^2
    np.testing.assert_allclose(w.grad, 4 * w.numpy() * X * u.numpy() ** 2)
    np.testing.assert_allclose(u.grad, 4 * w.numpy() ** 2 * X * u.numpy())
    inner = ag.grad(lambda v: (along(w.numpy(), v) * v).sum())
    np.testing.assert_allclose(inner(u.numpy()), 4 * w.numpy() * X * u.numpy())
    np.testing.assert_allclose(ag.hvp(lambda v: (along(w.numpy(), v) * v).sum(), u.numpy(), X), 4 * w.numpy() * X * X)


def test_trace_nan_watches_a_product_with_a_hessian():
    x, v = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    with np.errstate(all="ignore"), ag.trace_nan(), pytest.raises(ag.NaNError):
        ag.hvp(lambda x: (x**1.5).sum(), x, v)


def test_parameters_of_a_closure_with_an_array_argument_give_arrays():
    w = Tensor(X, requires_grad=True)
    gradient = ag.grad(lambda x: (w * x**2).sum())(X)
    assert type(gradient) is np.ndarray and w.grad is None


@pytest.mark.parametrize("transform", [ag.grad, ag.value_and_grad, ag.jacobian, ag.hessian])
def test_a_graph_that_the_function_closes_over_is_left_alone(transform):
    w = Tensor(X, requires_grad=True)
    h = np.tanh(w) * 2
    seen = []
    h.register_hook(lambda g: seen.append(1))
    transform(lambda x: (h * x**2).sum())(X)
    ag.jvp(lambda x: (h * x**2).sum(), (X,), (X,))
    ag.hvp(lambda x: (h * x**2).sum(), X, X)
    assert not seen and w.grad is None
    h.sum().backward()
    assert seen and np.allclose(w.grad, 2 * (1 - np.tanh(X) ** 2))


def test_a_jacobian_of_more_outputs_than_inputs_has_what_a_hook_does_to_each_row():
    def clipped(x):
        y = np.sin(x)
        y.register_hook(lambda g: np.clip(g, -0.5, 0.5))
        return np.concatenate([3 * y, y**2])

    rows = []
    for i in range(6):
        x = Tensor(X, requires_grad=True)
        clipped(x)[i].backward()
        rows.append(x.grad)
    np.testing.assert_allclose(ag.jacobian(clipped)(X), rows)


def test_transforms_work_inside_no_grad():
    with ag.no_grad():
        assert ag.grad(lambda x: x**2)(3.0) == 6.0
        assert ag.grad(ag.grad(lambda x: x**3))(3.0) == 18.0


def test_complex_arguments_follow_the_stated_convention():
    z = np.array([1.0 + 2.0j])
    gradient = ag.grad(lambda z: (np.abs(z) ** 2).sum())(z)
    assert np.allclose(gradient, 2 * z)


class TestErrors:
    def test_integers(self):
        with pytest.raises(ag.RequiresGradError, match=r"1\.0 instead of 1"):
            ag.grad(f)(3)
        with pytest.raises(ag.RequiresGradError):
            ag.grad(f)(np.array([1, 2]))

    def test_not_a_scalar(self):
        with pytest.raises(ag.BackwardError, match=r"shape \(3,\).*jacobian"):
            ag.grad(lambda x: x * 2)(X)

    def test_argnums(self):
        with pytest.raises(ag.OperandError, match="argnums=2"):
            ag.grad(f, argnums=2)(X)

    def test_shapes_of_tangents_and_gradients(self):
        with pytest.raises(ag.OperandError, match=r"\(2,\).*\(3,\)"):
            ag.jvp(f, (X,), (np.ones(2),))
        with pytest.raises(ag.OperandError, match=r"\(2,\).*\(\)"):
            ag.vjp(f, X)[1](np.ones(2))
        with pytest.raises(ag.OperandError, match="primals"):
            ag.jvp(f, (X,), ())

    def test_complex_results(self):
        with pytest.raises(ag.BackwardError, match="complex"):
            ag.grad(lambda z: (z * z).sum())(np.array([1j]))


class TestCustom:
    cube = staticmethod(ag.custom(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube"))

    def test_first_and_second_order(self):
        assert ag.grad(self.cube)(2.0) == 12.0
        assert ag.grad(ag.grad(self.cube))(2.0) == 12.0
        assert self.cube(2.0).item() == 8.0

    def test_several_inputs_static_arguments_and_broadcasting(self):
        scaled = ag.custom(
            lambda a, b, k=1.0: k * a * b,
            lambda g, y, a, b, k=1.0: k * g * b,
            lambda g, y, a, b, k=1.0: k * g * a,
        )
        ga, gb = ag.grad(lambda a, b: scaled(a, b, k=2.0).sum(), argnums=(0, 1))(X, 3.0)
        assert np.allclose(ga, 6.0) and np.allclose(gb, 2 * X.sum())

    def test_a_rule_on_arrays_serves_the_first_order_and_refuses_the_second(self):
        only_arrays = ag.custom(np.exp, lambda g, y, x: np.asarray(g) * np.asarray(y), name="only_arrays")
        assert np.isclose(ag.grad(only_arrays)(1.0), np.e)
        with pytest.raises(ag.AutogradError) as caught:
            ag.grad(ag.grad(only_arrays))(1.0)
        assert "only_arrays" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])

    @pytest.mark.parametrize("made", ["by asarray", "entry by entry"])
    def test_a_rule_on_arrays_serves_a_jacobian_of_more_outputs_than_inputs(self, made):
        def rule(g, y, x):
            if made == "by asarray":
                return np.asarray(g) * np.asarray(y)
            r = np.zeros(x.shape)
            for i in range(len(x)):
                r[i] = g[i] * y[i]
            return r

        only_arrays = ag.custom(np.exp, rule, name="only_arrays")
        found = ag.jacobian(lambda x: np.concatenate([only_arrays(x), 2 * x]))(X)
        np.testing.assert_allclose(found, np.concatenate([np.diag(np.exp(X)), 2 * np.eye(3)]))
        with pytest.raises(ag.DetachedError) as caught:
            ag.jvp(only_arrays, (X,), (X,))
        assert "only_arrays: its rule for input 0 works on arrays only" in caught.value.__notes__[0]

    def test_a_second_order_rule_of_its_own(self):
        sine = ag.custom(lambda x: np.asarray(np.sin(x)), lambda g, y, x: g * cosine(x))
        cosine = ag.custom(lambda x: np.asarray(np.cos(x)), lambda g, y, x: -g * np.sin(x))
        assert np.isclose(ag.grad(ag.grad(sine))(0.5), -np.sin(0.5))

    def test_none_stops_the_gradient(self):
        half = ag.custom(lambda a, b: a * b, lambda g, y, a, b: g * b, None)
        b = Tensor(3.0, requires_grad=True)
        a = Tensor(2.0, requires_grad=True)
        half(a, b).backward()
        assert a.grad == 3.0 and b.grad is None

    def test_a_complex_gradient_of_a_real_input_goes_on_as_its_real_part(self):
        response = np.array([1.0, 2.0j, 0.5, 1.0 - 1.0j])  # of a filter whose adjoint is complex
        filtered = ag.custom(
            lambda x: np.fft.ifft(np.fft.fft(x) * response).real,
            lambda g, y, x: np.fft.ifft(np.fft.fft(g) * response.conj()),
        )
        x = Tensor([1.0, -2.0, 0.5, 3.0], requires_grad=True)
        filtered(filtered(x))[0].backward()
        expected = [filtered(filtered(unit))[0].item() for unit in np.eye(4)]  # for it is linear
        np.testing.assert_allclose(x.grad, expected, atol=1e-12)

    def test_misuse(self):
        with pytest.raises(ag.OperandError, match="2 inputs given, and 1 rules"):
            self.cube(1.0, 2.0)
        with pytest.raises(ag.OperandError, match="at least one rule"):
            ag.custom(np.exp)
        wrong = ag.custom(lambda x: x * 1.0, lambda g, y, x: np.ones(7))
        with pytest.raises(ag.OperandError, match=r"\(7,\)"):
            ag.grad(lambda x: wrong(x).sum())(X)
        writing = ag.custom(lambda x: x.__iadd__(1.0), lambda g, y, x: g)
        with pytest.raises(ValueError, match="read-only"):
            writing(Tensor(X))


class TestCheckpoint:
    def test_gradients_of_arguments_and_parameters(self):
        w = Tensor(X, requires_grad=True)
        g = lambda x: np.tanh(w * np.tanh(x * w))
        x = Tensor(X[::-1].copy(), requires_grad=True)
        g(x).sum().backward()
        expected = x.grad, w.grad
        x.grad = w.grad = None
        ag.checkpoint(g)(x).sum().backward()
        assert np.allclose(x.grad, expected[0]) and np.allclose(w.grad, expected[1])

    def test_second_order(self):
        g = lambda x: np.tanh(x) ** 2 * x
        assert np.allclose(ag.hessian(lambda x: ag.checkpoint(g)(x).sum())(X), ag.hessian(lambda x: g(x).sum())(X))
        assert np.allclose(ag.jvp(ag.checkpoint(g), (X,), (X,))[1], ag.jvp(g, (X,), (X,))[1])

    def test_inside_values_are_not_kept(self):
        kept = []

        def g(x):
            for _ in range(5):
                x = np.exp(x * 0.1)
                kept.append(__import__("weakref").ref(x._array))
            return x

        y = ag.checkpoint(g)(Tensor(np.ones(10), requires_grad=True))
        assert sum(array() is not None for array in kept) <= 1
        y.sum().backward()

    def test_a_parameter_changed_in_between_is_an_error(self):
        w, x = Tensor([2.0], requires_grad=True), Tensor([1.0], requires_grad=True)
        y = ag.checkpoint(lambda t: t * w)(x)
        with ag.no_grad():
            w += 1.0
        with pytest.raises(ag.InPlaceError, match="before the update"):
            y.backward()
        assert x.grad is None

    def test_a_random_function_is_an_error(self):
        rng = np.random.default_rng(0)
        y = ag.checkpoint(lambda t: t * rng.normal(size=3))(Tensor(X, requires_grad=True))
        with pytest.raises(ag.InPlaceError, match="seed"):
            y.sum().backward()


def test_a_list_of_numbers_is_a_container_and_the_error_says_so():
    with pytest.raises(ag.DetachedError) as caught:
        ag.jacobian(np.sin)([1.0, 2.0])
    assert "give np.array(...) for one array" in caught.value.__notes__[-1]
    with pytest.raises(ag.DetachedError) as caught:
        ag.grad(lambda x: float(x.sum()))(np.ones(2))
    assert not hasattr(caught.value, "__notes__")
