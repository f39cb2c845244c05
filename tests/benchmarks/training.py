"""What `train.fit` costs beyond the loop that one would write oneself: both columns run autograd_lite."""

from __future__ import annotations

import numpy as np

from .mlp import LEARNING_RATE
from .workload import Step, Workload

SAMPLES, WIDTHS, BATCH, EPOCHS = 1792, (64, 128, 64, 10), 64, 5


class Training:
    """Digits-sized data, a model and its optimiser, the same for both columns."""

    def __init__(self) -> None:
        from autograd_lite import nn, optim

        first, second, third, last = WIDTHS
        self.model = nn.Sequential(
            nn.Dense(first, second, seed=0),
            nn.relu,
            nn.Dense(second, third, seed=1),
            nn.relu,
            nn.Dense(third, last, seed=2),
        )
        self.optimizer = optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self.loss = nn.cross_entropy
        random = np.random.default_rng(0)
        self.inputs = random.random((SAMPLES, first))
        self.labels = random.integers(0, last, SAMPLES)

    def gradients(self) -> list[np.ndarray]:
        """Those of the last batch, in which every update before it shows."""
        return [p.grad for p in self.model.parameters()]


def bare_step() -> Step:
    from autograd_lite.train import Loader

    training = Training()
    model, loss, optimizer = training.model, training.loss, training.optimizer

    def step():
        loader = Loader(training.inputs, training.labels, batch_size=BATCH, seed=0)
        for epoch in range(EPOCHS):
            for x, labels in loader.epoch(epoch):
                optimizer.zero_grad()
                loss(model(x), labels).backward()
                optimizer.step()
        return training.gradients()

    return step


def fit_step() -> Step:
    from autograd_lite.train import fit

    training = Training()
    data = training.inputs, training.labels

    def step():
        fit(training.model, data, training.loss, training.optimizer, EPOCHS, BATCH, seed=0, progress=False)
        return training.gradients()

    return step


WORKLOADS = [
    Workload(
        "fit",
        "train.fit, digits MLP, 5 epochs; the NumPy column is autograd_lite in a bare loop",
        {"numpy": bare_step, "autograd_lite": fit_step},
        goal=1.05,
    ),
]
