"""Special functions: the rows of SciPy's ufuncs, and those that NumPy alone makes."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import NotDifferentiableError, OperandError, Tensor, special
from autograd_lite.rules import special as rows
from autograd_lite.rules import special_derivatives as derivatives
from autograd_lite.rules.table import Call, Input, real
from tests.rules.checks import (
    Loss,
    check_derivatives,
    check_forward_mode,
    check_layouts,
    check_rules,
    check_single_precision,
    examples,
    needlessly_kept,
    settle,
)
from tests.rules.drawing import Drawn, made_complex, tensors

scipy_special = pytest.importorskip("scipy.special")
rows.load(scipy_special)

FAMILIES = [getattr(derivatives, name).fn for name in derivatives.__all__ if name not in ("ratio", "refusing")]
FUNCTIONS = sorted([*rows._loaded, *FAMILIES], key=lambda f: f.__name__)
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return Tensor(data, requires_grad=True, dtype=dtype)


# --- every row ---------------------------------------------------------------------------------------------------


@every_function
def test_value_first_and_second_derivative(function: Any) -> None:
    assert list(examples(function))
    for call, seed in examples(function):
        settle(function, call, seed, check_derivatives)
        settle(function, call, seed, check_forward_mode)


@every_function
def test_single_precision_and_layouts(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_single_precision)
        settle(function, call, seed, check_layouts)
        settle(function, call, seed, lambda drawn, rng: check_rules(Loss(drawn, rng).record(tensors(drawn))))
    assert not needlessly_kept(function)


@pytest.mark.parametrize("name", ["gamma", "rgamma", "loggamma", "erf", "erfc", "erfcx", "ndtr", "log_ndtr", "xlogy"])
def test_functions_of_complex_numbers(name: str) -> None:
    function = getattr(scipy_special, name)

    def first_order(drawn: Drawn, rng: np.random.Generator) -> None:
        drawn = made_complex(drawn, rng)
        step = 1e-6
        operands = tensors(drawn)
        np.sum(np.real(function(*operands)) + 2 * np.imag(function(*operands))).backward()
        for i, x in enumerate(operands):
            for unit in (1, 1j):
                ends = [list(drawn.arrays), list(drawn.arrays)]
                ends[0][i], ends[1][i] = drawn.arrays[i] - step * unit, drawn.arrays[i] + step * unit
                low, high = [float(np.sum(y.real + 2 * y.imag)) for y in (function(*end) for end in ends)]
                along = np.sum(x.grad.real if unit == 1 else x.grad.imag)
                np.testing.assert_allclose(along, (high - low) / (2 * step), rtol=1e-6, atol=1e-7)

    for call, seed in examples(function):
        settle(function, call, seed, first_order)


def test_ufuncs_of_scipy_take_the_forms_of_a_ufunc() -> None:
    x = leaf([-1.0, 4.0])
    y = scipy_special.gammaln(x, where=x > 0)
    np.testing.assert_allclose(y.numpy(), [0, np.log(6)])
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad, [0, scipy_special.digamma(4.0)])
    assert scipy_special.erf(leaf([1.0]), dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda p: scipy_special.gammainc(p, 1.0), "gammainc: no derivative with respect to a"),
        (lambda p: scipy_special.betainc(p, 1.0, 0.5), "betainc: no derivative with respect to a"),
        (lambda p: scipy_special.betainc(1.0, p, 0.5), "betainc: no derivative with respect to b"),
        (lambda p: scipy_special.jv(p, 1.0), "jv: no derivative with respect to the order"),
        (lambda p: scipy_special.stdtr(p, 1.0), "stdtr: no derivative with respect to df"),
    ],
)
def test_a_parameter_without_a_derivative_is_refused(f: Any, message: str) -> None:
    with pytest.raises(NotDifferentiableError, match=message):
        np.sum(f(leaf([2.0]))).backward()


def test_gamma_has_no_second_derivative_at_complex_numbers() -> None:
    z = leaf([1 + 1j], complex)
    np.sum(np.real(scipy_special.gamma(z))).backward(create_graph=True)
    with pytest.raises(NotDifferentiableError, match="polygamma"):
        np.sum(np.real(z.grad)).backward()


def test_a_ufunc_of_scipy_without_a_row_is_refused() -> None:
    with pytest.raises(NotDifferentiableError, match="ellipk"):
        scipy_special.ellipk(leaf([0.5]))


def test_limits_of_products_with_a_logarithm() -> None:
    for f in (special.xlogy, scipy_special.xlogy):
        x, y = leaf([0.0, 0.0, 2.0]), leaf([0.0, 3.0, 4.0])
        np.sum(f(x, y)).backward()
        np.testing.assert_allclose(x.grad, [0, np.log(3), np.log(4)])
        np.testing.assert_allclose(y.grad, [0, 0, 0.5])
    x, y = leaf([0.0, 2.0]), leaf([-1.0, 3.0])
    np.sum(scipy_special.xlog1py(x, y)).backward()
    np.testing.assert_allclose(x.grad, [0, np.log(4)])
    np.testing.assert_allclose(y.grad, [0, 0.5])
    x, y = leaf([1.0]), leaf([0.0])
    np.sum(scipy_special.kl_div(y.detach(), x) + scipy_special.rel_entr(y.detach(), x)).backward()
    assert x.grad.tolist() == [1.0]


# --- autograd_lite.special ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "want", "call"),
    [
        (special.expit, scipy_special.expit, Call((real(3, 4),), {})),
        (special.log_expit, scipy_special.log_expit, Call((real(3, 4),), {})),
        (special.logit, scipy_special.logit, Call((Input((3, 4), "fraction"),), {})),
        (special.xlogy, scipy_special.xlogy, Call((real(3, 4), Input((4,), "positive")), {})),
        (special.logsumexp, scipy_special.logsumexp, Call((real(3, 4),), {})),
        (special.logsumexp, scipy_special.logsumexp, Call((real(2, 3, 4),), {"axis": (0, -1)})),
        (special.logsumexp, scipy_special.logsumexp, Call((real(3, 4), 1), {"keepdims": True})),
        (
            special.logsumexp,
            scipy_special.logsumexp,
            Call((real(3, 4),), {"axis": 0, "b": Input((3, 1), "positive")}),
        ),
        (special.softmax, scipy_special.softmax, Call((real(3, 4),), {})),
        (special.softmax, scipy_special.softmax, Call((real(2, 3, 4), 1), {})),
        (special.log_softmax, scipy_special.log_softmax, Call((real(3, 4),), {"axis": -1})),
        (special.log_softmax, scipy_special.log_softmax, Call((real(2, 3), (0, 1)), {})),
        (special.multigammaln, scipy_special.multigammaln, Call((Input((3,), "above one"), 3), {})),
        (
            lambda x: special.polygamma(2, x),
            lambda x: scipy_special.polygamma(2, x),
            Call((Input((3,), "positive"),), {}),
        ),
        (lambda x: special.polygamma(0, x), scipy_special.digamma, Call((Input((3,), "positive"),), {})),
    ],
)
def test_functions_made_of_numpy_agree_with_scipy(f: Any, want: Any, call: Call) -> None:
    def composed(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    def check(drawn: Drawn, rng: np.random.Generator) -> None:
        args, kwargs = drawn.place(drawn.arrays)
        given, named = drawn.place(tensors(drawn))
        np.testing.assert_allclose(f(*given, **named).numpy(), want(*args, **kwargs), rtol=1e-12, atol=1e-14)
        check_derivatives(drawn, rng)
        check_single_precision(drawn, rng)

    try:
        rows_of(composed)
        settle(composed, call, 1, check)
    finally:
        rows_of(composed, remove=True)


def rows_of(function: Any, *, remove: bool = False) -> None:
    """Let `function` be called by `drawing.invoke` as a composed function is."""
    from autograd_lite.rules.table import COMPOSED

    if remove:
        del COMPOSED[function]
    else:
        COMPOSED[function] = function


@pytest.mark.parametrize("far", [1e4, 1e300])
def test_far_out_nothing_overflows(far: float) -> None:
    for f in (special.expit, special.log_expit, special.logsumexp, special.softmax, special.log_softmax):
        x = leaf([-far, 0.0, far])
        y = f(x)
        assert not np.isnan(y.numpy()).any()
        y.backward(np.ones(y.shape))
        assert np.isfinite(x.grad).all(), f


@pytest.mark.parametrize("count", [1, 1000])  # few numbers are computed in another way than many
def test_expit_keeps_its_digits_near_zero(count: int) -> None:
    x = leaf(np.repeat([-700.0, -50.0, 50.0], count))
    y = special.expit(x)
    np.testing.assert_allclose(y.numpy(), np.repeat([np.exp(-700.0), np.exp(-50.0), 1.0], count), rtol=1e-13)
    y.backward(np.ones(3 * count))
    np.testing.assert_allclose(x.grad, np.repeat([np.exp(-700.0), np.exp(-50.0), 0.0], count), rtol=1e-13, atol=0)


@pytest.mark.parametrize("count", [1, 1000])
def test_expit_neither_overflows_nor_warns(count: int) -> None:
    with np.errstate(all="raise", under="ignore"):
        for dtype in (np.float32, np.float64):
            y = special.expit(np.repeat(np.array([-1e4, 0.0, 1e4], dtype), count))
            assert y.dtype == dtype
            np.testing.assert_array_equal(y, np.repeat([0.0, 0.5, 1.0], count))


def test_logsumexp_of_nothing_and_of_minus_infinity() -> None:
    assert special.logsumexp(leaf([])).item() == -np.inf
    x = leaf([[-np.inf, -np.inf], [-np.inf, 1.0]])
    y = special.logsumexp(x, axis=1)
    assert y.tolist() == [-np.inf, 1.0]
    y.backward(np.ones(2))
    assert x.grad.tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_weights_of_logsumexp() -> None:
    a, b = leaf([1.0, 2.0]), leaf([3.0, -1.0])
    y, sign = special.logsumexp(a, b=b, return_sign=True)
    total = 3 * np.exp(1) - np.exp(2)
    np.testing.assert_allclose(y.item(), np.log(total))
    assert sign.item() == 1
    y.backward()
    np.testing.assert_allclose(a.grad, [3 * np.exp(1) / total, -np.exp(2) / total])
    np.testing.assert_allclose(b.grad, [np.exp(1) / total, np.exp(2) / total])
    np.testing.assert_allclose(special.logsumexp(leaf([1000.0, 0.0]), b=np.array([0.0, 1.0])).item(), 0, atol=1e-12)


def test_a_weight_of_0_that_requires_grad_does_not_hide_the_other_terms() -> None:
    a, b = leaf([1000.0, 3.0, 1.0]), leaf([0.0, 0.0, 2.0])
    y = special.logsumexp(a, b=b)
    np.testing.assert_allclose(y.item(), 1 + np.log(2))
    y.backward()
    np.testing.assert_allclose(a.grad, [0.0, 0.0, 1.0])
    np.testing.assert_allclose(b.grad[1:], [np.exp(2) / 2, 0.5])
    assert b.grad[0] > 1e300


def test_weights_of_logsumexp_may_be_more_than_its_exponents() -> None:
    a, b = np.array([[0.1], [0.7]]), np.array([[0.3, 2.0, 1.0], [1.5, 0.2, 0.4]])
    y = special.logsumexp(leaf(a), axis=0, b=leaf(b))
    np.testing.assert_allclose(y.numpy(), scipy_special.logsumexp(a, axis=0, b=b))
    assert special.logsumexp(Tensor(a.astype(np.float32)), b=2).dtype == np.float32


def test_the_derivative_of_softmax_is_0_where_all_scores_move_together() -> None:
    x = leaf(np.linspace(-3, 3, 12).reshape(3, 4))
    y = special.softmax(x, axis=1)
    np.testing.assert_allclose(np.sum(y, axis=1).numpy(), np.ones(3))
    np.sum(y * y.detach()).backward()
    np.testing.assert_allclose(x.grad.sum(axis=1), np.zeros(3), atol=1e-15)


def test_names_of_scipy_are_scipys_functions() -> None:
    assert special.erf is scipy_special.erf
    assert "digamma" in dir(special)
    assert all(getattr(special, name) is not None for name in dir(special))
    with pytest.raises(AttributeError, match="no attribute 'ellipk'"):
        special.ellipk


def test_orders_and_dimensions_are_checked() -> None:
    with pytest.raises(OperandError, match=r"order 1\.5"):
        special.polygamma(1.5, leaf([1.0]))
    with pytest.raises(OperandError, match="dimension 0"):
        special.multigammaln(leaf([1.0]), 0)
    with pytest.raises(OperandError, match=r"above \(d - 1\) / 2"):
        special.multigammaln(leaf([0.5]), 2)


def test_scipy_is_imported_only_when_it_is_asked_for() -> None:
    code = """
