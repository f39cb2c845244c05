"""Second derivatives of a network of 200 parameters: a Hessian-vector product and the whole Hessian."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .engines import lookup
from .workload import Step, Workload

# 8-18-2 with biases: 8 * 18 + 18 + 18 * 2 + 2 = 200 parameters, held in one flat vector.
SHAPES = [(8, 18), (18,), (18, 2), (2,)]
ENDS = np.cumsum([int(np.prod(shape)) for shape in SHAPES]).tolist()
SAMPLES = 32


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets, parameters and the vector that the Hessian is multiplied with."""
    random = np.random.default_rng(0)
    X, Y = random.standard_normal((SAMPLES, 8)), random.standard_normal((SAMPLES, 2))
    return X, Y, 0.5 * random.standard_normal(ENDS[-1]), random.standard_normal(ENDS[-1])


def layers(theta):
    """W1, b1, W2, b2 out of the flat vector, or out of a stack of such vectors."""
    starts = [0, *ENDS[:-1]]
    parts = [theta[..., start:end] for start, end in zip(starts, ENDS, strict=True)]
    return [part.reshape(part.shape[:-1] + shape) for part, shape in zip(parts, SHAPES, strict=True)]


def network_loss(tanh: Callable, X, Y) -> Callable:
    """The mean squared error as every engine records it."""

    def loss(theta):
        W1, b1, W2, b2 = layers(theta)
        return ((tanh(X @ W1 + b1) @ W2 + b2 - Y) ** 2).mean()

    return loss


def hand_written_hvp(X, Y, theta, direction):
    """Pearlmutter's R-operator (1994): the gradient's formulas, differentiated along the direction."""
    W1, b1, W2, b2 = layers(theta)
    V1, c1, V2, c2 = layers(direction)
    h = np.tanh(X @ W1 + b1)
    slope = 1 - h * h
    do = (h @ W2 + b2 - Y) * (2 / Y.size)
    dh = do @ W2.T

    Rh = slope * (X @ V1 + c1)
    Rdo = (Rh @ W2 + h @ V2 + c2) * (2 / Y.size)
    Rdz = (Rdo @ W2.T + do @ V2.T) * slope - 2 * dh * h * Rh
    parts = [X.T @ Rdz, Rdz.sum(axis=0), Rh.T @ do + h.T @ Rdo, Rdo.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


def hand_written_hessian(X, Y, theta):
    """The same in all 200 directions at once: one leading axis, one direction per row."""
    W1, b1, W2, b2 = layers(theta)
    V1, c1, V2, c2 = layers(np.eye(theta.size))
    h = np.tanh(X @ W1 + b1)
    slope = 1 - h * h
    do = (h @ W2 + b2 - Y) * (2 / Y.size)
    bend = 2 * (do @ W2.T) * h

    Rh = slope * (X @ V1 + c1[:, None])
    Rdo = (Rh @ W2 + h @ V2 + c2[:, None]) * (2 / Y.size)
    Rdz = (Rdo @ W2.T + do @ V2.swapaxes(1, 2)) * slope - bend * Rh
    parts = [X.T @ Rdz, Rdz.sum(axis=1), Rh.swapaxes(1, 2) @ do + h.T @ Rdo, Rdo.sum(axis=1)]
    return np.concatenate([part.reshape(theta.size, -1) for part in parts], axis=1)


def numpy_hvp() -> Step:
    X, Y, theta, direction = data()
    return lambda: [hand_written_hvp(X, Y, theta, direction)]


def numpy_hessian() -> Step:
    X, Y, theta, _ = data()
    return lambda: [hand_written_hessian(X, Y, theta)]


def autograd_lite_hvp() -> Step:
    hvp, Tensor = lookup("autograd_lite", "hvp"), lookup("autograd_lite", "Tensor")
    X, Y, theta, direction = data()
    loss = network_loss(np.tanh, Tensor(X), Tensor(Y))
    return lambda: [hvp(loss, theta, direction)]


def autograd_lite_hessian() -> Step:
    hessian, Tensor = lookup("autograd_lite", "hessian"), lookup("autograd_lite", "Tensor")
    X, Y, theta, _ = data()
    hessian_of_loss = hessian(network_loss(np.tanh, Tensor(X), Tensor(Y)))
    return lambda: [hessian_of_loss(theta)]


def torch_hvp() -> Step:
    import torch

    X, Y, theta, direction = map(torch.tensor, data())
    theta.requires_grad_()
    loss = network_loss(torch.tanh, X, Y)

    def step():
        (gradient,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
        return torch.autograd.grad(gradient, theta, direction)

    return step


def torch_hessian() -> Step:
    import torch

    X, Y, theta, _ = map(torch.tensor, data())
    loss = network_loss(torch.tanh, X, Y)
    # vectorize=True is several times as fast as the default loop and as torch.func.hessian here.
    return lambda: [torch.autograd.functional.hessian(loss, theta, vectorize=True)]


def autograd_hvp() -> Step:
    import autograd.numpy as anp
    from autograd import hessian_vector_product

    X, Y, theta, direction = data()
    hvp = hessian_vector_product(network_loss(anp.tanh, X, Y))
    return lambda: [hvp(theta, direction)]


def autograd_hessian() -> Step:
    import autograd.numpy as anp
    from autograd import hessian

    X, Y, theta, _ = data()
    hessian_of_loss = hessian(network_loss(anp.tanh, X, Y))
    return lambda: [hessian_of_loss(theta)]


def jax_hvp() -> Step:
    import jax
    import jax.numpy as jnp

    X, Y, theta, direction = map(jnp.asarray, data())
    gradient = jax.grad(network_loss(jnp.tanh, X, Y))
    hvp = jax.jit(lambda theta, direction: jax.jvp(gradient, (theta,), (direction,))[1])
    return lambda: [jax.block_until_ready(hvp(theta, direction))]


def jax_hessian() -> Step:
    import jax
    import jax.numpy as jnp

    X, Y, theta, _ = map(jnp.asarray, data())
    hessian_of_loss = jax.jit(jax.hessian(network_loss(jnp.tanh, X, Y)))
    return lambda: [jax.block_until_ready(hessian_of_loss(theta))]


WORKLOADS = [
    Workload(
        "hvp",
        "Hessian-vector product, network of 200 parameters",
        {
            "numpy": numpy_hvp,
            "autograd_lite": autograd_lite_hvp,
            "torch": torch_hvp,
            "autograd": autograd_hvp,
            "jax": jax_hvp,
        },
        goal=4.0,
    ),
    Workload(
        "hessian",
        "Hessian of the same network",
        {
            "numpy": numpy_hessian,
            "autograd_lite": autograd_lite_hessian,
            "torch": torch_hessian,
            "autograd": autograd_hessian,
            "jax": jax_hessian,
        },
        goal=6.0,
    ),
]
