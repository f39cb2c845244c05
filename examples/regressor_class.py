"""A model class of one's own for the diabetes data: `alpha`, `epochs`, `fit`, `predict`, `plot_loss`.

`NonnegativeRegression` puts a ReLU on the output, in training and in `predict`. After the first step, which lifts the
bias, every prediction on these data is positive, so its figures are the same but for that step.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from autograd_lite import nn, optim


class LinearRegression:
    """Gradient descent on the mean squared error, from normal weights times 0.01."""

    def __init__(self, alpha: float = 0.01, epochs: int = 10_000, seed: int | None = None) -> None:
        self.alpha, self.epochs, self.seed = alpha, epochs, seed

    def build(self, features: int) -> nn.Module:
        """The model: one dense layer."""
        return nn.Dense(features, 1, init="normal", scale=0.01, seed=self.seed)

    def fit(self, X: np.ndarray, y: np.ndarray) -> "LinearRegression":
        """Train on X (n, features) and y (n,)."""
        self.model = self.build(X.shape[1])
        optimizer = optim.SGD(self.model.parameters(), lr=self.alpha)
        self.losses = []
        for _ in range(self.epochs):
            optimizer.zero_grad()
            loss = nn.mse_loss(self.model(X), y.reshape(-1, 1))
            loss.backward()
            optimizer.step()
            self.losses.append(loss.item())
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) for X (n, features)."""
        return self.model(X).numpy()[:, 0]

    def plot_loss(self, file: str) -> None:
        """The training loss, as a picture."""
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.semilogy(self.losses)
        axes.set(xlabel="epoch", ylabel="mean squared error", title=type(self).__name__)
        figure.savefig(file)


class NonnegativeRegression(LinearRegression):
    """The same with a ReLU on the output."""

    def build(self, features: int) -> nn.Module:
        """A dense layer, then the ReLU."""
        return nn.Sequential(super().build(features), nn.relu)


def main(epochs: int = 10_000) -> dict[str, LinearRegression]:
    """Fit both classes, print their losses, and plot them."""
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    fitted = {}
    for kind in (LinearRegression, NonnegativeRegression):
        model = fitted[kind.__name__] = kind(alpha=0.01, epochs=epochs, seed=0).fit(X, y)
        shown = {epoch: round(model.losses[epoch], 1) for epoch in (0, 900, 9900) if epoch < epochs}
        residuals = ((y_test - model.predict(X_test)) ** 2).sum()
        print(f"{kind.__name__}: loss {shown}, test R^2 {1 - residuals / ((y_test - y_test.mean()) ** 2).sum():.6f}")
        model.plot_loss(f"{kind.__name__}.svg")
    return fitted


if __name__ == "__main__":
    main()
