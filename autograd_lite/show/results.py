"""What is to be shown: one Tensor, or several in a list, tuple or dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.errors import BackwardError
from autograd_lite.record import Leaf, Node, spec_of
from autograd_lite.show.errors import NoGraphError
from autograd_lite.tensor import Tensor

__all__ = ["results_of", "roots_of", "scalar_of", "scalars_of"]


def results_of(tensors: Any) -> dict[str, Any]:
    """The results with their paths of keys, `loss` or `states.0`; of a single one the path is empty.

    >>> list(results_of({"loss": 1, "states": (2, 3)}))
    ['loss', 'states.0', 'states.1']
    """
    return dict(_inside(tensors)) if isinstance(tensors, (list, tuple, dict)) else {"": tensors}


def _inside(container: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(value, (list, tuple, dict)):
            yield from _inside(value, f"{above}{key}.")
        else:  # an accuracy is often a plain number
            number = isinstance(value, (int, float, complex, np.generic, np.ndarray))
            yield f"{above}{key}", Tensor(value) if number else value


def roots_of(results: dict[str, Any]) -> dict[str, Node]:
    """The node of each result. What was not recorded has a leaf of its own, but not everything may be like that.

    Raises:
        NoGraphError: a result is no Tensor, or no recorded operation made any of them.
    """
    roots: dict[str, Node] = {}
    for path, tensor in results.items():
        if not isinstance(tensor, Tensor):
            which = f"result {path}, of type {type(tensor).__name__}," if path else type(tensor).__name__
            raise NoGraphError(
                f"show: {which} is no Tensor, so it remembers no operations; pass the Tensor that your computation "
                f"ended with, for instance the loss"
            )
        roots[path] = tensor._node if tensor._node is not None else Leaf(tensor._array, spec_of(tensor))
    if all(isinstance(node, Leaf) for node in roots.values()):
        what = f"of these {len(results)} Tensors none was made by a recorded operation"
        if list(results) == [""]:
            named = f" ({results[''].name})" if results[""].name else ""
            what = f"this Tensor of shape {results[''].shape}{named} was made by no recorded operation"
        raise NoGraphError(
            f"show: {what}, so there is no graph; compute with a Tensor that has requires_grad=True, outside "
            f"no_grad(), and pass the result"
        )
    return roots


def scalars_of(results: dict[str, Any]) -> list[str]:
    """The paths of those results that are real scalars and depend on a parameter."""
    return [
        path
        for path, tensor in results.items()
        if isinstance(tensor, Tensor) and tensor.requires_grad and tensor.size == 1 and tensor.dtype.kind != "c"
    ]


def scalar_of(results: dict[str, Any]) -> str:
    """The path of the one result to take the gradient of.

    Raises:
        BackwardError: there is none, or more than one.
    """
    scalars = scalars_of(results)
    if len(scalars) == 1:
        return scalars[0]
    if len(results) > 1:
        raise BackwardError(
            f"gradients: of these {len(results)} results, {len(scalars)} are real scalars that depend on a parameter, "
            f"so it is not clear whose gradient is meant; pass just one such result, or leave out grads"
        )
    (tensor,) = results.values()
    if not tensor.requires_grad:
        raise BackwardError(
            f"gradients: this result of {tensor._node.op.name!r} depends on no Tensor that requires grad; leave out "
            f"grads, or make a parameter with requires_grad=True"
        )
    raise BackwardError(
        f"gradients: a {tensor.dtype} result of shape {tensor.shape} is not a real scalar, so its gradient is not "
        f"unique; pass its .sum() or .mean(), or leave out grads"
    )