import sys
import numpy as np
import autograd_lite, autograd_lite.special, autograd_lite.stats
x = autograd_lite.Tensor([1.0], requires_grad=True)
np.sum(autograd_lite.special.softmax(np.exp(x))).backward()
np.frompyfunc(abs, 1, 1)(x.detach())
assert not any(name.partition(".")[0] == "scipy" for name in sys.modules)
autograd_lite.special.erf
assert "scipy.special" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_scipy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match="pip install scipy"):
        special.erf
    with ag.no_grad():
        assert special.softmax(Tensor([1.0, 1.0])).tolist() == [0.5, 0.5]


def test_the_derivative_of_i1e_holds_at_0_and_far_out() -> None:
    x = leaf([0.0, 1e-300, -1e10, 1e10, 1e160, np.inf])
    special.i1e(x).backward(np.ones(6))
    far = -0.5 / np.sqrt(2 * np.pi) * np.array([1e-15, 1e-15, 1e-240, 0.0])  # the first term, of x**(-3/2), for large x
    np.testing.assert_allclose(x.grad, [0.5, 0.5, *far], rtol=1e-9)


# Where the closed formula of a derivative is a difference of nearly equal numbers: computed to 100 digits.
FAR_OUT: list[tuple[str, tuple[Any, ...], float, float, float]] = [
    ("erfcx", (), 1e5, -5.6418958346312785e-11, 1.1283791667569988e-15),
    ("erfcx", (), 1e8, -5.641895835477562e-17, 1.1283791670955122e-24),
    ("erfcx", (), 12.0, -0.003877862738062271, 0.00063973631629302061),
    ("erfcx", (), -9.0, -5.42195033250611e36, 9.8197544910943992e37),
    ("i0e", (), 1e8, -1.9947114094873312e-13, 2.9920671217111647e-21),
    ("i0e", (), -1e4, 1.9947862106984188e-7, 2.9922541317535869e-11),
    ("i1e", (), 1e8, -1.99471137956666e-13, 2.9920670469094865e-21),
    ("ive", (0.5,), 1e8, -1.9947114020071634e-13, 2.9920671030107451e-21),
    ("ive", (2.0,), 1e6, -1.9947001817637085e-10, 2.9920390524102894e-16),
    ("log_ndtr", (), -2e3, 2000.00049999975, -0.999999750000375),
    ("log_ndtr", (), -1e8, 1e8, -1.0),
    ("log_ndtr", (), 40.0, 0.0, 0.0),
    ("rgamma", (), 0.0, 1.0, 1.1544313298030657),
    ("rgamma", (), -3.0, -6.0, 15.073412021181605),
    ("betaln", (2.5,), 1e10, -2.4999999998125e-10, 2.499999999625e-20),
]


