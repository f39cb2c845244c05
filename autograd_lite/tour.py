"""The tour: train a small network, draw it, check its gradients by hand.

The network is the textbook's two-layer perceptron on XOR, with column vectors and one sample at a time. It learns
by gradient descent on the squared error with learning rate 0.05. (Textbooks often start the backward pass from
`y_hat - y`, which is the gradient of *half* the squared error; the same run then has learning rate 0.1.)
"""

from __future__ import annotations

import inspect
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.tensor import Tensor

__all__ = ["hand_gradients", "initial_parameters", "loss_of", "network", "samples", "tour", "train"]

EPOCHS = 10_000
LEARNING_RATE = 0.05
WIDTH = 78

Parameters = dict[str, Tensor]


def samples() -> list[tuple[Tensor, Tensor]]:
    """The four lines of XOR's truth table: inputs of shape (2, 1), targets of shape (1, 1)."""
    table = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]
    return [(Tensor([[a], [b]], name="x"), Tensor([[target]], name="y")) for (a, b), target in table]


def initial_parameters() -> Parameters:
    """The weights and biases before training, uniform between 0 and 1; the same every time."""
    random = np.random.RandomState(42)
    shapes = {"W1": (2, 2), "b1": (2, 1), "W2": (1, 2), "b2": (1, 1)}
    return {name: Tensor(random.rand(*shape), requires_grad=True, name=name) for name, shape in shapes.items()}


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


def network(parameters: Parameters, x: Tensor) -> Tensor:
    """The output y_hat of shape (1, 1) for one input of shape (2, 1)."""
    v1 = sigmoid(parameters["W1"] @ x + parameters["b1"])
    y_hat: Tensor = sigmoid(parameters["W2"] @ v1 + parameters["b2"])
    return y_hat


