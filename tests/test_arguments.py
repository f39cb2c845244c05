"""Arguments that are not operands: indices, conditions, axes, weights of other kinds, states, data to train on."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, linalg, nn, optim, saving, special, stats, train

X = np.array([[0.5, -1.0, 2.0, 0.1], [1.5, 0.3, -0.7, 0.9], [0.2, 2.2, 1.1, -0.4]])


def parameter(values=X):
    return Tensor(np.array(values), requires_grad=True)


class Series:
    """What NumPy can make an array of, and its owner can change, as a pandas Series is; indexed by labels as that."""

    def __init__(self, values):
        self.values = np.array(values)
        self.shape, self.ndim, self.size, self.dtype = self.values.shape, self.values.ndim, self.values.size, float

    def __len__(self):
        return len(self.values)

    def __getitem__(self, label):
        return self.values[::-1][label]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype) if copy else np.asarray(self.values, dtype)


def assign(x, index):
    y = x.clone()
    y[index] = 3.0 * x[0]
    return y


def add_at(x, index):
    y = x.clone()
    np.add.at(y, index, x[0])
    return y


def hooked(returned):
    x = parameter()
    x.register_hook(lambda g: returned)
    np.sin(x).sum().backward()


class TestAnArgumentThatIsChangedBeforeBackward:
    @pytest.mark.parametrize(
        ("compute", "given", "later"),
        [
            (lambda x, where: np.sum(x * x, where=where), X > 0, X < 0),
            (lambda x, where: np.prod(x, where=where), X > 0, X < 0),
            (lambda x, where: np.max(x, axis=1, where=where, initial=-9.0), X > 0, X < 0),
            (lambda x, ddof: np.var(x, ddof=ddof), 1, 5),
            (lambda x, index: np.take(x, index, axis=1) ** 2, [2, 1, 1], [0, 0, 0]),
            (lambda x, shift: np.roll(x, shift, axis=1) ** 2, 1, 2),
            (lambda x, k: np.tril(x, k) ** 2, 1, -1),
            (lambda x, index: x[index] ** 2, [2, 1, 1], [0, 0, 0]),
            (lambda x, index: x[:, index] ** 2, [2, 1, 1], [0, 0, 0]),
            (lambda x, index: x[index] ** 2, X > 0, X < 0),
            (lambda x, index: assign(x, index), [1, 2], [0, 0]),
            (lambda x, index: add_at(x, index), [1, 2, 2], [0, 0, 0]),
        ],
    )
    @pytest.mark.parametrize("kind", [np.array, Series])
    def test_leaves_the_gradient_as_it_was(self, kind, compute, given, later):
        x, expected = parameter(), parameter()
        argument = kind(given)
        y = compute(x, argument)
        (argument if kind is np.array else argument.values)[...] = later
        (y * y).sum().backward()
        z = compute(expected, np.array(given))
        (z * z).sum().backward()
        np.testing.assert_array_equal(x.grad, expected.grad)

    def test_in_a_list_within_a_tuple(self):
        x = parameter()
        axes = ([1], [0])
        y = np.tensordot(x, X.T[:, :2], axes)
        axes[0][0] = 0
        y.sum().backward()
        np.testing.assert_allclose(x.grad, np.tile(X[:2].sum(0), (3, 1)))

    def test_in_a_tuple_of_arrays(self):
        x = parameter()
        axis = np.array(0)
        y = np.prod(x, axis=(axis,))
        axis[...] = 1
        y.sum().backward()
        np.testing.assert_allclose(x.grad, X.prod(0) / X)

    def test_an_axis_that_is_an_array_is_left_alone(self):
        axis = np.array(-1)
        np.concatenate([parameter(), X], axis=axis)
        assert axis == -1

    @pytest.mark.parametrize("kind", [float, np.array])
    def test_in_a_dict(self, kind):
        scale = ag.custom(lambda x, *, k: x * np.ravel(k["by"])[0], lambda g, y, x, k: g * np.ravel(k["by"])[0])
        x, k = parameter(), {"by": kind(2.0)}
        y = scale(x, k=k)
        if isinstance(k["by"], float):
            k["by"] = 7.0
        else:
            k["by"][...] = 7.0
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, np.full(X.shape, 2.0))

    def test_of_an_optimiser_changes_no_hyperparameter(self):
        lr, betas = np.array(0.1), [0.9, 0.99]
        optimizer = optim.Adam([parameter()], lr=lr, betas=betas)
        state = optimizer.state_dict()
        state["param_groups"][0]["betas"] = other = [0.8, 0.9]
        optimizer.load_state_dict(state)
        lr[...], betas[0], other[0] = 5.0, 0.5, 0.5
        optimizer.add_param_group({"params": [parameter()]})
        found = [(group["lr"], group["betas"]) for group in optimizer.param_groups]
        assert found == [(0.1, (0.8, 0.9)), (0.1, (0.9, 0.99))]


class TestAGradientOrTangent:
    @pytest.mark.parametrize(
        "give",
        [
            lambda v: ag.hvp(lambda x: (x**3).sum(), X, v),
            lambda v: ag.jvp(np.sin, (X,), (v,)),
            lambda v: ag.vjp(np.sin, X)[1](v),
            lambda v: np.sin(parameter()).backward(v),
            lambda v: hooked(v),
            lambda v: setattr(parameter(), "grad", v),
            lambda v: setattr(parameter(), "data", v),
        ],
    )
    @pytest.mark.parametrize("values", [X * 1j, X.astype(str), X.astype(object)])
    def test_of_real_numbers_is_one_of_real_numbers(self, give, values):
        with pytest.raises(ag.OperandError, match="dtype"):
            give(values)

    def test_from_a_custom_rule_is_of_numbers(self):
        double = ag.custom(lambda x: 2 * x, lambda g, y, x: (2 * g).astype(str))
        with pytest.raises(ag.OperandError, match="its rule for input 0 returned dtype <U"):
            double(parameter()).sum().backward()

    def test_of_complex_numbers_may_be_real(self):
        z = parameter([1 + 2j])
        (2 * z).backward(np.array([1.0]))
        assert z.grad.dtype == complex

    def test_data_of_whole_numbers_are_not_cut_off(self):
        counts = Tensor([1, 2])
        with pytest.raises(ag.OperandError, match="do not fit into a Tensor of dtype int64 without loss"):
            counts.data = [1.7, np.nan]
        counts.data = [3, 4]
        assert counts.tolist() == [3, 4]


class TestAMaskIsNotLost:
    @pytest.mark.parametrize(
        "give",
        [
            lambda x, m, i: np.sum(x, where=m),
            lambda x, m, i: np.mean(x, where=m),
            lambda x, m, i: x[m],
            lambda x, m, i: x[:, i],
            lambda x, m, i: np.take(x, i, axis=1),
            lambda x, m, i: np.take_along_axis(x, i[None], axis=1),
            lambda x, m, i: np.insert(x, i, 0.0, axis=1),
            lambda x, m, i: np.delete(x, i, axis=1),
            lambda x, m, i: np.repeat(x, i, axis=1),
            lambda x, m, i: np.compress(i > 0, x, axis=1),
            lambda x, m, i: np.extract(m, x),
            lambda x, m, i: np.copyto(x.clone(), np.ma.array(X, mask=m)),
            lambda x, m, i: np.copyto(x.clone(), 0.0, where=m),
            lambda x, m, i: np.put(x.clone(), i, 0.0),
            lambda x, m, i: np.putmask(x.clone(), m, 0.0),
            lambda x, m, i: np.place(x.clone(), m, [0.0]),
            lambda x, m, i: np.add.at(x.clone(), i, 1.0),
            lambda x, m, i: np.add.reduceat(x, i, axis=1),
            lambda x, m, i: np.quantile(x, i / 5),
            lambda x, m, i: np.cov(x, fweights=i),
            lambda x, m, i: np.bincount(i, weights=x[0]),
            lambda x, m, i: np.pad(x, i[:2]),
            lambda x, m, i: special.xlogy(np.ma.array(X, mask=m), x),
            lambda x, m, i: special.logsumexp(x, axis=1, b=i),
            lambda x, m, i: nn.scaled_dot_product_attention(x, x, x, m[:, :3]),
            lambda x, m, i: train.accuracy(X, np.ma.array([2, 0, 1], mask=[0, 1, 0])),
            lambda x, m, i: train.Loader(np.ma.array(X, mask=m), X),
            lambda x, m, i: saving.save("never.npz", {"w": i}),
            lambda x, m, i: nn.LayerNorm(4).load_state_dict({"weight": i, "bias": np.zeros(4)}),
            lambda x, m, i: nn.initial(lambda rng, shape: i, 4),
        ],
    )
    def test_of_an_argument(self, give):
        mask = np.ma.array(X > 0, mask=X > 1)
        with pytest.raises(ag.OperandError, match="would lose its mask"):
            give(parameter(), mask, np.ma.array([0, 1, 2, 3], mask=[0, 1, 0, 0]))

    def test_of_an_optimisers_state(self):
        optimizer = optim.SGD([parameter()], lr=0.1, momentum=0.9)
        optimizer.param_groups[0]["params"][0].grad = X
        optimizer.step()
        state = optimizer.state_dict()
        (name,) = set(state["state"][0]) - {"step"}
        state["state"][0][name] = np.ma.array(X, mask=X > 1)
        with pytest.raises(ag.OperandError, match="would lose its mask"):
            optimizer.load_state_dict(state)

    def test_of_a_learning_rate(self):
        with pytest.raises(ag.OperandError, match="lr="):
            optim.SGD([parameter()], lr=np.ma.array(0.1, mask=True))

    def test_of_what_an_estimator_is_fitted_to(self):
        pytest.importorskip("sklearn")
        masked, estimator = np.ma.array(X, mask=X > 1), ag.sklearn.Regressor(epochs=1, random_state=0)
        for give in (lambda: estimator.fit(masked, X[:, 0]), lambda: estimator.fit(X, masked[:, 0])):
            with pytest.raises(ag.OperandError, match="would lose its mask"):
                give()
        estimator.fit(X, X[:, 0])
        with pytest.raises(ag.OperandError, match="would lose its mask"):
            estimator.predict(masked)


class TestATensorThatAsksForAGradient:
    def test_is_refused_as_the_order_of_a_norm(self):
        for norm in (np.linalg.norm, lambda x, p: np.linalg.vector_norm(x, ord=p)):
            with pytest.raises(ag.NotDifferentiableError, match="'ord'"):
                norm(parameter(X[0]), parameter(2.0))

    def test_is_refused_as_numbers_of_observations(self):
        with pytest.raises(ag.NotDifferentiableError, match="'fweights'"):
            np.cov(X, fweights=parameter([1.0, 2.0, 1.0, 1.0]))
        assert np.cov(parameter(), fweights=Tensor([1, 2, 1, 1])).shape == (3, 3)

    @pytest.mark.parametrize(
        "transform", [ag.grad, ag.jacobian, lambda f: lambda *a, **k: ag.value_and_grad(f)(*a, **k)[1]]
    )
    def test_beside_the_argument_of_a_transform_can_be_differentiated(self, transform):
        def f(x, k):
            return (np.sin(x) * k).sum()

        for call in (lambda k: transform(f)(X, k), lambda k: transform(f)(X, k=k)):
            k = parameter()
            (call(k) * k).sum().backward()  # the sum of cos(x) k^2
            np.testing.assert_allclose(k.grad, 2 * np.cos(X) * X)
        assert type(transform(f)(X, Tensor(X))) is np.ndarray

    @pytest.mark.parametrize("put", [lambda t: {"by": t}, lambda t: [t], lambda t: (t,)])
    def test_is_refused_inside_a_static_argument(self, put):
        scale = ag.custom(lambda x, *, k: x, lambda g, y, x, k: g)
        with pytest.raises(ag.NotDifferentiableError, match="no derivative with respect to 'k'"):
            scale(parameter(), k=put(parameter(2.0)))


class TestOtherKinds:
    @pytest.mark.parametrize("q", [np.array([0.25, 0.6], object), np.array([0.25, 0.6], complex), ["a"]])
    def test_quantiles_are_real_numbers(self, q):
        with pytest.raises(ag.OperandError, match="must be numbers between 0 and 1"):
            np.quantile(parameter(), q)

    def test_positions_to_insert_at_are_whole_numbers(self):
        with pytest.raises(ag.OperandError, match="positions of dtype float64"):
            np.insert(parameter(), [1.7], 0.0)

    @pytest.mark.parametrize("condition", ["True", {1}, X > 0])
    def test_a_condition_to_compress_by_has_one_axis(self, condition):
        with pytest.raises(ag.OperandError, match="compress: a condition of shape"):
            np.compress(condition, parameter())

    @pytest.mark.parametrize(
        "compute",
        [
            lambda x, s: np.polyval(s, x),
            lambda x, s: np.interp(x, [0.0, 1.0, 2.0, 3.0], s),
            lambda x, s: np.average(np.stack([x, x * x]), axis=1, weights=s),
            lambda x, s: special.xlogy(s, x * x + 1),
            lambda x, s: stats.norm.logpdf(s, x, 1.0),
            lambda x, s: linalg.toeplitz(x, s),
        ],
    )
    def test_what_is_indexed_by_labels_is_taken_in_its_order(self, compute):
        x = parameter(X[0])
        np.testing.assert_allclose(compute(x, Series(X[2])).numpy(), compute(x, X[2]).numpy())

    def test_shapes_and_numbers_of_axes_may_be_arrays(self):
        x = parameter()
        assert x.reshape(np.array([4, 3])).shape == (4, 3)
        assert np.reshape(x, np.array([4, 3])).shape == (4, 3)
        np.testing.assert_allclose(np.tensordot(x, X.T, np.array(1)).numpy(), X @ X.T)
        np.tensordot(x, X.T, np.array(1)).sum().backward()
        np.testing.assert_allclose(x.grad, np.tile(X.sum(0), (3, 1)))
        assert nn.initial("zeros", np.array([2, 3])).shape == (2, 3)

    @pytest.mark.parametrize("function", ["expm", "sqrtm"])
    def test_arrays_in_the_byte_order_of_another_machine(self, function):
        pytest.importorskip("scipy")
        a = X @ X.T + np.eye(3)
        swapped = a.astype(a.dtype.newbyteorder())
        np.testing.assert_allclose(getattr(linalg, function)(swapped), getattr(linalg, function)(a))

    @pytest.mark.parametrize(
        "give", [nn.relu, nn.Dropout(0.5), lambda o: linalg.toeplitz(o), lambda o: np.append(o, parameter())]
    )
    def test_arrays_of_objects_are_refused(self, give):
        objects = np.array([None, None])
        objects[0] = objects[1] = parameter(1.0)
        with pytest.raises(ag.OperandError):
            give(objects)

    def test_a_logarithm_of_a_sum_in_long_double(self):
        exponents = np.array([1000.0, 1000.0], np.longdouble)
        assert special.logsumexp(exponents, b=[1.0, 1.0]) == pytest.approx(1000 + np.log(2))

    @pytest.mark.parametrize(
        "give",
        [
            lambda x: x.register_hook(3),
            lambda x: ag.custom(np.sin, 3),
            lambda x: x.astype(object),
            lambda x: x.astype(str),
            lambda x: ag.why_no_grad(x.sum(), X),
        ],
    )
    def test_what_is_no_function_no_number_or_no_tensor_is_refused_at_once(self, give):
        with pytest.raises(
            ag.OperandError, match=r"is no function|give a function|no dtype of numbers|give the Tensor"
        ):
            give(parameter())

    def test_a_step_below_0_does_not_get_into_an_optimiser(self):
        weight = parameter()
        optimizer = optim.Adam([weight])
        weight.grad = X
        optimizer.step()
        state = optimizer.state_dict()
        state["state"][0]["step"] = -3
        with pytest.raises(ag.OperandError, match="a whole number, not negative"):
            optimizer.load_state_dict(state)
        assert optimizer.state_dict()["state"][0]["step"] == 1
