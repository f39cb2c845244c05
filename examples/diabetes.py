"""Linear regression on the diabetes data: how far gradient descent gets, and how to get all the way.

Plain gradient descent with learning rate 0.01 is far from the least-squares solution after 10,000 epochs, because
the features are tiny (each column has length 1) and so the loss is nearly flat along the weights. Standardised
features, or an optimiser that measures the curvature, arrive in a moment.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from autograd_lite import nn, optim

REMEMBERED_BIAS = 152.13348416289506  # where an earlier run had left the bias


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test features, training and test targets as columns."""
    X, y = load_diabetes(return_X_y=True)
    return tuple(train_test_split(X, y.reshape(-1, 1), test_size=0.2, random_state=42))


def r2(model: nn.Module, X: np.ndarray, y: np.ndarray) -> float:
    """The share of the variance of y that the model explains."""
    return float(1 - ((y - model(X).numpy()) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def descend(model: nn.Module, X: np.ndarray, y: np.ndarray, lr: float, epochs: int) -> list[float]:
    """Train with plain gradient descent; the loss before each step."""
    optimizer = optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.mse_loss(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def with_pytorch(X: np.ndarray, y: np.ndarray, epochs: int) -> tuple[list[float], np.ndarray] | None:
    """The same run in PyTorch: the losses, and weights and bias at the end; None where it is not installed."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    model = torch.nn.Linear(X.shape[1], 1, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    features, targets = torch.tensor(X), torch.tensor(y)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(features), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, np.append(model.weight.detach().numpy(), model.bias.detach().numpy())


def main(epochs: int = 10_000) -> dict[str, object]:
    """Train in four ways, print and plot."""
    X, X_test, y, y_test = data()
    results: dict[str, object] = {}

    model = nn.Dense(10, 1, init="zeros")
    losses = results["losses"] = descend(model, X, y, 0.01, epochs)
    for epoch in (0, 100, 900, 5000, 9900):
        if epoch < epochs:
            print(f"epoch {epoch:4}: loss {losses[epoch]}")
    results["rmse"] = float(np.sqrt(((model(X).numpy() - y) ** 2).mean()))
    results["r2"] = r2(model, X_test, y_test)
    print(f"after {epochs} epochs: training RMSE {results['rmse']:.6f}, test R^2 {results['r2']:.6f}")

    biased = nn.Dense(10, 1, init="zeros")
    biased.bias.data[...] = REMEMBERED_BIAS
    results["from a bias left over"] = descend(biased, X, y, 0.01, 1000)
    print("with a bias left over from an earlier run:", [results["from a bias left over"][i] for i in (0, 100, 900)])

    solution = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
    exact = nn.Dense(10, 1)
    exact.load_state_dict({"weight": solution[:-1], "bias": solution[-1]})
    results["closed form"] = r2(exact, X_test, y_test)

    mean, deviation = X.mean(axis=0), X.std(axis=0)
    standardised = nn.Dense(10, 1, init="zeros")
    results["standardised losses"] = descend(standardised, (X - mean) / deviation, y, 0.1, 5000)
    results["standardised"] = r2(standardised, (X_test - mean) / deviation, y_test)

    newton = nn.Dense(10, 1, init="zeros")
    optimizer = optim.LBFGS(newton.parameters(), max_iter=100)

    def closure() -> object:
        optimizer.zero_grad()
        loss = nn.mse_loss(newton(X), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    results["L-BFGS"] = r2(newton, X_test, y_test)
    print(f"test R^2: least squares in closed form {results['closed form']:.6f}")
    print(f"          standardised features, lr 0.1, 5,000 epochs {results['standardised']:.6f}")
    print(f"          L-BFGS on the features as they are {results['L-BFGS']:.6f}")

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogy(losses, label="features as they are, lr 0.01")
    axes.semilogy(results["standardised losses"], label="standardised, lr 0.1")
    theirs = with_pytorch(X, y, epochs)
    if theirs is None:
        print("PyTorch is not installed; nothing to compare with.")
    else:
        losses_of_pytorch, numbers = theirs
        own = np.append(model.weight.numpy(), model.bias.numpy())
        results["difference to PyTorch"] = float(np.abs(numbers - own).max() / np.abs(own).max())
        print(f"largest relative difference of a parameter to PyTorch's run: {results['difference to PyTorch']:.1e}")
        axes.semilogy(losses_of_pytorch, "--", label="the first in PyTorch")
    axes.set(xlabel="epoch", ylabel="mean squared error", title="Diabetes, training loss")
    axes.legend()
    figure.savefig("diabetes.svg")
    return results


if __name__ == "__main__":
    main()
