"""Every row of the table against NumPy and finite differences, on the calls that its sample stands for."""

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import AutogradError
from autograd_lite.record import VALUE
from autograd_lite.rules.table import SAMPLES, TABLE, Call, Elementwise, Input
from tests.rules.checks import (
    Loss,
    check_derivatives,
    check_duals,
    check_forward_mode,
    check_layouts,
    check_rules,
    check_single_precision,
    check_stacked_gradients,
    examples,
    needlessly_kept,
    settle,
)
from tests.rules.drawing import (
    ROWS,
    Drawn,
    calls,
    fixed,
    invoke,
    label,
    made_complex,
    outputs,
    seed_of,
    tensors,
)

every_row = pytest.mark.parametrize("function", ROWS, ids=label)


def elementwise_samples(function: Any) -> list[Elementwise]:
    sample = SAMPLES[function]
    parts = sample if isinstance(sample, list) else [sample]
    return [part for part in parts if isinstance(part, Elementwise)]


every_elementwise_row = pytest.mark.parametrize(
    "function", [function for function in ROWS if elementwise_samples(function)], ids=label
)


# --- the tests ---------------------------------------------------------------------------------------------


@every_row
def test_every_row_has_a_sample(function: Any) -> None:
    assert SAMPLES[function] is not None, f"{label(function)}: give its row a sample=..."
    assert list(calls(SAMPLES[function])), f"{label(function)}: its sample stands for no call"


@every_row
def test_value_first_and_second_derivative(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_derivatives)


@every_row
def test_forward_mode(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_forward_mode)


@every_row
def test_a_stack_of_gradients_gives_what_its_members_give(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_stacked_gradients)


@every_row
def test_forward_over_reverse_gives_what_reverse_over_reverse_gives(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_duals)


@every_row
def test_single_precision_stays_single(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_single_precision)


@every_row
def test_memory_layout_does_not_matter(function: Any) -> None:
    for call, seed in examples(function):
        settle(function, call, seed, check_layouts)


@every_row
def test_rules_keep_their_shape_and_change_nothing(function: Any) -> None:
    def check(drawn: Drawn, rng: np.random.Generator) -> None:
        check_rules(Loss(drawn, rng).record(tensors(drawn)))

    for call, seed in examples(function):
        settle(function, call, seed, check)


@pytest.mark.parametrize("function", [function for function in ROWS if function in TABLE], ids=label)
def test_a_node_keeps_only_what_its_rules_need(function: Any) -> None:
    needless = needlessly_kept(function)
    assert not needless, f"{label(function)}: its rules read {', '.join(sorted(needless))}, and give the same without"


def test_the_rule_of_a_view_reads_shapes_alone() -> None:
    views = [op for op in TABLE.values() if op.view]
    assert len(views) > 10
    assert [op.name for op in views if VALUE in op.keeps[0] or len(op.rules) != 1] == []  # nothing else is kept for it


@every_elementwise_row
@given(data=st.data())
def test_broadcasting(function: Any, data: st.DataObject) -> None:
    for sample in elementwise_samples(function):
        count = len(sample.kinds)
        shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=count, min_side=0, max_side=3, max_dims=3))
        call = Call(tuple(map(Input, shapes.input_shapes, sample.kinds)), {})
        settle(function, call, data.draw(st.integers(0, 10**6)), check_derivatives)


@every_elementwise_row
def test_python_numbers_as_operands(function: Any) -> None:
    """A Python number in any place leaves value, derivatives and precision as they are."""
    for sample in elementwise_samples(function):
        count = len(sample.kinds)
        for number in range(count if count > 1 else 0):
            shapes = [() if place == number else (2, 3) for place in range(count)]
            call = Call(tuple(map(Input, shapes, sample.kinds)), {})
            for check in (check_derivatives, check_single_precision):

                def with_number(
                    drawn: Drawn, rng: np.random.Generator, number: int = number, check: Any = check
                ) -> None:
                    check(fixed(drawn, number), rng)

                settle(function, call, seed_of(function, number), with_number)


@every_row
def test_complex_numbers_are_right_or_refused(function: Any) -> None:
    """Where NumPy takes complex numbers, the rules hold for them too, or say that they do not."""
    if function is np.linalg.cond and np.linalg.cond(1j * np.eye(2), 1).dtype.kind == "c":
        pytest.skip("this NumPy gives the condition number of a complex matrix as a complex number")
    for call, seed in examples(function):

        def check(drawn: Drawn, rng: np.random.Generator) -> None:
            drawn = made_complex(drawn, rng)
            args, kwargs = drawn.place(drawn.arrays)
            try:
                with np.errstate(all="ignore"):
                    results = outputs(invoke(drawn.function, args, kwargs))
            except (TypeError, ValueError, np.exceptions.ComplexWarning):
                return  # NumPy does not take them
            if not all(np.all(np.isfinite(y)) for y in results):
                return
            try:
                check_derivatives(drawn, rng)
            except AutogradError:
                return  # refused, with a message

        settle(function, call, seed, check)
