"""One call form against NumPy and finite differences: `assert_agrees(function, *inputs)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor


def outputs(y: Any) -> list[Any]:
    """The results of a call as a flat list."""
    if isinstance(y, (tuple, list)):
        return [output for part in y for output in outputs(part)]
    return [y]


def gradient(function: Callable[..., Any], *inputs: Any) -> Any:
    """The gradient of the sum of `function` by its first input."""
    return ag.grad(lambda *arguments: np.sum(function(*arguments)))(*[np.asarray(x, float) for x in inputs])


def assert_agrees(function: Callable[..., Any], *inputs: Any, rtol: float = 1e-5) -> None:
    """Values and dtypes are NumPy's; first and second derivatives are those of finite differences."""
    arrays = [np.asarray(x) if np.iscomplexobj(x) else np.asarray(x, float) for x in inputs]
    for dtype in (np.float64, np.float32) if not any(map(np.iscomplexobj, arrays)) else (np.complex128,):
        typed = [array.astype(dtype) for array in arrays]
        expected = outputs(function(*typed))
        actual = outputs(function(*[Tensor(array, requires_grad=True) for array in typed]))
        assert len(actual) == len(expected)
        for left, right in zip(actual, expected, strict=True):
            left = left.numpy() if isinstance(left, Tensor) else np.asarray(left)
            assert (left.shape, left.dtype) == (np.shape(right), np.asarray(right).dtype)
            np.testing.assert_allclose(
                left, right, rtol=1e-11 if dtype != np.float32 else 2e-4, atol=1e-13 if dtype != np.float32 else 1e-5
            )

    def joined(*arguments: Any) -> Any:
        floating = [y for y in outputs(function(*arguments)) if y.dtype.kind in "fc"]
        return np.concatenate([np.reshape(y, (-1,)) for y in floating])

    for check in (ag.gradcheck, ag.gradgradcheck):
        report = check(joined, tuple(arrays), rtol=rtol)
        assert report, report
