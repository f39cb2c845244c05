"""Learning rate schedules: each sets `lr` of the optimiser's groups when its `step` is called, once per epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from autograd_lite.errors import OperandError
from autograd_lite.optim.optimizer import Optimizer, is_number

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearWarmup",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
]


class Schedule:
    """What all schedules share: the learning rate is the one the group started with, times `multiplier(epoch)`.

    Where something else has changed a learning rate since the last `step`, another schedule or an assignment, the
    multiplier acts on what it was changed to: so two schedules of one optimiser multiply, as long as neither gives 0.
    A group that is added to the optimiser later starts with the learning rate it has when `step` first meets it.

    Args:
        optimizer: whose learning rates are set; so for every schedule here.

    Raises:
        OperandError: no optimiser; a number of epochs below 1, a factor out of its range; so for every schedule here.

    A schedule of one's own defines `multiplier`:

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> class Inverse(Schedule):
    ...     def multiplier(self, epoch):
    ...         return 1 / (1 + epoch)
    >>> schedule = Inverse(SGD([Tensor([1.0], requires_grad=True)], lr=1.0))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise OperandError(
                f"{type(self).__name__}: the optimizer is {optimizer!r:.60}; give one such as "
                f"optim.Adam(model.parameters())"
            )
        self.optimizer = optimizer
        self.base_lrs: list[float] = []
        self.epoch = 0
        #: what was last seen of each group
        self._rates: list[float] = []
        self._set()

    def multiplier(self, epoch: int) -> float:
        """What the learning rate is multiplied by at `epoch`, counted from 0; a subclass defines it."""
        raise OperandError(f"{type(self).__name__}: it defines no multiplier(epoch)")

    def _meet(self) -> None:
        """Note the learning rates of the groups that are new, and those that something else has changed."""
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        for position, (now, before) in enumerate(zip(rates, self._rates, strict=False)):
            slope = 0.0 if now == before else self.multiplier(self.epoch)
            if slope:  # with the base for which `_lr` gives what there is now
                self.base_lrs[position] = (now - self._lr(0.0)) / slope
        self.base_lrs += rates[len(self.base_lrs) :]
        self._rates = rates

    def _set(self) -> None:
        self._meet()
        rates = [self._lr(base) for base in self.base_lrs]
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._rates = rates

    def _lr(self, base: float) -> float:
        """What a learning rate that started as `base` is now."""
        return base * self.multiplier(self.epoch)

    def step(self) -> None:
        """Go to the next epoch."""
        self._meet()
        self.epoch += 1
        try:
            self._set()
        except BaseException:  # of the function that a LambdaLR was given; the epoch is tried again
            self.epoch -= 1
            raise

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        self._meet()
        return {"epoch": self.epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, and set the learning rates by it."""
        own = self.state_dict()
        name = f"{type(self).__name__}.load_state_dict"
        missing = set(own) - set(state)
        if missing:
            raise OperandError(f"{name}: {', '.join(sorted(missing))} missing; pass what state_dict() returned")
        new = {key: state[key] for key in own}
        rates = new["base_lrs"]
        if not isinstance(rates, (list, tuple)) or len(rates) != len(self.base_lrs):
            raise OperandError(f"{name}: base_lrs={rates}; there must be one for each of {len(self.base_lrs)} groups")
        for value in (*rates, *(value for key, value in new.items() if key != "base_lrs")):
            if not isinstance(value, (int, float)):
                raise OperandError(f"{name}: {value!r} is no number; pass what state_dict() returned")
        before = dict(vars(self))
        vars(self).update({**new, "base_lrs": list(rates)})
        try:
            self._set()
        except BaseException:
            vars(self).update(before)
            raise

    def __repr__(self) -> str:
        rates = self.get_last_lr()
        settings = [
            f"{key}={getattr(value, '__name__', value)}"
            for key, value in vars(self).items()
            if key not in ("optimizer", "base_lrs", "epoch", "_rates")
        ]
        now = f"epoch={self.epoch}, lr={rates[0] if len(rates) == 1 else rates}"
        return f"{type(self).__name__}({'; '.join([now, *filter(None, [', '.join(settings)])])})"


def _factor(name: str, gamma: Any) -> Any:
    """`gamma`, if a learning rate can be multiplied by it."""
    if not (is_number(gamma) and 0 <= gamma < math.inf):
        raise OperandError(f"{name}: gamma={gamma!r:.60}; it must be a finite number, not negative")
    return gamma


class StepLR(Schedule):
    """Times `gamma` every `step_size` epochs, a whole number of at least 1.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> schedule = StepLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), step_size=2, gamma=0.1)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.1, 0.1]
    >>> schedule
    StepLR(epoch=4, lr=0.01; step_size=2, gamma=0.1)
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if not (is_number(step_size) and step_size >= 1):
            raise OperandError(f"StepLR: step_size={step_size!r:.60}; it must be a number of at least 1")
        self.step_size, self.gamma = step_size, _factor("StepLR", gamma)
        super().__init__(optimizer)

    def multiplier(self, epoch: int) -> float:
        """gamma to the number of steps so far."""
        return float(self.gamma ** (epoch // self.step_size))


class ExponentialLR(Schedule):
    """Times `gamma` every epoch.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> schedule = ExponentialLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), gamma=0.5)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = _factor("ExponentialLR", gamma)
        super().__init__(optimizer)

    def multiplier(self, epoch: int) -> float:
        """gamma to the number of epochs."""
        return float(self.gamma**epoch)


class LambdaLR(Schedule):
    """Times whatever `lr_lambda(epoch)` returns, a function of the number of the epoch, counted from 0.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> schedule = LambdaLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), lambda epoch: 0.5**epoch)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        if not callable(lr_lambda):
            raise OperandError(f"LambdaLR: lr_lambda={lr_lambda!r:.60}; give one function of the number of the epoch")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def multiplier(self, epoch: int) -> float:
        """What the given function says."""
        return self.lr_lambda(epoch)


