"""W3 and W6: multilayer perceptrons with cross-entropy; the small one trained, the large only swept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import numpy as np

from .engines import lookup
from .workload import Step, Workload

LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Problem:
    """A network of three dense layers, and random data in the form of its real data set."""

    widths: tuple[int, int, int, int]
    batch: int
    batches: int
    dtype: type[np.floating]

    def parameters(self) -> list[np.ndarray]:
        random = np.random.default_rng(0)
        layers = [
            (random.standard_normal((n, m)) * np.sqrt(2 / n), 0.1 * random.standard_normal(m))
            for n, m in zip(self.widths, self.widths[1:], strict=False)
        ]
        return [array.astype(self.dtype) for layer in layers for array in layer]

    def data(self) -> list[tuple[np.ndarray, np.ndarray]]:
        random = np.random.default_rng(1)
        inputs = random.random((self.batches, self.batch, self.widths[0])).astype(self.dtype)
        labels = random.integers(0, self.widths[-1], (self.batches, self.batch))
        return list(zip(inputs, labels, strict=True))


class Adam:
    """Adam (Kingma and Ba, 2015) written by hand, parameter by parameter, in place."""

    def __init__(self, params: list[np.ndarray]) -> None:
        self.params, self.steps = params, 0
        self.means = [np.zeros_like(p) for p in params]
        self.squares = [np.zeros_like(p) for p in params]

    def step(self, gradients: list[np.ndarray]) -> None:
        self.steps += 1
        size = LEARNING_RATE / (1 - BETA1**self.steps)
        root = np.sqrt(1 - BETA2**self.steps).item()
        for p, g, m, v in zip(self.params, gradients, self.means, self.squares, strict=True):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * (g * g)
            p -= size * m / (np.sqrt(v) / root + EPSILON)


def numpy_gradients(params: list[np.ndarray], x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    W1, b1, W2, b2, W3, b3 = params
    a1 = np.maximum(x @ W1 + b1, 0)
    a2 = np.maximum(a1 @ W2 + b2, 0)
    logits = a2 @ W3 + b3
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    total = exps.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = (np.log(total[:, 0]) - shifted[rows, labels]).mean()  # noqa: F841 - what a training loop reports
    d3 = exps / total
    d3[rows, labels] -= 1
    d3 /= len(labels)
    d2 = (d3 @ W3.T) * (a2 > 0)
    d1 = (d2 @ W2.T) * (a1 > 0)
    return [x.T @ d1, d1.sum(axis=0), a1.T @ d2, d2.sum(axis=0), a2.T @ d3, d3.sum(axis=0)]


def numpy_step(problem: Problem, train: bool) -> Step:
    params, data = problem.parameters(), cycle(problem.data())
    adam = Adam(params) if train else None

    def step():
        gradients = numpy_gradients(params, *next(data))
        if adam:
            adam.step(gradients)
        return gradients

    return step


def composed_cross_entropy(logits, labels: np.ndarray):
    """Mean cross-entropy from plain NumPy calls, for an engine without layers."""
    shifted = logits - logits.data.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(labels)), labels]
    return (np.log(np.exp(shifted).sum(axis=1)) - chosen).mean()


def autograd_lite_step(problem: Problem, train: bool) -> Step:
    from autograd_lite import Tensor

    relu, cross_entropy = lookup("autograd_lite.nn", "relu"), lookup("autograd_lite.nn", "cross_entropy")
    params = W1, b1, W2, b2, W3, b3 = [Tensor(p, requires_grad=True) for p in problem.parameters()]
    data = cycle([(Tensor(x), labels) for x, labels in problem.data()])
    adam = lookup("autograd_lite.optim", "Adam")(params, lr=LEARNING_RATE) if train else None

    def step():
        x, labels = next(data)
        for p in params:
            p.grad = None
        a1 = relu(x @ W1 + b1)
        a2 = relu(a1 @ W2 + b2)
        loss = cross_entropy(a2 @ W3 + b3, labels)
        loss.backward()
        if adam:
            adam.step()
        return [p.grad for p in params]

    return step


def torch_step(problem: Problem, train: bool) -> Step:
    import torch

    params = W1, b1, W2, b2, W3, b3 = [torch.tensor(p, requires_grad=True) for p in problem.parameters()]
    adam = torch.optim.Adam(params, lr=LEARNING_RATE) if train else None
    data = cycle([tuple(map(torch.tensor, batch)) for batch in problem.data()])

    def step():
        x, labels = next(data)
        for p in params:
            p.grad = None
        a1 = torch.relu(torch.addmm(b1, x, W1))
        a2 = torch.relu(torch.addmm(b2, a1, W2))
        loss = torch.nn.functional.cross_entropy(torch.addmm(b3, a2, W3), labels)
        loss.backward()
        if adam:
            adam.step()
        return [p.grad for p in params]

    return step


def autograd_step(problem: Problem, train: bool) -> Step:
    import autograd.numpy as anp
    from autograd import value_and_grad

    params, data = problem.parameters(), cycle(problem.data())
    adam = Adam(params) if train else None

    def loss(W1, b1, W2, b2, W3, b3, x, labels):
        a1 = anp.maximum(anp.dot(x, W1) + b1, 0)
        a2 = anp.maximum(anp.dot(a1, W2) + b2, 0)
        logits = anp.dot(a2, W3) + b3
        shifted = logits - anp.max(logits, axis=1, keepdims=True)
        chosen = shifted[np.arange(len(labels)), labels]
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - chosen)

    gradient_of_loss = value_and_grad(loss, argnum=tuple(range(6)))

    def step():
        _, gradients = gradient_of_loss(*params, *next(data))
        if adam:
            adam.step(gradients)
        return gradients

    return step


def mygrad_step(problem: Problem, train: bool) -> Step:
    import mygrad as mg
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    params = W1, b1, W2, b2, W3, b3 = [mg.tensor(p) for p in problem.parameters()]
    data = cycle(problem.data())
    adam = Adam([p.data for p in params]) if train else None

    def step():
        x, labels = next(data)
        a1 = relu(x @ W1 + b1)
        a2 = relu(a1 @ W2 + b2)
        loss = softmax_crossentropy(a2 @ W3 + b3, labels)
        loss.backward()
        gradients = [p.grad for p in params]
        if adam:
            adam.step(gradients)
        for p in params:
            p.null_grad()
        return gradients

    return step


def jax_step(problem: Problem, train: bool) -> Step:
    import jax
    import jax.numpy as jnp

    params = [jnp.asarray(p) for p in problem.parameters()]
    moments = [(jnp.zeros_like(p), jnp.zeros_like(p)) for p in params]
    data = cycle([tuple(map(jnp.asarray, batch)) for batch in problem.data()])
    steps = 0

    def loss(params, x, labels):
        W1, b1, W2, b2, W3, b3 = params
        logits = jax.nn.relu(jax.nn.relu(x @ W1 + b1) @ W2 + b2) @ W3 + b3
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])

    def updated(p, g, m, v, steps):
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
        denominator = jnp.sqrt(v) / jnp.sqrt(1 - BETA2**steps).astype(p.dtype) + EPSILON
        return p - (LEARNING_RATE / (1 - BETA1**steps)).astype(p.dtype) * m / denominator, (m, v)

    @jax.jit
    def sweep(params, moments, steps, x, labels):
        _, gradients = jax.value_and_grad(loss)(params, x, labels)
        if train:
            pairs = zip(params, gradients, moments, strict=True)
            params, moments = zip(*[updated(p, g, *mv, steps) for p, g, mv in pairs], strict=True)
        return list(params), list(moments), gradients

    def step():
        nonlocal params, moments, steps
        steps += 1
        params, moments, gradients = sweep(params, moments, float(steps), *next(data))
        return jax.block_until_ready(gradients)

    return step


def steps_of(problem: Problem, train: bool) -> dict[str, Callable[[], Step]]:
    builders = {
        "numpy": numpy_step,
        "autograd_lite": autograd_lite_step,
        "torch": torch_step,
        "autograd": autograd_step,
        "mygrad": mygrad_step,
        "jax": jax_step,
    }
    return {engine: partial(build, problem, train) for engine, build in builders.items()}


def digits(dtype: type[np.floating]) -> Problem:
    return Problem((64, 128, 64, 10), batch=64, batches=28, dtype=dtype)


LARGE = Problem((784, 1024, 1024, 10), batch=512, batches=1, dtype=np.float32)
# Large enough to make every library set up its buffers, small enough not to count as memory of the sweep.
SMALL = Problem((16, 16, 16, 10), batch=8, batches=1, dtype=np.float32)

WORKLOADS = [
    Workload(
        "W3-f32",
        "digits MLP 64-128-64-10, one batch of 64 with Adam, float32",
        steps_of(digits(np.float32), train=True),
        goal=1.0,
        rtol=1e-4,
    ),
    Workload(
        "W3-f64",
        "the same in float64",
        steps_of(digits(np.float64), train=True),
        goal=1.0,
    ),
    Workload(
        "W6",
        "MLP 784-1024-1024-10, batch 512, float32, forward and backward",
        steps_of(LARGE, train=False),
        goal=1.05,
        rtol=1e-4,
    ),
]
