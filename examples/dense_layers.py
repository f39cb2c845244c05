"""Two- and three-layer networks, samples in rows: what flows forward, what flows back, and a training history.

By hand, for a dense layer Z = A_prev @ W + b: dW = A_prev^T dZ, db = the sum of dZ over the samples,
dA_prev = dZ W^T. A derivation that starts from dZ = y_hat - y leaves out the 2/n of the mean squared error: its
gradient is that of half the sum of the squared errors, and its learning rate is n/2 times as large as it looks.
"""

from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from autograd_lite import Tensor, nn, optim
from autograd_lite.check import worksheet

X = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
Y = np.array([[10.0], [28.0], [40.0]])

SHEET = """
# inputs: X (n, d), Y (n, o), W1 (d, h), b1 (h,), W2 (h, k), b2 (k,), W3 (k, o), b3 (o,)

A1 = X @ W1 + b1
A2 = A1 @ W2 + b2
Y_hat = A2 @ W3 + b3
L = {loss}

# --- gradients ---

dY_hat = Y_hat - Y
dW3 = A2.T @ dY_hat
db3 = dY_hat.sum(axis=0)
dA2 = dY_hat @ W3.T
dW2 = A1.T @ dA2
db2 = dA2.sum(axis=0)
dA1 = dA2 @ W2.T
dW1 = X.T @ dA1
db1 = dA1.sum(axis=0)
"""


def three_layers(seed: int = 0) -> dict[str, object]:
    """3-3-2-1 without activations: the values of each layer, and the gradients, the engine's and those by hand."""
    rng = np.random.default_rng(seed)
    layers = [nn.Dense(i, o, init="normal", scale=0.01, seed=rng) for i, o in ((3, 3), (3, 2), (2, 1))]
    values: list[Tensor] = []
    A: object = X
    for layer in layers:
        A = layer(A)
        A.retain_grad()
        values.append(A)
    loss = ((A - Y) ** 2).sum() / 2
    loss.backward()

    by_hand = []
    dZ = values[-1].numpy() - Y
    for layer, A_prev in zip(layers[::-1], [*values[-2::-1], X], strict=True):
        before = A_prev.numpy() if isinstance(A_prev, Tensor) else A_prev
        by_hand[:0] = [before.T @ dZ, dZ.sum(axis=0)]
        dZ = dZ @ layer.weight.numpy().T
    engine = [p.grad for layer in layers for p in layer.parameters()]
    for number, value in enumerate(values, 1):
        print(f"layer {number}: values {value.numpy().round(6).tolist()}\n  gradient {value.grad.round(6).tolist()}")
    return {"values": [v.numpy() for v in values], "engine": engine, "by hand": by_hand, "layers": layers}


class Network:
    """(3, 5, 1): He initialisation, ReLU on the hidden layer, linear output; keeps a history of every epoch."""

    def __init__(self, sizes: tuple[int, ...] = (3, 5, 1), seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.layers = [nn.Dense(i, o, init="he_normal", seed=rng) for i, o in pairwise(sizes)]
        parts = [part for layer in self.layers for part in (layer, nn.relu)]
        self.model = nn.Sequential(*parts[:-1])
        self.history: dict[str, list[object]] = {"loss": [], "weights": [], "gradients": []}

    def fit(self, X: np.ndarray, y: np.ndarray, lr: float, epochs: int, true_gradient: bool) -> "Network":
        """Train; the loss in the history is the mean squared error, whichever gradient is followed."""
        optimizer = optim.SGD(self.model.parameters(), lr=lr)
        for _ in range(epochs):
            optimizer.zero_grad()
            y_hat = self.model(X)
            mse = nn.mse_loss(y_hat, y)
            followed = mse if true_gradient else nn.mse_loss(y_hat, y, reduction="sum") / 2
            followed.backward()
            self.history["loss"].append(mse.item())
            self.history["weights"].append([layer.weight.numpy() for layer in self.layers])
            self.history["gradients"].append([float(np.abs(layer.weight.grad).mean()) for layer in self.layers])
            optimizer.step()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The trained network's output."""
        return self.model(X).numpy()


def plot(networks: dict[str, Network], file: str) -> None:
    """Loss, gradient magnitudes and weights over the epochs, one column per network."""
    figure = Figure(figsize=(9, 8), layout="constrained")
    columns = figure.subplots(3, len(networks), sharex=True).T
    for (label, network), (loss, gradients, weights) in zip(networks.items(), columns, strict=True):
        loss.semilogy(network.history["loss"])
        loss.set(title=label, ylabel="mean squared error")
        gradients.semilogy(network.history["gradients"], label=[f"layer {i + 1}" for i in range(len(network.layers))])
        gradients.set(ylabel="mean |gradient| of the weights")
        gradients.legend()
        weights.plot([np.concatenate([w.ravel() for w in epoch]) for epoch in network.history["weights"]])
        weights.set(xlabel="epoch", ylabel="every weight")
    figure.savefig(file)


def main() -> dict[str, object]:
    """The gradients, the checker's verdict on them, and both training runs."""
    result = three_layers()
    sheets = {
        "mean squared error": worksheet(SHEET.format(loss="np.mean((Y_hat - Y) ** 2)")),
        "half the sum": worksheet(SHEET.format(loss="np.sum((Y_hat - Y) ** 2) / 2")),
    }
    result["verdicts"] = {name: [line.verdict for line in sheet.lines] for name, sheet in sheets.items()}
    print(f"checked against the mean squared error:\n{sheets['mean squared error']}")
    print(f"checked against half the sum of squared errors:\n{sheets['half the sum']}")

    networks = {
        "from y_hat - y": Network().fit(X, Y, lr=0.001, epochs=100, true_gradient=False),
        "gradient of the mean": Network().fit(X, Y, lr=0.001, epochs=100, true_gradient=True),
    }
    for label, network in networks.items():
        losses = network.history["loss"]
        print(f"{label}: loss {losses[0]:.4g} -> {losses[-1]:.4g}, predictions {network.predict(X).ravel().round(2)}")
    plot(networks, "dense_layers.svg")
    return {**result, "networks": networks}


if __name__ == "__main__":
    main()