def slopes(name: str, parameters: tuple[Any, ...], x: float, dtype: Any) -> list[float]:
    """The first and second derivative by `x`, and the first in forward mode."""
    function = getattr(special, name)

    def f(t: Any) -> Any:
        return function(*parameters, t)

    point = np.asarray(x, dtype)
    along = ag.jvp(f, (point,), (np.ones((), dtype),))[1]
    return [float(d) for d in (ag.grad(f)(point), ag.grad(ag.grad(f))(point), along)]


@pytest.mark.parametrize("case", FAR_OUT, ids=lambda case: f"{case[0]}({case[2]})")
def test_a_derivative_keeps_its_digits_where_its_formula_cancels(case: Any) -> None:
    name, parameters, x, first, second = case
    np.testing.assert_allclose(slopes(name, parameters, x, np.float64), [first, second, first], rtol=1e-9)
    if abs(second) > 1e-37 and abs(second) < 1e37 and x == np.float32(x):
        np.testing.assert_allclose(slopes(name, parameters, x, np.float32), [first, second, first], rtol=3e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "parameters", "x", "want"),
    [
        ("erfcx", (), [1e300, np.inf, -30.0, -np.inf], [0.0, 0.0, -np.inf, -np.inf]),
        ("i0e", (), [1e300, -1e300, np.inf], [0.0, 0.0, 0.0]),
        ("ive", (2,), [0.0, 1e300, np.inf], [0.0, 0.0, 0.0]),
    ],
)
def test_a_derivative_at_the_ends_of_the_line_is_its_limit(name: str, parameters: Any, x: Any, want: Any) -> None:
    slope = ag.grad(lambda t: np.sum(getattr(special, name)(*parameters, t)))(np.array(x))
    np.testing.assert_array_equal(slope, want)


