"""`fit`: the training loop, with everything checked before it and nothing lost after it."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.arrays import unmasked
from autograd_lite.errors import OperandError
from autograd_lite.grad_mode import no_grad
from autograd_lite.nn.losses import cross_entropy, nll_loss
from autograd_lite.nn.module import Module
from autograd_lite.optim.optimizer import Optimizer, clip_grad_norm_
from autograd_lite.optim.schedules import ReduceLROnPlateau, Schedule
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor
from autograd_lite.train.callbacks import Checkpoint
from autograd_lite.train.history import History
from autograd_lite.train.loader import Loader, batches, checked_data, checked_seed, pair_of
from autograd_lite.train.progress import ProgressBar

__all__ = ["Run", "accuracy", "fit", "generators_of"]

Metric = Callable[[Any, Any], float]


def accuracy(outputs: Any, labels: Any, ignore_index: int = -100) -> float:
    """The share of rows of `outputs` (n, classes) whose largest entry is the one of the label; a metric for `fit`.

    Args:
        outputs: (n, classes), or (n, classes, ...).
        labels: (n,), or (n, ...).
        ignore_index: the label of rows that are not counted, as in `nn.cross_entropy`.

    Raises:
        OperandError: `labels` are not (n,), there is no row or class, or every label is ignored.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    outputs, labels = [np.asarray(unmasked("accuracy", numbers_of(x))) for x in (outputs, labels)]
    if outputs.ndim < 2 or labels.shape != outputs.shape[:1] + outputs.shape[2:] or not outputs.size:
        raise OperandError(
            f"accuracy: outputs of shape {outputs.shape} and labels of shape {labels.shape}; they must be (n, classes) "
            f"and (n,), of at least one row and class"
        )
    counted = labels != ignore_index
    if not counted.any():
        raise OperandError(f"accuracy: every label of shape {labels.shape} is {ignore_index}, and ignored; count one")
    return float((np.argmax(outputs, axis=1) == labels)[counted].mean())


