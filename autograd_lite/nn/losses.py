"""Losses, under PyTorch's names, with its arguments `reduction="mean" | "sum" | "none"`, `weight` and others.

Cross-entropies are written in `class_losses`. Each loss is a composition of Tensor operations in a form that is finite
for any finite input. Inputs and targets are Tensors or plain arrays. A target must have the input's shape: a difference
that broadcasts, (n, 1) against (n,), is the commonest silent mistake in a training loop, and is refused here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.errors import OperandError
from autograd_lite.nn.activations import operand
from autograd_lite.nn.class_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    nll_loss,
)
from autograd_lite.nn.reduction import checked_weight, named, pair, real_only, reduced, repeats_to, widened
from autograd_lite.renamed import told_of_renamed
from autograd_lite.rules.table import numbers_of

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
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "triplet_margin_loss",
]


def _weight_of_each(name: str, weight: Any, x: Any) -> Any:
    """One weight for each element of `x`."""
    weight = checked_weight(name, weight, x)
    if weight.shape != x.shape:
        raise OperandError(
            f"{name}: a weight of shape {weight.shape} for an input of shape {x.shape}; give one for each element, "
            f"perhaps by np.broadcast_to"
        )
    return weight


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """The squared error (input - target)**2.

    Args:
        input: of any shape.
        target: of the same shape.
        reduction: the mean is one by the weights.
        weight: what each element is multiplied by, of the same shape, or None.

    Raises:
        OperandError: the shapes differ; the mean of an empty batch, or by weights of 0; a weight that is negative or
            not finite; an unknown reduction; complex numbers that give a complex loss. So for every loss here.

    >>> mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).item()
    2.0
    """
    input, target = pair("mse_loss", input, target)
    if weight is not None:
        weight = _weight_of_each("mse_loss", weight, input)
    loss = (input - target) ** 2
    return reduced("mse_loss", loss if weight is None else weight * loss, reduction, weight)


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """The absolute error, whose derivative at 0 is 0; the arguments are those of `mse_loss`.

    >>> l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).item()
    1.0
    """
    input, target = pair("l1_loss", input, target)
    if weight is not None:
        weight = _weight_of_each("l1_loss", weight, input)
    loss = np.abs(input - target)
    return reduced("l1_loss", loss if weight is None else weight * loss, reduction, weight)


mae_loss = l1_loss


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """Half the squared error up to `delta`, linear beyond (Huber, 1964).

    Args:
        input: of any shape.
        target: of the same shape.
        reduction: the mean is one over the elements, whatever their weights, as in PyTorch.
        delta: the error from which on the loss is linear, positive.
        weight: what each element is multiplied by, of the same shape, or None.

    Raises:
        OperandError: a `delta` that is not positive; what `mse_loss` refuses.

    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise OperandError(f"huber_loss: delta={delta} must be positive")
    input, target = pair("huber_loss", input, target)
    if weight is not None:
        weight = _weight_of_each("huber_loss", weight, input)
    error = input - target
    inside = np.clip(error, -delta, delta)
    # e**2 / 2 inside and delta * (|e| - delta / 2) outside, in one expression
    loss = inside * (error - 0.5 * inside)
    return reduced("huber_loss", loss if weight is None else weight * loss, reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0, weight: Any = None) -> Any:
    """`huber_loss` over its `delta`, here `beta`: of slope 1 beyond it (Girshick, 2015), and `l1_loss` where it is 0.

    Args:
        input: of any shape.
        target: of the same shape.
        reduction: the mean is one over the elements, whatever their weights, as in PyTorch.
        beta: the error from which on the loss is linear, not negative.
        weight: what each element is multiplied by, of the same shape, or None.

    Raises:
        OperandError: a negative `beta`; what `mse_loss` refuses.

    >>> smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none", beta=2.0)
    array([0.0625, 2.    ])
    """
    if not beta >= 0:
        raise OperandError(f"smooth_l1_loss: beta={beta} must not be negative")
    input, target = pair("smooth_l1_loss", input, target)
    if weight is not None:
        weight = _weight_of_each("smooth_l1_loss", weight, input)
    error = input - target
    inside = np.clip(error, -beta, beta)
    loss = inside / beta * (error - 0.5 * inside) if beta else np.abs(error)
    return reduced("smooth_l1_loss", loss if weight is None else weight * loss, reduction)


