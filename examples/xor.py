"""XOR with two hidden neurons: stochastic against batch gradient descent.

Column vectors, one sample at a time. Derivations of this network often start the backward pass from `y_hat - y`,
which is the gradient of *half* the squared error; the gradient of the mean squared error is twice that, so the
same run has learning rate 0.05 here where such a derivation has 0.1.
"""

import numpy as np
from matplotlib.figure import Figure

from autograd_lite import Tensor, nn, optim

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([0.0, 1.0, 1.0, 0.0])
LEARNING_RATE = 0.05


def parameters() -> list[Tensor]:
    """W1, b1, W2, b2 as `np.random.seed(42)` and `np.random.rand` give them."""
    random = np.random.RandomState(42)
    shapes = {"W1": (2, 2), "b1": (2, 1), "W2": (1, 2), "b2": (1, 1)}
    return [Tensor(random.rand(*shape), requires_grad=True, name=name) for name, shape in shapes.items()]


def network(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, x: np.ndarray) -> Tensor:
    """The output for the columns of x."""
    v1 = nn.sigmoid(W1 @ x + b1)
    return nn.sigmoid(W2 @ v1 + b2)


def train(batches: list[tuple[np.ndarray, np.ndarray]], epochs: int) -> tuple[list[float], np.ndarray]:
    """Mean loss of every epoch, and the outputs for the four inputs at the end."""
    params = parameters()
    optimizer = optim.SGD(params, lr=LEARNING_RATE)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, y in batches:
            optimizer.zero_grad()
            loss = nn.mse_loss(network(*params, x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(batches))
    return losses, network(*params, INPUTS.T).numpy()[0]


def plot(curves: dict[str, list[float]], file: str) -> None:
    """All losses over time, in one picture."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for label, losses in curves.items():
        axes.plot(losses, label=label)
    axes.set(xlabel="epoch", ylabel="mean squared error", title="XOR")
    axes.legend()
    figure.savefig(file)


def main(epochs: int = 10_000) -> dict[str, object]:
    """Train both ways, print the figures, and draw the curves."""
    one_by_one = [(x.reshape(2, 1), np.array([[y]])) for x, y in zip(INPUTS, TARGETS, strict=True)]
    first = nn.mse_loss(network(*parameters(), one_by_one[1][0]), one_by_one[1][1]).item()
    print(f"loss for x = (0, 1), y = 1 before training: {first}")

    stochastic, outputs = train(one_by_one, epochs)
    for epoch in range(0, epochs, 1000):
        print(f"epoch {epoch + 1:5}: mean loss {stochastic[epoch]}")
    print("outputs:", outputs.round(8))

    # One step of batch descent follows the mean of four gradients: an epoch moves a quarter as far.
    batch, _ = train([(INPUTS.T, TARGETS.reshape(1, 4))], epochs)
    print(f"after {epochs} epochs: stochastic {stochastic[-1]:.6f}, batch {batch[-1]:.6f}")
    print("Stochastic descent converges faster: it makes four steps per epoch where batch descent makes one.")
    plot({"stochastic (4 steps per epoch)": stochastic, "batch (1 step per epoch)": batch}, "xor.svg")
    return {"first": first, "stochastic": stochastic, "batch": batch, "outputs": outputs}


if __name__ == "__main__":
    main()
