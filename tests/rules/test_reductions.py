"""Reductions, running sums and products, and the nan-family: call forms, choices, zeros, NaN, precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import OperandError, Tensor, nn
from tests.rules.agreement import assert_agrees, gradient

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4))
BLOCK = RNG.normal(size=(2, 3, 4))
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 1]], bool)
ALL = (np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std)
NAN = (np.nansum, np.nanmean, np.nanprod, np.nanmax, np.nanmin, np.nanvar, np.nanstd)


#: since NumPy 2.1
RUNNING = [getattr(np, name) for name in ("cumulative_sum", "cumulative_prod") if hasattr(np, name)]


def by_name(function: Any) -> str:
    return str(function.__name__)


def start(function: Any) -> dict[str, float]:
    """The `initial` that max and min need beside where=."""
    if function.__name__.endswith(("max", "min")):
        return {"initial": -9.0 if function.__name__.endswith("max") else 9.0}
    return {}


# --- call forms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ALL, ids=by_name)
def test_axes_and_keepdims_in_every_form(function: Any) -> None:
    assert_agrees(lambda x: function(x, 0), X)
    assert_agrees(lambda x: function(x, axis=-1, keepdims=True), X)
    assert_agrees(lambda x: function(x, axis=(0, -1)), BLOCK)
    assert_agrees(lambda x: function(x, axis=(-1, 0), keepdims=True, out=None), BLOCK)
    assert_agrees(lambda x: function(x, axis=()), X)
    assert_agrees(lambda x: function(x), np.array(1.5))


@pytest.mark.parametrize("function", [*ALL, *NAN], ids=by_name)
def test_where_leaves_elements_out(function: Any) -> None:
    assert_agrees(lambda x: function(x, axis=1, where=MASK, **start(function)), X)
    assert_agrees(lambda x: function(x, where=MASK[:1], keepdims=True, **start(function)), X)
    kept = gradient(lambda x: function(x, axis=0, where=MASK, **start(function)), X)
    assert np.all(kept[~MASK] == 0)


def test_static_arguments_by_position() -> None:
    assert_agrees(lambda x: np.sum(x, 0, np.float64, None, True, 2.0), X)
    assert_agrees(lambda x: np.prod(x, 1, None, None, False, 3.0), X)
    assert_agrees(lambda x: np.max(x, 1, None, True, -0.5), X)
    assert_agrees(lambda x: np.var(x, 1, None, None, 1, True), X)
    assert_agrees(lambda x: np.std(x, 0, np.float64, None, 2), X)
    assert_agrees(lambda x: np.cumsum(x, 1, np.float64), X)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std", "cumsum", "cumprod"])
def test_methods_are_the_functions(name: str) -> None:
    for static in ({}, {"axis": 0}, {"axis": -1}):
        t, u = Tensor(X, requires_grad=True), Tensor(X, requires_grad=True)
        ((getattr(t, name)(**static) ** 2).sum() * 3).backward()
        ((getattr(np, name)(u, **static) ** 2).sum() * 3).backward()
        np.testing.assert_array_equal(t.grad, u.grad)


def test_a_sum_as_a_method_has_the_shape_of_the_sum() -> None:
    y = Tensor(X, requires_grad=True).sum()
    assert y.shape == y._node.spec.shape == ()


@pytest.mark.parametrize("function", [np.any, np.all, np.argmax, np.argmin, np.count_nonzero], ids=by_name)
def test_functions_of_truth_and_place_give_plain_results(function: Any) -> None:
    y = function(Tensor(X, requires_grad=True), axis=0)
    assert not isinstance(y, Tensor)
    np.testing.assert_array_equal(y, function(X, axis=0))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_, np.float16])
@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.max, np.var, np.cumsum], ids=by_name)
def test_other_dtypes_come_out_as_in_numpy(function: Any, dtype: Any) -> None:
    x = (X * 3).astype(dtype)
    y = function(Tensor(x), axis=0)
    assert y.dtype == function(x, axis=0).dtype
    np.testing.assert_array_equal(y.numpy(), function(x, axis=0))


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.var, np.std], ids=by_name)
def test_a_wider_dtype_computes_wide_and_returns_the_gradient_narrow(function: Any) -> None:
    t = Tensor(X, dtype=np.float32, requires_grad=True)
    y = function(t, axis=0, dtype=np.float64)
    assert y.dtype == np.float64
    y.sum().backward()
    assert t.grad.dtype == np.float32
    np.testing.assert_allclose(t.grad, gradient(lambda x: function(x, axis=0), X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "function", [np.prod, np.cumprod, np.nanprod, np.nancumprod, np.sum, np.cumsum, np.mean], ids=by_name
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_real_dtype_drops_the_imaginary_part_before_it_computes(function: Any) -> None:
    z = X[:, :3] + 1j * X[:, 1:]
    assert_agrees(lambda z: function(z, axis=1, dtype=float), z)
    z[0, 1] = 0
    assert_agrees(lambda z: function(z, axis=1, dtype=float), z)


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd], ids=by_name)
def test_a_spread_written_as_a_complex_number_is_moved_by_its_real_part_alone(function: Any) -> None:
    z = X[:, :3] + 1j * X[:, 1:]
    moved = Tensor(z, requires_grad=True)
    y = function(moved, axis=1, dtype=complex)
    assert y.dtype == complex
    y.backward(np.full(3, 2 - 5j))
    plain = Tensor(z, requires_grad=True)
    function(plain, axis=1).backward(np.full(3, 2.0))
    np.testing.assert_allclose(moved.grad, plain.grad)


def test_empty_reductions_have_empty_gradients() -> None:
    for function in (np.sum, np.prod, np.nansum, np.nanprod, np.cumsum, np.cumprod):
        t = Tensor(np.zeros((0, 3)), requires_grad=True)
        y = function(t, axis=0)
        np.testing.assert_array_equal(y.numpy(), function(np.zeros((0, 3)), axis=0))
        y.sum().backward()
        assert t.grad.shape == (0, 3)


def test_the_maximum_of_nothing_names_operation_and_shape() -> None:
    with pytest.raises(OperandError, match=r"max.*\(0, 3\)"):
        np.max(Tensor(np.zeros((0, 3)), requires_grad=True))


def test_the_mask_alone_may_be_a_tensor() -> None:
    for function in ALL:
        start = {"initial": 0.0} if function in (np.max, np.min, np.amax, np.amin) else {}
        found = function(X, axis=1, where=Tensor(MASK), **start)
        np.testing.assert_allclose(found, function(X, axis=1, where=MASK, **start))


def test_a_mask_changed_before_backward_does_not_matter() -> None:
    mask = MASK.copy()
    t = Tensor(X, requires_grad=True)
    y = np.sum(t, where=mask)
    mask[:] = True
    y.backward()
    np.testing.assert_array_equal(t.grad, MASK.astype(float))


def test_an_infinite_gradient_does_not_reach_what_was_left_out() -> None:
    t = Tensor([0.0, 0.0, 5.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        np.sqrt(np.sum(t, where=np.array([True, True, False]))).backward()
    np.testing.assert_array_equal(t.grad, [np.inf, np.inf, 0.0])


# --- prod ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [[0], [0, 2], [0, 1, 3]])
@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_prod_is_exact_with_zeros_to_second_order(length: int, zeros: list[int]) -> None:
    x = np.arange(1.0, length + 1)
    x[[zero for zero in zeros if zero < length]] = 0.0
    others = [np.prod(np.delete(x, i)) for i in range(length)]
    np.testing.assert_array_equal(ag.grad(np.prod)(x), others)
    second = [[np.prod(np.delete(x, [i, j])) if i != j else 0.0 for j in range(length)] for i in range(length)]
    np.testing.assert_array_equal(ag.hessian(np.prod)(x), second)


def test_prod_with_zeros_along_axes_where_and_initial() -> None:
    x = np.where(MASK, X, 0.0)
    assert_agrees(lambda x: np.prod(x, axis=0, initial=2.0), x)
    assert_agrees(lambda x: np.prod(x, axis=1, where=MASK.T[:3, :1]), x)
    assert_agrees(lambda x: np.prod(x, axis=(2, 0), keepdims=True), np.where(BLOCK > 0.5, 0.0, BLOCK))


def test_prod_that_underflows_keeps_its_gradient() -> None:
    np.testing.assert_allclose(ag.grad(np.prod)(np.array([1e-200, 2e-200])), [2e-200, 1e-200], rtol=1e-15)


def test_complex_prod_and_cumprod_with_a_zero() -> None:
    z = np.array([1 + 2j, 0.0, 0.5 - 1j, 2.0])
    assert_agrees(np.prod, z)
    assert_agrees(np.cumprod, z)


@pytest.mark.parametrize("zeros", [[], [0], [2], [1, 3], [4]])
def test_cumprod_is_exact_with_zeros_to_second_order(zeros: list[int]) -> None:
    x = np.array([0.5, -1.5, 2.0, 1.2, -0.7])
    x[zeros] = 0.0
    expected = np.array([[np.prod(np.delete(x[: i + 1], j)) if j <= i else 0.0 for j in range(5)] for i in range(5)])
    np.testing.assert_allclose(ag.jacobian(np.cumprod)(x), expected, rtol=1e-14, atol=0)
    assert_agrees(np.cumprod, x)
    assert_agrees(lambda x: np.cumprod(x, axis=0), np.stack([x, x[::-1]], axis=1))


# --- max and min ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin], ids=by_name)
def test_ties_share_the_gradient_equally(function: Any) -> None:
    x = np.array([[2.0, 2.0, 2.0], [1.0, 3.0, 1.0]])
    sign = 1 if "max" in function.__name__ else -1
    rows = gradient(lambda x: function(sign * x, axis=1) * sign, x)
    np.testing.assert_allclose(rows, [[1 / 3] * 3, [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(gradient(lambda x: function(x), np.ones((2, 3))), np.full((2, 3), 1 / 6))


def test_initial_shares_the_tie() -> None:
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=0.0), [-1.0, 0.0]), [0.0, 0.5])
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=5.0), [-1.0, 0.0]), [0.0, 0.0])


def test_the_gradient_of_a_nan_maximum_goes_to_the_nan() -> None:
    np.testing.assert_array_equal(gradient(np.max, [1.0, np.nan, 2.0]), [0.0, 1.0, 0.0])


def test_the_range_of_equal_values_has_no_gradient() -> None:
    np.testing.assert_array_equal(gradient(np.ptp, [2.0, 2.0]), [0.0, 0.0])
    assert_agrees(lambda x: np.ptp(x, axis=(0, 2), keepdims=True), BLOCK)


# --- var and std ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd], ids=by_name)
def test_degrees_of_freedom_in_both_spellings(function: Any) -> None:
    assert_agrees(lambda x: function(x, axis=0, ddof=1), X)
    assert_agrees(lambda x: function(x, axis=0, correction=1), X)
    assert_agrees(lambda x: function(x, ddof=0.5, where=MASK), X)


@pytest.mark.parametrize("function", [np.var, np.std], ids=by_name)
def test_a_given_mean_is_differentiated_too(function: Any) -> None:
    assert_agrees(lambda x: function(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), X)
    assert_agrees(lambda x, m: function(x, axis=1, ddof=1, mean=m, where=MASK), X, X[:, :1])
    x = Tensor(X, requires_grad=True)
    y = function(x, mean=np.mean(x, keepdims=True))
    np.testing.assert_allclose(y.item(), function(X))


@pytest.mark.parametrize("given", [False, True])
def test_std_of_constant_data_has_gradient_zero_at_every_order(given: bool) -> None:
    def f(x: Any) -> Any:
        return np.std(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)) if given else np.std(x, axis=0)

    x = np.array([[3.0, 1.0], [3.0, 2.0], [3.0, 5.0]])
    first = gradient(f, x)
    np.testing.assert_array_equal(first[:, 0], 0.0)
    np.testing.assert_allclose(first[:, 1], gradient(np.std, x[:, 1]))
    second = ag.hessian(lambda x: np.sum(f(x)))(x)
    assert np.all(np.isfinite(second))
    np.testing.assert_array_equal(second[:, 0], 0.0)


@pytest.mark.parametrize("function", [np.std, np.nanstd], ids=by_name)
def test_constant_data_has_gradient_zero_though_its_mean_is_rounded(function: Any) -> None:
    x = np.full((2, 3), 0.1)
    x[1] = [1.0, 2.0, 5.0]
    assert function(x, axis=1)[0] != 0
    first = gradient(lambda x: function(x, axis=1), x)
    np.testing.assert_array_equal(first[0], 0.0)
    np.testing.assert_allclose(first[1], gradient(function, x[1]))
    masked = gradient(lambda x: function(x, where=np.array([True, True, True, False])), [0.1, 0.1, 0.1, 9.0])
    np.testing.assert_array_equal(masked, 0.0)


@pytest.mark.parametrize("function", [np.var, np.std], ids=by_name)
@pytest.mark.parametrize("hidden", [np.nan, np.inf])
@pytest.mark.parametrize("given", [False, True], ids=["own mean", "given mean"])
def test_what_where_hides_from_a_spread_reaches_no_derivative(function: Any, hidden: float, given: bool) -> None:
    def f(x: Any) -> Any:
        mean = {"mean": np.mean(x, axis=1, keepdims=True, where=MASK)} if given else {}
        return np.sum(function(x, axis=1, ddof=1, where=MASK, **mean) ** 3)

    x, along = np.where(MASK, X, hidden), np.where(MASK, BLOCK[0], 0)
    np.testing.assert_allclose(ag.grad(f)(x), ag.grad(f)(X))
    np.testing.assert_allclose(ag.jvp(f, (x,), (along,))[1], ag.jvp(f, (X,), (along,))[1])
    np.testing.assert_allclose(ag.hvp(f, x, along), ag.hvp(f, X, along))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_row_without_data_disturbs_no_derivative_of_std() -> None:
    seen = MASK & np.array([[True], [False], [True]])

    def f(x: Any) -> Any:
        return np.sum(np.std(x, axis=1, where=seen)[[0, 2]] ** 3)

    def alone(x: Any) -> Any:
        return np.sum(np.std(x, axis=1, where=MASK[[0, 2]]) ** 3)

    def twice(f: Any, x: Any, along: Any) -> Any:
        return ag.grad(lambda x: np.sum(ag.grad(f)(x) * along))(x)

    got = twice(f, X, BLOCK[0])
    np.testing.assert_allclose(got[[0, 2]], twice(alone, X[[0, 2]], BLOCK[0][[0, 2]]))
    np.testing.assert_array_equal(got[1], 0.0)


def test_nearly_constant_data_keeps_its_gradient() -> None:
    x = np.array([1.0, 1.0 + 2**-50])
    np.testing.assert_allclose(gradient(np.std, x), [-0.5, 0.5])


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd], ids=by_name)
def test_the_spread_of_nothing_about_a_given_mean_is_nan_as_in_numpy(function: Any) -> None:
    where = np.array([[True], [False], [True]]) & MASK
    x, mean = Tensor(X, requires_grad=True), Tensor(np.zeros((3, 1)), requires_grad=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = function(x, axis=1, where=where, mean=mean)
        expected = np.sum(where * X**2, axis=1) / np.count_nonzero(where, axis=1)
        y.sum().backward()
    np.testing.assert_allclose(y.numpy(), expected if "var" in function.__name__ else np.sqrt(expected))
    assert np.isfinite(x.grad).all()
    assert np.all(x.grad[1] == 0)


def test_ddof_and_correction_together_are_refused() -> None:
    with pytest.raises(OperandError, match="ddof=1 and correction=2"):
        np.var(Tensor(X, requires_grad=True), ddof=1, correction=2)


def test_complex_variance_is_real() -> None:
    z = X[:2] + 1j * X[1:]
    assert_agrees(lambda z: np.var(z, axis=1), z)
    assert_agrees(lambda z: np.std(z, ddof=1), z)


# --- running sums and products -------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.cumsum, np.cumprod, np.nancumsum, np.nancumprod], ids=by_name)
def test_running_along_every_axis(function: Any) -> None:
    for axis in (None, 0, 1, -1, -2):
        assert_agrees(lambda x, axis=axis: function(x, axis), X)
    assert_agrees(lambda x: function(x, axis=1, out=None), BLOCK)


@pytest.mark.parametrize("function", RUNNING, ids=by_name)
def test_running_from_an_initial_value(function: Any) -> None:
    assert_agrees(lambda x: function(x, include_initial=True), X[0])
    assert_agrees(lambda x: function(x, axis=0, include_initial=True), X)
    assert_agrees(lambda x: function(x, axis=-2), X)
    with pytest.raises(OperandError, match=r"\(3, 4\) has more than one axis; give axis="):
        function(Tensor(X, requires_grad=True))


# --- many reductions of a few elements each, which are combined slice by slice ---------------------------------

WIDE = np.round(RNG.normal(size=(16, 4, 8, 2, 6, 3)), 1)  # rounded, so that some are equal
SHORT_AXES = [-1, 5, (3, 5), (-1, -3), (0,), (4, 5)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", SHORT_AXES, ids=str)
@pytest.mark.parametrize("function", [np.max, np.min, np.sum, np.mean], ids=by_name)
def test_short_axes_of_a_large_array(function: Any, axis: Any, keepdims: bool) -> None:
    spoiled = WIDE.copy()
    spoiled[3, 1, 2, :, 4] = [[np.nan, 1, 2], [np.inf, -np.inf, 0]]
    for dtype in (np.float64, np.float32):
        x = Tensor(spoiled.astype(dtype), requires_grad=True)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            y = function(x, axis=axis, keepdims=keepdims)
            expected = function(x.numpy(), axis=axis, keepdims=keepdims)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6 if dtype is np.float32 else 1e-14)
    x = Tensor(WIDE, requires_grad=True)
    y = function(x, axis=axis, keepdims=keepdims)
    g = RNG.normal(size=y.shape)
    y.backward(g)
    lifted = g.reshape(np.sum(WIDE, axis=axis, keepdims=True).shape)
    if function in (np.max, np.min):
        chosen = function(WIDE, axis=axis, keepdims=True) == WIDE
        expected = lifted * chosen / chosen.sum(axis=axis, keepdims=True)
    else:
        expected = lifted * np.ones(WIDE.shape) / (WIDE.size // y.size if function is np.mean else 1)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-13)


@pytest.mark.parametrize("function", [np.max, np.sum, np.mean], ids=by_name)
def test_an_axis_twice_or_out_of_range_is_refused_in_a_large_array_too(function: Any) -> None:
    for axis in ((5, -1), 6, (-7, 5)):
        with pytest.raises((OperandError, np.exceptions.AxisError)):
            function(Tensor(WIDE, requires_grad=True), axis=axis)


# --- NaN -----------------------------------------------------------------------------------------------------

HOLES = np.array([[0.5, np.nan, 2.0, -1.0], [np.nan, 1.5, np.nan, 0.3], [1.0, -2.0, 0.7, np.nan]])


def with_holes(values: Any) -> Any:
    """HOLES with its numbers replaced by `values`."""
    x = Tensor(HOLES, dtype=values.dtype) if isinstance(values, Tensor) else HOLES.astype(values.dtype)
    x[~np.isnan(HOLES)] = values
    return x


@pytest.mark.parametrize("function", [*NAN, np.nanmedian, np.nancumsum, np.nancumprod], ids=by_name)
def test_nan_is_left_out(function: Any) -> None:
    values = HOLES[~np.isnan(HOLES)]
    assert_agrees(lambda v: function(with_holes(v)), values)
    assert_agrees(lambda v: function(with_holes(v), axis=0), values)
    assert np.all(gradient(lambda x: function(x, axis=1), HOLES)[np.isnan(HOLES)] == 0)


@pytest.mark.parametrize("function", [*NAN, np.nanmedian], ids=by_name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_row_of_nan_gives_what_numpy_gives_and_disturbs_no_other(function: Any) -> None:
    x = np.array([[np.nan, np.nan], [1.0, 2.5]])
    t = Tensor(x, requires_grad=True)
    y = function(t, axis=1)
    np.testing.assert_array_equal(y.numpy(), function(x, axis=1))
    y[1].backward()
    np.testing.assert_array_equal(t.grad[0], 0.0)
    np.testing.assert_allclose(t.grad[1], gradient(function, x[1]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_variance_without_degrees_of_freedom_is_nan() -> None:
    y = np.nanvar(Tensor(HOLES, requires_grad=True), axis=0, ddof=2)
    np.testing.assert_array_equal(y.numpy(), np.nanvar(HOLES, axis=0, ddof=2))


@pytest.mark.parametrize(
    "function",
    [
        np.mean,
        lambda x: np.mean(x, axis=0),
        lambda x: np.mean(x, where=np.ones(x.shape, bool)),
        np.nanmean,
        np.var,
        np.std,
        lambda x: np.nanvar(x, ddof=1),
        lambda x: nn.cross_entropy(np.reshape(x, (-1, 1)) * np.array([1, 0], x.dtype), np.zeros(len(x), int)),
    ],
)
def test_half_floats_are_divided_by_more_elements_than_their_largest_number(function):
    numbers = np.linspace(-1, 1, 70_000)
    half, double = (Tensor(numbers.astype(dtype), requires_grad=True) for dtype in ("float16", "float64"))
    function(half).backward()
    function(double).backward()
    assert half.grad.dtype == np.float16
    np.testing.assert_allclose(half.grad, double.grad, rtol=0.01, atol=2e-7)


@pytest.mark.parametrize("where", [{}, {"axis": 0}, {"where": np.ones(70_000, bool)}], ids=["all", "axis", "where"])
def test_more_elements_than_the_largest_half_have_a_gradient(where: Any) -> None:
    ones = np.ones(70_000, np.float16)
    np.testing.assert_array_equal(ag.grad(lambda t: np.mean(t, **where))(ones), np.float16(1 / 70_000))
    tied = ag.grad(lambda t: np.max(t, initial=0.0, **where))(ones)
    np.testing.assert_array_equal(tied, np.float16(1 / 70_000))
