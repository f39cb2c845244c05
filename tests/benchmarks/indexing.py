"""Indexing forward and backward: a strided slice, a gather with repeated rows, a boolean mask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .workload import Step, Workload

SHAPE = (1000, 64)


def data() -> tuple[np.ndarray, dict[str, object]]:
    """An array and the three kinds of index; the gather repeats rows, as an embedding lookup does."""
    random = np.random.default_rng(0)
    indices = {
        "slice": (slice(2, -2), slice(None, None, 2)),
        "gather": random.integers(0, SHAPE[0] // 2, 512),
        "permutation": random.permutation(SHAPE[0]),
        "mask": random.random(SHAPE) < 0.5,
    }
    return random.standard_normal(SHAPE), indices


def numpy_step(kind: str) -> Step:
    x, indices = data()
    index = indices[kind]
    repeats = kind == "gather"

    def step():
        y = x[index]
        loss = (y * y).sum()  # noqa: F841 - what a training loop reports
        g = 2 * y
        dx = np.zeros_like(x)
        if repeats:
            # Element by element: np.add.at is four times as fast on flat indices as on whole rows.
            elements = index[:, None] * SHAPE[1] + np.arange(SHAPE[1])
            np.add.at(dx.reshape(-1), elements.ravel(), g.ravel())
        else:
            dx[index] = g
        return [dx]

    return step


def autograd_lite_step(kind: str) -> Step:
    from autograd_lite import Tensor

    array, indices = data()
    x, index = Tensor(array, requires_grad=True), indices[kind]

    def step():
        x.grad = None
        y = x[index]
        (y * y).sum().backward()
        return [x.grad]

    return step


def torch_step(kind: str) -> Step:
    import torch

    array, indices = data()
    index = indices[kind]
    x = torch.tensor(array, requires_grad=True)
    index = torch.tensor(index) if isinstance(index, np.ndarray) else index

    def step():
        x.grad = None
        y = x[index]
        (y * y).sum().backward()
        return [x.grad]

    return step


def autograd_step(kind: str) -> Step:
    import autograd.numpy as anp
    from autograd import grad

    x, indices = data()
    index = indices[kind]

    def loss(x):
        y = x[index]
        return anp.sum(y * y)

    gradient_of_loss = grad(loss)
    return lambda: [gradient_of_loss(x)]


def mygrad_step(kind: str) -> Step:
    import mygrad as mg

    array, indices = data()
    x, index = mg.tensor(array), indices[kind]

    def step():
        x.null_grad()
        y = x[index]
        (y * y).sum().backward()
        return [x.grad]

    return step


def steps_of(kind: str) -> dict[str, Callable[[], Step]]:
    # A mask gives a result whose size depends on values, which jax.jit cannot compile: no column for it.
    builders = {
        "numpy": numpy_step,
        "autograd_lite": autograd_lite_step,
        "torch": torch_step,
        "autograd": autograd_step,
        "mygrad": mygrad_step,
    }
    return {engine: partial(build, kind) for engine, build in builders.items()}


WORKLOADS = [
    Workload("index-slice", "x[2:-2, ::2] of 1000 x 64, squared and summed", steps_of("slice")),
    Workload("index-gather", "512 rows of it, some of them repeated", steps_of("gather")),
    Workload("index-permute", "all its rows in another order", steps_of("permutation")),
    Workload("index-mask", "half its elements by a boolean mask", steps_of("mask")),
]
