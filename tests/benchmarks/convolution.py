"""Convolution 32 x 3 x 32 x 32 with 16 filters 3 x 3 ('valid'), gradients for the images and the filters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .engines import Unavailable, lookup
from .workload import Step, Workload


def data(dtype: type[np.floating]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, filters, and the weights of the sum that makes the loss, which are the output's gradient."""
    random = np.random.default_rng(0)
    shapes = [(32, 3, 32, 32), (16, 3, 3, 3), (32, 16, 30, 30)]
    x, w, g = (random.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, w, g


def hand_written(x: np.ndarray, w: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients by im2col: one matrix product per image, whose columns lie in the order of the output."""
    images, channels, _, _ = x.shape
    filters, _, height, width = w.shape
    rows, columns = g.shape[2:]
    windows = sliding_window_view(x, (height, width), axis=(2, 3)).transpose(0, 1, 4, 5, 2, 3)
    patches = windows.reshape(images, -1, rows * columns)
    flat_w, flat_g = w.reshape(filters, -1), g.reshape(images, filters, -1)
    y = flat_w @ patches
    loss = (y * flat_g).sum()  # noqa: F841 - what a training loop reports
    dw = (flat_g @ patches.swapaxes(1, 2)).sum(axis=0).reshape(w.shape)
    dpatches = (flat_w.T @ flat_g).reshape(images, channels, height, width, rows, columns)
    dx = np.zeros_like(x)
    for i in range(height):
        for j in range(width):
            dx[:, :, i : i + rows, j : j + columns] += dpatches[:, :, i, j]
    return dx, dw


def numpy_step(dtype: type[np.floating]) -> Step:
    x, w, g = data(dtype)
    return lambda: hand_written(x, w, g)


def composed_conv2d(x, w):
    """The convolution from plain NumPy calls, for an engine without layers."""
    filters, _, height, width = w.shape
    windows = sliding_window_view(x, (height, width), axis=(2, 3))
    images, _, rows, columns = windows.shape[:4]
    patches = windows.transpose(0, 1, 4, 5, 2, 3).reshape(images, -1, rows * columns)
    return (w.reshape(filters, -1) @ patches).reshape(images, filters, rows, columns)


def autograd_lite_step(dtype: type[np.floating]) -> Step:
    from autograd_lite import Tensor

    try:
        conv2d = lookup("autograd_lite.nn", "conv2d")
    except Unavailable:
        conv2d = composed_conv2d
    *arrays, g = data(dtype)
    x, w = (Tensor(array, requires_grad=True) for array in arrays)

    def step():
        x.grad = w.grad = None
        (conv2d(x, w) * g).sum().backward()
        return x.grad, w.grad

    return step


def torch_step(dtype: type[np.floating]) -> Step:
    import torch

    x, w, g = map(torch.tensor, data(dtype))
    x.requires_grad_()
    w.requires_grad_()

    def step():
        x.grad = w.grad = None
        (torch.nn.functional.conv2d(x, w) * g).sum().backward()
        return x.grad, w.grad

    return step


def autograd_step(dtype: type[np.floating]) -> Step:
    import autograd.numpy as anp
    from autograd import grad

    convolve = lookup("autograd.scipy.signal", "convolve")
    x, w, g = data(dtype)

    def loss(x, w):
        flipped = w[:, :, ::-1, ::-1]
        return anp.sum(convolve(x, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid") * g)

    gradient_of_loss = grad(loss, argnum=(0, 1))
    return lambda: gradient_of_loss(x, w)


def mygrad_step(dtype: type[np.floating]) -> Step:
    import mygrad as mg
    from mygrad.nnet.layers import conv_nd

    *arrays, g = data(dtype)
    x, w = map(mg.tensor, arrays)

    def step():
        x.null_grad()
        w.null_grad()
        (conv_nd(x, w, stride=1) * g).sum().backward()
        return x.grad, w.grad

    return step


def jax_step(dtype: type[np.floating]) -> Step:
    import jax
    import jax.numpy as jnp

    x, w, g = map(jnp.asarray, data(dtype))
    gradient_of_loss = jax.jit(jax.grad(lambda x, w: jnp.sum(jax.lax.conv(x, w, (1, 1), "VALID") * g), argnums=(0, 1)))
    return lambda: jax.block_until_ready(gradient_of_loss(x, w))


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
        "conv-f32",
        "convolution 32 x 3 x 32 x 32, 16 filters 3 x 3, float32",
        steps_of(np.float32),
        goal=1.2,
        rtol=1e-3,
    ),
    Workload("conv-f64", "the same in float64", steps_of(np.float64), goal=1.2),
]
