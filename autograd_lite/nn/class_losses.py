"""Cross-entropies: of probabilities, of logits and of log-probabilities. `losses` hands them on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.direct import apply_unary
from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import log_softmax, operand, signed, softplus
from autograd_lite.nn.reduction import checked_weight, named, pair, real_only, reduced, repeats_to
from autograd_lite.rules.indexing import getitem, numbers, scatter
from autograd_lite.rules.softmax import nll
from autograd_lite.rules.table import numbers_of
from autograd_lite.tensor import Tensor

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "nll_loss"]


_INTP = np.dtype(np.intp)
_maximum: Any = np.maximum.reduce


# --- two classes -------------------------------------------------------------------------------------------------


def binary_cross_entropy(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """The cross-entropy of probabilities `input` in [0, 1] with targets in [0, 1].

    As in PyTorch a logarithm is not let below -100, so that a wrong certainty costs 100 and has a gradient of 0;
    `binary_cross_entropy_with_logits` has the right one everywhere.

    Args:
        input: probabilities.
        target: probabilities, of the same shape.
        reduction: the mean is one over the elements, whatever their weights, as in PyTorch.
        weight: what each element is multiplied by, of a shape that broadcasts to theirs, or None.

    Raises:
        OperandError: an input or a target outside [0, 1]; a weight of another shape, negative or not finite.

    >>> binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 1.0])).round(4).item()
    0.3466
    """
    name = "binary_cross_entropy"
    input, target = _two_classes(name, input, target)
    p = numbers_of(input)
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise OperandError(
            f"{name}: inputs from {p.min()} to {p.max()} are not probabilities; apply sigmoid, or better, give the "
            f"logits to binary_cross_entropy_with_logits"
        )
    if weight is not None:
        weight = _repeated_weight(name, weight, input)
    loss = -(target * _bounded_log(input) + (1.0 - target) * _bounded_log(1.0 - input))
    return reduced(name, loss if weight is None else weight * loss, reduction)


def _two_classes(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """The operands; labels such as -1 or 2 are refused, with which the loss has no least value."""
    input, target = pair(name, input, target)
    shares = numbers_of(target)
    # Shares that were computed, in half floats perhaps, may be beyond the ends by their rounding.
    if shares.size and not (shares.dtype.kind == "c" or (shares.min() >= -1e-3 and shares.max() <= 1 + 1e-3)):
        raise OperandError(
            f"{name}: targets from {shares.min()} to {shares.max()}; they must be in [0, 1], so for labels -1 and 1 "
            f"give (target + 1) / 2"
        )
    return input, target


def _bounded_log(p: Any) -> Any:
    """log(p), but at least -100, without the infinite slope of the logarithm at 0."""
    lowest = math.exp(-100.0)
    certain = p <= lowest
    if not np.any(numbers_of(certain)):
        return np.log(p)
    return np.where(certain, -100.0, np.log(np.where(certain, 1.0, p)))


def binary_cross_entropy_with_logits(
    input: Any, target: Any, reduction: str = "mean", weight: Any = None, pos_weight: Any = None
) -> Any:
    """The cross-entropy of sigmoid(input) with targets in [0, 1]: softplus(input) - input * target.

    Args:
        input: logits.
        target: probabilities, of the same shape.
        reduction: the mean is one over the elements, whatever their weights, as in PyTorch.
        weight: what each element is multiplied by, of a shape that broadcasts to theirs, or None.
        pos_weight: what the share of the target that is 1 is multiplied by, of such a shape, or None: with negative
            samples / positive samples, both count the same.

    Raises:
        OperandError: a target outside [0, 1]; a weight of another shape, negative or not finite.

    >>> binary_cross_entropy_with_logits(np.array([1e4, 0.0]), np.array([1.0, 1.0]), reduction="none").round(4)
    array([0.    , 0.6931])
    >>> binary_cross_entropy_with_logits(np.zeros(2), np.array([1.0, 0.0]), "none", pos_weight=3.0).round(4)
    array([2.0794, 0.6931])
    """
    name = "binary_cross_entropy_with_logits"
    input, target = _two_classes(name, input, target)
    if weight is not None:
        weight = _repeated_weight(name, weight, input)
    if pos_weight is None:
        loss = softplus(input) - input * target
    else:
        pos_weight = _repeated_weight(name, pos_weight, input, "pos_weight")
        # both terms are accurate in both tails
        loss = pos_weight * target * softplus(-input) + (1.0 - target) * softplus(input)
    return reduced(name, loss if weight is None else weight * loss, reduction)


def _repeated_weight(name: str, weight: Any, x: Any, argument: str = "weight") -> Any:
    """One weight for each element of `x`, perhaps by broadcasting."""
    weight = checked_weight(name, weight, x, argument)
    if not repeats_to(weight.shape, x.shape):
        raise OperandError(
            f"{name}: a {argument} of shape {weight.shape} for an input of shape {x.shape}; give one for each element, "
            f"or a shape that broadcasts to the input's"
        )
    return weight


# --- any number of classes ---------------------------------------------------------------------------------------


def cross_entropy(
    input: Any,
    target: Any,
    reduction: str = "mean",
    weight: Any = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """The cross-entropy of softmax(input) with the target.

    Args:
        input: logits of shape (classes,), (n, classes) or (n, classes, ...).
        target: integer labels, of that shape without the class axis; or probabilities, of that shape.
        reduction: the mean is one over the places, not over the classes: over those whose label is not ignored, and
            by the weights of their labels. With probabilities it is over all places, whatever the weights.
        weight: what each class is multiplied by, of shape (classes,), or None.
        ignore_index: the label of places that have neither loss nor gradient, whatever their logits are.
        label_smoothing: the share, from 0 to 1, of the target that is spread evenly over the classes (Szegedy and
            others, 2016, "Rethinking the Inception Architecture for Computer Vision", section 7).

    Raises:
        OperandError: labels out of range, or of another shape; the mean where every label is ignored or has a weight
            of 0; weights of another shape, negative or not finite; an `ignore_index` with probabilities.

    >>> cross_entropy(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([0, 1]), reduction="none").round(4)
    array([0.    , 0.6931])
    >>> cross_entropy(np.zeros((3, 2)), np.array([0, -100, 1]), "none", weight=[1.0, 2.0]).round(4)
    array([0.6931, 0.    , 1.3863])
    """
    name = "cross_entropy"
    input, target = signed(input, name), operand(target, name)
    if target.dtype.kind in "iu":
        logits, labels, rows = _labels(name, input, target, ignore_index)
        if weight is None and rows is None and not label_smoothing:
            return _nll(name, log_softmax(logits, 1), labels, target.shape, reduction)
        smoothing = _checked_smoothing(name, label_smoothing)
        weight = _class_weight(name, weight, input)
        return _of_labels(name, log_softmax(logits, 1), labels, rows, target.shape, reduction, weight, smoothing)
    if input.ndim and target.shape == input.shape[: input.ndim > 1] + input.shape[2:]:
        raise OperandError(
            f"{name}: scores of shape {input.shape} and labels of dtype {target.dtype}; labels must be integers, "
            f"labels.astype(int)"
        )
    if target.ndim == input.ndim + 1 and target.shape[:1] == input.shape[:1]:
        raise OperandError(
            f"{name}: an input of shape {input.shape} and a target of shape {target.shape}; the scores come first, so "
            f"exchange the two"
        )
    input, target = pair(name, input, target)
    if not input.ndim:
        raise OperandError(f"{name}: an input of shape () has no classes; its shape must be (classes,) or (n, classes)")
    axis = 1 if input.ndim > 1 else 0
    if ignore_index != -100 and _checked_index(name, ignore_index) >= 0:
        raise OperandError(
            f"{name}: ignore_index={ignore_index} with a target of probabilities; give integer labels, or multiply "
            f"the losses of reduction='none' by zeros and ones"
        )
    if label_smoothing:
        smoothing = _checked_smoothing(name, label_smoothing)
        target = (1.0 - smoothing) * target + smoothing / max(input.shape[axis], 1)
    if weight is not None:
        target = _class_weight(name, weight, input).reshape(-1, *[1] * (input.ndim - axis - 1)) * target
    return reduced(name, -_times(target, log_softmax(input, axis)).sum(axis=axis), reduction)


def nll_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None, ignore_index: int = -100) -> Any:
    """Minus the log-probability of each label.

    Args:
        input: log-probabilities, shaped as the logits of `cross_entropy`.
        target, reduction, weight, ignore_index: as for the labels of `cross_entropy`.

    Raises:
        OperandError: labels that are not integers; what `cross_entropy` refuses of labels.

    >>> nll_loss(np.log(np.array([[0.25, 0.75]])), np.array([0])).round(4).item()
    1.3863
    """
    name = "nll_loss"
    input, target = operand(input, name), operand(target, name)
    if target.dtype.kind not in "iu":
        raise OperandError(f"{name}: labels of dtype {target.dtype}; they must be integers")
    logs, labels, rows = _labels(name, input, target, ignore_index)
    if weight is None and rows is None:
        return _nll(name, logs, labels, target.shape, reduction)
    return _of_labels(name, logs, labels, rows, target.shape, reduction, _class_weight(name, weight, input), 0.0)


def _labels(name: str, scores: Any, target: Any, ignore_index: Any) -> tuple[Any, Any, Any]:
    """Scores as (n, classes) and integer labels as (n,), both checked, of the rows that are not ignored.

    Last come the numbers of those rows, or None for all.
    """
    shape = real_only(name, scores).shape
    axis = 1 if len(shape) > 1 else 0
    labels = numbers_of(target)
    if not shape:
        raise OperandError(f"{name}: scores of shape () have no classes; give them shape (classes,) or (n, classes)")
    if labels.shape != (shape[:1] if len(shape) == 2 else shape[:axis] + shape[axis + 1 :]):
        raise OperandError(
            f"{name}: scores of shape {shape} and labels of shape {labels.shape}; give one integer label for each "
            f"place but the class axis {axis}, shape {shape[:axis] + shape[axis + 1 :]}"
        )
    classes = shape[axis]
    # seen as unsigned, a negative label is a huge one: one look for both ends
    whole = labels if labels.dtype is _INTP else labels.astype(np.intp)
    rows = None
    if ignore_index != -100 or (labels.size and _maximum(whole.view(np.uintp), None) >= classes):
        rows = _counted(name, labels.reshape(-1), classes, _checked_index(name, ignore_index))
    if len(shape) == 1:
        scores, labels = scores.reshape(1, classes), labels.reshape(1)
    elif len(shape) > 2:
        scores, labels = np.moveaxis(scores, 1, -1).reshape(-1, classes), labels.reshape(-1)
    # left out before any logarithm: in the gradient 0 times the NaN of a row that is ignored would be NaN
    return (scores, labels, None) if rows is None else (scores[rows], labels[rows], rows)


def _counted(name: str, labels: Any, classes: int, ignore_index: int) -> Any:
    """The places of the labels that are not ignored, which must be labels of classes; None if that is all."""
    counted = labels != ignore_index
    wanted = labels[counted]
    if wanted.size and (wanted.min() < 0 or wanted.max() >= classes):
        raise OperandError(
            f"{name}: labels from {wanted.min()} to {wanted.max()} with {classes} classes; labels count from 0 to "
            f"{classes - 1}, and those that are {ignore_index} are ignored"
        )
    return None if wanted.size == labels.size else np.flatnonzero(counted)


def _checked_index(name: str, ignore_index: Any) -> int:
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, (int, np.integer)):
        raise OperandError(f"{name}: ignore_index={ignore_index!r:.60}; it must be the whole number of one label")
    return int(ignore_index)


def _checked_smoothing(name: str, label_smoothing: Any) -> float:
    # A Tensor is refused as well, because its gradient would be lost.
    if not isinstance(label_smoothing, (int, float, np.integer, np.floating)) or not 0 <= label_smoothing <= 1:
        raise OperandError(f"{name}: label_smoothing={label_smoothing!r:.60}; it must be a number from 0 to 1")
    return float(label_smoothing)


def _class_weight(name: str, weight: Any, scores: Any) -> Any:
    """One weight for each class of `scores`, or None."""
    if weight is None:
        return None
    classes = scores.shape[min(len(scores.shape) - 1, 1)]
    weight = checked_weight(name, weight, scores)
    if weight.shape != (classes,):
        raise OperandError(
            f"{name}: a weight of shape {weight.shape} with {classes} classes; give one for each class, shape "
            f"({classes},)"
        )
    return weight


def _chosen(scores: Any, labels: Any) -> Any:
    """In each row of `scores`, that of its label."""
    index = (numbers(len(labels)), labels.copy())
    return apply_unary(getitem, scores, {"index": index}) if isinstance(scores, Tensor) else scores[index]


def _nll(name: str, logs: Any, labels: Any, shape: Any, reduction: str) -> Any:
    """The negative log-likelihood of the labels, which have `shape`."""
    if named(name, reduction) == "mean" and labels.size and isinstance(logs, Tensor):
        return apply_unary(nll, logs, {"index": (numbers(len(labels)), labels.copy())})
    chosen = _chosen(logs, labels)
    # The one number is turned round, not each; and from 0, because the negative of no loss would be -0.
    return 0.0 - reduced(name, chosen if chosen.shape == shape else chosen.reshape(shape), reduction)


def _times(factor: Any, logs: Any) -> Any:
    """factor * logs; a class of probability 0 costs nothing, even where its logit is -inf."""
    if np.isneginf(numbers_of(logs)).any():
        logs = np.where(numbers_of(factor) == 0, 0.0, logs)
    return factor * logs


def _of_labels(
    name: str, logs: Any, labels: Any, rows: Any, shape: Any, reduction: str, weight: Any, smoothing: float
) -> Any:
    """`cross_entropy` of the labels of some rows, with weights and smoothing; `shape` is that of all labels."""
    if named(name, reduction) == "mean" and rows is not None and not rows.size:
        raise OperandError(
            f"{name}: every label of shape {shape} is ignored, which leaves nothing to take the mean of; leave the "
            f"batch out, or use reduction='sum'"
        )
    score = _chosen(logs, labels)
    each = None
    if weight is not None:
        each = weight[labels]
        score = _times(each, score)
    if smoothing:
        evenly = (logs if weight is None else _times(weight, logs)).mean(axis=1)
        score = (1.0 - smoothing) * score + smoothing * evenly
    if reduction == "none":
        if rows is not None:
            score = scatter(score, index=rows, shape=(math.prod(shape),))
        score = score.reshape(shape)
    return 0.0 - reduced(name, score, reduction, each)