class CosineAnnealingLR(Schedule):
    """Down to `eta_min` along half a cosine in `T_max` epochs (Loshchilov and Hutter, 2017), then level.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> schedule = CosineAnnealingLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), T_max=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        if not (is_number(T_max) and T_max >= 1):
            raise OperandError(f"CosineAnnealingLR: T_max={T_max!r:.60}; it must be a number of at least 1")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def multiplier(self, epoch: int) -> float:
        """(1 + cos(pi * epoch / T_max)) / 2."""
        return 0.5 * (1 + math.cos(math.pi * min(epoch, self.T_max) / self.T_max))

    def _lr(self, base: float) -> float:
        return self.eta_min + (base - self.eta_min) * self.multiplier(self.epoch)


class LinearWarmup(Schedule):
    """Up to the full learning rate in `warmup` equal steps, then `after(epoch - warmup)` times it, or level.

    `after` is a function of the epoch, such as the `multiplier` of another schedule of the same optimiser.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> schedule = LinearWarmup(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), warmup=4)
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, warmup: int, after: Callable[[int], float] | None = None) -> None:
        if not (is_number(warmup) and warmup >= 1):
            raise OperandError(f"LinearWarmup: warmup={warmup!r:.60}; it must be a number of at least 1")
        if after is not None and not callable(after):
            raise OperandError(
                f"LinearWarmup: after={after!r:.60}; give a function of the epoch, lambda epoch: 0.9**epoch, or of "
                f"another schedule its .multiplier"
            )
        self.warmup, self.after = warmup, after
        super().__init__(optimizer)

    def multiplier(self, epoch: int) -> float:
        """A rising line, then what follows it."""
        if epoch < self.warmup:
            return (epoch + 1) / self.warmup
        return 1.0 if self.after is None else self.after(epoch - self.warmup)


class ReduceLROnPlateau(Schedule):
    """Times `factor` when `step(metric)` has seen no new minimum, or maximum, for more than `patience` epochs.

    Args:
        optimizer: whose learning rates are set.
        mode: "min" for a metric that is to fall, a loss; "max" for one that is to rise, an accuracy.
        factor: what the learning rates are multiplied by, between 0 and 1.
        patience: epochs without a new best metric that are put up with.
        threshold: what is new is better than the best by this share of its magnitude.
        min_lr: the learning rate below which it does not go.

    Raises:
        OperandError: another `mode`, `factor` out of its range; `step` without a metric, or with one that is no number.

    >>> from autograd_lite import Tensor
    >>> from autograd_lite.optim import SGD
    >>> schedule = ReduceLROnPlateau(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), factor=0.5, patience=1)
    >>> for loss in (3.0, 3.0, 3.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        *,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise OperandError(f"ReduceLROnPlateau: mode={mode!r:.60}; it must be 'min' or 'max'")
        if not 0 < factor < 1:
            raise OperandError(f"ReduceLROnPlateau: factor={factor}; it must lie between 0 and 1")
        self.mode, self.factor, self.patience, self.threshold, self.min_lr = mode, factor, patience, threshold, min_lr
        self.best, self.waited, self.reduced = math.inf if mode == "min" else -math.inf, 0, 0
        super().__init__(optimizer)

    def multiplier(self, epoch: int) -> float:
        """factor to the number of reductions so far."""
        return float(self.factor**self.reduced)

    def _lr(self, base: float) -> float:
        return max(base * self.multiplier(self.epoch), min(self.min_lr, base))

    def step(self, metric: Any = None) -> None:
        """Note the metric of an epoch; better is what is so by the share `threshold` of the best one's magnitude."""
        if metric is None:
            raise OperandError("ReduceLROnPlateau: step needs the metric to watch; call step(loss)")
        try:
            metric = float(metric.item() if hasattr(metric, "item") else metric)
        except (TypeError, ValueError) as error:
            raise OperandError(f"ReduceLROnPlateau: step got the metric {metric!r:.60}; give one number") from error
        self._meet()
        low, lowest = (metric, self.best) if self.mode == "min" else (-metric, -self.best)
        if low < lowest - self.threshold * abs(lowest) or low < math.inf == lowest:
            self.best, self.waited = metric, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.reduced, self.waited = self.reduced + 1, 0
        super().step()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {**super().state_dict(), "best": self.best, "waited": self.waited, "reduced": self.reduced}