def loss_of(parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of one sample."""
    loss: Tensor = ((y - network(parameters, x)) ** 2).mean()
    return loss


def train(parameters: Parameters, epochs: int = EPOCHS) -> Iterator[float]:
    """Train in place, sample by sample; gives the mean loss of each epoch as it ends."""
    data = samples()
    weights = list(parameters.values())
    for _ in range(epochs):
        total = 0.0
        for x, y in data:
            loss = loss_of(parameters, x, y)
            loss.backward()
            for weight in weights:
                weight.data -= LEARNING_RATE * weight.grad
                weight.grad = None
            total += loss.item()
        yield total / len(data)


def hand_gradients(W1: Any, b1: Any, W2: Any, b2: Any, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """The gradients of the loss by W1, b1, W2 and b2, derived on paper with the chain rule; plain NumPy."""
    # forward
    v1 = 1 / (1 + np.exp(-(W1 @ x + b1)))
    y_hat = 1 / (1 + np.exp(-(W2 @ v1 + b2)))
    # backward
    dy_hat = 2 * (y_hat - y) / y.size
    dz2 = dy_hat * y_hat * (1 - y_hat)
    dW2 = dz2 @ v1.T
    db2 = dz2
    dv1 = W2.T @ dz2
    dz1 = dv1 * v1 * (1 - v1)
    dW1 = dz1 @ x.T
    db1 = dz1
    return dW1, db1, dW2, db2


def tour(out: Path, say: Callable[[str], None] = print) -> int:
    """Take the tour, writing `xor.svg` into the folder `out`; returns the exit status."""
    started = time.perf_counter()
    parameters = initial_parameters()
    _train_step(parameters, say)
    drawn = _draw_step(out / "xor.svg", say)
    agree = _check_step(say)
    _mark_step(say)
    _next_step(drawn, time.perf_counter() - started, say)
    return 0 if agree and drawn is not False else 1


# --- its steps ----------------------------------------------------------------------------------------------


def _train_step(parameters: Parameters, say: Callable[[str], None]) -> None:
    _head("1. Train", say)
    _text(
        "A network with two inputs, two hidden units and one output learns XOR. Every step of it is plain NumPy on "
        "Tensors, which remember what was done to them; loss.backward() turns that record into gradients.",
        say,
    )
    say("\n    epoch        loss")
    with _progress() as advance:
        for epoch, loss in enumerate(train(parameters), start=1):
            if epoch % 1000 == 1:
                say(f"  {epoch:7,}  {loss:10.6f}")
            advance(epoch)
    say("\n    input     target    output")
    for x, y in samples():
        a, b = x.numpy().ravel()
        say(f"    {a:.0f}, {b:.0f}  {y.item():10.0f}  {network(parameters, x).item():8.4f}")


def _draw_step(path: Path, say: Callable[[str], None]) -> bool | None:
    """True if the picture was drawn, None if Graphviz is missing, False if the file could not be written."""
    from autograd_lite.show.errors import RenderingError, SavingError
    from autograd_lite.show.picture import draw

    _head("2. Draw", say)
    parameters = initial_parameters()
    loss = loss_of(parameters, *samples()[1])
    loss.name = "loss"
    try:
        draw(loss, values=True, grads=True).save(path)
    except RenderingError as error:
        _text(f"No picture this time: {error}.", say)
        return None
    except SavingError as error:
        _text(f"No picture: {error}.", say)
        return False
    _text(
        f"The graph of the loss for x = (0, 1) before training is in {path}: each box is an operation with its shape, "
        f"value and gradient, parameters are orange, data is blue, and the result is green.",
        say,
    )
    return True


def _check_step(say: Callable[[str], None]) -> bool:
    _head("3. Check", say)
    _text(
        "The same gradients, derived on paper with the chain rule, are these lines of NumPy, from "
        "autograd_lite/tour.py:",
        say,
    )
    say("\n" + textwrap.indent(_formulas(), "    "))
    parameters = initial_parameters()
    x, y = samples()[1]
    loss_of(parameters, x, y).backward()
    arrays = [tensor.numpy() for tensor in (*parameters.values(), x, y)]
    by_hand = dict(zip(parameters, hand_gradients(*arrays), strict=True))
    say("\n    gradient             by hand          engine      difference")
    worst = 0.0
    for name, hand in by_hand.items():
        engine = parameters[name].grad
        for index in np.ndindex(hand.shape):
            difference = abs(hand[index] - engine[index])
            worst = max(worst, difference)
            place = f"d{name}[{', '.join(map(str, index))}]"
            say(f"    {place:10}  {hand[index]:16.12f}{engine[index]:16.12f}  {difference:14.1e}")
    agree = worst < 1e-12
    _text(
        f"\nThe largest difference is {worst:.1e}: "
        + ("the derivation is right." if agree else "they DISAGREE, and one of the two is wrong."),
        say,
    )
    return agree


def _mark_step(say: Callable[[str], None]) -> None:
    from autograd_lite.check.worksheets import worksheet
    from autograd_lite.check.worksheets.catalogue import sheet

    _head("4. Mark", say)
    _text(
        "Now as a student hands it in: the derivation as a worksheet, with the factor 2 of the square forgotten. Each "
        "line is marked by itself, so what follows correctly from the slip is not called wrong.",
        say,
    )
    _report(worksheet(sheet("xor")), say)
    _text(
        "\nA second sheet, after a well-known tutorial: its loss multiplies w and x elementwise, its gradient belongs "
        "to their inner product. The printed loss then stays at 398.98 for ever, although the prediction is exact.",
        say,
    )
    _report(worksheet(sheet("loss_and_gradient")), say)


def _report(report: object, say: Callable[[str], None]) -> None:
    say("")
    for line in str(report).splitlines():
        indent = " " * (2 + len(line) - len(line.lstrip()))
        say(textwrap.fill(line, WIDTH - 2, initial_indent="  ", subsequent_indent="  " + indent))


def _next_step(drawn: bool | None, seconds: float, say: Callable[[str], None]) -> None:
    _head("What now", say)
    _text(f"That took {seconds:.1f} s. Next, you could", say)
    steps = ["open xor.svg in a browser and follow one gradient from the loss back to W1;"] if drawn else []
    steps += [
        "read autograd_lite/tour.py, which ran here, then the engine: record.py, tensor.py and backprop.py beside it;",
        "write a worksheet of your own, as docs/worksheets.md tells, and run `autograd-lite check` on it;",
        "read docs/mistakes.md, which shows ten typical slips (`autograd-lite check --help` lists the functions);",
        "run `python -m autograd_lite --help` for what else there is, and try the ten lines of README.md.",
    ]
    for step in steps:
        say(textwrap.fill(step, WIDTH, initial_indent="  - ", subsequent_indent="    "))


# --- how it is printed -----------------------------------------------------------------------------------------


def _head(title: str, say: Callable[[str], None]) -> None:
    say(f"\n{title}\n{'-' * len(title)}")


def _text(text: str, say: Callable[[str], None]) -> None:
    # A path or an install line must stay whole, so that it can be copied.
    lead = "\n" if text.startswith("\n") else ""
    say(lead + textwrap.fill(text.strip(), WIDTH, break_long_words=False, break_on_hyphens=False))


def _formulas() -> str:
    """The lines of `hand_gradients`, as they run."""
    lines = inspect.getsource(hand_gradients).splitlines()
    body = [line for line in lines[1:] if '"""' not in line and "return" not in line]
    return textwrap.dedent("\n".join(body))


class _progress:  # noqa: N801  # reads like a function: `with _progress() as advance`
    """A progress bar where someone watches: rich's where it is installed, else a plain line; in a pipe, none."""

    def __enter__(self) -> Callable[[int], None]:
        self.bar: Any = None
        if not sys.stdout.isatty():
            return lambda _: None
        try:
            from rich.progress import Progress
        except ImportError:
            return self._plain
        self.bar = Progress(transient=True, redirect_stdout=True)
        self.bar.start()
        task = self.bar.add_task("training", total=EPOCHS)
        return lambda epoch: self.bar.update(task, completed=epoch) if epoch % 50 == 0 else None

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    @staticmethod
    def _plain(epoch: int) -> None:
        if epoch % 100 == 0:
            sys.stdout.write(
                f"\r  training: {epoch:,} of {EPOCHS:,} epochs" if epoch < EPOCHS else "\r" + " " * 40 + "\r"
            )
            sys.stdout.flush()
