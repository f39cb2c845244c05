"""gradcheck and gradgradcheck: right, wrong and inconclusive, and what the report says of it."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import InPlaceError, OperandError, RequiresGradError, Tensor
from autograd_lite.check import gradcheck, gradgradcheck
from autograd_lite.check.differences import sides, slope
from autograd_lite.check.patterns import pattern


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(len(shapes))
    return [rng.uniform(0.5, 2.0, shape) for shape in shapes]


def wrong_square(factor: Any) -> Callable[[Any], Any]:
    """`x ** 2` with the gradient `factor * x`, at first and second order."""
    return ag.custom(lambda x: x * x, lambda g, y, x: g * x * factor)


# --- verdicts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (np.exp, [(3,)]),
        (lambda x: np.sin(x) * x, [()]),
        (lambda x: x.sum() * 0, [(2, 3)]),
        (lambda x: np.log(np.sum(np.exp(x))), [(2, 0, 1)]),
        (lambda a, b: a @ b, [(2, 3), (3, 4)]),
        (lambda a, b: a / b, [(2, 3), (3,)]),
        (lambda x: (x, [x * x]), [(2,)]),
    ],
)
def test_right_gradients_pass_at_both_orders(f: Any, shapes: Any) -> None:
    inputs = arrays(*shapes)
    if 0 in inputs[0].shape:
        f = lambda x: x.sum() ** 2
    assert gradcheck(f, inputs)
    assert gradcheck(f, inputs, jacobian=True)
    assert gradgradcheck(f, inputs)


@given(st.floats(-3, 3).filter(lambda c: abs(c - 2) > 1e-4 and abs(c) > 1e-3), st.integers(0, 3))
def test_any_wrong_factor_is_found_with_its_ratio(factor: float, axes: int) -> None:
    (x,) = arrays((2, 3, 2)[:axes])
    report = gradcheck(lambda x: wrong_square(factor)(x).sum(), x)
    assert report.verdict == "wrong" and not report
    assert report.wrong == report.checked == x.size
    worst = report.worst
    np.testing.assert_allclose(worst.gradient / worst.difference, factor / 2, rtol=1e-6)
    np.testing.assert_allclose(report.inputs[0].difference, 2 * x, rtol=1e-7)
    np.testing.assert_allclose(report.inputs[0].gradient, factor * x, rtol=1e-12)


def test_one_wrong_entry_among_many_is_named() -> None:
    mask = np.full((4, 5), 2.0)
    mask[2, 3] = 2.001
    report = gradcheck(lambda x: wrong_square(mask)(x).sum(), arrays((4, 5)))
    assert (report.wrong, report.checked) == (1, 20)
    assert report.worst.index == (2, 3) and report.worst.input == "input 0"
    assert report.worst.error < 1e-9
    assert "input 0[2, 3]: gradient" in str(report) and "1 of 20 entries differs" in str(report)


def test_a_second_derivative_alone_can_be_wrong() -> None:
    cube = ag.custom(lambda x: x**3, lambda g, y, x: g * (2 * x.detach() * x if isinstance(x, Tensor) else 3 * x**2))
    f = lambda x: cube(x).sum()
    (x,) = arrays((3,))
    report = gradgradcheck(f, x)
    assert report.verdict == "wrong" and str(report).startswith("gradgradcheck: wrong")


def test_a_rule_that_ignores_the_incoming_gradient_is_wrong_in_gradgradcheck() -> None:
    f = ag.custom(lambda x: 2 * x, lambda g, y, x: 2 * g.detach() if isinstance(g, Tensor) else 2 * g)
    assert gradcheck(f, arrays((3,)))
    report = gradgradcheck(f, arrays((3,)))
    assert report.verdict == "wrong" and report.worst.input == "grad_output"


def test_a_gradient_that_was_detached_is_wrong_and_says_so() -> None:
    report = gradcheck(lambda x: (x.detach() ** 2).sum(), arrays((3,)))
    assert report.verdict == "wrong"
    assert report.pattern == "it is zero everywhere" and "detached" in report.remarks[0]


def test_rounding_inside_the_function_makes_a_right_gradient_inconclusive_at_worst() -> None:
    rounded = lambda x: np.float64(np.sum(x.astype(np.float32) ** 2))
    verdicts = set()
    for x in np.linspace(0.3, 3.0, 40):
        report = gradcheck(rounded, np.array([x, 2.0]), grads=np.array([2 * x, 4.0]))
        verdicts.add(report.verdict)
        assert report.verdict != "wrong", report
    assert "inconclusive" in verdicts


# --- kinks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subgradient", [0.0, 0.3, 1.0])
def test_any_subgradient_at_a_kink_is_inconclusive(subgradient: float) -> None:
    report = gradcheck(
        lambda x: np.maximum(x, 0).sum(), np.array([-1.0, 0.0, 2.0]), grads=np.array([0, subgradient, 1])
    )
    assert report.verdict == "inconclusive" and report.inconclusive == 1
    assert report.worst.index == (1,)
    assert "slope 0 on the left, 1 on the right" in str(report)


@pytest.mark.parametrize("gradient", [-0.01, 1.01, 7.0, np.nan])
def test_what_is_no_subgradient_at_a_kink_is_wrong(gradient: float) -> None:
    report = gradcheck(lambda x: np.maximum(x, 0).sum(), np.array([0.0, 2.0]), grads=np.array([gradient, 1.0]))
    assert report.verdict == "wrong"
    assert "not between" in str(report)


def test_a_kink_does_not_excuse_a_wrong_entry_elsewhere() -> None:
    report = gradcheck(lambda x: np.abs(x).sum(), np.array([0.0, 2.0]), grads=np.array([0.0, -1.0]))
    assert report.verdict == "wrong" and report.worst.index == (1,)


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_kink_at_some_distance_does_not_matter(distance: float, sign: int) -> None:
    x = np.array([sign * distance])
    assert gradcheck(lambda x: np.abs(x).sum(), x)
    assert gradcheck(lambda x: np.abs(x).sum(), x, grads=-np.sign(x)).verdict == "wrong"


def test_the_shared_gradient_of_a_tie_of_three_is_not_called_wrong() -> None:
    mixing = np.array([[1.0, 0.0, 0.5], [2.0, 1.0, 0.0], [4.0, 0.0, 1.0]])
    f = lambda x: np.sum(np.sort(mixing @ x) * np.array([0.0, 1.0, 0.0]))
    shared = mixing.T @ np.full(3, 1 / 3)
    report = gradcheck(f, np.zeros(3), grads=shared)
    assert report.verdict == "inconclusive", report
    assert "several directions" in report.worst.reason
    assert gradcheck(f, np.zeros(3), grads=shared + np.eye(3)[1] * 2).verdict == "wrong"


def test_a_small_kink_on_a_curve_is_seen() -> None:
    f = lambda x: np.sum(10 * x**2 + 1e-3 * np.abs(x - 1))
    report = gradcheck(f, np.array([1.0]), grads=np.array([20.001]))
    assert report.verdict == "inconclusive" and "kink" in report.worst.reason


@pytest.mark.parametrize(
    ("f", "at", "reason"),
    [
        (np.sqrt, 0.0, "edge"),
        (np.floor, 1.0, "jump"),
        (np.cbrt, 0.0, "infinite"),
        (lambda x: np.maximum(x, 0.0) ** 0.5, 0.0, "infinite"),
    ],
)
def test_edges_jumps_and_infinite_slopes_are_inconclusive(f: Any, at: float, reason: str) -> None:
    report = gradcheck(lambda x: np.sum(f(x)), np.array([at, 2.5]), grads=lambda x: [np.r_[0.0, slope_of(f, 2.5)]])
    assert report.verdict == "inconclusive"
    assert reason in report.worst.reason


def slope_of(f: Any, x: float) -> float:
    return float(f(x + 1e-6) - f(x - 1e-6)) / 2e-6


@given(st.floats(-50, 50), st.sampled_from([np.sin, np.cos, np.tanh, np.arctan, lambda x: np.exp(-x * x), np.square]))
def test_smooth_points_are_never_called_kinks_or_wrong(x: float, f: Any) -> None:
    report = gradcheck(lambda x: np.sum(f(x)), np.array([x]))
    assert report.verdict == "right", report


@given(st.floats(1e-4, 1e4), st.sampled_from([np.log, np.sqrt, np.reciprocal, np.log1p]))
def test_steps_fit_arguments_of_any_size(x: float, f: Any) -> None:
    assert gradcheck(lambda x: np.sum(f(x)), np.array([x]), rtol=1e-6)


# --- gradients by hand ----------------------------------------------------------------------------------------------


def dense_loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    return np.mean((w @ x + b - y) ** 2)


def dense_gradients(w: Any, b: Any, x: Any, y: Any) -> Any:
    dz = 2 * (w @ x + b - y) / y.size
    return dz @ x.T, dz.sum(axis=1, keepdims=True), None, None


DENSE = arrays((2, 3), (2, 1), (3, 5), (2, 5))


def test_right_gradients_by_hand_pass_as_arrays_and_as_a_function() -> None:
    assert gradcheck(dense_loss, DENSE, grads=dense_gradients)
    report = gradcheck(dense_loss, DENSE, grads=list(dense_gradients(*DENSE)))
    assert report and report.checked == 6 + 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda dw, db: (2 * dw, 2 * db), "in all inputs, every entry is 2 times what it should be"),
        (
            lambda dw, db: (dw, 5 * db),
            "in input 1, every entry is 5 times what it should be (5 is the length",
        ),
        (lambda dw, db: (dw / 2, db), "in input 0, every entry is 1/2 of what it should be"),
        (lambda dw, db: (-dw, db), "in input 0, every entry has the wrong sign"),
        (lambda dw, db: (-3 * dw, db), "in input 0, every entry has the wrong sign, and is 3 times"),
        (lambda dw, db: (10 * dw, 10 * db), "10 is the size of"),
        (lambda dw, db: (dw.T, db), "its shape is (3, 2), and should be (2, 3): it is transposed"),
        (lambda dw, db: (dw, db.ravel()), "only axes of length 1 differ"),
        (lambda dw, db: (dw, np.repeat(db, 5, axis=1) / 5), "its shape is (2, 5), and should be (2, 1): axis 1 is not"),
        (lambda dw, db: (dw, db.sum()), "its shape is (), and should be (2, 1)"),
        (lambda dw, db: (dw.sum(axis=0), db), "its shape is (3,), and should be (2, 3): axis 0 is summed"),
        (lambda dw, db: (dw.T * 2, db), "it is transposed; besides, every entry is 2 times"),
        (lambda dw, db: (np.zeros_like(dw), db), "it is zero everywhere"),
        (lambda dw, db: (dw[::-1], db), "the values are right, in another order"),
        (lambda dw, db: (dw + 1, db), "too large by 1"),
        (lambda dw, db: (dw * [1, -1, 1], db), "the magnitudes are right, and some signs are wrong"),
    ],
)
def test_the_pattern_of_a_mistake_is_named(change: Any, says: str) -> None:
    def mistaken(*inputs: Any) -> Any:
        dw, db, _, _ = dense_gradients(*inputs)
        return (*change(dw, db), None, None)

    report = gradcheck(dense_loss, DENSE, grads=mistaken)
    assert report.verdict == "wrong"
    assert says in report.pattern
    assert report.pattern in str(report)


def test_a_transposed_square_gradient_is_recognised() -> None:
    (a, s) = arrays((3, 3), (3, 3))
    s[0] *= 2
    report = gradcheck(lambda a: np.sum((s @ a) ** 2), a, grads=lambda a: (2 * s.T @ (s @ a)).T)
    assert report.pattern == "it is the transpose of what it should be"


def test_a_mistake_that_fits_no_pattern_has_none() -> None:
    report = gradcheck(lambda x: np.sum(np.sin(x)), arrays((4,)), grads=lambda x: np.sin(x) + x)
    assert report.verdict == "wrong" and report.pattern is None


def test_hand_gradients_may_use_tensors_and_containers() -> None:
    w, b, x, y = DENSE
    data = (Tensor(x), Tensor(y))
    report = gradcheck(
        lambda p, x, y: dense_loss(p["w"], p["b"], x, y),
        ({"w": Tensor(w, requires_grad=True, name="W"), "b": Tensor(b, requires_grad=True)}, *data),
        grads=[{"w": dense_gradients(*DENSE)[0], "b": 3 * dense_gradients(*DENSE)[1]}],
    )
    assert report.worst.input == "input 0['b']"
    assert [input.name for input in report.inputs] == ["input 0['w'] (W)", "input 0['b']"]


# --- inputs and outputs ---------------------------------------------------------------------------------------------


def test_single_precision_is_converted_with_a_word() -> None:
    (x,) = arrays((3,))
    report = gradcheck(lambda x: np.exp(x).sum(), x.astype(np.float32))
    assert report and report.remarks == ("input 0 was converted from float32 to float64 for this check",)
    assert report.inputs[0].gradient.dtype == np.float64


def test_integers_and_data_tensors_are_passed_on() -> None:
    (x,) = arrays((3,))
    index = np.array([0, 2, 2])
    report = gradcheck(lambda x, i, d: (x[i] * d).sum(), (x, index, Tensor(x)))
    assert report and report.checked == 3
    assert report.remarks == ("input 1 of dtype int64 was not checked: it has no gradient",)


def test_complex_inputs_follow_the_convention() -> None:
    a, b = arrays((3,), (3,))
    z = a + 1j * b
    assert gradcheck(lambda z: np.exp(z) * z, z)
    assert gradcheck(lambda z: np.exp(z) * z, z, jacobian=True)
    assert gradcheck(lambda z: np.sum(np.abs(z) ** 2), z, grads=2 * z)
    conjugate = gradcheck(lambda z: np.sum(np.abs(z) ** 2), z, grads=2 * np.conj(z))
    assert conjugate.worst.part == "imaginary" and "complex conjugate" in conjugate.pattern
    assert "1/2 of" in gradcheck(lambda z: np.sum(np.abs(z) ** 2), z, grads=z).pattern


def test_the_jacobian_names_the_entry_of_the_result() -> None:
    f = ag.custom(lambda x: x * x, lambda g, y, x: g * x * np.array([2.0, 2.0, 3.0]))
    report = gradcheck(f, arrays((3,)), jacobian=True)
    assert report.worst.output == 2 and report.worst.index == (2,)
    assert report.checked == 9 and report.wrong == 1
    assert "entry 2 of the result" in str(report)


def test_a_sample_of_the_entries_says_so() -> None:
    (x,) = arrays((30, 30))
    report = gradcheck(lambda x: np.sum(x * x), x, max_entries=7)
    assert report and report.checked == 7
    assert report.remarks == ("input 0: 7 of 900 entries were checked, chosen at random",)
    assert np.isnan(report.inputs[0].difference).sum() == 893
    assert (
        gradcheck(lambda x: wrong_square(1)(x).sum(), x, max_entries=7).pattern
        == "every entry is 1/2 of what it should be"
    )


def test_what_is_not_finite_is_inconclusive_but_a_nan_gradient_is_wrong() -> None:
    report = gradcheck(lambda x: np.sum(np.log(x)), np.array([-1.0, 2.0]), grads=np.ones(2))
    assert report.verdict == "inconclusive" and "not finite" in report.remarks[0]
    report = gradcheck(lambda x: np.sum(x * x), np.array([1.0, 2.0]), grads=np.array([np.nan, 4.0]))
    assert report.verdict == "wrong" and report.worst.index == (0,)
    report = gradcheck(lambda x: np.sum(x * x), np.array([1.0, 2.0]), grads=np.array([2.0, np.inf]))
    assert report.verdict == "wrong" and report.worst.index == (1,)


def test_a_gradient_below_rounding_errors_says_so() -> None:
    report = gradcheck(lambda x: 1.0 + 1e-14 * np.sum(x), arrays((2,)), grads=np.full(2, 2e-14))
    assert report and "leave little to compare" in report.remarks[0]


def test_a_function_with_randomness_is_inconclusive() -> None:
    rng = np.random.default_rng(0)
    report = gradcheck(lambda x: np.sum(x) * rng.normal(), arrays((2,)))
    assert report.verdict == "inconclusive" and "randomness" in str(report)


def test_a_function_in_single_precision_is_checked_coarsely_with_a_word() -> None:
    (x,) = arrays((3,))
    report = gradcheck(lambda x: np.sum(x.astype(np.float32) ** 2), x)
    assert report.verdict == "right" and "single precision" in report.remarks[0]
    assert gradcheck(lambda x: wrong_square(3.0)(x.astype(np.float32)).sum(), x).verdict == "wrong"


def test_a_single_number_is_an_input() -> None:
    report = gradcheck(lambda x: x * x, 3.0, grads=6.0)
    assert report and str(report) == "gradcheck: right (1 entry agrees with finite differences)"


def test_the_error_estimate_covers_the_error() -> None:
    for f, derivative in [(np.exp, np.exp), (np.sin, np.cos), (np.sqrt, lambda x: 0.5 / np.sqrt(x))]:
        x = np.linspace(0.3, 5, 20)
        report = gradcheck(lambda x, f=f: np.sum(f(x)), x)
        found = report.inputs[0]
        assert np.all(np.abs(found.difference - derivative(x)) <= found.error)
        assert np.all(found.error < 1e-7 * np.abs(found.difference) + 1e-9)


# --- misuse -----------------------------------------------------------------------------------------------------


def test_misuse_is_refused_with_the_cure() -> None:
    (x,) = arrays((3,))
    with pytest.raises(RequiresGradError, match="requires_grad=True"):
        gradcheck(lambda x: x, Tensor(x))
    with pytest.raises(RequiresGradError, match="floating"):
        gradcheck(lambda x: x, np.array([1, 2]))
    with pytest.raises(OperandError, match="pass an array"):
        gradcheck(lambda x: x, "x")
    with pytest.raises(OperandError, match="let it return the loss"):
        gradcheck(lambda x: None, x)
    with pytest.raises(OperandError, match="must return numbers"):
        gradcheck(lambda x: "loss", x)
    with pytest.raises(OperandError, match="2 gradients for the inputs input 0; give one"):
        gradcheck(lambda x: np.sum(x), x, grads=[x, x])
    with pytest.raises(OperandError, match="belongs to one real number"):
        gradcheck(lambda x: x * x, x, grads=2 * x)


def test_a_function_that_changes_its_input_is_refused() -> None:
    def f(x: Any) -> Any:
        x *= 2
        return np.sum(x)

    with pytest.raises(InPlaceError, match="in place"):
        gradcheck(f, arrays((3,)), grads=[np.full(3, 2.0)])


# --- the parts ----------------------------------------------------------------------------------------------------


def test_the_slope_leaves_out_steps_that_leave_the_domain() -> None:
    with np.errstate(invalid="ignore"):
        found = slope(lambda t: np.log([1e-3 + t]), np.log([1e-3]), 0.02, 2e-16, lambda d: 1e-9 * np.abs(d))
    np.testing.assert_allclose(found.value, 1e3, rtol=1e-8)
    assert found.error[0] < 1e-4


def test_sides_tell_kinks_from_curves_jumps_and_edges() -> None:
    look = lambda f: sides(f, f(0.0), 1e-5, 2e-16, 1e-9).kind
    assert look(np.exp) == look(lambda t: 1e3 * t * t) == look(lambda t: 0.0) == look(lambda t: t**3) == "smooth"
    assert look(lambda t: max(t, 0)) == look(lambda t: abs(t) + 100 * t * t) == "kink"
    assert look(np.sign) == look(np.cbrt) == "jump"
    with np.errstate(invalid="ignore"):
        assert look(np.sqrt) == "edge"


def test_a_single_number_off_by_no_simple_factor_has_no_pattern() -> None:
    assert pattern(np.array(1.234), np.array(1.0), {}) is None
    assert pattern(np.array(2.0), np.array(1.0), {}) == "every entry is 2 times what it should be"


def test_the_rest_of_the_room_opens_at_first_use() -> None:
    importlib.import_module("autograd_lite.check.worksheets")
    assert callable(ag.check.worksheet), "the function, not the package of its name"
    assert callable(ag.check.assert_gradients)
    assert ag.gradcheck is gradcheck
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ag.check.nothing


def test_checking_imports_no_worksheets() -> None:
    code = "import sys, autograd_lite.check; print([m for m in sys.modules if 'worksheet' in m])"
    root = Path(__file__).parent.parent
    shown = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