class Run:
    """One call of `fit`, as callbacks see it.

    Attributes:
        model, loss, optimizer, schedule, loader, history, callbacks: what was given, and what is noted down.
        epochs: how many there are in all, if nothing stops it.
        epoch: the number of the epoch that has just ended, counted from 0.
        monitor: the record by which the best epoch is chosen.
        stop: set it to end the run after this epoch.
        restore_best: set it to give the model back its best weights at the end.

    A callback is a function of it:

    >>> from autograd_lite import nn, optim
    >>> model, x = nn.Dense(1, 1, seed=0), np.ones((4, 1))
    >>> def stop_early(run):
    ...     run.stop = run.epoch == 1
    >>> history = fit(model, (x, x), nn.mse_loss, optim.SGD(model.parameters()), epochs=9, callbacks=[stop_early])
    >>> len(history["loss"])
    2
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        schedule: Schedule | None,
        loader: Loader,
        callbacks: Sequence[Callable[[Run], object]],
        monitor: str,
        loss: Callable[[Any, Any], Any],
        epochs: int,
    ) -> None:
        self.model, self.optimizer, self.schedule, self.loader = model, optimizer, schedule, loader
        self.callbacks, self.monitor, self.loss = callbacks, monitor, loss
        self.epochs = epochs
        self.history = History()
        self.history.best_state = model.state_dict()
        self.named_parameters = list(model.named_parameters())
        self.epoch = -1
        self.stop = False
        self.restore_best = False

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "history": self.history.state_dict(),
            "callbacks": [c.state_dict() if hasattr(c, "state_dict") else None for c in self.callbacks],
            "generators": [rng.bit_generator.state for rng in generators_of(self.model)],
            "seed": self.loader.seed,
            "epoch": self.epoch,
            "stop": self.stop,
            "restore_best": self.restore_best,
        }

    def load_state_dict(self, state: Any) -> None:
        """Go on where `state_dict` was called; nothing is changed unless everything fits."""
        expected = self.state_dict()
        missing = [name for name in expected if not isinstance(state, Mapping) or name not in state]
        if missing:
            raise OperandError(f"fit: the checkpoint lacks {', '.join(missing)}; resume from what Checkpoint wrote")
        try:
            self._take(state, expected)
        except BaseException as error:
            self._take(expected, expected)
            self.optimizer.load_state_dict(expected["optimizer"])  # a learning rate that was set by hand, too
            if isinstance(error, OperandError) or not isinstance(error, Exception):  # that is Ctrl-C
                raise
            raise OperandError(f"fit: the checkpoint is damaged, {error!r}; resume from another") from error

    def _take(self, state: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        """Take over `state`, which has the names of `expected`, or fail on the way."""
        for name in ("callbacks", "generators"):
            if len(state[name]) != len(expected[name]):
                raise OperandError(
                    f"fit: the checkpoint has {len(state[name])} {name}, this run {len(expected[name])}; resume with "
                    f"the same arguments"
                )
        if (state["schedule"] is None) != (self.schedule is None):
            raise OperandError("fit: the checkpoint and this run differ in having a schedule; resume with the same")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        for rng, its_state in zip(generators_of(self.model), state["generators"], strict=True):
            rng.bit_generator.state = its_state
        for callback, its_state in zip(self.callbacks, state["callbacks"], strict=True):
            if hasattr(callback, "load_state_dict"):
                callback.load_state_dict(its_state)
        self.history.load_state_dict(state["history"])
        best = self.history.best_state
        if any(name not in best or np.shape(best[name]) != p.shape for name, p in self.named_parameters):
            raise OperandError("fit: the best weights of the checkpoint are of another model; resume with the same")
        if not isinstance(state["epoch"], int) or state["epoch"] < -1:
            raise OperandError(f"fit: epoch={state['epoch']!r} in the checkpoint; it must be a whole number")
        self.loader.seed, self.epoch = checked_seed("fit", state["seed"]), state["epoch"]
        self.stop, self.restore_best = bool(state["stop"]), bool(state["restore_best"])


def generators_of(model: Module) -> list[np.random.Generator]:
    """The random generators that the model's layers draw from, once each: attributes, or in lists, tuples and dicts."""
    seen: dict[int, Any] = {}
    waiting = [vars(module) for _, module in reversed(list(model.named_modules()))]
    while waiting:
        value: Any = waiting.pop()
        if isinstance(value, (np.random.Generator, list, tuple, dict)) and id(value) not in seen:
            seen[id(value)] = value
            if not isinstance(value, np.random.Generator):
                waiting += reversed(list(value.values() if isinstance(value, dict) else value))
    return [value for value in seen.values() if isinstance(value, np.random.Generator)]


class _Data(Loader):
    """The Loader of `fit`, whose errors are those of `fit`."""

    _name = "fit"


