"""W1: the XOR network 2-2-1 (column vectors), one epoch of per-sample stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .engines import lookup
from .workload import Step, Workload

LEARNING_RATE = 0.05
SAMPLES = [
    (np.array([[first], [second]]), np.array([[target]]))
    for first, second, target in [(0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)]
]


def parameters() -> list[np.ndarray]:
    random = np.random.RandomState(42)
    return [random.rand(*shape) for shape in [(2, 2), (2, 1), (1, 2), (1, 1)]]


def numpy_epoch() -> Step:
    W1, b1, W2, b2 = parameters()

    def step():
        nonlocal W1, b1, W2, b2
        for x, y in SAMPLES:
            v1 = 1 / (1 + np.exp(-(W1 @ x + b1)))
            y_hat = 1 / (1 + np.exp(-(W2 @ v1 + b2)))
            error = y_hat - y
            loss = (error * error).mean()  # noqa: F841 - a training loop computes the loss it reports
            db2 = 2 * error * y_hat * (1 - y_hat)
            dW2 = db2 @ v1.T
            db1 = W2.T @ db2 * v1 * (1 - v1)
            dW1 = db1 @ x.T
            W1 -= LEARNING_RATE * dW1
            b1 -= LEARNING_RATE * db1
            W2 -= LEARNING_RATE * dW2
            b2 -= LEARNING_RATE * db2
        return dW1, db1, dW2, db2

    return step


def composed_sigmoid(exp: Callable) -> Callable:
    return lambda z: 1 / (1 + exp(-z))


def autograd_lite_epoch(named_sigmoid: bool = False, optimizer: bool = False) -> Step:
    from autograd_lite import Tensor

    sigmoid = lookup("autograd_lite.nn", "sigmoid") if named_sigmoid else composed_sigmoid(np.exp)
    params = W1, b1, W2, b2 = [Tensor(p, requires_grad=True) for p in parameters()]
    samples = [(Tensor(x), Tensor(y)) for x, y in SAMPLES]
    sgd = lookup("autograd_lite.optim", "SGD")(params, lr=LEARNING_RATE) if optimizer else None

    def step():
        for x, y in samples:
            y_hat = sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2)
            loss = ((y - y_hat) ** 2).mean()
            if sgd:
                sgd.zero_grad()
                loss.backward()
                sgd.step()
                continue
            loss.backward()
            gradients = [p.grad for p in params]
            for p, gradient in zip(params, gradients, strict=True):
                p.data -= LEARNING_RATE * gradient
                p.grad = None
        return [p.grad for p in params] if sgd else gradients

    return step


def torch_epoch(named_sigmoid: bool = False, optimizer: bool = False) -> Step:
    import torch

    sigmoid = torch.sigmoid if named_sigmoid else composed_sigmoid(torch.exp)
    params = W1, b1, W2, b2 = [torch.tensor(p, requires_grad=True) for p in parameters()]
    samples = [(torch.tensor(x), torch.tensor(y)) for x, y in SAMPLES]
    sgd = torch.optim.SGD(params, lr=LEARNING_RATE) if optimizer else None

    def step():
        for x, y in samples:
            y_hat = sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2)
            loss = ((y - y_hat) ** 2).mean()
            if sgd:
                sgd.zero_grad()
                loss.backward()
                sgd.step()
                continue
            loss.backward()
            gradients = [p.grad for p in params]
            with torch.no_grad():
                for p, gradient in zip(params, gradients, strict=True):
                    p -= LEARNING_RATE * gradient
                    p.grad = None
        return [p.grad for p in params] if sgd else gradients

    return step


def autograd_epoch(named_sigmoid: bool = False) -> Step:
    import autograd.numpy as anp
    from autograd import value_and_grad

    sigmoid = lookup("autograd.scipy.special", "expit") if named_sigmoid else composed_sigmoid(anp.exp)
    params = parameters()

    def loss(W1, b1, W2, b2, x, y):
        return anp.mean((y - sigmoid(anp.dot(W2, sigmoid(anp.dot(W1, x) + b1)) + b2)) ** 2)

    gradient_of_loss = value_and_grad(loss, argnum=(0, 1, 2, 3))

    def step():
        for x, y in SAMPLES:
            _, gradients = gradient_of_loss(*params, x, y)
            for p, gradient in zip(params, gradients, strict=True):
                p -= LEARNING_RATE * gradient
        return gradients

    return step


def mygrad_epoch(named_sigmoid: bool = False) -> Step:
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid as mygrad_sigmoid

    sigmoid = mygrad_sigmoid if named_sigmoid else composed_sigmoid(mg.exp)
    params = W1, b1, W2, b2 = [mg.tensor(p) for p in parameters()]

    def step():
        for x, y in SAMPLES:
            y_hat = sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2)
            loss = ((y - y_hat) ** 2).mean()
            loss.backward()
            gradients = [p.grad for p in params]
            for p, gradient in zip(params, gradients, strict=True):
                p.data -= LEARNING_RATE * gradient
                p.null_grad()
        return gradients

    return step


def jax_epoch(named_sigmoid: bool = False) -> Step:
    import jax
    import jax.numpy as jnp

    sigmoid = jax.nn.sigmoid if named_sigmoid else composed_sigmoid(jnp.exp)
    params = [jnp.asarray(p) for p in parameters()]
    samples = [(jnp.asarray(x), jnp.asarray(y)) for x, y in SAMPLES]

    def loss(params, x, y):
        W1, b1, W2, b2 = params
        return jnp.mean((y - sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2)) ** 2)

    @jax.jit
    def train(params, x, y):
        _, gradients = jax.value_and_grad(loss)(params, x, y)
        return [p - LEARNING_RATE * g for p, g in zip(params, gradients, strict=True)], gradients

    def step():
        nonlocal params
        for x, y in samples:
            params, gradients = train(params, x, y)
        return jax.block_until_ready(gradients)

    return step


WORKLOADS = [
    Workload(
        "W1",
        "XOR 2-2-1, per-sample SGD, one epoch; sigmoid written out",
        {
            "numpy": numpy_epoch,
            "autograd_lite": autograd_lite_epoch,
            "torch": torch_epoch,
            "autograd": autograd_epoch,
            "mygrad": mygrad_epoch,
            "jax": jax_epoch,
        },
        goal=2.4,
    ),
    Workload(
        "W1-nn.sigmoid",
        "the same with each engine's own sigmoid",
        {
            "numpy": numpy_epoch,
            "autograd_lite": partial(autograd_lite_epoch, named_sigmoid=True),
            "torch": partial(torch_epoch, named_sigmoid=True),
            "autograd": partial(autograd_epoch, named_sigmoid=True),
            "mygrad": partial(mygrad_epoch, named_sigmoid=True),
            "jax": partial(jax_epoch, named_sigmoid=True),
        },
        goal=1.7,
    ),
    Workload(
        "W1-optim",
        "sigmoid written out, with each engine's own SGD optimiser",
        {
            "numpy": numpy_epoch,
            "autograd_lite": partial(autograd_lite_epoch, optimizer=True),
            "torch": partial(torch_epoch, optimizer=True),
        },
    ),
]
