"""Linear regression on one sample, and a loss that does not belong to its gradient.

The gradient 2 (w.x + b - y) x is that of the squared error (w.x + b - y)**2. A frequent slip prints
mean((w * x + b - y)**2) beside it, with a product element by element: a number that never falls below 398.98 while
the prediction becomes exact. Checking the gradient against the loss shows the slip before any training.
"""

import numpy as np

from autograd_lite import Tensor, nn, optim
from autograd_lite.check import gradcheck, worksheet

X = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
Y = np.array(25.0)
START = np.array([4.2, 3.6, 1.5, 0.7, 0.1])

SHEET = """
# inputs: w (n,), b (), x (n,), y ()

y_hat = w @ x + b
L = {loss}

# --- gradients ---

dw = {factor}(y_hat - y) * x
db = {factor}(y_hat - y)
"""


def elementwise_loss(w: object, b: object) -> object:
    """What is printed by mistake."""
    return np.mean((w * X + b - Y) ** 2)


def squared_error(w: object, b: object) -> object:
    """What the gradient belongs to."""
    return (w @ X + b - Y) ** 2


def gradient_by_hand(w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of the squared error with respect to w and b."""
    error = w @ X + b - Y
    return 2 * error * X, 2 * error


def train(epochs: int) -> dict[str, object]:
    """The losses, both of them, and where the parameters end."""
    w, b = Tensor(START, requires_grad=True, name="w"), Tensor(0.0, requires_grad=True, name="b")
    optimizer = optim.SGD([w, b], lr=0.01)
    printed, true = [], []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.mse_loss(w @ X + b, Y)
        printed.append(elementwise_loss(w.numpy(), b.numpy()))
        true.append(loss.item())
        loss.backward()
        optimizer.step()
    return {"printed": printed, "true": true, "w": w.numpy(), "b": b.item(), "prediction": (w @ X + b).item()}


def main() -> dict[str, object]:
    """Check, train, print."""
    start = (START, np.array(0.0))
    checks = {f.__name__: gradcheck(f, start, grads=gradient_by_hand) for f in (elementwise_loss, squared_error)}
    for name, report in checks.items():
        print(f"hand gradient against {name}:\n{report}\n")

    # The same question line by line. The written formula often lacks the 2 that the code has.
    sheets = {
        "elementwise loss": worksheet(SHEET.format(loss="np.mean((w * x + b - y) ** 2)", factor="2 * ")),
        "formula without 2": worksheet(SHEET.format(loss="(y_hat - y) ** 2", factor="")),
        "as it should be": worksheet(SHEET.format(loss="(y_hat - y) ** 2", factor="2 * ")),
    }
    verdicts = {name: [(line.name, line.verdict, line.mistake) for line in s.lines] for name, s in sheets.items()}
    for name, lines in verdicts.items():
        print(f"{name}: {lines}")

    run = train(1000)
    for epoch in (0, 1, 999):
        print(f"epoch {epoch:3}: printed by mistake {run['printed'][epoch]}, squared error {run['true'][epoch]}")
    print(f"w = {run['w']}, b = {run['b']}, prediction {run['prediction']}")
    return {**run, "checks": {name: bool(report) for name, report in checks.items()}, "verdicts": verdicts}


if __name__ == "__main__":
    main()
