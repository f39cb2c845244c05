"""The checks that every row passes fail for a broken row: one mistake each, made on purpose."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.rules.table import SAMPLES, TABLE, call, elementwise, numbers_of, real, reduction, rule
from tests.rules.checks import (
    check_derivatives,
    check_forward_mode,
    check_layouts,
    check_rules,
    check_single_precision,
    examples,
    needlessly_kept,
    settle,
)
from tests.rules.drawing import Drawn, tensors
from tests.rules.test_rows import test_every_row_has_a_sample as every_row_has_a_sample

POSITIVE = elementwise("positive")


@pytest.fixture
def add_row() -> Iterator[Callable[..., Any]]:
    """Adds a row to the table until the test ends; returns its function."""

    def add(function: Any, *rules: Any, sample: Any = POSITIVE, **kwargs: Any) -> Any:
        def made(*args: Any, **static: Any) -> Any:
            return function(*args, **static)

        rule(made, *rules, sample=sample, name="made", **kwargs)
        added.append(made)
        return made

    added: list[Any] = []
    yield add
    for made in added:
        del TABLE[made], SAMPLES[made]


def run(check: Any, function: Any) -> None:
    for sample, seed in examples(function):
        settle(function, sample, seed, check)


def test_a_right_row_passes_every_check(add_row: Any) -> None:
    cube = add_row(lambda x: x * x * x, lambda g, y, x: g * (3 * x * x))
    for check in (check_derivatives, check_layouts, check_single_precision, check_forward_mode):
        run(check, cube)
    assert needlessly_kept(cube) == set()


def test_a_missing_sample_fails(add_row: Any) -> None:
    unsampled = add_row(np.exp, lambda g, y, x: g * y, sample=None)
    with pytest.raises(AssertionError, match="sample="):
        every_row_has_a_sample(unsampled)


def test_a_wrong_value_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TABLE[np.exp], "fn", lambda x: np.exp(x) + 1e-9)
    with pytest.raises(AssertionError, match="value differs"):
        run(check_derivatives, np.exp)


def test_a_wrong_factor_fails(add_row: Any) -> None:
    square = add_row(lambda x: x * x, lambda g, y, x: g * x)
    with pytest.raises(AssertionError, match=r"first derivative.*input 0"):
        run(check_derivatives, square)


def test_a_derivative_wrong_by_a_millionth_fails(add_row: Any) -> None:
    square = add_row(lambda x: x * x, lambda g, y, x: g * x * (2 + 4e-6))
    with pytest.raises(AssertionError, match="first derivative"):
        run(check_derivatives, square)


def test_a_wrong_factor_at_second_order_only_fails(add_row: Any) -> None:
    half = lambda x: x if isinstance(x, np.ndarray | np.generic) else 0.5 * x + 0.5 * numbers_of(x)
    cube = add_row(lambda x: x * x * x, lambda g, y, x: g * (3 * half(x) * half(x)))
    with pytest.raises(AssertionError, match="second derivative"):
        run(check_derivatives, cube)


def test_a_rule_that_loses_the_history_of_its_values_fails(add_row: Any) -> None:
    square = add_row(lambda x: x * x, lambda g, y, x: g * (2 * numbers_of(x)))
    with pytest.raises(AssertionError, match="second derivative"):
        run(check_derivatives, square)


def test_a_rule_that_loses_the_history_of_its_gradient_fails(add_row: Any) -> None:
    double = add_row(lambda x: 2 * x, lambda g, y, x: Tensor(2 * numbers_of(g)) if ag.is_grad_enabled() else 2 * g)
    with pytest.raises(AssertionError, match="second derivative"):
        run(check_derivatives, double)


def test_a_missing_term_of_a_broadcast_fails(add_row: Any) -> None:
    first_row = lambda g, y, a, b: g * a if np.shape(a) == np.shape(b) else (g * a)[:1]
    sample = [call(real(2, 3), real(1, 3))]
    product = add_row(np.multiply, lambda g, y, a, b: g * b, first_row, sample=sample)
    with pytest.raises(AssertionError, match="first derivative"):
        run(check_derivatives, product)


def test_a_gradient_of_a_shape_that_does_not_fit_fails(add_row: Any) -> None:
    tall = lambda g, y, x, axis=None: np.ones((7, *x.shape[1:]))
    total = add_row(lambda x, axis=None: np.sum(x, axis=axis), tall, sample=[call(real(2, 3), axis=0)])
    with pytest.raises(ag.OperandError, match="must have"):
        run(check_derivatives, total)


def test_a_reduction_that_ignores_its_axis_fails(add_row: Any) -> None:
    mean = add_row(
        lambda x, axis=None, keepdims=False: np.mean(x, axis=axis, keepdims=keepdims),
        lambda g, y, x, axis=None, keepdims=False: (
            (g if axis is None or keepdims else np.expand_dims(g, axis)) * np.full(x.shape, 1 / x.size)
        ),
        sample=reduction(empty=False),
    )
    with pytest.raises(AssertionError, match="first derivative"):
        run(check_derivatives, mean)


@pytest.mark.parametrize(
    "leak", [lambda g, y, x: g * np.float64(2), lambda g, y, x: (g * np.float64(4)) / np.float64(2)]
)
def test_a_leak_of_double_precision_fails(add_row: Any, leak: Any) -> None:
    double = add_row(lambda x: 2 * x, leak)
    with pytest.raises(AssertionError, match="float64"):
        run(check_single_precision, double)


def test_a_rule_that_changes_its_gradient_or_its_input_fails(add_row: Any) -> None:
    def spoils(g: Any, y: Any, x: Any) -> Any:
        if isinstance(g, np.ndarray):
            g *= 2
        return g

    def check(drawn: Drawn, rng: Any) -> None:
        check_rules([TABLE[made](*tensors(drawn))])

    made = add_row(lambda x: 2 * x, spoils)
    with pytest.raises(AssertionError, match="changes what it is given"):
        run(check, made)


def test_a_static_argument_that_is_changed_fails(add_row: Any) -> None:
    def pops(x: Any, sizes: Any = None) -> Any:
        sizes.append(1)
        return 2 * x

    made = add_row(pops, lambda g, y, x, sizes=None: 2 * g, sample=[call(real(3), sizes=[1, 2])])
    with pytest.raises(AssertionError, match="an argument was changed"):
        run(check_derivatives, made)


def test_a_rule_that_depends_on_memory_layout_fails(add_row: Any) -> None:
    def by_memory(g: Any, y: Any, x: Any) -> Any:
        return g * (2 if numbers_of(x).flags.c_contiguous else 1)

    made = add_row(lambda x: 2 * x, by_memory)
    with pytest.raises(AssertionError, match="memory layout"):
        run(check_layouts, made)


def test_keeping_an_array_that_only_its_shape_is_needed_of_is_found(add_row: Any) -> None:
    like = lambda g, x: g * np.ones(x.shape, g.dtype)
    made = add_row(np.positive, lambda g, y, x: like(g, x))
    assert needlessly_kept(made) == {"input 0"}


def test_a_kink_at_every_sample_is_reported_not_passed(add_row: Any) -> None:
    kinked = add_row(lambda x: np.abs(x - x.round(9)) * 1e9, lambda g, y, x: 0 * g * x, sample=[call(real(3))])
    with pytest.raises(pytest.fail.Exception, match="no smooth point"):
        run(check_derivatives, kinked)
