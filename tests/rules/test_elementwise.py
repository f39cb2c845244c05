"""Elementwise rules where the derivative is a choice, and where peers go wrong.

That every row agrees with NumPy and finite differences is shown by `test_rows`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_lite import InPlaceError, Tensor


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return Tensor(data, requires_grad=True, dtype=dtype)


def gradients(f: Callable[..., Tensor], *data: Any) -> list[np.ndarray]:
    """The gradient of `sum(f(*data))` by each input."""
    leaves = [leaf(each) for each in data]
    y = f(*leaves)
    y.backward(np.ones(y.shape))
    return [np.zeros(x.shape) if x.grad is None else x.grad for x in leaves]


def second(f: Callable[[Tensor], Tensor], data: Any) -> np.ndarray:
    """The elementwise second derivative of `f` of one input."""
    x = leaf(data)
    np.sum(f(x)).backward(create_graph=True)
    first = x.grad
    x.grad = None
    if first.requires_grad:
        np.sum(first).backward()
    return np.zeros(x.shape) if x.grad is None else x.grad


# --- points where the derivative is a choice -------------------------------------------------------------------


@pytest.mark.parametrize("f", [abs, np.abs, np.absolute, np.fabs])
def test_absolute_value_has_derivative_0_at_0(f: Any) -> None:
    (g,) = gradients(f, [-2.0, 0.0, 3.0])
    assert g.tolist() == [-1.0, 0.0, 1.0]


def test_absolute_value_of_a_complex_number_has_derivative_0_at_0() -> None:
    z = leaf([0.0, 3 + 4j], complex)
    np.sum(np.abs(z)).backward()
    np.testing.assert_allclose(z.grad, [0, 0.6 + 0.8j])


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_equal_operands_share_the_gradient_equally(f: Any) -> None:
    a, b = gradients(f, [1.0, 2.0, -0.0, np.inf], [1.0, 5.0, 0.0, np.inf])
    assert a[[0, 2, 3]].tolist() == [0.5, 0.5, 0.5]
    assert b[[0, 2, 3]].tolist() == [0.5, 0.5, 0.5]
    assert (a + b).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_tie_with_a_python_number_gives_half() -> None:
    (g,) = gradients(lambda x: np.maximum(x, 0), [-1.0, 0.0, 1.0])
    assert g.tolist() == [0.0, 0.5, 1.0]


def test_maximum_sends_the_gradient_to_the_operand_that_is_nan() -> None:
    a, b = gradients(np.maximum, [np.nan, 1.0, np.nan, 2.0], [1.0, np.nan, np.nan, 1.0])
    assert a.tolist() == [1.0, 0.0, 0.5, 1.0]
    assert b.tolist() == [0.0, 1.0, 0.5, 0.0]


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
@pytest.mark.parametrize("number", [0, 1.0, -0.5, np.inf, np.nan])
@pytest.mark.parametrize(
    "values", [[-1.0, 2.0, 0.25], [-1.0, np.nan, 2.0], [0.0, 1.0, -0.5], [np.inf, -np.inf, np.nan]]
)
def test_a_python_number_in_place_of_an_array_changes_nothing(f: Any, number: float, values: list[float]) -> None:
    (g,) = gradients(lambda x: f(x, number), values)
    (h,) = gradients(lambda x: f(number, x), values)
    wanted, _ = gradients(f, values, [float(number)] * 3)
    np.testing.assert_array_equal(g, wanted)
    np.testing.assert_array_equal(h, wanted)


def test_fmax_sends_the_gradient_to_the_operand_that_is_a_number() -> None:
    a, b = gradients(np.fmax, [np.nan, 1.0, np.nan, 2.0], [1.0, np.nan, np.nan, 1.0])
    assert a.tolist() == [0.0, 1.0, 0.5, 1.0]
    assert b.tolist() == [1.0, 0.0, 0.5, 0.0]


def test_hypot_has_derivative_0_at_the_origin_to_second_order() -> None:
    a, b = gradients(np.hypot, [0.0, 3.0], [0.0, 4.0])
    np.testing.assert_allclose(a, [0, 0.6])
    np.testing.assert_allclose(b, [0, 0.8])
    np.testing.assert_allclose(second(lambda x: np.hypot(x, 0.0), [0.0, 3.0]), [0, 0], atol=1e-15)


def test_the_square_root_is_infinitely_steep_at_0() -> None:
    with np.errstate(divide="ignore"):
        assert gradients(np.sqrt, [0.0])[0].tolist() == [np.inf]


def test_sign_and_rounding_have_derivative_0() -> None:
    for f in (np.sign, np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.around, np.spacing):
        (g,) = gradients(f, [-1.5, 0.25, 2.0])
        assert g.tolist() == [0.0, 0.0, 0.0], f


def test_heaviside_at_0_passes_the_gradient_to_its_value_there() -> None:
    x, h = gradients(np.heaviside, [-1.0, 0.0, 2.0], [0.5, 0.5, 0.5])
    assert x.tolist() == [0.0, 0.0, 0.0]
    assert h.tolist() == [0.0, 1.0, 0.0]


def test_copysign_at_0_is_flat_like_the_absolute_value() -> None:
    a, b = gradients(np.copysign, [0.0, -2.0, 2.0], [-1.0, -1.0, -1.0])
    assert a.tolist() == [0.0, 1.0, -1.0]
    assert b.tolist() == [0.0, 0.0, 0.0]


def test_the_bounds_of_clip_share_with_what_they_bound() -> None:
    x, low, high = gradients(np.clip, [-2.0, -1.0, 0.0, 1.0, 2.0], [-1.0] * 5, [1.0] * 5)
    assert x.tolist() == [0.0, 0.5, 1.0, 0.5, 0.0]
    assert low.tolist() == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert high.tolist() == [0.0, 0.0, 0.0, 0.5, 1.0]


def test_the_angle_of_0_has_derivative_0() -> None:
    z = leaf([0.0, 1j], complex)
    np.sum(np.angle(z)).backward()
    np.testing.assert_allclose(z.grad, [0, -1])


# --- powers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.0, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("form", [lambda n: n, np.float64, lambda n: np.array([n, n]), lambda n: Tensor([n, n])])
@pytest.mark.parametrize("power", [np.power, lambda x, n: x**n, np.float_power], ids=["power", "**", "float_power"])
def test_small_powers_are_right_at_0_to_second_order(power: Any, form: Any, exponent: float) -> None:
    n = form(exponent)
    (g,) = gradients(lambda x: power(x, n), [0.0, 2.0])
    want = [exponent * x ** (exponent - 1) if exponent else 0.0 for x in (0.0, 2.0)]
    assert g.tolist() == want
    scale = exponent * (exponent - 1)
    want = [scale * x ** (exponent - 2) if scale else 0.0 for x in (0.0, 2.0)]
    np.testing.assert_allclose(second(lambda x: power(x, n), [0.0, 2.0]), want)


def test_the_derivative_by_the_exponent_is_0_where_the_base_is_0() -> None:
    _, b = gradients(np.power, [0.0, 0.0, math.e], [0.0, 2.0, 1.0])
    np.testing.assert_allclose(b, [0, 0, math.e])
    assert second(lambda b: 0.0**b, [0.0, 2.0]).tolist() == [0.0, 0.0]


def test_the_mixed_derivative_of_a_power_holds_where_the_exponent_is_0() -> None:
    a, b = leaf([2.0]), leaf([0.0])
    np.sum(a**b).backward(create_graph=True)
    slope = a.grad
    b.grad = None
    np.sum(slope).backward()
    np.testing.assert_allclose(b.grad, [0.5])  # a ** (b - 1) * (1 + b * log(a))


@pytest.mark.parametrize("base", [2, 2.0, np.array(2), np.array([2, 3], np.int8), np.array([True, True])])
def test_the_exponent_of_an_integer_base_has_the_gradient_of_a_float_base(base: Any) -> None:
    (g,) = gradients(lambda b: base**b, [1.5, -1.0])
    a = np.asarray(base, float)
    np.testing.assert_allclose(g, a ** np.array([1.5, -1.0]) * np.log(a))


def test_a_negative_base_takes_an_integer_power_without_a_warning() -> None:
    (g,) = gradients(lambda a: a**3 + np.power(a, np.array([2, 2])), [-2.0, -1.0])
    assert g.tolist() == [8.0, 1.0]


def test_boolean_exponents_count_as_0_and_1() -> None:
    (g,) = gradients(lambda a: a ** np.array([True, False]), [3.0, 3.0])
    assert g.tolist() == [1.0, 0.0]


# --- where, clip and their forms --------------------------------------------------------------------------------


def test_where_of_a_condition_alone_gives_indices() -> None:
    x = leaf([0.0, 2.0, 3.0])
    (places,) = np.where(x > 1)
    assert type(places) is np.ndarray
    assert places.tolist() == [1, 2]


def test_where_sends_the_gradient_to_the_side_that_was_taken() -> None:
    a, b = gradients(lambda a, b: np.where([True, False], a, b) * 2, [1.0, np.nan], [np.inf, 1.0])
    assert a.tolist() == [2.0, 0.0]
    assert b.tolist() == [0.0, 2.0]


DTYPES = pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "c8"])
SIZES = pytest.mark.parametrize("shape", [(5,), (64, 65), (65, 64, 2)])


def peculiar(shape: tuple[int, ...], dtype: str) -> Any:
    """Numbers of which some are infinite, NaN, minus zero, or as small as they come."""
    some = np.array([1.5, -2.0, np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0, 65504.0, 6e-8, -6e-8], dtype)
    return np.resize(some, shape)


def bits(x: Any) -> bytes:
    return np.ascontiguousarray(x, x.dtype.newbyteorder("=")).tobytes()


@DTYPES
@SIZES
@pytest.mark.parametrize(
    "choose",
    [
        lambda mask, x: np.where(mask, 0.0, x),
        lambda mask, x: np.where(mask, x, 0.0),
        lambda mask, x: np.where(mask, 0, x),
        lambda mask, x: np.where(mask, -0.0, x),
        lambda mask, x: np.where(mask, x, np.float64(0.0)),
        lambda mask, x: np.where(mask, x, False),
        lambda mask, x: np.where(mask[..., :1], 0.0, x),
        lambda mask, x: np.where(mask + 0.0, x, 0.0),
        lambda mask, x: np.where(mask.T, x.T, 0.0),
        lambda mask, x: np.where(mask[::-2], 0.0, x[::-2]),
    ],
)
def test_a_choice_between_numbers_and_zero_is_numpys_to_the_bit(
    choose: Any, shape: tuple[int, ...], dtype: str
) -> None:
    array = peculiar(shape, dtype)
    mask = np.random.default_rng(0).random(shape) < 0.5
    y, expected = choose(mask, leaf(array, dtype)), choose(mask, array)
    assert y.dtype == expected.dtype
    assert bits(y.numpy()) == bits(expected)


@DTYPES
@SIZES
def test_where_sends_every_bit_of_the_gradient_and_none_to_the_side_that_was_not_taken(
    shape: tuple[int, ...], dtype: str
) -> None:
    g = peculiar(shape, dtype)
    mask = np.random.default_rng(0).random(shape) < 0.5
    a, b, c, d = [leaf(np.ones(shape), dtype) for _ in range(4)]
    np.where(mask, a, b).backward(g)
    np.where(mask, c, 0.0).backward(g)
    np.where(mask, 0, d).backward(g)
    assert bits(a.grad) == bits(c.grad) == bits(np.where(mask, g, 0))
    assert bits(b.grad) == bits(d.grad) == bits(np.where(mask, 0, g))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.clip(x, -1, 1),
        lambda x: np.clip(x, a_min=-1, a_max=1),
        lambda x: np.clip(x, [-1, -1, -1], np.array(1)),
        lambda x: np.clip(x, Tensor(-1.0), leaf([1.0, 1.0, 1.0])),
        lambda x: x.clip(-1, 1),
        lambda x: np.clip(np.clip(x, -1, None), None, 1),
        lambda x: np.clip(np.clip(x, None, 1.0, None), -1, None, out=None),
    ],
)
def test_every_form_of_clip(f: Any) -> None:
    x = leaf([-3.0, 0.5, 3.0])
    y = f(x)
    assert y.numpy().tolist() == [-1.0, 0.5, 1.0]
    np.sum(y).backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy 2.1 named the bounds min and max")
def test_clip_takes_the_bounds_as_min_and_max() -> None:
    x = leaf([-3.0, 0.5, 3.0])
    np.sum(np.clip(x, min=-1, max=1)).backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_nan_to_num_passes_no_gradient_through_what_it_replaced() -> None:
    x = leaf([1.0, np.nan, np.inf, -np.inf])
    y = np.nan_to_num(x, nan=7.0, posinf=8.0, neginf=9.0)
    assert y.numpy().tolist() == [1.0, 7.0, 8.0, 9.0]
    np.sum(y).backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0, 0.0]


def test_nan_to_num_replaces_the_parts_of_a_complex_number_one_by_one() -> None:
    z = leaf([complex(np.nan, 2.0), complex(1.0, np.inf)], complex)
    y = np.nan_to_num(z, posinf=5.0)
    assert y.numpy().tolist() == [2j, 1 + 5j]
    np.sum(y.real + y.imag).backward()
    assert z.grad.tolist() == [1j, 1.0]


def test_nan_to_num_does_not_write_into_the_graph() -> None:
    with pytest.raises(InPlaceError, match="copy=False"):
        np.nan_to_num(leaf([1.0]), copy=False)


# --- several outputs --------------------------------------------------------------------------------------------


def test_divmod_modf_and_frexp_are_differentiable_in_each_output() -> None:
    quotient, rest = divmod(leaf([7.5]), 2)
    assert (quotient.tolist(), rest.tolist()) == ([3.0], [1.5])
    assert gradients(lambda x: sum(np.divmod(x, 2.0)), [7.5])[0].tolist() == [1.0]
    assert gradients(lambda b: np.divmod(7.5, b)[1], [2.0])[0].tolist() == [-3.0]
    fraction, whole = np.modf(leaf([-2.75, np.inf]))
    assert (fraction.tolist(), whole.tolist()) == ([-0.75, -0.0], [-2.0, np.inf])
    assert gradients(lambda x: np.modf(x)[0] + np.modf(x)[1], [2.75])[0].tolist() == [1.0]
    mantissa, exponent = np.frexp(leaf([12.0]))
    assert (mantissa.tolist(), exponent.tolist()) == ([0.75], [4])
    assert gradients(lambda x: np.frexp(x)[0], [12.0])[0].tolist() == [1 / 16]


def test_fmod_counts_the_multiples_that_it_took_away() -> None:
    a, b = gradients(np.fmod, [-7.0, 7.0, 0.6], [2.0, -2.0, 0.2])
    assert a.tolist() == [1.0, 1.0, 1.0]
    assert b.tolist() == [3.0, 3.0, -2.0]  # 0.6 / 0.2 rounds to 3, though 0.2 fits twice


# --- far out, and close to 0 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_infinities_of_logaddexp_go_to_the_larger_or_are_shared(f: Any) -> None:
    inf = np.inf
    a, b = gradients(f, [-inf, -inf, inf, inf, 0.0], [-inf, 1.0, 1.0, inf, 2000.0])
    np.testing.assert_allclose(a, [0.5, 0, 1, 0.5, 0])
    np.testing.assert_allclose(b, [0.5, 1, 0, 0.5, 1])


def test_expm1_keeps_its_digits_far_below_0() -> None:
    (g,) = gradients(np.expm1, [-50.0])
    np.testing.assert_allclose(g, [math.exp(-50)], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_the_series_of_sinc_does_not_overflow_in_a_small_dtype(dtype: Any) -> None:
    narrow, wide = (Tensor(np.linspace(-1, 1, 40).astype(kind), requires_grad=True) for kind in (dtype, complex))
    for x in (narrow, wide):
        np.sum(np.real(np.sinc(x))).backward()
    assert narrow.grad.dtype == dtype
    np.testing.assert_allclose(narrow.grad, wide.grad.real, rtol=0.02, atol=2e-3)


def test_sinc_and_its_derivatives_at_and_near_0() -> None:
    x = np.array([0.0, 1e-8, -1e-4, 0.01])
    series = -(math.pi**2) * x / 3 + math.pi**4 * x**3 / 30
    np.testing.assert_allclose(gradients(np.sinc, x)[0], series, rtol=1e-8)
    np.testing.assert_allclose(second(np.sinc, [0.0]), [-(math.pi**2) / 3], rtol=1e-14)


def test_i0_has_the_derivative_i1() -> None:
    # Abramowitz and Stegun, table 9.8
    np.testing.assert_allclose(gradients(np.i0, [0.0, 1.0, 5.0])[0], [0, 0.565159103992, 24.3356421424], rtol=1e-11)
    np.testing.assert_allclose(second(np.i0, [0.0]), [0.5])


def test_maximum_takes_a_square_root_of_0_out_of_the_graph() -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        (g,) = gradients(lambda x: np.sqrt(np.maximum(x, 1e-12)), [0.0, 4.0])
    assert g.tolist() == [0.0, 0.25]


# --- complex numbers and parts ----------------------------------------------------------------------------------


def test_the_gradient_of_a_real_loss_points_uphill() -> None:
    z = leaf([1 + 2j], complex)
    np.sum(np.abs(z) ** 2).backward()
    np.testing.assert_allclose(z.grad, [2 + 4j])


def test_parts_of_a_complex_number() -> None:
    z = leaf([1 + 2j], complex)
    np.sum(z.real * 3 + z.imag * 5 + np.conj(z).imag).backward()
    assert z.grad.tolist() == [3 + 4j]


def test_parts_of_a_real_number() -> None:
    (g,) = gradients(lambda x: np.real(x) + np.imag(x) + np.conj(x) + np.angle(x), [2.0, -2.0])
    assert g.tolist() == [2.0, 2.0]


def test_a_real_input_of_a_complex_result_has_a_real_gradient() -> None:
    x = leaf([2.0])
    np.sum(np.abs(x * 1j) ** 2).backward()
    assert x.grad.dtype == float
    assert x.grad.tolist() == [4.0]


def test_real_if_close_drops_an_imaginary_part_of_rounding_errors() -> None:
    z = leaf([1 + 1e-16j], complex)
    y = np.real_if_close(z)
    assert y.dtype == float
    np.sum(y).backward()
    assert z.grad.tolist() == [1.0]
    assert np.real_if_close(leaf([1 + 1j], complex)).dtype == complex


@pytest.mark.parametrize("constant", [1j, 2 + 1j])
def test_a_python_complex_does_not_promote_complex64(constant: complex) -> None:
    z = leaf([1 + 2j], np.complex64)
    y = np.abs(constant * z / constant - constant)
    assert y.dtype == np.float32
    np.sum(y).backward()
    assert z.grad.dtype == np.complex64


@pytest.mark.parametrize("base", [True, False])
def test_a_truth_value_to_a_power_is_0_or_1_to_it(base: bool) -> None:
    t = Tensor([1.0, 2.0], requires_grad=True)
    y = base**t
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), float(base))
    np.testing.assert_array_equal(t.grad, 0.0)


@pytest.mark.parametrize("function", [np.sqrt, np.log, np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_on_a_branch_cut_the_derivative_is_that_of_the_side_on_which_the_value_is(function, zero):
    """The derivative of arcsin at 2 + 0j had the sign of that at 2 - 0j, since 1 - x is the same for both."""
    for far in (-2.0, 2.0):
        for z, away in ((complex(far, zero), 1j), (complex(zero, far), 1)):
            step = away * math.copysign(1e-6, zero)
            want = (function(z + 2 * step) - function(z + step)) / step
            x = leaf([z], complex)
            np.real(function(x)).sum().backward()
            np.testing.assert_allclose(x.grad.conj()[0], want, rtol=1e-4, atol=1e-4)
