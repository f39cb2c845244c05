"""Linear regression on three samples: a dense layer, the mean squared error and plain gradient descent."""

import numpy as np

from autograd_lite import nn, optim

X = np.array([[1.0, 2, 3, 4, 5], [2, 3, 4, 5, 6], [3, 4, 5, 6, 7]])
Y = np.array([[25.0], [30.0], [35.0]])


def main(epochs: int = 1000) -> dict[str, object]:
    """Train and print the loss now and then."""
    model = nn.Dense(5, 1, init="zeros")
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = nn.mse_loss(model(X), Y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 100 == 0:
            print(f"epoch {epoch:3}: loss {losses[-1]}")
    w, b = model.weight.numpy()[:, 0], model.bias.item()
    predictions = model(X).numpy()[:, 0]
    print(f"w = {w}, b = {b}\npredictions {predictions}")
    return {"losses": losses, "w": w, "b": b, "predictions": predictions}


if __name__ == "__main__":
    main()
