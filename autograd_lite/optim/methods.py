"""First-order methods. Each is one `_update` of a stretch of the flat buffer, in place.

They agree with PyTorch's of the same names and arguments to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.optim.flat import Run
from autograd_lite.optim.optimizer import Optimizer

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]


def _decay(group: dict[str, Any], run: Run) -> None:
    """The gradient of (weight_decay / 2) * |values|**2, added."""
    if group["weight_decay"]:
        np.multiply(run.values, group["weight_decay"], out=run.scratch)
        run.gradients += run.scratch


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Polyak, 1964) in the form of Sutskever et al. (2013).

    Args:
        params: Tensors or parameter groups.
        lr: the learning rate.
        momentum: what part of the last step is repeated, from 0 to below 1.
        nesterov: whether the gradient counts as taken after that part.
        weight_decay: the factor of the parameters that is added to their gradients.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.numpy()
    array([0.8])
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["nesterov"] and not group["momentum"]:
            raise OperandError("SGD: nesterov=True with momentum=0 does nothing; give a momentum, for instance 0.9")

    def _update(self, group: dict[str, Any], run: Run) -> None:
        _decay(group, run)
        step = run.gradients
        if group["momentum"]:
            momentum = run.states["momentum_buffer"]
            momentum *= group["momentum"]
            momentum += run.gradients
            if group["nesterov"]:
                np.multiply(momentum, group["momentum"], out=run.scratch)
                step += run.scratch
            else:
                step = momentum
        np.multiply(step, group["lr"], out=run.scratch)
        run.values -= run.scratch


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015): steps of the mean gradient over the root of its mean square.

    Args:
        params: Tensors or parameter groups.
        lr: the learning rate.
        betas: how much of either mean is kept at a step, each from 0 to below 1.
        eps: added to the root.
        weight_decay: the factor of the parameters that is added to their gradients.
        amsgrad: whether the largest mean square so far takes the place of the mean square, so that a step never
            becomes longer because large gradients were long ago (Reddi, Kale and Kumar, 2018).

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(6)
    array([0.9])
    """

    # The sums are the means without their last factor, 1 - beta, which the update takes in once: that saves a pass
    # over each buffer.
    state_names = ("sum", "sum_of_squares")
    _decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if not isinstance(group["amsgrad"], bool):
            raise OperandError(f"{self._name}: amsgrad={group['amsgrad']!r}; it must be True or False")

    def _remembered(self, group: dict[str, Any]) -> tuple[str, ...]:
        return (*self.state_names, "largest_sum_of_squares") if group["amsgrad"] else self.state_names

    def _settle(self) -> None:
        """Where the betas of a group were changed, rescale its sums, so that the means stay what they were.

        Where `amsgrad` was switched on, the largest sums begin now; where it was switched off, they are forgotten.
        """
        settled = self.__dict__.setdefault("_settled", [])
        for position, (group, flats) in enumerate(zip(self.param_groups, self._flats, strict=True)):
            for flat in flats:
                flat.remember(self._remembered(group))
            betas = tuple(group["betas"])
            if position == len(settled):
                settled.append(betas)
            elif settled[position] != betas:
                self._check(group)
                for name, place in zip(self._remembered(group), (0, 1, 1), strict=False):
                    for flat in flats:
                        flat.states[name] *= (1 - settled[position][place]) / (1 - betas[place])
                settled[position] = betas

    def _look(self) -> bool:
        changed = super()._look()
        if changed:
            self._settle()
        return changed

    def state_dict(self) -> dict[str, Any]:
        """As for every optimiser."""
        self._settle()
        return super().state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict(state_dict)
        self._settled = [tuple(group["betas"]) for group in self.param_groups]

    def _update(self, group: dict[str, Any], run: Run) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        if self._decoupled:
            if group["weight_decay"]:
                run.values *= 1 - lr * group["weight_decay"]
        else:
            _decay(group, run)
        first, second, room = run.states["sum"], run.states["sum_of_squares"], run.gradients
        first *= beta1
        first += run.gradients
        second *= beta2
        np.square(run.gradients, out=room)
        second += room
        if group["amsgrad"]:
            largest = run.states["largest_sum_of_squares"]
            second = np.maximum(largest, second, out=largest)
        # mean = share1 * first and mean square = share2 * second, free of the bias of their start at 0
        share1 = (1 - beta1) / (1 - beta1**run.steps)
        root2 = math.sqrt((1 - beta2) / (1 - beta2**run.steps))
        np.sqrt(second, out=room)
        room += group["eps"] / root2
        np.divide(first, room, out=room)
        room *= lr * share1 / root2
        run.values -= room


class AdamW(Adam):
    """Adam whose weight decay acts on the parameters, not through the gradient (Loshchilov and Hutter, 2019).

    Args:
        params: Tensors or parameter groups.
        lr: the learning rate.
        betas: how much of either mean is kept at a step.
        eps: added to the root.
        weight_decay: the parameters are multiplied by 1 - lr * weight_decay at each step.
        amsgrad: as for `Adam`.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(6)
    array([0.85])
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)


class RMSprop(Optimizer):
    """Steps of the gradient over the root of its mean square (Tieleman and Hinton, 2012).

    Args:
        params: Tensors or parameter groups.
        lr: the learning rate.
        alpha: how much of the mean square is kept at a step, from 0 to below 1.
        eps: added to the root.
        weight_decay: the factor of the parameters that is added to their gradients.
        momentum: what part of the last step is repeated.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(6)
    array([0.])
    """

    state_names = ("square_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)

    def _update(self, group: dict[str, Any], run: Run) -> None:
        _decay(group, run)
        square, scratch = run.states["square_avg"], run.scratch
        square *= group["alpha"]
        np.multiply(run.gradients, run.gradients, out=scratch)
        scratch *= 1 - group["alpha"]
        square += scratch
        np.sqrt(square, out=scratch)
        scratch += group["eps"]
        np.divide(run.gradients, scratch, out=scratch)
        if group["momentum"]:
            momentum = run.states["momentum_buffer"]
            momentum *= group["momentum"]
            momentum += scratch
            np.copyto(scratch, momentum)
        scratch *= group["lr"]
        run.values -= scratch


class Adagrad(Optimizer):
    """Steps of the gradient over the root of the sum of all its squares (Duchi, Hazan and Singer, 2011).

    Args:
        params: Tensors or parameter groups.
        lr: the learning rate.
        lr_decay: at step t the learning rate is lr / (1 + (t - 1) * lr_decay).
        eps: added to the root.
        weight_decay: the factor of the parameters that is added to their gradients.

    >>> from autograd_lite import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(6)
    array([0.9])
    """

    state_names = ("sum_of_squares",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        *,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)

    def _update(self, group: dict[str, Any], run: Run) -> None:
        _decay(group, run)
        total, scratch = run.states["sum_of_squares"], run.scratch
        np.multiply(run.gradients, run.gradients, out=scratch)
        total += scratch
        np.sqrt(total, out=scratch)
        scratch += group["eps"]
        np.divide(run.gradients, scratch, out=scratch)
        scratch *= group["lr"] / (1 + (run.steps - 1) * group["lr_decay"])
        run.values -= scratch