def fit(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    callbacks: Sequence[Callable[[Run], object]] = (),
    seed: int | None = None,
    *,
    metrics: Mapping[str, Metric] | None = None,
    schedule: Schedule | None = None,
    shuffle: bool = True,
    max_norm: float | None = None,
    progress: bool | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """Train a model, and leave it in evaluation mode.

    Ctrl-C ends the run, gives the model its best weights so far, and returns the history. An error in the first epoch
    leaves the model and the optimiser as they were. After a later one they are as it found them, so that one can look
    for its cause, and it has an attribute `history`, whose `best_state` has the best weights.

    Args:
        model: a Module.
        data: a pair of arrays (inputs, targets), equally long, without NaN or infinity.
        loss: a function of (outputs, targets), the mean over the batch, such as `nn.cross_entropy`.
        optimizer: one for the model's parameters.
        epochs: how many there are in all, resumed or not.
        batch_size: samples in a batch.
        validation: a pair like `data` on which loss and metrics are computed after each epoch, or None.
        callbacks: functions of a `Run`, called after each epoch: `EarlyStopping`, `Checkpoint`, `TrainingPage`, your
            own. One that has a method `finish` has it called with the `Run` at the end.
        seed: of the order of the samples.
        metrics: functions of (outputs, targets) as arrays by name, such as `accuracy`.
        schedule: stepped after each epoch.
        shuffle: whether each epoch has an order of its own.
        max_norm: the norm to which the gradients are clipped, or None.
        progress: show a progress bar; default: on a terminal and in a notebook.
        resume: a file that `Checkpoint` wrote. The run is then bit for bit the one that was not interrupted.

    Returns:
        The `History`.

    Raises:
        OperandError: data that do not fit, labels out of range, a loss that is not finite: before the weights of
            that batch change.

    >>> from autograd_lite import nn, optim
    >>> model = nn.Dense(1, 1, init="zeros")
    >>> x = np.linspace(0, 1, 20).reshape(20, 1)
    >>> optimizer = optim.SGD(model.parameters(), lr=0.5)
    >>> history = fit(model, (x, 3 * x + 1), nn.mse_loss, optimizer, epochs=100, batch_size=20, seed=0)
    >>> history["loss"][-1] < 1e-3 < history["loss"][0]
    True
    """
    callbacks = _check_arguments(model, loss, optimizer, epochs, schedule, callbacks, metrics)
    if not {id(p) for g in optimizer.param_groups for p in g["params"]} & {id(p) for p in model.parameters()}:
        raise OperandError("fit: the optimiser has no parameter of this model; make it with model.parameters()")
    inputs, targets = pair_of("fit", data)
    loader = _Data(inputs, targets, batch_size, shuffle, seed)
    held_out = None if validation is None else checked_data("fit: validation", validation)
    metrics = dict(metrics or {})
    monitor = "loss" if held_out is None else "validation loss"
    run = Run(model, optimizer, schedule, loader, callbacks, monitor, loss, epochs)
    if resume is not None:
        from autograd_lite.saving import load

        run.load_state_dict(load(resume))
    _check_labels(model, loss, loader.inputs, loader.targets)
    if held_out is not None:
        _check_labels(model, loss, *held_out)
    before = run.state_dict()
    try:
        try:
            with ProgressBar(epochs, progress) as bar:
                while run.epoch + 1 < epochs and not run.stop:
                    _epoch(run, loss, held_out, metrics, max_norm, bar)
        except KeyboardInterrupt:
            run.history.interrupted = True
            run.restore_best = True
        finally:
            model.eval()
            for callback in run.callbacks:
                if run.epoch >= 0 and hasattr(callback, "finish"):
                    callback.finish(run)
    except Exception as error:
        if run.epoch == before["epoch"]:
            run.load_state_dict({**before, "model": _in_place(model, before["model"])})
        else:
            error.history = run.history  # type: ignore[attr-defined]
            error.add_note(f"fit: after epoch {run.epoch}; this error's attribute `history` is the History until then")
        raise
    if run.restore_best:
        model.load_state_dict(_in_place(model, run.history.best_state))
    return run.history


def _check_arguments(
    model: Any, loss: Any, optimizer: Any, epochs: Any, schedule: Any, callbacks: Any, metrics: Any
) -> Any:
    """Refuse what cannot be trained, or trained with; returns the callbacks as a tuple."""
    if isinstance(model, type) and issubclass(model, Module):
        raise OperandError(f"fit: the model is the class {model.__name__}; make one of it, {model.__name__}(...)")
    if not isinstance(model, Module):
        raise OperandError(f"fit: the model is a {type(model).__name__}; give an nn.Module, such as nn.Sequential")
    if not callable(loss) or isinstance(loss, type):
        raise OperandError(f"fit: loss={loss!r:.60}; give a function of (outputs, targets), such as nn.mse_loss")
    if not isinstance(optimizer, Optimizer):
        raise OperandError(f"fit: the optimizer is {optimizer!r:.60}; give one such as optim.Adam(model.parameters())")
    if optimizer.closure_needed:
        raise OperandError(
            f"fit: {type(optimizer).__name__} is no optimiser for batches; give one such as optim.Adam (L-BFGS needs "
            f"a loop of its own)"
        )
    if not hasattr(epochs, "__index__") or epochs < 1:
        raise OperandError(f"fit: epochs={epochs!r}; it must be a whole number of at least 1")
    if schedule is not None and not isinstance(schedule, Schedule):
        raise OperandError(f"fit: schedule={schedule!r:.60}; give one such as optim.StepLR(optimizer, 10)")
    if schedule is not None and schedule.optimizer is not optimizer:
        raise OperandError(
            f"fit: the {type(schedule).__name__} is of another optimiser than the one given; make it with this one"
        )
    if isinstance(schedule, ReduceLROnPlateau) and schedule.mode == "max":
        raise OperandError(
            "fit: a ReduceLROnPlateau with mode='max' would watch the loss, which is to fall; make it with mode='min', "
            "or step it with a metric in a loop of your own"
        )
    found = tuple(callbacks) if isinstance(callbacks, Iterable) else (None,)
    if not all(map(callable, found)):
        raise OperandError(f"fit: callbacks={callbacks!r:.60}; give a list of functions of a Run")
    for callback in found:
        if isinstance(callback, type):
            raise OperandError(
                f"fit: callbacks has the class {callback.__name__}; make one of it, {callback.__name__}(...)"
            )
    if not isinstance(metrics, Mapping | None) or not all(map(callable, (metrics or {}).values())):
        raise OperandError(f"fit: metrics={metrics!r:.60}; give functions by name, {{'accuracy': train.accuracy}}")
    for name in metrics or {}:
        if not isinstance(name, str):
            raise OperandError(f"fit: a metric has the name {name!r:.60}; it must be a string")
        if name in ("loss", "lr") or name.startswith(("validation ", "gradient ", "weight ")):
            raise OperandError(f"fit: a metric has the name {name!r}, which the history has already; call it otherwise")
    return found


def _epoch(
    run: Run,
    loss: Callable[[Any, Any], Any],
    held_out: tuple[Any, Any] | None,
    metrics: dict[str, Metric],
    max_norm: float | None,
    bar: ProgressBar,
) -> None:
    """One epoch: train, validate, note down, call back."""
    model, optimizer, number = run.model, run.optimizer, run.epoch + 1
    model.train()
    totals = dict.fromkeys(["loss", *metrics], 0.0)
    for batch, (x, y) in enumerate(run.loader.epoch(number)):
        optimizer.zero_grad()
        outputs = model(x)
        value = loss(outputs, y)
        if not isinstance(value, Tensor) or value.size != 1 or value.dtype.kind == "c":
            raise OperandError(
                f"fit: the loss returned {value!r:.60}; it must be one number made from the outputs, as Tensors, not "
                f"by .numpy() or .item()"
            )
        number_of_loss = value.item()
        if not math.isfinite(number_of_loss):
            raise OperandError(
                f"fit: the loss is {number_of_loss} in epoch {number}, batch {batch}; lower lr, or find the operation "
                f"with ag.trace_nan"
            )
        value.backward()
        totals["loss"] += number_of_loss * len(x)
        for name, metric in metrics.items():
            totals[name] += _measured(name, metric, outputs, y) * len(x)
        del outputs, value  # so that the next batch finds the memory of this graph free, and still in the cache
        if max_norm is not None:
            clip_grad_norm_([p for _, p in run.named_parameters], max_norm)
        optimizer.step()
    record = {name: total / len(run.loader.inputs) for name, total in totals.items()}
    if held_out is not None:
        found = _evaluate(model, loss, metrics, held_out, run.loader.batch_size)
        record.update({f"validation {name}": value for name, value in found.items()})
    record["lr"] = optimizer.param_groups[0]["lr"]
    for name, p in run.named_parameters:
        record[f"gradient {name}"] = 0.0 if p.grad is None else _magnitude(p.grad)
        record[f"weight {name}"] = _magnitude(p._seen())
    history = run.history
    new = [name for name in record if name not in history.records]
    if new and history.records:
        raise OperandError(
            f"fit: {', '.join(new)} was not recorded before the checkpoint; resume with the same metrics and validation"
        )
    smallest = min((v for v in history.records.get(run.monitor, ()) if not math.isnan(v)), default=math.inf)
    history.add(record)
    if record[run.monitor] < smallest or history.best_epoch < 0:
        history.best_epoch, history.best_state = number, model.state_dict()
    run.epoch = number
    if isinstance(run.schedule, ReduceLROnPlateau):
        run.schedule.step(record[run.monitor])
    elif run.schedule is not None:
        run.schedule.step()
    bar.show(number, record)
    for callback in sorted(run.callbacks, key=lambda c: isinstance(c, Checkpoint)):  # it saves the others
        callback(run)


def _in_place(model: Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier state of the model, with what it has now where that has another shape or is new.

    So are arrays that `forward` sets, for somebody to look at: their shape is that of the last batch.
    """
    now = model.state_dict()
    fits = {name for name, array in now.items() if name in state and np.shape(state[name]) == array.shape}
    return {name: state[name] if name in fits else array for name, array in now.items()}


def _measured(name: str, metric: Metric, outputs: Any, targets: Any) -> float:
    """What a metric says of one batch."""
    value = metric(outputs.numpy() if isinstance(outputs, Tensor) else outputs, targets)
    if np.size(value) != 1 or np.asarray(value).dtype.kind not in "biuf":
        raise OperandError(f"fit: the metric {name} returned {value!r:.60}; it must return one number")
    return float(np.asarray(value).item())


def _magnitude(array: Any) -> float:
    """The mean absolute value."""
    return float(np.add.reduce(np.abs(array), axis=None)) / max(array.size, 1)


def _evaluate(
    model: Module,
    loss: Callable[[Any, Any], Any],
    metrics: dict[str, Metric],
    data: tuple[Any, Any],
    batch_size: int,
) -> dict[str, float]:
    """Loss and metrics in evaluation mode."""
    totals = dict.fromkeys(["loss", *metrics], 0.0)
    model.eval()
    with no_grad():
        for x, y in batches(*data, max(batch_size, 256), np.arange(len(data[0]))):
            outputs = model(x)
            totals["loss"] += loss(outputs, y).item() * len(x)
            for name, metric in metrics.items():
                totals[name] += _measured(name, metric, outputs, y) * len(x)
    return {name: total / len(data[0]) for name, total in totals.items()}


def _check_labels(model: Module, loss: Any, inputs: Any, targets: Any) -> None:
    """Run one sample through model and loss, and look at all labels, before anything is trained."""
    bound = loss.keywords if isinstance(loss, functools.partial) else {}
    of_labels = targets.dtype.kind in "iu" and getattr(loss, "func", loss) in (cross_entropy, nll_loss)
    modes = [(module, module.training) for _, module in model.named_modules()]
    drawn = [(rng, rng.bit_generator.state) for rng in generators_of(model)]
    try:
        with no_grad():
            outputs = model.eval()(inputs[:1].copy())
            try:
                # of labels the sum, because a first label that is ignored has no mean
                loss(outputs, targets[:1].copy(), **{"reduction": "sum"} if of_labels else {})
            except OperandError as error:
                given = getattr(outputs, "shape", ())[1:]
                if of_labels or given == targets.shape[1:]:
                    raise
                column = "; give targets[:, None]" if given == (1,) and targets.ndim == 1 else ""
                raise OperandError(
                    f"fit: outputs of shape {(len(targets), *given)} and targets of shape {targets.shape}, of which "
                    f"one sample is tried first: {error}{column}"
                ) from error
    finally:
        for module, mode in modes:
            module.training = mode
        for rng, state in drawn:
            rng.bit_generator.state = state
    if of_labels:
        classes = outputs.shape[1]
        counted = targets[targets != bound.get("ignore_index", -100)]
        if not counted.size:
            raise OperandError(f"fit: every label of {targets.shape} is ignored; there must be one to learn from")
        if counted.min() < 0 or counted.max() >= classes:
            raise OperandError(
                f"fit: labels from {counted.min()} to {counted.max()}, and the model has {classes} outputs; labels "
                f"count from 0 to {classes - 1}"
            )
