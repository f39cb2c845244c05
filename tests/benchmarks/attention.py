"""Self-attention over 128 positions of width 64 with 4 heads, gradients for the input and all projections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .engines import Unavailable, lookup
from .workload import Step, Workload

POSITIONS, WIDTH, HEADS = 128, 64, 4
HEAD_WIDTH = WIDTH // HEADS
SCALE = HEAD_WIDTH**-0.5


def data(dtype: type[np.floating]) -> list[np.ndarray]:
    """x, Wq, Wk, Wv, Wo, and the weights of the sum that makes the loss, which are the output's gradient."""
    random = np.random.default_rng(0)
    x, g = random.standard_normal((2, POSITIONS, WIDTH))
    weights = random.standard_normal((4, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    return [array.astype(dtype) for array in (x, *weights, g)]


def split(x):
    """(positions, width) -> (heads, positions, head width)"""
    return x.reshape(POSITIONS, HEADS, HEAD_WIDTH).swapaxes(0, 1)


def merge(x):
    """(heads, positions, head width) -> (positions, width)"""
    return x.swapaxes(0, 1).reshape(POSITIONS, WIDTH)


def hand_written(x, Wq, Wk, Wv, Wo, g):
    q, k, v = split(x @ Wq), split(x @ Wk), split(x @ Wv)
    scores = q @ k.swapaxes(1, 2) * SCALE
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = exps / exps.sum(axis=-1, keepdims=True)
    mixed = merge(p @ v)
    loss = (mixed @ Wo * g).sum()  # noqa: F841 - what a training loop reports
    dWo = mixed.T @ g
    dmixed = split(g @ Wo.T)
    dv = merge(p.swapaxes(1, 2) @ dmixed)
    dp = dmixed @ v.swapaxes(1, 2)
    dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) * SCALE
    dq, dk = merge(dscores @ k), merge(dscores.swapaxes(1, 2) @ q)
    dx = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
    return dx, x.T @ dq, x.T @ dk, x.T @ dv, dWo


def attention_loss(x, Wq, Wk, Wv, Wo, g, softmax: Callable):
    """The attention as every engine records it."""
    q, k, v = split(x @ Wq), split(x @ Wk), split(x @ Wv)
    return (merge(softmax(q @ k.swapaxes(1, 2) * SCALE) @ v) @ Wo * g).sum()


def numpy_step(dtype: type[np.floating]) -> Step:
    arrays = data(dtype)
    return lambda: hand_written(*arrays)


def composed_softmax(scores):
    """Softmax from plain NumPy calls, for an engine without one."""
    exps = np.exp(scores - scores.data.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def autograd_lite_step(dtype: type[np.floating]) -> Step:
    from autograd_lite import Tensor

    try:
        softmax = partial(lookup("autograd_lite.nn", "softmax"), axis=-1)
    except Unavailable:
        softmax = composed_softmax
    *arrays, g = data(dtype)
    params = [Tensor(array, requires_grad=True) for array in arrays]

    def step():
        for p in params:
            p.grad = None
        attention_loss(*params, g, softmax).backward()
        return [p.grad for p in params]

    return step


def torch_step(dtype: type[np.floating]) -> Step:
    import torch

    *arrays, g = map(torch.tensor, data(dtype))
    params = [array.requires_grad_() for array in arrays]

    def step():
        for p in params:
            p.grad = None
        attention_loss(*params, g, partial(torch.softmax, dim=-1)).backward()
        return [p.grad for p in params]

    return step


def autograd_step(dtype: type[np.floating]) -> Step:
    import autograd.numpy as anp
    from autograd import grad

    *params, g = data(dtype)

    def softmax(scores):
        exps = anp.exp(scores - anp.max(scores, axis=-1, keepdims=True))
        return exps / anp.sum(exps, axis=-1, keepdims=True)

    gradient_of_loss = grad(lambda *p: attention_loss(*p, g, softmax), argnum=tuple(range(5)))
    return lambda: gradient_of_loss(*params)


def mygrad_step(dtype: type[np.floating]) -> Step:
    import mygrad as mg
    from mygrad.nnet.activations import softmax

    *arrays, g = data(dtype)
    params = [mg.tensor(array) for array in arrays]

    def step():
        for p in params:
            p.null_grad()
        attention_loss(*params, g, softmax).backward()
        return [p.grad for p in params]

    return step


def jax_step(dtype: type[np.floating]) -> Step:
    import jax
    import jax.numpy as jnp

    *params, g = map(jnp.asarray, data(dtype))
    gradient_of_loss = jax.jit(jax.grad(lambda *p: attention_loss(*p, g, jax.nn.softmax), argnums=tuple(range(5))))
    return lambda: jax.block_until_ready(gradient_of_loss(*params))


def steps_of(dtype: type[np.floating]) -> dict[str, Callable[[], Step]]:
    builders = {
        "numpy": numpy_step,
        "autograd_lite": autograd_lite_step,
        "torch": torch_step,
        "autograd": autograd_step,
        "mygrad": mygrad_step,
        "jax": jax_step,
    }
    return {engine: partial(build, dtype) for engine, build in builders.items()}


WORKLOADS = [
    Workload(
        "attention-f32",
        "attention 128 x 64, 4 heads, float32",
        steps_of(np.float32),
        goal=1.5,
        rtol=1e-4,
    ),
    Workload("attention-f64", "the same in float64", steps_of(np.float64), goal=1.3),
]
