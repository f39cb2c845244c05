"""W2: linear regression on 353 x 10 synthetic data, one full-batch gradient descent step."""

from __future__ import annotations

import numpy as np

from .workload import Step, Workload

LEARNING_RATE = 0.01


def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.standard_normal((353, 10))
    return X, X @ random.standard_normal(10) + 3 + random.standard_normal(353)


def numpy_step() -> Step:
    X, y = data()
    w, b = np.zeros(10), np.zeros(())

    def step():
        nonlocal w, b
        error = X @ w + b - y
        loss = (error * error).mean()  # noqa: F841 - a training loop computes the loss it reports
        scaled = error * (2 / len(y))
        dw, db = scaled @ X, scaled.sum()
        w -= LEARNING_RATE * dw
        b -= LEARNING_RATE * db
        return dw, db

    return step


def autograd_lite_step() -> Step:
    from autograd_lite import Tensor

    X, y = map(Tensor, data())
    w, b = Tensor(np.zeros(10), requires_grad=True), Tensor(np.zeros(()), requires_grad=True)

    def step():
        loss = ((X @ w + b - y) ** 2).mean()
        loss.backward()
        dw, db = w.grad, b.grad
        w.data -= LEARNING_RATE * dw
        b.data -= LEARNING_RATE * db
        w.grad = b.grad = None
        return dw, db

    return step


def torch_step() -> Step:
    import torch

    X, y = map(torch.tensor, data())
    w = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def step():
        loss = ((X @ w + b - y) ** 2).mean()
        loss.backward()
        dw, db = w.grad, b.grad
        with torch.no_grad():
            w.sub_(LEARNING_RATE * dw)
            b.sub_(LEARNING_RATE * db)
        w.grad = b.grad = None
        return dw, db

    return step


def autograd_step() -> Step:
    import autograd.numpy as anp
    from autograd import value_and_grad

    X, y = data()
    w, b = np.zeros(10), np.zeros(())
    gradient_of_loss = value_and_grad(lambda w, b: anp.mean((anp.dot(X, w) + b - y) ** 2), argnum=(0, 1))

    def step():
        nonlocal w, b
        _, (dw, db) = gradient_of_loss(w, b)
        w -= LEARNING_RATE * dw
        b -= LEARNING_RATE * db
        return dw, db

    return step


def mygrad_step() -> Step:
    import mygrad as mg

    X, y = data()
    w, b = mg.tensor(np.zeros(10)), mg.tensor(np.zeros(()))

    def step():
        loss = ((X @ w + b - y) ** 2).mean()
        loss.backward()
        dw, db = w.grad, b.grad
        w.data -= LEARNING_RATE * dw
        b.data -= LEARNING_RATE * db
        w.null_grad()
        b.null_grad()
        return dw, db

    return step


def jax_step() -> Step:
    import jax
    import jax.numpy as jnp

    X, y = map(jnp.asarray, data())
    params = jnp.zeros(10), jnp.zeros(())

    @jax.jit
    def train(params, X, y):
        _, (dw, db) = jax.value_and_grad(lambda p: jnp.mean((X @ p[0] + p[1] - y) ** 2))(params)
        return (params[0] - LEARNING_RATE * dw, params[1] - LEARNING_RATE * db), (dw, db)

    def step():
        nonlocal params
        params, gradients = train(params, X, y)
        return jax.block_until_ready(gradients)

    return step


WORKLOADS = [
    Workload(
        "W2",
        "linear regression 353 x 10, one full-batch step",
        {
            "numpy": numpy_step,
            "autograd_lite": autograd_lite_step,
            "torch": torch_step,
            "autograd": autograd_step,
            "mygrad": mygrad_step,
            "jax": jax_step,
        },
        goal=1.8,
    )
]
