"""Losses, under PyTorch's names, with its arguments `reduction="mean" | "sum" | "none"`.

Each is a composition of Tensor operations in a form that is finite for any finite input. Inputs and targets are
Tensors or plain arrays. A target must have the input's shape: a difference that broadcasts, (n, 1) against (n,),
is the commonest silent mistake in a training loop, and is refused here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import log_softmax, operand, signed, softplus
from autograd_lite.operations import apply_unary
from autograd_lite.rules.indexing import getitem, numbers
from autograd_lite.rules.softmax import log_softmax as log_softmax_in_one
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mae_loss",
    "mse_loss",
    "nll_loss",
]


_INTP = np.dtype(np.intp)
_maximum: Any = np.maximum.reduce


def _pair(name: str, x: Any, target: Any) -> tuple[Any, Any]:
    x, target = signed(x, name), operand(target, name)
    if x.shape != target.shape:
        raise OperandError(
            f"{name}: an input of shape {x.shape} and a target of shape {target.shape}; reshape one of them so that "
            f"they are the same"
        )
    return x, target


def _reduced(name: str, loss: Any, reduction: str) -> Any:
    if reduction == "mean":
        if not loss.size:
            raise OperandError(f"{name}: an empty batch, of shape {loss.shape}, has no mean; leave it out")
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise OperandError(f"{name}: reduction={reduction!r} is not known; use 'mean', 'sum' or 'none'")


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error (input - target)**2.

    Raises:
        OperandError: the shapes differ; the mean of an empty batch; an unknown reduction. So for every loss here.

    >>> mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).item()
    2.0
    """
    input, target = _pair("mse_loss", input, target)
    return _reduced("mse_loss", (input - target) ** 2, reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The absolute error, whose derivative at 0 is 0.

    >>> l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).item()
    1.0
    """
    input, target = _pair("l1_loss", input, target)
    return _reduced("l1_loss", np.abs(input - target), reduction)


mae_loss = l1_loss


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error up to `delta`, linear beyond (Huber, 1964).

    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise OperandError(f"huber_loss: delta={delta} must be positive")
    input, target = _pair("huber_loss", input, target)
    error = input - target
    inside = np.clip(error, -delta, delta)
    # e**2 / 2 inside and delta * (|e| - delta / 2) outside, in one expression
    return _reduced("huber_loss", inside * (error - 0.5 * inside), reduction)


def binary_cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The cross-entropy of probabilities `input` in [0, 1] with targets in [0, 1].

    As in PyTorch a logarithm is not let below -100, so that a wrong certainty costs 100 and has a gradient of 0;
    `binary_cross_entropy_with_logits` has the right one everywhere.

    Raises:
        OperandError: an input outside [0, 1].

    >>> binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 1.0])).round(4).item()
    0.3466
    """
    name = "binary_cross_entropy"
    input, target = _pair(name, input, target)
    p = numbers_of(input)
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise OperandError(
            f"{name}: inputs from {p.min()} to {p.max()} are not probabilities; apply sigmoid, or better, give the "
            f"logits to binary_cross_entropy_with_logits"
        )
    return _reduced(name, -(target * _bounded_log(input) + (1.0 - target) * _bounded_log(1.0 - input)), reduction)


def _bounded_log(p: Any) -> Any:
    """log(p), but at least -100, without the infinite slope of the logarithm at 0."""
    lowest = math.exp(-100.0)
    certain = p <= lowest
    if not np.any(numbers_of(certain)):
        return np.log(p)
    return np.where(certain, -100.0, np.log(np.where(certain, 1.0, p)))