def test_erfcx_of_large_complex_numbers_has_its_derivative_all_around() -> None:
    for angle in np.linspace(-np.pi, np.pi, 17):
        z = 8.5 * np.exp(1j * angle)
        near = Tensor(z * 0.9, requires_grad=True)  # below 8 it is by another formula
        far = Tensor(z, requires_grad=True)
        for x in (near, far):
            special.erfcx(x).backward(np.ones((), complex))
            step = 1e-5
            ahead, behind = (scipy_special.erfcx(x.numpy() + s * step) for s in (1, -1))
            np.testing.assert_allclose(np.conj(x.grad), (ahead - behind) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameters", "x"),
    [
        ("gammainc", (1e5,), 1.002e5),
        ("gammaincc", (1e5,), 1.002e5),
        ("betainc", (1e6, 1e6), 0.5),
        ("stdtr", (1e8,), 0.75),
        ("betaln", (2.5,), 1e6),
    ],
)
def test_single_precision_has_the_digits_of_double_precision(name: str, parameters: Any, x: float) -> None:
    single = tuple(np.float32(p) for p in parameters)
    got, want = slopes(name, single, float(np.float32(x)), np.float32), slopes(name, parameters, x, np.float64)
    np.testing.assert_allclose(got[0], want[0], rtol=2e-4 if name.startswith("gamma") else 1e-5)


