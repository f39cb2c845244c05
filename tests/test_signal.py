"""autograd_lite.signal against SciPy, and its gradients against differences."""

import itertools
from typing import Any

import numpy as np
import pytest

from autograd_lite import OperandError, Tensor, gradcheck, gradgradcheck, jvp, signal
from tests.rules.checks import (
    check_derivatives,
    check_forward_mode,
    check_layouts,
    check_single_precision,
    examples,
    settle,
)

scipy_signal = pytest.importorskip("scipy.signal")
from autograd_lite.rules import signals  # noqa: E402  # its rows join the table, but only with SciPy

ROWS = {"full": signals.full, "valid": signals.valid}
SHAPES = [((5,), (3,)), ((2,), (4,)), ((4, 3), (2, 3)), ((2, 2), (3, 4)), ((3, 2, 3), (2, 1, 2))]
rng = np.random.default_rng(5)


def operands(shapes, kind="real"):
    arrays = [rng.normal(size=shape) for shape in shapes]
    return [array + 1j * rng.normal(size=array.shape) for array in arrays] if kind == "complex" else arrays


@pytest.mark.parametrize("check", [check_derivatives, check_forward_mode, check_single_precision, check_layouts])
@pytest.mark.parametrize("name", ROWS)
def test_rows_pass_what_every_row_must_pass(name, check):
    from autograd_lite.rules.table import TABLE

    function = next(function for function, row in TABLE.items() if row is ROWS[name])
    for call, seed in examples(function):
        settle(function, call, seed, check)


@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_values_and_derivatives_of_both_orders(name, mode, method):
    ours, theirs = getattr(signal, name), getattr(scipy_signal, name)
    for shapes, kind in [*itertools.product(SHAPES, ["real"]), (SHAPES[1], "complex"), (SHAPES[2], "complex")]:
        a, b = operands(shapes, kind)
        want = theirs(a, b, mode, method=method)
        y = ours(Tensor(a, requires_grad=True), Tensor(b), mode, method=method)
        np.testing.assert_allclose(y.numpy(), want, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours(a, b, mode, method=method), want, rtol=1e-10, atol=1e-12)
        for check in (gradcheck, gradgradcheck):
            report = check(lambda a, b: ours(a, b, mode=mode, method=method), (a, b))
            assert report, report


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("axes", [None, 1, -1, (0,), (1, 0)])
def test_fftconvolve_along_some_axes(mode, axes):
    a, b = operands([(3, 4), (3, 2) if axes is None or np.ndim(axes) else (1, 2)])
    if axes == (0,):
        b = b[:, :1]
    want = scipy_signal.fftconvolve(a, b, mode, axes)
    np.testing.assert_allclose(
        signal.fftconvolve(Tensor(a, requires_grad=True), b, mode, axes).numpy(), want, rtol=1e-10, atol=1e-12
    )
    for check in (gradcheck, gradgradcheck):
        report = check(lambda a, b: signal.fftconvolve(a, b, mode=mode, axes=axes), (a, b))
        assert report, report


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", [((1, 2), (3, 3)), ((3, 3), (1, 2))])
def test_fftconvolve_of_one_row_with_several(mode, shapes):
    a, b = operands(shapes)
    y = signal.fftconvolve(Tensor(a, requires_grad=True), b, mode, axes=1)
    np.testing.assert_allclose(y.numpy(), scipy_signal.fftconvolve(a, b, mode, axes=1), atol=1e-12)
    assert gradcheck(lambda a, b: signal.fftconvolve(a, b, mode, axes=1), (a, b))


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
def test_the_smaller_operand_may_come_first_in_valid_mode(name):
    a, b = operands([(2, 2), (4, 3)])
    want = getattr(scipy_signal, name)(a, b, mode="valid")
    np.testing.assert_allclose(getattr(signal, name)(Tensor(a), b, mode="valid").numpy(), want, atol=1e-12)


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
def test_single_precision_stays_single(name):
    a, b = [array.astype(np.float32) for array in operands([(7,), (3,)])]
    x = Tensor(a, requires_grad=True)
    y = getattr(signal, name)(x, b, mode="same")
    np.sum(y**2).backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_forward_mode():
    a, b = operands([(3, 4), (2, 2)])
    u, v = operands([(3, 4), (2, 2)])
    _, tangent = jvp(signal.convolve, (a, b), (u, v))
    np.testing.assert_allclose(tangent, signal.convolve(u, b) + signal.convolve(a, v), atol=1e-12)


def test_numbers_are_multiplied():
    x = Tensor(3.0, requires_grad=True)
    y = signal.convolve(x, 2.0)
    y.backward()
    assert (y.item(), x.grad) == (6.0, 2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: signal.convolve(np.ones(3), np.ones((2, 2))), r"convolve: operands of shape \(3,\) and \(2, 2\)"),
        (lambda: signal.convolve(np.ones((2, 3)), np.ones((3, 2)), "valid"), "neither lies within the other"),
        (lambda: signal.correlate(np.ones(3), np.ones(2), "middle"), "correlate: mode='middle'"),
        (lambda: signal.convolve(np.ones(3), np.ones(2), method="slow"), "method='slow'"),
        (lambda: signal.convolve(np.ones(0), np.ones(2)), "neither may be empty"),
        (lambda: signal.fftconvolve(np.ones(3), np.ones(2), axes=1), "axes=1"),
        (lambda: signal.fftconvolve(np.ones((2, 3)), np.ones((3, 2)), axes=1), "do not broadcast along axis 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(OperandError, match=message):
        call()


@pytest.mark.parametrize("first", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("second", [np.float32, np.float64, np.int64, np.complex64])
def test_operands_of_two_dtypes_are_convolved_in_the_one_that_they_promote_to(first: Any, second: Any) -> None:
    a, b = np.array([1.3, 2.6, 4.1, -0.7]).astype(first), np.array([2.3, 3.7, 5.2]).astype(second)
    kind = np.result_type(a, b, np.float32(0))
    got = signal.fftconvolve(Tensor(a), Tensor(b))
    assert got.dtype == kind
    want = np.convolve(a.astype(kind), b.astype(kind))
    np.testing.assert_allclose(got.numpy(), want, rtol=0, atol=200 * np.finfo(kind).eps)


@pytest.mark.parametrize("function", [signal.convolve, signal.correlate, signal.fftconvolve])
def test_a_mask_is_not_lost_in_silence(function):
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for operands in ((masked, Tensor([1.0, 2.0])), (Tensor([1.0, 2.0]), masked)):
        with pytest.raises(OperandError, match="would lose its mask"):
            function(*operands)