def binary_cross_entropy_with_logits(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The cross-entropy of sigmoid(input) with targets in [0, 1]: softplus(input) - input * target.

    >>> binary_cross_entropy_with_logits(np.array([1e4, 0.0]), np.array([1.0, 1.0]), reduction="none").round(4)
    array([0.    , 0.6931])
    """
    name = "binary_cross_entropy_with_logits"
    input, target = _pair(name, input, target)
    return _reduced(name, softplus(input) - input * target, reduction)


def _labels(name: str, scores: Any, target: Any) -> tuple[Any, Any]:
    """Scores as (n, classes) and integer labels as (n,), both checked."""
    shape = scores.shape
    axis = 1 if len(shape) > 1 else 0
    labels = numbers_of(target)
    if not shape or labels.shape != (shape[:1] if len(shape) == 2 else shape[:axis] + shape[axis + 1 :]):
        raise OperandError(
            f"{name}: scores of shape {shape} need one integer label for each place but the class axis {axis}; "
            f"the labels have shape {labels.shape}"
        )
    classes = shape[axis]
    # seen as unsigned, a negative label is a huge one: one look for both ends
    whole = labels if labels.dtype is _INTP else labels.astype(np.intp)
    if labels.size and _maximum(whole.view(np.uintp), None) >= classes:
        raise OperandError(
            f"{name}: labels from {labels.min()} to {labels.max()} with {classes} classes; labels count from 0 to "
            f"{classes - 1}"
        )
    if len(shape) == 2:
        return scores, labels
    if len(shape) == 1:
        return scores.reshape(1, classes), labels.reshape(1)
    return np.moveaxis(scores, 1, -1).reshape(-1, classes), labels.reshape(-1)


def _log_softmax(logits: Any) -> Any:
    """`log_softmax` of each row, as one operation."""
    if isinstance(logits, Tensor):  # past what finds that out for any arguments
        return apply_unary(log_softmax_in_one, logits, {"axis": 1})
    return log_softmax_in_one(logits, axis=1)


def _chosen(scores: Any, labels: Any) -> Any:
    """In each row of `scores`, that of its label."""
    index = (numbers(len(labels)), labels.copy())
    return apply_unary(getitem, scores, {"index": index}) if isinstance(scores, Tensor) else scores[index]


def cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The cross-entropy of softmax(input) with the target.

    Args:
        input: logits of shape (classes,), (n, classes) or (n, classes, ...).
        target: integer labels, of that shape without the class axis; or probabilities, of that shape.
        reduction: the mean is one over the places, not over the classes.

    Raises:
        OperandError: labels out of range, or of another shape.

    >>> cross_entropy(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([0, 1]), reduction="none").round(4)
    array([0.    , 0.6931])
    """
    name = "cross_entropy"
    input, target = signed(input, name), operand(target, name)
    if target.dtype.kind in "iu":
        logits, labels = _labels(name, input, target)
        chosen = _chosen(_log_softmax(logits), labels)
        # The one number is turned round, not each; and from 0, because the negative of no loss would be -0.
        return 0.0 - _reduced(name, chosen if logits is input else chosen.reshape(target.shape), reduction)
    input, target = _pair(name, input, target)
    axis = 1 if input.ndim > 1 else 0
    # a class of probability 0 costs nothing, even where its logit is -inf
    logs = log_softmax(input, axis)
    if np.isneginf(numbers_of(logs)).any():
        logs = np.where(numbers_of(target) == 0, 0.0, logs)
    return _reduced(name, -(target * logs).sum(axis=axis), reduction)


def nll_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Minus the log-probability of each label; `input` are log-probabilities, shaped as for `cross_entropy`.

    >>> nll_loss(np.log(np.array([[0.25, 0.75]])), np.array([0])).round(4).item()
    1.3863
    """
    name = "nll_loss"
    input, target = operand(input, name), operand(target, name)
    if target.dtype.kind not in "iu":
        raise OperandError(f"{name}: labels of dtype {target.dtype}; they must be integers")
    logs, labels = _labels(name, input, target)
    return _reduced(name, -_chosen(logs, labels).reshape(target.shape), reduction)


def hinge_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """max(0, 1 - target * input) for targets -1 and 1, the loss of support vector machines.

    >>> hinge_loss(np.array([0.5, 3.0]), np.array([1, -1]), reduction="none")
    array([0.5, 4. ])
    """
    input, target = _pair("hinge_loss", input, target)
    signs = numbers_of(target)
    if not ((signs == 1) | (signs == -1)).all():
        raise OperandError("hinge_loss: targets must be -1 or 1; for labels 0 and 1 pass 2 * target - 1")
    margin = 1.0 - input * target
    return _reduced("hinge_loss", np.where(margin <= 0, 0.0, margin), reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """The Kullback-Leibler divergence target * (log(target) - input); `input` are log-probabilities.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with `log_target`.
        reduction: "batchmean", the sum over everything divided by the first axis, is the divergence of
            distributions; "mean" divides by the number of elements, as in PyTorch.

    >>> kl_div(np.log(np.array([[0.5, 0.5]])), np.array([[1.0, 0.0]]), reduction="batchmean").round(4).item()
    0.6931
    """
    input, target = _pair("kl_div", input, target)
    if log_target:
        loss = np.exp(target) * (target - input)
    else:
        if target.size and numbers_of(target).min() < 0:
            raise OperandError("kl_div: a target below 0 is no probability; with logarithms pass log_target=True")
        zero = target == 0
        logs = np.log(np.where(zero, 1.0, target))  # 0 log 0 = 0
        loss = target * (logs - input)
    if reduction == "batchmean":
        if not input.ndim or not len(input):
            raise OperandError(f"kl_div: an input of shape {input.shape} has no batch; use reduction='sum'")
        return loss.sum() / len(input)
    return _reduced("kl_div", loss, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """Minus the log-likelihood of the target under normal distributions of mean `input` and variance `var`.

    Args:
        input: means.
        target: of the same shape.
        var: variances, not negative, of a shape that broadcasts to it; those below `eps` count as `eps`.
        full: whether to add the constant log(2 pi) / 2.
        eps: the smallest variance.
        reduction: as everywhere here.

    >>> gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1.0])).item()
    2.0
    """
    name = "gaussian_nll_loss"
    input, target = _pair(name, input, target)
    var = operand(var, name)
    widths = zip(reversed(var.shape), reversed(input.shape), strict=False)
    if var.ndim > input.ndim or any(width not in (1, wanted) for width, wanted in widths):
        raise OperandError(
            f"{name}: variances of shape {var.shape} for an input of shape {input.shape}; give one for each element, "
            f"or a shape that broadcasts to the input's"
        )
    if var.size and numbers_of(var).min() < 0:
        raise OperandError(f"{name}: a variance of {numbers_of(var).min()} is negative; pass the exp of a free number")
    bounded = np.where(var <= eps, eps, var)
    loss = 0.5 * (np.log(bounded) + (input - target) ** 2 / bounded)
    return _reduced(name, loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def cosine_similarity(x1: Any, x2: Any, axis: int = -1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along `axis`; lengths below `eps` count as `eps`.

    An `eps` below the smallest normal number of the dtype, as the default is in float16, counts as that.

    >>> cosine_similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0])).round(4).item()
    0.7071
    """
    x1, x2 = _pair("cosine_similarity", x1, x2)
    lengths = [np.linalg.norm(x, axis=axis, keepdims=True) for x in (x1, x2)]
    least = [max(eps, float(np.finfo(length.dtype).tiny)) for length in lengths]
    first, second = [np.where(length <= e, e, length) for length, e in zip(lengths, least, strict=True)]
    return (x1 / first * (x2 / second)).sum(axis=axis)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cosine for pairs that belong together (target 1), max(0, cosine - margin) for others (target -1).

    >>> cosine_embedding_loss(np.eye(2), np.eye(2)[::-1], np.array([1, -1]), reduction="none")
    array([1., 0.])
    """
    name = "cosine_embedding_loss"
    cosine = cosine_similarity(input1, input2)
    cosine, target = _pair(name, cosine, target)
    together = numbers_of(target) == 1
    if not (together | (numbers_of(target) == -1)).all():
        raise OperandError(f"{name}: targets must be -1 or 1; for labels 0 and 1 pass 2 * target - 1")
    excess = cosine - margin
    return _reduced(name, np.where(together, 1.0 - cosine, np.where(excess <= 0, 0.0, excess)), reduction)
