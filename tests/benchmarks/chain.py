"""W4: a chain of elementwise operations, add, multiply and tanh in turn, that ends in a sum."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .engines import lookup
from .workload import Step, Workload

LENGTH = 1000


def nothing() -> None:
    """Stands in for a probe that looks at the memory held between forward and backward."""


def leaves(size: int) -> list[np.ndarray]:
    """x, b and w: near the identity, so that 1,000 links neither kill the gradient nor blow it up."""
    return [np.linspace(0.2, 0.4, size), np.full(size, 1e-6), np.full(size, 1.001)]


def numpy_step(size: int, length: int = LENGTH, forward_done: Callable[[], None] = nothing) -> Step:
    x, b, w = leaves(size)

    def step():
        y, sums, outputs = x, [], []
        for _ in range(length // 3):
            total = y + b
            y = np.tanh(total * w)
            sums.append(total)
            outputs.append(y)
        loss = y.sum()  # noqa: F841 - the last operation of the chain
        forward_done()
        g, db, dw = np.ones(size), np.zeros(size), np.zeros(size)
        while outputs:
            y = outputs.pop()
            g = g * (1 - y * y)
            dw += g * sums.pop()
            g = g * w
            db += g
        return g, db, dw

    return step


def recorded(y, b, w, length: int, tanh: Callable):
    """The chain as every engine records it."""
    for _ in range(length // 3):
        y = tanh((y + b) * w)
    return y.sum()


def autograd_lite_step(
    size: int, length: int = LENGTH, forward_done: Callable[[], None] = nothing, named_tanh: bool = False
) -> Step:
    from autograd_lite import Tensor

    tanh = lookup("autograd_lite.nn", "tanh") if named_tanh else np.tanh
    params = x, b, w = [Tensor(leaf, requires_grad=True) for leaf in leaves(size)]

    def step():
        for p in params:
            p.grad = None
        loss = recorded(x, b, w, length, tanh)
        forward_done()
        loss.backward()
        return [p.grad for p in params]

    return step


def torch_step(size: int, length: int = LENGTH, forward_done: Callable[[], None] = nothing) -> Step:
    import torch

    params = x, b, w = [torch.tensor(leaf, requires_grad=True) for leaf in leaves(size)]

    def step():
        for p in params:
            p.grad = None
        loss = recorded(x, b, w, length, torch.tanh)
        forward_done()
        loss.backward()
        return [p.grad for p in params]

    return step


def autograd_step(size: int, length: int = LENGTH, forward_done: Callable[[], None] = nothing) -> Step:
    import autograd.numpy as anp
    from autograd import grad

    params = leaves(size)

    def loss(x, b, w):
        result = recorded(x, b, w, length, anp.tanh)
        forward_done()
        return result

    gradient_of_loss = grad(loss, argnum=(0, 1, 2))
    return lambda: gradient_of_loss(*params)


def mygrad_step(size: int, length: int = LENGTH, forward_done: Callable[[], None] = nothing) -> Step:
    import mygrad as mg

    params = x, b, w = [mg.tensor(leaf) for leaf in leaves(size)]

    def step():
        for p in params:
            p.null_grad()
        loss = recorded(x, b, w, length, mg.tanh)
        forward_done()
        loss.backward()
        return [p.grad for p in params]

    return step


def jax_step(size: int, length: int = LENGTH) -> Step:
    import jax
    import jax.numpy as jnp

    params = [jnp.asarray(leaf) for leaf in leaves(size)]

    def loss(x, b, w):
        return recorded(x, b, w, length, jnp.tanh)

    gradient_of_loss = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))
    return lambda: jax.block_until_ready(gradient_of_loss(*params))


# The engines of which a graph can be held between forward and backward.
BUILDERS: dict[str, Callable[..., Step]] = {
    "numpy": numpy_step,
    "autograd_lite": autograd_lite_step,
    "torch": torch_step,
    "autograd": autograd_step,
    "mygrad": mygrad_step,
}


def steps_of(size: int) -> dict[str, Callable[[], Step]]:
    return {engine: partial(build, size) for engine, build in {**BUILDERS, "jax": jax_step}.items()}


def named_steps_of(size: int) -> dict[str, Callable[[], Step]]:
    """Those that differ: np.tanh of a Tensor goes through NumPy's dispatcher, nn.tanh does not."""
    steps = steps_of(size)
    return {"numpy": steps["numpy"], "autograd_lite": partial(autograd_lite_step, size, named_tanh=True)}


WORKLOADS = [
    Workload("W4-1", "chain of 1,000 elementwise operations, shape (1,)", steps_of(1), goal=1.5),
    Workload("W4-64", "chain of 1,000 elementwise operations, shape (64,)", steps_of(64), goal=1.8),
    Workload("W4-1-nn.tanh", "the chain of shape (1,) with nn.tanh", named_steps_of(1), goal=1.5),
    Workload("W4-64-nn.tanh", "the chain of shape (64,) with nn.tanh", named_steps_of(64), goal=1.8),
]