@pytest.mark.parametrize("second", [np.float32, np.float64, np.int64, np.complex64])
@pytest.mark.parametrize("first", [np.float32, np.float64, np.int64])
def test_operands_of_two_dtypes_are_computed_in_the_one_that_they_promote_to(first: Any, second: Any) -> None:
    a, b = np.array([1.3, 2.6, 4.1]).astype(first), np.array([2.3, 3.7, 5.2]).astype(second)
    calls: list[Any] = [(special.xlogy, scipy_special.xlogy)]
    if second != np.complex64:
        calls.append((lambda a, b: special.logsumexp(a, b=b), lambda a, b: scipy_special.logsumexp(a, b=b)))
    promoted = np.result_type(a, b, np.float32(0))
    for ours, theirs in calls:
        want = theirs(a.astype(promoted), b.astype(promoted))  # SciPy 1.14 does not do that itself
        got = ours(Tensor(a), Tensor(b, requires_grad=b.dtype.kind in "fc"))
        assert got.dtype == promoted
        np.testing.assert_allclose(got.numpy(), want, rtol=50 * np.finfo(got.dtype).eps)


def test_functions_of_whole_numbers_are_no_whole_numbers() -> None:
    whole = np.array([2, 3])
    np.testing.assert_allclose(special.polygamma(2, Tensor(whole)).numpy(), scipy_special.polygamma(2, whole))
    np.testing.assert_allclose(special.polygamma(2, whole), scipy_special.polygamma(2, whole))
    np.testing.assert_allclose(special.multigammaln(Tensor(whole), 2).numpy(), scipy_special.multigammaln(whole, 2))


def test_a_list_of_tensors_is_not_detached() -> None:
    x = leaf(1.5)
    for f in (special.expit, special.softmax, special.logsumexp, lambda t: special.polygamma(1, t)):
        x.grad = None
        np.sum(f([x, 2 * x]) * np.array([1.0, 3.0])).backward()
        assert x.grad is not None