def hinge_loss(input: Any, target: Any, reduction: str = "mean", margin: float = 1.0) -> Any:
    """max(0, margin - target * input) for targets -1 and 1, the loss of support vector machines.

    Args:
        input: scores of any shape.
        target: -1 or 1, of the same shape.
        reduction: as everywhere here.
        margin: the score of the right sign from which on nothing is lost; with 0 it is the loss of the perceptron.

    Raises:
        OperandError: other targets, such as 0; a negative margin; what `mse_loss` refuses.

    >>> hinge_loss(np.array([0.5, 3.0]), np.array([1, -1]), reduction="none")
    array([0.5, 4. ])
    """
    if not margin >= 0:
        raise OperandError(f"hinge_loss: margin={margin} must not be negative")
    input, target = pair("hinge_loss", input, target)
    signs = numbers_of(target)
    if not ((signs == 1) | (signs == -1)).all():
        raise OperandError("hinge_loss: targets must be -1 or 1; for labels 0 and 1 pass 2 * target - 1")
    missing = margin - input * target
    return reduced("hinge_loss", np.where(missing <= 0, 0.0, missing), reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """The Kullback-Leibler divergence target * (log(target) - input); `input` are log-probabilities.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with `log_target`.
        reduction: "batchmean", the sum over everything divided by the first axis, is the divergence of
            distributions; "mean" divides by the number of elements, as in PyTorch.
        log_target: whether `target` are logarithms.

    Raises:
        OperandError: a target below 0 that is no logarithm; "batchmean" of nothing; what `mse_loss` refuses.

    >>> kl_div(np.log(np.array([[0.5, 0.5]])), np.array([[1.0, 0.0]]), reduction="batchmean").round(4).item()
    0.6931
    """
    input, target = pair("kl_div", input, target)
    if log_target:
        loss = np.exp(target) * (target - input)
    else:
        if target.size and numbers_of(target).min() < 0:
            raise OperandError("kl_div: a target below 0 is no probability; with logarithms pass log_target=True")
        zero = target == 0
        logs = np.log(np.where(zero, 1.0, target))  # 0 log 0 = 0
        loss = target * (logs - input)
    if named("kl_div", reduction) == "batchmean":
        if not input.ndim or not len(input):
            raise OperandError(f"kl_div: an input of shape {input.shape} has no batch; use reduction='sum'")
        return loss.sum() / len(input)
    return reduced("kl_div", loss, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """Minus the log-likelihood of the target under normal distributions of mean `input` and variance `var`.

    Args:
        input: means.
        target: of the same shape.
        var: variances, not negative, of a shape that broadcasts to it; those below `eps` count as `eps`. PyTorch takes
            one for each row of a matrix, here `var[:, None]`; of a square matrix, `var` alone is refused.
        full: whether to add the constant log(2 pi) / 2.
        eps: the smallest variance.
        reduction: as everywhere here.

    Raises:
        OperandError: variances that are negative, or of a shape that fits in no way or in two; what `mse_loss` refuses.

    >>> gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1.0])).item()
    2.0
    """
    name = "gaussian_nll_loss"
    input, target = pair(name, input, target)
    var = operand(var, name)
    if not repeats_to(var.shape, input.shape):
        raise OperandError(
            f"{name}: variances of shape {var.shape} for an input of shape {input.shape}; give one for each element, "
            f"or a shape that broadcasts to the input's"
        )
    if var.shape == input.shape[:-1] and var.size > 1:
        raise OperandError(
            f"{name}: variances of shape {var.shape} for an input of shape {input.shape} may be one for each place of "
            f"its last axis, or one for each of the others, as in PyTorch; give var[None] or var[..., None]"
        )
    if var.dtype.kind in "biu" or not var.ndim:  # beside them, float32 would become float64
        var = var.astype(input.dtype)
    if var.size and numbers_of(var).min() < 0:
        raise OperandError(f"{name}: a variance of {numbers_of(var).min()} is negative; pass the exp of a free number")
    bounded = np.where(var <= eps, eps, var)
    loss = 0.5 * (np.log(bounded) + (input - target) ** 2 / bounded)
    return reduced(name, loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """Minus the log-likelihood of counts under Poisson distributions.

    Args:
        input: the logarithms of the expected counts; of 1e3 it is infinite, as exp(1e3) is.
        target: counts, of the same shape, not negative.
        log_input: False where `input` are the expected counts themselves, not negative.
        full: whether to add log(target!), for a target above 1, by Stirling's approximation.
        eps: what is added to an expected count before the logarithm, if `log_input` is False.
        reduction: as everywhere here.

    Raises:
        OperandError: negative counts; what `mse_loss` refuses.

    >>> poisson_nll_loss(np.array([2.0]), np.array([1.0]), log_input=False).round(4).item()
    1.3069
    """
    name = "poisson_nll_loss"
    input, target = pair(name, input, target)
    if target.size and numbers_of(target).min() < 0:
        raise OperandError(f"{name}: a target of {numbers_of(target).min()} is negative; targets are counts")
    if log_input:
        loss = np.exp(input) - target * input
    else:
        if input.size and numbers_of(input).min() < 0:
            raise OperandError(
                f"{name}: an expected count of {numbers_of(input).min()} is negative; pass its logarithm, and "
                f"log_input=True"
            )
        least = max(eps, float(np.finfo(input.dtype).tiny)) if input.dtype.kind == "f" else eps
        loss = input - target * np.log(input + least)
    if full:
        several = np.where(target <= 1, 1.0, target)
        stirling = several * np.log(several) - several + 0.5 * np.log(2 * math.pi * several)
        loss = loss + np.where(target <= 1, 0.0, stirling)
    return reduced(name, loss, reduction)


@told_of_renamed
def cosine_similarity(x1: Any, x2: Any, axis: int = -1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along `axis`; lengths below `eps` count as `eps`.

    Args:
        x1: of any shape with that axis.
        x2: of the same shape.
        axis: the one along which the vectors lie, which the result has no more.
        eps: the least length; below the smallest normal number of the dtype it counts as that.

    Half floats are computed in single precision.

    Raises:
        OperandError: the shapes differ; complex numbers.

    >>> cosine_similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0])).round(4).item()
    0.7071
    """
    x1, x2 = [real_only("cosine_similarity", x) for x in pair("cosine_similarity", x1, x2)]
    dtype = np.result_type(x1.dtype, x2.dtype)
    least = [max(eps, float(np.finfo(x.dtype).tiny)) for x in (x1, x2)]
    x1, x2 = widened(x1), widened(x2)
    lengths = [np.linalg.norm(x, axis=axis, keepdims=True) for x in (x1, x2)]
    first, second = [np.where(length <= e, e, length) for length, e in zip(lengths, least, strict=True)]
    cosine = (x1 / first * (x2 / second)).sum(axis=axis)
    return cosine.astype(dtype) if dtype == np.float16 else cosine


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cosine for pairs that belong together (target 1), max(0, cosine - margin) for others (target -1).

    Args:
        input1: vectors along the last axis, (..., features).
        input2: of the same shape.
        target: -1 or 1, of shape (...).
        margin: the cosine below which a pair of target -1 costs nothing.
        reduction: as everywhere here.

    Raises:
        OperandError: other targets, such as 0; what `mse_loss` refuses.

    >>> cosine_embedding_loss(np.eye(2), np.eye(2)[::-1], np.array([1, -1]), reduction="none")
    array([1., 0.])
    """
    name = "cosine_embedding_loss"
    cosine = cosine_similarity(input1, input2)
    cosine, target = pair(name, cosine, target)
    together = numbers_of(target) == 1
    if not (together | (numbers_of(target) == -1)).all():
        raise OperandError(f"{name}: targets must be -1 or 1; for labels 0 and 1 pass 2 * target - 1")
    excess = cosine - margin
    return reduced(name, np.where(together, 1.0 - cosine, np.where(excess <= 0, 0.0, excess)), reduction)


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, margin - target * (input1 - input2)): `input1` is to be the larger where the target is 1, not -1.

    Args:
        input1: scores of any shape.
        input2: scores of the same shape.
        target: -1 or 1, of the same shape.
        margin: by how much the one is to be larger.
        reduction: as everywhere here.

    Raises:
        OperandError: other targets, such as 0; what `mse_loss` refuses.

    >>> margin_ranking_loss(np.array([2.0, 2.0]), np.array([0.5, 0.5]), np.array([1, -1]), reduction="none")
    array([0. , 1.5])
    """
    name = "margin_ranking_loss"
    input1, input2 = pair(name, input1, input2)
    input1, target = pair(name, input1, target)
    signs = numbers_of(target)
    if not ((signs == 1) | (signs == -1)).all():
        raise OperandError(f"{name}: targets must be -1 or 1; for labels 0 and 1 pass 2 * target - 1")
    missing = margin - target * (input1 - input2)
    return reduced(name, np.where(missing <= 0, 0.0, missing), reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d the distance of vectors along the last axis.

    Args:
        anchor: (..., features).
        positive: what is to be near it, of the same shape.
        negative: what is to be further away, of the same shape.
        margin: by how much further, positive.
        p: of the norm that is the distance, positive.
        eps: what is added to every difference, so that the norm has a derivative where they are 0.
        swap: whether d(positive, negative) counts in place of d(anchor, negative) where it is less (Balntas et al.,
            2016).
        reduction: as everywhere here.

    Raises:
        OperandError: a `margin` or `p` that is not positive; inputs without an axis; what `mse_loss` refuses.

    >>> triplet_margin_loss(np.zeros((1, 2)), np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]])).round(4).item()
    4.0
    """
    name = "triplet_margin_loss"
    if not (margin > 0 and p > 0):
        raise OperandError(f"{name}: margin={margin} and p={p}; both must be positive")
    anchor, positive = pair(name, anchor, positive)
    positive, negative = pair(name, positive, negative)
    if not anchor.ndim:
        raise OperandError(f"{name}: inputs of shape () are no vectors; give them a last axis")
    dtype = np.result_type(anchor.dtype, positive.dtype, negative.dtype)
    anchor, positive, negative = widened(anchor), widened(positive), widened(negative)
    near = np.linalg.norm(anchor - positive + eps, ord=p, axis=-1)
    far = np.linalg.norm(anchor - negative + eps, ord=p, axis=-1)
    if swap:
        far = np.minimum(far, np.linalg.norm(positive - negative + eps, ord=p, axis=-1))
    missing = margin + near - far
    loss = np.where(missing <= 0, 0.0, missing)
    return reduced(name, loss.astype(dtype) if dtype == np.float16 else loss, reduction)
