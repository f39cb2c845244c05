"""Small graphs that the tests of this folder show."""

import numpy as np

from autograd_lite import Tensor, nn

XOR_SHAPES = {"W1": (2, 2), "b1": (2, 1), "W2": (1, 2), "b2": (1, 1)}


def xor():
    """The XOR network's loss for x = (0, 1), y = 1 before training, and its parameters by name."""
    random = np.random.RandomState(42)
    parameters = {
        name: Tensor(random.rand(*shape), requires_grad=True, name=name) for name, shape in XOR_SHAPES.items()
    }
    x, y = Tensor([[0.0], [1.0]], name="x"), Tensor([[1.0]], name="y")
    v1 = 1 / (1 + np.exp(-(parameters["W1"] @ x + parameters["b1"])))
    v1.name = "v1"
    y_hat = 1 / (1 + np.exp(-(parameters["W2"] @ v1 + parameters["b2"])))
    loss = ((y - y_hat) ** 2).mean()
    loss.name = "loss"
    return loss, parameters


def chain(steps):
    """tanh(w * ...) so many times over, summed."""
    w, h = Tensor(np.full(3, 1.5), requires_grad=True, name="w"), Tensor(np.ones(3), name="h")
    for _ in range(steps):
        h = np.tanh(w * h)
    return h.sum(), w


class Layer(nn.Module):
    """A dense layer with tanh."""

    def __init__(self, number, width):
        self.W = Tensor(np.eye(width) * 0.9, requires_grad=True, name=f"W{number}")
        self.b = Tensor(np.zeros(width), requires_grad=True, name=f"b{number}")

    def forward(self, x):
        return np.tanh(x @ self.W + self.b)


class Tower(nn.Module):
    """Layers one after the other, as attributes of their own."""

    def __init__(self, count, width):
        for i in range(count):
            setattr(self, f"layer{i}", Layer(i, width))

    def forward(self, x):
        for _, part in self.parts():
            x = part(x)
        return x


def layers(count, width=3):
    """The loss of a tower of dense layers, and the tower."""
    tower = Tower(count, width)
    h = tower(Tensor(np.linspace(-1, 1, width)[None], name="x"))
    return (h * h).mean(), tower
