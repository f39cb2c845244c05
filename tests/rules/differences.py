"""Gradients by the rules and by central differences, for tests of single functions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import Tensor


def gradient(f: Callable[..., Any], *arrays: Any) -> Any:
    """The gradient of the real scalar `f(*arrays)` by each array, by the rules; one array, one gradient."""
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    f(*leaves).backward()
    found = [np.zeros(x.shape, x.dtype) if x.grad is None else x.grad for x in leaves]
    return found[0] if len(found) == 1 else found


def numeric(f: Callable[[Any], Any], x: Any, h: float = 1e-3) -> Any:
    """dL/da + i dL/db of the real `L = f(a + ib)`, entry by entry, exact for polynomials of degree 4."""
    x = np.array(x)
    result = np.zeros(x.shape, x.dtype)
    for at in np.ndindex(x.shape):
        for unit in (1, 1j) if x.dtype.kind == "c" else (1,):

            def along(t: float, at: Any = at, unit: Any = unit) -> float:
                moved = x.copy()
                moved[at] += t * unit
                return float(f(moved))

            near, far = along(h) - along(-h), along(2 * h) - along(-2 * h)
            result[at] += unit * (8 * near - far) / (12 * h)
    return result


def second(f: Callable[[Any], Any], x: Any, along: Any) -> Any:
    """The derivative of the gradient of `f` in a direction, by the rules run twice."""
    leaf = Tensor(x, requires_grad=True)
    f(leaf).backward(create_graph=True)
    g = leaf.grad
    leaf.grad = None
    if not g.requires_grad:
        return np.zeros(leaf.shape, leaf.dtype)
    g.backward(np.asarray(along))
    return np.zeros(leaf.shape, leaf.dtype) if leaf.grad is None else leaf.grad


def numeric_second(f: Callable[[Any], Any], x: Any, along: Any, h: float = 1e-3) -> Any:
    """The same by central differences of the gradient."""
    near, far = (gradient(f, x + t * along) - gradient(f, x - t * along) for t in (h, 2 * h))
    return (8 * near - far) / (12 * h)
